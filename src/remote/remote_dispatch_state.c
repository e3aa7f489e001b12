/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about one domain, and its metadata. */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"

int
remoteDispatchDomainGetOSType(remoteCall *call, remote_domain_get_os_type_args *args,
                              remote_domain_get_os_type_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutText(&ret->type, virDomainGetOSType(dom));
}

int
remoteDispatchDomainGetInfo(remoteCall *call, remote_domain_get_info_args *args,
                            remote_domain_get_info_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainInfo info = { 0 };

    if (virDomainGetInfo(dom, &info) < 0)
        return -1;
    ret->state = info.state;
    ret->maxMem = info.maxMem;
    ret->memory = info.memory;
    ret->nrVirtCpu = info.nrVirtCpu;
    ret->cpuTime = info.cpuTime;
    return 0;
}

int
remoteDispatchDomainGetState(remoteCall *call, remote_domain_get_state_args *args,
                             remote_domain_get_state_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainGetState(dom, &ret->state, &ret->reason, args->flags);
}

int
remoteDispatchDomainGetControlInfo(remoteCall *call, remote_domain_get_control_info_args *args,
                                   remote_domain_get_control_info_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    virDomainControlInfo info = { 0 };

    if (virDomainGetControlInfo(dom, &info, args->flags) < 0)
        return -1;
    ret->state = info.state;
    ret->details = info.details;
    ret->stateTime = info.stateTime;
    return 0;
}

int
remoteDispatchDomainGetMaxMemory(remoteCall *call, remote_domain_get_max_memory_args *args,
                                 remote_domain_get_max_memory_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->memory = virDomainGetMaxMemory(dom);
    return ret->memory == 0 ? -1 : 0;
}

int
remoteDispatchDomainGetMaxVcpus(remoteCall *call, remote_domain_get_max_vcpus_args *args,
                                remote_domain_get_max_vcpus_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->num = virDomainGetVcpusFlags(dom, VIR_DOMAIN_VCPU_MAXIMUM);
    return ret->num < 0 ? -1 : 0;
}

int
remoteDispatchDomainGetVcpusFlags(remoteCall *call, remote_domain_get_vcpus_flags_args *args,
                                  remote_domain_get_vcpus_flags_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->num = virDomainGetVcpusFlags(dom, args->flags);
    return ret->num < 0 ? -1 : 0;
}

int
remoteDispatchDomainGetXMLDesc(remoteCall *call, remote_domain_get_xml_desc_args *args,
                               remote_domain_get_xml_desc_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutText(&ret->xml, virDomainGetXMLDesc(dom, args->flags));
}

int
remoteDispatchDomainIsActive(remoteCall *call, remote_domain_is_active_args *args,
                             remote_domain_is_active_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->active = virDomainIsActive(dom);
    return ret->active < 0 ? -1 : 0;
}

int
remoteDispatchDomainIsPersistent(remoteCall *call, remote_domain_is_persistent_args *args,
                                 remote_domain_is_persistent_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->persistent = virDomainIsPersistent(dom);
    return ret->persistent < 0 ? -1 : 0;
}

int
remoteDispatchDomainIsUpdated(remoteCall *call, remote_domain_is_updated_args *args,
                              remote_domain_is_updated_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->updated = virDomainIsUpdated(dom);
    return ret->updated < 0 ? -1 : 0;
}

int
remoteDispatchDomainHasManagedSaveImage(remoteCall *call,
                                        remote_domain_has_managed_save_image_args *args,
                                        remote_domain_has_managed_save_image_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->result = virDomainHasManagedSaveImage(dom, args->flags);
    return ret->result < 0 ? -1 : 0;
}

int
remoteDispatchDomainSnapshotNum(remoteCall *call, remote_domain_snapshot_num_args *args,
                                remote_domain_snapshot_num_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    ret->num = virDomainSnapshotNum(dom, args->flags);
    return ret->num < 0 ? -1 : 0;
}

int
remoteDispatchDomainGetSecurityLabel(remoteCall *call, remote_domain_get_security_label_args *args,
                                     remote_domain_get_security_label_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    g_autofree virSecurityLabelPtr label = g_new0(virSecurityLabel, 1);

    if (virDomainGetSecurityLabel(dom, label) < 0)
        return -1;
    remotePutChars(&ret->label.label_val, &ret->label.label_len, label->label);
    ret->enforcing = label->enforcing;
    return 0;
}

int
remoteDispatchDomainGetMessages(remoteCall *call, remote_domain_get_messages_args *args,
                                remote_domain_get_messages_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    int n = virDomainGetMessages(dom, &ret->msgs.msgs_val, args->flags);

    ret->msgs.msgs_len = (u_int)MAX(n, 0);
    return n < 0 ? -1 : remoteCheckCount("messages", n, REMOTE_DOMAIN_MESSAGES_MAX);
}

int
remoteDispatchDomainGetMetadata(remoteCall *call, remote_domain_get_metadata_args *args,
                                remote_domain_get_metadata_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return remotePutText(&ret->metadata, virDomainGetMetadata(dom, args->type,
                                                              remoteGetText(args->uri),
                                                              args->flags));
}

int
remoteDispatchDomainSetMetadata(remoteCall *call, remote_domain_set_metadata_args *args,
                                remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainSetMetadata(dom, args->type, remoteGetText(args->metadata),
                                remoteGetText(args->key), remoteGetText(args->uri), args->flags);
}
