/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statistics of many domains at once: domains side by side, one QMP command a running domain and
 * none for a stopped one. Everything else is in the domain object, in /proc or in the image's inode.
 * No job slot is taken: asking disturbs nobody, and a domain under change still has statistics.
 */
#include "qemu_api.h"
#include <string.h>
#include "qemu_backup_job.h"
#include "qemu_backup_plan.h"
#include "qemu_image_size.h"
#include "qemu_nodes.h"
#include "qemu_process_spawn.h"
#include "qemu_qmp_block.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_STATS_PARALLEL 16
#define QEMU_VCPU_RUNNING 1   /* virVcpuState of libvirt: running */
#define QEMU_STATS_KNOWN \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON | \
     VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BLOCK)
#define QEMU_STATS_ALL ((1U << 11) - 1)
#define QEMU_STATS_FILTERS \
    (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER)

/* One domain being asked, filled in by a worker. */
typedef struct _qemuStatsItem {
    qemuVM *vm;               /* (owned reference) */
    unsigned int stats;
    bool backing;
    /* the domain at the beginning */
    virDomainDef *def;
    int state, reason;
    pid_t pid;
    qemuMonitor *mon;         /* (owned reference) NULL = there is nobody to ask */
    unsigned long long balloonKiB;
    qemuBackupJob *backup;    /* (owned reference) NULL = none runs */
    GPtrArray *nodes;         /* qemuQMPNode *; NULL = not asked for, or no answer */
    virTypedParamList params;
} qemuStatsItem;

static void
qemuStatsItemFree(void *data)
{
    qemuStatsItem *item = data;

    qemuVMUnref(item->vm);
    qemuMonitorUnref(item->mon);
    qemuBackupJobUnref(item->backup);
    if (item->nodes)
        g_ptr_array_unref(item->nodes);
    virDomainDefFree(item->def);
    virTypedParamListClear(&item->params);
    g_free(item);
}

static void
qemuStatsCpu(qemuStatsItem *item)
{
    unsigned long long total = 0;
    unsigned long long user = 0;
    unsigned long long system = 0;
    unsigned long long rss = 0;
    bool alive = item->pid && qemuPidUsage(item->pid, &total, &user, &system, &rss) == 0;

    if (alive && item->stats & VIR_DOMAIN_STATS_CPU_TOTAL) {
        virTypedParamListAddULLong(&item->params, total, "cpu.time");
        virTypedParamListAddULLong(&item->params, user, "cpu.user");
        virTypedParamListAddULLong(&item->params, system, "cpu.system");
    }
    if (!(item->stats & VIR_DOMAIN_STATS_BALLOON))
        return;
    if (item->pid)
        virTypedParamListAddULLong(&item->params, item->balloonKiB, "balloon.current");
    else
        virTypedParamListAddULLong(&item->params, item->def->currentMemoryKiB, "balloon.current");
    virTypedParamListAddULLong(&item->params, item->def->memoryKiB, "balloon.maximum");
    if (alive)
        virTypedParamListAddULLong(&item->params, rss, "balloon.rss");
}

/* Times of the thread QEMU named "CPU N/...". */
static void
qemuStatsVcpuThread(qemuStatsItem *item, const char *task)
{
    g_autofree char *commPath = g_strdup_printf("/proc/%d/task/%s/comm", (int)item->pid, task);
    g_autofree char *schedPath = g_strdup_printf("/proc/%d/task/%s/schedstat", (int)item->pid, task);
    g_autofree char *comm = NULL;
    g_autofree char *sched = NULL;
    unsigned long long runNs = 0;
    unsigned long long waitNs = 0;
    unsigned int vcpu = 0;

    if (!g_file_get_contents(commPath, &comm, NULL, NULL) || sscanf(comm, "CPU %u/", &vcpu) != 1 ||
        vcpu >= item->def->vcpus || !g_file_get_contents(schedPath, &sched, NULL, NULL) ||
        sscanf(sched, "%llu %llu", &runNs, &waitNs) != 2)
        return;
    virTypedParamListAddULLong(&item->params, runNs, "vcpu.%u.time", vcpu);
    virTypedParamListAddULLong(&item->params, 0, "vcpu.%u.wait", vcpu);
    virTypedParamListAddULLong(&item->params, waitNs, "vcpu.%u.delay", vcpu);
}

static void
qemuStatsVcpu(qemuStatsItem *item)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)item->pid);
    g_autoptr(GDir) tasks = NULL;
    const char *task = NULL;
    unsigned int i = 0;

    virTypedParamListAddUInt(&item->params, item->def->vcpus, "vcpu.current");
    virTypedParamListAddUInt(&item->params, item->def->maxVcpus, "vcpu.maximum");
    if (!item->pid)
        return;
    for (i = 0; i < item->def->vcpus; i++)
        virTypedParamListAddInt(&item->params, QEMU_VCPU_RUNNING, "vcpu.%u.state", i);
    tasks = g_dir_open(path, 0, NULL);
    while (tasks && (task = g_dir_read_name(tasks)))
        qemuStatsVcpuThread(item, task);
}

