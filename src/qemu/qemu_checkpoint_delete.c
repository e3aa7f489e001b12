/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deleting checkpoints: records 'deleting' (durable) -> one transaction that merges and removes the
 * bitmaps of all of them -> surviving children get their new parent -> records unlinked. A record
 * 'deleting' found at start-up is finished from wherever it stopped.
 */
#include "qemu_checkpoint_delete.h"

#include "libvirt-object.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_line.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_plan_run.h"
#include "qemu_reconcile.h"
#include "qemu_strays.h"
#include "qemu_target_pick.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

/* What the planner gets, with the memory its borrowed strings live in. */
typedef struct _deleteInput {
    GArray *disks;           /* qemuCheckpointPlanDisk */
    GPtrArray *strings;      /* char **: chains and deletions of the disks */
    GPtrArray *strays;       /* GArray: theirs */
} deleteInput;

static void
deleteInputClear(deleteInput *input)
{
    g_clear_pointer(&input->disks, g_array_unref);
    g_clear_pointer(&input->strings, g_ptr_array_unref);
    g_clear_pointer(&input->strays, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(deleteInput, deleteInputClear)

static char **
intersect(char **chain, char **names)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (gsize i = 0; chain[i]; i++) {
        if (g_strv_contains((const char *const *)names, chain[i]))
            g_strv_builder_add(builder, chain[i]);
    }
    return g_strv_builder_end(builder);
}

static bool
anyOnNode(const qemuGraphNode *node, char **bitmaps)
{
    for (gsize i = 0; bitmaps[i]; i++) {
        if (qemuGraphBitmapLookup(node, bitmaps[i]))
            return true;
    }
    return false;
}

/* A disk that is no longer part of the domain took its bitmaps along. @again: an interrupted deletion is
 * finished. Images of a stopped domain are stored one after the other, so some disks may have it behind
 * them: those that have none of the bitmaps left. */
static void
collectDisks(qemuVM *vm, char **names, const qemuGraph *books, bool again, deleteInput *input)
{
    size_t n = 0;
    qemuTarget *target = qemuVMTarget(vm);
    const qemuTargetDisk *disks = target->ops->disks(target, &n);
    g_autoptr(GHashTable) order = qemuCheckpointOrder(vm, books);

    for (size_t i = 0; i < n; i++) {
        const qemuGraphNode *node = qemuGraphNodeLookup(books, disks[i].node);
        g_auto(GStrv) chain = qemuCheckpointLineAround(vm, disks[i].name, node, names);
        g_auto(GStrv) gone = intersect(chain, names);
        GArray *strays = NULL;
        qemuCheckpointPlanDisk disk = { .name = disks[i].name, .node = node };

        if (!gone[0] || !disk.node || (again && !anyOnNode(disk.node, gone)))
            continue;
        disk.bitmap = gone[0];
        disk.bitmaps = (const char *const *)gone;
        disk.checkpoints = (const char *const *)chain;
        strays = qemuStraysConcerned(node, vm->checkpoints->byName,
                                     qemuCheckpointOrderOfDisk(order, disks[i].name), disk.checkpoints,
                                     disk.bitmaps);
        disk.strays = (const qemuCheckpointPlanStray *)(void *)strays->data;
        disk.nstrays = strays->len;
        g_ptr_array_add(input->strays, strays);
        g_array_append_val(input->disks, disk);
        g_ptr_array_add(input->strings, g_steal_pointer(&chain));
        g_ptr_array_add(input->strings, g_steal_pointer(&gone));
    }
}

static int
deleteBitmaps(qemuVM *vm, char **names, bool again)
{
    qemuGraph *books = qemuCheckpointBooks(vm);
    g_auto(deleteInput) input = {
        .disks = g_array_new(false, false, sizeof(qemuCheckpointPlanDisk)),
        .strings = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev),
        .strays = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref),
    };
    g_autoptr(qemuPlan) plan = NULL;
    qemuPlanRun run = { 0 };

    if (!books || qemuCheckpointOrderBegin(vm) < 0)
        return -1;
    collectDisks(vm, names, books, again, &input);
    plan = qemuCheckpointPlanDelete((const qemuCheckpointPlanDisk *)(void *)input.disks->data,
                                    input.disks->len);
    run.plan = plan;
    if (!plan || qemuPlanRunAll(&run, qemuVMTarget(vm)) < 0) {
        qemuCheckpointBooksForget(vm);
        return -1;
    }
    qemuCheckpointOrderDeleted(vm, (const char *const *)names);
    if (qemuTargetStore(vm) < 0) {
        qemuCheckpointBooksForget(vm);
        return -1;
    }
    qemuCheckpointBooksDeleted(vm, (const qemuCheckpointPlanDisk *)(void *)input.disks->data,
                               input.disks->len);
    return 0;
}

