/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans carried out on a real QEMU: what a reader of the backup gets, and what is left after the end. */
#include "engine_backup.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include "qemu_nbd_clients.h"
#include "virerror_report.h"
#include "virfile.h"

#define CLUSTER 65536UL

static qemuPlan *
planCheckpoint(engineQemu *q, const char *chain, const char *name)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&q->target);
    g_auto(GStrv) names = *chain ? g_strsplit(chain, " ", -1) : g_new0(char *, 1);
    qemuCheckpointPlanDisk disks[ENGINE_MAX_DISKS] = { 0 };

    for (size_t i = 0; i < q->ndisks; i++)
        disks[i] = (qemuCheckpointPlanDisk){
            .name = q->disks[i].name, .node = qemuGraphNodeLookup(graph, q->disks[i].node),
            .bitmap = name, .checkpoints = (const char *const *)names,
        };
    return qemuCheckpointPlanCreate(disks, q->ndisks, false);
}

static void
createCheckpoint(engineQemu *q, const char *chain, const char *name)
{
    g_autoptr(qemuPlan) plan = planCheckpoint(q, chain, name);
    qemuPlanRun run = { .plan = plan };

    g_assert_cmpint(qemuPlanRunAll(&run, &q->target), ==, 0);
}

/* 1 everywhere below 1 MiB; checkpoint A; cluster 1 and 3 := 2; checkpoint B; cluster 4 := 3. */
static void
makeHistory(engineQemu *q)
{
    for (size_t i = 0; i < q->ndisks; i++)
        engineQemuWrite(q, i, 1, 0, 16 * CLUSTER);
    createCheckpoint(q, "", "A");
    for (size_t i = 0; i < q->ndisks; i++) {
        engineQemuWrite(q, i, 2, CLUSTER, CLUSTER);
        engineQemuWrite(q, i, 2, 3 * CLUSTER, 4096);
    }
    createCheckpoint(q, "A", "B");
    for (size_t i = 0; i < q->ndisks; i++)
        engineQemuWrite(q, i, 3 + i, 4 * CLUSTER, CLUSTER);
}

/* After the instant: old data overwritten, new places written. */
static void
writeAfter(engineQemu *q)
{
    for (size_t i = 0; i < q->ndisks; i++) {
        engineQemuWrite(q, i, 9, 0, 2 * CLUSTER);
        engineQemuWrite(q, i, 9, 100 * CLUSTER, 2 * CLUSTER);
    }
}

static void
compareAll(engineBackup *b, unsigned char *const *wanted)
{
    for (size_t i = 0; i < b->q->ndisks; i++)
        engineBackupCompare(b, i, wanted[i]);
}

static void
takeModels(engineQemu *q, unsigned char **models)
{
    for (size_t i = 0; i < q->ndisks; i++)
        models[i] = engineQemuModel(q, i);
}

static void
freeModels(engineQemu *q, unsigned char **models)
{
    for (size_t i = 0; i < q->ndisks; i++)
        g_free(models[i]);
}

static void
assertState(engineQemu *q, const char *wanted)
{
    g_autofree char *state = engineQemuState(q);

    g_assert_cmpstr(state, ==, wanted);
}

static void
pullFull(size_t ndisks, bool running)
{
    g_autoptr(engineQemu) q = engineQemuStart(ndisks, running, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = NULL;
    unsigned char *models[ENGINE_MAX_DISKS] = { 0 };

    makeHistory(q);
    before = engineQemuState(q);
    takeModels(q, models);
    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    writeAfter(q);
    compareAll(b, models);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    assertState(q, before);
    freeModels(q, models);
}

static void
testPullFullRunning(void)
{
    pullFull(1, true);
}

static void
testPullFullPaused(void)
{
    pullFull(3, false);
}

/* Export and checkpoint meet at one instant: [A, instant) exported, [instant, ...) in the new bitmap. */
static void
testPullIncremental(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autoptr(engineBackup) next = NULL;
    unsigned char *models[ENGINE_MAX_DISKS] = { 0 };

    makeHistory(q);
    takeModels(q, models);
    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, "A B", "A B", "C");
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    writeAfter(q);
    for (size_t i = 0; i < q->ndisks; i++) {
        g_autofree char *dirty = engineBackupDirty(b, i);

        g_assert_cmpstr(dirty, ==, "65536+65536 196608+131072");   /* clusters 1, 3, 4 */
    }
    compareAll(b, models);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    next = engineBackupNew(q, VIR_BACKUP_MODE_PULL, "C", "A B C", NULL);
    g_assert_cmpint(engineBackupBegin(next), ==, 0);
    for (size_t i = 0; i < q->ndisks; i++) {
        g_autofree char *dirty = engineBackupDirty(next, i);

        g_assert_cmpstr(dirty, ==, "0+131072 6553600+131072");
    }
    g_assert_cmpint(engineBackupEnd(next, false), ==, 0);
    freeModels(q, models);
}