static void
qemuStatsBlockCounters(qemuStatsItem *item, unsigned int i, const qemuQMPBlockStats *stats)
{
    virTypedParamList *list = &item->params;

    virTypedParamListAddULLong(list, stats->readOps, "block.%u.rd.reqs", i);
    virTypedParamListAddULLong(list, stats->readBytes, "block.%u.rd.bytes", i);
    virTypedParamListAddULLong(list, stats->readTimeNs, "block.%u.rd.times", i);
    virTypedParamListAddULLong(list, stats->writeOps, "block.%u.wr.reqs", i);
    virTypedParamListAddULLong(list, stats->writeBytes, "block.%u.wr.bytes", i);
    virTypedParamListAddULLong(list, stats->writeTimeNs, "block.%u.wr.times", i);
    virTypedParamListAddULLong(list, stats->flushOps, "block.%u.fl.reqs", i);
    virTypedParamListAddULLong(list, stats->flushTimeNs, "block.%u.fl.times", i);
}

/* What QEMU and the host's file system say of one image; @node: what writes to its storage, or NULL. */
static void
qemuStatsBlockSizes(qemuStatsItem *item, unsigned int i, const virStorageSource *src, const qemuQMPNode *node)
{
    virTypedParamList *list = &item->params;
    qemuImageSize size = { 0 };
    bool known = qemuImageSizeFetch(src, &size) == 0;

    if (node || known)
        virTypedParamListAddULLong(list, node ? node->highest : size.allocation, "block.%u.allocation", i);
    if (known) {
        virTypedParamListAddULLong(list, size.capacity, "block.%u.capacity", i);
        virTypedParamListAddULLong(list, size.physical, "block.%u.physical", i);
    }
    virErrorReset();
    if (node && node->threshold > 0)
        virTypedParamListAddULLong(list, node->threshold, "block.%u.threshold", i);
}

static void
qemuStatsBlockHead(qemuStatsItem *item, unsigned int i, const char *disk, const virStorageSource *src,
                   unsigned int index)
{
    virTypedParamListAddString(&item->params, disk, "block.%u.name", i);
    if (src)
        virTypedParamListAddString(&item->params, virStorageSourcePath(src), "block.%u.path", i);
    if (index > 0)
        virTypedParamListAddUInt(&item->params, index, "block.%u.backingIndex", i);
}

static void
qemuStatsBlockSource(qemuStatsItem *item, unsigned int i, const virDomainDiskDef *disk,
                     const virStorageSource *src, const qemuQMPBlockStats *stats)
{
    g_autofree char *name = src && src->index > 0 ? qemuNodeNameStorage(src->index) : NULL;

    qemuStatsBlockHead(item, i, disk->dst, src, src ? src->index : 0);
    if (stats)
        qemuStatsBlockCounters(item, i, stats);
    if (src)
        qemuStatsBlockSizes(item, i, src, item->nodes && name ? qemuQMPNodeByName(item->nodes, name) : NULL);
}

/* The scratch or target of the backup that runs, if @disk has one. */
static const virDomainBackupDiskDef *
qemuStatsBlockStore(const qemuStatsItem *item, const virDomainDiskDef *disk)
{
    const GPtrArray *disks = item->backing && item->backup ? item->backup->def->disks : NULL;

    for (guint i = 0; disks && i < disks->len; i++) {
        const virDomainBackupDiskDef *def = g_ptr_array_index(disks, i);

        if (def->index > 0 && g_str_equal(def->name, disk->dst))
            return def;
    }
    return NULL;
}

static void
qemuStatsBlockStoreAdd(qemuStatsItem *item, unsigned int i, const virDomainBackupDiskDef *store)
{
    const virStorageSource *src = store->store;
    g_autofree char *wire = src->nbd ? qemuBackupNodeName("wire", store->name) : NULL;
    const qemuQMPNode *node = NULL;

    if (item->nodes)
        node = wire ? qemuQMPNodeByName(item->nodes, wire) : qemuQMPNodeByFile(item->nodes, src->path);
    qemuStatsBlockHead(item, i, store->name, src, store->index);
    qemuStatsBlockSizes(item, i, src, node);
}

static unsigned int
qemuStatsBlockCount(const qemuStatsItem *item)
{
    unsigned int n = item->def->disks->len;
    guint i = 0;

    for (i = 0; item->backing && i < item->def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(item->def->disks, i);
        const virStorageSource *src = disk->src ? disk->src->backing : NULL;

        for (; src; src = src->backing)
            n++;
        n += qemuStatsBlockStore(item, disk) != NULL;
    }
    return n;
}

