/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calling side of a connection. Any thread may call; each gets the reply with its own serial.
 * Events and the news that the connection broke come from the application's event loop
 * (libvirt-event.h), if it has one.
 */
#pragma once
#include "virnetmessage.h"

typedef struct _virNetClient virNetClient;

/* Both are called on the event loop's thread, one after the other, with no lock held. */
typedef struct {
    /** @msg: an event of some program (borrowed). */
    void (*event)(const virNetMessage *msg, void *opaque);
    /** The connection broke, and not by virNetClientClose(). @reason: virConnectCloseReason. */
    void (*closed)(int reason, void *opaque);
} virNetClientHooks;

/**
 * virNetClientNew:
 * @fd: connected stream socket (consumed)   @hooks: static
 * @opaque: for the hooks; @freecb frees it when the client is gone
 * Returns: (owned, virNetClientUnref), or NULL with VIR_ERR_SYSTEM_ERROR; @fd is closed then, and
 * @opaque the caller's.
 */
virNetClient *virNetClientNew(int fd, const virNetClientHooks *hooks, void *opaque,
                              GDestroyNotify freecb);
virNetClient *virNetClientRef(virNetClient *client);
void virNetClientUnref(virNetClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetClient, virNetClientUnref)

/** Deliver events by the registered event loop. Returns: false if there is none. */
bool virNetClientAttachLoop(virNetClient *client);
bool virNetClientHasLoop(virNetClient *client);

/**
 * virNetClientCall: one call and its reply; blocks until the reply is there or the connection ends.
 * @argsProc, @args: encoder and arguments; NULL for none
 * @retProc, @ret: decoder and result, zeroed by the caller; NULL for none
 * Returns: 0 (free the result with xdr_free), or -1 with the error of the other side, or of this
 * one if it could not be asked: VIR_ERR_SYSTEM_ERROR, VIR_ERR_RPC, VIR_ERR_INTERNAL_ERROR. A
 * procedure the other side does not know is VIR_ERR_NO_SUPPORT.
 */
int virNetClientCall(virNetClient *client, unsigned int prog, unsigned int vers, int proc,
                     xdrproc_t argsProc, void *args, xdrproc_t retProc, void *ret);

/**
 * virNetClientCallWithFDs: the same for a procedure that takes descriptors. @fds: @nfds of them, at
 * most VIR_NET_MESSAGE_FDS_MAX (borrowed: copies are sent). Ask the other side first whether it has
 * the feature: one that has not takes the call for the end of the protocol.
 */
int virNetClientCallWithFDs(virNetClient *client, unsigned int prog, unsigned int vers, int proc,
                            const int *fds, unsigned int nfds, xdrproc_t argsProc, void *args,
                            xdrproc_t retProc, void *ret);

/** Ping after @intervalSec seconds of silence, give up after @count lost ones; 0 stops. */
int virNetClientSetKeepAlive(virNetClient *client, unsigned int intervalSec, unsigned int count);
/** False once the connection has ended. */
bool virNetClientIsOpen(virNetClient *client);
/** End it: waiting calls fail, no hook is called any more. */
void virNetClientClose(virNetClient *client);
