/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching, detaching and changing devices of a domain that runs, of its definition, or of both.
 * Both means all or nothing: the definition is written first, because that can be taken back
 * without asking a guest.
 */
#include "qemu_api.h"

#include "domain_device.h"
#include "qemu_hotplug.h"
#include "qemu_vm_config.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
/* QEMU counts in signed 64 bits, and sizes are rounded up to sectors. */
#define LIMIT_BYTES (1ULL << 62)
#define DEVICE_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* What is to be done with a device of @dst. */
typedef struct _deviceChange deviceChange;
struct _deviceChange {
    const char *api;
    const char *xml;
    const char *dst; /* detach */
    bool wait, force;
    /* in the definition; and in QEMU */
    int (*config)(const deviceChange *change, virDomainDef *def);
    int (*live)(const deviceChange *change, qemuVM *vm);
};

/* LIVE, CONFIG or both, and possible. */
static int
resolveFlags(qemuVM *vm, unsigned int *flags)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (*flags == VIR_DOMAIN_AFFECT_CURRENT)
        *flags = qemuVMIsActive(vm) ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if (*flags & VIR_DOMAIN_AFFECT_LIVE && qemuVMCheckActive(vm) < 0)
        return -1;
    if (*flags & VIR_DOMAIN_AFFECT_CONFIG && !vm->persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       "transient domains do not have any persistent config");
        return -1;
    }
    if (vm->removed) {
        virReportError(VIR_ERR_NO_DOMAIN, "domain '%s' was removed meanwhile", vm->name);
        return -1;
    }
    return 0;
}

static void
installConfig(qemuVM *vm, virDomainDef *def)
{
    QEMU_VM_LOCK_GUARD(vm);
    virDomainDef **slot = vm->newDef ? &vm->newDef : &vm->def;

    virDomainDefFree(*slot);
    *slot = def;
}

static void
restoreConfig(qemuVM *vm, const virDomainDef *old)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    if (qemuVMConfigSave(old) < 0)
        VIR_WARN("the definition of domain '%s' on disk has a change that the running domain has "
                 "refused: %s",
                 vm->name, virErrorLastMessage());
    virErrorRestore(&saved);
}

static int
changeHeld(qemuVM *vm, const deviceChange *change, unsigned int flags)
{
    g_autoptr(virDomainDef) old = NULL;
    g_autoptr(virDomainDef) config = NULL;

    if (resolveFlags(vm, &flags) < 0)
        return -1;
    if (flags & VIR_DOMAIN_AFFECT_CONFIG) {
        old = qemuVMCopyPersistentDef(vm);
        config = virDomainDefCopy(old);
        if (change->config(change, config) < 0 || qemuVMConfigSave(config) < 0)
            return -1;
    }
    if (flags & VIR_DOMAIN_AFFECT_LIVE && change->live(change, vm) < 0) {
        if (old)
            restoreConfig(vm, old);
        return -1;
    }
    if (config)
        installConfig(vm, g_steal_pointer(&config));
    return 0;
}

static int
deviceDo(virDomainPtr dom, const deviceChange *change, unsigned int flags)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    int rc = 0;

    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, change->api) < 0)
        return -1;
    rc = changeHeld(vm, change, flags);
    qemuJobEnd(&vm->job);
    return rc;
}

static int
attachConfig(const deviceChange *change, virDomainDef *def)
{
    g_autoptr(virDomainDiskDef) disk = virDomainDeviceDiskParse(change->xml, "attached");

    return disk ? virDomainDefAddDisk(def, &disk, false) : -1;
}

static int
attachLive(const deviceChange *change, qemuVM *vm)
{
    g_autoptr(virDomainDiskDef) disk = virDomainDeviceDiskParse(change->xml, "attached");

    return disk ? qemuHotplugAttach(vm, &disk) : -1;
}

int
qemuDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    deviceChange change = {
        .api = "virDomainAttachDeviceFlags",
        .xml = xml,
        .config = attachConfig,
        .live = attachLive,
    };

    virCheckFlags(DEVICE_FLAGS, -1);
    return deviceDo(dom, &change, flags);
}

int
qemuDomainAttachDevice(virDomainPtr dom, const char *xml)
{
    return qemuDomainAttachDeviceFlags(dom, xml, VIR_DOMAIN_AFFECT_LIVE);
}

static int
detachConfig(const deviceChange *change, virDomainDef *def)
{
    return virDomainDefRemoveDisk(def, change->dst);
}

static int
detachLive(const deviceChange *change, qemuVM *vm)
{
    return qemuHotplugDetach(vm, change->dst, change->wait);
}

int
qemuDomainDetachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    g_autofree char *dst = NULL;
    deviceChange change = {
        .api = "virDomainDetachDeviceFlags",
        .wait = true,
        .config = detachConfig,
        .live = detachLive,
    };

    virCheckFlags(DEVICE_FLAGS, -1);
    change.dst = dst = virDomainDeviceTargetParse(xml, "detached");
    return dst ? deviceDo(dom, &change, flags) : -1;
}

int
qemuDomainDetachDevice(virDomainPtr dom, const char *xml)
{
    return qemuDomainDetachDeviceFlags(dom, xml, VIR_DOMAIN_AFFECT_LIVE);
}

