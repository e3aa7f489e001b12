/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QEMU driver as the daemon sees it: set up, reload, shut down, and the table of its functions. */
#pragma once
#include <stdbool.h>
#include "libvirt-driver.h"

/* The functions of this driver; static. Implementations are in qemu_api_*.c, qemu_checkpoint.c,
 * qemu_backup.c; qemu_driver.c holds nothing but the table. */
extern const virDriver qemuDriverTable;

typedef struct _qemuDriverOptions {
    const char *root;            /* --root DIR, or NULL */
    bool privileged;             /* system mode */
    const char *configFile;      /* qemu.conf, or NULL for the default place */
} qemuDriverOptions;
/** Load config, defined domains, reconnect to running ones (in the background, one worker a
 * domain), start those marked autostart. @idle: called whenever the number of running VMs or jobs changes. */
int qemuDriverStart(const qemuDriverOptions *options);
int qemuDriverReload(void);
/** True while something keeps the daemon from an idle exit (a running VM or job). */
bool qemuDriverBusy(void);
/** Leave VMs running, wait for calls in flight, free everything. */
void qemuDriverStop(void);
