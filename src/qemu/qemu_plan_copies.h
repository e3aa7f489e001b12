/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a target that copy-before-write has written to can be trusted. */
#pragma once
#include "qemu_target.h"

/**
 * qemuPlanCopiesCheck: may a copy that ran out of time (cbw-timeout) have been written to the target of
 * filter node @filter all the same? The guest does not write through the filter any more, and a bitmap
 * QEMU_BACKUP_WRITTEN on it has recorded all that it wrote. @doubtful is set if it may, or if the
 * filter is not there any more; but not then if @looked: an earlier run of the plan has looked before it went.
 * Returns: 0, or -1 with an error if QEMU cannot be asked; then nobody knows.
 */
int qemuPlanCopiesCheck(qemuTarget *target, const char *filter, bool looked, bool *doubtful);
