/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line: disks, each as explicit block nodes (qemu_nodes) and one guest device on the top
 * node. */
#include <string.h>
#include "qemu_command_priv.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static int
qemuCommandDiskCheck(const qemuCommandBuilder *b, const virDomainDiskDef *disk)
{
    bool direct = disk->cache == VIR_DISK_CACHE_NONE || disk->cache == VIR_DISK_CACHE_DIRECTSYNC;

    if (disk->device == VIR_DISK_DEVICE_CDROM && disk->bus == VIR_DISK_BUS_VIRTIO) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cdrom '%s' cannot be on bus 'virtio'; use 'sata', 'ide' or 'scsi'",
                       disk->dst);
        return -1;
    }
    if (disk->io == VIR_DISK_IO_NATIVE && !direct) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "io='native' of disk '%s' needs cache='none' or 'directsync'", disk->dst);
        return -1;
    }
    if (disk->io == VIR_DISK_IO_URING && !b->in->facts->aioUring) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "io='io_uring' of disk '%s' is not supported by this QEMU", disk->dst);
        return -1;
    }
    if (disk->iothread > b->def->iothreads) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s' wants iothread %u, but the domain has %u", disk->dst,
                       disk->iothread, b->def->iothreads);
        return -1;
    }
    if (disk->iothread > 0 && disk->bus != VIR_DISK_BUS_VIRTIO) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s' on bus '%s' cannot have an iothread; only bus 'virtio' can, or a"
                       " virtio-scsi controller as a whole",
                       disk->dst, virDiskBusToString(disk->bus));
        return -1;
    }
    return 0;
}

static void
qemuCommandDiskAddJSON(qemuCommandBuilder *b, const char *option, virJSONValue *props)
{
    g_autoptr(virJSONValue) owned = props;
    g_autofree char *json = virJSONFormat(owned, false);

    qemuCommandAdd(b, option, json);
}

static void
qemuCommandDiskSecret(qemuCommandBuilder *b, const virStorageSource *src)
{
    g_autofree char *node = qemuNodeNameFormat(src->index);
    g_autofree char *object = qemuSecretObjectName(node);
    g_autofree char *path = qemuSecretDescriptorPath(b->in->secretFds[b->secrets++]);

    qemuCommandDiskAddJSON(
        b, "-object",
        virJSONBuild("{'qom-type':'secret','id':%s,'format':'raw','file':%s}", object, path));
}

/* Bottom first, because a node names the ones below it. */
static void
qemuCommandDiskNodes(qemuCommandBuilder *b, const virDomainDiskDef *disk,
                     const virStorageSource *src, bool top)
{
    if (src->backing)
        qemuCommandDiskNodes(b, disk, src->backing, false);
    if (src->encryption)
        qemuCommandDiskSecret(b, src);
    if (src->dataStore)
        qemuCommandDiskAddJSON(b, "-blockdev", qemuNodesStorageProps(disk, src->dataStore));
    qemuCommandDiskAddJSON(b, "-blockdev", qemuNodesStorageProps(disk, src));
    qemuCommandDiskAddJSON(b, "-blockdev", qemuNodesFormatProps(disk, src, top));
}

static int
qemuCommandDiskNoController(const virDomainDiskDef *disk)
{
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "disk '%s' is on %s controller %u, which is not there", disk->dst,
                   virDiskBusToString(disk->bus), disk->addr.controller);
    return -1;
}

static int
qemuCommandDiskPlaceSCSI(qemuCommandBuilder *b, GString *dev, const virDomainDiskDef *disk)
{
    const virDomainControllerDef *ctrl =
        qemuCommandController(b->def, VIR_CONTROLLER_SCSI, disk->addr.controller);

    if (!ctrl)
        return qemuCommandDiskNoController(disk);
    g_string_append_printf(dev, ",bus=%s.0", ctrl->alias);
    if (qemuCommandSCSIIsLSI(ctrl))
        g_string_append_printf(dev, ",scsi-id=%u", disk->addr.unit);
    else
        g_string_append_printf(dev, ",channel=%u,scsi-id=%u,lun=%u", disk->addr.bus,
                               disk->addr.target, disk->addr.unit);
    /* What the guest's /dev/disk/by-id is made of, kept as other libvirts set it. */
    if (disk->serial)
        qemuCommandOpt(dev, "device_id", disk->serial);
    else
        g_string_append_printf(dev, ",device_id=drive-%s", disk->alias);
    return 0;
}

