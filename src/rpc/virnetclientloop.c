/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client connection on the application's event loop: one watch for the socket, one timer for
 * delivery and keepalive. The loop's functions are called with the lock held, which they allow: by
 * their contract they never call back before they return.
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "virerror_report.h"
#include "virnetclientpriv.h"

static bool
deliveryIsDue(const virNetClient *client)
{
    return client->events.length > 0 || client->closeToTell;
}

int
virNetClientKeepaliveLocked(virNetClient *client)
{
    unsigned int waitMs = 0;

    if (client->closed || client->keepalive.intervalMs == 0)
        return -1;
    switch (virNetKeepaliveStep(&client->keepalive, g_get_monotonic_time() / 1000, &waitMs)) {
    case VIR_NET_KEEPALIVE_WAIT:
        break;
    case VIR_NET_KEEPALIVE_SEND_PING:
        virNetClientSendKeepaliveLocked(client, VIR_NET_KEEPALIVE_PING);
        break;
    case VIR_NET_KEEPALIVE_DEAD:
        virNetClientFailLocked(client, VIR_CONNECT_CLOSE_REASON_KEEPALIVE, 0,
                               VIR_ERR_INTERNAL_ERROR,
                               "connection closed due to keepalive timeout: the daemon did not "
                               "answer %u pings",
                               client->keepalive.count);
        return -1;
    }
    return (int)waitMs;
}

void
virNetClientUpdateLoopLocked(virNetClient *client)
{
    int events = VIR_EVENT_HANDLE_READABLE;

    if (client->timer >= 0 && deliveryIsDue(client) && !client->delivering)
        virEventUpdateTimeout(client->timer, 0);
    if (client->watch < 0)
        return;
    if (client->closed) {
        virEventRemoveHandle(client->watch);
        client->watch = -1;
        return;
    }
    if (virNetClientHasOutputLocked(client))
        events |= VIR_EVENT_HANDLE_WRITABLE;
    if (client->watchPaused)
        events = 0;
    if (events != client->watchEvents) {
        client->watchEvents = events;
        virEventUpdateHandle(client->watch, events);
    }
}

/* Calls the hooks for everything that waits. On the loop's thread. */
static void
deliver(virNetClient *client)
{
    g_mutex_lock(&client->lock);
    if (client->delivering) { /* a hook runs the loop */
        g_mutex_unlock(&client->lock);
        return;
    }
    client->delivering = true;
    while (!client->detached && deliveryIsDue(client)) {
        g_autoptr(virNetMessage) msg = g_queue_pop_head(&client->events);
        int reason = client->closeReason;

        if (msg)
            client->eventBytes -= msg->length;
        else
            client->closeToTell = false;
        g_mutex_unlock(&client->lock);
        if (msg)
            client->hooks->event(msg, client->opaque);
        else
            client->hooks->closed(reason, client->opaque);
        g_mutex_lock(&client->lock);
    }
    client->delivering = false;
    g_mutex_unlock(&client->lock);
}

static void
onSocket(int watch, int fd, int events, void *data)
{
    g_autoptr(virNetClient) client = virNetClientRef(data);

    (void)watch;
    (void)fd;
    g_mutex_lock(&client->lock);
    if (client->hasOwner) {
        client->watchPaused = true;
        virNetClientUpdateLoopLocked(client);
        g_mutex_unlock(&client->lock);
        return;
    }
    if (events & VIR_EVENT_HANDLE_WRITABLE)
        virNetClientFlushLocked(client);
    if (events & ~VIR_EVENT_HANDLE_WRITABLE)
        virNetClientReceiveLocked(client);
    virNetClientUpdateLoopLocked(client);
    g_mutex_unlock(&client->lock);
    deliver(client);
}

static void
onTimer(int timer, void *data)
{
    g_autoptr(virNetClient) client = virNetClientRef(data);
    int waitMs;

    g_mutex_lock(&client->lock);
    waitMs = virNetClientKeepaliveLocked(client);
    virEventUpdateTimeout(timer, waitMs);
    g_mutex_unlock(&client->lock);
    deliver(client);
}

static void
unrefClient(void *data)
{
    virNetClientUnref(data);
}

bool
virNetClientAttachLoop(virNetClient *client)
{
    bool attached;

    g_mutex_lock(&client->lock);
    client->timer = virEventAddTimeout(-1, onTimer, virNetClientRef(client), unrefClient);
    if (client->timer < 0) {
        virNetClientUnref(client);
    } else {
        client->watchEvents = VIR_EVENT_HANDLE_READABLE;
        client->watch = virEventAddHandle(client->fd, client->watchEvents, onSocket,
                                          virNetClientRef(client), unrefClient);
        if (client->watch < 0) {
            virNetClientUnref(client);
            virEventRemoveTimeout(client->timer);
            client->timer = -1;
        }
    }
    attached = client->watch >= 0;
    g_mutex_unlock(&client->lock);
    return attached;
}

bool
virNetClientHasLoop(virNetClient *client)
{
    bool has;

    g_mutex_lock(&client->lock);
    has = client->timer >= 0;
    g_mutex_unlock(&client->lock);
    return has;
}

void
virNetClientDetachLoopLocked(virNetClient *client)
{
    if (client->watch >= 0)
        virEventRemoveHandle(client->watch);
    if (client->timer >= 0)
        virEventRemoveTimeout(client->timer);
    client->watch = client->timer = -1;
}

int
virNetClientSetKeepAlive(virNetClient *client, unsigned int intervalSec, unsigned int count)
{
    int rc = 0;

    g_mutex_lock(&client->lock);
    if (client->timer < 0) {
        rc = -1;
    } else {
        unsigned int intervalMs = MIN(intervalSec, G_MAXINT / 1000) * 1000;

        client->keepalive = (virNetKeepalive){.intervalMs = intervalMs,
                                              .count = count,
                                              .lastMs = g_get_monotonic_time() / 1000};
        virEventUpdateTimeout(client->timer, intervalMs ? (int)intervalMs : -1);
    }
    g_mutex_unlock(&client->lock);
    if (rc < 0)
        virReportErrorFull(VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, __FILE__, __func__, __LINE__, "%s",
                           "the caller doesn't support keepalive protocol; perhaps it's missing "
                           "event loop implementation");
    return rc;
}
