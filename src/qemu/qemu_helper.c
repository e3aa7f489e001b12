/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Life of the block helper: a process like a domain's QEMU (its user, its own session, output in the
 * domain's log), with one monitor connection.
 *
 * It is ended by SIGTERM and not by "quit": the bitmaps are safe by then, and a helper whose main loop
 * waits for a silent NBD client would not answer.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_bitmap_store_disks.h"
#include "qemu_data_file.h"
#include "qemu_domain_log.h"
#include "qemu_driver_state.h"
#include "qemu_helper_priv.h"
#include "qemu_lend.h"
#include "qemu_nodes.h"
#include "qemu_process_spawn.h"
#include "qemu_run_dir.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define HELPER_GREETING_FIRST_MS 5000
#define HELPER_GREETING_MS 30000
#define HELPER_TERM_STEP_MS 250
#define HELPER_TERM_MS 1500        /* nothing is left to store: a stuck one is killed soon */
#define HELPER_TERM_DOUBT_MS 20000 /* storing failed: perhaps its own attempt succeeds */
#define HELPER_KILL_MS 30000

qemuHelper *
qemuHelperRef(qemuHelper *helper)
{
    g_atomic_int_inc(&helper->refs);
    return helper;
}

void
qemuHelperUnref(qemuHelper *helper)
{
    if (!helper || !g_atomic_int_dec_and_test(&helper->refs))
        return;
    g_clear_pointer(&helper->mon, qemuMonitorUnref);
    virFileAutoClose(&helper->pidfd);
    g_ptr_array_unref(helper->disks);
    g_ptr_array_unref(helper->nodes);
    g_free(helper->diskTable);
    g_free(helper->runDir);
    virDomainDefFree(helper->def);
    qemuConfigUnref(helper->config);
    g_free(helper);
}

qemuTarget *
qemuHelperTarget(qemuHelper *helper)
{
    return &helper->target;
}

qemuHelperMode
qemuHelperGetMode(const qemuHelper *helper)
{
    return helper->mode;
}

static bool
helperExited(const qemuHelper *helper, int timeoutMs)
{
    struct pollfd ended = { .fd = helper->pidfd, .events = POLLIN };

    return helper->pidfd < 0 || TEMP_FAILURE_RETRY(poll(&ended, 1, timeoutMs)) > 0;
}

bool
qemuHelperAlive(const qemuHelper *helper)
{
    return helper->pid > 0 && !helperExited(helper, 0);
}

/* Disks as a QEMU would name them, but none has a device. */
static void
helperMakeDisks(qemuHelper *helper)
{
    unsigned int counter = 0;

    qemuNodesAssign(helper->def, &counter);
    helper->disks = qemuNodesTargetDisks(helper->def);
    helper->diskTable = g_new0(qemuTargetDisk, helper->disks->len);
    for (guint i = 0; i < helper->disks->len; i++) {
        qemuTargetDisk *disk = g_ptr_array_index(helper->disks, i);

        g_free((char *)disk->qdev);
        disk->qdev = NULL;
        disk->iothread = false;
        helper->diskTable[i] = *disk;
    }
}

qemuHelper *
qemuHelperNew(const virDomainDef *def, qemuHelperMode mode)
{
    qemuHelper *helper = NULL;
    g_autoptr(virDomainDef) copy = virDomainDefCopy(def);

    if (!copy || qemuDataFileProbeDomain(copy) < 0)
        return NULL;
    helper = g_new0(qemuHelper, 1);
    helper->target.ops = &qemuHelperTargetOps;
    helper->refs = 1;
    helper->config = qemuDriverConfig();
    helper->def = g_steal_pointer(&copy);
    helper->pidfd = -1;
    helper->mode = mode;
    helper->nodes = g_ptr_array_new_with_free_func(g_free);
    helper->runDir = qemuHelperRunDir(helper->config, def->uuid);
    helperMakeDisks(helper);
    return helper;
}

