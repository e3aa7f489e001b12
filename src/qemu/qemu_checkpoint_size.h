/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much an incremental backup since a checkpoint would carry now, disk by disk. */
#pragma once
#include "checkpoint_def.h"
#include "qemu_vm.h"

/* Disk name -> bytes (guint64 *); a disk whose chain is broken has no entry. */
typedef GHashTable qemuCheckpointSizes;
static inline void
qemuCheckpointSizesFree(qemuCheckpointSizes *sizes)
{
    g_hash_table_unref(sizes);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuCheckpointSizes, qemuCheckpointSizesFree)

/** Three QMP commands at most, whatever the chain length; the newest checkpoint needs one. Nothing is
 * left in QEMU. Caller holds MODIFY and a target (qemuTargetBegin). NULL with
 * VIR_ERR_NO_DOMAIN_CHECKPOINT. */
qemuCheckpointSizes *qemuCheckpointSizesFetch(qemuVM *vm, const char *checkpoint);
/** Put the sizes into @def; NULL takes them out again. */
void qemuCheckpointSizesApply(const qemuCheckpointSizes *sizes, virDomainCheckpointDef *def);
