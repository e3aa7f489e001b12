/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads query-named-block-nodes into qemuGraph. Bitmaps without a name (a filter's own) and nodes
 * without one are left out: nothing of ours can refer to them.
 */
#include "qemu_graph.h"

#include "qemu_bitmap_store_disks.h"
#include "qemu_ledger.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static void
qemuGraphBitmapFree(qemuGraphBitmap *bitmap)
{
    g_free(bitmap->name);
    g_free(bitmap);
}

static void
qemuGraphNodeFree(qemuGraphNode *node)
{
    g_free(node->name);
    g_free(node->driver);
    g_free(node->filename);
    g_clear_pointer(&node->byName, g_hash_table_unref);
    g_free(node->lost);
    g_ptr_array_unref(node->bitmaps);
    g_ptr_array_unref(node->ledger);
    g_free(node);
}

void
qemuGraphFree(qemuGraph *graph)
{
    if (!graph)
        return;
    g_hash_table_unref(graph->nodes);
    g_free(graph);
}

void
qemuGraphNodeAdd(qemuGraphNode *node, qemuGraphBitmap *bitmap)
{
    bitmap->index = node->bitmaps->len;
    g_ptr_array_add(node->bitmaps, bitmap);
    if (node->byName)
        g_hash_table_insert(node->byName, bitmap->name, bitmap);
}

void
qemuGraphNodeRemove(qemuGraphNode *node, const qemuGraphBitmap *bitmap)
{
    guint index = bitmap->index;

    if (node->byName)
        g_hash_table_remove(node->byName, bitmap->name);
    g_ptr_array_remove_index_fast(node->bitmaps, index);
    if (index < node->bitmaps->len)
        ((qemuGraphBitmap *)g_ptr_array_index(node->bitmaps, index))->index = index;
}

static int
qemuGraphParseBitmap(qemuGraphNode *node, const virJSONValue *json)
{
    const char *name = virJSONObjectLookupString(json, "name");
    qemuGraphBitmap *bitmap = NULL;

    if (!name)
        return 0;
    bitmap = g_new0(qemuGraphBitmap, 1);
    bitmap->name = g_strdup(name);
    if (qemuLedgerOwns(name))
        g_ptr_array_add(node->ledger, bitmap);
    else
        qemuGraphNodeAdd(node, bitmap);
    if (virJSONObjectGetUInt(json, "granularity", &bitmap->granularity) < 0 ||
        virJSONObjectGetUInt(json, "count", &bitmap->count) < 0 ||
        virJSONObjectGetBool(json, "persistent", &bitmap->persistent) < 0 ||
        virJSONObjectGetBool(json, "recording", &bitmap->recording) < 0 ||
        virJSONObjectGetBool(json, "busy", &bitmap->busy) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "QEMU described bitmap '%s' of node '%s' incompletely in its reply to "
                       "query-named-block-nodes", name, node->name);
        return -1;
    }
    bitmap->inconsistent = virJSONObjectIsTrue(json, "inconsistent");
    /* made by another program in an image whose data is in another file: who writes to that does not tell */
    bitmap->foreign = node->stored && bitmap->persistent;
    bitmap->inconsistent = bitmap->inconsistent || bitmap->foreign;
    if (node->stored)
        bitmap->persistent = true;
    return 0;
}

/* Which images can hold bitmaps: qcow2, but not that of version 2. With the data in another file they know
 * nothing of what is written to that by others. */
static bool
qemuGraphNodeIsStored(const char *driver, const virJSONValue *image)
{
    const virJSONValue *specific = virJSONObjectLookupObject(image, "format-specific");
    const virJSONValue *data = virJSONObjectLookupObject(specific, "data");

    return g_strcmp0(driver, "raw") == 0 || g_strcmp0(driver, "luks") == 0 ||
           (g_strcmp0(driver, "qcow2") == 0 &&
            (g_strcmp0(virJSONObjectLookupString(data, "compat"), "0.10") == 0 ||
             virJSONObjectLookup(data, "data-file")));
}

static int
qemuGraphParseNode(qemuGraph *graph, const virJSONValue *json)
{
    const char *name = virJSONObjectLookupString(json, "node-name");
    const char *driver = virJSONObjectLookupString(json, "drv");
    const virJSONValue *image = virJSONObjectLookupObject(json, "image");
    const virJSONValue *bitmaps = virJSONObjectLookupArray(json, "dirty-bitmaps");
    qemuGraphNode *node = NULL;

    if (!name)
        return 0;
    node = g_new0(qemuGraphNode, 1);
    node->name = g_strdup(name);
    node->driver = g_strdup(driver);
    node->filename = g_strdup(virJSONObjectLookupString(json, "file"));
    node->readonly = virJSONObjectIsTrue(json, "ro");
    node->stored = qemuGraphNodeIsStored(driver, image);
    node->bitmaps = g_ptr_array_new_with_free_func((GDestroyNotify)qemuGraphBitmapFree);
    node->byName = g_hash_table_new(g_str_hash, g_str_equal);
    node->ledger = g_ptr_array_new_with_free_func((GDestroyNotify)qemuGraphBitmapFree);
    g_hash_table_insert(graph->nodes, node->name, node);
    virJSONObjectGetUInt(image, "actual-size", &node->allocated);
    virJSONObjectGetUInt(image, "cluster-size", &node->clusterSize);
    if (!driver || virJSONObjectGetUInt(image, "virtual-size", &node->virtualSize) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "QEMU described node '%s' without its driver or size in its reply to "
                       "query-named-block-nodes", name);
        return -1;
    }
    for (size_t i = 0; i < virJSONArraySize(bitmaps); i++) {
        if (qemuGraphParseBitmap(node, virJSONArrayAt(bitmaps, i)) < 0)
            return -1;
    }
    return 0;
}

qemuGraph *
qemuGraphParse(const virJSONValue *namedNodes)
{
    g_autoptr(qemuGraph) graph = g_new0(qemuGraph, 1);

    graph->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         (GDestroyNotify)qemuGraphNodeFree);
    if (!namedNodes || virJSONValueType(namedNodes) != VIR_JSON_ARRAY) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "QEMU's reply to query-named-block-nodes is not a list of nodes");
        return NULL;
    }
    for (size_t i = 0; i < virJSONArraySize(namedNodes); i++) {
        if (qemuGraphParseNode(graph, virJSONArrayAt(namedNodes, i)) < 0)
            return NULL;
    }
    return g_steal_pointer(&graph);
}

qemuGraph *
qemuGraphFetch(qemuTarget *target)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true);
    g_autoptr(virJSONValue) reply = NULL;
    qemuGraph *graph = NULL;

    if (target->ops->command(target, command, &reply) < 0 || !(graph = qemuGraphParse(reply)))
        return NULL;
    qemuBitmapStoreAnnotate(target, graph);
    return graph;
}

const qemuGraphNode *
qemuGraphNodeLookup(const qemuGraph *graph, const char *node)
{
    return node ? g_hash_table_lookup(graph->nodes, node) : NULL;
}

const qemuGraphBitmap *
qemuGraphBitmapLookup(const qemuGraphNode *node, const char *bitmap)
{
    if (node && bitmap && node->byName)
        return g_hash_table_lookup(node->byName, bitmap);
    for (size_t i = 0; node && bitmap && i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *b = g_ptr_array_index(node->bitmaps, i);

        if (g_str_equal(b->name, bitmap))
            return b;
    }
    return NULL;
}
