/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints of a domain: the operations of the API. The theory is in docs/internals/checkpoints.rst.
 */
#pragma once
#include "libvirt-driver.h"
#include "checkpoint_def.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_vm.h"

/* Members of virDriver. */
virDomainCheckpointPtr qemuDomainCheckpointCreateXML(virDomainPtr dom, const char *xml, unsigned int flags);
char *qemuDomainCheckpointGetXMLDesc(virDomainCheckpointPtr chk, unsigned int flags);
int qemuDomainListAllCheckpoints(virDomainPtr dom, virDomainCheckpointPtr **chks, unsigned int flags);
int qemuDomainCheckpointListAllChildren(virDomainCheckpointPtr chk, virDomainCheckpointPtr **children, unsigned int flags);
virDomainCheckpointPtr qemuDomainCheckpointLookupByName(virDomainPtr dom, const char *name, unsigned int flags);
virDomainCheckpointPtr qemuDomainCheckpointGetParent(virDomainCheckpointPtr chk, unsigned int flags);
int qemuDomainCheckpointDelete(virDomainCheckpointPtr chk, unsigned int flags);

/* Shared with qemu_backup.c: a checkpoint made at the instant a backup starts. */
typedef struct _qemuCheckpointPrepared {
    virDomainCheckpointDef *def;        /* aligned, state CREATING */
    qemuCheckpointPlanDisk *disks;      /* for the planner; point into the graph they were made from */
    size_t ndisks;
    GPtrArray *chains;                  /* owns the name lists of disks */
    bool quiesce;                       /* made by itself: the guest's file systems are frozen for it */
} qemuCheckpointPrepared;
void qemuCheckpointPreparedFree(qemuCheckpointPrepared *prep);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuCheckpointPrepared, qemuCheckpointPreparedFree)
/** Align @def (consumed) with the domain, check names, find the disks' nodes in @graph.
 * Nothing is changed yet. Caller holds MODIFY and a target. */
qemuCheckpointPrepared *qemuCheckpointPrepare(qemuVM *vm, virDomainCheckpointDef **def, const qemuGraph *graph);
/** Write the record 'creating', durably, and list it. */
int qemuCheckpointAnnounce(qemuVM *vm, qemuCheckpointPrepared *prep);
/** All of it but the confirmation: record 'creating', the transaction, and for a stopped domain the
 * bitmaps stored. On failure as if nothing had been. */
int qemuCheckpointMake(qemuVM *vm, qemuCheckpointPrepared *prep);
/** The transaction has happened: record 'ready', books. Cannot fail: an unwritten 'ready' is what
 * reconcile finds out itself. */
void qemuCheckpointConfirm(qemuVM *vm, qemuCheckpointPrepared *prep);
/** The transaction did not happen: forget the record. Keeps the current error. */
void qemuCheckpointForget(qemuVM *vm, const char *name);

/** The disk called @name of the target's domain; borrowed while the job is held, NULL if none. */
const qemuTargetDisk *qemuCheckpointTargetDisk(qemuTarget *target, const char *name);
