/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at checkpoints: lists, lookups, XML. All but sizes and what is broken come from memory; only
 * READY checkpoints are visible.
 */
#include "qemu_checkpoint.h"

#include "libvirt-object.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_size.h"
#include "qemu_target_pick.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT
#define HEALTH_ATTEMPTS 3

/* Lock held. */
static virDomainCheckpointDef *
lookupReady(qemuVM *vm, const char *name)
{
    virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);

    if (def && def->state == VIR_CHECKPOINT_STATE_READY)
        return def;
    virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT, "no domain checkpoint with matching name '%s'", name);
    return NULL;
}

static bool
hasChildren(const qemuCheckpointList *list, const char *name)
{
    for (guint i = 0; i < list->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i);

        if (def->state == VIR_CHECKPOINT_STATE_READY && g_strcmp0(def->parent, name) == 0)
            return true;
    }
    return false;
}

/* LEAVES and NO_LEAVES; neither means no filter, and both, as with libvirt, that nothing passes. */
static bool
leafWanted(const qemuCheckpointList *list, const virDomainCheckpointDef *def, unsigned int flags)
{
    bool leaves = flags & VIR_DOMAIN_CHECKPOINT_LIST_LEAVES;
    bool noLeaves = flags & VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES;

    if (leaves == noLeaves)
        return !leaves;
    return hasChildren(list, def->name) ? noLeaves : leaves;
}

/* The list is in topological order, so that flag asks for nothing more. */
static GPtrArray *
namesMatching(qemuVM *vm, const char *below, unsigned int flags)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) family = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    if (below)
        family = qemuCheckpointListDescendants(vm->checkpoints, below);
    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

        if (def->state != VIR_CHECKPOINT_STATE_READY || !leafWanted(vm->checkpoints, def, flags))
            continue;
        if (below && !(flags & VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS) &&
            g_strcmp0(def->parent, below) != 0)
            continue;
        if (below && !g_strv_contains((const char *const *)family, def->name))
            continue;
        if (!below && (flags & VIR_DOMAIN_CHECKPOINT_LIST_ROOTS) && def->parent)
            continue;
        g_ptr_array_add(names, g_strdup(def->name));
    }
    return names;
}

/* @out NULL: only the count is wanted. */
static int
handOut(virDomainPtr dom, const GPtrArray *names, virDomainCheckpointPtr **out)
{
    if (out) {
        *out = g_new0(virDomainCheckpointPtr, names->len + 1);
        for (guint i = 0; i < names->len; i++)
            (*out)[i] = virObjectCheckpointNew(dom, g_ptr_array_index(names, i));
    }
    return names->len;
}

int
qemuDomainListAllCheckpoints(virDomainPtr dom, virDomainCheckpointPtr **chks, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(GPtrArray) names = NULL;

    virCheckFlags(VIR_DOMAIN_CHECKPOINT_LIST_ROOTS | VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL |
                      VIR_DOMAIN_CHECKPOINT_LIST_LEAVES | VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES,
                  -1);
    if (!(vm = qemuVMFromDomain(dom)))
        return -1;
    qemuVMAwaitReconnect(vm);
    names = namesMatching(vm, NULL, flags);
    return handOut(dom, names, chks);
}

int
qemuDomainCheckpointListAllChildren(virDomainCheckpointPtr chk, virDomainCheckpointPtr **children,
                                    unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(GPtrArray) names = NULL;

    virCheckFlags(VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS | VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL |
                      VIR_DOMAIN_CHECKPOINT_LIST_LEAVES | VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES,
                  -1);
    if (!(vm = qemuVMFromDomain(chk->domain)))
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!lookupReady(vm, chk->name))
            return -1;
    }
    names = namesMatching(vm, chk->name, flags);
    return handOut(chk->domain, names, children);
}

