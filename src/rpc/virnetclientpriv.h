/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of a client connection, shared by its three files: calls (virnetclient.c), bytes
 * (virnetclientio.c), event loop (virnetclientloop.c).
 *
 * Who reads the socket: a thread that waits for a reply becomes the *owner* if there is none, and
 * polls the socket without the lock; it hands other threads their replies, and the ownership when
 * it has its own. While there is an owner the event loop keeps its hands off the socket. Bytes are
 * read and written only under the lock, so a frame is never torn.
 */
#pragma once
#include <stdbool.h>
#include "virnetclient.h"
#include "virnetkeepalive.h"

/* Events that may wait for an event loop that does not run. */
#define VIR_NET_CLIENT_EVENTS_MAX_BYTES (64u * 1024 * 1024)

/* A call that waits; lives on its thread's stack. */
typedef struct {
    remote_header header;
    virNetMessage *reply; /* (owned) set when it is there */
} virNetClientWaiter;

/* A descriptor on its way. */
typedef struct {
    int fd;      /* (owned) */
    size_t after; /* it follows so many bytes of virNetClient.out */
} virNetClientPassedFD;

struct _virNetClient {
    gint refs;
    int fd;
    int wakeFD; /* eventfd: ends the owner's poll() */
    const virNetClientHooks *hooks;
    void *opaque;
    GDestroyNotify freecb;

    GMutex lock; /* guards what follows */
    GCond cond;  /* a reply is there, the owner left, or the connection ended */
    unsigned int nextSerial;
    GQueue waiters; /* of virNetClientWaiter, in order of their calls */
    bool hasOwner;

    GByteArray *in;  /* received, not yet a whole frame */
    GByteArray *out; /* to be sent; from outDone on */
    size_t outDone;
    GQueue outFDs; /* of virNetClientPassedFD, in order of their places */

    bool closed;
    bool detached;   /* by virNetClientClose(): no hooks any more */
    int closeReason; /* virConnectCloseReason */
    int closeErrno;  /* error of the calls that were waiting: errno, or 0 for closeCode */
    int closeCode;
    char *closeMessage;

    int watch;        /* numbers of the event loop, -1 without */
    int timer;        /* delivery and keepalive */
    int watchEvents;  /* what the watch is set to */
    bool watchPaused; /* an owner reads */
    GQueue events;    /* of virNetMessage, waiting for delivery */
    size_t eventBytes;
    bool delivering;
    bool closeToTell; /* the hook closed is due */
    virNetKeepalive keepalive;
};

/* virnetclientio.c; the lock is held */
/** Queue @msg and send what the socket takes now. Its descriptors are taken over. */
void virNetClientSendLocked(virNetClient *client, virNetMessage *msg);
void virNetClientPassedFDFree(virNetClientPassedFD *passed);
void virNetClientFlushLocked(virNetClient *client);
bool virNetClientHasOutputLocked(const virNetClient *client);
/** Read what is there, and handle every whole frame. */
void virNetClientReceiveLocked(virNetClient *client);
/** The connection ends: waiting calls fail with this error. Does nothing the second time. */
void virNetClientFailLocked(virNetClient *client, int reason, int errnum, int code, const char *fmt,
                            ...) G_GNUC_PRINTF(5, 6);
void virNetClientSendKeepaliveLocked(virNetClient *client, int proc);

/* virnetclientloop.c; the lock is held */
/** Set watch and timer to what the state asks for. */
void virNetClientUpdateLoopLocked(virNetClient *client);
void virNetClientDetachLoopLocked(virNetClient *client);
/** Ping, or give up, if it is time. Returns: ms until the next question, -1 for none. */
int virNetClientKeepaliveLocked(virNetClient *client);
