/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One device as XML, and changes of a definition by one device. Disks only: every other device that
 * libvirt knows is refused by its name.
 */
#include "domain_device.h"

#include <string.h>
#include "domain_internal.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static const char *const foreignDevices[] = {
    "lease",    "filesystem", "interface",  "input",  "sound",    "audio",     "video",  "hostdev",
    "watchdog", "controller", "graphics",   "hub",    "redirdev", "smartcard", "serial", "parallel",
    "console",  "channel",    "memballoon", "nvram",  "rng",      "shmem",     "tpm",    "panic",
    "memory",   "iommu",      "vsock",      "crypto", NULL,
};

static xmlDocPtr
deviceParse(const char *xml, const char *action)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(device_definition)", NULL);
    const char *name = doc ? (const char *)xmlDocGetRootElement(doc)->name : NULL;

    if (!doc || strcmp(name, "disk") == 0)
        return g_steal_pointer(&doc);
    if (g_strv_contains(foreignDevices, name))
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "a device of type '%s' cannot be %s: only disks can; change the definition of "
            "the stopped domain",
            name, action);
    else
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unknown device type '%s'", name);
    return NULL;
}

virDomainDiskDef *
virDomainDeviceDiskParse(const char *xml, const char *action)
{
    g_autoptr(xmlDoc) doc = deviceParse(xml, action);
    virDomainDiskDef *disk = doc ? virDomainDiskDefParse(xmlDocGetRootElement(doc)) : NULL;

    if (!disk)
        return NULL;
    for (virStorageSource *src = disk->src; src; src = src->backing)
        src->index = 0;
    if (disk->alias && !g_str_has_prefix(disk->alias, VIR_DEVICE_ALIAS_USER_PREFIX))
        g_clear_pointer(&disk->alias, g_free);
    return disk;
}

char *
virDomainDeviceTargetParse(const char *xml, const char *action)
{
    g_autoptr(xmlDoc) doc = deviceParse(xml, action);
    xmlNodePtr target = doc ? virXMLChild(xmlDocGetRootElement(doc), "target") : NULL;
    char *dst = target ? virXMLProp(target, "dev") : NULL;

    if (doc && !dst)
        virReportError(VIR_ERR_NO_TARGET, "%s", "<disk> that is to be named by its <target dev>");
    return dst;
}

int
virDomainDefAddDisk(virDomainDef *def, virDomainDiskDef **disk, bool live)
{
    guint controllers = def->controllers->len;
    const virDomainDiskDef *added = *disk;
    const virDomainControllerDef *missing = NULL;

    virDomainDefInsertDisk(def, g_steal_pointer(disk));
    virDomainDefFillDefaults(def);
    if (!live || def->controllers->len == controllers)
        return virDomainDefValidate(def);
    missing = g_ptr_array_index(def->controllers, controllers);
    virReportError(
        VIR_ERR_CONFIG_UNSUPPORTED,
        "disk '%s' cannot be attached to the running domain '%s', which has no %s controller "
        "%d; choose another bus, or add the controller while the domain is stopped",
        added->dst, def->name, virControllerTypeNames[missing->type], missing->index);
    return -1;
}

int
virDomainDefRemoveDisk(virDomainDef *def, const char *dst)
{
    virDomainDiskDef *disk = virDomainDefDisk(def, dst, false);

    if (!disk) {
        virReportError(VIR_ERR_DEVICE_MISSING, "no target device %s", dst);
        return -1;
    }
    g_ptr_array_remove(def->disks, disk);
    return 0;
}

virDomainDiskDef *
virDomainDefDiskByAlias(const virDomainDef *def, const char *alias)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (g_strcmp0(disk->alias, alias) == 0)
            return disk;
    }
    return NULL;
}

typedef struct {
    const char *alias;
    bool found;
} aliasSearch;

static void
aliasCompare(char **alias, virDeviceAddress *addr, void *opaque)
{
    aliasSearch *search = opaque;

    if (g_strcmp0(*alias, search->alias) == 0)
        search->found = true;
}

bool
virDomainDefHasAlias(const virDomainDef *def, const char *alias)
{
    aliasSearch search = {alias, false};

    /* The iterator hands out pointers to change devices by; this visitor only looks. */
    virDomainDefForeachDevice((virDomainDef *)def, aliasCompare, &search);
    return search.found;
}

/* A root port takes one device, in slot 0. */
static bool
pciBusIsFree(const virDomainDef *def, unsigned int bus)
{
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->addr.type == VIR_ADDRESS_PCI && disk->addr.bus == bus)
            return false;
    }
    for (guint i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        if (controller->addr.type == VIR_ADDRESS_PCI && controller->addr.bus == bus)
            return false;
    }
    for (guint i = 0; i < def->nets->len; i++) {
        const virDomainNetDef *net = g_ptr_array_index(def->nets, i);

        if (net->addr.type == VIR_ADDRESS_PCI && net->addr.bus == bus)
            return false;
    }
    for (guint i = 0; i < def->rngs->len; i++) {
        const virDomainRngDef *rng = g_ptr_array_index(def->rngs, i);

        if (rng->addr.type == VIR_ADDRESS_PCI && rng->addr.bus == bus)
            return false;
    }
    return def->memballoonAddr.type != VIR_ADDRESS_PCI || def->memballoonAddr.bus != bus;
}

int
virDomainDefPlaceHotplugged(const virDomainDef *def, virDomainDiskDef *disk)
{
    if (disk->bus != VIR_DISK_BUS_VIRTIO || disk->addr.type != VIR_ADDRESS_NONE ||
        !virDomainDefIsQ35(def))
        return 0;
    for (guint i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *port = g_ptr_array_index(def->controllers, i);

        if (port->type != VIR_CONTROLLER_PCI || port->index <= 0 ||
            g_strcmp0(port->model, "pcie-root-port") != 0 || !pciBusIsFree(def, port->index))
            continue;
        disk->addr = (virDeviceAddress){.type = VIR_ADDRESS_PCI, .bus = port->index};
        return 0;
    }
    virReportError(
        VIR_ERR_CONFIG_UNSUPPORTED,
        "disk '%s' cannot be attached to the running domain '%s': no pcie-root-port is free, "
        "and the root bus of machine '%s' takes no device while it runs",
        disk->dst, def->name, def->osMachine);
    return -1;
}
