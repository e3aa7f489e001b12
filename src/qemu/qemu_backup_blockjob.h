/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backup seen disk by disk, as the block job that libvirt shows for each. In a push that is a job of
 * QEMU. In a pull there is none: it is shown all the same, because clients look for it, but there is no
 * copying whose speed could be limited.
 */
#pragma once
#include "qemu_vm.h"

/** virDomainGetBlockJobInfo. @info: cleared by the caller; bandwidth in bytes a second. Returns 1, 0 if no
 * backup works on the disk any more, -1 with VIR_ERR_INVALID_ARG (no such disk), VIR_ERR_OPERATION_INVALID
 * (neither runs the domain nor a backup of it) or QEMU's error. */
int qemuBackupBlockJobInfo(qemuVM *vm, const char *disk, virDomainBlockJobInfoPtr info);
/** Limit the copying of the disk to @bytes a second, 0 = no limit. Holds MODIFY itself. 0, or -1 as
 * above, with VIR_ERR_INVALID_ARG too if no backup works on the disk, VIR_ERR_OPERATION_UNSUPPORTED in a
 * pull. */
int qemuBackupBlockJobSetSpeed(qemuVM *vm, const char *disk, unsigned long long bytes);
/** End the whole backup, as qemuBackupAbort: without one of its disks it would be none. Errors as above, and
 * VIR_ERR_BLOCK_COPY_ACTIVE for @pivot. */
int qemuBackupBlockJobAbort(qemuVM *vm, const char *disk, bool pivot, bool wait);
