/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which domains there are.
 */
#include "qemu_api.h"
#include "qemu_checkpoint_list.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_LIST_STATES \
    (VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED | \
     VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER)

/* One group of filter bits: no bit, or one that is true of the domain. */
static bool
qemuListGroup(unsigned int flags, unsigned int yes, bool isYes, unsigned int no, bool isNo)
{
    return !(flags & (yes | no)) || (flags & yes && isYes) || (flags & no && isNo);
}

static bool
qemuListStateMatches(int state, unsigned int flags)
{
    unsigned int bit = VIR_CONNECT_LIST_DOMAINS_OTHER;

    if (state == VIR_DOMAIN_RUNNING)
        bit = VIR_CONNECT_LIST_DOMAINS_RUNNING;
    else if (state == VIR_DOMAIN_PAUSED)
        bit = VIR_CONNECT_LIST_DOMAINS_PAUSED;
    else if (state == VIR_DOMAIN_SHUTOFF)
        bit = VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
    return !(flags & QEMU_LIST_STATES) || flags & bit;
}

bool
qemuListMatches(qemuVM *vm, unsigned int flags)
{
    bool checkpoints = false;

    if (flags & (VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT))
        checkpoints = qemuCheckpointListCount(vm) > 0;
    QEMU_VM_LOCK_GUARD(vm);
    if (vm->removed)
        return false;
    return qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_ACTIVE, qemuVMIsActive(vm),
                         VIR_CONNECT_LIST_DOMAINS_INACTIVE, !qemuVMIsActive(vm)) &&
           qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, vm->persistent,
                         VIR_CONNECT_LIST_DOMAINS_TRANSIENT, !vm->persistent) &&
           qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, false,
                         VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE, true) &&
           qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_AUTOSTART, vm->autostart,
                         VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, !vm->autostart) &&
           qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, false,
                         VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT, true) &&
           qemuListGroup(flags, VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT, checkpoints,
                         VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT, !checkpoints) &&
           qemuListStateMatches(vm->state, flags);
}

int
qemuConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags)
{
    g_autoptr(GPtrArray) vms = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    guint i = 0;

    virCheckFlags((1U << 16) - 1, -1);
    vms = qemuVMListSnapshot(qemuDriverVMs());
    for (i = 0; i < vms->len; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);

        if (qemuListMatches(vm, flags))
            g_ptr_array_add(found, domains ? qemuVMHandle(vm, conn) : NULL);
    }
    if (domains) {
        *domains = g_new0(virDomainPtr, found->len + 1);
        for (i = 0; i < found->len; i++)
            (*domains)[i] = g_ptr_array_index(found, i);
    }
    return (int)found->len;
}

int
qemuConnectNumOfDomains(virConnectPtr conn)
{
    return qemuConnectListAllDomains(conn, NULL, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
}

int
qemuConnectNumOfDefinedDomains(virConnectPtr conn)
{
    return qemuConnectListAllDomains(conn, NULL, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
}

int
qemuConnectListDomains(virConnectPtr conn G_GNUC_UNUSED, int *ids, int maxids)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());
    int n = 0;
    guint i = 0;

    for (i = 0; i < vms->len && n < maxids; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);
        QEMU_VM_LOCK_GUARD(vm);

        if (qemuVMIsActive(vm))
            ids[n++] = vm->def->id;
    }
    return n;
}

int
qemuConnectListDefinedDomains(virConnectPtr conn G_GNUC_UNUSED, char **names, int maxnames)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());
    int n = 0;
    guint i = 0;

    for (i = 0; i < vms->len && n < maxnames; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);

        if (qemuListMatches(vm, VIR_CONNECT_LIST_DOMAINS_INACTIVE))
            names[n++] = g_strdup(vm->name);
    }
    return n;
}

virDomainPtr
qemuDomainLookupByID(virConnectPtr conn, int id)
{
    g_autoptr(qemuVM) vm = qemuVMListByID(qemuDriverVMs(), id);

    if (!vm) {
        virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching id %d", id);
        return NULL;
    }
    return qemuVMHandle(vm, conn);
}

virDomainPtr
qemuDomainLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    g_autoptr(qemuVM) vm = qemuVMListByUUID(qemuDriverVMs(), uuid);

    if (!vm) {
        char text[VIR_UUID_STRING_BUFLEN] = "";

        virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", virUUIDFormat(uuid, text));
        return NULL;
    }
    return qemuVMHandle(vm, conn);
}

virDomainPtr
qemuDomainLookupByName(virConnectPtr conn, const char *name)
{
    g_autoptr(qemuVM) vm = qemuVMListByName(qemuDriverVMs(), name);

    if (!vm) {
        virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", name);
        return NULL;
    }
    return qemuVMHandle(vm, conn);
}
