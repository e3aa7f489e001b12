/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a backup, however it comes: abort by the client, QEMU's jobs concluding, the death of
 * QEMU. One path: RUNNING -> ENDING, statistics, the end Plan (every step goes on after a failure),
 * journal gone, events.
 */
#include "qemu_backup_end.h"

#include <errno.h>
#include <unistd.h>

#include "qemu_backup.h"
#include "qemu_backup_later.h"
#include "qemu_backup_plan.h"
#include "qemu_backup_push.h"
#include "qemu_backup_recover.h"
#include "qemu_backup_server.h"
#include "qemu_checkpoint.h"
#include "qemu_driver_state.h"
#include "qemu_export_helper.h"
#include "qemu_nbd.h"
#include "qemu_plan_run.h"
#include "qemu_process.h"
#include "qemu_target_pick.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* An abort is answered within two seconds, also when a job is slow to stop: the end then comes by
 * its event. */
#define ABORT_WAIT_MS 1500
#define ABORT_POLL_MS 20
#define BREAK_WAIT_MS 30000
#define YIELD_WAIT_MS 1000
#define LATE_COPIES                                                                                \
    "a target stood still for longer than cbw-timeout, so that it may hold what the guest has "    \
    "written since; look at the target's storage, or raise cbw-timeout, or give the disk a <f:scratch>"

qemuBackupJob *
qemuBackupOfVM(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->backup && vm->backup->phase == QEMU_BACKUP_RUNNING ? qemuBackupJobRef(vm->backup)
                                                                  : NULL;
}

void
qemuBackupSetLastJob(qemuVM *vm, int type, virTypedParamList *params)
{
    if (vm->lastJob)
        virTypedParamListClear(vm->lastJob);
    g_clear_pointer(&vm->lastJob, g_free);
    vm->lastJobType = type;
    if (!params)
        return;
    vm->lastJob = g_memdup2(params, sizeof(*params));
    *params = (virTypedParamList){ 0 };
}

static bool
claimEnd(qemuVM *vm, qemuBackupJob *job, int type, const char *errmsg)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (vm->backup != job || job->phase != QEMU_BACKUP_RUNNING)
        return false;
    job->phase = QEMU_BACKUP_ENDING;
    job->endType = type;
    g_free(job->endError);
    job->endError = g_strdup(errmsg);
    return true;
}

/* So that a daemon that dies on the way goes on with this end and not with another one. */
static void
journalPhase(qemuVM *vm, const qemuConfig *config, const qemuBackupJob *job)
{
    if (qemuBackupJournalSave(config, vm->name, job) < 0) {
        VIR_WARN("domain '%s': the journal of its backup is out of date: %s", vm->name,
                 virErrorLastMessage());
        virErrorReset();
    }
}

static void
collectStats(qemuVM *vm, qemuBackupJob *job, int type, const char *errmsg, virTypedParamList *params)
{
    qemuBackupJobMeasure(vm, job);
    QEMU_VM_LOCK_GUARD(vm);
    qemuBackupJobStatsFill(job, g_get_real_time() / 1000, type, errmsg, params);
}

static const virDomainBackupDiskDef *
diskDef(const qemuBackupJob *job, const char *name)
{
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(job->def->disks, i);

        if (g_str_equal(def->name, name))
            return def;
    }
    return NULL;
}

/* So long may the end of a push take before it matters that nobody has looked for late copies. */
#define END_SPARE_US (5 * G_TIME_SPAN_SECOND)

/* May a copy for the guest have run out of time, @spareUs from now at the latest? */
static bool
copiesMayBeLate(const qemuBackupJob *job, gint64 spareUs)
{
    gint64 timeoutUs = job->cbwTimeout * G_TIME_SPAN_SECOND;

    return job->begunUs == 0 || g_get_monotonic_time() + spareUs >= job->begunUs + timeoutUs;
}

/* Disks that the domain still has; their number. */
static size_t
endDisks(const qemuBackupJob *job, qemuTarget *target, qemuBackupPlanEndDisk *disks)
{
    size_t n = 0;

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);
        const qemuTargetDisk *td = qemuCheckpointTargetDisk(target, disk->name);

        if (!td)
            continue;
        disks[n++] = (qemuBackupPlanEndDisk){
            .disk = td,
            .def = diskDef(job, disk->name),
            .under = td->node,
            .size = disk->size,
            .hasUnion = disk->hasUnion,
            .removeStore = qemuBackupJobStoreGoes(job, disk, job->endType),
            .removeScratch = disk->removeScratch,
        };
    }
    return n;
}

