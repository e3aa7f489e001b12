/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a restore, however it comes: copies complete, commit, abort, a failure, the death of
 * the helper.
 *
 *   commit   journal 'ending' -> writers off, new images read-only -> helper ends -> owner, mode, fsync
 *              -> journal 'committing' -> each new image takes its place -> journal gone
 *   else     helper ends -> new images removed -> journal gone, or 'half' for disks written in place
 */
#include "qemu_restore.h"

#include <string.h>
#include <unistd.h>
#include "qemu_backup.h"
#include "qemu_plan_run.h"
#include "qemu_restore_plan.h"
#include "qemu_restore_source.h"
#include "qemu_target_pick.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

qemuRestoreJob *
qemuRestoreOfVM(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->restore && !vm->restore->ending ? qemuRestoreJobRef(vm->restore) : NULL;
}

char *
qemuRestoreFormatXML(const qemuVM *vm)
{
    return virDomainRestoreDefFormat(vm->restore->def);
}

/* The new image is to the rest of the host what the old one was. */
static int
dressDisk(const qemuRestoreDisk *disk)
{
    const char *path = disk->newPath ? disk->newPath : disk->path;

    if (disk->newPath && disk->hasOwner &&
        (chown(path, disk->user, disk->group) < 0 || chmod(path, disk->mode) < 0)) {
        virReportSystemError(errno, "cannot give '%s' owner and mode of '%s'", path, disk->path);
        return -1;
    }
    return virFileSync(path);
}

/* The helper is gone and has closed everything. */
static int
commitFiles(qemuVM *vm, qemuRestoreJob *job, const qemuConfig *config)
{
    qemuTarget *target = &vm->target;

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

        target->ops->returnFile(target, disk->newPath ? disk->newPath : disk->path);
        if (dressDisk(disk) < 0 || (disk->newPath && qemuRestoreCheckUnused(disk->path, disk->name,
                                                                            vm->name) < 0))
            return -1;
    }
    return qemuRestoreJournalAdvance(config, vm->name, job, QEMU_RESTORE_COMMITTING);
}

static void
fillStats(const qemuRestoreJob *job, int type, const char *errmsg, virTypedParamList *params)
{
    long long elapsed = g_get_real_time() / 1000 - job->startedMs;
    unsigned long long processed = 0;
    unsigned long long total = 0;

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

        processed += disk->processed;
        total += disk->total;
    }
    virTypedParamListAddInt(params, VIR_DOMAIN_JOB_OPERATION_RESTORE, VIR_DOMAIN_JOB_OPERATION);
    virTypedParamListAddULLong(params, MAX(elapsed, 0), VIR_DOMAIN_JOB_TIME_ELAPSED);
    virTypedParamListAddULLong(params, total, VIR_DOMAIN_JOB_DISK_TOTAL);
    virTypedParamListAddULLong(params, processed, VIR_DOMAIN_JOB_DISK_PROCESSED);
    virTypedParamListAddULLong(params, total - MIN(processed, total), VIR_DOMAIN_JOB_DISK_REMAINING);
    if (type == VIR_DOMAIN_JOB_NONE)
        return;
    virTypedParamListAddBoolean(params, type == VIR_DOMAIN_JOB_COMPLETED, VIR_DOMAIN_JOB_SUCCESS);
    if (errmsg)
        virTypedParamListAddString(params, errmsg, VIR_DOMAIN_JOB_ERRMSG);
}

static void
dropJob(qemuVM *vm, qemuRestoreJob *job, int type, const char *errmsg)
{
    g_auto(virTypedParamList) params = { 0 };
    QEMU_VM_LOCK_GUARD(vm);

    fillStats(job, type, errmsg, &params);
    qemuRestoreJobUnref(g_steal_pointer(&vm->restore));
    qemuVMPublish(vm, virDomainEventJobCompletedNew(vm->name, vm->uuid, vm->def->id, &params));
    qemuBackupSetLastJob(vm, type, &params);
    qemuVMSignal(vm);
}

static bool
claimEnd(qemuVM *vm, qemuRestoreJob *job)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (vm->restore != job || job->ending)
        return false;
    job->ending = true;
    return true;
}

