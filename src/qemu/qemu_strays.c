/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of a domain's checkpoints is put together from the orders of its disks and that of the
 * records. If these contradict each other, none of them is believed.
 */
#include "qemu_strays.h"

#include <string.h>

#include "checkpoint_def.h"
#include "qemu_ledger.h"

#define TEMPORARY "fleece-"      /* an operation of ours under way; of a disk whose bitmaps are stored
                                  * all look persistent */

static void
strayFree(gpointer data)
{
    qemuStray *stray = data;

    g_free(stray->name);
    g_ptr_array_unref(stray->disks);
    g_free(stray->reason);
    g_free(stray);
}

void
qemuStraysFree(qemuStrays *strays)
{
    if (!strays)
        return;
    g_ptr_array_unref(strays->all);
    g_ptr_array_unref(strays->sequence);
    g_free(strays);
}

const qemuStray *
qemuStraysLookup(const qemuStrays *strays, const char *name)
{
    for (guint i = 0; i < strays->all->len; i++) {
        const qemuStray *stray = g_ptr_array_index(strays->all, i);

        if (g_str_equal(stray->name, name))
            return stray;
    }
    return NULL;
}

static bool
isWhole(const qemuGraphBitmap *bitmap)
{
    return bitmap && bitmap->persistent && !bitmap->inconsistent;
}

static gssize
placeOf(const GPtrArray *order, const char *name)
{
    for (guint i = 0; order && i < order->len; i++) {
        if (g_strcmp0(((const qemuLedgerEntry *)g_ptr_array_index(order, i))->name, name) == 0)
            return i;
    }
    return -1;
}

static bool
anyRecords(const qemuGraphNode *node)
{
    for (guint i = 0; i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->bitmaps, i);

        if (isWhole(bitmap) && bitmap->recording)
            return true;
    }
    return false;
}

/* Of a frozen one: (owned) what is missing behind it, or NULL. */
static char *
lostBehind(const qemuStraysDisk *disk, gssize place)
{
    for (guint i = (guint)place + 1; i < disk->order->len; i++) {
        const qemuLedgerEntry *entry = g_ptr_array_index(disk->order, i);

        if (!entry->name)
            return g_strdup_printf("a bitmap of disk '%s' that came after it is lost", disk->name);
        if (!isWhole(qemuGraphBitmapLookup(disk->node, entry->name)))
            return g_strdup_printf("bitmap '%s' of disk '%s', which came after it, is lost or inconsistent",
                                   entry->name, disk->name);
    }
    if (!anyRecords(disk->node))
        return g_strdup_printf("no bitmap of disk '%s' records what is written since", disk->name);
    return NULL;
}

/* (owned) why a bitmap of one disk cannot be a checkpoint's again, or NULL. */
static char *
unfit(const qemuStraysDisk *disk, const qemuGraphBitmap *bitmap)
{
    const char *wanted = virDomainCheckpointNameCheck(bitmap->name);
    gssize place = placeOf(disk->order, bitmap->name);

    if (wanted)
        return g_strdup_printf("a checkpoint has %s which it is not", wanted);
    if (bitmap->inconsistent)
        return g_strdup_printf("it is inconsistent on disk '%s' (QEMU was killed while the image was in use)",
                               disk->name);
    if (bitmap->recording)
        return NULL;
    if (place < 0)
        return g_strdup_printf("it does not record on disk '%s', and what came after it is not known",
                               disk->name);
    return lostBehind(disk, place);
}

static qemuStray *
strayTake(GHashTable *found, const char *name)
{
    qemuStray *stray = g_hash_table_lookup(found, name);

    if (!stray) {
        stray = g_new0(qemuStray, 1);
        stray->name = g_strdup(name);
        stray->disks = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(found, stray->name, stray);
    }
    return stray;
}

static void
collectDisk(const qemuStraysDisk *disk, const char *const *records, GHashTable *found)
{
    for (guint i = 0; disk->node && i < disk->node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(disk->node->bitmaps, i);
        gssize place = placeOf(disk->order, bitmap->name);
        qemuStray *stray = NULL;

        if (!bitmap->persistent || bitmap->busy || g_str_has_prefix(bitmap->name, TEMPORARY) ||
            g_strv_contains(records, bitmap->name))
            continue;
        stray = strayTake(found, bitmap->name);
        g_ptr_array_add(stray->disks, g_strdup(disk->name));
        stray->recording |= bitmap->recording;
        if (place >= 0)
            stray->time = ((const qemuLedgerEntry *)g_ptr_array_index(disk->order, (guint)place))->time;
        if (!stray->reason)
            stray->reason = unfit(disk, bitmap);
    }
}

/* ---- one order out of several ---- */

