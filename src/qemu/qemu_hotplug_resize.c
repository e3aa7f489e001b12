/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk of a running guest gets another size. What grows is marked as changed in the bitmaps
 * (qemu_hotplug_plan.h); what would be cut off is known to them, so an image with checkpoints
 * cannot shrink.
 */
#include "qemu_hotplug.h"

#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_hotplug_plan.h"
#include "qemu_image_size.h"
#include "qemu_plan_run.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static int
checkShrink(const virDomainDiskDef *disk, const qemuGraphNode *node, unsigned long long size)
{
    if (size >= node->virtualSize || node->bitmaps->len == 0)
        return 0;
    virReportError(
        VIR_ERR_OPERATION_INVALID,
        "disk '%s' cannot shrink from %llu to %llu bytes: its image holds the bitmaps of "
        "checkpoints ('%s'), which would lose track of what is cut off; delete the checkpoints "
        "first",
        disk->dst, node->virtualSize, size,
        ((const qemuGraphBitmap *)g_ptr_array_index(node->bitmaps, 0))->name);
    return -1;
}

static int
checkResizable(qemuVM *vm, const virDomainDiskDef *disk)
{
    if (!disk->src) {
        virReportError(VIR_ERR_INVALID_ARG, "disk '%s' does not currently have a source assigned",
                       disk->dst);
        return -1;
    }
    if (disk->readonly || disk->device == VIR_DISK_DEVICE_CDROM) {
        virReportError(VIR_ERR_INVALID_ARG, "disk '%s' is read-only", disk->dst);
        return -1;
    }
    return qemuHotplugCheckFree(vm, disk->dst, "resized");
}

/* Bytes that @node's bitmap of marks should hold: whole parts of its granularity. */
static int
checkMarks(qemuVM *vm, const char *dst, unsigned long long from, unsigned long long size)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&vm->target);
    g_autofree char *name = qemuHotplugMarksNode(dst);
    const qemuGraphNode *node = graph ? qemuGraphNodeLookup(graph, name) : NULL;
    const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(node, QEMU_HOTPLUG_MARKS);

    if (!graph)
        return -1;
    if (bitmap && bitmap->count >= size - from)
        return 0;
    virReportError(
        VIR_ERR_INTERNAL_ERROR,
        "disk '%s' is not resized: QEMU did not mark its new part as changed, which the next "
        "incremental backup would then miss",
        dst);
    return -1;
}

/* The marks go whatever happened. */
static void
dropMarks(qemuVM *vm, const qemuPlan *marks)
{
    qemuPlanRun run = {.plan = marks, .done = 1};

    qemuPlanRunUndo(&run, &vm->target, true);
}

/* QEMU has the new size, but not the marks in all bitmaps: then it is better that there are none.
 */
static void
distrustBitmaps(qemuVM *vm, const char *dst, const qemuGraphNode *old)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&vm->target);
    const qemuGraphNode *node = graph ? qemuGraphNodeLookup(graph, old->name) : NULL;

    for (guint i = 0; node && node->virtualSize != old->virtualSize && i < old->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(old->bitmaps, i);
        g_autoptr(virJSONValue) command = virJSONBuild(
            "{'execute':'block-dirty-bitmap-remove','arguments':{'node':%s,'name':%s}}", node->name,
            bitmap->name);

        if (!bitmap->recording)
            continue;
        VIR_WARN("domain '%s': disk '%s' was resized, but bitmap '%s' does not know of it and is "
                 "removed: "
                 "make a full backup with a new checkpoint",
                 vm->name, dst, bitmap->name);
        vm->target.ops->command(&vm->target, command, NULL);
    }
}

static int
resizeMarked(qemuVM *vm, const char *dst, const qemuGraphNode *node, unsigned long long size)
{
    g_autoptr(qemuPlan) marks = qemuHotplugPlanMarks(dst, node->virtualSize, size);
    g_autoptr(qemuPlan) resize = qemuHotplugPlanResize(dst, node, size);
    qemuPlanRun run = {.plan = marks};
    virErrorPtr saved = NULL;

    if (qemuPlanRunAll(&run, &vm->target) < 0)
        return -1;
    run = (qemuPlanRun){.plan = resize};
    if (checkMarks(vm, dst, node->virtualSize, size) == 0 && qemuPlanRunAll(&run, &vm->target) == 0)
        return 0;
    virErrorPreserveLast(&saved);
    dropMarks(vm, marks);
    distrustBitmaps(vm, dst, node);
    virErrorRestore(&saved);
    return -1;
}

static int
resizeDisk(qemuVM *vm, const virDomainDiskDef *disk, unsigned long long size)
{
    const qemuTargetDisk *target = qemuCheckpointTargetDisk(&vm->target, disk->dst);
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&vm->target);
    const qemuGraphNode *node = graph && target ? qemuGraphNodeLookup(graph, target->node) : NULL;
    g_autoptr(qemuPlan) plan = NULL;
    qemuPlanRun run = {0};

    if (!graph)
        return -1;
    if (!node) {
        virReportError(VIR_ERR_OPERATION_INVALID, "disk '%s' has no image open in QEMU", disk->dst);
        return -1;
    }
    if (checkShrink(disk, node, size) < 0)
        return -1;
    if (qemuHotplugResizeNeedsMarks(node, size))
        return resizeMarked(vm, disk->dst, node, size);
    plan = qemuHotplugPlanResize(disk->dst, node, size);
    run.plan = plan;
    return qemuPlanRunAll(&run, &vm->target);
}

/* *@size becomes what the device below @disk has. */
static int
takeCapacity(const virDomainDiskDef *disk, unsigned long long *size)
{
    qemuImageSize now = { 0 };

    if (disk->src->type != VIR_STORAGE_TYPE_BLOCK || disk->src->format != VIR_STORAGE_FORMAT_RAW) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "disk '%s' cannot be resized to the capacity of its device: that is for raw disks on "
                       "local block devices; give a size",
                       disk->dst);
        return -1;
    }
    if (qemuImageSizeFetch(disk->src, &now) < 0)
        return -1;
    if (*size != 0 && *size != now.physical) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "disk '%s' cannot be resized to %llu bytes: its device '%s' has %llu", disk->dst, *size,
                       disk->src->path, now.physical);
        return -1;
    }
    *size = now.physical;
    return 0;
}

int
qemuHotplugResize(qemuVM *vm, const char *path, unsigned long long size, bool capacity)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    const virDomainDiskDef *disk = virDomainDefDisk(def, path, true);
    int rc = 0;

    if (!disk) {
        virReportError(VIR_ERR_INVALID_ARG, "disk '%s' was not found in the domain config", path);
        return -1;
    }
    if (checkResizable(vm, disk) < 0 || (capacity && takeCapacity(disk, &size) < 0))
        return -1;
    /* qcow2 and raw alike count in sectors of a device; libvirt rounds up, too. */
    size = (size + 511) / 512 * 512;
    rc = resizeDisk(vm, disk, size);
    qemuCheckpointBooksForget(vm);
    return rc;
}
