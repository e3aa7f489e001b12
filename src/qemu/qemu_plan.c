/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans as data: building them, printing them for golden tests, and their form in a journal.
 */
#include "qemu_plan.h"

#include <stdarg.h>
#include "qemu_secret.h"
#include "virbuffer.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *const kindNames[] = {
    [QEMU_STEP_QMP] = "qmp",
    [QEMU_STEP_JOB] = "job",
    [QEMU_STEP_SECRET] = "secret",
    [QEMU_STEP_PASS_FD] = "pass-fd",
    [QEMU_STEP_SCRATCH_CREATE] = "scratch-create",
    [QEMU_STEP_IMAGE_CREATE] = "image-create",
    [QEMU_STEP_WINDOW_CREATE] = "window-create",
    [QEMU_STEP_BITMAP_CREATE] = "bitmap-create",
    [QEMU_STEP_LEND] = "lend",
    [QEMU_STEP_RETURN] = "return",
    [QEMU_STEP_FLUSH] = "flush",
    [QEMU_STEP_HIDE_PAUSE] = "hide-pause",
    [QEMU_STEP_SHOW_PAUSE] = "show-pause",
    [QEMU_STEP_BITMAPS] = "bitmaps",
    [QEMU_STEP_FREEZE] = "freeze",
    [QEMU_STEP_THAW] = "thaw",
    [QEMU_STEP_WAIT_EXPORTS] = "wait-exports",
    [QEMU_STEP_WAIT_CLIENTS] = "wait-clients",
    [QEMU_STEP_WAIT_SCRATCH] = "wait-scratch",
    [QEMU_STEP_WAIT_FLUSH] = "wait-flush",
    [QEMU_STEP_FLUSH_TARGET] = "flush-target",
    [QEMU_STEP_CHECK_COPIES] = "check-copies",
    [QEMU_STEP_HELPER] = "helper",
    [QEMU_STEP_HELPER_END] = "helper-end",
    [QEMU_STEP_UNLINK] = "unlink",
};
G_STATIC_ASSERT(G_N_ELEMENTS(kindNames) == QEMU_STEP_LAST);

const char *
qemuPlanStepKindToString(qemuPlanStepKind kind)
{
    return kind < QEMU_STEP_LAST ? kindNames[kind] : NULL;
}

static int
qemuPlanStepKindFromString(const char *name)
{
    for (size_t i = 0; name && i < QEMU_STEP_LAST; i++) {
        if (g_str_equal(kindNames[i], name))
            return i;
    }
    return -1;
}

static void
qemuPlanStepFree(qemuPlanStep *step)
{
    if (!step)
        return;
    g_free(step->name);
    g_free(step->path);
    g_free(step->secret);
    virJSONValueFree(step->command);
    virJSONValueFree(step->undo);
    g_free(step);
}

qemuPlan *
qemuPlanNew(const char *name)
{
    qemuPlan *plan = g_new0(qemuPlan, 1);

    plan->name = g_strdup(name);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)qemuPlanStepFree);
    return plan;
}

void
qemuPlanFree(qemuPlan *plan)
{
    if (!plan)
        return;
    g_free(plan->name);
    g_ptr_array_unref(plan->steps);
    g_free(plan);
}

static qemuPlanStep *
qemuPlanAppend(qemuPlan *plan, qemuPlanStepKind kind, char *name)
{
    qemuPlanStep *step = g_new0(qemuPlanStep, 1);

    step->kind = kind;
    step->name = name;
    step->repair = QEMU_STEP_REPAIR_UNDO;
    g_ptr_array_add(plan->steps, step);
    return step;
}

qemuPlanStep *
qemuPlanAddQMP(qemuPlan *plan, virJSONValue *command, virJSONValue *undo, const char *nameFmt, ...)
{
    va_list args;
    qemuPlanStep *step = NULL;

    va_start(args, nameFmt);
    step = qemuPlanAppend(plan, QEMU_STEP_QMP, g_strdup_vprintf(nameFmt, args));
    va_end(args);
    step->command = command;
    step->undo = undo;
    return step;
}

qemuPlanStep *
qemuPlanAddStep(qemuPlan *plan, qemuPlanStepKind kind, const char *path, const char *nameFmt, ...)
{
    va_list args;
    qemuPlanStep *step = NULL;

    va_start(args, nameFmt);
    step = qemuPlanAppend(plan, kind, g_strdup_vprintf(nameFmt, args));
    va_end(args);
    step->path = g_strdup(path);
    return step;
}

void
qemuPlanAddSecret(qemuPlan *plan, const virStorageEncryption *encryption, const char *object,
                  const char *nameFmt, ...)
{
    va_list args;
    qemuPlanStep *step = NULL;

    if (!encryption)
        return;
    va_start(args, nameFmt);
    step = qemuPlanAppend(plan, QEMU_STEP_SECRET, g_strdup_vprintf(nameFmt, args));
    va_end(args);
    step->secret = virStorageEncryptionToRef(encryption);
    step->command = qemuSecretAdd(object);
    step->undo = qemuSecretDelete(object);
}

