/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NBD server of a pull backup that is over. Stopping it while a client is connected that never
 * said anything would freeze the guest until QEMU drops that client (10 s), so the end of a backup
 * does not wait for it: if need be it is stopped behind the client's back, and only the next begin waits.
 */
#pragma once
#include "backup_def.h"
#include "qemu_vm.h"

/** Stop the server of the backup @def: at once if nobody is connected, else on a worker. Sets and
 * clears vm->nbdServerEnding; removes the journal when done. Needs no job. */
void qemuBackupServerStop(qemuVM *vm, const virDomainBackupDef *def);
/** Wait until no server of an earlier backup is left. 0, or -1 with VIR_ERR_OPERATION_TIMEOUT. */
int qemuBackupServerAwait(qemuVM *vm);
