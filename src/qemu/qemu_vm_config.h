/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions on disk: configDir/NAME.xml, and configDir/autostart/NAME.xml as a link to it.
 */
#pragma once
#include "qemu_vm.h"

/** Write the persistent definition durably. @def: borrowed. 0, or -1 and the old one stands. */
int qemuVMConfigSave(const virDomainDef *def);
/** Remove definition and autostart link, durably. */
int qemuVMConfigRemove(const char *name);
/** Set or remove the autostart link. */
int qemuVMConfigSetAutostart(const char *name, bool autostart);
/** Read every definition into the driver's list, several at once. Files that cannot be used are
 * logged and left where they are; their number is returned. */
size_t qemuVMConfigLoadAll(void);