static void
qemuPlanFormatCommand(virBuffer *buf, const char *prefix, const virJSONValue *command)
{
    const virJSONValue *args = virJSONObjectLookupObject(command, "arguments");
    const virJSONValue *actions = virJSONObjectLookupArray(args, "actions");
    g_autofree char *text = NULL;

    if (!command)
        return;
    if (!actions) {
        text = virJSONFormat(command, false);
        virBufferAsprintf(buf, "%s%s\n", prefix, text);
        return;
    }
    virBufferAsprintf(buf, "%stransaction\n", prefix);
    virBufferAdjustIndent(buf, 2);
    for (size_t i = 0; i < virJSONArraySize(actions); i++) {
        g_autofree char *action = virJSONFormat(virJSONArrayAt(actions, i), false);

        virBufferAsprintf(buf, "%s\n", action);
    }
    virBufferAdjustIndent(buf, -2);
}

/* Does @step name the address of an NBD server? */
static bool
hasServer(const qemuPlanStep *step)
{
    return step->kind == QEMU_STEP_PASS_FD || step->kind == QEMU_STEP_WAIT_CLIENTS ||
           step->kind == QEMU_STEP_WAIT_EXPORTS;
}

static void
qemuPlanFormatFile(virBuffer *buf, const qemuPlanStep *step)
{
    if (step->path)
        virBufferAsprintf(buf, "path: %s\n", step->path);
    if (step->kind == QEMU_STEP_SCRATCH_CREATE || step->kind == QEMU_STEP_IMAGE_CREATE)
        virBufferAsprintf(buf, "format: %s, %llu bytes%s\n", virStorageFormatToString(step->format),
                          step->size, step->keepOwner ? ", its owner stays" : "");
    if (step->limit)
        virBufferAsprintf(buf, "limit: %llu bytes\n", step->limit);
    if (step->secret)
        virBufferAsprintf(buf, "secret: %s\n", step->secret);
    if (step->kind == QEMU_STEP_WINDOW_CREATE || step->kind == QEMU_STEP_BITMAP_CREATE ||
        step->kind == QEMU_STEP_FLUSH_TARGET)
        virBufferAsprintf(buf, "%llu bytes\n", step->size);
    if (hasServer(step) && !step->path)
        virBufferAsprintf(buf, "port: %llu\n", step->size);
    if (step->kind == QEMU_STEP_WAIT_SCRATCH || step->kind == QEMU_STEP_WAIT_FLUSH)
        virBufferAsprintf(buf, "at most %llu ms\n", step->size);
}

static void
qemuPlanFormatStep(virBuffer *buf, const qemuPlanStep *step, size_t number)
{
    virBufferAsprintf(buf, "%zu %s %s%s%s%s\n", number, kindNames[step->kind], step->name,
                      step->batch ? " [batch]" : "", step->goOn ? " [go on]" : "",
                      step->repair == QEMU_STEP_REPAIR_REDO ? " [redo]" : "");
    virBufferAdjustIndent(buf, 4);
    qemuPlanFormatFile(buf, step);
    qemuPlanFormatCommand(buf, "", step->command);
    qemuPlanFormatCommand(buf, "undo: ", step->undo);
    virBufferAdjustIndent(buf, -4);
}

char *
qemuPlanFormat(const qemuPlan *plan)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(&buf, "plan %s\n", plan->name);
    for (size_t i = 0; i < plan->steps->len; i++)
        qemuPlanFormatStep(&buf, g_ptr_array_index(plan->steps, i), i + 1);
    return virBufferContentAndReset(&buf);
}

static virJSONValue *
qemuPlanStepToJSON(const qemuPlanStep *step)
{
    virJSONValue *json = virJSONBuild("{'name':%s,'kind':%s,'command':%v,'undo':%v,'path':%s,"
                                      "'secret':%s}",
                                      step->name, kindNames[step->kind],
                                      step->command ? virJSONCopy(step->command) : NULL,
                                      step->undo ? virJSONCopy(step->undo) : NULL, step->path,
                                      step->secret);

    if (step->size)
        virJSONObjectSet(json, "size", virJSONBuild("%llu", step->size));
    if (step->limit)
        virJSONObjectSet(json, "limit", virJSONBuild("%llu", step->limit));
    if (step->format)
        virJSONObjectSet(json, "format",
                         virJSONNewString(virStorageFormatToString(step->format)));
    if (step->keepOwner)
        virJSONObjectSet(json, "keep-owner", virJSONBuild("%b", true));
    if (step->repair == QEMU_STEP_REPAIR_REDO)
        virJSONObjectSet(json, "redo", virJSONBuild("%b", true));
    if (step->batch)
        virJSONObjectSet(json, "batch", virJSONBuild("%b", true));
    if (step->goOn)
        virJSONObjectSet(json, "go-on", virJSONBuild("%b", true));
    return json;
}

