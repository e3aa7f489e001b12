/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about virsh itself.
 */
#include "virsh-shell.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const virshOption helpOptions[] = {
    {.name = "command",
     .type = VIRSH_OPT_STRING,
     .help = "Prints global help, command specific help, or help for a group of related commands"},
    VIRSH_OPT_END,
};

static bool
cmdHelp(virshShell *sh, const virshCommandArgs *args)
{
    const char *name = virshArgString(args, "command");
    const virshCommand *command = name ? virshCommandLookup(name) : NULL;
    const virshGroup *group = name && !command ? virshGroupLookup(name) : NULL;

    if (!name)
        virshHelpAll(sh);
    else if (command)
        virshHelpCommand(sh, command);
    else if (group)
        virshHelpGroup(sh, group);
    else
        virshError(sh, "command or command group '%s' doesn't exist", name);
    return !name || command || group;
}

static const virshOption echoOptions[] = {
    {.name = "shell", .type = VIRSH_OPT_BOOL, .help = "escape for shell use"},
    {.name = "xml", .type = VIRSH_OPT_BOOL, .help = "escape for XML use"},
    {.name = "split",
     .type = VIRSH_OPT_BOOL,
     .help = "split each argument on ','; ',,' is an escape sequence"},
    {.name = "err", .type = VIRSH_OPT_BOOL, .help = "output to stderr"},
    {.name = "string", .type = VIRSH_OPT_ARGV, .nameless = true, .help = "arguments to echo"},
    VIRSH_OPT_END,
};

/* A word that a shell would take apart is quoted; others stay readable. */
static char *
shellWord(const char *word)
{
    bool plain = word[0] && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_@%+=:,./-") == strlen(word);

    return plain ? g_strdup(word) : g_shell_quote(word);
}

static bool
echoOptionsAgree(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const pairs[][2] = {{"shell", "xml"}, {"shell", "split"}, {"xml", "split"}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (!virshArgsExclude(sh, args, pairs[i][0], pairs[i][1]))
            return false;
    }
    return true;
}

static char *
echoWord(const virshCommandArgs *args, const char *word)
{
    g_auto(GStrv) parts = NULL;

    if (virshArgBool(args, "shell"))
        return shellWord(word);
    if (virshArgBool(args, "xml"))
        return g_markup_escape_text(word, -1);
    if (!virshArgBool(args, "split"))
        return g_strdup(word);
    parts = virshSplitCommas(word);
    return g_strjoinv("\n", parts);
}

static bool
cmdEcho(virshShell *sh, const virshCommandArgs *args)
{
    const char *const *words = virshArgList(args, "string");
    g_autoptr(GString) line = g_string_new(NULL);

    if (!echoOptionsAgree(sh, args))
        return false;
    for (gsize i = 0; words[i]; i++) {
        g_autofree char *text = echoWord(args, words[i]);

        g_string_append_printf(line, "%s%s", i ? " " : "", text);
        if (virshArgBool(args, "split"))
            g_string_append_c(line, '\n');
    }
    if (virshArgBool(args, "err"))
        virshError(sh, "%s", line->str);
    else
        virshPrint(sh, "%s", line->str);
    return true;
}

static const virshOption cdOptions[] = {
    {.name = "dir",
     .type = VIRSH_OPT_STRING,
     .help = "directory to switch to (default: home or else root)"},
    VIRSH_OPT_END,
};

static bool
cmdCd(virshShell *sh, const virshCommandArgs *args)
{
    const char *dir = virshArgString(args, "dir");

    if (!sh->interactive) {
        virshError(sh, "cd: command valid only in interactive mode");
        return false;
    }
    if (!dir)
        dir = g_get_home_dir();
    if (chdir(dir) == 0)
        return true;
    virshError(sh, "cd: %s: %s", dir, g_strerror(errno));
    return false;
}

static bool
cmdPwd(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    g_autofree char *dir = g_get_current_dir();

    virshPrint(sh, "%s\n", dir);
    return true;
}

static bool
cmdQuit(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    sh->quit = true;
    return true;
}

static const virshOption connectOptions[] = {
    {.name = "name", .type = VIRSH_OPT_STRING, .help = "hypervisor connection URI"},
    {.name = "readonly", .type = VIRSH_OPT_BOOL, .help = "read-only connection"},
    VIRSH_OPT_END,
};

static bool
cmdConnect(virshShell *sh, const virshCommandArgs *args)
{
    const char *uri = virshArgString(args, "name");
    g_autofree char *oldUri = g_strdup(sh->uri);
    bool oldReadonly = sh->readonly;

    virshDisconnect(sh);
    if (uri) {
        g_free(sh->uri);
        sh->uri = g_strdup(uri);
    }
    sh->readonly = virshArgBool(args, "readonly");
    if (virshConnect(sh))
        return true;
    /* The next command goes back to where the session was. */
    g_free(sh->uri);
    sh->uri = g_steal_pointer(&oldUri);
    sh->readonly = oldReadonly;
    return false;
}

static const virshOption completeOptions[] = {
    {.name = "string",
     .type = VIRSH_OPT_ARGV,
     .nameless = true,
     .help = "partial string to autocomplete"},
    VIRSH_OPT_END,
};

/* The last word is the one being typed. A shell's completion function calls this; it wants silence
 * where nothing fits. */
static bool
cmdComplete(virshShell *sh, const virshCommandArgs *args)
{
    g_auto(GStrv) words = g_strdupv((char **)virshArgList(args, "string"));
    gsize n = g_strv_length(words);
    g_autofree char *prefix = n > 0 ? g_steal_pointer(&words[n - 1]) : NULL;
    g_auto(GStrv) found = prefix ? virshCompleteWords(sh, words, prefix) : NULL;

    for (gsize i = 0; found && found[i]; i++)
        virshPrint(sh, "%s\n", found[i]);
    return found && found[0];
}

const virshCommand virshSelfCommands[] = {
    {"cd", cmdCd, cdOptions, "change the current directory", "Change the current directory.", true},
    {"echo", cmdEcho, echoOptions, "echo arguments. Used for internal testing.",
     "Echo back arguments, possibly with quoting. Used for internal testing.", true},
    {"exit", cmdQuit, NULL, "quit this interactive terminal", "", true},
    {"help", cmdHelp, helpOptions, "print help",
     "Prints global help, command specific help, or help for a\n    group of related commands",
     true},
    {"pwd", cmdPwd, NULL, "print the current directory", "Print the current directory.", true},
    {"quit", cmdQuit, NULL, "quit this interactive terminal", "", true},
    {"complete", cmdComplete, completeOptions, "internal command for autocompletion",
     "internal use only", .offline = true, .hidden = true},
    {"connect", cmdConnect, connectOptions, "(re)connect to hypervisor",
     "Connect to local hypervisor. This is built-in command after shell start up.", true},
    {0},
};
