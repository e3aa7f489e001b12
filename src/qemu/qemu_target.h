/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemuTarget: the engine's only view of a domain. Checkpoint, bitmap, backup and plan code may not
 * reach past it. Implementations: a QEMU we started (qemu_vm_target.c); the block helper of a
 * stopped domain; later a QEMU somebody else runs.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "domain_def.h"
#include "qemu_monitor.h"

typedef struct _qemuTarget qemuTarget;
typedef struct _qemuTargetDisk {
    const char *name;          /* "vda" (borrowed from the Def) */
    const char *qdev;          /* device id for qom-set path /machine/peripheral/ID; NULL: no device (helper) */
    const char *node;          /* format node the device reads: "libvirt-1-format" */
    const virStorageSource *source;   /* its image, without the chain below */
    virStorageFormat format;
    bool readonly;
    bool iothread;             /* runs outside the main loop thread */
} qemuTargetDisk;

typedef struct _qemuTargetOps {
    /** The domain's definition now (borrowed while the target's job is held). */
    const virDomainDef *(*def)(qemuTarget *t);
    /** Its disks in the order of the Def; array borrowed, *n entries. Empty cdroms are left out. */
    const qemuTargetDisk *(*disks)(qemuTarget *t, size_t *n);
    /** True while guest CPUs run (so that a plan needs stop and cont). */
    bool (*guestRuns)(qemuTarget *t);
    /** QMP; as qemuMonitorCommand / qemuMonitorBatch. */
    int (*command)(qemuTarget *t, const virJSONValue *command, virJSONValue **reply);
    int (*batch)(qemuTarget *t, virJSONValue *const *commands, size_t n, virJSONValue **replies);
    /** As qemuMonitorCommandFd, of which the reply does not matter. NULL where the peer takes no descriptors
     * (helper: qemu-storage-daemon has no getfd). */
    int (*commandFd)(qemuTarget *t, const virJSONValue *command, int fd);
    /** STOP/RESUME events between hide(true) and hide(false) are the engine's own: not published,
     * the domain's state stays as it was. */
    void (*hidePause)(qemuTarget *t, bool hide);
    /** Freeze the guest's file systems (qemu_agent_quiesce.h), nothing if no guest is there to have any;
     * and thaw them. @repair: a daemon before us may have frozen them. */
    int (*freeze)(qemuTarget *t);
    int (*thaw)(qemuTarget *t, bool repair);
    /** Lend file access to QEMU's user for the time of a job, and take it back. */
    int (*lendFile)(qemuTarget *t, const char *path, bool writable);
    void (*returnFile)(qemuTarget *t, const char *path);
    /** Directory of this QEMU's own files; goes with it. Borrowed; NULL where there is none (helper). */
    const char *(*privateDir)(qemuTarget *t);
    /** Process id of the QEMU (for its sockets in /proc), 0 if gone. */
    pid_t (*pid)(qemuTarget *t);
    /** NBD export of a disk that runs on an iothread survives a client's disconnect (probed). */
    bool (*iothreadExportSafe)(qemuTarget *t);
    /** The most seconds that a copy-before-write of this QEMU can be told to wait for a copy (probed). */
    unsigned int (*cbwTimeoutMax)(qemuTarget *t);
} qemuTargetOps;

struct _qemuTarget {
    const qemuTargetOps *ops;
};
