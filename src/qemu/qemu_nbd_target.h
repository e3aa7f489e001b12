/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An NBD server as the target of a push backup. */
#pragma once
#include "backup_nbd.h"
#include "virjson.h"

/** How long a server may take to let itself be connected to and to say hello. */
#define QEMU_NBD_TARGET_TIMEOUT_MS 5000

/** QEMU's options of the protocol node. Pure. (owned) */
virJSONValue *qemuNbdTargetOptions(const virBackupNbd *nbd);
/**
 * qemuNbdTargetProbe: is there a server that answers? QEMU stands still, with its guest, while it
 * connects; so one that does not answer must be found out before QEMU is told of it.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED that names server, @disk and @domain. Blocks at
 * most twice QEMU_NBD_TARGET_TIMEOUT_MS (names are resolved on top of that).
 */
int qemuNbdTargetProbe(const virBackupNbd *nbd, const char *domain, const char *disk);
