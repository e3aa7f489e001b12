/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When bitmaps are loaded, marked and saved. The order makes every moment honest:
 *
 *   start   load (stamp compared, after QEMU has the disk open)  ->  record in-use, durably  ->  cont
 *   end     stop  ->  new image, synced  ->  stamp  ->  record saved, durably  ->  quit
 *
 * Whoever dies in between leaves a record in-use, which counts as lost, or a stamp that only fits if
 * nothing was written.
 */
#include "qemu_bitmap_store_disks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "qemu_bitmap_store_move.h"
#include "qemu_bitmap_store_stamp.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_driver_state.h"
#include "qemu_lend.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"
#include "virqcow2header.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static bool
imageIsOldQcow2(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_auto(virQcow2Info) info = { 0 };

    if (fd >= 0 && virQcow2InfoRead(fd, path, &info) == 0)
        return info.version == 2;
    virErrorReset();
    return false;
}

/* May it, as far as can be told without QEMU? Its node says if it does. */
static bool
imageNeedsStore(const virStorageSource *source)
{
    return source->format != VIR_STORAGE_FORMAT_QCOW2 || !source->path || source->dataStore ||
           imageIsOldQcow2(source->path);
}

static const unsigned char *
uuidOf(qemuTarget *target)
{
    return target->ops->def(target)->uuid;
}

static void
noteLost(qemuTarget *target, qemuBitmapStore *store, char *reason)
{
    VIR_WARN("domain '%s': the bitmaps of disk '%s' are lost: %s", target->ops->def(target)->name, store->disk,
             reason);
    qemuBitmapStoreSetLost(store, reason);
    virErrorReset();
    if (qemuBitmapStoreWrite(uuidOf(target), store, "store.lost") < 0)
        VIR_WARN("%s", virErrorLastMessage());
    virErrorReset();
}

/* Why what is saved may not be used: (owned), or NULL. */
static char *
whyNotUsable(qemuTarget *target, const qemuBitmapStore *store, const qemuTargetDisk *disk)
{
    g_autoptr(virJSONValue) now = NULL;
    g_autofree char *changed = NULL;

    if (store->state == QEMU_BITMAP_STORE_IN_USE)
        return g_strdup("QEMU ended without saving them (it was killed, or the host went down)");
    if (!(now = qemuBitmapStoreStampFetch(disk->source, target->ops->pid(target))))
        return g_strdup(virErrorLastMessage());
    changed = qemuBitmapStoreStampDiff(store->stamp, now);
    if (!changed)
        return NULL;
    return g_strdup_printf("the disk was changed while the domain was stopped: %s", changed);
}

static int
loadBitmaps(qemuTarget *target, const qemuTargetDisk *disk, const qemuBitmapStore *store)
{
    g_autofree char *image = qemuBitmapStoreImagePath(uuidOf(target), store);
    int rc = -1;

    if (qemuLendFile(image, false) < 0)
        return -1;
    rc = qemuBitmapStoreMoveIn(target, disk->node, store, image);
    qemuLendReturn(image);
    return rc;
}

static int
loadDisk(qemuTarget *target, const qemuTargetDisk *disk, bool guest)
{
    g_autoptr(qemuBitmapStore) store = qemuBitmapStoreRead(uuidOf(target), disk->name);
    g_autofree char *why = NULL;
    char *reason = NULL;

    if (!store || store->state == QEMU_BITMAP_STORE_LOST)
        return 0;
    if ((reason = whyNotUsable(target, store, disk))) {
        noteLost(target, store, reason);
        return 0;
    }
    if (loadBitmaps(target, disk, store) == 0)
        return 0;
    why = g_strdup(virErrorLastMessage());
    if (guest) {
        noteLost(target, store, g_strdup_printf("they cannot be loaded: %s", why));
        return 0;
    }
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the bitmaps that are kept for disk '%s' of domain '%s' cannot be loaded: %s; if they are "
                   "damaged, start the domain: its checkpoints are then broken, and can be deleted",
                   disk->name, target->ops->def(target)->name, why);
    return -1;
}

int
qemuBitmapStoreLoad(qemuTarget *target, bool guest)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        if (loadDisk(target, &disks[i], guest) < 0)
            return -1;
    }
    return 0;
}

static int
markDisk(qemuTarget *target, const char *disk, qemuBitmapStoreState from, qemuBitmapStoreState to,
         const char *fault)
{
    g_autoptr(qemuBitmapStore) store = qemuBitmapStoreRead(uuidOf(target), disk);

    if (!store || store->state != from)
        return 0;
    store->state = to;
    return qemuBitmapStoreWrite(uuidOf(target), store, fault);
}

