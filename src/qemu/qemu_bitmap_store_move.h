/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bitmaps on their way between the node of a disk and the image of its store, which is opened beside it
 * for that time:
 *
 *     libvirt-1-format (raw)                 fleece-bitmaps-vda (qcow2, nobody reads it)
 *        bitmaps A, B, not persistent  <──>     bitmaps A, B, persistent
 *
 * One transaction moves all bitmaps of a disk: all of them are there after it, or none.
 */
#pragma once
#include "qemu_bitmap_store.h"
#include "qemu_target.h"

/** Copy the bitmaps that @store lists from node @node into the empty image @path, and have QEMU close
 * it. -1 with QEMU's error: the image is of no use; nothing is left in QEMU. */
int qemuBitmapStoreMoveOut(qemuTarget *target, const char *node, const qemuBitmapStore *store,
                           const char *path);
/** Copy them from the image @path onto @node, which must not have bitmaps of these names. -1: none is. */
int qemuBitmapStoreMoveIn(qemuTarget *target, const char *node, const qemuBitmapStore *store,
                          const char *path);
