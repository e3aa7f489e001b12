/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The graph of a disk while it is backed up, from the instant to its end.
 *
 * A filter is made before the instant, where nothing reads through it yet and its failure harms nobody.
 * Two kinds have to wait for the pause:
 * - one that is to keep only what has changed: it takes its own copy of the union when it is made;
 * - one on an iothread: QEMU 7.2 aborts ("qemu_mutex_unlock_impl: Operation not permitted") when a node
 *   is opened on top of one that has requests in flight in another thread. So the window of such a
 *   disk, too, is opened in the pause.
 */
#include "qemu_backup_plan_graph.h"

#include "qemu_checkpoint_plan.h"
#include "qemu_nbd.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"

char *
qemuBackupNodeName(const char *what, const char *disk)
{
    return g_strdup_printf("fleece-%s-%s", what, disk);
}

char *
qemuBackupUnionName(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    if (def->mode == VIR_BACKUP_MODE_PULL && disk->exportBitmap)
        return g_strdup(disk->exportBitmap);
    return g_strdup_printf("backup-%s", disk->name);
}

char *
qemuBackupWindowPath(const char *privateDir, const char *disk)
{
    return g_strdup_printf("%s/window-%s", privateDir, disk);
}

void
qemuBackupPlanJoin(qemuPlan *plan, guint first)
{
    for (guint i = first; i + 1 < plan->steps->len; i++)
        ((qemuPlanStep *)g_ptr_array_index(plan->steps, i))->batch = true;
}

virJSONValue *
qemuBackupPlanTransaction(virJSONValue *actions)
{
    return virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions);
}

virJSONValue *
qemuBackupPlanNodeDelete(const char *what, const char *disk)
{
    g_autofree char *node = qemuBackupNodeName(what, disk);

    return virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", node);
}

static virJSONValue *
deviceSwitch(const qemuTargetDisk *disk, const char *node)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", disk->qdev);

    return virJSONBuild("{'execute':'qom-set','arguments':{'path':%s,'property':'drive',"
                        "'value':%s}}", path, node);
}

bool
qemuBackupPlanHasFilter(const qemuTargetDisk *disk)
{
    return disk->qdev != NULL;
}

/* A push reads nothing else, and an increment is to hold nothing else. */
bool
qemuBackupPlanIsLimited(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    return disk->incremental && (def->mode == VIR_BACKUP_MODE_PUSH ||
                                 VIR_BACKUP_OPTION(def, SCOPE) == VIR_BACKUP_SCOPE_CHANGED);
}

bool
qemuBackupPlanIsLate(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk,
                     const qemuTargetDisk *target)
{
    return target->iothread || qemuBackupPlanIsLimited(def, disk);
}

/* A scratch of a push has no labels. */
static bool
keepsOwner(const virDomainBackupDiskDef *disk, const virStorageSource *store)
{
    return store == disk->store && virDomainBackupDiskKeepsOwner(disk);
}

/* Of the node that opens @store. */
static char *
secretObject(const virStorageSource *store, const virDomainBackupDiskDef *disk)
{
    g_autofree char *node = qemuBackupNodeName(store == disk->scratch ? "kept" : "store", disk->name);

    return qemuSecretObjectName(node);
}

void
qemuBackupPlanSecret(qemuPlan *plan, const virStorageSource *store, const char *suffix,
                     const virDomainBackupDiskDef *disk)
{
    g_autofree char *object = secretObject(store, disk);

    qemuPlanAddSecret(plan, store->encryption, object, "backup.begin.secret%s.%s", suffix, disk->name);
}