static void
swapParent(qemuVM *vm, virDomainCheckpointDef *def, char **parent)
{
    QEMU_VM_LOCK_GUARD(vm);
    char *old = def->parent;

    def->parent = *parent;
    *parent = old;
}

/* On failure the old parent stands, in memory as on disk. */
static int
saveParent(qemuVM *vm, virDomainCheckpointDef *def, const char *parent)
{
    g_autofree char *other = g_strdup(parent);

    swapParent(vm, def, &other);
    if (qemuCheckpointRecordSave(vm, def, "checkpoint.delete.reparent") == 0)
        return 0;
    swapParent(vm, def, &other);
    return -1;
}

/* Records that stay but name a parent that goes: their nearest surviving ancestor takes its place. */
static int
reparent(qemuVM *vm, char **names)
{
    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);
        const char *parent = def->parent;

        if (g_strv_contains((const char *const *)names, def->name) || !parent ||
            !g_strv_contains((const char *const *)names, parent))
            continue;
        while (parent && g_strv_contains((const char *const *)names, parent))
            parent = qemuCheckpointListLookup(vm->checkpoints, parent)->parent;
        if (saveParent(vm, def, parent) < 0)
            return -1;
    }
    return 0;
}

/* @marked: we have made the records say 'deleting' durably, so that nobody need wait until they are
 * durably gone. Of a record found at start-up that is not known. */
static int
removeRecords(qemuVM *vm, char **names, bool marked)
{
    const char *fault = "checkpoint.delete.unlink";

    for (gsize i = 0; names[i]; i++) {
        if ((marked ? qemuCheckpointRecordUnlink(vm, names[i], fault)
                    : qemuCheckpointRecordRemove(vm, names[i], fault)) < 0)
            return -1;
        {
            QEMU_VM_LOCK_GUARD(vm);

            qemuCheckpointListRemove(vm->checkpoints, names[i]);
        }
    }
    return 0;
}

/* The transaction has happened: nothing leads back. What fails now is tried once more, and then left
 * as 'deleting' to qemuReconcileLeftovers or to the next start. */
static int
finishRecords(qemuVM *vm, char **names, bool marked)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (reparent(vm, names) == 0 && removeRecords(vm, names, marked) == 0) {
            virErrorReset();
            return 0;
        }
    }
    return -1;
}

/* Records alone: each goes first and its children follow, because a record must not outlive its place
 * in the line. A child whose record cannot be written (or a crash) names a parent that is gone: the
 * next reading of the records gives it the one before. */
