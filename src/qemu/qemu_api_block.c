/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and statistics of single disks.
 */
#include "qemu_api.h"
#include "qemu_graph.h"
#include "qemu_image_size.h"
#include "qemu_nodes.h"
#include "qemu_qmp_block.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

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
    g_autoptr(qemuMonitor) mon = NULL;
    g_autoptr(virDomainDef) def = NULL;
    virDomainDiskDef *found = NULL;

    virCheckFlags(VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES, -1);
    vm = qemuVMFromDomain(dom);
    mon = vm ? qemuVMMonitor(vm) : NULL;
    def = mon ? qemuBlockFindDisk(vm, disk, &found) : NULL;
    /* Commit, pull and copy are not offered, and a backup is not a block job to clients. */
    *info = (virDomainBlockJobInfo){ 0 };
    return def ? 0 : -1;
}
