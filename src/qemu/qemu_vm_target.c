/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's view of a running domain. Answers come from the domain object; nothing here decides.
 */
#include "qemu_vm_target.h"
#include "qemu_agent_quiesce.h"
#include "qemu_driver_state.h"
#include "qemu_guard.h"
#include "qemu_vm.h"
#include "qemu_lend.h"
#include "virerror_report.h"
#include "virlog.h"

/* Borrowed while the target's job is held: only who holds the job swaps the Def. */
static const virDomainDef *
qemuVMTargetDef(qemuTarget *t)
{
    return qemuVMOfTarget(t)->def;
}

static const qemuTargetDisk *
qemuVMTargetDisks(qemuTarget *t, size_t *n)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    *n = vm->targetDisks ? vm->targetDisks->len : 0;
    return vm->diskTable;
}

static bool
qemuVMTargetGuestRuns(qemuTarget *t)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    return vm->state == VIR_DOMAIN_RUNNING;
}

static int
qemuVMTargetCommand(qemuTarget *t, const virJSONValue *command, virJSONValue **reply)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(qemuVMOfTarget(t));

    return mon ? qemuMonitorCommand(mon, command, reply) : -1;
}

static int
qemuVMTargetCommandFd(qemuTarget *t, const virJSONValue *command, int fd)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(qemuVMOfTarget(t));

    return mon ? qemuMonitorCommandFd(mon, command, fd, NULL) : -1;
}

static int
qemuVMTargetBatch(qemuTarget *t, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(qemuVMOfTarget(t));

    return mon ? qemuMonitorBatch(mon, commands, n, replies) : -1;
}

/* The monitor's connection is in the guard's hands while the pause is ours: should we die, "cont" still
 * reaches QEMU. Without a guard that is not certain, but no reason to refuse either: the next daemon
 * sees to it. */
static void
qemuVMTargetHidePause(qemuTarget *t, bool hide)
{
    qemuVM *vm = qemuVMOfTarget(t);
    g_autoptr(qemuMonitor) mon = hide ? qemuVMMonitor(vm) : NULL;
    unsigned int before = 0;

    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->hidePause = hide;
        before = vm->pauseGuard;
        vm->pauseGuard = 0;
    }
    if (before)
        qemuGuardDisarm(before, false);
    if (!mon)
        return;
    vm->pauseGuard = qemuGuardArm(QEMU_GUARD_CONT, qemuMonitorFd(mon), 0, false);
    if (vm->pauseGuard == 0) {
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
        virErrorReset();
    }
}

static int
qemuVMTargetFreeze(qemuTarget *t)
{
    return qemuQuiesceFreeze(qemuVMOfTarget(t));
}

static int
qemuVMTargetThaw(qemuTarget *t, bool repair)
{
    if (!repair)
        return qemuQuiesceThaw(qemuVMOfTarget(t));
    qemuQuiesceRepair(qemuVMOfTarget(t));
    return 0;
}

static int
qemuVMTargetLendFile(qemuTarget *t G_GNUC_UNUSED, const char *path, bool writable)
{
    return qemuLendFile(path, writable);
}

static void
qemuVMTargetReturnFile(qemuTarget *t G_GNUC_UNUSED, const char *path)
{
    qemuLendReturn(path);
}

/* Borrowed while the target's job is held. */
static const char *
qemuVMTargetPrivateDir(qemuTarget *t)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    return vm->privateDir;
}

static pid_t
qemuVMTargetPid(qemuTarget *t)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    return vm->exited ? 0 : vm->pid;
}

static bool
qemuVMTargetIothreadExportSafe(qemuTarget *t)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    return vm->iothreadExportSafe;
}

/* A QEMU that runs on after an update is not the one that can be tried now. */
static unsigned int
qemuVMTargetCbwTimeoutMax(qemuTarget *t)
{
    g_autoptr(qemuCaps) caps = qemuDriverCaps(qemuVMOfTarget(t)->def->emulator);

    if (caps && qemuCapsAreOf(caps, qemuVMTargetPid(t)))
        return qemuCapsCbwTimeoutMax(caps);
    virErrorReset();
    return QEMU_CAPS_CBW_TIMEOUT_SAFE;
}

const qemuTargetOps qemuVMTargetOps = {
    .def = qemuVMTargetDef,
    .disks = qemuVMTargetDisks,
    .guestRuns = qemuVMTargetGuestRuns,
    .command = qemuVMTargetCommand,
    .commandFd = qemuVMTargetCommandFd,
    .batch = qemuVMTargetBatch,
    .hidePause = qemuVMTargetHidePause,
    .freeze = qemuVMTargetFreeze,
    .thaw = qemuVMTargetThaw,
    .lendFile = qemuVMTargetLendFile,
    .returnFile = qemuVMTargetReturnFile,
    .privateDir = qemuVMTargetPrivateDir,
    .pid = qemuVMTargetPid,
    .iothreadExportSafe = qemuVMTargetIothreadExportSafe,
    .cbwTimeoutMax = qemuVMTargetCbwTimeoutMax,
};
