/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Push backups run as one blockdev-backup job a disk. The jobs stay in QEMU after their end
 * (auto-dismiss off) until we have read how they ended, so neither a missed event nor a restart of
 * the daemon loses the result.
 */
#include "qemu_backup_push.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "qemu_backup_plan.h"
#include "qemu_storage.h"
#include "qemu_target_pick.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define PUSH_PREFIX "fleece-push-"
#define FLUSH_LOOK_MS 1000         /* how often it is looked whether anybody still wants it */
#define FULL_BYTES (1024 * 1024)   /* with less, a file system is full for a cluster and its metadata */

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

static const virDomainBackupDiskDef *
diskDef(const qemuBackupJob *job, const char *disk)
{
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(job->def->disks, i);

        if (g_str_equal(def->name, disk))
            return def;
    }
    return NULL;
}

static bool
fileSystemIsFull(const char *path)
{
    struct statvfs st = { 0 };

    return path && statvfs(path, &st) == 0 && (guint64)st.f_bavail * st.f_frsize < FULL_BYTES;
}

/* The job was refused its read: the filter below it is broken, and what it copies to has broken it. */
static char *
describeBroken(const qemuBackupJob *job, const virDomainBackupDiskDef *def, const char *target)
{
    const char *keeper = def->scratch ? def->scratch->path : target;

    if (fileSystemIsFull(def->scratch ? def->scratch->path : def->store->path))
        return g_strdup_printf("'%s' could not take what the guest was about to overwrite on disk '%s': "
                               "no space left on its file system", keeper, def->name);
    return g_strdup_printf("'%s' could not take what the guest was about to overwrite on disk '%s': it is "
                           "full, has failed, or took longer than the %u s of cbw-timeout",
                           keeper, def->name, job->cbwTimeout);
}

static char *
describeError(const qemuBackupJob *job, const char *disk, const char *error)
{
    const virDomainBackupDiskDef *def = diskDef(job, disk);
    g_autofree char *target = virStorageSourceName(def->store);

    if (strcmp(error, g_strerror(EACCES)) == 0)
        return describeBroken(job, def, target);
    return g_strdup_printf("cannot copy disk '%s' to '%s': %s", disk, target, error);
}

static void
diskUpdate(const qemuBackupJob *job, qemuBackupJobDisk *disk, const virJSONValue *entry)
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
    disk->cancelled = job->abortRequested && !disk->error && (error || disk->processed < disk->total);
    if (error && !disk->error)
        disk->error = describeError(job, disk->name, error);
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
                diskUpdate(job, disk, jobLookup(jobs, disk->name));
        }
    }
    return 0;
}

/* A job that ends waits for what is under way: seen to take 150 s with a slow NBD server. So the connections
 * are cut first, all of them: a copy for the guest may wait on any. That the writes then fail is no
 * failure: an abort was asked for. */
static GPtrArray *
cancelCommands(const qemuBackupJob *job)
{
    GPtrArray *commands = g_ptr_array_new_with_free_func((GDestroyNotify)virJSONValueFree);

    for (int cancel = 0; cancel < 2; cancel++) {
        for (guint i = 0; i < job->disks->len; i++) {
            const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);
            g_autofree char *id = g_strconcat(PUSH_PREFIX, disk->name, NULL);

            if (disk->done)
                continue;
            if (cancel)
                g_ptr_array_add(commands,
                                virJSONBuild("{'execute':'job-cancel','arguments':{'id':%s}}", id));
            else if (diskDef(job, disk->name)->store->nbd)
                g_ptr_array_add(commands, qemuBackupPlanYank(disk->name, false));
        }
    }
    return commands;
}

