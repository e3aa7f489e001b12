/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain as it was, in a checkpoint that comes back: what matters of it is whose it is and which image each
 * disk had. The rest is kept as text and never interpreted: it may come from another version, or from
 * libvirt, whose documents have elements that we do not know.
 */
#include "domain_internal.h"

#include <string.h>
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN
#define HIDDEN "*****"

/* A path only where the source is one. */
static virStorageSource *
sourceOutline(xmlNodePtr disk)
{
    xmlNodePtr node = virXMLChild(disk, "source");
    g_autofree char *type = virXMLProp(disk, "type");
    g_autofree char *path = node ? virXMLProp(node, g_strcmp0(type, "block") == 0 ? "dev" : "file") : NULL;

    if (!node || ((!type || g_str_equal(type, "file")) && !path))
        return NULL;
    return virStorageSourceNew(g_strcmp0(type, "block") == 0 ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE,
                               VIR_STORAGE_FORMAT_NONE, path);
}

static int
diskOutline(xmlNodePtr node, virDomainDef *def)
{
    g_autoptr(virDomainDiskDef) disk = g_new0(virDomainDiskDef, 1);
    g_autofree char *device = virXMLProp(node, "device");
    xmlNodePtr target = virXMLChild(node, "target");

    disk->dst = target ? virXMLProp(target, "dev") : NULL;
    if (!disk->dst || virDomainDefDisk(def, disk->dst, false)) {
        virReportError(VIR_ERR_XML_ERROR, "%s '%s'",
                       disk->dst ? "the domain has two disks with the target"
                                 : "a disk of the domain has no target; domain",
                       disk->dst ? disk->dst : def->name);
        return -1;
    }
    disk->src = sourceOutline(node);
    disk->shareable = virXMLChild(node, "shareable") != NULL;
    disk->readonly = virXMLChild(node, "readonly") || g_strcmp0(device, "cdrom") == 0;
    g_ptr_array_add(def->disks, g_steal_pointer(&disk));
    return 0;
}

virDomainDef *
virDomainOutlineParse(xmlNodePtr node)
{
    g_autoptr(virDomainDef) def = virDomainDefNew();
    g_autofree char *uuid = virXMLChildText(node, "uuid");

    def->name = virXMLChildText(node, "name");
    if (!def->name) {
        virReportError(VIR_ERR_NO_NAME, "%s", "the <domain> in the document has no <name>");
        return NULL;
    }
    if (uuid && virUUIDParse(uuid, def->uuid) < 0) {
        virReportError(VIR_ERR_XML_ERROR, "the <domain> '%s' in the document has a malformed uuid '%s'",
                       def->name, uuid);
        return NULL;
    }
    for (xmlNodePtr disk = virXMLChild(virXMLChild(node, "devices"), "disk"); disk; disk = virXMLNext(disk)) {
        if (diskOutline(disk, def) < 0)
            return NULL;
    }
    return g_steal_pointer(&def);
}

char *
virDomainOutlineText(xmlNodePtr node)
{
    return virDomainMetadataParse(node);
}

/* (owned) with every blank. */
static char *
contentOf(xmlNodePtr node)
{
    xmlChar *content = xmlNodeGetContent(node);
    char *copy = g_strdup(content ? (const char *)content : "");

    xmlFree(content);
    return copy;
}

static void
attributesFormat(virBuffer *buf, xmlNodePtr node, bool secure)
{
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        g_autofree char *value = contentOf((xmlNodePtr)attr);
        bool hidden = !secure && xmlStrEqual(attr->name, BAD_CAST "passwd");    /* of VNC and SPICE */

        if (attr->ns && attr->ns->prefix)
            virBufferAsprintf(buf, " %s:%s='", attr->ns->prefix, attr->name);
        else
            virBufferAsprintf(buf, " %s='", attr->name);
        virBufferEscapeString(buf, "%s'", hidden ? HIDDEN : value);
    }
    for (xmlNsPtr ns = node->nsDef; ns; ns = ns->next) {
        virBufferAsprintf(buf, " xmlns%s%s='", ns->prefix ? ":" : "", ns->prefix ? (const char *)ns->prefix : "");
        virBufferEscapeString(buf, "%s'", (const char *)ns->href);
    }
}

static bool
hasText(xmlNodePtr node)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if ((child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) && !xmlIsBlankNode(child))
            return true;
    }
    return false;
}

/* As our own documents look, and libvirt's; other people's metadata and text among elements as they are. */
static void
nodeFormat(virBuffer *buf, xmlNodePtr node, bool secure)
{
    g_autofree char *name = node->ns && node->ns->prefix
                                ? g_strdup_printf("%s:%s", node->ns->prefix, node->name)
                                : g_strdup((const char *)node->name);
    g_autofree char *text = NULL;

    if (xmlFirstElementChild(node) && (hasText(node) || g_str_equal(name, "metadata"))) {
        text = virDomainMetadataParse(node);
        virDomainMetadataFormat(buf, text);
        return;
    }
    virBufferAsprintf(buf, "<%s", name);
    attributesFormat(buf, node, secure);
    if (!xmlFirstElementChild(node)) {
        text = hasText(node) ? contentOf(node) : NULL;
        if (text) {
            virBufferEscapeString(buf, ">%s", text);
            virBufferAsprintf(buf, "</%s>\n", name);
        } else {
            virBufferAdd(buf, "/>\n");
        }
        return;
    }
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    for (xmlNodePtr child = xmlFirstElementChild(node); child; child = xmlNextElementSibling(child))
        nodeFormat(buf, child, secure);
    virBufferAdjustIndent(buf, -2);
    virBufferAsprintf(buf, "</%s>\n", name);
}

void
virDomainOutlineFormat(virBuffer *buf, const char *text, bool secure)
{
    g_autoptr(xmlDoc) doc = virXMLParse(text, "(domain)", NULL);

    if (doc)
        nodeFormat(buf, xmlDocGetRootElement(doc), secure);
    virErrorReset();
}
