/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The remote driver: its table, and opening and closing a connection. */
#include <string.h>
#include "remote_client.h"
#include "remote_spawn.h"
#include "remote_uri.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

/* Flags of CONNECT_OPEN; a daemon acts on the first alone. */
#define OPEN_READONLY 1u
#define OPEN_SESSION 2u
#define OPEN_AUTOSTART 4u

static void
connectionFree(void *data)
{
    remoteConnection *remote = data;

    virDomainEventListFree(remote->events);
    g_ptr_array_unref(remote->registrations);
    g_mutex_clear(&remote->lock);
    g_mutex_clear(&remote->registerLock);
    g_free(remote->type);
    g_free(remote);
}

/* The transport broke. On the event loop. */
static void
onClosed(int reason, void *opaque)
{
    remoteConnection *remote = opaque;
    virConnectPtr conn = NULL;

    g_mutex_lock(&remote->lock);
    if (remote->conn && virObjectConnectTryRef(remote->conn))
        conn = remote->conn;
    g_mutex_unlock(&remote->lock);
    if (!conn)
        return;
    virObjectConnectNotifyClose(conn, reason);
    virObjectConnectUnref(conn);
}

static const virNetClientHooks hooks = {remoteClientHandleEvent, onClosed};

static virNetClient *
connectionNew(virConnectPtr conn, int fd)
{
    remoteConnection *remote = g_new0(remoteConnection, 1);

    g_mutex_init(&remote->lock);
    g_mutex_init(&remote->registerLock);
    remote->conn = conn;
    remote->events = virDomainEventListNew();
    remote->registrations = g_ptr_array_new_with_free_func(remoteRegistrationFree);
    remote->client = virNetClientNew(fd, &hooks, remote, connectionFree);
    if (!remote->client) {
        connectionFree(remote);
        return NULL;
    }
    conn->privateData = remote;
    return remote->client;
}

/* Does what the daemon asks of this peer before it may open anything. */
static int
authenticate(virConnectPtr conn)
{
    remote_auth_list_ret ret = {0};
    int type = REMOTE_AUTH_NONE;
    int complete = 0;

    if (remoteCallProc(conn, REMOTE_PROC_AUTH_LIST, NULL, NULL, REMOTE_XDR(remote_auth_list_ret),
                       &ret) < 0) {
        if (virErrorLastCode() != VIR_ERR_NO_SUPPORT)
            return -1;
        virErrorReset(); /* a daemon from before there was authentication */
        return 0;
    }
    if (ret.types.types_len > 0)
        type = ret.types.types_val[0];
    xdr_free(REMOTE_XDR(remote_auth_list_ret), (char *)&ret);
    switch (type) {
    case REMOTE_AUTH_NONE:
        return 0;
    case REMOTE_AUTH_POLKIT:
        return remoteCallProc(conn, REMOTE_PROC_AUTH_POLKIT, NULL, NULL, REMOTE_XDR(int),
                              &complete);
    default:
        virReportError(VIR_ERR_AUTH_FAILED,
                       "the daemon wants authentication of type %d (%s), which this library does "
                       "not have; connect to its UNIX socket",
                       type, type == REMOTE_AUTH_SASL ? "SASL" : "unknown");
        return -1;
    }
}

/* A daemon that does not know the question has no features. */
static int
askOptionalFeature(virConnectPtr conn, int feature, bool *has)
{
    int rc = remoteAskFeature(conn, feature);

    if (rc < 0 && virErrorLastCode() != VIR_ERR_NO_SUPPORT)
        return -1;
    if (rc < 0)
        virErrorReset();
    *has = rc > 0;
    return 0;
}

static int
openRemote(virConnectPtr conn, const char *name, unsigned int flags)
{
    remote_string slot = NULL;
    remote_connect_open_args args = {remoteOptional(name, &slot), flags};

    return remoteCallProc(conn, REMOTE_PROC_CONNECT_OPEN, REMOTE_XDR(remote_connect_open_args),
                          &args, NULL, NULL);
}

