/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another medium in a CD-ROM drive of a running domain. The new image is opened before the tray
 * moves, so that the usual mistakes leave the drive as it was. The guest may have locked its tray:
 * then QEMU only asks it to let go. A guest that resets its drive closes the tray, at any moment: then
 * it is done once more, with what is in the drive then.
 *
 * The definition follows when it is done. A daemon that dies before leaves a drive that is not what the
 * definition says; the next one believes the drive, unless it is empty and its medium is still open.
 */
#include "qemu_hotplug.h"

#include <stdio.h>
#include <string.h>

#include "domain_device.h"
#include "qemu_data_file.h"
#include "qemu_hotplug_plan.h"
#include "qemu_lend.h"
#include "qemu_nodes.h"
#include "qemu_plan_run.h"
#include "qemu_qmp_block.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define TRAY_TRIES 3

typedef struct {
    char *node;     /* of the medium in it, or NULL */
    bool locked;    /* by the guest */
} driveState;

static void
driveStateClear(driveState *state)
{
    g_clear_pointer(&state->node, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(driveState, driveStateClear)

static int
fetchDrive(qemuVM *vm, const virDomainDiskDef *drive, driveState *state)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-block'}");
    g_autoptr(virJSONValue) reply = NULL;

    driveStateClear(state);
    if (vm->target.ops->command(&vm->target, command, &reply) < 0)
        return -1;
    for (size_t i = 0; i < virJSONArraySize(reply); i++) {
        const virJSONValue *entry = virJSONArrayAt(reply, i);
        const virJSONValue *inserted = virJSONObjectLookupObject(entry, "inserted");

        if (g_strcmp0(virJSONObjectLookupString(entry, "qdev"), drive->alias) != 0)
            continue;
        state->node = g_strdup(inserted ? virJSONObjectLookupString(inserted, "node-name") : NULL);
        state->locked = virJSONObjectIsTrue(entry, "locked");
        return 0;
    }
    virReportError(VIR_ERR_INTERNAL_ERROR, "QEMU knows nothing of the drive '%s'", drive->dst);
    return -1;
}

static bool
holds(const driveState *state, const virDomainDiskDef *drive)
{
    g_autofree char *node = drive->src ? qemuNodeNameFormat(drive->src->index) : NULL;

    return g_strcmp0(state->node, node) == 0;
}

/* (owned) the running definition with the medium of @disk (consumed) in its drive. */
static virDomainDef *
withMedium(const virDomainDef *old, virDomainDiskDef *disk, unsigned int *counter)
{
    g_autoptr(virDomainDef) def = virDomainDefCopy(old);
    virDomainDiskDef *drive = virDomainDefDisk(def, disk->dst, false);

    virStorageSourceFree(drive->src);
    drive->src = g_steal_pointer(&disk->src);
    qemuNodesAssign(def, counter);
    return g_steal_pointer(&def);
}

static int
runPlan(qemuVM *vm, qemuPlan *plan)
{
    g_autoptr(qemuPlan) owned = plan;
    qemuPlanRun run = {.plan = owned};

    return qemuPlanRunAll(&run, &vm->target);
}

/* Whatever is in it now, the drive gets the medium of @drive, whose nodes are open. */
static int
fillDrive(qemuVM *vm, const virDomainDiskDef *drive, bool force)
{
    g_auto(driveState) state = { 0 };

    for (int i = 0; i < TRAY_TRIES; i++) {
        if (fetchDrive(vm, drive, &state) < 0)
            return -1;
        if (holds(&state, drive) || runPlan(vm, qemuHotplugPlanTray(drive, state.node, force)) == 0)
            return 0;
        if (state.locked && !force)
            break;
    }
    return -1;
}

static void
closeNodes(qemuVM *vm, const virDomainDiskDef *drive)
{
    if (runPlan(vm, qemuHotplugPlanRemoved(drive)) == 0)
        return;
    VIR_WARN("domain '%s': QEMU keeps a medium of '%s' open that is not in it: %s", vm->name, drive->dst,
             virErrorLastMessage());
    virErrorReset();
}

/* With the error that it has failed with. */
static void
takeBack(qemuVM *vm, const virDomainDiskDef *old, const virDomainDiskDef *drive)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    if (fillDrive(vm, old, true) < 0)
        VIR_WARN("domain '%s': the medium of '%s' cannot be put back: %s", vm->name, old->dst,
                 virErrorLastMessage());
    closeNodes(vm, drive);
    virErrorRestore(&saved);
}

static int
runChange(qemuVM *vm, const virDomainDiskDef *old, const virDomainDiskDef *drive, bool force)
{
    if (qemuHotplugCheckSource(vm, drive) < 0 || qemuLendDisk(drive) < 0)
        return -1;
    if (runPlan(vm, qemuHotplugPlanMedium(drive)) < 0) {
        qemuLendReturnDisk(drive);
        return -1;
    }
    if (fillDrive(vm, drive, force) < 0) {
        takeBack(vm, old, drive);
        qemuLendReturnDisk(drive);
        return -1;
    }
    closeNodes(vm, old);
    qemuLendReturnDisk(old);
    return 0;
}

