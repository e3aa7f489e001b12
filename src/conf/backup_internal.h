/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What backup_def.c and backup_align.c need of each other; nobody else includes this. */
#pragma once
#include "backup_def.h"

/** An entry for disk @name that takes no part yet. */
virDomainBackupDiskDef *virDomainBackupDiskDefNew(const char *name);
void virDomainBackupDiskDefFree(virDomainBackupDiskDef *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainBackupDiskDef, virDomainBackupDiskDefFree)
