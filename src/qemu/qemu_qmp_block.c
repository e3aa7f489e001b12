/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: block statistics, block nodes and jobs. */
#include <string.h>
#include "qemu_qmp_block.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static virJSONValue *
qemuQMPQueryList(qemuMonitor *mon, virJSONValue *consumed)
{
    g_autoptr(virJSONValue) command = consumed;
    virJSONValue *reply = NULL;

    if (qemuMonitorCommand(mon, command, &reply) < 0)
        return NULL;
    return reply;
}

static int
qemuQMPCheckList(const virJSONValue *list, const char *command)
{
    if (list && virJSONValueType(list) == VIR_JSON_ARRAY)
        return 0;
    virReportError(VIR_ERR_INTERNAL_ERROR, "QEMU's reply to %s is not a list", command);
    return -1;
}

/* "/machine/peripheral/virtio-disk0/virtio-backend" and "virtio-disk0" -> "virtio-disk0". */
static char *
qemuQMPDeviceId(const char *qdev)
{
    static const char prefix[] = "/machine/peripheral/";
    const char *id = g_str_has_prefix(qdev, prefix) ? qdev + strlen(prefix) : qdev;
    const char *slash = strchr(id, '/');

    return slash ? g_strndup(id, slash - id) : g_strdup(id);
}

static qemuQMPBlockStats *
qemuQMPBlockStatsParseOne(const virJSONValue *entry)
{
    const virJSONValue *stats = virJSONObjectLookupObject(entry, "stats");
    g_autofree qemuQMPBlockStats *out = g_new0(qemuQMPBlockStats, 1);

    if (virJSONObjectGetUInt(stats, "rd_operations", &out->readOps) < 0 ||
        virJSONObjectGetUInt(stats, "rd_bytes", &out->readBytes) < 0 ||
        virJSONObjectGetUInt(stats, "rd_total_time_ns", &out->readTimeNs) < 0 ||
        virJSONObjectGetUInt(stats, "wr_operations", &out->writeOps) < 0 ||
        virJSONObjectGetUInt(stats, "wr_bytes", &out->writeBytes) < 0 ||
        virJSONObjectGetUInt(stats, "wr_total_time_ns", &out->writeTimeNs) < 0 ||
        virJSONObjectGetUInt(stats, "flush_operations", &out->flushOps) < 0 ||
        virJSONObjectGetUInt(stats, "flush_total_time_ns", &out->flushTimeNs) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s", "an entry of query-blockstats lacks counters");
        return NULL;
    }
    return g_steal_pointer(&out);
}

GHashTable *
qemuQMPBlockStatsParse(const virJSONValue *list)
{
    g_autoptr(GHashTable) table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    size_t i = 0;

    if (qemuQMPCheckList(list, "query-blockstats") < 0)
        return NULL;
    for (i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *entry = virJSONArrayAt(list, i);
        const char *qdev = virJSONObjectLookupString(entry, "qdev");
        qemuQMPBlockStats *stats = NULL;

        if (!qdev)
            continue;
        if (!(stats = qemuQMPBlockStatsParseOne(entry)))
            return NULL;
        g_hash_table_insert(table, qemuQMPDeviceId(qdev), stats);
    }
    return g_steal_pointer(&table);
}

GHashTable *
qemuQMPQueryBlockStats(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) list =
        qemuQMPQueryList(mon, virJSONBuild("{'execute':'query-blockstats'}"));

    return list ? qemuQMPBlockStatsParse(list) : NULL;
}

virJSONValue *
qemuQMPQueryNamedBlockNodes(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) list = qemuQMPQueryList(
        mon, virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true));

    if (!list || qemuQMPCheckList(list, "query-named-block-nodes") < 0)
        return NULL;
    return g_steal_pointer(&list);
}

void
qemuQMPNodeFree(qemuQMPNode *node)
{
    if (!node)
        return;
    g_free(node->name);
    g_free(node->driver);
    g_free(node->file);
    g_free(node);
}

static void
qemuQMPNodesAddStats(GPtrArray *nodes, const virJSONValue *entry)
{
    const char *name = virJSONObjectLookupString(entry, "node-name");
    qemuQMPNode *node = name ? (qemuQMPNode *)qemuQMPNodeByName(nodes, name) : NULL;

    /* one that has come or gone between the two answers */
    if (node)
        virJSONObjectGetUInt(virJSONObjectLookupObject(entry, "stats"), "wr_highest_offset", &node->highest);
}

GPtrArray *
qemuQMPNodesParse(const virJSONValue *nodes, const virJSONValue *stats)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)qemuQMPNodeFree);
    size_t i = 0;

    if (qemuQMPCheckList(nodes, "query-named-block-nodes") < 0 ||
        qemuQMPCheckList(stats, "query-blockstats") < 0)
        return NULL;
    for (i = 0; i < virJSONArraySize(nodes); i++) {
        const virJSONValue *entry = virJSONArrayAt(nodes, i);
        qemuQMPNode *node = g_new0(qemuQMPNode, 1);

        g_ptr_array_add(list, node);
        node->name = g_strdup(virJSONObjectLookupString(entry, "node-name"));
        node->driver = g_strdup(virJSONObjectLookupString(entry, "drv"));
        node->file = g_strdup(virJSONObjectLookupString(entry, "file"));
        if (!node->name || !node->driver || !node->file ||
            virJSONObjectGetUInt(entry, "write_threshold", &node->threshold) < 0) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                           "an entry of query-named-block-nodes is incomplete");
            return NULL;
        }
    }
    for (i = 0; i < virJSONArraySize(stats); i++)
        qemuQMPNodesAddStats(list, virJSONArrayAt(stats, i));
    return g_steal_pointer(&list);
}

