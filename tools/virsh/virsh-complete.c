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
        for (const virshCommand *c = g->commands; c->name; c++)
            addMatching(out, c->name, prefix);
    }
}

static void
addOptions(GStrvBuilder *out, const virshCommand *command, char **words, const char *prefix)
{
    for (const virshOption *o = command->options; o && o->name; o++) {
        g_autofree char *option = g_strconcat("--", o->name, NULL);

        if (!o->alias && !g_strv_contains((const char *const *)words, option))
            addMatching(out, option, prefix);
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

/* The option whose value is being typed: the one named before it, else the next by position. */
static const virshOption *
optionForValue(const virshCommand *command, char **words, gsize n)
{
    const virshOption *named = n > 1 ? optionNamed(command, words[n - 1]) : NULL;
    gsize positional = 0;

    if (named && named->type != VIRSH_OPT_BOOL)
        return named;
    for (gsize i = 1; i < n; i++) {
        const virshOption *o = optionNamed(command, words[i]);

        if (!o)
            positional++;
        else if (o->type != VIRSH_OPT_BOOL)
            i++;
    }
    for (const virshOption *o = command->options; o && o->name; o++) {
        if (o->type == VIRSH_OPT_BOOL || o->alias)
            continue;
        if (positional == 0 || o->type == VIRSH_OPT_ARGV)
            return o;
        positional--;
    }
    return NULL;
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
addValues(GStrvBuilder *out, virshShell *sh, const virshCommand *command, char **words, gsize n,
          const char *prefix)
{
    const virshOption *option = optionForValue(command, words, n);
    g_auto(GStrv) values = NULL;

    if (g_str_equal(command->name, "help")) {
        addCommands(out, prefix);
        return;
    }
    if (!option || !option->complete || !virshConnect(sh))
        return;
    values = option->complete(sh, domainOf(words, n));
    for (gsize i = 0; values && values[i]; i++)
        addMatching(out, values[i], prefix);
}

char **
virshComplete(virshShell *sh, const char *line, int point)
{
    g_autofree char *upTo = g_strndup(line, point);
    const char *start = strrchr(upTo, ';');
    const char *prefix = NULL;
    g_autoptr(GPtrArray) commands = NULL;
    g_autoptr(GStrvBuilder) out = g_strv_builder_new();
    const virshCommand *command = NULL;
    char **words = NULL;
    gsize n = 0;

    start = start ? start + 1 : upTo;
    prefix = strrchr(start, ' ');
    prefix = prefix ? prefix + 1 : start;
    commands = virshSplitLine(sh, start);
    if (!commands || commands->len == 0 || prefix == start + strspn(start, " ")) {
        addCommands(out, prefix);
        return g_strv_builder_end(out);
    }
    words = g_ptr_array_index(commands, 0);
    n = g_strv_length(words) - (prefix[0] ? 1 : 0);
    command = virshCommandLookup(words[0]);
    if (!command)
        return g_strv_builder_end(out);
    if (g_str_has_prefix(prefix, "-"))
        addOptions(out, command, words, prefix);
    else
        addValues(out, sh, command, words, n, prefix);
    return g_strv_builder_end(out);
}
