/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which checkpoints are broken, and why: the answer that a client reads in their XML. Computed for all
 * of a domain at once and kept as long as it holds, because a client that lists checkpoints asks for
 * the XML of each.
 */
#pragma once
#include <glib.h>
#include "checkpoint_def.h"
#include "qemu_vm.h"

/* Guarded by vm->lock; part of qemuCheckpointList. */
typedef struct _qemuCheckpointHealth {
    char *stamp;             /* of what it was computed from; NULL = not known */
    char *unknown;           /* why not, if that was found out; else NULL */
    GHashTable *reasons;     /* checkpoint -> (disk -> reason), of the broken ones only */
    gint64 retryAt;          /* monotonic: it could not be found out, do not try again before */
} qemuCheckpointHealth;
void qemuCheckpointHealthClear(qemuCheckpointHealth *health);

/** Something that matters may have changed: find out anew (takes vm->lock). */
void qemuCheckpointHealthForget(qemuVM *vm);
/**
 * qemuCheckpointHealthRefresh: find out, if it is not known. Of a running domain QEMU is asked, of a
 * stopped one a block helper looks at the images; what is known of these holds until they change.
 * Takes MODIFY for that; blocks. Where it cannot be found out (an image is missing, another program
 * uses it), that is logged and said. Sets no error.
 */
void qemuCheckpointHealthRefresh(qemuVM *vm);
/** Is there an answer, or a reason why there is none? Somebody else's change takes both away. Lock held. */
bool qemuCheckpointHealthSettled(const qemuCheckpointHealth *health);
/** Set @broken in the disks of @def, which is in the domain's list, and @unknown; @health NULL: take them away.
 * Without an answer it is unknown, not whole. Lock held. */
void qemuCheckpointHealthApply(const qemuCheckpointHealth *health, virDomainCheckpointDef *def);
