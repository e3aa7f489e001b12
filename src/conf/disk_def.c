/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <disk>: parse and format. What is true of one disk alone is checked
 * here; what takes the whole domain is in domain_validate.c.
 */
#include "disk_def.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static const char *const diskDevices[VIR_DISK_DEVICE_LAST] = {"disk", "cdrom"};
static const char *const diskBuses[VIR_DISK_BUS_LAST] = {"virtio", "scsi", "sata", "ide"};
static const char *const diskCaches[VIR_DISK_CACHE_LAST] = {
    NULL, "none", "writethrough", "writeback", "directsync", "unsafe",
};
static const char *const diskDiscards[VIR_DISK_DISCARD_LAST] = {NULL, "unmap", "ignore"};
static const char *const diskIos[VIR_DISK_IO_LAST] = {NULL, "native", "threads", "io_uring"};
static const char *const diskErrorPolicies[VIR_DISK_ERROR_LAST] = {
    NULL, "stop", "report", "ignore", "enospace",
};

const char *
virDiskBusToString(virDiskBus b)
{
    return b < VIR_DISK_BUS_LAST ? diskBuses[b] : NULL;
}

void
virDomainDiskDefFree(virDomainDiskDef *disk)
{
    if (!disk)
        return;
    g_free(disk->dst);
    virStorageSourceFree(disk->src);
    g_free(disk->serial);
    g_free(disk->alias);
    g_free(disk);
}

static int
diskIothreadParse(xmlNodePtr node, unsigned int *iothread)
{
    int rc = virXMLPropUInt(node, "iothread", iothread);

    if (rc > 0 && *iothread == 0) {
        virReportError(VIR_ERR_XML_ERROR, "%s",
                       "invalid iothread '0' in <driver>: IOThreads count from 1");
        return -1;
    }
    return rc;
}

static int
diskDriverParse(xmlNodePtr driver, virDomainDiskDef *disk, virStorageFormat *format)
{
    g_autofree char *name = NULL;

    if (!driver)
        return 0;
    if (virXMLCheckKnown(driver, "name type cache io discard error_policy iothread", NULL) < 0)
        return -1;
    name = virXMLProp(driver, "name");
    if (name && strcmp(name, "qemu") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported driver name '%s' for disk '%s'",
                       name, disk->dst);
        return -1;
    }
    if (VIR_XML_ENUM_PROP(driver, "type", virStorageFormatNames, "*", *format) < 0 ||
        VIR_XML_ENUM_PROP(driver, "cache", diskCaches, "default", disk->cache) < 0 ||
        VIR_XML_ENUM_PROP(driver, "io", diskIos, NULL, disk->io) < 0 ||
        VIR_XML_ENUM_PROP(driver, "discard", diskDiscards, NULL, disk->discard) < 0 ||
        VIR_XML_ENUM_PROP(driver, "error_policy", diskErrorPolicies, NULL, disk->errorPolicy) < 0 ||
        diskIothreadParse(driver, &disk->iothread) < 0)
        return -1;
    return 0;
}

/* A target is a prefix that tells the bus and letters that tell the position: vda, sdab. */
static int
diskTargetCheck(const char *dst)
{
    size_t letters, length = strlen(dst);

    if (length < 3 || !(g_str_has_prefix(dst, "vd") || g_str_has_prefix(dst, "sd") ||
                        g_str_has_prefix(dst, "hd"))) {
        virReportError(VIR_ERR_XML_ERROR, "unknown disk name '%s': vdX, sdX or hdX is wanted", dst);
        return -1;
    }
    letters = strspn(dst + 2, "abcdefghijklmnopqrstuvwxyz");
    if (letters > 0 && dst[2 + letters] != '\0' &&
        strspn(dst + 2 + letters, "0123456789") == length - 2 - letters) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "invalid disk target '%s': a partition cannot be a disk target", dst);
        return -1;
    }
    if (letters != length - 2 || letters > 3) {
        virReportError(VIR_ERR_XML_ERROR, "unknown disk name '%s': vdX, sdX or hdX is wanted", dst);
        return -1;
    }
    return 0;
}

