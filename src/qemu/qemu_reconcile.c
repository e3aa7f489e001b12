/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place where a restarted daemon, or a restarted QEMU, finds out how far an interrupted
 * operation had got. Evidence: the backup journal, the state in each checkpoint record, and the
 * bitmaps that are really there.
 */
#include "qemu_reconcile.h"

#include "qemu_backup_recover.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_delete.h"
#include "qemu_checkpoint_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static char **
namesInState(qemuVM *vm, virCheckpointState state)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    QEMU_VM_LOCK_GUARD(vm);

    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

        if (def->state == state)
            g_strv_builder_add(builder, def->name);
    }
    return g_strv_builder_end(builder);
}

static const qemuGraphBitmap *
bitmapOfDisk(qemuVM *vm, const qemuGraph *graph, const virDomainCheckpointDiskDef *disk)
{
    const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), disk->name);
    const qemuGraphNode *node = td ? qemuGraphNodeLookup(graph, td->node) : NULL;

    return node ? qemuGraphBitmapLookup(node, disk->bitmap) : NULL;
}

/* How many bitmaps the checkpoint should have, and how many are there. */
static void
countBitmaps(qemuVM *vm, const qemuGraph *graph, const virDomainCheckpointDef *def, size_t *wanted,
             size_t *found)
{
    *wanted = *found = 0;
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->type != VIR_CHECKPOINT_DISK_BITMAP)
            continue;
        (*wanted)++;
        *found += bitmapOfDisk(vm, graph, disk) != NULL;
    }
}

static int
becomeReady(qemuVM *vm, virDomainCheckpointDef *def)
{
    VIR_INFO("domain '%s': checkpoint '%s' was made, its record says so now", vm->name, def->name);
    {
        QEMU_VM_LOCK_GUARD(vm);

        def->state = VIR_CHECKPOINT_STATE_READY;
    }
    if (qemuCheckpointRecordSave(vm, def, "reconcile.ready.record") == 0)
        return 0;
    qemuCheckpointListNoteStale(vm->checkpoints, def->name);
    return -1;
}

/* The transaction is atomic in QEMU, so a part of the bitmaps means that somebody else removed some,
 * or a disk went away: what is there is taken back like a deletion. */
static int
takeBack(qemuVM *vm, virDomainCheckpointDef *def)
{
    char *names[] = { def->name, NULL };

    VIR_INFO("domain '%s': checkpoint '%s' was not made completely and is taken back", vm->name,
             def->name);
    {
        QEMU_VM_LOCK_GUARD(vm);

        def->state = VIR_CHECKPOINT_STATE_DELETING;
    }
    return qemuCheckpointDeleteFinish(vm, names);
}

static int
settleCreating(qemuVM *vm, const qemuGraph *graph, const char *name, const char *undone)
{
    virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);
    size_t wanted = 0;
    size_t found = 0;

    countBitmaps(vm, graph, def, &wanted, &found);
    if (found == 0) {
        VIR_INFO("domain '%s': checkpoint '%s' was never made and is forgotten", vm->name, name);
        qemuCheckpointForget(vm, name);
        return 0;
    }
    if (found == wanted && g_strcmp0(name, undone) != 0)
        return becomeReady(vm, def);
    return takeBack(vm, def);
}

static void
warnAbout(qemuVM *vm, const char *name)
{
    VIR_WARN("domain '%s': checkpoint '%s' stays half done: %s", vm->name, name,
             virErrorLastMessage());
    virErrorReset();
}

static void
settleAllCreating(qemuVM *vm, const char *undone)
{
    g_auto(GStrv) names = namesInState(vm, VIR_CHECKPOINT_STATE_CREATING);
    g_autofree char *halfBegun = names[0] ? qemuBackupHalfBegun(vm) : NULL;

    for (gsize i = 0; names[i]; i++) {
        const qemuGraph *graph = NULL;

        if (g_strcmp0(names[i], halfBegun) == 0)
            continue;
        graph = qemuCheckpointBooks(vm);
        if (!graph || settleCreating(vm, graph, names[i], undone) < 0)
            warnAbout(vm, names[i]);
    }
}

static void
settleAllDeleting(qemuVM *vm)
{
    g_auto(GStrv) names = namesInState(vm, VIR_CHECKPOINT_STATE_DELETING);

    if (names[0] && qemuCheckpointDeleteFinish(vm, names) < 0)
        warnAbout(vm, names[0]);
}

int
qemuReconcileTakeBack(qemuVM *vm, const char *name)
{
    virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);

    qemuCheckpointBooksForget(vm);
    return def ? takeBack(vm, def) : 0;
}

bool
qemuReconcilePending(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    for (guint i = 0; vm->checkpoints && i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

        if (def->state != VIR_CHECKPOINT_STATE_READY)
            return true;
    }
    return false;
}

void
qemuReconcileCheckpoints(qemuVM *vm)
{
    settleAllCreating(vm, NULL);
    settleAllDeleting(vm);
}

void
qemuReconcileLeftovers(qemuVM *vm)
{
    qemuCheckpointListNoteLost(vm);
    qemuCheckpointListSaveStale(vm);
    /* of a stopped domain the helper settles them, when it has its images open */
    if (!qemuVMIsActive(vm) || !qemuReconcilePending(vm))
        return;
    qemuCheckpointBooksForget(vm);
    qemuReconcileCheckpoints(vm);
}

int
qemuReconcileVM(qemuVM *vm, bool reconnected)
{
    g_autofree char *undone = NULL;

    qemuCheckpointBooksForget(vm);
    if (reconnected) {
        if (qemuBackupRecover(vm, &undone) < 0) {
            VIR_WARN("domain '%s': cannot recover its backup: %s", vm->name, virErrorLastMessage());
            virErrorReset();
        }
    } else {
        qemuBackupSweep(vm);
    }
    settleAllCreating(vm, undone);
    settleAllDeleting(vm);
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!vm->exited)
            return 0;
    }
    virReportError(VIR_ERR_OPERATION_FAILED, "domain '%s' is gone: its QEMU process ended", vm->name);
    return -1;
}
