/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block nodes of a domain's images: names and properties, derived from the Def alone.
 *
 *   device "virtio-disk0" ── libvirt-1-format ──file── libvirt-1-storage      overlay
 *                                  └─backing─ libvirt-2-format ──file── libvirt-2-storage
 *
 * A qcow2 with an external data file has that as a third, "libvirt-N-storage" of its own number.
 * Every layer is a named node of its own, because jobs, bitmaps and exports address nodes by name.
 * A chain the XML does not spell out is left to QEMU: those nodes get names of QEMU's.
 */
#include "qemu_nodes.h"

#include "qemu_nbd.h"
#include "qemu_secret.h"

static void
qemuNodesCollectHighest(const virDomainDef *def, unsigned int *counter)
{
    guint i = 0;

    for (i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);
        const virStorageSource *src = NULL;

        for (src = disk->src; src; src = src->backing) {
            *counter = MAX(*counter, src->index);
            if (src->dataStore)
                *counter = MAX(*counter, src->dataStore->index);
        }
    }
}

void
qemuNodesAssign(virDomainDef *def, unsigned int *counter)
{
    guint i = 0;

    qemuNodesCollectHighest(def, counter);
    for (i = 0; i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);
        virStorageSource *src = NULL;

        for (src = disk->src; src; src = src->backing) {
            if (src->index == 0)
                src->index = ++*counter;
            if (src->dataStore && src->dataStore->index == 0)
                src->dataStore->index = ++*counter;
        }
    }
}

char *
qemuNodeNameFormat(unsigned int index)
{
    return g_strdup_printf("libvirt-%u-format", index);
}

char *
qemuNodeNameStorage(unsigned int index)
{
    return g_strdup_printf("libvirt-%u-storage", index);
}

static void
qemuTargetDiskFree(qemuTargetDisk *disk)
{
    g_free((char *)disk->name);
    g_free((char *)disk->qdev);
    g_free((char *)disk->node);
    virStorageSourceFree((virStorageSource *)disk->source);
    g_free(disk);
}

/* A SCSI disk runs where its controller runs. */
static bool
qemuNodesDiskOnIothread(const virDomainDef *def, const virDomainDiskDef *disk)
{
    guint i = 0;

    if (disk->iothread > 0)
        return true;
    if (disk->bus != VIR_DISK_BUS_SCSI)
        return false;
    for (i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *ctrl = g_ptr_array_index(def->controllers, i);

        if (ctrl->type == VIR_CONTROLLER_SCSI && MAX(ctrl->index, 0) == (int)disk->addr.controller)
            return ctrl->iothread > 0;
    }
    return false;
}

static virStorageSource *
sourceAlone(const virStorageSource *src)
{
    virStorageSource *copy = virStorageSourceCopy(src);

    g_clear_pointer(&copy->backing, virStorageSourceFree);
    return copy;
}

GPtrArray *
qemuNodesTargetDisks(const virDomainDef *def)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func((GDestroyNotify)qemuTargetDiskFree);
    guint i = 0;

    for (i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);
        qemuTargetDisk *target = NULL;

        if (!disk->src)
            continue;
        target = g_new0(qemuTargetDisk, 1);
        target->name = g_strdup(disk->dst);
        target->qdev = g_strdup(disk->alias);
        target->node = qemuNodeNameFormat(disk->src->index);
        target->source = sourceAlone(disk->src);
        target->format = disk->src->format == VIR_STORAGE_FORMAT_NONE ? VIR_STORAGE_FORMAT_RAW
                                                                      : disk->src->format;
        target->readonly = disk->readonly || disk->device == VIR_DISK_DEVICE_CDROM;
        target->iothread = qemuNodesDiskOnIothread(def, disk);
        g_ptr_array_add(disks, target);
    }
    return disks;
}

/* NULL when the cache mode is the default: QEMU's own is then in force. */
static virJSONValue *
qemuNodesCacheProps(virDomainDiskDef const *disk)
{
    bool direct = disk->cache == VIR_DISK_CACHE_NONE || disk->cache == VIR_DISK_CACHE_DIRECTSYNC;
    bool noFlush = disk->cache == VIR_DISK_CACHE_UNSAFE;

    if (disk->cache == VIR_DISK_CACHE_DEFAULT)
        return NULL;
    return virJSONBuild("{'direct':%b,'no-flush':%b}", direct, noFlush);
}

