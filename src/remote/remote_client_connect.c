/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: the connection and the host. */
#include <string.h>
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

/* The text has to live as long as the connection, so it is asked for once. */
static const char *
remoteConnectGetType(virConnectPtr conn)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    char *type = NULL;

    g_mutex_lock(&remote->lock);
    type = remote->type;
    g_mutex_unlock(&remote->lock);
    if (type || !(type = remoteCallText(conn, REMOTE_PROC_CONNECT_GET_TYPE)))
        return type;
    g_mutex_lock(&remote->lock);
    if (remote->type)
        g_free(type);
    else
        remote->type = type;
    type = remote->type;
    g_mutex_unlock(&remote->lock);
    return type;
}

static int
callULong(virConnectPtr conn, int proc, unsigned long *out)
{
    u_quad_t ret = 0;

    if (remoteCallProc(conn, proc, NULL, NULL, REMOTE_XDR(u_quad_t), &ret) < 0)
        return -1;
    *out = ret;
    return 0;
}

static int
remoteConnectGetVersion(virConnectPtr conn, unsigned long *version)
{
    return callULong(conn, REMOTE_PROC_CONNECT_GET_VERSION, version);
}

static int
remoteConnectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    return callULong(conn, REMOTE_PROC_CONNECT_GET_LIB_VERSION, version);
}

static char *
remoteConnectGetHostname(virConnectPtr conn)
{
    return remoteCallText(conn, REMOTE_PROC_CONNECT_GET_HOSTNAME);
}

static char *
remoteConnectGetURI(virConnectPtr conn)
{
    return g_strdup(conn->uri);
}

static char *
remoteConnectGetCapabilities(virConnectPtr conn)
{
    return remoteCallText(conn, REMOTE_PROC_CONNECT_GET_CAPABILITIES);
}

static char *
remoteConnectGetDomainCapabilities(virConnectPtr conn, const char *emulator, const char *arch,
                                   const char *machine, const char *virttype, unsigned int flags)
{
    remote_string slots[4] = {NULL};
    remote_connect_get_domain_capabilities_args args = {
        remoteOptional(emulator, &slots[0]),
        remoteOptional(arch, &slots[1]),
        remoteOptional(machine, &slots[2]),
        remoteOptional(virttype, &slots[3]),
        flags,
    };
    remote_string ret = NULL;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_GET_DOMAIN_CAPABILITIES,
                       REMOTE_XDR(remote_connect_get_domain_capabilities_args), &args,
                       REMOTE_XDR(remote_string), &ret) < 0)
        return NULL;
    return ret;
}

static int
remoteConnectGetMaxVcpus(virConnectPtr conn, const char *type)
{
    remote_string slot = NULL;
    remote_connect_get_max_vcpus_args args = {remoteOptional(type, &slot)};
    int ret = 0;

    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_GET_MAX_VCPUS,
                       REMOTE_XDR(remote_connect_get_max_vcpus_args), &args, REMOTE_XDR(int),
                       &ret) < 0)
        return -1;
    return ret;
}

static int
remoteConnectIsAlive(virConnectPtr conn)
{
    return virNetClientIsOpen(remoteConnectionOf(conn)->client) ? 1 : 0;
}

/* Both ask for what the daemon does beyond this socket; a UNIX socket itself is safe, and plain. */
static int
remoteConnectIsSecure(virConnectPtr conn)
{
    return remoteCallInt(conn, REMOTE_PROC_CONNECT_IS_SECURE);
}

static int
remoteConnectIsEncrypted(virConnectPtr conn)
{
    int secure = remoteCallInt(conn, REMOTE_PROC_CONNECT_IS_SECURE);

    return secure < 0 ? -1 : 0;
}

static int
remoteConnectSetKeepAlive(virConnectPtr conn, int interval, unsigned int count)
{
    remoteConnection *remote = remoteConnectionOf(conn);

    if (!virNetClientHasLoop(remote->client)) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "keepalive needs an event loop; register one before opening the connection");
        return -1;
    }
    if (!remote->serverKeepalive)
        return 1;
    return virNetClientSetKeepAlive(remote->client, MAX(interval, 0), count);
}

static int
remoteConnectRegisterCloseCallback(virConnectPtr conn)
{
    remoteConnection *remote = remoteConnectionOf(conn);

    /* A daemon without the feature still breaks the socket, and that we see ourselves. */
    if (!remote->serverCloseCallback)
        return 0;
    return remoteCallProc(conn, REMOTE_PROC_CONNECT_REGISTER_CLOSE_CALLBACK, NULL, NULL, NULL,
                          NULL);
}