/* The conversation that opens a connection, in the order all clients have it. */
static int
converse(virConnectPtr conn, const remoteURI *uri, unsigned int flags)
{
    remoteConnection *remote = remoteConnectionOf(conn);

    if (authenticate(conn) < 0)
        return -1;
    if (virNetClientHasLoop(remote->client) &&
        askOptionalFeature(conn, REMOTE_FEATURE_PROGRAM_KEEPALIVE, &remote->serverKeepalive) < 0)
        return -1;
    if (openRemote(conn, uri->name, flags) < 0)
        return -1;
    if (!conn->uri) {
        conn->uri = remoteCallText(conn, REMOTE_PROC_CONNECT_GET_URI);
        if (!conn->uri)
            return -1;
    }
    if (askOptionalFeature(conn, REMOTE_FEATURE_EVENT_CALLBACK, &remote->serverEventCallback) < 0 ||
        askOptionalFeature(conn, REMOTE_FEATURE_CLOSE_CALLBACK, &remote->serverCloseCallback) < 0)
        return -1;
    return 0;
}

/* Nobody uses @conn any more, or it never became one. */
static void
disconnect(virConnectPtr conn)
{
    remoteConnection *remote = remoteConnectionOf(conn);

    g_mutex_lock(&remote->lock);
    remote->conn = NULL;
    g_mutex_unlock(&remote->lock);
    virDomainEventListRemoveConn(remote->events, conn);
    virNetClientClose(remote->client);
    conn->privateData = NULL;
    virNetClientUnref(remote->client); /* and with it, sooner or later, remote */
}

static int
remoteConnectOpen(virConnectPtr conn, const char *name, unsigned int flags)
{
    g_autoptr(virConf) conf = NULL;
    g_autoptr(remoteURI) uri = NULL;
    g_auto(remoteAddress) address = {0};
    bool readonly = (flags & VIR_CONNECT_RO) != 0;
    unsigned int openFlags = readonly ? OPEN_READONLY : 0;
    virNetClient *client;
    int fd;

    if (remoteURIReadConfig(&conf) < 0)
        return -1;
    uri = remoteURIParse(name, conf, !(flags & VIR_CONNECT_NO_ALIASES));
    if (!uri)
        return -1;
    g_free(conn->uri);
    conn->uri = g_strdup(uri->text);
    remoteURIResolve(uri, readonly, &address);
    VIR_DEBUG("uri='%s' socket='%s' name='%s'", uri->text ? uri->text : "", address.path,
              uri->name);
    fd = remoteSpawnConnect(&address);
    if (fd < 0 || !(client = connectionNew(conn, fd)))
        return -1;
    virNetClientAttachLoop(client);
    openFlags |= uri->session ? OPEN_SESSION : 0;
    openFlags |= address.daemon ? OPEN_AUTOSTART : 0;
    if (converse(conn, uri, openFlags) < 0) {
        virErrorPtr saved = NULL;

        virErrorPreserveLast(&saved);
        disconnect(conn);
        virErrorRestore(&saved);
        return -1;
    }
    return 0;
}

static void
remoteConnectClose(virConnectPtr conn)
{
    /* A courtesy: a daemon notices a closed socket as well. */
    remoteCallProc(conn, REMOTE_PROC_CONNECT_CLOSE, NULL, NULL, NULL, NULL);
    disconnect(conn);
}

const virDriver *
remoteClientDriver(void)
{
    static virDriver driver = {
        .name = "remote",
        .connectOpen = remoteConnectOpen,
        .connectClose = remoteConnectClose,
    };
    static gsize filled;

    if (g_once_init_enter(&filled)) {
        remoteClientAddConnect(&driver);
        remoteClientAddDomain(&driver);
        remoteClientAddState(&driver);
        remoteClientAddBlock(&driver);
        remoteClientAddDevice(&driver);
        remoteClientAddJob(&driver);
        remoteClientAddCheckpoint(&driver);
        remoteClientAddSecret(&driver);
        remoteClientAddEvent(&driver);
        remoteClientAddQemu(&driver);
        g_once_init_leave(&filled, 1);
    }
    return &driver;
}
