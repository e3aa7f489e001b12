/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An export helper that ends by itself takes its backup along: nobody could read it any more. */
#pragma once
#include "qemu_backup_job.h"

/** Watch the helper of the running backup of @vm, if it has one; one that has gone already ends it, too. */
void qemuExportHelperWatch(qemuVM *vm);
