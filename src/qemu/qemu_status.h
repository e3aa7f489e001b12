/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to outlive the daemon about a running domain: stateDir/NAME.xml. Below /run, so it is
 * replaced without fsync; it dies with the host, as QEMU does.
 */
#pragma once
#include "qemu_vm.h"

/** Write the status file of the running domain now. Takes vm->lock for the copy, writes without it.
 * 0, or -1 with VIR_ERR_SYSTEM_ERROR. A domain that does not run has no status: 0. */
int qemuStatusSave(qemuVM *vm);
/** Its run is over: remove the file. */
void qemuStatusRemove(qemuVM *vm);

/** Pure halves of the above. Format: lock held or @vm private; (owned) text. */
char *qemuStatusFormat(const qemuVM *vm);
/** (owned reference) a domain that stands as the file says, in no list yet: def, pid, pidStart,
 * state, disks, monitorPath; no monitor. NULL with VIR_ERR_XML_ERROR / CONFIG_UNSUPPORTED. */
qemuVM *qemuStatusParse(const char *xml);
