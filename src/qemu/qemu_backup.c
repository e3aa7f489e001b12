/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Beginning a backup: check everything, plan, journal, run.
 *
 *   Def, graph, chains -> Plan -> [checkpoint record 'creating'] -> journal 'beginning'
 *     -> the Plan's steps -> journal 'running' -> [record 'ready']
 *
 * Whatever fails on the way is undone by the executor; what a crash leaves is undone from the journal
 * (qemu_backup_recover.c).
 *
 * Of a stopped domain nobody writes, so there is no instant to share: its checkpoint is made first and
 * stored, then the images are opened with their whole chains, read-only, for as long as the backup
 * takes.
 */
#include "qemu_backup.h"

#include "qemu_api.h"
#include "qemu_backup_listener.h"
#include "qemu_backup_plan.h"
#include "qemu_backup_port.h"
#include "qemu_backup_recover.h"
#include "qemu_backup_watch.h"
#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_since.h"
#include "qemu_checkpoint_source.h"
#include "qemu_driver_state.h"
#include "qemu_export_helper_watch.h"
#include "qemu_nbd.h"
#include "qemu_plan_run.h"
#include "qemu_reconcile.h"
#include "qemu_restore.h"
#include "qemu_target_pick.h"
#include "qemu_tls.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* All that a begin gathers before it has any effect. */
typedef struct _beginContext {
    virDomainBackupDef *def;             /* aligned */
    qemuGraph *graph;                    /* borrowed: the books */
    qemuCheckpointPrepared *checkpoint;  /* NULL = none wanted */
    bool preserve;                       /* QEMU is kept when the guest powers off meanwhile */
    unsigned int cbwTimeout;             /* seconds */
    bool checkpointMade;                 /* stopped domain: before the Plan and not by it */
    virJSONValue *checkpointActions;
    GArray *disks;                       /* qemuBackupPlanDisk */
    GPtrArray *chains;                   /* owns their since lists */
    qemuBackupPort port;                 /* held until QEMU has it, or does not need it */
    qemuBackupListener listener;         /* the same, with transport='fd' */
    qemuPlan *plan;
} beginContext;

static void
beginContextClear(beginContext *ctx)
{
    g_clear_pointer(&ctx->def, virDomainBackupDefFree);
    g_clear_pointer(&ctx->checkpoint, qemuCheckpointPreparedFree);
    g_clear_pointer(&ctx->checkpointActions, virJSONValueFree);
    g_clear_pointer(&ctx->disks, g_array_unref);
    g_clear_pointer(&ctx->chains, g_ptr_array_unref);
    g_clear_pointer(&ctx->plan, qemuPlanFree);
    qemuBackupPortGive(ctx->port);
    qemuBackupListenerClear(&ctx->listener);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(beginContext, beginContextClear)

/* Stock names a store after the checkpoint made with it, else after the time. */
static char *
storeSuffix(const virDomainCheckpointDef *checkpoint)
{
    if (checkpoint && checkpoint->name)
        return g_strdup(checkpoint->name);
    return g_strdup_printf("%" G_GINT64_FORMAT, g_get_real_time() / G_USEC_PER_SEC);
}

static int
alignRequest(qemuVM *vm, beginContext *ctx, const virDomainCheckpointDef *checkpoint, bool reuseExternal)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(virDomainDef) dom = qemuVMCopyDef(vm);
    g_autofree char *suffix = storeSuffix(checkpoint);

    if (!dom || virDomainBackupDefAlign(ctx->def, dom, suffix, config->scratchDir) < 0 ||
        virDomainBackupDefCheckCompress(ctx->def, reuseExternal) < 0 ||
        virDomainBackupDefCheckFleece(ctx->def, reuseExternal) < 0 ||
        virDomainBackupDefCheckFormats(ctx->def, reuseExternal) < 0 ||
        virDomainBackupDefCheckScratchLimit(ctx->def, reuseExternal) < 0 ||
        virDomainBackupDefCheckExportHelper(ctx->def) < 0)
        return -1;
    virBackupOptionsSettle(&ctx->def->options, ctx->def->mode, &config->backup);
    virDomainBackupDefSettleExportHelper(ctx->def);
    if (!vm->helper)
        virDomainBackupDefSettleScratch(ctx->def, dom, suffix, config->scratchDir, reuseExternal);
    return 0;
}

