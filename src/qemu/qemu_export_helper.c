/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of the export helper's process.
 */
#include "qemu_export_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_domain_log.h"
#include "qemu_driver_state.h"
#include "qemu_helper.h"
#include "qemu_process_spawn.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define START_MS 30000
#define START_STEP_MS 5
#define OOM_FIRST "1000"
#define KILL_MS 1500       /* an abort is answered within two seconds */

static char *
pidFilePath(const char *dir)
{
    return g_build_filename(dir, "export-helper.pid", NULL);
}

/* Whom QEMU, and the helper, run as: the directory tells, also when qemu.conf has been changed since. */
static uid_t
helperUser(const char *dir)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    struct stat st = { 0 };

    if (stat(dir, &st) == 0)
        return st.st_uid;
    return config->privileged && config->user != (uid_t)-1 ? config->user : geteuid();
}

/* Does the command line of @pid say "--pidfile @pidFile", and is it of a user whose processes are ours? */
static bool
isHelper(pid_t pid, const char *pidFile, uid_t user)
{
    g_autofree char *proc = g_strdup_printf("/proc/%lld", (long long)pid);
    g_autofree char *path = g_build_filename(proc, "cmdline", NULL);
    g_autofree char *line = NULL;
    gsize length = 0;
    bool named = false;
    struct stat st = { 0 };

    if (stat(proc, &st) < 0 || st.st_uid != user || !g_file_get_contents(path, &line, &length, NULL))
        return false;
    for (const char *arg = line; arg < line + length; arg += strlen(arg) + 1) {
        if (named && g_str_equal(arg, pidFile))
            return true;
        named = g_str_equal(arg, "--pidfile");
    }
    return false;
}

/* The descriptor is of the process whose command line is read after it was opened. */
static bool
openHelper(pid_t pid, const char *pidFile, uid_t user, int *pidfd)
{
    if (!isHelper(pid, pidFile, user) || (*pidfd = qemuPidfdOpen(pid)) < 0)
        return false;
    if (isHelper(pid, pidFile, user))
        return true;
    virFileAutoClose(pidfd);
    return false;
}

/* One that a daemon that died had just begun has not written its file yet. */
static pid_t
searchHelper(const char *pidFile, uid_t user, int *pidfd)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *entry = NULL;

    while (dir && (entry = g_dir_read_name(dir))) {
        pid_t pid = (pid_t)strtol(entry, NULL, 10);

        if (pid > 1 && openHelper(pid, pidFile, user, pidfd))
            return pid;
    }
    return 0;
}

pid_t
qemuExportHelperFind(const char *dir, int *pidfd)
{
    g_autofree char *pidFile = pidFilePath(dir);
    g_autofree char *text = NULL;
    uid_t user = helperUser(dir);
    long pid = 0;

    if (g_file_get_contents(pidFile, &text, NULL, NULL) && (pid = strtol(text, NULL, 10)) > 1 &&
        openHelper((pid_t)pid, pidFile, user, pidfd))
        return (pid_t)pid;
    return searchHelper(pidFile, user, pidfd);
}

static bool
hasEnded(int pidfd, int timeoutMs)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };

    return TEMP_FAILURE_RETRY(poll(&ended, 1, timeoutMs)) > 0;
}

/* A child of an earlier daemon is somebody else's to reap, who does not tell. */
char *
qemuExportHelperReap(int pidfd)
{
    siginfo_t info = { 0 };

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return g_strdup("has ended");
    if (info.si_code == CLD_EXITED)
        return g_strdup_printf("has ended with status %d", info.si_status);
    return g_strdup_printf("was ended by signal %d (%s)", info.si_status, strsignal(info.si_status));
}

static void
signalKill(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0U);
}

void
qemuExportHelperKill(const char *dir)
{
    VIR_AUTOCLOSE pidfd = -1;

    if (qemuExportHelperFind(dir, &pidfd) > 0)
        signalKill(pidfd);
}

static bool
killHelper(int pidfd)
{
    g_autofree char *how = NULL;

    signalKill(pidfd);
    if (!hasEnded(pidfd, KILL_MS))
        return false;
    how = qemuExportHelperReap(pidfd);
    return true;
}

int
qemuExportHelperEnd(const char *dir)
{
    g_autofree char *pidFile = pidFilePath(dir);
    VIR_AUTOCLOSE pidfd = -1;
    pid_t pid = qemuExportHelperFind(dir, &pidfd);

    if (pid > 0 && !killHelper(pidfd)) {
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "the export helper (process %d) of the backup does not end: it hangs in the kernel",
                       (int)pid);
        return -1;
    }
    if (unlink(pidFile) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove '%s': %s", pidFile, g_strerror(errno));
    return 0;
}

