/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An export of an NBD server: <source protocol='nbd'> of a disk, <target protocol='nbd'> of a push. */
#pragma once
#include <glib.h>
#include "virbuffer.h"
#include "virxml.h"

typedef struct _virStorageNbd {
    char *socket;        /* unix; else */
    char *host;          /* tcp */
    unsigned int port;   /* 10809 if the XML names none */
    char *exportName;    /* "" = the server's default */
    bool tls;            /* with the certificates of qemu.conf; tcp only */
} virStorageNbd;
void virStorageNbdFree(virStorageNbd *nbd);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageNbd, virStorageNbdFree)
virStorageNbd *virStorageNbdCopy(const virStorageNbd *nbd);
/** @element: the one with the name; has one <host>. Its own attributes and children are checked, those
 * of @element are the caller's, tls apart, which only a <target> may have. NULL with VIR_ERR_XML_ERROR, VIR_ERR_INVALID_ARG (a port out of range)
 * or VIR_ERR_CONFIG_UNSUPPORTED. */
virStorageNbd *virStorageNbdParse(xmlNodePtr element);
/** Attributes of the element with the name, and the <host> in it. */
void virStorageNbdFormatAttrs(virBuffer *buf, const virStorageNbd *nbd);
void virStorageNbdFormatHost(virBuffer *buf, const virStorageNbd *nbd);
/** An NBD URI, for messages and to tell two exports apart. (owned) */
char *virStorageNbdURI(const virStorageNbd *nbd);
