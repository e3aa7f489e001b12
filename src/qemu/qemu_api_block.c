/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes, statistics and jobs of single disks.
 */
#include "qemu_api.h"
#include "qemu_backup_blockjob.h"
#include "qemu_graph.h"
#include "qemu_image_size.h"
#include "qemu_nodes.h"
#include "qemu_qmp_block.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define MIB (1ULL << 20)

/* (owned) copy of the disk named by target or source path; NULL with an error. */
static virDomainDef *
qemuBlockFindDisk(qemuVM *vm, const char *path, virDomainDiskDef **disk)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    if (!def)
        return NULL;
    *disk = path && *path ? virDomainDefDisk(def, path, true) : NULL;
    if (!*disk) {
        virReportError(VIR_ERR_INVALID_ARG, "invalid path %s not assigned to domain", path ? path : "");
        return NULL;
    }
    return g_steal_pointer(&def);
}

/* Of what is no file QEMU is the one to ask. */
static int
qemuBlockOpenSizeFetch(qemuVM *vm, const virStorageSource *src, qemuImageSize *size)
{
    g_autofree char *format = qemuNodeNameFormat(src->index);
    g_autofree char *storage = qemuNodeNameStorage(src->index);
    g_autoptr(qemuGraph) graph = qemuGraphFetch(&vm->target);
    const qemuGraphNode *image = graph ? qemuGraphNodeLookup(graph, format) : NULL;
    const qemuGraphNode *file = graph ? qemuGraphNodeLookup(graph, storage) : NULL;

    if (!graph)
        return -1;
    if (!image || !file)
        return qemuImageSizeFetch(src, size);
    size->capacity = image->virtualSize;
    size->allocation = size->physical = file->virtualSize;
    return 0;
}

static int
qemuBlockSizeFetch(qemuVM *vm, const virStorageSource *src, qemuImageSize *size)
{
    bool active = false;
    int rc = -1;

    if (src->path)
        return qemuImageSizeFetch(src, size);
    if (qemuJobBegin(&vm->job, QEMU_JOB_QUERY, "virDomainGetBlockInfo") < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        active = qemuVMIsActive(vm);
    }
    rc = active ? qemuBlockOpenSizeFetch(vm, src, size) : qemuImageSizeFetch(src, size);
    qemuJobEnd(&vm->job);
    return rc;
}

/* A block device is as big as it is; how much of it an image takes knows who writes it. */
static void
qemuBlockHighest(qemuVM *vm, const virStorageSource *src, unsigned long long *allocation)
{
    g_autoptr(qemuMonitor) mon = src->type == VIR_STORAGE_TYPE_BLOCK ? qemuVMMonitor(vm) : NULL;
    g_autoptr(GPtrArray) nodes = mon ? qemuQMPQueryNodes(mon) : NULL;
    g_autofree char *name = qemuNodeNameStorage(src->index);
    const qemuQMPNode *node = nodes ? qemuQMPNodeByName(nodes, name) : NULL;

    virErrorReset();
    if (node)
        *allocation = node->highest;
}

int
qemuDomainGetBlockInfo(virDomainPtr dom, const char *disk, virDomainBlockInfoPtr info, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(virDomainDef) def = NULL;
    virDomainDiskDef *found = NULL;
    qemuImageSize size = { 0 };

    virCheckFlags(0, -1);
    vm = qemuVMFromDomain(dom);
    def = vm ? qemuBlockFindDisk(vm, disk, &found) : NULL;
    if (!def)
        return -1;
    if (!found->src) {
        virReportError(VIR_ERR_INVALID_ARG, "disk '%s' does not currently have a source assigned", disk);
        return -1;
    }
    if (qemuBlockSizeFetch(vm, found->src, &size) < 0)
        return -1;
    qemuBlockHighest(vm, found->src, &size.allocation);
    *info = (virDomainBlockInfo){ .capacity = size.capacity, .allocation = size.allocation, .physical = size.physical };
    return 0;
}

