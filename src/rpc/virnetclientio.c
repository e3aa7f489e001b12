/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes of a client connection: sending without blocking, cutting what arrives into frames, and
 * what to do with each kind. A peer that breaks the rules of the framing is disconnected: after a
 * wrong length nothing that follows can be trusted.
 */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/socket.h>
#include <unistd.h>
#include "virlog.h"
#include "virnetclientpriv.h"

/* One read; a frame of usual size fits. */
#define READ_CHUNK (64u * 1024)

void
virNetClientFailLocked(virNetClient *client, int reason, int errnum, int code, const char *fmt, ...)
{
    va_list ap;

    if (client->closed)
        return;
    client->closed = true;
    client->closeReason = reason;
    client->closeErrno = errnum;
    client->closeCode = code;
    va_start(ap, fmt);
    client->closeMessage = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    VIR_DEBUG("client=%p connection ends: %s", (void *)client, client->closeMessage);
    client->closeToTell = true;
    shutdown(client->fd, SHUT_RDWR);
    g_cond_broadcast(&client->cond);
    virNetClientUpdateLoopLocked(client);
}

bool
virNetClientHasOutputLocked(const virNetClient *client)
{
    return client->outDone < client->out->len || client->outFDs.length > 0;
}

void
virNetClientPassedFDFree(virNetClientPassedFD *passed)
{
    close(passed->fd);
    g_free(passed);
}

/* Send the bytes up to the next descriptor, or that descriptor. Returns: -1 with errno. */
static int
sendPiece(virNetClient *client)
{
    const virNetClientPassedFD *passed = g_queue_peek_head(&client->outFDs);
    size_t end = passed ? passed->after : client->out->len;
    ssize_t n;

    if (client->outDone < end) {
        n = send(client->fd, client->out->data + client->outDone, end - client->outDone,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        client->outDone += MAX(n, 0);
        return n < 0 ? -1 : 0;
    }
    if (virNetMessagePassFD(client->fd, passed->fd) < 0)
        return -1;
    virNetClientPassedFDFree(g_queue_pop_head(&client->outFDs));
    return 0;
}

void
virNetClientFlushLocked(virNetClient *client)
{
    while (!client->closed && virNetClientHasOutputLocked(client)) {
        if (sendPiece(client) == 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, errno, 0,
                                   "Cannot write data");
        return;
    }
    g_byte_array_set_size(client->out, 0);
    client->outDone = 0;
}

void
virNetClientSendLocked(virNetClient *client, virNetMessage *msg)
{
    g_byte_array_append(client->out, (const guint8 *)msg->buffer, msg->length);
    for (unsigned int i = 0; i < msg->nfds; i++) {
        virNetClientPassedFD *passed = g_new0(virNetClientPassedFD, 1);

        passed->fd = msg->fds[i];
        passed->after = client->out->len;
        g_queue_push_tail(&client->outFDs, passed);
    }
    msg->nfds = 0;
    virNetClientFlushLocked(client);
    virNetClientUpdateLoopLocked(client);
}

void
virNetClientSendKeepaliveLocked(virNetClient *client, int proc)
{
    remote_header header = {
        VIR_NET_KEEPALIVE_PROGRAM, VIR_NET_KEEPALIVE_VERSION, proc, VIR_NET_MESSAGE, 0, VIR_NET_OK};
    g_autoptr(virNetMessage) msg = virNetMessageEncode(&header, NULL, NULL, 0);

    if (msg)
        virNetClientSendLocked(client, msg);
}

static virNetClientWaiter *
findWaiter(virNetClient *client, const remote_header *header)
{
    for (GList *l = client->waiters.head; l; l = l->next) {
        virNetClientWaiter *waiter = l->data;

        if (waiter->header.prog == header->prog && waiter->header.vers == header->vers &&
            waiter->header.serial == header->serial && !waiter->reply)
            return waiter;
    }
    return NULL;
}

/* @msg: consumed. */
static void
handleReply(virNetClient *client, virNetMessage *msg)
{
    g_autoptr(virNetMessage) owned = msg;
    virNetClientWaiter *waiter = findWaiter(client, &msg->header);

    if (!waiter) {
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                               "the daemon answered a call that was not made: program 0x%x, "
                               "procedure %d, serial %u",
                               msg->header.prog, msg->header.proc, msg->header.serial);
        return;
    }
    if (waiter->header.proc != msg->header.proc) {
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                               "the daemon answered procedure %d with a reply of procedure %d",
                               waiter->header.proc, msg->header.proc);
        return;
    }
    waiter->reply = g_steal_pointer(&owned);
    g_cond_broadcast(&client->cond);
}

