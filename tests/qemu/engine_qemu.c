/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A real QEMU for the engine's tests. */
#include "engine_qemu.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "qemu_capabilities.h"
#include "virerror_report.h"
#include "virqcow2.h"

static const char *const names[] = { "vda", "vdb", "vdc", "vdd", "vde", "vdf", "vdg", "vdh" };
static const char *const qdevs[] = { "disk0", "disk1", "disk2", "disk3",
                                     "disk4", "disk5", "disk6", "disk7" };
static const char *const nodes[] = { "libvirt-1-format", "libvirt-2-format", "libvirt-3-format",
                                     "libvirt-4-format", "libvirt-5-format", "libvirt-6-format",
                                     "libvirt-7-format", "libvirt-8-format" };

static gpointer
mainLoopThread(gpointer data)
{
    g_main_loop_run(data);
    return NULL;
}

static void
startMainLoop(void)
{
    static bool started;

    if (started)
        return;
    started = true;
    g_thread_unref(g_thread_new("main-loop", mainLoopThread, g_main_loop_new(NULL, FALSE)));
}

static void
onEvent(const char *name, const virJSONValue *data, long long seconds, unsigned int micros,
        void *opaque)
{
    engineQemu *q = opaque;
    gint64 when = (gint64)seconds * 1000000 + micros;

    if (g_str_equal(name, "STOP"))
        q->stoppedAt = when;
    if (g_str_equal(name, "RESUME"))
        q->resumedAt = when;
}

static void
onEof(void *opaque)
{
}

static const qemuMonitorCallbacks callbacks = { .event = onEvent, .eof = onEof };

static engineQemu *
engineOf(qemuTarget *t)
{
    return (engineQemu *)t;
}

static const virDomainDef *
targetDef(qemuTarget *t)
{
    return NULL;
}

static const qemuTargetDisk *
targetDisks(qemuTarget *t, size_t *n)
{
    *n = engineOf(t)->ndisks;
    return engineOf(t)->disks;
}

static bool
targetGuestRuns(qemuTarget *t)
{
    return engineOf(t)->running;
}

static int
targetCommand(qemuTarget *t, const virJSONValue *command, virJSONValue **reply)
{
    engineQemu *q = engineOf(t);

    q->commands++;
    q->roundTrips++;
    return qemuMonitorCommand(q->mon, command, reply);
}

static int
targetCommandFd(qemuTarget *t, const virJSONValue *command, int fd)
{
    engineQemu *q = engineOf(t);
    g_autoptr(virJSONValue) broken = virJSONBuild("{'execute':'x-made-to-fail'}");
    bool breaks = q->commands++ == q->breakCommand;

    q->roundTrips++;
    return qemuMonitorCommandFd(q->mon, breaks ? broken : command, fd, NULL);
}

/* Counts, and plays QEMU's bad days. */
static int
targetBatch(qemuTarget *t, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    engineQemu *q = engineOf(t);
    g_autoptr(virJSONValue) broken = virJSONBuild("{'execute':'x-made-to-fail'}");
    g_autofree virJSONValue **sent = g_new0(virJSONValue *, n);

    for (size_t i = 0; i < n; i++) {
        int number = q->commands++;

        sent[i] = number == q->breakCommand ? broken : commands[i];
        if (number == q->dieBefore) {
            g_subprocess_force_exit(q->process);
            /* or it might still answer */
            g_subprocess_wait(q->process, NULL, NULL);
        }
    }
    q->roundTrips++;
    return qemuMonitorBatch(q->mon, sent, n, replies);
}

static void
targetHidePause(qemuTarget *t, bool hide)
{
    engineOf(t)->hidden = hide;
}

static int
targetFreeze(qemuTarget *t)
{
    engineOf(t)->frozen++;
    return 0;
}

static int
targetThaw(qemuTarget *t, bool repair)
{
    engineOf(t)->frozen = 0;
    return 0;
}

static int
targetLendFile(qemuTarget *t, const char *path, bool writable)
{
    engineOf(t)->lent++;
    return 0;
}

static void
targetReturnFile(qemuTarget *t, const char *path)
{
    engineOf(t)->lent--;
}

static const char *
targetPrivateDir(qemuTarget *t)
{
    return engineOf(t)->dir;
}

static pid_t
targetPid(qemuTarget *t)
{
    const char *id = g_subprocess_get_identifier(engineOf(t)->process);

    return id ? (pid_t)g_ascii_strtoll(id, NULL, 10) : 0;
}

static bool
targetIothreadExportSafe(qemuTarget *t)
{
    return false;
}

static unsigned int
targetCbwTimeoutMax(qemuTarget *t)
{
    return QEMU_CAPS_CBW_TIMEOUT_SAFE;
}

static const qemuTargetOps targetOps = {
    .def = targetDef,
    .disks = targetDisks,
    .guestRuns = targetGuestRuns,
    .command = targetCommand,
    .batch = targetBatch,
    .commandFd = targetCommandFd,
    .hidePause = targetHidePause,
    .freeze = targetFreeze,
    .thaw = targetThaw,
    .lendFile = targetLendFile,
    .returnFile = targetReturnFile,
    .privateDir = targetPrivateDir,
    .pid = targetPid,
    .iothreadExportSafe = targetIothreadExportSafe,
    .cbwTimeoutMax = targetCbwTimeoutMax,
};

