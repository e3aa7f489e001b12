/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Life, lock and publication of a domain object. What happens to its QEMU is in qemu_process*.c.
 */
#include "qemu_vm.h"
#include "qemu_helper.h"
#include "qemu_vm_target.h"
#include "virerror_report.h"
#include "virlog.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_VM_RECONNECT_WAIT_SEC 30

qemuVM *
qemuVMNew(virDomainDef *def)
{
    qemuVM *vm = g_new0(qemuVM, 1);

    vm->refs = 1;
    g_mutex_init(&vm->lock);
    g_mutex_init(&vm->statusLock);
    g_cond_init(&vm->changed);
    vm->name = g_strdup(def->name);
    memcpy(vm->uuid, def->uuid, VIR_UUID_BUFLEN);
    vm->events = qemuEventLaneNew();
    vm->publisher = qemuEventLaneNew();
    vm->def = def;
    vm->state = VIR_DOMAIN_SHUTOFF;
    vm->stateReason = VIR_DOMAIN_SHUTOFF_UNKNOWN;
    qemuJobInit(&vm->job);
    vm->target.ops = &qemuVMTargetOps;
    return vm;
}

qemuVM *
qemuVMRef(qemuVM *vm)
{
    g_atomic_int_inc(&vm->refs);
    return vm;
}

void
qemuVMUnref(qemuVM *vm)
{
    if (!vm || !g_atomic_int_dec_and_test(&vm->refs))
        return;
    g_clear_pointer(&vm->events, qemuEventLaneRelease);
    g_clear_pointer(&vm->publisher, qemuEventLaneRelease);
    g_clear_pointer(&vm->def, virDomainDefFree);
    g_clear_pointer(&vm->newDef, virDomainDefFree);
    g_clear_pointer(&vm->mon, qemuMonitorUnref);
    g_clear_pointer(&vm->helper, qemuHelperUnref);
    qemuVMSetTargetDisks(vm, NULL);
    g_clear_pointer(&vm->checkpoints, qemuCheckpointListFree);
    g_clear_pointer(&vm->backup, qemuBackupJobUnref);
    if (vm->lastJob)
        virTypedParamListClear(vm->lastJob);
    g_free(vm->lastJob);
    g_free(vm->unplugAlias);
    g_free(vm->privateDir);
    g_free(vm->monitorPath);
    g_free(vm->name);
    qemuJobClear(&vm->job);
    g_cond_clear(&vm->changed);
    g_mutex_clear(&vm->statusLock);
    g_mutex_clear(&vm->lock);
    g_free(vm);
}

int
qemuVMCheckActive(const qemuVM *vm)
{
    if (!qemuVMIsActive(vm) || vm->exited) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "domain is not running");
        return -1;
    }
    return 0;
}

qemuMonitor *
qemuVMMonitor(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (qemuVMCheckActive(vm) < 0)
        return NULL;
    if (!vm->mon) {
        virReportError(VIR_ERR_OPERATION_INVALID, "domain '%s' is still being started", vm->name);
        return NULL;
    }
    return qemuMonitorRef(vm->mon);
}

void
qemuVMSetTargetDisks(qemuVM *vm, GPtrArray *disks)
{
    guint i = 0;

    g_clear_pointer(&vm->diskTable, g_free);
    g_clear_pointer(&vm->targetDisks, g_ptr_array_unref);
    vm->targetDisks = disks;
    if (!disks)
        return;
    vm->diskTable = g_new0(qemuTargetDisk, disks->len);
    for (i = 0; i < disks->len; i++)
        vm->diskTable[i] = *(const qemuTargetDisk *)g_ptr_array_index(disks, i);
}

qemuTarget *
qemuVMTarget(qemuVM *vm)
{
    return vm->helper ? qemuHelperTarget(vm->helper) : &vm->target;
}

qemuVM *
qemuVMOfTarget(qemuTarget *target)
{
    return (qemuVM *)((char *)target - offsetof(qemuVM, target));
}

virDomainDef *
qemuVMCopyDef(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);
    return virDomainDefCopy(vm->def);
}

virDomainDef *
qemuVMCopyPersistentDef(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);
    if (!vm->persistent)
        return NULL;
    return virDomainDefCopy(vm->newDef ? vm->newDef : vm->def);
}

void
qemuVMSetState(qemuVM *vm, int state, int reason)
{
    if (vm->state != state || vm->stateReason != reason)
        VIR_DEBUG("domain '%s': state %d/%d -> %d/%d", vm->name, vm->state, vm->stateReason, state,
                  reason);
    vm->state = state;
    vm->stateReason = reason;
    qemuVMSignal(vm);
}

bool
qemuVMWait(qemuVM *vm, gint64 deadline)
{
    return g_cond_wait_until(&vm->changed, &vm->lock, deadline);
}

void
qemuVMAwaitReconnect(qemuVM *vm)
{
    gint64 deadline = g_get_monotonic_time() + QEMU_VM_RECONNECT_WAIT_SEC * G_TIME_SPAN_SECOND;
    QEMU_VM_LOCK_GUARD(vm);

    while (vm->reconnecting && qemuVMWait(vm, deadline))
        ;
}

void
qemuVMSignal(qemuVM *vm)
{
    g_cond_broadcast(&vm->changed);
}

static void
qemuVMPublishNow(void *data)
{
    g_autoptr(virDomainEvent) event = data;

    virDomainEventListDispatch(qemuDriverEvents(), event);
}

void
qemuVMPublish(qemuVM *vm, virDomainEvent *event)
{
    if (event)
        qemuEventLanePush(vm->publisher, qemuVMPublishNow, event);
}

void
qemuVMPublishLifecycle(qemuVM *vm, int type, int detail)
{
    VIR_INFO("domain '%s': lifecycle event %d, detail %d", vm->name, type, detail);
    qemuVMPublish(vm, virDomainEventLifecycleNew(vm->name, vm->uuid, vm->def->id, type, detail));
}
