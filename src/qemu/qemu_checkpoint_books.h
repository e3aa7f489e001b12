/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bitmaps the domain's disks have, without asking QEMU each time. Only used by who holds the
 * MODIFY job. They are of one QEMU or block helper, and forgotten with it.
 */
#pragma once
#include "qemu_checkpoint_plan.h"
#include "qemu_vm.h"

/** The graph as far as checkpoints need it: cached, or one query. Borrowed, valid while MODIFY is
 * held and until qemuCheckpointBooksForget(). NULL with an error if QEMU does not answer. */
qemuGraph *qemuCheckpointBooks(qemuVM *vm);
/** Something else may have changed bitmaps (monitor passthrough, start, stop, a failed
 * transaction): ask QEMU next time. */
void qemuCheckpointBooksForget(qemuVM *vm);
/** A transaction of ours succeeded. @disks as given to its planner; their nodes are in the books. */
void qemuCheckpointBooksCreated(qemuVM *vm, const qemuCheckpointPlanDisk *disks, size_t n);
void qemuCheckpointBooksDeleted(qemuVM *vm, const qemuCheckpointPlanDisk *disks, size_t n);