char *
engineQemuPath(engineQemu *q, const char *name)
{
    return g_build_filename(q->dir, name, NULL);
}

static void
makeImage(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return;   /* a QEMU before this one has left it */
    g_assert_cmpint(virQcow2Create(fd, path, ENGINE_DISK_BYTES, NULL, NULL), ==, 0);
    close(fd);
}

static const char *
deviceOptions(size_t i)
{
    static const char *const options[] = {
        "virtio-blk-pci,drive=%s,id=%s",
        "scsi-hd,bus=scsi0.0,drive=%s,id=%s",
        "ide-hd,bus=ide.0,drive=%s,id=%s",
    };

    return options[i < 3 ? i : 0];
}

static void
addDisk(engineQemu *q, GPtrArray *argv, size_t i)
{
    g_autofree char *image = g_strdup_printf("%s/%s.qcow2", q->dir, names[i]);
    g_auto(GStrv) parts = g_strsplit(deviceOptions(i), "%s", -1);

    makeImage(image);
    g_ptr_array_add(argv, g_strdup("-blockdev"));
    g_ptr_array_add(argv, g_strdup_printf("driver=file,filename=%s,node-name=libvirt-%zu-storage",
                                          image, i + 1));
    g_ptr_array_add(argv, g_strdup("-blockdev"));
    g_ptr_array_add(argv, g_strdup_printf("driver=qcow2,file=libvirt-%zu-storage,node-name=%s",
                                          i + 1, nodes[i]));
    g_ptr_array_add(argv, g_strdup("-device"));
    g_ptr_array_add(argv, g_strconcat(parts[0], nodes[i], parts[1], qdevs[i], NULL));
    q->disks[i] = (qemuTargetDisk){
        .name = names[i], .qdev = qdevs[i], .node = nodes[i],
        .source = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_QCOW2, image), .format = VIR_STORAGE_FORMAT_QCOW2,
    };
    q->model[i] = g_malloc0(ENGINE_DISK_BYTES);
}

static GPtrArray *
makeArgv(engineQemu *q)
{
    static const char *const base[] = {
        "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "32", "-nodefaults",
        "-display", "none", "-device", "virtio-scsi-pci,id=scsi0",
        "-chardev", "socket,id=mon,fd=3", "-mon", "chardev=mon,mode=control",
    };
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < G_N_ELEMENTS(base); i++)
        g_ptr_array_add(argv, g_strdup(base[i]));
    if (!q->running)
        g_ptr_array_add(argv, g_strdup("-S"));
    for (size_t i = 0; i < q->ndisks; i++)
        addDisk(q, argv, i);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* In the child: a test that aborts takes its QEMU along. */
static void
dieWithParent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

engineQemu *
engineQemuStart(size_t ndisks, bool running, const char *dir)
{
    engineQemu *q = g_new0(engineQemu, 1);
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr(GPtrArray) argv = NULL;
    int pair[2] = { -1, -1 };

    startMainLoop();
    q->target.ops = &targetOps;
    q->running = running;
    q->ndisks = ndisks;
    q->breakCommand = q->dieBefore = -1;
    q->dir = dir ? g_strdup(dir) : g_dir_make_tmp("fleece-engine-XXXXXX", NULL);
    argv = makeArgv(q);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    g_subprocess_launcher_take_fd(launcher, pair[1], 3);
    g_subprocess_launcher_set_child_setup(launcher, dieWithParent, NULL, NULL);
    q->process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, NULL);
    g_assert_nonnull(q->process);
    g_clear_object(&launcher);   /* closes our copy of QEMU's end */
    q->mon = qemuMonitorOpen(pair[0], "engine-test", &callbacks, q, 20000);
    g_assert_nonnull(q->mon);
    return q;
}

static void
engineQemuClear(engineQemu *q)
{
    qemuMonitorClose(q->mon);
    qemuMonitorUnref(q->mon);
    g_object_unref(q->process);
    for (size_t i = 0; i < q->ndisks; i++) {
        virStorageSourceFree((virStorageSource *)q->disks[i].source);
        g_free(q->model[i]);
    }
    g_free(q->dir);
    g_free(q);
}

void
engineQemuKill(engineQemu *q)
{
    g_subprocess_force_exit(q->process);
    g_subprocess_wait(q->process, NULL, NULL);
    engineQemuClear(q);
}

void
engineQemuFree(engineQemu *q)
{
    g_autoptr(GDir) dir = NULL;
    g_autoptr(virJSONValue) quit = virJSONBuild("{'execute':'quit'}");
    const char *entry = NULL;

    if (!q)
        return;
    if (qemuMonitorCommand(q->mon, quit, NULL) < 0)
        g_subprocess_force_exit(q->process);
    g_subprocess_wait(q->process, NULL, NULL);
    dir = g_dir_open(q->dir, 0, NULL);
    while (dir && (entry = g_dir_read_name(dir))) {
        g_autofree char *path = engineQemuPath(q, entry);

        g_unlink(path);
    }
    g_rmdir(q->dir);
    engineQemuClear(q);
}

