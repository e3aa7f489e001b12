/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One guard, one socket, one mutex: a conversation is a packet and, if an answer is wanted, the next
 * packet back. It is held over that answer, which comes from a process that does nothing else.
 */
#include "qemu_guard.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib.h>
#include "qemu_process_spawn.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define GUARD_ANSWER_MS 5000

static GMutex guardLock;       /* guards the three below */
static int guardFd = -1;
static pid_t guardPid;
static unsigned int guardLastId;

/* Beside the daemon, installed or not. */
static char *
guardProgram(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = self ? g_path_get_dirname(self) : NULL;

    return g_build_filename(dir ? dir : "/", QEMU_GUARD_PROGRAM, NULL);
}

/* Lock held. Killed before its socket is closed: it would take that for our end, and speak over
 * connections that we use. */
static void
guardForget(void)
{
    if (guardFd < 0)
        return;
    kill(guardPid, SIGKILL);
    while (waitpid(guardPid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(guardFd);
    guardFd = -1;
}

/* Lock held. */
static int
guardStart(void)
{
    g_autofree char *program = guardProgram();
    g_autofree char *number = NULL;
    g_auto(GStrv) env = qemuSpawnEnv();
    int fds[2] = { -1, -1 };
    VIR_AUTOCLOSE theirs = -1;
    VIR_AUTOCLOSE pidfd = -1;
    const char *argv[] = { program, NULL, NULL };
    qemuSpawn spawn = { .argv = argv, .env = (const char *const *)env, .output = STDERR_FILENO,
                        .fds = &fds[1], .nfds = 1, .user = (uid_t)-1 };

    if (guardFd >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        virReportSystemError(errno, "cannot make a socket for '%s'", QEMU_GUARD_PROGRAM);
        return -1;
    }
    theirs = fds[1];
    number = g_strdup_printf("%d", fds[1]);
    argv[1] = number;
    if (qemuSpawnRun(&spawn, &guardPid, &pidfd) < 0) {
        close(fds[0]);
        return -1;
    }
    guardFd = fds[0];
    return 0;
}

/* Lock held. */
static int
guardSend(const qemuGuardMessage *message, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
    struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *rights = NULL;

    if (fd >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof(control);
        rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    }
    if (sendmsg(guardFd, &header, MSG_NOSIGNAL) == (ssize_t)sizeof(*message))
        return 0;
    VIR_WARN("%s (process %d) has gone: %s", QEMU_GUARD_PROGRAM, (int)guardPid, g_strerror(errno));
    guardForget();
    return -1;
}

/* Lock held. 1: all is well, 0: the guard has acted, -1: there is none. */
static int
guardAnswer(unsigned int id)
{
    qemuGuardAnswer answer = { 0 };
    struct pollfd pfd = { .fd = guardFd, .events = POLLIN };

    if (poll(&pfd, 1, GUARD_ANSWER_MS) == 1 &&
        recv(guardFd, &answer, sizeof(answer), MSG_DONTWAIT) == (ssize_t)sizeof(answer) &&
        answer.id == id)
        return !answer.fired;
    VIR_WARN("%s (process %d) does not answer", QEMU_GUARD_PROGRAM, (int)guardPid);
    guardForget();
    return -1;
}

/* Lock held. */
static int
guardTell(const qemuGuardMessage *message, int fd)
{
    if (guardSend(message, fd) < 0)
        return -1;
    return message->answer ? guardAnswer(message->id) : 1;
}

unsigned int
qemuGuardArm(qemuGuardKind kind, int fd, unsigned int deadlineMs, bool wait)
{
    qemuGuardMessage message = { .op = QEMU_GUARD_ARM, .kind = kind, .deadlineMs = deadlineMs,
                                 .answer = wait };
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guardLock);

    if (++guardLastId == 0)
        guardLastId = 1;
    message.id = guardLastId;
    /* One that has died meanwhile is noticed here, and replaced. */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (guardStart() < 0)
            return 0;
        if (guardTell(&message, fd) == 1)
            return message.id;
    }
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "'%s', which would release the guest if this daemon died, cannot be used; see the "
                   "log of the daemon",
                   QEMU_GUARD_PROGRAM);
    return 0;
}

static bool
guardAsk(qemuGuardOp op, unsigned int id, unsigned int deadlineMs, bool wait)
{
    qemuGuardMessage message = { .op = op, .id = id, .deadlineMs = deadlineMs, .answer = wait };
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guardLock);

    return guardFd >= 0 && guardTell(&message, -1) == 1;
}

bool
qemuGuardExtend(unsigned int id, unsigned int deadlineMs)
{
    return guardAsk(QEMU_GUARD_EXTEND, id, deadlineMs, true);
}

bool
qemuGuardDisarm(unsigned int id, bool wait)
{
    return guardAsk(QEMU_GUARD_DISARM, id, 0, wait);
}

void
qemuGuardFire(unsigned int id)
{
    if (!guardAsk(QEMU_GUARD_FIRE, id, 0, true))
        VIR_DEBUG("%s had acted already, or has gone", QEMU_GUARD_PROGRAM);
}
