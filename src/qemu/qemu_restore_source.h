/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a restore is made of and what it is for, looked at before anything is touched. */
#pragma once
#include "qemu_restore_journal.h"

/**
 * qemuRestoreLook: the disks of @job by its Def and the domain: paths, sizes, owners, sources.
 * Returns: 0, or -1: VIR_ERR_CONFIG_UNSUPPORTED (no such disk; a chain given in the domain's XML),
 * VIR_ERR_INVALID_ARG (sources that do not fit each other or the disk), VIR_ERR_OPERATION_FAILED
 * (an image somebody uses), VIR_ERR_SYSTEM_ERROR (a source that is not there).
 */
int qemuRestoreLook(qemuRestoreJob *job, const virDomainDef *dom);
/** Some QEMU has the file open. 0, or -1 with VIR_ERR_OPERATION_FAILED. A file that is not there is
 * used by nobody. */
int qemuRestoreCheckUnused(const char *path, const char *disk, const char *domain);
