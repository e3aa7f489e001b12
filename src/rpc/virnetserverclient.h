/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connected client of the server: bytes in and out, its write queue, its keepalive.
 *
 * Reading is the main loop's alone. Writing is done by whoever has something to say, straight to
 * the socket while it takes it; only what does not fit waits for the main loop.
 */
#pragma once
#include <sys/types.h>
#include "virnetmessage.h"

typedef struct _virNetServer virNetServer;
typedef struct _virNetServerClient virNetServerClient;

/** Main loop. @fd: connected socket, consumed. @server: outlives the client. */
virNetServerClient *
virNetServerClientNew(virNetServer *server, int fd, bool readonly);
/** Main loop: begin to read. */
void
virNetServerClientStart(virNetServerClient *client);
/** Main loop: end the connection. Does nothing the second time. */
void
virNetServerClientClose(virNetServerClient *client);

/* The rest: any thread. */

virNetServerClient *
virNetServerClientRef(virNetServerClient *client);
void
virNetServerClientUnref(virNetServerClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetServerClient, virNetServerClientUnref)

/** The data the daemon keeps for it; @freeFunc runs when the last reference goes. */
void *
virNetServerClientData(virNetServerClient *client);
void
virNetServerClientSetData(virNetServerClient *client, void *data, GDestroyNotify freeFunc);
virNetServer *
virNetServerClientServer(virNetServerClient *client);
/** It came in on a read-only socket. */
bool
virNetServerClientIsReadonly(const virNetServerClient *client);

/** Queue the reply to a call. @reply: consumed. */
void
virNetServerClientReply(virNetServerClient *client, virNetMessage *reply);
/** Queue an event. @event: consumed. A client that has let 8 MiB of them pile up is disconnected. */
void
virNetServerClientSendEvent(virNetServerClient *client, virNetMessage *event);
/** Disconnect as soon as the calls running have been answered. */
void
virNetServerClientCloseAfterReply(virNetServerClient *client);
/** Begin to ping this client, now that it told us it would answer. */
void
virNetServerClientStartKeepalive(virNetServerClient *client);