static int
checkIothread(qemuVM *vm, const beginContext *ctx, const qemuTargetDisk *disk)
{
    qemuTarget *target = qemuVMTarget(vm);

    if (ctx->def->mode != VIR_BACKUP_MODE_PULL || !disk->iothread ||
        target->ops->iothreadExportSafe(target))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "cannot export disk '%s' of domain '%s' for a pull backup: it runs on an iothread, "
                   "and this QEMU crashes when an NBD client of such a disk disconnects; use push "
                   "mode, or a disk without iothread",
                   disk->name, vm->name);
    return -1;
}

/* The changes of @disk are not known, as the error says: may it be done in full instead? backup-dumpxml
 * shows then that it is. */
static bool
doneInFull(qemuVM *vm, const beginContext *ctx, virDomainBackupDiskDef *disk)
{
    virErrorNumber code = virErrorLastCode();

    if (VIR_BACKUP_OPTION(ctx->def, ONMISSING) != VIR_BACKUP_ONMISSING_FULL ||
        (code != VIR_ERR_NO_DOMAIN_CHECKPOINT && code != VIR_ERR_CHECKPOINT_INCONSISTENT))
        return false;
    VIR_WARN("domain '%s': disk '%s' is backed up in full: %s", vm->name, disk->name,
             virErrorLastMessage());
    virErrorReset();
    disk->mode = VIR_BACKUP_DISK_FULL;
    g_clear_pointer(&disk->incremental, g_free);
    g_clear_pointer(&disk->exportBitmap, g_free);
    return true;
}

/* The disk's own server: a running QEMU has been connected to it for long, which says nothing about now;
 * a helper has just connected. */
static int
probeServers(qemuVM *vm, const qemuTargetDisk *td, const virDomainBackupDiskDef *disk)
{
    qemuTarget *target = qemuVMTarget(vm);
    g_autofree char *from = g_strdup_printf("back up disk '%s' of domain '%s' from", disk->name, vm->name);
    g_autofree char *to = g_strdup_printf("back up disk '%s' of domain '%s' to", disk->name, vm->name);
    const virDomainDiskDef *dom = virDomainDefDisk(target->ops->def(target), disk->name, false);

    if (td->qdev && dom && qemuNbdProbeChain(dom->src, from) < 0)
        return -1;
    return disk->store->nbd ? qemuNbdProbe(disk->store->nbd, to) : 0;
}

static int
collectDisk(qemuVM *vm, beginContext *ctx, virDomainBackupDiskDef *disk)
{
    const qemuTargetDisk *td = qemuCheckpointTargetDisk(qemuVMTarget(vm), disk->name);
    const qemuGraphNode *node = td ? qemuGraphNodeLookup(ctx->graph, td->node) : NULL;
    qemuBackupPlanDisk plan = { .disk = td, .def = disk };
    GPtrArray *since = NULL;

    if (!node) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot back up disk '%s' of domain '%s': it has no image open in QEMU",
                       disk->name, vm->name);
        return -1;
    }
    if (checkIothread(vm, ctx, td) < 0 || probeServers(vm, td, disk) < 0)
        return -1;
    if (disk->incremental) {
        since = qemuCheckpointSince(vm, disk->name, node, ctx->graph, disk->incremental);
        if (since && qemuCheckpointCheckSource(vm, disk->name, td->source, disk->incremental) < 0)
            g_clear_pointer(&since, g_ptr_array_unref);
        if (!since && !doneInFull(vm, ctx, disk))
            return -1;
    }
    if (since)
        g_ptr_array_add(ctx->chains, since);
    plan.size = node->virtualSize;
    plan.since = since;
    g_array_append_val(ctx->disks, plan);
    return 0;
}

