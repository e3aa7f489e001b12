/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which bitmaps answer "what changed since checkpoint X", and whether they can be trusted.
 *
 * A wrong "not changed" gives a backup that looks good and is not, so every doubt is a "no": a
 * bitmap counts only when it exists, is persistent (in the image or in the bitmap store) and consistent, the last one still records, and
 * all have one granularity. Nothing is concluded from which of the earlier ones record: images made
 * by libvirt keep all of them active, ours only the last, and the union is right for both.
 *
 * A record can be lost or dropped (delete --metadata, a crash, a redefine that leaves one out) while its
 * bitmap stays and holds a period that no other bitmap has. Which period cannot be known, so whatever
 * whole bitmap of the image is no checkpoint of the chain is taken in: too much is never wrong.
 */
#include "qemu_bitmap_chain.h"

#include "qemu_ledger.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static char *
qemuBitmapChainMissingReason(const qemuGraphNode *node, const char *name)
{
    if (!node->stored)
        return g_strdup_printf("bitmap '%s' is missing from the image", name);
    return g_strdup_printf("bitmap '%s' is missing: %s", name,
                           node->lost ? node->lost
                                      : "the disk's bitmaps were not saved when QEMU ended, or are those "
                                        "of another image");
}

static char *
qemuBitmapChainBitmapReason(const qemuGraphNode *node, const char *name, bool last,
                            unsigned long long granularity)
{
    const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(node, name);

    if (!bitmap)
        return qemuBitmapChainMissingReason(node, name);
    if (bitmap->foreign)
        return g_strdup_printf("bitmap '%s' was made by another program, in an image whose data is in another "
                               "file and may have been changed without it", name);
    if (bitmap->inconsistent)
        return g_strdup_printf("bitmap '%s' is inconsistent (QEMU was killed while the image was "
                               "in use)", name);
    if (!bitmap->persistent)
        return g_strdup_printf("bitmap '%s' is not persistent, so it was not made by a checkpoint",
                               name);
    if (last && !bitmap->recording)
        return g_strdup_printf("bitmap '%s' is the newest but does not record, so later writes "
                               "are unknown", name);
    if (granularity && bitmap->granularity != granularity)
        return g_strdup_printf("bitmap '%s' has a granularity of %llu bytes where others have %llu",
                               name, bitmap->granularity, granularity);
    return NULL;
}

/* Index of @since in @checkpoints, or -1. */
static gssize
qemuBitmapChainFind(const char *const *checkpoints, const char *since)
{
    for (gssize i = 0; checkpoints && checkpoints[i]; i++) {
        if (g_str_equal(checkpoints[i], since))
            return i;
    }
    return -1;
}

static bool
qemuBitmapChainIsWhole(const qemuGraphBitmap *bitmap)
{
    return bitmap && bitmap->persistent && !bitmap->inconsistent;
}

/* From the newest to the oldest; each by itself. */
static GPtrArray *
qemuBitmapChainOwnReasons(const char *disk, const qemuGraphNode *node, const char *const *checkpoints)
{
    gsize n = g_strv_length((char **)checkpoints);
    GPtrArray *reasons = g_ptr_array_new_with_free_func(g_free);
    unsigned long long newer = 0;

    g_ptr_array_set_size(reasons, (gint)n);
    for (gsize i = n; i > 0; i--) {
        const char *name = checkpoints[i - 1];
        const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(node, name);
        char *reason = node ? qemuBitmapChainBitmapReason(node, name, i == n, 0)
                            : g_strdup_printf("the image of disk '%s' is not open in QEMU", disk);

        if (!reason && newer && newer != bitmap->granularity)
            reason = qemuBitmapChainBitmapReason(node, checkpoints[i], false, bitmap->granularity);
        g_ptr_array_index(reasons, i - 1) = reason;
        newer = bitmap ? bitmap->granularity : 0;
    }
    return reasons;
}

/* checkpoint -> its index + 1; borrowed. */
static GHashTable *
qemuBitmapChainIndexes(const char *const *checkpoints)
{
    GHashTable *indexes = g_hash_table_new(g_str_hash, g_str_equal);

    for (gsize i = 0; checkpoints[i]; i++)
        g_hash_table_insert(indexes, (gpointer)checkpoints[i], GUINT_TO_POINTER(i + 1));
    return indexes;
}

