/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plan: what will be done, in order, as data. Planners (qemu_*_plan.c) are pure and make it;
 * qemuPlanFormat() prints it for golden tests; qemu_plan_run.c carries it out.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "disk_def.h"
#include "virjson.h"

typedef enum {
    QEMU_STEP_QMP,            /* command (NULL: only an undo, tolerant, of what the step that it is batched
                               * with did besides); undo: another command, or none */
    QEMU_STEP_JOB,            /* command starts a job of QEMU: until it has concluded, and been dismissed; fails
                               * as it did. undo: tolerant, of a job that a daemon did not see end */
    QEMU_STEP_SECRET,         /* command with the passphrase that secret names; undo: a command */
    QEMU_STEP_PASS_FD,        /* command with the descriptor that the run has been given, a listening socket with
                               * the address path or size, as in WAIT_CLIENTS; undo: tolerant, for the
                               * descriptor is no longer there under its name once it was used */
    QEMU_STEP_SCRATCH_CREATE, /* empty image at path with size and format, QEMU may write; undo: unlink */
    QEMU_STEP_IMAGE_CREATE,   /* the same for a push target */
    QEMU_STEP_WINDOW_CREATE,  /* window image (virqcowwindow.h) at path with size, in a directory of ours,
                               * so that what is left there may be replaced; undo: unlink */
    QEMU_STEP_BITMAP_CREATE,  /* empty qcow2 for bitmaps at path with size, in the same directory; undo: unlink */
    QEMU_STEP_LEND,           /* QEMU may write the existing file at path; undo: taken back */
    QEMU_STEP_RETURN,         /* take that access back */
    QEMU_STEP_FLUSH,          /* fdatasync the file at path; no undo */
    QEMU_STEP_HIDE_PAUSE,     /* from here STOP/RESUME are ours; undo: show again */
    QEMU_STEP_SHOW_PAUSE,
    QEMU_STEP_BITMAPS,        /* load what the bitmap store has of the disk that path names (a target), whose
                               * device comes next; undo: it has not come */
    QEMU_STEP_FREEZE,         /* the guest's file systems, with a guard that thaws them; undo: thaw */
    QEMU_STEP_THAW,           /* fails if they were not frozen until now */
    QEMU_STEP_WAIT_EXPORTS,   /* until query-block-exports lists none of ours: path or size as WAIT_CLIENTS */
    QEMU_STEP_WAIT_CLIENTS,   /* until no NBD connection is open: with the exports gone, those left are
                               * un-negotiated (bounded); the next step is skipped when some stay */
    QEMU_STEP_WAIT_SCRATCH,   /* until the storage of the file at path answers, and QEMU has no request under way to
                               * it: size milliseconds at most */
    QEMU_STEP_WAIT_FLUSH,     /* until the file at path is on its storage: size milliseconds at most */
    QEMU_STEP_FLUSH_TARGET,   /* of the push of the disk that path names, over its connection, which is cut then
                               * (qemu_plan_flush.c); the disk has size bytes */
    QEMU_STEP_CHECK_COPIES,   /* of the filter node that path names (qemu_plan_copies.h) */
    QEMU_STEP_HELPER,         /* export helper (qemu_export_helper.h) that serves what command says, with its files
                               * in the directory path; undo: ended */
    QEMU_STEP_HELPER_END,     /* of the directory path */
    QEMU_STEP_UNLINK,         /* take access back, remove file at path */
    QEMU_STEP_LAST
} qemuPlanStepKind;
const char *qemuPlanStepKindToString(qemuPlanStepKind kind);

/* What a restarted daemon does with a step that may or may not have happened. A REDO step has nothing
 * to take back: a rollback runs it once more if it failed ("cont": the guest must run again). */
typedef enum { QEMU_STEP_REPAIR_UNDO, QEMU_STEP_REPAIR_REDO } qemuPlanStepRepair;

typedef struct _qemuPlanStep {
    char *name;               /* also its fault point: "backup.begin.scratch.vda" */
    qemuPlanStepKind kind;
    virJSONValue *command;    /* QMP */
    virJSONValue *undo;       /* QMP that takes it back, or NULL */
    char *path;               /* file steps, WAIT_CLIENTS, PASS_FD: socket path or NULL (tcp) */
    char *secret;             /* SECRET, and steps that create an encrypted image: virStorageEncryptionToRef();
                               * no step holds a passphrase */
    unsigned long long size;  /* bytes; WAIT_CLIENTS, PASS_FD without path: TCP port */
    unsigned long long limit; /* SCRATCH_CREATE: the file is given this length beforehand, as a hole; 0 = it grows */
    int format;               /* virStorageFormat of the steps that create */
    bool keepOwner;           /* the file they create is not lent to QEMU's user */
    qemuPlanStepRepair repair;
    bool batch;               /* goes out in one write with the next step: no waiting between */
    bool goOn;                /* a failure is noted, the plan continues (end plans); what the step
                               * removes being gone already is no failure */
} qemuPlanStep;

typedef struct _qemuPlan {
    char *name;               /* "backup-begin" */
    GPtrArray *steps;         /* qemuPlanStep * */
} qemuPlan;

qemuPlan *qemuPlanNew(const char *name);
void qemuPlanFree(qemuPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuPlan, qemuPlanFree)
/** Append a QMP step. @command, @undo: consumed; either may be NULL. Returns the step (borrowed) for its flags. */
qemuPlanStep *qemuPlanAddQMP(qemuPlan *plan, virJSONValue *command, virJSONValue *undo,
                             const char *nameFmt, ...) G_GNUC_PRINTF(4, 5);
qemuPlanStep *qemuPlanAddStep(qemuPlan *plan, qemuPlanStepKind kind, const char *path,
                              const char *nameFmt, ...) G_GNUC_PRINTF(4, 5);
/** The passphrase of @encryption becomes @object of QEMU; nothing if it is NULL. */
void qemuPlanAddSecret(qemuPlan *plan, const virStorageEncryption *encryption, const char *object,
                       const char *nameFmt, ...) G_GNUC_PRINTF(4, 5);
/** Text: a numbered line a step with kind and name, the QMP below it, "undo:" lines. (owned) */
char *qemuPlanFormat(const qemuPlan *plan);
/** As JSON for the journal, and back. */
virJSONValue *qemuPlanToJSON(const qemuPlan *plan);
qemuPlan *qemuPlanFromJSON(const virJSONValue *json);
