/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list: the domains, filtered and shown as a table, names, UUIDs or ids.
 */
#include "virsh.h"

#include <stdlib.h>
#include <string.h>

const virshOption virshListOptions[] = {
    {.name = "inactive", .type = VIRSH_OPT_BOOL, .help = "list inactive domains"},
    {.name = "all", .type = VIRSH_OPT_BOOL, .help = "list inactive & active domains"},
    {.name = "transient", .type = VIRSH_OPT_BOOL, .help = "list transient domains"},
    {.name = "persistent", .type = VIRSH_OPT_BOOL, .help = "list persistent domains"},
    {.name = "with-snapshot",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains with existing snapshot"},
    {.name = "without-snapshot", .type = VIRSH_OPT_BOOL, .help = "list domains without a snapshot"},
    {.name = "with-checkpoint",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains with existing checkpoint"},
    {.name = "without-checkpoint",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains without a checkpoint"},
    {.name = "state-running", .type = VIRSH_OPT_BOOL, .help = "list domains in running state"},
    {.name = "state-paused", .type = VIRSH_OPT_BOOL, .help = "list domains in paused state"},
    {.name = "state-shutoff", .type = VIRSH_OPT_BOOL, .help = "list domains in shutoff state"},
    {.name = "state-other", .type = VIRSH_OPT_BOOL, .help = "list domains in other states"},
    {.name = "autostart", .type = VIRSH_OPT_BOOL, .help = "list domains with autostart enabled"},
    {.name = "no-autostart",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains with autostart disabled"},
    {.name = "with-managed-save",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains with managed save state"},
    {.name = "without-managed-save",
     .type = VIRSH_OPT_BOOL,
     .help = "list domains without managed save"},
    {.name = "uuid", .type = VIRSH_OPT_BOOL, .help = "list uuid's only"},
    {.name = "name", .type = VIRSH_OPT_BOOL, .help = "list domain names only"},
    {.name = "id", .type = VIRSH_OPT_BOOL, .help = "list domain IDs only"},
    {.name = "table", .type = VIRSH_OPT_BOOL, .help = "list table (default)"},
    {.name = "managed-save",
     .type = VIRSH_OPT_BOOL,
     .help = "mark inactive domains with managed save state"},
    {.name = "title", .type = VIRSH_OPT_BOOL, .help = "show domain title"},
    VIRSH_OPT_END,
};

static const struct {
    const char *option;
    unsigned int flag;
} filters[] = {
    {"transient", VIR_CONNECT_LIST_DOMAINS_TRANSIENT},
    {"persistent", VIR_CONNECT_LIST_DOMAINS_PERSISTENT},
    {"with-snapshot", VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT},
    {"without-snapshot", VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT},
    {"with-checkpoint", VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT},
    {"without-checkpoint", VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT},
    {"state-running", VIR_CONNECT_LIST_DOMAINS_RUNNING},
    {"state-paused", VIR_CONNECT_LIST_DOMAINS_PAUSED},
    {"state-shutoff", VIR_CONNECT_LIST_DOMAINS_SHUTOFF},
    {"state-other", VIR_CONNECT_LIST_DOMAINS_OTHER},
    {"autostart", VIR_CONNECT_LIST_DOMAINS_AUTOSTART},
    {"no-autostart", VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART},
    {"with-managed-save", VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE},
    {"without-managed-save", VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE},
};

static unsigned int
filterFlags(const virshCommandArgs *args)
{
    unsigned int flags = VIR_CONNECT_LIST_DOMAINS_ACTIVE;

    if (virshArgBool(args, "inactive") || virshArgBool(args, "state-shutoff"))
        flags = VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    if (virshArgBool(args, "all"))
        flags = VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        if (virshArgBool(args, filters[i].option))
            flags |= filters[i].flag;
    }
    return flags;
}

/* Running ones by id, then the others by name. */
static gint
byIdThenName(gconstpointer a, gconstpointer b)
{
    virDomainPtr one = *(virDomainPtr const *)a;
    virDomainPtr two = *(virDomainPtr const *)b;
    unsigned int id1 = virDomainGetID(one);
    unsigned int id2 = virDomainGetID(two);

    if (id1 != id2)
        return id1 < id2 ? -1 : 1;
    return strcmp(virshDomainName(one), virshDomainName(two));
}

static GPtrArray *
fetchDomains(virshShell *sh, unsigned int flags)
{
    virDomainPtr *list = NULL;
    int n = virConnectListAllDomains(sh->conn, &list, flags);
    GPtrArray *array = NULL;

    if (n < 0) {
        virshError(sh, "Failed to list domains");
        return NULL;
    }
    array = g_ptr_array_new_with_free_func(virshDomainDestroy);
    for (int i = 0; i < n; i++)
        g_ptr_array_add(array, list[i]);
    free(list);
    g_ptr_array_sort(array, byIdThenName);
    return array;
}

static char *
idText(virDomainPtr dom)
{
    unsigned int id = virDomainGetID(dom);

    return id == (unsigned int)-1 ? g_strdup("-") : g_strdup_printf("%u", id);
}

static bool
printColumns(virshShell *sh, const GPtrArray *domains, bool uuid, bool name, bool id)
{
    for (guint i = 0; i < domains->len; i++) {
        virDomainPtr dom = g_ptr_array_index(domains, i);
        g_autoptr(GString) line = g_string_new(NULL);
        char text[VIR_UUID_STRING_BUFLEN] = {0};
        g_autofree char *number = idText(dom);

        /* Ids alone: a domain without one has nothing to show. */
        if (id && !uuid && !name && virDomainGetID(dom) == (unsigned int)-1)
            continue;
        if (uuid && virDomainGetUUIDString(dom, text) == 0)
            g_string_append_printf(line, "%s%s", text, id || name ? " " : "");
        if (id)
            g_string_append_printf(line, "%s%s", number, name ? " " : "");
        if (name)
            g_string_append(line, virshDomainName(dom));
        virshPrint(sh, "%s\n", line->str);
    }
    return true;
}

static bool
addRow(virshTable *table, virDomainPtr dom, bool title, bool markSaved)
{
    g_autofree char *id = idText(dom);
    g_autofree char *heading = NULL;
    const char *word = NULL;
    int state = 0;

    if (virDomainGetState(dom, &state, NULL, 0) < 0)
        state = VIR_DOMAIN_NOSTATE;
    word = virshDomainStateToString(state);
    if (markSaved && state == VIR_DOMAIN_SHUTOFF && virDomainHasManagedSaveImage(dom, 0) > 0)
        word = "saved";
    if (title)
        heading = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_TITLE, NULL, 0);
    virResetLastError();
    {
        const char *cells[] = {id, virshDomainName(dom), word, heading, NULL};

        virshTableAddRow(table, cells);
    }
    return true;
}

static bool
printTable(virshShell *sh, const GPtrArray *domains, bool title, bool markSaved)
{
    const char *titles[] = {"Id", "Name", "State", title ? "Title" : NULL, NULL};
    virshTable *table = virshTableNew(titles);

    for (guint i = 0; i < domains->len; i++)
        addRow(table, g_ptr_array_index(domains, i), title, markSaved);
    virshTablePrint(sh, table);
    return true;
}

bool
virshList(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const forms[] = {"uuid", "name", "id"};
    g_autoptr(GPtrArray) domains = NULL;
    bool columns = false;

    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        columns |= virshArgBool(args, forms[i]);
        if (virshArgBool(args, "table") && virshArgBool(args, forms[i])) {
            virshError(sh, "Options --table and --%s are mutually exclusive", forms[i]);
            return false;
        }
    }
    if (!(domains = fetchDomains(sh, filterFlags(args))))
        return false;
    if (columns)
        return printColumns(sh, domains, virshArgBool(args, "uuid"), virshArgBool(args, "name"),
                            virshArgBool(args, "id"));
    return printTable(sh, domains, virshArgBool(args, "title"), virshArgBool(args, "managed-save"));
}
