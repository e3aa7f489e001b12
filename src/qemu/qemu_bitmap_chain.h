/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "What changed on this disk since checkpoint X": which bitmaps make it up, and is that chain whole?
 * Pure. One active bitmap a disk; the answer is the union of X and every later one. Right also for
 * images made by libvirt, where each bitmap stays active and holds everything since its checkpoint.
 */
#pragma once
#include "qemu_graph.h"

/**
 * qemuBitmapChainSince:
 * @disk: target name, for messages   @node: the disk's format node (NULL = not in the graph)
 * @checkpoints: names, oldest first, of all live checkpoints that have a bitmap on this disk
 * (NULL-terminated)   @order: what the image knows of their order (qemu_ledger.h), NULL = nothing
 * @since: one of them
 * Valid iff each bitmap from @since to the last exists, is persistent, not inconsistent, and the
 * last is recording; their granularity is the same; and @order does not contradict: each frozen one of
 * them has behind it there no bitmap that is lost, and none that @checkpoints have before it.
 * Whole persistent bitmaps that are in no checkpoint's name are part of the answer, behind the others:
 * they may hold a period whose record is lost.
 * Returns: (owned, g_ptr_array_unref, of char *) bitmap names oldest first, or NULL with
 * VIR_ERR_CHECKPOINT_INCONSISTENT saying disk, bitmap, reason and what to do; or
 * VIR_ERR_NO_DOMAIN_CHECKPOINT if @since is not in the list (this disk was not part of it).
 */
GPtrArray *qemuBitmapChainSince(const char *disk, const qemuGraphNode *node,
                                const char *const *checkpoints, const GPtrArray *order,
                                const char *since);
/** Why each of @checkpoints is broken, index for index: (owned, g_ptr_array_unref) of char *, NULL = whole.
 * Sets no error. */
GPtrArray *qemuBitmapChainReasons(const char *disk, const qemuGraphNode *node,
                                  const char *const *checkpoints, const GPtrArray *order);
