/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning backups. The order of the steps is the design; the header draws the graph.
 *
 * Pull, begin: whatever can fail without touching the guest comes first (scratch files, their nodes,
 * filters that nothing reads through yet, the NBD server's address), then the instant, sent as one
 * write so that "cont" is on its way whatever becomes of us, then what makes the snapshot visible.
 * Pull, end: the same backwards, readers first: with snapshot-access still there, the device could not
 * get its node back (the filter denies others to write below it).
 */
#include "qemu_backup_plan.h"

#include "qemu_checkpoint_plan.h"
#include "qemu_nbd.h"
#include "qemu_tls.h"

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

/* The steps from @first on go out in one write. */
static void
joinSteps(qemuPlan *plan, guint first)
{
    for (guint i = first; i + 1 < plan->steps->len; i++)
        ((qemuPlanStep *)g_ptr_array_index(plan->steps, i))->batch = true;
}

static virJSONValue *
simpleCommand(const char *name)
{
    return virJSONBuild("{'execute':%s}", name);
}

static virJSONValue *
transactionNew(virJSONValue *actions)
{
    return virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions);
}

static virJSONValue *
nodeDelete(const char *what, const char *disk)
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

static virJSONValue *
exportDelete(const char *disk)
{
    g_autofree char *id = qemuBackupNodeName("export", disk);

    return virJSONBuild("{'execute':'block-export-del','arguments':{'id':%s,'mode':'hard'}}", id);
}

static virJSONValue *
jobCommand(const char *command, const char *what, const char *disk)
{
    g_autofree char *id = qemuBackupNodeName(what, disk);

    return virJSONBuild("{'execute':%s,'arguments':{'id':%s}}", command, id);
}

static virJSONValue *
bitmapRemove(const char *node, const char *name)
{
    return virJSONBuild("{'type':'block-dirty-bitmap-remove','data':{'node':%s,'name':%s}}",
                        node, name);
}

/* The protocol node stands inside, without a name of ours: it goes with its parent. Nothing is said
 * that is the default, as every byte takes QEMU time (qemu_monitor.c). @discard: NULL = ignore. */
static virJSONValue *
storeOptions(const qemuBackupPlanDisk *disk, const char *discard)
{
    const virStorageSource *store = disk->def->store;
    g_autofree char *node = qemuBackupNodeName("store", disk->disk->name);
    const char *format = virDomainBackupDiskDriver(disk->def);
    const char *protocol = store->type == VIR_STORAGE_TYPE_BLOCK ? "host_device" : "file";

    if (store->nbd) {
        g_autofree char *wire = qemuBackupNodeName("wire", disk->disk->name);
        virJSONValue *connection = qemuNbdOptions(store->nbd);

        virJSONObjectSet(connection, "node-name", virJSONNewString(wire));
        return virJSONBuild("{'driver':%s,'node-name':%s,'discard':%s,'file':%v}", format, node,
                            discard, connection);
    }
    return virJSONBuild("{'driver':%s,'node-name':%s,'discard':%s,"
                        "'file':{'driver':%s,'filename':%s,'discard':%s}}",
                        format, node, discard, protocol, store->path, discard);
}

/* A quorum of one announces every request that fails below it (qemu_backup_broken.c). A raw node with
 * a size fails what goes beyond it. */
static virJSONValue *
scratchOptions(const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    const virStorageSource *store = disk->def->store;
    g_autofree char *node = qemuBackupNodeName("store", name);
    g_autofree char *scratch = qemuBackupNodeName("scratch", name);
    const char *protocol = store->type == VIR_STORAGE_TYPE_BLOCK ? "host_device" : "file";
    unsigned long long limit =
        virDomainBackupDiskScratchLimit(input->def, disk->def, input->reuseExternal);
    virJSONValue *file = NULL;

    if (limit > 0)
        file = virJSONBuild("{'driver':'raw','node-name':%s,'size':%llu,'file':{'driver':%s,'filename':%s}}",
                            scratch, limit, protocol, store->path);
    else
        file = virJSONBuild("{'driver':%s,'node-name':%s,'filename':%s}", protocol, scratch, store->path);
    return virJSONBuild("{'driver':'qcow2','node-name':%s,'file':{'driver':'quorum','vote-threshold':%d,"
                        "'children':[%v]}}",
                        node, 1, file);
}