/* (owned) target of the disk @alias; NULL with an error. */
static char *
targetOfAlias(const virDomainDef *def, const char *alias)
{
    const virDomainDiskDef *disk = virDomainDefDiskByAlias(def, alias);

    if (disk)
        return g_strdup(disk->dst);
    if (virDomainDefHasAlias(def, alias))
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "device '%s' cannot be detached: only disks can; change the definition of the "
            "stopped domain",
            alias);
    else
        virReportError(VIR_ERR_DEVICE_MISSING, "no device found with alias %s", alias);
    return NULL;
}

static int
detachAliasConfig(const deviceChange *change, virDomainDef *def)
{
    g_autofree char *dst = targetOfAlias(def, change->dst);

    return dst ? virDomainDefRemoveDisk(def, dst) : -1;
}

static int
detachAliasLive(const deviceChange *change, qemuVM *vm)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    g_autofree char *dst = targetOfAlias(def, change->dst);

    return dst ? qemuHotplugDetach(vm, dst, false) : -1;
}

int
qemuDomainDetachDeviceAlias(virDomainPtr dom, const char *alias, unsigned int flags)
{
    deviceChange change = {
        .api = "virDomainDetachDeviceAlias",
        .dst = alias,
        .config = detachAliasConfig,
        .live = detachAliasLive,
    };

    virCheckFlags(DEVICE_FLAGS, -1);
    return deviceDo(dom, &change, flags);
}

/* What may differ between the disk that is there and the one it shall be: a drive's medium, and
 * what nobody has said. Anything else would have to be dropped in silence. */
static int
checkUpdate(const virDomainDiskDef *now, const virDomainDiskDef *wanted)
{
    const char *field = NULL;

    if (wanted->bus != now->bus)
        field = "bus";
    else if (wanted->device != now->device)
        field = "device";
    else if (wanted->cache != now->cache)
        field = "cache";
    else if (wanted->io != now->io)
        field = "io";
    else if (wanted->discard != now->discard)
        field = "discard";
    else if (wanted->errorPolicy != now->errorPolicy)
        field = "error_policy";
    else if (wanted->iothread != now->iothread)
        field = "iothread";
    else if (wanted->readonly != now->readonly)
        field = "readonly";
    else if (wanted->shareable != now->shareable)
        field = "shareable";
    else if (g_strcmp0(wanted->serial, now->serial) != 0)
        field = "serial";
    else if (wanted->bootOrder != now->bootOrder)
        field = "boot order";
    if (!field)
        return 0;
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED, "cannot modify field '%s' of the disk '%s'",
                   field, now->dst);
    return -1;
}

/* The definition of a disk is replaced as a whole. */
static int
updateConfig(const deviceChange *change, virDomainDef *def)
{
    g_autoptr(virDomainDiskDef) disk = virDomainDeviceDiskParse(change->xml, "changed");

    if (!disk || virDomainDefRemoveDisk(def, disk->dst) < 0)
        return -1;
    return virDomainDefAddDisk(def, &disk, false);
}

static int
updateLive(const deviceChange *change, qemuVM *vm)
{
    g_autoptr(virDomainDiskDef) disk = virDomainDeviceDiskParse(change->xml, "changed");
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    const virDomainDiskDef *now = disk ? virDomainDefDisk(def, disk->dst, false) : NULL;

    if (!disk)
        return -1;
    if (!now) {
        virReportError(VIR_ERR_DEVICE_MISSING, "disk '%s' not found", disk->dst);
        return -1;
    }
    if (checkUpdate(now, disk) < 0)
        return -1;
    if (virStorageSourceSame(now->src, disk->src))
        return 0;
    if (now->device == VIR_DISK_DEVICE_CDROM)
        return qemuHotplugChangeMedium(vm, disk, change->force);
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED, "cannot modify field 'source' of the disk '%s'",
                   now->dst);
    return -1;
}

int
qemuDomainUpdateDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    deviceChange change = {
        .api = "virDomainUpdateDeviceFlags",
        .xml = xml,
        .force = flags & VIR_DOMAIN_DEVICE_MODIFY_FORCE,
        .config = updateConfig,
        .live = updateLive,
    };

    virCheckFlags(DEVICE_FLAGS | VIR_DOMAIN_DEVICE_MODIFY_FORCE, -1);
    return deviceDo(dom, &change, flags & DEVICE_FLAGS);
}

int
qemuDomainBlockResize(virDomainPtr dom, const char *disk, unsigned long long size,
                      unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int rc = -1;

    virCheckFlags(VIR_DOMAIN_BLOCK_RESIZE_BYTES | VIR_DOMAIN_BLOCK_RESIZE_CAPACITY, -1);
    if (!(flags & VIR_DOMAIN_BLOCK_RESIZE_BYTES)) {
        if (size >= LIMIT_BYTES / 1024) {
            virReportError(VIR_ERR_OVERFLOW, "size must be less than %llu", LIMIT_BYTES / 1024);
            return -1;
        }
        size *= 1024;
    }
    if (size >= LIMIT_BYTES) {
        virReportError(VIR_ERR_OVERFLOW, "size must be less than %llu", LIMIT_BYTES);
        return -1;
    }
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainBlockResize") < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    rc = qemuVMCheckActive(vm);
    g_mutex_unlock(&vm->lock);
    if (rc == 0)
        rc = qemuHotplugResize(vm, disk, size, flags & VIR_DOMAIN_BLOCK_RESIZE_CAPACITY);
    qemuJobEnd(&vm->job);
    return rc;
}
