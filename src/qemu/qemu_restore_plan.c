/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The helper is there for the restore alone and ends with it, so nothing of the graph needs to be
 * taken apart: an undo is there for files only.
 */
#include "qemu_restore_plan.h"

#include "qemu_backup_plan.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"
#include "qemu_tls.h"

static const char *
protocolName(bool block)
{
    return block ? "host_device" : "file";
}

static void
planAdd(qemuPlan *plan, virJSONValue *options, const char *step, const char *disk)
{
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'blockdev-add','arguments':%v}", options), NULL,
                   "restore.begin.%s.%s", step, disk);
}

static char *
sourceName(const qemuRestoreDisk *disk, guint i)
{
    return g_strdup_printf("fleece-src-%s-%u", disk->name, i);
}

/* Oldest first. What an image says about its backing file is not asked: the list counts. */
static void
planSources(qemuPlan *plan, const qemuRestoreDisk *disk)
{
    for (guint i = 0; i < disk->def->sources->len; i++) {
        const virStorageSource *source = g_ptr_array_index(disk->def->sources, i);
        g_autofree char *node = sourceName(disk, i);
        g_autofree char *lower = i > 0 ? sourceName(disk, i - 1) : NULL;
        g_autofree char *object = qemuSecretObjectName(node);
        virJSONValue *options = qemuNodesDriverProps(source, node);

        qemuPlanAddSecret(plan, source->encryption, object, "restore.begin.key.%s", disk->name);
        virJSONObjectSet(options, "read-only", virJSONNewBoolean(true));
        virJSONObjectSet(options, "file",
                         virJSONBuild("{'driver':%s,'filename':%s}",
                                      protocolName(source->type == VIR_STORAGE_TYPE_BLOCK),
                                      source->path));
        if (source->format == VIR_STORAGE_FORMAT_QCOW2)
            virJSONObjectSet(options, "backing",
                             lower ? virJSONNewString(lower) : virJSONNewNull());
        planAdd(plan, options, "source", disk->name);
    }
}

static virJSONValue *
targetOptions(const qemuRestoreDisk *disk, bool readonly)
{
    g_autofree char *node = qemuBackupNodeName("new", disk->name);
    g_autofree char *file = qemuBackupNodeName("nfile", disk->name);
    const virStorageSource image = {.format = disk->format, .encryption = disk->encryption};
    virJSONValue *options = qemuNodesDriverProps(&image, node);

    virJSONObjectSet(options, "read-only", virJSONNewBoolean(readonly));
    virJSONObjectSet(options, "discard", virJSONNewString("unmap"));
    virJSONObjectSet(options, "file", virJSONNewString(file));
    return options;
}

static void
planTarget(qemuPlan *plan, const qemuRestoreDisk *disk)
{
    const char *path = disk->newPath ? disk->newPath : disk->path;
    g_autofree char *file = qemuBackupNodeName("nfile", disk->name);
    g_autofree char *node = qemuBackupNodeName("new", disk->name);
    g_autofree char *object = qemuSecretObjectName(node);

    planAdd(plan,
            virJSONBuild("{'driver':%s,'node-name':%s,'filename':%s,'discard':'unmap'}",
                         protocolName(!disk->newPath), file, path),
            "file", disk->name);
    qemuPlanAddSecret(plan, disk->encryption, object, "restore.begin.secret.%s", disk->name);
    planAdd(plan, targetOptions(disk, false), "new", disk->name);
}

static void
planServer(qemuPlan *plan, const qemuRestorePlanInput *input)
{
    const virDomainBackupDef *def = input->job->def->server;
    g_autofree char *port = g_strdup_printf("%u", def->server.port);
    virJSONValue *addr = NULL;

    if (def->server.transport == VIR_BACKUP_SERVER_UNIX)
        addr = virJSONBuild("{'type':'unix','data':{'path':%s}}", def->server.socket);
    else
        addr = virJSONBuild("{'type':'inet','data':{'host':%s,'port':%s}}", def->server.host, port);
    if (def->server.tls)
        qemuPlanAddQMP(plan, qemuTLSServerCreds(QEMU_BACKUP_TLS, input->tlsDir, input->tlsVerify), NULL,
                       "restore.begin.tls");
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'nbd-server-start','arguments':{'addr':%v,'tls-creds':%s}}",
                                addr, def->server.tls ? QEMU_BACKUP_TLS : NULL),
                   NULL, "restore.begin.server");
}

