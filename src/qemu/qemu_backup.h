/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backups of a domain: begin, look at, end. The theory is in docs/internals/backup-engine.rst.
 */
#pragma once
#include "libvirt-driver.h"
#include "qemu_backup_job.h"
#include "qemu_vm.h"
#include "virjson.h"

/* Members of virDriver. */
int qemuDomainBackupBegin(virDomainPtr dom, const char *backupXML, const char *checkpointXML, unsigned int flags);
char *qemuDomainBackupGetXMLDesc(virDomainPtr dom, unsigned int flags);

/** virDomainAbortJob: pull: the regular end; push: cancel. Holds MODIFY itself.
 * @which: only this backup, NULL = whichever there is; @wait: up to two seconds for the end of a push. */
int qemuBackupAbort(qemuVM *vm, const qemuBackupJob *which, bool wait);
/** Type and statistics of the running backup; type VIR_DOMAIN_JOB_NONE if there is none. A push
 * asks QEMU (one command). */
int qemuBackupJobStats(qemuVM *vm, int *type, virTypedParamList *params);
/** A QMP event of the vm's QEMU, from its event lane (may do QMP): JOB_STATUS_CHANGE of our jobs. */
void qemuBackupEventJob(qemuVM *vm, const char *qmpEvent, const virJSONValue *data);
/** QEMU is gone: the backup has failed; files removed, events published. Called once, from the
 * event lane, before the run state is cleared. */
void qemuBackupVMDied(qemuVM *vm);
/** Lock held. Keep @params as the statistics of the last completed job: its contents are taken over,
 * it is empty after. NULL = forget the last job. */
void qemuBackupSetLastJob(qemuVM *vm, int type, virTypedParamList *params);
