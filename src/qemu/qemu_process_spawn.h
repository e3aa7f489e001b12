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