static void
planFile(qemuPlan *plan, const qemuBackupPlanInput *input, const virStorageSource *store,
         qemuPlanStepKind kind, const char *suffix, const qemuBackupPlanDisk *disk)
{
    bool keepOwner = keepsOwner(disk->def, store);
    qemuPlanStep *made = NULL;

    if (store->type == VIR_STORAGE_TYPE_BLOCK || input->reuseExternal) {
        if (!keepOwner)
            qemuPlanAddStep(plan, QEMU_STEP_LEND, store->path, "backup.begin.lend%s.%s", suffix,
                            disk->disk->name);
        return;
    }
    made = qemuPlanAddStep(plan, kind, store->path, "backup.begin.create%s.%s", suffix,
                           disk->disk->name);
    made->keepOwner = keepOwner;
    made->size = store->format == VIR_STORAGE_FORMAT_NONE ? 0 : disk->size;
    if (kind == QEMU_STEP_SCRATCH_CREATE)
        made->limit = virDomainBackupDiskScratchLimit(input->def, disk->def, input->reuseExternal);
    made->format = store->format == VIR_STORAGE_FORMAT_QCOW2 ? VIR_STORAGE_FORMAT_QCOW2
                                                             : VIR_STORAGE_FORMAT_RAW;
    made->secret = store->encryption ? virStorageEncryptionToRef(store->encryption) : NULL;
}

void
qemuBackupPlanFile(qemuPlan *plan, const qemuBackupPlanInput *input, const virStorageSource *store,
                   qemuPlanStepKind kind, const char *suffix, const qemuBackupPlanDisk *disk)
{
    planFile(plan, input, store, kind, suffix, disk);
    qemuBackupPlanSecret(plan, store, suffix, disk->def);
}

void
qemuBackupPlanWindow(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *path = qemuBackupWindowPath(input->privateDir, name);

    qemuPlanAddStep(plan, QEMU_STEP_WINDOW_CREATE, path, "backup.begin.window.%s", name)->size =
        disk->size;
}

void
qemuBackupPlanOpen(qemuPlan *plan, virJSONValue *options, const char *what, const char *step,
                   const char *disk)
{
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'blockdev-add','arguments':%v}", options),
                   qemuBackupPlanNodeDelete(what, disk), "backup.begin.%s.%s", step, disk);
}

/* Where what the guest overwrites is kept: the scratch of a pull or a fleeced push; else the target itself. */
static const char *
keeper(const virDomainBackupDiskDef *disk)
{
    return disk->scratch ? "kept" : "store";
}

/* A scratch. A quorum of one announces every request that fails below it (qemu_backup_broken.c). A raw node
 * with a size fails what goes beyond it. no-flush: QEMU would write it out to the host's disk when it closes
 * it, in its main loop, and nobody needs it any more then. */
static virJSONValue *
keeperOptions(const qemuBackupPlanInput *input, const virDomainBackupDiskDef *disk)
{
    const virStorageSource *store = disk->scratch ? disk->scratch : disk->store;
    g_autofree char *node = qemuBackupNodeName(keeper(disk), disk->name);
    g_autofree char *scratch = qemuBackupNodeName("scratch", disk->name);
    const char *protocol = store->type == VIR_STORAGE_TYPE_BLOCK ? "host_device" : "file";
    unsigned long long limit = virDomainBackupDiskScratchLimit(input->def, disk, input->reuseExternal);
    virJSONValue *options = qemuNodesDriverProps(store, node);
    virJSONValue *file = NULL;

    if (limit > 0)
        file = virJSONBuild("{'driver':'raw','node-name':%s,'size':%llu,'file':{'driver':%s,'filename':%s}}",
                            scratch, limit, protocol, store->path);
    else
        file = virJSONBuild("{'driver':%s,'node-name':%s,'filename':%s}", protocol, scratch, store->path);
    virJSONObjectSet(options, "cache", virJSONBuild("{'no-flush':%b}", true));
    virJSONObjectSet(options, "file",
                     virJSONBuild("{'driver':'quorum','vote-threshold':%d,'children':[%v]}", 1, file));
    return options;
}

/* The target of a push is open already. */
static bool
keeperIsOpen(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    return def->mode == VIR_BACKUP_MODE_PUSH && !disk->scratch;
}

/* What the guest writes is counted beside what is copied for it: qemuPlanQMPCheckCopies. */
static void
planWritten(qemuPlan *plan, const char *filter, const char *disk)
{
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'block-dirty-bitmap-add','arguments':{'node':%s,'name':%s,"
                                "'granularity':%d}}",
                                filter, QEMU_BACKUP_WRITTEN, QEMU_BITMAP_GRANULARITY),
                   NULL, "backup.begin.written.%s", disk);
}