GPtrArray *
qemuQMPQueryNodes(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) nodes = qemuQMPQueryNamedBlockNodes(mon);
    g_autoptr(virJSONValue) stats = nodes ? qemuQMPQueryList(
        mon, virJSONBuild("{'execute':'query-blockstats','arguments':{'query-nodes':%b}}", true)) : NULL;

    return stats ? qemuQMPNodesParse(nodes, stats) : NULL;
}

const virJSONValue *
qemuQMPNodeLookup(const virJSONValue *nodes, const char *name)
{
    for (size_t i = 0; i < virJSONArraySize(nodes); i++) {
        const virJSONValue *node = virJSONArrayAt(nodes, i);

        if (g_strcmp0(virJSONObjectLookupString(node, "node-name"), name) == 0)
            return node;
    }
    return NULL;
}

const qemuQMPNode *
qemuQMPNodeByName(const GPtrArray *nodes, const char *name)
{
    for (guint i = 0; i < nodes->len; i++) {
        const qemuQMPNode *node = g_ptr_array_index(nodes, i);

        if (g_str_equal(node->name, name))
            return node;
    }
    return NULL;
}

const qemuQMPNode *
qemuQMPNodeByFile(const GPtrArray *nodes, const char *path)
{
    for (guint i = 0; i < nodes->len; i++) {
        const qemuQMPNode *node = g_ptr_array_index(nodes, i);

        /* formats and filters have the name of what is below them */
        if ((g_str_equal(node->driver, "file") || g_str_equal(node->driver, "host_device")) &&
            g_str_equal(node->file, path))
            return node;
    }
    return NULL;
}

void
qemuQMPJobFree(qemuQMPJob *job)
{
    if (!job)
        return;
    g_free(job->id);
    g_free(job->type);
    g_free(job->status);
    g_free(job->error);
    g_free(job);
}

GPtrArray *
qemuQMPJobsParse(const virJSONValue *list)
{
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)qemuQMPJobFree);
    size_t i = 0;

    if (qemuQMPCheckList(list, "query-jobs") < 0)
        return NULL;
    for (i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *entry = virJSONArrayAt(list, i);
        qemuQMPJob *job = g_new0(qemuQMPJob, 1);

        g_ptr_array_add(jobs, job);
        job->id = g_strdup(virJSONObjectLookupString(entry, "id"));
        job->type = g_strdup(virJSONObjectLookupString(entry, "type"));
        job->status = g_strdup(virJSONObjectLookupString(entry, "status"));
        job->error = g_strdup(virJSONObjectLookupString(entry, "error"));
        if (!job->id || !job->type || !job->status ||
            virJSONObjectGetUInt(entry, "current-progress", &job->current) < 0 ||
            virJSONObjectGetUInt(entry, "total-progress", &job->total) < 0) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "%s", "an entry of query-jobs is incomplete");
            return NULL;
        }
    }
    return g_steal_pointer(&jobs);
}

GPtrArray *
qemuQMPQueryJobs(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) list = qemuQMPQueryList(mon, virJSONBuild("{'execute':'query-jobs'}"));

    return list ? qemuQMPJobsParse(list) : NULL;
}

void
qemuQMPBlockJobFree(qemuQMPBlockJob *job)
{
    if (!job)
        return;
    g_free(job->id);
    g_free(job->type);
    g_free(job);
}

GPtrArray *
qemuQMPBlockJobsParse(const virJSONValue *list)
{
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)qemuQMPBlockJobFree);
    size_t i = 0;

    if (qemuQMPCheckList(list, "query-block-jobs") < 0)
        return NULL;
    for (i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *entry = virJSONArrayAt(list, i);
        qemuQMPBlockJob *job = g_new0(qemuQMPBlockJob, 1);

        g_ptr_array_add(jobs, job);
        job->id = g_strdup(virJSONObjectLookupString(entry, "device"));
        job->type = g_strdup(virJSONObjectLookupString(entry, "type"));
        job->concluded = g_strcmp0(virJSONObjectLookupString(entry, "status"), "concluded") == 0;
        if (!job->id || !job->type || virJSONObjectGetUInt(entry, "offset", &job->offset) < 0 ||
            virJSONObjectGetUInt(entry, "len", &job->length) < 0 ||
            virJSONObjectGetUInt(entry, "speed", &job->speed) < 0) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                           "an entry of query-block-jobs is incomplete");
            return NULL;
        }
    }
    return g_steal_pointer(&jobs);
}

int
qemuQMPJobDismiss(qemuMonitor *mon, const char *id)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'job-dismiss','arguments':{'id':%s}}", id);

    return qemuMonitorCommand(mon, command, NULL);
}

int
qemuQMPJobCancel(qemuMonitor *mon, const char *id)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'job-cancel','arguments':{'id':%s}}", id);

    return qemuMonitorCommand(mon, command, NULL);
}