static int
runEnd(qemuBackupJob *job, qemuTarget *target, bool checkCopies, bool again)
{
    g_autofree qemuBackupPlanEndDisk *disks = g_new0(qemuBackupPlanEndDisk, job->disks->len);
    qemuBackupPlanEnding ending = {
        .def = job->def,
        .disks = disks,
        .ndisks = endDisks(job, target, disks),
        .privateDir = target->ops->privateDir(target),
        .failed = job->endType != VIR_DOMAIN_JOB_COMPLETED,
        .flushed = job->flushed,
        .flushServers = !again,
        .checkCopies = checkCopies,
    };
    g_autoptr(qemuPlan) plan = qemuBackupPlanEnd(&ending);
    qemuPlanRun run = { .plan = plan, .copiesLooked = again };
    int ret = qemuPlanRunAll(&run, target);

    job->copiesDoubtful |= run.copiesDoubtful;
    if (!job->unflushed)
        job->unflushed = g_steal_pointer(&run.unflushed);
    g_free(run.unflushed);
    return ret;
}

/* Has a push completed with a filter that copies to the target itself? */
static bool
copiesMatter(qemuVM *vm, const qemuBackupJob *job)
{
    if (job->def->mode != VIR_BACKUP_MODE_PUSH || vm->helper ||
        job->endType != VIR_DOMAIN_JOB_COMPLETED)
        return false;
    for (guint i = 0; i < job->disks->len; i++) {
        if (!((const qemuBackupJobDisk *)g_ptr_array_index(job->disks, i))->scratchPath)
            return true;
    }
    return false;
}

/* @again: for the second time. Either the plan looks for late copies, or none can be late yet when it is done. */
static int
takeApart(qemuVM *vm, qemuBackupJob *job, bool again)
{
    bool matter = copiesMatter(vm, job);
    bool check = matter && copiesMayBeLate(job, END_SPARE_US);
    int ret = runEnd(job, qemuVMTarget(vm), check, again);

    if (matter && !check)
        job->copiesDoubtful |= copiesMayBeLate(job, 0);
    return ret;
}

int
qemuBackupTakeApart(qemuVM *vm, qemuBackupJob *job)
{
    qemuTarget *target = qemuVMTarget(vm);

    /* devices are switched, for which QEMU waits for their requests */
    if (!vm->helper && qemuNbdCheckDomain(target->ops->def(target)) < 0)
        return -1;
    if (takeApart(vm, job, false) == 0)
        return 0;
    /* who does not answer will not do so at once */
    if (virErrorLastCode() == VIR_ERR_OPERATION_TIMEOUT)
        return -1;
    /* One step that failed keeps others from succeeding (nodes in use): what had happened is no
     * failure the second time. */
    VIR_WARN("domain '%s': taking the backup apart once more: %s", vm->name, virErrorLastMessage());
    return takeApart(vm, job, true);
}

/* A target that QEMU has not closed, or may have written to too late, is no backup, whatever its job had said. */
static void
failCompleted(qemuVM *vm, qemuBackupJob *job, const char *why, virTypedParamList *params)
{
    if (job->def->mode != VIR_BACKUP_MODE_PUSH || job->endType != VIR_DOMAIN_JOB_COMPLETED)
        return;
    {
        QEMU_VM_LOCK_GUARD(vm);

        job->endType = VIR_DOMAIN_JOB_FAILED;
        job->endError = g_strdup(why);
    }
    virTypedParamListClear(params);
    collectStats(vm, job, job->endType, job->endError, params);
}

static void
removeFile(qemuVM *vm, const char *path)
{
    vm->target.ops->returnFile(&vm->target, path);
    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("domain '%s': cannot remove '%s': %s", vm->name, path, g_strerror(errno));
}

/* QEMU took its graph along; helper, files and the socket's name are ours to remove. */
static void
removeFiles(qemuVM *vm, const qemuBackupJob *job, int type)
{
    qemuExportHelperEndOf(job->plan);
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->storePath && qemuBackupJobStoreGoes(job, disk, type))
            removeFile(vm, disk->storePath);
        if (disk->removeScratch)
            removeFile(vm, disk->scratchPath);
    }
    if (job->def->server.socket && unlink(job->def->server.socket) < 0 && errno != ENOENT)
        VIR_WARN("domain '%s': cannot remove socket '%s': %s", vm->name, job->def->server.socket,
                 g_strerror(errno));
}

