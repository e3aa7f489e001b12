/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: backup, and the descriptors it may be given. Contracts are in libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

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

int
virDomainFDAssociate(virDomainPtr domain, const char *name, unsigned int nfds, int *fds,
                     unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    if (nfds == 0) {
        virReportInvalidNonZeroArg(nfds);
        return -1;
    }
    VIR_ENTRY_NONNULL(fds, -1);
    VIR_ENTRY_NONNULL(name, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainFDAssociate, domain, name, nfds, fds, flags);
}
