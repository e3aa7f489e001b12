/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A start, step by step. QEMU is begun with -S and inherits the listening monitor socket, to which
 * we have connected before it runs: no polling, and a QEMU that dies at once shows as end of file.
 * The status file is written before QEMU runs, marked unfinished, so that a daemon that dies in the
 * middle finds and ends it at its next start. There is a process by then, for the file has its number; but it
 * becomes QEMU only when it is told that the file is there. (It once ran at once, and a daemon that died
 * before the file left a QEMU that nobody knew and that kept the images locked.)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "qemu_process.h"
#include "qemu_backup_recover.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_capabilities.h"
#include "qemu_command.h"
#include "qemu_data_file.h"
#include "qemu_domain_log.h"
#include "qemu_lend.h"
#include "qemu_nodes.h"
#include "qemu_process_spawn.h"
#include "qemu_process_watch.h"
#include "qemu_qmp_chardev.h"
#include "qemu_qmp_run.h"
#include "qemu_reconcile.h"
#include "qemu_restore.h"
#include "qemu_run_dir.h"
#include "qemu_secret.h"
#include "qemu_status.h"
#include "qemu_vm_list.h"
#include "config.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_START_MONITOR_MS 30000   /* QEMU opens its images before it speaks QMP */

/* All that a start makes before there is a process. */
typedef struct _qemuStart {
    qemuConfig *config;
    qemuCaps *caps;
    virDomainDef *def;      /* of this run: id, aliases, node numbers */
    unsigned int nodeCounter;
    char *privateDir;
    char *monitorPath;
    GArray *inherited; /* of int: the monitor's socket (borrowed), passphrases */
    GArray *secrets;   /* of int: descriptors of passphrases */
    int listenFd, clientFd, logFd;
    qemuSpawnHeld held;
    bool begun;             /* there is a process, and the run is @def's */
    bool ran;               /* it became QEMU */
    off_t logFrom;          /* what QEMU writes begins here */
    bool lent;
    bool kvm;
} qemuStart;

static void
qemuStartClear(qemuStart *start)
{
    if (start->lent) {
        GPtrArray *stores = qemuBitmapStoreBeforeChown(start->def);

        qemuLendReturnDomain(start->def);
        qemuBitmapStoreAfterChown(stores);
    }
    if (start->privateDir)
        qemuRunDirRemove(start->privateDir);
    g_free(start->privateDir);
    g_free(start->monitorPath);
    virFileAutoClose(&start->listenFd);
    virFileAutoClose(&start->clientFd);
    virFileAutoClose(&start->logFd);
    qemuSpawnForget(&start->held);
    g_clear_pointer(&start->inherited, g_array_unref);
    g_clear_pointer(&start->secrets, g_array_unref);
    virDomainDefFree(start->def);
    if (start->caps)
        qemuCapsUnref(start->caps);
    if (start->config)
        qemuConfigUnref(start->config);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuStart, qemuStartClear)

static void
qemuStartChooseAccel(qemuVM *vm, qemuStart *start)
{
    if (start->def->virtType != VIR_DOMAIN_TYPE_KVM)
        return;
    start->kvm = qemuCapsKVMWorks(start->caps);
    if (start->kvm)
        return;
    VIR_WARN("domain '%s' asks for KVM, which does not work on this host; it runs under TCG", vm->name);
    qemuDomainLogWrite(vm->name, "KVM does not work on this host; running under TCG instead, which "
                                 "is much slower");
}

/* The definition of the run, with sockets of channels filled in. */
static int
qemuStartPrepareDef(qemuVM *vm, qemuStart *start)
{
    guint i = 0;

    start->def = qemuVMCopyDef(vm);
    if (!start->def || qemuDataFileProbeDomain(start->def) < 0)
        return -1;
    start->def->id = qemuVMListNextID(qemuDriverVMs());
    virDomainDefAssignAliases(start->def);
    qemuNodesAssign(start->def, &start->nodeCounter);
    start->privateDir = qemuRunDirMake(start->config, start->def->id, vm->name);
    if (!start->privateDir)
        return -1;
    start->monitorPath = g_build_filename(start->privateDir, "monitor.sock", NULL);
    start->secrets = qemuSecretDescriptors(start->def);
    if (!start->secrets)
        return -1;
    for (i = 0; i < start->def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(start->def->chardevs, i);

        if (!chardev->path)
            chardev->path = qemuCommandChardevPath(chardev, start->privateDir);
    }
    return 0;
}

