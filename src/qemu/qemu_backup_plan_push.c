/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans for pushes. The disk of a running domain gets the filter of a pull; the job reads the window on
 * top of it, and what the guest is about to overwrite is kept in a scratch (fleeced push) or else at once
 * in the target, at its place. QEMU's blockdev-backup can do without (its own filter on the disk), but
 * in 7.2 that one fails the guest's write when the target fails, and holds it as long as the target
 * stands still; ours breaks the backup instead.
 *
 * Target and job: both write what the disk held at the instant, so it does not matter who comes first.
 *
 * Of a stopped domain nobody writes, so the job reads the disk itself and starts with the transaction.
 */
#include "qemu_backup_plan_graph.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_nbd.h"
#include "qemu_nodes.h"
#include "qemu_tls.h"

/* A fleeced push is asked for because of a slow target: with more, QEMU's threads for input and output are
 * all busy with the job's writes, if that target is a file, and the guest's requests wait for one. */
#define FLEECED_WORKERS 4
/* Of a push that has come to its end by itself: nobody waits for it, and not to close a target spoils it. */
#define SCRATCH_MS 10000

static virJSONValue *
jobCommand(const char *command, const char *what, const char *disk)
{
    g_autofree char *id = qemuBackupNodeName(what, disk);

    return virJSONBuild("{'execute':%s,'arguments':{'id':%s}}", command, id);
}

virJSONValue *
qemuBackupPlanYank(const char *disk, bool outOfBand)
{
    g_autofree char *wire = qemuBackupNodeName("wire", disk);
    virJSONValue *instances = virJSONBuild("[{'type':'block-node','node-name':%s}]", wire);

    return outOfBand ? virJSONBuild("{'exec-oob':'yank','arguments':{'instances':%v}}", instances)
                     : virJSONBuild("{'execute':'yank','arguments':{'instances':%v}}", instances);
}

static bool
targetHasTLS(const virDomainBackupDiskDef *disk)
{
    return disk->store->nbd && disk->store->nbd->tls;
}

bool
qemuBackupPlanPushHasTLS(const qemuBackupPlanInput *input)
{
    for (size_t i = 0; i < input->ndisks; i++) {
        if (targetHasTLS(input->disks[i].def))
            return input->def->mode == VIR_BACKUP_MODE_PUSH;
    }
    return false;
}

static bool
endHasTLS(const qemuBackupPlanEnding *ending)
{
    for (size_t i = 0; i < ending->ndisks; i++) {
        if (targetHasTLS(ending->disks[i].def))
            return true;
    }
    return false;
}

/* They hold for the job's own copying alone, not for what is copied ahead of the guest's writes. */
static void
appendLimits(virJSONValue *job, const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    unsigned long long bandwidth = VIR_BACKUP_OPTION(def, BANDWIDTH);
    g_autofree char *speed = g_strdup_printf("%llu", bandwidth);
    bool given = def->options.of[VIR_BACKUP_OPTION_WORKERS].given;

    if (bandwidth > 0)
        virJSONObjectSet(job, "speed", virJSONNewNumber(speed, -1));
    if (given || disk->scratch)
        virJSONObjectSet(job, "x-perf",
                         virJSONBuild("{'max-workers':%u}",
                                      given ? (unsigned)VIR_BACKUP_OPTION(def, WORKERS)
                                            : FLEECED_WORKERS));
}

/* The node that the job reads. */
static char *
jobSource(const qemuBackupPlanDisk *disk)
{
    return qemuBackupPlanHasFilter(disk->disk) ? qemuBackupNodeName("access", disk->disk->name)
                                               : g_strdup(disk->disk->node);
}

/* A job wants its bitmap on the node it reads. On the window it goes with the window. */
static void
appendWindowUnion(virJSONValue *actions, const virDomainBackupDef *def, const qemuBackupPlanDisk *disk)
{
    g_autofree char *source = jobSource(disk);
    g_autofree char *name = qemuBackupUnionName(def, disk->def);

    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                                    "'granularity':%d,'disabled':%b}}",
                                    source, name, QEMU_BITMAP_GRANULARITY, true));
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,'target':%s,"
                                    "'bitmaps':[{'node':%s,'name':%s}]}}",
                                    source, name, disk->disk->node, name));
}

/* The errors of a push stay its own: "report" ends the job, the guest's error policy is not asked. */
static void
appendJob(virJSONValue *actions, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virDomainBackupDef *def = input->def;
    const char *name = disk->disk->name;
    g_autofree char *id = qemuBackupNodeName("push", name);
    g_autofree char *source = jobSource(disk);
    g_autofree char *target = qemuBackupNodeName("store", name);
    g_autofree char *bitmap = disk->since ? qemuBackupUnionName(def, disk->def) : NULL;
    virJSONValue *job =
        virJSONBuild("{'job-id':%s,'device':%s,'target':%s,'sync':%s,'bitmap':%s,'bitmap-mode':%s,"
                     "'on-source-error':'report','on-target-error':'report',"
                     "'auto-finalize':%b,'auto-dismiss':%b}",
                     id, source, target, bitmap ? "bitmap" : "full", bitmap,
                     bitmap ? "never" : NULL, true, false);

    appendLimits(job, def, disk->def);
    if (VIR_BACKUP_OPTION(def, COMPRESS) &&
        virDomainBackupDiskCompressible(disk->def, input->reuseExternal))
        virJSONObjectSet(job, "compress", virJSONNewBoolean(true));
    virJSONArrayAppend(actions, virJSONBuild("{'type':'blockdev-backup','data':%v}", job));
}

