/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that QEMU has stopped for what is the fault of a backup goes on at once. */
#pragma once
#include <stdbool.h>
#include "qemu_vm.h"

/**
 * qemuBackupRescueGuest: QEMU has stopped the guest, because a write to disk @disk failed (@reason:
 * QEMU's words, or NULL). If the disk is being pushed, the target is taken to be the cause: on a driver
 * thread the push is cancelled, which fails the backup with that reason, and the guest continued; its
 * write, which QEMU has kept, is then done again, without the backup in its way. STOP and RESUME are
 * not published meanwhile. A disk that was the cause itself stops the guest a second time, with no
 * backup to blame.
 * Lock held; does not block. Returns true if it has taken the matter over.
 */
bool qemuBackupRescueGuest(qemuVM *vm, const char *disk, const char *reason);
