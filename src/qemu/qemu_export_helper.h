/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The export helper: a qemu-storage-daemon between the domain's QEMU and the network, for a pull backup of a
 * running domain over TCP. It is the only NBD client of QEMU, and serves the outside. A client that stays
 * silent, hangs or is hostile meets the helper, and what TLS computes does not hold up the guest's main loop.
 *
 *   guest's QEMU --NBD, UNIX socket in its private directory--> helper --NBD, TCP or TLS--> clients
 *
 * All that it serves is on its command line, so it has no monitor that could be talked to. It writes nothing,
 * so it is ended by SIGKILL, whatever its clients do. A process is told to be the helper by its
 * command line, which names DIR/export-helper.pid. It writes that file once it serves.
 */
#pragma once
#include "qemu_plan.h"
#include "qemu_target.h"

/**
 * qemuExportHelperStart: run one that serves @options, with the files of the directory @dir, and wait until clients can
 * connect. It runs as QEMU does, its output goes into the domain's log.
 * @options: arrays 'objects', 'blockdevs' and 'exports', object 'server', each as the options of its name take them.
 * Returns: 0; -1 with VIR_ERR_OPERATION_FAILED and its own words, or VIR_ERR_OPERATION_UNSUPPORTED if
 * there is no such program, and it is not there. If we die, it is found by @dir.
 */
int qemuExportHelperStart(qemuTarget *target, const char *dir, const virJSONValue *options);
/** The process with the directory @dir if it lives, and a descriptor of it; 0 if there is none. */
pid_t qemuExportHelperFind(const char *dir, int *pidfd);
/** End that of @dir at once and remove its pid file. 0 if there is none (any more), or -1 with
 * VIR_ERR_OPERATION_FAILED: it hangs in the kernel. */
int qemuExportHelperEnd(const char *dir);
/** Kill that of @dir; who watches it does the rest. */
void qemuExportHelperKill(const char *dir);
/** As qemuExportHelperEnd for those that @plan (may be NULL) starts: of a QEMU that is gone, and its directory with it. Keeps
 * the current error. */
void qemuExportHelperEndOf(const qemuPlan *plan);
/** It has ended, as @pidfd says: (owned) in words how. Nothing is left of it. */
char *qemuExportHelperReap(int pidfd);
