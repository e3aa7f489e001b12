/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Start, pause, power off, destroy.
 */
#include "qemu_api.h"
#include "qemu_backup_end.h"
#include "qemu_domain_log.h"
#include "qemu_process.h"
#include "qemu_qmp_run.h"
#include "qemu_restore.h"
#include "qemu_status.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* There is never a saved state (force boot, bypass cache) nor NVRAM, so these ask for what happens
 * anyway; all XML is validated by hand. */
#define QEMU_START_ACCEPTED \
    (VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_BYPASS_CACHE | \
     VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_RESET_NVRAM)

static int
qemuLifecycleStart(virConnectPtr conn, qemuVM *vm, unsigned int flags)
{
    unsigned int start = 0;

    g_mutex_lock(&vm->lock);
    if (vm->removed || qemuVMIsActive(vm)) {
        bool removed = vm->removed;

        g_mutex_unlock(&vm->lock);
        virReportError(removed ? VIR_ERR_NO_DOMAIN : VIR_ERR_OPERATION_INVALID, "%s",
                       removed ? "domain was removed meanwhile" : "domain is already running");
        return -1;
    }
    g_mutex_unlock(&vm->lock);
    if (flags & VIR_DOMAIN_START_PAUSED)
        start |= QEMU_START_PAUSED;
    if (flags & VIR_DOMAIN_START_AUTODESTROY)
        start |= QEMU_START_AUTODESTROY;
    return qemuProcessStart(vm, start, qemuConnectToken(conn));
}

/* MODIFY, with no backup of the stopped domain in its way. */
static int
qemuLifecycleBeginStart(qemuVM *vm, const char *api)
{
    while (true) {
        if (qemuRestoreCheckIdle(vm, "start") < 0 || qemuBackupYieldToStart(vm) < 0 || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, api) < 0)
            return -1;
        if (!vm->helperHeld || vm->removed)
            return 0;
        qemuJobEnd(&vm->job);
    }
}

int
qemuDomainCreateWithFlags(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int ret = 0;

    virCheckFlags(QEMU_START_ACCEPTED, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuLifecycleBeginStart(vm, "virDomainCreateWithFlags") < 0)
        return -1;
    ret = qemuLifecycleStart(dom->conn, vm, flags);
    if (ret == 0)
        dom->id = vm->def->id;
    qemuJobEnd(&vm->job);
    return ret;
}

/* A transient domain, or the running definition of a persistent one for this run only. */
static int
qemuCreateStart(virConnectPtr conn, qemuVM *vm, virDomainDef **def, unsigned int flags)
{
    virDomainDef *saved = NULL;
    int ret = 0;

    g_mutex_lock(&vm->lock);
    if (qemuVMIsActive(vm)) {
        g_mutex_unlock(&vm->lock);
        virReportError(VIR_ERR_OPERATION_INVALID, "domain '%s' is already active", vm->name);
        return -1;
    }
    saved = vm->def;
    vm->def = g_steal_pointer(def);
    g_mutex_unlock(&vm->lock);
    ret = qemuLifecycleStart(conn, vm, flags);
    /* What the start used is in vm->def or, for a persistent domain, vm->newDef: put the old one back. */
    g_mutex_lock(&vm->lock);
    if (vm->persistent) {
        virDomainDef **slot = qemuVMIsActive(vm) ? &vm->newDef : &vm->def;

        virDomainDefFree(*slot);
        *slot = saved;
    } else {
        virDomainDefFree(saved);
    }
    g_mutex_unlock(&vm->lock);
    return ret;
}

virDomainPtr
qemuDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(qemuVM) vm = NULL;
    virDomainPtr dom = NULL;
    int ret = 0;

    virCheckFlags(QEMU_START_ACCEPTED | VIR_DOMAIN_START_VALIDATE, NULL);
    def = qemuDefineParse(xml);
    vm = def ? qemuDefineTake(def, "virDomainCreateXML") : NULL;
    if (!vm)
        return NULL;
    ret = qemuCreateStart(conn, vm, &def, flags);
    if (ret == 0)
        dom = qemuVMHandle(vm, conn);
    qemuDefineRelease(vm);
    return dom;
}