static int
remoteConnectUnregisterCloseCallback(virConnectPtr conn)
{
    remoteConnection *remote = remoteConnectionOf(conn);

    if (!remote->serverCloseCallback || !virNetClientIsOpen(remote->client))
        return 0;
    return remoteCallProc(conn, REMOTE_PROC_CONNECT_UNREGISTER_CLOSE_CALLBACK, NULL, NULL, NULL,
                          NULL);
}

static int
remoteNodeGetInfo(virConnectPtr conn, virNodeInfoPtr info)
{
    remote_node_get_info_ret ret = {0};

    if (remoteCallProc(conn, REMOTE_PROC_NODE_GET_INFO, NULL, NULL,
                       REMOTE_XDR(remote_node_get_info_ret), &ret) < 0)
        return -1;
    memcpy(info->model, ret.model, sizeof(info->model));
    info->model[sizeof(info->model) - 1] = '\0';
    info->memory = ret.memory;
    info->cpus = ret.cpus;
    info->mhz = ret.mhz;
    info->nodes = ret.nodes;
    info->sockets = ret.sockets;
    info->cores = ret.cores;
    info->threads = ret.threads;
    return 0;
}

static unsigned long long
remoteNodeGetFreeMemory(virConnectPtr conn)
{
    u_quad_t ret = 0;

    if (remoteCallProc(conn, REMOTE_PROC_NODE_GET_FREE_MEMORY, NULL, NULL, REMOTE_XDR(u_quad_t),
                       &ret) < 0)
        return 0;
    return ret;
}

/* A counted text of the wire into a fixed array. @what: whose text it is. */
static int
takeChars(char *to, size_t size, const char *from, unsigned int length, const char *what)
{
    if (length >= size) {
        virReportError(VIR_ERR_RPC, "the daemon sent a %s of %u bytes; at most %zu are expected",
                       what, length, size - 1);
        return -1;
    }
    if (length > 0)
        memcpy(to, from, length);
    to[length] = '\0';
    return 0;
}

static int
remoteNodeGetSecurityModel(virConnectPtr conn, virSecurityModelPtr model)
{
    remote_node_get_security_model_ret ret = {0};
    int rc = -1;

    if (remoteCallProc(conn, REMOTE_PROC_NODE_GET_SECURITY_MODEL, NULL, NULL,
                       REMOTE_XDR(remote_node_get_security_model_ret), &ret) < 0)
        return -1;
    if (takeChars(model->model, sizeof(model->model), ret.model.model_val, ret.model.model_len,
                  "security model") == 0 &&
        takeChars(model->doi, sizeof(model->doi), ret.doi.doi_val, ret.doi.doi_len,
                  "security model's domain of interpretation") == 0)
        rc = 0;
    xdr_free(REMOTE_XDR(remote_node_get_security_model_ret), (char *)&ret);
    return rc;
}

static int
remoteDomainGetSecurityLabel(virDomainPtr dom, virSecurityLabelPtr label)
{
    remote_domain_get_security_label_ret ret = {0};
    int rc;

    if (remoteCallDomain(dom, REMOTE_PROC_DOMAIN_GET_SECURITY_LABEL,
                         REMOTE_XDR(remote_domain_get_security_label_ret), &ret) < 0)
        return -1;
    rc = takeChars(label->label, sizeof(label->label), ret.label.label_val, ret.label.label_len,
                   "security label");
    label->enforcing = ret.enforcing;
    xdr_free(REMOTE_XDR(remote_domain_get_security_label_ret), (char *)&ret);
    return rc;
}

void
remoteClientAddConnect(virDriver *driver)
{
    driver->connectGetType = remoteConnectGetType;
    driver->connectGetVersion = remoteConnectGetVersion;
    driver->connectGetLibVersion = remoteConnectGetLibVersion;
    driver->connectGetHostname = remoteConnectGetHostname;
    driver->connectGetURI = remoteConnectGetURI;
    driver->connectGetCapabilities = remoteConnectGetCapabilities;
    driver->connectGetDomainCapabilities = remoteConnectGetDomainCapabilities;
    driver->connectGetMaxVcpus = remoteConnectGetMaxVcpus;
    driver->connectIsAlive = remoteConnectIsAlive;
    driver->connectIsSecure = remoteConnectIsSecure;
    driver->connectIsEncrypted = remoteConnectIsEncrypted;
    driver->connectSupportsFeature = remoteAskFeature;
    driver->connectSetKeepAlive = remoteConnectSetKeepAlive;
    driver->connectRegisterCloseCallback = remoteConnectRegisterCloseCallback;
    driver->connectUnregisterCloseCallback = remoteConnectUnregisterCloseCallback;
    driver->nodeGetInfo = remoteNodeGetInfo;
    driver->nodeGetFreeMemory = remoteNodeGetFreeMemory;
    driver->nodeGetSecurityModel = remoteNodeGetSecurityModel;
    driver->domainGetSecurityLabel = remoteDomainGetSecurityLabel;
}
