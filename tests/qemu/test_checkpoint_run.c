/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints made and deleted on a real QEMU. What a chain says about the past is read through a
 * backup's export, before and after each change: it must stay the same, or be refused.
 */
#include "engine_backup.h"

#include <string.h>
#include "qemu_bitmap_chain.h"
#include "virerror_report.h"

static const char *const *
splitChain(const char *text, GStrv *storage)
{
    *storage = *text ? g_strsplit(text, " ", -1) : g_new0(char *, 1);
    return (const char *const *)*storage;
}

static int
runPlan(engineQemu *q, const qemuPlan *plan)
{
    qemuPlanRun run = { .plan = plan };

    return plan ? qemuPlanRunAll(&run, &q->target) : -1;
}

static void
createCheckpoint(engineQemu *q, const char *chain, const char *name)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&q->target);
    g_auto(GStrv) names = NULL;
    qemuCheckpointPlanDisk disk = {
        .name = "vda", .node = qemuGraphNodeLookup(graph, q->disks[0].node), .bitmap = name,
        .checkpoints = splitChain(chain, &names),
    };
    g_autoptr(qemuPlan) plan = qemuCheckpointPlanCreate(&disk, 1, false);

    g_assert_cmpint(runPlan(q, plan), ==, 0);
}

static void
deleteCheckpoints(engineQemu *q, const char *chain, const char *gone)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&q->target);
    g_auto(GStrv) names = NULL;
    g_auto(GStrv) deleted = NULL;
    qemuCheckpointPlanDisk disk = {
        .name = "vda", .node = qemuGraphNodeLookup(graph, q->disks[0].node),
        .checkpoints = splitChain(chain, &names), .bitmaps = splitChain(gone, &deleted),
    };
    g_autoptr(qemuPlan) plan = qemuCheckpointPlanDelete(&disk, 1);

    g_assert_cmpint(runPlan(q, plan), ==, 0);
}

/* What changed since @since, as clusters "1 2 5", or "broken". */
static char *
changedSince(engineQemu *q, const char *chain, const char *since)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&q->target);
    g_auto(GStrv) names = NULL;
    g_autoptr(GPtrArray) bitmaps =
        qemuBitmapChainSince("vda", qemuGraphNodeLookup(graph, q->disks[0].node),
                             splitChain(chain, &names), NULL, since);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *words = NULL;
    g_autofree char *dirty = NULL;

    if (!bitmaps) {
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_CHECKPOINT_INCONSISTENT);
        return g_strdup("broken");
    }
    g_ptr_array_add(bitmaps, NULL);
    words = g_strjoinv(" ", (char **)bitmaps->pdata);
    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, words, NULL, NULL);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    dirty = engineBackupDirty(b, 0);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    return g_steal_pointer(&dirty);
}

static void
assertChanged(engineQemu *q, const char *chain, const char *since, const char *wanted)
{
    g_autofree char *changed = changedSince(q, chain, since);

    g_assert_cmpstr(changed, ==, wanted);
}

/* Cluster 2i is written after the i-th checkpoint of "A B C D". */
static void
makeHistory(engineQemu *q)
{
    static const char *const chains[] = { "", "A", "A B", "A B C" };
    static const char *const names[] = { "A", "B", "C", "D" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        createCheckpoint(q, chains[i], names[i]);
        engineQemuWrite(q, 0, 1, 2 * i * 65536, 65536);
    }
}

#define SINCE_A "0+65536 131072+65536 262144+65536 393216+65536"
#define SINCE_B "131072+65536 262144+65536 393216+65536"
#define SINCE_C "262144+65536 393216+65536"
#define SINCE_D "393216+65536"

static void
testCreate(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);

    makeHistory(q);
    assertChanged(q, "A B C D", "A", SINCE_A);
    assertChanged(q, "A B C D", "B", SINCE_B);
    assertChanged(q, "A B C D", "C", SINCE_C);
    assertChanged(q, "A B C D", "D", SINCE_D);
}

typedef struct _deleteCase {
    const char *name;
    const char *gone, *left;
    const char *since[4][2];
} deleteCase;

static const deleteCase deleteCases[] = {
    { "oldest", "A", "B C D", { { "B", SINCE_B }, { "C", SINCE_C }, { "D", SINCE_D } } },
    { "middle", "B", "A C D", { { "A", SINCE_A }, { "C", SINCE_C }, { "D", SINCE_D } } },
    { "active", "D", "A B C", { { "A", SINCE_A }, { "B", SINCE_B }, { "C", SINCE_C } } },
    { "children", "C D", "A B", { { "A", SINCE_A }, { "B", SINCE_B } } },
    { "apart", "B D", "A C", { { "A", SINCE_A }, { "C", SINCE_C } } },
    { "but-active", "A B C", "D", { { "D", SINCE_D } } },
    { "all", "A B C D", "", { { NULL } } },
};

