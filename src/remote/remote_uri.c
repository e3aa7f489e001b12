/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See remote_uri.h. The rules are libvirt's; only UNIX sockets are served. */
#include <string.h>
#include <unistd.h>
#include <libvirt/virterror.h>
#include "config.h"
#include "remote_uri.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static const char *const modeNames[REMOTE_MODE_LAST] = {"auto", "legacy", "direct"};

/* Parameters the client keeps for itself; all others go to the daemon inside the name. */
static const char *const ownParams[] = {
    "name",         "command",  "socket",  "auth",        "sshauth",
    "netcat",       "keyfile",  "pkipath", "known_hosts", "known_hosts_verify",
    "tls_priority", "mode",     "proxy",   "no_sanity",   "no_verify",
    "no_tty",       "authfile", NULL,
};
static const char *const otherTransports[] = {"tcp",    "tls", "ssh", "libssh2",
                                              "libssh", "ext", NULL};

void
remoteURIFree(remoteURI *uri)
{
    if (!uri)
        return;
    g_free(uri->text);
    g_free(uri->name);
    g_free(uri->socket);
    g_free(uri);
}

void
remoteAddressClear(remoteAddress *address)
{
    g_clear_pointer(&address->path, g_free);
    g_clear_pointer(&address->daemon, g_free);
    g_clear_pointer(&address->runtimeDir, g_free);
}

int
remoteURIReadConfig(virConf **conf)
{
    g_autofree char *path = NULL;

    if (geteuid() == 0)
        path = g_build_filename(SYSCONFDIR, "libvirt", "libvirt.conf", NULL);
    else
        path = g_build_filename(g_get_user_config_dir(), "libvirt", "libvirt.conf", NULL);
    *conf = NULL;
    if (!virFileExists(path))
        return 0;
    *conf = virConfReadFile(path);
    return *conf ? 0 : -1;
}

static int
parseMode(const char *text, remoteMode *mode)
{
    for (int i = 0; i < REMOTE_MODE_LAST; i++) {
        if (strcmp(text, modeNames[i]) == 0) {
            *mode = i;
            return 0;
        }
    }
    virReportError(VIR_ERR_INVALID_ARG, "Unknown remote mode '%s'", text);
    return -1;
}

/* "name=URI" of the list uri_aliases. Returns: 1 and *@uri (owned), 0 if there is none, or -1. */
static int
findAlias(const virConf *conf, const char *alias, char **uri)
{
    g_auto(GStrv) list = NULL;
    int rc = virConfGetStringList(conf, "uri_aliases", &list);

    if (rc <= 0)
        return rc;
    for (char **item = list; *item; item++) {
        const char *equals = strchr(*item, '=');

        if (!equals || equals == *item) {
            virReportError(VIR_ERR_CONF_SYNTAX, "'uri_aliases': '%s' is not of the form name=URI",
                           *item);
            return -1;
        }
        if (strlen(alias) == (size_t)(equals - *item) &&
            strncmp(*item, alias, equals - *item) == 0) {
            *uri = g_strdup(equals + 1);
            return 1;
        }
    }
    return 0;
}

/* What is meant by @given: *@text (owned), NULL for no URI at all. */
static int
resolveText(const char *given, const virConf *conf, bool aliases, char **text)
{
    const char *fromEnv = g_getenv("LIBVIRT_DEFAULT_URI");
    int rc;

    *text = NULL;
    if (!given || !*given)
        given = fromEnv && *fromEnv ? fromEnv : NULL;
    if (!given)
        return conf && virConfGetString(conf, "uri_default", text) < 0 ? -1 : 0;
    if (conf && aliases && !strchr(given, ':')) {
        rc = findAlias(conf, given, text);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    *text = g_strdup(given);
    return 0;
}

static int
checkTransport(const char *transport, const char *host)
{
    if (g_ascii_strcasecmp(transport, "unix") == 0) {
        if (!host || !*host)
            return 0;
        virReportError(VIR_ERR_INVALID_ARG,
                       "using unix socket and remote server '%s' is not supported.", host);
        return -1;
    }
    for (size_t i = 0; otherTransports[i]; i++) {
        if (g_ascii_strcasecmp(transport, otherTransports[i]) == 0) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                           "the transport '%s' is not supported; connect to a UNIX socket of this "
                           "host (qemu:///system, qemu+unix:///system?socket=PATH)",
                           otherTransports[i]);
            return -1;
        }
    }
    virReportError(
        VIR_ERR_INVALID_ARG,
        "the transport '%s' is not known; known are unix, tcp, tls, ssh, libssh, libssh2, "
        "ext",
        transport);
    return -1;
}