static void
unmark(qemuTarget *target)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);
    virErrorPtr first = NULL;

    virErrorPreserveLast(&first);
    for (size_t i = 0; i < n; i++) {
        if (markDisk(target, disks[i].name, QEMU_BITMAP_STORE_IN_USE, QEMU_BITMAP_STORE_SAVED, NULL) < 0)
            VIR_WARN("the bitmaps of disk '%s' will count as lost: %s", disks[i].name, virErrorLastMessage());
    }
    virErrorRestore(&first);
}

int
qemuBitmapStoreMarkInUse(qemuTarget *target)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        if (markDisk(target, disks[i].name, QEMU_BITMAP_STORE_SAVED, QEMU_BITMAP_STORE_IN_USE,
                     "store.inuse") < 0) {
            unmark(target);
            return -1;
        }
    }
    return 0;
}

int
qemuBitmapStorePlug(qemuTarget *target, const char *disk)
{
    const qemuTargetDisk *found = qemuCheckpointTargetDisk(target, disk);

    if (!found)
        return 0;
    if (loadDisk(target, found, true) < 0)
        return -1;
    return markDisk(target, disk, QEMU_BITMAP_STORE_SAVED, QEMU_BITMAP_STORE_IN_USE, "store.inuse");
}

void
qemuBitmapStorePlugUndo(qemuTarget *target, const char *disk)
{
    virErrorPtr saved = NULL;

    if (virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    if (markDisk(target, disk, QEMU_BITMAP_STORE_IN_USE, QEMU_BITMAP_STORE_SAVED, NULL) < 0)
        VIR_WARN("the bitmaps of disk '%s' will count as lost: %s", disk, virErrorLastMessage());
    virErrorReset();
    if (saved)
        virErrorRestore(&saved);
}

/* Bitmaps of ours that live as long as an operation or a backup. */
static bool
isTemporary(const qemuGraphBitmap *bitmap, const char *disk)
{
    g_autofree char *backup = g_strconcat("backup-", disk, NULL);

    return bitmap->busy || g_str_has_prefix(bitmap->name, "fleece-") ||
           (!bitmap->recording && g_str_equal(bitmap->name, backup));
}

static qemuBitmapStore *
storeOfNode(const qemuTargetDisk *disk, const qemuGraphNode *node, const qemuBitmapStore *old)
{
    qemuBitmapStore *store = qemuBitmapStoreNew(disk->name);

    for (guint i = 0; i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->bitmaps, i);

        if (!bitmap->inconsistent && !isTemporary(bitmap, disk->name))
            qemuBitmapStoreAddBitmap(store, bitmap->name, bitmap->recording);
    }
    /* the order of what is kept, qemu_checkpoint_order.h; of nothing if there is nothing */
    for (guint i = 0; store->bitmaps->len > 0 && i < node->ledger->len; i++)
        qemuBitmapStoreAddBitmap(store, ((qemuGraphBitmap *)g_ptr_array_index(node->ledger, i))->name, false);
    store->source = virStorageSourceName(disk->source);
    if (old) {
        store->generation = old->generation;
        store->reason = g_strdup(old->reason);
    }
    return store;
}

static int
syncFile(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fsync(fd) == 0)
        return 0;
    virReportSystemError(errno, "cannot bring '%s' to disk", path);
    return -1;
}

static int
fillImage(qemuTarget *target, const qemuTargetDisk *disk, qemuBitmapStore *store, const char *image)
{
    int rc = -1;

    if (qemuLendFile(image, true) < 0)
        return -1;
    rc = qemuBitmapStoreMoveOut(target, disk->node, store, image);
    qemuLendReturn(image);
    if (rc < 0 || syncFile(image) < 0 || virFaultPoint("store.synced") < 0)
        return -1;
    store->stamp = qemuBitmapStoreStampFetch(disk->source, target->ops->pid(target));
    if (!store->stamp)
        return -1;
    store->state = QEMU_BITMAP_STORE_SAVED;
    return qemuBitmapStoreWrite(uuidOf(target), store, "store.record");
}

static int
saveNew(qemuTarget *target, const qemuTargetDisk *disk, const qemuGraphNode *node, qemuBitmapStore *store)
{
    g_autofree char *image = NULL;

    if (qemuBitmapStoreImageCreate(uuidOf(target), store, node->virtualSize) < 0)
        return -1;
    image = qemuBitmapStoreImagePath(uuidOf(target), store);
    return fillImage(target, disk, store, image);
}

