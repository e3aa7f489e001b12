/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the event commands and the formats of the single events. */
#pragma once
#include "virsh.h"

/* What the callbacks of one waiting command share. */
typedef struct _eventWait {
    virshShell *sh;
    bool loop, timestamp, pretty;
    GMutex lock;             /* guards count and the output's order */
    GCond cond;
    int count;
} eventWait;
/** Print one event's text (ends in a newline) and wake the command. Any thread. */
void virshEventPrint(eventWait *wait, const char *text);

typedef struct _virshEventKind {
    const char *name;
    virConnectDomainEventGenericCallback callback;
} virshEventKind;
/* By VIR_DOMAIN_EVENT_ID_*. */
extern const virshEventKind virshEventKinds[VIR_DOMAIN_EVENT_ID_LAST];
