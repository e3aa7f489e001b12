/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain objects without a QEMU: job slot, lanes, workers, list, status file. */
#include <glib.h>
#include <string.h>
#include <unistd.h>
#include <libvirt/virterror.h>
#include "qemu_driver_state.h"
#include "qemu_event_lane.h"
#include "qemu_job.h"
#include "qemu_nodes.h"
#include "qemu_process_spawn.h"
#include "qemu_status.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"

#define LANE_ITEMS 2000

static const char domainXML[] =
    "<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>64</memory>"
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os><devices>"
    "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/a.qcow2'/>"
    "<target dev='vda' bus='virtio'/></disk></devices></domain>";
#define UUID_A "11111111-1111-1111-1111-111111111111"
#define UUID_B "22222222-2222-2222-2222-222222222222"

static virDomainDef *
makeDef(const char *name, const char *uuid)
{
    g_auto(GStrv) parts = g_strsplit(domainXML, "%s", 3);
    g_autofree char *xml = g_strconcat(parts[0], name, parts[1], uuid, parts[2], NULL);
    virDomainDef *def = virDomainDefParse(xml, 0);

    g_assert_nonnull(def);
    return def;
}

static void
testJobExcludes(void)
{
    qemuJob job;

    qemuJobInit(&job);
    job.waitMs = 20;
    g_assert_cmpint(qemuJobBegin(&job, QEMU_JOB_MODIFY, "virDomainFirst"), ==, 0);
    g_assert_cmpint(qemuJobBegin(&job, QEMU_JOB_QUERY, "virDomainSecond"), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_TIMEOUT);
    g_assert_nonnull(strstr(virErrorLastMessage(), "held by virDomainFirst for 0 s"));
    g_assert_cmpint(qemuJobBeginAsync(&job, QEMU_ASYNC_JOB_BACKUP, "virDomainBackupBegin"), ==, 0);
    qemuJobEnd(&job);
    /* A backup lets changes through, but no second long job. */
    g_assert_cmpint(qemuJobBegin(&job, QEMU_JOB_MODIFY, "virDomainSecond"), ==, 0);
    g_assert_cmpint(qemuJobBeginAsync(&job, QEMU_ASYNC_JOB_BACKUP, "virDomainSecond"), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_INVALID);
    qemuJobEnd(&job);
    qemuJobEndAsync(&job);
    /* A start lets only questions and force through. */
    g_assert_cmpint(qemuJobBeginAsync(&job, QEMU_ASYNC_JOB_START, "virDomainCreate"), ==, 0);
    g_assert_cmpint(qemuJobBegin(&job, QEMU_JOB_MODIFY, "virDomainThird"), ==, -1);
    g_assert_nonnull(strstr(virErrorLastMessage(), "held by virDomainCreate"));
    g_assert_cmpint(qemuJobBegin(&job, QEMU_JOB_DESTROY, "virDomainDestroy"), ==, 0);
    qemuJobEnd(&job);
    qemuJobClear(&job);
    virErrorReset();
}

typedef struct {
    qemuJob job;
    gint inside, worst, done;
} JobRace;

static void *
jobRacer(void *data)
{
    JobRace *race = data;

    for (int i = 0; i < 500; i++) {
        g_assert_cmpint(qemuJobBegin(&race->job, QEMU_JOB_MODIFY, "racer"), ==, 0);
        if (g_atomic_int_add(&race->inside, 1) != 0)
            g_atomic_int_set(&race->worst, 1);
        g_thread_yield();
        g_atomic_int_add(&race->inside, -1);
        qemuJobEnd(&race->job);
        g_atomic_int_inc(&race->done);
    }
    return NULL;
}

static void
testJobRace(void)
{
    JobRace race = { .inside = 0 };
    GThread *threads[8];

    qemuJobInit(&race.job);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("racer", jobRacer, &race);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(race.worst, ==, 0);
    g_assert_cmpint(race.done, ==, 4000);
    qemuJobClear(&race.job);
}

typedef struct {
    int next;      /* touched by the lane's items alone: no lock on purpose */
    bool wrong;
} LaneOrder;
typedef struct {
    LaneOrder *order;
    int number;
} LaneItem;