char *
qemuHelperProgram(const virDomainDef *def)
{
    g_autofree char *dir = def->emulator ? g_path_get_dirname(def->emulator) : NULL;
    g_autofree char *beside = dir ? g_build_filename(dir, QEMU_HELPER_PROGRAM, NULL) : NULL;

    if (beside && access(beside, X_OK) == 0)
        return g_steal_pointer(&beside);
    return g_find_program_in_path(QEMU_HELPER_PROGRAM);
}

static char *
helperProgram(const qemuHelper *helper)
{
    char *found = qemuHelperProgram(helper->def);

    if (!found)
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "the disks of the stopped domain '%s' cannot be opened: there is no '"
                       QEMU_HELPER_PROGRAM "' beside '%s' or in PATH; install it, or start the domain",
                       helper->def->name, helper->def->emulator);
    return found;
}

static int
helperMakeRunDir(const qemuHelper *helper)
{
    const qemuConfig *config = helper->config;

    qemuRunDirRemove(helper->runDir);
    if (virFileMakeDirs(helper->runDir, 0700) < 0)
        return -1;
    if (config->privileged && config->user != (uid_t)-1 &&
        chown(helper->runDir, config->user, config->group) < 0) {
        virReportSystemError(errno, "cannot make '%s' belong to QEMU's user", helper->runDir);
        return -1;
    }
    return 0;
}

static int
helperSpawn(qemuHelper *helper, int listenFd)
{
    g_autofree char *program = helperProgram(helper);
    g_autofree char *pidFile = g_build_filename(helper->runDir, "pid", NULL);
    g_autofree char *chardev =
        g_strdup_printf("socket,id=charmonitor,fd=%d,server=on,wait=off", listenFd);
    const char *const argv[] = { program,     "--pidfile",           pidFile, "--chardev", chardev,
                                 "--monitor", "chardev=charmonitor", NULL };
    g_auto(GStrv) env = qemuSpawnEnv();
    VIR_AUTOCLOSE log = -1;
    qemuSpawn spawn = {
        .argv = argv,
        .env = (const char *const *)env,
        .fds = &listenFd,
        .nfds = 1,
        .user = helper->config->privileged ? helper->config->user : (uid_t)-1,
        .group = helper->config->group,
    };

    if (!program || virFileMakeDirs(helper->config->logDir, 0700) < 0)
        return -1;
    qemuDomainLogWrite(helper->def->name, "starting block helper: %s", program);
    if ((log = qemuDomainLogOpen(helper->def->name, &helper->logFrom)) < 0)
        return -1;
    spawn.output = log;
    return qemuSpawnRun(&spawn, &helper->pid, &helper->pidfd);
}

static void
helperExplain(const qemuHelper *helper)
{
    g_autofree char *tail = NULL;

    if (!helperExited(helper, 200))
        return;
    tail = qemuDomainLogTail(helper->def->name, helper->logFrom);
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the block helper of the stopped domain '%s' ended while it was started: %s",
                   helper->def->name, tail ? tail : "it said nothing; see the log of the domain");
}

/* Asked again and again: it only notes the signal, and may go to sleep right after looking for the note. */
static void
helperKill(qemuHelper *helper, int gentleMs)
{
    bool gone = false;
    int waited = 0;

    if (helper->pid <= 0)
        return;
    for (waited = 0; waited < gentleMs && !gone; waited += HELPER_TERM_STEP_MS) {
        kill(helper->pid, SIGTERM);
        gone = helperExited(helper, HELPER_TERM_STEP_MS);
    }
    if (!gone) {
        VIR_WARN("domain '%s': its block helper (process %d) does not end; killing it",
                 helper->def->name, (int)helper->pid);
        kill(helper->pid, SIGKILL);
        if (!helperExited(helper, HELPER_KILL_MS))
            VIR_ERROR("domain '%s': its block helper (process %d) hangs in the kernel",
                      helper->def->name, (int)helper->pid);
    }
    if (waitpid(helper->pid, NULL, WNOHANG) == helper->pid)
        helper->pid = 0;
}