void
qemuBackupPushCancel(qemuVM *vm, qemuBackupJob *job)
{
    qemuTarget *target = qemuVMTarget(vm);
    g_autoptr(GPtrArray) commands = cancelCommands(job);
    g_autofree virJSONValue **replies = g_new0(virJSONValue *, commands->len + 1);
    const char *desc = NULL;

    if (commands->len == 0)
        return;
    if (target->ops->batch(target, (virJSONValue *const *)commands->pdata, commands->len, replies) < 0)
        virErrorReset();   /* QEMU has gone */
    for (guint i = 0; i < commands->len; i++) {
        /* It has just concluded by itself, or by the cut: its event is on the way. */
        if (replies[i] && qemuMonitorReplyError(replies[i], NULL, &desc))
            VIR_DEBUG("domain '%s': cancelling its push: %s", vm->name, desc);
        virJSONValueFree(replies[i]);
    }
}

static qemuBackupJob *
pushOverWire(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->backup || vm->backup->def->mode != VIR_BACKUP_MODE_PUSH)
        return NULL;
    for (guint i = 0; i < vm->backup->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(vm->backup->disks, i);

        /* one that is being ended is flushed over its connection */
        if ((!disk->done || vm->backup->phase == QEMU_BACKUP_ENDING) && diskDef(vm->backup, disk->name)->store->nbd)
            return qemuBackupJobRef(vm->backup);
    }
    return NULL;
}

static bool
settleWanted(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = pushOverWire(vm);

    return job != NULL;
}

static GPtrArray *
cutCommands(const qemuBackupJob *job)
{
    GPtrArray *commands = g_ptr_array_new_with_free_func((GDestroyNotify)virJSONValueFree);

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (diskDef(job, disk->name)->store->nbd)
            g_ptr_array_add(commands, qemuBackupPlanYank(disk->name, true));
    }
    return commands;
}

bool
qemuBackupPushCut(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = pushOverWire(vm);
    g_autoptr(GPtrArray) commands = job ? cutCommands(job) : NULL;
    g_autofree virJSONValue **replies = commands ? g_new0(virJSONValue *, commands->len) : NULL;
    qemuTarget *target = qemuVMTarget(vm);
    bool cut = false;

    if (!job || target->ops->batch(target, (virJSONValue *const *)commands->pdata, commands->len, replies) < 0)
        return false;
    for (guint i = 0; i < commands->len; i++) {
        cut |= !qemuMonitorReplyError(replies[i], NULL, NULL);
        virJSONValueFree(replies[i]);
    }
    return cut;
}

/* First: of a guest that powers off, QEMU drains the disks before it hears of anything else. */
static int
settleCut(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = pushOverWire(vm);

    if (!job)
        return 0;
    qemuBackupPushCut(vm);
    qemuBackupPushCancel(vm, job);
    return 0;
}

const qemuSettleStep qemuBackupPushSettleStep = {"push", settleWanted, settleCut};

bool
qemuBackupPushFlushDue(qemuVM *vm, const qemuBackupJob *job)
{
    QEMU_VM_LOCK_GUARD(vm);

    return !job->flushed && !job->abortRequested && qemuBackupPushDone(job) && !qemuBackupPushError(job);
}

/* (owned) of the targets that are files or devices; each borrowed from @job. */
static GPtrArray *
targetPaths(const qemuBackupJob *job)
{
    GPtrArray *paths = g_ptr_array_new();

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);
        const char *path = diskDef(job, disk->name)->store->path;

        if (path)
            g_ptr_array_add(paths, (char *)path);
    }
    return paths;
}

static bool
isWanted(qemuVM *vm, const qemuBackupJob *job)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->backup == job && job->phase == QEMU_BACKUP_RUNNING;
}

void
qemuBackupPushFlush(qemuVM *vm, qemuBackupJob *job)
{
    g_autoptr(GPtrArray) paths = targetPaths(job);
    int rc = -1;

    while (rc < 0 && isWanted(vm, job))
        rc = qemuStorageFlush((const char *const *)paths->pdata, paths->len, FLUSH_LOOK_MS);
    if (rc < 0)
        return;
    {
        QEMU_VM_LOCK_GUARD(vm);

        job->flushed = true;
        if (rc > 0 && !job->unflushed)
            job->unflushed = g_strdup_printf("the storage of the targets has not taken all that was written there: %s",
                                             g_strerror(rc));
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
