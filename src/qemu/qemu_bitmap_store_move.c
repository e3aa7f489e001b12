/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP of moving bitmaps. What a save stores is stored when its image stops being writable, which is
 * a blockdev-reopen: closing it would store them too, but not say if it could not.
 */
#include "qemu_bitmap_store_move.h"

#include "qemu_checkpoint_plan.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _storeNodes {
    char *format;
    char *file;
} storeNodes;

static void
storeNodesClear(storeNodes *nodes)
{
    g_free(nodes->format);
    g_free(nodes->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(storeNodes, storeNodesClear)

static storeNodes
storeNodesOf(const char *disk)
{
    return (storeNodes){
        .format = g_strdup_printf("fleece-bitmaps-%s", disk),
        .file = g_strdup_printf("fleece-bitmaps-%s-file", disk),
    };
}

static int
command(qemuTarget *target, virJSONValue *json)
{
    g_autoptr(virJSONValue) owned = json;

    return target->ops->command(target, owned, NULL);
}

static int
closeNode(qemuTarget *target, const char *node)
{
    return command(target, virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", node));
}

static void
closeImage(qemuTarget *target, const storeNodes *nodes)
{
    virErrorPtr saved = NULL;

    if (virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    closeNode(target, nodes->format);
    closeNode(target, nodes->file);
    virErrorReset();
    if (saved)
        virErrorRestore(&saved);
}

static virJSONValue *
formatOptions(const storeNodes *nodes, bool writable)
{
    return virJSONBuild("{'driver':'qcow2','node-name':%s,'read-only':%b,'file':%s}", nodes->format,
                        !writable, nodes->file);
}

static int
tryOpen(qemuTarget *target, const storeNodes *nodes, const char *path, bool writable)
{
    if (command(target, virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'file',"
                                     "'node-name':%s,'filename':%s,'auto-read-only':%b,'read-only':%b}}",
                                     nodes->file, path, writable, !writable)) < 0)
        return -1;
    return command(target, virJSONBuild("{'execute':'blockdev-add','arguments':%v}",
                                        formatOptions(nodes, writable)));
}

/* A daemon that died here may have left another image open. */
static int
openImage(qemuTarget *target, const storeNodes *nodes, const char *path, bool writable)
{
    if (tryOpen(target, nodes, path, writable) == 0)
        return 0;
    closeImage(target, nodes);
    virErrorReset();
    return tryOpen(target, nodes, path, writable);
}

static void
appendCopy(virJSONValue *actions, const char *from, const char *to, const qemuBitmapStoreBitmap *bitmap,
           bool persistent)
{
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                                    "'granularity':%d,'persistent':%b,'disabled':%b}}",
                                    to, bitmap->name, QEMU_BITMAP_GRANULARITY, persistent,
                                    !bitmap->recording));
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,'target':%s,"
                                    "'bitmaps':[{'node':%s,'name':%s}]}}",
                                    to, bitmap->name, from, bitmap->name));
}

static int
copyAll(qemuTarget *target, const char *from, const char *to, const qemuBitmapStore *store, bool persistent)
{
    virJSONValue *actions = virJSONNewArray();

    for (guint i = 0; i < store->bitmaps->len; i++)
        appendCopy(actions, from, to, g_ptr_array_index(store->bitmaps, i), persistent);
    return command(target, virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions));
}

static int
writeOut(qemuTarget *target, const storeNodes *nodes)
{
    if (virFaultPoint("store.write") < 0)
        return -1;
    return command(target, virJSONBuild("{'execute':'blockdev-reopen','arguments':{'options':[%v]}}",
                                        formatOptions(nodes, false)));
}

int
qemuBitmapStoreMoveOut(qemuTarget *target, const char *node, const qemuBitmapStore *store,
                       const char *path)
{
    g_auto(storeNodes) nodes = storeNodesOf(store->disk);
    int rc = -1;

    if (openImage(target, &nodes, path, true) == 0 && virFaultPoint("store.opened") == 0 &&
        copyAll(target, node, nodes.format, store, true) == 0 && writeOut(target, &nodes) == 0)
        rc = 0;
    closeImage(target, &nodes);
    return rc;
}

int
qemuBitmapStoreMoveIn(qemuTarget *target, const char *node, const qemuBitmapStore *store, const char *path)
{
    g_auto(storeNodes) nodes = storeNodesOf(store->disk);
    int rc = -1;

    if (openImage(target, &nodes, path, false) == 0 && virFaultPoint("store.load") == 0 &&
        copyAll(target, nodes.format, node, store, false) == 0)
        rc = 0;
    closeImage(target, &nodes);
    return rc;
}
