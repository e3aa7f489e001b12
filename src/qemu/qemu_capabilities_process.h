/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU that lives for one probe: no guest, one monitor, its messages kept for the error. */
#pragma once
#include "qemu_capabilities_probe.h"
#include "qemu_monitor.h"

typedef struct _qemuProbeProcess {
    pid_t pid; /* 0: none, or already waited for */
    int pidfd;
    int output;       /* memory file with what it printed */
    qemuMonitor *mon; /* NULL when started without */
} qemuProbeProcess;

/** Kills and reaps what is still there. */
void qemuProbeProcessClear(qemuProbeProcess *process);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuProbeProcess, qemuProbeProcessClear)
#define QEMU_PROBE_PROCESS_INIT                                                                    \
    {                                                                                              \
        .pidfd = -1, .output = -1                                                                  \
    }

/** Start with @args (NULL-terminated, after the emulator). @extraFd: kept open in it, -1 = none. */
int qemuProbeProcessStart(qemuProbeProcess *process, const qemuProbeTarget *target,
                          const char *const *args, int extraFd);
/** Start a machine 'none' with a monitor and negotiate. */
int qemuProbeProcessStartMonitor(qemuProbeProcess *process, const qemuProbeTarget *target);
/** Wait for its end. 1: ended, @status as waitpid, @cpuMs its CPU time; 0: still runs after
 * @timeoutMs. */
int qemuProbeProcessWait(qemuProbeProcess *process, unsigned int timeoutMs, int *status,
                         unsigned long long *cpuMs);
/** (owned) last lines it printed, one line; "" if none. */
char *qemuProbeProcessOutput(const qemuProbeProcess *process);
