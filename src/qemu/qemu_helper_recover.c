/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Helpers outlive a daemon that dies, with the images still open. SIGTERM lets one store its bitmaps
 * and go: what it was doing is then told by the checkpoints' records and the images alone, as after
 * any other crash. A backup that it ran has failed; its files are removed.
 */
#include "qemu_helper_recover.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "qemu_backup_recover.h"
#include "qemu_bitmap_store_disks.h"
#include "qemu_driver_state.h"
#include "qemu_helper_priv.h"
#include "qemu_lend.h"
#include "qemu_process_spawn.h"
#include "qemu_restore.h"
#include "qemu_run_dir.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define MARKER_SUFFIX ".helper"
#define MARKER_MAX_BYTES (1024 * 1024)
#define RECOVER_TERM_MS 20000      /* it may have bitmaps to store */
#define RECOVER_TERM_STEP_MS 250
#define RECOVER_KILL_MS 5000
#define RECOVER_PID_MS 10000       /* from fork to a written pid, on a busy host */
#define RECOVER_PID_STEP_MS 10

char *
qemuHelperRunDir(const qemuConfig *config, const unsigned char *uuid)
{
    char text[VIR_UUID_STRING_BUFLEN] = "";

    return g_strdup_printf("%s/helper-%s", config->libDir, virUUIDFormat(uuid, text));
}

static char *
markerPath(const qemuHelper *helper)
{
    return g_strdup_printf("%s/%s" MARKER_SUFFIX, helper->config->stateDir, helper->def->name);
}

static void
markerAddLoan(const char *path, bool writable G_GNUC_UNUSED, void *opaque)
{
    uid_t user = (uid_t)-1;
    gid_t group = (gid_t)-1;

    if (qemuLendOwner(path, &user, &group))
        virJSONArrayAppend(opaque, virJSONBuild("{'path':%s,'user':%u,'group':%u}", path,
                                                (unsigned int)user, (unsigned int)group));
}

int
qemuHelperMarkerSave(const qemuHelper *helper)
{
    g_autofree char *path = markerPath(helper);
    virJSONValue *lent = virJSONNewArray();
    g_autoptr(virJSONValue) marker = NULL;
    g_autofree char *text = NULL;

    qemuLendForEach(helper->def, markerAddLoan, lent);
    marker = virJSONBuild("{'dir':%s,'lent':%v}", helper->runDir, lent);
    text = virJSONFormat(marker, true);
    return virFileReplaceVolatile(path, text, strlen(text), 0600);
}

void
qemuHelperMarkerRemove(const qemuHelper *helper)
{
    g_autofree char *path = markerPath(helper);

    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
}

/* The helper that wrote @dir/pid, if it lives: its command line names that file. 0 if there is none. */
static pid_t
helperPid(const char *dir, int *pidfd)
{
    g_autofree char *pidFile = g_build_filename(dir, "pid", NULL);
    g_autofree char *text = NULL;
    g_autofree char *proc = NULL;
    g_autofree char *line = NULL;
    gsize length = 0;
    long pid = 0;

    if (!g_file_get_contents(pidFile, &text, NULL, NULL) || (pid = strtol(text, NULL, 10)) <= 1)
        return 0;
    /* In this order: the descriptor is of the process whose command line is then read. */
    *pidfd = qemuPidfdOpen((pid_t)pid);
    proc = g_strdup_printf("/proc/%ld/cmdline", pid);
    if (*pidfd < 0 || !g_file_get_contents(proc, &line, &length, NULL) ||
        !memmem(line, length, pidFile, strlen(pidFile))) {
        virFileAutoClose(pidfd);
        return 0;
    }
    return (pid_t)pid;
}

/* The same. One that was just being started when the daemon died has not written its pid yet, but it
 * has the monitor's listening socket: while our connection to that stands, there is a pid to come. */
static pid_t
awaitHelperPid(const char *dir, int *pidfd)
{
    g_autofree char *path = g_build_filename(dir, "monitor.sock", NULL);
    VIR_AUTOCLOSE fd = virFileConnectUnix(path);
    struct pollfd gone = { .fd = fd };
    pid_t pid = helperPid(dir, pidfd);
    int waited = 0;

    for (waited = 0; pid == 0 && fd >= 0 && waited < RECOVER_PID_MS; waited += RECOVER_PID_STEP_MS) {
        if (TEMP_FAILURE_RETRY(poll(&gone, 1, RECOVER_PID_STEP_MS)) > 0)
            break;
        pid = helperPid(dir, pidfd);
    }
    return pid;
}

