/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In which order the checkpoints of each disk were made, kept apart from their records, so that losing
 * these loses nothing. While the domain is stopped that is in the ledgers of its images
 * (qemu_ledger.h). A ledger is not updated with each checkpoint, as its bytes would cost QEMU more than
 * the checkpoint: the first change in a run of QEMU takes the seals away, and from then on a file that
 * lives as long as the run has the order. The ledgers are written when QEMU is about to end, or with
 * the bitmaps of a stopped domain.
 *
 * All of it under MODIFY and with a target.
 */
#pragma once
#include "checkpoint_def.h"
#include "qemu_graph.h"
#include "qemu_settle.h"
#include "qemu_vm.h"

/** Disk name -> array of qemuLedgerEntry, oldest first. An entry without a name stands for a bitmap
 * that is lost. (owned reference) */
GHashTable *qemuCheckpointOrder(qemuVM *vm, const qemuGraph *graph);
/** The order of @disk in it, (borrowed), NULL if nothing is known. */
const GPtrArray *qemuCheckpointOrderOfDisk(GHashTable *order, const char *disk);

/** Bitmaps are about to change: take the seals away. 0, or -1 when QEMU fails to; then nothing may be
 * changed. */
int qemuCheckpointOrderBegin(qemuVM *vm);
/** After Begin: @created is about to be made. Cannot fail: what cannot be noted makes the order unknown
 * after the death of the daemon. */
void qemuCheckpointOrderCreated(qemuVM *vm, const virDomainCheckpointDef *created);
/** The bitmaps of @names (NULL-terminated) were removed, their time went to the ones before them. As
 * Created. */
void qemuCheckpointOrderDeleted(qemuVM *vm, const char *const *names);
/** Bring the ledgers up to date and seal them, if they have to be; warns if it cannot be done. */
void qemuCheckpointOrderStore(qemuVM *vm);
/** QEMU or the block helper is gone. Needs no target. */
void qemuCheckpointOrderForget(qemuVM *vm);

/** Have bitmaps changed since QEMU began, whether records still tell of them or not? Needs no target. */
bool qemuCheckpointOrderBegun(const qemuVM *vm);
/** The same as Store, before the end of QEMU. */
extern const qemuSettleStep qemuCheckpointOrderSettle;
