/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backup that runs: how far it got, and its journal on disk. The request is its Def, the effects
 * are its Plans; this is the Job.
 *
 * Fields are guarded by vm->lock, but for def, checkpoint, reuseExternal, preserve, plan and cbwTimeout, which do not
 * change once the Job is installed. Life: BEGINNING -> RUNNING -> ENDING -> dropped. Whoever moves it
 * from RUNNING to ENDING (lock held) works the end off.
 */
#pragma once
#include <glib.h>
#include "backup_def.h"
#include "qemu_plan.h"
#include "qemu_vm.h"
#include "virtypedparam.h"

typedef enum {
    QEMU_BACKUP_BEGINNING,
    QEMU_BACKUP_RUNNING,
    QEMU_BACKUP_ENDING,
    QEMU_BACKUP_SERVER,            /* over, but for the NBD server, or the helper it is in */
    QEMU_BACKUP_PHASE_LAST
} qemuBackupPhase;

/* One disk of a running backup, in the order of the Def's disks that are backed up. */
typedef struct _qemuBackupJobDisk {
    char *name;
    char *storePath;
    bool removeStore;              /* made by us and of no use without the job (scratch of a pull) */
    bool storeIsFile;              /* no device: may be removed */
    char *scratchPath;             /* push: where the guest's old data go besides, or NULL */
    bool removeScratch;            /* made by us */
    bool hasUnion;                 /* temporary bitmap on the disk's node */
    unsigned long long size;       /* virtual size */
    bool done;                     /* push: its QEMU job has concluded */
    bool cancelled;
    char *error;                   /* push: why it failed; pull: why its snapshot is broken; NULL = not so */
    unsigned long long used;       /* bytes that the store of a pull, or the scratch of a push, was last seen to take */
    unsigned long long processed, total;   /* push: last known progress, bytes */
    bool lent;                     /* from a journal: the store is QEMU's user's, and was user's and group's */
    uid_t user;
    gid_t group;
} qemuBackupJobDisk;

struct _qemuBackupJob {
    gint refs;
    qemuBackupPhase phase;
    virDomainBackupDef *def;       /* aligned */
    char *checkpoint;              /* made at the same instant, or NULL */
    bool reuseExternal;
    bool preserve;                 /* QEMU is kept when the guest powers off meanwhile */
    qemuPlan *plan;                /* the begin plan: what a restarted daemon may have to undo */
    unsigned int cbwTimeout;       /* seconds that QEMU gives a copy: what was asked for, as far as it can count */
    long long startedMs;           /* wall clock, milliseconds since the epoch */
    GPtrArray *disks;              /* qemuBackupJobDisk * */
    bool abortRequested;
    gint64 begunUs;                /* monotonic, before the instant; 0 = not known */
    bool copiesDoubtful;           /* push: a copy for the guest may have come too late (lock not needed:
                                    * only who ends the job looks) */
    bool flushed;                  /* push: the files it has written are on their storage */
    char *unflushed;               /* push: why a target may not have all (as copiesDoubtful), or NULL */
    int endType;                   /* from ENDING on: VIR_DOMAIN_JOB_COMPLETED, ... */
    char *endError;                /* may be NULL */
};
/** One reference. The Job outlives vm->backup in whoever still works with it. */
qemuBackupJob *qemuBackupJobNew(const virDomainBackupDef *def);
qemuBackupJob *qemuBackupJobRef(qemuBackupJob *job);
void qemuBackupJobUnref(qemuBackupJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuBackupJob, qemuBackupJobUnref)
qemuBackupJobDisk *qemuBackupJobDiskLookup(const qemuBackupJob *job, const char *name);

/** Look what the scratch files of @job take now. Of one whose storage does not answer the last look stays.
 * Blocks for a moment; no locks. */
void qemuBackupJobMeasure(qemuVM *vm, qemuBackupJob *job);
/** True if the store of @disk goes with a job that ended as @type: scratch files we made, and what a
 * push that failed left in targets we made, which is no backup. */
bool qemuBackupJobStoreGoes(const qemuBackupJob *job, const qemuBackupJobDisk *disk, int type);

/** Journal: STATEDIR/NAME.backup, JSON, replaced whole. Below /run: lives as long as the QEMU it
 * describes. Fault points backup.journal.PHASE before and .done behind the write, backup.journal.remove. */
int qemuBackupJournalSave(const qemuConfig *config, const char *domain, const qemuBackupJob *job);
/** (owned) NULL without error when there is none; NULL with an error when it is unreadable. */
qemuBackupJob *qemuBackupJournalLoad(const qemuConfig *config, const char *domain);
bool qemuBackupJournalExists(const qemuConfig *config, const char *domain);
/** Keeps the current error. */
void qemuBackupJournalRemove(const qemuConfig *config, const char *domain);
/** The journal cannot be read (error set, logged and reset here): out of the way, for an operator to see. */
void qemuBackupJournalSetAside(const qemuConfig *config, const char *domain);

/** Statistics as virDomainGetJobStats and the job-completed event give them. Pure.
 * @completedType: VIR_DOMAIN_JOB_NONE while it runs, else how it ended; @errmsg may be NULL. */
void qemuBackupJobStatsFill(const qemuBackupJob *job, long long nowMs, int completedType,
                            const char *errmsg, virTypedParamList *params);
