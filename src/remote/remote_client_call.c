/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shapes of calls, and handles to and from the wire. See remote_client.h. */
#include <stdlib.h>
#include <string.h>
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

remoteConnection *
remoteConnectionOf(virConnectPtr conn)
{
    return conn->privateData;
}

int
remoteCallProc(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args, xdrproc_t retProc,
               void *ret)
{
    return virNetClientCall(remoteConnectionOf(conn)->client, REMOTE_PROGRAM,
                            REMOTE_PROGRAM_VERSION, proc, argsProc, args, retProc, ret);
}

int
remoteCallQemu(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args, xdrproc_t retProc,
               void *ret)
{
    return virNetClientCall(remoteConnectionOf(conn)->client, QEMU_PROGRAM, QEMU_PROGRAM_VERSION,
                            proc, argsProc, args, retProc, ret);
}

int
remoteCallDomain(virDomainPtr dom, int proc, xdrproc_t retProc, void *ret)
{
    remote_domain args = remoteWireDomain(dom);

    return remoteCallProc(dom->conn, proc, REMOTE_XDR(remote_domain), &args, retProc, ret);
}

int
remoteCallDomainFlags(virDomainPtr dom, int proc, unsigned int flags, xdrproc_t retProc, void *ret)
{
    /* One of the many types that are a domain and flags. */
    remote_domain_get_state_args args = {remoteWireDomain(dom), flags};

    return remoteCallProc(dom->conn, proc, REMOTE_XDR(remote_domain_get_state_args), &args, retProc,
                          ret);
}

int
remoteCallDomainInt(virDomainPtr dom, int proc)
{
    int ret = 0;

    return remoteCallDomain(dom, proc, REMOTE_XDR(int), &ret) < 0 ? -1 : ret;
}

int
remoteCallDomainFlagsInt(virDomainPtr dom, int proc, unsigned int flags)
{
    int ret = 0;

    return remoteCallDomainFlags(dom, proc, flags, REMOTE_XDR(int), &ret) < 0 ? -1 : ret;
}

char *
remoteCallDomainFlagsText(virDomainPtr dom, int proc, unsigned int flags)
{
    remote_string ret = NULL;

    if (remoteCallDomainFlags(dom, proc, flags, REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

char *
remoteCallText(virConnectPtr conn, int proc)
{
    remote_string ret = NULL;

    if (remoteCallProc(conn, proc, NULL, NULL, REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

int
remoteCallInt(virConnectPtr conn, int proc)
{
    int ret = 0;

    return remoteCallProc(conn, proc, NULL, NULL, REMOTE_XDR(int), &ret) < 0 ? -1 : ret;
}

int
remoteAskFeature(virConnectPtr conn, int feature)
{
    int args = feature;
    int ret = 0;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE, REMOTE_XDR(int), &args,
                       REMOTE_XDR(int), &ret) < 0)
        return -1;
    return ret != 0;
}

remote_domain
remoteWireDomain(virDomainPtr dom)
{
    remote_domain wire = {.name = dom->name, .id = dom->id};

    memcpy(wire.uuid, dom->uuid, VIR_UUID_BUFLEN);
    return wire;
}

remote_domain_checkpoint
remoteWireCheckpoint(virDomainCheckpointPtr chk)
{
    return (remote_domain_checkpoint){chk->name, remoteWireDomain(chk->domain)};
}

virDomainPtr
remoteTakeDomain(virConnectPtr conn, const remote_domain *wire)
{
    return virObjectDomainNew(conn, wire->name, (const unsigned char *)wire->uuid, wire->id);
}

virDomainCheckpointPtr
remoteTakeCheckpoint(virConnectPtr conn, const remote_domain_checkpoint *wire)
{
    g_autoptr(virDomain) dom = remoteTakeDomain(conn, &wire->dom);

    return virObjectCheckpointNew(dom, wire->name);
}

static int
takeParam(virTypedParamList *list, const remote_typed_param *wire)
{
    const remote_typed_param_value *value = &wire->value;

    switch (value->type) {
    case REMOTE_TYPED_PARAM_INT:
        virTypedParamListAddInt(list, value->remote_typed_param_value_u.i, "%s", wire->field);
        return 0;
    case REMOTE_TYPED_PARAM_UINT:
        virTypedParamListAddUInt(list, value->remote_typed_param_value_u.ui, "%s", wire->field);
        return 0;
    case REMOTE_TYPED_PARAM_LLONG:
        virTypedParamListAddLLong(list, value->remote_typed_param_value_u.l, "%s", wire->field);
        return 0;
    case REMOTE_TYPED_PARAM_ULLONG:
        virTypedParamListAddULLong(list, value->remote_typed_param_value_u.ul, "%s", wire->field);
        return 0;
    case REMOTE_TYPED_PARAM_DOUBLE:
        return virTypedParamsAddDouble(&list->params, &list->n, &list->max, wire->field,
                                       value->remote_typed_param_value_u.d);
    case REMOTE_TYPED_PARAM_BOOLEAN:
        virTypedParamListAddBoolean(list, value->remote_typed_param_value_u.b, "%s", wire->field);
        return 0;
    case REMOTE_TYPED_PARAM_STRING:
        virTypedParamListAddString(list, value->remote_typed_param_value_u.s, "%s", wire->field);
        return 0;
    default:
        virReportError(VIR_ERR_RPC, "the daemon sent the parameter '%s' with the unknown type %d",
                       wire->field, value->type);
        return -1;
    }
}

int
remoteTakeParams(virTypedParamList *list, const remote_typed_param *wire, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (strlen(wire[i].field) >= VIR_TYPED_PARAM_FIELD_LENGTH) {
            virReportError(VIR_ERR_RPC, "the daemon sent a parameter with a name of %zu bytes",
                           strlen(wire[i].field));
            return -1;
        }
        if (takeParam(list, &wire[i]) < 0)
            return -1;
    }
    return 0;
}
