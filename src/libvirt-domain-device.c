/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: attaching, detaching and changing devices. Contracts are in libvirt-domain.h.
 */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

int
virDomainAttachDevice(virDomainPtr domain, const char *xml)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(xml, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainAttachDevice, domain, xml);
}

int
virDomainAttachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(xml, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainAttachDeviceFlags, domain, xml, flags);
}

int
virDomainDetachDevice(virDomainPtr domain, const char *xml)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(xml, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainDetachDevice, domain, xml);
}

int
virDomainDetachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(xml, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainDetachDeviceFlags, domain, xml, flags);
}

int
virDomainDetachDeviceAlias(virDomainPtr domain, const char *alias, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(alias, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainDetachDeviceAlias, domain, alias, flags);
}

int
virDomainUpdateDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(xml, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainUpdateDeviceFlags, domain, xml, flags);
}