/* Orders still to be merged: arrays of names, each with how many of it are taken. */
typedef struct _sequence {
    GPtrArray *names;        /* const char * */
    guint taken;
} sequence;

static void
sequenceFree(gpointer data)
{
    sequence *s = data;

    g_ptr_array_unref(s->names);
    g_free(s);
}

static bool
hasPlace(const char *name, const char *const *records, GHashTable *found)
{
    const qemuStray *stray = g_hash_table_lookup(found, name);

    return stray ? !stray->reason : g_strv_contains(records, name);
}

static GPtrArray *
sequencesNew(const qemuStraysDisk *disks, size_t n, const char *const *records, GHashTable *found)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(sequenceFree);

    for (size_t i = 0; i <= n; i++) {
        sequence *s = g_new0(sequence, 1);

        s->names = g_ptr_array_new();
        g_ptr_array_add(all, s);
        for (guint k = 0; i < n && disks[i].order && k < disks[i].order->len; k++) {
            const char *name = ((const qemuLedgerEntry *)g_ptr_array_index(disks[i].order, k))->name;

            if (name && hasPlace(name, records, found))
                g_ptr_array_add(s->names, (gpointer)name);
        }
        for (gsize k = 0; i == n && records[k]; k++)
            g_ptr_array_add(s->names, (gpointer)records[k]);
    }
    return all;
}

static const char *
front(const sequence *s)
{
    return s->taken < s->names->len ? g_ptr_array_index(s->names, s->taken) : NULL;
}

/* How many of @all have @name first, and how many have it at all from there on. */
static GHashTable *
countNames(const GPtrArray *all)
{
    GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < all->len; i++) {
        const sequence *s = g_ptr_array_index(all, i);

        for (guint k = 0; k < s->names->len; k++) {
            gpointer name = g_ptr_array_index(s->names, k);
            guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name));

            g_hash_table_insert(counts, name, GUINT_TO_POINTER(count + 1));
        }
    }
    return counts;
}

static guint
countFronts(const GPtrArray *all, const char *name)
{
    guint count = 0;

    for (guint i = 0; i < all->len; i++)
        count += g_strcmp0(front(g_ptr_array_index(all, i)), name) == 0;
    return count;
}

static long long
timeOf(GHashTable *found, const char *name)
{
    const qemuStray *stray = g_hash_table_lookup(found, name);

    return stray ? stray->time : 0;
}

/* The next one: nothing that is left comes before it. NULL if there is none: a contradiction. */
static const char *
pickNext(const GPtrArray *all, GHashTable *counts, GHashTable *found)
{
    const char *best = NULL;

    for (guint i = 0; i < all->len; i++) {
        const char *name = front(g_ptr_array_index(all, i));

        if (!name || countFronts(all, name) != GPOINTER_TO_UINT(g_hash_table_lookup(counts, name)))
            continue;
        if (!best || timeOf(found, name) < timeOf(found, best) ||
            (timeOf(found, name) == timeOf(found, best) && strcmp(name, best) < 0))
            best = name;
    }
    return best;
}

/* (owned) names in an order that all of @all have; NULL if they contradict each other. */
static GPtrArray *
mergeSequences(const GPtrArray *all, GHashTable *found)
{
    g_autoptr(GPtrArray) merged = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) counts = countNames(all);

    while (merged->len < g_hash_table_size(counts)) {
        const char *next = pickNext(all, counts, found);

        if (!next)
            return NULL;
        for (guint i = 0; i < all->len; i++) {
            sequence *s = g_ptr_array_index(all, i);

            s->taken += g_strcmp0(front(s), next) == 0;
        }
        g_ptr_array_add(merged, g_strdup(next));
    }
    return g_steal_pointer(&merged);
}

static gint
byName(gconstpointer a, gconstpointer b)
{
    const qemuStray *one = *(qemuStray *const *)a;
    const qemuStray *two = *(qemuStray *const *)b;

    if (one->time != two->time)
        return one->time < two->time ? -1 : 1;
    return strcmp(one->name, two->name);
}

/* No order is believed: only what records has any value by itself. */
static GPtrArray *
recordsAlone(const char *const *records, GHashTable *found)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter = { 0 };
    gpointer value = NULL;

    for (gsize i = 0; records[i]; i++)
        g_ptr_array_add(names, g_strdup(records[i]));
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        qemuStray *stray = value;

        if (!stray->reason && !stray->recording)
            stray->reason = g_strdup("the images of the disks contradict each other, or the records, about "
                                     "the order of checkpoints");
    }
    return names;
}

