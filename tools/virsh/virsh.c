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

static bool
parseNumber(const char *text, int *value)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    *value = (int)number;
    return end != text && *end == '\0' && number >= G_MININT && number <= G_MAXINT;
}

typedef enum { OPTIONS_RUN, OPTIONS_EXIT_GOOD, OPTIONS_EXIT_BAD } optionsOutcome;

static optionsOutcome
debugOption(virshShell *sh, const char *text)
{
    int level = 0;

    if (!parseNumber(text, &level)) {
        virshError(sh, "option -d takes a numeric argument");
        return OPTIONS_EXIT_BAD;
    }
    if (level < 0 || level > 4)
        virshError(sh, "ignoring debug level %d out of range [0-4]", level);
    else
        sh->debug = level;
    return OPTIONS_RUN;
}

static optionsOutcome
keepaliveOption(virshShell *sh, char opt, const char *text, int *value)
{
    if (!parseNumber(text, value)) {
        virshError(sh, "Invalid value for option -%c", opt);
        return OPTIONS_EXIT_BAD;
    }
    if (*value < 0) {
        virshError(sh, "option -%c requires a positive integer argument", opt);
        return OPTIONS_EXIT_BAD;
    }
    return OPTIONS_RUN;
}

static optionsOutcome
oneOption(virshShell *sh, int opt, const char *program)
{
    switch (opt) {
    case 'c':
        g_free(sh->uri);
        sh->uri = g_strdup(optarg);
        return OPTIONS_RUN;
    case 'd':
        return debugOption(sh, optarg);
    case 'k':
        return keepaliveOption(sh, opt, optarg, &sh->keepaliveInterval);
    case 'K':
        return keepaliveOption(sh, opt, optarg, &sh->keepaliveCount);
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

/* "option '-c'/'--connect' requires an argument", however it was spelt. */
static void
missingArgument(virshShell *sh, const struct option *longOptions, const char *spelt)
{
    for (const struct option *o = longOptions; o->name; o++) {
        if (o->val == optopt) {
            virshError(sh, "option '-%c'/'--%s' requires an argument", o->val, o->name);
            return;
        }
    }
    virshError(sh, "option '%s' requires an argument", spelt);
}

static optionsOutcome
parseOptions(virshShell *sh, int argc, char **argv)
{
    static const struct option longOptions[] = {
        {"connect", required_argument, NULL, 'c'},
        {"debug", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"keepalive-interval", required_argument, NULL, 'k'},
        {"keepalive-count", required_argument, NULL, 'K'},
        {"log", required_argument, NULL, 'l'},
        {"quiet", no_argument, NULL, 'q'},
        {"readonly", no_argument, NULL, 'r'},
        {"timing", no_argument, NULL, 't'},
        {"version", optional_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    g_autofree char *program = g_path_get_basename(argv[0]);
    int opt = 0;

    opterr = 0;
    /* '+': options behind the command's name are the command's. */
    while ((opt = getopt_long(argc, argv, "+:c:d:hk:K:l:qrtvV", longOptions, NULL)) != -1) {
        optionsOutcome outcome = OPTIONS_RUN;

        if (opt == ':') {
            missingArgument(sh, longOptions, argv[optind - 1]);
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
    if (words[1])
        return virshRunWords(sh, words);
    return words[0][0] && virshRunLine(sh, words[0]);
}

int
main(int argc, char **argv)
{
    virshShell sh = {.keepaliveInterval = -1, .keepaliveCount = -1};
    bool good = true;

    setlocale(LC_ALL, "");
    if (virInitialize() < 0) {
        virshError(&sh, "Failed to initialize libvirt");
        return EXIT_FAILURE;
    }
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