virDomainCheckpointPtr
qemuDomainCheckpointLookupByName(virDomainPtr dom, const char *name, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(0, NULL);
    if (!(vm = qemuVMFromDomain(dom)))
        return NULL;
    qemuVMAwaitReconnect(vm);
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!lookupReady(vm, name))
            return NULL;
    }
    return virObjectCheckpointNew(dom, name);
}

virDomainCheckpointPtr
qemuDomainCheckpointGetParent(virDomainCheckpointPtr chk, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autofree char *parent = NULL;

    virCheckFlags(0, NULL);
    if (!(vm = qemuVMFromDomain(chk->domain)))
        return NULL;
    {
        const virDomainCheckpointDef *def = NULL;
        QEMU_VM_LOCK_GUARD(vm);

        if (!(def = lookupReady(vm, chk->name)))
            return NULL;
        parent = g_strdup(def->parent);
    }
    if (!parent) {
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT, "checkpoint '%s' does not have a parent",
                       chk->name);
        return NULL;
    }
    return virObjectCheckpointNew(chk->domain, parent);
}

/* What is found out can be made void by others before it is shown. */
static void
settleHealth(qemuVM *vm)
{
    bool settled = false;

    for (int attempt = 0; !settled && attempt < HEALTH_ATTEMPTS; attempt++) {
        qemuCheckpointHealthRefresh(vm);
        {
            QEMU_VM_LOCK_GUARD(vm);

            settled = !vm->checkpoints || qemuCheckpointHealthSettled(&vm->checkpoints->health);
        }
    }
}

static char *
formatLocked(qemuVM *vm, const char *name, const qemuCheckpointSizes *sizes, unsigned int flags)
{
    virDomainCheckpointDef *def = NULL;
    char *xml = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    if (!(def = lookupReady(vm, name)))
        return NULL;
    qemuCheckpointSizesApply(sizes, def);
    qemuCheckpointHealthApply(&vm->checkpoints->health, def);
    xml = virDomainCheckpointDefFormat(
        def, VIR_CHECKPOINT_FORMAT_BROKEN |
                 (flags & VIR_DOMAIN_CHECKPOINT_XML_SECURE ? VIR_CHECKPOINT_FORMAT_SECURE : 0) |
                 (flags & VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN ? VIR_CHECKPOINT_FORMAT_NO_DOMAIN : 0) |
                 (flags & VIR_DOMAIN_CHECKPOINT_XML_SIZE ? VIR_CHECKPOINT_FORMAT_SIZE : 0));
    qemuCheckpointSizesApply(NULL, def);
    qemuCheckpointHealthApply(NULL, def);
    return xml;
}

static qemuCheckpointSizes *
sizesOfHeld(qemuVM *vm, const char *name)
{
    qemuCheckpointSizes *sizes = NULL;
    bool known = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        known = lookupReady(vm, name) != NULL;
    }
    if (!known || !qemuTargetBegin(vm, QEMU_HELPER_LOOK))
        return NULL;
    sizes = qemuCheckpointSizesFetch(vm, name);
    qemuTargetEnd(vm, 0);
    return sizes;
}

char *
qemuDomainCheckpointGetXMLDesc(virDomainCheckpointPtr chk, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(qemuCheckpointSizes) sizes = NULL;

    virCheckFlags(VIR_DOMAIN_CHECKPOINT_XML_SECURE | VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN |
                      VIR_DOMAIN_CHECKPOINT_XML_SIZE,
                  NULL);
    if (!(vm = qemuVMFromDomain(chk->domain)))
        return NULL;
    if (flags & VIR_DOMAIN_CHECKPOINT_XML_SIZE) {
        if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainCheckpointGetXMLDesc") < 0)
            return NULL;
        sizes = sizesOfHeld(vm, chk->name);
        qemuJobEnd(&vm->job);
        if (!sizes)
            return NULL;
    }
    settleHealth(vm);
    return formatLocked(vm, chk->name, sizes, flags);
}
