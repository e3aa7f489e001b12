/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A backup request for an engineQemu, and the plans made from it. */
#pragma once
#include "engine_qemu.h"

typedef struct _engineBackup {
    engineQemu *q;
    virDomainBackupDef def;
    virDomainBackupDiskDef defs[ENGINE_MAX_DISKS];
    virStorageSource stores[ENGINE_MAX_DISKS];
    qemuBackupPlanDisk disks[ENGINE_MAX_DISKS];
    GPtrArray *since[ENGINE_MAX_DISKS];
    virJSONValue *checkpointActions;
    qemuPlan *plan;                  /* begin */
    int listener;                    /* of a client's that QEMU serves on; borrowed */
    int ended;                       /* atomic; for a test with an end on another thread */
} engineBackup;

/**
 * engineBackupNew: of the first disks of @q, all with the bitmaps @since ("A B", NULL = full), with
 * checkpoint @checkpoint after the chain @chain (NULL = none). Pull on socket nbd.sock; a raw push
 * target for odd disks.
 */
engineBackup *engineBackupNew(engineQemu *q, virBackupMode mode, const char *since,
                              const char *chain, const char *checkpoint);
/** The pull is served on @listener, a TCP socket of @port that listens already. */
void engineBackupServeOn(engineBackup *b, int listener, unsigned int port);
void engineBackupFree(engineBackup *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engineBackup, engineBackupFree)
int engineBackupBegin(engineBackup *b);
/** @failed: push: the targets are removed. */
int engineBackupEnd(engineBackup *b, bool failed);
/** Push: until all jobs have concluded; none may have failed. */
void engineBackupWait(engineBackup *b);
/** Store or export of a disk compared with @wanted, by a reader that is not ours. */
void engineBackupCompare(engineBackup *b, size_t disk, const unsigned char *wanted);
/** "offset+length ..." of the dirty extents of the disk's export. (owned) */
char *engineBackupDirty(engineBackup *b, size_t disk);
