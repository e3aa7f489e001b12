/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: disks, statistics, file systems in the guest. Contracts are in
 * libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

int
virDomainGetBlockInfo(virDomainPtr domain, const char *disk, virDomainBlockInfoPtr info,
                      unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(domain->conn, -1, domainGetBlockInfo, domain, disk, info, flags);
}

int
virDomainBlockStats(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats, size_t size)
{
    virDomainBlockStatsStruct full = {-1, -1, -1, -1, -1};

    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_NONNULL(stats, -1);
    if (size > sizeof(full)) {
        virReportError(VIR_ERR_INVALID_ARG, "size in %s must not exceed %zu", __func__,
                       sizeof(full));
        return -1;
    }
    if (!dom->conn->driver->domainBlockStats) {
        virObjectReportNoSupport(__func__);
        return -1;
    }
    if (dom->conn->driver->domainBlockStats(dom, disk, &full) < 0)
        return -1;
    memcpy(stats, &full, size);
    return 0;
}

int
virDomainBlockStatsFlags(virDomainPtr dom, const char *disk, virTypedParameterPtr params,
                         int *nparams, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_NONNULL(nparams, -1);
    if (*nparams < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "nparams in %s must not be negative", __func__);
        return -1;
    }
    if (*nparams != 0)
        VIR_ENTRY_NONNULL(params, -1);
    /* Every caller of ours can take strings; the remote driver asks whether the daemon can. */
    flags |= VIR_TYPED_PARAM_STRING_OKAY;
    VIR_ENTRY_CALL(dom->conn, -1, domainBlockStatsFlags, dom, disk, params, nparams, flags);
}

int
virDomainBlockResize(virDomainPtr dom, const char *disk, unsigned long long size,
                     unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_WRITE(dom->conn, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainBlockResize, dom, disk, size, flags);
}

int
virDomainGetBlockJobInfo(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info,
                         unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(dom->conn, -1, domainGetBlockJobInfo, dom, disk, info, flags);
}

int
virDomainBlockJobSetSpeed(virDomainPtr dom, const char *disk, unsigned long bandwidth,
                          unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_WRITE(dom->conn, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainBlockJobSetSpeed, dom, disk, bandwidth, flags);
}

int
virDomainBlockJobAbort(virDomainPtr dom, const char *disk, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_WRITE(dom->conn, -1);
    VIR_ENTRY_NONNULL(disk, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainBlockJobAbort, dom, disk, flags);
}

int
virDomainSetBlockThreshold(virDomainPtr domain, const char *dev, unsigned long long threshold,
                           unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_NONNULL(dev, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainSetBlockThreshold, domain, dev, threshold, flags);
}

int
virConnectGetAllDomainStats(virConnectPtr conn, unsigned int stats,
                            virDomainStatsRecordPtr **retStats, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(retStats, -1);
    VIR_ENTRY_CALL(conn, -1, connectGetAllDomainStats, conn, NULL, 0, stats, retStats, flags);
}

int
virDomainListGetStats(virDomainPtr *doms, unsigned int stats, virDomainStatsRecordPtr **retStats,
                      unsigned int flags)
{
    virConnectPtr conn;
    unsigned int n = 0;

    virErrorReset();
    VIR_ENTRY_NONNULL(doms, -1);
    VIR_ENTRY_NONNULL(retStats, -1);
    VIR_ENTRY_DOMAIN(doms[0], -1);
    conn = doms[0]->conn;
    for (n = 1; doms[n]; n++) {
        VIR_ENTRY_DOMAIN(doms[n], -1);
        if (doms[n]->conn != conn) {
            virReportError(VIR_ERR_INVALID_ARG, "domains in %s must be of one connection",
                           __func__);
            return -1;
        }
    }
    VIR_ENTRY_CALL(conn, -1, connectGetAllDomainStats, conn, doms, n, stats, retStats, flags);
}

void
virDomainStatsRecordListFree(virDomainStatsRecordPtr *stats)
{
    if (!stats)
        return;
    for (virDomainStatsRecordPtr *record = stats; *record; record++) {
        virTypedParamsFree((*record)->params, (*record)->nparams);
        virObjectDomainUnref((*record)->dom);
        g_free(*record);
    }
    g_free(stats);
}

int
virDomainFSFreeze(virDomainPtr dom, const char **mountpoints, unsigned int nmountpoints,
                  unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_WRITE(dom->conn, -1);
    if (nmountpoints)
        VIR_ENTRY_NONNULL(mountpoints, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainFSFreeze, dom, mountpoints, nmountpoints, flags);
}

int
virDomainFSThaw(virDomainPtr dom, const char **mountpoints, unsigned int nmountpoints,
                unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_WRITE(dom->conn, -1);
    if (nmountpoints)
        VIR_ENTRY_NONNULL(mountpoints, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainFSThaw, dom, mountpoints, nmountpoints, flags);
}
