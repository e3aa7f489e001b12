/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-before-write breaks the snapshot of a disk without a word: the guest's write goes on, and readers
 * get EACCES from then on. What QEMU 7.2 does announce are the failures of a quorum's children, so there
 * is a quorum of one below the scratch's format and, but where only changes can be read, one above
 * snapshot-access:
 *
 *   fleece-scratch-DISK    a copy could not be written (no space, limit, I/O error): known at once
 *   fleece-snapshot-DISK   somebody could not read. EACCES: the snapshot is broken, for what the scratch did
 *                          not announce: a copy that took too long, or a disk that could not be read.
 *                          Other errors are of the one request
 *
 * A copy that took too long may be under way still: the end plan sees to that (QEMU_STEP_WAIT_SCRATCH).
 */
#include "qemu_backup_broken.h"

#include <errno.h>
#include <string.h>
#include "qemu_backup_end.h"
#include "qemu_backup_plan.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define SCRATCH_PREFIX "fleece-scratch-"
#define SNAPSHOT_PREFIX "fleece-snapshot-"
#define SECTOR 512

typedef struct _brokenBackup {
    qemuVM *vm;
    qemuBackupJob *job;
    char *why;
} brokenBackup;

static void
brokenBackupFree(brokenBackup *broken)
{
    qemuBackupJobUnref(broken->job);
    qemuVMUnref(broken->vm);
    g_free(broken->why);
    g_free(broken);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(brokenBackup, brokenBackupFree)

/* Somebody else may have ended it since, and begun another, whose jobs have the same names. */
static bool
isRunning(const brokenBackup *broken)
{
    QEMU_VM_LOCK_GUARD(broken->vm);

    return broken->vm->backup == broken->job && broken->job->phase == QEMU_BACKUP_RUNNING;
}

/* On a driver thread of its own: the event lane must not wait for the job slot. */
static void
endBroken(void *data)
{
    g_autoptr(brokenBackup) broken = data;

    if (!isRunning(broken))
        return;
    if (qemuJobBegin(&broken->vm->job, QEMU_JOB_MODIFY, "end of a broken backup") < 0) {
        virErrorReset();
        qemuWorkersRun(endBroken, g_steal_pointer(&broken));
        return;
    }
    if (isRunning(broken))
        qemuBackupBreak(broken->vm, broken->job, broken->why);
    virErrorReset();
    qemuJobEnd(&broken->vm->job);
}

static unsigned long long
limitOf(const qemuBackupJob *job, const char *name)
{
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(job->def->disks, i);

        if (g_str_equal(disk->name, name))
            return virDomainBackupDiskScratchLimit(job->def, disk, job->reuseExternal);
    }
    return 0;
}

static bool
isBeyond(unsigned long long limit, const virJSONValue *data)
{
    unsigned long long first = 0;
    unsigned long long count = 0;

    return limit > 0 && virJSONObjectGetUInt(data, "sector-num", &first) == 0 &&
           virJSONObjectGetUInt(data, "sectors-count", &count) == 0 && first + count > limit / SECTOR;
}

/* A pull has its scratch for a store. */
static const char *
scratchOf(const qemuBackupJobDisk *disk)
{
    return disk->scratchPath ? disk->scratchPath : disk->storePath;
}

/* (owned) What it means for @disk that a request to its scratch has failed. */
static char *
scratchReason(const qemuBackupJob *job, const qemuBackupJobDisk *disk, const virJSONValue *data)
{
    const char *type = virJSONObjectLookupString(data, "type");
    const char *error = virJSONObjectLookupString(data, "error");
    const char *path = scratchOf(disk);
    unsigned long long limit = limitOf(job, disk->name);

    if (isBeyond(limit, data))
        return g_strdup_printf("the snapshot of disk '%s' is broken: its scratch '%s' has reached the "
                               "scratch-limit of %llu bytes", disk->name, path, limit);
    return g_strdup_printf("the snapshot of disk '%s' is broken: cannot %s its scratch '%s': %s", disk->name,
                           type ? type : "use", path, error ? error : "unknown error");
}

/* (owned) NULL if it was a matter of that reader alone. */
static char *
snapshotReason(const qemuBackupJob *job, const qemuBackupJobDisk *disk, const virJSONValue *data)
{
    const char *error = virJSONObjectLookupString(data, "error");

    if (g_strcmp0(error, g_strerror(EACCES)) != 0)
        return NULL;
    return g_strdup_printf("the snapshot of disk '%s' is broken: old content was not copied to its scratch "
                           "'%s' within %u s, or could not be read from the disk",
                           disk->name, scratchOf(disk), job->cbwTimeout);
}

/* Lock held. (owned) NULL if nothing is broken, or it is known already. */
static brokenBackup *
brokenNew(qemuVM *vm, const virJSONValue *data)
{
    const char *node = virJSONObjectLookupString(data, "node-name");
    bool ofScratch = node && g_str_has_prefix(node, SCRATCH_PREFIX);
    qemuBackupJobDisk *disk = NULL;
    brokenBackup *broken = NULL;

    if (!ofScratch && !(node && g_str_has_prefix(node, SNAPSHOT_PREFIX)))
        return NULL;
    disk = qemuBackupJobDiskLookup(vm->backup,
                                   node + strlen(ofScratch ? SCRATCH_PREFIX : SNAPSHOT_PREFIX));
    if (!disk || disk->error)
        return NULL;
    disk->error = ofScratch ? scratchReason(vm->backup, disk, data) : snapshotReason(vm->backup, disk, data);
    if (!disk->error)
        return NULL;
    broken = g_new0(brokenBackup, 1);
    broken->vm = qemuVMRef(vm);
    broken->job = qemuBackupJobRef(vm->backup);
    broken->why = g_strdup(disk->error);
    return broken;
}

void
qemuBackupEventBad(qemuVM *vm, const virJSONValue *data, long long whenMs)
{
    brokenBackup *broken = NULL;

    {
        QEMU_VM_LOCK_GUARD(vm);

        /* an older one is of the backup before this one */
        if (vm->backup && vm->backup->startedMs <= whenMs)
            broken = brokenNew(vm, data);
    }
    if (!broken)
        return;
    VIR_WARN("domain '%s': %s", vm->name, broken->why);
    qemuWorkersRun(endBroken, broken);
}
