/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fake QMP server in a thread of the test, for what a real QEMU does not do on demand. */
#pragma once
#include <glib.h>
#include "virjson.h"

typedef struct _qmpPeer {
    int fd;       /* the server's end; -1 once closed */
    int clientFd; /* the other end, for qemuMonitorOpen */
    GString *input;
    GThread *thread;
    void (*script)(struct _qmpPeer *peer);
} qmpPeer;

/** Run the GLib main loop on a thread of its own, for the rest of the program. */
void qmpPeerStartMainLoop(void);
/** @script runs in a thread; it begins before the greeting. */
void qmpPeerStart(qmpPeer *peer, void (*script)(qmpPeer *peer));
/** Wait for the script's end and close. */
void qmpPeerJoin(qmpPeer *peer);

/** For scripts. Text with ' for ". */
void qmpPeerSend(qmpPeer *peer, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void qmpPeerSendRaw(qmpPeer *peer, const char *data, gsize length);
/** (owned) next command; NULL when the client closed. */
virJSONValue *qmpPeerRead(qmpPeer *peer);
/** Greeting and capabilities negotiation. */
void qmpPeerGreet(qmpPeer *peer);
/** Close the server's end now. */
void qmpPeerHangUp(qmpPeer *peer);