static bool
contains(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* All strays in the order of the sequence; those without a place in it get the last ones if they are
 * complete by themselves. */
static void
arrange(qemuStrays *strays, GHashTable *found)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new();
    GHashTableIter iter = { 0 };
    gpointer stray = NULL;

    for (guint i = 0; i < strays->sequence->len; i++) {
        if ((stray = g_hash_table_lookup(found, g_ptr_array_index(strays->sequence, i))))
            g_ptr_array_add(strays->all, stray);
    }
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, NULL, &stray)) {
        if (!contains(strays->sequence, ((qemuStray *)stray)->name))
            g_ptr_array_add(rest, stray);
    }
    g_ptr_array_sort(rest, byName);
    for (guint i = 0; i < rest->len; i++) {
        qemuStray *one = g_ptr_array_index(rest, i);

        g_ptr_array_add(strays->all, one);
        if (!one->reason)
            g_ptr_array_add(strays->sequence, g_strdup(one->name));
    }
}

qemuStrays *
qemuStraysFind(const qemuStraysDisk *disks, size_t n, const char *const *records)
{
    qemuStrays *strays = g_new0(qemuStrays, 1);
    g_autoptr(GHashTable) found = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) sequences = NULL;

    for (size_t i = 0; i < n; i++)
        collectDisk(&disks[i], records, found);
    sequences = sequencesNew(disks, n, records, found);
    strays->all = g_ptr_array_new_with_free_func(strayFree);
    strays->sequence = mergeSequences(sequences, found);
    if (!strays->sequence)
        strays->sequence = recordsAlone(records, found);
    arrange(strays, found);
    return strays;
}

/* ---- deletions behind strays ---- */

/* It takes the time of others only if it is whole, and needs it only if it does not record. */
static bool
needsTime(const qemuGraphBitmap *bitmap)
{
    return isWhole(bitmap) && !bitmap->busy && !bitmap->recording &&
           bitmap->granularity == QEMU_BITMAP_GRANULARITY && !g_str_has_prefix(bitmap->name, TEMPORARY);
}

/* What comes before entry @place and stays; NULL: nothing, or it is lost. */
static const char *
stayingBefore(const GPtrArray *order, gssize place, const char *const *deleted)
{
    for (gssize i = place - 1; i >= 0; i--) {
        const char *name = ((const qemuLedgerEntry *)g_ptr_array_index(order, (guint)i))->name;

        if (!name || !g_strv_contains(deleted, name))
            return name;
    }
    return NULL;
}

/* The checkpoint that takes the time of @name anyhow. */
static const char *
predecessorOf(const char *const *checkpoints, const char *name, const char *const *deleted)
{
    const char *before = NULL;

    for (gsize i = 0; checkpoints[i] && !g_str_equal(checkpoints[i], name); i++) {
        if (!g_strv_contains(deleted, checkpoints[i]))
            before = checkpoints[i];
    }
    return before;
}

static void
concern(GArray *all, const qemuGraphBitmap *bitmap, bool placed, const char *deleted)
{
    qemuCheckpointPlanStray stray = { .bitmap = bitmap->name, .placed = placed };

    for (guint i = 0; i < all->len; i++) {
        qemuCheckpointPlanStray *known = &g_array_index(all, qemuCheckpointPlanStray, i);

        if (g_str_equal(known->bitmap, bitmap->name)) {
            g_ptr_array_add(known->deleted, (gpointer)deleted);
            return;
        }
    }
    stray.deleted = g_ptr_array_new();
    g_ptr_array_add(stray.deleted, (gpointer)deleted);
    g_array_append_val(all, stray);
}

static void
concernUnplaced(GArray *all, const qemuGraphNode *node, GHashTable *records, const GPtrArray *order,
                const char *deleted)
{
    bool known = placeOf(order, deleted) >= 0;

    for (guint i = 0; i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->bitmaps, i);

        if (!g_hash_table_contains(records, bitmap->name) && needsTime(bitmap) &&
            (!known || placeOf(order, bitmap->name) < 0))
            concern(all, bitmap, false, deleted);
    }
}

static void
concernedClear(gpointer data)
{
    g_ptr_array_unref(((qemuCheckpointPlanStray *)data)->deleted);
}

GArray *
qemuStraysConcerned(const qemuGraphNode *node, GHashTable *records, const GPtrArray *order,
                    const char *const *checkpoints, const char *const *deleted)
{
    GArray *all = g_array_new(false, false, sizeof(qemuCheckpointPlanStray));

    g_array_set_clear_func(all, concernedClear);
    for (gsize i = 0; deleted[i]; i++) {
        const char *before = stayingBefore(order, placeOf(order, deleted[i]), deleted);
        const qemuGraphBitmap *bitmap = before ? qemuGraphBitmapLookup(node, before) : NULL;

        if (needsTime(bitmap) && g_strcmp0(before, predecessorOf(checkpoints, deleted[i], deleted)) != 0)
            concern(all, bitmap, true, deleted[i]);
        concernUnplaced(all, node, records, order, deleted[i]);
    }
    return all;
}
