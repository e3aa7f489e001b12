/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Public functions: finding domains, their handles, their lifecycle. Contracts are in
 * libvirt-domain.h.
 */
#include "libvirt-entry.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

int
virConnectNumOfDomains(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectNumOfDomains, conn);
}

/* The driver writes at most @max items: the array has to be there unless @max is 0. */
static int
checkArray(const void *array, int max, const char *func)
{
    if (max < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "size of the array in %s must not be negative", func);
        return -1;
    }
    if (max > 0 && !array) {
        virReportError(VIR_ERR_INVALID_ARG, "array in %s must not be NULL", func);
        return -1;
    }
    return 0;
}

int
virConnectListDomains(virConnectPtr conn, int *ids, int maxids)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (checkArray(ids, maxids, __func__) < 0)
        return -1;
    VIR_ENTRY_CALL(conn, -1, connectListDomains, conn, ids, maxids);
}

int
virConnectNumOfDefinedDomains(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectNumOfDefinedDomains, conn);
}

int
virConnectListDefinedDomains(virConnectPtr conn, char **const names, int maxnames)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (checkArray(names, maxnames, __func__) < 0)
        return -1;
    VIR_ENTRY_CALL(conn, -1, connectListDefinedDomains, conn, names, maxnames);
}

int
virConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectListAllDomains, conn, domains, flags);
}

virDomainPtr
virDomainLookupByID(virConnectPtr conn, int id)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    if (id < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "id in %s must be zero or greater", __func__);
        return NULL;
    }
    VIR_ENTRY_CALL(conn, NULL, domainLookupByID, conn, id);
}

virDomainPtr
virDomainLookupByName(virConnectPtr conn, const char *name)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(name, NULL);
    VIR_ENTRY_CALL(conn, NULL, domainLookupByName, conn, name);
}

virDomainPtr
virDomainLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(uuid, NULL);
    VIR_ENTRY_CALL(conn, NULL, domainLookupByUUID, conn, uuid);
}

virDomainPtr
virDomainLookupByUUIDString(virConnectPtr conn, const char *uuidstr)
{
    unsigned char uuid[VIR_UUID_BUFLEN];

    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(uuidstr, NULL);
    if (virUUIDParse(uuidstr, uuid) < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "uuidstr in %s must be a valid UUID, not '%s'",
                       __func__, uuidstr);
        return NULL;
    }
    VIR_ENTRY_CALL(conn, NULL, domainLookupByUUID, conn, uuid);
}

const char *
virDomainGetName(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    return domain->name;
}

unsigned int
virDomainGetID(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, (unsigned int)-1);
    return domain->id;
}

int
virDomainGetUUID(virDomainPtr domain, unsigned char *uuid)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(uuid, -1);
    memcpy(uuid, domain->uuid, VIR_UUID_BUFLEN);
    return 0;
}

int
virDomainGetUUIDString(virDomainPtr domain, char *buf)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(buf, -1);
    virUUIDFormat(domain->uuid, buf);
    return 0;
}

virConnectPtr
virDomainGetConnect(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, NULL);
    return domain->conn;
}

int
virDomainRef(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    g_atomic_int_inc(&domain->refs);
    return 0;
}

int
virDomainFree(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    virObjectDomainUnref(domain);
    return 0;
}

virDomainPtr
virDomainCreateXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_WRITE(conn, NULL);
    VIR_ENTRY_NONNULL(xmlDesc, NULL);
    VIR_ENTRY_CALL(conn, NULL, domainCreateXML, conn, xmlDesc, flags);
}

virDomainPtr
virDomainCreateLinux(virConnectPtr conn, const char *xmlDesc, unsigned int flags)
{
    return virDomainCreateXML(conn, xmlDesc, flags);
}

virDomainPtr
virDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_WRITE(conn, NULL);
    VIR_ENTRY_NONNULL(xml, NULL);
    VIR_ENTRY_CALL(conn, NULL, domainDefineXMLFlags, conn, xml, flags);
}

virDomainPtr
virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_WRITE(conn, NULL);
    return virDomainDefineXMLFlags(conn, xml, 0);
}

int
virDomainCreateWithFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainCreateWithFlags, domain, flags);
}

int
virDomainCreate(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    return virDomainCreateWithFlags(domain, 0);
}

int
virDomainSuspend(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainSuspend, domain);
}

int
virDomainResume(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainResume, domain);
}

int
virDomainShutdownFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainShutdownFlags, domain, flags);
}

int
virDomainShutdown(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    return virDomainShutdownFlags(domain, 0);
}

int
virDomainReboot(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainReboot, domain, flags);
}

int
virDomainReset(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainReset, domain, flags);
}

int
virDomainDestroyFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainDestroyFlags, domain, flags);
}

int
virDomainDestroy(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    return virDomainDestroyFlags(domain, 0);
}

int
virDomainUndefineFlags(virDomainPtr domain, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainUndefineFlags, domain, flags);
}

int
virDomainUndefine(virDomainPtr domain)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    return virDomainUndefineFlags(domain, 0);
}

int
virDomainGetAutostart(virDomainPtr domain, int *autostart)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(autostart, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainGetAutostart, domain, autostart);
}

int
virDomainSetAutostart(virDomainPtr domain, int autostart)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainSetAutostart, domain, autostart);
}