static virJSONValue *
jobActions(const qemuBackupPlanInput *input)
{
    virJSONValue *actions = virJSONNewArray();

    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuBackupPlanDisk *disk = &input->disks[i];

        if (disk->since && qemuBackupPlanHasFilter(disk->disk))
            appendWindowUnion(actions, input->def, disk);
    }
    for (size_t i = 0; i < input->ndisks; i++)
        appendJob(actions, input, &input->disks[i]);
    return actions;
}

/* The protocol node stands inside, without a name of ours unless it is a connection: it goes with its
 * parent. Nothing is said that is the default, as every byte takes QEMU time (qemu_monitor.c). */
static virJSONValue *
targetOptions(const virDomainBackupDiskDef *disk)
{
    const virStorageSource *store = disk->store;
    g_autofree char *node = qemuBackupNodeName("store", disk->name);
    const char *protocol = store->type == VIR_STORAGE_TYPE_BLOCK ? "host_device" : "file";
    virJSONValue *options = qemuNodesDriverProps(store, node);
    virJSONValue *file = NULL;

    if (disk->format)
        virJSONObjectSet(options, "driver", virJSONNewString(virDomainBackupDiskDriver(disk)));
    if (store->nbd) {
        g_autofree char *wire = qemuBackupNodeName("wire", disk->name);

        file = qemuNbdOptions(store->nbd, QEMU_BACKUP_TLS);
        virJSONObjectSet(file, "node-name", virJSONNewString(wire));
    } else {
        file = virJSONBuild("{'driver':%s,'filename':%s,'discard':'unmap'}", protocol, store->path);
    }
    virJSONObjectSet(options, "discard", virJSONNewString("unmap"));
    virJSONObjectSet(options, "file", file);
    return options;
}

/* What we cannot make ourselves QEMU makes, in an empty file. "vpc" counts in cylinders unless told not to. */
static void
planFormat(qemuPlan *plan, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *id = qemuBackupNodeName("format", name);
    virJSONValue *options =
        virJSONBuild("{'driver':%s,'file':{'driver':'file','filename':%s},'size':%llu}",
                     virDomainBackupDiskDriver(disk->def), disk->def->store->path, disk->size);

    if (disk->def->format == VIR_BACKUP_FORMAT_VPC)
        virJSONObjectSet(options, "force-size", virJSONNewBoolean(true));
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-create','arguments':{'job-id':%s,'options':%v}}",
                                id, options),
                   jobCommand("job-dismiss", "format", name), "backup.begin.format.%s", name)->kind =
        QEMU_STEP_JOB;
}

static void
planTarget(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virStorageSource *store = disk->def->store;

    if (store->nbd) {
        qemuBackupPlanSecret(plan, store, "", disk->def);
        return;
    }
    qemuBackupPlanFile(plan, input, store, QEMU_STEP_IMAGE_CREATE, "", disk);
    if (disk->def->format && store->type == VIR_STORAGE_TYPE_FILE && !input->reuseExternal)
        planFormat(plan, disk);
}

static void
planPrepare(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = 0;

    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuBackupPlanDisk *disk = &input->disks[i];

        planTarget(plan, input, disk);
        if (!qemuBackupPlanHasFilter(disk->disk))
            continue;
        if (disk->def->scratch)
            qemuBackupPlanFile(plan, input, disk->def->scratch, QEMU_STEP_SCRATCH_CREATE, "-scratch",
                               disk);
        qemuBackupPlanWindow(plan, input, disk);
    }
    first = plan->steps->len;
    if (qemuBackupPlanPushHasTLS(input))
        qemuPlanAddQMP(plan, qemuTLSClientCreds(QEMU_BACKUP_TLS, input->tlsDir), qemuTLSCredsDelete(QEMU_BACKUP_TLS),
                       "backup.begin.tls");
    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuBackupPlanDisk *disk = &input->disks[i];

        qemuBackupPlanOpen(plan, targetOptions(disk->def), "store", "open", disk->disk->name);
        if (qemuBackupPlanHasFilter(disk->disk))
            qemuBackupPlanFilterBefore(plan, input, disk);
    }
    qemuBackupPlanJoin(plan, first);
}

/* What takes the jobs back stands behind what starts them, joined to it, as steps with only an undo: cut the
 * connection, or the cancel waits for a slow server; cancel; dismiss; and then their nodes are free to go. */
