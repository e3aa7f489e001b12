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
#include "libvirt-object.h"
#include "qemu_conf.h"
#include "qemu_driver_state.h"
#include "qemu_event_lane.h"
#include "qemu_job.h"
#include "qemu_monitor.h"
#include "qemu_target.h"

typedef struct _qemuCheckpointList qemuCheckpointList;   /* qemu_checkpoint_list.h */
typedef struct _qemuBackupJob qemuBackupJob;             /* qemu_backup_job.h */
typedef struct _qemuRestoreJob qemuRestoreJob;           /* qemu_restore_job.h */
typedef struct _qemuProcess qemuProcess;                 /* qemu_process_watch.h */
typedef struct _qemuHelper qemuHelper;                   /* qemu_helper.h */
typedef struct _qemuQuiesce qemuQuiesce;                 /* qemu_agent_quiesce.h */
void qemuCheckpointListFree(qemuCheckpointList *list);
void qemuBackupJobUnref(qemuBackupJob *job);

/** Virtio channel the guest agent listens on. */
#define QEMU_VM_AGENT_CHANNEL "org.qemu.guest_agent.0"

typedef enum { QEMU_SETTLE_NONE, QEMU_SETTLE_STOPPING, QEMU_SETTLE_STEPS } qemuSettlePhase;

typedef struct _qemuVM {
    gint refs;
    GMutex lock;
    GCond changed;               /* with lock: state, process or a job changed */
    GMutex statusLock;           /* orders writes of the status file; taken before lock */

    /* immutable from creation */
    char *name;
    unsigned char uuid[VIR_UUID_BUFLEN];
    qemuEventLane *events;       /* what QEMU reports */
    qemuEventLane *publisher;    /* what clients are told */

    /* guarded by lock; the Defs themselves are immutable once set and are swapped whole */
    virDomainDef *def;           /* the running definition, or the persistent one when stopped */
    virDomainDef *newDef;        /* running and persistent: what the next start uses; else NULL */
    bool persistent;
    bool autostart;
    bool removed;                /* undefined and stopped: out of the list */
    int state, stateReason;      /* VIR_DOMAIN_RUNNING, ... */
    pid_t pid;                   /* 0 = not running */
    unsigned long long pidStart; /* start time of pid in clock ticks, /proc/PID/stat field 22 */
    unsigned int run;            /* counts starts: tells callbacks of an earlier QEMU from this one's */
    long long startedAt;         /* seconds since the epoch */
    qemuProcess *process;        /* watches pid; NULL = not running */
    qemuMonitor *mon;            /* NULL = not running (or not yet connected) */
    bool reconnecting;           /* a restarted daemon is still finding out what it does */
    bool starting;               /* QEMU is there, the start has not finished */
    bool exited;                 /* the process is gone, its end is being worked off */
    bool finishing;              /* some thread works it off */
    bool hidePause;              /* STOP and RESUME are the engine's own */
    unsigned int pauseGuard;     /* the guard has the monitor meanwhile; changed under MODIFY only */
    qemuQuiesce *quiesce;        /* the guest is frozen by us; under MODIFY only */
    bool ownPause;               /* STOP and RESUME are an API call's own */
    bool shutdownRequested;      /* the guest was asked to power off */
    bool shutdownSeen;           /* QEMU reported the end of the guest */
    bool destroyed;              /* we end this QEMU on a user's request */
    bool ending;                 /* we have stopped the guest for good, or are about to (qemu_settle.h) */
    qemuSettlePhase settle;      /* how far that is */
    bool fakeReboot;             /* power-off asked for by a reboot: reset and go on */
    bool preserved;              /* the guest powered off, and is paused anew until the backup is over */
    bool ownReset;               /* a RESET to come is ours */
    bool agentConnected;         /* guest end of the agent channel is open */
    unsigned long long balloonKiB;     /* what the guest has now; 0 = all of it */
    const void *autodestroy;     /* connection whose end destroys this domain; identity only */
    char *privateDir;            /* libDir/domain-ID-NAME of this run */
    char *monitorPath;
    GPtrArray *targetDisks;      /* qemuTargetDisk *, node names of this run */
    qemuTargetDisk *diskTable;   /* the same in one piece; strings are those of targetDisks */
    unsigned int nodeCounter;    /* "libvirt-N-format" of the next image */
    bool iothreadExportSafe;     /* probed for this run's emulator */

    qemuJob job;                 /* has its own lock and condition */
    qemuCheckpointList *checkpoints;   /* guarded by lock */
    qemuBackupJob *backup;       /* NULL = none; guarded by lock */
    qemuRestoreJob *restore;     /* NULL = none; guarded by lock */
    char *unplugAlias;           /* device whose removal somebody waits for (qemu_hotplug.c) */
    bool unplugDone;             /* it is gone */
    bool unplugRefused;          /* the guest keeps it */
    bool nbdServerEnding;        /* the NBD server of an ended backup is still to be stopped */
    bool pushLookDue;            /* QEMU jobs of a push concluded, and somebody is about to look */
    virTypedParamList *lastJob;  /* statistics of the last completed job, or NULL */
    int lastJobType;             /* VIR_DOMAIN_JOB_COMPLETED, ... */

    qemuTarget target;           /* the engine's view of this domain while it runs */
    qemuHelper *helper;          /* and while it is stopped (qemu_target_pick.h); guarded by lock,
                                  * changed under the MODIFY job only */
    bool helperHeld;             /* a backup keeps the helper after the call that began it */
} qemuVM;