/* @later: what of the entries behind it is lost; @oldest: the one of these that the records have first. */
static char *
qemuBitmapChainOrderReason(const char *name, guint index, const char *later, guint oldest,
                           const char *const *checkpoints)
{
    if (later)
        return g_strdup_printf("%s, which came after bitmap '%s'", later, name);
    if (oldest && oldest < index)
        return g_strdup_printf("its record comes after that of '%s', and its bitmap came before that one's; "
                               "redefine them in the order in which they were made", checkpoints[oldest - 1]);
    return NULL;
}

/* What the image knows of the order, and the records do not: a period that no bitmap has any more, or
 * parents that were redefined in another order than that of the bitmaps. A bitmap that records has it all. */
static void
qemuBitmapChainAddOrder(GPtrArray *reasons, const qemuGraphNode *node, const char *const *checkpoints,
                        const GPtrArray *order)
{
    g_autoptr(GHashTable) indexes = qemuBitmapChainIndexes(checkpoints);
    g_autofree char *later = NULL;
    guint oldest = 0;

    for (guint i = node && order ? order->len : 0; i > 0; i--) {
        const char *name = ((const qemuLedgerEntry *)g_ptr_array_index(order, i - 1))->name;
        const qemuGraphBitmap *bitmap = name ? qemuGraphBitmapLookup(node, name) : NULL;
        guint index = name ? GPOINTER_TO_UINT(g_hash_table_lookup(indexes, name)) : 0;

        if (index && !g_ptr_array_index(reasons, index - 1) && !bitmap->recording)
            g_ptr_array_index(reasons, index - 1) =
                qemuBitmapChainOrderReason(name, index, later, oldest, checkpoints);
        if (index && (!oldest || index < oldest))
            oldest = index;
        if (!qemuBitmapChainIsWhole(bitmap) && !index) {
            g_free(later);
            later = name ? g_strdup_printf("bitmap '%s' is lost", name) : g_strdup("a bitmap is lost");
        }
    }
}

/* As broken as its successor is each. */
GPtrArray *
qemuBitmapChainReasons(const char *disk, const qemuGraphNode *node, const char *const *checkpoints,
                       const GPtrArray *order)
{
    GPtrArray *reasons = qemuBitmapChainOwnReasons(disk, node, checkpoints);

    qemuBitmapChainAddOrder(reasons, node, checkpoints, order);
    for (guint i = reasons->len; i > 1; i--) {
        if (!g_ptr_array_index(reasons, i - 2))
            g_ptr_array_index(reasons, i - 2) = g_strdup(g_ptr_array_index(reasons, i - 1));
    }
    return reasons;
}

/* Bitmaps that belong to none of @checkpoints and may hold a period of the disk's history. */
static void
qemuBitmapChainAddStrays(GPtrArray *bitmaps, const qemuGraphNode *node,
                         const char *const *checkpoints, unsigned long long granularity)
{
    for (guint i = 0; i < node->bitmaps->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->bitmaps, i);

        if (bitmap->name && bitmap->persistent && !bitmap->inconsistent && !bitmap->busy &&
            bitmap->granularity == granularity && !g_strv_contains(checkpoints, bitmap->name))
            g_ptr_array_add(bitmaps, g_strdup(bitmap->name));
    }
}

GPtrArray *
qemuBitmapChainSince(const char *disk, const qemuGraphNode *node, const char *const *checkpoints,
                     const GPtrArray *order, const char *since)
{
    gssize first = qemuBitmapChainFind(checkpoints, since);
    g_autoptr(GPtrArray) reasons = NULL;
    GPtrArray *bitmaps = NULL;

    if (first < 0) {
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT,
                       "disk '%s' was not part of checkpoint '%s': back it up in full, or since a "
                       "later checkpoint", disk, since);
        return NULL;
    }
    reasons = qemuBitmapChainReasons(disk, node, checkpoints, order);
    if (g_ptr_array_index(reasons, first)) {
        virReportError(VIR_ERR_CHECKPOINT_INCONSISTENT,
                       "cannot start incremental backup of disk '%s' since checkpoint '%s': %s; "
                       "make a full backup with a new checkpoint", disk, since,
                       (const char *)g_ptr_array_index(reasons, first));
        return NULL;
    }
    bitmaps = g_ptr_array_new_with_free_func(g_free);
    for (gssize i = first; checkpoints[i]; i++)
        g_ptr_array_add(bitmaps, g_strdup(checkpoints[i]));
    qemuBitmapChainAddStrays(bitmaps, node, checkpoints,
                             qemuGraphBitmapLookup(node, since)->granularity);
    return bitmaps;
}
