/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU's block graph is now, as data: nodes and their dirty bitmaps. Fetched once an operation
 * and then passed to pure code.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virjson.h"
#include "qemu_target.h"

typedef struct _qemuGraphBitmap {
    char *name;
    guint index;                   /* in the node's array */
    unsigned long long granularity;
    unsigned long long count;      /* dirty bytes */
    bool persistent;               /* outlives QEMU: in the image, or in the bitmap store */
    bool recording, busy, inconsistent;
    bool foreign;                  /* inconsistent because it is in an image that bitmaps cannot be kept in */
} qemuGraphBitmap;

typedef struct _qemuGraphNode {
    char *name;
    char *driver;                  /* "qcow2", "raw", "copy-before-write", ... */
    char *filename;
    unsigned long long virtualSize;
    unsigned long long allocated;  /* bytes the image takes on its host; 0 if unknown */
    unsigned long long clusterSize; /* bytes; 0 if the format has none or QEMU does not say */
    bool readonly;
    GPtrArray *bitmaps;            /* qemuGraphBitmap *, in no order */
    GPtrArray *ledger;             /* qemuGraphBitmap *: those of its ledger (qemu_ledger.h), which
                                    * are no checkpoint's and nobody else's */
    GHashTable *byName;            /* the same by name, borrowed; NULL = not made */
    bool stored;                   /* an image that cannot hold bitmaps, or can be changed behind their back:
                                    * they are kept in the bitmap store */
    char *lost;                    /* why earlier bitmaps are not there any more, or NULL */
} qemuGraphNode;

typedef struct _qemuGraph {
    GHashTable *nodes;             /* name -> qemuGraphNode * */
} qemuGraph;

void qemuGraphFree(qemuGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuGraph, qemuGraphFree)
/** Pure: the "return" value of query-named-block-nodes (flat). NULL + VIR_ERR_INTERNAL_ERROR if malformed. */
qemuGraph *qemuGraphParse(const virJSONValue *namedNodes);
/** One round trip, and a look at the records of the bitmap store. */
qemuGraph *qemuGraphFetch(qemuTarget *target);
/** Borrowed, NULL if not there. */
const qemuGraphNode *qemuGraphNodeLookup(const qemuGraph *graph, const char *node);
const qemuGraphBitmap *qemuGraphBitmapLookup(const qemuGraphNode *node, const char *bitmap);
/** @bitmap: consumed. */
void qemuGraphNodeAdd(qemuGraphNode *node, qemuGraphBitmap *bitmap);
/** @bitmap: of @node; freed. */
void qemuGraphNodeRemove(qemuGraphNode *node, const qemuGraphBitmap *bitmap);
