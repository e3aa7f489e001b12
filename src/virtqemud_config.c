/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See virtqemud_config.h; the keys of the file are described in docs/virtqemud.conf. */
#include "config.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "virconf.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virtqemud_config.h"

#define VIR_FROM_THIS VIR_FROM_CONF

static const char usage[] =
    "Usage: virtqemud [OPTION]...\n"
    "Manage QEMU virtual machines for clients that speak the libvirt protocol.\n"
    "\n"
    "  -d, --daemon            run in the background; returns when clients can connect\n"
    "      --root DIR          keep everything below DIR (sockets: DIR/run/libvirt)\n"
    "  -f, --config FILE       configuration, default /etc/libvirt/virtqemud.conf\n"
    "  -p, --pid-file FILE     write the process id to FILE as well\n"
    "  -t, --timeout SECONDS   exit after so long without clients and running machines\n"
    "  -v, --verbose           log what happens, not only what goes wrong\n"
    "  -h, --help              show this text\n"
    "  -V, --version           show the version\n"
    "\n"
    "Run as root it is the system instance (qemu:///system), otherwise that of the user\n"
    "(qemu:///session). Signals: TERM and INT end it and leave the machines running, HUP reads\n"
    "the configuration again.\n";

void
daemonConfigClear(daemonConfig *config)
{
    g_free(config->root);
    g_free(config->configFile);
    g_free(config->extraPidFile);
    g_free(config->socketDir);
    g_free(config->socketPath);
    g_free(config->readonlyPath);
    g_free(config->pidFile);
    g_free(config->defaultConfigFile);
    g_free(config->defaultLogFile);
    g_free(config->logFile);
    g_free(config->socketGroup);
    memset(config, 0, sizeof(*config));
}

static int
parseTimeout(const char *text, unsigned int *seconds)
{
    guint64 value = 0;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &value, NULL)) {
        fprintf(stderr, "virtqemud: --timeout '%s' is not a number of seconds\n", text);
        return -1;
    }
    *seconds = (unsigned int)value;
    return 0;
}

/* A daemon changes to "/", so paths are made absolute while the caller's directory is known. */
static void
setPath(char **path, const char *text)
{
    g_free(*path);
    *path = g_canonicalize_filename(text, NULL);
}

int
daemonConfigParseArgs(daemonConfig *config, int argc, char **argv)
{
    static const struct option options[] = {
        { "daemon", no_argument, NULL, 'd' },
        { "root", required_argument, NULL, 'R' },
        { "config", required_argument, NULL, 'f' },
        { "pid-file", required_argument, NULL, 'p' },
        { "timeout", required_argument, NULL, 't' },
        { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "df:p:t:vhV", options, NULL)) != -1) {
        switch (opt) {
        case 'd':
            config->daemonize = true;
            break;
        case 'R':
            setPath(&config->root, optarg);
            break;
        case 'f':
            setPath(&config->configFile, optarg);
            break;
        case 'p':
            setPath(&config->extraPidFile, optarg);
            break;
        case 't':
            if (parseTimeout(optarg, &config->timeoutSec) < 0)
                return EXIT_FAILURE;
            break;
        case 'v':
            config->verbose = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        case 'V':
            printf("virtqemud (Fleece) %s\n", FLEECE_VERSION);
            return EXIT_SUCCESS;
        default:
            fputs("Try 'virtqemud --help'.\n", stderr);
            return EXIT_FAILURE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "virtqemud: unexpected argument '%s'\n", argv[optind]);
        return EXIT_FAILURE;
    }
    return -1;
}