static void
laneItem(void *data)
{
    g_autofree LaneItem *item = data;

    if (item->order->next != item->number)
        item->order->wrong = true;
    item->order->next = item->number + 1;
}

static void
testLaneOrder(void)
{
    LaneOrder orders[4] = { { .next = 0 } };
    qemuEventLane *lanes[4];

    for (size_t l = 0; l < G_N_ELEMENTS(lanes); l++)
        lanes[l] = qemuEventLaneNew();
    for (int i = 0; i < LANE_ITEMS; i++) {
        for (size_t l = 0; l < G_N_ELEMENTS(lanes); l++) {
            LaneItem *item = g_new0(LaneItem, 1);

            *item = (LaneItem){ .order = &orders[l], .number = i };
            qemuEventLanePush(lanes[l], laneItem, item);
        }
    }
    for (size_t l = 0; l < G_N_ELEMENTS(lanes); l++) {
        qemuEventLaneDrain(lanes[l]);
        g_assert_cmpint(orders[l].next, ==, LANE_ITEMS);
        g_assert_false(orders[l].wrong);
        qemuEventLaneRelease(lanes[l]);
    }
    qemuWorkersDrain();
}

static void
laneRelease(void *data)
{
    qemuEventLaneRelease(data);
}

/* A domain's last reference may be dropped by an item of its own lane. */
static void
testLaneReleasesItself(void)
{
    qemuEventLane *lane = qemuEventLaneNew();

    qemuEventLanePush(lane, laneRelease, lane);
    qemuWorkersDrain();
}

static void
addOne(void *item, void *opaque)
{
    gint *sum = opaque;

    g_atomic_int_add(sum, GPOINTER_TO_INT(item));
}

static void
testWorkersForEach(void)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    gint sum = 0;

    qemuWorkersForEach(items, 4, addOne, &sum);
    g_assert_cmpint(sum, ==, 0);
    for (int i = 1; i <= 100; i++)
        g_ptr_array_add(items, GINT_TO_POINTER(i));
    qemuWorkersForEach(items, 4, addOne, &sum);
    g_assert_cmpint(sum, ==, 5050);
    qemuWorkersDrain();
}

static void
testList(void)
{
    qemuVMList *list = qemuVMListNew();
    g_autoptr(virDomainDef) a = makeDef("a", UUID_A);
    g_autoptr(virDomainDef) b = makeDef("b", UUID_B);
    g_autoptr(virDomainDef) thief = makeDef("a", UUID_B);
    g_autoptr(qemuVM) first = NULL;
    g_autoptr(qemuVM) again = NULL;
    g_autoptr(qemuVM) second = NULL;
    g_autoptr(GPtrArray) all = NULL;
    bool added = false;

    second = qemuVMListAdd(list, b, &added);
    g_assert_true(added);
    first = qemuVMListAdd(list, a, &added);
    g_assert_true(added);
    again = qemuVMListAdd(list, a, &added);
    g_assert_false(added);
    g_assert_true(first == again);
    g_assert_null(qemuVMListAdd(list, thief, &added));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    all = qemuVMListSnapshot(list);
    g_assert_cmpuint(all->len, ==, 2);
    g_assert_true(g_ptr_array_index(all, 0) == first);
    g_assert_null(qemuVMListByID(list, -1));
    qemuVMListNoteID(list, 7);
    qemuVMListNoteID(list, 3);
    g_assert_cmpint(qemuVMListNextID(list), ==, 8);
    qemuVMListRemove(list, first);
    qemuVMListRemove(list, first);
    g_assert_true(first->removed);
    g_assert_null(qemuVMListByName(list, "a"));
    g_assert_cmpuint(qemuVMListCount(list), ==, 1);
    qemuVMListFree(list);
    virErrorReset();
}

