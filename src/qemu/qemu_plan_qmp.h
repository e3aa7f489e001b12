/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP half of the executor: sending steps, judging replies, waiting for what QEMU does later. */
#pragma once
#include "qemu_plan.h"
#include "qemu_target.h"

typedef enum { QEMU_PLAN_STEP_PENDING, QEMU_PLAN_STEP_DONE, QEMU_PLAN_STEP_FAILED } qemuPlanStepState;

/* What later steps need to know, asked in the write of a step before them: a round trip each saved.
 * Exports may go on the way; which node a device has changes by nobody but the plan itself. */
typedef struct _qemuPlanQMPNews {
    bool wanted;              /* the next write asks */
    virJSONValue *exports;    /* query-block-exports, NULL = not known */
    virJSONValue *devices;    /* query-blockstats, NULL = not known; forgotten when used */
    bool copiesLooked, copiesDoubtful;   /* as in qemuPlanRun */
    char *unflushed;          /* likewise */
} qemuPlanQMPNews;
void qemuPlanQMPNewsClear(qemuPlanQMPNews *news);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuPlanQMPNews, qemuPlanQMPNewsClear)

/**
 * qemuPlanQMPSend: the commands of @steps[0..n) in one write; @states[i] says what became of each.
 * @news: or NULL, see above.
 * Returns 0 when all are done; -1 with the first failed step's error, or QEMU's death.
 */
int qemuPlanQMPSend(qemuPlanStep *const *steps, size_t n, qemuTarget *target,
                    qemuPlanStepState *states, qemuPlanQMPNews *news);
/** A step of kind JOB: its command, and what comes of the job. 0, or -1 with VIR_ERR_INTERNAL_ERROR. */
int qemuPlanQMPRunJob(const qemuPlanStep *step, qemuTarget *target);
/** Undo of a step of @plan (NULL: one that has no server), and wait until it took effect; clients of the plan's NBD server that keep an
 * export from letting go are cut off. @tolerant: it may never have happened.
 * Returns 0 also when QEMU is gone; -1 with an error otherwise. */
int qemuPlanQMPUndo(const qemuPlan *plan, const qemuPlanStep *step, qemuTarget *target, bool tolerant);
/** Until QEMU lists no export of ours; clients of the server at @path, or TCP @port, that keep it from
 * letting go are cut off. @news may know that there is none. -1 with VIR_ERR_OPERATION_TIMEOUT. */
int qemuPlanQMPWaitExports(qemuTarget *target, const char *path, unsigned int port,
                           const qemuPlanQMPNews *news);
/** Until no NBD client is connected at @path, or TCP @port. -1 with VIR_ERR_OPERATION_TIMEOUT. */
int qemuPlanQMPWaitClients(qemuTarget *target, const char *path, unsigned int port);
