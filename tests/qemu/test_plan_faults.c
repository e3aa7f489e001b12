/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans that fail at every step, in every way: told to at a fault point, by QEMU, by a file that is in
 * the way, by QEMU's death, by ours. Afterwards everything is as it was before, or the end plan gets
 * it there.
 */
#include "engine_backup.h"

#include <stdlib.h>
#include <string.h>
#include "virerror_report.h"
#include "virfault.h"

static void
armFault(const char *name)
{
    g_autofree char *spec = name ? g_strconcat(name, ":fail", NULL) : NULL;

    /* the C library's: GLib's complain about threads, and ours do not read the environment */
    if (spec)
        setenv("VIR_TEST_FAULT", spec, 1);
    else
        unsetenv("VIR_TEST_FAULT");
    virFaultSetup();
}

static void
assertState(engineQemu *q, const char *wanted)
{
    g_autofree char *state = engineQemuState(q);

    g_assert_cmpstr(state, ==, wanted);
}

/* Checkpoint A on all disks. */
static void
makeCheckpoint(engineQemu *q)
{
    g_autoptr(engineBackup) b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, "A");

    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    for (size_t i = 0; i < q->ndisks; i++)
        engineQemuWrite(q, i, 2, 65536, 65536);
}

static engineBackup *
backupNew(engineQemu *q, virBackupMode mode)
{
    return engineBackupNew(q, mode, "A", "A", "B");
}

/* A backup that works after all the failed ones, and no bit of history lost. */
static void
assertStillWorks(engineQemu *q)
{
    g_autoptr(engineBackup) b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, "A", NULL, NULL);
    g_autofree char *before = engineQemuState(q);

    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    for (size_t i = 0; i < q->ndisks; i++) {
        g_autofree char *dirty = engineBackupDirty(b, i);
        g_autofree unsigned char *model = engineQemuModel(q, i);

        g_assert_cmpstr(dirty, ==, "65536+65536");
        engineBackupCompare(b, i, model);
    }
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    assertState(q, before);
}

static void
failBeginAt(engineQemu *q, virBackupMode mode, const char *point, const char *before)
{
    g_autoptr(engineBackup) b = backupNew(q, mode);

    armFault(point);
    virErrorReset();
    g_assert_cmpint(engineBackupBegin(b), ==, -1);
    armFault(NULL);
    g_assert_nonnull(strstr(virErrorLastMessage(), point));
    assertState(q, before);
}

static void
failBeginEverywhere(virBackupMode mode)
{
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autoptr(engineBackup) sample = NULL;
    g_autofree char *before = NULL;

    makeCheckpoint(q);
    before = engineQemuState(q);
    sample = backupNew(q, mode);
    for (guint i = 0; i < sample->plan->steps->len; i++) {
        const qemuPlanStep *step = g_ptr_array_index(sample->plan->steps, i);
        g_autofree char *done = g_strconcat(step->name, ".done", NULL);

        failBeginAt(q, mode, step->name, before);
        failBeginAt(q, mode, done, before);
    }
    assertStillWorks(q);
}

static void
testPullBeginFaults(void)
{
    failBeginEverywhere(VIR_BACKUP_MODE_PULL);
}

static void
testPushBeginFaults(void)
{
    failBeginEverywhere(VIR_BACKUP_MODE_PUSH);
}

/* QEMU refuses the k-th command, in the middle of what went out in one write. */
static void
refuseEverywhere(virBackupMode mode)
{
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autofree char *before = NULL;
    int k = 0;
    int result = -1;

    makeCheckpoint(q);
    before = engineQemuState(q);
    for (k = 0; result < 0; k++) {
        g_autoptr(engineBackup) b = backupNew(q, mode);

        q->commands = 0;
        q->breakCommand = k;
        virErrorReset();
        result = engineBackupBegin(b);
        q->breakCommand = -1;
        if (result < 0) {
            g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
            g_assert_nonnull(strstr(virErrorLastMessage(), "x-made-to-fail"));
            assertState(q, before);
        } else {
            qemuPlanRun run = { .plan = b->plan, .done = b->plan->steps->len };

            g_assert_cmpint(qemuPlanRunUndo(&run, &q->target, false), ==, 0);
            assertState(q, before);
        }
    }
    g_assert_cmpint(k, ==, 1 + (mode == VIR_BACKUP_MODE_PULL ? 4 + 4 * 3 : 4 + 5 * 3));
    assertStillWorks(q);
}

static void
testPullBeginRefused(void)
{
    refuseEverywhere(VIR_BACKUP_MODE_PULL);
}

static void
testPushBeginRefused(void)
{
    refuseEverywhere(VIR_BACKUP_MODE_PUSH);
}

/* We die after k steps; the next daemon has the whole plan and does not know k. */
static void
dieEverywhere(virBackupMode mode)
{
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autofree char *before = NULL;
    guint total = 1;

    makeCheckpoint(q);
    before = engineQemuState(q);
    for (guint k = 0; k <= total; k++) {
        g_autoptr(engineBackup) b = backupNew(q, mode);
        g_autoptr(virJSONValue) journal = qemuPlanToJSON(b->plan);
        g_autoptr(qemuPlan) plan = qemuPlanFromJSON(journal);
        qemuPlanRun run = { .plan = plan, .done = plan->steps->len };

        total = plan->steps->len;
        g_ptr_array_set_size(b->plan->steps, k);
        g_assert_cmpint(engineBackupBegin(b), ==, 0);
        g_assert_cmpint(qemuPlanRunUndo(&run, &q->target, true), ==, 0);
        q->lent = 0;   /* the books of the next daemon are not these */
        assertState(q, before);
    }
    assertStillWorks(q);
}

