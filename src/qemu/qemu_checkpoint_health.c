/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An answer holds for one run of QEMU, or for the images of a stopped domain as they are: its stamp
 * says of which. Our own changes forget it.
 */
#include "qemu_checkpoint_health.h"

#include <sys/stat.h>

#include "qemu_bitmap_chain.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_checkpoint_since.h"
#include "qemu_data_file.h"
#include "qemu_target_pick.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT
#define RETRY_SECONDS 5

void
qemuCheckpointHealthClear(qemuCheckpointHealth *health)
{
    g_clear_pointer(&health->stamp, g_free);
    g_clear_pointer(&health->unknown, g_free);
    g_clear_pointer(&health->reasons, g_hash_table_unref);
    health->retryAt = 0;
}

void
qemuCheckpointHealthForget(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (vm->checkpoints)
        qemuCheckpointHealthClear(&vm->checkpoints->health);
}

static void
appendImage(GString *stamp, const virDomainDiskDef *disk, const virStorageSource *src)
{
    struct stat st = { 0 };

    if (src && src->dataStore)
        appendImage(stamp, disk, src->dataStore);
    if (!src || !src->path || stat(src->path, &st) < 0)
        return;
    g_string_append_printf(stamp, " %s:%lld:%lld:%lld:%lld.%09ld:%lld.%09ld", disk->dst,
                           (long long)st.st_dev, (long long)st.st_ino, (long long)st.st_size,
                           (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                           (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* (owned) of what an answer would be computed now. */
static char *
stampNow(qemuVM *vm)
{
    GString *stamp = g_string_new(NULL);
    g_autoptr(virDomainDef) def = NULL;

    {
        QEMU_VM_LOCK_GUARD(vm);

        if (qemuVMIsActive(vm)) {
            g_string_append_printf(stamp, "run %u", vm->run);
            return g_string_free(stamp, false);
        }
    }
    def = qemuVMCopyDef(vm);
    if (def && qemuDataFileProbeDomain(def) < 0)
        virErrorReset();
    for (guint i = 0; def && i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        appendImage(stamp, disk, disk->src);
    }
    return g_string_free(stamp, false);
}

static void
addReason(GHashTable *reasons, const char *checkpoint, const char *disk, const char *reason)
{
    GHashTable *disks = g_hash_table_lookup(reasons, checkpoint);

    if (!disks) {
        disks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(reasons, g_strdup(checkpoint), disks);
    }
    g_hash_table_insert(disks, g_strdup(disk), g_strdup(reason));
}

/* Of one disk: those on the line of the newest checkpoint by their chain; others have none. */
static void
judgeDisk(qemuVM *vm, const char *disk, const qemuGraph *graph, GHashTable *order, GHashTable *reasons)
{
    const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), disk);
    const qemuGraphNode *node = td ? qemuGraphNodeLookup(graph, td->node) : NULL;
    g_auto(GStrv) chain = qemuCheckpointListOfDisk(vm->checkpoints, disk, NULL);
    g_autoptr(GPtrArray) found =
        qemuBitmapChainReasons(disk, node, (const char *const *)chain, qemuCheckpointOrderOfDisk(order, disk));
    g_autoptr(GHashTable) onLine = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < found->len; i++) {
        g_hash_table_add(onLine, chain[i]);
        if (g_ptr_array_index(found, i))
            addReason(reasons, chain[i], disk, g_ptr_array_index(found, i));
    }
    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

        if (qemuCheckpointCovers(def, disk) && !g_hash_table_contains(onLine, def->name))
            addReason(reasons, def->name, disk, QEMU_CHECKPOINT_OFF_LINE);
    }
}

/* Every disk that some checkpoint covers, also those the domain no longer has. Under MODIFY. */
static GHashTable *
judge(qemuVM *vm, const qemuGraph *graph)
{
    GHashTable *reasons = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                (GDestroyNotify)g_hash_table_unref);
    g_autoptr(GHashTable) disks = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) order = qemuCheckpointOrder(vm, graph);
    GHashTableIter iter = { 0 };
    gpointer name = NULL;

    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

        for (guint k = 0; k < def->disks->len; k++)
            g_hash_table_add(disks,
                             ((virDomainCheckpointDiskDef *)g_ptr_array_index(def->disks, k))->name);
    }
    g_hash_table_iter_init(&iter, disks);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        judgeDisk(vm, name, graph, order, reasons);
    return reasons;
}

/* It could not be found out, as the error says. An earlier answer does not hold any more. */
static void
noteUnknown(qemuVM *vm)
{
    qemuCheckpointHealth *health = &vm->checkpoints->health;

    VIR_WARN("domain '%s': it is not known which checkpoints are broken: %s", vm->name, virErrorLastMessage());
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuCheckpointHealthClear(health);
        health->unknown = g_strdup(virErrorLastMessage());
        health->retryAt = g_get_monotonic_time() + RETRY_SECONDS * G_USEC_PER_SEC;
    }
    virErrorReset();
}

static void
findOut(qemuVM *vm)
{
    g_autofree char *stamp = NULL;
    GHashTable *reasons = NULL;

    if (qemuTargetBegin(vm, QEMU_HELPER_LOOK)) {
        const qemuGraph *graph = qemuCheckpointBooks(vm);

        reasons = graph ? judge(vm, graph) : NULL;
        if (qemuTargetEnd(vm, 0) < 0)
            g_clear_pointer(&reasons, g_hash_table_unref);
    }
    if (!reasons) {
        noteUnknown(vm);
        return;
    }
    virErrorReset();
    stamp = stampNow(vm);
    {
        qemuCheckpointHealth *health = &vm->checkpoints->health;
        QEMU_VM_LOCK_GUARD(vm);

        qemuCheckpointHealthClear(health);
        health->stamp = g_steal_pointer(&stamp);
        health->reasons = reasons;
    }
}

static bool
isKnown(qemuVM *vm)
{
    g_autofree char *stamp = stampNow(vm);
    QEMU_VM_LOCK_GUARD(vm);

    return !vm->checkpoints || vm->checkpoints->defs->len == 0 ||
           g_strcmp0(vm->checkpoints->health.stamp, stamp) == 0 ||
           g_get_monotonic_time() < vm->checkpoints->health.retryAt;
}

void
qemuCheckpointHealthRefresh(qemuVM *vm)
{
    if (isKnown(vm))
        return;
    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainCheckpointGetXMLDesc") < 0) {
        noteUnknown(vm);
        return;
    }
    if (!isKnown(vm))
        findOut(vm);
    qemuJobEnd(&vm->job);
}

bool
qemuCheckpointHealthSettled(const qemuCheckpointHealth *health)
{
    return health->stamp || health->unknown;
}

void
qemuCheckpointHealthApply(const qemuCheckpointHealth *health, virDomainCheckpointDef *def)
{
    GHashTable *disks =
        health && health->reasons ? g_hash_table_lookup(health->reasons, def->name) : NULL;

    g_clear_pointer(&def->unknown, g_free);
    if (health && !health->stamp)
        def->unknown = g_strdup(health->unknown ? health->unknown
                                                : "other operations change the domain's checkpoints; ask again");
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        g_free(disk->broken);
        disk->broken = g_strdup(disks ? g_hash_table_lookup(disks, disk->name) : NULL);
    }
}