/* Keep what is ours of the parameters, put the rest into @passed. */
static int
takeParams(remoteURI *uri, const char *query, GString *passed, char **name)
{
    g_auto(GStrv) params = g_strsplit_set(query, "&;", -1);

    for (char **param = params; *param; param++) {
        const char *equals = strchr(*param, '=');
        g_autofree char *key = equals ? g_strndup(*param, equals - *param) : g_strdup(*param);
        g_autofree char *value = g_uri_unescape_string(equals ? equals + 1 : "", NULL);

        if (!**param)
            continue;
        if (!value) {
            virReportError(VIR_ERR_INVALID_ARG, "URI parameter '%s' is badly escaped", *param);
            return -1;
        }
        if (!g_strv_contains(ownParams, key)) {
            g_string_append_printf(passed, "%c%s", passed->len ? '&' : '?', *param);
        } else if (strcmp(key, "socket") == 0) {
            g_free(uri->socket);
            uri->socket = g_steal_pointer(&value);
        } else if (strcmp(key, "name") == 0) {
            g_free(*name);
            *name = g_steal_pointer(&value);
        } else if (strcmp(key, "mode") == 0) {
            if (parseMode(value, &uri->mode) < 0)
                return -1;
        }
    }
    return 0;
}

/* The parts of @text into @uri. */
static int
parseText(remoteURI *uri, const char *text)
{
    g_autofree char *scheme = NULL, *host = NULL, *path = NULL, *query = NULL;
    g_autofree char *name = NULL;
    g_autoptr(GString) passed = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    char *plus;

    if (!g_uri_split(text, G_URI_FLAGS_ENCODED_QUERY, &scheme, NULL, &host, NULL, &path, &query,
                     NULL, &error)) {
        virReportError(VIR_ERR_INVALID_ARG, "cannot understand the URI '%s': %s", text,
                       error->message);
        return -1;
    }
    if (!scheme || !*scheme) {
        virReportError(VIR_ERR_NO_CONNECT, "%s", text);
        return -1;
    }
    plus = strchr(scheme, '+');
    if (plus)
        *plus = '\0';
    if (checkTransport(plus            ? plus + 1
                       : host && *host ? "tls"
                                       : "unix",
                       host) < 0 ||
        takeParams(uri, query ? query : "", passed, &name) < 0)
        return -1;
    /* Whoever names the socket knows who listens there. */
    if (!uri->socket && strcmp(scheme, "qemu") != 0 && strcmp(scheme, "remote") != 0) {
        virReportError(VIR_ERR_NO_CONNECT, "%s", text);
        return -1;
    }
    uri->session = strcmp(path, "/session") == 0 || g_str_has_prefix(text, "test+");
    if (name)
        uri->name = g_steal_pointer(&name);
    else if (strcmp(scheme, "remote") == 0)
        uri->name = g_strdup("");
    else
        uri->name = g_strdup_printf("%s://%s%s", scheme, path, passed->str);
    return 0;
}

remoteURI *
remoteURIParse(const char *given, const virConf *conf, bool aliases)
{
    g_autoptr(remoteURI) uri = g_new0(remoteURI, 1);
    g_autofree char *mode = NULL;

    if (conf && virConfGetString(conf, "remote_mode", &mode) < 0)
        return NULL;
    if (mode && parseMode(mode, &uri->mode) < 0)
        return NULL;
    if (resolveText(given, conf, aliases, &uri->text) < 0)
        return NULL;
    if (!uri->text) {
        uri->name = g_strdup("");
        uri->session = true;
    } else if (parseText(uri, uri->text) < 0) {
        return NULL;
    }
    if (geteuid() == 0)
        uri->session = false;
    return g_steal_pointer(&uri);
}

static char *
runtimeDirectory(bool session)
{
    const char *dir = g_getenv("XDG_RUNTIME_DIR");

    if (!session)
        return g_build_filename(RUNSTATEDIR, "libvirt", NULL);
    if (dir && *dir)
        return g_build_filename(dir, "libvirt", NULL);
    return g_build_filename(g_get_home_dir(), ".cache", "libvirt", NULL);
}

/* The mode that stands for "auto". */
static remoteMode
findMode(const char *direct, const char *legacy)
{
    if (!virFileExists(direct) && virFileExists(legacy))
        return REMOTE_MODE_LEGACY;
    return REMOTE_MODE_DIRECT;
}

static char *
daemonProgram(remoteMode mode)
{
    const char *program = mode == REMOTE_MODE_LEGACY ? "libvirtd" : "virtqemud";
    const char *dir = g_getenv("VIRTD_PATH");

    if (!dir || !*dir)
        dir = g_getenv("LIBVIRTD_PATH");
    return g_build_filename(dir && *dir ? dir : SBINDIR, program, NULL);
}

void
remoteURIResolve(const remoteURI *uri, bool readonly, remoteAddress *address)
{
    const char *suffix = readonly && !uri->session ? "-ro" : "";
    g_autofree char *dir = runtimeDirectory(uri->session);
    g_autofree char *direct = g_strdup_printf("%s/virtqemud-sock%s", dir, suffix);
    g_autofree char *legacy = g_strdup_printf("%s/libvirt-sock%s", dir, suffix);
    remoteMode mode = uri->mode;

    if (uri->socket) {
        address->path = g_strdup(uri->socket);
        return;
    }
    if (mode == REMOTE_MODE_AUTO)
        mode = findMode(direct, legacy);
    address->path = g_strdup(mode == REMOTE_MODE_LEGACY ? legacy : direct);
    if (uri->session && g_strcmp0(g_getenv("LIBVIRT_AUTOSTART"), "0") != 0) {
        address->daemon = daemonProgram(mode);
        address->runtimeDir = g_steal_pointer(&dir);
    }
}
