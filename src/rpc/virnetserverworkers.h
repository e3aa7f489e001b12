/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The threads that run calls. Ordinary workers take everything; when all of them are busy, jobs of
 * the high lane still get through on workers reserved for them, so that a stuck hypervisor never
 * keeps anybody from looking at, or destroying, another domain.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _virNetServerWorkers virNetServerWorkers;

/** @min: idle threads kept. @max: ordinary workers. @prio: reserved ones, may be 0. */
virNetServerWorkers *
virNetServerWorkersNew(unsigned int min, unsigned int max, unsigned int prio);
/** Run @func(@data) on a worker. @high: the job never waits for a hypervisor. */
void
virNetServerWorkersPush(virNetServerWorkers *workers, bool high, GFunc func, gpointer data,
                        gpointer data2);
void
virNetServerWorkersSetMax(virNetServerWorkers *workers, unsigned int min, unsigned int max,
                          unsigned int prio);
/** Wait until every job has been done, at most @timeoutMs. Returns: true if none is left. */
bool
virNetServerWorkersDrain(virNetServerWorkers *workers, unsigned int timeoutMs);
/** All jobs must be done. */
void
virNetServerWorkersFree(virNetServerWorkers *workers);
