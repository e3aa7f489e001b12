/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interactive session: prompt, history, completion by readline.
 */
#include "virsh-shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_LINES 500

/* readline's callbacks take no argument of ours. */
static virshShell *session;

static char **pending; /* candidates of the completion under way */
static gsize pendingNext;

static char *
nextCandidate(const char *text G_GNUC_UNUSED, int state)
{
    if (state == 0)
        pendingNext = 0;
    /* readline frees what it gets with free(). */
    return pending && pending[pendingNext] ? strdup(pending[pendingNext++]) : NULL;
}

static char **
complete(const char *text, int start G_GNUC_UNUSED, int end)
{
    char **matches = NULL;

    pending = virshComplete(session, rl_line_buffer, end);
    matches = rl_completion_matches(text, nextCandidate);
    /* Without candidates of ours, the value may be a file: readline completes those. A command's
     * name is never one. */
    rl_attempted_completion_over = matches || !strpbrk(rl_line_buffer, " \t");
    g_clear_pointer(&pending, g_strfreev);
    return matches;
}

static char *
historyFile(void)
{
    g_autofree char *dir = g_build_filename(g_get_user_cache_dir(), "libvirt", "virsh", NULL);

    if (g_mkdir_with_parents(dir, 0700) < 0)
        return NULL;
    return g_build_filename(dir, "history", NULL);
}

void
virshInteractive(virshShell *sh)
{
    const char *prompt = sh->readonly ? "virsh > " : "virsh # ";
    g_autofree char *file = historyFile();
    char *line = NULL;

    session = sh;
    rl_readline_name = "virsh";
    rl_attempted_completion_function = complete;
    rl_basic_word_break_characters = " \t\n;";
    stifle_history(HISTORY_LINES);
    if (file)
        read_history(file);
    virshPrintExtra(sh, "Welcome to virsh, the virtualization interactive terminal.\n\n"
                        "Type:  'help' for help with commands\n"
                        "       'quit' to quit\n\n");
    while (!sh->quit && (line = readline(prompt))) {
        if (line[0])
            add_history(line);
        virshRunLine(sh, line);
        free(line);
    }
    virshPrint(sh, "\n");
    if (file)
        write_history(file);
}
