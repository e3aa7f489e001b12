/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening and closing, questions about the connection and the host, lists of domains.
 *
 * Which names CONNECT_OPEN accepts: a client has already removed transport, host and its own
 * parameters from the URI; "" leaves the choice to us. A daemon serves one driver, so the choice is
 * small: the system instance takes qemu:///system and qemu:///session (root's "session" is the
 * system), the one of a user takes only qemu:///session.
 */
#include "config.h"
#include <string.h>
#include "remote_dispatch.h"
#include "remote_features.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

int
remoteDispatchAuthList(remoteCall *call, remote_none *args, remote_auth_list_ret *ret)
{
    ret->types.types_val = g_new0(remote_auth_type, 1);
    ret->types.types_val[0] = REMOTE_AUTH_NONE;
    ret->types.types_len = 1;
    return 0;
}

static void
noDriverFor(const char *name)
{
    virReportErrorFull(VIR_FROM_NONE, VIR_ERR_NO_CONNECT, __FILE__, __func__, __LINE__, "%s", name);
}

static int
checkName(const char *name)
{
    bool privileged = remoteDispatchGetOptions()->privileged;
    const char *own = privileged ? "/system" : "/session";
    g_autofree char *path = NULL;

    if (name[0] == '\0')
        return 0;
    if (!g_str_has_prefix(name, "qemu:///")) {
        noDriverFor(name);
        return -1;
    }
    path = g_strndup(name + strlen("qemu://"), strcspn(name + strlen("qemu://"), "?#"));
    if (g_str_equal(path, "/session") || (privileged && g_str_equal(path, own)))
        return 0;
    virReportErrorFull(VIR_FROM_NONE, VIR_ERR_INTERNAL_ERROR, __FILE__, __func__, __LINE__,
                       "unexpected qemu URI path '%s', try qemu://%s", path, own);
    return -1;
}

/* Make @conn the client's connection, if it has none so far. */
static int
adopt(remoteClient *priv, virConnectPtr conn)
{
    bool taken;

    g_mutex_lock(&priv->lock);
    taken = priv->conn || priv->closed;
    if (!taken)
        priv->conn = conn;
    g_mutex_unlock(&priv->lock);
    if (taken)
        virReportError(VIR_ERR_INTERNAL_ERROR, "connection already open");
    return taken ? -1 : 0;
}

int
remoteDispatchConnectOpen(remoteCall *call, remote_connect_open_args *args, remote_none *ret)
{
    const virDriver *driver = remoteDispatchGetOptions()->driver;
    const char *instance = remoteDispatchGetOptions()->privileged ? "qemu:///system"
                                                                  : "qemu:///session";
    const char *name = remoteGetText(args->name);
    bool readonly = virNetServerClientIsReadonly(call->client) || (args->flags & VIR_CONNECT_RO);
    virConnectPtr conn;

    if (!name) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "connection not open");
        return -1;
    }
    if (checkName(name) < 0)
        return -1;
    conn = virObjectConnectNew(driver);
    conn->uri = name[0] ? g_strdup(name) : NULL;
    conn->readonly = readonly;
    /* Whatever name was accepted, it means this instance. */
    if (driver->connectOpen(conn, instance, readonly ? VIR_CONNECT_RO : 0) < 0 ||
        adopt(call->priv, conn) < 0) {
        virObjectConnectUnref(conn);
        return -1;
    }
    return 0;
}

int
remoteDispatchConnectClose(remoteCall *call, remote_none *args, remote_none *ret)
{
    virNetServerClientCloseAfterReply(call->client);
    return 0;
}

