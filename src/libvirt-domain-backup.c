/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: backup. Contracts are in libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOM

int
virDomainBackupBegin(virDomainPtr domain, const char *backupXML, const char *checkpointXML,
                     unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_NONNULL(backupXML, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainBackupBegin, domain, backupXML, checkpointXML, flags);
}

char *
virDomainBackupGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    VIR_ENTRY_CALL(domain->conn, NULL, domainBackupGetXMLDesc, domain, flags);
}