static void
testPushFull(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = NULL;
    unsigned char *models[ENGINE_MAX_DISKS] = { 0 };

    makeHistory(q);
    takeModels(q, models);
    before = engineQemuState(q);
    b = engineBackupNew(q, VIR_BACKUP_MODE_PUSH, NULL, NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    writeAfter(q);
    engineBackupWait(b);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    compareAll(b, models);
    for (size_t i = 0; i < q->ndisks; i++)
        g_unlink(b->stores[i].path);
    assertState(q, before);
    freeModels(q, models);
}

/* Only what changed is in the target; the rest reads as zero. */
static void
testPushIncremental(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(2, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    unsigned char *models[ENGINE_MAX_DISKS] = { 0 };

    makeHistory(q);
    takeModels(q, models);
    for (size_t i = 0; i < q->ndisks; i++) {
        memset(models[i], 0, CLUSTER);
        memset(models[i] + 2 * CLUSTER, 0, CLUSTER);
        memset(models[i] + 5 * CLUSTER, 0, ENGINE_DISK_BYTES - 5 * CLUSTER);
    }
    b = engineBackupNew(q, VIR_BACKUP_MODE_PUSH, "A B", "A B", "C");
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    writeAfter(q);
    engineBackupWait(b);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    compareAll(b, models);
    freeModels(q, models);
}

/* A client in the middle of reading is no reason to wait. */
static void
testEndWithReader(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = engineQemuState(q);
    g_autofree char *uri = NULL;
    g_autoptr(GSubprocess) reader = NULL;
    gint64 start = 0;

    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    uri = g_strdup_printf("nbd+unix:///vda?socket=%s", b->def.server.socket);
    reader = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL,
                              "nbdcopy", "--synchronous", uri, "-", NULL);
    while (qemuNbdClientsCount(q->target.ops->pid(&q->target), b->def.server.socket, 0) == 0)
        g_usleep(1000);
    g_usleep(200000);   /* its pipe is full by now */
    start = g_get_monotonic_time();
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 2000000);
    assertState(q, before);
    g_subprocess_force_exit(reader);
    g_subprocess_wait(reader, NULL, NULL);
}

static gpointer
endInThread(gpointer data)
{
    engineBackup *b = data;
    int ret = engineBackupEnd(b, false);

    g_atomic_int_set(&b->ended, 1);
    return GINT_TO_POINTER(ret);
}

/* A client that says nothing: the guest's main loop answers all the while, and the client is cut off, or
 * dropped by QEMU where we may not take its socket. */
static void
testEndWithSilentClient(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = engineQemuState(q);
    VIR_AUTOCLOSE fd = -1;
    GThread *thread = NULL;
    gint64 longest = 0;
    gint64 start = 0;

    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    fd = virFileConnectUnix(b->def.server.socket);
    g_assert_cmpint(fd, >=, 0);
    start = g_get_monotonic_time();
    thread = g_thread_new("end", endInThread, b);
    while (!g_atomic_int_get(&b->ended)) {
        gint64 asked = g_get_monotonic_time();
        g_autoptr(virJSONValue) status = engineQemuCommand(q, "{\"execute\":\"query-status\"}");

        longest = MAX(longest, g_get_monotonic_time() - asked);
        g_usleep(10000);
    }
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
    g_test_message("end took %lld ms, longest answer %lld us",
                   (long long)(g_get_monotonic_time() - start) / 1000, (long long)longest);
    g_assert_cmpint(longest, <, 500000);
    assertState(q, before);
}

static void
testClientsTcp(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);
    pid_t pid = q->target.ops->pid(&q->target);
    g_autoptr(GSocketListener) probe = g_socket_listener_new();
    unsigned int port = g_socket_listener_add_any_inet_port(probe, NULL, NULL);
    g_autofree char *start = g_strdup_printf(
        "{\"execute\":\"nbd-server-start\",\"arguments\":{\"addr\":{\"type\":\"inet\",\"data\":"
        "{\"host\":\"127.0.0.1\",\"port\":\"%u\"}}}}", port);
    g_autoptr(virJSONValue) started = NULL;
    g_autoptr(virJSONValue) stopped = NULL;
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnection) connection = NULL;

    g_socket_listener_close(probe);
    started = engineQemuCommand(q, start);
    g_assert_cmpuint(qemuNbdClientsCount(pid, NULL, port), ==, 0);
    connection = g_socket_client_connect_to_host(client, "127.0.0.1", port, NULL, NULL);
    g_assert_nonnull(connection);
    while (qemuNbdClientsCount(pid, NULL, port) != 1)
        g_usleep(1000);
    /* cut off, or where that is not allowed, gone by itself */
    if (!qemuNbdClientsWait(pid, NULL, port, 1000)) {
        g_clear_object(&connection);
        g_assert_true(qemuNbdClientsWait(pid, NULL, port, 5000));
    }
    stopped = engineQemuCommand(q, "{\"execute\":\"nbd-server-stop\"}");
}

