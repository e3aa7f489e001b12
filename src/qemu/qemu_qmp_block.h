/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: block statistics, block nodes and jobs. Errors as qemuMonitorCommand. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "qemu_monitor.h"

typedef struct _qemuQMPBlockStats {
    unsigned long long readOps, readBytes, readTimeNs;
    unsigned long long writeOps, writeBytes, writeTimeNs;
    unsigned long long flushOps, flushTimeNs;
    unsigned long long writeHighest; /* highest offset written to the image file */
} qemuQMPBlockStats;
/** (owned) device id ("virtio-disk0") -> qemuQMPBlockStats *, every disk in one round trip. */
GHashTable *qemuQMPQueryBlockStats(qemuMonitor *mon);
/** Pure half of it: the "return" value of query-blockstats, e.g. from a batch. */
GHashTable *qemuQMPBlockStatsParse(const virJSONValue *list);
/** (owned) raw flat list of query-named-block-nodes. */
virJSONValue *qemuQMPQueryNamedBlockNodes(qemuMonitor *mon);

typedef struct _qemuQMPJob {
    char *id;
    char *type;   /* "backup", "commit", "mirror", "create", ... */
    char *status; /* "created", "running", "ready", "concluded", ... */
    char *error;  /* NULL: none */
    unsigned long long current, total;
} qemuQMPJob;
void qemuQMPJobFree(qemuQMPJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuQMPJob, qemuQMPJobFree)
/** (owned) of qemuQMPJob *: query-jobs. */
GPtrArray *qemuQMPQueryJobs(qemuMonitor *mon);
GPtrArray *qemuQMPJobsParse(const virJSONValue *list);
typedef struct _qemuQMPBlockJob {
    char *id;
    char *type;
    unsigned long long offset, length, speed;
    bool busy, paused, ready;
    char *ioStatus;
} qemuQMPBlockJob;
void qemuQMPBlockJobFree(qemuQMPBlockJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuQMPBlockJob, qemuQMPBlockJobFree)
/** (owned) of qemuQMPBlockJob *: query-block-jobs. */
GPtrArray *qemuQMPQueryBlockJobs(qemuMonitor *mon);
GPtrArray *qemuQMPBlockJobsParse(const virJSONValue *list);
int qemuQMPJobDismiss(qemuMonitor *mon, const char *id);
int qemuQMPJobCancel(qemuMonitor *mon, const char *id);
/** @bytesPerSec: 0 = no limit. */
int qemuQMPBlockJobSetSpeed(qemuMonitor *mon, const char *id, unsigned long long bytesPerSec);