static int
qemuStartLend(qemuStart *start)
{
    GPtrArray *stores = qemuBitmapStoreBeforeChown(start->def);

    start->lent = qemuLendDomain(start->def) == 0;
    qemuBitmapStoreAfterChown(stores);
    return start->lent ? 0 : -1;
}

static int
qemuStartPrepare(qemuVM *vm, qemuStart *start)
{
    start->config = qemuDriverConfig();
    start->caps = qemuDriverCaps(vm->def->emulator);
    if (!start->caps || virFileMakeDirs(start->config->logDir, 0700) < 0 ||
        qemuStartPrepareDef(vm, start) < 0)
        return -1;
    qemuStartChooseAccel(vm, start);
    if (qemuStartLend(start) < 0)
        return -1;
    start->listenFd = virFileListenUnix(start->monitorPath, 0600);
    if (start->listenFd < 0)
        return -1;
    start->clientFd = virFileConnectUnix(start->monitorPath);
    if (start->clientFd < 0) {
        virReportSystemError(errno, "cannot connect to the monitor socket '%s'", start->monitorPath);
        return -1;
    }
    return 0;
}

static void
qemuStartLogHeader(qemuVM *vm, qemuStart *start, char *const *argv, char *const *env)
{
    g_autofree char *options = qemuCommandFormat(argv);
    g_autofree char *vars = g_strjoinv(" ", (char **)env);
    const qemuCapsFacts *facts = qemuCapsGetFacts(start->caps);

    qemuDomainLogWrite(vm->name, "starting up, fleece version: %s, qemu version: %u.%u.%u%s%s\n%s \\\n%s",
                       FLEECE_VERSION, facts->version / 1000000, facts->version / 1000 % 1000,
                       facts->version % 1000, facts->package ? " " : "",
                       facts->package ? facts->package : "", vars, options);
}

/* There is a process now: from here the run is undone by qemuProcessFinish. */
static void
qemuStartTakeOver(qemuVM *vm, qemuStart *start, pid_t pid, int pidfd)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->run++;
    vm->pid = pid;
    vm->pidStart = qemuPidStartTime(pid);
    vm->startedAt = g_get_real_time() / G_USEC_PER_SEC;
    vm->starting = true;
    vm->process = qemuProcessWatch(vm, vm->run, pid, pidfd);
    if (vm->persistent)
        vm->newDef = vm->def;
    else
        virDomainDefFree(vm->def);
    vm->def = g_steal_pointer(&start->def);
    vm->privateDir = g_steal_pointer(&start->privateDir);
    vm->monitorPath = g_steal_pointer(&start->monitorPath);
    vm->nodeCounter = start->nodeCounter;
    vm->balloonKiB = vm->def->memoryKiB;
    qemuVMSetTargetDisks(vm, qemuNodesTargetDisks(vm->def));
    start->lent = false;
    start->begun = true;
    qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP);
}

static void
qemuStartInherit(qemuStart *start)
{
    start->inherited = g_array_new(FALSE, FALSE, sizeof(int));
    g_array_append_val(start->inherited, start->listenFd);
    if (start->secrets->len > 0)
        g_array_append_vals(start->inherited, start->secrets->data, start->secrets->len);
}

