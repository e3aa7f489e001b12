/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an event is made of: shared by domain_event.c (making) and domain_event_list.c (telling). */
#pragma once
#include "domain_event.h"

struct _virDomainEvent {
    int eventID;
    char *name;
    unsigned char uuid[VIR_UUID_BUFLEN];
    int id;
    char *text[3];
    int number[2];
    unsigned int flags;             /* also micros */
    unsigned long long amount[2];
    long long offset;               /* also seconds */
    virTypedParamList params;
    virDomainEventGraphicsAddress local, remote;
    virDomainEventGraphicsSubject subject;
};