/* A pull ends by being cancelled, and its disks say so, as libvirt's do; the job itself succeeded. */
static int
blockJobStatus(const qemuBackupJob *job, int type)
{
    if (job->def->mode == VIR_BACKUP_MODE_PULL && type == VIR_DOMAIN_JOB_COMPLETED)
        return VIR_DOMAIN_BLOCK_JOB_CANCELED;
    switch (type) {
    case VIR_DOMAIN_JOB_COMPLETED:
        return VIR_DOMAIN_BLOCK_JOB_COMPLETED;
    case VIR_DOMAIN_JOB_CANCELLED:
        return VIR_DOMAIN_BLOCK_JOB_CANCELED;
    default:
        return VIR_DOMAIN_BLOCK_JOB_FAILED;
    }
}

/* Lock held. The job first, then its disks, in both forms clients may have registered for. */
static void
publishEnd(qemuVM *vm, const qemuBackupJob *job, int type, const virTypedParamList *params)
{
    int id = vm->def->id;

    qemuVMPublish(vm, virDomainEventJobCompletedNew(vm->name, vm->uuid, id, params));
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);
        const virDomainDiskDef *def = virDomainDefDisk(vm->def, disk->name, false);
        const char *path = def && def->src ? virStorageSourcePath(def->src) : disk->name;

        qemuVMPublish(vm, virDomainEventBlockJobNew(vm->name, vm->uuid, id, path,
                                                    VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP,
                                                    blockJobStatus(job, type)));
        qemuVMPublish(vm, virDomainEventBlockJob2New(vm->name, vm->uuid, id, disk->name,
                                                     VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP,
                                                     blockJobStatus(job, type)));
    }
}

/* On a driver thread: a guest that was down and was kept for its backup. */
static void
endPreserved(void *data)
{
    g_autoptr(qemuVM) vm = data;
    bool wanted = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        wanted = vm->preserved && qemuVMIsActive(vm) && !vm->backup;
        vm->shutdownSeen |= wanted;
    }
    if (wanted)
        qemuProcessQuit(vm);
}

void
qemuBackupEndPreserved(qemuVM *vm)
{
    qemuWorkersRun(endPreserved, qemuVMRef(vm));
}

/* The Job is over for everybody; what may be left is the NBD server, which nobody waits for. */
static void
dropJob(qemuVM *vm, qemuBackupJob *job, virTypedParamList *params, bool server)
{
    QEMU_VM_LOCK_GUARD(vm);

    qemuBackupJobUnref(g_steal_pointer(&vm->backup));
    vm->nbdServerEnding = server;
    publishEnd(vm, job, job->endType, params);
    qemuBackupSetLastJob(vm, job->endType, params);
    if (vm->preserved)
        qemuBackupEndPreserved(vm);
    qemuVMSignal(vm);
}

static bool
targetLives(qemuVM *vm)
{
    qemuTarget *target = qemuVMTarget(vm);

    return target->ops->pid(target) != 0;
}

/* From here on only the helper's end and the journal's are left, whoever does it. */
static void
journalOver(qemuVM *vm, const qemuConfig *config, qemuBackupJob *job)
{
    {
        QEMU_VM_LOCK_GUARD(vm);

        job->phase = QEMU_BACKUP_SERVER;
    }
    journalPhase(vm, config, job);
}

void
qemuBackupConclude(qemuVM *vm, qemuBackupJob *job)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_auto(virTypedParamList) params = { 0 };

    collectStats(vm, job, job->endType, job->endError, &params);
    removeFiles(vm, job, job->endType);
    qemuBackupJournalRemove(config, vm->name);
    dropJob(vm, job, &params, false);
    qemuJobEndAsync(&vm->job);
}

void
qemuBackupFinish(qemuVM *vm, qemuBackupJob *job, int type, const char *errmsg)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_auto(virTypedParamList) params = { 0 };
    bool apart = false;
    bool server = false;
    bool later = false;

    if (!claimEnd(vm, job, type, errmsg))
        return;
    VIR_INFO("domain '%s': backup ends with type %d%s%s", vm->name, type, errmsg ? ": " : "",
             errmsg ? errmsg : "");
    collectStats(vm, job, type, errmsg, &params);
    if (targetLives(vm)) {
        journalPhase(vm, config, job);
        apart = qemuBackupTakeApart(vm, job) == 0;
        if (apart && vm->helper)
            journalOver(vm, config, job);
    }
    if (!apart)
        failCompleted(vm, job, "the targets were written, but QEMU could not close them", &params);
    if (job->copiesDoubtful && job->endType == VIR_DOMAIN_JOB_COMPLETED) {
        failCompleted(vm, job, LATE_COPIES, &params);
        removeFiles(vm, job, job->endType);
    }
    if (job->unflushed && job->endType == VIR_DOMAIN_JOB_COMPLETED) {
        failCompleted(vm, job, job->unflushed, &params);
        removeFiles(vm, job, job->endType);
    }
    /* The helper of a stopped domain was there for this backup alone; its NBD server goes with it. */
    qemuTargetRelease(vm);
    if (!targetLives(vm)) {
        removeFiles(vm, job, job->endType);
        qemuBackupJournalRemove(config, vm->name);
    } else if (!apart) {
        VIR_WARN("domain '%s': the backup ended, but not all of it could be taken apart yet, which is tried "
                 "again: %s",
                 vm->name, virErrorLastMessage());
        virErrorReset();
        journalPhase(vm, config, job);
        later = true;
    } else if (job->def->mode == VIR_BACKUP_MODE_PULL) {
        server = true;
        journalOver(vm, config, job);
    } else {
        qemuBackupJournalRemove(config, vm->name);
    }
    dropJob(vm, job, &params, server);
    qemuJobEndAsync(&vm->job);
    if (server)
        qemuBackupServerStop(vm, job->def);
    if (later)
        qemuBackupSettleLater(vm);
}

