/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bitmap cannot go along over NBD: QEMU 7.2 has no way to make one of what an NBD server tells. So QEMU stores it:
 * a persistent one in an image without data, which the helper opens beside the disk and exports the bitmap of.
 * blockdev-reopen says if storing has failed, which blockdev-del would not. The image need not survive the host,
 * so nobody waits for its disk (no-flush).
 */
#include "qemu_export_helper_plan.h"

#include "qemu_backup_plan_graph.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_tls.h"

/* What nbd-server-start allows by itself; the option on the command line has no limit by itself. */
#define MAX_CLIENTS 100

bool
qemuExportHelperIsWanted(const virDomainBackupDef *def, const char *privateDir)
{
    return privateDir && def->mode == VIR_BACKUP_MODE_PULL && def->server.transport == VIR_BACKUP_SERVER_TCP &&
           VIR_BACKUP_OPTION(def, EXPORT_HELPER);
}

char *
qemuExportHelperSocket(const char *privateDir)
{
    return g_strdup_printf("%s/export.sock", privateDir);
}

static char *
bitmapPath(const char *privateDir, const char *disk)
{
    return g_strdup_printf("%s/bitmap-%s", privateDir, disk);
}

static virJSONValue *
bitmapCopy(const virDomainBackupDef *def, const qemuBackupPlanDisk *disk, const char *node)
{
    g_autofree char *name = qemuBackupUnionName(def, disk->def);

    return virJSONBuild("[{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,'granularity':%d,"
                        "'persistent':%b,'disabled':%b}},"
                        "{'type':'block-dirty-bitmap-merge','data':{'node':%s,'target':%s,"
                        "'bitmaps':[{'node':%s,'name':%s}]}}]",
                        node, name, QEMU_BITMAP_GRANULARITY, true, true, node, name, disk->disk->node, name);
}

/* Closed again in the same write; the first step only closes it if that was not reached. */
static void
planHandover(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    g_autofree char *node = qemuBackupNodeName("bitmap", name);
    g_autofree char *file = qemuBackupNodeName("bitmap-file", name);
    g_autofree char *path = bitmapPath(input->privateDir, name);

    qemuPlanAddQMP(plan, NULL, qemuBackupPlanNodeDelete("bitmap", name), "backup.begin.bitmap-close.%s", name);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'qcow2','node-name':%s,"
                                "'cache':{'no-flush':%b},"
                                "'file':{'driver':'file','node-name':%s,'filename':%s}}}",
                                node, true, file, path),
                   NULL, "backup.begin.bitmap-open.%s", name);
    qemuPlanAddQMP(plan, qemuBackupPlanTransaction(bitmapCopy(input->def, disk, node)), NULL,
                   "backup.begin.bitmap-copy.%s", name);
    qemuPlanAddQMP(plan,
                   virJSONBuild("{'execute':'blockdev-reopen','arguments':{'options':[{'driver':'qcow2',"
                                "'node-name':%s,'read-only':%b,'cache':{'no-flush':%b},'file':%s}]}}",
                                node, true, true, file),
                   NULL, "backup.begin.bitmap-store.%s", name);
    qemuPlanAddQMP(plan, qemuBackupPlanNodeDelete("bitmap", name), NULL, "backup.begin.bitmap-stored.%s", name);
}

static void
planHandovers(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    guint first = 0;

    for (size_t i = 0; i < input->ndisks; i++) {
        const qemuBackupPlanDisk *disk = &input->disks[i];
        g_autofree char *path = bitmapPath(input->privateDir, disk->disk->name);

        if (disk->since)
            qemuPlanAddStep(plan, QEMU_STEP_BITMAP_CREATE, path, "backup.begin.bitmap.%s", disk->disk->name)
                ->size = disk->size;
    }
    first = plan->steps->len;
    for (size_t i = 0; i < input->ndisks; i++) {
        if (input->disks[i].since)
            planHandover(plan, input, &input->disks[i]);
    }
    qemuBackupPlanJoin(plan, first);
}

