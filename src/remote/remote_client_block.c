/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: disks, statistics, the guest's file systems. */
#include <string.h>
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static int
remoteDomainGetBlockInfo(virDomainPtr dom, const char *disk, virDomainBlockInfoPtr info,
                         unsigned int flags)
{
    remote_domain_get_block_info_args args = {remoteWireDomain(dom), (char *)disk, flags};
    remote_domain_get_block_info_ret ret = {0};

    if (remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_GET_BLOCK_INFO,
                       REMOTE_XDR(remote_domain_get_block_info_args), &args,
                       REMOTE_XDR(remote_domain_get_block_info_ret), &ret) < 0)
        return -1;
    info->capacity = ret.capacity;
    info->allocation = ret.allocation;
    info->physical = ret.physical;
    return 0;
}

static int
remoteDomainBlockStats(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats)
{
    remote_domain_block_stats_args args = {remoteWireDomain(dom), (char *)disk};
    remote_domain_block_stats_ret ret = {0};

    if (remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BLOCK_STATS,
                       REMOTE_XDR(remote_domain_block_stats_args), &args,
                       REMOTE_XDR(remote_domain_block_stats_ret), &ret) < 0)
        return -1;
    stats->rd_req = ret.rd_req;
    stats->rd_bytes = ret.rd_bytes;
    stats->wr_req = ret.wr_req;
    stats->wr_bytes = ret.wr_bytes;
    stats->errs = ret.errs;
    return 0;
}

/* An old daemon refuses the flag; then it gets none, and sends no strings. */
static int
maskStringFlag(virConnectPtr conn, unsigned int *flags)
{
    int has = remoteAskFeature(conn, REMOTE_FEATURE_TYPED_PARAM_STRING);

    if (has < 0 && virErrorLastCode() != VIR_ERR_NO_SUPPORT)
        return -1;
    if (has <= 0) {
        virErrorReset();
        *flags &= ~(unsigned int)VIR_TYPED_PARAM_STRING_OKAY;
    }
    return 0;
}

/* Copies at most @max parameters into the caller's array. Returns: how many. */
static int
fillParams(virTypedParameterPtr params, int max, const virTypedParamList *list)
{
    int n = MIN(max, list->n);

    for (int i = 0; i < n; i++) {
        params[i] = list->params[i];
        if (params[i].type == VIR_TYPED_PARAM_STRING)
            params[i].value.s = g_strdup(params[i].value.s);
    }
    return n;
}

static int
remoteDomainBlockStatsFlags(virDomainPtr dom, const char *disk, virTypedParameterPtr params,
                            int *nparams, unsigned int flags)
{
    remote_domain_block_stats_flags_args args = {remoteWireDomain(dom), (char *)disk, *nparams,
                                                 flags};
    remote_domain_block_stats_flags_ret ret = {0};
    g_auto(virTypedParamList) list = {0};
    int rc;

    if (maskStringFlag(dom->conn, &args.flags) < 0 ||
        remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BLOCK_STATS_FLAGS,
                       REMOTE_XDR(remote_domain_block_stats_flags_args), &args,
                       REMOTE_XDR(remote_domain_block_stats_flags_ret), &ret) < 0)
        return -1;
    rc = remoteTakeParams(&list, ret.params.params_val, ret.params.params_len);
    if (rc == 0)
        *nparams = *nparams == 0 ? ret.nparams : fillParams(params, *nparams, &list);
    xdr_free(REMOTE_XDR(remote_domain_block_stats_flags_ret), (char *)&ret);
    return rc;
}

static int
remoteDomainGetBlockJobInfo(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info,
                            unsigned int flags)
{
    remote_domain_get_block_job_info_args args = {remoteWireDomain(dom), (char *)disk, flags};
    remote_domain_get_block_job_info_ret ret = {0};

    if (remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_GET_BLOCK_JOB_INFO,
                       REMOTE_XDR(remote_domain_get_block_job_info_args), &args,
                       REMOTE_XDR(remote_domain_get_block_job_info_ret), &ret) < 0)
        return -1;
    if (!ret.found)
        return 0;
    info->type = ret.type;
    info->bandwidth = ret.bandwidth;
    info->cur = ret.cur;
    info->end = ret.end;
    return 1;
}

static int
remoteDomainBlockJobSetSpeed(virDomainPtr dom, const char *disk, unsigned long bandwidth,
                             unsigned int flags)
{
    remote_domain_block_job_set_speed_args args = {remoteWireDomain(dom), (char *)disk, bandwidth, flags};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BLOCK_JOB_SET_SPEED,
                          REMOTE_XDR(remote_domain_block_job_set_speed_args), &args, NULL, NULL);
}

static int
remoteDomainBlockJobAbort(virDomainPtr dom, const char *disk, unsigned int flags)
{
    remote_domain_block_job_abort_args args = {remoteWireDomain(dom), (char *)disk, flags};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BLOCK_JOB_ABORT,
                          REMOTE_XDR(remote_domain_block_job_abort_args), &args, NULL, NULL);
}

