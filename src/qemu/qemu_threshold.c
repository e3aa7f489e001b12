/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A threshold is set on the node that writes to the host's storage, so that it counts what an image
 * takes there and not what the guest sees.
 *
 *   vda      the image the guest writes to           libvirt-1-storage
 *   vda[1]   the same, or an image below it          libvirt-N-storage, N is its index
 *   vda[3]   the store of a running backup           no name of ours: it goes with its parent
 *
 * The node of a store is looked up by its file when it is needed, also when its event comes: names that
 * QEMU made up are then right after a restart of the daemon, too.
 */
#include "qemu_api.h"
#include "qemu_threshold.h"

#include <stdio.h>
#include <string.h>

#include "qemu_backup_job.h"
#include "qemu_backup_plan.h"
#include "qemu_nodes.h"
#include "qemu_qmp_block.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* What a client's "vda[3]" is: a node, or the store of a backup, whose node is still to be found. */
typedef struct _thresholdPlace {
    char *node;
    char *storePath;
} thresholdPlace;

static void
placeClear(thresholdPlace *place)
{
    g_clear_pointer(&place->node, g_free);
    g_clear_pointer(&place->storePath, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(thresholdPlace, placeClear)

/* "vda[3]" -> "vda" (owned) and 3; without brackets 0. */
static char *
parseDevice(const char *device, unsigned int *index)
{
    const char *bracket = strchr(device, '[');
    gsize length = bracket ? (gsize)(bracket - device) : strlen(device);
    char *end = NULL;
    guint64 number = 0;

    *index = 0;
    if (length > 0 && !bracket)
        return g_strdup(device);
    if (length > 0 && g_ascii_isdigit(bracket[1])) {
        number = g_ascii_strtoull(bracket + 1, &end, 10);
        *index = (unsigned int)number;
        if (number <= G_MAXUINT && g_str_equal(end, "]"))
            return g_strndup(device, length);
    }
    virReportError(VIR_ERR_INVALID_ARG, "failed to parse block device '%s'", device);
    return NULL;
}

/* Lock held: the store with @index of the backup of @disk; NULL if there is none. */
static const virDomainBackupDiskDef *
storeByIndex(const qemuVM *vm, const char *disk, unsigned int index)
{
    const GPtrArray *disks = vm->backup ? vm->backup->def->disks : NULL;

    for (guint i = 0; disks && i < disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(disks, i);

        if (def->index == index && g_str_equal(def->name, disk))
            return def;
    }
    return NULL;
}

/* Lock held. */
static bool
placeFind(const qemuVM *vm, const char *name, unsigned int index, thresholdPlace *place)
{
    const virDomainDiskDef *disk = virDomainDefDisk(vm->def, name, false);
    const virDomainBackupDiskDef *store = NULL;

    for (const virStorageSource *src = disk ? disk->src : NULL; src; src = src->backing) {
        if (index == 0 || index == src->index) {
            place->node = qemuNodeNameStorage(src->index);
            return true;
        }
    }
    store = index > 0 ? storeByIndex(vm, name, index) : NULL;
    if (!store)
        return false;
    if (store->store->nbd)
        place->node = qemuBackupNodeName("wire", name);
    else
        place->storePath = g_strdup(store->store->path);
    return true;
}

static int
placeSettle(qemuMonitor *mon, const char *device, thresholdPlace *place)
{
    g_autoptr(GPtrArray) nodes = NULL;
    const qemuQMPNode *node = NULL;

    if (place->node)
        return 0;
    if (!(nodes = qemuQMPQueryNodes(mon)))
        return -1;
    if ((node = qemuQMPNodeByFile(nodes, place->storePath))) {
        place->node = g_strdup(node->name);
        return 0;
    }
    virReportError(VIR_ERR_OPERATION_INVALID, "'%s' is not open in QEMU any more: its backup is over", device);
    return -1;
}

static int
setOnNode(qemuMonitor *mon, const char *node, unsigned long long threshold)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'block-set-write-threshold','arguments':{'node-name':%s,"
                     "'write-threshold':%llu}}", node, threshold);

    return qemuMonitorCommand(mon, command, NULL);
}

static int
setHeld(qemuVM *vm, const char *device, unsigned long long threshold)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    g_auto(thresholdPlace) place = { 0 };
    g_autofree char *name = NULL;
    unsigned int index = 0;
    bool found = false;

    if (!mon || !(name = parseDevice(device, &index)))
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        found = placeFind(vm, name, index, &place);
    }
    if (!found) {
        virReportError(VIR_ERR_INVALID_ARG, "failed to find disk '%s'", device);
        return -1;
    }
    return placeSettle(mon, device, &place) < 0 ? -1 : setOnNode(mon, place.node, threshold);
}

int
qemuDomainSetBlockThreshold(virDomainPtr dom, const char *dev, unsigned long long threshold, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int rc = 0;

    virCheckFlags(0, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainSetBlockThreshold") < 0)
        return -1;
    rc = setHeld(vm, dev, threshold);
    qemuJobEnd(&vm->job);
    return rc;
}

/* Lock held. */
static void
publish(qemuVM *vm, const char *disk, unsigned int index, const char *path, const virJSONValue *data)
{
    g_autofree char *device = index > 0 ? g_strdup_printf("%s[%u]", disk, index) : g_strdup(disk);
    unsigned long long threshold = 0;
    unsigned long long excess = 0;

    virJSONObjectGetUInt(data, "write-threshold", &threshold);
    virJSONObjectGetUInt(data, "amount-exceeded", &excess);
    qemuVMPublish(vm, virDomainEventBlockThresholdNew(vm->name, vm->uuid, vm->def->id, device, path, threshold,
                                                      excess));
}

static void
eventOfImage(qemuVM *vm, unsigned int index, const virJSONValue *data)
{
    QEMU_VM_LOCK_GUARD(vm);

    for (guint i = 0; i < vm->def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(vm->def->disks, i);

        for (const virStorageSource *src = disk->src; src; src = src->backing) {
            if (src->index != index)
                continue;
            if (src == disk->src)
                publish(vm, disk->dst, 0, virStorageSourcePath(src), data);
            publish(vm, disk->dst, index, virStorageSourcePath(src), data);
        }
    }
}

/* (owned) the file behind @node, NULL if it is gone. */
static char *
fileOfNode(qemuVM *vm, const char *node)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    g_autoptr(GPtrArray) nodes = mon ? qemuQMPQueryNodes(mon) : NULL;
    const qemuQMPNode *found = nodes ? qemuQMPNodeByName(nodes, node) : NULL;

    virErrorReset();
    return found ? g_strdup(found->file) : NULL;
}

static void
eventOfStore(qemuVM *vm, const char *node, const virJSONValue *data)
{
    g_autofree char *file = fileOfNode(vm, node);
    const GPtrArray *disks = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    disks = vm->backup ? vm->backup->def->disks : NULL;
    for (guint i = 0; disks && i < disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(disks, i);
        g_autofree char *wire = qemuBackupNodeName("wire", def->name);

        if (def->index == 0)
            continue;
        if (g_str_equal(wire, node) || (def->store->path && g_strcmp0(def->store->path, file) == 0))
            publish(vm, def->name, def->index, virStorageSourcePath(def->store), data);
    }
}

void
qemuThresholdEvent(qemuVM *vm, const virJSONValue *data)
{
    const char *node = virJSONObjectLookupString(data, "node-name");
    unsigned int index = 0;

    if (node && sscanf(node, "libvirt-%u-", &index) == 1)
        eventOfImage(vm, index, data);
    else if (node)
        eventOfStore(vm, node, data);
}
