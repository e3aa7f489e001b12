/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Over a running pull: no NBD client may make QEMU, and the guest with it, wait for it. */
#pragma once
#include "qemu_backup_job.h"
#include "qemu_vm.h"

/** Watch @job, which has just begun or is found running, until it is over. Needs nothing, blocks nobody. */
void qemuBackupWatchStart(qemuVM *vm, qemuBackupJob *job);
