/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans for creating and deleting checkpoints: each is one transaction over all disks. Pure.
 */
#pragma once
#include "checkpoint_def.h"
#include "qemu_graph.h"
#include "qemu_plan.h"

#define QEMU_BITMAP_GRANULARITY 65536

/* A whole frozen bitmap that belongs to no checkpoint of the line (a stray), and those that are deleted
 * behind it: it takes their time, so that it tells the truth when it becomes a checkpoint's again. */
typedef struct _qemuCheckpointPlanStray {
    const char *bitmap;
    bool placed;                      /* it is known to come just before them; else it may */
    GPtrArray *deleted;               /* const char * */
} qemuCheckpointPlanStray;

/* One disk of a checkpoint that is created or deleted. */
typedef struct _qemuCheckpointPlanDisk {
    const char *name;                 /* target name */
    const qemuGraphNode *node;        /* its format node */
    const char *bitmap;               /* of the checkpoint in question */
    const char *const *bitmaps;       /* delete: several at once, any order, NULL-terminated, instead of
                                       * @bitmap; NULL = just @bitmap */
    const char *const *checkpoints;   /* bitmaps of all live checkpoints on this disk, oldest first,
                                       * NULL-terminated; on create without the new one, on delete with it */
    const qemuCheckpointPlanStray *strays;   /* delete: that are concerned */
    size_t nstrays;
} qemuCheckpointPlanDisk;

/**
 * qemuCheckpointPlanCreateActions: append to @actions (a JSON array of transaction actions) for each
 * disk: block-dirty-bitmap-add (persistent, granularity 64 KiB), block-dirty-bitmap-disable of every
 * bitmap of @checkpoints that records. A last bitmap that should record but does not (or is
 * inconsistent) leaves a gap: it is removed in the same transaction, so that the loss stays visible
 * as "missing" to everything older instead of looking whole from now on.
 * Returns 0, or -1 with VIR_ERR_OPERATION_INVALID when a bitmap of that name is already on the node
 * (a stray: say how to remove or adopt it), VIR_ERR_CONFIG_UNSUPPORTED when bitmaps of the
 * node cannot be kept (neither qcow2 nor raw). Those of a node that is stored are not persistent in QEMU.
 */
int qemuCheckpointPlanCreateActions(virJSONValue *actions, const qemuCheckpointPlanDisk *disks, size_t n);
/**
 * qemuCheckpointPlanUndoActions: what takes @actions (adds, disables, merges as made here, or with
 * union bitmaps behind them) back at a later instant: what the new bitmap recorded meanwhile is merged
 * into the ones it had replaced, these record again, the new ones go. A bitmap removed for a gap
 * stays lost. Returns: (owned) array, newest first; empty if there is nothing.
 */
virJSONValue *qemuCheckpointPlanUndoActions(const virJSONValue *actions);
/** The whole Plan: one QMP step "checkpoint.create.transaction". @quiesce: between freeze and thaw. */
qemuPlan *qemuCheckpointPlanCreate(const qemuCheckpointPlanDisk *disks, size_t n, bool quiesce);
/**
 * qemuCheckpointPlanDelete: one transaction: merge into the predecessor, enable it if the deleted
 * one recorded, remove. Oldest: remove only. A bitmap that is missing or unusable cannot be merged:
 * what is there is removed, and so is the predecessor's bitmap, because the period between them is
 * lost and that must stay visible. Strays are treated alike; one of unknown place is not removed. Several at once (@bitmaps): each run of neighbours goes into the
 * checkpoint before it, still one transaction. No step at all if there is nothing to do.
 * Not for repeating: a deletion that has happened looks like bitmaps that were lost. Who finishes an
 * interrupted one and finds none of the bitmaps on any disk must not plan it again.
 */
qemuPlan *qemuCheckpointPlanDelete(const qemuCheckpointPlanDisk *disks, size_t n);
