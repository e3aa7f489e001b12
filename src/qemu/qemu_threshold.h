/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write thresholds: being told when the host's storage below an image is about to be used up. */
#pragma once
#include "qemu_vm.h"
#include "virjson.h"

/** BLOCK_WRITE_THRESHOLD, from the vm's event lane (does QMP if it is about the store of a backup): published
 * under every name that clients can have given. */
void qemuThresholdEvent(qemuVM *vm, const virJSONValue *data);
