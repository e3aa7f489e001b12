/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's view of a running domain. Answers come from the domain object; nothing here decides.
 */
#include "qemu_vm_target.h"
#include "qemu_vm.h"
#include "qemu_lend.h"

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
qemuVMTargetBatch(qemuTarget *t, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(qemuVMOfTarget(t));

    return mon ? qemuMonitorBatch(mon, commands, n, replies) : -1;
}

static void
qemuVMTargetHidePause(qemuTarget *t, bool hide)
{
    qemuVM *vm = qemuVMOfTarget(t);
    QEMU_VM_LOCK_GUARD(vm);

    vm->hidePause = hide;
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

const qemuTargetOps qemuVMTargetOps = {
    .def = qemuVMTargetDef,
    .disks = qemuVMTargetDisks,
    .guestRuns = qemuVMTargetGuestRuns,
    .command = qemuVMTargetCommand,
    .batch = qemuVMTargetBatch,
    .hidePause = qemuVMTargetHidePause,
    .lendFile = qemuVMTargetLendFile,
    .returnFile = qemuVMTargetReturnFile,
    .privateDir = qemuVMTargetPrivateDir,
    .pid = qemuVMTargetPid,
    .iothreadExportSafe = qemuVMTargetIothreadExportSafe,
};