static int
collectDisks(qemuVM *vm, beginContext *ctx)
{
    for (guint i = 0; i < ctx->def->disks->len; i++) {
        virDomainBackupDiskDef *disk = g_ptr_array_index(ctx->def->disks, i);

        if (disk->backup && collectDisk(vm, ctx, disk) < 0)
            return -1;
    }
    if (ctx->disks->len > 0)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "no disks selected for backup of domain '%s'; name at least one with backup='yes'",
                   vm->name);
    return -1;
}

static int
prepareCheckpoint(qemuVM *vm, beginContext *ctx, virDomainCheckpointDef **checkpoint)
{
    if (!*checkpoint)
        return 0;
    ctx->checkpoint = qemuCheckpointPrepare(vm, checkpoint, ctx->graph);
    if (!ctx->checkpoint)
        return -1;
    if (vm->helper) {
        ctx->checkpointMade = qemuCheckpointMake(vm, ctx->checkpoint) == 0;
        return ctx->checkpointMade ? qemuTargetSetMode(vm, QEMU_HELPER_DATA) : -1;
    }
    ctx->checkpointActions = virJSONNewArray();
    return qemuCheckpointPlanCreateActions(ctx->checkpointActions, ctx->checkpoint->disks,
                                           ctx->checkpoint->ndisks);
}

static int
makePlan(qemuVM *vm, beginContext *ctx, bool reuseExternal)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *tlsDir = NULL;
    qemuTarget *target = qemuVMTarget(vm);
    qemuBackupPlanInput input = {
        .def = ctx->def,
        .disks = (const qemuBackupPlanDisk *)(void *)ctx->disks->data,
        .ndisks = ctx->disks->len,
        .checkpointActions = ctx->checkpointActions,
        .guestRuns = target->ops->guestRuns(target),
        .reuseExternal = reuseExternal,
        .tlsVerify = config->backupTLSVerify,
        .privateDir = target->ops->privateDir(target),
    };

    ctx->cbwTimeout = MIN(VIR_BACKUP_OPTION(ctx->def, CBW_TIMEOUT), target->ops->cbwTimeoutMax(target));
    input.cbwTimeout = ctx->cbwTimeout;
    if (qemuBackupPortTake(ctx->def, config, vm->name, &ctx->port) < 0 ||
        qemuBackupListenerTake(vm, &ctx->listener) < 0)
        return -1;
    if (ctx->def->server.tls && !(input.tlsDir = tlsDir = qemuTLSBackupDir(config, vm->name)))
        return -1;
    if (qemuBackupPlanPushHasTLS(&input) && !(input.tlsDir = tlsDir = qemuTLSNbdDir(config, vm->name)))
        return -1;
    ctx->plan = qemuBackupPlanBegin(&input);
    return ctx->plan && qemuPlanRunValidate(ctx->plan) == 0 ? 0 : -1;
}

/* A store of a running domain gets a number like an image of its disk, under which clients know it. */
static void
numberStores(qemuVM *vm, const virDomainBackupDef *def)
{
    QEMU_VM_LOCK_GUARD(vm);

    for (guint i = 0; i < def->disks->len; i++) {
        virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        disk->index = disk->backup && qemuVMIsActive(vm) ? ++vm->nodeCounter : 0;
    }
}

/* The Job as the rest of the driver sees it; owned by the vm from here. */
static void
installJob(qemuVM *vm, beginContext *ctx, bool reuseExternal)
{
    qemuBackupJob *job = NULL;

    numberStores(vm, ctx->def);
    job = qemuBackupJobNew(ctx->def);
    job->checkpoint = ctx->checkpoint ? g_strdup(ctx->checkpoint->def->name) : NULL;
    job->reuseExternal = reuseExternal;
    job->preserve = ctx->preserve;
    job->cbwTimeout = ctx->cbwTimeout;
    job->plan = g_steal_pointer(&ctx->plan);
    for (guint i = 0; i < ctx->disks->len; i++) {
        const qemuBackupPlanDisk *disk = &g_array_index(ctx->disks, qemuBackupPlanDisk, i);
        qemuBackupJobDisk *mine = qemuBackupJobDiskLookup(job, disk->def->name);

        mine->size = disk->size;
        /* what is exported as it is has no scratch, and a file of that name is not ours */
        if (reuseExternal || (ctx->def->mode == VIR_BACKUP_MODE_PULL && !disk->disk->qdev))
            mine->removeStore = false;
        if (reuseExternal || !disk->disk->qdev)
            mine->removeScratch = false;
    }
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->backup = job;
        qemuBackupSetLastJob(vm, VIR_DOMAIN_JOB_NONE, NULL);
    }
}

