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

#include "qemu_backup_plan_graph.h"
#include "qemu_export_helper_plan.h"
#include "qemu_tls.h"

static virJSONValue *
simpleCommand(const char *name)
{
    return virJSONBuild("{'execute':%s}", name);
}

static virJSONValue *
exportDelete(const char *disk)
{
    g_autofree char *id = qemuBackupNodeName("export", disk);

    return virJSONBuild("{'execute':'block-export-del','arguments':{'id':%s,'mode':'hard'}}", id);
}

char *
qemuBackupPlanSocket(const virDomainBackupDef *def, const char *privateDir)
{
    if (qemuExportHelperIsWanted(def, privateDir))
        return qemuExportHelperSocket(privateDir);
    return def->server.transport == VIR_BACKUP_SERVER_UNIX ? g_strdup(def->server.socket) : NULL;
}

/* With a helper it is the helper that clients speak TLS with. */
static bool
hasCreds(const virDomainBackupDef *def, const char *privateDir)
{
    return def->server.tls && !qemuExportHelperIsWanted(def, privateDir);
}

static virJSONValue *
fdCommand(const char *name)
{
    return virJSONBuild("{'execute':%s,'arguments':{'fdname':%s}}", name, QEMU_BACKUP_SERVER_FD);
}

static void
planPass(qemuPlan *plan, const virDomainBackupDef *def)
{
    qemuPlanStep *step = NULL;

    if (def->server.transport != VIR_BACKUP_SERVER_FD)
        return;
    step = qemuPlanAddStep(plan, QEMU_STEP_PASS_FD, NULL, "backup.begin.pass");
    step->size = def->server.port;
    step->command = fdCommand("getfd");
    step->undo = fdCommand("closefd");
}

/* With a helper in front of QEMU it is not what clients are told. */
static virJSONValue *
serverAddress(const virDomainBackupDef *def, const char *privateDir)
{
    g_autofree char *port = g_strdup_printf("%u", def->server.port);
    g_autofree char *socket = qemuBackupPlanSocket(def, privateDir);
    const char *host = def->server.host ? def->server.host : "localhost";

    if (socket)
        return virJSONBuild("{'type':'unix','data':{'path':%s}}", socket);
    if (def->server.transport == VIR_BACKUP_SERVER_FD)
        return virJSONBuild("{'type':'fd','data':{'str':%s}}", QEMU_BACKUP_SERVER_FD);
    return virJSONBuild("{'type':'inet','data':{'host':%s,'port':%s}}", host, port);
}

static void
planServer(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    const virDomainBackupDef *def = input->def;
    bool creds = hasCreds(def, input->privateDir);

    if (creds)
        qemuPlanAddQMP(plan, qemuTLSServerCreds(QEMU_BACKUP_TLS, input->tlsDir, input->tlsVerify),
                       qemuTLSCredsDelete(QEMU_BACKUP_TLS), "backup.begin.tls");
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'nbd-server-start','arguments':{'addr':%v,'tls-creds':%s}}",
                                serverAddress(def, input->privateDir), creds ? QEMU_BACKUP_TLS : NULL),
                   simpleCommand("nbd-server-stop"), "backup.begin.server");
}

static void
planPrepare(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = 0;

    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuBackupPlanDisk *disk = &input->disks[i];

        if (!qemuBackupPlanHasFilter(disk->disk))
            continue;
        qemuBackupPlanFile(plan, input, disk->def->store, QEMU_STEP_SCRATCH_CREATE, "", disk);
        qemuBackupPlanWindow(plan, input, disk);
    }
    planPass(plan, input->def);
    first = plan->steps->len;
    planServer(plan, input);
    for (size_t i = 0; i < input->ndisks; i++) {
        if (qemuBackupPlanHasFilter(input->disks[i].disk))
            qemuBackupPlanFilterBefore(plan, input, &input->disks[i]);
    }
    qemuBackupPlanJoin(plan, first);
}

static void
planExport(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const virDomainBackupDef *def = input->def;
    const char *name = disk->disk->name;
    g_autofree char *id = qemuBackupNodeName("export", name);
    g_autofree char *access = qemuBackupNodeName("access", name);
    g_autofree char *unionName = qemuBackupUnionName(def, disk->def);
    const char *exportName = disk->def->exportName ? disk->def->exportName : name;
    virJSONValue *bitmaps = NULL;

    if (disk->since && !qemuExportHelperIsWanted(def, input->privateDir))
        bitmaps = virJSONBuild("[{'node':%s,'name':%s}]", disk->disk->node, unionName);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'block-export-add','arguments':{'type':'nbd','id':%s,"
                                "'node-name':%s,'name':%s,'bitmaps':%v}}",
                                id, disk->disk->qdev ? access : disk->disk->node, exportName, bitmaps),
                   exportDelete(name), "backup.begin.export.%s", name);
}

