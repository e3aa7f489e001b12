/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: checkpoints. Contracts are in libvirt-domain-checkpoint.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

/* At most one of two flags may be given. */
static int
checkExclusive(unsigned int flags, unsigned int a, unsigned int b, const char *names,
               const char *func)
{
    if ((flags & a) && (flags & b)) {
        virReportError(VIR_ERR_INVALID_ARG, "flags %s in %s exclude each other", names, func);
        return -1;
    }
    return 0;
}

virDomainCheckpointPtr
virDomainCheckpointCreateXML(virDomainPtr domain, const char *xmlDesc, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    VIR_ENTRY_WRITE(domain->conn, NULL);
    VIR_ENTRY_NONNULL(xmlDesc, NULL);
    if (checkExclusive(flags, VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE,
                       VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE, "redefine and quiesce", __func__) < 0)
        return NULL;
    if ((flags & VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE) &&
        !(flags & VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)) {
        virReportError(VIR_ERR_INVALID_ARG, "flag redefine-validate in %s needs the flag redefine",
                       __func__);
        return NULL;
    }
    VIR_ENTRY_CALL(domain->conn, NULL, domainCheckpointCreateXML, domain, xmlDesc, flags);
}

char *
virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags)
{
    virConnectPtr conn;

    VIR_ENTRY_CHECKPOINT(checkpoint, NULL);
    conn = checkpoint->domain->conn;
    if (conn->readonly && (flags & VIR_DOMAIN_CHECKPOINT_XML_SECURE)) {
        virReportError(VIR_ERR_OPERATION_DENIED, "%s with secure flag", __func__);
        return NULL;
    }
    VIR_ENTRY_CALL(conn, NULL, domainCheckpointGetXMLDesc, checkpoint, flags);
}

int
virDomainListAllCheckpoints(virDomainPtr domain, virDomainCheckpointPtr **checkpoints,
                            unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainListAllCheckpoints, domain, checkpoints, flags);
}

int
virDomainCheckpointListAllChildren(virDomainCheckpointPtr checkpoint,
                                   virDomainCheckpointPtr **children, unsigned int flags)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, -1);
    VIR_ENTRY_CALL(checkpoint->domain->conn, -1, domainCheckpointListAllChildren, checkpoint,
                   children, flags);
}

virDomainCheckpointPtr
virDomainCheckpointLookupByName(virDomainPtr domain, const char *name, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    VIR_ENTRY_NONNULL(name, NULL);
    VIR_ENTRY_CALL(domain->conn, NULL, domainCheckpointLookupByName, domain, name, flags);
}

virDomainCheckpointPtr
virDomainCheckpointGetParent(virDomainCheckpointPtr checkpoint, unsigned int flags)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, NULL);
    VIR_ENTRY_CALL(checkpoint->domain->conn, NULL, domainCheckpointGetParent, checkpoint, flags);
}

int
virDomainCheckpointDelete(virDomainCheckpointPtr checkpoint, unsigned int flags)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, -1);
    VIR_ENTRY_WRITE(checkpoint->domain->conn, -1);
    if (checkExclusive(flags, VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN,
                       VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY, "children and children-only",
                       __func__) < 0)
        return -1;
    VIR_ENTRY_CALL(checkpoint->domain->conn, -1, domainCheckpointDelete, checkpoint, flags);
}

const char *
virDomainCheckpointGetName(virDomainCheckpointPtr checkpoint)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, NULL);
    return checkpoint->name;
}

virDomainPtr
virDomainCheckpointGetDomain(virDomainCheckpointPtr checkpoint)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, NULL);
    return checkpoint->domain;
}

virConnectPtr
virDomainCheckpointGetConnect(virDomainCheckpointPtr checkpoint)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, NULL);
    return checkpoint->domain->conn;
}

int
virDomainCheckpointRef(virDomainCheckpointPtr checkpoint)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, -1);
    g_atomic_int_inc(&checkpoint->refs);
    return 0;
}

int
virDomainCheckpointFree(virDomainCheckpointPtr checkpoint)
{
    VIR_ENTRY_CHECKPOINT(checkpoint, -1);
    virObjectCheckpointUnref(checkpoint);
    return 0;
}