static int
qemuStartSpawn(qemuVM *vm, qemuStart *start)
{
    qemuStartInherit(start);
    const qemuCommandInput input = {
        .def = start->def,
        .facts = qemuCapsGetFacts(start->caps),
        .kvm = start->kvm,
        .monitorFd = start->listenFd,
        .secretFds = (const int *)start->secrets->data,
        .channelDir = start->privateDir,
    };
    g_auto(GStrv) argv = qemuCommandBuild(&input);
    g_auto(GStrv) env = qemuSpawnEnv();
    qemuSpawn spawn = {
        .argv = (const char *const *)argv,
        .env = (const char *const *)env,
        .fds = (const int *)start->inherited->data,
        .nfds = start->inherited->len,
        .user = start->config->privileged ? start->config->user : (uid_t)-1,
        .group = start->config->group,
    };
    pid_t pid = 0;
    int pidfd = -1;

    if (!argv)
        return -1;
    qemuStartLogHeader(vm, start, argv, env);
    start->logFd = qemuDomainLogOpen(vm->name, &start->logFrom);
    if (start->logFd < 0)
        return -1;
    spawn.output = start->logFd;
    if (virFaultPoint("start.spawn") < 0 || qemuSpawnHold(&spawn, &pid, &pidfd, &start->held) < 0)
        return -1;
    qemuStartTakeOver(vm, start, pid, pidfd);
    /* QEMU's copy must be the only one, or its death would not close our connection. */
    virFileAutoClose(&start->listenFd);
    if (virFaultPoint("start.held") < 0 || qemuStatusSave(vm) < 0 || qemuSpawnGo(&spawn, &start->held) < 0)
        return -1;
    start->ran = true;
    return 0;
}

static int
qemuStartConnect(qemuVM *vm, qemuStart *start)
{
    qemuMonitor *mon = NULL;
    int fd = start->clientFd;

    start->clientFd = -1;
    mon = qemuMonitorOpen(fd, vm->name, &qemuProcessMonitorCallbacks, vm->process,
                          QEMU_START_MONITOR_MS);
    if (!mon)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->mon = mon;
    g_mutex_unlock(&vm->lock);
    return 0;
}

static bool
qemuStartHasPty(const virDomainDef *def)
{
    guint i = 0;

    for (i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        if (chardev->type == VIR_CHARDEV_PTY)
            return true;
    }
    return false;
}

/* Pseudo terminals get their names from the kernel: ask once, and put them into a new Def. */
static int
qemuStartFetchPtys(qemuVM *vm, qemuMonitor *mon)
{
    g_autoptr(GHashTable) ptys = NULL;
    virDomainDef *def = NULL;
    guint i = 0;

    if (!qemuStartHasPty(vm->def))
        return 0;
    ptys = qemuQMPQueryPtys(mon);
    def = ptys ? qemuVMCopyDef(vm) : NULL;
    if (!def)
        return -1;
    for (i = 0; i < def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);
        g_autofree char *id = g_strdup_printf("char%s", chardev->alias);
        const char *path = g_hash_table_lookup(ptys, id);

        if (chardev->type == VIR_CHARDEV_PTY && path) {
            g_free(chardev->path);
            chardev->path = g_strdup(path);
        }
    }
    g_mutex_lock(&vm->lock);
    virDomainDefFree(vm->def);
    vm->def = def;
    g_mutex_unlock(&vm->lock);
    return 0;
}

static int
qemuStartBalloon(qemuVM *vm, qemuMonitor *mon)
{
    const virDomainDef *def = vm->def;
    g_autoptr(virJSONValue) command = NULL;

    if (def->memballoonNone || def->currentMemoryKiB >= def->memoryKiB)
        return 0;
    command = virJSONBuild("{'execute':'balloon','arguments':{'value':%llu}}",
                           def->currentMemoryKiB * 1024);
    return qemuMonitorCommand(mon, command, NULL);
}

/* Lock held. */
static void
qemuStartPublish(qemuVM *vm, bool paused)
{
    guint i = 0;

    for (i = 0; i < vm->def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(vm->def->chardevs, i);

        if (g_strcmp0(chardev->targetName, QEMU_VM_AGENT_CHANNEL) == 0)
            qemuVMPublish(vm, virDomainEventAgentLifecycleNew(
                                  vm->name, vm->uuid, vm->def->id,
                                  VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
                                  VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED));
    }
    if (!paused)
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
    if (paused)
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
}

/* What settling checkpoints changes of the bitmaps is only in QEMU: what is saved is not all any more. */
static int
qemuStartBitmaps(qemuVM *vm)
{
    bool pending = qemuReconcilePending(vm);

    if (qemuBitmapStoreLoad(&vm->target, true) < 0)
        return -1;
    if (pending && qemuBitmapStoreMarkInUse(&vm->target) < 0)
        return -1;
    return qemuReconcileVM(vm, false);
}

