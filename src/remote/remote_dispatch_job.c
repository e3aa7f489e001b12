/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs of a domain: progress, statistics, abort; the backup that is such a job, and the descriptors
 * it may be given. */
#include "config.h"
#include "remote_dispatch.h"

int
remoteDispatchDomainGetJobInfo(remoteCall *call, remote_domain_get_job_info_args *args,
                               remote_domain_get_job_info_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainJobInfo info = { 0 };

    if (virDomainGetJobInfo(dom, &info) < 0)
        return -1;
    ret->type = info.type;
    ret->timeElapsed = info.timeElapsed;
    ret->timeRemaining = info.timeRemaining;
    ret->dataTotal = info.dataTotal;
    ret->dataProcessed = info.dataProcessed;
    ret->dataRemaining = info.dataRemaining;
    ret->memTotal = info.memTotal;
    ret->memProcessed = info.memProcessed;
    ret->memRemaining = info.memRemaining;
    ret->fileTotal = info.fileTotal;
    ret->fileProcessed = info.fileProcessed;
    ret->fileRemaining = info.fileRemaining;
    return 0;
}

int
remoteDispatchDomainGetJobStats(remoteCall *call, remote_domain_get_job_stats_args *args,
                                remote_domain_get_job_stats_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    int rc;

    if (virDomainGetJobStats(dom, &ret->type, &params, &nparams, args->flags) < 0)
        return -1;
    rc = remotePutTypedParams(&ret->params.params_val, &ret->params.params_len, params, nparams,
                              REMOTE_DOMAIN_JOB_STATS_MAX, true);
    virTypedParamsFree(params, nparams);
    return rc;
}

int
remoteDispatchDomainAbortJob(remoteCall *call, remote_domain_abort_job_args *args, remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainAbortJob(dom);
}

int
remoteDispatchDomainAbortJobFlags(remoteCall *call, remote_domain_abort_job_flags_args *args,
                                  remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainAbortJobFlags(dom, args->flags);
}

int
remoteDispatchDomainBackupBegin(remoteCall *call, remote_domain_backup_begin_args *args,
                                remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainBackupBegin(dom, args->backup_xml, remoteGetText(args->checkpoint_xml),
                                args->flags);
}

int
remoteDispatchDomainBackupGetXMLDesc(remoteCall *call, remote_domain_backup_get_xml_desc_args *args,
                                     remote_domain_backup_get_xml_desc_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutText(&ret->xml, virDomainBackupGetXMLDesc(dom, args->flags));
}

int
remoteDispatchDomainFDAssociate(remoteCall *call, remote_domain_fd_associate_args *args,
                                remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    g_autofree int *fds = g_memdup2(call->fds, call->nfds * sizeof(int));

    return virDomainFDAssociate(dom, args->name, call->nfds, fds, args->flags);
}