void
qemuBackupFinishPushIfDone(qemuVM *vm, qemuBackupJob *job)
{
    g_autofree char *error = NULL;
    bool done = false;
    bool cancelled = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        done = qemuBackupPushDone(job);
        error = g_strdup(qemuBackupPushError(job));
        /* what is still being flushed is not over */
        cancelled = job->abortRequested && !job->flushed;
        for (guint i = 0; i < job->disks->len; i++)
            cancelled |= ((const qemuBackupJobDisk *)g_ptr_array_index(job->disks, i))->cancelled;
    }
    if (!done)
        return;
    if (error)
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_FAILED, error);
    else if (cancelled)
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_CANCELLED, "Operation canceled");
    else
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_COMPLETED, NULL);
}

/* One disk that failed spoils the whole backup: the others need not go on. */
static void
cancelRestIfFailed(qemuVM *vm, qemuBackupJob *job)
{
    bool failed = false;
    bool done = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        failed = qemuBackupPushError(job) != NULL;
        done = qemuBackupPushDone(job);
        job->abortRequested |= failed;
    }
    if (failed && !done)
        qemuBackupPushCancel(vm, job);
}

/* Was it due? Jobs that conclude while somebody is about to look are seen by that look: with eight
 * disks that end together, one query does for most of them. */
static bool
pushLookDue(qemuVM *vm, bool due)
{
    QEMU_VM_LOCK_GUARD(vm);
    bool was = vm->pushLookDue;

    vm->pushLookDue = due;
    return was;
}

/* (owned) the job that runs, if its targets are to be flushed before it ends; NULL: whatever there was to do about
 * it has been done. */
static qemuBackupJob *
lookAtPush(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = qemuBackupOfVM(vm);

    pushLookDue(vm, false);   /* before the query: what concludes from now on needs another */
    if (!job || job->def->mode != VIR_BACKUP_MODE_PUSH || qemuBackupPushRefresh(vm, job) < 0)
        return NULL;
    cancelRestIfFailed(vm, job);
    if (qemuBackupPushFlushDue(vm, job))
        return g_steal_pointer(&job);
    qemuBackupFinishPushIfDone(vm, job);
    return NULL;
}

/* On a driver thread of its own: the event lane must not wait for the job slot, and who has it not for the storage of
 * the targets. */
static void
pushConcluded(void *data)
{
    g_autoptr(qemuVM) vm = data;
    g_autoptr(qemuBackupJob) job = NULL;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "backup job end") < 0) {
        virErrorReset();
        qemuWorkersRun(pushConcluded, qemuVMRef(vm));
        return;
    }
    job = lookAtPush(vm);
    virErrorReset();
    qemuJobEnd(&vm->job);
    if (!job)
        return;
    qemuBackupPushFlush(vm, job);
    qemuWorkersRun(pushConcluded, qemuVMRef(vm));
}

void
qemuBackupEventJob(qemuVM *vm, const char *qmpEvent, const virJSONValue *data)
{
    if (!g_str_equal(qmpEvent, "JOB_STATUS_CHANGE") ||
        !qemuBackupPushJobDisk(virJSONObjectLookupString(data, "id")) ||
        g_strcmp0(virJSONObjectLookupString(data, "status"), "concluded") != 0)
        return;
    if (!pushLookDue(vm, true))
        qemuWorkersRun(pushConcluded, qemuVMRef(vm));
}

void
qemuBackupVMDied(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = qemuBackupOfVM(vm);

    if (job)
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_FAILED, "the domain's QEMU process ended");
    else
        qemuBackupSweep(vm);   /* of one that had ended, but could not be taken apart */
}