/* Without discard=unmap, deliberately: what the guest discards would be copied first. */
static void
planFilter(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virDomainBackupDef *def = input->def;
    const char *name = disk->disk->name;
    g_autofree char *filter = qemuBackupNodeName("cbw", name);
    g_autofree char *unionName = qemuBackupUnionName(def, disk->def);
    g_autofree char *node = qemuBackupNodeName(keeper(disk->def), name);
    bool named = keeperIsOpen(def, disk->def) || qemuBackupPlanIsLate(def, disk->def, disk->disk);
    virJSONValue *target = named ? virJSONNewString(node) : keeperOptions(input, disk->def);
    virJSONValue *bitmap = NULL;

    if (qemuBackupPlanIsLimited(def, disk->def))
        bitmap = virJSONBuild("{'node':%s,'name':%s}", disk->disk->node, unionName);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-add','arguments':{"
                                "'driver':'copy-before-write','node-name':%s,'file':%s,"
                                "'target':%v,'bitmap':%v,'on-cbw-error':'break-snapshot',"
                                "'cbw-timeout':%u}}",
                                filter, disk->disk->node, target, bitmap,
                                input->cbwTimeout),
                   qemuBackupPlanNodeDelete("cbw", name), "backup.begin.filter.%s", name);
    if (keeperIsOpen(def, disk->def))
        planWritten(plan, filter, name);
}

void
qemuBackupPlanFilterBefore(qemuPlan *plan, const qemuBackupPlanInput *input,
                           const qemuBackupPlanDisk *disk)
{
    const virDomainBackupDef *def = input->def;

    if (!qemuBackupPlanIsLate(def, disk->def, disk->disk))
        planFilter(plan, input, disk);
    else if (!keeperIsOpen(def, disk->def))
        qemuBackupPlanOpen(plan, keeperOptions(input, disk->def), keeper(disk->def),
                           disk->def->scratch ? "open-scratch" : "open", disk->disk->name);
}

static void
appendUnion(virJSONValue *actions, const virDomainBackupDef *def, const qemuBackupPlanDisk *disk)
{
    g_autofree char *name = qemuBackupUnionName(def, disk->def);
    virJSONValue *sources = virJSONNewArray();

    for (guint i = 0; i < disk->since->len; i++)
        virJSONArrayAppend(sources, virJSONNewString(g_ptr_array_index(disk->since, i)));
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                                    "'granularity':%d,'disabled':%b}}",
                                    disk->disk->node, name, QEMU_BITMAP_GRANULARITY, true));
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,"
                                    "'target':%s,'bitmaps':%v}}",
                                    disk->disk->node, name, sources));
}

void
qemuBackupPlanBitmaps(qemuPlan *plan, const qemuBackupPlanInput *input, virJSONValue *jobs)
{
    g_autoptr(virJSONValue) actions =
        input->checkpointActions ? virJSONCopy(input->checkpointActions) : virJSONNewArray();
    g_autoptr(virJSONValue) undo = NULL;
    g_autoptr(virJSONValue) more = jobs;

    for (size_t i = 0; i < input->ndisks; i++) {
        if (input->disks[i].since)
            appendUnion(actions, input->def, &input->disks[i]);
    }
    for (size_t i = 0; i < virJSONArraySize(more); i++)
        virJSONArrayAppend(actions, virJSONCopy(virJSONArrayAt(more, i)));
    if (virJSONArraySize(actions) == 0)
        return;
    undo = qemuCheckpointPlanUndoActions(actions);
    qemuPlanAddQMP(plan, qemuBackupPlanTransaction(g_steal_pointer(&actions)),
                   virJSONArraySize(undo) > 0 ? qemuBackupPlanTransaction(g_steal_pointer(&undo)) : NULL,
                   "backup.begin.transaction");
}

/* What the window looks at. Announced is whoever cannot read any more; but where only changes can be
 * read, a reader may as well have asked for something else. The job of a push says so itself. */
