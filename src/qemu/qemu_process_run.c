/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stop, cont and reset of a guest by us: QEMU reports them as it reports the guest's own, so they
 * are marked while they last (see qemuVMEventQueue).
 */
#include "qemu_process.h"
#include "qemu_backup_job.h"
#include "qemu_qmp_run.h"
#include "qemu_status.h"
#include "virerror_report.h"
#include "virlog.h"

static void
qemuProcessMarkOwn(qemuVM *vm, bool own)
{
    QEMU_VM_LOCK_GUARD(vm);
    vm->ownPause = own;
}

int
qemuProcessCont(qemuVM *vm, qemuMonitor *mon)
{
    int ret = 0;

    qemuProcessMarkOwn(vm, true);
    ret = qemuQMPCont(mon);
    qemuProcessMarkOwn(vm, false);
    return ret;
}

int
qemuProcessStop(qemuVM *vm, qemuMonitor *mon)
{
    int ret = 0;

    qemuProcessMarkOwn(vm, true);
    ret = qemuQMPStop(mon);
    qemuProcessMarkOwn(vm, false);
    return ret;
}

static int
qemuProcessResetGuest(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    int ret = 0;

    if (!mon)
        return -1;
    /* The guest may power off again the moment it runs: be ready for that before cont. */
    g_mutex_lock(&vm->lock);
    vm->fakeReboot = vm->shutdownRequested = vm->shutdownSeen = false;
    vm->ownPause = true;
    g_mutex_unlock(&vm->lock);
    ret = qemuQMPSystemReset(mon) < 0 || qemuQMPCont(mon) < 0 ? -1 : 0;
    g_mutex_lock(&vm->lock);
    vm->ownPause = false;
    if (ret == 0 && qemuVMIsActive(vm)) {
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    g_mutex_unlock(&vm->lock);
    return ret;
}

/* Lock held. Noted before anything happens: a daemon that dies on the way leaves a guest that still ends
 * with its backup. */
static bool
qemuProcessPreserveNote(qemuVM *vm)
{
    if (!qemuVMIsActive(vm) || vm->destroyed || vm->ending || !vm->backup || !vm->backup->preserve)
        return false;
    vm->preserved = vm->ownReset = true;
    vm->shutdownRequested = vm->shutdownSeen = false;
    qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN);
    return true;
}

static bool
qemuProcessPreserveGuest(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!qemuProcessPreserveNote(vm))
            return false;
    }
    if (mon && qemuStatusSave(vm) == 0 && qemuQMPSystemReset(mon) == 0) {
        QEMU_VM_LOCK_GUARD(vm);

        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_GUEST_SHUTDOWN);
        return true;
    }
    VIR_WARN("domain '%s' cannot be kept for its backup: %s", vm->name, virErrorLastMessage());
    virErrorReset();
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->preserved = vm->ownReset = false;
        vm->shutdownSeen = true;
    }
    return false;
}

bool
qemuProcessPreserve(qemuVM *vm)
{
    bool kept = false;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "guest power-off during a backup") < 0) {
        virErrorReset();
        return false;
    }
    kept = qemuProcessPreserveGuest(vm);
    qemuJobEnd(&vm->job);
    return kept;
}

void
qemuProcessReset(qemuVM *vm)
{
    int ret = qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "guest reboot");

    if (ret == 0) {
        ret = qemuProcessResetGuest(vm);
        qemuJobEnd(&vm->job);
    }
    if (ret < 0) {
        VIR_WARN("domain '%s' cannot be rebooted and is ended: %s", vm->name, virErrorLastMessage());
        virErrorReset();
        qemuProcessQuit(vm);
        return;
    }
    qemuStatusSave(vm);
}