int
remoteDispatchConnectSupportsFeature(remoteCall *call, remote_connect_supports_feature_args *args,
                                     remote_connect_supports_feature_ret *ret)
{
    switch (args->feature) {
    case REMOTE_FEATURE_PROGRAM_KEEPALIVE:
        /* Who asks promises to answer pings. */
        virNetServerClientStartKeepalive(call->client);
        ret->supported = 1;
        return 0;
    case REMOTE_FEATURE_FD_PASSING:
    case REMOTE_FEATURE_TYPED_PARAM_STRING:
    case REMOTE_FEATURE_EVENT_CALLBACK:
    case REMOTE_FEATURE_CLOSE_CALLBACK:
    case REMOTE_FEATURE_NETWORK_UPDATE_ORDER:
        ret->supported = 1;
        break;
    default:
        ret->supported = 0;
        break;
    }
    if (!call->conn) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "hypervisor connection not open");
        return -1;
    }
    if (!ret->supported && call->conn->driver->connectSupportsFeature) {
        ret->supported = call->conn->driver->connectSupportsFeature(call->conn, args->feature);
        return ret->supported < 0 ? -1 : 0;
    }
    return 0;
}

int
remoteDispatchConnectGetType(remoteCall *call, remote_none *args, remote_connect_get_type_ret *ret)
{
    return remotePutText(&ret->type, g_strdup(virConnectGetType(call->conn)));
}

int
remoteDispatchConnectGetVersion(remoteCall *call, remote_none *args,
                                remote_connect_get_version_ret *ret)
{
    unsigned long version = 0;

    if (virConnectGetVersion(call->conn, &version) < 0)
        return -1;
    ret->hv_ver = version;
    return 0;
}

int
remoteDispatchConnectGetLibVersion(remoteCall *call, remote_none *args,
                                   remote_connect_get_lib_version_ret *ret)
{
    unsigned long version = 0;

    if (virConnectGetLibVersion(call->conn, &version) < 0)
        return -1;
    ret->lib_ver = version;
    return 0;
}

int
remoteDispatchConnectGetHostname(remoteCall *call, remote_none *args,
                                 remote_connect_get_hostname_ret *ret)
{
    return remotePutText(&ret->hostname, virConnectGetHostname(call->conn));
}

int
remoteDispatchConnectGetURI(remoteCall *call, remote_none *args, remote_connect_get_uri_ret *ret)
{
    return remotePutText(&ret->uri, virConnectGetURI(call->conn));
}

int
remoteDispatchConnectGetCapabilities(remoteCall *call, remote_none *args,
                                     remote_connect_get_capabilities_ret *ret)
{
    return remotePutText(&ret->capabilities, virConnectGetCapabilities(call->conn));
}

int
remoteDispatchConnectGetDomainCapabilities(remoteCall *call,
                                           remote_connect_get_domain_capabilities_args *args,
                                           remote_connect_get_domain_capabilities_ret *ret)
{
    return remotePutText(&ret->capabilities,
                         virConnectGetDomainCapabilities(
                             call->conn, remoteGetText(args->emulatorbin),
                             remoteGetText(args->arch), remoteGetText(args->machine),
                             remoteGetText(args->virttype), args->flags));
}

int
remoteDispatchConnectGetMaxVcpus(remoteCall *call, remote_connect_get_max_vcpus_args *args,
                                 remote_connect_get_max_vcpus_ret *ret)
{
    ret->max_vcpus = virConnectGetMaxVcpus(call->conn, remoteGetText(args->type));
    return ret->max_vcpus < 0 ? -1 : 0;
}

int
remoteDispatchConnectIsSecure(remoteCall *call, remote_none *args,
                              remote_connect_is_secure_ret *ret)
{
    ret->secure = virConnectIsSecure(call->conn);
    return ret->secure < 0 ? -1 : 0;
}

/* The connection of this driver never breaks under a client, so there is nothing to remember. */
int
remoteDispatchConnectRegisterCloseCallback(remoteCall *call, remote_none *args, remote_none *ret)
{
    return 0;
}

int
remoteDispatchConnectUnregisterCloseCallback(remoteCall *call, remote_none *args, remote_none *ret)
{
    return 0;
}

int
remoteDispatchNodeGetInfo(remoteCall *call, remote_none *args, remote_node_get_info_ret *ret)
{
    virNodeInfo info = { 0 };

    if (virNodeGetInfo(call->conn, &info) < 0)
        return -1;
    memcpy(ret->model, info.model, sizeof(ret->model));
    ret->memory = info.memory;
    ret->cpus = (int)info.cpus;
    ret->mhz = (int)info.mhz;
    ret->nodes = (int)info.nodes;
    ret->sockets = (int)info.sockets;
    ret->cores = (int)info.cores;
    ret->threads = (int)info.threads;
    return 0;
}