static void
qemuStatsBlock(qemuStatsItem *item)
{
    g_autoptr(GHashTable) table = item->mon ? qemuQMPQueryBlockStats(item->mon) : NULL;
    unsigned int n = 0;
    guint i = 0;

    item->nodes = table ? qemuQMPQueryNodes(item->mon) : NULL;
    /* A QEMU that died just now has no counters; its sizes are still true. */
    virErrorReset();
    virTypedParamListAddUInt(&item->params, qemuStatsBlockCount(item), "block.count");
    for (i = 0; i < item->def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(item->def->disks, i);
        const virDomainBackupDiskDef *store = qemuStatsBlockStore(item, disk);
        const virStorageSource *src = disk->src;

        qemuStatsBlockSource(item, n++, disk, src,
                             table && disk->alias ? g_hash_table_lookup(table, disk->alias) : NULL);
        for (src = item->backing && src ? src->backing : NULL; src; src = src->backing)
            qemuStatsBlockSource(item, n++, disk, src, NULL);
        if (store)
            qemuStatsBlockStoreAdd(item, n++, store);
    }
}

static void
qemuStatsCollect(void *data, void *opaque G_GNUC_UNUSED)
{
    qemuStatsItem *item = data;

    g_mutex_lock(&item->vm->lock);
    item->def = virDomainDefCopy(item->vm->def);
    item->state = item->vm->state;
    item->reason = item->vm->stateReason;
    item->pid = item->vm->exited ? 0 : item->vm->pid;
    item->mon = item->pid && item->vm->mon ? qemuMonitorRef(item->vm->mon) : NULL;
    item->balloonKiB = item->vm->balloonKiB;
    if (item->vm->backup && item->vm->backup->phase != QEMU_BACKUP_BEGINNING)
        item->backup = qemuBackupJobRef(item->vm->backup);
    g_mutex_unlock(&item->vm->lock);
    if (!item->def)
        return;
    if (item->stats & VIR_DOMAIN_STATS_STATE) {
        virTypedParamListAddInt(&item->params, item->state, "state.state");
        virTypedParamListAddInt(&item->params, item->reason, "state.reason");
    }
    if (item->stats & (VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON))
        qemuStatsCpu(item);
    if (item->stats & VIR_DOMAIN_STATS_VCPU)
        qemuStatsVcpu(item);
    if (item->stats & VIR_DOMAIN_STATS_BLOCK)
        qemuStatsBlock(item);
}

static void
qemuStatsAdd(GPtrArray *items, qemuVM *vm, unsigned int stats, unsigned int flags)
{
    qemuStatsItem *item = NULL;

    if (!qemuListMatches(vm, flags & QEMU_STATS_FILTERS))
        return;
    item = g_new0(qemuStatsItem, 1);
    item->vm = qemuVMRef(vm);
    item->stats = stats;
    item->backing = flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING;
    g_ptr_array_add(items, item);
}

/* The domains asked for: those given, or all. Ones that are gone meanwhile are left out. */
static GPtrArray *
qemuStatsItems(virDomainPtr *doms, unsigned int ndoms, unsigned int stats, unsigned int flags)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(qemuStatsItemFree);
    unsigned int i = 0;

    if (ndoms == 0) {
        g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());

        for (i = 0; i < vms->len; i++)
            qemuStatsAdd(items, g_ptr_array_index(vms, i), stats, flags);
    }
    for (i = 0; i < ndoms; i++) {
        g_autoptr(qemuVM) vm = qemuVMListByUUID(qemuDriverVMs(), doms[i]->uuid);

        if (vm)
            qemuStatsAdd(items, vm, stats, flags);
    }
    return items;
}

int
qemuConnectGetAllDomainStats(virConnectPtr conn, virDomainPtr *doms, unsigned int ndoms, unsigned int stats,
                             virDomainStatsRecordPtr **records, unsigned int flags)
{
    g_autoptr(GPtrArray) items = NULL;
    guint i = 0;

    virCheckFlags(QEMU_STATS_FILTERS | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT |
                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |
                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS,
                  -1);
    if (flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS && stats & ~QEMU_STATS_KNOWN) {
        virReportError(VIR_ERR_ARGUMENT_UNSUPPORTED, "Stats types bits 0x%x are not supported by this daemon",
                       stats & ~QEMU_STATS_KNOWN);
        return -1;
    }
    if (stats == 0)
        stats = QEMU_STATS_ALL;
    items = qemuStatsItems(doms, ndoms, stats & QEMU_STATS_KNOWN, flags);
    qemuWorkersForEach(items, QEMU_STATS_PARALLEL, qemuStatsCollect, NULL);
    *records = g_new0(virDomainStatsRecordPtr, items->len + 1);
    for (i = 0; i < items->len; i++) {
        qemuStatsItem *item = g_ptr_array_index(items, i);
        virDomainStatsRecordPtr record = g_new0(virDomainStatsRecord, 1);

        record->dom = qemuVMHandle(item->vm, conn);
        virTypedParamListSteal(&item->params, &record->params, &record->nparams);
        (*records)[i] = record;
    }
    return (int)items->len;
}
