/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listing, adopting and removing the bitmaps that belong to no checkpoint. Clients reach this as
 * commands of the monitor passthrough that QEMU does not have (docs/internals/checkpoints.rst says why):
 *
 *     {"execute":"fleece-strays-list"}
 *     {"execute":"fleece-strays-adopt","arguments":{"names":["chk1"]}}     without names: all that can be
 *     {"execute":"fleece-strays-remove","arguments":{"names":["chk1"]}}
 */
#pragma once
#include "qemu_vm.h"

/** Is @cmd one of these? */
bool qemuCheckpointRepairOwns(const char *cmd);
/**
 * qemuCheckpointRepairRun: Caller holds MODIFY; the domain may be stopped.
 * Returns: (owned) {"return":...}, or NULL with VIR_ERR_NO_DOMAIN_CHECKPOINT (no such stray),
 * VIR_ERR_CHECKPOINT_INCONSISTENT (it cannot be adopted; says why), VIR_ERR_INVALID_ARG.
 */
char *qemuCheckpointRepairRun(qemuVM *vm, const char *cmd);
