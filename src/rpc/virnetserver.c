/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accepting clients within limits, and the way of a call: main loop -> lane -> program -> reply.
 *
 * A place among the anonymous clients is held by who has connected and not yet sent one whole
 * message. When all of them, or all places, are taken, we stop accepting; the kernel's backlog
 * keeps the rest waiting, and nobody who is in is hurt.
 */
#include "config.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virlog.h"
#include "virmainloop.h"
#include "virnetserver.h"
#include "virnetserverworkers.h"

#define VIR_FROM_THIS VIR_FROM_RPC

typedef struct _serverListener {
    virNetServer *server;
    int fd;
    bool readonly;
    bool anyPeer;
    GSource *source;   /* NULL while we do not accept */
} serverListener;

struct _virNetServer {
    virNetServerLimits limits;   /* written by the main loop only */
    const virNetServerProgram *const *programs;
    const virNetServerHooks *hooks;
    virNetServerWorkers *workers;
    /* Main loop only. */
    GPtrArray *listeners;
    GHashTable *clients;         /* set of virNetServerClient (owned references) */
    unsigned int anonymous;
    bool closed;
    GSource *retry;              /* accepting again after we were out of descriptors */
    gint count;                  /* clients; atomic, for other threads */
};

/* ---- accepting ---- */

static bool
mayAccept(const virNetServer *server)
{
    return !server->closed && !server->retry &&
           g_hash_table_size(server->clients) < server->limits.maxClients &&
           server->anonymous < server->limits.maxAnonymousClients;
}

static bool
peerAllowed(int fd, bool anyPeer)
{
    struct ucred peer = { 0 };
    socklen_t length = sizeof(peer);

    if (anyPeer)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        VIR_WARN("refused a client whose credentials the kernel does not tell");
        return false;
    }
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    VIR_WARN("refused a client of user %u (process %d): this socket is for root and user %u",
             (unsigned int)peer.uid, (int)peer.pid, (unsigned int)geteuid());
    return false;
}

static void
addClient(virNetServer *server, int fd, bool readonly)
{
    virNetServerClient *client = virNetServerClientNew(server, fd, readonly);

    server->hooks->clientNew(client);
    g_hash_table_add(server->clients, client);
    g_atomic_int_inc(&server->count);
    server->anonymous++;
    VIR_DEBUG("client %p connected%s", (void *)client, readonly ? ", read-only" : "");
    virNetServerClientStart(client);
}

static void
updateListeners(virNetServer *server);

static gboolean
onRetry(gpointer opaque)
{
    virNetServer *server = opaque;

    g_clear_pointer(&server->retry, g_source_unref);
    updateListeners(server);
    return G_SOURCE_REMOVE;
}

/* accept4() failed. Without descriptors it would fail again at once, for ever: pause a second. */
static gboolean
acceptFailed(virNetServer *server, int error)
{
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
        return G_SOURCE_CONTINUE;
    VIR_WARN("cannot accept a client: %s", g_strerror(error));
    if (!server->retry)
        server->retry = virMainLoopTimer(1000, onRetry, server);
    updateListeners(server);
    return G_SOURCE_REMOVE;
}

static gboolean
onConnection(gint fd, GIOCondition condition, gpointer opaque)
{
    serverListener *listener = opaque;
    int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (sock < 0)
        return acceptFailed(listener->server, errno);
    if (peerAllowed(sock, listener->anyPeer))
        addClient(listener->server, sock, listener->readonly);
    else
        close(sock);
    if (mayAccept(listener->server))
        return G_SOURCE_CONTINUE;
    updateListeners(listener->server);
    return G_SOURCE_REMOVE;
}

/* Watch the listening sockets if there is room for a client, else do not. */
static void
updateListeners(virNetServer *server)
{
    bool wanted = mayAccept(server);

    for (guint i = 0; i < server->listeners->len; i++) {
        serverListener *listener = g_ptr_array_index(server->listeners, i);

        if (wanted && !listener->source) {
            listener->source = virMainLoopWatch(listener->fd, G_IO_IN, onConnection, listener);
        } else if (!wanted && listener->source) {
            g_source_destroy(listener->source);
            g_source_unref(listener->source);
            listener->source = NULL;
        }
    }
}

static void
listenerFree(gpointer opaque)
{
    serverListener *listener = opaque;

    if (listener->source) {
        g_source_destroy(listener->source);
        g_source_unref(listener->source);
    }
    close(listener->fd);
    g_free(listener);
}

void
virNetServerListen(virNetServer *server, int fd, bool readonly, bool anyPeer)
{
    serverListener *listener = g_new0(serverListener, 1);

    *listener = (serverListener){ server, fd, readonly, anyPeer, NULL };
    g_ptr_array_add(server->listeners, listener);
    updateListeners(server);
}

void
virNetServerClientKnown(virNetServer *server)
{
    server->anonymous--;
    updateListeners(server);
}

static void
runClosed(gpointer data, gpointer opaque)
{
    virNetServer *server = opaque;
    g_autoptr(virNetServerClient) client = data;

    server->hooks->clientClosed(client);
}

