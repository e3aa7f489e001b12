/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checkpoint-repair: bitmaps that belong to no checkpoint. Of our daemon only: it takes the commands for
 * this where other daemons pass commands on to QEMU.
 */
#include "virsh.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

const virshOption virshCheckpointRepairOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "list", .type = VIRSH_OPT_BOOL, .help = "list bitmaps that belong to no checkpoint (default)"},
    {.name = "adopt", .type = VIRSH_OPT_BOOL, .help = "make checkpoints of them again"},
    {.name = "all", .type = VIRSH_OPT_BOOL, .help = "with --adopt, all of them that can be"},
    {.name = "remove", .type = VIRSH_OPT_BOOL, .help = "remove them from the images"},
    {.name = "bitmap", .type = VIRSH_OPT_ARGV, .help = "names of bitmaps to adopt or remove"},
    VIRSH_OPT_END,
};

static void
appendString(yajl_gen gen, const char *text)
{
    yajl_gen_string(gen, (const unsigned char *)text, strlen(text));
}

/* @names: NULL = none are given. */
static char *
commandFormat(const char *verb, const char *const *names)
{
    g_autofree char *execute = g_strconcat("fleece-strays-", verb, NULL);
    yajl_gen gen = yajl_gen_alloc(NULL);
    const unsigned char *text = NULL;
    size_t length = 0;
    char *copy = NULL;

    yajl_gen_map_open(gen);
    appendString(gen, "execute");
    appendString(gen, execute);
    if (names) {
        appendString(gen, "arguments");
        yajl_gen_map_open(gen);
        appendString(gen, "names");
        yajl_gen_array_open(gen);
        for (gsize i = 0; names[i]; i++)
            appendString(gen, names[i]);
        yajl_gen_array_close(gen);
        yajl_gen_map_close(gen);
    }
    yajl_gen_map_close(gen);
    yajl_gen_get_buf(gen, &text, &length);
    copy = g_strndup((const char *)text, length);
    yajl_gen_free(gen);
    return copy;
}

/* (owned) the reply, NULL on failure. */
static yajl_val
run(virshShell *sh, virDomainPtr dom, const char *verb, const char *const *names)
{
    g_autofree char *command = commandFormat(verb, names);
    g_autofree char *text = NULL;
    yajl_val reply = NULL;

    if (virDomainQemuMonitorCommand(dom, command, &text, 0) < 0)
        return NULL;
    reply = yajl_tree_parse(text, NULL, 0);
    if (reply && yajl_tree_get(reply, (const char *[]){"return", NULL}, yajl_t_array))
        return reply;
    virshError(sh, "the daemon does not know checkpoint-repair: it answered '%s'", text);
    yajl_tree_free(reply);
    return NULL;
}

static yajl_val
results(yajl_val reply)
{
    return yajl_tree_get(reply, (const char *[]){"return", NULL}, yajl_t_array);
}

static char *
textOf(yajl_val stray, const char *key)
{
    yajl_val value = yajl_tree_get(stray, (const char *[]){key, NULL}, yajl_t_string);

    return g_strdup(value ? YAJL_GET_STRING(value) : "");
}

static char *
disksOf(yajl_val stray)
{
    yajl_val value = yajl_tree_get(stray, (const char *[]){"disks", NULL}, yajl_t_array);
    GString *text = g_string_new(NULL);

    for (size_t i = 0; value && i < YAJL_GET_ARRAY(value)->len; i++)
        g_string_append_printf(text, "%s%s", i ? "," : "", YAJL_GET_STRING(YAJL_GET_ARRAY(value)->values[i]));
    return g_string_free(text, false);
}

static char *
timeOf(yajl_val stray)
{
    yajl_val value = yajl_tree_get(stray, (const char *[]){"time", NULL}, yajl_t_number);
    g_autoptr(GDateTime) when = value ? g_date_time_new_from_unix_local(YAJL_GET_INTEGER(value)) : NULL;

    return when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S %z") : g_strdup("unknown");
}

static void
addRow(virshTable *table, yajl_val stray)
{
    g_autofree char *name = textOf(stray, "name");
    g_autofree char *when = timeOf(stray);
    g_autofree char *disks = disksOf(stray);
    g_autofree char *reason = textOf(stray, "reason");
    g_autofree char *verdict = *reason ? g_strconcat("no: ", reason, NULL) : g_strdup("yes");
    const char *cells[] = {name, when, disks, verdict, NULL};

    virshTableAddRow(table, cells);
}

static bool
list(virshShell *sh, virDomainPtr dom)
{
    const char *titles[] = {"Bitmap", "Creation Time", "Disks", "Adoptable", NULL};
    yajl_val reply = run(sh, dom, "list", NULL);
    virshTable *table = NULL;

    if (!reply)
        return false;
    table = virshTableNew(titles);
    for (size_t i = 0; i < YAJL_GET_ARRAY(results(reply))->len; i++)
        addRow(table, YAJL_GET_ARRAY(results(reply))->values[i]);
    virshTablePrint(sh, table);
    yajl_tree_free(reply);
    return true;
}

static bool
adopt(virshShell *sh, virDomainPtr dom, const char *const *names)
{
    yajl_val reply = run(sh, dom, "adopt", names);

    if (!reply)
        return false;
    for (size_t i = 0; i < YAJL_GET_ARRAY(results(reply))->len; i++)
        virshPrintExtra(sh, "Domain checkpoint %s adopted\n",
                        YAJL_GET_STRING(YAJL_GET_ARRAY(results(reply))->values[i]));
    yajl_tree_free(reply);
    return true;
}

static bool
removeNamed(virshShell *sh, virDomainPtr dom, const char *const *names)
{
    yajl_val reply = run(sh, dom, "remove", names);

    if (!reply)
        return false;
    for (gsize i = 0; names[i]; i++)
        virshPrintExtra(sh, "Bitmap %s removed\n", names[i]);
    yajl_tree_free(reply);
    return true;
}

static bool
optionsAgree(virshShell *sh, const virshCommandArgs *args)
{
    bool wantsNames = virshArgBool(args, "adopt") || virshArgBool(args, "remove");
    bool named = virshArgList(args, "bitmap")[0] != NULL;
    bool all = virshArgBool(args, "all");

    if (!virshArgsExclude(sh, args, "list", "adopt") || !virshArgsExclude(sh, args, "list", "remove") ||
        !virshArgsExclude(sh, args, "adopt", "remove") || !virshArgsExclude(sh, args, "all", "remove") ||
        !virshArgsExclude(sh, args, "all", "list"))
        return false;
    if (wantsNames == (named || all) && !(named && all) && !(all && !virshArgBool(args, "adopt")))
        return true;
    virshError(sh, "%s", wantsNames ? "name bitmaps, or give --all (with --adopt), but not both"
                                    : "names and --all go with --adopt, names also with --remove");
    return false;
}

bool
virshCheckpointRepair(virshShell *sh, const virshCommandArgs *args)
{
    const char *const *names = virshArgList(args, "bitmap");
    g_autoptr(virDomain) dom = NULL;

    if (!optionsAgree(sh, args) || !(dom = virshArgDomain(sh, args)))
        return false;
    if (virshArgBool(args, "adopt"))
        return adopt(sh, dom, virshArgBool(args, "all") ? NULL : names);
    if (virshArgBool(args, "remove"))
        return removeNamed(sh, dom, names);
    return list(sh, dom);
}