/* From the journal's next phase on a daemon that finds the helper goes on here. */
static int
closeAll(qemuVM *vm, qemuRestoreJob *job, const qemuConfig *config)
{
    qemuRestorePlanInput input = { .job = job };
    g_autoptr(qemuPlan) plan = qemuRestorePlanClose(&input);
    qemuPlanRun run = { .plan = plan };

    if (job->phase != QEMU_RESTORE_ENDING &&
        qemuRestoreJournalAdvance(config, vm->name, job, QEMU_RESTORE_ENDING) < 0)
        return -1;
    return qemuPlanRunAll(&run, qemuVMTarget(vm));
}

/* After a failure the error stays set, for a commit that waits for it. */
void
qemuRestoreEnd(qemuVM *vm, qemuRestoreJob *job, int type, const char *errmsg)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *why = g_strdup(errmsg);
    virErrorPtr saved = NULL;
    bool commit = type == VIR_DOMAIN_JOB_COMPLETED;
    bool exchange = job->phase == QEMU_RESTORE_COMMITTING;

    if (!claimEnd(vm, job))
        return;
    if (commit && !exchange)
        commit = closeAll(vm, job, config) == 0;
    if (!commit && virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    qemuTargetRelease(vm);
    if (commit && !exchange && commitFiles(vm, job, config) < 0) {
        commit = false;
        virErrorPreserveLast(&saved);
    }
    if (commit ? qemuRestoreFinish(config, vm->name, job) < 0
               : qemuRestoreUndo(config, vm->name, job) < 0) {
        VIR_WARN("domain '%s': the end of its restore is not complete, and goes on when its disks are "
                 "next to be used: %s",
                 vm->name, virErrorLastMessage());
        if (!saved)
            virErrorPreserveLast(&saved);
    }
    virErrorReset();
    if (saved)
        virErrorRestore(&saved);
    if (type == VIR_DOMAIN_JOB_COMPLETED && virErrorLastCode() != VIR_ERR_OK) {
        type = VIR_DOMAIN_JOB_FAILED;
        g_free(why);
        why = g_strdup(virErrorLastMessage());
    }
    dropJob(vm, job, type, why);
    qemuJobEndAsync(&vm->job);
}

static const qemuRestoreDisk *
diskOfJob(const qemuRestoreJob *job, const char *id)
{
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

        if (g_str_equal(disk->name, id + strlen(QEMU_RESTORE_JOB_PREFIX)))
            return disk;
    }
    return NULL;
}

/* Lock held. */
static void
updateDisk(const qemuRestoreJob *job, const virJSONValue *entry)
{
    const char *id = virJSONObjectLookupString(entry, "id");
    const char *error = virJSONObjectLookupString(entry, "error");
    qemuRestoreDisk *disk = NULL;

    if (!id || !g_str_has_prefix(id, QEMU_RESTORE_JOB_PREFIX) ||
        !(disk = (qemuRestoreDisk *)diskOfJob(job, id)))
        return;
    virJSONObjectGetUInt(entry, "current-progress", &disk->processed);
    virJSONObjectGetUInt(entry, "total-progress", &disk->total);
    if (g_strcmp0(virJSONObjectLookupString(entry, "status"), "concluded") != 0)
        return;
    disk->done = true;
    if (error && !disk->error)
        disk->error = g_strdup(error);
}

/* What has arrived over NBD is what the new image has become. */
static void
updatePulled(const qemuRestoreJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        struct stat st = { 0 };

        disk->total = disk->size;
        if (disk->newPath && stat(disk->newPath, &st) == 0)
            disk->processed = MIN(disk->size, (unsigned long long)st.st_blocks * 512);
    }
}

static int
refresh(qemuVM *vm, const qemuRestoreJob *job)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-jobs'}");
    g_autoptr(virJSONValue) jobs = NULL;
    g_autoptr(qemuHelper) helper = NULL;
    qemuTarget *target = qemuTargetOfNow(vm, &helper);

    if (!job->def->server && target->ops->command(target, command, &jobs) < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (job->def->server)
            updatePulled(job);
        for (size_t i = 0; jobs && i < virJSONArraySize(jobs); i++)
            updateDisk(job, virJSONArrayAt(jobs, i));
    }
    return 0;
}

