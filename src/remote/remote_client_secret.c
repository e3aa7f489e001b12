/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: secrets. */
#include <string.h>
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static remote_secret
wireSecret(virSecretPtr secret)
{
    remote_secret wire = {.usageType = secret->usageType, .usageID = secret->usageID};

    memcpy(wire.uuid, secret->uuid, VIR_UUID_BUFLEN);
    return wire;
}

static virSecretPtr
takeSecret(virConnectPtr conn, const remote_secret *wire)
{
    return virObjectSecretNew(conn, (const unsigned char *)wire->uuid, wire->usageType,
                              wire->usageID);
}

/* A call whose reply is one secret. */
static virSecretPtr
callForSecret(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args)
{
    remote_secret ret = {0};
    virSecretPtr secret;

    if (remoteCallProc(conn, proc, argsProc, args, REMOTE_XDR(remote_secret), &ret) < 0)
        return NULL;
    secret = takeSecret(conn, &ret);
    xdr_free(REMOTE_XDR(remote_secret), (char *)&ret);
    return secret;
}

static int
remoteConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags)
{
    remote_connect_list_all_secrets_args args = {secrets != NULL, flags};
    remote_connect_list_all_secrets_ret ret = {0};
    int rc;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_LIST_ALL_SECRETS,
                       REMOTE_XDR(remote_connect_list_all_secrets_args), &args,
                       REMOTE_XDR(remote_connect_list_all_secrets_ret), &ret) < 0)
        return -1;
    rc = ret.ret;
    if (secrets) {
        rc = ret.secrets.secrets_len;
        *secrets = g_new0(virSecretPtr, rc + 1);
        for (int i = 0; i < rc; i++)
            (*secrets)[i] = takeSecret(conn, &ret.secrets.secrets_val[i]);
    }
    xdr_free(REMOTE_XDR(remote_connect_list_all_secrets_ret), (char *)&ret);
    return rc;
}

static virSecretPtr
remoteSecretLookupByUUID(virConnectPtr conn, const unsigned char *uuid)
{
    remote_secret_lookup_by_uuid_args args = {0};

    memcpy(args.uuid, uuid, VIR_UUID_BUFLEN);
    return callForSecret(conn, REMOTE_PROC_SECRET_LOOKUP_BY_UUID,
                         REMOTE_XDR(remote_secret_lookup_by_uuid_args), &args);
}

static virSecretPtr
remoteSecretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID)
{
    remote_secret_lookup_by_usage_args args = {usageType, (char *)usageID};

    return callForSecret(conn, REMOTE_PROC_SECRET_LOOKUP_BY_USAGE,
                         REMOTE_XDR(remote_secret_lookup_by_usage_args), &args);
}

static virSecretPtr
remoteSecretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    remote_secret_define_xml_args args = {(char *)xml, flags};

    return callForSecret(conn, REMOTE_PROC_SECRET_DEFINE_XML,
                         REMOTE_XDR(remote_secret_define_xml_args), &args);
}

static char *
remoteSecretGetXMLDesc(virSecretPtr secret, unsigned int flags)
{
    remote_secret_get_xml_desc_args args = {wireSecret(secret), flags};
    remote_string ret = NULL;

    if (remoteCallProc(secret->conn, REMOTE_PROC_SECRET_GET_XML_DESC,
                       REMOTE_XDR(remote_secret_get_xml_desc_args), &args,
                       REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

static int
remoteSecretSetValue(virSecretPtr secret, const unsigned char *value, size_t size,
                     unsigned int flags)
{
    remote_secret_set_value_args args = {.secret = wireSecret(secret), .flags = flags};

    if (size > REMOTE_SECRET_VALUE_MAX) {
        virReportError(VIR_ERR_RPC, "value length greater than maximum: %zu > %d", size,
                       REMOTE_SECRET_VALUE_MAX);
        return -1;
    }
    args.value.value_val = (char *)value;
    args.value.value_len = size;
    return remoteCallProc(secret->conn, REMOTE_PROC_SECRET_SET_VALUE,
                          REMOTE_XDR(remote_secret_set_value_args), &args, NULL, NULL);
}

static unsigned char *
remoteSecretGetValue(virSecretPtr secret, size_t *size, unsigned int flags)
{
    remote_secret_get_value_args args = {wireSecret(secret), flags};
    remote_secret_get_value_ret ret = {0};

    if (remoteCallProc(secret->conn, REMOTE_PROC_SECRET_GET_VALUE,
                       REMOTE_XDR(remote_secret_get_value_args), &args,
                       REMOTE_XDR(remote_secret_get_value_ret), &ret) < 0)
        return NULL;
    *size = ret.value.value_len;
    /* XDR gives no memory for no bytes, but NULL would be a failure. */
    return ret.value.value_val ? (unsigned char *)ret.value.value_val : g_malloc0(1);
}

static int
remoteSecretUndefine(virSecretPtr secret)
{
    remote_secret_undefine_args args = {wireSecret(secret)};

    return remoteCallProc(secret->conn, REMOTE_PROC_SECRET_UNDEFINE,
                          REMOTE_XDR(remote_secret_undefine_args), &args, NULL, NULL);
}

void
remoteClientAddSecret(virDriver *driver)
{
    driver->connectListAllSecrets = remoteConnectListAllSecrets;
    driver->secretLookupByUUID = remoteSecretLookupByUUID;
    driver->secretLookupByUsage = remoteSecretLookupByUsage;
    driver->secretDefineXML = remoteSecretDefineXML;
    driver->secretGetXMLDesc = remoteSecretGetXMLDesc;
    driver->secretSetValue = remoteSecretSetValue;
    driver->secretGetValue = remoteSecretGetValue;
    driver->secretUndefine = remoteSecretUndefine;
}
