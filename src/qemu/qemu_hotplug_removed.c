/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk goes. QEMU is asked to take the device away, for which a guest that knows of it has to let
 * go; the event DEVICE_DELETED says that it has. Who waits for it takes the rest away, or, if
 * nobody does (the guest was slow, or did it by itself), a worker.
 *
 * The nodes are closed one by one from the top, which brings the bitmaps of a qcow2 image into the
 * file. Only then the image is somebody else's again.
 */
#include "qemu_hotplug.h"

#include <string.h>

#include "domain_device.h"
#include "qemu_backup_end.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_hotplug_plan.h"
#include "qemu_nodes.h"
#include "qemu_plan_run.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define UNPLUG_WAIT_MS 5000

static bool
backupHas(const qemuVM *vm, const char *dst)
{
    return vm->backup && qemuBackupJobDiskLookup(vm->backup, dst);
}

int
qemuHotplugCheckFree(qemuVM *vm, const char *dst, const char *action)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (!backupHas(vm, dst))
        return 0;
    virReportError(
        VIR_ERR_OPERATION_INVALID,
        "disk '%s' of domain '%s' cannot be %s: it is being backed up; wait for the backup or "
        "abort it",
        dst, vm->name, action);
    return -1;
}

/* The guest took away what is being read: that backup has failed. */
static void
breakBackup(qemuVM *vm, const char *dst)
{
    g_autofree char *why = g_strdup_printf("disk '%s' was taken out of the running guest", dst);
    g_autoptr(qemuBackupJob) job = qemuBackupOfVM(vm);

    if (job && qemuBackupJobDiskLookup(job, dst))
        qemuBackupBreak(vm, job, why);
}

/* What QEMU holds of an image in memory must be in it before the bitmap store notes its state: closing
 * it would write that later, and the bitmaps would count as lost. If this fails they do. */
static void
flushImage(qemuVM *vm, const virDomainDiskDef *disk)
{
    g_autofree char *node = qemuNodeNameFormat(disk->src->index);
    g_autofree char *line = g_strdup_printf("qemu-io %s flush", node);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'human-monitor-command','arguments':{'command-line':%s}}", line);

    if (vm->target.ops->command(&vm->target, command, NULL) < 0)
        virErrorReset();
}

/* Bitmaps that its image cannot hold. */
static void
saveBitmaps(qemuVM *vm, const virDomainDiskDef *disk)
{
    if (disk->src)
        flushImage(vm, disk);
    if (qemuBitmapStoreUnplug(&vm->target, disk->dst) == 0)
        return;
    VIR_WARN("domain '%s': the bitmaps of disk '%s' are lost with it: %s", vm->name, disk->dst,
             virErrorLastMessage());
    virErrorReset();
}

static void
closeNodes(qemuVM *vm, const virDomainDiskDef *disk)
{
    g_autoptr(qemuPlan) plan = qemuHotplugPlanRemoved(disk);
    qemuPlanRun run = {.plan = plan};

    if (qemuPlanRunAll(&run, &vm->target) == 0)
        return;
    VIR_WARN("domain '%s': disk '%s' is gone, but QEMU keeps its image '%s' open: %s", vm->name,
             disk->dst, disk->src ? virStorageSourcePath(disk->src) : "", virErrorLastMessage());
    virErrorReset();
}

void
qemuHotplugRemoved(qemuVM *vm, const char *alias)
{
    g_autoptr(virDomainDef) old = qemuVMCopyDef(vm);
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    const virDomainDiskDef *disk = virDomainDefDiskByAlias(old, alias);

    if (!disk)
        return;
    breakBackup(vm, disk->dst);
    saveBitmaps(vm, disk);
    closeNodes(vm, disk);
    virDomainDefRemoveDisk(def, disk->dst);
    if (qemuHotplugInstall(vm, g_steal_pointer(&def)) < 0) {
        VIR_WARN("domain '%s': its status file still has disk '%s', which is gone; the next start "
                 "of the "
                 "daemon puts it right: %s",
                 vm->name, disk->dst, virErrorLastMessage());
        virErrorReset();
    }
    qemuHotplugReturn(old, disk);
    VIR_INFO("domain '%s': disk '%s' ('%s') is gone", vm->name, disk->dst, alias);
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuVMPublish(vm, virDomainEventDeviceNew(vm->name, vm->uuid, vm->def->id,
                                                  VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, alias));
    }
}

static void
expectUnplug(qemuVM *vm, const char *alias)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->unplugAlias = g_strdup(alias);
    vm->unplugDone = false;
    vm->unplugRefused = false;
}

/* Until the device is gone, the guest refuses, or the time is up; then the event is the worker's.
 */
static void
awaitUnplug(qemuVM *vm, unsigned int waitMs, bool *done, bool *refused)
{
    gint64 deadline = g_get_monotonic_time() + waitMs * G_TIME_SPAN_MILLISECOND;
    QEMU_VM_LOCK_GUARD(vm);

    while (!vm->unplugDone && !vm->unplugRefused && !vm->exited && qemuVMWait(vm, deadline))
        ;
    *done = vm->unplugDone;
    *refused = vm->unplugRefused;
    g_clear_pointer(&vm->unplugAlias, g_free);
}

