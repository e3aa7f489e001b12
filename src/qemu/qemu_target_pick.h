/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which target an operation works on: the QEMU of a running domain, or a block helper that is started
 * for it. All of it under the MODIFY job, which is also what a start of the domain needs: so there are
 * never two that write to the images.
 */
#pragma once
#include "qemu_helper.h"
#include "qemu_vm.h"

/**
 * qemuTargetBegin: the domain's target, from now what qemuVMTarget() returns.
 * @mode: what is to be done with the disks of a stopped domain; no matter for a running one.
 * For a stopped domain a helper is started, and what an interrupted operation left of checkpoints is
 * settled. Caller holds MODIFY and calls qemuTargetEnd() before it gives that up.
 * Returns: (borrowed), or NULL as qemuHelperStart, or with VIR_ERR_OPERATION_INVALID when bitmaps are to
 * be changed while a backup of the stopped domain reads them, or as qemuNbdCheckDomain for a running one.
 */
qemuTarget *qemuTargetBegin(qemuVM *vm, qemuHelperMode mode);
/** The bitmaps were changed: bring them into the images of a stopped domain (nothing to do for a
 * running one). 0, or -1 as qemuHelperSetMode. */
int qemuTargetStore(qemuVM *vm);
/** The stopped domain's disks in another mode; nothing to do for a running one. */
int qemuTargetSetMode(qemuVM *vm, qemuHelperMode mode);
/** The operation is over with result @rc: the helper ends, unless a backup holds it. Keeps the
 * current error. Returns @rc, or -1 with an error if the helper could not store all. */
int qemuTargetEnd(qemuVM *vm, int rc);
/** A backup begins: the helper stays after qemuTargetEnd(), until qemuTargetRelease(). */
void qemuTargetHold(qemuVM *vm);
/** The target for who does not hold MODIFY, and so has it keep @helper (owned reference, or NULL). */
qemuTarget *qemuTargetOfNow(qemuVM *vm, qemuHelper **helper);
/** The helper of an earlier daemon, which runs a backup or a restore, is from now the domain's target, and held. 0, or
 * -1 as qemuHelperReconnect. */
int qemuTargetReconnect(qemuVM *vm, qemuHelperMode mode);
/** The daemon ends: nothing comes from the helper any more. It lives on for the next daemon. */
void qemuTargetLetGo(qemuVM *vm);
/** The backup that held the helper is over: end it. No-op without one. */
void qemuTargetRelease(qemuVM *vm);
