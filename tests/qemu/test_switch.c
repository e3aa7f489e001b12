/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU 7.2 aborts, and the guest with it, if qom-set gives a device the node that it has. The end
 * of a backup is run against a QEMU that knows just that: which device has which node, and when to
 * die. (What the real one does is seen by test_plan_faults, which ends backups twice.)
 */
#include <string.h>

#include "qemu_backup_plan.h"
#include "qemu_plan_run.h"
#include "virerror_report.h"

#define NDEVICES 3

typedef struct _fakeQemu {
    qemuTarget target; /* first: the ops cast back */
    char *has[NDEVICES];
    bool unlisted[NDEVICES]; /* query-blockstats does not know the device */
    bool aborted;
    bool deaf;   /* answers no more */
    int exports; /* questions after which the exports are gone */
    int trips;
    GString *sent; /* qom-set and qom-get, one a line */
} fakeQemu;

/* As query-blockstats names them: a part of a virtio-blk has the disk, a SCSI disk is the device.
 */
static const char *const qdevs[NDEVICES] = {"virtio-disk0", "scsi0-0-0-0", "virtio-disk11"};
static const char *const listed[NDEVICES] = {
    "/machine/peripheral/virtio-disk0/virtio-backend",
    "scsi0-0-0-0",
    "/machine/peripheral/virtio-disk11/virtio-backend",
};
static const char *const names[NDEVICES] = {"vda", "sda", "vdb"};
static const char *const formats[NDEVICES] = {"libvirt-1-format", "libvirt-2-format",
                                              "libvirt-3-format"};

static size_t
deviceOf(const char *path)
{
    for (size_t i = 0; i < NDEVICES; i++) {
        if (g_strcmp0(strrchr(path, '/') + 1, qdevs[i]) == 0)
            return i;
    }
    g_error("no device at '%s'", path);
}

static virJSONValue *
fakeStats(const fakeQemu *q)
{
    virJSONValue *stats = virJSONBuild("[]");

    for (size_t i = 0; i < NDEVICES; i++) {
        if (!q->unlisted[i])
            virJSONArrayAppend(stats,
                               virJSONBuild("{'qdev':%s,'node-name':%s}", listed[i], q->has[i]));
    }
    return stats;
}

static virJSONValue *
fakeSwitch(fakeQemu *q, const virJSONValue *args)
{
    size_t i = deviceOf(virJSONObjectLookupString(args, "path"));
    const char *node = virJSONObjectLookupString(args, "value");

    g_string_append_printf(q->sent, "set %s %s\n", names[i], node);
    q->aborted = q->aborted || g_str_equal(q->has[i], node);
    g_free(q->has[i]);
    q->has[i] = g_strdup(node);
    return virJSONBuild("{'return':{}}");
}

static virJSONValue *
fakeReply(fakeQemu *q, const virJSONValue *command)
{
    const char *name = virJSONObjectLookupString(command, "execute");
    const virJSONValue *args = virJSONObjectLookupObject(command, "arguments");

    if (g_str_equal(name, "qom-set"))
        return fakeSwitch(q, args);
    if (g_str_equal(name, "qom-get")) {
        size_t i = deviceOf(virJSONObjectLookupString(args, "path"));

        g_string_append_printf(q->sent, "get %s\n", names[i]);
        return virJSONBuild("{'return':%s}", q->has[i]);
    }
    if (g_str_equal(name, "query-block-exports") && q->exports-- > 0)
        return virJSONBuild("{'return':[{'id':'fleece-export-vda','shutting-down':%b}]}", true);
    if (g_str_equal(name, "query-blockstats"))
        return virJSONBuild("{'return':%v}", fakeStats(q));
    if (g_str_has_prefix(name, "query-"))
        return virJSONBuild("{'return':[]}");
    return virJSONBuild("{'return':{}}");
}

static int
fakeBatch(qemuTarget *target, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    fakeQemu *q = (fakeQemu *)target;

    if (q->deaf) {
        virReportErrorFull(VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED, __FILE__, __func__, __LINE__,
                           "%s", "QEMU is gone");
        return -1;
    }
    q->trips++;
    for (size_t i = 0; i < n; i++)
        replies[i] = fakeReply(q, commands[i]);
    return 0;
}

static int
fakeCommand(qemuTarget *target, const virJSONValue *command, virJSONValue **reply)
{
    g_autoptr(virJSONValue) copy = virJSONCopy(command);
    virJSONValue *whole = NULL;

    if (fakeBatch(target, &copy, 1, &whole) < 0)
        return -1;
    if (reply)
        *reply = virJSONCopy(virJSONObjectLookup(whole, "return"));
    virJSONValueFree(whole);
    return 0;
}

static pid_t
fakePid(qemuTarget *target)
{
    return 1;
}

static void
fakeReturnFile(qemuTarget *target, const char *path)
{
}

static const qemuTargetOps fakeOps = {
    .command = fakeCommand,
    .batch = fakeBatch,
    .pid = fakePid,
    .returnFile = fakeReturnFile,
};

static void
fakeInit(fakeQemu *q)
{
    *q = (fakeQemu){.target = {&fakeOps}, .sent = g_string_new(NULL)};
    for (size_t i = 0; i < NDEVICES; i++)
        q->has[i] = g_strdup_printf("fleece-cbw-%s", names[i]);
}

static void
fakeHas(fakeQemu *q, size_t device, const char *node)
{
    g_free(q->has[device]);
    q->has[device] = g_strdup(node);
}

