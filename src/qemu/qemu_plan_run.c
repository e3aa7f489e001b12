/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The executor: steps forward in order, back newest first.
 *
 * How far it got is kept per step, not as a count, because the commands of one write all reach QEMU:
 * a failed one in the middle does not keep the later ones from having happened. A rollback takes back
 * exactly what was done. What nobody knows (the journal of a daemon that died) is taken back
 * tolerantly by qemuPlanRunUndo.
 */
#include "qemu_plan_run.h"

#include <sys/stat.h>
#include "qemu_bitmap_store_disks.h"
#include "qemu_export_helper.h"
#include "qemu_plan_copies.h"
#include "qemu_plan_files.h"
#include "qemu_plan_flush.h"
#include "qemu_plan_qmp.h"
#include "qemu_secret.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const qemuPlanStep *
planStep(const qemuPlan *plan, size_t i)
{
    return g_ptr_array_index(plan->steps, i);
}

/* QEMU removes whatever it finds where its socket shall be. */
static int
validateSocket(const qemuPlanStep *step)
{
    const virJSONValue *args = virJSONObjectLookupObject(step->command, "arguments");
    const virJSONValue *addr = virJSONObjectLookupObject(args, "addr");
    const char *path = virJSONObjectLookupString(virJSONObjectLookupObject(addr, "data"), "path");
    struct stat st = { 0 };

    if (!path || lstat(path, &st) < 0 || S_ISSOCK(st.st_mode))
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot listen for NBD clients on '%s': there is a file that is not a socket; "
                   "name another socket", path);
    return -1;
}

int
qemuPlanRunValidate(const qemuPlan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const qemuPlanStep *step = planStep(plan, i);

        if (qemuPlanFileValidate(step) < 0 || validateSocket(step) < 0)
            return -1;
    }
    return 0;
}

static int
runSecret(const qemuPlanStep *step, qemuTarget *target)
{
    g_autoptr(virStorageEncryption) encryption = virStorageEncryptionFromRef(step->secret);

    return encryption ? qemuSecretSend(target, step->command, encryption) : -1;
}

static int
runSingle(const qemuPlanStep *step, const int *fd, qemuTarget *target, qemuPlanQMPNews *news)
{
    switch (step->kind) {
    case QEMU_STEP_SECRET:
        return runSecret(step, target);
    case QEMU_STEP_PASS_FD:
        return target->ops->commandFd(target, step->command, fd ? *fd : -1);
    case QEMU_STEP_SCRATCH_CREATE:
    case QEMU_STEP_IMAGE_CREATE:
    case QEMU_STEP_WINDOW_CREATE:
    case QEMU_STEP_BITMAP_CREATE:
    case QEMU_STEP_LEND:
    case QEMU_STEP_RETURN:
    case QEMU_STEP_FLUSH:
    case QEMU_STEP_UNLINK:
        return qemuPlanFileRun(step, target);
    case QEMU_STEP_HIDE_PAUSE:
    case QEMU_STEP_SHOW_PAUSE:
        target->ops->hidePause(target, step->kind == QEMU_STEP_HIDE_PAUSE);
        return 0;
    case QEMU_STEP_JOB:
        return qemuPlanQMPRunJob(step, target);
    case QEMU_STEP_BITMAPS:
        return qemuBitmapStorePlug(target, step->path);
    case QEMU_STEP_FREEZE:
        return target->ops->freeze(target);
    case QEMU_STEP_THAW:
        return target->ops->thaw(target, false);
    case QEMU_STEP_WAIT_EXPORTS:
        return qemuPlanQMPWaitExports(target, step->path, step->size, news);
    case QEMU_STEP_WAIT_CLIENTS:
        return qemuPlanQMPWaitClients(target, step->path, step->size);
    case QEMU_STEP_WAIT_SCRATCH:
        return qemuPlanFileWait(step, target);
    case QEMU_STEP_WAIT_FLUSH:
        return qemuPlanFileWaitFlush(step, &news->unflushed);
    case QEMU_STEP_FLUSH_TARGET:
        return qemuPlanFlushTarget(target, step->path, step->size);
    case QEMU_STEP_CHECK_COPIES:
        return qemuPlanCopiesCheck(target, step->path, news->copiesLooked, &news->copiesDoubtful);
    case QEMU_STEP_HELPER:
        return qemuExportHelperStart(target, step->path, step->command);
    case QEMU_STEP_HELPER_END:
        return qemuExportHelperEnd(step->path);
    case QEMU_STEP_QMP:
    case QEMU_STEP_LAST:
        break;
    }
    virReportError(VIR_ERR_INTERNAL_ERROR, "step '%s' is of no kind that runs alone", step->name);
    return -1;
}

