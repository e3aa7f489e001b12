/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain XML -> argv of QEMU. Each case is compared with its golden, and then started for real (on
 * TCG, paused, images made as needed), because a golden alone does not say that QEMU takes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "qemu_command.h"
#include "qemu_monitor.h"
#include "qemu_nodes.h"
#include "qemu_process_spawn.h"
#include "qemu_qmp_block.h"
#include "qemu_qmp_chardev.h"
#include "qemu_qmp_run.h"
#include "qmp_peer.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virqcow2.h"

#define EMULATOR "/usr/bin/qemu-system-x86_64"
#define IMAGES "/images"
#define IMAGE_SIZE (1024 * 1024)

static const char *const cases[] = {
    "minimal",           "q35",
    "machine-versioned", "no-acpi",
    "vcpus-maximum",     "cpu-maximum",
    "cpu-custom",        "disk-caches",
    "disk-options",      "disk-block",
    "disk-chain",        "disk-iothread",
    "disk-scsi-virtio",  "disk-scsi-lsi",
    "disk-sata-pc",      "disk-sata-q35",
    "disk-ide",          "boot-devices",
    "boot-order",        "kernel",
    "pci-addresses",     "pcie-root-ports",
    "chardevs",          "network",
    "rng-no-balloon",    "usb-tablet",
    "usb-none",          "clock-timers",
    "clock-timers-q35",  "names-with-commas",
};

/* Golden alone: test_storage.py and test_luks.py start domains with such disks. */
static const char *const servedCases[] = {"disk-nbd", "disk-data-store", "disk-luks"};

/* The facts of QEMU 7.2, cut down to what the cases use. */
static qemuCapsFacts *
makeFacts(void)
{
    g_autoptr(virJSONValue) json = virJSONBuild(
        "{'version':7002022,'arch':'x86_64','kvmBuilt':%b,'sandbox':%b,'messageTimestamp':%b,"
        "'aioUring':%b,'snapshotAccess':%b,'cbwErrorPolicy':%b,'machines':["
        "{'name':'pc-i440fx-7.2','alias':'pc','maxCpus':255,'default':%b,'deprecated':%b},"
        "{'name':'pc-q35-7.2','alias':'q35','maxCpus':288,'default':%b,'deprecated':%b}],"
        "'cpuModels':['qemu64','Nehalem','max','host']}",
        true, true, true, false, true, true, true, false, false, false);
    qemuCapsFacts *facts = qemuCapsFactsFromJSON(json);

    g_assert_nonnull(facts);
    return facts;
}

static char *
dataPath(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    return g_build_filename(g_getenv("abs_top_srcdir"), "tests", "qemuxml2argvdata", file, NULL);
}

static char *
readData(const char *path)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static virDomainDef *
parseDef(const char *xml)
{
    virDomainDef *def = virDomainDefParse(xml, 0);
    unsigned int counter = 0;

    if (!def)
        g_error("XML refused: %s", virErrorLastMessage());
    virDomainDefAssignAliases(def);
    qemuNodesAssign(def, &counter);
    return def;
}

static char *
replaceAll(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, -1);

    return g_strjoinv(to, parts);
}

static void
testGolden(gconstpointer name)
{
    g_autofree char *xmlPath = dataPath(name, ".xml");
    g_autofree char *argsPath = dataPath(name, ".args");
    g_autofree char *xml = readData(xmlPath);
    g_autoptr(virDomainDef) def = parseDef(xml);
    g_autoptr(qemuCapsFacts) facts = makeFacts();
    qemuCommandInput input = {.def = def,
                              .facts = facts,
                              .monitorFd = 20,
                              .secretFds = (const int[]){21, 22, 23},
                              .kvm = def->virtType == VIR_DOMAIN_TYPE_KVM,
                              .channelDir = "/channels"};
    g_auto(GStrv) argv = qemuCommandBuild(&input);
    g_autofree char *actual = NULL;
    g_autofree char *wanted = NULL;

    if (!argv)
        g_error("refused: %s", virErrorLastMessage());
    actual = qemuCommandFormat(argv);
    if (g_strcmp0(g_getenv("VIR_TEST_REGENERATE_OUTPUT"), "1") == 0)
        g_assert_true(g_file_set_contents(argsPath, actual, -1, NULL));
    wanted = readData(argsPath);
    g_assert_cmpstr(actual, ==, wanted);
}

/* A file QEMU accepts as a kernel: the signature of a bzImage and nothing behind it. */
static void
makeKernel(const char *path)
{
    g_autofree char *data = g_malloc0(16384);

    memcpy(data + 0x202, "HdrS", 4);
    data[0x206] = 0x0c;
    data[0x207] = 0x02;
    memset(data + 0x22c, 0x7f, 4); /* highest address for an initrd */
    g_assert_true(g_file_set_contents(path, data, 16384, NULL));
}

