/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restoring the disks of a stopped domain: begin, look at, commit, abort. The theory is in
 * docs/internals/restore-engine.rst.
 */
#pragma once
#include "qemu_restore_journal.h"
#include "virjson.h"

#define QEMU_RESTORE_JOB_NAME "restore"   /* in messages about who has the domain's job */

/** virDomainBackupBegin with a <f:domainrestore>: begin a restore, or commit one. */
int qemuRestoreBegin(qemuVM *vm, const char *xml, const char *checkpointXML, unsigned int flags);
/** Lock held. (owned) the request of the restore that runs. */
char *qemuRestoreFormatXML(const qemuVM *vm);
/** 1 and type and statistics of a restore that runs; 0 if there is none; -1 with an error. */
int qemuRestoreJobStats(qemuVM *vm, int *type, virTypedParamList *params);
/** virDomainAbortJob: the old content stays, except on disks written in place. */
int qemuRestoreAbort(qemuVM *vm);

/** No restore is on its way, or but its end, with MODIFY. @what: "start", for the message. 0, or -1 with VIR_ERR_OPERATION_INVALID. */
int qemuRestoreCheckIdle(qemuVM *vm, const char *what);
/** MODIFY held, domain stopped: the same, and none has left a disk half restored. What an earlier one
 * has left to do is done. */
int qemuRestoreCheckUse(qemuVM *vm, const char *what);
/** The domain is undefined: whatever it had half restored is of no matter any more. */
void qemuRestoreForget(qemuVM *vm);

/** QMP event of the helper; on the main loop. */
void qemuRestoreEventJob(qemuVM *vm, const char *name, const virJSONValue *data);
/** MODIFY held: the helper is dead, and so is a restore that had it. */
void qemuRestoreHelperDied(qemuVM *vm);
/** An earlier daemon has left a restore that may go on, if its helper lives. */
bool qemuRestoreHasHelper(qemuVM *vm);
/**
 * qemuRestoreRecover: MODIFY held, the helper of an earlier daemon is taken over: its restore goes on, or its
 * end does. 0, or -1 with an error: it had not begun completely; the caller ends the helper.
 */
int qemuRestoreRecover(qemuVM *vm);
/** MODIFY held: the helper of an earlier daemon is gone. The restore fails, or is completed if all was done
 * but the exchange of images. 0, or -1 with an error: it stays to be done. */
int qemuRestoreGivenUp(qemuVM *vm);
/** MODIFY held, no restore and no helper: undo or finish what the journal tells of. 0, or -1 with an
 * error: it stays to be done. */
int qemuRestoreSettle(qemuVM *vm);
/** At the start of the daemon: all domains that no helper of an earlier daemon is left of. */
void qemuRestoreRecoverAll(void);

/** MODIFY held; the end of @job, which the caller has a reference of. */
void qemuRestoreEnd(qemuVM *vm, qemuRestoreJob *job, int type, const char *errmsg);
/** MODIFY held: take over how far the copies are, and end the restore if they are over. -1 with an error when
 * the helper does not answer. */
int qemuRestoreLookAtCopies(qemuVM *vm, qemuRestoreJob *job);
/** (owned) reference to the restore that runs and is not being ended, or NULL. */
qemuRestoreJob *qemuRestoreOfVM(qemuVM *vm);