static int
qemuLifecycleSuspend(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    int state = 0;

    if (!mon)
        return -1;
    g_mutex_lock(&vm->lock);
    state = vm->state;
    g_mutex_unlock(&vm->lock);
    if (state == VIR_DOMAIN_PMSUSPENDED) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "domain is pmsuspended");
        return -1;
    }
    if (state == VIR_DOMAIN_PAUSED)
        return 0;
    if (qemuProcessStop(vm, mon) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    if (qemuVMIsActive(vm) && vm->state != VIR_DOMAIN_SHUTDOWN) {
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    }
    g_mutex_unlock(&vm->lock);
    return qemuStatusSave(vm);
}

static int
qemuLifecycleResume(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    const char *refusal = NULL;

    if (!mon)
        return -1;
    g_mutex_lock(&vm->lock);
    if (vm->state == VIR_DOMAIN_PMSUSPENDED)
        refusal = "domain is pmsuspended";
    else if (vm->state == VIR_DOMAIN_RUNNING)
        refusal = "domain is already running";
    else if (vm->state == VIR_DOMAIN_SHUTDOWN)
        refusal = "domain is shutting down";
    g_mutex_unlock(&vm->lock);
    if (refusal) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", refusal);
        return -1;
    }
    if (qemuProcessCont(vm, mon) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    if (qemuVMIsActive(vm)) {
        vm->preserved = false;
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    g_mutex_unlock(&vm->lock);
    return qemuStatusSave(vm);
}

static int
qemuLifecycleModify(virDomainPtr dom, const char *api, int (*func)(qemuVM *vm))
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    int ret = 0;

    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, api) < 0)
        return -1;
    ret = func(vm);
    qemuJobEnd(&vm->job);
    return ret;
}

int
qemuDomainSuspend(virDomainPtr dom)
{
    return qemuLifecycleModify(dom, "virDomainSuspend", qemuLifecycleSuspend);
}

int
qemuDomainResume(virDomainPtr dom)
{
    return qemuLifecycleModify(dom, "virDomainResume", qemuLifecycleResume);
}

/* The agent was asked for by name: say what stands against it. */
static int
qemuLifecycleRefuseAgent(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    if (mon)
        virReportError(VIR_ERR_AGENT_UNRESPONSIVE, "%s", "QEMU guest agent is not connected");
    return -1;
}

static int
qemuLifecyclePowerdown(qemuVM *vm, bool reboot)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    if (!mon)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->shutdownRequested = true;
    vm->fakeReboot = reboot;
    g_mutex_unlock(&vm->lock);
    return qemuQMPSystemPowerdown(mon);
}

static int
qemuLifecycleShutdown(qemuVM *vm)
{
    return qemuLifecyclePowerdown(vm, false);
}

static int
qemuLifecycleReboot(qemuVM *vm)
{
    return qemuLifecyclePowerdown(vm, true);
}

int
qemuDomainShutdownFlags(virDomainPtr dom, unsigned int flags)
{
    virCheckFlags(VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN | VIR_DOMAIN_SHUTDOWN_GUEST_AGENT, -1);
    return qemuLifecycleModify(dom, "virDomainShutdownFlags",
                               flags == VIR_DOMAIN_SHUTDOWN_GUEST_AGENT ? qemuLifecycleRefuseAgent
                                                                        : qemuLifecycleShutdown);
}

int
qemuDomainReboot(virDomainPtr dom, unsigned int flags)
{
    virCheckFlags(VIR_DOMAIN_REBOOT_ACPI_POWER_BTN | VIR_DOMAIN_REBOOT_GUEST_AGENT, -1);
    return qemuLifecycleModify(dom, "virDomainReboot",
                               flags == VIR_DOMAIN_REBOOT_GUEST_AGENT ? qemuLifecycleRefuseAgent
                                                                      : qemuLifecycleReboot);
}

static int
qemuLifecycleReset(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    return mon ? qemuQMPSystemReset(mon) : -1;
}

int
qemuDomainReset(virDomainPtr dom, unsigned int flags)
{
    virCheckFlags(0, -1);
    return qemuLifecycleModify(dom, "virDomainReset", qemuLifecycleReset);
}

int
qemuDomainDestroyFlags(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(VIR_DOMAIN_DESTROY_GRACEFUL | VIR_DOMAIN_DESTROY_REMOVE_LOGS, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuProcessDestroy(vm, flags & VIR_DOMAIN_DESTROY_GRACEFUL, "virDomainDestroyFlags") < 0)
        return -1;
    dom->id = -1;
    return flags & VIR_DOMAIN_DESTROY_REMOVE_LOGS ? qemuDomainLogRemove(dom->name) : 0;
}
