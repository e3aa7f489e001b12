/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why not g_spawn: it cannot change the user, and its child set-up function could not say which of
 * its steps failed. Between fork and exec only async-signal-safe calls are made, because other
 * threads of the daemon may have held any lock at the fork.
 */
#include "qemu_process_spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_SPAWN_GROUPS_MAX 256

typedef enum {
    QEMU_SPAWN_STEP_DESCRIPTORS,
    QEMU_SPAWN_STEP_USER,
    QEMU_SPAWN_STEP_EXEC,
} qemuSpawnStep;

/* What the child tells us through a pipe that closes at exec. */
typedef struct _qemuSpawnFailure {
    qemuSpawnStep step;
    int errnum;
} qemuSpawnFailure;

/* Supplementary groups are looked up before the fork: the lookup takes locks. */
typedef struct _qemuSpawnGroups {
    gid_t list[QEMU_SPAWN_GROUPS_MAX];
    int n;
} qemuSpawnGroups;

static void
qemuSpawnGroupsFetch(const qemuSpawn *spawn, qemuSpawnGroups *groups)
{
    char buffer[4096] = "";
    struct passwd entry = { 0 };
    struct passwd *found = NULL;

    groups->n = 1;
    groups->list[0] = spawn->group;
    if (getpwuid_r(spawn->user, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return;
    groups->n = QEMU_SPAWN_GROUPS_MAX;
    if (getgrouplist(found->pw_name, spawn->group, groups->list, &groups->n) < 0)
        groups->n = QEMU_SPAWN_GROUPS_MAX;
}

static void G_GNUC_NORETURN
qemuSpawnChildFail(int report, qemuSpawnStep step)
{
    qemuSpawnFailure failure = { .step = step, .errnum = errno };
    ssize_t ignored G_GNUC_UNUSED = write(report, &failure, sizeof(failure));

    _exit(127);
}

static void
qemuSpawnChildSignals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;
    int sig = 0;

    for (sig = 1; sig < NSIG; sig++)
        sigaction(sig, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
qemuSpawnChildDescriptors(const qemuSpawn *spawn, int null)
{
    size_t i = 0;

    if (dup2(null, STDIN_FILENO) < 0 || dup2(spawn->output, STDOUT_FILENO) < 0 ||
        dup2(spawn->output, STDERR_FILENO) < 0)
        return -1;
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -1;
    for (i = 0; i < spawn->nfds; i++) {
        if (fcntl(spawn->fds[i], F_SETFD, 0) < 0)
            return -1;
    }
    return 0;
}

static int
qemuSpawnChildUser(const qemuSpawn *spawn, const qemuSpawnGroups *groups)
{
    if (spawn->user == (uid_t)-1)
        return 0;
    if (setgroups((size_t)groups->n, groups->list) < 0 ||
        setresgid(spawn->group, spawn->group, spawn->group) < 0)
        return -1;
    return setresuid(spawn->user, spawn->user, spawn->user);
}

/* @go: both ends of the pipe. No end of file would come while one of the ends to write into is ours. */
static void
qemuSpawnChildWait(const int *go)
{
    char byte = 0;

    close(go[1]);
    if (TEMP_FAILURE_RETRY(read(go[0], &byte, 1)) != 1)
        _exit(127);
}

static void G_GNUC_NORETURN
qemuSpawnChild(const qemuSpawn *spawn, const qemuSpawnGroups *groups, int null, const int *go, int report)
{
    qemuSpawnChildSignals();
    setsid();
    qemuSpawnChildWait(go);
    umask(0002);
    if (chdir("/") < 0 || qemuSpawnChildDescriptors(spawn, null) < 0)
        qemuSpawnChildFail(report, QEMU_SPAWN_STEP_DESCRIPTORS);
    if (qemuSpawnChildUser(spawn, groups) < 0)
        qemuSpawnChildFail(report, QEMU_SPAWN_STEP_USER);
    execve(spawn->argv[0], (char *const *)spawn->argv, (char *const *)spawn->env);
    qemuSpawnChildFail(report, QEMU_SPAWN_STEP_EXEC);
}

static void
qemuSpawnReport(const qemuSpawn *spawn, const qemuSpawnFailure *failure)
{
    switch (failure->step) {
    case QEMU_SPAWN_STEP_DESCRIPTORS:
        virReportSystemError(failure->errnum, "cannot set up descriptors for '%s'", spawn->argv[0]);
        break;
    case QEMU_SPAWN_STEP_USER:
        virReportSystemError(failure->errnum, "cannot become user %u, group %u to run '%s'",
                             (unsigned int)spawn->user, (unsigned int)spawn->group, spawn->argv[0]);
        break;
    case QEMU_SPAWN_STEP_EXEC:
        virReportSystemError(failure->errnum, "cannot execute '%s'", spawn->argv[0]);
        break;
    }
}

void
qemuSpawnForget(qemuSpawnHeld *held)
{
    virFileAutoClose(&held->go);
    virFileAutoClose(&held->report);
}

int
qemuSpawnHold(const qemuSpawn *spawn, pid_t *pid, int *pidfd, qemuSpawnHeld *held)
{
    qemuSpawnGroups groups = { .n = 0 };
    VIR_AUTOCLOSE null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    VIR_AUTOCLOSE goRead = -1;
    VIR_AUTOCLOSE reportWrite = -1;
    int go[2] = { -1, -1 };
    int report[2] = { -1, -1 };
    pid_t child = -1;

    if (null < 0 || pipe2(go, O_CLOEXEC) < 0) {
        virReportSystemError(errno, "cannot prepare to run '%s'", spawn->argv[0]);
        return -1;
    }
    goRead = go[0];
    held->go = go[1];
    if (pipe2(report, O_CLOEXEC) < 0) {
        virReportSystemError(errno, "cannot prepare to run '%s'", spawn->argv[0]);
        qemuSpawnForget(held);
        return -1;
    }
    held->report = report[0];
    reportWrite = report[1];
    if (spawn->user != (uid_t)-1)
        qemuSpawnGroupsFetch(spawn, &groups);
    child = fork();
    if (child < 0) {
        virReportSystemError(errno, "cannot fork to run '%s'", spawn->argv[0]);
        qemuSpawnForget(held);
        return -1;
    }
    if (child == 0)
        qemuSpawnChild(spawn, &groups, null, go, reportWrite);
    /* Our child cannot be reaped by anybody else, so its number is still its own. */
    *pidfd = qemuPidfdOpen(child);
    if (*pidfd < 0) {
        virReportSystemError(errno, "cannot watch process %d of '%s'", (int)child, spawn->argv[0]);
        qemuSpawnForget(held);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return -1;
    }
    *pid = child;
    return 0;
}

int
qemuSpawnGo(const qemuSpawn *spawn, qemuSpawnHeld *held)
{
    qemuSpawnFailure failure = { 0 };
    ssize_t told = write(held->go, "", 1);
    ssize_t heard = told == 1 ? TEMP_FAILURE_RETRY(read(held->report, &failure, sizeof(failure))) : -1;

    if (told != 1)
        virReportSystemError(errno, "cannot let '%s' run", spawn->argv[0]);
    else if (heard == sizeof(failure))
        qemuSpawnReport(spawn, &failure);
    qemuSpawnForget(held);
    return told == 1 && heard != sizeof(failure) ? 0 : -1;
}

int
qemuSpawnRun(const qemuSpawn *spawn, pid_t *pid, int *pidfd)
{
    qemuSpawnHeld held = { -1, -1 };
    VIR_AUTOCLOSE watch = -1;
    pid_t child = 0;

    if (qemuSpawnHold(spawn, &child, &watch, &held) < 0)
        return -1;
    if (qemuSpawnGo(spawn, &held) < 0) {
        waitpid(child, NULL, 0);
        return -1;
    }
    *pid = child;
    *pidfd = watch;
    watch = -1;
    return 0;
}

char **
qemuSpawnEnv(void)
{
    static const char *const names[] = { "PATH",   "HOME",           "USER",           "LOGNAME",
                                         "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR" };
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    size_t i = 0;

    g_strv_builder_add(builder, "LC_ALL=C");
    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = g_getenv(names[i]);
        g_autofree char *entry = value ? g_strdup_printf("%s=%s", names[i], value) : NULL;

        if (entry)
            g_strv_builder_add(builder, entry);
    }
    return g_strv_builder_end(builder);
}

int
qemuPidfdOpen(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Fields of /proc/PID/stat after the command's closing bracket: the first is field 3, the state. */
static char **
qemuPidStat(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *rest = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    rest = strrchr(text, ')');
    return rest && rest[1] == ' ' ? g_strsplit(rest + 2, " ", -1) : NULL;
}

unsigned long long
qemuPidStartTime(pid_t pid)
{
    g_auto(GStrv) fields = qemuPidStat(pid);

    if (!fields || g_strv_length(fields) < 20 || fields[0][0] == 'Z')
        return 0;
    return g_ascii_strtoull(fields[19], NULL, 10);
}

int
qemuPidUsage(pid_t pid, unsigned long long *cpuTimeNs, unsigned long long *userNs,
             unsigned long long *systemNs, unsigned long long *rssKiB)
{
    g_auto(GStrv) fields = qemuPidStat(pid);
    unsigned long long tickNs = 1000000000ULL / (unsigned long long)sysconf(_SC_CLK_TCK);

    if (!fields || g_strv_length(fields) < 22)
        return -1;
    *userNs = g_ascii_strtoull(fields[11], NULL, 10) * tickNs;
    *systemNs = g_ascii_strtoull(fields[12], NULL, 10) * tickNs;
    *cpuTimeNs = *userNs + *systemNs;
    *rssKiB = g_ascii_strtoull(fields[21], NULL, 10) * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024;
    return 0;
}
