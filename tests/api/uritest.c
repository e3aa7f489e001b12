/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a URI means: name sent to the daemon, socket, daemon to start; refusals with their codes. */
#include <stdlib.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include "remote_uri.h"
#include "virerror_report.h"

static char *runtime; /* XDG_RUNTIME_DIR of this test */

static void
quiet(void *data, virErrorPtr error)
{
}

typedef struct {
    const char *given;
    const char *name;   /* NULL: refused with code and message below */
    const char *socket; /* ?socket= */
    remoteMode mode;
    int code;
    const char *message;
} Case;

static const Case cases[] = {
    {"qemu:///system", "qemu:///system", NULL, REMOTE_MODE_AUTO, 0, NULL},
    {"qemu+unix:///system", "qemu:///system", NULL, REMOTE_MODE_AUTO, 0, NULL},
    {"qemu+UNIX:///session", "qemu:///session", NULL, REMOTE_MODE_AUTO, 0, NULL},
    {"qemu:///session?foo=bar&no_verify=1", "qemu:///session?foo=bar", NULL, REMOTE_MODE_AUTO, 0,
     NULL},
    {"qemu:///system?a=1&b=%20", "qemu:///system?a=1&b=%20", NULL, REMOTE_MODE_AUTO, 0, NULL},
    {"qemu+unix:///system?socket=/a%20b&mode=direct", "qemu:///system", "/a b", REMOTE_MODE_DIRECT,
     0, NULL},
    {"qemu:///system?name=test:///default&mode=legacy", "test:///default", NULL, REMOTE_MODE_LEGACY,
     0, NULL},
    {"remote+unix:///?socket=/s", "", "/s", REMOTE_MODE_AUTO, 0, NULL},
    {"test+unix:///default?socket=/s", "test:///default", "/s", REMOTE_MODE_AUTO, 0, NULL},
    {"qemu://host/system", NULL, NULL, 0, VIR_ERR_CONFIG_UNSUPPORTED, "*transport 'tls'*"},
    {"qemu+ssh://root@host/system", NULL, NULL, 0, VIR_ERR_CONFIG_UNSUPPORTED, "*transport 'ssh'*"},
    {"qemu+TCP://host/system", NULL, NULL, 0, VIR_ERR_CONFIG_UNSUPPORTED, "*transport 'tcp'*"},
    {"qemu+unix://host/system", NULL, NULL, 0, VIR_ERR_INVALID_ARG,
     "*using unix socket and remote server 'host' is not supported.*"},
    {"qemu+pigeon:///system", NULL, NULL, 0, VIR_ERR_INVALID_ARG, "*'pigeon' is not known*"},
    {"qemu:///system?mode=x", NULL, NULL, 0, VIR_ERR_INVALID_ARG,
     "invalid argument: Unknown remote mode 'x'"},
    {"qemu:///system?socket=%zz", NULL, NULL, 0, VIR_ERR_INVALID_ARG,
     "*URI 'qemu:///system?socket=%zz'*"},
    {"xen:///", NULL, NULL, 0, VIR_ERR_NO_CONNECT, "*xen:///*"},
    {"nonsense", NULL, NULL, 0, VIR_ERR_NO_CONNECT, "*nonsense*"},
};

static void
testParse(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(remoteURI) uri = NULL;

    virErrorReset();
    uri = remoteURIParse(c->given, NULL, true);
    if (!c->name) {
        g_assert_null(uri);
        g_assert_cmpint(virErrorLastCode(), ==, c->code);
        if (!g_pattern_match_simple(c->message, virErrorLastMessage()))
            g_error("message is: %s", virErrorLastMessage());
        return;
    }
    g_assert_nonnull(uri);
    g_assert_cmpstr(uri->text, ==, c->given);
    g_assert_cmpstr(uri->name, ==, c->name);
    g_assert_cmpstr(uri->socket, ==, c->socket);
    g_assert_cmpint(uri->mode, ==, c->mode);
}

