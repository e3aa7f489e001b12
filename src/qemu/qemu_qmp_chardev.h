/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: character devices. */
#pragma once
#include <glib.h>
#include "qemu_monitor.h"

/** (owned) chardev id ("charserial0") -> path of its pseudo terminal ("/dev/pts/3"), ptys only. */
GHashTable *qemuQMPQueryPtys(qemuMonitor *mon);
/** @open: is the guest's end of chardev @id open? False also if there is no such chardev. */
int qemuQMPQueryFrontend(qemuMonitor *mon, const char *id, bool *open);