/* What we cannot make ourselves QEMU makes, in an empty file. "vpc" counts in cylinders unless told not to. */
static void
planStoreFormat(qemuPlan *plan, const qemuBackupPlanDisk *disk)
{
    const char *driver = virDomainBackupDiskDriver(disk->def);
    g_autofree char *id = qemuBackupNodeName("format", disk->disk->name);
    virJSONValue *options =
        virJSONBuild("{'driver':%s,'file':{'driver':'file','filename':%s},'size':%llu}", driver,
                     disk->def->store->path, disk->size);
    qemuPlanStep *step = NULL;

    if (disk->def->format == VIR_BACKUP_FORMAT_VPC)
        virJSONObjectSet(options, "force-size", virJSONNewBoolean(true));
    step = qemuPlanAddQMP(plan,
                          virJSONBuild("{'execute':'blockdev-create','arguments':{'job-id':%s,'options':%v}}",
                                       id, options),
                          jobCommand("job-dismiss", "format", disk->disk->name), "backup.begin.format.%s", disk->disk->name);
    step->kind = QEMU_STEP_JOB;
}

static void
planStoreCreate(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virStorageSource *store = disk->def->store;
    bool pull = input->def->mode == VIR_BACKUP_MODE_PULL;
    qemuPlanStep *step = NULL;

    if (store->nbd)
        return;
    if (store->type == VIR_STORAGE_TYPE_BLOCK || input->reuseExternal) {
        if (!virDomainBackupDiskKeepsOwner(disk->def))
            qemuPlanAddStep(plan, QEMU_STEP_LEND, store->path, "backup.begin.lend.%s",
                        disk->disk->name);
        return;
    }
    step = qemuPlanAddStep(plan, pull ? QEMU_STEP_SCRATCH_CREATE : QEMU_STEP_IMAGE_CREATE,
                           store->path, "backup.begin.create.%s", disk->disk->name);
    step->keepOwner = virDomainBackupDiskKeepsOwner(disk->def);
    step->size = disk->def->format ? 0 : disk->size;
    step->limit =
        pull ? virDomainBackupDiskScratchLimit(input->def, disk->def, input->reuseExternal) : 0;
    step->format = store->format == VIR_STORAGE_FORMAT_QCOW2 ? VIR_STORAGE_FORMAT_QCOW2
                                                             : VIR_STORAGE_FORMAT_RAW;
    if (disk->def->format)
        planStoreFormat(plan, disk);
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

/* QEMU applies them to the job's own copying alone, not to what it copies ahead of the guest's writes. */
static void
appendLimits(virJSONValue *job, const virDomainBackupDef *def)
{
    unsigned long long bandwidth = VIR_BACKUP_OPTION(def, BANDWIDTH);
    g_autofree char *speed = g_strdup_printf("%llu", bandwidth);

    if (bandwidth > 0)
        virJSONObjectSet(job, "speed", virJSONNewNumber(speed, -1));
    if (def->options.of[VIR_BACKUP_OPTION_WORKERS].given)
        virJSONObjectSet(job, "x-perf",
                         virJSONBuild("{'max-workers':%u}", (unsigned)VIR_BACKUP_OPTION(def, WORKERS)));
}

/* The errors of a push stay its own: "report" ends the job, the guest's error policy is not asked. */
static void
appendJob(virJSONValue *actions, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virDomainBackupDef *def = input->def;
    const char *name = disk->disk->name;
    g_autofree char *id = qemuBackupNodeName("push", name);
    g_autofree char *target = qemuBackupNodeName("store", name);
    g_autofree char *filter = qemuBackupNodeName("cbw", name);
    g_autofree char *bitmap = disk->since ? qemuBackupUnionName(def, disk->def) : NULL;
    virJSONValue *job =
        virJSONBuild("{'job-id':%s,'device':%s,'target':%s,'sync':%s,'bitmap':%s,'bitmap-mode':%s,"
                     "'filter-node-name':%s,'on-source-error':'report','on-target-error':'report',"
                     "'auto-finalize':%b,'auto-dismiss':%b}",
                     id, disk->disk->node, target, bitmap ? "bitmap" : "full", bitmap,
                     bitmap ? "never" : NULL, filter, true, false);

    appendLimits(job, def);
    if (VIR_BACKUP_OPTION(def, COMPRESS) &&
        virDomainBackupDiskCompressible(disk->def, input->reuseExternal))
        virJSONObjectSet(job, "compress", virJSONNewBoolean(true));
    virJSONArrayAppend(actions, virJSONBuild("{'type':'blockdev-backup','data':%v}", job));
}

static virJSONValue *
beginActions(const qemuBackupPlanInput *input)
{
    virJSONValue *actions =
        input->checkpointActions ? virJSONCopy(input->checkpointActions) : virJSONNewArray();

    for (size_t i = 0; i < input->ndisks; i++) {
        if (input->disks[i].since)
            appendUnion(actions, input->def, &input->disks[i]);
    }
    for (size_t i = 0; i < input->ndisks && input->def->mode == VIR_BACKUP_MODE_PUSH; i++)
        appendJob(actions, input, &input->disks[i]);
    return actions;
}

static void
planTransaction(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    g_autoptr(virJSONValue) actions = beginActions(input);
    g_autoptr(virJSONValue) undo = qemuCheckpointPlanUndoActions(actions);

    if (virJSONArraySize(actions) == 0)
        return;
    qemuPlanAddQMP(plan, transactionNew(g_steal_pointer(&actions)),
                   virJSONArraySize(undo) > 0 ? transactionNew(g_steal_pointer(&undo)) : NULL,
                   "backup.begin.transaction");
}

static virJSONValue *
credsDelete(void)
{
    return virJSONBuild("{'execute':'object-del','arguments':{'id':%s}}", QEMU_BACKUP_TLS);
}

static void
planServer(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    const virDomainBackupDef *def = input->def;
    g_autofree char *port = g_strdup_printf("%u", def->server.port);
    const char *host = def->server.host ? def->server.host : "localhost";
    virJSONValue *addr = NULL;

    if (def->server.transport == VIR_BACKUP_SERVER_UNIX)
        addr = virJSONBuild("{'type':'unix','data':{'path':%s}}", def->server.socket);
    else
        addr = virJSONBuild("{'type':'inet','data':{'host':%s,'port':%s}}", host, port);
    if (def->server.tls)
        qemuPlanAddQMP(plan, qemuTLSServerCreds(QEMU_BACKUP_TLS, input->tlsDir, input->tlsVerify),
                       credsDelete(), "backup.begin.tls");
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'nbd-server-start','arguments':{'addr':%v,'tls-creds':%s}}",
                                addr, def->server.tls ? QEMU_BACKUP_TLS : NULL),
                   simpleCommand("nbd-server-stop"), "backup.begin.server");
}