void
qemuExportHelperEndOf(const qemuPlan *plan)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    for (guint i = 0; plan && i < plan->steps->len; i++) {
        const qemuPlanStep *step = g_ptr_array_index(plan->steps, i);

        if (step->kind == QEMU_STEP_HELPER && qemuExportHelperEnd(step->path) < 0)
            VIR_WARN("%s", virErrorLastMessage());
    }
    virErrorRestore(&saved);
}

static void
addOption(GPtrArray *argv, const char *option, const virJSONValue *value)
{
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, virJSONFormat(value, false));
}

static void
addOptions(GPtrArray *argv, const char *option, const virJSONValue *values)
{
    for (size_t i = 0; i < virJSONArraySize(values); i++)
        addOption(argv, option, virJSONArrayAt(values, i));
}

/* In the order in which they need each other: it works them off as they come. */
static GPtrArray *
helperArgv(const char *program, const char *pidFile, const virJSONValue *options)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup("--pidfile"));
    g_ptr_array_add(argv, g_strdup(pidFile));
    addOptions(argv, "--object", virJSONObjectLookupArray(options, "objects"));
    addOption(argv, "--nbd-server", virJSONObjectLookupObject(options, "server"));
    addOptions(argv, "--blockdev", virJSONObjectLookupArray(options, "blockdevs"));
    addOptions(argv, "--export", virJSONObjectLookupArray(options, "exports"));
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* Its clients decide how much memory it needs. Should the host run out of it, a backup is what it can do without. */
static void
offerToOomKiller(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%lld/oom_score_adj", (long long)pid);
    VIR_AUTOCLOSE fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, OOM_FIRST, strlen(OOM_FIRST)) < 0)
        VIR_WARN("cannot write '%s': %s", path, g_strerror(errno));
}

static int
spawnHelper(const char *domain, const GPtrArray *argv, off_t *logFrom, int *pidfd)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_auto(GStrv) env = qemuSpawnEnv();
    VIR_AUTOCLOSE log = -1;
    pid_t pid = 0;
    qemuSpawn spawn = {
        .argv = (const char *const *)(void *)argv->pdata,
        .env = (const char *const *)env,
        .user = config->privileged ? config->user : (uid_t)-1,
        .group = config->group,
    };

    qemuDomainLogWrite(domain, "starting export helper: %s", spawn.argv[0]);
    if ((log = qemuDomainLogOpen(domain, logFrom)) < 0)
        return -1;
    spawn.output = log;
    if (qemuSpawnRun(&spawn, &pid, pidfd) < 0)
        return -1;
    offerToOomKiller(pid);
    VIR_INFO("domain '%s': export helper is process %d", domain, (int)pid);
    return virFaultPoint("export-helper.spawned");
}

/* Until it has written its file, which it does when it serves. */
static int
awaitHelper(const char *domain, const char *pidFile, int pidfd, off_t logFrom)
{
    gint64 end = g_get_monotonic_time() + START_MS * G_TIME_SPAN_MILLISECOND;
    g_autofree char *how = NULL;
    g_autofree char *tail = NULL;
    bool ended = false;

    while (!ended && access(pidFile, F_OK) < 0 && g_get_monotonic_time() < end)
        ended = hasEnded(pidfd, START_STEP_MS);
    if (!ended && access(pidFile, F_OK) == 0)
        return 0;
    how = ended ? qemuExportHelperReap(pidfd) : g_strdup("does not come to serve anything");
    tail = qemuDomainLogTail(domain, logFrom);
    virReportError(VIR_ERR_OPERATION_FAILED, "the export helper of domain '%s' %s: %s", domain, how,
                   tail ? tail : "it said nothing; see the log of the domain");
    return -1;
}

int
qemuExportHelperStart(qemuTarget *target, const char *dir, const virJSONValue *options)
{
    const virDomainDef *def = target->ops->def(target);
    g_autofree char *program = qemuHelperProgram(def);
    g_autofree char *pidFile = pidFilePath(dir);
    g_autoptr(GPtrArray) argv = NULL;
    VIR_AUTOCLOSE pidfd = -1;
    off_t logFrom = 0;
    virErrorPtr saved = NULL;

    if (!program) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "cannot start an export helper for domain '%s': there is no '" QEMU_HELPER_PROGRAM
                       "' beside '%s' or in PATH; install it, or leave out export-helper",
                       def->name, def->emulator);
        return -1;
    }
    if (qemuExportHelperEnd(dir) < 0)
        return -1;
    argv = helperArgv(program, pidFile, options);
    if (spawnHelper(def->name, argv, &logFrom, &pidfd) == 0 &&
        awaitHelper(def->name, pidFile, pidfd, logFrom) == 0)
        return 0;
    virErrorPreserveLast(&saved);
    qemuExportHelperEnd(dir);
    virErrorRestore(&saved);
    return -1;
}
