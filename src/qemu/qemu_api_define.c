/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent definitions: define, undefine, autostart.
 */
#include "qemu_bitmap_store.h"
#include "qemu_api.h"
#include "qemu_checkpoint_list.h"
#include "qemu_restore.h"
#include "qemu_vm_config.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_DEFINE_ATTEMPTS 10

/* The emulator, and the machine by its full name: "pc" of today must stay that board when QEMU is
 * upgraded. */
static int
qemuDefineFill(virDomainDef *def)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuCaps) caps = NULL;
    const qemuCapsMachine *machine = NULL;

    if (!def->emulator)
        def->emulator = g_strdup(config->defaultEmulator);
    caps = qemuDriverCaps(def->emulator);
    if (!caps)
        return -1;
    machine = qemuCapsFactsMachine(qemuCapsGetFacts(caps), def->osMachine ? def->osMachine : "pc");
    if (!machine) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "Emulator '%s' does not support machine type '%s'",
                       def->emulator, def->osMachine);
        return -1;
    }
    g_free(def->osMachine);
    def->osMachine = g_strdup(machine->name);
    return 0;
}

virDomainDef *
qemuDefineParse(const char *xml)
{
    g_autoptr(virDomainDef) def = virDomainDefParse(xml, 0);

    if (!def)
        return NULL;
    if (!virFileNameIsSafe(def->name)) {
        virReportError(VIR_ERR_XML_ERROR,
                       "name '%s' of a domain cannot be a file name: it must not be empty, begin with a dot or "
                       "contain '/' or control characters",
                       def->name);
        return NULL;
    }
    return qemuDefineFill(def) < 0 ? NULL : g_steal_pointer(&def);
}

void
qemuDefineRelease(qemuVM *vm)
{
    bool unused = false;

    g_mutex_lock(&vm->lock);
    unused = !vm->persistent && !qemuVMIsActive(vm);
    g_mutex_unlock(&vm->lock);
    if (unused)
        qemuVMListRemove(qemuDriverVMs(), vm);
    qemuJobEnd(&vm->job);
}

qemuVM *
qemuDefineTake(const virDomainDef *def, const char *api)
{
    bool added = false;
    int attempt = 0;

    /* One that was just being removed is out of the list by now: the next attempt makes a new one. */
    for (attempt = 0; attempt < QEMU_DEFINE_ATTEMPTS; attempt++) {
        g_autoptr(qemuVM) vm = qemuVMListAdd(qemuDriverVMs(), def, &added);
        bool removed = false;

        if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, api) < 0)
            return NULL;
        g_mutex_lock(&vm->lock);
        removed = vm->removed;
        g_mutex_unlock(&vm->lock);
        /* Not only who added it: of two calls the other one may be first to have the slot. */
        if (!removed && (vm->checkpoints || qemuCheckpointListLoad(vm) == 0))
            return g_steal_pointer(&vm);
        qemuDefineRelease(vm);
        if (!removed)
            return NULL;
    }
    virReportError(VIR_ERR_OPERATION_FAILED, "domain '%s' is being removed again and again; try later",
                   def->name);
    return NULL;
}

/* Lock held. @def (consumed) becomes what the next start uses. */
static void
qemuDefineInstall(qemuVM *vm, virDomainDef *def)
{
    virDomainDef **slot = qemuVMIsActive(vm) ? &vm->newDef : &vm->def;

    virDomainDefFree(*slot);
    *slot = def;
    vm->persistent = true;
}

static int
qemuDefineCommit(qemuVM *vm, virDomainDef **def)
{
    bool wasPersistent = false;

    if (qemuVMConfigSave(*def) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    wasPersistent = vm->persistent;
    qemuDefineInstall(vm, g_steal_pointer(def));
    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_DEFINED,
                           wasPersistent ? VIR_DOMAIN_EVENT_DEFINED_UPDATED : VIR_DOMAIN_EVENT_DEFINED_ADDED);
    g_mutex_unlock(&vm->lock);
    return 0;
}

virDomainPtr
qemuDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(qemuVM) vm = NULL;
    int ret = 0;

    virCheckFlags(VIR_DOMAIN_DEFINE_VALIDATE, NULL);
    def = qemuDefineParse(xml);
    vm = def ? qemuDefineTake(def, "virDomainDefineXMLFlags") : NULL;
    if (!vm)
        return NULL;
    ret = qemuDefineCommit(vm, &def);
    qemuDefineRelease(vm);
    return ret < 0 ? NULL : qemuVMHandle(vm, conn);
}

static int
qemuUndefineCheck(qemuVM *vm, bool dropCheckpoints)
{
    size_t checkpoints = qemuCheckpointListCount(vm);
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "cannot undefine transient domain");
        return -1;
    }
    if (vm->helperHeld) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot undefine domain '%s': a backup or restore uses its disks; wait for it or abort it",
                       vm->name);
        return -1;
    }
    if (!qemuVMIsActive(vm) && checkpoints > 0 && !dropCheckpoints) {
        virReportError(VIR_ERR_OPERATION_INVALID, "cannot delete inactive domain with %zu checkpoints",
                       checkpoints);
        return -1;
    }
    return 0;
}

static int
qemuUndefineNow(qemuVM *vm, bool dropCheckpoints)
{
    bool active = false;

    if (qemuUndefineCheck(vm, dropCheckpoints) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    active = qemuVMIsActive(vm);
    g_mutex_unlock(&vm->lock);
    /* A running domain keeps its checkpoints: it only becomes transient. */
    if (!active && (qemuCheckpointListDrop(vm) < 0 || qemuBitmapStoreRemoveAll(vm->uuid) < 0))
        return -1;
    if (qemuVMConfigRemove(vm->name) < 0)
        return -1;
    if (!active)
        qemuRestoreForget(vm);
    g_mutex_lock(&vm->lock);
    vm->persistent = false;
    vm->autostart = false;
    g_clear_pointer(&vm->newDef, virDomainDefFree);
    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    g_mutex_unlock(&vm->lock);
    if (!active)
        qemuVMListRemove(qemuDriverVMs(), vm);
    return 0;
}

int
qemuDomainUndefineFlags(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int ret = 0;

    /* Saved states, snapshots, NVRAM and TPM do not exist here, so there is nothing to keep or drop. */
    virCheckFlags(VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                      VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
                      VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM |
                      VIR_DOMAIN_UNDEFINE_KEEP_TPM,
                  -1);
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainUndefineFlags") < 0)
        return -1;
    ret = qemuUndefineNow(vm, flags & VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA);
    qemuJobEnd(&vm->job);
    return ret;
}

int
qemuDomainGetAutostart(virDomainPtr dom, int *autostart)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);

    if (!vm)
        return -1;
    QEMU_VM_LOCK_GUARD(vm);
    *autostart = vm->autostart;
    return 0;
}

static int
qemuAutostartSet(qemuVM *vm, bool autostart)
{
    bool persistent = false;

    g_mutex_lock(&vm->lock);
    persistent = vm->persistent;
    g_mutex_unlock(&vm->lock);
    if (!persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "cannot set autostart for transient domain");
        return -1;
    }
    if (qemuVMConfigSetAutostart(vm->name, autostart) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->autostart = autostart;
    g_mutex_unlock(&vm->lock);
    return 0;
}

int
qemuDomainSetAutostart(virDomainPtr dom, int autostart)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    int ret = 0;

    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainSetAutostart") < 0)
        return -1;
    ret = qemuAutostartSet(vm, autostart != 0);
    qemuJobEnd(&vm->job);
    return ret;
}
