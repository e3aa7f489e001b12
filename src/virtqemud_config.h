/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon was told: command line, places on disk, virtqemud.conf. The three in one struct,
 * filled in this order, because each needs the one before.
 */
#pragma once
#include <stdbool.h>
#include "virnetserver.h"

typedef struct _daemonConfig {
    /* Command line. */
    char *root;              /* absolute, or NULL */
    char *configFile;        /* --config, or NULL */
    char *extraPidFile;      /* --pid-file, or NULL */
    bool daemonize;
    bool verbose;
    unsigned int timeoutSec; /* idle exit, 0 = never */

    /* Places. */
    bool privileged;         /* system instance: runs as root */
    char *socketDir;
    char *socketPath;
    char *readonlyPath;      /* NULL for the instance of a user */
    char *pidFile;           /* also the lock of this instance */
    char *defaultConfigFile;
    char *defaultLogFile;    /* used when there is no stderr to write to */

    /* virtqemud.conf. */
    virNetServerLimits limits;
    unsigned int logLevel;   /* virLogPriority */
    char *logFile;           /* or NULL */
    char *socketGroup;       /* who else may use the read-write socket, or NULL */
} daemonConfig;

void
daemonConfigClear(daemonConfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(daemonConfig, daemonConfigClear)

/**
 * daemonConfigParseArgs: @config: zeroed.
 * Returns: -1 to go on; otherwise the status to exit with, everything to be said has been said.
 */
int
daemonConfigParseArgs(daemonConfig *config, int argc, char **argv);
/** Decide which instance this is and where its files are. */
void
daemonConfigSetPlaces(daemonConfig *config);
/**
 * daemonConfigLoad: virtqemud.conf; may be called again to read it anew.
 * Returns: 0, or -1 with VIR_ERR_CONF_SYNTAX or a system error; then @config is unchanged.
 */
int
daemonConfigLoad(daemonConfig *config);
