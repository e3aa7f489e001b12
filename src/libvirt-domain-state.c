/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: what a domain is and how it is. Contracts are in libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

char *
virDomainGetOSType(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    VIR_ENTRY_CALL(domain->conn, NULL, domainGetOSType, domain);
}

int
virDomainGetInfo(virDomainPtr domain, virDomainInfoPtr info)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(domain->conn, -1, domainGetInfo, domain, info);
}

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    int unused = 0;

    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(state, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainGetState, domain, state, reason ? reason : &unused,
                   flags);
}

int
virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(domain->conn, -1, domainGetControlInfo, domain, info, flags);
}

unsigned long
virDomainGetMaxMemory(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, 0);
    VIR_ENTRY_CALL(domain->conn, 0, domainGetMaxMemory, domain);
}

int
virDomainGetVcpusFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    /* Asking the guest runs a command in it. */
    if (flags & VIR_DOMAIN_VCPU_GUEST)
        VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainGetVcpusFlags, domain, flags);
}

int
virDomainGetMaxVcpus(virDomainPtr domain)
{
    return virDomainGetVcpusFlags(domain, VIR_DOMAIN_VCPU_LIVE | VIR_DOMAIN_VCPU_MAXIMUM);
}

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    if (domain->conn->readonly && (flags & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE))) {
        virReportError(VIR_ERR_OPERATION_DENIED, "%s with %s flag", __func__,
                       flags & VIR_DOMAIN_XML_SECURE ? "secure" : "migratable");
        return NULL;
    }
    VIR_ENTRY_CALL(domain->conn, NULL, domainGetXMLDesc, domain, flags);
}

int
virDomainIsActive(virDomainPtr dom)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainIsActive, dom);
}

int
virDomainIsPersistent(virDomainPtr dom)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainIsPersistent, dom);
}

int
virDomainIsUpdated(virDomainPtr dom)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainIsUpdated, dom);
}

int
virDomainHasManagedSaveImage(virDomainPtr dom, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(dom, -1);
    VIR_ENTRY_CALL(dom->conn, -1, domainHasManagedSaveImage, dom, flags);
}

int
virDomainSnapshotNum(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainSnapshotNum, domain, flags);
}

int
virDomainGetSecurityLabel(virDomainPtr domain, virSecurityLabelPtr seclabel)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(seclabel, -1);
    memset(seclabel, 0, sizeof(*seclabel));
    VIR_ENTRY_CALL(domain->conn, -1, domainGetSecurityLabel, domain, seclabel);
}

int
virDomainGetMessages(virDomainPtr domain, char ***msgs, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(msgs, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainGetMessages, domain, msgs, flags);
}

/* Only the metadata elements have a URI. */
static int
checkMetadataURI(int type, const char *uri, const char *func)
{
    if (type == VIR_DOMAIN_METADATA_ELEMENT && !uri) {
        virReportInvalidArgFull(VIR_FROM_THIS, func, "uri", "uri in %s must not be NULL");
        return -1;
    }
    if (type != VIR_DOMAIN_METADATA_ELEMENT && uri) {
        virReportInvalidArgFull(VIR_FROM_THIS, func, "uri", "uri in %s must be NULL");
        return -1;
    }
    return 0;
}

char *
virDomainGetMetadata(virDomainPtr domain, int type, const char *uri, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    if (checkMetadataURI(type, uri, __func__) < 0)
        return NULL;
    VIR_ENTRY_CALL(domain->conn, NULL, domainGetMetadata, domain, type, uri, flags);
}

int
virDomainSetMetadata(virDomainPtr domain, int type, const char *metadata, const char *key,
                     const char *uri, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    if (checkMetadataURI(type, uri, __func__) < 0)
        return -1;
    if (type == VIR_DOMAIN_METADATA_ELEMENT && metadata && !key) {
        virReportInvalidNonNullArg(key);
        return -1;
    }
    if (type != VIR_DOMAIN_METADATA_ELEMENT && key) {
        virReportInvalidArgFull(VIR_FROM_THIS, __func__, "key", "key in %s must be NULL");
        return -1;
    }
    if (type == VIR_DOMAIN_METADATA_TITLE && metadata && strchr(metadata, '\n')) {
        virReportError(VIR_ERR_INVALID_ARG, "metadata title in %s can't contain newlines",
                       __func__);
        return -1;
    }
    VIR_ENTRY_CALL(domain->conn, -1, domainSetMetadata, domain, type, metadata, key, uri, flags);
}