static int
qemuCommandDiskPlaceSATA(qemuCommandBuilder *b, GString *dev, const virDomainDiskDef *disk)
{
    const virDomainControllerDef *ctrl =
        qemuCommandController(b->def, VIR_CONTROLLER_SATA, disk->addr.controller);

    if (b->q35 && disk->addr.controller == 0) {
        g_string_append_printf(dev, ",bus=ide.%u", disk->addr.unit);
        return 0;
    }
    if (!ctrl)
        return qemuCommandDiskNoController(disk);
    g_string_append_printf(dev, ",bus=%s.%u", ctrl->alias, disk->addr.unit);
    return 0;
}

static int
qemuCommandDiskPlaceIDE(qemuCommandBuilder *b, GString *dev, const virDomainDiskDef *disk)
{
    if (b->q35 || disk->addr.controller != 0) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "disk '%s' is on IDE controller %u, which machine '%s' does not have; use bus"
            " 'sata' or 'virtio'",
            disk->dst, disk->addr.controller, b->def->osMachine);
        return -1;
    }
    g_string_append_printf(dev, ",bus=ide.%u,unit=%u", disk->addr.bus, disk->addr.unit);
    return 0;
}

/* Device name with its place. */
static int
qemuCommandDiskDevice(qemuCommandBuilder *b, GString *dev, const virDomainDiskDef *disk)
{
    const char *kind = disk->device == VIR_DISK_DEVICE_CDROM ? "cd" : "hd";
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->dst);

    if (disk->bus != VIR_DISK_BUS_VIRTIO && disk->addr.type != VIR_ADDRESS_DRIVE) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s on bus '%s' needs an address of type 'drive'", what,
                       virDiskBusToString(disk->bus));
        return -1;
    }
    switch (disk->bus) {
    case VIR_DISK_BUS_VIRTIO:
        g_string_append(dev, "virtio-blk-pci");
        if (disk->iothread > 0)
            g_string_append_printf(dev, ",iothread=iothread%u", disk->iothread);
        return qemuCommandPCIPlace(b, dev, &disk->addr, what);
    case VIR_DISK_BUS_SCSI:
        g_string_append_printf(dev, "scsi-%s", kind);
        return qemuCommandDiskPlaceSCSI(b, dev, disk);
    case VIR_DISK_BUS_SATA:
        g_string_append_printf(dev, "ide-%s", kind);
        return qemuCommandDiskPlaceSATA(b, dev, disk);
    case VIR_DISK_BUS_IDE:
        g_string_append_printf(dev, "ide-%s", kind);
        return qemuCommandDiskPlaceIDE(b, dev, disk);
    case VIR_DISK_BUS_LAST:
        break;
    }
    virReportError(VIR_ERR_INTERNAL_ERROR, "disk '%s' has unknown bus %d", disk->dst, disk->bus);
    return -1;
}

static const char *
qemuCommandDiskWriteCache(virDiskCache cache)
{
    switch (cache) {
    case VIR_DISK_CACHE_NONE:
    case VIR_DISK_CACHE_WRITEBACK:
    case VIR_DISK_CACHE_UNSAFE:
        return "on";
    case VIR_DISK_CACHE_WRITETHROUGH:
    case VIR_DISK_CACHE_DIRECTSYNC:
        return "off";
    case VIR_DISK_CACHE_DEFAULT:
    case VIR_DISK_CACHE_LAST:
        break;
    }
    return NULL;
}

/* Reading knows no 'enospc', so that policy leaves reads to QEMU's default (report). */
static void
qemuCommandDiskErrors(GString *dev, virDiskErrorPolicy policy)
{
    switch (policy) {
    case VIR_DISK_ERROR_STOP:
        g_string_append(dev, ",werror=stop,rerror=stop");
        break;
    case VIR_DISK_ERROR_REPORT:
        g_string_append(dev, ",werror=report,rerror=report");
        break;
    case VIR_DISK_ERROR_IGNORE:
        g_string_append(dev, ",werror=ignore,rerror=ignore");
        break;
    case VIR_DISK_ERROR_ENOSPACE:
        g_string_append(dev, ",werror=enospc");
        break;
    case VIR_DISK_ERROR_DEFAULT:
    case VIR_DISK_ERROR_LAST:
        break;
    }
}

