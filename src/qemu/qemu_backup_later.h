/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A backup that is over, and could not be taken apart. */
#pragma once
#include "qemu_vm.h"

/**
 * qemuBackupSettleLater: go on trying to take apart what the last backup of @vm has left in its QEMU, first
 * after a second and then ever more rarely (every 30 s), until that has succeeded, a new backup, which
 * begins with the same, has begun, or QEMU is gone. Returns at once.
 */
void qemuBackupSettleLater(qemuVM *vm);