static virDiskBus
diskBusDefault(const char *dst)
{
    if (dst[0] == 'v')
        return VIR_DISK_BUS_VIRTIO;
    return dst[0] == 'h' ? VIR_DISK_BUS_IDE : VIR_DISK_BUS_SCSI;
}

static int
diskTargetParse(xmlNodePtr node, virDomainDiskDef *disk)
{
    xmlNodePtr target = virXMLChild(node, "target");
    xmlNodePtr source = virXMLChild(node, "source");
    g_autofree char *file = source ? virXMLProp(source, "file") : NULL;

    if (target && virXMLCheckKnown(target, "dev bus", NULL) < 0)
        return -1;
    disk->dst = target ? virXMLProp(target, "dev") : NULL;
    if (!disk->dst || !*disk->dst) {
        virReportError(VIR_ERR_NO_TARGET, "%s", file ? file : "");
        return -1;
    }
    if (diskTargetCheck(disk->dst) < 0)
        return -1;
    disk->bus = diskBusDefault(disk->dst);
    return VIR_XML_ENUM_PROP(target, "bus", diskBuses, "fdc xen usb uml sd", disk->bus) < 0 ? -1
                                                                                            : 0;
}

static int
diskSourceParse(xmlNodePtr node, virStorageType type, virStorageFormat format,
                virDomainDiskDef *disk)
{
    xmlNodePtr source = virXMLChild(node, "source");

    if (!source && disk->device == VIR_DISK_DEVICE_CDROM) {
        if (virXMLChild(node, "backingStore"))
            return virXMLCheckKnown(virXMLChild(node, "backingStore"), NULL, NULL);
        return 0;
    }
    if (!source) {
        virReportError(VIR_ERR_NO_SOURCE, "%s", disk->dst);
        return -1;
    }
    disk->src = virStorageSourceNew(type, format, NULL);
    if (virStorageSourceParse(source, disk->src) < 0)
        return -1;
    return virStorageSourceParseBacking(node, disk->src);
}

/* In <disk> it says the same as in <source>. */
static int
diskEncryptionParse(xmlNodePtr node, virDomainDiskDef *disk)
{
    xmlNodePtr encryption = virXMLChild(node, "encryption");

    if (!encryption)
        return 0;
    if (!disk->src || disk->src->encryption) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       disk->src ? "<encryption> of disk '%s' is given twice, in <source> and in <disk>"
                                 : "<encryption> of the empty drive '%s' is about no image",
                       disk->dst);
        return -1;
    }
    disk->src->encryption = virStorageEncryptionParse(encryption);
    disk->src->encryptionOutside = true;
    return disk->src->encryption ? 0 : -1;
}

static int
diskBootParse(xmlNodePtr node, virDomainDiskDef *disk)
{
    xmlNodePtr boot = virXMLChild(node, "boot");
    int rc;

    if (!boot)
        return 0;
    if (virXMLCheckKnown(boot, "order", NULL) < 0 ||
        (rc = virXMLPropUInt(boot, "order", &disk->bootOrder)) < 0)
        return -1;
    if (rc == 0 || disk->bootOrder == 0) {
        virReportError(VIR_ERR_XML_ERROR, "<boot> of disk '%s' needs an order of 1 or more",
                       disk->dst);
        return -1;
    }
    return 0;
}

#define DISK_CHILDREN                                                                              \
    "driver source backingStore target readonly shareable serial boot encryption alias address"

