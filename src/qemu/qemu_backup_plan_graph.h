/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the plans of pull and push share: the steps that put a copy-before-write and a window on top of it
 * into the graph of a disk, at one instant for all disks, and take them out again. Nobody else includes it.
 */
#pragma once
#include "qemu_backup_plan.h"

/** The steps from @first on go out in one write. */
void qemuBackupPlanJoin(qemuPlan *plan, guint first);
virJSONValue *qemuBackupPlanTransaction(virJSONValue *actions);
/** blockdev-del of fleece-@what-@disk. */
virJSONValue *qemuBackupPlanNodeDelete(const char *what, const char *disk);

/** Does the guest write to the disk through a filter meanwhile? Not if there is no device (stopped domain). */
bool qemuBackupPlanHasFilter(const qemuTargetDisk *disk);
/** Is the filter to keep nothing but what has changed? */
bool qemuBackupPlanIsLimited(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk);
/** Is the filter made at the instant, and not before? Its target is a node of its own then. */
bool qemuBackupPlanIsLate(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk,
                          const qemuTargetDisk *target);

/** File of @store made (by a step of @kind; empty if it has none of our formats), or QEMU let to it if it is
 * there. @suffix: of the step's name, "-scratch" for a second file of a disk. */
void qemuBackupPlanFile(qemuPlan *plan, const qemuBackupPlanInput *input, const virStorageSource *store,
                        qemuPlanStepKind kind, const char *suffix, const qemuBackupPlanDisk *disk);
/** The passphrase that opens @store, if it is encrypted: qemuBackupPlanFile has it in it. */
void qemuBackupPlanSecret(qemuPlan *plan, const virStorageSource *store, const char *suffix,
                          const virDomainBackupDiskDef *disk);
void qemuBackupPlanWindow(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk);
/** Step backup.begin.@step.DISK that opens @options (consumed), fleece-@what-DISK. */
void qemuBackupPlanOpen(qemuPlan *plan, virJSONValue *options, const char *what, const char *step,
                        const char *disk);
/** What the filter of @disk copies to is opened, and, unless that has to wait for the instant, the filter. */
void qemuBackupPlanFilterBefore(qemuPlan *plan, const qemuBackupPlanInput *input,
                                const qemuBackupPlanDisk *disk);
/** The transaction of the instant: checkpoint, unions and @jobs (actions, consumed; NULL = none). */
void qemuBackupPlanBitmaps(qemuPlan *plan, const qemuBackupPlanInput *input, virJSONValue *jobs);
/** Freeze, flush, stop, bitmaps, filters in place, cont, thaw. */
void qemuBackupPlanInstant(qemuPlan *plan, const qemuBackupPlanInput *input);
/** The window of @disk, if the instant has not made it. */
void qemuBackupPlanAccess(qemuPlan *plan, const qemuBackupPlanInput *input, const qemuBackupPlanDisk *disk);

/** Milliseconds that the end of a backup waits for the storage of a scratch: who tells it to end is answered within
 * two seconds. */
#define QEMU_BACKUP_SCRATCH_MS 700
/** Nothing below is done before the storage of all scratch files has answered, or else at all. */
void qemuBackupPlanScratchWait(qemuPlan *plan, const qemuBackupPlanEnding *ending, unsigned int timeoutMs);
/** Window out, the node under it back to the device, filter out and what it has copied to. */
void qemuBackupPlanFilterEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending,
                             const qemuBackupPlanEndDisk *disk);
/** The temporary bitmaps of all disks. */
void qemuBackupPlanUnionsEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending);
/** File of @store removed, or given back, and its passphrase removed from QEMU. */
void qemuBackupPlanFileEnd(qemuPlan *plan, const virStorageSource *store, bool remove, const char *suffix,
                           const virDomainBackupDiskDef *disk);
void qemuBackupPlanWindowsEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending);

void qemuBackupPlanPushBegin(qemuPlan *plan, const qemuBackupPlanInput *input);
void qemuBackupPlanPushEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending);
