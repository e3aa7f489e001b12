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
} qemuQMPBlockStats;
/** (owned) device id ("virtio-disk0") -> qemuQMPBlockStats *, every disk in one round trip. */
GHashTable *qemuQMPQueryBlockStats(qemuMonitor *mon);
/** Pure half of it: the "return" value of query-blockstats, e.g. from a batch. */
GHashTable *qemuQMPBlockStatsParse(const virJSONValue *list);
/** (owned) raw flat list of query-named-block-nodes. */
virJSONValue *qemuQMPQueryNamedBlockNodes(qemuMonitor *mon);

/* A node as the accounting of the host's storage sees it. */
typedef struct _qemuQMPNode {
    char *name;
    char *driver;
    char *file;                   /* what it was opened with; "" if there is nothing to name */
    unsigned long long threshold; /* bytes; 0 = none */
    unsigned long long highest;   /* end of the last write into it, of all since it was opened */
} qemuQMPNode;
void qemuQMPNodeFree(qemuQMPNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuQMPNode, qemuQMPNodeFree)
/** (owned) of qemuQMPNode *: all nodes, those that QEMU named too; one round trip. */
GPtrArray *qemuQMPQueryNodes(qemuMonitor *mon);
/** Pure half of it: the "return" values of query-named-block-nodes and of query-blockstats over nodes. */
GPtrArray *qemuQMPNodesParse(const virJSONValue *nodes, const virJSONValue *stats);
/** (borrowed) node @name in the answer to query-named-block-nodes; NULL if it is not there. */
const virJSONValue *qemuQMPNodeLookup(const virJSONValue *nodes, const char *name);
/** (borrowed) the node @name; NULL if it is not there. */
const qemuQMPNode *qemuQMPNodeByName(const GPtrArray *nodes, const char *name);
/** (borrowed) the node through which @path is read and written. */
const qemuQMPNode *qemuQMPNodeByFile(const GPtrArray *nodes, const char *path);

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
    bool concluded;   /* over, its result waits to be dismissed */
} qemuQMPBlockJob;
void qemuQMPBlockJobFree(qemuQMPBlockJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuQMPBlockJob, qemuQMPBlockJobFree)
/** (owned) of qemuQMPBlockJob *: the "return" value of query-block-jobs. */
GPtrArray *qemuQMPBlockJobsParse(const virJSONValue *list);
int qemuQMPJobDismiss(qemuMonitor *mon, const char *id);
int qemuQMPJobCancel(qemuMonitor *mon, const char *id);
