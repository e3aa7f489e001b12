/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of a client connection, and its life. How threads share the socket: virnetclientpriv.h. */
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virlog.h"
#include "virnetclientpriv.h"

#define VIR_FROM_THIS VIR_FROM_RPC

virNetClient *
virNetClientNew(int fd, const virNetClientHooks *hooks, void *opaque, GDestroyNotify freecb)
{
    virNetClient *client;
    int wakeFD = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (wakeFD < 0) {
        virReportSystemError(errno, "%s", "cannot make the connection's wake-up descriptor");
        close(fd);
        return NULL;
    }
    client = g_new0(virNetClient, 1);
    client->refs = 1;
    client->fd = fd;
    client->wakeFD = wakeFD;
    client->hooks = hooks;
    client->opaque = opaque;
    client->freecb = freecb;
    client->watch = client->timer = -1;
    client->in = g_byte_array_new();
    client->out = g_byte_array_new();
    g_mutex_init(&client->lock);
    g_cond_init(&client->cond);
    return client;
}

virNetClient *
virNetClientRef(virNetClient *client)
{
    g_atomic_int_inc(&client->refs);
    return client;
}

void
virNetClientUnref(virNetClient *client)
{
    if (!client || !g_atomic_int_dec_and_test(&client->refs))
        return;
    close(client->fd);
    close(client->wakeFD);
    g_byte_array_unref(client->in);
    g_byte_array_unref(client->out);
    g_queue_clear_full(&client->outFDs, (GDestroyNotify)virNetClientPassedFDFree);
    g_queue_clear_full(&client->events, (GDestroyNotify)virNetMessageFree);
    g_free(client->closeMessage);
    g_mutex_clear(&client->lock);
    g_cond_clear(&client->cond);
    if (client->freecb)
        client->freecb(client->opaque);
    g_free(client);
}

bool
virNetClientIsOpen(virNetClient *client)
{
    bool open;

    g_mutex_lock(&client->lock);
    open = !client->closed;
    g_mutex_unlock(&client->lock);
    return open;
}

static void
wakeOwner(virNetClient *client)
{
    guint64 one = 1;

    /* It can fail only when the counter is full, and then the owner wakes up anyway. */
    if (client->hasOwner && write(client->wakeFD, &one, sizeof(one)) < 0)
        return;
}

void
virNetClientClose(virNetClient *client)
{
    g_mutex_lock(&client->lock);
    client->detached = true;
    virNetClientDetachLoopLocked(client);
    virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_CLIENT, 0, VIR_ERR_INTERNAL_ERROR, "%s",
                           "client socket is closed");
    wakeOwner(client);
    g_mutex_unlock(&client->lock);
}

/* The owner: move bytes until the own reply is there. */
static void
serveLocked(virNetClient *client, const virNetClientWaiter *waiter)
{
    while (!waiter->reply && !client->closed) {
        struct pollfd fds[2] = {{client->fd, POLLIN, 0}, {client->wakeFD, POLLIN, 0}};
        int timeout = virNetClientKeepaliveLocked(client);
        guint64 count;
        int rc;

        if (client->closed)
            break;
        if (virNetClientHasOutputLocked(client))
            fds[0].events |= POLLOUT;
        g_mutex_unlock(&client->lock);
        rc = poll(fds, G_N_ELEMENTS(fds), timeout);
        g_mutex_lock(&client->lock);
        if (rc < 0 && errno != EINTR) {
            virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_ERROR, errno, 0,
                                   "Cannot wait for data");
            break;
        }
        if (rc <= 0)
            continue;
        if (fds[1].revents && read(client->wakeFD, &count, sizeof(count)) < 0)
            VIR_DEBUG("client=%p woken for nothing", (void *)client);
        if (fds[0].revents & POLLOUT)
            virNetClientFlushLocked(client);
        if (fds[0].revents & ~POLLOUT)
            virNetClientReceiveLocked(client);
    }
}

static void
waitLocked(virNetClient *client, const virNetClientWaiter *waiter)
{
    while (!waiter->reply && !client->closed) {
        if (client->hasOwner) {
            g_cond_wait(&client->cond, &client->lock);
            continue;
        }
        client->hasOwner = true;
        serveLocked(client, waiter);
        client->hasOwner = false;
        client->watchPaused = false;
        /* Somebody else has to go on; the event loop, if nobody waits. */
        if (client->waiters.length > 1)
            g_cond_broadcast(&client->cond);
        virNetClientUpdateLoopLocked(client);
    }
}