static qemuVM *
makeRunning(void)
{
    virDomainDef *def = makeDef("a", UUID_A);
    qemuVM *vm = qemuVMNew(def);
    unsigned int counter = 0;

    def->id = 12;
    virDomainDefAssignAliases(def);
    qemuNodesAssign(def, &counter);
    vm->nodeCounter = counter;
    vm->pid = 4711;
    vm->pidStart = 123456789012ULL;
    vm->startedAt = 1700000000;
    vm->state = VIR_DOMAIN_PAUSED;
    vm->stateReason = VIR_DOMAIN_PAUSED_IOERROR;
    vm->monitorPath = g_strdup("/lib/domain-12-a/mon & 'quote'.sock");
    vm->privateDir = g_strdup("/lib/domain-12-a");
    vm->agentConnected = true;
    vm->iothreadExportSafe = true;
    return vm;
}

static void
testStatusRoundTrip(void)
{
    g_autoptr(qemuVM) vm = makeRunning();
    g_autofree char *text = qemuStatusFormat(vm);
    g_autoptr(qemuVM) back = qemuStatusParse(text);
    g_autofree char *again = back ? qemuStatusFormat(back) : NULL;

    g_assert_nonnull(back);
    g_assert_cmpstr(again, ==, text);
    g_assert_cmpint(back->def->id, ==, 12);
    g_assert_cmpint(back->pid, ==, 4711);
    g_assert_cmpuint(back->pidStart, ==, 123456789012ULL);
    g_assert_cmpstr(back->monitorPath, ==, vm->monitorPath);
    g_assert_true(back->agentConnected && back->iothreadExportSafe && !back->starting);
    g_assert_cmpuint(back->targetDisks->len, ==, 1);
    g_assert_cmpstr(back->diskTable[0].node, ==, "libvirt-1-format");
}

/* A daemon or host that died left any prefix of the file, or a bad disk changed it. */
static void
testStatusBroken(void)
{
    g_autoptr(qemuVM) vm = makeRunning();
    g_autofree char *text = qemuStatusFormat(vm);
    const char *const swaps[][2] = { { "pid='4711'", "pid='1'" }, { "state='3'", "state='99'" },
                                     { "<monitor path", "<minotor path" }, { "start='123456789012'", "" },
                                     { "<domain ", "<omain " } };

    for (size_t n = 0; n + 2 < strlen(text); n += 17) {
        g_autofree char *half = g_strndup(text, n);

        g_assert_null(qemuStatusParse(half));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(swaps); i++) {
        g_auto(GStrv) parts = g_strsplit(text, swaps[i][0], 2);
        g_autofree char *bad = g_strjoinv(swaps[i][1], parts);

        g_assert_cmpstr(bad, !=, text);
        g_assert_null(qemuStatusParse(bad));
    }
    virErrorReset();
}

static void
testSpawnRefuses(void)
{
    const char *const argv[] = { "/nonexistent/qemu", NULL };
    g_auto(GStrv) env = qemuSpawnEnv();
    const qemuSpawn spawn = { .argv = argv, .env = (const char *const *)env, .output = 2, .user = (uid_t)-1 };
    pid_t pid = 0;
    int pidfd = -1;

    g_assert_cmpint(qemuSpawnRun(&spawn, &pid, &pidfd), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_nonnull(strstr(virErrorLastMessage(), "cannot execute '/nonexistent/qemu'"));
    g_assert_cmpint(pid, ==, 0);
    virErrorReset();
}

static void
testPidStartTime(void)
{
    g_assert_cmpuint(qemuPidStartTime(getpid()), >, 0);
    g_assert_cmpuint(qemuPidStartTime(0x7ffffff0), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qemuDriverStateInit(qemuConfigNew("/nonexistent", false));
    g_test_add_func("/qemu/job/excludes", testJobExcludes);
    g_test_add_func("/qemu/job/race", testJobRace);
    g_test_add_func("/qemu/lane/order", testLaneOrder);
    g_test_add_func("/qemu/lane/releases-itself", testLaneReleasesItself);
    g_test_add_func("/qemu/workers/for-each", testWorkersForEach);
    g_test_add_func("/qemu/list", testList);
    g_test_add_func("/qemu/status/round-trip", testStatusRoundTrip);
    g_test_add_func("/qemu/status/broken", testStatusBroken);
    g_test_add_func("/qemu/spawn/refuses", testSpawnRefuses);
    g_test_add_func("/qemu/spawn/start-time", testPidStartTime);
    return g_test_run();
}