int
qemuHotplugChangeMedium(qemuVM *vm, virDomainDiskDef *disk, bool force)
{
    g_autoptr(virDomainDef) old = qemuVMCopyDef(vm);
    const virDomainDiskDef *drive = virDomainDefDisk(old, disk->dst, false);
    g_autoptr(virDomainDef) def = NULL;
    unsigned int counter = 0;

    {
        QEMU_VM_LOCK_GUARD(vm);

        counter = vm->nodeCounter;
    }
    if (qemuDataFileProbe(disk->src) < 0)
        return -1;
    def = withMedium(old, disk, &counter);
    if (qemuHotplugCheckFree(vm, drive->dst, "changed") < 0 ||
        runChange(vm, drive, virDomainDefDisk(def, drive->dst, false), force) < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->nodeCounter = counter;
    }
    return qemuHotplugInstall(vm, g_steal_pointer(&def));
}

/* (owned) what the node @name, which we had made, is an image of; NULL if it is none in a file. */
static virStorageSource *
sourceOfNode(const virJSONValue *nodes, const char *name)
{
    unsigned int index = 0;
    bool ours = sscanf(name, "libvirt-%u-format", &index) == 1;
    g_autofree char *below = ours ? qemuNodeNameStorage(index) : NULL;
    const virJSONValue *format = ours ? qemuQMPNodeLookup(nodes, name) : NULL;
    const virJSONValue *storage = ours ? qemuQMPNodeLookup(nodes, below) : NULL;
    const char *driver = virJSONObjectLookupString(storage, "drv");
    const char *path = virJSONObjectLookupString(storage, "file");
    bool isBlock = g_strcmp0(driver, "host_device") == 0;
    int kind = format ? virStorageFormatFromString(virJSONObjectLookupString(format, "drv")) : -1;
    virStorageSource *src = NULL;

    if (kind < 0 || !path || (!isBlock && g_strcmp0(driver, "file") != 0))
        return NULL;
    src = virStorageSourceNew(isBlock ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE, kind, path);
    src->index = index;
    return src;
}

/* The change had been made, only nobody had noted it. @src: consumed; NULL, it was ejected. */
static int
believe(qemuVM *vm, const virDomainDiskDef *drive, virStorageSource *src)
{
    virDomainDef *def = qemuVMCopyDef(vm);
    virDomainDiskDef *mine = virDomainDefDisk(def, drive->dst, false);

    VIR_WARN("domain '%s': its drive '%s' holds %s%s, as a change of medium was interrupted", vm->name,
             drive->dst, src ? "another medium: " : "nothing", src ? src->path : "");
    virStorageSourceFree(mine->src);
    mine->src = src;
    if (qemuLendDisk(mine) < 0)
        virErrorReset();
    qemuLendReturnDisk(drive);
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->nodeCounter = MAX(vm->nodeCounter, src ? src->index : 0);
    }
    return qemuHotplugInstall(vm, def);
}

static int
reconcileDrive(qemuVM *vm, const virDomainDiskDef *drive, const virJSONValue *nodes)
{
    g_auto(driveState) state = { 0 };
    g_autofree char *old = drive->src ? qemuNodeNameFormat(drive->src->index) : NULL;
    virStorageSource *src = NULL;

    if (fetchDrive(vm, drive, &state) < 0)
        return -1;
    if (holds(&state, drive))
        return 0;
    src = state.node ? sourceOfNode(nodes, state.node) : NULL;
    if (src || (!state.node && !qemuQMPNodeLookup(nodes, old)))
        return believe(vm, drive, src);
    VIR_WARN("domain '%s': its drive '%s' gets its medium back, as a change of it was interrupted",
             vm->name, drive->dst);
    return fillDrive(vm, drive, true);
}

int
qemuHotplugReconcileMedia(qemuVM *vm)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true);
    g_autoptr(virJSONValue) nodes = NULL;
    bool drives = false;

    for (guint i = 0; i < def->disks->len; i++)
        drives |= ((virDomainDiskDef *)g_ptr_array_index(def->disks, i))->device == VIR_DISK_DEVICE_CDROM;
    if (!drives)
        return 0;
    if (vm->target.ops->command(&vm->target, command, &nodes) < 0)
        return -1;
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *drive = g_ptr_array_index(def->disks, i);

        if (drive->device == VIR_DISK_DEVICE_CDROM && reconcileDrive(vm, drive, nodes) < 0) {
            VIR_WARN("domain '%s': drive '%s': %s", vm->name, drive->dst, virErrorLastMessage());
            virErrorReset();
        }
    }
    return 0;
}
