/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a QEMU is ended, and what is left to do when it has. Ending and finishing are apart: anybody
 * may kill at any time, but the run is finished once, by who holds the job slot.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "qemu_process.h"
#include "qemu_agent_quiesce.h"
#include "qemu_backup.h"
#include "qemu_backup_recover.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_domain_log.h"
#include "qemu_guard.h"
#include "qemu_lend.h"
#include "qemu_process_watch.h"
#include "qemu_run_dir.h"
#include "qemu_settle.h"
#include "qemu_status.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_KILL_TERM_MS 10000    /* after SIGTERM */
#define QEMU_KILL_FORCE_MS 30000   /* after SIGKILL: only a process stuck in the kernel takes longer */
#define QEMU_SLOT_MS 10000         /* a destroy lets a change of images or bitmaps be finished */
#define QEMU_QUIT_MS 20000         /* after the quit command: images are closed, bitmaps saved */

static gint64
qemuProcessDeadline(unsigned int ms)
{
    return g_get_monotonic_time() + (gint64)ms * 1000;
}

/* Lock held. True when the process of run @run is gone before @deadline. */
static bool
qemuProcessWaitExit(qemuVM *vm, unsigned int run, gint64 deadline)
{
    while (vm->run == run && qemuVMIsActive(vm) && !vm->exited) {
        if (!qemuVMWait(vm, deadline))
            return vm->run != run || !qemuVMIsActive(vm) || vm->exited;
    }
    return true;
}

int
qemuProcessKill(qemuVM *vm, bool gentle)
{
    QEMU_VM_LOCK_GUARD(vm);
    unsigned int run = vm->run;

    if (!qemuVMIsActive(vm) || vm->exited || !vm->process)
        return 0;
    qemuProcessSignal(vm->process, SIGTERM);
    if (qemuProcessWaitExit(vm, run, qemuProcessDeadline(QEMU_KILL_TERM_MS)))
        return 0;
    if (gentle) {
        virReportError(VIR_ERR_RESOURCE_BUSY,
                       "QEMU of domain '%s' (process %d) did not exit within %d s of SIGTERM; it "
                       "may be writing out caches: try again, or destroy it without the graceful flag",
                       vm->name, (int)vm->pid, QEMU_KILL_TERM_MS / 1000);
        return -1;
    }
    VIR_WARN("domain '%s': QEMU (process %d) ignores SIGTERM; killing it", vm->name, (int)vm->pid);
    qemuProcessSignal(vm->process, SIGKILL);
    if (qemuProcessWaitExit(vm, run, qemuProcessDeadline(QEMU_KILL_FORCE_MS)))
        return 0;
    virReportError(VIR_ERR_RESOURCE_BUSY,
                   "QEMU of domain '%s' (process %d) is still there %d s after SIGKILL; it hangs in "
                   "the kernel, look at its storage", vm->name, (int)vm->pid, QEMU_KILL_FORCE_MS / 1000);
    return -1;
}

/* Whoever waited for the slot may find that the run is over, and even that there is another one. */
static bool
qemuProcessIsRun(qemuVM *vm, unsigned int run)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->run == run && qemuVMIsActive(vm);
}

void
qemuProcessQuit(qemuVM *vm)
{
    static const char api[] = "guest power-off";
    g_autoptr(virJSONValue) quit = virJSONBuild("{'execute':'quit'}");
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    unsigned int run = 0;
    bool slot = false;
    bool answers = false;

    g_mutex_lock(&vm->lock);
    run = vm->run;
    g_mutex_unlock(&vm->lock);
    /* A change of images or bitmaps under way is let finish; a stuck one does not keep QEMU alive. */
    slot = qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, api) == 0;
    if (!qemuProcessIsRun(vm, run)) {
        if (slot)
            qemuJobEnd(&vm->job);
        virErrorReset();
        return;
    }
    answers = slot ? qemuSettle(vm) : true;
    if (mon && answers && qemuMonitorCommand(mon, quit, NULL) < 0)
        VIR_DEBUG("domain '%s': no reply to quit", vm->name);
    g_mutex_lock(&vm->lock);
    if (mon && answers && !qemuProcessWaitExit(vm, run, qemuProcessDeadline(QEMU_QUIT_MS)))
        VIR_WARN("domain '%s': QEMU does not quit", vm->name);
    g_mutex_unlock(&vm->lock);
    if (slot)
        qemuJobEnd(&vm->job);
    if (qemuProcessKill(vm, false) < 0)
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
    virErrorReset();
}

