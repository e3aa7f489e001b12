/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bitmaps that belong to no checkpoint, and what can be made of them. Pure.
 *
 * A stray that records is complete by itself: it holds all since it was made. One that does not is of use
 * only together with all that came after it, so it can become a checkpoint again only if the order is
 * known and nothing behind it is lost. What cannot stays what it is: a stray that every incremental backup
 * takes in, which is never wrong.
 */
#pragma once
#include <glib.h>
#include "qemu_checkpoint_plan.h"
#include "qemu_graph.h"

typedef struct _qemuStraysDisk {
    const char *name;            /* target */
    const qemuGraphNode *node;
    const GPtrArray *order;      /* qemuLedgerEntry *, oldest first; NULL = not known */
} qemuStraysDisk;

typedef struct _qemuStray {
    char *name;
    long long time;              /* 0 = not known */
    GPtrArray *disks;            /* char *: those that hold it */
    bool recording;              /* on some disk */
    char *reason;                /* why it cannot be adopted; NULL = it can */
} qemuStray;

typedef struct _qemuStrays {
    GPtrArray *all;              /* qemuStray *, in the order of @sequence, then those with a reason, by name */
    GPtrArray *sequence;         /* char *: checkpoints with a record and strays that can be adopted, oldest first */
} qemuStrays;
void qemuStraysFree(qemuStrays *strays);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuStrays, qemuStraysFree)

/** @records: names of the checkpoints that have a record, oldest first, NULL-terminated. */
qemuStrays *qemuStraysFind(const qemuStraysDisk *disks, size_t n, const char *const *records);
/** Borrowed, NULL if none. */
const qemuStray *qemuStraysLookup(const qemuStrays *strays, const char *name);

/**
 * qemuStraysConcerned: which bitmaps on @node, beside the checkpoints before them, take the time of @deleted
 * (NULL-terminated; checkpoints whose bitmaps go). @records: set of the names of all records   @order: of the
 * disk, NULL = unknown   @checkpoints: of the disk, as the records have them
 * That is the one right before each in @order: a stray, or a checkpoint that the records have elsewhere.
 * Where a place is not known, each stray that may be before it.
 * Returns: (owned, g_array_unref) of qemuCheckpointPlanStray, which borrow from @node and @deleted; empty
 * mostly.
 */
GArray *qemuStraysConcerned(const qemuGraphNode *node, GHashTable *records, const GPtrArray *order,
                            const char *const *checkpoints, const char *const *deleted);
