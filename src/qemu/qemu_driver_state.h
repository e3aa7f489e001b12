/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the whole driver shares: configuration, the domains, the registered event callbacks.
 * One a process; made by qemuDriverStart(), taken apart by qemuDriverStop(). Everything
 * below the API files asks here instead of carrying a driver pointer along.
 */
#pragma once
#include <glib.h>
#include "domain_event.h"
#include "qemu_capabilities.h"
#include "qemu_conf.h"

typedef struct _qemuVMList qemuVMList;   /* qemu_vm_list.h */

/** (owned reference to the) configuration in force: qemuConfigUnref / g_autoptr(qemuConfig). */
qemuConfig *qemuDriverConfig(void);
/** Callbacks clients registered; lives as long as the driver (borrowed). To announce something about
 * a domain use qemuVMPublish(), which keeps the order; this list is for registering. */
virDomainEventList *qemuDriverEvents(void);
/** All domains (borrowed). */
qemuVMList *qemuDriverVMs(void);
/** What the emulator @binary (NULL: the default one) can do (owned reference), or NULL as
 * qemuCapsCacheLookup. May run a process: no locks. */
qemuCaps *qemuDriverCaps(const char *binary);

/** Set up with @config (owned reference, consumed) and an empty list. */
void qemuDriverStateInit(qemuConfig *config);
/** Replace the configuration (consumed): readers keep the one they hold. */
void qemuDriverStateSetConfig(qemuConfig *config);
/** Waits for the driver's threads, drops every domain. */
void qemuDriverStateClear(void);
