/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: the job of a domain. Contracts are in libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

int
virDomainGetJobInfo(virDomainPtr domain, virDomainJobInfoPtr info)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(domain->conn, -1, domainGetJobInfo, domain, info);
}

int
virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *params, int *nparams,
                     unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(type, -1);
    VIR_ENTRY_NONNULL(params, -1);
    VIR_ENTRY_NONNULL(nparams, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainGetJobStats, domain, type, params, nparams, flags);
}

int
virDomainAbortJobFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainAbortJobFlags, domain, flags);
}

int
virDomainAbortJob(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    return virDomainAbortJobFlags(domain, 0);
}