virJSONValue *
qemuPlanToJSON(const qemuPlan *plan)
{
    virJSONValue *steps = virJSONNewArray();

    for (size_t i = 0; i < plan->steps->len; i++)
        virJSONArrayAppend(steps, qemuPlanStepToJSON(g_ptr_array_index(plan->steps, i)));
    return virJSONBuild("{'name':%s,'steps':%v}", plan->name, steps);
}

static bool
qemuPlanStepIsComplete(const qemuPlanStep *step)
{
    switch (step->kind) {
    case QEMU_STEP_QMP:
        return step->command || step->undo;
    case QEMU_STEP_JOB:
    case QEMU_STEP_PASS_FD:
        return step->command && step->undo;
    case QEMU_STEP_HELPER:
        return step->command && step->path;
    case QEMU_STEP_SECRET:
        return step->command && step->secret;
    case QEMU_STEP_SCRATCH_CREATE:
    case QEMU_STEP_IMAGE_CREATE:
    case QEMU_STEP_WINDOW_CREATE:
    case QEMU_STEP_BITMAP_CREATE:
    case QEMU_STEP_LEND:
    case QEMU_STEP_RETURN:
    case QEMU_STEP_BITMAPS:
    case QEMU_STEP_WAIT_SCRATCH:
    case QEMU_STEP_WAIT_FLUSH:
    case QEMU_STEP_FLUSH_TARGET:
    case QEMU_STEP_CHECK_COPIES:
    case QEMU_STEP_HELPER_END:
    case QEMU_STEP_UNLINK:
        return step->path;
    case QEMU_STEP_FLUSH:
    case QEMU_STEP_HIDE_PAUSE:
    case QEMU_STEP_SHOW_PAUSE:
    case QEMU_STEP_FREEZE:
    case QEMU_STEP_THAW:
    case QEMU_STEP_WAIT_EXPORTS:
    case QEMU_STEP_WAIT_CLIENTS:
        return true;
    case QEMU_STEP_LAST:
        break;
    }
    return false;
}

/* A step that undoes something other than what was done would do harm, so whatever is not understood
 * makes the whole journal unreadable. */
static int
qemuPlanStepFromJSON(qemuPlan *plan, const virJSONValue *json)
{
    const char *name = virJSONObjectLookupString(json, "name");
    const char *format = virJSONObjectLookupString(json, "format");
    const virJSONValue *command = virJSONObjectLookupObject(json, "command");
    const virJSONValue *undo = virJSONObjectLookupObject(json, "undo");
    int kind = qemuPlanStepKindFromString(virJSONObjectLookupString(json, "kind"));
    int formatValue = format ? virStorageFormatFromString(format) : VIR_STORAGE_FORMAT_NONE;
    qemuPlanStep *step = NULL;

    if (!name || kind < 0 || formatValue < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "step %u of the saved plan '%s' is malformed",
                       plan->steps->len + 1, plan->name);
        return -1;
    }
    step = qemuPlanAppend(plan, kind, g_strdup(name));
    step->path = g_strdup(virJSONObjectLookupString(json, "path"));
    step->secret = g_strdup(virJSONObjectLookupString(json, "secret"));
    step->command = command ? virJSONCopy(command) : NULL;
    step->undo = undo ? virJSONCopy(undo) : NULL;
    virJSONObjectGetUInt(json, "size", &step->size);
    virJSONObjectGetUInt(json, "limit", &step->limit);
    step->format = formatValue;
    step->keepOwner = virJSONObjectIsTrue(json, "keep-owner");
    if (virJSONObjectIsTrue(json, "redo"))
        step->repair = QEMU_STEP_REPAIR_REDO;
    step->batch = virJSONObjectIsTrue(json, "batch");
    step->goOn = virJSONObjectIsTrue(json, "go-on");
    if (!qemuPlanStepIsComplete(step)) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "step '%s' of the saved plan '%s' lacks its object",
                       name, plan->name);
        return -1;
    }
    return 0;
}

qemuPlan *
qemuPlanFromJSON(const virJSONValue *json)
{
    const char *name = virJSONObjectLookupString(json, "name");
    const virJSONValue *steps = virJSONObjectLookupArray(json, "steps");
    g_autoptr(qemuPlan) plan = NULL;

    if (!name || !steps) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "a saved plan has no name or no steps");
        return NULL;
    }
    plan = qemuPlanNew(name);
    for (size_t i = 0; i < virJSONArraySize(steps); i++) {
        if (qemuPlanStepFromJSON(plan, virJSONArrayAt(steps, i)) < 0)
            return NULL;
    }
    return g_steal_pointer(&plan);
}
