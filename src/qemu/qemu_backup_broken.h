/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pull whose snapshot is broken has failed, and is ended without waiting for its client. */
#pragma once
#include "qemu_vm.h"
#include "virjson.h"

/** QEMU's event QUORUM_REPORT_BAD with @data, sent at @whenMs (wall clock). If it says that a disk of the
 * running backup cannot be read as of the instant any more, the backup is ended as failed on a driver thread.
 * Does not block. */
void qemuBackupEventBad(qemuVM *vm, const virJSONValue *data, long long whenMs);
