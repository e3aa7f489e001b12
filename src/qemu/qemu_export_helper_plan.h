/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pull with an export helper (qemu_export_helper.h) does besides: QEMU serves on a UNIX socket in its
 * private directory and without bitmaps; the bitmap "since X" of an incremental disk is handed over in an empty
 * qcow2 image there; the helper comes last and goes first. Pure.
 */
#pragma once
#include "qemu_backup_plan.h"

/** Has the backup @def one? @privateDir: of the domain's QEMU; NULL for a stopped domain, which has none. */
bool qemuExportHelperIsWanted(const virDomainBackupDef *def, const char *privateDir);
/** The socket at which it finds QEMU. (owned) */
char *qemuExportHelperSocket(const char *privateDir);

/** Behind QEMU's exports: bitmaps handed over, helper started. */
void qemuExportHelperPlanBegin(qemuPlan *plan, const qemuBackupPlanInput *input);
/** In front of all else. */
void qemuExportHelperPlanEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending);
/** Images of bitmaps removed. */
void qemuExportHelperPlanFilesEnd(qemuPlan *plan, const qemuBackupPlanEnding *ending);
