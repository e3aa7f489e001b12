/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why this is apart from the connection: its timing is tested without waiting for it. */
#include "config.h"
#include "virnetkeepalive.h"

void
virNetKeepaliveReceived(virNetKeepalive *ka, gint64 nowMs)
{
    ka->unanswered = 0;
    ka->lastMs = nowMs;
}

virNetKeepaliveAction
virNetKeepaliveStep(virNetKeepalive *ka, gint64 nowMs, unsigned int *waitMs)
{
    gint64 dueMs = ka->lastMs + ka->intervalMs;

    if (nowMs < dueMs) {
        *waitMs = (unsigned int)(dueMs - nowMs);
        return VIR_NET_KEEPALIVE_WAIT;
    }
    *waitMs = ka->intervalMs;
    if (ka->unanswered >= ka->count)
        return VIR_NET_KEEPALIVE_DEAD;
    ka->unanswered++;
    ka->lastMs = nowMs;
    return VIR_NET_KEEPALIVE_SEND_PING;
}