static bool
signalAndWait(int pidfd, int sig, int timeoutMs)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };

    syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0U);
    return TEMP_FAILURE_RETRY(poll(&ended, 1, timeoutMs)) > 0;
}

static void
endHelper(const qemuVM *vm, const char *dir)
{
    VIR_AUTOCLOSE pidfd = -1;
    pid_t pid = awaitHelperPid(dir, &pidfd);
    bool gone = false;
    int waited = 0;

    if (pid == 0)
        return;
    VIR_WARN("domain '%s': ending the block helper (process %d) of an earlier daemon", vm->name,
             (int)pid);
    /* asked again and again, as in qemu_helper.c */
    for (waited = 0; waited < RECOVER_TERM_MS && !gone; waited += RECOVER_TERM_STEP_MS)
        gone = signalAndWait(pidfd, SIGTERM, RECOVER_TERM_STEP_MS);
    if (!gone && !signalAndWait(pidfd, SIGKILL, RECOVER_KILL_MS))
        VIR_ERROR("domain '%s': its block helper (process %d) cannot be ended", vm->name, (int)pid);
}

static void
returnLoans(const virJSONValue *lent)
{
    for (size_t i = 0; i < virJSONArraySize(lent); i++) {
        const virJSONValue *loan = virJSONArrayAt(lent, i);
        const char *path = virJSONObjectLookupString(loan, "path");
        unsigned long long user = 0;
        unsigned long long group = 0;

        if (!path || virJSONObjectGetUInt(loan, "user", &user) < 0 ||
            virJSONObjectGetUInt(loan, "group", &group) < 0)
            continue;
        qemuLendNote(path, (uid_t)user, (gid_t)group);
        qemuLendReturn(path);
    }
}

typedef struct _helperLeft {
    qemuVM *vm;           /* its MODIFY job is held */
    char *path;           /* of the marker */
} helperLeft;

static void
recoverOne(void *data)
{
    helperLeft *left = data;
    g_autoptr(qemuVM) vm = left->vm;
    g_autofree char *path = left->path;
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = qemuHelperRunDir(config, vm->uuid);
    g_autofree char *text = NULL;
    g_autoptr(virJSONValue) marker = NULL;
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);
    GPtrArray *stores = NULL;

    endHelper(vm, dir);
    stores = def ? qemuBitmapStoreBeforeChown(def) : NULL;
    if (virFileReadAll(path, MARKER_MAX_BYTES, &text) >= 0 && (marker = virJSONParse(text, -1)))
        returnLoans(virJSONObjectLookupArray(marker, "lent"));
    qemuBitmapStoreAfterChown(stores);
    qemuRunDirRemove(dir);
    qemuBackupSweep(vm);
    if (qemuRestoreSettle(vm) < 0)
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
    unlink(path);
    virErrorReset();
    qemuJobEnd(&vm->job);
    g_free(left);
}

static void
recoverMarker(const qemuConfig *config, const char *file)
{
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(MARKER_SUFFIX));
    g_autofree char *path = g_build_filename(config->stateDir, file, NULL);
    g_autoptr(qemuVM) vm = qemuVMListByName(qemuDriverVMs(), name);
    helperLeft *left = NULL;

    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "end of an earlier daemon's helper") < 0) {
        VIR_WARN("block helper of domain '%s' stays: %s", name,
                 vm ? virErrorLastMessage() : "the domain is not defined any more");
        virErrorReset();
        return;
    }
    left = g_new0(helperLeft, 1);
    left->vm = g_steal_pointer(&vm);
    left->path = g_steal_pointer(&path);
    qemuWorkersRun(recoverOne, left);
}

void
qemuHelperRecoverAll(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(GDir) dir = g_dir_open(config->stateDir, 0, NULL);
    const char *file = NULL;

    while (dir && (file = g_dir_read_name(dir))) {
        if (g_str_has_suffix(file, MARKER_SUFFIX) && file[0] != '.')
            recoverMarker(config, file);
    }
}
