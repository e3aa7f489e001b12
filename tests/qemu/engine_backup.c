/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A backup request for an engineQemu, and the plans made from it. */
#include "engine_backup.h"

#include <glib/gstdio.h>
#include <string.h>
#include "qemu_capabilities.h"
#include "virerror_report.h"

static GPtrArray *
wordsNew(const char *text)
{
    g_auto(GStrv) names = g_strsplit(text, " ", -1);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; names[i]; i++)
        g_ptr_array_add(words, g_strdup(names[i]));
    return words;
}

static void
fillDisk(engineBackup *b, size_t i, const char *since)
{
    engineQemu *q = b->q;
    bool raw = b->def.mode == VIR_BACKUP_MODE_PUSH && i % 2 == 1;
    g_autofree char *name = g_strconcat("store.", q->disks[i].name, NULL);

    b->stores[i] = (virStorageSource){
        .type = VIR_STORAGE_TYPE_FILE,
        .format = raw ? VIR_STORAGE_FORMAT_RAW : VIR_STORAGE_FORMAT_QCOW2,
        .path = engineQemuPath(q, name),
    };
    b->defs[i] = (virDomainBackupDiskDef){
        .name = (char *)q->disks[i].name, .backup = true, .exportName = (char *)q->disks[i].name,
        .incremental = (char *)since, .store = &b->stores[i],
    };
    if (since)
        b->since[i] = wordsNew(since);
    b->disks[i] = (qemuBackupPlanDisk){
        .disk = &q->disks[i], .def = &b->defs[i], .size = ENGINE_DISK_BYTES, .since = b->since[i],
    };
}

static virJSONValue *
checkpointActions(engineQemu *q, const char *chain, const char *checkpoint)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&q->target);
    g_auto(GStrv) names = chain ? g_strsplit(chain, " ", -1) : g_new0(char *, 1);
    virJSONValue *actions = virJSONNewArray();

    for (size_t i = 0; i < q->ndisks; i++) {
        qemuCheckpointPlanDisk disk = {
            .name = q->disks[i].name, .node = qemuGraphNodeLookup(graph, q->disks[i].node),
            .bitmap = checkpoint, .checkpoints = (const char *const *)names,
        };

        g_assert_cmpint(qemuCheckpointPlanCreateActions(actions, &disk, 1), ==, 0);
    }
    return actions;
}

static void
planBegin(engineBackup *b)
{
    qemuBackupPlanInput input = {
        .def = &b->def, .disks = b->disks, .ndisks = b->q->ndisks,
        .checkpointActions = b->checkpointActions, .guestRuns = b->q->running,
        .privateDir = b->q->dir, .cbwTimeout = QEMU_CAPS_CBW_TIMEOUT_SAFE,
    };

    qemuPlanFree(b->plan);
    b->plan = qemuBackupPlanBegin(&input);
}

engineBackup *
engineBackupNew(engineQemu *q, virBackupMode mode, const char *since, const char *chain,
                const char *checkpoint)
{
    engineBackup *b = g_new0(engineBackup, 1);

    b->q = q;
    b->def.mode = mode;
    virBackupOptionsInit(&b->def.options);
    b->def.server.transport = VIR_BACKUP_SERVER_UNIX;
    b->def.server.socket = engineQemuPath(q, "nbd.sock");
    for (size_t i = 0; i < q->ndisks; i++)
        fillDisk(b, i, since);
    if (checkpoint)
        b->checkpointActions = checkpointActions(q, chain, checkpoint);
    planBegin(b);
    return b;
}

void
engineBackupServeOn(engineBackup *b, int listener, unsigned int port)
{
    b->def.server.transport = VIR_BACKUP_SERVER_FD;
    g_clear_pointer(&b->def.server.socket, g_free);
    b->def.server.port = port;
    b->listener = listener;
    planBegin(b);
}

void
engineBackupFree(engineBackup *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->q->ndisks; i++) {
        g_free(b->stores[i].path);
        g_clear_pointer(&b->since[i], g_ptr_array_unref);
    }
    g_free(b->def.server.socket);
    virJSONValueFree(b->checkpointActions);
    qemuPlanFree(b->plan);
    g_free(b);
}

int
engineBackupBegin(engineBackup *b)
{
    qemuPlanRun run = { .plan = b->plan, .fd = &b->listener };

    return qemuPlanRunAll(&run, &b->q->target);
}

static int
stopServer(engineBackup *b)
{
    g_autoptr(qemuPlan) plan = qemuBackupPlanServerStop(&b->def, NULL);
    qemuPlanRun run = { .plan = plan };

    return qemuPlanRunAll(&run, &b->q->target);
}

