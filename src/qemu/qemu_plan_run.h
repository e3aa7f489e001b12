/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one executor: runs the steps of a Plan on a target, and rolls back newest first. */
#pragma once
#include "qemu_plan.h"
#include "qemu_target.h"

/** Progress of a Plan; kept by the caller for undo at the end of a job. */
typedef struct _qemuPlanRun {
    const qemuPlan *plan;     /* borrowed */
    size_t done;              /* steps whose effect happened */
} qemuPlanRun;

/**
 * qemuPlanRunAll: run the plan from its start. Fault point NAME before each step's effect and
 * NAME.done after it. On failure everything done is undone newest first, the first error stays.
 * Blocks on QMP; called with the job slot and without locks.
 */
int qemuPlanRunAll(qemuPlanRun *run, qemuTarget *target);
/** Undo @done steps newest first. @tolerant: steps may not have happened ("not found" is fine): the
 * restarted daemon's repair. Clean-up: keeps the current error. Returns the number of undos that failed. */
int qemuPlanRunUndo(qemuPlanRun *run, qemuTarget *target, bool tolerant);
