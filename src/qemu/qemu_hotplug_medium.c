/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another medium in a CD-ROM drive of a running domain. The new image is opened before the tray
 * moves, so that the usual mistakes leave the drive as it was. The guest may have locked its tray:
 * then QEMU only asks it to let go.
 */
#include "qemu_hotplug.h"

#include "domain_device.h"
#include "qemu_data_file.h"
#include "qemu_hotplug_plan.h"
#include "qemu_lend.h"
#include "qemu_nodes.h"
#include "qemu_plan_run.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

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
runChange(qemuVM *vm, const virDomainDiskDef *old, const virDomainDiskDef *drive, bool force)
{
    g_autoptr(qemuPlan) plan = qemuHotplugPlanMedium(old, drive, force);
    g_autoptr(qemuPlan) rest = qemuHotplugPlanRemoved(old);
    qemuPlanRun run = {.plan = plan};

    if (qemuHotplugCheckSource(vm, drive) < 0 || qemuLendDisk(drive) < 0)
        return -1;
    if (qemuPlanRunAll(&run, &vm->target) < 0) {
        qemuLendReturnDisk(drive);
        return -1;
    }
    run = (qemuPlanRun){.plan = rest};
    if (qemuPlanRunAll(&run, &vm->target) < 0) {
        VIR_WARN("domain '%s': QEMU keeps the old medium of '%s' open: %s", vm->name, old->dst,
                 virErrorLastMessage());
        virErrorReset();
    }
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
