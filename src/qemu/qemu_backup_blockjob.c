/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who asks names a disk by its target or by its image, as everywhere. What is true when the answer is given
 * may be over when it arrives: a QEMU job that has concluded is no job any more, to anybody.
 */
#include "qemu_backup_blockjob.h"

#include "qemu_backup.h"
#include "qemu_backup_end.h"
#include "qemu_backup_job.h"
#include "qemu_backup_plan.h"
#include "qemu_backup_push.h"
#include "qemu_qmp_block.h"
#include "qemu_target_pick.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* (owned) target name of the disk; NULL with an error. */
static char *
findDisk(qemuVM *vm, const char *path)
{
    const virDomainDiskDef *disk = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->backup && qemuVMCheckActive(vm) < 0)
        return NULL;
    disk = *path ? virDomainDefDisk(vm->def, path, true) : NULL;
    if (!disk)
        virReportError(VIR_ERR_INVALID_ARG, "disk '%s' not found in domain", path);
    return disk ? g_strdup(disk->dst) : NULL;
}

/* (owned reference) the running backup, if it still works on @disk. */
static qemuBackupJob *
jobOfDisk(qemuVM *vm, const char *disk)
{
    g_autoptr(qemuBackupJob) job = qemuBackupOfVM(vm);
    const qemuBackupJobDisk *mine = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    mine = job ? qemuBackupJobDiskLookup(job, disk) : NULL;
    return mine && !mine->done ? g_steal_pointer(&job) : NULL;
}

static void
reportNoJob(const char *disk)
{
    virReportError(VIR_ERR_INVALID_ARG, "disk %s does not have an active block job", disk);
}

static int
pullInfo(qemuVM *vm, qemuBackupJob *job, const char *disk, virDomainBlockJobInfoPtr info)
{
    const qemuBackupJobDisk *mine = qemuBackupJobDiskLookup(job, disk);

    qemuBackupJobMeasure(vm, job);
    QEMU_VM_LOCK_GUARD(vm);
    info->type = VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP;
    info->cur = MIN(mine->used, mine->size);
    info->end = mine->size;
    return 1;
}

static int
pushInfo(qemuVM *vm, const char *disk, virDomainBlockJobInfoPtr info)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-block-jobs'}");
    g_autofree char *id = qemuBackupNodeName("push", disk);
    g_autoptr(virJSONValue) reply = NULL;
    g_autoptr(GPtrArray) jobs = NULL;
    g_autoptr(qemuHelper) helper = NULL;
    qemuTarget *target = qemuTargetOfNow(vm, &helper);

    if (target->ops->command(target, command, &reply) < 0 || !(jobs = qemuQMPBlockJobsParse(reply)))
        return -1;
    for (guint i = 0; i < jobs->len; i++) {
        const qemuQMPBlockJob *job = g_ptr_array_index(jobs, i);

        if (!g_str_equal(job->id, id) || job->concluded)
            continue;
        info->type = VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP;
        info->bandwidth = job->speed;
        info->cur = job->offset;
        info->end = job->length;
        return 1;
    }
    return 0;
}

int
qemuBackupBlockJobInfo(qemuVM *vm, const char *disk, virDomainBlockJobInfoPtr info)
{
    g_autoptr(qemuBackupJob) job = NULL;
    g_autofree char *name = NULL;

    qemuVMAwaitReconnect(vm);
    if (!(name = findDisk(vm, disk)))
        return -1;
    if (!(job = jobOfDisk(vm, name)))
        return 0;
    return job->def->mode == VIR_BACKUP_MODE_PULL ? pullInfo(vm, job, name, info)
                                                  : pushInfo(vm, name, info);
}

/* A job that has come to its end on the way takes no speed any more. */
static int
setSpeed(qemuVM *vm, qemuBackupJob *job, const char *disk, unsigned long long bytes)
{
    qemuTarget *target = qemuVMTarget(vm);
    g_autofree char *id = qemuBackupNodeName("push", disk);
    g_autoptr(virJSONValue) command = virJSONBuild(
        "{'execute':'block-job-set-speed','arguments':{'device':%s,'speed':%llu}}", id, bytes);
    g_autoptr(qemuBackupJob) left = NULL;
    virErrorPtr saved = NULL;

    if (target->ops->command(target, command, NULL) == 0)
        return 0;
    virErrorPreserveLast(&saved);
    qemuBackupPushRefresh(vm, job);
    left = jobOfDisk(vm, disk);
    virErrorRestore(&saved);
    if (!left)
        reportNoJob(disk);
    return -1;
}

static int
setSpeedHeld(qemuVM *vm, const char *disk, unsigned long long bytes)
{
    g_autofree char *name = findDisk(vm, disk);
    g_autoptr(qemuBackupJob) job = name ? jobOfDisk(vm, name) : NULL;

    if (!name)
        return -1;
    if (!job) {
        reportNoJob(name);
        return -1;
    }
    if (job->def->mode == VIR_BACKUP_MODE_PUSH)
        return setSpeed(vm, job, name, bytes);
    if (bytes == 0)
        return 0;
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "cannot limit the backup of disk '%s' of domain '%s': it is a pull, so the client "
                   "that reads the disk decides how fast it does",
                   name, vm->name);
    return -1;
}

int
qemuBackupBlockJobSetSpeed(qemuVM *vm, const char *disk, unsigned long long bytes)
{
    int rc = 0;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainBlockJobSetSpeed") < 0)
        return -1;
    rc = setSpeedHeld(vm, disk, bytes);
    qemuJobEnd(&vm->job);
    return rc;
}

int
qemuBackupBlockJobAbort(qemuVM *vm, const char *disk, bool pivot, bool wait)
{
    g_autoptr(qemuBackupJob) job = NULL;
    g_autofree char *name = NULL;

    qemuVMAwaitReconnect(vm);
    if (!(name = findDisk(vm, disk)))
        return -1;
    if (!(job = jobOfDisk(vm, name))) {
        reportNoJob(name);
        return -1;
    }
    if (pivot) {
        virReportError(VIR_ERR_BLOCK_COPY_ACTIVE,
                       "the job of disk '%s' of domain '%s' is a backup: there is nothing to pivot to",
                       name, vm->name);
        return -1;
    }
    return qemuBackupAbort(vm, job, wait);
}