/* QEMU speaks QMP: make the guest ready and let it run. */
static int
qemuStartGuest(qemuVM *vm, qemuStart *start, unsigned int flags, const void *conn)
{
    bool paused = flags & QEMU_START_PAUSED;
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    bool iothreadSafe = vm->def->iothreads > 0 && qemuCapsIothreadExportSafe(start->caps);

    if (!mon || qemuStartFetchPtys(vm, mon) < 0 || qemuStartBalloon(vm, mon) < 0 ||
        qemuStartBitmaps(vm) < 0 || virFaultPoint("start.cont") < 0 ||
        qemuBitmapStoreMarkInUse(&vm->target) < 0)
        return -1;
    if (!paused && qemuProcessCont(vm, mon) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->iothreadExportSafe = iothreadSafe;
    vm->starting = false;
    vm->autodestroy = flags & QEMU_START_AUTODESTROY ? conn : NULL;
    if (paused)
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
    else
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
    qemuStartPublish(vm, paused);
    g_mutex_unlock(&vm->lock);
    return qemuStatusSave(vm);
}

/* Replace "connection closed" by what QEMU said, if it ended by itself. */
static void
qemuStartExplain(qemuVM *vm, const qemuStart *start, bool ended)
{
    g_autofree char *tail = qemuDomainLogTail(vm->name, start->logFrom);

    if (!ended || !start->ran)
        return;
    if (vm->destroyed)
        virReportError(VIR_ERR_OPERATION_FAILED, "domain '%s' was destroyed while it was started",
                       vm->name);
    else
        virReportError(VIR_ERR_INTERNAL_ERROR, "process exited while connecting to monitor: %s",
                       tail ? tail : "QEMU said nothing; see the log of the domain");
}

/* The process may have ended just now, or be alive and no use: either way wait until it is gone. */
static void
qemuStartAbort(qemuVM *vm, qemuStart *start)
{
    virErrorPtr saved = NULL;
    gint64 soon = g_get_monotonic_time() + G_USEC_PER_SEC / 5;
    bool ended = false;

    virErrorPreserveLast(&saved);
    qemuSpawnForget(&start->held);
    g_mutex_lock(&vm->lock);
    while (!vm->exited && qemuVMWait(vm, soon))
        continue;
    ended = vm->exited;
    g_mutex_unlock(&vm->lock);
    /* It has its images open, and their bitmaps with them: killed before it can close them, it would
     * leave every checkpoint broken. When it speaks QMP, it handles signals. */
    if (!ended && start->ran && start->clientFd >= 0 && qemuStartConnect(vm, start) < 0)
        VIR_DEBUG("domain '%s': %s", vm->name, virErrorLastMessage());
    if (!ended && qemuProcessKill(vm, false) < 0)
        VIR_WARN("%s", virErrorLastMessage());
    virErrorRestore(&saved);
    qemuStartExplain(vm, start, ended);
    qemuProcessFinish(vm, QEMU_END_START_FAILED);
}

int
qemuProcessStart(qemuVM *vm, unsigned int flags, const void *conn)
{
    g_auto(qemuStart) start = { .listenFd = -1, .clientFd = -1, .logFd = -1, .held = { -1, -1 } };

    if (qemuRestoreCheckUse(vm, "start") < 0)
        return -1;
    if (vm->helperHeld) {
        virReportError(VIR_ERR_RESOURCE_BUSY,
                       "cannot start domain '%s': a backup reads its disks; wait for it or abort it",
                       vm->name);
        return -1;
    }
    qemuBackupSweep(vm);
    if (qemuStartPrepare(vm, &start) < 0)
        return -1;
    if (qemuStartSpawn(vm, &start) == 0 && virFaultPoint("start.spawned") == 0 &&
        qemuStartConnect(vm, &start) == 0 && qemuStartGuest(vm, &start, flags, conn) == 0)
        return 0;
    if (start.begun)
        qemuStartAbort(vm, &start);
    return -1;
}