void
daemonConfigSetPlaces(daemonConfig *config)
{
    const char *root = config->root ? config->root : "";

    config->privileged = geteuid() == 0;
    if (config->root || config->privileged) {
        config->socketDir = g_strconcat(root, "/run/libvirt", NULL);
        config->defaultConfigFile = g_strconcat(root, "/etc/libvirt/virtqemud.conf", NULL);
        config->defaultLogFile = g_strconcat(root, "/var/log/libvirt/virtqemud.log", NULL);
    } else {
        /* Where clients look without XDG_RUNTIME_DIR; GLib's own fallback is this directory too. */
        config->socketDir = g_build_filename(g_get_user_runtime_dir(), "libvirt", NULL);
        config->defaultConfigFile = g_build_filename(g_get_user_config_dir(), "libvirt",
                                                     "virtqemud.conf", NULL);
        config->defaultLogFile = g_build_filename(g_get_user_cache_dir(), "libvirt",
                                                  "virtqemud.log", NULL);
    }
    config->socketPath = g_build_filename(config->socketDir, "virtqemud-sock", NULL);
    config->pidFile = g_build_filename(config->socketDir, "virtqemud.pid", NULL);
    if (config->privileged)
        config->readonlyPath = g_strconcat(config->socketPath, "-ro", NULL);
}

/* Fetch a number and check its range. */
static int
getNumber(const virConf *conf, const char *path, const char *key, unsigned int min,
          unsigned int max, unsigned int *out)
{
    unsigned int value = 0;
    int rc = virConfGetUInt(conf, key, &value);

    if (rc <= 0)
        return rc;
    if (value < min || value > max) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: %s = %u is out of range, allowed are %u to %u",
                       path, key, value, min, max);
        return -1;
    }
    *out = value;
    return 0;
}

static int
loadLimits(const virConf *conf, const char *path, virNetServerLimits *limits)
{
    unsigned int intervalSec = limits->keepaliveIntervalMs / 1000;

    if (getNumber(conf, path, "max_clients", 1, 100000, &limits->maxClients) < 0 ||
        getNumber(conf, path, "max_anonymous_clients", 1, 100000,
                  &limits->maxAnonymousClients) < 0 ||
        getNumber(conf, path, "max_client_requests", 1, 1000, &limits->maxClientRequests) < 0 ||
        getNumber(conf, path, "min_workers", 1, 1000, &limits->minWorkers) < 0 ||
        getNumber(conf, path, "max_workers", 1, 1000, &limits->maxWorkers) < 0 ||
        getNumber(conf, path, "prio_workers", 0, 1000, &limits->prioWorkers) < 0 ||
        getNumber(conf, path, "keepalive_interval", 0, 86400, &intervalSec) < 0 ||
        getNumber(conf, path, "keepalive_count", 0, 1000, &limits->keepaliveCount) < 0)
        return -1;
    limits->keepaliveIntervalMs = intervalSec * 1000;
    if (limits->minWorkers > limits->maxWorkers) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: min_workers is greater than max_workers", path);
        return -1;
    }
    return 0;
}

int
daemonConfigLoad(daemonConfig *config)
{
    static const char *const known[] = {
        "max_clients", "max_anonymous_clients", "max_client_requests", "min_workers",
        "max_workers", "prio_workers", "keepalive_interval", "keepalive_count", "log_level",
        "log_file", "unix_sock_group", NULL };
    const char *path = config->configFile ? config->configFile : config->defaultConfigFile;
    virNetServerLimits limits = VIR_NET_SERVER_LIMITS_DEFAULT;
    unsigned int logLevel = config->verbose ? VIR_LOG_INFO : VIR_LOG_WARN;
    g_autofree char *logFile = NULL;
    g_autofree char *group = NULL;
    g_autoptr(virConf) conf = NULL;

    if (config->configFile || virFileExists(path)) {
        conf = virConfReadFile(path);
        if (!conf || virConfCheckKnown(conf, known) < 0 || loadLimits(conf, path, &limits) < 0 ||
            getNumber(conf, path, "log_level", VIR_LOG_DEBUG, VIR_LOG_ERROR, &logLevel) < 0 ||
            virConfGetString(conf, "log_file", &logFile) < 0 ||
            virConfGetString(conf, "unix_sock_group", &group) < 0)
            return -1;
    }
    config->limits = limits;
    config->logLevel = logLevel;
    g_free(config->logFile);
    config->logFile = g_steal_pointer(&logFile);
    g_free(config->socketGroup);
    config->socketGroup = g_steal_pointer(&group);
    return 0;
}
