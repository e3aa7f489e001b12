/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans for beginning and ending a backup: the fleecing graph of a pull, the jobs of a push. Pure.
 *
 *   guest device -> copy-before-write --file--> disk's format node
 *                        |  +---target---> scratch (qcow2)
 *                   snapshot-access <--backing-- window (qcow) <-- NBD export (read-only, + bitmap "since X")
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
    const char *tlsDir;                  /* certificates, if the server has TLS */
    bool tlsVerify;                      /* clients must show one */
    const char *privateDir;              /* where windows are made */
} qemuBackupPlanInput;

/* Names in QEMU's graph; DISK is the target name. Also how a restarted daemon finds its things:
 *   fleece-cbw-DISK, fleece-access-DISK (the window, with snapshot-access inside), fleece-store-DISK (what
 *   is inside a node has no name, but for an NBD connection: fleece-wire-DISK),
 *   export id fleece-export-DISK, push job id fleece-push-DISK; the union bitmap on the disk's node has
 *   the name of the export bitmap (pull) or "backup-DISK" (push) */
#define QEMU_BACKUP_TLS "fleece-tls"     /* the server's credentials */
char *qemuBackupNodeName(const char *what, const char *disk);
/** File of the disk's window in the private directory of its QEMU. (owned) */
char *qemuBackupWindowPath(const char *privateDir, const char *disk);
/** Name of the temporary bitmap of a disk. (owned) */
char *qemuBackupUnionName(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk);

/**
 * Begin. Pull: scratch files; in one round trip the NBD server and a copy-before-write
 * (on-cbw-error=break-snapshot) with its scratch a disk: nothing reads through the filters yet, so the
 * guest does not notice; flush; in one write [stop] transaction, qom-set to the filter [cont]: what
 * the guest writes until qom-set goes past the filter and is part of the snapshot, so the instant is
 * this one; in one round trip windows on snapshot-access and exports (snapshot-access can only come after
 * qom-set: a copy-before-write that is read denies others to write below it).
 * A disk without a device (qdev NULL, stopped domain) is exported as it is: no scratch, no filter.
 * Push: targets created and opened; transaction with the bitmaps and one blockdev-backup a disk
 * (auto-dismiss off, so a restarted daemon still learns how it ended).
 */
qemuPlan *qemuBackupPlanBegin(const qemuBackupPlanInput *input);

/** What the device of a disk gets back at the end: the node under the filter now. */
typedef struct _qemuBackupPlanEndDisk {
    const qemuTargetDisk *disk;
    const virDomainBackupDiskDef *def;
    const char *under;                   /* node below the filter now */
    bool hasUnion;                       /* temporary bitmap to remove */
    bool removeStore;                    /* scratch made by us (or failed push target) */
} qemuBackupPlanEndDisk;
/** End. Every step goes on after failure. Pull: exports off (hard), wait; window del;
 * qom-set back; copy-before-write del (its scratch goes with it); union bitmaps removed (one
 * transaction); scratch and window unlink. The NBD server stays: its stop may have to wait.
 * Push: jobs are already concluded or cancelled by the caller: dismiss, blockdev-del the target,
 * remove union bitmaps, unlink when asked. */
qemuPlan *qemuBackupPlanEnd(const virDomainBackupDef *def, const qemuBackupPlanEndDisk *disks, size_t n,
                            const char *privateDir);
/** After the end of a pull: NBD server stop, once no un-negotiated client is connected any more. */
qemuPlan *qemuBackupPlanServerStop(const virDomainBackupDef *def);
