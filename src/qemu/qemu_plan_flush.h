/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last flush of a target that is served. */
#pragma once
#include "qemu_target.h"

/**
 * qemuPlanFlushTarget: ask the NBD server that the push of @disk (@size bytes) has written to, whose job has concluded
 * and whose filter is gone, to put all of it on its storage, wait two minutes at most, and cut the connection: what closes the target after that waits for nobody. The guest runs on meanwhile.
 * Once more after a daemon that died on the way: finds what that has left.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED: the server may not have it all.
 */
int qemuPlanFlushTarget(qemuTarget *target, const char *disk, unsigned long long size);