/* Statistics of one disk, or the sum of all with an empty @disk. */
static int
qemuBlockStatsFetch(virDomainPtr dom, const char *disk, qemuQMPBlockStats *out)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    g_autoptr(qemuMonitor) mon = vm ? qemuVMMonitor(vm) : NULL;
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(GHashTable) table = NULL;
    virDomainDiskDef *found = NULL;
    GHashTableIter iter;
    void *alias = NULL;
    void *value = NULL;

    if (!mon)
        return -1;
    if (disk && *disk && !(def = qemuBlockFindDisk(vm, disk, &found)))
        return -1;
    table = qemuQMPQueryBlockStats(mon);
    if (!table)
        return -1;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &alias, &value)) {
        const qemuQMPBlockStats *one = value;

        if (found && g_strcmp0(found->alias, alias) != 0)
            continue;
        out->readOps += one->readOps;
        out->readBytes += one->readBytes;
        out->readTimeNs += one->readTimeNs;
        out->writeOps += one->writeOps;
        out->writeBytes += one->writeBytes;
        out->writeTimeNs += one->writeTimeNs;
        out->flushOps += one->flushOps;
        out->flushTimeNs += one->flushTimeNs;
    }
    return 0;
}

int
qemuDomainBlockStats(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats)
{
    qemuQMPBlockStats found = { 0 };

    if (qemuBlockStatsFetch(dom, disk, &found) < 0)
        return -1;
    *stats = (virDomainBlockStatsStruct){
        .rd_req = (long long)found.readOps,
        .rd_bytes = (long long)found.readBytes,
        .wr_req = (long long)found.writeOps,
        .wr_bytes = (long long)found.writeBytes,
        .errs = -1,
    };
    return 0;
}

int
qemuDomainBlockStatsFlags(virDomainPtr dom, const char *disk, virTypedParameterPtr params, int *nparams,
                          unsigned int flags)
{
    qemuQMPBlockStats found = { 0 };
    const struct {
        const char *name;
        const unsigned long long *value;
    } fields[] = {
        { VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, &found.writeBytes },
        { VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, &found.writeOps },
        { VIR_DOMAIN_BLOCK_STATS_READ_BYTES, &found.readBytes },
        { VIR_DOMAIN_BLOCK_STATS_READ_REQ, &found.readOps },
        { VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, &found.flushOps },
        { VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES, &found.writeTimeNs },
        { VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES, &found.readTimeNs },
        { VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES, &found.flushTimeNs },
    };
    int n = 0;

    virCheckFlags(VIR_TYPED_PARAM_STRING_OKAY, -1);
    if (qemuBlockStatsFetch(dom, disk, &found) < 0)
        return -1;
    if (*nparams == 0) {
        *nparams = G_N_ELEMENTS(fields);
        return 0;
    }
    for (n = 0; n < *nparams && n < (int)G_N_ELEMENTS(fields); n++) {
        g_strlcpy(params[n].field, fields[n].name, sizeof(params[n].field));
        params[n].type = VIR_TYPED_PARAM_LLONG;
        params[n].value.l = (long long)*fields[n].value;
    }
    *nparams = n;
    return 0;
}

int
qemuDomainGetBlockJobInfo(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int rc = 0;

    virCheckFlags(VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES, -1);
    *info = (virDomainBlockJobInfo){ 0 };
    vm = qemuVMFromDomain(dom);
    rc = vm ? qemuBackupBlockJobInfo(vm, disk, info) : -1;
    if (!(flags & VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES))
        info->bandwidth = info->bandwidth / MIB + (info->bandwidth % MIB > 0);   /* 0 is no limit */
    return rc;
}

int
qemuDomainBlockJobSetSpeed(virDomainPtr dom, const char *disk, unsigned long bandwidth, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    unsigned long long unit = flags & VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES ? 1 : MIB;

    virCheckFlags(VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES, -1);
    if (bandwidth > G_MAXINT64 / unit) {
        virReportError(VIR_ERR_OVERFLOW, "bandwidth must be less than %llu", G_MAXINT64 / unit);
        return -1;
    }
    vm = qemuVMFromDomain(dom);
    return vm ? qemuBackupBlockJobSetSpeed(vm, disk, bandwidth * unit) : -1;
}

int
qemuDomainBlockJobAbort(virDomainPtr dom, const char *disk, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC | VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT, -1);
    vm = qemuVMFromDomain(dom);
    return vm ? qemuBackupBlockJobAbort(vm, disk, flags & VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT,
                                        !(flags & VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC))
              : -1;
}