/* The end of a pull of all disks. Returns what it returned. */
static int
runEnd(fakeQemu *q)
{
    qemuTargetDisk targets[NDEVICES] = {0};
    virDomainBackupDiskDef defs[NDEVICES] = {0};
    qemuBackupPlanEndDisk disks[NDEVICES] = {0};
    virDomainBackupDef def = {.mode = VIR_BACKUP_MODE_PULL};
    g_autoptr(qemuPlan) plan = NULL;
    qemuPlanRun run = {0};
    virStorageSource image = {.path = (char *)"/img"};

    for (size_t i = 0; i < NDEVICES; i++) {
        targets[i] = (qemuTargetDisk){.name = names[i],
                                      .qdev = qdevs[i],
                                      .node = formats[i],
                                      .source = &image,
                                      .format = VIR_STORAGE_FORMAT_QCOW2};
        defs[i] = (virDomainBackupDiskDef){.name = (char *)names[i], .backup = true};
        disks[i] =
            (qemuBackupPlanEndDisk){.disk = &targets[i], .def = &defs[i], .under = formats[i]};
    }
    plan = qemuBackupPlanEnd(&(qemuBackupPlanEnding){
        .def = &def, .disks = disks, .ndisks = NDEVICES, .privateDir = "/lib/domain-1-vm",
    });
    run.plan = plan;
    return qemuPlanRunAll(&run, &q->target);
}

static void
assertEnded(fakeQemu *q, const char *sent)
{
    g_assert_cmpstr(q->sent->str, ==, sent);
    g_assert_false(q->aborted);
    for (size_t i = 0; i < NDEVICES; i++) {
        g_assert_cmpstr(q->has[i], ==, formats[i]);
        g_free(q->has[i]);
    }
    g_string_free(q->sent, TRUE);
}

static void
testAllSwitched(void)
{
    fakeQemu q;

    fakeInit(&q);
    g_assert_cmpint(runEnd(&q), ==, 0);
    g_assert_cmpint(q.trips, ==, 2); /* exports off with all questions; the rest */
    assertEnded(&q, "set vda libvirt-1-format\nset sda libvirt-2-format\n"
                    "set vdb libvirt-3-format\n");
}

/* Exports that are not gone when QEMU is first asked are asked for again, devices are not. */
static void
testExportsTakeTime(void)
{
    fakeQemu q;

    fakeInit(&q);
    q.exports = 3;
    fakeHas(&q, 1, formats[1]);
    g_assert_cmpint(runEnd(&q), ==, 0);
    g_assert_cmpint(q.trips, ==, 5);
    assertEnded(&q, "set vda libvirt-1-format\nset vdb libvirt-3-format\n");
}

/* A daemon that died in the middle of an end ends again: some devices have their node already. */
static void
testSomeHaveTheirs(void)
{
    fakeQemu q;

    fakeInit(&q);
    fakeHas(&q, 0, formats[0]);
    fakeHas(&q, 1, formats[1]);
    g_assert_cmpint(runEnd(&q), ==, 0);
    assertEnded(&q, "set vdb libvirt-3-format\n");
}

static void
testTwice(void)
{
    fakeQemu q;

    fakeInit(&q);
    g_assert_cmpint(runEnd(&q), ==, 0);
    g_string_truncate(q.sent, 0);
    g_assert_cmpint(runEnd(&q), ==, 0);
    assertEnded(&q, "");
}

/* What the statistics do not list is asked for one by one. */
static void
testUnlisted(void)
{
    fakeQemu q;

    fakeInit(&q);
    q.unlisted[0] = q.unlisted[1] = true;
    fakeHas(&q, 1, formats[1]);
    g_assert_cmpint(runEnd(&q), ==, 0);
    assertEnded(&q, "get vda\nget sda\nset vda libvirt-1-format\nset vdb libvirt-3-format\n");
}

/* The undo of a begin asks, too. */
static void
testUndo(void)
{
    g_autoptr(qemuPlan) plan = qemuPlanNew("switch");
    qemuPlanRun run = {.plan = plan, .done = 1};
    fakeQemu q;

    fakeInit(&q);
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'stop'}"),
                   virJSONBuild("{'execute':'qom-set','arguments':{'path':%s,'property':'drive',"
                                "'value':%s}}",
                                "/machine/peripheral/virtio-disk0", formats[0]),
                   "switch.vda");
    g_assert_cmpint(qemuPlanRunUndo(&run, &q.target, true), ==, 0);
    g_assert_cmpstr(q.sent->str, ==, "set vda libvirt-1-format\n");
    run.done = 1;
    g_assert_cmpint(qemuPlanRunUndo(&run, &q.target, true), ==, 0);
    g_assert_cmpstr(q.sent->str, ==, "set vda libvirt-1-format\n");
    for (size_t i = 1; i < NDEVICES; i++)
        fakeHas(&q, i, formats[i]);
    assertEnded(&q, "set vda libvirt-1-format\n");
}

/* No answer is no permission. */
static void
testNoAnswer(void)
{
    fakeQemu q;

    fakeInit(&q);
    q.deaf = true;
    g_assert_cmpint(runEnd(&q), ==, -1);
    g_assert_cmpstr(q.sent->str, ==, "");
    for (size_t i = 0; i < NDEVICES; i++)
        g_free(q.has[i]);
    g_string_free(q.sent, TRUE);
    virErrorReset();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/switch/all-switched", testAllSwitched);
    g_test_add_func("/switch/exports-take-time", testExportsTakeTime);
    g_test_add_func("/switch/some-have-theirs", testSomeHaveTheirs);
    g_test_add_func("/switch/twice", testTwice);
    g_test_add_func("/switch/unlisted", testUnlisted);
    g_test_add_func("/switch/undo", testUndo);
    g_test_add_func("/switch/no-answer", testNoAnswer);
    return g_test_run();
}
