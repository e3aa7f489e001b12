/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checkpoint-list: a table, names, or a tree.
 */
#include "virsh.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

const virshOption virshCheckpointListOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "parent", .type = VIRSH_OPT_BOOL, .help = "add a column showing parent checkpoint"},
    {.name = "roots", .type = VIRSH_OPT_BOOL, .help = "list only checkpoints without parents"},
    {.name = "leaves", .type = VIRSH_OPT_BOOL, .help = "list only checkpoints without children"},
    {.name = "no-leaves",
     .type = VIRSH_OPT_BOOL,
     .help = "list only checkpoints that are not leaves (with children)"},
    {.name = "tree", .type = VIRSH_OPT_BOOL, .help = "list checkpoints in a tree"},
    {.name = "from",
     .type = VIRSH_OPT_STRING,
     .help = "limit list to children of given checkpoint",
     .complete = virshCompleteCheckpoint},
    {.name = "descendants", .type = VIRSH_OPT_BOOL, .help = "with --from, list all descendants"},
    {.name = "name", .type = VIRSH_OPT_BOOL, .help = "list checkpoint names only"},
    {.name = "topological",
     .type = VIRSH_OPT_BOOL,
     .help = "sort list topologically rather than by name"},
    VIRSH_OPT_END,
};

static gint
byName(gconstpointer a, gconstpointer b)
{
    return strcmp(virshCheckpointName(*(virDomainCheckpointPtr const *)a),
                  virshCheckpointName(*(virDomainCheckpointPtr const *)b));
}

static unsigned int
listFlags(const virshCommandArgs *args, bool from)
{
    return (virshArgBool(args, "roots") ? VIR_DOMAIN_CHECKPOINT_LIST_ROOTS : 0) |
           (virshArgBool(args, "leaves") ? VIR_DOMAIN_CHECKPOINT_LIST_LEAVES : 0) |
           (virshArgBool(args, "no-leaves") ? VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES : 0) |
           (virshArgBool(args, "topological") ? VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL : 0) |
           (from && virshArgBool(args, "descendants") ? VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS : 0);
}

/* (owned) array of owned checkpoints, NULL on failure. */
static GPtrArray *
fetchList(const virshCommandArgs *args, virDomainPtr dom, virDomainCheckpointPtr from)
{
    virDomainCheckpointPtr *list = NULL;
    unsigned int flags = listFlags(args, from != NULL);
    int n = from ? virDomainCheckpointListAllChildren(from, &list, flags)
                 : virDomainListAllCheckpoints(dom, &list, flags);
    GPtrArray *array = NULL;

    if (n < 0)
        return NULL;
    array = g_ptr_array_new_with_free_func(virshCheckpointDestroy);
    for (int i = 0; i < n; i++)
        g_ptr_array_add(array, list[i]);
    free(list);
    if (!virshArgBool(args, "topological"))
        g_ptr_array_sort(array, byName);
    return array;
}

static char *
elementText(xmlNodePtr parent, const char *name)
{
    for (xmlNodePtr n = parent ? parent->children : NULL; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE && g_str_equal((const char *)n->name, name)) {
            xmlChar *text = xmlNodeGetContent(n);
            char *copy = g_strdup((const char *)text);

            xmlFree(text);
            return g_strstrip(copy);
        }
    }
    return NULL;
}

static xmlNodePtr
element(xmlNodePtr parent, const char *name)
{
    for (xmlNodePtr n = parent ? parent->children : NULL; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE && g_str_equal((const char *)n->name, name))
            return n;
    }
    return NULL;
}

static char *
formatTime(const char *seconds)
{
    g_autoptr(GDateTime) when =
        seconds ? g_date_time_new_from_unix_local(g_ascii_strtoll(seconds, NULL, 10)) : NULL;

    return when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S %z") : g_strdup("");
}

/* Creation time and parent are only in the XML. */
static bool
addRow(virshTable *table, virDomainCheckpointPtr chk, bool parent)
{
    g_autofree char *xml = virDomainCheckpointGetXMLDesc(chk, 0);
    xmlDocPtr doc = xml ? xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET) : NULL;
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autofree char *seconds = elementText(root, "creationTime");
    g_autofree char *when = formatTime(seconds);
    g_autofree char *above = elementText(element(root, "parent"), "name");
    const char *cells[] = {virshCheckpointName(chk), when, parent ? above : NULL, NULL};

    if (!doc)
        return false;
    xmlFreeDoc(doc);
    virshTableAddRow(table, cells);
    return true;
}

static bool
printTable(virshShell *sh, const GPtrArray *list, bool parent)
{
    const char *titles[] = {"Name", "Creation Time", parent ? "Parent" : NULL, NULL};
    virshTable *table = virshTableNew(titles);
    bool good = true;

    for (guint i = 0; i < list->len && good; i++)
        good = addRow(table, g_ptr_array_index(list, i), parent);
    virshTablePrint(sh, table);
    return good;
}

/* ---- the tree ---- */

typedef struct _treeNode {
    const char *name;
    char *parent; /* NULL or not in the list: a root */
} treeNode;

