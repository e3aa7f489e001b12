/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The API of secrets: handles in, the store, handles out. */
#include "secret_driver.h"

#include "libvirt-object.h"
#include "secret_store.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_SECRET

#define LIST_FLAGS                                                                                 \
    (VIR_CONNECT_LIST_SECRETS_EPHEMERAL | VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL |                  \
     VIR_CONNECT_LIST_SECRETS_PRIVATE | VIR_CONNECT_LIST_SECRETS_NO_PRIVATE)

static virSecretPtr
handleNew(virConnectPtr conn, const virSecretDef *def)
{
    return virObjectSecretNew(conn, def->uuid, def->usageType, def->usageID);
}

int
secretConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags)
{
    g_autoptr(GPtrArray) defs = NULL;

    virCheckFlags(LIST_FLAGS, -1);
    defs = secretStoreList(flags);
    if (!secrets)
        return (int)defs->len;
    *secrets = g_new0(virSecretPtr, defs->len + 1);
    for (guint i = 0; i < defs->len; i++)
        (*secrets)[i] = handleNew(conn, g_ptr_array_index(defs, i));
    return (int)defs->len;
}

virSecretPtr
secretLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    g_autoptr(virSecretDef) def = secretStoreGet(uuid);

    return def ? handleNew(conn, def) : NULL;
}

virSecretPtr
secretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID)
{
    g_autoptr(virSecretDef) def = secretStoreFindUsage(usageType, usageID);

    return def ? handleNew(conn, def) : NULL;
}

virSecretPtr
secretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autoptr(virSecretDef) def = NULL;

    virCheckFlags(VIR_SECRET_DEFINE_VALIDATE, NULL);
    def = virSecretDefParse(xml);
    if (!def || secretStoreDefine(def) < 0)
        return NULL;
    return handleNew(conn, def);
}

char *
secretGetXMLDesc(virSecretPtr secret, unsigned int flags)
{
    g_autoptr(virSecretDef) def = NULL;

    virCheckFlags(0, NULL);
    def = secretStoreGet(secret->uuid);
    return def ? virSecretDefFormat(def) : NULL;
}

int
secretSetValue(virSecretPtr secret, const unsigned char *value, size_t size, unsigned int flags)
{
    virCheckFlags(0, -1);
    return secretStoreSetValue(secret->uuid, value, size);
}

unsigned char *
secretGetValue(virSecretPtr secret, size_t *size, unsigned int flags)
{
    g_autoptr(virSecretDef) def = NULL;
    g_autoptr(GBytes) value = NULL;
    const unsigned char *data = NULL;

    virCheckFlags(0, NULL);
    def = secretStoreGet(secret->uuid);
    if (!def)
        return NULL;
    if (def->isPrivate) {
        virReportError(VIR_ERR_INVALID_SECRET, "secret is private");
        return NULL;
    }
    value = secretStoreFetchValue(secret->uuid);
    if (!value)
        return NULL;
    data = g_bytes_get_data(value, size);
    return *size > 0 ? g_memdup2(data, *size) : g_malloc0(1);
}

int
secretUndefine(virSecretPtr secret)
{
    return secretStoreUndefine(secret->uuid);
}