/* Is the filter of @disk to keep nothing but what has changed? It takes its own copy of the union when
 * it is made, and so can be made only when the union is complete: at the instant. Its scratch is a node
 * of its own then, opened before. */
static bool
isLimited(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    return def->mode == VIR_BACKUP_MODE_PULL &&
           VIR_BACKUP_OPTION(def, SCOPE) == VIR_BACKUP_SCOPE_CHANGED && disk->incremental;
}

static void
planStoreOpen(qemuPlan *plan, const char *disk, virJSONValue *options)
{
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'blockdev-add','arguments':%v}", options),
                   nodeDelete("store", disk), "backup.begin.open.%s", disk);
}

/* Without discard=unmap, deliberately: what the guest discards would be copied first. */
static void
planFilter(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *filter = qemuBackupNodeName("cbw", name);
    g_autofree char *unionName = qemuBackupUnionName(input->def, disk->def);
    g_autofree char *store = qemuBackupNodeName("store", name);
    bool limited = isLimited(input->def, disk->def);
    virJSONValue *target = limited ? virJSONNewString(store) : scratchOptions(input, disk);
    virJSONValue *bitmap = NULL;

    if (limited)
        bitmap = virJSONBuild("{'node':%s,'name':%s}", disk->disk->node, unionName);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-add','arguments':{"
                                "'driver':'copy-before-write','node-name':%s,'file':%s,"
                                "'target':%v,'bitmap':%v,'on-cbw-error':'break-snapshot',"
                                "'cbw-timeout':%u}}",
                                filter, disk->disk->node, target, bitmap, (unsigned)VIR_BACKUP_OPTION(input->def, CBW_TIMEOUT)),
                   nodeDelete("cbw", name), "backup.begin.filter.%s", name);
}

