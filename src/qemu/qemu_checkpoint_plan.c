/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning checkpoints: which bitmaps are added, frozen, merged and removed.
 *
 *   creation ....... A .......... B .......... C .......... now
 *                    A = [A,B)      B = [B,C)      C = [C,now)   only C records
 *
 * Two rules keep every answer honest. Whatever goes into one operation goes into one transaction:
 * there is no state between. And a lost period must stay visible: where a bitmap cannot be merged, the
 * one before it is removed too, because otherwise it would look whole again as soon as the broken one
 * between them is forgotten.
 */
#include "qemu_checkpoint_plan.h"

#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

static void
appendNamed(virJSONValue *actions, const char *type, const char *node, const char *bitmap)
{
    virJSONArrayAppend(actions, virJSONBuild("{'type':%s,'data':{'node':%s,'name':%s}}",
                                             type, node, bitmap));
}

static void
appendRemove(virJSONValue *actions, const char *node, const char *bitmap)
{
    appendNamed(actions, "block-dirty-bitmap-remove", node, bitmap);
}

/* @sources: consumed array of names. */
static void
appendMerge(virJSONValue *actions, const char *node, const char *target, virJSONValue *sources)
{
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-merge',"
                                    "'data':{'node':%s,'target':%s,'bitmaps':%v}}",
                                    node, target, sources));
}

static virJSONValue *
transactionNew(virJSONValue *actions)
{
    return virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions);
}

/* Does the bitmap hold what happened up to the next checkpoint, or, the newest, up to now? */
static bool
bitmapIsUsable(const qemuGraphBitmap *bitmap, bool newest)
{
    return bitmap && bitmap->persistent && !bitmap->inconsistent && (!newest || bitmap->recording);
}

static int
validateCreate(const qemuCheckpointPlanDisk *disk)
{
    if (!disk->node || (g_strcmp0(disk->node->driver, "qcow2") != 0 && !disk->node->stored)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "checkpoint '%s' cannot cover disk '%s': its image is of format '%s', and bitmaps "
                       "are kept for qcow2 and raw ones only; convert it or leave the disk out with "
                       "checkpoint='no'", disk->bitmap, disk->name,
                       disk->node && disk->node->driver ? disk->node->driver : "unknown");
        return -1;
    }
    if (qemuGraphBitmapLookup(disk->node, disk->bitmap)) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "checkpoint '%s' cannot be created: the image of disk '%s' already holds a "
                       "bitmap of that name which belongs to no checkpoint; adopt it with "
                       "checkpoint-create --redefine, remove it with qemu-img bitmap --remove while "
                       "the domain is stopped, or choose another name", disk->bitmap, disk->name);
        return -1;
    }
    return 0;
}

/* A bitmap that names no granularity gets the cluster size of its image, but at least 4 and at most 64 KiB. NULL
 * where that is the one all have: 20 bytes a disk less for QEMU to read, which is 0.1 ms. */
static virJSONValue *
granularity(const qemuGraphNode *node)
{
    return node->clusterSize >= QEMU_BITMAP_GRANULARITY ? NULL : virJSONBuild("%d", QEMU_BITMAP_GRANULARITY);
}

static void
appendCreate(virJSONValue *actions, const qemuCheckpointPlanDisk *disk)
{
    const char *node = disk->node->name;

    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                                    "'persistent':%b,'granularity':%v}}",
                                    node, disk->bitmap, !disk->node->stored, granularity(disk->node)));
    for (size_t i = 0; disk->checkpoints && disk->checkpoints[i]; i++) {
        const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(disk->node, disk->checkpoints[i]);
        bool newest = !disk->checkpoints[i + 1];

        if (!bitmap)
            continue;
        if (newest && (bitmap->inconsistent || !bitmap->recording))
            appendRemove(actions, node, bitmap->name);
        else if (bitmap->recording)
            appendNamed(actions, "block-dirty-bitmap-disable", node, bitmap->name);
    }
}

