/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans that create and delete checkpoints; the wanted texts are in checkpointplandata. */
#include "engine_golden.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_ledger.h"
#include "qemu_strays.h"
#include "virerror_report.h"

typedef struct _planCase {
    const char *name;
    const char *bitmaps;        /* the checkpoint in question; delete: one or more */
    const char *disks[3][2];    /* { bitmaps on the node, checkpoints of the disk } */
} planCase;

static const planCase createCases[] = {
    { "create-first", "A", { { "", "" } } },
    { "create-second", "B", { { "A*", "A" } } },
    { "create-fourth-two-disks", "D", { { "A B C*", "A B C" }, { "A B C*", "A B C" } } },
    { "create-disk-joins", "C", { { "A B*", "A B" }, { "", "" } } },
    { "create-libvirt-chain", "C", { { "A* B*", "A B" } } },
    { "create-foreign-bitmaps", "B", { { "other* A*", "A" } } },
    { "create-after-inconsistent", "C", { { "A! B!", "A B" } } },
    { "create-after-not-recording", "C", { { "A B", "A B" } } },
    { "create-after-missing", "C", { { "A", "A B" } } },
};

static const planCase deleteCases[] = {
    { "delete-only", "A", { { "A*", "A" } } },
    { "delete-oldest", "A", { { "A B C*", "A B C" }, { "A B C*", "A B C" } } },
    { "delete-middle", "B", { { "A B C*", "A B C" }, { "A B C*", "A B C" } } },
    { "delete-active", "C", { { "A B C*", "A B C" }, { "A B C*", "A B C" } } },
    { "delete-disk-joined-later", "B", { { "A B C*", "A B C" }, { "B C*", "B C" } } },
    { "delete-libvirt-middle", "B", { { "A* B* C*", "A B C" } } },
    { "delete-libvirt-active", "C", { { "A* B* C*", "A B C" } } },
    { "delete-missing", "B", { { "A C*", "A B C" } } },
    { "delete-missing-oldest", "A", { { "B*", "A B" } } },
    { "delete-inconsistent", "B", { { "A B! C*", "A B C" } } },
    { "delete-not-persistent", "B", { { "A B- C*", "A B C" } } },
    { "delete-not-recording-active", "C", { { "A B C", "A B C" } } },
    { "delete-after-inconsistent", "B", { { "A! B C*", "A B C" } } },
    { "delete-after-missing", "B", { { "B C*", "A B C" } } },
    { "delete-all-inconsistent", "B", { { "A! B!", "A B" } } },
    { "prune-oldest", "A B", { { "A B C D*", "A B C D" } } },
    { "prune-middle", "B C", { { "A B C D*", "A B C D" }, { "C D*", "C D" } } },
    { "prune-children", "C D B", { { "A B C D*", "A B C D" } } },
    { "prune-apart", "B D", { { "A B C D*", "A B C D" } } },
    { "prune-all", "A B C", { { "A B C*", "A B C" } } },
    { "prune-one-broken", "B C", { { "A B C! D*", "A B C D" } } },
};

/* With bitmaps of no checkpoint of the line, and what the image knows of the order. */
typedef struct _strayCase {
    planCase plan;              /* of one disk */
    const char *order;
} strayCase;

static const strayCase strayCases[] = {
    { { "delete-behind-stray", "B", { { "A K B C*", "A B C" } } }, "A K B C" },
    { { "delete-active-behind-stray", "C", { { "A K C*", "A C" } } }, "A K C" },
    { { "delete-oldest-behind-stray", "B", { { "K B C*", "B C" } } }, "K B C" },
    { { "delete-before-stray", "A", { { "O A K C*", "O A C" } } }, "O A K C" },
    { { "delete-behind-recording-stray", "B", { { "A K* B C*", "A B C" } } }, "A K B C" },
    { { "delete-broken-behind-stray", "B", { { "A K B! C*", "A B C" } } }, "A K B C" },
    { { "delete-behind-lost", "B", { { "A K B C*", "A B C" } } }, "A K ? B C" },
    { { "delete-stray-of-unknown-place", "C", { { "A K C*", "A C" } } }, "A C" },
    { { "delete-broken-stray-of-unknown-place", "C", { { "A K C!", "A C" } } }, "A C" },
    { { "delete-of-unknown-place", "B", { { "A K B C*", "A B C" } } }, "A K C" },
    { { "delete-in-other-order", "B", { { "A B C*", "B A C" } } }, "A B C" },
    { { "prune-in-other-order", "B D", { { "A B! D*", "B A D" } } }, "A B D" },
    { { "prune-broken-in-other-order", "B D", { { "A B! D!", "B A D" } } }, "A B D" },
    { { "prune-behind-strays", "B D", { { "A K B C L D*", "A B C D" } } }, "A K B C L D" },
    { { "prune-all-behind-stray", "B D", { { "A K B D*", "A B D" } } }, "A K B D" },
};

