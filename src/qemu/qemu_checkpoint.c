/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creating a checkpoint: record 'creating' (durable) -> one transaction over all disks -> record
 * 'ready'. A crash between any two of these leaves a state that qemu_reconcile.c tells apart by
 * looking at the bitmaps (docs/internals/checkpoint-states.rst).
 */
#include "qemu_checkpoint.h"
#include "qemu_bitmap_store_stamp.h"

#include "libvirt-object.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_line.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_checkpoint_redefine.h"
#include "qemu_plan_run.h"
#include "qemu_reconcile.h"
#include "qemu_target_pick.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

void
qemuCheckpointPreparedFree(qemuCheckpointPrepared *prep)
{
    if (!prep)
        return;
    virDomainCheckpointDefFree(prep->def);
    g_free(prep->disks);
    if (prep->chains)
        g_ptr_array_unref(prep->chains);
    g_free(prep);
}

const qemuTargetDisk *
qemuCheckpointTargetDisk(qemuTarget *target, const char *name)
{
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        if (g_str_equal(disks[i].name, name))
            return &disks[i];
    }
    return NULL;
}

/* A QEMU on its way out still answers, but has closed its images: the request is not to blame. */
static void
reportNoImage(qemuVM *vm, const char *checkpoint, const char *disk)
{
    bool ending = false;

    {
        QEMU_VM_LOCK_GUARD(vm);
        ending = vm->destroyed || vm->shutdownSeen || vm->exited;
    }
    if (ending)
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot create checkpoint '%s': domain '%s' is being shut down", checkpoint,
                       vm->name);
    else
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot create checkpoint '%s': disk '%s' has no image open in QEMU; leave it "
                       "out with checkpoint='no'",
                       checkpoint, disk);
}

/* A bitmap of a running domain is of use until that stops; of a stopped one it would be lost at once. */
static int
checkStorable(qemuVM *vm, const qemuTargetDisk *disk)
{
    g_autoptr(virJSONValue) stamp = NULL;

    if (!vm->helper || !disk->source->nbd)
        return 0;
    stamp = qemuBitmapStoreStampFetch(disk->source, 0);
    return stamp ? 0 : -1;
}

/* What the planner needs to know of one disk: its node and the bitmaps already on it. */
static int
prepareDisk(qemuVM *vm, qemuCheckpointPrepared *prep, const virDomainCheckpointDiskDef *disk,
            const qemuGraph *graph)
{
    const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), disk->name);
    const qemuGraphNode *node = td ? qemuGraphNodeLookup(graph, td->node) : NULL;
    qemuCheckpointPlanDisk *plan = &prep->disks[prep->ndisks];
    char **chain = NULL;

    if (!node) {
        reportNoImage(vm, prep->def->name, disk->name);
        return -1;
    }
    if (node->stored && checkStorable(vm, td) < 0)
        return -1;
    chain = qemuCheckpointLineEnd(vm, disk->name, node);
    g_ptr_array_add(prep->chains, chain);
    plan->name = disk->name;
    plan->node = node;
    plan->bitmap = disk->bitmap;
    plan->checkpoints = (const char *const *)chain;
    prep->ndisks++;
    return 0;
}

static int
checkNameIsFree(qemuVM *vm, const char *name)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (!qemuCheckpointListLookup(vm->checkpoints, name))
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "domain moment %s already exists; choose another name or delete that checkpoint "
                   "of domain '%s'",
                   name, vm->name);
    return -1;
}

qemuCheckpointPrepared *
qemuCheckpointPrepare(qemuVM *vm, virDomainCheckpointDef **def, const qemuGraph *graph)
{
    g_autoptr(qemuCheckpointPrepared) prep = g_new0(qemuCheckpointPrepared, 1);
    virDomainCheckpointDef *parent = NULL;

    prep->def = g_steal_pointer(def);
    prep->chains = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    prep->def->dom = qemuVMCopyDef(vm);
    if (!prep->def->dom ||
        virDomainCheckpointDefAlign(prep->def, prep->def->dom, g_get_real_time() / G_USEC_PER_SEC) < 0 ||
        checkNameIsFree(vm, prep->def->name) < 0)
        return NULL;
    {
        QEMU_VM_LOCK_GUARD(vm);
        parent = qemuCheckpointListCurrent(vm->checkpoints);
        prep->def->parent = parent ? g_strdup(parent->name) : NULL;
    }
    prep->def->state = VIR_CHECKPOINT_STATE_CREATING;
    prep->disks = g_new0(qemuCheckpointPlanDisk, prep->def->disks->len);
    for (guint i = 0; i < prep->def->disks->len; i++) {
        const virDomainCheckpointDiskDef *disk = g_ptr_array_index(prep->def->disks, i);

        if (disk->type == VIR_CHECKPOINT_DISK_BITMAP && prepareDisk(vm, prep, disk, graph) < 0)
            return NULL;
    }
    return g_steal_pointer(&prep);
}

/* The list owns what it shows; @prep keeps its own copy for the planner's borrowed strings. */
static virDomainCheckpointDef *
copyDef(const virDomainCheckpointDef *def)
{
    g_autofree char *text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_SECURE |
                                                                  VIR_CHECKPOINT_FORMAT_RECORD);

    return virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_REDEFINE |
                                                 VIR_CHECKPOINT_PARSE_RECORD);
}

