/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recovery of backups. The journal says which Plan was being run; undoing all of its steps, tolerating
 * those that never happened, gives the graph as it was before. REDO steps of the Plan ("cont") make
 * sure that a guest stopped for the instant runs again.
 */
#include "qemu_backup_recover.h"

#include <errno.h>
#include <unistd.h>

#include "qemu_backup_end.h"
#include "qemu_backup_push.h"
#include "qemu_backup_server.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_driver_state.h"
#include "qemu_export_helper.h"
#include "qemu_export_helper_watch.h"
#include "qemu_backup_watch.h"
#include "qemu_lend.h"
#include "qemu_plan_run.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* Of a daemon that had lent them; its books ended with it. */
static void
noteLoans(const qemuBackupJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->lent)
            qemuLendNote(disk->storePath, disk->user, disk->group);
    }
}

static unsigned int
diskIndex(const virDomainBackupDef *def, guint i)
{
    return ((const virDomainBackupDiskDef *)g_ptr_array_index(def->disks, i))->index;
}

static int
adopt(qemuVM *vm, qemuBackupJob *job)
{
    if (qemuJobBeginAsync(&vm->job, QEMU_ASYNC_JOB_BACKUP, "virDomainBackupBegin") < 0)
        return -1;
    noteLoans(job);
    {
        QEMU_VM_LOCK_GUARD(vm);

        job->phase = QEMU_BACKUP_RUNNING;
        vm->backup = qemuBackupJobRef(job);
        for (guint i = 0; i < job->def->disks->len; i++)
            vm->nodeCounter = MAX(vm->nodeCounter, diskIndex(job->def, i));
    }
    return 0;
}

static void
finishIfConcluded(qemuVM *vm, qemuBackupJob *job)
{
    if (job->def->mode == VIR_BACKUP_MODE_PUSH && qemuBackupPushRefresh(vm, job) == 0)
        qemuBackupFinishPushIfDone(vm, job);
}

static void
undoBegin(qemuVM *vm, const qemuConfig *config, const qemuBackupJob *job)
{
    qemuPlanRun run = { .plan = job->plan };
    int failed = 0;

    /* One undo that fails keeps others from succeeding: they are repeated, which does no harm. */
    for (int attempt = 0; job->plan && attempt < 2; attempt++) {
        run.done = job->plan->steps->len;
        failed = qemuPlanRunUndo(&run, &vm->target, true);
        if (failed == 0)
            break;
    }
    qemuCheckpointBooksForget(vm);
    if (failed > 0)
        VIR_WARN("domain '%s': %d steps of an interrupted backup begin could not be undone; the next "
                 "start of the daemon tries again",
                 vm->name, failed);
    else
        qemuBackupJournalRemove(config, vm->name);
}

int
qemuBackupRecover(qemuVM *vm, char **undone)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = qemuBackupJournalLoad(config, vm->name);
    g_autofree char *error = NULL;

    *undone = NULL;
    if (!job) {
        if (virErrorLastCode() != VIR_ERR_OK)
            qemuBackupJournalSetAside(config, vm->name);
        return 0;
    }
    switch (job->phase) {
    case QEMU_BACKUP_BEGINNING:
        VIR_INFO("domain '%s': undoing a backup that had not begun completely", vm->name);
        *undone = g_strdup(job->checkpoint);
        undoBegin(vm, config, job);
        return 0;
    case QEMU_BACKUP_RUNNING:
        VIR_INFO("domain '%s': its backup goes on", vm->name);
        if (adopt(vm, job) < 0)
            return -1;
        qemuBackupWatchStart(vm);
        qemuExportHelperWatch(vm);
        finishIfConcluded(vm, job);
        return 0;
    case QEMU_BACKUP_ENDING:
        if (adopt(vm, job) < 0)
            return -1;
        error = g_strdup(job->endError);   /* the job's own is replaced at the end of it */
        qemuBackupFinish(vm, job, job->endType, error);
        return 0;
    case QEMU_BACKUP_SERVER:
        qemuBackupServerStop(vm, job->def);
        return 0;
    case QEMU_BACKUP_PHASE_LAST:
        break;
    }
    return -1;
}

