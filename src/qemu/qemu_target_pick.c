/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The books (qemu_checkpoint_books.h) belong to one process, so they are forgotten when a helper
 * comes and when it goes.
 */
#include "qemu_target_pick.h"
#include "qemu_backup.h"
#include "qemu_backup_end.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_order.h"
#include "qemu_nbd.h"
#include "qemu_reconcile.h"
#include "qemu_restore.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* On the main loop; @opaque lives as long as its helper's monitor is open. */
static void
helperEvent(const char *name, const virJSONValue *data, long long seconds G_GNUC_UNUSED,
            unsigned int micros G_GNUC_UNUSED, void *opaque)
{
    qemuBackupEventJob(opaque, name, data);
    qemuRestoreEventJob(opaque, name, data);
}

/* A closed monitor fails at once; so this is about the helper of now, whoever's end we were told of. */
static bool
helperAnswers(qemuHelper *helper)
{
    qemuTarget *target = qemuHelperTarget(helper);
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-version'}");

    return target->ops->command(target, command, NULL) == 0;
}

static void
helperDied(void *data)
{
    g_autoptr(qemuVM) vm = data;
    g_autoptr(qemuBackupJob) job = NULL;

    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "end of the block helper") < 0) {
        virErrorReset();
        qemuWorkersRun(helperDied, qemuVMRef(vm));
        return;
    }
    if (vm->helperHeld && !helperAnswers(vm->helper))
        qemuRestoreHelperDied(vm);
    if (vm->helperHeld && !helperAnswers(vm->helper) && (job = qemuBackupOfVM(vm)))
        qemuBackupFinish(vm, job, VIR_DOMAIN_JOB_FAILED,
                         "the block helper of the stopped domain ended");
    virErrorReset();
    qemuJobEnd(&vm->job);
}

static void
helperEOF(void *opaque)
{
    qemuWorkersRun(helperDied, qemuVMRef(opaque));
}

static const qemuMonitorCallbacks helperCallbacks = {
    .event = helperEvent,
    .eof = helperEOF,
};

/* Lock held. */
static int
checkPresent(const qemuVM *vm)
{
    if (!vm->removed)
        return 0;
    virReportError(VIR_ERR_NO_DOMAIN, "domain '%s' was removed meanwhile", vm->name);
    return -1;
}

static void
install(qemuVM *vm, qemuHelper *helper)
{
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->helper = helper;
    }
    qemuCheckpointBooksForget(vm);
    qemuCheckpointOrderForget(vm);
}

static int
stop(qemuVM *vm)
{
    g_autoptr(qemuHelper) helper = NULL;

    {
        QEMU_VM_LOCK_GUARD(vm);

        helper = g_steal_pointer(&vm->helper);
        vm->helperHeld = false;
    }
    qemuCheckpointBooksForget(vm);
    if (!helper)
        return 0;
    qemuCheckpointOrderForget(vm);
    return qemuHelperStop(helper);
}

static int
startHelper(qemuVM *vm, qemuHelperMode mode)
{
    bool pending = mode != QEMU_HELPER_BARE && qemuReconcilePending(vm);
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    qemuHelper *helper = NULL;

    helper = def ? qemuHelperStart(def, pending ? QEMU_HELPER_CHANGE : mode, &helperCallbacks, vm) : NULL;
    if (!helper)
        return -1;
    install(vm, helper);
    if (!pending)
        return 0;
    qemuReconcileCheckpoints(vm);
    qemuCheckpointOrderStore(vm);
    if (qemuHelperSetMode(helper, mode) == 0)
        return 0;
    stop(vm);
    return -1;
}

static int
checkHeld(const qemuVM *vm, qemuHelperMode mode)
{
    if (mode != QEMU_HELPER_CHANGE)
        return 0;
    virReportError(VIR_ERR_OPERATION_INVALID,
                   "cannot change checkpoints of the stopped domain '%s' while a backup reads its disks; "
                   "wait for the backup or abort it",
                   vm->name);
    return -1;
}

/* Looking asks QEMU only, and it answers. */
static int
checkDisks(qemuVM *vm, qemuHelperMode mode)
{
    g_autoptr(virDomainDef) def = mode == QEMU_HELPER_LOOK ? NULL : qemuVMCopyDef(vm);

    return def ? qemuNbdCheckDomain(def) : 0;
}

qemuTarget *
qemuTargetBegin(qemuVM *vm, qemuHelperMode mode)
{
    bool active = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        active = qemuVMIsActive(vm);
        if ((active && qemuVMCheckActive(vm) < 0) || checkPresent(vm) < 0)
            return NULL;
    }
    if (active)
        return checkDisks(vm, mode) < 0 ? NULL : &vm->target;
    if (mode != QEMU_HELPER_BARE && qemuRestoreCheckUse(vm, "use the disks of") < 0)
        return NULL;
    if (vm->helper ? checkHeld(vm, mode) < 0 : startHelper(vm, mode) < 0)
        return NULL;
    return qemuHelperTarget(vm->helper);
}

int
qemuTargetSetMode(qemuVM *vm, qemuHelperMode mode)
{
    return vm->helper ? qemuHelperSetMode(vm->helper, mode) : 0;
}

int
qemuTargetStore(qemuVM *vm)
{
    if (!vm->helper || qemuHelperGetMode(vm->helper) != QEMU_HELPER_CHANGE)
        return 0;
    qemuCheckpointOrderStore(vm);
    return qemuHelperSetMode(vm->helper, QEMU_HELPER_LOOK);
}

int
qemuTargetEnd(qemuVM *vm, int rc)
{
    if (!vm->helper || vm->helperHeld || stop(vm) == 0)
        return rc;
    return -1;
}

void
qemuTargetRelease(qemuVM *vm)
{
    if (stop(vm) < 0)
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
}

void
qemuTargetHold(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->helperHeld = vm->helper != NULL;
}

qemuTarget *
qemuTargetOfNow(qemuVM *vm, qemuHelper **helper)
{
    QEMU_VM_LOCK_GUARD(vm);

    *helper = vm->helper ? qemuHelperRef(vm->helper) : NULL;
    return *helper ? qemuHelperTarget(*helper) : &vm->target;
}

int
qemuTargetReconnect(qemuVM *vm, qemuHelperMode mode)
{
    qemuHelper *helper = qemuHelperReconnect(vm->name, mode, &helperCallbacks, vm);

    if (!helper)
        return -1;
    install(vm, helper);
    qemuTargetHold(vm);
    return 0;
}

void
qemuTargetLetGo(qemuVM *vm)
{
    if (vm->helper)
        qemuHelperLetGo(vm->helper);
}