static int
endOfflinePull(qemuVM *vm)
{
    g_autoptr(qemuBackupJob) job = NULL;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "end of a backup for a start") < 0)
        return -1;
    job = qemuBackupOfVM(vm);
    if (job && vm->helperHeld && job->def->mode == VIR_BACKUP_MODE_PULL)
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_CANCELLED, "the stopped domain is being started");
    qemuJobEnd(&vm->job);
    return 0;
}

int
qemuBackupYieldToStart(qemuVM *vm)
{
    g_mutex_lock(&vm->lock);
    while (vm->helperHeld && !vm->removed) {
        bool pull = vm->backup && vm->backup->def->mode == VIR_BACKUP_MODE_PULL;

        if (!pull) {
            qemuVMWait(vm, g_get_monotonic_time() + YIELD_WAIT_MS * G_TIME_SPAN_MILLISECOND);
            continue;
        }
        g_mutex_unlock(&vm->lock);
        if (endOfflinePull(vm) < 0)
            return -1;
        g_mutex_lock(&vm->lock);
    }
    g_mutex_unlock(&vm->lock);
    return 0;
}

/* Until the jobs of a push have ended, or @waitMs are over. */
static void
cancelPush(qemuVM *vm, qemuBackupJob *job, unsigned int waitMs)
{
    gint64 deadline = g_get_monotonic_time() + waitMs * G_TIME_SPAN_MILLISECOND;
    bool done = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        job->abortRequested = true;
    }
    qemuBackupPushCancel(vm, job);
    while (qemuBackupPushRefresh(vm, job) == 0) {
        {
            QEMU_VM_LOCK_GUARD(vm);

            done = qemuBackupPushDone(job);
        }
        if (done || g_get_monotonic_time() > deadline)
            break;
        g_usleep(ABORT_POLL_MS * G_TIME_SPAN_MILLISECOND);
    }
}

static void
abortPush(qemuVM *vm, qemuBackupJob *job, bool wait)
{
    cancelPush(vm, job, wait ? ABORT_WAIT_MS : 0);
    qemuBackupFinishPushIfDone(vm, job);
}

void
qemuBackupBreak(qemuVM *vm, qemuBackupJob *job, const char *why)
{
    if (job->def->mode == VIR_BACKUP_MODE_PUSH)
        cancelPush(vm, job, BREAK_WAIT_MS);
    qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_FAILED, why);
}

/* A push that is being ended has the job slot, and may wait for its server for long. */
static bool
endingIsCut(qemuVM *vm)
{
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!vm->backup || vm->backup->phase != QEMU_BACKUP_ENDING)
            return false;
    }
    return qemuBackupPushCut(vm);
}

int
qemuBackupAbort(qemuVM *vm, const qemuBackupJob *which, bool wait)
{
    g_autoptr(qemuBackupJob) job = NULL;
    bool cut = endingIsCut(vm);

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainAbortJob") < 0)
        return -1;
    job = qemuBackupOfVM(vm);
    if (!job && cut) {
        qemuJobEnd(&vm->job);
        return 0;
    }
    if (!job || (which && which != job)) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "no job is active on the domain");
        qemuJobEnd(&vm->job);
        return -1;
    }
    if (job->def->mode == VIR_BACKUP_MODE_PULL)
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_COMPLETED, "Operation canceled");
    else
        abortPush(vm, job, wait);
    qemuJobEnd(&vm->job);
    return 0;
}

/* A job that is being ended is still there for who asks: until its result is, too. */
static qemuBackupJob *
visibleJob(qemuVM *vm, bool *running)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->backup || vm->backup->phase == QEMU_BACKUP_BEGINNING)
        return NULL;
    *running = vm->backup->phase == QEMU_BACKUP_RUNNING;
    return qemuBackupJobRef(vm->backup);
}

int
qemuBackupJobStats(qemuVM *vm, int *type, virTypedParamList *params)
{
    g_autoptr(qemuBackupJob) job = NULL;
    bool running = false;

    qemuVMAwaitReconnect(vm);
    job = visibleJob(vm, &running);
    *type = VIR_DOMAIN_JOB_NONE;
    if (!job)
        return 0;
    if (running && job->def->mode == VIR_BACKUP_MODE_PUSH && qemuBackupPushRefresh(vm, job) < 0)
        return -1;
    *type = VIR_DOMAIN_JOB_UNBOUNDED;
    collectStats(vm, job, VIR_DOMAIN_JOB_NONE, NULL, params);
    return 0;
}