void
virNetServerClientGone(virNetServer *server, virNetServerClient *client, bool known)
{
    VIR_DEBUG("client %p disconnected", (void *)client);
    if (!known)
        server->anonymous--;
    g_hash_table_steal(server->clients, client);
    g_atomic_int_add(&server->count, -1);
    virNetServerWorkersPush(server->workers, true, runClosed, client, server);
    updateListeners(server);
}

/* ---- calls ---- */

static void
runDiscard(gpointer data, gpointer opaque)
{
    virNetMessageFree(data);
}

/* close() waits for as long as the file's server, or the socket's peer, likes. So a message that
 * owns descriptors is freed by a worker, never by the main loop, and not by a reserved one. */
void
virNetServerDiscard(virNetServer *server, virNetMessage *msg)
{
    if (msg && msg->nfds > 0)
        virNetServerWorkersPush(server->workers, false, runDiscard, msg, NULL);
    else
        virNetMessageFree(msg);
}

static virNetServerLane
laneOf(const virNetServerProgram *program, const virNetMessage *call)
{
    return call->nfds > 0 ? VIR_NET_SERVER_LANE_LOW : program->lane(call->header.proc);
}

static const virNetServerProgram *
findProgram(const virNetServer *server, const remote_header *header)
{
    for (gsize i = 0; server->programs[i]; i++) {
        if (server->programs[i]->number == header->prog &&
            server->programs[i]->version == header->vers)
            return server->programs[i];
    }
    return NULL;
}

static virNetMessage *
replyError(const remote_header *call)
{
    remote_header header = *call;

    header.type = VIR_NET_REPLY;
    return virNetMessageEncodeError(&header);
}

static void
runCall(gpointer data, gpointer opaque)
{
    g_autoptr(virNetMessage) call = data;
    g_autoptr(virNetServerClient) client = opaque;
    const virNetServerProgram *program = findProgram(virNetServerClientServer(client),
                                                     &call->header);

    virErrorReset();
    virNetServerClientReply(client, program->dispatch(client, call));
}

void
virNetServerHandle(virNetServer *server, virNetServerClient *client, virNetMessage *msg)
{
    const virNetServerProgram *program = findProgram(server, &msg->header);
    virNetServerLane lane;

    if (!program) {
        virReportError(VIR_ERR_RPC, "Cannot find program %u version %u", msg->header.prog,
                       msg->header.vers);
        virNetServerClientReply(client, replyError(&msg->header));
        virNetServerDiscard(server, msg);
        return;
    }
    if (msg->header.status != VIR_NET_OK) {
        virReportError(VIR_ERR_RPC, "Unexpected message status %d", msg->header.status);
        virNetServerClientReply(client, replyError(&msg->header));
        virNetServerDiscard(server, msg);
        return;
    }
    lane = laneOf(program, msg);
    virNetServerClientRef(client);
    if (lane == VIR_NET_SERVER_LANE_INLINE)
        runCall(msg, client);
    else
        virNetServerWorkersPush(server->workers, lane == VIR_NET_SERVER_LANE_HIGH, runCall, msg,
                                client);
}

/* ---- life ---- */

virNetServer *
virNetServerNew(const virNetServerLimits *limits, const virNetServerProgram *const *programs,
                const virNetServerHooks *hooks)
{
    virNetServer *server = g_new0(virNetServer, 1);

    server->limits = *limits;
    server->programs = programs;
    server->hooks = hooks;
    server->workers = virNetServerWorkersNew(limits->minWorkers, limits->maxWorkers,
                                             limits->prioWorkers);
    server->listeners = g_ptr_array_new_with_free_func(listenerFree);
    server->clients = g_hash_table_new(NULL, NULL);
    return server;
}

void
virNetServerSetLimits(virNetServer *server, const virNetServerLimits *limits)
{
    server->limits = *limits;
    virNetServerWorkersSetMax(server->workers, limits->minWorkers, limits->maxWorkers,
                              limits->prioWorkers);
    updateListeners(server);
}

const virNetServerLimits *
virNetServerGetLimits(const virNetServer *server)
{
    return &server->limits;
}

unsigned int
virNetServerCountClients(virNetServer *server)
{
    return (unsigned int)g_atomic_int_get(&server->count);
}

void
virNetServerClose(virNetServer *server)
{
    g_autoptr(GList) clients = g_hash_table_get_keys(server->clients);

    server->closed = true;
    if (server->retry)
        g_source_destroy(server->retry);
    g_clear_pointer(&server->retry, g_source_unref);
    g_ptr_array_set_size(server->listeners, 0);
    for (GList *item = clients; item; item = item->next)
        virNetServerClientClose(item->data);
}

bool
virNetServerDrain(virNetServer *server, unsigned int timeoutMs)
{
    return virNetServerWorkersDrain(server->workers, timeoutMs);
}

void
virNetServerFree(virNetServer *server)
{
    if (!server)
        return;
    virNetServerWorkersFree(server->workers);
    g_ptr_array_unref(server->listeners);
    g_hash_table_unref(server->clients);
    g_free(server);
}