static void
makeImage(const virStorageSource *src)
{
    int fd = -1;

    for (; src; src = src->backing) {
        fd = open(src->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        g_assert_cmpint(fd, >=, 0);
        if (src->format == VIR_STORAGE_FORMAT_QCOW2)
            g_assert_cmpint(virQcow2Create(fd, src->path, IMAGE_SIZE, NULL, NULL), ==, 0);
        else
            g_assert_cmpint(ftruncate(fd, IMAGE_SIZE), ==, 0);
        close(fd);
    }
}

static void
makeFiles(const virDomainDef *def)
{
    guint i = 0;

    for (i = 0; i < def->disks->len; i++)
        makeImage(((virDomainDiskDef *)g_ptr_array_index(def->disks, i))->src);
    if (def->kernel)
        makeKernel(def->kernel);
    if (def->initrd)
        g_assert_true(g_file_set_contents(def->initrd, "initrd", -1, NULL));
}

/* No block device can be had without being root: a regular file stands in for it. */
static void
blockToFile(char **argv)
{
    for (; *argv; argv++) {
        char *text = replaceAll(*argv, "\"host_device\"", "\"file\"");

        g_free(*argv);
        *argv = text;
    }
}

static bool
hasNode(const virJSONValue *list, const char *node)
{
    size_t i = 0;

    for (i = 0; i < virJSONArraySize(list); i++) {
        if (g_strcmp0(virJSONObjectLookupString(virJSONArrayAt(list, i), "node-name"), node) == 0)
            return true;
    }
    return false;
}

/* QEMU really has the nodes and devices under the names the driver will use. */
static void
checkDisks(qemuMonitor *mon, const virDomainDef *def)
{
    g_autoptr(GPtrArray) disks = qemuNodesTargetDisks(def);
    g_autoptr(virJSONValue) list = qemuQMPQueryNamedBlockNodes(mon);
    g_autoptr(GHashTable) stats = qemuQMPQueryBlockStats(mon);
    guint i = 0;

    g_assert_nonnull(list);
    g_assert_nonnull(stats);
    for (i = 0; i < disks->len; i++) {
        const qemuTargetDisk *disk = g_ptr_array_index(disks, i);
        g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", disk->qdev);
        g_autoptr(virJSONValue) command =
            virJSONBuild("{'execute':'qom-get','arguments':{'path':%s,'property':'drive'}}", path);
        g_autoptr(virJSONValue) reply = NULL;

        g_assert_true(hasNode(list, disk->node));
        g_assert_cmpint(qemuMonitorCommand(mon, command, &reply), ==, 0);
        g_assert_cmpstr(virJSONStringOf(reply), ==, disk->node);
        g_assert_true(g_hash_table_contains(stats, disk->qdev));
    }
}

static void
checkRunning(qemuMonitor *mon, const virDomainDef *def)
{
    g_auto(qemuQMPStatus) status = {0};
    g_autoptr(GHashTable) ptys = qemuQMPQueryPtys(mon);
    unsigned long long balloon = 0;
    guint i = 0;

    g_assert_cmpint(qemuQMPQueryStatus(mon, &status), ==, 0);
    g_assert_cmpstr(status.status, ==, "prelaunch");
    g_assert_cmpint(qemuQMPQueryBalloon(mon, &balloon), ==, def->memballoonNone ? 0 : 1);
    if (!def->memballoonNone)
        g_assert_cmpuint(balloon, ==, def->memoryKiB * 1024);
    for (i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *chr = g_ptr_array_index(def->chardevs, i);
        g_autofree char *id = g_strdup_printf("char%s", chr->alias);

        if (chr->type == VIR_CHARDEV_PTY)
            g_assert_nonnull(g_hash_table_lookup(ptys, id));
    }
    checkDisks(mon, def);
}

static void
printLog(const char *path)
{
    g_autofree char *text = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL) && *text)
        g_test_message("QEMU said: %s", text);
}

