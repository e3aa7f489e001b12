/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for the driver's own work that may block: event lanes, starting and reconnecting many
 * domains at once, collecting statistics. As many as there is work; idle ones go away.
 */
#pragma once
#include <glib.h>

/** Run @func(@data) soon on a worker. Any thread, any lock held. */
void qemuWorkersRun(void (*func)(void *data), void *data);
/** Call @func(item, @opaque) for each of @items, several at once, and return when all are done.
 * At most @parallel at a time. Blocks: no locks. */
void qemuWorkersForEach(GPtrArray *items, unsigned int parallel,
                        void (*func)(void *item, void *opaque), void *opaque);
/** Wait until no work is queued or running. Not from a worker. */
void qemuWorkersDrain(void);
