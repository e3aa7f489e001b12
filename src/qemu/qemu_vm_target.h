/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemuTarget of a QEMU that we started: the functions behind vm->target. */
#pragma once
#include "qemu_target.h"

/** Every member works on the qemuVM around the target (qemuVMOfTarget). */
extern const qemuTargetOps qemuVMTargetOps;
