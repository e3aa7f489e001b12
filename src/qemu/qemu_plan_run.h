/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one executor: runs the steps of a Plan on a target, and rolls back newest first. */
#pragma once
#include "qemu_plan.h"
#include "qemu_target.h"

/** Progress of a Plan; kept by the caller for undo at the end of a job. */
typedef struct _qemuPlanRun {
    const qemuPlan *plan;     /* borrowed */
    size_t done;              /* steps whose effect happened */
    bool copiesLooked;        /* a run of the same plan before this one has looked, whatever became of it */
    const int *fd;            /* what a PASS_FD step passes (borrowed); NULL: the plan has none */
    bool copiesDoubtful;      /* some CHECK_COPIES step found that its target cannot be trusted */
    char *unflushed;          /* why a target may not have all that was written to it (owned by the caller), or NULL */
} qemuPlanRun;

/**
 * qemuPlanRunValidate: none of the files the plan creates is there yet, and no NBD socket would
 * replace a file that is not a socket. Call it before the plan is written to a journal: from then on
 * a file at such a path is ours to remove. Returns 0, or -1 with VIR_ERR_INVALID_ARG (as libvirt) naming the file.
 */
int qemuPlanRunValidate(const qemuPlan *plan);
/**
 * qemuPlanRunAll: validate, then run the plan from its start. Fault point NAME before each step's
 * effect and NAME.done after it. QMP steps joined by their batch flag go out in one write, so that
 * later ones ("cont") reach QEMU whatever became of the earlier ones, or of us.
 * On failure everything done is undone newest first, the first error stays. A failed step that has
 * goOn undoes nothing: the rest is run, and then -1 is returned with the first such error.
 * Blocks on QMP; called with the job slot and without locks.
 */
int qemuPlanRunAll(qemuPlanRun *run, qemuTarget *target);
/**
 * qemuPlanRunUndo: undo @done steps newest first; fault point NAME.undo before each. @tolerant: steps may not have happened ("not found"
 * is fine) and REDO steps are run: the restarted daemon's repair, with @done = all steps.
 * Clean-up: keeps the current error. Returns the number of undos that failed; a QEMU that is gone
 * took its graph along, so that only files count then.
 */
int qemuPlanRunUndo(qemuPlanRun *run, qemuTarget *target, bool tolerant);
