/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk comes. It is in the running definition, and in the status file, before QEMU hears of it: a
 * daemon that dies on the way leaves a disk without a device, or a device with its disk, and the
 * next one can tell (qemuHotplugReconcile).
 *
 *   files lent -> Def and status file with the disk -> nodes, device -> event
 */
#include "qemu_hotplug.h"

#include <errno.h>
#include <unistd.h>

#include "domain_device.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_checkpoint_books.h"
#include "qemu_command.h"
#include "qemu_data_file.h"
#include "qemu_driver_state.h"
#include "qemu_hotplug_plan.h"
#include "qemu_lend.h"
#include "qemu_nbd.h"
#include "qemu_nodes.h"
#include "qemu_plan_run.h"
#include "qemu_status.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

int
qemuHotplugInstall(qemuVM *vm, virDomainDef *def)
{
    {
        QEMU_VM_LOCK_GUARD(vm);

        virDomainDefFree(vm->def);
        vm->def = def;
        qemuVMSetTargetDisks(vm, qemuNodesTargetDisks(def));
    }
    qemuCheckpointBooksForget(vm);
    return virFaultPoint("hotplug.status") < 0 ? -1 : qemuStatusSave(vm);
}

static int
checkFile(const virStorageSource *src)
{
    if (!src->path || access(src->path, F_OK) == 0)
        return 0;
    virReportSystemError(errno, "Cannot access storage file '%s'", src->path);
    return -1;
}

int
qemuHotplugCheckSource(const qemuVM *vm, const virDomainDiskDef *disk)
{
    g_autofree char *use = g_strdup_printf("give disk '%s' to domain '%s' from", disk->dst, vm->name);

    for (const virStorageSource *src = disk->src; src; src = src->backing) {
        if (checkFile(src) < 0 || (src->dataStore && checkFile(src->dataStore) < 0))
            return -1;
    }
    return qemuNbdProbeChain(disk->src, use);
}

static int
checkBus(const virDomainDiskDef *disk)
{
    if (disk->device == VIR_DISK_DEVICE_CDROM) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "a cdrom drive cannot be attached to a running domain: disk '%s'",
                       disk->dst);
        return -1;
    }
    if (disk->bus == VIR_DISK_BUS_VIRTIO || disk->bus == VIR_DISK_BUS_SCSI)
        return 0;
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "disk '%s': bus '%s' cannot be hotplugged; use bus 'virtio' or 'scsi'",
                   disk->dst, virDiskBusToString(disk->bus));
    return -1;
}

/* (owned) the running definition with the disk in it, ready for QEMU. */
static virDomainDef *
attachPrepare(qemuVM *vm, virDomainDiskDef **disk, unsigned int *counter)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    if (!def || checkBus(*disk) < 0 || qemuDataFileProbe((*disk)->src) < 0 ||
        qemuHotplugCheckSource(vm, *disk) < 0 ||
        virDomainDefPlaceHotplugged(def, *disk) < 0 || virDomainDefAddDisk(def, disk, true) < 0)
        return NULL;
    virDomainDefAssignAliases(def);
    {
        QEMU_VM_LOCK_GUARD(vm);

        *counter = vm->nodeCounter;
    }
    qemuNodesAssign(def, counter);
    return g_steal_pointer(&def);
}

static qemuPlan *
attachPlan(const virDomainDef *def, const virDomainDiskDef *disk)
{
    g_autoptr(qemuCaps) caps = qemuDriverCaps(def->emulator);
    qemuCommandInput input = {.def = def};
    virJSONValue *device = NULL;

    if (!caps)
        return NULL;
    input.facts = qemuCapsGetFacts(caps);
    device = qemuCommandDiskProps(&input, disk);
    return device ? qemuHotplugPlanAttach(disk, device) : NULL;
}

/* Lending and taking back changes what bitmaps in the store are recognised by. */
static int
attachLend(const virDomainDef *def, const virDomainDiskDef *disk)
{
    GPtrArray *stores = qemuBitmapStoreBeforeChown(def);
    int rc = qemuLendDisk(disk);

    qemuBitmapStoreAfterChown(stores);
    return rc;
}

void
qemuHotplugReturn(const virDomainDef *def, const virDomainDiskDef *disk)
{
    GPtrArray *stores = qemuBitmapStoreBeforeChown(def);

    qemuLendReturnDisk(disk);
    qemuBitmapStoreAfterChown(stores);
}

/* After a failure: as it was. The device may be there if only its last step had failed. */
static void
attachUndo(qemuVM *vm, const virDomainDef *with, const virDomainDiskDef *disk)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    virDomainDefRemoveDisk(def, disk->dst);
    if (qemuHotplugInstall(vm, g_steal_pointer(&def)) < 0)
        VIR_WARN(
            "domain '%s': its status file still has disk '%s', which could not be attached: %s",
            vm->name, disk->dst, virErrorLastMessage());
    qemuHotplugReturn(with, disk);
    virErrorRestore(&saved);
}

static int
attachRun(qemuVM *vm, const qemuPlan *plan, virDomainDef *def, unsigned int counter)
{
    qemuPlanRun run = {.plan = plan};

    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->nodeCounter = counter;
    }
    return qemuHotplugInstall(vm, def) < 0 || qemuPlanRunAll(&run, &vm->target) < 0 ? -1 : 0;
}

int
qemuHotplugAttach(qemuVM *vm, virDomainDiskDef **disk)
{
    g_autofree char *dst = g_strdup((*disk)->dst);
    unsigned int counter = 0;
    g_autoptr(virDomainDef) def = attachPrepare(vm, disk, &counter);
    const virDomainDiskDef *added = def ? virDomainDefDisk(def, dst, false) : NULL;
    g_autoptr(qemuPlan) plan = added ? attachPlan(def, added) : NULL;
    virDomainDef *installed = plan ? virDomainDefCopy(def) : NULL;

    if (!installed)
        return -1;
    if (attachLend(def, added) < 0) {
        virDomainDefFree(installed);
        return -1;
    }
    if (attachRun(vm, plan, installed, counter) < 0) {
        attachUndo(vm, def, added);
        return -1;
    }
    VIR_INFO("domain '%s': disk '%s' is attached as '%s'", vm->name, dst, added->alias);
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuVMPublish(vm, virDomainEventDeviceNew(vm->name, vm->uuid, vm->def->id,
                                                  VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, added->alias));
    }
    return 0;
}