int
qemuCheckpointPlanCreateActions(virJSONValue *actions, const qemuCheckpointPlanDisk *disks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (validateCreate(&disks[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < n; i++)
        appendCreate(actions, &disks[i]);
    return 0;
}

/* The bitmaps that @actions stop recording on @node take what was recorded since, and go on. */
static void
appendResume(virJSONValue *undo, const virJSONValue *actions, const char *node, const char *added)
{
    for (size_t i = 0; i < virJSONArraySize(actions); i++) {
        const virJSONValue *action = virJSONArrayAt(actions, i);
        const virJSONValue *data = virJSONObjectLookupObject(action, "data");
        const char *type = virJSONObjectLookupString(action, "type");
        const char *name = virJSONObjectLookupString(data, "name");

        if (g_strcmp0(type, "block-dirty-bitmap-disable") != 0 ||
            g_strcmp0(virJSONObjectLookupString(data, "node"), node) != 0)
            continue;
        appendMerge(undo, node, name, virJSONBuild("[%s]", added));
        appendNamed(undo, "block-dirty-bitmap-enable", node, name);
    }
}

virJSONValue *
qemuCheckpointPlanUndoActions(const virJSONValue *actions)
{
    virJSONValue *undo = virJSONNewArray();

    for (size_t i = virJSONArraySize(actions); i-- > 0;) {
        const virJSONValue *action = virJSONArrayAt(actions, i);
        const virJSONValue *data = virJSONObjectLookupObject(action, "data");
        const char *node = virJSONObjectLookupString(data, "node");
        const char *name = virJSONObjectLookupString(data, "name");

        if (g_strcmp0(virJSONObjectLookupString(action, "type"), "block-dirty-bitmap-add") != 0)
            continue;
        if (!virJSONObjectIsTrue(data, "disabled"))   /* a checkpoint's, no union */
            appendResume(undo, actions, node, name);
        appendRemove(undo, node, name);
    }
    return undo;
}

qemuPlan *
qemuCheckpointPlanCreate(const qemuCheckpointPlanDisk *disks, size_t n, bool quiesce)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("checkpoint-create");
    g_autoptr(virJSONValue) actions = virJSONNewArray();
    virJSONValue *undo = NULL;

    if (qemuCheckpointPlanCreateActions(actions, disks, n) < 0)
        return NULL;
    if (n == 0)
        return g_steal_pointer(&plan);
    undo = transactionNew(qemuCheckpointPlanUndoActions(actions));
    if (quiesce)
        qemuPlanAddStep(plan, QEMU_STEP_FREEZE, NULL, "checkpoint.create.freeze");
    qemuPlanAddQMP(plan, transactionNew(g_steal_pointer(&actions)), undo,
                   "checkpoint.create.transaction");
    if (quiesce)
        qemuPlanAddStep(plan, QEMU_STEP_THAW, NULL, "checkpoint.create.thaw");
    return g_steal_pointer(&plan);
}

static bool
diskDeletes(const qemuCheckpointPlanDisk *disk, const char *bitmap)
{
    if (!disk->bitmaps)
        return g_str_equal(disk->bitmap, bitmap);
    return g_strv_contains(disk->bitmaps, bitmap);
}

/* checkpoints[first..end) go, and checkpoints[first - 1] stays: it takes over their time, or, if that
 * is lost, goes as well. */
static void
appendDeleteRun(virJSONValue *actions, const qemuCheckpointPlanDisk *disk, size_t first, size_t end)
{
    const qemuGraphBitmap *before =
        first > 0 ? qemuGraphBitmapLookup(disk->node, disk->checkpoints[first - 1]) : NULL;
    const qemuGraphBitmap *last = qemuGraphBitmapLookup(disk->node, disk->checkpoints[end - 1]);
    bool newest = !disk->checkpoints[end];
    bool usable = true;
    g_autoptr(virJSONValue) sources = virJSONNewArray();

    for (size_t i = first; i < end; i++) {
        const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(disk->node, disk->checkpoints[i]);

        if (!bitmapIsUsable(bitmap, newest && i + 1 == end))
            usable = false;
        virJSONArrayAppend(sources, virJSONNewString(disk->checkpoints[i]));
    }
    if (usable && bitmapIsUsable(before, false)) {
        appendMerge(actions, disk->node->name, before->name, g_steal_pointer(&sources));
        if (newest && last->recording && !before->recording)
            appendNamed(actions, "block-dirty-bitmap-enable", disk->node->name, before->name);
    }
    for (size_t i = first; i < end; i++) {
        if (qemuGraphBitmapLookup(disk->node, disk->checkpoints[i]))
            appendRemove(actions, disk->node->name, disk->checkpoints[i]);
    }
    if (!usable && before)
        appendRemove(actions, disk->node->name, before->name);
}

static bool
strayGetsWhole(const qemuCheckpointPlanDisk *disk, const qemuCheckpointPlanStray *stray, const char *newest)
{
    for (guint i = 0; i < stray->deleted->len; i++) {
        const char *name = g_ptr_array_index(stray->deleted, i);

        if (!bitmapIsUsable(qemuGraphBitmapLookup(disk->node, name), g_str_equal(name, newest)))
            return false;
    }
    return true;
}

/* @stray takes over the time of those deleted behind it. */
static void
appendStray(virJSONValue *actions, const qemuCheckpointPlanDisk *disk, const qemuCheckpointPlanStray *stray,
            const char *newest)
{
    virJSONValue *sources = virJSONNewArray();
    bool recording = false;

    for (guint i = 0; i < stray->deleted->len; i++) {
        const char *name = g_ptr_array_index(stray->deleted, i);

        recording = recording || g_str_equal(name, newest);
        virJSONArrayAppend(sources, virJSONNewString(name));
    }
    appendMerge(actions, disk->node->name, stray->bitmap, sources);
    if (recording)
        appendNamed(actions, "block-dirty-bitmap-enable", disk->node->name, stray->bitmap);
}

/* Unless it goes already, as the one before another. */
static void
appendRemoveOnce(virJSONValue *actions, const char *node, const char *bitmap)
{
    for (size_t i = 0; i < virJSONArraySize(actions); i++) {
        const virJSONValue *action = virJSONArrayAt(actions, i);
        const virJSONValue *data = virJSONObjectLookupObject(action, "data");

        if (g_str_equal(virJSONObjectLookupString(action, "type"), "block-dirty-bitmap-remove") &&
            g_str_equal(virJSONObjectLookupString(data, "node"), node) &&
            g_str_equal(virJSONObjectLookupString(data, "name"), bitmap))
            return;
    }
    appendRemove(actions, node, bitmap);
}

static void
appendDelete(virJSONValue *actions, const qemuCheckpointPlanDisk *disk)
{
    gsize n = g_strv_length((char **)disk->checkpoints);
    const char *newest = n > 0 ? disk->checkpoints[n - 1] : NULL;
    size_t i = 0;

    for (size_t k = 0; k < disk->nstrays; k++) {
        if (strayGetsWhole(disk, &disk->strays[k], newest))
            appendStray(actions, disk, &disk->strays[k], newest);
    }
    while (disk->checkpoints[i]) {
        size_t end = i;

        while (disk->checkpoints[end] && diskDeletes(disk, disk->checkpoints[end]))
            end++;
        if (end > i)
            appendDeleteRun(actions, disk, i, end);
        i = end > i ? end : i + 1;
    }
    for (size_t k = 0; k < disk->nstrays; k++) {
        if (disk->strays[k].placed && !strayGetsWhole(disk, &disk->strays[k], newest))
            appendRemoveOnce(actions, disk->node->name, disk->strays[k].bitmap);
    }
}

qemuPlan *
qemuCheckpointPlanDelete(const qemuCheckpointPlanDisk *disks, size_t n)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("checkpoint-delete");
    g_autoptr(virJSONValue) actions = virJSONNewArray();

    for (size_t i = 0; i < n; i++) {
        if (disks[i].node)
            appendDelete(actions, &disks[i]);
    }
    if (virJSONArraySize(actions) > 0)
        qemuPlanAddQMP(plan, transactionNew(g_steal_pointer(&actions)), NULL,
                       "checkpoint.delete.transaction");
    return g_steal_pointer(&plan);
}
