/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Redefining a checkpoint: the user brings a record back that we lost or never had. */
#pragma once
#include <stdbool.h>
#include "checkpoint_def.h"
#include "qemu_vm.h"

/**
 * qemuCheckpointRedefine: add or replace the record @def (consumed). No bitmap is touched.
 * @validate: also demand that the domain's disks hold its bitmaps, whole
 * (VIR_ERR_CHECKPOINT_INCONSISTENT otherwise).   @name: (owned) set on success.
 * Caller holds MODIFY. Dying in the middle leaves the old record or the new one.
 */
int qemuCheckpointRedefine(qemuVM *vm, virDomainCheckpointDef **def, bool validate, char **name);
