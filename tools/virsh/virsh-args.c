/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From words to options. The rules are stock virsh's: options in any order, --name value or
 * --name=value, values without their names go to the options in order, -- ends the names.
 */
#include "virsh-shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct _virshCommandArgs {
    const virshCommand *command;
    GHashTable *values; /* option name -> GPtrArray of char *, NULL-terminated; BOOL: empty */
};

static virshCommandArgs *
argsNew(void)
{
    virshCommandArgs *args = g_new0(virshCommandArgs, 1);

    args->values =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    return args;
}

void
virshInvocationFree(virshInvocation *inv)
{
    if (!inv)
        return;
    g_hash_table_unref(inv->args->values);
    g_free(inv->args);
    g_free(inv);
}

static bool
argsHave(const virshCommandArgs *args, const char *name)
{
    return g_hash_table_contains(args->values, name);
}

static void
argsAdd(virshCommandArgs *args, const virshOption *option, const char *value)
{
    GPtrArray *list = g_hash_table_lookup(args->values, option->name);

    if (!list) {
        list = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(list, NULL);
        g_hash_table_insert(args->values, (gpointer)option->name, list);
    }
    if (value)
        g_ptr_array_insert(list, list->len - 1, g_strdup(value));
}

static const virshOption *
optionByName(const virshCommand *command, const char *name)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (g_str_equal(o->name, name))
            return o->alias ? optionByName(command, o->alias) : o;
    }
    return NULL;
}

static const char *
typeWord(const virshOption *option)
{
    return option->type == VIRSH_OPT_INT ? "number" : "string";
}

static bool
takesPosition(const virshOption *option)
{
    return option->type != VIRSH_OPT_BOOL && !option->alias && !option->namedOnly;
}

/* The first option that may be given by position and is not there yet. */
static const virshOption *
nextPositional(const virshCommand *command, const virshCommandArgs *args)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (takesPosition(o) && (o->type == VIRSH_OPT_ARGV || !argsHave(args, o->name)))
            return o;
    }
    return NULL;
}

/* --name, --name=value, --name value. Moves *@i past what it used. */
static bool
parseNamed(virshShell *sh, const virshCommand *command, virshCommandArgs *args, char **words,
           gsize *i)
{
    g_autofree char *name = g_strdup(words[*i] + 2);
    char *value = strchr(name, '=');
    const virshOption *option = NULL;

    if (value)
        *value++ = '\0';
    option = optionByName(command, name);
    if (!option) {
        virshError(sh, "command '%s' doesn't support option --%s", command->name, name);
        return false;
    }
    if (option->type != VIRSH_OPT_ARGV && argsHave(args, option->name)) {
        virshError(sh, "option --%s already seen", name);
        return false;
    }
    if (option->type == VIRSH_OPT_BOOL) {
        if (value) {
            virshError(sh, "invalid '=' after option --%s", name);
            return false;
        }
        argsAdd(args, option, NULL);
        return true;
    }
    if (!value)
        value = words[*i + 1] ? words[++*i] : NULL;
    if (!value) {
        virshError(sh, "expected syntax: --%s <%s>", name, typeWord(option));
        return false;
    }
    argsAdd(args, option, value);
    return true;
}

static bool
parsePositional(virshShell *sh, const virshCommand *command, virshCommandArgs *args,
                const char *word)
{
    const virshOption *option = nextPositional(command, args);

    if (!option) {
        virshError(sh, "unexpected data '%s'", word);
        return false;
    }
    argsAdd(args, option, word);
    return true;
}

static bool
checkRequired(virshShell *sh, const virshCommand *command, const virshCommandArgs *args)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (!o->required || argsHave(args, o->name))
            continue;
        virshError(sh,
                   o->type == VIRSH_OPT_INT ? "command '%s' requires --%s option"
                                            : "command '%s' requires <%s> option",
                   command->name, o->name);
        return false;
    }
    return true;
}

virshInvocation *
virshParseWords(virshShell *sh, char **words)
{
    g_autoptr(virshInvocation) inv = g_new0(virshInvocation, 1);
    bool names = true;

    inv->args = argsNew();
    inv->command = virshCommandLookup(words[0]);
    if (!inv->command) {
        virshError(sh, "unknown command: '%s'", words[0]);
        return NULL;
    }
    inv->args->command = inv->command;
    for (gsize i = 1; words[i]; i++) {
        if (names && g_str_equal(words[i], "--")) {
            names = false;
        } else if (names && g_str_equal(words[i], "--help")) {
            inv->command = virshCommandLookup("help");
            g_hash_table_remove_all(inv->args->values);
            argsAdd(inv->args, inv->command->options, words[0]);
            return g_steal_pointer(&inv);
        } else if (names && g_str_has_prefix(words[i], "--")) {
            if (!parseNamed(sh, inv->command, inv->args, words, &i))
                return NULL;
        } else if (!parsePositional(sh, inv->command, inv->args, words[i])) {
            return NULL;
        }
    }
    return checkRequired(sh, inv->command, inv->args) ? g_steal_pointer(&inv) : NULL;
}

