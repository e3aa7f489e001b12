/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding domains and changing what they are: define, start, stop, undefine. */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"

int
remoteDispatchDomainLookupByID(remoteCall *call, remote_domain_lookup_by_id_args *args,
                               remote_domain_lookup_by_id_ret *ret)
{
    return remotePutNewDomain(&ret->dom, virDomainLookupByID(call->conn, args->id));
}

int
remoteDispatchDomainLookupByUUID(remoteCall *call, remote_domain_lookup_by_uuid_args *args,
                                 remote_domain_lookup_by_uuid_ret *ret)
{
    return remotePutNewDomain(
        &ret->dom, virDomainLookupByUUID(call->conn, (const unsigned char *)args->uuid));
}

int
remoteDispatchDomainLookupByName(remoteCall *call, remote_domain_lookup_by_name_args *args,
                                 remote_domain_lookup_by_name_ret *ret)
{
    return remotePutNewDomain(&ret->dom, virDomainLookupByName(call->conn, args->name));
}

int
remoteDispatchDomainCreateXML(remoteCall *call, remote_domain_create_xml_args *args,
                              remote_domain_create_xml_ret *ret)
{
    return remotePutNewDomain(&ret->dom,
                              virDomainCreateXML(call->conn, args->xml_desc, args->flags));
}

int
remoteDispatchDomainDefineXML(remoteCall *call, remote_domain_define_xml_args *args,
                              remote_domain_define_xml_ret *ret)
{
    return remotePutNewDomain(&ret->dom, virDomainDefineXML(call->conn, args->xml));
}

int
remoteDispatchDomainDefineXMLFlags(remoteCall *call, remote_domain_define_xml_flags_args *args,
                                   remote_domain_define_xml_flags_ret *ret)
{
    return remotePutNewDomain(&ret->dom,
                              virDomainDefineXMLFlags(call->conn, args->xml, args->flags));
}

int
remoteDispatchDomainCreateWithFlags(remoteCall *call, remote_domain_create_with_flags_args *args,
                                    remote_domain_create_with_flags_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    if (virDomainCreateWithFlags(dom, args->flags) < 0)
        return -1;
    remotePutDomain(&ret->dom, dom);
    return 0;
}

int
remoteDispatchDomainGetAutostart(remoteCall *call, remote_domain_get_autostart_args *args,
                                 remote_domain_get_autostart_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainGetAutostart(dom, &ret->autostart);
}

int
remoteDispatchDomainSetAutostart(remoteCall *call, remote_domain_set_autostart_args *args,
                                 remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainSetAutostart(dom, args->autostart);
}

/* Calls that take a domain and nothing else, and return nothing. */
#define DOMAIN_HANDLER(handler, args_t, function) \
    int handler(remoteCall *call, remote_##args_t *args, remote_none *ret) \
    { \
        g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom); \
\
        return function(dom); \
    }
/* The same with flags. */
#define DOMAIN_FLAGS_HANDLER(handler, args_t, function) \
    int handler(remoteCall *call, remote_##args_t *args, remote_none *ret) \
    { \
        g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom); \
\
        return function(dom, args->flags); \
    }

DOMAIN_HANDLER(remoteDispatchDomainCreate, domain_create_args, virDomainCreate)
DOMAIN_HANDLER(remoteDispatchDomainSuspend, domain_suspend_args, virDomainSuspend)
DOMAIN_HANDLER(remoteDispatchDomainResume, domain_resume_args, virDomainResume)
DOMAIN_HANDLER(remoteDispatchDomainShutdown, domain_shutdown_args, virDomainShutdown)
DOMAIN_HANDLER(remoteDispatchDomainDestroy, domain_destroy_args, virDomainDestroy)
DOMAIN_HANDLER(remoteDispatchDomainUndefine, domain_undefine_args, virDomainUndefine)
DOMAIN_FLAGS_HANDLER(remoteDispatchDomainShutdownFlags, domain_shutdown_flags_args,
                     virDomainShutdownFlags)
DOMAIN_FLAGS_HANDLER(remoteDispatchDomainReboot, domain_reboot_args, virDomainReboot)
DOMAIN_FLAGS_HANDLER(remoteDispatchDomainReset, domain_reset_args, virDomainReset)
DOMAIN_FLAGS_HANDLER(remoteDispatchDomainDestroyFlags, domain_destroy_flags_args,
                     virDomainDestroyFlags)
DOMAIN_FLAGS_HANDLER(remoteDispatchDomainUndefineFlags, domain_undefine_flags_args,
                     virDomainUndefineFlags)