int
qemuCheckpointAnnounce(qemuVM *vm, qemuCheckpointPrepared *prep)
{
    g_autoptr(virDomainCheckpointDef) listed = copyDef(prep->def);

    if (!listed || qemuCheckpointOrderBegin(vm) < 0 ||
        qemuCheckpointRecordSave(vm, prep->def, "checkpoint.create.record") < 0)
        return -1;
    qemuCheckpointOrderCreated(vm, prep->def);
    {
        QEMU_VM_LOCK_GUARD(vm);
        qemuCheckpointListAdd(vm->checkpoints, g_steal_pointer(&listed));
    }
    return 0;
}

void
qemuCheckpointConfirm(qemuVM *vm, qemuCheckpointPrepared *prep)
{
    virDomainCheckpointDef *listed = NULL;

    qemuCheckpointBooksCreated(vm, prep->disks, prep->ndisks);
    prep->def->state = VIR_CHECKPOINT_STATE_READY;
    {
        QEMU_VM_LOCK_GUARD(vm);
        listed = qemuCheckpointListLookup(vm->checkpoints, prep->def->name);
        listed->state = VIR_CHECKPOINT_STATE_READY;
    }
    if (qemuCheckpointRecordSave(vm, prep->def, "checkpoint.create.ready") < 0) {
        VIR_WARN("checkpoint '%s' of domain '%s' is made but its record still says 'creating'; the "
                 "next operation or start of the daemon settles it: %s",
                 prep->def->name, vm->name, virErrorLastMessage());
        qemuCheckpointListNoteStale(vm->checkpoints, prep->def->name);
        virErrorReset();
    }
}

void
qemuCheckpointForget(qemuVM *vm, const char *name)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    qemuCheckpointBooksForget(vm);
    qemuCheckpointOrderDeleted(vm, (const char *const[]){ name, NULL });
    if (qemuCheckpointRecordRemove(vm, name, "checkpoint.create.forget") < 0)
        VIR_WARN("record of checkpoint '%s' of domain '%s' stays as 'creating' and is forgotten at the "
                 "next start: %s",
                 name, vm->name, virErrorLastMessage());
    {
        QEMU_VM_LOCK_GUARD(vm);
        qemuCheckpointListRemove(vm->checkpoints, name);
    }
    virErrorRestore(&saved);
}

/* The bitmaps may not have reached the images of a stopped domain. If not even that can be put right,
 * the record stays 'creating': what is in the images decides, at the next operation. */
static void
takeBack(qemuVM *vm, qemuPlanRun *run, const char *name)
{
    virErrorPtr saved = NULL;
    bool clean = false;

    virErrorPreserveLast(&saved);
    clean = qemuTargetSetMode(vm, QEMU_HELPER_CHANGE) == 0 &&
            qemuPlanRunUndo(run, qemuVMTarget(vm), false) == 0;
    if (clean)
        qemuCheckpointOrderDeleted(vm, (const char *const[]){ name, NULL });
    clean = clean && qemuTargetStore(vm) == 0;
    virErrorRestore(&saved);
    if (clean)
        qemuCheckpointForget(vm, name);
}

int
qemuCheckpointMake(qemuVM *vm, qemuCheckpointPrepared *prep)
{
    g_autoptr(qemuPlan) plan = qemuCheckpointPlanCreate(prep->disks, prep->ndisks, prep->quiesce);
    qemuPlanRun run = { 0 };

    if (!plan || qemuCheckpointAnnounce(vm, prep) < 0)
        return -1;
    run.plan = plan;
    if (qemuPlanRunAll(&run, qemuVMTarget(vm)) < 0) {
        qemuCheckpointForget(vm, prep->def->name);
        return -1;
    }
    if (qemuTargetStore(vm) < 0) {
        takeBack(vm, &run, prep->def->name);
        return -1;
    }
    return 0;
}

static int
createWithTarget(qemuVM *vm, virDomainCheckpointDef **def, bool quiesce, char **name)
{
    qemuGraph *books = qemuCheckpointBooks(vm);
    g_autoptr(qemuCheckpointPrepared) prep = books ? qemuCheckpointPrepare(vm, def, books) : NULL;

    if (!prep)
        return -1;
    prep->quiesce = quiesce;
    if (qemuCheckpointMake(vm, prep) < 0)
        return -1;
    qemuCheckpointConfirm(vm, prep);
    *name = g_strdup(prep->def->name);
    return 0;
}

static int
createHeld(qemuVM *vm, virDomainCheckpointDef **def, bool quiesce, char **name)
{
    if (!qemuTargetBegin(vm, QEMU_HELPER_CHANGE))
        return -1;
    return qemuTargetEnd(vm, createWithTarget(vm, def, quiesce, name));
}

virDomainCheckpointPtr
qemuDomainCheckpointCreateXML(virDomainPtr dom, const char *xml, unsigned int flags)
{
    bool redefine = flags & VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE;
    bool validate = flags & VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE;
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(virDomainCheckpointDef) def = NULL;
    g_autofree char *name = NULL;
    int rc = -1;

    virCheckFlags(VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                      VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE |
                      VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE,
                  NULL);
    def = virDomainCheckpointDefParse(xml, redefine || validate ? VIR_CHECKPOINT_PARSE_REDEFINE : 0);
    if (!def || !(vm = qemuVMFromDomain(dom)) ||
        qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainCheckpointCreateXML") < 0)
        return NULL;
    qemuReconcileLeftovers(vm);
    if (redefine || validate)
        rc = qemuCheckpointRedefine(vm, &def, validate, &name);
    else
        rc = createHeld(vm, &def, flags & VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE, &name);
    qemuJobEnd(&vm->job);
    return rc < 0 ? NULL : virObjectCheckpointNew(dom, name);
}
