/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completion: commands, options, and the values of options that know their candidates.
 */
#include "virsh-shell.h"
#include "virsh-event.h"

#include <stdlib.h>
#include <string.h>

static char **
domainNames(virshShell *sh, unsigned int flags)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    virDomainPtr *list = NULL;
    int n = sh->conn ? virConnectListAllDomains(sh->conn, &list, flags) : 0;

    for (int i = 0; i < n; i++) {
        g_strv_builder_add(builder, virDomainGetName(list[i]));
        virDomainFree(list[i]);
    }
    free(list);
    virResetLastError();
    return g_strv_builder_end(builder);
}

char **
virshCompleteDomain(virshShell *sh, const char *domain G_GNUC_UNUSED)
{
    return domainNames(sh, 0);
}

char **
virshCompleteActiveDomain(virshShell *sh, const char *domain G_GNUC_UNUSED)
{
    return domainNames(sh, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
}

char **
virshCompleteInactiveDomain(virshShell *sh, const char *domain G_GNUC_UNUSED)
{
    return domainNames(sh, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
}

char **
virshCompleteCheckpoint(virshShell *sh, const char *domain)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(virDomain) dom = sh->conn && domain ? virDomainLookupByName(sh->conn, domain) : NULL;
    virDomainCheckpointPtr *list = NULL;
    int n = dom ? virDomainListAllCheckpoints(dom, &list, 0) : 0;

    for (int i = 0; i < n; i++) {
        g_strv_builder_add(builder, virDomainCheckpointGetName(list[i]));
        virDomainCheckpointFree(list[i]);
    }
    free(list);
    virResetLastError();
    return g_strv_builder_end(builder);
}

char **
virshCompleteDisk(virshShell *sh, const char *domain)
{
    g_autoptr(virDomain) dom = sh->conn && domain ? virDomainLookupByName(sh->conn, domain) : NULL;
    char **targets = dom ? virshDiskTargets(dom) : NULL;

    virResetLastError();
    return targets;
}

char **
virshCompleteEvent(virshShell *sh G_GNUC_UNUSED, const char *domain G_GNUC_UNUSED)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (int i = 0; i < VIR_DOMAIN_EVENT_ID_LAST; i++)
        g_strv_builder_add(builder, virshEventKinds[i].name);
    return g_strv_builder_end(builder);
}

static void
addMatching(GStrvBuilder *out, const char *candidate, const char *prefix)
{
    if (g_str_has_prefix(candidate, prefix))
        g_strv_builder_add(out, candidate);
}

static void
addCommands(GStrvBuilder *out, const char *prefix)
{
    for (const virshGroup *g = virshGroups; g->title; g++) {
        for (const virshCommand *c = g->commands; c->name; c++) {
            if (!c->hidden)
                addMatching(out, c->name, prefix);
        }
    }
}

static const virshOption *
optionNamed(const virshCommand *command, const char *word)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (g_str_has_prefix(word, "--") && g_str_equal(word + 2, o->name))
            return o;
    }
    return NULL;
}

/* The next option that takes a value and is not in @given, as the parser would fill it. */
static const virshOption *
nextByPosition(const virshCommand *command, GHashTable *given)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (o->type == VIRSH_OPT_BOOL || o->alias)
            continue;
        if (o->type == VIRSH_OPT_ARGV || !g_hash_table_contains(given, o->name))
            return o;
    }
    return NULL;
}

/* (owned) names of the options that the words before the cursor have filled; in *@open the one
 * whose value comes next because its name was just typed. */
static GHashTable *
optionsGiven(const virshCommand *command, char **words, gsize n, const virshOption **open)
{
    g_autoptr(GHashTable) given = g_hash_table_new(g_str_hash, g_str_equal);

    *open = NULL;
    for (gsize i = 1; i < n; i++) {
        const virshOption *o = *open ? NULL : optionNamed(command, words[i]);

        if (o && o->type != VIRSH_OPT_BOOL)
            *open = o;
        else if (*open)
            o = g_steal_pointer(open);
        else if (!o)
            o = nextByPosition(command, given);
        if (o)
            g_hash_table_add(given, (gpointer)o->name);
    }
    return g_steal_pointer(&given);
}

static void
addOptions(GStrvBuilder *out, const virshCommand *command, GHashTable *given, const char *prefix)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        g_autofree char *option = g_strconcat("--", o->name, NULL);

        if (!o->alias && (o->type == VIRSH_OPT_ARGV || !g_hash_table_contains(given, o->name)))
            addMatching(out, option, prefix);
    }
}

/* The domain a command line is about: behind --domain, or the first word that is no option. */
static const char *
domainOf(char **words, gsize n)
{
    for (gsize i = 1; i < n; i++) {
        if (g_str_equal(words[i], "--domain") && i + 1 < n)
            return words[i + 1];
        if (!g_str_has_prefix(words[i], "--"))
            return words[i];
    }
    return NULL;
}

static void
addValues(GStrvBuilder *out, virshShell *sh, const virshOption *option, const char *domain,
          const char *prefix)
{
    g_auto(GStrv) values = NULL;
    bool connected = false;

    if (!option || !option->complete)
        return;
    sh->silent = true; /* nobody asked for a connection: no complaints in the middle of the line */
    connected = virshConnect(sh);
    sh->silent = false;
    if (!connected)
        return;
    values = option->complete(sh, domain);
    for (gsize i = 0; values && values[i]; i++)
        addMatching(out, values[i], prefix);
}

/* Values where one is due; options where one may be named and nothing else was begun. */
static void
addArguments(GStrvBuilder *out, virshShell *sh, const virshCommand *command, char **words, gsize n,
             const char *prefix)
{
    const virshOption *open = NULL;
    g_autoptr(GHashTable) given = optionsGiven(command, words, n, &open);

    if (!open && (prefix[0] == '-' || prefix[0] == '\0'))
        addOptions(out, command, given, prefix);
    if (g_str_equal(command->name, "help") && prefix[0] != '-')
        addCommands(out, prefix);
    else if (prefix[0] != '-')
        addValues(out, sh, open ? open : nextByPosition(command, given), domainOf(words, n),
                  prefix);
}

char **
virshCompleteWords(virshShell *sh, char **words, const char *prefix)
{
    g_autoptr(GStrvBuilder) out = g_strv_builder_new();
    const virshCommand *command = words[0] ? virshCommandLookup(words[0]) : NULL;

    if (!words[0])
        addCommands(out, prefix);
    else if (command)
        addArguments(out, sh, command, words, g_strv_length(words), prefix);
    return g_strv_builder_end(out);
}

char **
virshComplete(virshShell *sh, const char *line, int point)
{
    g_autofree char *upTo = g_strndup(line, point);
    const char *start = strrchr(upTo, ';');
    char *space = NULL;
    g_autofree char *prefix = NULL;
    g_autoptr(GPtrArray) commands = NULL;
    char *none[] = {NULL};

    start = start ? start + 1 : upTo;
    space = strrchr(start, ' ');
    prefix = g_strdup(space ? space + 1 : start);
    if (space)
        *space = '\0';
    else
        start = "";
    commands = virshSplitLine(sh, start);
    if (!commands)
        return NULL;
    return virshCompleteWords(sh, commands->len ? g_ptr_array_index(commands, 0) : none, prefix);
}
