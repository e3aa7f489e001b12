/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's registration for an event, and the functions that put the event on the wire. */
#pragma once
#include "remote_dispatch.h"

struct _remoteEventCallback {
    virNetServerClient *client;   /* (owned) */
    int eventID;
    bool legacy;                  /* old message without callback id */
    bool filtered;                /* only of the domain uuid */
    char uuid[REMOTE_UUID_LEN];
    GMutex lock;                  /* held while registering, so that callbackID is set when read */
    int callbackID;
};

/** The id on the wire. Waits until the registration is complete. */
int
remoteEventCallbackID(remoteEventCallback *cb);
/** Queue the event @proc of @program with @body, whose content is freed. */
void
remoteEventSend(remoteEventCallback *cb, unsigned int program, int proc, xdrproc_t xdr, void *body);

/** The callback to register for @eventID; its opaque is the remoteEventCallback. */
virConnectDomainEventGenericCallback
remoteEventRelay(int eventID);
void
remoteEventRelayMonitor(virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds,
                        unsigned int micros, const char *details, void *opaque);