/* What stands behind the name in /proc/PID/task/TID/stat: 'S' = it sleeps. */
static bool
threadSleeps(const char *tasks, const char *tid)
{
    g_autofree char *path = g_build_filename(tasks, tid, "stat", NULL);
    g_autofree char *text = NULL;
    const char *state = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return true;   /* gone */
    state = strrchr(text, ')');
    return state && strlen(state) > 2 && state[2] == 'S';
}

static bool
helperSleeps(const qemuHelper *helper)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", (int)helper->pid);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    const char *tid = NULL;

    while (dir && (tid = g_dir_read_name(dir))) {
        if (!threadSleeps(tasks, tid))
            return false;
    }
    return dir;
}

/* QEMU 7.2 listens for us on its main loop until another thread of it has taken the monitor over. A
 * connection that comes in between is read by both, and bytes of commands are lost now and then, much
 * later. Its pid file says that this is under way, and all its threads asleep that it is over. */
static void
helperAwaitMonitor(const qemuHelper *helper, unsigned int patienceMs)
{
    g_autofree char *pidFile = g_build_filename(helper->runDir, "pid", NULL);
    gint64 end = g_get_monotonic_time() + (gint64)patienceMs * 1000;
    int quiet = 0;

    while (quiet < 2 && g_get_monotonic_time() < end && !helperExited(helper, 1))
        quiet = access(pidFile, F_OK) == 0 && helperSleeps(helper) ? quiet + 1 : 0;
}

/* 0 when it speaks QMP. */
static int
helperTry(qemuHelper *helper, const qemuMonitorCallbacks *callbacks, void *opaque,
          unsigned int patienceMs)
{
    g_autofree char *path = g_build_filename(helper->runDir, "monitor.sock", NULL);
    VIR_AUTOCLOSE listenFd = virFileListenUnix(path, 0600);
    int fd = -1;

    if (listenFd < 0 || helperSpawn(helper, listenFd) < 0)
        return -1;
    helperAwaitMonitor(helper, patienceMs);
    fd = virFileConnectUnix(path);
    /* The helper's copy must be the only one, or its death would not close our connection. */
    virFileAutoClose(&listenFd);
    if (fd < 0) {
        virReportSystemError(errno, "cannot connect to the monitor socket '%s'", path);
        return -1;
    }
    helper->mon = qemuMonitorOpen(fd, helper->def->name, callbacks, opaque, patienceMs);
    return helper->mon ? 0 : -1;
}

/* One that lives but does not answer has, rarely, missed its wake-up; it has no image open yet, so it
 * can be replaced. The second one gets the time that a loaded host may need. */
static int
helperRun(qemuHelper *helper, const qemuMonitorCallbacks *callbacks, void *opaque)
{
    if (helperTry(helper, callbacks, opaque, HELPER_GREETING_FIRST_MS) == 0)
        return 0;
    if (qemuHelperAlive(helper)) {
        VIR_WARN("domain '%s': its block helper does not answer; trying another one", helper->def->name);
        helperKill(helper, HELPER_TERM_MS);
        virFileAutoClose(&helper->pidfd);
        if (helperTry(helper, callbacks, opaque, HELPER_GREETING_MS) == 0)
            return 0;
    }
    if (helper->pid > 0)
        helperExplain(helper);
    return -1;
}

static int
helperLend(qemuHelper *helper)
{
    GPtrArray *stores = qemuBitmapStoreBeforeChown(helper->def);

    helper->lent = qemuLendDomain(helper->def) == 0;
    qemuBitmapStoreAfterChown(stores);
    return helper->lent ? 0 : -1;
}

static void
helperReturn(qemuHelper *helper)
{
    GPtrArray *stores = helper->lent ? qemuBitmapStoreBeforeChown(helper->def) : NULL;

    if (helper->lent)
        qemuLendReturnDomain(helper->def);
    helper->lent = false;
    qemuBitmapStoreAfterChown(stores);
}

/* With the bitmaps that the images themselves cannot hold. */
static int
helperOpen(qemuHelper *helper)
{
    helper->bitmapsLoaded = false;
    if (helper->mode == QEMU_HELPER_BARE)
        return 0;
    if (qemuHelperImagesOpen(helper) < 0 || qemuBitmapStoreLoad(&helper->target, false) < 0)
        return -1;
    helper->bitmapsLoaded = true;
    return 0;
}