typedef struct _planInput {
    qemuCheckpointPlanDisk disks[3];
    qemuGraphNode *nodes[3];
    GStrv chains[3];
    GStrv bitmaps;
    size_t n;
} planInput;

static void
planInputClear(planInput *input)
{
    for (size_t i = 0; i < input->n; i++) {
        engineNodeFree(input->nodes[i]);
        g_strfreev(input->chains[i]);
    }
    g_strfreev(input->bitmaps);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(planInput, planInputClear)

static void
planInputFill(planInput *input, const planCase *c, bool many)
{
    static const char *const names[] = { "vda", "vdb", "vdc" };
    static const char *const nodes[] = { "libvirt-1-format", "libvirt-2-format",
                                         "libvirt-3-format" };

    input->bitmaps = g_strsplit(c->bitmaps, " ", -1);
    for (size_t i = 0; i < 3 && c->disks[i][0]; i++) {
        input->nodes[i] = engineNode(nodes[i], c->disks[i][0]);
        input->chains[i] = *c->disks[i][1] ? g_strsplit(c->disks[i][1], " ", -1)
                                           : g_new0(char *, 1);
        input->disks[i] = (qemuCheckpointPlanDisk){
            .name = names[i],
            .node = input->nodes[i],
            .bitmap = input->bitmaps[0],
            .bitmaps = many ? (const char *const *)input->bitmaps : NULL,
            .checkpoints = (const char *const *)input->chains[i],
        };
        input->n = i + 1;
    }
}

static void
checkPlan(const planCase *c, const qemuPlan *plan)
{
    g_autofree char *text = NULL;
    g_autofree char *file = g_strconcat(c->name, ".out", NULL);

    g_assert_nonnull(plan);
    text = qemuPlanFormat(plan);
    engineGolden("checkpointplandata", file, text);
}

static void
testCreate(gconstpointer data)
{
    g_auto(planInput) input = { 0 };
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, data, false);
    plan = qemuCheckpointPlanCreate(input.disks, input.n, false);
    checkPlan(data, plan);
}

static void
testCreateQuiesced(void)
{
    static const planCase quiesced = { "create-quiesced", "B", { { "A*", "A" } } };
    g_auto(planInput) input = { 0 };
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, &quiesced, false);
    plan = qemuCheckpointPlanCreate(input.disks, input.n, true);
    checkPlan(&quiesced, plan);
}

static void
testDelete(gconstpointer data)
{
    const planCase *c = data;
    g_auto(planInput) input = { 0 };
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, c, strchr(c->bitmaps, ' ') != NULL);
    plan = qemuCheckpointPlanDelete(input.disks, input.n);
    checkPlan(c, plan);
}

static void
testDeleteBehindStray(gconstpointer data)
{
    const strayCase *c = data;
    g_auto(planInput) input = { 0 };
    g_auto(GStrv) names = g_strsplit(c->order, " ", -1);
    g_autoptr(GPtrArray) order = qemuLedgerNew();
    g_autoptr(GHashTable) records = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) strays = NULL;
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, &c->plan, true);
    for (gsize i = 0; names[i]; i++)
        g_ptr_array_add(order, qemuLedgerEntryNew(*names[i] == '?' ? NULL : names[i], 0));
    for (gsize i = 0; input.chains[0][i]; i++)
        g_hash_table_add(records, input.chains[0][i]);
    strays = qemuStraysConcerned(input.nodes[0], records, order, input.disks[0].checkpoints,
                                 input.disks[0].bitmaps);
    input.disks[0].strays = (const qemuCheckpointPlanStray *)(void *)strays->data;
    input.disks[0].nstrays = strays->len;
    plan = qemuCheckpointPlanDelete(input.disks, input.n);
    checkPlan(&c->plan, plan);
}

static void
assertRefused(const planCase *c, const char *node, int code, const char *words)
{
    g_auto(planInput) input = { 0 };
    g_autoptr(virJSONValue) actions = virJSONNewArray();

    planInputFill(&input, c, false);
    g_free(input.nodes[1]->driver);
    input.nodes[1]->driver = g_strdup(node);
    g_assert_cmpint(qemuCheckpointPlanCreateActions(actions, input.disks, input.n), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, code);
    g_assert_nonnull(strstr(virErrorLastMessage(), words));
    g_assert_nonnull(strstr(virErrorLastMessage(), "'vdb'"));
    g_assert_cmpuint(virJSONArraySize(actions), ==, 0);
}