static virJSONValue *
serverOptions(const virDomainBackupDef *def)
{
    g_autofree char *port = g_strdup_printf("%u", def->server.port);
    const char *host = def->server.host ? def->server.host : "localhost";

    return virJSONBuild("{'addr':{'type':'inet','host':%s,'port':%s},'tls-creds':%s,'max-connections':%d}",
                        host, port, def->server.tls ? QEMU_BACKUP_TLS : NULL, MAX_CLIENTS);
}

static void
appendDisk(virJSONValue *blockdevs, virJSONValue *exports, const qemuBackupPlanInput *input,
           const qemuBackupPlanDisk *disk)
{
    const char *name = disk->disk->name;
    const char *exportName = disk->def->exportName ? disk->def->exportName : name;
    g_autofree char *node = g_strdup_printf("disk-%s", name);
    g_autofree char *store = g_strdup_printf("bitmap-%s", name);
    g_autofree char *id = g_strdup_printf("export-%s", name);
    g_autofree char *socket = qemuExportHelperSocket(input->privateDir);
    g_autofree char *path = bitmapPath(input->privateDir, name);
    g_autofree char *bitmap = qemuBackupUnionName(input->def, disk->def);

    virJSONArrayAppend(blockdevs,
                       virJSONBuild("{'driver':'nbd','node-name':%s,'read-only':%b,"
                                    "'server':{'type':'unix','path':%s},'export':%s}",
                                    node, true, socket, exportName));
    if (disk->since)
        virJSONArrayAppend(blockdevs,
                           virJSONBuild("{'driver':'qcow2','node-name':%s,'read-only':%b,"
                                        "'file':{'driver':'file','filename':%s}}", store, true, path));
    virJSONArrayAppend(exports,
                       virJSONBuild("{'type':'nbd','id':%s,'node-name':%s,'name':%s,'bitmaps':%v}", id, node,
                                    exportName,
                                    disk->since ? virJSONBuild("[{'node':%s,'name':%s}]", store, bitmap)
                                                : NULL));
}

static virJSONValue *
helperOptions(const qemuBackupPlanInput *input)
{
    virJSONValue *objects = virJSONNewArray();
    virJSONValue *blockdevs = virJSONNewArray();
    virJSONValue *exports = virJSONNewArray();

    if (input->def->server.tls) {
        g_autoptr(virJSONValue) add = qemuTLSServerCreds(QEMU_BACKUP_TLS, input->tlsDir, input->tlsVerify);

        virJSONArrayAppend(objects, virJSONCopy(virJSONObjectLookupObject(add, "arguments")));
    }
    for (size_t i = 0; i < input->ndisks; i++)
        appendDisk(blockdevs, exports, input, &input->disks[i]);
    return virJSONBuild("{'objects':%v,'server':%v,'blockdevs':%v,'exports':%v}", objects,
                        serverOptions(input->def), blockdevs, exports);
}

void
qemuExportHelperPlanBegin(qemuPlan *plan, const qemuBackupPlanInput *input)
{
    if (!qemuExportHelperIsWanted(input->def, input->privateDir))
        return;
    planHandovers(plan, input);
    qemuPlanAddStep(plan, QEMU_STEP_HELPER, input->privateDir, "backup.begin.helper")->command =
        helperOptions(input);
}

void
qemuExportHelperPlanEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    if (qemuExportHelperIsWanted(ending->def, ending->privateDir))
        qemuPlanAddStep(plan, QEMU_STEP_HELPER_END, ending->privateDir, "backup.end.helper");
}

void
qemuExportHelperPlanFilesEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending)
{
    if (!qemuExportHelperIsWanted(ending->def, ending->privateDir))
        return;
    for (size_t i = 0; i < ending->ndisks; i++) {
        const char *name = ending->disks[i].disk->name;
        g_autofree char *path = bitmapPath(ending->privateDir, name);

        if (ending->disks[i].hasUnion)
            qemuPlanAddStep(plan, QEMU_STEP_UNLINK, path, "backup.end.bitmap.%s", name);
    }
}
