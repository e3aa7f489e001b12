/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plain case, in which creating and deleting need not look at the whole chain of a disk: the
 * checkpoints are one line of parents, all bitmaps of the disk's are whole, and only the newest records.
 * That is found out once, by looking at all of it, and then kept true by our own transactions, like the
 * books. Then what matters of a chain are the neighbours of what changes, and its end.
 *
 * All of it under MODIFY.
 */
#pragma once
#include "qemu_graph.h"
#include "qemu_vm.h"

/** (owned, g_strfreev) what a new checkpoint of @disk has to know of the chain, oldest first: in the plain
 * case its end, else all of it. */
char **qemuCheckpointLineEnd(qemuVM *vm, const char *disk, const qemuGraphNode *node);
/** The same for deleting @names: in the plain case, and of a single one, its neighbours and the end;
 * else all of it, with those whose record says 'deleting'. */
char **qemuCheckpointLineAround(qemuVM *vm, const char *disk, const qemuGraphNode *node, char **names);
/** Is the chain (or the part of it as above) plain? */
bool qemuCheckpointLineIsPlain(const qemuGraphNode *node, const char *const *chain);

/** A plain line has grown, or shrunk. */
void qemuCheckpointLineCreated(qemuVM *vm, const char *disk, const char *name);
void qemuCheckpointLineDeleted(qemuVM *vm, const char *disk, const char *const *names);
/** Look at everything next time. */
void qemuCheckpointLinesForget(qemuVM *vm);