/* Both are about the second disk: nothing may be planned for the first. */
static void
testRefusals(void)
{
    planCase stray = { "", "B", { { "A*", "A" }, { "A* B", "A" } } };
    planCase other = { "", "B", { { "A*", "A" }, { "", "" } } };

    assertRefused(&stray, "qcow2", VIR_ERR_OPERATION_INVALID, "belongs to no checkpoint");
    assertRefused(&other, "vmdk", VIR_ERR_CONFIG_UNSUPPORTED, "format 'vmdk'");
}

/* One disk holds its bitmaps itself, the other's are kept in the bitmap store. */
static void
testCreateStored(void)
{
    static const planCase c = { "create-stored", "B", { { "A*", "A" }, { "A*", "A" } } };
    g_auto(planInput) input = { 0 };
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, &c, false);
    g_free(input.nodes[1]->driver);
    input.nodes[1]->driver = g_strdup("raw");
    input.nodes[1]->stored = true;
    input.nodes[1]->clusterSize = 0;
    plan = qemuCheckpointPlanCreate(input.disks, input.n, false);
    checkPlan(&c, plan);
}

/* What QEMU would choose is not what the others have: the second disk's clusters are small. */
static void
testCreateSmallClusters(void)
{
    static const planCase c = { "create-small-clusters", "B", { { "A*", "A" }, { "A*", "A" } } };
    g_auto(planInput) input = { 0 };
    g_autoptr(qemuPlan) plan = NULL;

    planInputFill(&input, &c, false);
    input.nodes[0]->clusterSize = 2 << 20;
    input.nodes[1]->clusterSize = 4096;
    plan = qemuCheckpointPlanCreate(input.disks, input.n, false);
    checkPlan(&c, plan);
}

/* A backup's transaction taken back: its union bitmap just goes, the checkpoint is merged back. */
static void
testUndoWithUnion(void)
{
    g_autoptr(virJSONValue) actions =
        virJSONBuild("[{'type':'block-dirty-bitmap-add','data':{'node':'n','name':'C',"
                     "'persistent':%b}},"
                     "{'type':'block-dirty-bitmap-disable','data':{'node':'other','name':'X'}},"
                     "{'type':'block-dirty-bitmap-disable','data':{'node':'n','name':'B'}},"
                     "{'type':'block-dirty-bitmap-add','data':{'node':'n','name':'backup-vda',"
                     "'disabled':%b}},"
                     "{'type':'block-dirty-bitmap-merge','data':{'node':'n'}},"
                     "{'type':'blockdev-backup','data':{'job-id':'j'}}]", true, true);
    g_autoptr(virJSONValue) undo = qemuCheckpointPlanUndoActions(actions);
    g_autofree char *text = virJSONFormat(undo, false);

    g_assert_cmpstr(text, ==,
                    "[{\"type\":\"block-dirty-bitmap-remove\",\"data\":{\"node\":\"n\",\"name\":"
                    "\"backup-vda\"}},"
                    "{\"type\":\"block-dirty-bitmap-merge\",\"data\":{\"node\":\"n\",\"target\":\"B\","
                    "\"bitmaps\":[\"C\"]}},"
                    "{\"type\":\"block-dirty-bitmap-enable\",\"data\":{\"node\":\"n\",\"name\":\"B\"}},"
                    "{\"type\":\"block-dirty-bitmap-remove\",\"data\":{\"node\":\"n\",\"name\":\"C\"}}]");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(createCases); i++) {
        g_autofree char *path = g_strconcat("/checkpoint-plan/", createCases[i].name, NULL);

        g_test_add_data_func(path, &createCases[i], testCreate);
    }
    g_test_add_func("/checkpoint-plan/create-quiesced", testCreateQuiesced);
    for (size_t i = 0; i < G_N_ELEMENTS(deleteCases); i++) {
        g_autofree char *path = g_strconcat("/checkpoint-plan/", deleteCases[i].name, NULL);

        g_test_add_data_func(path, &deleteCases[i], testDelete);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(strayCases); i++) {
        g_autofree char *path = g_strconcat("/checkpoint-plan/", strayCases[i].plan.name, NULL);

        g_test_add_data_func(path, &strayCases[i], testDeleteBehindStray);
    }
    g_test_add_func("/checkpoint-plan/create-stored", testCreateStored);
    g_test_add_func("/checkpoint-plan/create-small-clusters", testCreateSmallClusters);
    g_test_add_func("/checkpoint-plan/refusals", testRefusals);
    g_test_add_func("/checkpoint-plan/undo-with-union", testUndoWithUnion);
    return g_test_run();
}
