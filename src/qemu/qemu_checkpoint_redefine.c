/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Redefining checkpoints, as managers do that keep the records themselves: oldest first, each naming
 * its parent.
 */
#include "qemu_checkpoint_redefine.h"

#include <string.h>

#include "qemu_checkpoint.h"
#include "qemu_checkpoint_list.h"
#include "qemu_target_pick.h"
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

static int
checkComplete(const qemuVM *vm, const virDomainCheckpointDef *def)
{
    if (!def->creationTime) {
        virReportError(VIR_ERR_XML_ERROR,
                       "cannot redefine checkpoint '%s' of domain '%s': the document has no "
                       "<creationTime>; pass what checkpoint-dumpxml printed",
                       def->name, vm->name);
        return -1;
    }
    if (def->dom && memcmp(def->dom->uuid, vm->uuid, VIR_UUID_BUFLEN) != 0) {
        char uuid[VIR_UUID_STRING_BUFLEN] = { 0 };

        virReportError(VIR_ERR_INVALID_ARG,
                       "definition for checkpoint %s must use uuid %s, the one of domain '%s'",
                       def->name, virUUIDFormat(vm->uuid, uuid), vm->name);
        return -1;
    }
    return 0;
}

/* Lock held. */
static int
checkParent(qemuVM *vm, const virDomainCheckpointDef *def)
{
    g_auto(GStrv) family = qemuCheckpointListDescendants(vm->checkpoints, def->name);

    if (!def->parent)
        return 0;
    if (g_str_equal(def->parent, def->name) ||
        g_strv_contains((const char *const *)family, def->parent)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "parent %s would create cycle to %s; redefine the parent first", def->parent,
                       def->name);
        return -1;
    }
    if (!qemuCheckpointListLookup(vm->checkpoints, def->parent)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "parent %s for checkpoint %s not found; redefine checkpoints oldest first",
                       def->parent, def->name);
        return -1;
    }
    return 0;
}

static int
validateDisk(qemuVM *vm, const virDomainCheckpointDef *def, const virDomainCheckpointDiskDef *disk,
             const qemuGraph *graph)
{
    const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), disk->name);
    const qemuGraphNode *node = td ? qemuGraphNodeLookup(graph, td->node) : NULL;
    const qemuGraphBitmap *bitmap = node ? qemuGraphBitmapLookup(node, disk->bitmap) : NULL;

    if (bitmap && bitmap->persistent && !bitmap->inconsistent)
        return 0;
    virReportError(VIR_ERR_CHECKPOINT_INCONSISTENT,
                   "cannot redefine checkpoint '%s': bitmap '%s' on disk '%s' %s; make a new "
                   "checkpoint with a full backup",
                   def->name, disk->bitmap, disk->name,
                   !bitmap                ? "is missing"
                   : bitmap->inconsistent ? "is inconsistent"
                                          : "is not persistent");
    return -1;
}

static int
validateWithTarget(qemuVM *vm, const virDomainCheckpointDef *def)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(qemuVMTarget(vm));

    if (!graph)
        return -1;
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->type == VIR_CHECKPOINT_DISK_BITMAP && validateDisk(vm, def, disk, graph) < 0)
            return -1;
    }
    return 0;
}

static int
validateBitmaps(qemuVM *vm, const virDomainCheckpointDef *def)
{
    if (!qemuTargetBegin(vm, QEMU_HELPER_LOOK))
        return -1;
    return qemuTargetEnd(vm, validateWithTarget(vm, def));
}

int
qemuCheckpointRedefine(qemuVM *vm, virDomainCheckpointDef **def, bool validate, char **name)
{
    g_autoptr(virDomainCheckpointDef) mine = g_steal_pointer(def);

    if (checkComplete(vm, mine) < 0)
        return -1;
    if (!mine->dom)
        mine->dom = qemuVMCopyDef(vm);
    if (!mine->dom || virDomainCheckpointDefAlign(mine, mine->dom, mine->creationTime) < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);
        if (checkParent(vm, mine) < 0)
            return -1;
    }
    if (validate && validateBitmaps(vm, mine) < 0)
        return -1;
    if (qemuCheckpointRecordSave(vm, mine, "checkpoint.redefine.record") < 0)
        return -1;
    *name = g_strdup(mine->name);
    {
        QEMU_VM_LOCK_GUARD(vm);
        qemuCheckpointListReplace(vm->checkpoints, g_steal_pointer(&mine));
    }
    qemuCheckpointHealthForget(vm);
    return 0;
}