static void
planWindowCreate(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *path = qemuBackupWindowPath(input->privateDir, name);

    qemuPlanAddStep(plan, QEMU_STEP_WINDOW_CREATE, path, "backup.begin.window.%s", name)->size =
        disk->size;
}

static void
planPrepare(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = 0;

    for (size_t i = 0; i < input->ndisks; i++) {
        if (!input->disks[i].disk->qdev)
            continue;
        planStoreCreate(plan, input, &input->disks[i]);
        planWindowCreate(plan, input, &input->disks[i]);
    }
    first = plan->steps->len;
    planServer(plan, input);
    for (size_t i = 0; i < input->ndisks; i++) {
        if (!input->disks[i].disk->qdev)
            continue;
        if (isLimited(input->def, input->disks[i].def))
            planStoreOpen(plan, input->disks[i].disk->name, scratchOptions(input, &input->disks[i]));
        else
            planFilter(plan, input, &input->disks[i]);
    }
    joinSteps(plan, first);
}

/* As late as can be: the guest cannot write from here to the thaw. */
static void
planFreeze(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    if (VIR_BACKUP_OPTION(input->def, QUIESCE))
        qemuPlanAddStep(plan, QEMU_STEP_FREEZE, NULL, "backup.begin.freeze");
}

static void
planThaw(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    if (VIR_BACKUP_OPTION(input->def, QUIESCE))
        qemuPlanAddStep(plan, QEMU_STEP_THAW, NULL, "backup.begin.thaw");
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

/* The instant. */
static void
planInstant(qemuPlan *plan, const qemuBackupPlanInput *input, bool pause)
{
    guint first = plan->steps->len;

    if (pause)
        qemuPlanAddQMP(plan, simpleCommand("stop"), NULL, "backup.begin.stop");
    planTransaction(plan, input);
    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuTargetDisk *disk = input->disks[i].disk;
        g_autofree char *filter = qemuBackupNodeName("cbw", disk->name);

        if (!disk->qdev)
            continue;
        if (isLimited(input->def, input->disks[i].def))
            planFilter(plan, input, &input->disks[i]);
        qemuPlanAddQMP(plan, deviceSwitch(disk, filter), deviceSwitch(disk, disk->node),
                       "backup.begin.switch.%s", disk->name);
    }
    if (pause)
        qemuPlanAddQMP(plan, simpleCommand("cont"), NULL, "backup.begin.cont")->repair =
            QEMU_STEP_REPAIR_REDO;
    joinSteps(plan, first);
}

static void
planExport(qemuPlan *plan, const virDomainBackupDef *def, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *id = qemuBackupNodeName("export", name);
    g_autofree char *access = qemuBackupNodeName("access", name);
    g_autofree char *unionName = qemuBackupUnionName(def, disk->def);
    const char *exportName = disk->def->exportName ? disk->def->exportName : name;
    virJSONValue *bitmaps = NULL;

    if (disk->since)
        bitmaps = virJSONBuild("[{'node':%s,'name':%s}]", disk->disk->node, unionName);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'block-export-add','arguments':{'type':'nbd','id':%s,"
                                "'node-name':%s,'name':%s,'bitmaps':%v}}",
                                id, disk->disk->qdev ? access : disk->disk->node, exportName, bitmaps),
                   exportDelete(name), "backup.begin.export.%s", name);
}

/* What the window looks at. Announced is whoever cannot read any more; but where only changes can be
 * read, a reader may as well have asked for something else. */
static virJSONValue *
snapshotOptions(const virDomainBackupDef *def, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *filter = qemuBackupNodeName("cbw", name);
    g_autofree char *snapshot = qemuBackupNodeName("snapshot", name);
    virJSONValue *access = virJSONBuild("{'driver':'snapshot-access','node-name':%s,'file':%s}",
                                        snapshot, filter);

    if (isLimited(def, disk->def))
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

    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'qcow',"
                                "'node-name':%s,'read-only':%b,'file':{'driver':'file',"
                                "'filename':%s},'backing':%v}}",
                                access, true, window, snapshotOptions(input->def, disk)),
                   nodeDelete("access", name), "backup.begin.access.%s", name);
}