static void
runLive(const virDomainDef *def, const qemuCapsFacts *facts, const char *dir)
{
    g_autofree char *monitorPath = g_build_filename(dir, "monitor.sock", NULL);
    g_autofree char *logPath = g_build_filename(dir, "qemu.log", NULL);
    VIR_AUTOCLOSE listenFd = virFileListenUnix(monitorPath, 0600);
    VIR_AUTOCLOSE logFd = open(logPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    qemuCommandInput input = {.def = def, .facts = facts, .monitorFd = listenFd, .channelDir = dir};
    g_auto(GStrv) argv = qemuCommandBuild(&input);
    g_auto(GStrv) env = qemuSpawnEnv();
    qemuSpawn spawn = {.argv = (const char *const *)argv,
                       .env = (const char *const *)env,
                       .output = logFd,
                       .fds = &listenFd,
                       .nfds = 1,
                       .user = (uid_t)-1,
                       .group = (gid_t)-1};
    g_autoptr(qemuMonitor) mon = NULL;
    VIR_AUTOCLOSE pidfd = -1;
    pid_t pid = 0;
    int client = -1;
    int status = 0;

    g_assert_nonnull(argv);
    blockToFile(argv);
    client = virFileConnectUnix(monitorPath);
    g_assert_cmpint(client, >=, 0);
    g_assert_cmpint(qemuSpawnRun(&spawn, &pid, &pidfd), ==, 0);
    virFileAutoClose(&listenFd);
    mon = qemuMonitorOpen(client, def->name, NULL, NULL, 60000);
    if (!mon)
        printLog(logPath);
    g_assert_nonnull(mon);
    checkRunning(mon, def);
    g_assert_cmpint(qemuQMPQuit(mon), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    qemuMonitorClose(mon);
}

static void
removeDir(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = NULL;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        g_unlink(file);
    }
    g_rmdir(path);
}

static void
testLive(gconstpointer name)
{
    g_autofree char *dir = g_dir_make_tmp("argv-XXXXXX", NULL);
    g_autofree char *xmlPath = dataPath(name, ".xml");
    g_autofree char *text = readData(xmlPath);
    g_autofree char *xml = replaceAll(text, IMAGES, dir);
    g_autoptr(virDomainDef) def = parseDef(xml);
    g_autoptr(qemuCapsFacts) facts = makeFacts();

    if (access(EMULATOR, X_OK) < 0) {
        g_test_skip(EMULATOR " is not installed");
    } else {
        makeFiles(def);
        runLive(def, facts, dir);
    }
    removeDir(dir);
}

#define XML(type, machine, vcpu, rest)                                                             \
    "<domain type='" type "'><name>x</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"      \
    "<memory>65536</memory><vcpu>" vcpu "</vcpu><os><type arch='x86_64' machine='" machine "'>hvm" \
    "</type></os>" rest "</domain>"
#define DEVICES(text) "<devices><emulator>" EMULATOR "</emulator>" text "</devices>"

static const struct {
    const char *xml;
    const char *reason;
} refused[] = {
    {XML("qemu", "pc-i440fx-99.9", "1", DEVICES("")), "machine type 'pc-i440fx-99.9'"},
    {XML("qemu", "pc", "256", DEVICES("")), "at most 255 CPUs"},
    {XML("qemu", "pc", "1", "<cpu mode='custom'><model>NoSuchCPU</model></cpu>" DEVICES("")),
     "CPU model 'NoSuchCPU'"},
    {XML("qemu", "pc", "1", "<cpu mode='host-passthrough'/>" DEVICES("")), "domain of type 'kvm'"},
    {XML("qemu", "pc", "1",
         DEVICES("<disk type='file'><driver io='io_uring' type='raw'/>"
                 "<source file='/i'/><target dev='vda' bus='virtio'/></disk>")),
     "io='io_uring' of disk 'vda'"},
    {XML("qemu", "pc", "1",
         DEVICES("<interface type='user'><mac address='52:54:00:00:00:01'/>"
                 "<model type='ne2k_pci'/></interface>")),
     "model 'ne2k_pci'"},
    {XML("qemu", "pc", "1",
         DEVICES("<disk type='file'><source file='/i'/><target dev='vda'"
                 " bus='virtio'/><address type='pci' domain='0' bus='7' slot='1'"
                 " function='0'/></disk>")),
     "PCI bus 7"},
};

/* What is fine as XML, but not for this QEMU or this machine. */
static void
testRefused(gconstpointer opaque)
{
    size_t i = GPOINTER_TO_UINT(opaque);
    g_autoptr(virDomainDef) def = virDomainDefParse(refused[i].xml, 0);
    g_autoptr(qemuCapsFacts) facts = makeFacts();
    qemuCommandInput input = {.def = def, .facts = facts, .monitorFd = 3, .channelDir = "/c"};

    if (!def)
        g_error("the XML layer refused it: %s", virErrorLastMessage());
    virDomainDefAssignAliases(def);
    g_assert_null(qemuCommandBuild(&input));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_CONFIG_UNSUPPORTED);
    if (!strstr(virErrorLastMessage(), refused[i].reason))
        g_error("unexpected reason: %s", virErrorLastMessage());
}

int
main(int argc, char **argv)
{
    size_t i = 0;

    g_test_init(&argc, &argv, NULL);
    qmpPeerStartMainLoop();
    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *golden = g_strdup_printf("/command/golden/%s", cases[i]);
        g_autofree char *live = g_strdup_printf("/command/live/%s", cases[i]);

        g_test_add_data_func(golden, cases[i], testGolden);
        g_test_add_data_func(live, cases[i], testLive);
    }
    for (i = 0; i < G_N_ELEMENTS(servedCases); i++) {
        g_autofree char *golden = g_strdup_printf("/command/golden/%s", servedCases[i]);

        g_test_add_data_func(golden, servedCases[i], testGolden);
    }
    for (i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *path = g_strdup_printf("/command/refused/%zu", i);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), testRefused);
    }
    return g_test_run();
}
