/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems of the guest frozen around an instant. A frozen guest is a dangerous state, and has an
 * owner that ends it whatever becomes of this daemon: the guard (qemu_guard.h), armed before.
 *
 * The caller holds the MODIFY job; no locks.
 */
#pragma once
#include "qemu_vm.h"

void qemuQuiesceFree(qemuQuiesce *quiesce);

/**
 * qemuQuiesceFreeze: on success all file systems are frozen, for at most QEMU_QUIESCE_HOLD_MS, and
 * qemuQuiesceThaw has to follow. On failure they are not, or are thawed as soon as the agent obeys.
 * Returns: 0, or -1 with VIR_ERR_ARGUMENT_UNSUPPORTED (no agent channel), VIR_ERR_OPERATION_INVALID
 * (guest does not run), VIR_ERR_AGENT_*.
 */
int qemuQuiesceFreeze(qemuVM *vm);
/**
 * qemuQuiesceThaw: without a freeze before, nothing. If the agent does not obey, the guard goes on.
 * Returns: 0 if the file systems were frozen until now; else -1 with VIR_ERR_OPERATION_FAILED or
 * VIR_ERR_AGENT_*: what was done meanwhile has not met a quiet guest, or the guest is not sure to be
 * well again.
 */
int qemuQuiesceThaw(qemuVM *vm);
/** A daemon before this one may have frozen the guest: thaw it, if there is an agent. No error. */
void qemuQuiesceRepair(qemuVM *vm);

/** How long a guest stays frozen when the daemon hangs. */
#define QEMU_QUIESCE_HOLD_MS 15000
