/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain the driver manages: its definitions, its process if it runs, its job, its checkpoints.
 *
 * Lock order: list lock -> vm->lock -> event queue. vm->lock is short: never held over QMP, disk or
 * network. Who changes anything holds the job slot (qemu_job.h); after waiting, re-check vm->pid.
 */
#pragma once
#include <glib.h>
#include <sys/types.h>
#include "domain_def.h"
#include "domain_event.h"
#include "qemu_conf.h"
#include "qemu_job.h"
#include "qemu_monitor.h"
#include "qemu_target.h"

typedef struct _qemuCheckpointList qemuCheckpointList;   /* qemu_checkpoint_list.h */
typedef struct _qemuBackupJob qemuBackupJob;             /* qemu_backup_job.h */

typedef struct _qemuVM {
    gint refs;
    GMutex lock;

    /* guarded by lock; the Defs themselves are immutable once set and are swapped whole */
    virDomainDef *def;           /* the running definition, or the persistent one when stopped */
    virDomainDef *newDef;        /* running and persistent: what the next start uses; else NULL */
    bool persistent;
    bool autostart;
    bool removed;                /* undefined and stopped: out of the list */
    int state, stateReason;      /* VIR_DOMAIN_RUNNING, ... */
    pid_t pid;                   /* 0 = not running */
    long long startedAt;
    qemuMonitor *mon;            /* NULL = not running */
    bool hidePause;
    bool shutdownRequested;
    char *monitorPath;
    GPtrArray *targetDisks;      /* qemuTargetDisk *, node names of this run */
    unsigned int nodeCounter;    /* "libvirt-N-format" of the next image */

    qemuJob job;                 /* has its own lock and condition */
    qemuCheckpointList *checkpoints;   /* guarded by lock */
    qemuBackupJob *backup;       /* NULL = none; guarded by lock */
    virTypedParamList *lastJob;  /* statistics of the last completed job, or NULL */
    int lastJobType;             /* VIR_DOMAIN_JOB_COMPLETED, ... */

    qemuTarget target;           /* the engine's view of this domain while it runs */
} qemuVM;

qemuVM *qemuVMRef(qemuVM *vm);
void qemuVMUnref(qemuVM *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuVM, qemuVMUnref)
static inline bool
qemuVMIsActive(const qemuVM *vm)
{
    return vm->pid != 0;
}
/** (owned reference to the) monitor, or NULL with VIR_ERR_OPERATION_INVALID "domain is not running". */
qemuMonitor *qemuVMMonitor(qemuVM *vm);
/** Wait on the vm's change condition (signalled at every state change, job event, QEMU death). */