/* @msg: consumed. */
static void
handleEvent(virNetClient *client, virNetMessage *msg)
{
    g_autoptr(virNetMessage) owned = msg;

    if (client->timer < 0)
        return; /* nobody to tell */
    if (client->eventBytes + msg->length > VIR_NET_CLIENT_EVENTS_MAX_BYTES) {
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                               "more than %u bytes of events wait for the event loop",
                               VIR_NET_CLIENT_EVENTS_MAX_BYTES);
        return;
    }
    client->eventBytes += msg->length;
    g_queue_push_tail(&client->events, g_steal_pointer(&owned));
}

/* @msg: consumed. */
static void
handleMessage(virNetClient *client, virNetMessage *msg)
{
    g_autoptr(virNetMessage) owned = msg;

    if (msg->header.prog == VIR_NET_KEEPALIVE_PROGRAM) {
        if (msg->header.type == VIR_NET_MESSAGE && msg->header.proc == VIR_NET_KEEPALIVE_PING)
            virNetClientSendKeepaliveLocked(client, VIR_NET_KEEPALIVE_PONG);
        return;
    }
    switch ((virNetMessageType)msg->header.type) {
    case VIR_NET_REPLY:
        handleReply(client, g_steal_pointer(&owned));
        return;
    case VIR_NET_MESSAGE:
        handleEvent(client, g_steal_pointer(&owned));
        return;
    case VIR_NET_STREAM:
    case VIR_NET_STREAM_HOLE:
        return; /* of a stream nobody has open: no procedure we call makes one */
    case VIR_NET_CALL:
    case VIR_NET_CALL_WITH_FDS:
    case VIR_NET_REPLY_WITH_FDS:
        break; /* we serve no calls, and no procedure we call replies with descriptors */
    }
    virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                           "the daemon sent a message of unexpected type %d (program 0x%x, "
                           "procedure %d)",
                           msg->header.type, msg->header.prog, msg->header.proc);
}

/* Returns: false if the bytes at @data are not yet a whole frame, or are none at all. */
static bool
takeFrame(virNetClient *client, const guint8 *data, size_t available, size_t *used)
{
    virNetMessage *msg;
    unsigned int length;
    unsigned int nfds = 0;

    if (client->closed || available < VIR_NET_MESSAGE_LENGTH_LEN)
        return false;
    length = virNetMessageWord((const char *)data);
    if (!virNetMessageLengthIsLegal(length)) {
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                               "the daemon sent a message with the length %u; %u to %u are legal",
                               length, VIR_NET_MESSAGE_MIN, VIR_NET_MESSAGE_MAX);
        return false;
    }
    if (available < length)
        return false;
    msg = virNetMessageFromBytes(g_memdup2(data, length), length, &nfds);
    if (!msg) {
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, 0, VIR_ERR_RPC,
                               "the daemon sent a message that cannot be understood");
        return false;
    }
    handleMessage(client, msg);
    *used += length;
    return true;
}

static void
takeFrames(virNetClient *client)
{
    size_t used = 0;

    while (takeFrame(client, client->in->data + used, client->in->len - used, &used))
        continue;
    if (used > 0)
        g_byte_array_remove_range(client->in, 0, used);
}

/* Room for the rest of the frame that has begun, at least one chunk. */
static size_t
wantedBytes(const virNetClient *client)
{
    size_t length;

    if (client->in->len < VIR_NET_MESSAGE_LENGTH_LEN)
        return READ_CHUNK;
    length = virNetMessageWord((const char *)client->in->data);
    return MAX(length - client->in->len, READ_CHUNK);
}

void
virNetClientReceiveLocked(virNetClient *client)
{
    size_t want;
    ssize_t got;

    do {
        size_t have = client->in->len;

        if (client->closed)
            return;
        /* No more than a chunk is believed in advance: the length word is the peer's word. */
        want = MIN(wantedBytes(client), 16 * READ_CHUNK);
        g_byte_array_set_size(client->in, have + want);
        do {
            got = recv(client->fd, client->in->data + have, want, MSG_DONTWAIT);
        } while (got < 0 && errno == EINTR);
        g_byte_array_set_size(client->in, have + MAX(got, 0));
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (got < 0) {
            virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, errno, 0,
                                   "Cannot read data");
            return;
        }
        if (got == 0) {
            virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_EOF, EIO, 0,
                                   "End of file while reading data");
            return;
        }
        virNetKeepaliveReceived(&client->keepalive, g_get_monotonic_time() / 1000);
        takeFrames(client);
    } while ((size_t)got == want);
    virNetClientUpdateLoopLocked(client);
}
