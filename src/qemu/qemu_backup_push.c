/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Push backups run as one blockdev-backup job a disk. The jobs stay in QEMU after their end
 * (auto-dismiss off) until we have read how they ended, so neither a missed event nor a restart of
 * the daemon loses the result.
 */
#include "qemu_backup_push.h"

#include <string.h>

#include "qemu_backup_plan.h"
#include "qemu_target_pick.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define PUSH_PREFIX "fleece-push-"

const char *
qemuBackupPushJobDisk(const char *id)
{
    return id && g_str_has_prefix(id, PUSH_PREFIX) ? id + strlen(PUSH_PREFIX) : NULL;
}

static const virJSONValue *
jobLookup(const virJSONValue *jobs, const char *disk)
{
    for (size_t i = 0; i < virJSONArraySize(jobs); i++) {
        const virJSONValue *entry = virJSONArrayAt(jobs, i);

        if (g_strcmp0(qemuBackupPushJobDisk(virJSONObjectLookupString(entry, "id")), disk) == 0)
            return entry;
    }
    return NULL;
}

static void
diskUpdate(qemuBackupJobDisk *disk, const virJSONValue *entry, bool cancelled)
{
    const char *error = virJSONObjectLookupString(entry, "error");

    if (!entry) {
        disk->done = true;
        if (!disk->error)
            disk->error = g_strdup("its job vanished from QEMU");
        return;
    }
    virJSONObjectGetUInt(entry, "current-progress", &disk->processed);
    virJSONObjectGetUInt(entry, "total-progress", &disk->total);
    if (g_strcmp0(virJSONObjectLookupString(entry, "status"), "concluded") != 0)
        return;
    disk->done = true;
    disk->cancelled = cancelled && !disk->error && (error || disk->processed < disk->total);
    if (error && !disk->error)
        disk->error = g_strdup(error);
}

int
qemuBackupPushRefresh(qemuVM *vm, qemuBackupJob *job)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-jobs'}");
    g_autoptr(virJSONValue) jobs = NULL;
    g_autoptr(qemuHelper) helper = NULL;
    qemuTarget *target = qemuTargetOfNow(vm, &helper);

    if (target->ops->command(target, command, &jobs) < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        for (guint i = 0; i < job->disks->len; i++) {
            qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

            if (!disk->done)
                diskUpdate(disk, jobLookup(jobs, disk->name), job->abortRequested);
        }
    }
    return 0;
}

static bool
pushGoesOverWire(const qemuBackupJob *job, const char *disk)
{
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(job->def->disks, i);

        if (g_str_equal(def->name, disk))
            return def->store->nbd != NULL;
    }
    return false;
}

/* A job that ends waits for what is under way, and QEMU's main loop with it, the guest's devices
 * included: seen to take 150 s with a slow NBD server. So its connection is cut first; behind the cancel it
 * would not be heard any more. That the writes then fail is no failure: an abort was asked for. */
static void
cancelDisk(qemuVM *vm, const qemuBackupJob *job, const qemuBackupJobDisk *disk)
{
    qemuTarget *target = qemuVMTarget(vm);
    g_autofree char *id = g_strconcat(PUSH_PREFIX, disk->name, NULL);
    g_autofree char *wire = qemuBackupNodeName("wire", disk->name);
    g_autoptr(virJSONValue) cancel = virJSONBuild("{'execute':'job-cancel','arguments':{'id':%s}}", id);
    g_autoptr(virJSONValue) cut = virJSONBuild(
        "{'execute':'yank','arguments':{'instances':[{'type':'block-node','node-name':%s}]}}", wire);
    virJSONValue *commands[] = { cut, cancel };
    virJSONValue *replies[] = { NULL, NULL };
    size_t n = pushGoesOverWire(job, disk->name) ? 2 : 1;
    virJSONValue *const *sent = commands + G_N_ELEMENTS(commands) - n;
    const char *desc = NULL;

    if (target->ops->batch(target, sent, n, replies) < 0)
        virErrorReset();   /* QEMU has gone */
    for (size_t i = 0; i < n; i++) {
        /* It has just concluded by itself: its event is on the way. */
        if (replies[i] && qemuMonitorReplyError(replies[i], NULL, &desc))
            VIR_INFO("domain '%s': cancelling push of disk '%s': %s", vm->name, disk->name, desc);
        virJSONValueFree(replies[i]);
    }
}

void
qemuBackupPushCancel(qemuVM *vm, qemuBackupJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (!disk->done)
            cancelDisk(vm, job, disk);
    }
}

bool
qemuBackupPushDone(const qemuBackupJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        if (!((const qemuBackupJobDisk *)g_ptr_array_index(job->disks, i))->done)
            return false;
    }
    return true;
}

const char *
qemuBackupPushError(const qemuBackupJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->error && !disk->cancelled)
            return disk->error;
    }
    return NULL;
}
