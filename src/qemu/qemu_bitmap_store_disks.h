/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bitmap store of all disks of a domain, at the moments that count: bitmaps are loaded when QEMU (or
 * the block helper) has opened the disks, marked as in use before the guest may write, saved when it
 * does not any more. Callers hold the job slot.
 */
#pragma once
#include "domain_def.h"
#include "qemu_bitmap_store.h"
#include "qemu_graph.h"
#include "qemu_settle.h"
#include "qemu_target.h"

/**
 * qemuBitmapStoreLoad: put the saved bitmaps of disks that match their stamps onto their nodes; note at
 * the others why theirs are lost.
 * @guest: a guest is going to write whatever happens, so those that cannot be loaded now are lost, too.
 * Returns 0; or -1 with an error, without @guest only: what is saved is as it was.
 */
int qemuBitmapStoreLoad(qemuTarget *target, bool guest);
/** From here on the guest may write: make durable that what is saved is not good any more.
 * Returns 0, or -1 with VIR_ERR_SYSTEM_ERROR, and then it is as before. */
int qemuBitmapStoreMarkInUse(qemuTarget *target);
/** Save the bitmaps of all disks that need it. No guest and no job may write meanwhile or after. Keeps
 * on after a failure. @guest: a guest has written, so what cannot be saved is lost, and a record that did
 * not say saved then says why. Returns 0, or -1 with the first error. */
int qemuBitmapStoreSave(qemuTarget *target, bool guest);
/** One disk of a running domain. Its nodes are open, its device comes next: as Load (@guest) and Mark. */
int qemuBitmapStorePlug(qemuTarget *target, const char *disk);
/** But the device has not come. Keeps the current error. */
void qemuBitmapStorePlugUndo(qemuTarget *target, const char *disk);
/** The device is gone, the nodes are still open: as Save. */
int qemuBitmapStoreUnplug(qemuTarget *target, const char *disk);

/** Remove records that only say why bitmaps were lost, of disks that no checkpoint covers any more. */
void qemuBitmapStoreTidy(qemuVM *vm);
/** Fill in why bitmaps of nodes were lost (qemuGraphNode.lost). */
void qemuBitmapStoreAnnotate(qemuTarget *target, qemuGraph *graph);

/** At the end of a running domain: save, if it has such disks. */
extern const qemuSettleStep qemuBitmapStoreSettleStep;

/** Lending an image to QEMU's user and taking it back changes its ctime: called before and behind that,
 * these let the stamps follow. Before: (owned) what After needs (consumes), NULL if nothing. */
GPtrArray *qemuBitmapStoreBeforeChown(const virDomainDef *def);
void qemuBitmapStoreAfterChown(GPtrArray *stores);