static void
testDelete(gconstpointer data)
{
    const deleteCase *c = data;
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);

    makeHistory(q);
    deleteCheckpoints(q, "A B C D", c->gone);
    for (size_t i = 0; i < 4 && c->since[i][0]; i++)
        assertChanged(q, c->left, c->since[i][0], c->since[i][1]);
    /* and the newest one left still records */
    engineQemuWrite(q, 0, 2, 10 * 65536, 65536);
    for (size_t i = 0; i < 4 && c->since[i][0]; i++) {
        g_autofree char *wanted = g_strconcat(c->since[i][1], " 655360+65536", NULL);

        assertChanged(q, c->left, c->since[i][0], wanted);
    }
}

/* An image as libvirt leaves it: every bitmap active since its checkpoint. */
static void
testLibvirtChain(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);

    for (int i = 0; i < 3; i++) {
        g_autofree char *json = g_strdup_printf(
            "{\"execute\":\"block-dirty-bitmap-add\",\"arguments\":{\"node\":\"libvirt-1-format\","
            "\"name\":\"%c\",\"persistent\":true,\"granularity\":65536}}", 'A' + i);
        g_autoptr(virJSONValue) reply = engineQemuCommand(q, json);

        engineQemuWrite(q, 0, 1, 2 * i * 65536, 65536);
    }
    createCheckpoint(q, "A B C", "D");
    engineQemuWrite(q, 0, 1, 6 * 65536, 65536);
    assertChanged(q, "A B C D", "A", SINCE_A);
    assertChanged(q, "A B C D", "B", SINCE_B);
    deleteCheckpoints(q, "A B C D", "B");
    assertChanged(q, "A C D", "A", SINCE_A);
    deleteCheckpoints(q, "A C D", "D");
    assertChanged(q, "A C", "A", SINCE_A);
    assertChanged(q, "A C", "C", SINCE_C);
}

/* QEMU killed with the image in use: all is inconsistent, is said, and does not come back. */
static void
testKilled(void)
{
    engineQemu *first = engineQemuStart(1, true, NULL);
    g_autofree char *dir = g_strdup(first->dir);
    g_autoptr(engineQemu) second = NULL;
    g_autoptr(engineQemu) third = NULL;

    createCheckpoint(first, "", "A");
    createCheckpoint(first, "A", "B");
    {   /* bitmaps reach the file at a clean exit only */
        g_autoptr(virJSONValue) quit = engineQemuCommand(first, "{\"execute\":\"quit\"}");
    }
    g_subprocess_wait(first->process, NULL, NULL);
    engineQemuKill(first);
    second = engineQemuStart(1, true, dir);
    assertChanged(second, "A B", "A", "");
    engineQemuKill(g_steal_pointer(&second));
    third = engineQemuStart(1, true, dir);
    assertChanged(third, "A B", "A", "broken");
    assertChanged(third, "A B", "B", "broken");
    createCheckpoint(third, "A B", "C");
    engineQemuWrite(third, 0, 1, 0, 65536);
    assertChanged(third, "A B C", "A", "broken");
    assertChanged(third, "A B C", "B", "broken");
    assertChanged(third, "A B C", "C", "0+65536");
    deleteCheckpoints(third, "A B C", "B");
    assertChanged(third, "A C", "A", "broken");
    assertChanged(third, "A C", "C", "0+65536");
    deleteCheckpoints(third, "A C", "A");
    assertChanged(third, "C", "C", "0+65536");
}

/* The newest stopped recording: the gap stays visible after the next checkpoint, and after deletes. */
static void
testGap(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);
    g_autoptr(virJSONValue) reply = NULL;

    createCheckpoint(q, "", "A");
    createCheckpoint(q, "A", "B");
    reply = engineQemuCommand(q, "{\"execute\":\"block-dirty-bitmap-disable\",\"arguments\":{"
                                 "\"node\":\"libvirt-1-format\",\"name\":\"B\"}}");
    assertChanged(q, "A B", "B", "broken");
    createCheckpoint(q, "A B", "C");
    assertChanged(q, "A B C", "A", "broken");
    assertChanged(q, "A B C", "B", "broken");
    assertChanged(q, "A B C", "C", "");
    deleteCheckpoints(q, "A B C", "B");
    assertChanged(q, "A C", "A", "broken");
    assertChanged(q, "A C", "C", "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/checkpoint-run/create", testCreate);
    for (size_t i = 0; i < G_N_ELEMENTS(deleteCases); i++) {
        g_autofree char *path = g_strconcat("/checkpoint-run/delete-", deleteCases[i].name, NULL);

        g_test_add_data_func(path, &deleteCases[i], testDelete);
    }
    g_test_add_func("/checkpoint-run/libvirt-chain", testLibvirtChain);
    g_test_add_func("/checkpoint-run/killed", testKilled);
    g_test_add_func("/checkpoint-run/gap", testGap);
    return g_test_run();
}
