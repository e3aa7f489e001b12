/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering for events, and talking to the monitor directly.
 */
#include "qemu_api.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_repair.h"
#include "qemu_qmp_run.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

int
qemuConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int eventID,
                                  virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb)
{
    return virDomainEventListAdd(qemuDriverEvents(), conn, dom, eventID, cb, opaque, freecb);
}

int
qemuConnectDomainEventDeregisterAny(virConnectPtr conn, int callbackID)
{
    return virDomainEventListRemove(qemuDriverEvents(), conn, callbackID);
}

int
qemuConnectDomainQemuMonitorEventRegister(virConnectPtr conn, virDomainPtr dom, const char *event,
                                          virConnectDomainQemuMonitorEventCallback cb, void *opaque,
                                          virFreeCallback freecb, unsigned int flags)
{
    virCheckFlags(VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX |
                      VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE,
                  -1);
    return virDomainEventListAddQemuMonitor(qemuDriverEvents(), conn, dom, event, flags,
                                            VIR_DOMAIN_EVENT_CALLBACK(cb), opaque, freecb);
}

int
qemuConnectDomainQemuMonitorEventDeregister(virConnectPtr conn, int callbackID)
{
    return virDomainEventListRemove(qemuDriverEvents(), conn, callbackID);
}

static int
qemuMonitorCommandRun(qemuVM *vm, const char *cmd, char **result, bool human)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    if (!mon)
        return -1;
    VIR_WARN("domain '%s': a client talks to QEMU's monitor directly", vm->name);
    *result = human ? qemuQMPHumanCommand(mon, cmd) : qemuMonitorPassthrough(mon, cmd);
    /* Whatever it did, bitmaps may not be as we remember them. */
    qemuCheckpointBooksForget(vm);
    return *result ? 0 : -1;
}

int
qemuDomainQemuMonitorCommand(virDomainPtr dom, const char *cmd, char **result, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int ret = 0;

    virCheckFlags(VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainQemuMonitorCommand") < 0)
        return -1;
    if (!flags && qemuCheckpointRepairOwns(cmd))
        ret = (*result = qemuCheckpointRepairRun(vm, cmd)) ? 0 : -1;
    else
        ret = qemuMonitorCommandRun(vm, cmd, result, flags & VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
    qemuJobEnd(&vm->job);
    return ret;
}
