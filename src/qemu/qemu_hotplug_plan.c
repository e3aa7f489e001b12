/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See qemu_hotplug_plan.h. A Def's disk has its node numbers before it is planned, so that the
 * names of all nodes are known.
 */
#include "qemu_hotplug_plan.h"

#include "qemu_checkpoint_plan.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"

/* A write stops QEMU's main loop for 5 to 20 ms a 256 MiB, the guest's disks with it. */
#define MARK_BYTES (256ULL << 20)

static virJSONValue *
nodeAdd(virJSONValue *props)
{
    return virJSONBuild("{'execute':'blockdev-add','arguments':%v}", props);
}

static virJSONValue *
nodeDel(const char *node)
{
    return virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", node);
}

static void
attachStorage(qemuPlan *plan, const virDomainDiskDef *disk, const virStorageSource *src,
              const char *step)
{
    g_autofree char *storage = qemuNodeNameStorage(src->index);

    qemuPlanAddQMP(plan, nodeAdd(qemuNodesStorageProps(disk, src)), nodeDel(storage), "%s.%s", step, disk->dst);
}

static void
attachImage(qemuPlan *plan, const virDomainDiskDef *disk, const virStorageSource *src, bool top)
{
    g_autofree char *format = qemuNodeNameFormat(src->index);
    g_autofree char *object = qemuSecretObjectName(format);

    if (src->backing)
        attachImage(plan, disk, src->backing, false);
    qemuPlanAddSecret(plan, src->encryption, object, "attach.secret.%s", disk->dst);
    if (src->dataStore)
        attachStorage(plan, disk, src->dataStore, "attach.data");
    attachStorage(plan, disk, src, "attach.storage");
    qemuPlanAddQMP(plan, nodeAdd(qemuNodesFormatProps(disk, src, top)), nodeDel(format),
                   "attach.format.%s", disk->dst);
}

qemuPlan *
qemuHotplugPlanAttach(const virDomainDiskDef *disk, virJSONValue *device)
{
    qemuPlan *plan = qemuPlanNew("disk-attach");
    const char *id = virJSONObjectLookupString(device, "id");
    virJSONValue *undo = virJSONBuild("{'execute':'device_del','arguments':{'id':%s}}", id);

    if (disk->src)
        attachImage(plan, disk, disk->src, true);
    /* there are qcow2 images, too, that hold no bitmaps */
    if (disk->src)
        qemuPlanAddStep(plan, QEMU_STEP_BITMAPS, disk->dst, "attach.bitmaps.%s", disk->dst);
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'device_add','arguments':%v}", device), undo,
                   "attach.device.%s", disk->dst);
    return plan;
}

static virJSONValue *
trayCommand(const char *command, const virDomainDiskDef *drive)
{
    return virJSONBuild("{'execute':%s,'arguments':{'id':%s}}", command, drive->alias);
}

static virJSONValue *
trayInsert(const virDomainDiskDef *drive, const char *node)
{
    return virJSONBuild("{'execute':'blockdev-insert-medium','arguments':{'id':%s,'node-name':%s}}",
                        drive->alias, node);
}

qemuPlan *
qemuHotplugPlanMedium(const virDomainDiskDef *drive)
{
    qemuPlan *plan = qemuPlanNew("disk-medium");

    if (drive->src)
        attachImage(plan, drive, drive->src, true);
    return plan;
}

qemuPlan *
qemuHotplugPlanTray(const virDomainDiskDef *drive, bool holds, bool force)
{
    qemuPlan *plan = qemuPlanNew("disk-tray");
    g_autofree char *node = drive->src ? qemuNodeNameFormat(drive->src->index) : NULL;

    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-open-tray','arguments':{'id':%s,'force':%b}}",
                                drive->alias, force),
                   NULL, "medium.open.%s", drive->dst)->batch = true;
    if (holds)
        qemuPlanAddQMP(plan, trayCommand("blockdev-remove-medium", drive), NULL, "medium.remove.%s",
                       drive->dst)->batch = true;
    if (node)
        qemuPlanAddQMP(plan, trayInsert(drive, node), NULL, "medium.insert.%s", drive->dst)->batch = true;
    qemuPlanAddQMP(plan, trayCommand("blockdev-close-tray", drive), NULL, "medium.close.%s", drive->dst);
    return plan;
}

static void
removeSecret(qemuPlan *plan, const char *node, const char *disk)
{
    g_autofree char *object = qemuSecretObjectName(node);

    qemuPlanAddQMP(plan, qemuSecretDelete(object), NULL, "removed.secret.%s", disk)->goOn = true;
}

qemuPlan *
qemuHotplugPlanRemoved(const virDomainDiskDef *disk)
{
    qemuPlan *plan = qemuPlanNew("disk-removed");

    for (const virStorageSource *src = disk->src; src; src = src->backing) {
        g_autofree char *storage = qemuNodeNameStorage(src->index);
        g_autofree char *format = qemuNodeNameFormat(src->index);

        qemuPlanAddQMP(plan, nodeDel(format), NULL, "removed.format.%s", disk->dst)->goOn = true;
        qemuPlanAddQMP(plan, nodeDel(storage), NULL, "removed.storage.%s", disk->dst)->goOn = true;
        if (src->dataStore) {
            g_autofree char *data = qemuNodeNameStorage(src->dataStore->index);

            qemuPlanAddQMP(plan, nodeDel(data), NULL, "removed.data.%s", disk->dst)->goOn = true;
        }
        if (src->encryption)
            removeSecret(plan, format, disk->dst);
    }
    return plan;
}

