/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Start a program that is to outlive the daemon: own session, no descriptor of ours but those
 * handed over, output to a file, its own user. Knows nothing of domains.
 */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef struct _qemuSpawn {
    const char *const *argv;     /* argv[0] is the program's path; NULL-terminated */
    const char *const *env;      /* whole environment; NULL-terminated */
    int output;                  /* becomes stdout and stderr */
    const int *fds;              /* kept open in the program under the same numbers */
    size_t nfds;
    uid_t user;                  /* (uid_t)-1: as we are */
    gid_t group;
} qemuSpawn;

/* A child that waits to become the program, and ends if we do before that. {-1, -1} when there is none. */
typedef struct _qemuSpawnHeld {
    int go, report;              /* pipes: to it, from it */
} qemuSpawnHeld;

/**
 * qemuSpawnHold: the first half of qemuSpawnRun: after this, the caller can write down what it has begun,
 * and is sure that nothing runs which is not written down. @pid, @pidfd: as there. @held: {-1, -1} before;
 * qemuSpawnGo or qemuSpawnForget ends it.
 */
int qemuSpawnHold(const qemuSpawn *spawn, pid_t *pid, int *pidfd, qemuSpawnHeld *held);
/** The second half. -1: the child has ended, or is about to; who watches it sees that. */
int qemuSpawnGo(const qemuSpawn *spawn, qemuSpawnHeld *held);
/** The child ends without having been the program. Nothing if there is none. */
void qemuSpawnForget(qemuSpawnHeld *held);
/**
 * qemuSpawnRun: @pid: of the program, a child of ours (wait for it). @pidfd: (owned) readable when it ends.
 * Returns 0 once the program's image is running, or -1 with VIR_ERR_SYSTEM_ERROR naming the step that failed.
 */
int qemuSpawnRun(const qemuSpawn *spawn, pid_t *pid, int *pidfd);
/** (owned, g_strfreev) the few variables of our environment that a QEMU may see, and LC_ALL=C. */
char **qemuSpawnEnv(void);
/** Descriptor to watch any process by, child or not; -1 with errno. */
int qemuPidfdOpen(pid_t pid);
/** Start time of @pid in clock ticks after boot: tells a process from a later one with its number.
 * 0 if there is no such process or it is a zombie. */
unsigned long long qemuPidStartTime(pid_t pid);
/** CPU time of @pid in nanoseconds and resident memory in KiB; -1 without an error if it is gone. */
int qemuPidUsage(pid_t pid, unsigned long long *cpuTimeNs, unsigned long long *userNs,
                 unsigned long long *systemNs, unsigned long long *rssKiB);
