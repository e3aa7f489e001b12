/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --xpath and --wrap of the dumpxml commands: print only what matches. Done here, not in the
 * daemon, because the API has no such flag.
 */
#include "virsh.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathObject, xmlXPathFreeObject)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

static void
printNodes(virshShell *sh, xmlDocPtr doc, const xmlNodeSet *nodes)
{
    for (int i = 0; nodes && i < nodes->nodeNr; i++) {
        g_autoptr(xmlBuffer) text = xmlBufferCreate();

        xmlNodeDump(text, doc, nodes->nodeTab[i], 0, 1);
        virshPrint(sh, "%s\n", (const char *)xmlBufferContent(text));
    }
}

static void
printWrapped(virshShell *sh, const xmlNodeSet *nodes)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
    g_autoptr(xmlBuffer) text = xmlBufferCreate();
    xmlNodePtr root = xmlNewNode(NULL, BAD_CAST "nodes");

    xmlDocSetRootElement(doc, root);
    for (int i = 0; nodes && i < nodes->nodeNr; i++) {
        xmlNodePtr copy = xmlDocCopyNode(nodes->nodeTab[i], doc, 1);

        if (copy)
            xmlAddChild(root, copy);
    }
    xmlNodeDump(text, doc, root, 0, 1);
    virshPrint(sh, "%s\n", (const char *)xmlBufferContent(text));
}

/* libxml2 would print its own complaint to stderr. */
static void
ignoreXPathError(void *opaque G_GNUC_UNUSED, xmlErrorPtr error G_GNUC_UNUSED)
{
}

bool
virshPrintXML(virshShell *sh, const virshCommandArgs *args, const char *xml)
{
    const char *xpath = virshArgString(args, "xpath");
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(xmlXPathContext) ctx = NULL;
    g_autoptr(xmlXPathObject) found = NULL;

    if (!xpath) {
        virshPrint(sh, "%s", xml);
        return true;
    }
    doc = xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOBLANKS);
    ctx = doc ? xmlXPathNewContext(doc) : NULL;
    if (!ctx) {
        virshError(sh, "the daemon's answer is not well-formed XML");
        return false;
    }
    ctx->error = ignoreXPathError;
    found = xmlXPathEval(BAD_CAST xpath, ctx);
    if (!found || found->type != XPATH_NODESET) {
        virshError(sh, "xpath '%s' is not an expression that selects nodes", xpath);
        return false;
    }
    if (virshArgBool(args, "wrap"))
        printWrapped(sh, found->nodesetval);
    else
        printNodes(sh, doc, found->nodesetval);
    return true;
}
