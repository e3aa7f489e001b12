/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is the image of a disk the one that its checkpoints are about? */
#pragma once
#include "qemu_vm.h"

/**
 * qemuCheckpointCheckSource: every checkpoint of @disk from @since on was made while its image was
 * @source. Bitmaps are found by name, and names repeat (a date, say): another image at the same
 * target may well hold bitmaps that are called the same and tell of another disk. Returns: 0, or -1
 * with VIR_ERR_CHECKPOINT_INCONSISTENT.
 */
int qemuCheckpointCheckSource(qemuVM *vm, const char *disk, const virStorageSource *source,
                              const char *since);
