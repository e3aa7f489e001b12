/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Size of a checkpoint: the dirty bytes of the union of its bitmap and all later ones. The newest
 * checkpoint's own count is that; for an older one the union is made in a temporary, frozen
 * bitmap, read and removed.
 */
#include "qemu_checkpoint_size.h"

#include "qemu_checkpoint.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_since.h"
#include "qemu_graph.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT
#define SIZE_BITMAP "fleece-size"

typedef struct _sizeDisk {
    char *name;
    char *node;
    GPtrArray *bitmaps;      /* char *, oldest first */
} sizeDisk;

static void
sizeDiskFree(gpointer data)
{
    sizeDisk *disk = data;

    g_free(disk->name);
    g_free(disk->node);
    g_clear_pointer(&disk->bitmaps, g_ptr_array_unref);
    g_free(disk);
}

/* Disks of the checkpoint that have a whole chain. Under MODIFY nobody else changes the list. */
static GPtrArray *
collectDisks(qemuVM *vm, const virDomainCheckpointDef *def, const qemuGraph *graph)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func(sizeDiskFree);

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainCheckpointDiskDef *entry = g_ptr_array_index(def->disks, i);
        const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), entry->name);
        const qemuGraphNode *node = td ? qemuGraphNodeLookup(graph, td->node) : NULL;
        GPtrArray *bitmaps = NULL;
        sizeDisk *disk = NULL;

        if (entry->type != VIR_CHECKPOINT_DISK_BITMAP)
            continue;
        bitmaps = qemuCheckpointSince(vm, entry->name, node, graph, def->name);
        if (!bitmaps) {
            VIR_INFO("no size for disk '%s': %s", entry->name, virErrorLastMessage());
            virErrorReset();
            continue;
        }
        disk = g_new0(sizeDisk, 1);
        disk->name = g_strdup(entry->name);
        disk->node = g_strdup(td->node);
        disk->bitmaps = bitmaps;
        g_ptr_array_add(disks, disk);
    }
    return disks;
}

static virJSONValue *
addUnionActions(const GPtrArray *disks)
{
    virJSONValue *actions = virJSONNewArray();

    for (guint i = 0; i < disks->len; i++) {
        const sizeDisk *disk = g_ptr_array_index(disks, i);
        virJSONValue *names = virJSONNewArray();

        if (disk->bitmaps->len < 2) {
            virJSONValueFree(names);
            continue;
        }
        for (guint j = 0; j < disk->bitmaps->len; j++)
            virJSONArrayAppend(names, virJSONNewString(g_ptr_array_index(disk->bitmaps, j)));
        virJSONArrayAppend(actions,
                           virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                                        "'persistent':false,'disabled':true,'granularity':65536}}",
                                        disk->node, SIZE_BITMAP));
        virJSONArrayAppend(actions,
                           virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,"
                                        "'target':%s,'bitmaps':%v}}",
                                        disk->node, SIZE_BITMAP, names));
    }
    return actions;
}

static int
transaction(qemuVM *vm, virJSONValue *actions)
{
    qemuTarget *target = qemuVMTarget(vm);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions);

    return target->ops->command(target, command, NULL);
}

static void
removeUnions(qemuVM *vm, const GPtrArray *disks)
{
    virJSONValue *actions = virJSONNewArray();

    for (guint i = 0; i < disks->len; i++) {
        const sizeDisk *disk = g_ptr_array_index(disks, i);

        if (disk->bitmaps->len < 2)
            continue;
        virJSONArrayAppend(actions,
                           virJSONBuild("{'type':'block-dirty-bitmap-remove','data':{'node':%s,'name':%s}}",
                                        disk->node, SIZE_BITMAP));
    }
    if (transaction(vm, actions) < 0) {
        VIR_WARN("domain '%s': temporary bitmaps '" SIZE_BITMAP "' stay until QEMU ends: %s", vm->name,
                 virErrorLastMessage());
        virErrorReset();
    }
}

static qemuCheckpointSizes *
readSizes(const GPtrArray *disks, const qemuGraph *graph)
{
    qemuCheckpointSizes *sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < disks->len; i++) {
        const sizeDisk *disk = g_ptr_array_index(disks, i);
        const char *name =
            disk->bitmaps->len < 2 ? g_ptr_array_index(disk->bitmaps, 0) : SIZE_BITMAP;
        const qemuGraphBitmap *bitmap =
            qemuGraphBitmapLookup(qemuGraphNodeLookup(graph, disk->node), name);
        guint64 bytes = bitmap ? bitmap->count : 0;

        if (bitmap)
            g_hash_table_insert(sizes, g_strdup(disk->name), g_memdup2(&bytes, sizeof(bytes)));
    }
    return sizes;
}

static bool
unionsNeeded(const GPtrArray *disks)
{
    for (guint i = 0; i < disks->len; i++) {
        if (((const sizeDisk *)g_ptr_array_index(disks, i))->bitmaps->len > 1)
            return true;
    }
    return false;
}

static qemuCheckpointSizes *
fetchWithUnions(qemuVM *vm, const GPtrArray *disks)
{
    g_autoptr(qemuGraph) graph = NULL;

    if (transaction(vm, addUnionActions(disks)) < 0)
        return NULL;
    graph = qemuGraphFetch(qemuVMTarget(vm));
    removeUnions(vm, disks);
    return graph ? readSizes(disks, graph) : NULL;
}

qemuCheckpointSizes *
qemuCheckpointSizesFetch(qemuVM *vm, const char *checkpoint)
{
    const virDomainCheckpointDef *def = NULL;
    g_autoptr(GPtrArray) disks = NULL;
    g_autoptr(qemuGraph) graph = NULL;

    if (!(def = qemuCheckpointListLookup(vm->checkpoints, checkpoint))) {
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT, "no domain checkpoint with matching name '%s'",
                       checkpoint);
        return NULL;
    }
    if (!(graph = qemuGraphFetch(qemuVMTarget(vm))))
        return NULL;
    disks = collectDisks(vm, def, graph);
    return unionsNeeded(disks) ? fetchWithUnions(vm, disks) : readSizes(disks, graph);
}

void
qemuCheckpointSizesApply(const qemuCheckpointSizes *sizes, virDomainCheckpointDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);
        const guint64 *bytes =
            sizes ? g_hash_table_lookup((GHashTable *)sizes, disk->name) : NULL;

        disk->sizeValid = bytes != NULL;
        disk->size = bytes ? *bytes : 0;
    }
}
