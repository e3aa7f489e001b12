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
 * (NULL-terminated)   @since: one of them
 * Valid iff each bitmap from @since to the last exists, is persistent, not inconsistent, and the
 * last is recording; and their granularity is the same.
 * Whole persistent bitmaps that are in no checkpoint's name are part of the answer, behind the others:
 * they may hold a period whose record is lost.
 * Returns: (owned, g_ptr_array_unref, of char *) bitmap names oldest first, or NULL with
 * VIR_ERR_CHECKPOINT_INCONSISTENT saying disk, bitmap, reason and what to do; or
 * VIR_ERR_NO_DOMAIN_CHECKPOINT if @since is not in the list (this disk was not part of it).
 */
GPtrArray *qemuBitmapChainSince(const char *disk, const qemuGraphNode *node,
                                const char *const *checkpoints, const char *since);
/** Reasons for all of @checkpoints at once, index for index: what qemuBitmapChainReason says of each.
 * (owned, g_ptr_array_unref) of char *, NULL = whole. */
GPtrArray *qemuBitmapChainReasons(const char *disk, const qemuGraphNode *node,
                                  const char *const *checkpoints);
/** Reason in words why @since is broken, (owned), or NULL if it is whole. Sets no error. */
char *qemuBitmapChainReason(const char *disk, const qemuGraphNode *node,
                            const char *const *checkpoints, const char *since);
