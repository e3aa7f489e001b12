/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: secrets. Contracts are in libvirt-secret.h. No value is ever logged. */
#include "libvirt-entry.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_SECRET

int
virConnectNumOfSecrets(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectListAllSecrets, conn, NULL, 0);
}

static int
listSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags, const char *func)
{
    if (!conn->driver->connectListAllSecrets) {
        virObjectReportNoSupport(func);
        return -1;
    }
    return conn->driver->connectListAllSecrets(conn, secrets, flags);
}

int
virConnectListSecrets(virConnectPtr conn, char **uuids, int maxuuids)
{
    virSecretPtr *secrets = NULL;
    int n = 0;

    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(uuids, -1);
    if (maxuuids < 0) {
        virReportInvalidArgFull(VIR_FROM_THIS, __func__, "maxuuids",
                                "maxuuids in %s must be zero or greater");
        return -1;
    }
    n = listSecrets(conn, &secrets, 0, __func__);
    if (n < 0)
        return -1;
    for (int i = 0; i < MIN(n, maxuuids); i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";

        uuids[i] = g_strdup(virUUIDFormat(secrets[i]->uuid, uuid));
    }
    virObjectSecretListFree(secrets, (size_t)n);
    return MIN(n, maxuuids);
}

int
virConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, -1);
    return listSecrets(conn, secrets, flags, __func__);
}

virSecretPtr
virSecretLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(uuid, NULL);
    VIR_ENTRY_CALL(conn, NULL, secretLookupByUUID, conn, uuid);
}

virSecretPtr
virSecretLookupByUUIDString(virConnectPtr conn, const char *uuidstr)
{
    unsigned char uuid[VIR_UUID_BUFLEN] = {0};

    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(uuidstr, NULL);
    if (virUUIDParse(uuidstr, uuid) < 0) {
        virReportInvalidArgFull(VIR_FROM_THIS, __func__, "uuidstr",
                                "uuidstr in %s must be a valid UUID");
        return NULL;
    }
    VIR_ENTRY_CALL(conn, NULL, secretLookupByUUID, conn, uuid);
}

virSecretPtr
virSecretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_NONNULL(usageID, NULL);
    VIR_ENTRY_CALL(conn, NULL, secretLookupByUsage, conn, usageType, usageID);
}

virSecretPtr
virSecretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_WRITE(conn, NULL);
    VIR_ENTRY_NONNULL(xml, NULL);
    VIR_ENTRY_CALL(conn, NULL, secretDefineXML, conn, xml, flags);
}

int
virSecretUndefine(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, -1);
    VIR_ENTRY_WRITE(secret->conn, -1);
    VIR_ENTRY_CALL(secret->conn, -1, secretUndefine, secret);
}

int
virSecretSetValue(virSecretPtr secret, const unsigned char *value, size_t value_size,
                  unsigned int flags)
{
    VIR_ENTRY_SECRET(secret, -1);
    VIR_ENTRY_WRITE(secret->conn, -1);
    VIR_ENTRY_NONNULL(value, -1);
    VIR_ENTRY_CALL(secret->conn, -1, secretSetValue, secret, value, value_size, flags);
}

unsigned char *
virSecretGetValue(virSecretPtr secret, size_t *value_size, unsigned int flags)
{
    VIR_ENTRY_SECRET(secret, NULL);
    VIR_ENTRY_WRITE(secret->conn, NULL);
    VIR_ENTRY_NONNULL(value_size, NULL);
    VIR_ENTRY_CALL(secret->conn, NULL, secretGetValue, secret, value_size, flags);
}

char *
virSecretGetXMLDesc(virSecretPtr secret, unsigned int flags)
{
    VIR_ENTRY_SECRET(secret, NULL);
    VIR_ENTRY_CALL(secret->conn, NULL, secretGetXMLDesc, secret, flags);
}

int
virSecretGetUUID(virSecretPtr secret, unsigned char *uuid)
{
    VIR_ENTRY_SECRET(secret, -1);
    VIR_ENTRY_NONNULL(uuid, -1);
    memcpy(uuid, secret->uuid, VIR_UUID_BUFLEN);
    return 0;
}

int
virSecretGetUUIDString(virSecretPtr secret, char *buf)
{
    VIR_ENTRY_SECRET(secret, -1);
    VIR_ENTRY_NONNULL(buf, -1);
    virUUIDFormat(secret->uuid, buf);
    return 0;
}

int
virSecretGetUsageType(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, -1);
    return secret->usageType;
}

const char *
virSecretGetUsageID(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, NULL);
    return secret->usageID;
}

virConnectPtr
virSecretGetConnect(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, NULL);
    return secret->conn;
}

int
virSecretRef(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, -1);
    g_atomic_int_inc(&secret->refs);
    return 0;
}

int
virSecretFree(virSecretPtr secret)
{
    VIR_ENTRY_SECRET(secret, -1);
    virObjectSecretUnref(secret);
    return 0;
}