static void
testPullDeath(void)
{
    dieEverywhere(VIR_BACKUP_MODE_PULL);
}

static void
testPushDeath(void)
{
    dieEverywhere(VIR_BACKUP_MODE_PUSH);
}

/* The end goes on after a failure at any step, says so, and a second one finishes the work. */
static void
failEndEverywhere(virBackupMode mode)
{
    static const char *const pullPoints[] = {
        "backup.end.export.vdb", "backup.end.exports", "backup.end.access.vda", "backup.end.bitmaps",
        "backup.end.unlink.vdc", "backup.end.clients", "backup.end.server", "backup.end.export.vdb.done",
        "backup.end.filter.vdb.done", "backup.end.server.done",
    };
    static const char *const pushPoints[] = { "backup.end.dismiss.vda", "backup.end.unlink.vdb",
                                              "backup.end.close.vdc.done" };
    bool pull = mode == VIR_BACKUP_MODE_PULL;
    const char *const *points = pull ? pullPoints : pushPoints;
    size_t n = pull ? G_N_ELEMENTS(pullPoints) : G_N_ELEMENTS(pushPoints);
    g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
    g_autofree char *before = NULL;

    makeCheckpoint(q);
    before = engineQemuState(q);
    for (size_t i = 0; i < n; i++) {
        g_autoptr(engineBackup) b = engineBackupNew(q, mode, "A", NULL, NULL);

        g_assert_cmpint(engineBackupBegin(b), ==, 0);
        if (!pull)
            engineBackupWait(b);
        armFault(points[i]);
        g_assert_cmpint(engineBackupEnd(b, true), ==, -1);
        armFault(NULL);
        g_assert_nonnull(strstr(virErrorLastMessage(), points[i]));
        engineBackupEnd(b, true);
        q->lent = 0;
        assertState(q, before);
    }
    assertStillWorks(q);
}

static void
testPullEndFaults(void)
{
    failEndEverywhere(VIR_BACKUP_MODE_PULL);
}

static void
testPushEndFaults(void)
{
    failEndEverywhere(VIR_BACKUP_MODE_PUSH);
}

/* A file of the user's where the scratch should be: named, refused, untouched, also by the repair. */
static void
testExistingFile(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(2, true, NULL);
    g_autoptr(engineBackup) b = NULL;
    g_autofree char *before = NULL;
    g_autofree char *text = NULL;

    b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, "A");
    g_assert_true(g_file_set_contents(b->stores[1].path, "precious", -1, NULL));
    before = engineQemuState(q);
    g_assert_cmpint(engineBackupBegin(b), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INVALID_ARG);
    g_assert_nonnull(strstr(virErrorLastMessage(), b->stores[1].path));
    assertState(q, before);
    g_assert_true(g_file_get_contents(b->stores[1].path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
}

/* QEMU would remove whatever lies where its socket shall be. */
static void
testSocketInTheWay(void)
{
    g_autoptr(engineQemu) q = engineQemuStart(1, true, NULL);
    g_autoptr(engineBackup) b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_set_contents(b->def.server.socket, "precious", -1, NULL));
    g_assert_cmpint(engineBackupBegin(b), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_nonnull(strstr(virErrorLastMessage(), b->def.server.socket));
    g_assert_true(g_file_get_contents(b->def.server.socket, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
}

/* QEMU dies before its k-th command: an error, and no files of ours. */
static void
testQemuDies(void)
{
    for (int k = 0; k < 16; k += 5) {
        g_autoptr(engineQemu) q = engineQemuStart(3, true, NULL);
        g_autoptr(engineBackup) b = engineBackupNew(q, VIR_BACKUP_MODE_PULL, NULL, NULL, "A");

        q->commands = 0;
        q->dieBefore = k;
        virErrorReset();
        g_assert_cmpint(engineBackupBegin(b), ==, -1);
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
        g_assert_cmpint(q->lent, ==, 0);
        for (size_t i = 0; i < q->ndisks; i++)
            g_assert_false(g_file_test(b->stores[i].path, G_FILE_TEST_EXISTS));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan-faults/pull-begin", testPullBeginFaults);
    g_test_add_func("/plan-faults/push-begin", testPushBeginFaults);
    g_test_add_func("/plan-faults/pull-begin-refused", testPullBeginRefused);
    g_test_add_func("/plan-faults/push-begin-refused", testPushBeginRefused);
    g_test_add_func("/plan-faults/pull-death", testPullDeath);
    g_test_add_func("/plan-faults/push-death", testPushDeath);
    g_test_add_func("/plan-faults/pull-end", testPullEndFaults);
    g_test_add_func("/plan-faults/push-end", testPushEndFaults);
    g_test_add_func("/plan-faults/existing-file", testExistingFile);
    g_test_add_func("/plan-faults/socket-in-the-way", testSocketInTheWay);
    g_test_add_func("/plan-faults/qemu-dies", testQemuDies);
    return g_test_run();
}
