/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One running QEMU as seen from outside: a descriptor that tells its death, and its monitor. Both
 * end at about the same time and in either order; what QEMU said last (SHUTDOWN) must be handled
 * before its end is. So the end is queued behind the events once both are gone, or one of them is
 * and the other does not follow in time.
 *
 *   pidfd readable ──> reaped, vm->exited ──┐
 *                                           ├── both, or 1 s later ──> event lane: qemuProcessEnded
 *   monitor EOF ────────────────────────────┘
 *   monitor EOF and the process stays: killed after 5 s (nobody can talk to it any more)
 */
#pragma once
#include "qemu_vm.h"

/** Begin to watch process @pid of @vm's run number @run. @pidfd: consumed. (owned reference) */
qemuProcess *qemuProcessWatch(qemuVM *vm, unsigned int run, pid_t pid, int pidfd);
/** End the watch, without effect on the process, and drop the reference. Any thread. */
void qemuProcessUnwatch(qemuProcess *process);
/** Signal the very process that is watched, never a later one with its number. -1 with errno. */
int qemuProcessSignal(qemuProcess *process, int sig);
qemuProcess *qemuProcessRef(qemuProcess *process);
void qemuProcessUnref(qemuProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuProcess, qemuProcessUnref)
/** For qemuMonitorOpen; its opaque is the qemuProcess. */
extern const qemuMonitorCallbacks qemuProcessMonitorCallbacks;