static bool
qemuAnswers(qemuVM *vm)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-version'}");
    qemuTarget *target = qemuVMTarget(vm);
    virErrorPtr saved = NULL;
    bool answers = false;

    virErrorPreserveLast(&saved);
    answers = target->ops->command(target, command, NULL) == 0;
    virErrorRestore(&saved);
    return answers;
}

/* A QEMU that died on the way did not remove its socket: the journal then stays for the sweep at the
 * end of the run. */
static void
dropJob(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    qemuBackupJob *job = NULL;

    if (qemuAnswers(vm))
        qemuBackupJournalRemove(config, vm->name);
    {
        QEMU_VM_LOCK_GUARD(vm);

        job = g_steal_pointer(&vm->backup);
    }
    qemuBackupJobUnref(job);
}

/* Journal and records, then the effects. */
static int
runPlan(qemuVM *vm, beginContext *ctx)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    qemuPlanRun run = { .plan = vm->backup->plan, .fd = &ctx->listener.fd };

    if (qemuBackupJournalSave(config, vm->name, vm->backup) < 0)
        return -1;
    if (ctx->checkpoint && !ctx->checkpointMade && qemuCheckpointAnnounce(vm, ctx->checkpoint) < 0)
        return -1;
    if (qemuPlanRunAll(&run, qemuVMTarget(vm)) < 0) {
        qemuCheckpointBooksForget(vm);
        if (ctx->checkpoint && !ctx->checkpointMade)
            qemuCheckpointForget(vm, ctx->checkpoint->def->name);
        return -1;
    }
    return 0;
}

static void
setPhase(qemuVM *vm, qemuBackupPhase phase)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->backup->phase = phase;
}

/* The journal decides whether a restarted daemon goes on with the backup or undoes it, and with it the
 * checkpoint: the client must not hear of a backup that would be undone. The checkpoint is confirmed
 * behind it; what is between is told apart by its bitmaps. */
static int
commitRunning(qemuVM *vm, beginContext *ctx)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    qemuPlanRun run = { .plan = vm->backup->plan, .done = vm->backup->plan->steps->len };

    setPhase(vm, QEMU_BACKUP_RUNNING);
    if (qemuBackupJournalSave(config, vm->name, vm->backup) == 0) {
        if (ctx->checkpoint)
            qemuCheckpointConfirm(vm, ctx->checkpoint);
        return 0;
    }
    setPhase(vm, QEMU_BACKUP_BEGINNING);
    qemuPlanRunUndo(&run, qemuVMTarget(vm), false);
    qemuCheckpointBooksForget(vm);
    if (ctx->checkpoint && !ctx->checkpointMade)
        qemuCheckpointForget(vm, ctx->checkpoint->def->name);
    return -1;
}

/* What the checkpoint of a stopped domain was made for has failed. */
static void
takeCheckpointBack(qemuVM *vm, const beginContext *ctx)
{
    virErrorPtr saved = NULL;

    if (!ctx->checkpointMade)
        return;
    virErrorPreserveLast(&saved);
    if (qemuTargetSetMode(vm, QEMU_HELPER_CHANGE) < 0 ||
        qemuReconcileTakeBack(vm, ctx->checkpoint->def->name) < 0)
        VIR_WARN("domain '%s': checkpoint '%s' stays, though the backup it was made with did not begin: %s",
                 vm->name, ctx->checkpoint->def->name, virErrorLastMessage());
    virErrorRestore(&saved);
}