/* @guest: what QEMU has ends with it, so what could not be saved is lost now, also if nothing ever was. */
static int
saveDisk(qemuTarget *target, const qemuTargetDisk *disk, const qemuGraphNode *node, bool guest)
{
    g_autoptr(qemuBitmapStore) old = qemuBitmapStoreRead(uuidOf(target), disk->name);
    g_autoptr(qemuBitmapStore) store = storeOfNode(disk, node, old);
    int rc = 0;

    /* one that says why they were lost stays as long as a checkpoint needs it */
    if (store->bitmaps->len == 0)
        return old && old->state == QEMU_BITMAP_STORE_LOST ? 0 : qemuBitmapStoreRemove(uuidOf(target), disk->name);
    rc = saveNew(target, disk, node, store);
    if (rc < 0 && guest && (!old || old->state != QEMU_BITMAP_STORE_SAVED)) {
        virErrorPtr first = NULL;

        virErrorPreserveLast(&first);
        old = old ? old : qemuBitmapStoreNew(disk->name);
        noteLost(target, old, g_strdup_printf("they could not be saved: %s", first ? first->message : ""));
        virErrorRestore(&first);
    }
    qemuBitmapStoreSweep(uuidOf(target));
    return rc;
}

static bool
anyNeedsStore(qemuTarget *target)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        if (!disks[i].readonly && imageNeedsStore(disks[i].source))
            return true;
    }
    return false;
}

int
qemuBitmapStoreSave(qemuTarget *target, bool guest)
{
    g_autoptr(qemuGraph) graph = NULL;
    virErrorPtr first = NULL;
    size_t n = 0;
    const qemuTargetDisk *disks = NULL;

    if (!anyNeedsStore(target))
        return 0;
    if (!(graph = qemuGraphFetch(target)))
        return -1;
    disks = target->ops->disks(target, &n);
    for (size_t i = 0; i < n; i++) {
        const qemuGraphNode *node = qemuGraphNodeLookup(graph, disks[i].node);

        if (!node || !node->stored || disks[i].readonly || saveDisk(target, &disks[i], node, guest) == 0)
            continue;
        VIR_WARN("domain '%s': the bitmaps of disk '%s' are not saved: %s", target->ops->def(target)->name,
                 disks[i].name, virErrorLastMessage());
        if (!first)
            virErrorPreserveLast(&first);
    }
    if (!first)
        return 0;
    virErrorRestore(&first);
    return -1;
}

int
qemuBitmapStoreUnplug(qemuTarget *target, const char *disk)
{
    const qemuTargetDisk *found = qemuCheckpointTargetDisk(target, disk);
    g_autoptr(qemuBitmapStore) kept = qemuBitmapStoreRead(uuidOf(target), disk);
    g_autoptr(qemuGraph) graph = NULL;
    const qemuGraphNode *node = NULL;

    /* it never came as far as that the guest could write to it (a daemon died in an attach) */
    if (kept && kept->state == QEMU_BITMAP_STORE_SAVED)
        return 0;
    if (!found || found->readonly || !imageNeedsStore(found->source))
        return 0;
    if (!(graph = qemuGraphFetch(target)))
        return -1;
    node = qemuGraphNodeLookup(graph, found->node);
    return node && node->stored ? saveDisk(target, found, node, true) : 0;
}

void
qemuBitmapStoreAnnotate(qemuTarget *target, qemuGraph *graph)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        qemuGraphNode *node = (qemuGraphNode *)qemuGraphNodeLookup(graph, disks[i].node);
        g_autoptr(qemuBitmapStore) store = NULL;

        if (node && node->stored && (store = qemuBitmapStoreRead(uuidOf(target), disks[i].name)))
            node->lost = g_steal_pointer(&store->reason);
    }
}

/* Lock held. */
static bool
diskHasCheckpoint(const qemuVM *vm, const char *disk)
{
    for (guint i = 0; vm->checkpoints && i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDiskDef *entry =
            virDomainCheckpointDefDisk(g_ptr_array_index(vm->checkpoints->defs, i), disk);

        if (entry && entry->type == VIR_CHECKPOINT_DISK_BITMAP)
            return true;
    }
    return false;
}

/* What has to be looked at of a disk without the lock. */
typedef struct _diskOfRun {
    char *name;
    virStorageSource *source;
    bool checkpoint;
} diskOfRun;

static void
diskOfRunFree(void *data)
{
    diskOfRun *disk = data;

    g_free(disk->name);
    virStorageSourceFree(disk->source);
    g_free(disk);
}

static GPtrArray *
disksOfRun(qemuVM *vm)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func(diskOfRunFree);
    QEMU_VM_LOCK_GUARD(vm);

    for (guint i = 0; vm->targetDisks && i < vm->targetDisks->len; i++) {
        diskOfRun *disk = NULL;

        if (vm->diskTable[i].readonly)
            continue;
        disk = g_new0(diskOfRun, 1);
        disk->name = g_strdup(vm->diskTable[i].name);
        disk->source = virStorageSourceCopy(vm->diskTable[i].source);
        disk->checkpoint = diskHasCheckpoint(vm, disk->name);
        g_ptr_array_add(disks, disk);
    }
    return disks;
}

