/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans of a restore, run in a block helper that has no other image open. Pure.
 *
 *   <source>s (read-only, each on the one before) --> job --> new image (fleece-new-DISK)
 *   NBD client                          --> export, writable --> new image
 */
#pragma once
#include "qemu_plan.h"
#include "qemu_restore_journal.h"

#define QEMU_RESTORE_JOB_PREFIX "fleece-restore-"

typedef struct _qemuRestorePlanInput {
    const qemuRestoreJob *job;
    const char *tlsDir;       /* certificates, if the server has TLS */
    bool tlsVerify;
} qemuRestorePlanInput;

/** New images made, all nodes opened, NBD server started: nothing that was there is touched. */
qemuPlan *qemuRestorePlanOpen(const qemuRestorePlanInput *input);
/** From here on disks are written: all jobs in one transaction, or the exports. */
qemuPlan *qemuRestorePlanWrite(const qemuRestorePlanInput *input);
/** All has arrived: writers off, new images read-only, which writes out what QEMU holds of them
 * and, unlike closing, fails if it cannot. */
qemuPlan *qemuRestorePlanClose(const qemuRestorePlanInput *input);