static int
beginPrepared(qemuVM *vm, beginContext *ctx, virDomainCheckpointDef **checkpoint, bool reuseExternal)
{
    /* What an incremental is made of is asked from QEMU, not looked up in the books. */
    qemuCheckpointBooksForget(vm);
    if (!(ctx->graph = qemuCheckpointBooks(vm)) || collectDisks(vm, ctx) < 0 ||
        prepareCheckpoint(vm, ctx, checkpoint) < 0 ||
        makePlan(vm, ctx, reuseExternal) < 0)
        return -1;
    installJob(vm, ctx, reuseExternal);
    if (runPlan(vm, ctx) < 0 || commitRunning(vm, ctx) < 0) {
        dropJob(vm);
        return -1;
    }
    qemuTargetHold(vm);
    qemuBackupWatchStart(vm);
    qemuExportHelperWatch(vm);
    return 0;
}

static int
beginWithTarget(qemuVM *vm, beginContext *ctx, virDomainCheckpointDef **checkpoint, bool reuseExternal)
{
    if ((!vm->helper && qemuBackupSettle(vm) < 0) ||
        qemuJobBeginAsync(&vm->job, QEMU_ASYNC_JOB_BACKUP, "virDomainBackupBegin") < 0)
        return -1;
    /* Of an earlier helper only files can be left. */
    if (vm->helper)
        qemuBackupSweep(vm);
    if (beginPrepared(vm, ctx, checkpoint, reuseExternal) < 0) {
        takeCheckpointBack(vm, ctx);
        if (vm->helper)
            qemuBackupSweep(vm);
        qemuJobEndAsync(&vm->job);
        return -1;
    }
    return 0;
}

static int
beginHeld(qemuVM *vm, qemuFDGroups *groups, virDomainBackupDef **def, virDomainCheckpointDef **checkpoint,
          unsigned int flags)
{
    bool reuseExternal = flags & VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL;
    g_auto(beginContext) ctx = {
        .def = g_steal_pointer(def),
        .preserve = flags & VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN,
        .disks = g_array_new(false, false, sizeof(qemuBackupPlanDisk)),
        .chains = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref),
        .listener = QEMU_BACKUP_LISTENER_NONE,
    };

    if (qemuBackupListenerFind(vm, ctx.def, groups, &ctx.listener) < 0 ||
        alignRequest(vm, &ctx, *checkpoint, reuseExternal) < 0 ||
        !qemuTargetBegin(vm, *checkpoint ? QEMU_HELPER_CHANGE : QEMU_HELPER_DATA))
        return -1;
    return qemuTargetEnd(vm, beginWithTarget(vm, &ctx, checkpoint, reuseExternal));
}

int
qemuDomainBackupBegin(virDomainPtr dom, const char *backupXML, const char *checkpointXML,
                      unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(virDomainBackupDef) def = NULL;
    g_autoptr(virDomainCheckpointDef) checkpoint = NULL;
    int rc = -1;

    virCheckFlags(VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL |
                      VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN,
                  -1);
    if (!(vm = qemuVMFromDomain(dom)))
        return -1;
    if (virDomainRestoreDefIsRequest(backupXML))
        return qemuRestoreBegin(vm, backupXML, checkpointXML, flags);
    if (!(def = virDomainBackupDefParse(backupXML)))
        return -1;
    if (checkpointXML && !(checkpoint = virDomainCheckpointDefParse(checkpointXML, 0)))
        return -1;
    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainBackupBegin") < 0)
        return -1;
    qemuReconcileLeftovers(vm);
    rc = beginHeld(vm, qemuConnectFDGroups(dom->conn), &def, &checkpoint, flags);
    qemuJobEnd(&vm->job);
    return rc;
}

char *
qemuDomainBackupGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(0, NULL);
    if (!(vm = qemuVMFromDomain(dom)))
        return NULL;
    qemuVMAwaitReconnect(vm);
    {
        QEMU_VM_LOCK_GUARD(vm);

        if (vm->backup && vm->backup->phase != QEMU_BACKUP_BEGINNING)
            return virDomainBackupDefFormat(vm->backup->def);
        if (vm->restore)
            return qemuRestoreFormatXML(vm);
    }
    virReportError(VIR_ERR_NO_DOMAIN_BACKUP, "%s", "no domain backup job present");
    return NULL;
}
