/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why reads ask for exactly what is missing: a byte behind a message may carry a descriptor, and a
 * read that takes the byte along without looking for descriptors loses it. That is what we do with those
 * of a read-only client: it may call nothing that takes one, and anybody may be such a client.
 *
 * How a connection ends: whoever finds a reason shuts the socket down; the main loop then sees the
 * hang-up and does the rest in virNetServerClientClose(). Only there is the descriptor closed.
 */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virlog.h"
#include "virmainloop.h"
#include "virnetkeepalive.h"
#include "virnetserver.h"

#define VIR_FROM_THIS VIR_FROM_RPC

/* Unread events and pongs a client may let pile up. */
#define UNREAD_MAX (8U * 1024 * 1024)
/* The buffer of a long message grows with what really arrives, not with what was announced. */
#define RX_STEP (64U * 1024)
/* Who connects and says nothing occupies one of few places; not for longer than this. */
#define ANONYMOUS_TIMEOUT_MS 10000

struct _virNetServerClient {
    gint refs;
    virNetServer *server;   /* borrowed; outlives us */
    void *data;
    GDestroyNotify dataFree;
    bool readonly;
    unsigned int maxRequests;   /* limit when it connected */

    /* Main loop only. */
    GSource *readSource;
    GSource *writeSource;
    GSource *timer;         /* anonymous deadline, later keepalive */
    virNetKeepalive keepalive;
    bool known;
    char *rx;               /* message being read (owned) */
    size_t rxHave, rxSize;
    unsigned int rxTotal;   /* its length word, 0 while not complete */
    virNetMessage *rxMsg;   /* message whose descriptors are still to come (owned) */
    unsigned int rxFds;     /* how many of them */

    GMutex lock;            /* innermost; held over no call but non-blocking socket ones */
    int fd;                 /* -1 once closed; guarded by lock; written by the main loop */
    GQueue tx;              /* virNetMessage; guarded by lock */
    size_t txOffset;        /* bytes of its head already written; guarded by lock */
    unsigned int txFds;     /* descriptors of its head already passed; guarded by lock */
    size_t unread;          /* bytes of messages in tx that answer nothing; guarded by lock */
    unsigned int inflight;  /* calls read whose replies are not written; guarded by lock */
    bool paused;            /* not reading until inflight drops; guarded by lock */
    bool writeArmed;        /* the main loop is going to write; guarded by lock */
    bool closeWhenWritten;  /* and no call is left; guarded by lock */
};

static gint64
nowMs(void)
{
    return g_get_monotonic_time() / 1000;
}

