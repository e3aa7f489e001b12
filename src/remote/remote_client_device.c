/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: devices. */
#include "remote_client.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

/* One of the types that are a domain, a text and flags. */
static int
callTextFlags(virDomainPtr dom, int proc, const char *text, unsigned int flags)
{
    remote_domain_attach_device_flags_args args = {remoteWireDomain(dom), (char *)text, flags};

    return remoteCallProc(dom->conn, proc, REMOTE_XDR(remote_domain_attach_device_flags_args),
                          &args, NULL, NULL);
}

/* ... a domain and a text. */
static int
callText(virDomainPtr dom, int proc, const char *text)
{
    remote_domain_attach_device_args args = {remoteWireDomain(dom), (char *)text};

    return remoteCallProc(dom->conn, proc, REMOTE_XDR(remote_domain_attach_device_args), &args,
                          NULL, NULL);
}

static int
remoteDomainAttachDevice(virDomainPtr dom, const char *xml)
{
    return callText(dom, REMOTE_PROC_DOMAIN_ATTACH_DEVICE, xml);
}

static int
remoteDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    return callTextFlags(dom, REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS, xml, flags);
}

static int
remoteDomainDetachDevice(virDomainPtr dom, const char *xml)
{
    return callText(dom, REMOTE_PROC_DOMAIN_DETACH_DEVICE, xml);
}

static int
remoteDomainDetachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    return callTextFlags(dom, REMOTE_PROC_DOMAIN_DETACH_DEVICE_FLAGS, xml, flags);
}

static int
remoteDomainDetachDeviceAlias(virDomainPtr dom, const char *alias, unsigned int flags)
{
    return callTextFlags(dom, REMOTE_PROC_DOMAIN_DETACH_DEVICE_ALIAS, alias, flags);
}

static int
remoteDomainUpdateDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
    return callTextFlags(dom, REMOTE_PROC_DOMAIN_UPDATE_DEVICE_FLAGS, xml, flags);
}

static int
remoteDomainBlockResize(virDomainPtr dom, const char *disk, unsigned long long size,
                        unsigned int flags)
{
    remote_domain_block_resize_args args = {remoteWireDomain(dom), (char *)disk, size, flags};

    return remoteCallProc(dom->conn, REMOTE_PROC_DOMAIN_BLOCK_RESIZE,
                          REMOTE_XDR(remote_domain_block_resize_args), &args, NULL, NULL);
}

void
remoteClientAddDevice(virDriver *driver)
{
    driver->domainAttachDevice = remoteDomainAttachDevice;
    driver->domainAttachDeviceFlags = remoteDomainAttachDeviceFlags;
    driver->domainDetachDevice = remoteDomainDetachDevice;
    driver->domainDetachDeviceFlags = remoteDomainDetachDeviceFlags;
    driver->domainDetachDeviceAlias = remoteDomainDetachDeviceAlias;
    driver->domainUpdateDeviceFlags = remoteDomainUpdateDeviceFlags;
    driver->domainBlockResize = remoteDomainBlockResize;
}