int
engineBackupEnd(engineBackup *b, bool failed)
{
    qemuBackupPlanEndDisk disks[ENGINE_MAX_DISKS] = { 0 };
    g_autoptr(qemuPlan) plan = NULL;
    qemuPlanRun run = { 0 };

    for (size_t i = 0; i < b->q->ndisks; i++)
        disks[i] = (qemuBackupPlanEndDisk){
            .disk = &b->q->disks[i], .def = &b->defs[i], .under = b->q->disks[i].node,
            .size = ENGINE_DISK_BYTES, .hasUnion = b->since[i] != NULL,
            .removeStore = failed || b->def.mode == VIR_BACKUP_MODE_PULL,
        };
    plan = qemuBackupPlanEnd(&(qemuBackupPlanEnding){
        .def = &b->def, .disks = disks, .ndisks = b->q->ndisks, .privateDir = b->q->dir,
        .failed = failed, .flushServers = true, .checkCopies = true,
    });
    run.plan = plan;
    if (qemuPlanRunAll(&run, &b->q->target) < 0)
        return -1;
    return b->def.mode == VIR_BACKUP_MODE_PULL ? stopServer(b) : 0;
}

/* Number of jobs that have not concluded. */
static size_t
jobsRunning(engineQemu *q)
{
    g_autoptr(virJSONValue) jobs = engineQemuCommand(q, "{\"execute\":\"query-jobs\"}");
    size_t running = 0;

    g_assert_cmpuint(virJSONArraySize(jobs), ==, q->ndisks);
    for (size_t i = 0; i < virJSONArraySize(jobs); i++) {
        const virJSONValue *job = virJSONArrayAt(jobs, i);

        g_assert_null(virJSONObjectLookupString(job, "error"));
        running += !g_str_equal(virJSONObjectLookupString(job, "status"), "concluded");
    }
    return running;
}

void
engineBackupWait(engineBackup *b)
{
    for (int i = 0; jobsRunning(b->q) > 0; i++) {
        g_assert_cmpint(i, <, 2000);
        g_usleep(10000);
    }
}

static char *
exportUri(engineBackup *b, size_t disk)
{
    if (!b->def.server.socket)
        return g_strdup_printf("nbd://127.0.0.1:%u/%s", b->def.server.port, b->defs[disk].exportName);
    return g_strdup_printf("nbd+unix:///%s?socket=%s", b->defs[disk].exportName,
                           b->def.server.socket);
}

void
engineBackupCompare(engineBackup *b, size_t disk, const unsigned char *wanted)
{
    g_autofree char *copy = engineQemuPath(b->q, "copy.raw");
    g_autofree char *uri = exportUri(b, disk);
    g_autofree char *got = NULL;
    gsize length = 0;

    if (b->def.mode == VIR_BACKUP_MODE_PULL) {
        const char *argv[] = { "nbdcopy", uri, copy, NULL };
        g_autofree char *out = engineRun(argv);
    } else {
        const char *format = b->stores[disk].format == VIR_STORAGE_FORMAT_RAW ? "raw" : "qcow2";
        const char *argv[] = { "qemu-img", "convert", "-U", "-f", format, "-O", "raw",
                               b->stores[disk].path, copy, NULL };
        g_autofree char *out = engineRun(argv);
    }
    g_assert_true(g_file_get_contents(copy, &got, &length, NULL));
    g_unlink(copy);
    g_assert_cmpuint(length, ==, ENGINE_DISK_BYTES);
    for (gsize i = 0; i < length; i += 65536) {
        if (memcmp(got + i, wanted + i, 65536) != 0)
            g_error("disk %zu differs at %zu: %d, wanted %d", disk, i, got[i], wanted[i]);
    }
}

char *
engineBackupDirty(engineBackup *b, size_t disk)
{
    g_autofree char *uri = exportUri(b, disk);
    g_autofree char *map = g_strdup_printf("--map=qemu:dirty-bitmap:backup-%s", b->defs[disk].name);
    const char *argv[] = { "nbdinfo", "--json", map, uri, NULL };
    g_autofree char *text = engineRun(argv);
    g_autoptr(virJSONValue) extents = virJSONParse(text, -1);
    GString *dirty = g_string_new("");

    g_assert_nonnull(extents);
    for (size_t i = 0; i < virJSONArraySize(extents); i++) {
        const virJSONValue *extent = virJSONArrayAt(extents, i);
        unsigned long long offset = 0;
        unsigned long long length = 0;
        unsigned long long type = 0;

        g_assert_cmpint(virJSONObjectGetUInt(extent, "offset", &offset), ==, 0);
        g_assert_cmpint(virJSONObjectGetUInt(extent, "length", &length), ==, 0);
        g_assert_cmpint(virJSONObjectGetUInt(extent, "type", &type), ==, 0);
        if (type)
            g_string_append_printf(dirty, "%s%llu+%llu", dirty->len ? " " : "", offset, length);
    }
    return g_string_free(dirty, FALSE);
}