virJSONValue *
engineQemuCommand(engineQemu *q, const char *json)
{
    g_autoptr(virJSONValue) command = virJSONParse(json, -1);
    virJSONValue *reply = NULL;

    if (!command || qemuMonitorCommand(q->mon, command, &reply) < 0)
        g_error("%s: %s", json, virErrorLastMessage());
    return reply;
}

void
engineQemuWrite(engineQemu *q, size_t disk, int pattern, size_t offset, size_t length)
{
    g_autofree char *json = g_strdup_printf(
        "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
        "\"qemu-io -d /machine/peripheral/%s%s \\\"write -P %d %zu %zu\\\"\"}}",
        qdevs[disk], disk == 1 || disk == 2 ? "" : "/virtio-backend", pattern, offset, length);
    g_autoptr(virJSONValue) reply = engineQemuCommand(q, json);

    memset(q->model[disk] + offset, pattern, length);
}

unsigned char *
engineQemuModel(engineQemu *q, size_t disk)
{
    return g_memdup2(q->model[disk], ENGINE_DISK_BYTES);
}

static int
compareLines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *
flagText(const virJSONValue *object, const char *flag)
{
    return virJSONObjectIsTrue(object, flag) ? flag : "";
}

static void
addNodes(engineQemu *q, GPtrArray *lines)
{
    g_autoptr(virJSONValue) list =
        engineQemuCommand(q, "{\"execute\":\"query-named-block-nodes\",\"arguments\":{\"flat\":true}}");

    for (size_t i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *node = virJSONArrayAt(list, i);
        const char *name = virJSONObjectLookupString(node, "node-name");
        const virJSONValue *bitmaps = virJSONObjectLookupArray(node, "dirty-bitmaps");

        g_ptr_array_add(lines, g_strdup_printf("node %s %s", name,
                                               virJSONObjectLookupString(node, "drv")));
        for (size_t j = 0; j < virJSONArraySize(bitmaps); j++) {
            const virJSONValue *bitmap = virJSONArrayAt(bitmaps, j);
            const char *bitmapName = virJSONObjectLookupString(bitmap, "name");

            if (!bitmapName)
                continue;
            g_ptr_array_add(lines,
                            g_strdup_printf("bitmap %s %s %s %s %s %s", name, bitmapName,
                                            flagText(bitmap, "recording"),
                                            flagText(bitmap, "persistent"), flagText(bitmap, "busy"),
                                            flagText(bitmap, "inconsistent")));
        }
    }
}

static void
addDevices(engineQemu *q, GPtrArray *lines)
{
    for (size_t i = 0; i < q->ndisks; i++) {
        g_autofree char *json = g_strdup_printf("{\"execute\":\"qom-get\",\"arguments\":{\"path\":"
                                                "\"/machine/peripheral/%s\",\"property\":\"drive\"}}",
                                                qdevs[i]);
        g_autoptr(virJSONValue) node = engineQemuCommand(q, json);

        g_ptr_array_add(lines, g_strdup_printf("device %s %s", qdevs[i], virJSONStringOf(node)));
    }
}

static void
addIds(engineQemu *q, GPtrArray *lines, const char *what, const char *query)
{
    g_autofree char *json = g_strdup_printf("{\"execute\":\"%s\"}", query);
    g_autoptr(virJSONValue) list = engineQemuCommand(q, json);

    for (size_t i = 0; i < virJSONArraySize(list); i++)
        g_ptr_array_add(lines, g_strdup_printf("%s %s", what,
                                               virJSONObjectLookupString(virJSONArrayAt(list, i), "id")));
}

static void
addFiles(engineQemu *q, GPtrArray *lines)
{
    g_autoptr(GDir) dir = g_dir_open(q->dir, 0, NULL);
    const char *entry = NULL;

    while ((entry = g_dir_read_name(dir)))
        g_ptr_array_add(lines, g_strdup_printf("file %s", entry));
}

char *
engineQemuState(engineQemu *q)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(virJSONValue) status = engineQemuCommand(q, "{\"execute\":\"query-status\"}");

    addNodes(q, lines);
    addDevices(q, lines);
    addIds(q, lines, "export", "query-block-exports");
    addIds(q, lines, "job", "query-jobs");
    addFiles(q, lines);
    g_ptr_array_add(lines, g_strdup_printf("guest %s, lent %d%s",
                                           virJSONObjectLookupString(status, "status"), q->lent,
                                           q->hidden ? ", hidden" : ""));
    g_ptr_array_sort(lines, compareLines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

char *
engineRun(const char *const *argv)
{
    char *out = NULL;
    int status = 0;
    g_autoptr(GError) error = NULL;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL,
                      &status, &error))
        g_error("%s: %s", argv[0], error->message);
    if (!g_spawn_check_wait_status(status, &error))
        g_error("%s: %s", argv[0], error->message);
    return out;
}
