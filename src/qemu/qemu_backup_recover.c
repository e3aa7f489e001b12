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
#include "qemu_checkpoint_books.h"
#include "qemu_driver_state.h"
#include "qemu_plan_run.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static int
adopt(qemuVM *vm, qemuBackupJob *job)
{
    if (qemuJobBeginAsync(&vm->job, QEMU_ASYNC_JOB_BACKUP, "virDomainBackupBegin") < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        job->phase = QEMU_BACKUP_RUNNING;
        vm->backup = qemuBackupJobRef(job);
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

    if (job->plan) {
        run.done = job->plan->steps->len;
        failed = qemuPlanRunUndo(&run, &vm->target, true);
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

    *undone = NULL;
    if (!job)
        return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
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
        finishIfConcluded(vm, job);
        return 0;
    case QEMU_BACKUP_ENDING:
        if (adopt(vm, job) < 0)
            return -1;
        qemuBackupFinish(vm, job, job->endType, job->endError);
        return 0;
    case QEMU_BACKUP_SERVER:
        qemuBackupServerStop(vm, job->def);
        return 0;
    case QEMU_BACKUP_PHASE_LAST:
        break;
    }
    return -1;
}

void
qemuBackupSweep(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuBackupJob) job = qemuBackupJournalLoad(config, vm->name);

    for (guint i = 0; job && i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->storePath && qemuBackupJobStoreGoes(job, disk, job->endType) &&
            unlink(disk->storePath) < 0 && errno != ENOENT)
            VIR_WARN("domain '%s': cannot remove '%s': %s", vm->name, disk->storePath,
                     g_strerror(errno));
    }
    if (job && job->def->server.socket)
        unlink(job->def->server.socket);
    virErrorReset();
    qemuBackupJournalRemove(config, vm->name);
}