virDomainDiskDef *
virDomainDiskDefParse(xmlNodePtr node)
{
    g_autoptr(virDomainDiskDef) disk = g_new0(virDomainDiskDef, 1);
    virStorageType type = VIR_STORAGE_TYPE_FILE;
    virStorageFormat format = VIR_STORAGE_FORMAT_RAW;

    if (virXMLCheckKnown(node, "type device", DISK_CHILDREN) < 0 ||
        virXMLCheckOnce(node, DISK_CHILDREN) < 0 ||
        virXMLCheckChildrenKnown(node, "readonly shareable", NULL, NULL) < 0 ||
        virXMLCheckChildrenKnown(node, "serial", NULL, "#text") < 0 ||
        VIR_XML_ENUM_PROP(node, "type", virStorageTypeNames, VIR_STORAGE_TYPES_FOREIGN, type) < 0 ||
        VIR_XML_ENUM_PROP(node, "device", diskDevices, "floppy lun", disk->device) < 0 ||
        diskTargetParse(node, disk) < 0 ||
        diskDriverParse(virXMLChild(node, "driver"), disk, &format) < 0 ||
        diskSourceParse(node, type, format, disk) < 0 || diskEncryptionParse(node, disk) < 0 ||
        diskBootParse(node, disk) < 0 ||
        virDeviceAliasParse(node, &disk->alias) < 0 || virDeviceAddressParse(node, &disk->addr) < 0)
        return NULL;
    disk->readonly = virXMLChild(node, "readonly") || disk->device == VIR_DISK_DEVICE_CDROM;
    disk->shareable = virXMLChild(node, "shareable") != NULL;
    disk->serial = virXMLChildText(node, "serial");
    if (disk->serial && !*disk->serial)
        g_clear_pointer(&disk->serial, g_free);
    return g_steal_pointer(&disk);
}

static void
wordFormat(virBuffer *buf, const char *attr, const char *word)
{
    if (word)
        virBufferAsprintf(buf, " %s='%s'", attr, word);
}

static void
diskDriverFormat(virBuffer *buf, const virDomainDiskDef *disk, bool live)
{
    virBufferAdd(buf, "<driver name='qemu'");
    if (disk->src)
        wordFormat(buf, "type", virStorageFormatNames[disk->src->format]);
    else if (!live)
        wordFormat(buf, "type", virStorageFormatNames[VIR_STORAGE_FORMAT_RAW]);
    wordFormat(buf, "cache", diskCaches[disk->cache]);
    wordFormat(buf, "error_policy", diskErrorPolicies[disk->errorPolicy]);
    wordFormat(buf, "io", diskIos[disk->io]);
    wordFormat(buf, "discard", diskDiscards[disk->discard]);
    if (disk->iothread)
        virBufferAsprintf(buf, " iothread='%u'", disk->iothread);
    virBufferAdd(buf, "/>\n");
}

void
virDomainDiskDefFormat(virBuffer *buf, const virDomainDiskDef *disk, bool live)
{
    virBufferAsprintf(buf, "<disk type='%s' device='%s'>\n",
                      virStorageTypeNames[disk->src ? disk->src->type : VIR_STORAGE_TYPE_FILE],
                      diskDevices[disk->device]);
    virBufferAdjustIndent(buf, 2);
    diskDriverFormat(buf, disk, live);
    if (disk->src) {
        virStorageSourceFormat(buf, "source", disk->src, live);
        virStorageSourceFormatBacking(buf, disk->src, live);
    }
    virBufferAsprintf(buf, "<target dev='%s' bus='%s'/>\n", disk->dst, diskBuses[disk->bus]);
    if (disk->readonly)
        virBufferAdd(buf, "<readonly/>\n");
    if (disk->shareable)
        virBufferAdd(buf, "<shareable/>\n");
    virBufferEscapeString(buf, "<serial>%s</serial>\n", disk->serial);
    if (disk->bootOrder)
        virBufferAsprintf(buf, "<boot order='%u'/>\n", disk->bootOrder);
    if (disk->src && disk->src->encryptionOutside)
        virStorageEncryptionFormat(buf, disk->src->encryption);
    virDeviceAliasFormat(buf, disk->alias, live);
    virDeviceAddressFormat(buf, &disk->addr);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</disk>\n");
}
