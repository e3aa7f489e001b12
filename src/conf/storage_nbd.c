/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NBD exports. For disks this is libvirt's grammar. For targets of a backup libvirt's page about the
 * format has it, in the same terms, but its grammar does not; this follows the page.
 */
#include "storage_nbd.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN
#define NBD_DEFAULT_PORT 10809

void
virStorageNbdFree(virStorageNbd *nbd)
{
    if (!nbd)
        return;
    g_free(nbd->socket);
    g_free(nbd->host);
    g_free(nbd->exportName);
    g_free(nbd);
}

virStorageNbd *
virStorageNbdCopy(const virStorageNbd *nbd)
{
    virStorageNbd *copy = NULL;

    if (!nbd)
        return NULL;
    copy = g_memdup2(nbd, sizeof(*nbd));
    copy->socket = g_strdup(nbd->socket);
    copy->host = g_strdup(nbd->host);
    copy->exportName = g_strdup(nbd->exportName);
    return copy;
}

/* One <host>. libvirt takes several for other protocols, and a port also where it means nothing. */
static int
hostParse(xmlNodePtr element, virStorageNbd *nbd)
{
    static const char *const transports[] = {"tcp", "unix"};
    xmlNodePtr host = virXMLChild(element, "host");
    int transport = 0;
    bool unixSocket = false;

    if (!host || virXMLNext(host)) {
        virReportError(VIR_ERR_XML_ERROR, "<%s> of protocol 'nbd' needs one <host>",
                       (const char *)element->name);
        return -1;
    }
    if (VIR_XML_ENUM_PROP(host, "transport", transports, "rdma", transport) < 0)
        return -1;
    unixSocket = transport == 1;
    if (virXMLCheckKnown(host, unixSocket ? "transport socket" : "transport name port", NULL) < 0 ||
        virXMLPropUInt(host, "port", &nbd->port) < 0)
        return -1;
    nbd->socket = unixSocket ? virXMLPropRequired(host, "socket") : NULL;
    nbd->host = unixSocket ? NULL : virXMLPropRequired(host, "name");
    if (!nbd->socket && !nbd->host)
        return -1;
    if (nbd->socket && !g_path_is_absolute(nbd->socket)) {
        virReportError(VIR_ERR_XML_ERROR, "socket '%s' in element <host> must be absolute", nbd->socket);
        return -1;
    }
    if (nbd->port == 0 || nbd->port > 65535) {
        virReportError(VIR_ERR_INVALID_ARG, "port '%u' of <host> is out of range", nbd->port);
        return -1;
    }
    return 0;
}

virStorageNbd *
virStorageNbdParse(xmlNodePtr element)
{
    g_autoptr(virStorageNbd) nbd = g_new0(virStorageNbd, 1);

    nbd->port = NBD_DEFAULT_PORT;
    if (virXMLPropYesNo(element, "tls", &nbd->tls) < 0 || hostParse(element, nbd) < 0)
        return NULL;
    if (nbd->tls && !xmlStrEqual(element->name, BAD_CAST "target")) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported value of attribute 'tls' in element <%s>: 'yes'",
                       (const char *)element->name);
        return NULL;
    }
    if (nbd->tls && nbd->socket) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "<target tls='yes'> cannot be with socket '%s': there is no host name to compare with the "
                       "server's certificate; use transport='tcp', or tls='no'",
                       nbd->socket);
        return NULL;
    }
    nbd->exportName = virXMLProp(element, "name");
    if (!nbd->exportName)
        nbd->exportName = g_strdup("");
    return g_steal_pointer(&nbd);
}

void
virStorageNbdFormatAttrs(virBuffer *buf, const virStorageNbd *nbd)
{
    virBufferAdd(buf, " protocol='nbd'");
    if (*nbd->exportName)
        virBufferEscapeString(buf, " name='%s'", nbd->exportName);
    if (nbd->tls)
        virBufferAdd(buf, " tls='yes'");
}

void
virStorageNbdFormatHost(virBuffer *buf, const virStorageNbd *nbd)
{
    if (nbd->socket) {
        virBufferEscapeString(buf, "<host transport='unix' socket='%s'/>\n", nbd->socket);
    } else {
        virBufferEscapeString(buf, "<host name='%s'", nbd->host);
        virBufferAsprintf(buf, " port='%u'/>\n", nbd->port);
    }
}

char *
virStorageNbdURI(const virStorageNbd *nbd)
{
    const char *open = nbd->host && strchr(nbd->host, ':') ? "[" : "";

    if (nbd->socket)
        return g_strdup_printf("nbd+unix:///%s?socket=%s", nbd->exportName, nbd->socket);
    return g_strdup_printf("nbd%s://%s%s%s:%u/%s", nbd->tls ? "s" : "", open, nbd->host, *open ? "]" : "", nbd->port,
                           nbd->exportName);
}