int
remoteDispatchNodeGetFreeMemory(remoteCall *call, remote_none *args,
                                remote_node_get_free_memory_ret *ret)
{
    ret->freeMem = virNodeGetFreeMemory(call->conn);
    return ret->freeMem == 0 ? -1 : 0;
}

int
remoteDispatchNodeGetSecurityModel(remoteCall *call, remote_none *args,
                                   remote_node_get_security_model_ret *ret)
{
    g_autofree virSecurityModelPtr model = g_new0(virSecurityModel, 1);

    if (virNodeGetSecurityModel(call->conn, model) < 0)
        return -1;
    remotePutChars(&ret->model.model_val, &ret->model.model_len, model->model);
    remotePutChars(&ret->doi.doi_val, &ret->doi.doi_len, model->doi);
    return 0;
}

int
remoteDispatchConnectNumOfDomains(remoteCall *call, remote_none *args,
                                  remote_connect_num_of_domains_ret *ret)
{
    ret->num = virConnectNumOfDomains(call->conn);
    return ret->num < 0 ? -1 : 0;
}

int
remoteDispatchConnectNumOfDefinedDomains(remoteCall *call, remote_none *args,
                                         remote_connect_num_of_defined_domains_ret *ret)
{
    ret->num = virConnectNumOfDefinedDomains(call->conn);
    return ret->num < 0 ? -1 : 0;
}

/* How many the client asks for, before we allocate that many. */
static int
checkMax(const char *arg, int max)
{
    if (max > REMOTE_DOMAIN_LIST_MAX)
        virReportError(VIR_ERR_RPC, "%s > REMOTE_DOMAIN_LIST_MAX", arg);
    else if (max < 0)
        virReportError(VIR_ERR_RPC, "%s must be non-negative", arg);
    else
        return 0;
    return -1;
}

int
remoteDispatchConnectListDomains(remoteCall *call, remote_connect_list_domains_args *args,
                                 remote_connect_list_domains_ret *ret)
{
    int n;

    if (checkMax("maxids", args->maxids) < 0)
        return -1;
    ret->ids.ids_val = g_new0(int, (gsize)args->maxids + 1);
    n = virConnectListDomains(call->conn, ret->ids.ids_val, args->maxids);
    ret->ids.ids_len = (u_int)MAX(n, 0);
    return n < 0 ? -1 : 0;
}

int
remoteDispatchConnectListDefinedDomains(remoteCall *call,
                                        remote_connect_list_defined_domains_args *args,
                                        remote_connect_list_defined_domains_ret *ret)
{
    int n;

    if (checkMax("maxnames", args->maxnames) < 0)
        return -1;
    ret->names.names_val = g_new0(remote_string, (gsize)args->maxnames + 1);
    n = virConnectListDefinedDomains(call->conn, ret->names.names_val, args->maxnames);
    ret->names.names_len = (u_int)MAX(n, 0);
    return n < 0 ? -1 : 0;
}

int
remoteDispatchConnectListAllDomains(remoteCall *call, remote_connect_list_all_domains_args *args,
                                    remote_connect_list_all_domains_ret *ret)
{
    virDomainPtr *doms = NULL;
    int n = virConnectListAllDomains(call->conn, args->need_results ? &doms : NULL, args->flags);
    int rc = n < 0 ? -1 : remoteCheckCount("domains", n, REMOTE_DOMAIN_LIST_MAX);

    if (rc == 0 && doms) {
        ret->domains.domains_val = g_new0(remote_domain, (gsize)n + 1);
        ret->domains.domains_len = (u_int)n;
    }
    for (int i = 0; rc == 0 && doms && i < n; i++)
        remotePutDomain(&ret->domains.domains_val[i], doms[i]);
    virObjectDomainListFree(doms, (size_t)MAX(n, 0));
    ret->ret = (u_int)n;
    return rc;
}
