/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps run on a thread of their own, because a QMP command has no time limit and the end of a
 * domain has. Who ends it waits so long, then kills QEMU, which ends the thread's waiting too.
 */
#include "qemu_settle.h"
#include "qemu_backup_push.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_checkpoint_order.h"
#include "qemu_process.h"
#include "qemu_status.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virlog.h"

#define QEMU_SETTLE_STOP_MS 10000   /* what the guest has under way on its disks is waited for */
#define QEMU_SETTLE_MS 30000

static const qemuSettleStep *const steps[] = {
    &qemuCheckpointOrderSettle,   /* adds to what the next one saves */
    &qemuBitmapStoreSettleStep,
    NULL,
};

/* While the guest still runs: to stop it takes as long as what is under way on its disks, and that may wait
 * for the target of a push. */
static const qemuSettleStep *const firstStep = &qemuBackupPushSettleStep;

bool
qemuSettleWanted(qemuVM *vm)
{
    if (firstStep->wanted(vm))
        return true;
    for (size_t i = 0; steps[i]; i++) {
        if (steps[i]->wanted(vm))
            return true;
    }
    return false;
}

static void
notePhase(qemuVM *vm, qemuSettlePhase phase)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->settle = phase;
    qemuVMSignal(vm);
}

static int
runStep(const qemuSettleStep *step, qemuVM *vm)
{
    g_autofree char *before = g_strconcat("settle.", step->name, NULL);
    g_autofree char *after = g_strconcat(before, ".done", NULL);

    if (virFaultPoint(before) < 0 || step->run(vm) < 0)
        return -1;
    return virFaultPoint(after);
}

static void
tryStep(const qemuSettleStep *step, qemuVM *vm)
{
    if (!step->wanted(vm) || runStep(step, vm) == 0)
        return;
    VIR_WARN("domain '%s' ends without '%s': %s", vm->name, step->name, virErrorLastMessage());
    virErrorReset();
}

static int
stopGuest(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    if (!mon || virFaultPoint("settle.stop") < 0 || qemuProcessStop(vm, mon) < 0)
        return -1;
    return virFaultPoint("settle.stopped");
}

static void
runSteps(void *data)
{
    g_autoptr(qemuVM) vm = data;

    tryStep(firstStep, vm);
    if (stopGuest(vm) < 0) {
        VIR_WARN("domain '%s': its guest cannot be stopped, so what QEMU knows is lost: %s", vm->name,
                 virErrorLastMessage());
    } else {
        notePhase(vm, QEMU_SETTLE_STEPS);
        for (size_t i = 0; steps[i]; i++)
            tryStep(steps[i], vm);
    }
    virErrorReset();
    notePhase(vm, QEMU_SETTLE_NONE);
}

/* Lock held. True once the thread has got past @phase. */
static bool
waitBeyond(qemuVM *vm, qemuSettlePhase phase, unsigned int ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)ms * 1000;

    while (vm->settle != QEMU_SETTLE_NONE && vm->settle <= phase && !vm->exited) {
        if (!qemuVMWait(vm, deadline))
            break;
    }
    return vm->settle == QEMU_SETTLE_NONE || vm->settle > phase;
}

/* A guest that is stopped, with nobody who knows that it is to end, would stay stopped. */
static bool
announceEnd(qemuVM *vm)
{
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->ending = true;
    }
    if (qemuStatusSave(vm) == 0)
        return true;
    VIR_WARN("domain '%s' is ended at once, because it cannot be noted that it is to end: %s", vm->name,
             virErrorLastMessage());
    virErrorReset();
    return false;
}

bool
qemuSettle(qemuVM *vm)
{
    bool begin = false;
    bool over = false;

    if (!qemuSettleWanted(vm) || !announceEnd(vm))
        return true;
    g_mutex_lock(&vm->lock);
    begin = vm->settle == QEMU_SETTLE_NONE;
    if (begin)
        vm->settle = QEMU_SETTLE_STOPPING;
    g_mutex_unlock(&vm->lock);
    if (begin)
        qemuWorkersRun(runSteps, qemuVMRef(vm));
    g_mutex_lock(&vm->lock);
    over = waitBeyond(vm, QEMU_SETTLE_STOPPING, QEMU_SETTLE_STOP_MS) &&
           waitBeyond(vm, QEMU_SETTLE_STEPS, QEMU_SETTLE_MS);
    g_mutex_unlock(&vm->lock);
    if (!over)
        VIR_WARN("domain '%s': QEMU does not answer in time; what it knows is lost", vm->name);
    return over;
}

void
qemuSettleAwaitEnd(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    while (vm->settle != QEMU_SETTLE_NONE)
        qemuVMWait(vm, g_get_monotonic_time() + G_USEC_PER_SEC);
}