static const char *
qemuNodesAio(virDiskIo io)
{
    switch (io) {
    case VIR_DISK_IO_NATIVE:
        return "native";
    case VIR_DISK_IO_THREADS:
        return "threads";
    case VIR_DISK_IO_URING:
        return "io_uring";
    case VIR_DISK_IO_DEFAULT:
    case VIR_DISK_IO_LAST:
        break;
    }
    return NULL;
}

/* Discard is passed down unless the user forbids it at the disk: what reaches the storage node is
 * decided at the format node, where metadata is freed. */
static const char *
qemuNodesDiscard(virDiskDiscard discard)
{
    switch (discard) {
    case VIR_DISK_DISCARD_UNMAP:
        return "unmap";
    case VIR_DISK_DISCARD_IGNORE:
        return "ignore";
    case VIR_DISK_DISCARD_DEFAULT:
    case VIR_DISK_DISCARD_LAST:
        break;
    }
    return NULL;
}

static bool
qemuNodesReadOnly(const virDomainDiskDef *disk, bool top)
{
    return !top || disk->readonly || disk->device == VIR_DISK_DEVICE_CDROM;
}

virJSONValue *
qemuNodesStorageProps(const virDomainDiskDef *disk, const virStorageSource *src)
{
    g_autofree char *node = qemuNodeNameStorage(src->index);
    virJSONValue *cache = qemuNodesCacheProps(disk);
    virJSONValue *props = NULL;

    if (src->nbd)
        props = qemuNbdOptions(src->nbd, NULL);
    else
        props = virJSONBuild("{'driver':%s,'filename':%s}",
                             src->type == VIR_STORAGE_TYPE_BLOCK ? "host_device" : "file", src->path);
    virJSONObjectSet(props, "node-name", virJSONNewString(node));
    if (!src->nbd && qemuNodesAio(disk->io))
        virJSONObjectSet(props, "aio", virJSONNewString(qemuNodesAio(disk->io)));
    if (cache)
        virJSONObjectSet(props, "cache", cache);
    /* auto-read-only lets a job reopen a backing image for writing, and a read-only disk lie on
     * a file that cannot be opened otherwise. */
    virJSONObjectSet(props, "auto-read-only", virJSONNewBoolean(true));
    virJSONObjectSet(props, "discard",
                     virJSONNewString(disk->discard == VIR_DISK_DISCARD_IGNORE ? "ignore" : "unmap"));
    return props;
}

/* LUKS is a layer of its own around raw data, and a part of qcow2. */
virJSONValue *
qemuNodesDriverProps(const virStorageSource *src, const char *node)
{
    bool isQcow2 = src->format == VIR_STORAGE_FORMAT_QCOW2;
    g_autofree char *secret = src->encryption ? qemuSecretObjectName(node) : NULL;
    const char *plain = isQcow2 ? "qcow2" : "raw";
    virJSONValue *props =
        virJSONBuild("{'driver':%s,'node-name':%s}", secret && !isQcow2 ? "luks" : plain, node);

    if (secret && isQcow2)
        virJSONObjectSet(props, "encrypt", virJSONBuild("{'format':'luks','key-secret':%s}", secret));
    else if (secret)
        virJSONObjectSet(props, "key-secret", virJSONNewString(secret));
    return props;
}

virJSONValue *
qemuNodesFormatProps(const virDomainDiskDef *disk, const virStorageSource *src, bool top)
{
    g_autofree char *node = qemuNodeNameFormat(src->index);
    g_autofree char *storage = qemuNodeNameStorage(src->index);
    bool isQcow2 = src->format == VIR_STORAGE_FORMAT_QCOW2;
    virJSONValue *props = qemuNodesDriverProps(src, node);
    const char *discard = qemuNodesDiscard(disk->discard);

    virJSONObjectSet(props, "read-only", virJSONNewBoolean(qemuNodesReadOnly(disk, top)));
    virJSONObjectSet(props, "cache", qemuNodesCacheProps(disk));
    if (discard)
        virJSONObjectSet(props, "discard", virJSONNewString(discard));
    virJSONObjectSet(props, "file", virJSONNewString(storage));

    if (src->dataStore) {
        g_autofree char *data = qemuNodeNameStorage(src->dataStore->index);

        virJSONObjectSet(props, "data-file", virJSONNewString(data));
    }
    if (isQcow2 && src->backing) {
        g_autofree char *backing = qemuNodeNameFormat(src->backing->index);

        virJSONObjectSet(props, "backing", virJSONNewString(backing));
    } else if (isQcow2 && src->backingTerminated) {
        virJSONObjectSet(props, "backing", virJSONNewNull());
    }
    return props;
}
