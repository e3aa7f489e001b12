/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a disk's bitmaps say about the time since a checkpoint, or why they are not believed.
 */
#pragma once
#include "qemu_checkpoint_list.h"
#include "qemu_graph.h"
#include "qemu_vm.h"

#define QEMU_CHECKPOINT_OFF_LINE \
    "it is not an ancestor of the newest checkpoint; redefine that one's parents"

/** Is @def READY, and has a bitmap on @disk? If it is not in qemuCheckpointListOfDisk then, it is off the
 * line of the newest one: records that were redefined can form a tree. */
bool qemuCheckpointCovers(const virDomainCheckpointDef *def, const char *disk);
/**
 * qemuCheckpointSince: the bitmaps that make up "since @name" on @disk, as qemuBitmapChainSince has
 * them. @node: the disk's format node in @graph, NULL if not there. Under MODIFY and with a target.
 * Returns: (owned, of char *), or NULL with VIR_ERR_NO_DOMAIN_CHECKPOINT if there is no such checkpoint,
 * or this disk was no part of it, and VIR_ERR_CHECKPOINT_INCONSISTENT if it is broken or not on the line of
 * the newest one.
 */
GPtrArray *qemuCheckpointSince(qemuVM *vm, const char *disk, const qemuGraphNode *node,
                               const qemuGraph *graph, const char *name);
