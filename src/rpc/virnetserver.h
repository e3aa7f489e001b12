/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The RPC server: listening sockets, its clients and the threads that run their calls. It knows
 * messages and limits; what a call means is up to the programs it was given.
 *
 * Threads: sockets live on the main loop (virmainloop.h), and so do all functions here unless they
 * say otherwise.
 */
#pragma once
#include "virnetmessage.h"
#include "virnetserverclient.h"

typedef enum {
    VIR_NET_SERVER_LANE_LOW,      /* may wait for a hypervisor: ordinary workers */
    VIR_NET_SERVER_LANE_HIGH,     /* reserved workers too */
    VIR_NET_SERVER_LANE_INLINE,   /* right on the main loop */
} virNetServerLane;

typedef struct _virNetServerProgram {
    unsigned int number;
    unsigned int version;
    /** How the call @proc is to be run. Unknown numbers: INLINE, they only get their error. */
    virNetServerLane (*lane)(int proc);
    /** Carry out @call and return its reply (owned), a result or an error, never NULL. On the
     * thread of its lane. */
    virNetMessage *(*dispatch)(virNetServerClient *client, const virNetMessage *call);
} virNetServerProgram;

/* What the daemon keeps for a connection. */
typedef struct _virNetServerHooks {
    /** A client has connected: give it its data with virNetServerClientSetData(). */
    void (*clientNew)(virNetServerClient *client);
    /** The connection is gone: drop callbacks and handles. On a worker; calls of this client may
     * still be running. */
    void (*clientClosed)(virNetServerClient *client);
} virNetServerHooks;

typedef struct _virNetServerLimits {
    unsigned int maxClients;
    unsigned int maxAnonymousClients;   /* connected, but no complete message so far */
    unsigned int maxClientRequests;     /* calls of one client read but not answered */
    unsigned int minWorkers;
    unsigned int maxWorkers;
    unsigned int prioWorkers;
    unsigned int keepaliveIntervalMs;   /* 0 = never ping clients */
    unsigned int keepaliveCount;
} virNetServerLimits;

#define VIR_NET_SERVER_LIMITS_DEFAULT \
    ((virNetServerLimits){ 5000, 20, 5, 5, 20, 5, 5000, 5 })

/** @programs: NULL-terminated; like @hooks static. */
virNetServer *
virNetServerNew(const virNetServerLimits *limits, const virNetServerProgram *const *programs,
                const virNetServerHooks *hooks);
/** New limits for what comes from now on; clients already there keep their keepalive. */
void
virNetServerSetLimits(virNetServer *server, const virNetServerLimits *limits);
const virNetServerLimits *
virNetServerGetLimits(const virNetServer *server);

/**
 * virNetServerListen: accept clients on the listening socket @fd (consumed).
 * @readonly: its clients may not change anything.
 * @anyPeer: let in whoever the socket's permissions let in; otherwise only root and the user of
 * this process.
 */
void
virNetServerListen(virNetServer *server, int fd, bool readonly, bool anyPeer);
/** Number of connected clients. Any thread. */
unsigned int
virNetServerCountClients(virNetServer *server);

/** Stop listening, disconnect everybody. Calls already running go on. */
void
virNetServerClose(virNetServer *server);
/** After Close, off the main loop: wait for the running calls. Returns: false when @timeoutMs
 * passed first; then the server cannot be freed. */
bool
virNetServerDrain(virNetServer *server, unsigned int timeoutMs);
/** After a successful Drain. */
void
virNetServerFree(virNetServer *server);

/* For virnetserverclient.c. */

/** A whole message of @client arrived. @msg: consumed. */
void
virNetServerHandle(virNetServer *server, virNetServerClient *client, virNetMessage *msg);
/** Free @msg (consumed), which nobody handles. */
void
virNetServerDiscard(virNetServer *server, virNetMessage *msg);
/** @client sent its first whole message. */
void
virNetServerClientKnown(virNetServer *server);
/** @client has closed its socket. */
void
virNetServerClientGone(virNetServer *server, virNetServerClient *client, bool known);
