/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a start of QEMU or of the daemon: compare records, journal and block graph; finish or undo.
 */
#pragma once
#include <stdbool.h>
#include "qemu_vm.h"

/**
 * qemuReconcileVM: @reconnected: QEMU ran on while the daemon was away; otherwise it has just been
 * started. Called with MODIFY held and the monitor open. A record 'creating' with all its bitmaps
 * becomes ready, with none is forgotten, with some is taken back; 'deleting' is finished. Problems are
 * logged, not fatal: the domain is usable, the checkpoint in question shows as broken.
 * Returns 0, or -1 if QEMU died meanwhile.
 */
int qemuReconcileVM(qemuVM *vm, bool reconnected);
/**
 * qemuReconcileLeftovers: before an operation on checkpoints begins: records that an earlier one
 * could not finish (a full disk) are tried again. Caller holds MODIFY. What fails again is logged.
 */
void qemuReconcileLeftovers(qemuVM *vm);
/** Some record says that creating or deleting it is under way (takes vm->lock). Under MODIFY, before
 * an operation of one's own, that means it was interrupted. */
bool qemuReconcilePending(qemuVM *vm);
/** Take the checkpoint @name back, of which the record says 'creating': bitmaps and record. Caller holds
 * MODIFY and a target. */
int qemuReconcileTakeBack(qemuVM *vm, const char *name);
/** Settle all such records, as above, with the domain's target (qemuVMTarget). Caller holds MODIFY. */
void qemuReconcileCheckpoints(qemuVM *vm);