static void
dropSource(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

/* Make the main loop notice that this connection is over. Lock held. */
static void
hangUpLocked(virNetServerClient *client)
{
    if (client->fd >= 0)
        shutdown(client->fd, SHUT_RDWR);
}

/* ---- writing ---- */

/* The head of the queue has been written. */
static void
headWrittenLocked(virNetServerClient *client)
{
    g_autoptr(virNetMessage) msg = g_queue_pop_head(&client->tx);

    client->txOffset = 0;
    client->txFds = 0;
    if (msg->header.type == VIR_NET_MESSAGE)
        client->unread -= msg->length;
    else
        client->inflight--;
}

/* Write until the queue is empty (0), the socket is full (1) or broken (-1). Lock held. */
static int
flushLocked(virNetServerClient *client)
{
    virNetMessage *msg;

    while ((msg = g_queue_peek_head(&client->tx))) {
        ssize_t n;

        if (client->txOffset < msg->length)
            n = send(client->fd, msg->buffer + client->txOffset, msg->length - client->txOffset,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            n = virNetMessagePassFD(client->fd, msg->fds[client->txFds]);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1;
        if (client->txOffset < msg->length)
            client->txOffset += (size_t)n;
        else
            client->txFds++;
        if (client->txOffset == msg->length && client->txFds == msg->nfds)
            headWrittenLocked(client);
    }
    return 0;
}

static gboolean
postResume(gpointer opaque);
static gboolean
postArmWrite(gpointer opaque);

/* Write what can be written; see to it that the main loop does the rest. Lock held. */
static void
pumpLocked(virNetServerClient *client)
{
    int rc = flushLocked(client);

    if (rc < 0 || (rc == 0 && client->closeWhenWritten && client->inflight == 0)) {
        hangUpLocked(client);
        return;
    }
    if (rc == 1 && !client->writeArmed) {
        client->writeArmed = true;
        virMainLoopPost(postArmWrite, virNetServerClientRef(client));
    }
    if (client->paused && client->inflight < client->maxRequests) {
        client->paused = false;
        virMainLoopPost(postResume, virNetServerClientRef(client));
    }
}

static gboolean
onWritable(gint fd, GIOCondition condition, gpointer opaque)
{
    g_autoptr(virNetServerClient) client = virNetServerClientRef(opaque);

    g_mutex_lock(&client->lock);
    pumpLocked(client);
    if (g_queue_is_empty(&client->tx) || (condition & (G_IO_HUP | G_IO_ERR))) {
        client->writeArmed = false;
        dropSource(&client->writeSource);
    }
    g_mutex_unlock(&client->lock);
    return client->writeSource ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
postArmWrite(gpointer opaque)
{
    g_autoptr(virNetServerClient) client = opaque;

    if (client->fd >= 0 && !client->writeSource)
        client->writeSource = virMainLoopWatch(client->fd, G_IO_OUT, onWritable, client);
    return G_SOURCE_REMOVE;
}

/* Queue @msg (consumed) behind what is there, or write it at once if nothing is. */
static void
sendMessage(virNetServerClient *client, virNetMessage *msg)
{
    g_mutex_lock(&client->lock);
    if (client->fd < 0) {
        virNetMessageFree(msg);
    } else {
        g_queue_push_tail(&client->tx, msg);
        if (msg->header.type == VIR_NET_MESSAGE)
            client->unread += msg->length;
        if (client->unread > UNREAD_MAX) {
            VIR_WARN("client %p does not read its events, disconnecting it", (void *)client);
            hangUpLocked(client);
        } else if (!client->writeArmed) {
            pumpLocked(client);
        }
    }
    g_mutex_unlock(&client->lock);
}

void
virNetServerClientReply(virNetServerClient *client, virNetMessage *reply)
{
    sendMessage(client, reply);
}

void
virNetServerClientSendEvent(virNetServerClient *client, virNetMessage *event)
{
    sendMessage(client, event);
}

void
virNetServerClientCloseAfterReply(virNetServerClient *client)
{
    g_mutex_lock(&client->lock);
    client->closeWhenWritten = true;
    g_mutex_unlock(&client->lock);
}

/* ---- keepalive ---- */

static void
sendKeepalive(virNetServerClient *client, int proc)
{
    const remote_header header = { VIR_NET_KEEPALIVE_PROGRAM, VIR_NET_KEEPALIVE_VERSION, proc,
                                   VIR_NET_MESSAGE, 0, VIR_NET_OK };

    sendMessage(client, virNetMessageEncode(&header, NULL, NULL, 0));
}

static gboolean
onKeepalive(gpointer opaque)
{
    g_autoptr(virNetServerClient) client = virNetServerClientRef(opaque);
    unsigned int waitMs = 0;
    bool paused;

    /* While we do not read we cannot see its pongs, and cannot blame it. */
    g_mutex_lock(&client->lock);
    paused = client->paused;
    g_mutex_unlock(&client->lock);
    if (paused)
        virNetKeepaliveReceived(&client->keepalive, nowMs());

    switch (virNetKeepaliveStep(&client->keepalive, nowMs(), &waitMs)) {
    case VIR_NET_KEEPALIVE_WAIT:
        break;
    case VIR_NET_KEEPALIVE_SEND_PING:
        sendKeepalive(client, VIR_NET_KEEPALIVE_PING);
        break;
    case VIR_NET_KEEPALIVE_DEAD:
        VIR_INFO("client %p does not answer keepalive messages, disconnecting it", (void *)client);
        virNetServerClientClose(client);
        return G_SOURCE_REMOVE;
    }
    dropSource(&client->timer);
    client->timer = virMainLoopTimer(waitMs, onKeepalive, client);
    return G_SOURCE_REMOVE;
}

static gboolean
postStartKeepalive(gpointer opaque)
{
    g_autoptr(virNetServerClient) client = opaque;
    const virNetServerLimits *limits = virNetServerGetLimits(client->server);

    if (client->fd < 0 || client->keepalive.intervalMs > 0 || limits->keepaliveIntervalMs == 0)
        return G_SOURCE_REMOVE;
    client->keepalive.intervalMs = limits->keepaliveIntervalMs;
    client->keepalive.count = limits->keepaliveCount;
    virNetKeepaliveReceived(&client->keepalive, nowMs());
    dropSource(&client->timer);
    client->timer = virMainLoopTimer(client->keepalive.intervalMs, onKeepalive, client);
    return G_SOURCE_REMOVE;
}

void
virNetServerClientStartKeepalive(virNetServerClient *client)
{
    virMainLoopPost(postStartKeepalive, virNetServerClientRef(client));
}

/* ---- reading ---- */

static gboolean
onAnonymousTimeout(gpointer opaque)
{
    VIR_INFO("client %p has sent no message within %d s, disconnecting it", opaque,
             ANONYMOUS_TIMEOUT_MS / 1000);
    virNetServerClientClose(opaque);
    return G_SOURCE_REMOVE;
}

/* Room for the next bytes of the message. Returns how many to ask for. */
static size_t
rxRoom(virNetServerClient *client)
{
    size_t total = client->rxTotal > 0 ? client->rxTotal : VIR_NET_MESSAGE_MIN;
    size_t size = MIN(total, client->rxHave + MAX(client->rxHave, RX_STEP));

    if (size > client->rxSize) {
        client->rx = g_realloc(client->rx, size);
        client->rxSize = size;
    }
    return MIN(size, total) - client->rxHave;
}

/* The message is whole, descriptors included. */
static void
messageComplete(virNetServerClient *client)
{
    virNetMessage *msg = g_steal_pointer(&client->rxMsg);
    const remote_header *header = &msg->header;

    virNetKeepaliveReceived(&client->keepalive, nowMs());
    if (!client->known) {
        client->known = true;
        dropSource(&client->timer);
        virNetServerClientKnown(client->server);
    }
    if (header->prog == VIR_NET_KEEPALIVE_PROGRAM && header->type == VIR_NET_MESSAGE) {
        if (header->proc == VIR_NET_KEEPALIVE_PING)
            sendKeepalive(client, VIR_NET_KEEPALIVE_PONG);
        virNetServerDiscard(client->server, msg);
        return;
    }
    if (header->type != VIR_NET_CALL && header->type != VIR_NET_CALL_WITH_FDS) {
        /* Replies to nothing, streams that are not open, unknown kinds: not worth an answer. */
        virNetServerDiscard(client->server, msg);
        return;
    }
    g_mutex_lock(&client->lock);
    client->inflight++;
    g_mutex_unlock(&client->lock);
    virNetServerHandle(client->server, client, msg);
}

/* Take the byte of a descriptor, and let the kernel drop what comes with it: no control data is asked
 * for. Same return values as rxStep. */
static int
rxUnwantedFd(virNetServerClient *client)
{
    char byte;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n = recvmsg(client->fd, &msg, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0 || !(msg.msg_flags & MSG_CTRUNC))
        return -1;
    return --client->rxFds == 0 ? 2 : 1;
}

/* Receive one descriptor. Same return values as rxStep. The room for control data is CMSG_LEN, not
 * CMSG_SPACE: its padding would let the kernel hand over a second descriptor that nobody closes. */
static int
rxFd(virNetServerClient *client)
{
    char byte;
    struct iovec iov = { &byte, 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = CMSG_LEN(sizeof(int)) };
    struct cmsghdr *cmsg;
    ssize_t n = recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    cmsg = CMSG_FIRSTHDR(&msg);
    if (n == 0 || !cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
        cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&client->rxMsg->fds[client->rxMsg->nfds++], CMSG_DATA(cmsg), sizeof(int));
    if (msg.msg_flags & MSG_CTRUNC)
        return -1;
    return --client->rxFds == 0 ? 2 : 1;
}

/* Receive a piece: 2 a message is complete, 1 more may be there, 0 nothing more now, -1 the end. */
static int
rxStep(virNetServerClient *client)
{
    ssize_t n;
    size_t room;

    if (client->rxMsg)
        return client->readonly ? rxUnwantedFd(client) : rxFd(client);
    room = rxRoom(client);
    n = recv(client->fd, client->rx + client->rxHave, room, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0)
        return -1;
    client->rxHave += (size_t)n;
    if (client->rxTotal == 0 && client->rxHave >= VIR_NET_MESSAGE_LENGTH_LEN) {
        client->rxTotal = virNetMessageWord(client->rx);
        if (!virNetMessageLengthIsLegal(client->rxTotal)) {
            VIR_INFO("client %p sent a message of impossible length %u, disconnecting it",
                     (void *)client, client->rxTotal);
            return -1;
        }
    }
    if (client->rxTotal == 0 || client->rxHave < client->rxTotal)
        return 1;
    client->rxMsg = virNetMessageFromBytes(g_steal_pointer(&client->rx), client->rxTotal,
                                           &client->rxFds);
    client->rxHave = client->rxSize = 0;
    client->rxTotal = 0;
    if (!client->rxMsg)
        return -1;
    return client->rxFds == 0 ? 2 : 1;
}

static gboolean
onReadable(gint fd, GIOCondition condition, gpointer opaque);

/* Watch for messages, or, while paused, for nothing but the end. */
static void
watchRead(virNetServerClient *client, bool paused)
{
    dropSource(&client->readSource);
    client->readSource = virMainLoopWatch(
        client->fd, (paused ? 0 : G_IO_IN) | G_IO_HUP | G_IO_ERR, onReadable, client);
}

static gboolean
onReadable(gint fd, GIOCondition condition, gpointer opaque)
{
    g_autoptr(virNetServerClient) client = virNetServerClientRef(opaque);
    GSource *source = client->readSource;
    int rc = 1;

    if (!(condition & G_IO_IN)) {
        virNetServerClientClose(client);
        return G_SOURCE_REMOVE;
    }
    /* One message a turn, so that nobody keeps the loop to himself. */
    while (rc == 1)
        rc = rxStep(client);
    if (rc < 0) {
        virNetServerClientClose(client);
        return G_SOURCE_REMOVE;
    }
    if (rc == 2) {
        bool pause;

        messageComplete(client);
        g_mutex_lock(&client->lock);
        pause = client->fd >= 0 && client->inflight >= client->maxRequests;
        client->paused = pause;
        g_mutex_unlock(&client->lock);
        if (pause)
            watchRead(client, true);
    }
    return client->readSource == source ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
postResume(gpointer opaque)
{
    g_autoptr(virNetServerClient) client = opaque;
    bool paused;

    g_mutex_lock(&client->lock);
    paused = client->paused;
    g_mutex_unlock(&client->lock);
    if (client->fd >= 0 && !paused)
        watchRead(client, false);
    return G_SOURCE_REMOVE;
}

/* ---- life ---- */

virNetServerClient *
virNetServerClientNew(virNetServer *server, int fd, bool readonly)
{
    virNetServerClient *client = g_new0(virNetServerClient, 1);

    client->refs = 1;
    client->server = server;
    client->fd = fd;
    client->readonly = readonly;
    client->maxRequests = MAX(virNetServerGetLimits(server)->maxClientRequests, 1);
    g_mutex_init(&client->lock);
    g_queue_init(&client->tx);
    return client;
}

void
virNetServerClientStart(virNetServerClient *client)
{
    watchRead(client, false);
    client->timer = virMainLoopTimer(ANONYMOUS_TIMEOUT_MS, onAnonymousTimeout, client);
}

void
virNetServerClientClose(virNetServerClient *client)
{
    if (client->fd < 0)
        return;
    dropSource(&client->readSource);
    dropSource(&client->writeSource);
    dropSource(&client->timer);
    g_mutex_lock(&client->lock);
    close(client->fd);
    client->fd = -1;
    client->unread = 0;
    g_queue_clear_full(&client->tx, (GDestroyNotify)virNetMessageFree);
    g_mutex_unlock(&client->lock);
    virNetServerDiscard(client->server, g_steal_pointer(&client->rxMsg));
    virNetServerClientGone(client->server, client, client->known);
}

virNetServerClient *
virNetServerClientRef(virNetServerClient *client)
{
    g_atomic_int_inc(&client->refs);
    return client;
}

void
virNetServerClientUnref(virNetServerClient *client)
{
    if (!client || !g_atomic_int_dec_and_test(&client->refs))
        return;
    if (client->dataFree)
        client->dataFree(client->data);
    g_free(client->rx);
    g_mutex_clear(&client->lock);
    g_free(client);
}

void *
virNetServerClientData(virNetServerClient *client)
{
    return client->data;
}

void
virNetServerClientSetData(virNetServerClient *client, void *data, GDestroyNotify freeFunc)
{
    client->data = data;
    client->dataFree = freeFunc;
}

virNetServer *
virNetServerClientServer(virNetServerClient *client)
{
    return client->server;
}

bool
virNetServerClientIsReadonly(const virNetServerClient *client)
{
    return client->readonly;
}
