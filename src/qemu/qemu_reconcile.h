/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a start of QEMU or of the daemon: compare records, journal and block graph; finish or undo.
 */
#pragma once
#include <stdbool.h>
#include "qemu_vm.h"

/** qemuReconcileVM: @reconnected: QEMU ran on while the daemon was away. Called with MODIFY held and
 * the monitor open. A record 'creating' with all bitmaps becomes ready, with none is forgotten, with
 * some is completed by deleting them; 'deleting' is finished. Problems are logged, not fatal.
 * Returns 0, or -1 if QEMU died meanwhile. */
int qemuReconcileVM(qemuVM *vm, bool reconnected);
