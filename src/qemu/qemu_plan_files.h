/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file steps of a Plan: images made, lent, flushed, removed. Called by the executor only. */
#pragma once
#include "qemu_plan.h"
#include "qemu_target.h"

/** Would the step's file be made over one that is there? -1 with VIR_ERR_OPERATION_FAILED. */
int qemuPlanFileValidate(const qemuPlanStep *step);
/** Steps that create use O_EXCL and leave no file when they fail. */
int qemuPlanFileRun(const qemuPlanStep *step, qemuTarget *target);
/** All images of @n FLUSH steps, at the same time: the host's disk serves flushes together. */
void qemuPlanFilesFlush(qemuPlanStep *const *steps, size_t n);
/** A step of kind WAIT_FLUSH. @unflushed: (owned) set, unless it is already, to the storage's error.
 * 0, or -1 with VIR_ERR_OPERATION_TIMEOUT. */
int qemuPlanFileWaitFlush(const qemuPlanStep *step, char **unflushed);
/** A step of kind WAIT_SCRATCH. 0, or -1 with VIR_ERR_OPERATION_TIMEOUT. */
int qemuPlanFileWait(const qemuPlanStep *step, qemuTarget *target);
int qemuPlanFileUndo(const qemuPlanStep *step, qemuTarget *target);