/* What a bitmap that does not record says is about the past, when the new part was not there. */
static bool
bitmapTakesMarks(const qemuGraphBitmap *bitmap)
{
    return bitmap->recording && !bitmap->inconsistent;
}

/* One merge for each bitmap that records; the others say what was before. */
static virJSONValue *
markActions(const qemuGraphNode *node, const char *marks)
{
    virJSONValue *actions = virJSONNewArray();

    for (guint i = 0; i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->bitmaps, i);

        if (!bitmapTakesMarks(bitmap))
            continue;
        virJSONArrayAppend(
            actions,
            virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,'target':%s,"
                         "'bitmaps':[{'node':%s,'name':%s}]}}",
                         node->name, bitmap->name, marks, QEMU_HOTPLUG_MARKS));
    }
    return actions;
}

static void
addRemovals(virJSONValue *actions, const qemuGraphNode *node, const GPtrArray *bitmaps)
{
    for (guint i = 0; i < bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(bitmaps, i);

        if (bitmap->inconsistent && !bitmap->foreign)
            virJSONArrayAppend(actions, virJSONBuild("{'type':'block-dirty-bitmap-remove',"
                                                     "'data':{'node':%s,'name':%s}}",
                                                     node->name, bitmap->name));
    }
}

/* QEMU does not resize an image with inconsistent bitmaps. They serve nobody, and their checkpoints are
 * broken with and without them. */
static void
planUseless(qemuPlan *plan, const char *disk, const qemuGraphNode *node)
{
    g_autoptr(virJSONValue) actions = virJSONNewArray();

    addRemovals(actions, node, node->bitmaps);
    addRemovals(actions, node, node->ledger);
    if (virJSONArraySize(actions) > 0)
        qemuPlanAddQMP(plan,
                       virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}",
                                    g_steal_pointer(&actions)),
                       NULL, "resize.useless.%s", disk);
}

char *
qemuHotplugMarksNode(const char *disk)
{
    return g_strconcat(QEMU_HOTPLUG_MARKS_PREFIX, disk, NULL);
}

bool
qemuHotplugResizeNeedsMarks(const qemuGraphNode *node, unsigned long long size)
{
    for (guint i = 0; size > node->virtualSize && i < node->bitmaps->len; i++) {
        if (bitmapTakesMarks(g_ptr_array_index(node->bitmaps, i)))
            return true;
    }
    return false;
}

qemuPlan *
qemuHotplugPlanMarks(const char *disk, unsigned long long from, unsigned long long size)
{
    qemuPlan *plan = qemuPlanNew("disk-resize-marks");
    g_autofree char *marks = qemuHotplugMarksNode(disk);

    qemuPlanAddQMP(
        plan,
        nodeAdd(virJSONBuild("{'driver':'null-co','node-name':%s,'size':%llu,'read-zeroes':%b}",
                             marks, size, true)),
        nodeDel(marks), "resize.marks.%s", disk);
    qemuPlanAddQMP(
        plan,
        virJSONBuild("{'execute':'block-dirty-bitmap-add','arguments':{'node':%s,'name':%s,"
                     "'granularity':%d}}",
                     marks, QEMU_HOTPLUG_MARKS, QEMU_BITMAP_GRANULARITY),
        NULL, "resize.bitmap.%s", disk);
    for (unsigned long long at = from; at < size; at += MARK_BYTES) {
        g_autofree char *line = g_strdup_printf("qemu-io %s \"write -q -z %llu %llu\"", marks, at,
                                                MIN(MARK_BYTES, size - at));

        qemuPlanAddQMP(
            plan,
            virJSONBuild("{'execute':'human-monitor-command','arguments':{'command-line':%s}}",
                         line),
            NULL, "resize.mark.%s", disk);
    }
    return plan;
}

qemuPlan *
qemuHotplugPlanResize(const char *disk, const qemuGraphNode *node, unsigned long long size)
{
    qemuPlan *plan = qemuPlanNew("disk-resize");
    g_autofree char *marks = qemuHotplugMarksNode(disk);
    qemuPlanStep *resize = NULL;

    planUseless(plan, disk, node);
    resize = qemuPlanAddQMP(
        plan,
        virJSONBuild("{'execute':'block_resize','arguments':{'node-name':%s,'size':%llu}}",
                     node->name, size),
        NULL, "resize.size.%s", disk);
    if (!qemuHotplugResizeNeedsMarks(node, size))
        return plan;
    resize->batch = true;
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}",
                                markActions(node, marks)),
                   NULL, "resize.merge.%s", disk)
        ->batch = true;
    qemuPlanAddQMP(plan, nodeDel(marks), NULL, "resize.marked.%s", disk);
    return plan;
}
