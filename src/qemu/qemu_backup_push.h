/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QEMU block jobs of a push backup: how far, how ended, cancel. */
#pragma once
#include <stdbool.h>
#include "qemu_backup_job.h"
#include "qemu_settle.h"
#include "qemu_target.h"

/** "fleece-push-DISK" -> the disk's name within @id (borrowed), NULL if it is not a job of ours. */
const char *qemuBackupPushJobDisk(const char *id);
/** Bring progress, end and error of every disk of @job up to date: one QMP command (query-jobs). A
 * job that QEMU does not know any more counts as failed. @vm->lock is taken for the update. */
int qemuBackupPushRefresh(qemuVM *vm, qemuBackupJob *job);
/** Ask every job that has not concluded to stop; does not wait. */
void qemuBackupPushCancel(qemuVM *vm, qemuBackupJob *job);
/**
 * qemuBackupPushCut: break the connections to the NBD targets of a push that is under way, out of band: for a
 * QEMU that waits for them in its main loop, with its guest, and so hears nothing else. The jobs fail then,
 * and the backup with them. Returns whether any was broken.
 */
bool qemuBackupPushCut(qemuVM *vm);
/** QEMU ends: what is under way to NBD targets is not waited for. */
extern const qemuSettleStep qemuBackupPushSettleStep;
/** All jobs have concluded well, nobody has asked for an abort, and the files they wrote may not be on their storage yet. */
bool qemuBackupPushFlushDue(qemuVM *vm, const qemuBackupJob *job);
/** Flush them from outside: QEMU does it when it closes them, and the guest stands still for as long. Blocks, until the
 * job is ended by somebody else at the latest; without the job slot. Sets flushed, and unflushed if that failed. */
void qemuBackupPushFlush(qemuVM *vm, qemuBackupJob *job);
/** Every disk's job has concluded. Lock held. */
bool qemuBackupPushDone(const qemuBackupJob *job);
/** First failure in words, NULL if none. Lock held; borrowed. */
const char *qemuBackupPushError(const qemuBackupJob *job);