/** A stopped domain with @def (consumed), one reference. */
qemuVM *qemuVMNew(virDomainDef *def);
qemuVM *qemuVMRef(qemuVM *vm);
void qemuVMUnref(qemuVM *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuVM, qemuVMUnref)

/* QEMU_VM_LOCK_GUARD(vm); holds vm->lock to the end of the scope. */
typedef qemuVM qemuVMLocker;
static inline qemuVMLocker *
qemuVMLockerNew(qemuVM *vm)
{
    g_mutex_lock(&vm->lock);
    return vm;
}
static inline void
qemuVMLockerFree(qemuVMLocker *locker)
{
    g_mutex_unlock(&locker->lock);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuVMLocker, qemuVMLockerFree)
#define QEMU_VM_LOCK_GUARD(vm) \
    g_autoptr(qemuVMLocker) G_PASTE(vmLocker, __LINE__) G_GNUC_UNUSED = qemuVMLockerNew(vm)

/** Lock held, or an answer that may be outdated. */
static inline bool
qemuVMIsActive(const qemuVM *vm)
{
    return vm->pid != 0;
}
/** Lock held. 0, or -1 with VIR_ERR_OPERATION_INVALID "domain is not running". */
int qemuVMCheckActive(const qemuVM *vm);
/** (owned reference to the) monitor, or NULL with VIR_ERR_OPERATION_INVALID "domain is not running". */
qemuMonitor *qemuVMMonitor(qemuVM *vm);
/** Lock held. The disks of this run (consumed, may be NULL), as qemuNodesTargetDisks makes them. */
void qemuVMSetTargetDisks(qemuVM *vm, GPtrArray *disks);
/** The engine's view of the domain (borrowed): of its block helper while there is one, else of its
 * QEMU. Caller holds MODIFY. */
qemuTarget *qemuVMTarget(qemuVM *vm);
/** And back. */
qemuVM *qemuVMOfTarget(qemuTarget *target);
/** (owned) copies of the definition in force, and of the persistent one (NULL if transient). */
virDomainDef *qemuVMCopyDef(qemuVM *vm);
virDomainDef *qemuVMCopyPersistentDef(qemuVM *vm);

/** Lock held. New state; wakes waiters. Publishes nothing. */
void qemuVMSetState(qemuVM *vm, int state, int reason);
/** Lock held (released while waiting). Wait for the next change, at most until @deadline
 * (g_get_monotonic_time); false when it passed. */
bool qemuVMWait(qemuVM *vm, gint64 deadline);
/** Wait until a restarted daemon knows what this domain is doing: for answers that would otherwise
 * say "nothing". No lock held, not on the main loop; at most as long as a reconnect may take. */
void qemuVMAwaitReconnect(qemuVM *vm);
/** Lock held. Wake all qemuVMWait. */
void qemuVMSignal(qemuVM *vm);

/** Announce to clients, after everything published before for this domain. @event: consumed; NULL
 * does nothing. With or without the lock; never blocks. */
void qemuVMPublish(qemuVM *vm, virDomainEvent *event);
/** The commonest one, with the domain's name, UUID and present id. Lock held. */
void qemuVMPublishLifecycle(qemuVM *vm, int type, int detail);
