/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libDir/domain-ID-NAME: sockets of monitor and channels, and windows of backups, of one run of a domain. */
#pragma once
#include "qemu_conf.h"

/** Make it, empty, mode 0700, belonging to QEMU's user. (owned) its path, or NULL with
 * VIR_ERR_SYSTEM_ERROR. */
char *qemuRunDirMake(const qemuConfig *config, int id, const char *name);
/** Remove it with the files in it. An absent one is fine. */
void qemuRunDirRemove(const char *path);
