/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See qemu_checkpoint_since.h: the records' line, the images' order and the bitmaps, brought together. */
#include "qemu_checkpoint_since.h"

#include "qemu_bitmap_chain.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

/* Lock held. */
static int
checkExists(const qemuCheckpointList *list, const char *disk, const char *name)
{
    const virDomainCheckpointDef *def = qemuCheckpointListLookup(list, name);

    if (def && def->state == VIR_CHECKPOINT_STATE_READY)
        return 0;
    virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT,
                   "Checkpoint '%s' for incremental backup of disk '%s' not found", name, disk);
    return -1;
}

bool
qemuCheckpointCovers(const virDomainCheckpointDef *def, const char *disk)
{
    const virDomainCheckpointDiskDef *entry = virDomainCheckpointDefDisk(def, disk);

    return entry && entry->type == VIR_CHECKPOINT_DISK_BITMAP && def->state == VIR_CHECKPOINT_STATE_READY;
}

GPtrArray *
qemuCheckpointSince(qemuVM *vm, const char *disk, const qemuGraphNode *node, const qemuGraph *graph,
                    const char *name)
{
    g_autoptr(GHashTable) order = qemuCheckpointOrder(vm, graph);
    g_auto(GStrv) chain = NULL;

    {
        QEMU_VM_LOCK_GUARD(vm);

        if (checkExists(vm->checkpoints, disk, name) < 0)
            return NULL;
        chain = qemuCheckpointListOfDisk(vm->checkpoints, disk, NULL);
        if (!g_strv_contains((const char *const *)chain, name) &&
            qemuCheckpointCovers(qemuCheckpointListLookup(vm->checkpoints, name), disk)) {
            virReportError(VIR_ERR_CHECKPOINT_INCONSISTENT,
                           "cannot start incremental backup of disk '%s' since checkpoint '%s': "
                           QEMU_CHECKPOINT_OFF_LINE "; or make a full backup with a new checkpoint",
                           disk, name);
            return NULL;
        }
    }
    return qemuBitmapChainSince(disk, node, (const char *const *)chain,
                                qemuCheckpointOrderOfDisk(order, disk), name);
}
