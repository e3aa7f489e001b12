/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon that comes back does with the journal of a backup. */
#pragma once
#include "qemu_vm.h"

/**
 * qemuBackupRecover: the domain's QEMU, or the stopped domain's helper, ran on while the daemon was away. A running backup goes on
 * (a push that concluded meanwhile is finished); a half-begun one is undone; a half-ended one is ended.
 * @undone: (owned) name of the checkpoint whose backup was undone, or NULL: its record must go too.
 * Caller holds MODIFY. Returns 0, or -1 with an error. A journal that cannot be read is set aside.
 */
int qemuBackupRecover(qemuVM *vm, char **undone);
/** The journal tells of a backup of the stopped domain that runs, or is being ended, in a helper. */
bool qemuBackupHasHelper(qemuVM *vm);
/** The same, and more, when no helper is there any more: such a backup has failed, one that was over is told
 * of, of one that had not begun the files are removed. Caller holds MODIFY. 0, or -1 with an error. */
int qemuBackupGivenUp(qemuVM *vm);
/** (owned) name of the checkpoint of a backup whose begin could not be undone yet, or NULL: its
 * bitmaps go with that. */
char *qemuBackupHalfBegun(qemuVM *vm);
/** Before a backup begins: what an earlier one could not take apart is tried again. Waits for its NBD
 * server. Caller holds MODIFY. 0, or -1 with an error that refuses the begin. */
int qemuBackupSettle(qemuVM *vm);
/** The domain does not run: what an earlier QEMU's backup left in files is removed, and its journal. */
void qemuBackupSweep(qemuVM *vm);
