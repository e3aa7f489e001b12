/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push target that is an export of an NBD server: <target protocol='nbd'>. */
#pragma once
#include <glib.h>
#include "virbuffer.h"
#include "virxml.h"

typedef struct _virBackupNbd {
    char *socket;        /* unix; else */
    char *host;          /* tcp */
    unsigned int port;   /* 10809 if the request names none */
    char *exportName;    /* "" = the server's default */
} virBackupNbd;
void virBackupNbdFree(virBackupNbd *nbd);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virBackupNbd, virBackupNbdFree)
virBackupNbd *virBackupNbdCopy(const virBackupNbd *nbd);
/** @target: has passed the grammar. NULL with VIR_ERR_INVALID_ARG for a port out of range. */
virBackupNbd *virBackupNbdParse(xmlNodePtr target);
void virBackupNbdFormat(virBuffer *buf, const virBackupNbd *nbd);
/** An NBD URI, for messages and to tell two targets apart. (owned) */
char *virBackupNbdURI(const virBackupNbd *nbd);
