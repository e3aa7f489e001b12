/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's side of virtqemud-guard (src/virtqemud_guard.c): a process that lets guests run on and
 * thaws their file systems when we die or hang. One for the whole daemon, started when first needed
 * and again if it has gone. All functions may be called from any thread, without locks.
 */
#pragma once
#include <stdbool.h>
#include "qemu_guard_protocol.h"

/**
 * qemuGuardArm: from here on the guard acts on @fd (it gets a copy; borrowed) when this process ends, or
 * after @deadlineMs (0 = only then). @wait: only return when the guard has it for certain; without, a
 * guard that has just died goes unnoticed, but nothing is waited for.
 * Returns: an id (not 0), or 0 with an error set.
 */
unsigned int qemuGuardArm(qemuGuardKind kind, int fd, unsigned int deadlineMs, bool wait);
/** Another deadline, from now. Returns: false if the guard has acted, or has gone. */
bool qemuGuardExtend(unsigned int id, unsigned int deadlineMs);
/** The danger is over. @wait: ask whether the guard had acted. Returns: false if it had, or has gone. */
bool qemuGuardDisarm(unsigned int id, bool wait);
/** Act now, and go on until it is done: we could not. The connection is the guard's from here. */
void qemuGuardFire(unsigned int id);
