/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When to ping a silent peer and when to give it up, as arithmetic: no clock, socket or timer in
 * here. Every @intervalMs without a message one PING goes out; after @count unanswered ones and one
 * more interval the peer counts as gone. Any message received starts the count anew.
 */
#pragma once
#include <glib.h>

typedef struct _virNetKeepalive {
    unsigned int intervalMs;   /* 0 = never ping */
    unsigned int count;
    unsigned int unanswered;   /* pings sent since the last message */
    gint64 lastMs;             /* when the last message came or the last ping went */
} virNetKeepalive;

typedef enum {
    VIR_NET_KEEPALIVE_WAIT,
    VIR_NET_KEEPALIVE_SEND_PING,
    VIR_NET_KEEPALIVE_DEAD,
} virNetKeepaliveAction;

/** A message arrived at @nowMs. */
void
virNetKeepaliveReceived(virNetKeepalive *ka, gint64 nowMs);
/** What to do at @nowMs. @waitMs: how long until the next question, at least 1. */
virNetKeepaliveAction
virNetKeepaliveStep(virNetKeepalive *ka, gint64 nowMs, unsigned int *waitMs);
