/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An ordered queue of work that no thread owns: items run one at a time, in the order they were
 * pushed, each on some driver thread. A domain has two: one for what QEMU reports (its items may do
 * QMP and wait for the job slot), one for publishing domain events (its items never wait, so that
 * an API call that publishes is not held up by a slow item of the first).
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _qemuEventLane qemuEventLane;
typedef void (*qemuEventLaneFunc)(void *data);

/** (owned) empty lane. */
qemuEventLane *qemuEventLaneNew(void);
/** Drop a reference: items still queued run first, then the lane is freed. Never waits. */
void qemuEventLaneRelease(qemuEventLane *lane);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuEventLane, qemuEventLaneRelease)
/** Append @func(@data). @data belongs to @func, which always runs. Any thread, any lock held. */
void qemuEventLanePush(qemuEventLane *lane, qemuEventLaneFunc func, void *data);
/** True when nothing is queued or running. */
bool qemuEventLaneIdle(qemuEventLane *lane);
/** Wait until every item pushed before this call has run. Not from an item of this lane; no locks. */
void qemuEventLaneDrain(qemuEventLane *lane);