/* Lock held. What to call the end of a run, from what is known of it. */
static void
qemuProcessEndReason(qemuVM *vm, qemuEnd end, int *reason, int *detail, const char **word)
{
    if (vm->destroyed) {
        *reason = VIR_DOMAIN_SHUTOFF_DESTROYED;
        *detail = VIR_DOMAIN_EVENT_STOPPED_DESTROYED;
        *word = "destroyed";
    } else if (vm->state != VIR_DOMAIN_CRASHED && vm->shutdownSeen) {
        *reason = VIR_DOMAIN_SHUTOFF_SHUTDOWN;
        *detail = VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
        *word = "shutdown";
    } else if (end == QEMU_END_UNSEEN) {
        *reason = VIR_DOMAIN_SHUTOFF_DAEMON;
        *detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
        *word = "unknown, the daemon was not running";
    } else {
        *reason = VIR_DOMAIN_SHUTOFF_CRASHED;
        *detail = VIR_DOMAIN_EVENT_STOPPED_CRASHED;
        *word = "crashed";
    }
}

/* What of a run is freed without the lock. */
typedef struct _qemuProcessLeft {
    qemuMonitor *mon;
    qemuProcess *process;
    qemuQuiesce *quiesce;
    unsigned int pauseGuard;
    char *privateDir;
    virDomainDef *oldDef;
} qemuProcessLeft;

/* Lock held. Back to a stopped domain. */
static void
qemuProcessClearRun(qemuVM *vm, qemuProcessLeft *left, virDomainDef *stopped)
{
    left->process = g_steal_pointer(&vm->process);
    left->privateDir = g_steal_pointer(&vm->privateDir);
    left->quiesce = g_steal_pointer(&vm->quiesce);
    left->pauseGuard = vm->pauseGuard;
    vm->pauseGuard = 0;
    qemuVMSetTargetDisks(vm, NULL);
    left->oldDef = vm->def;
    vm->def = vm->newDef ? g_steal_pointer(&vm->newDef) : stopped;
    if (vm->def != stopped)
        virDomainDefFree(stopped);
    g_clear_pointer(&vm->monitorPath, g_free);
    vm->pid = 0;
    vm->pidStart = 0;
    vm->exited = vm->starting = false;
    vm->hidePause = vm->ownPause = false;
    vm->shutdownRequested = vm->shutdownSeen = vm->fakeReboot = vm->ending = false;
    vm->preserved = vm->ownReset = false;
    vm->agentConnected = false;
    vm->autodestroy = NULL;
    vm->nodeCounter = 0;
    vm->balloonKiB = 0;
}

static void
qemuProcessLeftFree(qemuProcessLeft *left)
{
    qemuQuiesceFree(left->quiesce);
    if (left->pauseGuard)
        qemuGuardDisarm(left->pauseGuard, false);
    if (left->mon)
        qemuMonitorUnref(left->mon);
    if (left->process)
        qemuProcessUnwatch(left->process);
    if (left->oldDef) {
        GPtrArray *stores = qemuBitmapStoreBeforeChown(left->oldDef);

        qemuLendReturnDomain(left->oldDef);
        qemuBitmapStoreAfterChown(stores);
    }
    if (left->privateDir)
        qemuRunDirRemove(left->privateDir);
    g_free(left->privateDir);
    virDomainDefFree(left->oldDef);
}

/* Who is told that a transient domain has stopped may rely on it that there is none any more. */
static void
publishGone(qemuVM *vm, int detail)
{
    QEMU_VM_LOCK_GUARD(vm);

    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_STOPPED, detail);
}

void
qemuProcessFinish(qemuVM *vm, qemuEnd end)
{
    qemuProcessLeft left = { 0 };
    virErrorPtr saved = NULL;
    virDomainDef *stopped = NULL;
    const char *word = "failed";
    int reason = VIR_DOMAIN_SHUTOFF_FAILED;
    int detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
    bool gone = false;

    virErrorPreserveLast(&saved);
    g_mutex_lock(&vm->lock);
    left.mon = g_steal_pointer(&vm->mon);
    g_mutex_unlock(&vm->lock);
    if (left.mon)
        qemuMonitorClose(left.mon);
    qemuSettleAwaitEnd(vm);
    /* What a daemon before this one had begun is known from its journal alone, and so is an NBD
     * server that was still to be stopped. */
    if (end != QEMU_END_START_FAILED) {
        qemuBackupVMDied(vm);
        qemuBackupSweep(vm);
    }
    qemuCheckpointOrderForget(vm);
    stopped = qemuVMCopyDef(vm);
    stopped->id = -1;

    g_mutex_lock(&vm->lock);
    if (end != QEMU_END_START_FAILED)
        qemuProcessEndReason(vm, end, &reason, &detail, &word);
    qemuProcessClearRun(vm, &left, stopped);
    vm->destroyed = false;
    qemuVMSetState(vm, VIR_DOMAIN_SHUTOFF, reason);
    gone = end != QEMU_END_START_FAILED && !vm->persistent;
    if (end != QEMU_END_START_FAILED && !gone)
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_STOPPED, detail);
    g_mutex_unlock(&vm->lock);

    qemuDomainLogWrite(vm->name, "shutting down, reason=%s", word);
    qemuStatusRemove(vm);
    qemuProcessLeftFree(&left);
    if (gone) {
        if (qemuCheckpointListDrop(vm) < 0 || qemuBitmapStoreRemoveAll(vm->uuid) < 0)
            VIR_WARN("domain '%s': its checkpoint records or bitmaps stay: %s", vm->name, virErrorLastMessage());
        qemuVMListRemove(qemuDriverVMs(), vm);
        publishGone(vm, detail);
    }
    virErrorRestore(&saved);
}

