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

char *
qemuBitmapChainReason(const char *disk, const qemuGraphNode *node, const char *const *checkpoints,
                      const char *since)
{
    gssize first = qemuBitmapChainFind(checkpoints, since);
    unsigned long long granularity = 0;

    if (first < 0)
        return g_strdup_printf("disk '%s' was not part of checkpoint '%s'", disk, since);
    if (!node)
        return g_strdup_printf("the image of disk '%s' is not open in QEMU", disk);
    for (gssize i = first; checkpoints[i]; i++) {
        const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(node, checkpoints[i]);
        char *reason = qemuBitmapChainBitmapReason(node, checkpoints[i], !checkpoints[i + 1],
                                                   granularity);

        if (reason)
            return reason;
        granularity = bitmap->granularity;
    }
    return NULL;
}

/* From the newest to the oldest, as each is as broken as its successor. */
GPtrArray *
qemuBitmapChainReasons(const char *disk, const qemuGraphNode *node, const char *const *checkpoints)
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
        if (!reason && i < n)
            reason = g_strdup(g_ptr_array_index(reasons, i));
        g_ptr_array_index(reasons, i - 1) = reason;
        newer = bitmap ? bitmap->granularity : 0;
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
                     const char *since)
{
    gssize first = qemuBitmapChainFind(checkpoints, since);
    g_autofree char *reason = NULL;
    GPtrArray *bitmaps = NULL;

    if (first < 0) {
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT,
                       "disk '%s' was not part of checkpoint '%s': back it up in full, or since a "
                       "later checkpoint", disk, since);
        return NULL;
    }
    reason = qemuBitmapChainReason(disk, node, checkpoints, since);
    if (reason) {
        virReportError(VIR_ERR_CHECKPOINT_INCONSISTENT,
                       "cannot start incremental backup of disk '%s' since checkpoint '%s': %s; "
                       "make a full backup with a new checkpoint", disk, since, reason);
        return NULL;
    }
    bitmaps = g_ptr_array_new_with_free_func(g_free);
    for (gssize i = first; checkpoints[i]; i++)
        g_ptr_array_add(bitmaps, g_strdup(checkpoints[i]));
    qemuBitmapChainAddStrays(bitmaps, node, checkpoints,
                             qemuGraphBitmapLookup(node, since)->granularity);
    return bitmaps;
}