static void
planPublish(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = plan->steps->len;

    for (size_t i = 0; i < input->ndisks; i++) {
        if (input->disks[i].disk->qdev)
            planAccess(plan, input, &input->disks[i]);
    }
    for (size_t i = 0; i < input->ndisks; i++)
        planExport(plan, input->def, &input->disks[i]);
    joinSteps(plan, first);
}

static void
planPullBegin(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    bool filters = false;
    bool pause = false;

    for (size_t i = 0; i < input->ndisks; i++)
        filters = filters || input->disks[i].disk->qdev;
    pause = filters && input->guestRuns;
    planPrepare(plan, input);
    planFreeze(plan, input);
    if (pause)
        planPause(plan, input);
    planInstant(plan, input, pause);
    if (pause)
        qemuPlanAddStep(plan, QEMU_STEP_SHOW_PAUSE, NULL, "backup.begin.show")->repair =
            QEMU_STEP_REPAIR_REDO;
    planThaw(plan, input);
    planPublish(plan, input);
}

/* What takes the jobs back stands behind the transaction that starts them, joined to it, as steps with
 * only an undo: cancel, dismiss, and then the bitmaps are free to go. */
static void
planPushBegin(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = 0;

    for (size_t i = 0; i < input->ndisks; i++)
        planStoreCreate(plan, input, &input->disks[i]);
    first = plan->steps->len;
    for (size_t i = 0; i < input->ndisks; i++)
        planStoreOpen(plan, input->disks[i].disk->name, storeOptions(&input->disks[i], "unmap"));
    joinSteps(plan, first);
    planFreeze(plan, input);
    first = plan->steps->len;
    planTransaction(plan, input);
    for (size_t i = 0; i < input->ndisks; i++) {
        const char *name = input->disks[i].disk->name;

        qemuPlanAddQMP(plan, NULL, jobCommand("job-dismiss", "push", name), "backup.begin.dismiss.%s", name);
        qemuPlanAddQMP(plan, NULL, jobCommand("job-cancel", "push", name), "backup.begin.cancel.%s", name);
    }
    joinSteps(plan, first);
    planThaw(plan, input);
}

qemuPlan *
qemuBackupPlanBegin(const qemuBackupPlanInput *input)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-begin");

    if (input->def->mode == VIR_BACKUP_MODE_PULL)
        planPullBegin(plan, input);
    else
        planPushBegin(plan, input);
    return g_steal_pointer(&plan);
}

static void
planUnionsRemove(qemuPlan *plan, const virDomainBackupDef *def, const qemuBackupPlanEndDisk *disks,
                 size_t n)
{
    g_autoptr(virJSONValue) actions = virJSONNewArray();

    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = qemuBackupUnionName(def, disks[i].def);

        if (disks[i].hasUnion)
            virJSONArrayAppend(actions, bitmapRemove(disks[i].disk->node, name));
    }
    if (virJSONArraySize(actions) > 0)
        qemuPlanAddQMP(plan, transactionNew(g_steal_pointer(&actions)), NULL, "backup.end.bitmaps");
}

static void
planWindowsEnd(qemuPlan *plan, const qemuBackupPlanEndDisk *disks, size_t n, const char *privateDir)
{
    for (size_t i = 0; i < n; i++) {
        const qemuTargetDisk *disk = disks[i].disk;
        g_autofree char *path = disk->qdev ? qemuBackupWindowPath(privateDir, disk->name) : NULL;

        if (path)
            qemuPlanAddStep(plan, QEMU_STEP_UNLINK, path, "backup.end.window.%s", disk->name);
    }
}

static void
planStoresEnd(qemuPlan *plan, const qemuBackupPlanEndDisk *disks, size_t n, bool pull)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = disks[i].disk->name;
        qemuPlanStepKind kind = disks[i].removeStore ? QEMU_STEP_UNLINK : QEMU_STEP_RETURN;

        if (kind == QEMU_STEP_RETURN && virDomainBackupDiskKeepsOwner(disks[i].def))
            continue;
        if (disks[i].def->store && disks[i].def->store->path && (disks[i].disk->qdev || !pull))
            qemuPlanAddStep(plan, kind, disks[i].def->store->path, "backup.end.%s.%s",
                            disks[i].removeStore ? "unlink" : "return", name);
    }
}

