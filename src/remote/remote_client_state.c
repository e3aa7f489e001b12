/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: what a domain is and how it is. */
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static char *
remoteDomainGetOSType(virDomainPtr dom)
{
    remote_string ret = NULL;

    if (remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_OS_TYPE, REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

static int
remoteDomainGetInfo(virDomainPtr dom, virDomainInfoPtr info)
{
    remote_domain_get_info_ret ret = {0};

    if (remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_INFO, REMOTE_XDR(remote_domain_get_info_ret),
                         &ret) < 0)
        return -1;
    info->state = ret.state;
    info->maxMem = ret.maxMem;
    info->memory = ret.memory;
    info->nrVirtCpu = ret.nrVirtCpu;
    info->cpuTime = ret.cpuTime;
    return 0;
}

static int
remoteDomainGetState(virDomainPtr dom, int *state, int *reason, unsigned int flags)
{
    remote_domain_get_state_ret ret = {0};

    if (remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_GET_STATE, flags,
                              REMOTE_XDR(remote_domain_get_state_ret), &ret) < 0)
        return -1;
    *state = ret.state;
    *reason = ret.reason;
    return 0;
}

static int
remoteDomainGetControlInfo(virDomainPtr dom, virDomainControlInfoPtr info, unsigned int flags)
{
    remote_domain_get_control_info_ret ret = {0};

    if (remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_GET_CONTROL_INFO, flags,
                              REMOTE_XDR(remote_domain_get_control_info_ret), &ret) < 0)
        return -1;
    info->state = ret.state;
    info->details = ret.details;
    info->stateTime = ret.stateTime;
    return 0;
}

static unsigned long long
remoteDomainGetMaxMemory(virDomainPtr dom)
{
    u_quad_t ret = 0;

    if (remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_MAX_MEMORY, REMOTE_XDR(u_quad_t), &ret) < 0)
        return 0;
    return ret;
}

static int
remoteDomainGetVcpusFlags(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlagsInt(dom, REMOTE_PROC_DOMAIN_GET_VCPUS_FLAGS, flags);
}

static char *
remoteDomainGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlagsText(dom, REMOTE_PROC_DOMAIN_GET_XML_DESC, flags);
}

static int
remoteDomainIsActive(virDomainPtr dom)
{
    return remoteCallDomainInt(dom, REMOTE_PROC_DOMAIN_IS_ACTIVE);
}

static int
remoteDomainIsPersistent(virDomainPtr dom)
{
    return remoteCallDomainInt(dom, REMOTE_PROC_DOMAIN_IS_PERSISTENT);
}

static int
remoteDomainIsUpdated(virDomainPtr dom)
{
    return remoteCallDomainInt(dom, REMOTE_PROC_DOMAIN_IS_UPDATED);
}

static int
remoteDomainHasManagedSaveImage(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlagsInt(dom, REMOTE_PROC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, flags);
}

static int
remoteDomainSnapshotNum(virDomainPtr dom, unsigned int flags)
{
    return remoteCallDomainFlagsInt(dom, REMOTE_PROC_DOMAIN_SNAPSHOT_NUM, flags);
}

static int
remoteDomainGetMessages(virDomainPtr dom, char ***msgs, unsigned int flags)
{
    remote_domain_get_messages_ret ret = {0};
    unsigned int n;

    if (remoteCallDomainFlags(dom, REMOTE_PROC_DOMAIN_GET_MESSAGES, flags,
                              REMOTE_XDR(remote_domain_get_messages_ret), &ret) < 0)
        return -1;
    n = ret.msgs.msgs_len;
    *msgs = g_new0(char *, n + 1);
    for (unsigned int i = 0; i < n; i++)
        (*msgs)[i] = g_strdup(ret.msgs.msgs_val[i]);
    xdr_free(REMOTE_XDR(remote_domain_get_messages_ret), (char *)&ret);
    return n;
}

static char *
remoteDomainGetMetadata(virDomainPtr dom, int type, const char *uri, unsigned int flags)
{
    remote_string slot = NULL;
    remote_domain_get_metadata_args args = {remoteWireDomain(dom), type, remoteOptional(uri, &slot),
                                            flags};
    remote_string ret = NULL;

    if (remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_GET_METADATA,
                       REMOTE_XDR(remote_domain_get_metadata_args), &args,
                       REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

static int
remoteDomainSetMetadata(virDomainPtr dom, int type, const char *metadata, const char *key,
                        const char *uri, unsigned int flags)
{
    remote_string slots[3] = {NULL};
    remote_domain_set_metadata_args args = {
        remoteWireDomain(dom),
        type,
        remoteOptional(metadata, &slots[0]),
        remoteOptional(key, &slots[1]),
        remoteOptional(uri, &slots[2]),
        flags,
    };

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_SET_METADATA,
                          REMOTE_XDR(remote_domain_set_metadata_args), &args, NULL, NULL);
}

void
remoteClientAddState(virDriver *driver)
{
    driver->domainGetOSType = remoteDomainGetOSType;
    driver->domainGetInfo = remoteDomainGetInfo;
    driver->domainGetState = remoteDomainGetState;
    driver->domainGetControlInfo = remoteDomainGetControlInfo;
    driver->domainGetMaxMemory = remoteDomainGetMaxMemory;
    driver->domainGetVcpusFlags = remoteDomainGetVcpusFlags;
    driver->domainGetXMLDesc = remoteDomainGetXMLDesc;
    driver->domainIsActive = remoteDomainIsActive;
    driver->domainIsPersistent = remoteDomainIsPersistent;
    driver->domainIsUpdated = remoteDomainIsUpdated;
    driver->domainHasManagedSaveImage = remoteDomainHasManagedSaveImage;
    driver->domainSnapshotNum = remoteDomainSnapshotNum;
    driver->domainGetMessages = remoteDomainGetMessages;
    driver->domainGetMetadata = remoteDomainGetMetadata;
    driver->domainSetMetadata = remoteDomainSetMetadata;
}
