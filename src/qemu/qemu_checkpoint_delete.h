/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finishing a deletion that a crash interrupted. */
#pragma once
#include "qemu_vm.h"

/** Bitmaps, new parents, records of @names (state DELETING, NULL-terminated), from wherever it
 * stopped. Caller holds MODIFY and a target. */
int qemuCheckpointDeleteFinish(qemuVM *vm, char **names);
