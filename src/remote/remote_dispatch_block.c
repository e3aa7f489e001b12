/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks, statistics of many domains at once, and file system freezing. */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

int
remoteDispatchDomainGetBlockInfo(remoteCall *call, remote_domain_get_block_info_args *args,
                                 remote_domain_get_block_info_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainBlockInfo info = { 0 };

    if (virDomainGetBlockInfo(dom, args->path, &info, args->flags) < 0)
        return -1;
    ret->allocation = info.allocation;
    ret->capacity = info.capacity;
    ret->physical = info.physical;
    return 0;
}

int
remoteDispatchDomainBlockStats(remoteCall *call, remote_domain_block_stats_args *args,
                               remote_domain_block_stats_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainBlockStatsStruct stats = { 0 };

    if (virDomainBlockStats(dom, args->path, &stats, sizeof(stats)) < 0)
        return -1;
    ret->rd_req = stats.rd_req;
    ret->rd_bytes = stats.rd_bytes;
    ret->wr_req = stats.wr_req;
    ret->wr_bytes = stats.wr_bytes;
    ret->errs = stats.errs;
    return 0;
}

/* Asked with nparams 0 it tells how many there are; asked with that number it gives them. */
int
remoteDispatchDomainBlockStatsFlags(remoteCall *call, remote_domain_block_stats_flags_args *args,
                                    remote_domain_block_stats_flags_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virTypedParameterPtr params = NULL;
    int nparams = args->nparams;
    int rc;

    if (nparams < 0 || nparams > REMOTE_DOMAIN_BLOCK_STATS_PARAMETERS_MAX) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "nparams too large");
        return -1;
    }
    params = nparams > 0 ? g_new0(virTypedParameter, nparams) : NULL;
    rc = virDomainBlockStatsFlags(dom, args->path, params, &nparams, args->flags);
    if (rc == 0 && args->nparams == 0)
        ret->nparams = nparams;
    else if (rc == 0)
        rc = remotePutTypedParams(&ret->params.params_val, &ret->params.params_len, params,
                                  nparams, REMOTE_DOMAIN_BLOCK_STATS_PARAMETERS_MAX,
                                  args->flags & VIR_TYPED_PARAM_STRING_OKAY);
    virTypedParamsFree(params, args->nparams);
    return rc;
}

int
remoteDispatchDomainGetBlockJobInfo(remoteCall *call, remote_domain_get_block_job_info_args *args,
                                    remote_domain_get_block_job_info_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainBlockJobInfo info = { 0 };
    int rc = virDomainGetBlockJobInfo(dom, args->path, &info, args->flags);

    if (rc < 0)
        return -1;
    ret->found = rc;
    ret->type = info.type;
    ret->bandwidth = info.bandwidth;
    ret->cur = info.cur;
    ret->end = info.end;
    return 0;
}

int
remoteDispatchDomainBlockJobSetSpeed(remoteCall *call, remote_domain_block_job_set_speed_args *args,
                                     remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainBlockJobSetSpeed(dom, args->path, args->bandwidth, args->flags);
}

int
remoteDispatchDomainBlockJobAbort(remoteCall *call, remote_domain_block_job_abort_args *args,
                                  remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainBlockJobAbort(dom, args->path, args->flags);
}

int
remoteDispatchDomainSetBlockThreshold(remoteCall *call, remote_domain_set_block_threshold_args *args,
                                      remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainSetBlockThreshold(dom, args->dev, args->threshold, args->flags);
}

static int
putStats(remote_connect_get_all_domain_stats_ret *ret, virDomainStatsRecordPtr *records, int n)
{
    if (remoteCheckCount("domain statistics", n, REMOTE_DOMAIN_LIST_MAX) < 0)
        return -1;
    ret->retStats.retStats_val = g_new0(remote_domain_stats_record, (gsize)n + 1);
    ret->retStats.retStats_len = (u_int)n;
    for (int i = 0; i < n; i++)
        remotePutDomain(&ret->retStats.retStats_val[i].dom, records[i]->dom);
    for (int i = 0; i < n; i++) {
        remote_domain_stats_record *out = &ret->retStats.retStats_val[i];

        if (remotePutTypedParams(&out->params.params_val, &out->params.params_len,
                                 records[i]->params, records[i]->nparams,
                                 REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX, true) < 0)
            return -1;
    }
    return 0;
}

int
remoteDispatchConnectGetAllDomainStats(remoteCall *call,
                                       remote_connect_get_all_domain_stats_args *args,
                                       remote_connect_get_all_domain_stats_ret *ret)
{
    u_int ndoms = args->doms.doms_len;
    virDomainPtr *doms = g_new0(virDomainPtr, (gsize)ndoms + 1);
    virDomainStatsRecordPtr *records = NULL;
    int n, rc;

    for (u_int i = 0; i < ndoms; i++)
        doms[i] = remoteGetDomain(call->conn, &args->doms.doms_val[i]);
    if (ndoms > 0)
        n = virDomainListGetStats(doms, args->stats, &records, args->flags);
    else
        n = virConnectGetAllDomainStats(call->conn, args->stats, &records, args->flags);
    virObjectDomainListFree(doms, ndoms);
    if (n < 0)
        return -1;
    rc = putStats(ret, records, n);
    virDomainStatsRecordListFree(records);
    return rc;
}

int
remoteDispatchDomainFSFreeze(remoteCall *call, remote_domain_fsfreeze_args *args,
                             remote_domain_fsfreeze_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->filesystems = virDomainFSFreeze(dom, (const char **)args->mountpoints.mountpoints_val,
                                         args->mountpoints.mountpoints_len, args->flags);
    return ret->filesystems < 0 ? -1 : 0;
}

int
remoteDispatchDomainFSThaw(remoteCall *call, remote_domain_fsthaw_args *args,
                           remote_domain_fsthaw_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->filesystems = virDomainFSThaw(dom, (const char **)args->mountpoints.mountpoints_val,
                                       args->mountpoints.mountpoints_len, args->flags);
    return ret->filesystems < 0 ? -1 : 0;
}