static void
treeNodeFree(gpointer data)
{
    treeNode *node = data;

    g_free(node->parent);
    g_free(node);
}

static bool
nodeIsIn(const GPtrArray *nodes, const char *name)
{
    for (guint i = 0; name && i < nodes->len; i++) {
        if (g_str_equal(((const treeNode *)g_ptr_array_index(nodes, i))->name, name))
            return true;
    }
    return false;
}

static guint
countChildren(const GPtrArray *nodes, const char *name)
{
    guint n = 0;

    for (guint i = 0; i < nodes->len; i++)
        n += g_strcmp0(((const treeNode *)g_ptr_array_index(nodes, i))->parent, name) == 0;
    return n;
}

/* A node, then its children below a bar; @indent grows by what the level draws. A chain as long as
 * the list is the deepest there is, so the recursion is bounded by it. */
static void
printNode(virshShell *sh, const GPtrArray *nodes, const char *name, GString *indent, bool root,
          bool last)
{
    guint left = countChildren(nodes, name);
    gsize before = indent->len;

    virshPrint(sh, "%s%s%s\n", indent->str, root ? "" : "+- ", name);
    g_string_append(indent, root ? "  " : last ? "    " : "|   ");
    if (left > 0)
        virshPrint(sh, "%s|\n", indent->str);
    for (guint i = 0; i < nodes->len; i++) {
        const treeNode *node = g_ptr_array_index(nodes, i);

        if (g_strcmp0(node->parent, name) == 0)
            printNode(sh, nodes, node->name, indent, false, --left == 0);
    }
    g_string_truncate(indent, before);
    if (last && countChildren(nodes, name) == 0)
        virshPrint(sh, "%s%s\n", indent->str, root ? "" : "  ");
}

static GPtrArray *
fetchTree(const GPtrArray *list, virDomainCheckpointPtr from)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(treeNodeFree);

    for (guint i = 0; i < list->len; i++) {
        virDomainCheckpointPtr chk = g_ptr_array_index(list, i);
        g_autoptr(virDomainCheckpoint) parent = virDomainCheckpointGetParent(chk, 0);
        treeNode *node = NULL;

        if (!parent && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN_CHECKPOINT)
            return NULL;
        virResetLastError();
        node = g_new0(treeNode, 1);
        node->name = virshCheckpointName(chk);
        node->parent = parent ? g_strdup(virshCheckpointName(parent)) : NULL;
        g_ptr_array_add(nodes, node);
    }
    if (from) {
        treeNode *node = g_new0(treeNode, 1);

        node->name = virshCheckpointName(from);
        g_ptr_array_add(nodes, node);
    }
    return g_steal_pointer(&nodes);
}

static bool
printTree(virshShell *sh, const GPtrArray *list, virDomainCheckpointPtr from)
{
    g_autoptr(GPtrArray) nodes = fetchTree(list, from);
    g_autoptr(GString) indent = g_string_new(NULL);

    if (!nodes)
        return false;
    for (guint i = 0; i < nodes->len; i++) {
        const treeNode *node = g_ptr_array_index(nodes, i);

        if (!nodeIsIn(nodes, node->parent))
            printNode(sh, nodes, node->name, indent, true, true);
    }
    return true;
}

static bool
printNames(virshShell *sh, const GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        virshPrint(sh, "%s\n", virshCheckpointName(g_ptr_array_index(list, i)));
    return true;
}

/* A tree is whole or nothing: what filters leaves takes its branches' ends away. */
static bool
treeIsWhole(virshShell *sh, const virshCommandArgs *args, const char *filter)
{
    if (!virshArgBool(args, "tree") || !virshArgBool(args, filter))
        return true;
    virshError(sh, "--%s and --tree are mutually exclusive", filter);
    return false;
}

static bool
optionsAgree(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const pairs[][2] = {{"tree", "name"},
                                           {"parent", "roots"},
                                           {"parent", "tree"},
                                           {"roots", "tree"},
                                           {"roots", "from"}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (!virshArgsExclude(sh, args, pairs[i][0], pairs[i][1]))
            return false;
    }
    if (virshArgBool(args, "descendants") && !virshArgString(args, "from")) {
        virshError(sh, "--descendants requires --from");
        return false;
    }
    return treeIsWhole(sh, args, "leaves") && treeIsWhole(sh, args, "no-leaves");
}

bool
virshCheckpointList(virshShell *sh, const virshCommandArgs *args)
{
    const char *fromName = virshArgString(args, "from");
    g_autoptr(virDomain) dom = NULL;
    g_autoptr(virDomainCheckpoint) from = NULL;
    g_autoptr(GPtrArray) list = NULL;

    if (!optionsAgree(sh, args))
        return false;
    if (!(dom = virshArgDomain(sh, args)) ||
        (fromName && !(from = virDomainCheckpointLookupByName(dom, fromName, 0))) ||
        !(list = fetchList(args, dom, from)))
        return false;
    if (virshArgBool(args, "tree"))
        return printTree(sh, list, from);
    if (virshArgBool(args, "name"))
        return printNames(sh, list);
    return printTable(sh, list, virshArgBool(args, "parent"));
}