static int
remoteDomainSetBlockThreshold(virDomainPtr dom, const char *dev, unsigned long long threshold,
                              unsigned int flags)
{
    remote_domain_set_block_threshold_args args = {remoteWireDomain(dom), (char *)dev, threshold, flags};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_SET_BLOCK_THRESHOLD,
                          REMOTE_XDR(remote_domain_set_block_threshold_args), &args, NULL, NULL);
}

static void
statsRecordFree(void *data)
{
    virDomainStatsRecordPtr record = data;

    virTypedParamsFree(record->params, record->nparams);
    virObjectDomainUnref(record->dom);
    g_free(record);
}

static virDomainStatsRecordPtr
takeRecord(virConnectPtr conn, const remote_domain_stats_record *wire)
{
    g_auto(virTypedParamList) list = {0};
    virDomainStatsRecordPtr record;

    if (remoteTakeParams(&list, wire->params.params_val, wire->params.params_len) < 0)
        return NULL;
    record = g_new0(virDomainStatsRecord, 1);
    record->dom = remoteTakeDomain(conn, &wire->dom);
    virTypedParamListSteal(&list, &record->params, &record->nparams);
    return record;
}

static int
takeRecords(virConnectPtr conn, const remote_connect_get_all_domain_stats_ret *wire,
            virDomainStatsRecordPtr **records)
{
    unsigned int n = wire->retStats.retStats_len;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(statsRecordFree);

    for (unsigned int i = 0; i < n; i++) {
        virDomainStatsRecordPtr record = takeRecord(conn, &wire->retStats.retStats_val[i]);

        if (!record)
            return -1;
        g_ptr_array_add(list, record);
    }
    g_ptr_array_set_free_func(list, NULL);
    g_ptr_array_add(list, NULL);
    *records = (virDomainStatsRecordPtr *)g_ptr_array_steal(list, NULL);
    return n;
}

static int
remoteConnectGetAllDomainStats(virConnectPtr conn, virDomainPtr *doms, unsigned int ndoms,
                               unsigned int stats, virDomainStatsRecordPtr **records,
                               unsigned int flags)
{
    g_autofree remote_domain *refs = g_new0(remote_domain, MAX(ndoms, 1));
    remote_connect_get_all_domain_stats_args args = {{ndoms, refs}, stats, flags};
    remote_connect_get_all_domain_stats_ret ret = {0};
    int rc;

    for (unsigned int i = 0; i < ndoms; i++)
        refs[i] = remoteWireDomain(doms[i]);
    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS,
                       REMOTE_XDR(remote_connect_get_all_domain_stats_args), &args,
                       REMOTE_XDR(remote_connect_get_all_domain_stats_ret), &ret) < 0)
        return -1;
    rc = takeRecords(conn, &ret, records);
    xdr_free(REMOTE_XDR(remote_connect_get_all_domain_stats_ret), (char *)&ret);
    return rc;
}

/* Freeze and thaw differ in the number alone. */
static int
callMountpoints(virDomainPtr dom, int proc, const char **mountpoints, unsigned int n,
                unsigned int flags)
{
    remote_domain_fsfreeze_args args = {
        remoteWireDomain(dom), {n, (remote_string *)mountpoints}, flags};
    int ret = 0;

    if (remoteCallProc(dom->conn, proc, REMOTE_XDR(remote_domain_fsfreeze_args), &args,
                       REMOTE_XDR(int), &ret) < 0)
        return -1;
    return ret;
}

static int
remoteDomainFSFreeze(virDomainPtr dom, const char **mountpoints, unsigned int n, unsigned int flags)
{
    return callMountpoints(dom, REMOTE_PROC_DOMAIN_FSFREEZE, mountpoints, n, flags);
}

static int
remoteDomainFSThaw(virDomainPtr dom, const char **mountpoints, unsigned int n, unsigned int flags)
{
    return callMountpoints(dom, REMOTE_PROC_DOMAIN_FSTHAW, mountpoints, n, flags);
}

void
remoteClientAddBlock(virDriver *driver)
{
    driver->domainGetBlockInfo = remoteDomainGetBlockInfo;
    driver->domainBlockStats = remoteDomainBlockStats;
    driver->domainBlockStatsFlags = remoteDomainBlockStatsFlags;
    driver->domainGetBlockJobInfo = remoteDomainGetBlockJobInfo;
    driver->domainBlockJobSetSpeed = remoteDomainBlockJobSetSpeed;
    driver->domainBlockJobAbort = remoteDomainBlockJobAbort;
    driver->domainSetBlockThreshold = remoteDomainSetBlockThreshold;
    driver->connectGetAllDomainStats = remoteConnectGetAllDomainStats;
    driver->domainFSFreeze = remoteDomainFSFreeze;
    driver->domainFSThaw = remoteDomainFSThaw;
}