bool
virshArgsNotEmpty(virshShell *sh, const virshInvocation *inv)
{
    for (const virshOption *o = inv->command->options; o && o->name; o++) {
        const char *value = virshArgString(inv->args, o->name);
        bool text = o->type == VIRSH_OPT_STRING || o->type == VIRSH_OPT_DATA;

        if (!inv->command->offline && text && value && !value[0]) {
            virshError(sh, "Failed to get option '%s': Option argument is empty", o->name);
            return false;
        }
    }
    return true;
}

bool
virshArgsSupported(virshShell *sh, const virshInvocation *inv)
{
    for (const virshOption *o = inv->command->options; o && o->name; o++) {
        if (!o->lacking || !argsHave(inv->args, o->name))
            continue;
        virshError(sh, "option --%s of command '%s' is not supported: %s", o->name,
                   inv->command->name, o->lacking);
        return false;
    }
    return true;
}

bool
virshArgsExclude(virshShell *sh, const virshCommandArgs *args, const char *one, const char *two)
{
    if (!argsHave(args, one) || !argsHave(args, two))
        return true;
    virshError(sh, "Options --%s and --%s are mutually exclusive", one, two);
    return false;
}

bool
virshArgBool(const virshCommandArgs *args, const char *name)
{
    return argsHave(args, name);
}

const char *
virshArgString(const virshCommandArgs *args, const char *name)
{
    GPtrArray *list = g_hash_table_lookup(args->values, name);

    return list ? g_ptr_array_index(list, 0) : NULL;
}

const char *const *
virshArgList(const virshCommandArgs *args, const char *name)
{
    static const char *const none[] = {NULL};
    GPtrArray *list = g_hash_table_lookup(args->values, name);

    return list ? (const char *const *)list->pdata : none;
}

int
virshArgULL(virshShell *sh, const virshCommandArgs *args, const char *name,
            unsigned long long *value)
{
    const char *text = virshArgString(args, name);
    char *end = NULL;

    if (!text)
        return 0;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && !strchr(text, '-'))
        return 1;
    virshError(sh, "Numeric value '%s' for <%s> option is malformed or out of range", text, name);
    return -1;
}

/* Bytes that one of @suffix is: "" is @unit, b and B one; else a letter, with iB or without, is a power of
 * 1024, and with B one of 1000. 0: no such suffix. */
static unsigned long long
scaleOf(const char *suffix, unsigned long long unit)
{
    static const char *const letters = "KMGTPE";
    const char *letter = *suffix ? strchr(letters, g_ascii_toupper(*suffix)) : NULL;
    unsigned long long scale = 1;
    bool decimal = *suffix && g_ascii_strcasecmp(suffix + 1, "b") == 0;

    if (!*suffix)
        return unit;
    if (g_ascii_strcasecmp(suffix, "b") == 0 || g_ascii_strcasecmp(suffix, "byte") == 0 ||
        g_ascii_strcasecmp(suffix, "bytes") == 0)
        return 1;
    if (!letter || (suffix[1] && !decimal && g_ascii_strcasecmp(suffix + 1, "ib") != 0))
        return 0;
    for (const char *l = letters; l <= letter; l++)
        scale *= decimal ? 1000 : 1024;
    return scale;
}

bool
virshArgScaled(virshShell *sh, const virshCommandArgs *args, const char *name,
               unsigned long long unit, unsigned long long *bytes)
{
    const char *text = virshArgString(args, name);
    unsigned long long number = 0;
    unsigned long long scale = 0;
    bool digits = false;
    char *end = NULL;

    errno = 0;
    number = text ? strtoull(text, &end, 10) : 0;
    digits = text && errno == 0 && end != text && !strchr(text, '-');
    scale = digits ? scaleOf(end, unit) : 0;
    if (scale > 0 && number <= G_MAXUINT64 / scale) {
        *bytes = number * scale;
        return true;
    }
    virshError(sh, "Scaled numeric value '%s' for <%s%s> option is malformed or out of range",
               text ? text : "", optionByName(args->command, name)->required ? "" : "--", name);
    if (digits && scale == 0)
        virshError(sh, "invalid argument: unknown suffix '%s'", end);
    else if (digits)
        virshError(sh, "numerical overflow: value too large: %s", text);
    return false;
}

int
virshArgInt(virshShell *sh, const virshCommandArgs *args, const char *name, int *value)
{
    const char *text = virshArgString(args, name);
    char *end = NULL;
    long number = 0;

    if (!text)
        return 0;
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && number >= G_MININT && number <= G_MAXINT) {
        *value = (int)number;
        return 1;
    }
    virshError(sh, "Numeric value '%s' for <%s> option is malformed or out of range", text, name);
    return -1;
}

char **
virshSplitCommas(const char *text)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GString) part = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (*p != ',') {
            g_string_append_c(part, *p);
        } else if (p[1] == ',') {
            g_string_append_c(part, ',');
            p++;
        } else {
            g_strv_builder_add(builder, part->str);
            g_string_truncate(part, 0);
        }
    }
    g_strv_builder_add(builder, part->str);
    return g_strv_builder_end(builder);
}
