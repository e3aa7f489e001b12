/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Over a running backup: no NBD client or target may make QEMU, and the guest with it, wait for it. */
#pragma once
#include "qemu_backup_job.h"
#include "qemu_vm.h"

/** Watch the backup of @vm, which has just begun or is found running, until it is over; it may be over
 * already. Needs nothing, blocks nobody. */
void qemuBackupWatchStart(qemuVM *vm);
