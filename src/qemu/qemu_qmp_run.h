/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: running, pausing and ending a guest. Errors as qemuMonitorCommand. */
#pragma once
#include <stdbool.h>
#include "qemu_monitor.h"

int qemuQMPCont(qemuMonitor *mon);
int qemuQMPStop(qemuMonitor *mon);
int qemuQMPSystemPowerdown(qemuMonitor *mon);
int qemuQMPSystemReset(qemuMonitor *mon);
/** QEMU may be gone before it answers: that counts as success. */
int qemuQMPQuit(qemuMonitor *mon);

typedef struct _qemuQMPStatus {
    bool running;
    char *status; /* (owned) "running", "paused", "prelaunch", "shutdown", "io-error", ... */
} qemuQMPStatus;
void qemuQMPStatusClear(qemuQMPStatus *status);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuQMPStatus, qemuQMPStatusClear)
int qemuQMPQueryStatus(qemuMonitor *mon, qemuQMPStatus *status);
/** @actual: bytes the guest has. Returns 1, 0 without a balloon (@actual untouched), -1. */
int qemuQMPQueryBalloon(qemuMonitor *mon, unsigned long long *actual);
/** A line of the human monitor; (owned) its output. */
char *qemuQMPHumanCommand(qemuMonitor *mon, const char *line);