static int
undoStep(const qemuPlan *plan, const qemuPlanStep *step, qemuTarget *target, bool tolerant)
{
    g_autofree char *fault = g_strconcat(step->name, ".undo", NULL);

    VIR_DEBUG("step '%s' is taken back", step->name);
    if (virFaultPoint(fault) < 0)
        return -1;
    switch (step->kind) {
    case QEMU_STEP_QMP:
    case QEMU_STEP_SECRET:
        return qemuPlanQMPUndo(plan, step, target, tolerant);
    case QEMU_STEP_JOB:
    case QEMU_STEP_PASS_FD:
        return qemuPlanQMPUndo(plan, step, target, true);
    case QEMU_STEP_SCRATCH_CREATE:
    case QEMU_STEP_IMAGE_CREATE:
    case QEMU_STEP_WINDOW_CREATE:
    case QEMU_STEP_BITMAP_CREATE:
    case QEMU_STEP_LEND:
        return qemuPlanFileUndo(step, target);
    case QEMU_STEP_HELPER:
        return qemuExportHelperEnd(step->path);
    case QEMU_STEP_HIDE_PAUSE:
        target->ops->hidePause(target, false);
        return 0;
    case QEMU_STEP_BITMAPS:
        qemuBitmapStorePlugUndo(target, step->path);
        return 0;
    case QEMU_STEP_FREEZE:
        return target->ops->thaw(target, tolerant);
    case QEMU_STEP_RETURN:
    case QEMU_STEP_FLUSH:
    case QEMU_STEP_SHOW_PAUSE:
    case QEMU_STEP_THAW:
    case QEMU_STEP_WAIT_EXPORTS:
    case QEMU_STEP_WAIT_CLIENTS:
    case QEMU_STEP_WAIT_SCRATCH:
    case QEMU_STEP_WAIT_FLUSH:
    case QEMU_STEP_FLUSH_TARGET:
    case QEMU_STEP_CHECK_COPIES:
    case QEMU_STEP_HELPER_END:
    case QEMU_STEP_UNLINK:
    case QEMU_STEP_LAST:
        return 0;
    }
    return 0;
}

/* Run a REDO step that did not happen, or may not have. "cont" only where the pause is ours: a user's
 * pause is on record. */
static int
redoStep(const qemuPlanStep *step, qemuTarget *target)
{
    qemuPlanStepState state = QEMU_PLAN_STEP_PENDING;
    qemuPlanStep *steps[] = { (qemuPlanStep *)step };

    if (step->kind == QEMU_STEP_QMP && !target->ops->guestRuns(target))
        return 0;
    if (step->kind == QEMU_STEP_QMP)
        return qemuPlanQMPSend(steps, 1, target, &state, NULL);
    return runSingle(step, NULL, target, NULL);
}

static int
faultBefore(const qemuPlan *plan, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (virFaultPoint(planStep(plan, i)->name) < 0)
            return -1;
    }
    return 0;
}

static int
faultAfter(const qemuPlan *plan, size_t first, size_t end, const qemuPlanStepState *states)
{
    for (size_t i = first; i < end; i++) {
        g_autofree char *name = g_strconcat(planStep(plan, i)->name, ".done", NULL);

        if (states[i] == QEMU_PLAN_STEP_DONE && virFaultPoint(name) < 0)
            return -1;
    }
    return 0;
}

static size_t
flushGroupEnd(const qemuPlan *plan, size_t end)
{
    while (end < plan->steps->len && planStep(plan, end)->kind == QEMU_STEP_FLUSH)
        end++;
    return end;
}

/* One past the last step that goes out together with step @first. */
static size_t
groupEnd(const qemuPlan *plan, size_t first)
{
    size_t end = first + 1;

    if (planStep(plan, first)->kind == QEMU_STEP_FLUSH)
        return flushGroupEnd(plan, end);
    if (planStep(plan, first)->kind != QEMU_STEP_QMP)
        return end;
    while (end < plan->steps->len && planStep(plan, end - 1)->batch &&
           planStep(plan, end)->kind == QEMU_STEP_QMP)
        end++;
    return end;
}