static int
helperLaunch(qemuHelper *helper, const qemuMonitorCallbacks *callbacks, void *opaque)
{
    if (helperMakeRunDir(helper) < 0 || (helper->mode != QEMU_HELPER_BARE && helperLend(helper) < 0))
        return -1;
    if (qemuHelperMarkerSave(helper) < 0 || virFaultPoint("helper.spawn") < 0 ||
        helperRun(helper, callbacks, opaque) < 0)
        return -1;
    return virFaultPoint("helper.spawned") < 0 ? -1 : helperOpen(helper);
}

qemuHelper *
qemuHelperStart(const virDomainDef *def, qemuHelperMode mode, const qemuMonitorCallbacks *callbacks,
                void *opaque)
{
    g_autoptr(qemuHelper) helper = qemuHelperNew(def, mode);

    if (!helper)
        return NULL;
    if (helperLaunch(helper, callbacks, opaque) < 0) {
        /* Opened for change but not changed: what it stores is what was there. */
        qemuHelperStop(helper);
        return NULL;
    }
    VIR_INFO("domain '%s': block helper is process %d", def->name, (int)helper->pid);
    return g_steal_pointer(&helper);
}

static int
helperStore(qemuHelper *helper)
{
    int ret = virFaultPoint("helper.store");

    if (ret == 0)
        ret = qemuHelperImagesSetWritable(helper, false);
    if (ret == 0 && helper->bitmapsLoaded)
        ret = qemuBitmapStoreSave(&helper->target, false);
    if (ret < 0) {
        g_autofree char *why = g_strdup(virErrorLastMessage());

        virReportError(VIR_ERR_OPERATION_FAILED,
                       "cannot store the checkpoints' bitmaps in the images of the stopped domain '%s', "
                       "and what these hold is in doubt: %s; look at free space and at "
                       "checkpoint-list, and make a full backup with a new checkpoint where they are "
                       "broken",
                       helper->def->name, why);
        return -1;
    }
    helper->mode = QEMU_HELPER_LOOK;
    return virFaultPoint("helper.stored");
}

int
qemuHelperSetMode(qemuHelper *helper, qemuHelperMode mode)
{
    if (helper->mode == mode)
        return 0;
    if (helper->mode == QEMU_HELPER_CHANGE && helperStore(helper) < 0)
        return -1;
    if (helper->mode == mode)
        return 0;
    if (mode == QEMU_HELPER_CHANGE && helper->mode == QEMU_HELPER_LOOK) {
        if (qemuHelperImagesSetWritable(helper, true) < 0)
            return -1;
        helper->mode = mode;
        return 0;
    }
    if (qemuHelperImagesClose(helper) < 0)
        return -1;
    helper->mode = mode;
    return helperOpen(helper);
}

int
qemuHelperStop(qemuHelper *helper)
{
    virErrorPtr saved = NULL;
    bool opened = helper->nodes->len > 0;
    bool doubt = false;

    if (virErrorLastCode() != VIR_ERR_OK)
        virErrorPreserveLast(&saved);
    doubt = helper->mode == QEMU_HELPER_CHANGE && opened && helperStore(helper) < 0;
    if (!doubt && helper->mon && virFaultPoint("helper.stop") < 0)
        VIR_WARN("domain '%s': %s", helper->def->name, virErrorLastMessage());
    /* Before its process: nobody is to hear of this end. */
    if (helper->mon)
        qemuMonitorClose(helper->mon);
    helperKill(helper, doubt ? HELPER_TERM_DOUBT_MS : HELPER_TERM_MS);
    helperReturn(helper);
    qemuRunDirRemove(helper->runDir);
    qemuHelperMarkerRemove(helper->config, helper->def->name);
    if (saved)
        virErrorRestore(&saved);
    return doubt ? -1 : 0;
}

void
qemuHelperLetGo(qemuHelper *helper)
{
    if (helper->mon)
        qemuMonitorClose(helper->mon);
}