static int
deleteMetadata(qemuVM *vm, char **names)
{
    for (gsize i = 0; names[i]; i++) {
        const virDomainCheckpointDef *gone = qemuCheckpointListLookup(vm->checkpoints, names[i]);

        if (qemuCheckpointRecordRemove(vm, names[i], "checkpoint.delete.unlink") < 0)
            return -1;
        for (guint k = 0; k < vm->checkpoints->defs->len; k++) {
            virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, k);
            g_autofree char *parent = g_strdup(gone->parent);

            if (g_strcmp0(def->parent, names[i]) != 0)
                continue;
            swapParent(vm, def, &parent);
            if (!g_strv_contains((const char *const *)names, def->name) &&
                qemuCheckpointRecordSave(vm, def, "checkpoint.delete.reparent") < 0)
                qemuCheckpointListNoteStale(vm->checkpoints, def->name);
        }
        {
            QEMU_VM_LOCK_GUARD(vm);

            qemuCheckpointListRemove(vm->checkpoints, names[i]);
        }
        qemuCheckpointHealthForget(vm);
        qemuCheckpointLinesForget(vm);
    }
    virErrorReset();
    return 0;
}

static void
setState(qemuVM *vm, virDomainCheckpointDef *def, virCheckpointState state)
{
    QEMU_VM_LOCK_GUARD(vm);

    def->state = state;
}

/* Back to READY when nothing has happened yet: the user sees the error and the checkpoint. A record
 * that cannot be written must not delete the checkpoint at the next start: it is tried again. */
static void
unmark(qemuVM *vm, char **names)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    for (gsize i = 0; names[i]; i++) {
        virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, names[i]);

        if (!def || def->state != VIR_CHECKPOINT_STATE_DELETING)
            continue;
        setState(vm, def, VIR_CHECKPOINT_STATE_READY);
        if (qemuCheckpointRecordSave(vm, def, "checkpoint.delete.unmark") < 0) {
            VIR_WARN("record of checkpoint '%s' of domain '%s' still says 'deleting': %s", names[i],
                     vm->name, virErrorLastMessage());
            qemuCheckpointListNoteStale(vm->checkpoints, names[i]);
        }
    }
    virErrorRestore(&saved);
}

static int
mark(qemuVM *vm, char **names)
{
    for (gsize i = 0; names[i]; i++) {
        virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, names[i]);

        setState(vm, def, VIR_CHECKPOINT_STATE_DELETING);
        if (qemuCheckpointRecordSave(vm, def, "checkpoint.delete.record") < 0)
            return -1;
    }
    return 0;
}

typedef enum { BITMAPS_NONE, BITMAPS_SOME, BITMAPS_ALL } bitmapsFound;

/* Whether the bitmaps of @names are on the domain's disks, all of them whole. */
static bitmapsFound
findBitmaps(qemuVM *vm, char **names, const qemuGraph *books)
{
    size_t n = 0;
    qemuTarget *target = qemuVMTarget(vm);
    const qemuTargetDisk *disks = target->ops->disks(target, &n);
    size_t wanted = 0;
    size_t found = 0;
    size_t whole = 0;

    for (size_t i = 0; i < n; i++) {
        const qemuGraphNode *node = qemuGraphNodeLookup(books, disks[i].node);
        g_auto(GStrv) chain = qemuCheckpointLineAround(vm, disks[i].name, node, names);
        g_auto(GStrv) mine = intersect(chain, names);

        for (gsize k = 0; mine[k]; k++) {
            const qemuGraphBitmap *bitmap = node ? qemuGraphBitmapLookup(node, mine[k]) : NULL;

            wanted++;
            found += bitmap != NULL;
            whole += bitmap && bitmap->persistent && !bitmap->inconsistent;
        }
    }
    if (found == 0)
        return BITMAPS_NONE;
    return whole == wanted ? BITMAPS_ALL : BITMAPS_SOME;
}

int
qemuCheckpointDeleteFinish(qemuVM *vm, char **names)
{
    const qemuGraph *books = qemuCheckpointBooks(vm);

    if (!books)
        return -1;
    /* The record said 'deleting' while all bitmaps were whole (deleteWithBitmaps saw to that), and
     * the transaction is atomic: none left means that it has happened. */
    if (findBitmaps(vm, names, books) == BITMAPS_NONE)
        qemuCheckpointOrderDeleted(vm, (const char *const *)names);
    else if (deleteBitmaps(vm, names, true) < 0)
        return -1;
    return finishRecords(vm, names, false);
}

