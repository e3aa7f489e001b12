/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ending a backup: shared by the API, QEMU's job events and the repair after a restart. */
#pragma once
#include "qemu_backup_job.h"

/**
 * qemuBackupFinish: work the end of @job off and announce it. No-op if somebody else does already.
 * @type: VIR_DOMAIN_JOB_COMPLETED, _FAILED or _CANCELLED   @errmsg: may be NULL
 * The caller holds MODIFY, or QEMU is gone. After it vm->backup is NULL and the async job is over.
 */
void qemuBackupFinish(qemuVM *vm, qemuBackupJob *job, int type, const char *errmsg);
/** @job, of a stopped domain, was over when the daemon died: its result is told. Caller holds MODIFY. */
void qemuBackupConclude(qemuVM *vm, qemuBackupJob *job);
/** Nodes, exports, bitmaps and files of a backup that ends with job->endType, but for the NBD server.
 * May be repeated. 0, or -1 with the first error; what can go has gone. Holds MODIFY. */
int qemuBackupTakeApart(qemuVM *vm, qemuBackupJob *job);
/** @job cannot succeed any more, for the reason @why: jobs of QEMU are cancelled, and it has failed. Holds
 * MODIFY. */
void qemuBackupBreak(qemuVM *vm, qemuBackupJob *job, const char *why);
/** Push: if every disk's job has concluded, finish with the result; otherwise nothing. */
void qemuBackupFinishPushIfDone(qemuVM *vm, qemuBackupJob *job);
/** The stopped domain shall start: a pull of it is cancelled, a push of it is waited for, however long it
 * takes. Called without the job; afterwards a new backup may have begun. 0, or -1 with an error. */
int qemuBackupYieldToStart(qemuVM *vm);
/** The guest had powered off and QEMU was kept for a backup that is over: end it, on a driver thread, unless
 * somebody has resumed it. With or without the lock. */
void qemuBackupEndPreserved(qemuVM *vm);
/** (owned reference to the) running backup, NULL if there is none. */
qemuBackupJob *qemuBackupOfVM(qemuVM *vm);
