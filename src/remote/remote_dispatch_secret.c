/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets. A value is wiped from the call's memory before that is freed. */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

int
remoteDispatchConnectNumOfSecrets(remoteCall *call, remote_none *args G_GNUC_UNUSED,
                                  remote_connect_num_of_secrets_ret *ret)
{
    ret->num = virConnectNumOfSecrets(call->conn);
    return ret->num < 0 ? -1 : 0;
}

int
remoteDispatchConnectListSecrets(remoteCall *call, remote_connect_list_secrets_args *args,
                                 remote_connect_list_secrets_ret *ret)
{
    int n = 0;

    if (args->maxuuids < 0 || args->maxuuids > REMOTE_SECRET_LIST_MAX) {
        virReportError(VIR_ERR_RPC, "maxuuids is %d, which is not from 0 to %d", args->maxuuids,
                       REMOTE_SECRET_LIST_MAX);
        return -1;
    }
    ret->uuids.uuids_val = g_new0(remote_string, (gsize)args->maxuuids + 1);
    n = virConnectListSecrets(call->conn, ret->uuids.uuids_val, args->maxuuids);
    ret->uuids.uuids_len = (u_int)MAX(n, 0);
    return n < 0 ? -1 : 0;
}

int
remoteDispatchConnectListAllSecrets(remoteCall *call, remote_connect_list_all_secrets_args *args,
                                    remote_connect_list_all_secrets_ret *ret)
{
    virSecretPtr *secrets = NULL;
    int n = virConnectListAllSecrets(call->conn, args->need_results ? &secrets : NULL, args->flags);
    int rc = n < 0 ? -1 : remoteCheckCount("secrets", n, REMOTE_SECRET_LIST_MAX);

    if (rc == 0 && secrets) {
        ret->secrets.secrets_val = g_new0(remote_secret, (gsize)n + 1);
        ret->secrets.secrets_len = (u_int)n;
    }
    for (int i = 0; rc == 0 && secrets && i < n; i++)
        remotePutSecret(&ret->secrets.secrets_val[i], secrets[i]);
    virObjectSecretListFree(secrets, (size_t)MAX(n, 0));
    ret->ret = (u_int)n;
    return rc;
}

int
remoteDispatchSecretLookupByUUID(remoteCall *call, remote_secret_lookup_by_uuid_args *args,
                                 remote_secret_lookup_by_uuid_ret *ret)
{
    return remotePutNewSecret(
        &ret->secret, virSecretLookupByUUID(call->conn, (const unsigned char *)args->uuid));
}

int
remoteDispatchSecretLookupByUsage(remoteCall *call, remote_secret_lookup_by_usage_args *args,
                                  remote_secret_lookup_by_usage_ret *ret)
{
    return remotePutNewSecret(&ret->secret,
                              virSecretLookupByUsage(call->conn, args->usageType, args->usageID));
}

int
remoteDispatchSecretDefineXML(remoteCall *call, remote_secret_define_xml_args *args,
                              remote_secret_define_xml_ret *ret)
{
    return remotePutNewSecret(&ret->secret, virSecretDefineXML(call->conn, args->xml, args->flags));
}

int
remoteDispatchSecretGetXMLDesc(remoteCall *call, remote_secret_get_xml_desc_args *args,
                               remote_secret_get_xml_desc_ret *ret)
{
    g_autoptr(virSecret) secret = remoteGetSecret(call->conn, &args->secret);

    return remotePutText(&ret->xml, virSecretGetXMLDesc(secret, args->flags));
}

int
remoteDispatchSecretSetValue(remoteCall *call, remote_secret_set_value_args *args,
                             remote_none *ret G_GNUC_UNUSED)
{
    g_autoptr(virSecret) secret = remoteGetSecret(call->conn, &args->secret);
    const char *value = args->value.value_val ? args->value.value_val : "";
    int rc = virSecretSetValue(secret, (const unsigned char *)value, args->value.value_len,
                               args->flags);

    if (args->value.value_val)
        explicit_bzero(args->value.value_val, args->value.value_len);
    return rc;
}

int
remoteDispatchSecretGetValue(remoteCall *call, remote_secret_get_value_args *args,
                             remote_secret_get_value_ret *ret)
{
    g_autoptr(virSecret) secret = remoteGetSecret(call->conn, &args->secret);
    size_t size = 0;
    unsigned char *value = virSecretGetValue(secret, &size, args->flags);

    if (!value)
        return -1;
    if (size > REMOTE_SECRET_VALUE_MAX) {
        explicit_bzero(value, size);
        g_free(value);
        virReportError(VIR_ERR_RPC, "a value of %zu bytes is longer than the %d of the protocol",
                       size, REMOTE_SECRET_VALUE_MAX);
        return -1;
    }
    ret->value.value_val = (char *)value;
    ret->value.value_len = (u_int)size;
    return 0;
}

int
remoteDispatchSecretUndefine(remoteCall *call, remote_secret_undefine_args *args,
                             remote_none *ret G_GNUC_UNUSED)
{
    g_autoptr(virSecret) secret = remoteGetSecret(call->conn, &args->secret);

    return virSecretUndefine(secret);
}
