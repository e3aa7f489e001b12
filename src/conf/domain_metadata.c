/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <metadata>: other people's XML, kept as it is. Only white space between elements is ours: it is
 * dropped on the way in and made anew on the way out, so that text grows by no blank however often
 * it goes round. Lines inside text content are never indented.
 */
#include "domain_internal.h"

#include <string.h>
#include "virerror_report.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

static bool
hasElements(xmlNodePtr node)
{
    return xmlFirstElementChild(node) != NULL;
}

static void
dropBlanks(xmlNodePtr node)
{
    xmlNodePtr next;

    if (!hasElements(node) || xmlNodeGetSpacePreserve(node) == 1)
        return;
    for (xmlNodePtr child = node->children; child; child = next) {
        next = child->next;
        if (xmlIsBlankNode(child)) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        } else if (child->type == XML_ELEMENT_NODE) {
            dropBlanks(child);
        }
    }
}

static char *
nodeDump(xmlNodePtr node, int level, bool indented)
{
    g_autoptr(xmlBuffer) buffer = xmlBufferCreate();

    xmlNodeDump(buffer, node->doc, node, level, indented);
    return g_strdup((const char *)xmlBufferContent(buffer));
}

/* Copied into a document of its own first: that brings along the namespaces declared further up. */
char *
virDomainMetadataParse(xmlNodePtr node)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNodePtr copy = xmlDocCopyNode(node, doc, 1);

    xmlDocSetRootElement(doc, copy);
    dropBlanks(copy);
    return nodeDump(copy, 0, false);
}

/* The text was a whole element when it was stored; libxml2 is asked again only to indent it. */
void
virDomainMetadataFormat(virBuffer *buf, const char *metadata)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autofree char *text = NULL;

    if (!metadata)
        return;
    if ((doc = virXMLParse(metadata, "(metadata)", NULL))) {
        xmlNodePtr root = xmlDocGetRootElement(doc);

        dropBlanks(root);
        text = nodeDump(root, buf->indent / 2, true);
    } else {
        virErrorReset();
    }
    virBufferAsprintf(buf, "%s\n", text ? text : metadata);
}