static void
testDefaults(void)
{
    g_autoptr(virConf) conf = virConfParse("uri_default = \"qemu:///session\"\n"
                                           "remote_mode = \"direct\"\n"
                                           "uri_aliases = [ \"hail=qemu:///system?x=1\" ]\n",
                                           "test.conf");
    g_autoptr(virConf) bad = virConfParse("uri_aliases = [ \"nothing\" ]\n", "test.conf");
    g_autoptr(remoteURI) none = remoteURIParse(NULL, NULL, true);
    g_autoptr(remoteURI) fromConf = remoteURIParse(NULL, conf, true);
    g_autoptr(remoteURI) alias = remoteURIParse("hail", conf, true);
    g_autoptr(remoteURI) noAlias = remoteURIParse("hail", conf, false);
    g_autoptr(remoteURI) badAlias = remoteURIParse("hail", bad, true);
    g_autoptr(remoteURI) fromEnv = NULL;

    g_assert_null(none->text);
    g_assert_cmpstr(none->name, ==, "");
    g_assert_cmpstr(fromConf->name, ==, "qemu:///session");
    g_assert_cmpint(fromConf->mode, ==, REMOTE_MODE_DIRECT);
    g_assert_cmpstr(alias->text, ==, "qemu:///system?x=1");
    g_assert_null(noAlias);
    g_assert_null(badAlias);
    g_setenv("LIBVIRT_DEFAULT_URI", "qemu:///system", TRUE);
    fromEnv = remoteURIParse(NULL, conf, true);
    g_unsetenv("LIBVIRT_DEFAULT_URI");
    g_assert_cmpstr(fromEnv->name, ==, "qemu:///system");
}

static void
resolve(const remoteURI *uri, bool readonly, remoteAddress *address)
{
    remoteAddressClear(address);
    remoteURIResolve(uri, readonly, address);
}

/* Sessions are for users other than root; the flag is set by hand to see the rule as root, too. */
static void
testResolve(void)
{
    g_auto(remoteAddress) address = {0};
    g_autofree char *direct = g_build_filename(runtime, "libvirt", "virtqemud-sock", NULL);
    g_autofree char *legacy = g_build_filename(runtime, "libvirt", "libvirt-sock", NULL);
    g_autofree char *dir = g_path_get_dirname(direct);
    remoteURI uri = {.session = true};
    remoteURI system = {.mode = REMOTE_MODE_LEGACY};
    remoteURI given = {.session = true, .socket = (char *)"/somewhere"};

    g_setenv("VIRTD_PATH", "/daemons", TRUE);
    resolve(&uri, true, &address);
    g_assert_cmpstr(address.path, ==, direct); /* no -ro for sessions */
    g_assert_cmpstr(address.daemon, ==, "/daemons/virtqemud");
    g_assert_cmpstr(address.runtimeDir, ==, dir);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(legacy, "", 0, NULL));
    resolve(&uri, false, &address);
    g_assert_cmpstr(address.path, ==, legacy);
    g_assert_cmpstr(address.daemon, ==, "/daemons/libvirtd");
    g_assert_true(g_file_set_contents(direct, "", 0, NULL));
    resolve(&uri, false, &address);
    g_assert_cmpstr(address.path, ==, direct);
    g_unlink(direct);
    g_unlink(legacy);

    g_setenv("LIBVIRT_AUTOSTART", "0", TRUE);
    resolve(&uri, false, &address);
    g_assert_null(address.daemon);
    g_unsetenv("LIBVIRT_AUTOSTART");
    resolve(&system, true, &address);
    g_assert_cmpstr(address.path, ==, "/run/libvirt/libvirt-sock-ro");
    g_assert_null(address.daemon);
    resolve(&given, true, &address);
    g_assert_cmpstr(address.path, ==, "/somewhere");
    g_assert_null(address.daemon);
    g_rmdir(dir);
}

int
main(int argc, char **argv)
{
    int rc;

    runtime = g_dir_make_tmp("fleece-uritest-XXXXXX", NULL);
    g_assert_nonnull(runtime);
    g_setenv("XDG_RUNTIME_DIR", runtime, TRUE);
    g_unsetenv("LIBVIRT_DEFAULT_URI");
    g_unsetenv("LIBVIRT_AUTOSTART");
    virSetErrorFunc(NULL, quiet);
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/api/uri/parse/%zu", i);

        g_test_add_data_func(path, &cases[i], testParse);
    }
    g_test_add_func("/api/uri/defaults", testDefaults);
    g_test_add_func("/api/uri/resolve", testResolve);
    rc = g_test_run();
    g_rmdir(runtime);
    g_free(runtime);
    return rc;
}