/* QEMU says so when the guest has been asked already and has not answered. */
static int
askGuest(qemuVM *vm, const char *alias)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'device_del','arguments':{'id':%s}}", alias);

    if (vm->target.ops->command(&vm->target, command, NULL) == 0)
        return 0;
    if (!strstr(virErrorLastMessage(), "in the process of unplug"))
        return -1;
    virErrorReset();
    return 0;
}

static int
detachAlias(qemuVM *vm, const char *alias, const char *dst, bool wait)
{
    bool done = false;
    bool refused = false;
    int rc = 0;

    expectUnplug(vm, alias);
    rc = askGuest(vm, alias);
    awaitUnplug(vm, rc == 0 && wait ? UNPLUG_WAIT_MS : 0, &done, &refused);
    if (done)
        qemuHotplugRemoved(vm, alias);
    if (rc == 0 && refused) {
        virReportError(VIR_ERR_OPERATION_FAILED, "the guest refuses to let disk '%s' go", dst);
        return -1;
    }
    return rc;
}

static int
checkDetachable(const virDomainDiskDef *disk)
{
    if (disk->device == VIR_DISK_DEVICE_CDROM) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED, "%s",
                       "disk device type 'cdrom' cannot be detached");
        return -1;
    }
    if (disk->bus == VIR_DISK_BUS_VIRTIO || disk->bus == VIR_DISK_BUS_SCSI)
        return 0;
    virReportError(
        VIR_ERR_OPERATION_UNSUPPORTED,
        "disk '%s' cannot be detached from a running domain: bus '%s' cannot be hot unplugged",
        disk->dst, virDiskBusToString(disk->bus));
    return -1;
}

int
qemuHotplugDetach(qemuVM *vm, const char *dst, bool wait)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    const virDomainDiskDef *disk = virDomainDefDisk(def, dst, false);

    if (!disk) {
        virReportError(VIR_ERR_DEVICE_MISSING, "disk %s not found", dst);
        return -1;
    }
    if (checkDetachable(disk) < 0 || qemuHotplugCheckFree(vm, dst, "detached") < 0)
        return -1;
    return detachAlias(vm, disk->alias, dst, wait);
}

typedef struct {
    qemuVM *vm; /* (owned reference) */
    unsigned int run;
    char *alias;
} lateUnplug;

/* Nobody waited for it. The event lane must not wait for the job slot. */
static void
unpluggedLate(void *data)
{
    lateUnplug *late = data;
    qemuVM *vm = late->vm;
    bool current = false;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "removal of a device") < 0) {
        virErrorReset();
        qemuWorkersRun(unpluggedLate, late);
        return;
    }
    {
        QEMU_VM_LOCK_GUARD(vm);

        current = vm->run == late->run && qemuVMIsActive(vm) && !vm->exited;
    }
    if (current)
        qemuHotplugRemoved(vm, late->alias);
    virErrorReset();
    qemuJobEnd(&vm->job);
    qemuVMUnref(vm);
    g_free(late->alias);
    g_free(late);
}

/* Lock held. Does somebody wait for this? */
static bool
tellWaiter(qemuVM *vm, const char *alias, bool refused)
{
    if (g_strcmp0(vm->unplugAlias, alias) != 0)
        return false;
    if (refused)
        vm->unplugRefused = true;
    else
        vm->unplugDone = true;
    qemuVMSignal(vm);
    return true;
}

void
qemuHotplugEvent(qemuVM *vm, const char *event, const char *alias)
{
    bool refused = !g_str_equal(event, "DEVICE_DELETED");
    lateUnplug *late = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    /* Parts of a device, which have no id of their own, come and go with it. */
    if (!alias)
        return;
    if (refused)
        qemuVMPublish(vm,
                      virDomainEventDeviceNew(vm->name, vm->uuid, vm->def->id,
                                              VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, alias));
    if (tellWaiter(vm, alias, refused) || refused)
        return;
    late = g_new0(lateUnplug, 1);
    *late = (lateUnplug){.vm = qemuVMRef(vm), .run = vm->run, .alias = g_strdup(alias)};
    qemuWorkersRun(unpluggedLate, late);
}

GHashTable *
qemuHotplugDevices(qemuVM *vm)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'qom-list','arguments':{'path':'/machine/peripheral'}}");
    g_autoptr(virJSONValue) reply = NULL;
    GHashTable *ids = NULL;

    if (vm->target.ops->command(&vm->target, command, &reply) < 0)
        return NULL;
    ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < virJSONArraySize(reply); i++) {
        const char *name = virJSONObjectLookupString(virJSONArrayAt(reply, i), "name");

        if (name)
            g_hash_table_add(ids, g_strdup(name));
    }
    return ids;
}

int
qemuHotplugReconcile(qemuVM *vm)
{
    g_autoptr(GHashTable) ids = qemuHotplugDevices(vm);
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    for (guint i = 0; ids && i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->alias || g_hash_table_contains(ids, disk->alias))
            continue;
        VIR_WARN("domain '%s': its disk '%s' is not in QEMU and is taken out of the definition",
                 vm->name, disk->dst);
        qemuHotplugRemoved(vm, disk->alias);
    }
    return ids && qemuHotplugReconcileMedia(vm) == 0 ? qemuHotplugCloseStrays(vm) : -1;
}
