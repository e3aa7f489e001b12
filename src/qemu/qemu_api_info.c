/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a domain is and how it is doing. None of this waits for QEMU: what it costs to ask is known
 * from events or from /proc, so that a stuck domain cannot hold up a listing.
 */
#include "qemu_api.h"
#include "qemu_process_spawn.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_SNAPSHOT_FILTERS 0x3ffU   /* every bit of libvirt's virDomainSnapshotListFlags */

char *
qemuDomainGetOSType(virDomainPtr dom)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    return vm ? g_strdup("hvm") : NULL;
}

int
qemuDomainGetInfo(virDomainPtr dom, virDomainInfoPtr info)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    unsigned long long cpuTime = 0;
    unsigned long long user = 0;
    unsigned long long system = 0;
    unsigned long long rss = 0;
    pid_t pid = 0;

    if (!vm)
        return -1;
    *info = (virDomainInfo){ 0 };
    g_mutex_lock(&vm->lock);
    info->state = (unsigned char)vm->state;
    info->maxMem = vm->def->memoryKiB;
    info->memory = qemuVMIsActive(vm) && vm->balloonKiB ? vm->balloonKiB : vm->def->currentMemoryKiB;
    info->nrVirtCpu = (unsigned short)vm->def->vcpus;
    pid = vm->pid;
    g_mutex_unlock(&vm->lock);
    if (pid && qemuPidUsage(pid, &cpuTime, &user, &system, &rss) == 0)
        info->cpuTime = cpuTime;
    return 0;
}

int
qemuDomainGetState(virDomainPtr dom, int *state, int *reason, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(0, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    QEMU_VM_LOCK_GUARD(vm);
    *state = vm->state;
    if (reason)
        *reason = vm->stateReason;
    return 0;
}

int
qemuDomainGetControlInfo(virDomainPtr dom, virDomainControlInfoPtr info, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    gint64 since = 0;

    virCheckFlags(0, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    *info = (virDomainControlInfo){ .state = VIR_DOMAIN_CONTROL_OK };
    g_mutex_lock(&vm->lock);
    if (qemuVMCheckActive(vm) < 0) {
        g_mutex_unlock(&vm->lock);
        return -1;
    }
    if (vm->backup)
        info->state = VIR_DOMAIN_CONTROL_JOB;
    g_mutex_unlock(&vm->lock);
    g_mutex_lock(&vm->job.lock);
    if (vm->job.active != QEMU_JOB_NONE) {
        info->state = VIR_DOMAIN_CONTROL_OCCUPIED;
        since = vm->job.since;
    }
    g_mutex_unlock(&vm->job.lock);
    if (since)
        info->stateTime = (unsigned long long)(g_get_monotonic_time() - since) / 1000;
    return 0;
}

unsigned long long
qemuDomainGetMaxMemory(virDomainPtr dom)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    if (!vm)
        return 0;
    QEMU_VM_LOCK_GUARD(vm);
    return vm->def->memoryKiB;
}

/* Lock held. The definition that a LIVE/CONFIG choice means; borrowed, NULL with an error. */
static const virDomainDef *
qemuInfoChooseDef(qemuVM *vm, unsigned int flags)
{
    bool active = qemuVMIsActive(vm);

    if (flags & VIR_DOMAIN_AFFECT_LIVE && !active) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "domain is not running");
        return NULL;
    }
    if (flags & VIR_DOMAIN_AFFECT_CONFIG) {
        if (!vm->persistent) {
            virReportError(VIR_ERR_OPERATION_INVALID, "%s", "transient domains do not have any persistent config");
            return NULL;
        }
        return vm->newDef ? vm->newDef : vm->def;
    }
    return vm->def;
}

int
qemuDomainGetVcpusFlags(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    const virDomainDef *def = NULL;

    virCheckFlags(VIR_DOMAIN_VCPU_LIVE | VIR_DOMAIN_VCPU_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    QEMU_VM_LOCK_GUARD(vm);
    def = qemuInfoChooseDef(vm, flags);
    if (!def)
        return -1;
    return (int)(flags & VIR_DOMAIN_VCPU_MAXIMUM ? def->maxVcpus : def->vcpus);
}

/* The agent's channel shows whether the guest has opened it. */
static void
qemuInfoMarkAgent(virDomainDef *def, bool connected)
{
    guint i = 0;

    for (i = 0; i < def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        if (g_strcmp0(chardev->targetName, QEMU_VM_AGENT_CHANNEL) == 0)
            chardev->connected = connected ? VIR_TRISTATE_YES : VIR_TRISTATE_NO;
    }
}

char *
qemuDomainGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(virDomainDef) def = NULL;
    unsigned int format = flags & VIR_DOMAIN_XML_SECURE ? VIR_DOMAIN_FORMAT_SECURE : 0;
    bool live = false;

    virCheckFlags(VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_UPDATE_CPU |
                      VIR_DOMAIN_XML_MIGRATABLE,
                  NULL);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return NULL;
    g_mutex_lock(&vm->lock);
    live = qemuVMIsActive(vm) && !(flags & (VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_MIGRATABLE));
    def = virDomainDefCopy(flags & VIR_DOMAIN_XML_INACTIVE && vm->newDef ? vm->newDef : vm->def);
    if (def && live) {
        qemuInfoMarkAgent(def, vm->agentConnected);
        if (vm->balloonKiB)
            def->currentMemoryKiB = vm->balloonKiB;
    }
    g_mutex_unlock(&vm->lock);
    if (!def)
        return NULL;
    return virDomainDefFormat(def, live ? format | VIR_DOMAIN_FORMAT_LIVE : format);
}

int
qemuDomainIsActive(virDomainPtr dom)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    if (!vm)
        return -1;
    QEMU_VM_LOCK_GUARD(vm);
    return qemuVMIsActive(vm);
}

int
qemuDomainIsPersistent(virDomainPtr dom)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    if (!vm)
        return -1;
    QEMU_VM_LOCK_GUARD(vm);
    return vm->persistent;
}

int
qemuDomainIsUpdated(virDomainPtr dom)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    return vm ? 0 : -1;
}

int
qemuDomainHasManagedSaveImage(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(0, -1);
    vm = qemuVMFromDomain(dom);
    return vm ? 0 : -1;
}

int
qemuDomainSnapshotNum(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(QEMU_SNAPSHOT_FILTERS, -1);
    vm = qemuVMFromDomain(dom);
    return vm ? 0 : -1;
}

int
qemuDomainGetSecurityLabel(virDomainPtr dom, virSecurityLabelPtr label)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    *label = (virSecurityLabel){ .enforcing = 0 };
    return vm ? 0 : -1;
}

int
qemuDomainGetMessages(virDomainPtr dom, char ***msgs, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(VIR_DOMAIN_MESSAGE_DEPRECATION | VIR_DOMAIN_MESSAGE_TAINTING, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    *msgs = g_new0(char *, 1);
    return 0;
}
