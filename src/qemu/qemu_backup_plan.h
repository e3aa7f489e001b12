/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans for beginning and ending a backup. Pure. qemu_backup_plan_graph.c plans what is common to pull and
 * push, qemu_backup_plan_push.c pushes.
 *
 *   guest device -> copy-before-write --file--> disk's format node
 *                        |  +---target---> scratch (qcow2), or the push's target
 *                   snapshot-access <--backing-- window (qcow) <-- pull: NBD export (read-only, + bitmap "since X")
 *                                                              <-- push: blockdev-backup --> target
 *
 * Nothing reads snapshot-access but through the window (virqcowwindow.h), which cuts requests at the
 * clusters of copy-before-write: QEMU 7.2 decides for the first cluster of a request whether it has been
 * copied and serves the whole request by that, so that the client would get what the guest has written since.
 */
#pragma once
#include "backup_def.h"
#include "qemu_graph.h"
#include "qemu_plan.h"
#include "qemu_target.h"

typedef struct _qemuBackupPlanDisk {
    const qemuTargetDisk *disk;
    const virDomainBackupDiskDef *def;   /* aligned; store has path and format */
    unsigned long long size;             /* virtual size, bytes */
    const GPtrArray *since;              /* char *: bitmaps whose union is exported; NULL = full */
} qemuBackupPlanDisk;

typedef struct _qemuBackupPlanInput {
    const virDomainBackupDef *def;       /* server has its port or socket filled in, options are settled */
    const qemuBackupPlanDisk *disks;     /* only disks that are backed up */
    size_t ndisks;
    const virJSONValue *checkpointActions;   /* array, first in the transaction; NULL = none */
    bool guestRuns;                      /* stop and cont around the instant */
    bool reuseExternal;                  /* stores exist already */
    const char *tlsDir;                  /* certificates, if the server, or a target, has TLS */
    bool tlsVerify;                      /* clients must show one */
    const char *privateDir;              /* where windows are made */
    unsigned int cbwTimeout;             /* seconds a copy may take: as asked for, as far as QEMU can count */
} qemuBackupPlanInput;

/* Names in QEMU's graph; DISK is the target name. Also how a restarted daemon finds its things:
 *   fleece-cbw-DISK, fleece-access-DISK (the window, with snapshot-access inside), fleece-store-DISK (scratch
 *   of a pull, target of a push), fleece-kept-DISK (scratch of a push); inside them fleece-scratch-DISK (the
 *   file of a scratch), fleece-wire-DISK (connection to an NBD target), fleece-snapshot-DISK (of a pull);
 *   export id fleece-export-DISK, push job id fleece-push-DISK; the union bitmap on the disk's node, and on
 *   the window of a push, has the name of the export bitmap (pull) or "backup-DISK" (push) */
#define QEMU_BACKUP_TLS "fleece-tls"     /* the server's credentials; of a push, the client's */
#define QEMU_BACKUP_SERVER_FD "fleece-server"   /* a socket of the client's, until the server has it */
#define QEMU_BACKUP_WRITTEN "written"    /* on the filter of a push without scratch: what the guest has written */
char *qemuBackupNodeName(const char *what, const char *disk);
/** File of the disk's window in the private directory of its QEMU. (owned) */
char *qemuBackupWindowPath(const char *privateDir, const char *disk);
/** Name of the temporary bitmap of a disk. (owned) */
char *qemuBackupUnionName(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk);

/**
 * Begin. Scratch files and targets; in one round trip the NBD server of a pull, the targets of a push and
 * a copy-before-write (on-cbw-error=break-snapshot) a disk: nothing reads through the filters yet, so the
 * guest does not notice; flush; in one write [stop] transaction, qom-set to the filter [cont]: what
 * the guest writes until qom-set goes past the filter and is part of the snapshot, so the instant is
 * this one; in one round trip windows on snapshot-access and exports or jobs (snapshot-access can only come
 * after qom-set: a copy-before-write that is read denies others to write below it). auto-dismiss of the jobs
 * is off, so a restarted daemon still learns how they ended.
 * A disk without a device (qdev NULL, stopped domain) is read as it is: no scratch, no filter; either all
 * disks have one, or none has.
 */
qemuPlan *qemuBackupPlanBegin(const qemuBackupPlanInput *input);

/** What the device of a disk gets back at the end: the node under the filter now. */
typedef struct _qemuBackupPlanEndDisk {
    const qemuTargetDisk *disk;
    const virDomainBackupDiskDef *def;
    const char *under;                   /* node below the filter now */
    unsigned long long size;             /* virtual size, bytes */
    bool hasUnion;                       /* temporary bitmap to remove */
    bool removeStore;                    /* scratch made by us (or failed push target) */
    bool removeScratch;                  /* scratch of a push, made by us */
} qemuBackupPlanEndDisk;
typedef struct _qemuBackupPlanEnding {
    const virDomainBackupDef *def;
    const qemuBackupPlanEndDisk *disks;
    size_t ndisks;
    const char *privateDir;              /* where the windows are */
    bool failed;                         /* push: connections to targets are cut, nobody waits for them */
    bool flushed;                        /* push: the files written to are on their storage */
    bool flushServers;                   /* push: NBD servers have not been asked yet to do the same */
    bool checkCopies;                    /* push: a copy may have run out of time (qemuPlanQMPCheckCopies) */
} qemuBackupPlanEnding;
/** End. Every step goes on after failure. Pull: exports off (hard), wait. Push: jobs are already concluded or
 * cancelled by the caller: dismiss. Then the window del; qom-set back; copy-before-write del (its scratch
 * goes with it); target of a push del; union bitmaps removed (one transaction); files unlinked. The NBD
 * server stays: its stop may have to wait. */
qemuPlan *qemuBackupPlanEnd(const qemuBackupPlanEnding *ending);
/** After the end of a pull: NBD server stop, once no un-negotiated client is connected any more. @privateDir: of the
 * domain's QEMU, NULL for a stopped domain. */
qemuPlan *qemuBackupPlanServerStop(const virDomainBackupDef *def, const char *privateDir);
/** (owned) the UNIX socket of the NBD server in QEMU, which is another one than the request's if there is an export
 * helper; NULL: it is at the TCP port of @def. @privateDir as above. */
char *qemuBackupPlanSocket(const virDomainBackupDef *def, const char *privateDir);
/** Does a push by @input go to an NBD server with TLS? It then needs tlsDir. */
bool qemuBackupPlanPushHasTLS(const qemuBackupPlanInput *input);
/** Cut the connection to the NBD target of @disk: all that is under way on it fails at once. @outOfBand: though
 * QEMU's main loop waits for that very target. (owned) */
virJSONValue *qemuBackupPlanYank(const char *disk, bool outOfBand);
