/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program: its own options, then one command, a line of commands, or a session.
 */
#include "virsh-shell.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const virshGroup virshGroups[] = {
    { "Domain Management", "domain", virshDomainCommands },
    { "Domain Monitoring", "monitor", virshMonitorCommands },
    { "Domain Events", "events", virshEventCommands },
    { "Host and Hypervisor", "host", virshHostCommands },
    { "Checkpoint", "checkpoint", virshCheckpointCommands },
    { "Backup", "backup", virshBackupCommands },
    { "Virsh itself", "virsh", virshSelfCommands },
    { NULL, NULL, NULL },
};

const virshCommand *
virshCommandLookup(const char *name)
{
    for (const virshGroup *g = virshGroups; g->title; g++) {
        for (const virshCommand *c = g->commands; c->name; c++) {
            if (g_str_equal(c->name, name))
                return c;
        }
    }
    return NULL;
}

const virshGroup *
virshGroupLookup(const char *nameOrKeyword)
{
    for (const virshGroup *g = virshGroups; g->title; g++) {
        if (g_str_equal(g->title, nameOrKeyword) || g_str_equal(g->keyword, nameOrKeyword))
            return g;
    }
    return NULL;
}

bool
virshRun(virshShell *sh, const virshInvocation *inv)
{
    gint64 before = 0;
    bool good = false;

    if (!inv->command->offline && !virshConnect(sh))
        return false;
    before = g_get_monotonic_time();
    good = inv->command->run(sh, inv->args);
    if (!good)
        virshReportLibraryError(sh);
    virResetLastError();
    if (sh->timing)
        virshPrint(sh, "\n(Time: %.3f ms)\n\n", (g_get_monotonic_time() - before) / 1000.0);
    else
        virshPrintExtra(sh, "\n");
    return good;
}

static int
numberOption(virshShell *sh, const char *name, const char *text, int *value)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (end == text || *end || number < 0 || number > G_MAXINT) {
        virshError(sh, "option %s requires a numeric argument", name);
        return -1;
    }
    *value = (int)number;
    return 0;
}

typedef enum { OPTIONS_RUN, OPTIONS_EXIT_GOOD, OPTIONS_EXIT_BAD } optionsOutcome;

static optionsOutcome
oneOption(virshShell *sh, int opt, const char *program)
{
    switch (opt) {
    case 'c':
        g_free(sh->uri);
        sh->uri = g_strdup(optarg);
        return OPTIONS_RUN;
    case 'd':
        return numberOption(sh, "-d", optarg, &sh->debug) < 0 ? OPTIONS_EXIT_BAD : OPTIONS_RUN;
    case 'k':
        return numberOption(sh, "-k/--keepalive-interval", optarg, &sh->keepaliveInterval) < 0
                   ? OPTIONS_EXIT_BAD
                   : OPTIONS_RUN;
    case 'K':
        return numberOption(sh, "-K/--keepalive-count", optarg, &sh->keepaliveCount) < 0
                   ? OPTIONS_EXIT_BAD
                   : OPTIONS_RUN;
    case 'l':
        g_free(sh->logFile);
        sh->logFile = g_strdup(optarg);
        return OPTIONS_RUN;
    case 'q':
        sh->quiet = true;
        return OPTIONS_RUN;
    case 'r':
        sh->readonly = true;
        return OPTIONS_RUN;
    case 't':
        sh->timing = true;
        return OPTIONS_RUN;
    case 'h':
        virshHelpUsage(program);
        return OPTIONS_EXIT_GOOD;
    case 'v':
        virshHelpVersion(sh, g_strcmp0(optarg, "long") == 0);
        return OPTIONS_EXIT_GOOD;
    case 'V':
        virshHelpVersion(sh, true);
        return OPTIONS_EXIT_GOOD;
    default:
        virshError(sh, "unsupported option '%s'. See --help.", program);
        return OPTIONS_EXIT_BAD;
    }
}

static optionsOutcome
parseOptions(virshShell *sh, int argc, char **argv)
{
    static const struct option longOptions[] = {
        { "connect", required_argument, NULL, 'c' },
        { "debug", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },
        { "keepalive-interval", required_argument, NULL, 'k' },
        { "keepalive-count", required_argument, NULL, 'K' },
        { "log", required_argument, NULL, 'l' },
        { "quiet", no_argument, NULL, 'q' },
        { "readonly", no_argument, NULL, 'r' },
        { "timing", no_argument, NULL, 't' },
        { "version", optional_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    g_autofree char *program = g_path_get_basename(argv[0]);
    int opt = 0;

    opterr = 0;
    /* '+': options behind the command's name are the command's. */
    while ((opt = getopt_long(argc, argv, "+:c:d:hk:K:l:qrtvV", longOptions, NULL)) != -1) {
        optionsOutcome outcome = OPTIONS_RUN;

        if (opt == ':') {
            virshError(sh, "option '%s' requires an argument", argv[optind - 1]);
            return OPTIONS_EXIT_BAD;
        }
        outcome = oneOption(sh, opt, opt == '?' ? argv[optind - 1] : program);
        if (outcome != OPTIONS_RUN)
            return outcome;
    }
    return OPTIONS_RUN;
}

/* One argument may be a whole line of commands; several are the words of one. */
static bool
runArguments(virshShell *sh, char **words)
{
    return words[1] ? virshRunWords(sh, words) : virshRunLine(sh, words[0]);
}

int
main(int argc, char **argv)
{
    virshShell sh = { .keepaliveInterval = -1, .keepaliveCount = -1 };
    bool good = true;

    setlocale(LC_ALL, "");
    virSetErrorFunc(NULL, virshIgnoreError);
    switch (parseOptions(&sh, argc, argv)) {
    case OPTIONS_EXIT_GOOD:
        return EXIT_SUCCESS;
    case OPTIONS_EXIT_BAD:
        return EXIT_FAILURE;
    case OPTIONS_RUN:
        break;
    }
    if (argv[optind]) {
        good = runArguments(&sh, argv + optind);
    } else {
        sh.interactive = true;
        virshInteractive(&sh);
    }
    virshDisconnect(&sh);
    g_free(sh.uri);
    g_free(sh.logFile);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
