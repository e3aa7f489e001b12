/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shell around the commands: from a line of text to a handler that is called. */
#pragma once
#include "virsh.h"

/** Look a command up by name; borrowed, NULL if there is none. */
const virshCommand *virshCommandLookup(const char *name);
const virshGroup *virshGroupLookup(const char *nameOrKeyword);

/* One parsed command. */
typedef struct _virshInvocation {
    const virshCommand *command;
    virshCommandArgs *args;
} virshInvocation;
void virshInvocationFree(virshInvocation *inv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virshInvocation, virshInvocationFree)

/**
 * virshSplitLine: words of each ;-separated command of @line, quotes ('..', "..", \x) resolved.
 * Returns: (owned) array of GStrv, or NULL after "missing \"" or "dangling \" was printed.
 */
GPtrArray *virshSplitLine(virshShell *sh, const char *line);
/** Match @words (words[0] = command) with the command's options; NULL after the error was printed. */
virshInvocation *virshParseWords(virshShell *sh, char **words);
/** False after the error was printed: a command that talks to a daemon got '' as a value. */
bool virshArgsNotEmpty(virshShell *sh, const virshInvocation *inv);
/** False after "option --x of command 'y' is not supported: WHY" was printed. */
bool virshArgsSupported(virshShell *sh, const virshInvocation *inv);
/** Run one parsed command: connect if needed, handler, timing, error report. */
bool virshRun(virshShell *sh, const virshInvocation *inv);
/** Run a line of commands. All are parsed before the first runs, so that a mistake in the last one
 * leaves nothing half done. One that fails does not keep the others from running; the result is the
 * last one's, as in a shell. */
bool virshRunLine(virshShell *sh, const char *line);
/** Run argv of the program as one command. */
bool virshRunWords(virshShell *sh, char **words);

/* virsh-help.c */
void virshHelpUsage(const char *program);
void virshHelpAll(virshShell *sh);
void virshHelpGroup(virshShell *sh, const virshGroup *group);
void virshHelpCommand(virshShell *sh, const virshCommand *command);
void virshHelpVersion(virshShell *sh, bool longForm);

/* virsh-readline.c */
/** Read lines until "quit" or end of input; history is kept in $XDG_CACHE_HOME/libvirt/virsh/history. */
void virshInteractive(virshShell *sh);
/** (owned) candidates for the word that ends at @point of @line, NULL for none. */
char **virshComplete(virshShell *sh, const char *line, int point);
/** (owned) candidates for a word that begins with @prefix after the whole @words of a command. */
char **virshCompleteWords(virshShell *sh, char **words, const char *prefix);