static bool
settleWanted(qemuVM *vm)
{
    g_autoptr(GPtrArray) disks = disksOfRun(vm);
    bool strays = qemuCheckpointOrderBegun(vm);     /* there may be some, also without a record */

    for (guint i = 0; i < disks->len; i++) {
        const diskOfRun *disk = g_ptr_array_index(disks, i);
        g_autoptr(qemuBitmapStore) store = NULL;

        if (!imageNeedsStore(disk->source))
            continue;
        if (disk->checkpoint || strays || (store = qemuBitmapStoreRead(vm->uuid, disk->name)))
            return true;
    }
    return false;
}

void
qemuBitmapStoreTidy(qemuVM *vm)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    for (guint i = 0; def && i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);
        g_autoptr(qemuBitmapStore) store = qemuBitmapStoreRead(vm->uuid, disk->dst);
        bool needed = false;

        if (!store || store->state != QEMU_BITMAP_STORE_LOST)
            continue;
        {
            QEMU_VM_LOCK_GUARD(vm);

            needed = diskHasCheckpoint(vm, disk->dst);
        }
        if (!needed && qemuBitmapStoreRemove(vm->uuid, disk->dst) < 0)
            VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
    }
}

static int
settleRun(qemuVM *vm)
{
    int rc = qemuBitmapStoreSave(&vm->target, true);

    qemuBitmapStoreTidy(vm);
    return rc;
}

const qemuSettleStep qemuBitmapStoreSettleStep = {
    .name = "bitmaps",
    .wanted = settleWanted,
    .run = settleRun,
};

/* A disk whose stamp fits, before its owner is changed. */
typedef struct _chownedStore {
    unsigned char uuid[VIR_UUID_BUFLEN];
    virStorageSource *source;
    qemuBitmapStore *store;
} chownedStore;

static void
chownedStoreFree(void *data)
{
    chownedStore *entry = data;

    virStorageSourceFree(entry->source);
    qemuBitmapStoreFree(entry->store);
    g_free(entry);
}

static void
noteBeforeChown(GPtrArray *stores, const virDomainDef *def, const virDomainDiskDef *disk)
{
    g_autoptr(qemuBitmapStore) store = disk->src ? qemuBitmapStoreRead(def->uuid, disk->dst) : NULL;
    g_autoptr(virJSONValue) now = NULL;
    g_autofree char *changed = NULL;
    chownedStore *entry = NULL;

    if (!store || store->state != QEMU_BITMAP_STORE_SAVED)
        return;
    now = qemuBitmapStoreStampFetch(disk->src, 0);
    changed = now ? qemuBitmapStoreStampDiff(store->stamp, now) : NULL;
    virErrorReset();
    if (!now || changed)
        return;
    entry = g_new0(chownedStore, 1);
    memcpy(entry->uuid, def->uuid, VIR_UUID_BUFLEN);
    entry->source = virStorageSourceCopy(disk->src);
    entry->store = g_steal_pointer(&store);
    g_ptr_array_add(stores, entry);
}

GPtrArray *
qemuBitmapStoreBeforeChown(const virDomainDef *def)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    GPtrArray *stores = NULL;
    virErrorPtr saved = NULL;

    if (!config->privileged || config->user == (uid_t)-1)
        return NULL;
    if (virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    stores = g_ptr_array_new_with_free_func(chownedStoreFree);
    for (guint i = 0; i < def->disks->len; i++)
        noteBeforeChown(stores, def, g_ptr_array_index(def->disks, i));
    if (saved)
        virErrorRestore(&saved);
    return stores;
}

static void
followChown(chownedStore *entry)
{
    virJSONValue *now = qemuBitmapStoreStampFetch(entry->source, 0);
    g_autofree char *changed = now ? qemuBitmapStoreStampDiff(entry->store->stamp, now) : NULL;

    if (!changed || !qemuBitmapStoreStampSameButOwner(entry->store->stamp, now)) {
        virJSONValueFree(now);
        return;
    }
    virJSONValueFree(entry->store->stamp);
    entry->store->stamp = now;
    if (qemuBitmapStoreWrite(entry->uuid, entry->store, "store.owner") < 0)
        VIR_WARN("the bitmaps of disk image '%s' will count as lost: %s", entry->source->path,
                 virErrorLastMessage());
}

void
qemuBitmapStoreAfterChown(GPtrArray *stores)
{
    virErrorPtr saved = NULL;

    if (!stores)
        return;
    if (virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    for (guint i = 0; i < stores->len; i++)
        followChown(g_ptr_array_index(stores, i));
    g_ptr_array_unref(stores);
    virErrorReset();
    if (saved)
        virErrorRestore(&saved);
}
