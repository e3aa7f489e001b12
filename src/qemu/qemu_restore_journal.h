/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A restore that runs, and its journal: LIBDIR/restore/NAME.json, durable, because what it speaks of
 * outlives the host's next crash. docs/internals/restore-engine.rst has the table of its phases.
 */
#pragma once
#include <glib.h>
#include <sys/stat.h>
#include "qemu_vm.h"
#include "restore_def.h"

typedef enum {
    QEMU_RESTORE_PREPARING,    /* nothing that was there has been touched */
    QEMU_RESTORE_WRITING,      /* disks without a second place are neither old nor new */
    QEMU_RESTORE_ENDING,       /* the same; all has arrived, and the helper is to write out what it holds */
    QEMU_RESTORE_COMMITTING,   /* all is written and on disk; new images are taking their places */
    QEMU_RESTORE_HALF,         /* over; the disks written in place were not completed */
    QEMU_RESTORE_PHASE_LAST
} qemuRestorePhase;

typedef struct _qemuRestoreDisk {
    char *name;
    char *path;                /* the disk's image, symbolic links resolved */
    char *newPath;             /* beside it; NULL = written in place */
    bool wasHalf;              /* an earlier restore had left it half written */
    bool hasOwner;             /* the old image is there; the new one gets its owner and mode */
    uid_t user;
    gid_t group;
    mode_t mode;
    unsigned long long size;
    const virDomainRestoreDiskDef *def;
    virStorageFormat format;   /* from here on: not in the journal */
    virStorageEncryption *encryption; /* of the disk, or NULL */
    bool closed;               /* the end of an earlier daemon has taken its copy job or export off */
    bool done;
    char *error;
    unsigned long long processed, total;
} qemuRestoreDisk;

/* A file that QEMU's user may read for the time of the restore. */
typedef struct _qemuRestoreLoan {
    char *path;
    uid_t user;
    gid_t group;
} qemuRestoreLoan;

struct _qemuRestoreJob {
    gint refs;
    qemuRestorePhase phase;    /* changed under MODIFY only */
    virDomainRestoreDef *def;  /* NULL: of a daemon that did not note it in the journal */
    GPtrArray *disks;          /* qemuRestoreDisk * */
    GPtrArray *loans;          /* qemuRestoreLoan * */
    char *socket;              /* of the NBD server, or NULL */
    long long startedMs;
    bool ending;               /* somebody works its end off; with done to total of the disks guarded
                                * by vm->lock */
};

qemuRestoreJob *qemuRestoreJobNew(void);
qemuRestoreJob *qemuRestoreJobRef(qemuRestoreJob *job);
void qemuRestoreJobUnref(qemuRestoreJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuRestoreJob, qemuRestoreJobUnref)
qemuRestoreDisk *qemuRestoreJobAddDisk(qemuRestoreJob *job, const char *name);
void qemuRestoreJobAddLoan(qemuRestoreJob *job, const char *path, uid_t user, gid_t group);

/** Fault points restore.journal.PHASE.written and .renamed. */
int qemuRestoreJournalSave(const qemuConfig *config, const char *domain, const qemuRestoreJob *job);
/** The same in @phase, which stays that of @job only if it is on disk. */
int qemuRestoreJournalAdvance(const qemuConfig *config, const char *domain, qemuRestoreJob *job,
                              qemuRestorePhase phase);
/** (owned) NULL without error when there is none; NULL with an error when it cannot be read. */
qemuRestoreJob *qemuRestoreJournalLoad(const qemuConfig *config, const char *domain);
/** Fault point restore.journal.remove.unlinked. */
int qemuRestoreJournalRemove(const qemuConfig *config, const char *domain);

/**
 * qemuRestoreUndo: the helper is gone and there will be no commit: new images are removed, files given
 * back, and the journal with them, unless disks were written in place: it says then HALF. Fault point
 * restore.undo.DISK.unlinked. 0, or -1: something stays, and so does the journal.
 */
int qemuRestoreUndo(const qemuConfig *config, const char *domain, qemuRestoreJob *job);
/**
 * qemuRestoreFinish: the journal says COMMITTING: new images take the places of the old ones; then the
 * journal goes. Done again after a crash, it goes on. Fault point restore.commit.DISK.renamed.
 */
int qemuRestoreFinish(const qemuConfig *config, const char *domain, const qemuRestoreJob *job);