static bool
qemuCommandDiskIsFirst(const virDomainDef *def, const virDomainDiskDef *disk)
{
    guint i = 0;

    for (i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *other = g_ptr_array_index(def->disks, i);

        if (other->device == disk->device)
            return other == disk;
    }
    return false;
}

static unsigned int
qemuCommandDiskBootIndex(const virDomainDef *def, const virDomainDiskDef *disk)
{
    if (disk->bootOrder > 0)
        return disk->bootOrder;
    if (!qemuCommandDiskIsFirst(def, disk))
        return 0;
    return qemuCommandBootIndex(def, disk->device == VIR_DISK_DEVICE_CDROM ? VIR_DOMAIN_BOOT_CDROM
                                                                           : VIR_DOMAIN_BOOT_HD);
}

/* The guest's device on the top node. */
static int
qemuCommandDiskText(qemuCommandBuilder *b, GString *dev, const virDomainDiskDef *disk,
                    unsigned int bootIndex)
{
    if (qemuCommandDiskCheck(b, disk) < 0 || qemuCommandDiskDevice(b, dev, disk) < 0)
        return -1;
    if (disk->src) {
        g_autofree char *node = qemuNodeNameFormat(disk->src->index);

        g_string_append_printf(dev, ",drive=%s", node);
        if (disk->device == VIR_DISK_DEVICE_DISK)
            qemuCommandOpt(dev, "write-cache", qemuCommandDiskWriteCache(disk->cache));
    }
    qemuCommandOpt(dev, "id", disk->alias);
    if (bootIndex > 0)
        g_string_append_printf(dev, ",bootindex=%u", bootIndex);
    if (disk->shareable)
        g_string_append(dev, ",share-rw=on");
    qemuCommandOpt(dev, "serial", disk->serial);
    qemuCommandDiskErrors(dev, disk->errorPolicy);
    return 0;
}

static int
qemuCommandDiskOne(qemuCommandBuilder *b, const virDomainDiskDef *disk)
{
    g_autoptr(GString) dev = g_string_new(NULL);

    if (qemuCommandDiskText(b, dev, disk, qemuCommandDiskBootIndex(b->def, disk)) < 0)
        return -1;
    if (disk->src)
        qemuCommandDiskNodes(b, disk, disk->src, true);
    qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    return 0;
}

/* QMP wants numbers and switches as such; every other property of a disk is text. */
static virJSONValue *
qemuCommandDiskValue(const char *key, const char *value)
{
    static const char *const numbers[] = {"scsi-id", "lun", "channel", "unit", "bootindex", NULL};
    static const char *const switches[] = {"multifunction", "share-rw", NULL};

    if (g_strv_contains(numbers, key))
        return virJSONBuild("%llu", (unsigned long long)g_ascii_strtoull(value, NULL, 10));
    if (g_strv_contains(switches, key))
        return virJSONBuild("%b", g_str_equal(value, "on"));
    return virJSONNewString(value);
}

/* Up to the next comma that is not doubled; *@text moves behind it, to NULL at the end. */
static char *
qemuCommandDiskOption(const char **text)
{
    GString *option = g_string_new(NULL);
    const char *p = *text;

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        g_string_append_c(option, *p);
        if (*p == ',')
            p++;
    }
    *text = *p ? p + 1 : NULL;
    return g_string_free(option, FALSE);
}

virJSONValue *
qemuCommandDiskProps(const qemuCommandInput *input, const virDomainDiskDef *disk)
{
    qemuCommandBuilder b = {.in = input, .def = input->def, .q35 = virDomainDefIsQ35(input->def)};
    g_autoptr(GString) dev = g_string_new(NULL);
    const char *text = NULL;
    g_autofree char *driver = NULL;
    virJSONValue *props = NULL;

    if (qemuCommandDiskText(&b, dev, disk, disk->bootOrder) < 0)
        return NULL;
    text = dev->str;
    driver = qemuCommandDiskOption(&text);
    props = virJSONBuild("{'driver':%s}", driver);
    while (text) {
        g_autofree char *option = qemuCommandDiskOption(&text);
        char *value = strchr(option, '=');

        *value++ = '\0';
        virJSONObjectSet(props, option, qemuCommandDiskValue(option, value));
    }
    return props;
}

int
qemuCommandDisks(qemuCommandBuilder *b)
{
    guint i = 0;

    for (i = 0; i < b->def->disks->len; i++) {
        if (qemuCommandDiskOne(b, g_ptr_array_index(b->def->disks, i)) < 0)
            return -1;
    }
    return 0;
}