bool
qemuBackupHasHelper(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = qemuBackupJournalLoad(config, vm->name);

    virErrorReset();
    return job && (job->phase == QEMU_BACKUP_RUNNING || job->phase == QEMU_BACKUP_ENDING);
}

int
qemuBackupGivenUp(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = qemuBackupJournalLoad(config, vm->name);
    g_autofree char *error = job ? g_strdup(job->endError) : NULL;
    bool over = job && job->phase == QEMU_BACKUP_SERVER;

    virErrorReset();
    if (!job || job->phase == QEMU_BACKUP_BEGINNING) {
        qemuBackupSweep(vm);
        return 0;
    }
    if (adopt(vm, job) < 0)
        return -1;
    if (over)
        qemuBackupConclude(vm, job);
    else if (job->endType != VIR_DOMAIN_JOB_NONE)
        qemuBackupFinish(vm, job, job->endType, error);
    else
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_FAILED,
                         "the block helper of the stopped domain was lost while no daemon ran");
    return 0;
}

/* Without the client's error: what is wrong with an old backup does not explain why a new one fails. */
static int
settleJob(qemuVM *vm, const qemuConfig *config, qemuBackupJob *job)
{
    switch (job->phase) {
    case QEMU_BACKUP_BEGINNING:
        undoBegin(vm, config, job);
        if (qemuBackupJournalExists(config, vm->name))
            return -1;
        if (job->checkpoint)
            qemuCheckpointForget(vm, job->checkpoint);
        return 0;
    case QEMU_BACKUP_RUNNING:
    case QEMU_BACKUP_ENDING:
        if (qemuBackupTakeApart(vm, job) < 0)
            return -1;
        break;
    case QEMU_BACKUP_SERVER:
    case QEMU_BACKUP_PHASE_LAST:
        break;
    }
    if (job->def->mode == VIR_BACKUP_MODE_PUSH) {
        qemuBackupJournalRemove(config, vm->name);
        return 0;
    }
    qemuBackupServerStop(vm, job->def);
    if (qemuBackupServerAwait(vm) < 0)
        return -1;
    return qemuBackupJournalExists(config, vm->name) ? -1 : 0;
}

char *
qemuBackupHalfBegun(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = qemuBackupJournalLoad(config, vm->name);

    virErrorReset();
    return job && job->phase == QEMU_BACKUP_BEGINNING ? g_strdup(job->checkpoint) : NULL;
}

int
qemuBackupSettle(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = NULL;
    g_autofree char *why = NULL;

    if (qemuBackupServerAwait(vm) < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (vm->backup)
            return 0;
    }
    job = qemuBackupJournalLoad(config, vm->name);
    if (!job && virErrorLastCode() != VIR_ERR_OK)
        qemuBackupJournalSetAside(config, vm->name);
    if (!job)
        return 0;
    VIR_INFO("domain '%s': taking apart what its last backup has left", vm->name);
    if (settleJob(vm, config, job) == 0)
        return 0;
    why = g_strdup(virErrorLastMessage());
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot start a backup of domain '%s': what its last backup has left in QEMU cannot "
                   "be removed: %s", vm->name, why);
    return -1;
}

static void
sweepFile(qemuVM *vm, const char *path)
{
    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("domain '%s': cannot remove '%s': %s", vm->name, path, g_strerror(errno));
}

void
qemuBackupSweep(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = NULL;
    virErrorPtr saved = NULL;
    int type = VIR_DOMAIN_JOB_FAILED;

    virErrorPreserveLast(&saved);
    job = qemuBackupJournalLoad(config, vm->name);
    if (job)
        qemuExportHelperEndOf(job->plan);
    /* one that had completed in QEMU's eyes, too: QEMU is gone and had perhaps not closed its target */
    if (job && job->phase == QEMU_BACKUP_SERVER)
        type = job->endType;
    for (guint i = 0; job && i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->storePath && qemuBackupJobStoreGoes(job, disk, type))
            sweepFile(vm, disk->storePath);
        if (disk->removeScratch)
            sweepFile(vm, disk->scratchPath);
    }
    if (job && job->def->server.socket)
        unlink(job->def->server.socket);
    qemuBackupJournalRemove(config, vm->name);
    virErrorRestore(&saved);
}
