/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real QEMU (TCG, no guest software worth the name) with qcow2 disks on virtio, SCSI and IDE, as a
 * qemuTarget. "Guest" writes go through the device's own block backend, so that they take the way a
 * guest's would, and are kept in a model to compare with.
 */
#pragma once
#include <gio/gio.h>
#include "qemu_backup_plan.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_plan_run.h"

#define ENGINE_DISK_BYTES (16UL << 20)
#define ENGINE_MAX_DISKS 8

typedef struct _engineQemu {
    qemuTarget target;              /* first: the ops cast back */
    GSubprocess *process;
    qemuMonitor *mon;
    char *dir;
    qemuTargetDisk disks[ENGINE_MAX_DISKS];
    unsigned char *model[ENGINE_MAX_DISKS];
    size_t ndisks;
    bool running;                   /* guest CPUs run */
    bool hidden;
    int frozen;                     /* freezes without a thaw */
    int lent;                       /* files lent and not returned */
    unsigned int commands;          /* sent by the engine */
    unsigned int roundTrips;
    int breakCommand;               /* this one (0..) is made to fail in QEMU; -1 = none */
    int dieBefore;                  /* QEMU is killed before this one; -1 = none */
    gint64 stoppedAt, resumedAt;    /* QEMU's event times, microseconds */
} engineQemu;

/** @ndisks images are made, unless they are there, in a new directory or @dir. */
engineQemu *engineQemuStart(size_t ndisks, bool running, const char *dir);
/** Quit it and remove its directory, or kill it and leave that. */
void engineQemuFree(engineQemu *q);
void engineQemuKill(engineQemu *q);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engineQemu, engineQemuFree)

/** One command that must succeed, outside the engine's count. (owned) "return" */
virJSONValue *engineQemuCommand(engineQemu *q, const char *json);
/** Guest write of @pattern bytes. */
void engineQemuWrite(engineQemu *q, size_t disk, int pattern, size_t offset, size_t length);
/** Everything a plan may change, as text: nodes, bitmaps, devices, exports, jobs, files, run state. */
char *engineQemuState(engineQemu *q);
/** Copy of the model, as the disk is now. */
unsigned char *engineQemuModel(engineQemu *q, size_t disk);
/** Path in the directory. (owned) */
char *engineQemuPath(engineQemu *q, const char *name);
/** Run a program to its end; its stdout (owned), which it must leave with 0. */
char *engineRun(const char *const *argv);