static void
planTakeBack(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    for (size_t i = 0; i < input->ndisks; i++) {
        const char *name = input->disks[i].disk->name;

        qemuPlanAddQMP(plan, NULL, jobCommand("job-dismiss", "push", name), "backup.begin.dismiss.%s", name);
        qemuPlanAddQMP(plan, NULL, jobCommand("job-cancel", "push", name), "backup.begin.cancel.%s", name);
        if (input->disks[i].def->store->nbd)
            qemuPlanAddQMP(plan, NULL, qemuBackupPlanYank(name, false), "backup.begin.cut.%s", name);
    }
}

/* Once the guest writes through the filters. */
static void
planJobs(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    for (size_t i = 0; i < input->ndisks; i++)
        qemuBackupPlanAccess(plan, input, &input->disks[i]);
    qemuPlanAddQMP(plan, qemuBackupPlanTransaction(jobActions(input)), NULL, "backup.begin.jobs");
}

void
qemuBackupPlanPushBegin(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    bool filters = qemuBackupPlanHasFilter(input->disks[0].disk);   /* all disks, or none */
    guint first = 0;

    planPrepare(plan, input);
    if (filters)
        qemuBackupPlanInstant(plan, input);
    first = plan->steps->len;
    if (filters)
        planJobs(plan, input);
    else
        qemuBackupPlanBitmaps(plan, input, jobActions(input));
    planTakeBack(plan, input);
    qemuBackupPlanJoin(plan, first);
}

static bool
isServed(const qemuBackupPlanEndDisk *disk)
{
    return disk->def->store->nbd != NULL;
}

/* QEMU flushes files when it closes them: there must be nothing left to be flushed by then. */
static void
planFlushWait(qemuPlan *plan, const qemuBackupPlanEnding *ending, unsigned int timeoutMs)
{
    for (size_t i = 0; i < ending->ndisks && !ending->flushed; i++) {
        const virDomainBackupDiskDef *disk = ending->disks[i].def;

        if (disk->store->path)
            qemuPlanAddStep(plan, QEMU_STEP_WAIT_FLUSH, disk->store->path, "backup.end.flush.%s", disk->name)->size =
                timeoutMs;
    }
}

/* A target of which something is to be kept: it is closed when its server has it all. */
static void
planServedEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    for (size_t i = 0; i < ending->ndisks; i++) {
        const char *name = ending->disks[i].disk->name;

        if (!isServed(&ending->disks[i]))
            continue;
        if (ending->flushServers)
            qemuPlanAddStep(plan, QEMU_STEP_FLUSH_TARGET, name, "backup.end.flush.%s", name)->size =
                ending->disks[i].size;
        qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete("store", name), NULL, "backup.end.close.%s", name);
    }
}

void
qemuBackupPlanPushEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    unsigned int patienceMs = ending->failed ? QEMU_BACKUP_SCRATCH_MS : SCRATCH_MS;
    guint first = 0;

    qemuBackupPlanScratchWait(plan, ending, patienceMs);
    planFlushWait(plan, ending, patienceMs);
    first = plan->steps->len;
    for (size_t i = 0; i < ending->ndisks && ending->failed; i++) {
        if (ending->disks[i].def->store->nbd)
            qemuPlanAddQMP(plan, qemuBackupPlanYank(ending->disks[i].disk->name, false), NULL,
                           "backup.end.cut.%s", ending->disks[i].disk->name);
    }
    for (size_t i = 0; i < ending->ndisks; i++) {
        const qemuBackupPlanEndDisk *disk = &ending->disks[i];
        const char *name = disk->disk->name;

        qemuPlanAddQMP(plan, jobCommand("job-dismiss", "push", name), NULL, "backup.end.dismiss.%s", name);
        if (qemuBackupPlanHasFilter(disk->disk))
            qemuBackupPlanFilterEnd(plan, ending, disk);
        if (ending->failed || !isServed(disk))
            qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete("store", name), NULL, "backup.end.close.%s", name);
    }
    qemuBackupPlanUnionsEnd(plan, ending);
    qemuBackupPlanJoin(plan, first);
    if (!ending->failed)
        planServedEnd(plan, ending);
    if (endHasTLS(ending))
        qemuPlanAddQMP(plan, qemuTLSCredsDelete(QEMU_BACKUP_TLS), NULL, "backup.end.tls");
    for (size_t i = 0; i < ending->ndisks; i++) {
        const qemuBackupPlanEndDisk *disk = &ending->disks[i];

        qemuBackupPlanFileEnd(plan, disk->def->store, disk->removeStore, "", disk->def);
        if (qemuBackupPlanHasFilter(disk->disk))
            qemuBackupPlanFileEnd(plan, disk->def->scratch, disk->removeScratch, "-scratch", disk->def);
    }
    qemuBackupPlanWindowsEnd(plan, ending);
}
