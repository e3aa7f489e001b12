/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See remote_spawn.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "remote_spawn.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_RPC

#define RETRY_INTERVAL_US 10000
#define RETRY_MAX 500

/* What the daemon inherits; anything else of the application's environment is not its business. */
static const char *const passedVariables[] = {
    "PATH",          "HOME",       "XDG_RUNTIME_DIR", "USER",           "LOGNAME",
    "TMPDIR",        "LD_PRELOAD", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", NULL,
};

static GStrv
daemonEnvironment(void)
{
    g_autoptr(GStrvBuilder) env = g_strv_builder_new();

    g_strv_builder_add(env, "LC_ALL=C");
    for (size_t i = 0; passedVariables[i]; i++) {
        const char *value = g_getenv(passedVariables[i]);
        g_autofree char *item = NULL;

        if (!value)
            continue;
        item = g_strdup_printf("%s=%s", passedVariables[i], value);
        g_strv_builder_add(env, item);
    }
    return g_strv_builder_end(env);
}

/* In the forked child: only async-signal-safe calls. Does not return. @report: told errno. */
static void G_GNUC_NORETURN
runDaemon(const char *program, char *const *argv, char *const *env, int report)
{
    int null = open("/dev/null", O_RDWR);
    int error = 0;

    if (setsid() < 0 || chdir("/") < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(null, 2) < 0 || dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
        _exit(127);
    close_range(4, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    /* Once more, so that the daemon is nobody's child who would have to wait for it. */
    switch (fork()) {
    case 0:
        execve(program, argv, env);
        error = errno;
        if (write(3, &error, sizeof(error)) < 0)
            _exit(126);
        _exit(127);
    case -1:
        _exit(127);
    default:
        _exit(0);
    }
}

static int
startDaemon(const char *program)
{
    g_auto(GStrv) env = daemonEnvironment();
    char *const argv[] = {(char *)program, (char *)"--timeout=120", NULL};
    VIR_AUTOCLOSE reportRead = -1;
    VIR_AUTOCLOSE reportWrite = -1;
    int report[2];
    int error = 0;
    int status = 0;
    pid_t pid;

    VIR_DEBUG("starting '%s'", program);
    if (pipe2(report, O_CLOEXEC) < 0) {
        virReportSystemError(errno, "cannot start the daemon '%s'", program);
        return -1;
    }
    reportRead = report[0];
    reportWrite = report[1];
    pid = fork();
    if (pid == 0)
        runDaemon(program, argv, env, reportWrite);
    if (pid < 0) {
        virReportSystemError(errno, "cannot start the daemon '%s'", program);
        return -1;
    }
    virFileAutoClose(&reportWrite);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (read(reportRead, &error, sizeof(error)) == sizeof(error) && error != 0) {
        virReportSystemError(error, "cannot start the daemon '%s'", program);
        return -1;
    }
    return 0;
}

static int
connectOnce(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    VIR_AUTOCLOSE fd = -1;
    size_t length = strlen(path);

    if (*path != '@')
        return virFileConnectUnix(path);
    if (length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path + 1, path + 1, length - 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address,
                          offsetof(struct sockaddr_un, sun_path) + length) < 0)
        return -1;
    return g_steal_fd(&fd);
}

static bool
nobodyListens(int error)
{
    return error == ENOENT || error == ECONNREFUSED;
}

static void
reportConnect(const char *path, int error)
{
    virReportSystemError(error, "Failed to connect socket to '%s'", path);
}

/* The lock file @path, locked: descriptor or -1. Whoever had it before may have removed it. */
static int
lockFile(const char *path)
{
    for (;;) {
        VIR_AUTOCLOSE fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct stat ours = {0};
        struct stat there = {0};

        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &ours) < 0) {
            virReportSystemError(errno, "cannot lock '%s'", path);
            return -1;
        }
        if (stat(path, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev)
            return g_steal_fd(&fd);
    }
}

static int
connectStarting(const remoteAddress *address)
{
    bool started = false;

    for (int attempt = 0; attempt < RETRY_MAX; attempt++) {
        int fd = connectOnce(address->path);

        if (fd >= 0)
            return fd;
        if (!nobodyListens(errno))
            break;
        if (!started && startDaemon(address->daemon) < 0)
            return -1;
        started = true;
        g_usleep(RETRY_INTERVAL_US);
    }
    reportConnect(address->path, errno);
    return -1;
}

int
remoteSpawnConnect(const remoteAddress *address)
{
    g_autofree char *program = NULL;
    g_autofree char *lockPath = NULL;
    VIR_AUTOCLOSE lock = -1;
    int fd = connectOnce(address->path);

    if (fd >= 0)
        return fd;
    if (!address->daemon || !nobodyListens(errno)) {
        reportConnect(address->path, errno);
        return -1;
    }
    if (virFileMakeDirs(address->runtimeDir, 0700) < 0)
        return -1;
    program = g_path_get_basename(address->daemon);
    lockPath = g_strdup_printf("%s/%s.lock", address->runtimeDir, program);
    lock = lockFile(lockPath);
    if (lock < 0)
        return -1;
    fd = connectStarting(address);
    unlink(lockPath);
    return fd;
}