static int
runGroup(const qemuPlanRun *run, size_t first, size_t end, qemuTarget *target,
         qemuPlanStepState *states, qemuPlanQMPNews *news)
{
    const qemuPlan *plan = run->plan;
    const qemuPlanStep *step = planStep(plan, first);

    VIR_DEBUG("plan %s: step '%s' (%zu)", plan->name, step->name, end - first);
    if (faultBefore(plan, first, end) < 0)
        return -1;
    if (step->kind == QEMU_STEP_QMP) {
        /* behind that wait devices are switched, too: both answers come along */
        news->wanted =
            end < plan->steps->len && planStep(plan, end)->kind == QEMU_STEP_WAIT_EXPORTS;
        if (qemuPlanQMPSend((qemuPlanStep *const *)plan->steps->pdata + first, end - first, target,
                            states + first, news) < 0)
            return -1;
    } else if (step->kind == QEMU_STEP_FLUSH) {
        qemuPlanFilesFlush((qemuPlanStep *const *)plan->steps->pdata + first, end - first);
        for (size_t i = first; i < end; i++)
            states[i] = QEMU_PLAN_STEP_DONE;
    } else {
        states[first] = QEMU_PLAN_STEP_FAILED;
        if (runSingle(step, run->fd, target, news) < 0)
            return -1;
        states[first] = QEMU_PLAN_STEP_DONE;
    }
    return faultAfter(plan, first, end, states);
}

/* Steps done are taken back; a REDO step is repeated if it failed, and has nothing to take back. */
static void
rollBack(const qemuPlan *plan, qemuTarget *target, const qemuPlanStepState *states)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    for (size_t i = plan->steps->len; i-- > 0;) {
        const qemuPlanStep *step = planStep(plan, i);
        bool redo = step->repair == QEMU_STEP_REPAIR_REDO;

        if (redo && states[i] == QEMU_PLAN_STEP_FAILED)
            redoStep(step, target);
        else if (!redo && states[i] == QEMU_PLAN_STEP_DONE && undoStep(plan, step, target, false) < 0)
            VIR_WARN("step '%s' of %s could not be taken back: %s", step->name, plan->name,
                     virErrorLastMessage());
    }
    virErrorRestore(&saved);
}

int
qemuPlanRunAll(qemuPlanRun *run, qemuTarget *target)
{
    const qemuPlan *plan = run->plan;
    g_autofree qemuPlanStepState *states = g_new0(qemuPlanStepState, plan->steps->len);
    g_auto(qemuPlanQMPNews) news = { .copiesLooked = run->copiesLooked };
    virErrorPtr first = NULL;
    size_t i = 0;

    run->done = 0;
    if (qemuPlanRunValidate(plan) < 0)
        return -1;
    while (i < plan->steps->len) {
        const qemuPlanStep *step = planStep(plan, i);
        size_t end = groupEnd(plan, i);

        if (runGroup(run, i, end, target, states, &news) < 0) {
            if (!step->goOn) {
                rollBack(plan, target, states);
                virErrorRestore(&first);
                return -1;
            }
            VIR_WARN("plan %s goes on: %s", plan->name, virErrorLastMessage());
            /* the filter goes, too, and then nobody can ask any more */
            news.copiesDoubtful |= step->kind == QEMU_STEP_CHECK_COPIES;
            if (step->kind == QEMU_STEP_FLUSH_TARGET && !news.unflushed)
                news.unflushed = g_strdup(virErrorLastMessage());
            if (!first)
                virErrorPreserveLast(&first);
            if (step->kind == QEMU_STEP_WAIT_CLIENTS && end < plan->steps->len)
                end = groupEnd(plan, end);   /* the server must not be stopped now */
        }
        i = end;
    }
    run->copiesDoubtful |= news.copiesDoubtful;
    run->unflushed = g_steal_pointer(&news.unflushed);
    run->done = plan->steps->len;
    if (!first)
        return 0;
    virErrorRestore(&first);
    return -1;
}

int
qemuPlanRunUndo(qemuPlanRun *run, qemuTarget *target, bool tolerant)
{
    virErrorPtr saved = NULL;
    int failed = 0;

    virErrorPreserveLast(&saved);
    for (size_t i = run->done; i-- > 0;) {
        const qemuPlanStep *step = planStep(run->plan, i);
        bool redo = step->repair == QEMU_STEP_REPAIR_REDO;

        if (redo && tolerant)
            redoStep(step, target);
        if (redo || undoStep(run->plan, step, target, tolerant) == 0)
            continue;
        VIR_WARN("step '%s' of %s could not be taken back: %s", step->name, run->plan->name,
                 virErrorLastMessage());
        failed++;
    }
    run->done = 0;
    virErrorRestore(&saved);
    return failed;
}