/* The transaction, and if it seems to have failed, the answer to whether it has: QEMU knows.
 * Returns 0, or -1 with the error of the transaction; @unknown: QEMU could not be asked. */
static int
deleteWhole(qemuVM *vm, char **names, bool *unknown)
{
    virErrorPtr saved = NULL;
    const qemuGraph *books = NULL;
    bool happened = false;

    if (deleteBitmaps(vm, names, false) == 0)
        return 0;
    virErrorPreserveLast(&saved);
    books = qemuCheckpointBooks(vm);
    *unknown = !books;
    happened = books && findBitmaps(vm, names, books) == BITMAPS_NONE;
    virErrorRestore(&saved);
    if (!happened)
        return -1;
    virErrorReset();
    return 0;
}

/* A deletion of whole bitmaps is announced first, so that a crash on either side of the transaction
 * can be told apart. With broken ones that evidence does not hold: there the transaction comes first,
 * and a crash behind it leaves a checkpoint that is still there and broken, as before. */
static int
deleteWithBitmaps(qemuVM *vm, char **names)
{
    const qemuGraph *books = qemuCheckpointBooks(vm);
    bool whole = books && findBitmaps(vm, names, books) == BITMAPS_ALL;
    bool unknown = false;

    if (!books || (!whole && deleteBitmaps(vm, names, false) < 0))
        return -1;
    if (mark(vm, names) < 0 || (whole && deleteWhole(vm, names, &unknown) < 0)) {
        if (!unknown)
            unmark(vm, names);
        return -1;
    }
    return finishRecords(vm, names, true);
}

/* Lock held. Which ones @flags name; NULL with an error if @name is not there. */
static char **
selectNames(qemuVM *vm, const char *name, unsigned int flags)
{
    const virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);
    g_auto(GStrv) family = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    if (!def || def->state != VIR_CHECKPOINT_STATE_READY) {
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT,
                       "no domain checkpoint with matching name '%s'", name);
        return NULL;
    }
    if (!(flags & VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY))
        g_strv_builder_add(builder, name);
    if (flags & (VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN | VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY)) {
        family = qemuCheckpointListDescendants(vm->checkpoints, name);
        g_strv_builder_addv(builder, (const char **)family);
    }
    return g_strv_builder_end(builder);
}

/* Which ones is asked again with the target there: it may have settled something first. */
static int
deleteWithTarget(qemuVM *vm, const char *name, unsigned int flags)
{
    g_auto(GStrv) names = NULL;

    if (!qemuTargetBegin(vm, QEMU_HELPER_CHANGE))
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        names = selectNames(vm, name, flags);
    }
    return qemuTargetEnd(vm, names ? deleteWithBitmaps(vm, names) : -1);
}

static int
deleteHeld(qemuVM *vm, const char *name, unsigned int flags)
{
    g_auto(GStrv) names = NULL;
    bool metadataOnly = flags & VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY;

    {
        QEMU_VM_LOCK_GUARD(vm);

        if (!(names = selectNames(vm, name, flags)))
            return -1;
    }
    if (!metadataOnly)
        return deleteWithTarget(vm, name, flags);
    return deleteMetadata(vm, names);
}

int
qemuDomainCheckpointDelete(virDomainCheckpointPtr chk, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int rc = -1;

    virCheckFlags(VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN | VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY |
                      VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY,
                  -1);
    if (!(vm = qemuVMFromDomain(chk->domain)) ||
        qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainCheckpointDelete") < 0)
        return -1;
    qemuReconcileLeftovers(vm);
    rc = deleteHeld(vm, chk->name, flags);
    if (rc == 0)
        qemuBitmapStoreTidy(vm);
    qemuJobEnd(&vm->job);
    return rc;
}
