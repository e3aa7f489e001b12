/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checkpoints of one domain as the driver knows them: the records read from disk, in order of
 * creation, and the last known state of the bitmaps ("books"), so that creating or deleting a
 * checkpoint needs no query.
 *
 * Everything here is guarded by vm->lock unless a function says that it takes it. Changes are made
 * by who holds the MODIFY job.
 */
#pragma once
#include <glib.h>
#include "checkpoint_def.h"
#include "qemu_checkpoint_health.h"
#include "qemu_graph.h"
#include "qemu_vm.h"

struct _qemuCheckpointList {
    GPtrArray *defs;        /* virDomainCheckpointDef *, oldest first; every state */
    GHashTable *byName;     /* the same, borrowed */
    qemuGraph *books;       /* bitmaps as of our last query, kept true by our own transactions;
                             * NULL = ask QEMU; touched only under the MODIFY job */
    GHashTable *stale;      /* char * (set): names whose record on disk could not be brought up to date;
                             * touched only under the MODIFY job */
    GHashTable *lines;      /* qemu_checkpoint_line.h; NULL = none is known to be plain; touched only under
                             * the MODIFY job */
    GHashTable *order;      /* qemu_checkpoint_order.h: since the first change in this run or of this
                             * helper, NULL = as the ledgers say; touched only under the MODIFY job */
    qemuCheckpointHealth health;
};
void qemuCheckpointListFree(qemuCheckpointList *list);

/** Read all records of @vm from disk (takes vm->lock). Unreadable ones are logged and left alone.
 * Returns 0, or -1 when the directory cannot be read. */
int qemuCheckpointListLoad(qemuVM *vm);
/** Remove all records of @vm, in memory and durably on disk (takes vm->lock). */
int qemuCheckpointListDrop(qemuVM *vm);
/** Number of checkpoints a client can see, i.e. READY ones (takes vm->lock). */
size_t qemuCheckpointListCount(qemuVM *vm);

/** Borrowed, any state; NULL if none. */
virDomainCheckpointDef *qemuCheckpointListLookup(const qemuCheckpointList *list, const char *name);
/** The newest READY one: parent of the next; borrowed, NULL if none. */
virDomainCheckpointDef *qemuCheckpointListCurrent(const qemuCheckpointList *list);
/** @def: consumed; goes behind its parent's other descendants, i.e. last. */
void qemuCheckpointListAdd(qemuCheckpointList *list, virDomainCheckpointDef *def);
void qemuCheckpointListRemove(qemuCheckpointList *list, const char *name);
/** Into the order of @names (char *, oldest first); what is not among them comes behind, as it was. */
void qemuCheckpointListArrange(qemuCheckpointList *list, const GPtrArray *names);
/** @def: consumed; takes the place of the one of its name. A new one becomes the last one, and so the
 * current one, if its parent is that or was made before it; else it comes where its time is. */
void qemuCheckpointListReplace(qemuCheckpointList *list, virDomainCheckpointDef *def);
/**
 * qemuCheckpointListOfDisk: names of the READY checkpoints with a bitmap on @disk, along the line of
 * ancestors of @tip (included; NULL = current), oldest first.
 * Returns: (owned, g_strfreev) NULL-terminated.
 */
char **qemuCheckpointListOfDisk(const qemuCheckpointList *list, const char *disk, const char *tip);
/** Names of all descendants of @name, oldest first; (owned, g_strfreev). */
char **qemuCheckpointListDescendants(const qemuCheckpointList *list, const char *name);

/** The record of @name on disk is behind the list: qemuCheckpointListSaveStale tries again. */
void qemuCheckpointListNoteStale(qemuCheckpointList *list, const char *name);
/** Note the records whose files are gone (somebody removed them): what we remember is true. */
void qemuCheckpointListNoteLost(qemuVM *vm);
/** Write the records noted. What fails stays noted. Resets the error. */
void qemuCheckpointListSaveStale(qemuVM *vm);

/** One record to disk, durably: a rename that is not preceded by a sync may leave an empty file after
 * power loss, and 'ready' may not cost us 'creating'. @fault: prefix of the fault points NAME.written
 * and NAME.renamed. */
int qemuCheckpointRecordSave(qemuVM *vm, const virDomainCheckpointDef *def, const char *fault);
/** A record that is gone, but perhaps not durably, counts as removed. */
int qemuCheckpointRecordRemove(qemuVM *vm, const char *name, const char *fault);
/** The same without waiting for the disk, for a record that durably says 'deleting': if power loss
 * brings it back, the next start finishes it. Fault point NAME.unlinked behind it. */
int qemuCheckpointRecordUnlink(qemuVM *vm, const char *name, const char *fault);