/* Taken back later, a checkpoint leaves nothing and loses nothing. */
static void
testCheckpointUndo(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(2, true, NULL);
    g_autoptr(qemuPlan) plan = NULL;
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = NULL;
    qemuPlanRun run = { 0 };

    makeHistory(q);
    before = engineQemuState(q);
    plan = planCheckpoint(q, "A B", "C");
    run.plan = plan;
    g_assert_cmpint(qemuPlanRunAll(&run, &q->target), ==, 0);
    writeAfter(q);
    g_assert_cmpint(qemuPlanRunUndo(&run, &q->target, false), ==, 0);
    assertState(q, before);
    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, "B", NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    for (size_t i = 0; i < q->ndisks; i++) {
        g_autofree char *dirty = engineBackupDirty(b, i);

        g_assert_cmpstr(dirty, ==, "0+131072 262144+65536 6553600+131072");
    }
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
}

static void
measure(size_t ndisks, virBackupMode mode)
{
    g_autoptr(engineQemu) q = engineQemuStart(ndisks, true, NULL);
    gint64 begin = G_MAXINT64, end = G_MAXINT64, pause = G_MAXINT64;
    unsigned int commands[2] = { 0 }, trips[2] = { 0 };

    makeHistory(q);
    for (int i = 0; i < 5; i++) {
        g_autoptr(engineBackup) b = engineBackupNew(q, mode, "A B", NULL, NULL);
        gint64 start = 0;

        q->commands = q->roundTrips = 0;
        start = g_get_monotonic_time();
        g_assert_cmpint(engineBackupBegin(b), ==, 0);
        begin = MIN(begin, g_get_monotonic_time() - start);
        commands[0] = q->commands;
        trips[0] = q->roundTrips;
        pause = MIN(pause, q->resumedAt - q->stoppedAt);
        if (mode == VIR_BACKUP_MODE_PUSH)
            engineBackupWait(b);
        q->commands = q->roundTrips = 0;
        start = g_get_monotonic_time();
        g_assert_cmpint(engineBackupEnd(b, true), ==, 0);
        end = MIN(end, g_get_monotonic_time() - start);
        commands[1] = q->commands;
        trips[1] = q->roundTrips;
    }
    g_test_message("%s of %zu disks: begin %u commands, %u round trips, %lld us, paused %lld us; "
                   "end %u commands, %u round trips, %lld us",
                   mode == VIR_BACKUP_MODE_PULL ? "pull" : "push", ndisks, commands[0], trips[0],
                   (long long)begin, (long long)(mode == VIR_BACKUP_MODE_PULL ? pause : 0),
                   commands[1], trips[1], (long long)end);
    /* the budget, so that it is noticed when it grows */
    if (mode == VIR_BACKUP_MODE_PULL) {
        g_assert_cmpuint(commands[0], <=, 4 + 4 * ndisks);
        g_assert_cmpuint(trips[0], <=, 3);
        g_assert_cmpuint(commands[1], <=, 3 + 5 * ndisks);
        g_assert_cmpuint(trips[1], <=, 6);
    } else {
        g_assert_cmpuint(commands[0], <=, 4 + 5 * ndisks);
        g_assert_cmpuint(trips[0], <=, 4);
        g_assert_cmpuint(commands[1], <=, 1 + 7 * ndisks);   /* 5 and 2 to look for late copies */
    }
}

static void
testMeasure(void)
{
    measure(1, VIR_BACKUP_MODE_PULL);
    measure(8, VIR_BACKUP_MODE_PULL);
    measure(1, VIR_BACKUP_MODE_PUSH);
    measure(8, VIR_BACKUP_MODE_PUSH);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan-run/pull-full-running", testPullFullRunning);
    g_test_add_func("/plan-run/pull-full-paused", testPullFullPaused);
    g_test_add_func("/plan-run/pull-incremental", testPullIncremental);
    g_test_add_func("/plan-run/push-full", testPushFull);
    g_test_add_func("/plan-run/push-incremental", testPushIncremental);
    g_test_add_func("/plan-run/end-with-reader", testEndWithReader);
    g_test_add_func("/plan-run/end-with-silent-client", testEndWithSilentClient);
    g_test_add_func("/plan-run/clients-tcp", testClientsTcp);
    g_test_add_func("/plan-run/checkpoint-undo", testCheckpointUndo);
    g_test_add_func("/plan-run/measure", testMeasure);
    return g_test_run();
}
