/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU reports on its own: from the monitor to the domain's event lane, and from there to the
 * domain's state and to clients.
 */
#pragma once
#include "qemu_vm.h"

/** From the monitor, on the main loop: queue event @name of run @run (all borrowed). Whether a STOP
 * or RESUME is our own is decided here: QEMU sends it before its reply to the command, so whoever
 * gave the command still has the flag set. */
void qemuVMEventQueue(qemuVM *vm, unsigned int run, const char *name, const virJSONValue *data,
                      long long seconds, unsigned int micros);
/** Lock held. The guest end of the agent channel is open, or not: noted, and published if that is new. */
void qemuVMEventAgent(qemuVM *vm, bool open);