/* For what the clients of the server must have let go of. */
static qemuPlanStep *
planWait(qemuPlan *plan, qemuPlanStepKind kind, const virDomainBackupDef *def, const char *name)
{
    bool isUnix = def->server.transport == VIR_BACKUP_SERVER_UNIX;
    qemuPlanStep *step = qemuPlanAddStep(plan, kind, isUnix ? def->server.socket : NULL, "%s", name);

    step->size = isUnix ? 0 : def->server.port;
    return step;
}

static void
planPullEnd(qemuPlan *plan, const virDomainBackupDef *def, const qemuBackupPlanEndDisk *disks,
            size_t n, const char *privateDir)
{
    guint first = plan->steps->len;

    for (size_t i = 0; i < n; i++)
        qemuPlanAddQMP(plan, exportDelete(disks[i].disk->name), NULL, "backup.end.export.%s",
                       disks[i].disk->name);
    joinSteps(plan, first);
    planWait(plan, QEMU_STEP_WAIT_EXPORTS, def, "backup.end.exports");
    first = plan->steps->len;
    for (size_t i = 0; i < n; i++) {
        const qemuTargetDisk *disk = disks[i].disk;

        if (!disk->qdev)
            continue;
        qemuPlanAddQMP(plan, nodeDelete("access", disk->name), NULL, "backup.end.access.%s",
                       disk->name);
        qemuPlanAddQMP(plan, deviceSwitch(disk, disks[i].under ? disks[i].under : disk->node), NULL,
                       "backup.end.switch.%s", disk->name);
        qemuPlanAddQMP(plan, nodeDelete("cbw", disk->name), NULL, "backup.end.filter.%s",
                       disk->name);
        if (isLimited(def, disks[i].def))
            qemuPlanAddQMP(plan, nodeDelete("store", disk->name), NULL, "backup.end.close.%s",
                           disk->name);
    }
    planUnionsRemove(plan, def, disks, n);
    joinSteps(plan, first);
    planStoresEnd(plan, disks, n, true);
    planWindowsEnd(plan, disks, n, privateDir);
}

static void
planPushEnd(qemuPlan *plan, const virDomainBackupDef *def, const qemuBackupPlanEndDisk *disks,
            size_t n)
{
    guint first = plan->steps->len;

    for (size_t i = 0; i < n; i++) {
        const char *name = disks[i].disk->name;

        qemuPlanAddQMP(plan, jobCommand("job-dismiss", "push", name), NULL, "backup.end.dismiss.%s", name);
        qemuPlanAddQMP(plan, nodeDelete("store", name), NULL, "backup.end.close.%s", name);
    }
    planUnionsRemove(plan, def, disks, n);
    joinSteps(plan, first);
    planStoresEnd(plan, disks, n, false);
}

qemuPlan *
qemuBackupPlanServerStop(const virDomainBackupDef *def)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-server-stop");

    planWait(plan, QEMU_STEP_WAIT_CLIENTS, def, "backup.end.clients")->goOn = true;
    qemuPlanAddQMP(plan, simpleCommand("nbd-server-stop"), NULL, "backup.end.server")->goOn = true;
    if (def->server.tls)
        qemuPlanAddQMP(plan, credsDelete(), NULL, "backup.end.tls")->goOn = true;
    joinSteps(plan, 1);   /* a server that must not be stopped keeps its credentials */
    return g_steal_pointer(&plan);
}

qemuPlan *
qemuBackupPlanEnd(const virDomainBackupDef *def, const qemuBackupPlanEndDisk *disks, size_t n,
                  const char *privateDir)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-end");

    if (def->mode == VIR_BACKUP_MODE_PULL)
        planPullEnd(plan, def, disks, n, privateDir);
    else
        planPushEnd(plan, def, disks, n);
    for (guint i = 0; i < plan->steps->len; i++) {
        qemuPlanStep *step = g_ptr_array_index(plan->steps, i);

        /* with a client's request still under way, the switch would wait for it and the guest stand still */
        step->goOn = step->kind != QEMU_STEP_WAIT_EXPORTS;
    }
    return g_steal_pointer(&plan);
}
