/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line of text into commands and words: ; ends a command, quotes and backslash protect.
 */
#include "virsh-shell.h"

#include <string.h>

typedef struct _splitter {
    GPtrArray *commands; /* of GStrv */
    GPtrArray *words;    /* of the command being read */
    GString *word;       /* NULL between words */
} splitter;

static void
wordEnd(splitter *s)
{
    if (!s->word)
        return;
    g_ptr_array_add(s->words, g_string_free(g_steal_pointer(&s->word), false));
}

static void
commandEnd(splitter *s)
{
    wordEnd(s);
    if (s->words->len > 0) {
        g_ptr_array_add(s->words, NULL);
        g_ptr_array_add(s->commands, g_ptr_array_free(g_steal_pointer(&s->words), false));
        s->words = g_ptr_array_new_with_free_func(g_free);
    }
}

static void
wordAdd(splitter *s, char c)
{
    if (!s->word)
        s->word = g_string_new(NULL);
    g_string_append_c(s->word, c);
}

/* From the opening quote to behind the closing one; NULL if a closing " is missing. A missing '
 * is stock's exception: the word then reaches to the end of the line. */
static const char *
quoted(splitter *s, const char *p)
{
    char quote = *p++;

    if (!s->word)
        s->word = g_string_new(NULL);
    for (; *p && *p != quote; p++) {
        if (quote == '"' && *p == '\\' && p[1])
            p++;
        g_string_append_c(s->word, *p);
    }
    if (*p)
        return p + 1;
    return quote == '\'' ? p : NULL;
}

static const char *
step(splitter *s, const char *p)
{
    switch (*p) {
    case ' ':
    case '\t':
    case '\r':
        wordEnd(s);
        return p + 1;
    case ';':
    case '\n':
        commandEnd(s);
        return p + 1;
    case '#':
        if (!s->word)
            return p + strcspn(p, "\n");
        wordAdd(s, *p);
        return p + 1;
    case '\'':
    case '"':
        return quoted(s, p);
    case '\\':
        if (p[1] == '\0')
            return NULL;
        if (p[1] != '\n')
            wordAdd(s, p[1]);
        return p + 2;
    default:
        wordAdd(s, *p);
        return p + 1;
    }
}

GPtrArray *
virshSplitLine(virshShell *sh, const char *line)
{
    splitter s = {
        .commands = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev),
        .words = g_ptr_array_new_with_free_func(g_free),
    };
    const char *p = line;
    bool good = true;

    while (*p) {
        const char *opening = p;

        p = step(&s, p);
        if (!p) {
            virshError(sh, *opening == '\\' ? "dangling \\" : "missing \"");
            good = false;
            break;
        }
    }
    if (good)
        commandEnd(&s);
    if (s.word)
        g_string_free(s.word, true);
    g_ptr_array_unref(s.words);
    if (!good)
        g_clear_pointer(&s.commands, g_ptr_array_unref);
    return s.commands;
}

bool
virshRunWords(virshShell *sh, char **words)
{
    g_autoptr(virshInvocation) inv = virshParseWords(sh, words);

    return inv && virshRun(sh, inv);
}

bool
virshRunLine(virshShell *sh, const char *line)
{
    g_autoptr(GPtrArray) commands = virshSplitLine(sh, line);
    g_autoptr(GPtrArray) parsed =
        g_ptr_array_new_with_free_func((GDestroyNotify)virshInvocationFree);
    bool good = true;

    if (!commands)
        return false;
    for (guint i = 0; i < commands->len; i++) {
        virshInvocation *inv = virshParseWords(sh, g_ptr_array_index(commands, i));

        if (!inv)
            return false;
        g_ptr_array_add(parsed, inv);
    }
    for (guint i = 0; i < parsed->len && !sh->quit; i++)
        good = virshRun(sh, g_ptr_array_index(parsed, i));
    return good;
}