qemuPlan *
qemuRestorePlanOpen(const qemuRestorePlanInput *input)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("restore-open");
    const GPtrArray *disks = input->job->disks;

    for (guint i = 0; i < disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(disks, i);
        qemuPlanStep *step = NULL;

        if (!disk->newPath) {
            qemuPlanAddStep(plan, QEMU_STEP_LEND, disk->path, "restore.begin.lend.%s", disk->name);
            continue;
        }
        step = qemuPlanAddStep(plan, QEMU_STEP_IMAGE_CREATE, disk->newPath, "restore.begin.create.%s",
                               disk->name);
        step->size = disk->size;
        step->format = disk->format;
        step->secret = disk->encryption ? virStorageEncryptionToRef(disk->encryption) : NULL;
    }
    for (guint i = 0; i < disks->len; i++) {
        planSources(plan, g_ptr_array_index(disks, i));
        planTarget(plan, g_ptr_array_index(disks, i));
    }
    if (input->job->def->server)
        planServer(plan, input);
    return g_steal_pointer(&plan);
}

static virJSONValue *
copyAction(const qemuRestoreDisk *disk)
{
    g_autofree char *source = sourceName(disk, disk->def->sources->len - 1);
    g_autofree char *node = qemuBackupNodeName("new", disk->name);
    g_autofree char *id = g_strconcat(QEMU_RESTORE_JOB_PREFIX, disk->name, NULL);

    return virJSONBuild("{'type':'blockdev-backup','data':{'job-id':%s,'device':%s,'target':%s,"
                        "'sync':'full','on-source-error':'report','on-target-error':'report',"
                        "'auto-finalize':%b,'auto-dismiss':%b}}",
                        id, source, node, true, false);
}

static void
planExports(qemuPlan *plan, const GPtrArray *disks)
{
    for (guint i = 0; i < disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(disks, i);
        g_autofree char *id = qemuBackupNodeName("export", disk->name);
        g_autofree char *node = qemuBackupNodeName("new", disk->name);

        qemuPlanAddQMP(plan,
                       virJSONBuild("{'execute':'block-export-add','arguments':{'type':'nbd','id':%s,"
                                    "'node-name':%s,'name':%s,'writable':%b}}",
                                    id, node, disk->def->exportName, true),
                       NULL, "restore.begin.export.%s", disk->name);
    }
}

qemuPlan *
qemuRestorePlanWrite(const qemuRestorePlanInput *input)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("restore-write");
    const GPtrArray *disks = input->job->disks;
    virJSONValue *actions = NULL;

    if (input->job->def->server) {
        planExports(plan, disks);
        return g_steal_pointer(&plan);
    }
    actions = virJSONNewArray();
    for (guint i = 0; i < disks->len; i++)
        virJSONArrayAppend(actions, copyAction(g_ptr_array_index(disks, i)));
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions),
                   NULL, "restore.begin.copy");
    return g_steal_pointer(&plan);
}

static void
planWait(qemuPlan *plan, const virDomainBackupDef *def)
{
    bool isUnix = def->server.transport == VIR_BACKUP_SERVER_UNIX;
    qemuPlanStep *step = qemuPlanAddStep(plan, QEMU_STEP_WAIT_EXPORTS,
                                         isUnix ? def->server.socket : NULL, "restore.end.exports");

    step->size = isUnix ? 0 : def->server.port;
}

qemuPlan *
qemuRestorePlanClose(const qemuRestorePlanInput *input)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("restore-close");
    bool pull = input->job->def->server != NULL;
    const GPtrArray *disks = input->job->disks;
    virJSONValue *options = virJSONNewArray();

    for (guint i = 0; i < disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(disks, i);
        g_autofree char *id = pull ? qemuBackupNodeName("export", disk->name)
                                   : g_strconcat(QEMU_RESTORE_JOB_PREFIX, disk->name, NULL);

        if (pull && !disk->closed)
            qemuPlanAddQMP(plan,
                           virJSONBuild("{'execute':'block-export-del','arguments':{'id':%s,"
                                        "'mode':'hard'}}", id),
                           NULL, "restore.end.export.%s", disk->name);
        else if (!disk->closed)
            qemuPlanAddQMP(plan, virJSONBuild("{'execute':'job-dismiss','arguments':{'id':%s}}", id),
                           NULL, "restore.end.dismiss.%s", disk->name);
        virJSONArrayAppend(options, targetOptions(disk, true));
    }
    if (pull)
        planWait(plan, input->job->def->server);
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'blockdev-reopen','arguments':{'options':%v}}", options),
                   NULL, "restore.end.store");
    return g_steal_pointer(&plan);
}