int
qemuRestoreJobStats(qemuVM *vm, int *type, virTypedParamList *params)
{
    g_autoptr(qemuRestoreJob) job = NULL;
    bool ending = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!vm->restore)
            return 0;
        job = qemuRestoreJobRef(vm->restore);
        ending = job->ending;
    }
    /* a helper that has just gone takes nothing away from what is known */
    if (!ending && refresh(vm, job) < 0)
        virErrorReset();
    *type = VIR_DOMAIN_JOB_UNBOUNDED;
    QEMU_VM_LOCK_GUARD(vm);
    fillStats(job, VIR_DOMAIN_JOB_NONE, NULL, params);
    return 1;
}

/* One disk that failed spoils the restore; else all must be there. */
static void
endIfDone(qemuVM *vm, qemuRestoreJob *job)
{
    g_autofree char *error = NULL;
    bool done = true;

    {
        QEMU_VM_LOCK_GUARD(vm);

        for (guint i = 0; i < job->disks->len; i++) {
            const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

            done &= disk->done;
            if (disk->error && !error)
                error = g_strdup_printf("disk '%s': %s", disk->name, disk->error);
        }
    }
    if (error)
        qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_FAILED, error);
    else if (done)
        qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_COMPLETED, NULL);
}

int
qemuRestoreLookAtCopies(qemuVM *vm, qemuRestoreJob *job)
{
    if (refresh(vm, job) < 0)
        return -1;
    if (!job->def->server)
        endIfDone(vm, job);
    return 0;
}

static void
copyConcluded(void *data)
{
    g_autoptr(qemuVM) vm = data;
    g_autoptr(qemuRestoreJob) job = NULL;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "end of a restore") < 0) {
        virErrorReset();
        qemuWorkersRun(copyConcluded, qemuVMRef(vm));
        return;
    }
    job = qemuRestoreOfVM(vm);
    if (job)
        qemuRestoreLookAtCopies(vm, job);
    virErrorReset();
    qemuJobEnd(&vm->job);
}

void
qemuRestoreEventJob(qemuVM *vm, const char *name, const virJSONValue *data)
{
    const char *id = virJSONObjectLookupString(data, "id");

    if (g_str_equal(name, "JOB_STATUS_CHANGE") && id && g_str_has_prefix(id, QEMU_RESTORE_JOB_PREFIX) &&
        g_strcmp0(virJSONObjectLookupString(data, "status"), "concluded") == 0)
        qemuWorkersRun(copyConcluded, qemuVMRef(vm));
}

void
qemuRestoreHelperDied(qemuVM *vm)
{
    g_autoptr(qemuRestoreJob) job = qemuRestoreOfVM(vm);

    virErrorReset();
    if (job)
        qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_FAILED, "the block helper of the stopped domain ended");
}

int
qemuRestoreAbort(qemuVM *vm)
{
    g_autoptr(qemuRestoreJob) job = NULL;
    int rc = 0;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainAbortJob") < 0)
        return -1;
    job = qemuRestoreOfVM(vm);
    virErrorReset();
    if (job) {
        qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_CANCELLED, "Operation canceled");
        rc = virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
    } else {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "no job is active on the domain");
        rc = -1;
    }
    qemuJobEnd(&vm->job);
    return rc;
}

int
qemuRestoreCheckIdle(qemuVM *vm, const char *what)
{
    QEMU_VM_LOCK_GUARD(vm);

    /* one that is being ended is over for who gets the domain's job */
    if (!vm->restore || vm->restore->ending)
        return 0;
    virReportError(VIR_ERR_OPERATION_INVALID,
                   "cannot %s domain '%s': its disks are being restored; wait for the restore or abort it",
                   what, vm->name);
    return -1;
}

int
qemuRestoreCheckUse(qemuVM *vm, const char *what)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = NULL;

    if (qemuRestoreCheckIdle(vm, what) < 0 || qemuRestoreSettle(vm) < 0)
        return -1;
    job = qemuRestoreJournalLoad(config, vm->name);
    for (guint i = 0; job && i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

        if (!disk->wasHalf)
            continue;
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot %s domain '%s': its disk '%s' is half restored, as a restore that wrote "
                       "into '%s' itself was interrupted; restore it again",
                       what, vm->name, disk->name, disk->path);
        return -1;
    }
    return job || virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
}

void
qemuRestoreForget(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    if (qemuRestoreJournalRemove(config, vm->name) < 0) {
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
        virErrorReset();
    }
}
