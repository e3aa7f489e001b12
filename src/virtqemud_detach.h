/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes a process a daemon: the background, and being the only one of its kind. */
#pragma once

/**
 * daemonDetach: go on in a child process; the parent waits until the child calls daemonReady() and
 * then exits with 0, or with 1 when the child dies before. Messages of the child still reach the
 * terminal until then. Call before any thread exists. Returns: 0 in the child, -1 with an error.
 */
int
daemonDetach(void);
/** Clients can connect: let the parent go, cut the terminal off. No-op without daemonDetach(). */
void
daemonReady(void);

/**
 * daemonLock: take @path as pid file and lock, for the life of the process.
 * Waits, at most some seconds, if the process that took it is gone and only a child of it is not yet.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED naming the process that holds it.
 */
int
daemonLock(const char *path);
/** Write our process id to another file. */
int
daemonWritePid(const char *path);