static void
reportClosedLocked(const virNetClient *client, bool wasSent)
{
    if (!wasSent)
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s", "client socket is closed");
    else if (client->closeErrno)
        virReportSystemError(client->closeErrno, "%s", client->closeMessage);
    else
        virReportError(client->closeCode, "%s", client->closeMessage);
}

/* Sends @call. Returns: (owned) the reply, or NULL with an error. */
static virNetMessage *
exchange(virNetClient *client, virNetMessage *call)
{
    virNetClientWaiter waiter = {call->header, NULL};

    g_mutex_lock(&client->lock);
    if (client->closed) {
        reportClosedLocked(client, false);
    } else {
        g_queue_push_tail(&client->waiters, &waiter);
        virNetClientSendLocked(client, call);
        if (virNetClientHasOutputLocked(client))
            wakeOwner(client);
        waitLocked(client, &waiter);
        g_queue_remove(&client->waiters, &waiter);
        if (!waiter.reply)
            reportClosedLocked(client, true);
    }
    g_mutex_unlock(&client->lock);
    return waiter.reply;
}

/* The other side's error as ours. One code tells applications to try something else, whatever the
 * daemon's age: "no support". */
static void
raiseReplyError(const virNetMessage *reply)
{
    virErrorPtr error;

    virNetMessageRaiseError(reply);
    error = virGetLastError();
    if (error && error->code == VIR_ERR_RPC && error->message &&
        (error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE) &&
        g_str_has_prefix(error->message, "unknown procedure"))
        error->code = VIR_ERR_NO_SUPPORT;
}

/* Copies of @fds for @msg, so that the caller may do with his own what he likes meanwhile. */
static int
attachFDs(virNetMessage *msg, const int *fds, unsigned int nfds)
{
    for (unsigned int i = 0; i < nfds; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

        if (copy < 0) {
            virReportSystemError(errno, "Cannot duplicate FD %d", fds[i]);
            return -1;
        }
        msg->fds[msg->nfds++] = copy;
    }
    return 0;
}

int
virNetClientCall(virNetClient *client, unsigned int prog, unsigned int vers, int proc,
                 xdrproc_t argsProc, void *args, xdrproc_t retProc, void *ret)
{
    return virNetClientCallWithFDs(client, prog, vers, proc, NULL, 0, argsProc, args, retProc, ret);
}

int
virNetClientCallWithFDs(virNetClient *client, unsigned int prog, unsigned int vers, int proc,
                        const int *fds, unsigned int nfds, xdrproc_t argsProc, void *args,
                        xdrproc_t retProc, void *ret)
{
    remote_header header = {prog, vers,      proc, nfds ? VIR_NET_CALL_WITH_FDS : VIR_NET_CALL,
                            0,    VIR_NET_OK};
    g_autoptr(virNetMessage) call = NULL;
    g_autoptr(virNetMessage) reply = NULL;

    if (nfds > VIR_NET_MESSAGE_FDS_MAX) {
        virReportError(VIR_ERR_RPC, "Too many FDs to send %u, expected %d maximum", nfds,
                       VIR_NET_MESSAGE_FDS_MAX);
        return -1;
    }
    g_mutex_lock(&client->lock);
    header.serial = client->nextSerial++;
    g_mutex_unlock(&client->lock);
    call = virNetMessageEncode(&header, argsProc, args, nfds);
    if (!call || attachFDs(call, fds, nfds) < 0)
        return -1;
    reply = exchange(client, call);
    if (!reply)
        return -1;
    VIR_DEBUG("client=%p program=0x%x procedure=%d serial=%u status=%d", (void *)client, prog, proc,
              header.serial, reply->header.status);
    switch (reply->header.status) {
    case VIR_NET_OK:
        return retProc ? virNetMessageDecode(reply, retProc, ret) : 0;
    case VIR_NET_ERROR:
        raiseReplyError(reply);
        return -1;
    default:
        virReportError(VIR_ERR_RPC, "the daemon answered procedure %d with the status %d", proc,
                       reply->header.status);
        return -1;
    }
}
