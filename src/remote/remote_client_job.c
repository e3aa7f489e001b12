/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: jobs and backup, and the descriptors one may be given. */
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static int
remoteDomainGetJobInfo(virDomainPtr dom, virDomainJobInfoPtr info)
{
    remote_domain_get_job_info_ret ret = {0};

    if (remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_JOB_INFO,
                         REMOTE_XDR(remote_domain_get_job_info_ret), &ret) < 0)
        return -1;
    *info = (virDomainJobInfo){
        .type = ret.type,
        .timeElapsed = ret.timeElapsed,
        .timeRemaining = ret.timeRemaining,
        .dataTotal = ret.dataTotal,
        .dataProcessed = ret.dataProcessed,
        .dataRemaining = ret.dataRemaining,
        .memTotal = ret.memTotal,
        .memProcessed = ret.memProcessed,
        .memRemaining = ret.memRemaining,
        .fileTotal = ret.fileTotal,
        .fileProcessed = ret.fileProcessed,
        .fileRemaining = ret.fileRemaining,
    };
    return 0;
}

static int
remoteDomainGetJobStats(virDomainPtr dom, int *type, virTypedParameterPtr *params, int *nparams,
                        unsigned int flags)
{
    remote_domain_get_job_stats_ret ret = {0};
    g_auto(virTypedParamList) list = {0};
    int rc;

    if (remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_GET_JOB_STATS, flags,
                              REMOTE_XDR(remote_domain_get_job_stats_ret), &ret) < 0)
        return -1;
    rc = remoteTakeParams(&list, ret.params.params_val, ret.params.params_len);
    if (rc == 0) {
        *type = ret.type;
        virTypedParamListSteal(&list, params, nparams);
    }
    xdr_free(REMOTE_XDR(remote_domain_get_job_stats_ret), (char *)&ret);
    return rc;
}

static int
remoteDomainAbortJobFlags(virDomainPtr dom, unsigned int flags)
{
    if (flags == 0)
        return remoteCallDomain(dom, REMOTE_PROC_DOMAIN_ABORT_JOB, NULL, NULL);
    return remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_ABORT_JOB_FLAGS, flags, NULL, NULL);
}

static int
remoteDomainBackupBegin(virDomainPtr dom, const char *backupXML, const char *checkpointXML,
                        unsigned int flags)
{
    remote_string slot = NULL;
    remote_domain_backup_begin_args args = {remoteWireDomain(dom), (char *)backupXML,
                                            remoteOptional(checkpointXML, &slot), flags};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BACKUP_BEGIN,
                          REMOTE_XDR(remote_domain_backup_begin_args), &args, NULL, NULL);
}

static char *
remoteDomainBackupGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlagsText(dom, REMOTE_PROC_DOMAIN_BACKUP_GET_XML_DESC, flags);
}

static int
remoteDomainFDAssociate(virDomainPtr dom, const char *name, unsigned int nfds, const int *fds,
                        unsigned int flags)
{
    remote_domain_fd_associate_args args = {remoteWireDomain(dom), (char *)name, flags};
    int has = remoteAskFeature(dom->conn, REMOTE_FEATURE_FD_PASSING);

    if (has < 0)
        return -1;
    if (!has) {
        virReportError(VIR_ERR_ARGUMENT_UNSUPPORTED, "%s",
                       "fd passing is not supported by this connection");
        return -1;
    }
    return virNetClientCallWithFDs(remoteConnectionOf(dom->conn)->client, REMOTE_PROGRAM,
                                   REMOTE_PROGRAM_VERSION, REMOTE_PROC_DOMAIN_FD_ASSOCIATE, fds,
                                   nfds, REMOTE_XDR(remote_domain_fd_associate_args), &args, NULL,
                                   NULL);
}

void
remoteClientAddJob(virDriver *driver)
{
    driver->domainGetJobInfo = remoteDomainGetJobInfo;
    driver->domainGetJobStats = remoteDomainGetJobStats;
    driver->domainAbortJobFlags = remoteDomainAbortJobFlags;
    driver->domainBackupBegin = remoteDomainBackupBegin;
    driver->domainBackupGetXMLDesc = remoteDomainBackupGetXMLDesc;
    driver->domainFDAssociate = remoteDomainFDAssociate;
}
