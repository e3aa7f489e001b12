/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the library's objects and their shape on the wire; ownership is the whole difficulty. */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

virDomainPtr
remoteGetDomain(virConnectPtr conn, const remote_domain *ref)
{
    return virObjectDomainNew(conn, ref->name, (const unsigned char *)ref->uuid, ref->id);
}

virDomainCheckpointPtr
remoteGetCheckpoint(virConnectPtr conn, const remote_domain_checkpoint *ref)
{
    g_autoptr(virDomain) dom = remoteGetDomain(conn, &ref->dom);

    return virObjectCheckpointNew(dom, ref->name);
}

virSecretPtr
remoteGetSecret(virConnectPtr conn, const remote_secret *ref)
{
    return virObjectSecretNew(conn, (const unsigned char *)ref->uuid, ref->usageType,
                              ref->usageID);
}

const char *
remoteGetText(const remote_string *text)
{
    return text ? *text : NULL;
}

void
remotePutDomain(remote_domain *out, virDomainPtr dom)
{
    out->name = g_strdup(dom->name);
    memcpy(out->uuid, dom->uuid, sizeof(out->uuid));
    out->id = dom->id;
}

void
remotePutCheckpoint(remote_domain_checkpoint *out, virDomainCheckpointPtr chk)
{
    out->name = g_strdup(chk->name);
    remotePutDomain(&out->dom, chk->domain);
}

void
remotePutSecret(remote_secret *out, virSecretPtr secret)
{
    memcpy(out->uuid, secret->uuid, sizeof(out->uuid));
    out->usageType = secret->usageType;
    out->usageID = g_strdup(secret->usageID);
}

int
remotePutNewDomain(remote_domain *out, virDomainPtr dom)
{
    g_autoptr(virDomain) owned = dom;

    if (!owned)
        return -1;
    remotePutDomain(out, owned);
    return 0;
}

int
remotePutNewCheckpoint(remote_domain_checkpoint *out, virDomainCheckpointPtr chk)
{
    g_autoptr(virDomainCheckpoint) owned = chk;

    if (!owned)
        return -1;
    remotePutCheckpoint(out, owned);
    return 0;
}

int
remotePutNewSecret(remote_secret *out, virSecretPtr secret)
{
    g_autoptr(virSecret) owned = secret;

    if (!owned)
        return -1;
    remotePutSecret(out, owned);
    return 0;
}

int
remotePutText(remote_string *out, char *text)
{
    /* Refused here because xdr_free() does not free what is longer than its bound. */
    if (text && strlen(text) > REMOTE_STRING_MAX) {
        virReportError(VIR_ERR_RPC, "result of %zu bytes is longer than the %d of the protocol",
                       strlen(text), REMOTE_STRING_MAX);
        g_clear_pointer(&text, g_free);
    }
    *out = text;
    return text ? 0 : -1;
}

void
remotePutChars(char **val, u_int *len, const char *text)
{
    *val = g_strdup(text);
    *len = (u_int)strlen(text);
}

int
remoteCheckCount(const char *what, int count, int max)
{
    if (count <= max)
        return 0;
    virReportError(VIR_ERR_RPC, "%s: %d of them, but a reply carries at most %d", what, count, max);
    return -1;
}

static void
putTypedParam(remote_typed_param *out, const virTypedParameter *param)
{
    remote_typed_param_value *value = &out->value;

    out->field = g_strdup(param->field);
    value->type = param->type;
    switch ((virTypedParameterType)param->type) {
    case VIR_TYPED_PARAM_INT:
        value->remote_typed_param_value_u.i = param->value.i;
        break;
    case VIR_TYPED_PARAM_UINT:
        value->remote_typed_param_value_u.ui = param->value.ui;
        break;
    case VIR_TYPED_PARAM_LLONG:
        value->remote_typed_param_value_u.l = param->value.l;
        break;
    case VIR_TYPED_PARAM_ULLONG:
        value->remote_typed_param_value_u.ul = param->value.ul;
        break;
    case VIR_TYPED_PARAM_DOUBLE:
        value->remote_typed_param_value_u.d = param->value.d;
        break;
    case VIR_TYPED_PARAM_BOOLEAN:
        value->remote_typed_param_value_u.b = param->value.b;
        break;
    case VIR_TYPED_PARAM_STRING:
        value->remote_typed_param_value_u.s = g_strdup(param->value.s ? param->value.s : "");
        break;
    }
}

int
remotePutTypedParams(remote_typed_param **val, u_int *len, virTypedParameterPtr params, int nparams,
                     int max, bool withStrings)
{
    if (remoteCheckCount("typed parameters", nparams, max) < 0)
        return -1;
    *val = g_new0(remote_typed_param, MAX(nparams, 1));
    *len = 0;
    for (int i = 0; i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_STRING && !withStrings)
            continue;
        putTypedParam(&(*val)[(*len)++], &params[i]);
    }
    return 0;
}