static virJSONValue *
snapshotOptions(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    g_autofree char *filter = qemuBackupNodeName("cbw", disk->name);
    g_autofree char *snapshot = qemuBackupNodeName("snapshot", disk->name);
    bool pull = def->mode == VIR_BACKUP_MODE_PULL;
    virJSONValue *access = virJSONBuild("{'driver':'snapshot-access','node-name':%s,'file':%s}",
                                        pull ? snapshot : NULL, filter);

    if (!pull || qemuBackupPlanIsLimited(def, disk))
        return access;
    return virJSONBuild("{'driver':'quorum','vote-threshold':%d,'read-pattern':'fifo','children':[%v]}",
                        1, access);
}

static void
planAccess(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *access = qemuBackupNodeName("access", name);
    g_autofree char *window = qemuBackupWindowPath(input->privateDir, name);

    qemuBackupPlanOpen(plan,
                       virJSONBuild("{'driver':'qcow','node-name':%s,'read-only':%b,"
                                    "'file':{'driver':'file','filename':%s},'backing':%v}",
                                    access, true, window, snapshotOptions(input->def, disk->def)),
                       "access", "access", name);
}

void
qemuBackupPlanAccess(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    if (qemuBackupPlanHasFilter(disk->disk) && !disk->disk->iothread)
        planAccess(plan, input, disk);
}

/* In the pause. */
static void
planSwitch(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const qemuTargetDisk *target = disk->disk;
    g_autofree char *filter = qemuBackupNodeName("cbw", target->name);

    if (qemuBackupPlanIsLate(input->def, disk->def, target))
        planFilter(plan, input, disk);
    qemuPlanAddQMP(plan, deviceSwitch(target, filter), deviceSwitch(target, target->node),
                   "backup.begin.switch.%s", target->name);
    if (target->iothread)
        planAccess(plan, input, disk);
}

static bool
needsPause(const qemuBackupPlanInput *input)
{
    for (size_t i = 0; i < input->ndisks; i++) {
        if (qemuBackupPlanHasFilter(input->disks[i].disk))
            return input->guestRuns;
    }
    return false;
}

static void
planPause(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    /* "stop" flushes every disk: what is on the host's disk already need not be waited for then */
    for (size_t i = 0; i < input->ndisks; i++)
        if (input->disks[i].disk->source->path)
            qemuPlanAddStep(plan, QEMU_STEP_FLUSH, input->disks[i].disk->source->path,
                            "backup.begin.flush.%s", input->disks[i].disk->name);
    qemuPlanAddStep(plan, QEMU_STEP_HIDE_PAUSE, NULL, "backup.begin.hide");
}

static virJSONValue *
simpleCommand(const char *name)
{
    return virJSONBuild("{'execute':%s}", name);
}

static void
planSwitches(qemuPlan *plan, const qemuBackupPlanInput *input, bool pause)
{
    guint first = plan->steps->len;

    if (pause)
        qemuPlanAddQMP(plan, simpleCommand("stop"), NULL, "backup.begin.stop");
    qemuBackupPlanBitmaps(plan, input, NULL);
    for (size_t i = 0; i < input->ndisks; i++) {
        if (qemuBackupPlanHasFilter(input->disks[i].disk))
            planSwitch(plan, input, &input->disks[i]);
    }
    if (pause)
        qemuPlanAddQMP(plan, simpleCommand("cont"), NULL, "backup.begin.cont")->repair =
            QEMU_STEP_REPAIR_REDO;
    qemuBackupPlanJoin(plan, first);
}

/* The file systems are frozen as late as can be: the guest cannot write from there to the thaw. */
void
qemuBackupPlanInstant(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    bool quiesce = VIR_BACKUP_OPTION(input->def, QUIESCE);
    bool pause = needsPause(input);

    if (quiesce)
        qemuPlanAddStep(plan, QEMU_STEP_FREEZE, NULL, "backup.begin.freeze");
    if (pause)
        planPause(plan, input);
    planSwitches(plan, input, pause);
    if (pause)
        qemuPlanAddStep(plan, QEMU_STEP_SHOW_PAUSE, NULL, "backup.begin.show")->repair =
            QEMU_STEP_REPAIR_REDO;
    if (quiesce)
        qemuPlanAddStep(plan, QEMU_STEP_THAW, NULL, "backup.begin.thaw");
}

