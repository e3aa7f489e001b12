/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of a domain: attached, detached, changed, resized. */
#include "config.h"
#include "remote_dispatch.h"

int
remoteDispatchDomainAttachDevice(remoteCall *call, remote_domain_attach_device_args *args,
                                 remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainAttachDevice(dom, args->xml);
}

int
remoteDispatchDomainAttachDeviceFlags(remoteCall *call,
                                      remote_domain_attach_device_flags_args *args,
                                      remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainAttachDeviceFlags(dom, args->xml, args->flags);
}

int
remoteDispatchDomainDetachDevice(remoteCall *call, remote_domain_detach_device_args *args,
                                 remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainDetachDevice(dom, args->xml);
}

int
remoteDispatchDomainDetachDeviceFlags(remoteCall *call,
                                      remote_domain_detach_device_flags_args *args,
                                      remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainDetachDeviceFlags(dom, args->xml, args->flags);
}

int
remoteDispatchDomainDetachDeviceAlias(remoteCall *call,
                                      remote_domain_detach_device_alias_args *args,
                                      remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainDetachDeviceAlias(dom, args->alias, args->flags);
}

int
remoteDispatchDomainUpdateDeviceFlags(remoteCall *call,
                                      remote_domain_update_device_flags_args *args,
                                      remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainUpdateDeviceFlags(dom, args->xml, args->flags);
}

int
remoteDispatchDomainBlockResize(remoteCall *call, remote_domain_block_resize_args *args,
                                remote_none *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);

    return virDomainBlockResize(dom, args->disk, args->size, args->flags);
}
