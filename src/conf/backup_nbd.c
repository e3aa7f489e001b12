/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NBD targets. libvirt's page about the format has network targets, in the terms of a network <source>
 * of a <disk>; its grammar has none. This follows the page.
 */
#include "backup_nbd.h"

#include <string.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN
#define NBD_DEFAULT_PORT 10809

void
virBackupNbdFree(virBackupNbd *nbd)
{
    if (!nbd)
        return;
    g_free(nbd->socket);
    g_free(nbd->host);
    g_free(nbd->exportName);
    g_free(nbd);
}

virBackupNbd *
virBackupNbdCopy(const virBackupNbd *nbd)
{
    virBackupNbd *copy = NULL;

    if (!nbd)
        return NULL;
    copy = g_memdup2(nbd, sizeof(*nbd));
    copy->socket = g_strdup(nbd->socket);
    copy->host = g_strdup(nbd->host);
    copy->exportName = g_strdup(nbd->exportName);
    return copy;
}

virBackupNbd *
virBackupNbdParse(xmlNodePtr target)
{
    g_autoptr(virBackupNbd) nbd = g_new0(virBackupNbd, 1);
    xmlNodePtr host = virXMLChild(target, "host");

    nbd->port = NBD_DEFAULT_PORT;
    if (virXMLPropUInt(host, "port", &nbd->port) < 0)
        return NULL;
    nbd->socket = virXMLProp(host, "socket");
    nbd->host = virXMLProp(host, "name");
    nbd->exportName = virXMLProp(target, "name");
    if (!nbd->exportName)
        nbd->exportName = g_strdup("");
    if (nbd->port == 0 || nbd->port > 65535) {
        virReportError(VIR_ERR_INVALID_ARG, "port '%u' of <host> is out of range", nbd->port);
        return NULL;
    }
    return g_steal_pointer(&nbd);
}

void
virBackupNbdFormat(virBuffer *buf, const virBackupNbd *nbd)
{
    virBufferAdd(buf, "<target protocol='nbd'");
    if (*nbd->exportName)
        virBufferEscapeString(buf, " name='%s'", nbd->exportName);
    virBufferAdd(buf, ">\n");
    if (nbd->socket) {
        virBufferEscapeString(buf, "  <host transport='unix' socket='%s'/>\n", nbd->socket);
    } else {
        virBufferEscapeString(buf, "  <host name='%s'", nbd->host);
        virBufferAsprintf(buf, " port='%u'/>\n", nbd->port);
    }
    virBufferAdd(buf, "</target>\n");
}

char *
virBackupNbdURI(const virBackupNbd *nbd)
{
    const char *open = nbd->host && strchr(nbd->host, ':') ? "[" : "";

    if (nbd->socket)
        return g_strdup_printf("nbd+unix:///%s?socket=%s", nbd->exportName, nbd->socket);
    return g_strdup_printf("nbd://%s%s%s:%u/%s", open, nbd->host, *open ? "]" : "", nbd->port,
                           nbd->exportName);
}