void
qemuBackupPlanScratchWait(qemuPlan *plan, const qemuBackupPlanEnding *ending, unsigned int timeoutMs)
{
    for (size_t i = 0; i < ending->ndisks; i++) {
        const virDomainBackupDiskDef *disk = ending->disks[i].def;
        const virStorageSource *scratch =
            ending->def->mode == VIR_BACKUP_MODE_PULL ? disk->store : disk->scratch;

        if (scratch && qemuBackupPlanHasFilter(ending->disks[i].disk))
            qemuPlanAddStep(plan, QEMU_STEP_WAIT_SCRATCH, scratch->path, "backup.end.scratch.%s",
                            disk->name)->size = timeoutMs;
    }
}

/* Between the switch, which lets all copies for the guest come to their end, and the filter's end. */
static void
planCheckCopies(qemuPlan *plan, const qemuBackupPlanEnding *ending, const virDomainBackupDiskDef *disk)
{
    g_autofree char *filter = qemuBackupNodeName("cbw", disk->name);

    if (ending->checkCopies && keeperIsOpen(ending->def, disk))
        qemuPlanAddStep(plan, QEMU_STEP_CHECK_COPIES, filter, "backup.end.check.%s", disk->name);
}

void
qemuBackupPlanFilterEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending,
                        const qemuBackupPlanEndDisk *disk)
{
    const qemuTargetDisk *target = disk->disk;
    const char *name = target->name;

    qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete("access", name), NULL, "backup.end.access.%s", name);
    qemuPlanAddQMP(plan, deviceSwitch(target, disk->under ? disk->under : target->node), NULL,
                   "backup.end.switch.%s", name);
    planCheckCopies(plan, ending, disk->def);
    qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete("cbw", name), NULL, "backup.end.filter.%s", name);
    if (qemuBackupPlanIsLate(ending->def, disk->def, target) && !keeperIsOpen(ending->def, disk->def))
        qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete(keeper(disk->def), name), NULL,
                       "backup.end.close%s.%s", disk->def->scratch ? "-scratch" : "", name);
}

void
qemuBackupPlanUnionsEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    g_autoptr(virJSONValue) actions = virJSONNewArray();

    for (size_t i = 0; i < ending->ndisks; i++) {
        const qemuBackupPlanEndDisk *disk = &ending->disks[i];
        g_autofree char *name = qemuBackupUnionName(ending->def, disk->def);

        if (disk->hasUnion)
            virJSONArrayAppend(actions,
                               virJSONBuild("{'type':'block-dirty-bitmap-remove','data':{'node':%s,"
                                            "'name':%s}}", disk->disk->node, name));
    }
    if (virJSONArraySize(actions) > 0)
        qemuPlanAddQMP(plan, qemuBackupPlanTransaction(g_steal_pointer(&actions)), NULL,
                       "backup.end.bitmaps");
}

void
qemuBackupPlanFileEnd(qemuPlan *plan, const virStorageSource *store, bool remove, const char *suffix,
                      const virDomainBackupDiskDef *disk)
{
    g_autofree char *object = store ? secretObject(store, disk) : NULL;

    if (store && store->encryption)
        qemuPlanAddQMP(plan, qemuSecretDelete(object), NULL, "backup.end.secret%s.%s", suffix, disk->name);
    if (store && store->path && (remove || !keepsOwner(disk, store)))
        qemuPlanAddStep(plan, remove ? QEMU_STEP_UNLINK : QEMU_STEP_RETURN, store->path,
                        "backup.end.%s%s.%s", remove ? "unlink" : "return", suffix, disk->name);
}

void
qemuBackupPlanWindowsEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    for (size_t i = 0; i < ending->ndisks; i++) {
        const qemuTargetDisk *disk = ending->disks[i].disk;
        g_autofree char *path =
            qemuBackupPlanHasFilter(disk) ? qemuBackupWindowPath(ending->privateDir, disk->name) : NULL;

        if (path)
            qemuPlanAddStep(plan, QEMU_STEP_UNLINK, path, "backup.end.window.%s", disk->name);
    }
}