/* Take the slot to finish a run, however long its holder needs: QEMU is gone, so it cannot wait for
 * an answer any more. */
static void
qemuProcessBeginEnd(qemuVM *vm, const char *api)
{
    while (qemuJobBegin(&vm->job, QEMU_JOB_DESTROY, api) < 0)
        VIR_WARN("domain '%s': its QEMU is gone, but: %s", vm->name, virErrorLastMessage());
}

void
qemuProcessEnded(qemuVM *vm, unsigned int run)
{
    bool mine = false;

    qemuProcessBeginEnd(vm, "end of QEMU");
    g_mutex_lock(&vm->lock);
    mine = vm->run == run && qemuVMIsActive(vm);
    if (mine)
        vm->exited = true;
    g_mutex_unlock(&vm->lock);
    if (mine)
        qemuProcessFinish(vm, QEMU_END_BY_ITSELF);
    qemuJobEnd(&vm->job);
}

/* What QEMU knows is brought to disk if that can be done soon. True: the slot is held. */
static bool
qemuProcessSettleFirst(qemuVM *vm, unsigned int run, const char *api)
{
    bool starting = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        starting = vm->starting;
    }
    if (starting || !qemuSettleWanted(vm))
        return false;
    if (qemuJobBeginWithin(&vm->job, QEMU_JOB_DESTROY, api, QEMU_SLOT_MS) < 0) {
        VIR_WARN("domain '%s' is ended at once: %s", vm->name, virErrorLastMessage());
        virErrorReset();
        return false;
    }
    if (qemuProcessIsRun(vm, run))
        qemuSettle(vm);
    return true;
}

int
qemuProcessDestroy(qemuVM *vm, bool gentle, const char *api)
{
    unsigned int run = 0;
    bool wasDestroyed = false;
    bool mine = false;
    bool slot = false;

    g_mutex_lock(&vm->lock);
    if (qemuVMCheckActive(vm) < 0) {
        g_mutex_unlock(&vm->lock);
        return -1;
    }
    run = vm->run;
    wasDestroyed = vm->destroyed;
    vm->destroyed = true;
    g_mutex_unlock(&vm->lock);

    slot = qemuProcessSettleFirst(vm, run, api);
    if (!qemuProcessIsRun(vm, run)) {       /* what was to be destroyed is gone */
        if (slot)
            qemuJobEnd(&vm->job);
        return 0;
    }
    if (qemuProcessKill(vm, gentle) < 0) {
        g_mutex_lock(&vm->lock);
        if (vm->run == run)
            vm->destroyed = wasDestroyed;
        g_mutex_unlock(&vm->lock);
        if (slot)
            qemuJobEnd(&vm->job);
        return -1;
    }
    if (!slot)
        qemuProcessBeginEnd(vm, api);
    g_mutex_lock(&vm->lock);
    mine = vm->run == run && qemuVMIsActive(vm);
    /* QEMU says so itself, but perhaps only after we are through here. */
    if (mine && !vm->shutdownSeen) {
        vm->shutdownSeen = true;
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_HOST);
    }
    g_mutex_unlock(&vm->lock);
    if (mine)
        qemuProcessFinish(vm, QEMU_END_BY_ITSELF);
    qemuJobEnd(&vm->job);
    return 0;
}

static void
qemuProcessAutodestroyOne(void *item, void *opaque)
{
    qemuVM *vm = item;
    bool wanted = false;

    g_mutex_lock(&vm->lock);
    wanted = opaque && vm->autodestroy == opaque;
    g_mutex_unlock(&vm->lock);
    if (wanted && qemuProcessDestroy(vm, false, "end of the client's connection") < 0)
        VIR_WARN("domain '%s': autodestroy: %s", vm->name, virErrorLastMessage());
}

void
qemuProcessAutodestroy(const void *conn)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());

    qemuWorkersForEach(vms, 8, qemuProcessAutodestroyOne, (void *)conn);
}