static void
planPublish(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = plan->steps->len;

    for (size_t i = 0; i < input->ndisks; i++)
        qemuBackupPlanAccess(plan, input, &input->disks[i]);
    for (size_t i = 0; i < input->ndisks; i++)
        planExport(plan, input, &input->disks[i]);
    qemuBackupPlanJoin(plan, first);
}

static void
planPullBegin(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    planPrepare(plan, input);
    qemuBackupPlanInstant(plan, input);
    planPublish(plan, input);
    qemuExportHelperPlanBegin(plan, input);
}

qemuPlan *
qemuBackupPlanBegin(const qemuBackupPlanInput *input)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-begin");

    if (input->def->mode == VIR_BACKUP_MODE_PULL)
        planPullBegin(plan, input);
    else
        qemuBackupPlanPushBegin(plan, input);
    return g_steal_pointer(&plan);
}

/* For what the clients of the server must have let go of. */
static qemuPlanStep *
planWait(qemuPlan *plan, qemuPlanStepKind kind, const virDomainBackupDef *def, const char *privateDir,
         const char *name)
{
    g_autofree char *socket = qemuBackupPlanSocket(def, privateDir);
    qemuPlanStep *step = qemuPlanAddStep(plan, kind, socket, "%s", name);

    step->size = socket ? 0 : def->server.port;
    return step;
}

static void
planPullEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    guint first = 0;

    qemuExportHelperPlanEnd(plan, ending);
    first = plan->steps->len;
    for (size_t i = 0; i < ending->ndisks; i++)
        qemuPlanAddQMP(plan, exportDelete(ending->disks[i].disk->name), NULL, "backup.end.export.%s",
                       ending->disks[i].disk->name);
    qemuBackupPlanJoin(plan, first);
    planWait(plan, QEMU_STEP_WAIT_EXPORTS, ending->def, ending->privateDir, "backup.end.exports");
    qemuBackupPlanScratchWait(plan, ending, QEMU_BACKUP_SCRATCH_MS);
    first = plan->steps->len;
    for (size_t i = 0; i < ending->ndisks; i++) {
        if (qemuBackupPlanHasFilter(ending->disks[i].disk))
            qemuBackupPlanFilterEnd(plan, ending, &ending->disks[i]);
    }
    qemuBackupPlanUnionsEnd(plan, ending);
    qemuBackupPlanJoin(plan, first);
    for (size_t i = 0; i < ending->ndisks; i++) {
        const qemuBackupPlanEndDisk *disk = &ending->disks[i];

        if (qemuBackupPlanHasFilter(disk->disk))
            qemuBackupPlanFileEnd(plan, disk->def->store, disk->removeStore, "", disk->def);
    }
    qemuBackupPlanWindowsEnd(plan, ending);
    qemuExportHelperPlanFilesEnd(plan, ending);
}

qemuPlan *
qemuBackupPlanServerStop(const virDomainBackupDef *def, const char *privateDir)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-server-stop");

    planWait(plan, QEMU_STEP_WAIT_CLIENTS, def, privateDir, "backup.end.clients")->goOn = true;
    qemuPlanAddQMP(plan, simpleCommand("nbd-server-stop"), NULL, "backup.end.server")->goOn = true;
    if (hasCreds(def, privateDir))
        qemuPlanAddQMP(plan, qemuTLSCredsDelete(QEMU_BACKUP_TLS), NULL, "backup.end.tls")->goOn = true;
    qemuBackupPlanJoin(plan, 1);   /* a server that must not be stopped keeps its credentials */
    return g_steal_pointer(&plan);
}

qemuPlan *
qemuBackupPlanEnd(const qemuBackupPlanEnding *ending)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("backup-end");

    if (ending->def->mode == VIR_BACKUP_MODE_PULL)
        planPullEnd(plan, ending);
    else
        qemuBackupPlanPushEnd(plan, ending);
    for (guint i = 0; i < plan->steps->len; i++) {
        qemuPlanStep *step = g_ptr_array_index(plan->steps, i);

        /* with a request of a client, or a copy, still under way, the switch would wait for it, and the guest
         * stand still */
        step->goOn = step->kind != QEMU_STEP_WAIT_EXPORTS && step->kind != QEMU_STEP_WAIT_SCRATCH &&
                     step->kind != QEMU_STEP_WAIT_FLUSH;
    }
    return g_steal_pointer(&plan);
}
