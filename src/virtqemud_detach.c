/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pid file is the lock: it is locked, not merely present, so a file left by a dead daemon keeps
 * nobody out, and a lock is never held by nobody. It is removed while still locked; who locked the
 * removed file sees that the name leads elsewhere and tries again.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virtqemud_detach.h"

#define VIR_FROM_THIS VIR_FROM_NONE
#define LOCK_WAIT_MS 10000        /* from fork to exec, on a busy host */
#define LOCK_WAIT_STEP_MS 10

/* Write end of the pipe to the waiting parent, -1 without one. */
static int readyFd = -1;
/* Held until the process ends. */
static int lockFd = -1;

/* The parent: exit as the child fares. */
static void
waitForChild(int fd)
{
    char byte = 0;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
daemonDetach(void)
{
    int fds[2] = { -1, -1 };
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        virReportSystemError(errno, "cannot start a background process");
        return -1;
    }
    if (pid > 0) {
        close(fds[1]);
        waitForChild(fds[0]);
    }
    close(fds[0]);
    readyFd = fds[1];
    setsid();
    if (chdir("/") < 0) {
        virReportSystemError(errno, "cannot change to directory '/'");
        return -1;
    }
    return 0;
}

void
daemonReady(void)
{
    VIR_AUTOCLOSE null = -1;

    if (readyFd < 0)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    /* A parent that is gone does not matter to us. */
    if (write(readyFd, "", 1) != 1)
        errno = 0;
    close(readyFd);
    readyFd = -1;
}

static void
reportHeld(const char *path)
{
    g_autofree char *pid = NULL;

    if (virFileReadAll(path, 32, &pid) > 0)
        g_strchomp(pid);
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "another virtqemud (process %s) holds '%s'; end it first, or use another --root",
                   pid && pid[0] ? pid : "unknown", path);
}

/* A child that a daemon had forked when it died has the lock as well, until it executes its program. */
static bool
holderDied(const char *path)
{
    g_autofree char *text = NULL;
    long pid = 0;

    return virFileReadAll(path, 32, &text) > 0 && (pid = strtol(text, NULL, 10)) > 1 &&
           kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* Returns: 1 locked, 0 try again: the name has moved to another file meanwhile, or the holder has died;
 * -1 error. */
static int
tryLock(const char *path, bool mayWait)
{
    VIR_AUTOCLOSE fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct stat ours = { 0 }, named = { 0 };

    if (fd < 0) {
        virReportSystemError(errno, "cannot open pid file '%s'", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK && mayWait && holderDied(path))
            return 0;
        if (errno == EWOULDBLOCK)
            reportHeld(path);
        else
            virReportSystemError(errno, "cannot lock pid file '%s'", path);
        return -1;
    }
    if (fstat(fd, &ours) < 0 || stat(path, &named) < 0 || ours.st_ino != named.st_ino ||
        ours.st_dev != named.st_dev)
        return 0;
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        virReportSystemError(errno, "cannot write pid file '%s'", path);
        return -1;
    }
    lockFd = g_steal_fd(&fd);
    return 1;
}

int
daemonLock(const char *path)
{
    int waited = 0;
    int rc = 0;

    while ((rc = tryLock(path, waited < LOCK_WAIT_MS)) == 0) {
        g_usleep(LOCK_WAIT_STEP_MS * 1000);
        waited += LOCK_WAIT_STEP_MS;
    }
    return rc < 0 ? -1 : 0;
}

int
daemonWritePid(const char *path)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

    return virFileReplaceVolatile(path, text, strlen(text), 0644);
}
