/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading XML from people we do not trust. The parser is stopped the moment it meets a document
 * type declaration (so entities cannot even be declared) or an element too deep, before a tree of
 * it exists. The text is bounded before the parser sees it, and no option lets it open anything.
 */
#include <string.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>

#include "virerror_report.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_XML
/* Of a long line only this much around the fault is quoted. */
#define VIR_XML_QUOTE_BEFORE 160
#define VIR_XML_QUOTE_AFTER 80

typedef struct {
    const char *refusal;  /* why we stopped it */
    char *complaint;      /* first fatal complaint of libxml2, with the line and the mark */
    const char *what;
} virXMLReader;

static void
virXMLStop(xmlParserCtxtPtr ctxt, const char *why)
{
    virXMLReader *reader = ctxt->_private;

    reader->refusal = why;
    xmlStopParser(ctxt);
}

static void
virXMLOnDocType(void *opaque, const xmlChar *name, const xmlChar *externalId,
                const xmlChar *systemId)
{
    virXMLStop(opaque, "a document type declaration (<!DOCTYPE) is not allowed");
}

static void
virXMLOnStart(void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
              int nNamespaces, const xmlChar **namespaces, int nAttributes, int nDefaulted,
              const xmlChar **attributes)
{
    xmlParserCtxtPtr ctxt = opaque;

    if (ctxt->nodeNr >= VIR_XML_MAX_DEPTH) {
        virXMLStop(ctxt, "elements are nested deeper than 64 levels");
        return;
    }
    xmlSAX2StartElementNs(opaque, name, prefix, uri, nNamespaces, namespaces, nAttributes,
                          nDefaulted, attributes);
}

/*
 * The line @at stands in, and below it dashes up to @at and a '^', as libvirt's users know it. At a
 * line's end (or behind the text) the line meant is the one that was just read.
 */
static char *
virXMLQuoteLine(const char *base, const char *at)
{
    const char *begin = NULL;
    const char *end = NULL;
    g_autofree char *line = NULL;
    GString *mark = g_string_new(NULL);

    while (at > base && (*at == '\n' || *at == '\r' || *at == '\0') &&
           (at[-1] == '\n' || at[-1] == '\r'))
        at--;
    for (begin = at; begin > base && at - begin < VIR_XML_QUOTE_BEFORE; begin--) {
        if (begin[-1] == '\n' || begin[-1] == '\r')
            break;
    }
    end = at + strnlen(at, VIR_XML_QUOTE_AFTER);
    end = at + MIN((size_t)(end - at), strcspn(at, "\r\n"));
    line = g_utf8_make_valid(begin, end - begin);
    for (const char *c = begin; c < at; c++)
        g_string_append_c(mark, *c == '\t' ? '\t' : '-');
    g_string_append_c(mark, '^');
    g_string_prepend_c(mark, '\n');
    g_string_prepend(mark, line);
    return g_string_free(mark, FALSE);
}

static void
virXMLOnError(void *opaque, xmlErrorPtr error)
{
    xmlParserCtxtPtr ctxt = opaque;
    virXMLReader *reader = ctxt->_private;
    g_autofree char *text = NULL;
    g_autofree char *quote = NULL;

    if (reader->complaint || reader->refusal || error->level != XML_ERR_FATAL)
        return;
    text = g_utf8_make_valid(error->message ? error->message : "not well-formed", -1);
    if (ctxt->input && ctxt->input->base)
        quote = virXMLQuoteLine((const char *)ctxt->input->base, (const char *)ctxt->input->cur);
    reader->complaint = g_strdup_printf("%s:%d: %s\n%s", reader->what, error->line,
                                        g_strchomp(text), quote ? quote : "");
}

static xmlDocPtr
virXMLRead(virXMLReader *reader, const char *text, size_t length)
{
    xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
    xmlDocPtr doc = NULL;

    ctxt->_private = reader;
    ctxt->sax->internalSubset = virXMLOnDocType;
    ctxt->sax->startElementNs = virXMLOnStart;
    ctxt->sax->serror = virXMLOnError;
    doc = xmlCtxtReadMemory(ctxt, text, length, reader->what, NULL,
                            XML_PARSE_NONET | XML_PARSE_BIG_LINES);
    if (reader->refusal || !ctxt->wellFormed)
        g_clear_pointer(&doc, xmlFreeDoc);
    xmlFreeParserCtxt(ctxt);
    return doc;
}

static int
virXMLCheckRoot(xmlDocPtr doc, const char *what, const char *rootName)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    if (!root) {
        virReportError(VIR_ERR_XML_ERROR, "%s has no root element", what);
        return -1;
    }
    if (!rootName || (!root->ns && xmlStrEqual(root->name, BAD_CAST rootName)))
        return 0;
    if (root->ns)
        virReportError(VIR_ERR_XML_ERROR,
                       "expecting root element of '%s', not '%s' of namespace '%s'", rootName,
                       (const char *)root->name, (const char *)root->ns->href);
    else
        virReportError(VIR_ERR_XML_ERROR, "expecting root element of '%s', not '%s'", rootName,
                       (const char *)root->name);
    return -1;
}

/* libxml2 sets up its globals at the first use, and not safely if two threads come first. */
static void
virXMLInitialize(void)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        xmlInitParser();
        g_once_init_leave(&once, 1);
    }
}

xmlDocPtr
virXMLParse(const char *text, const char *what, const char *rootName)
{
    virXMLReader reader = { .what = what };
    g_autofree char *complaint = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    size_t length = strnlen(text, VIR_XML_MAX_BYTES + 1);

    if (length > VIR_XML_MAX_BYTES) {
        virReportError(VIR_ERR_XML_ERROR, "%s is larger than %d bytes", what, VIR_XML_MAX_BYTES);
        return NULL;
    }
    virXMLInitialize();
    doc = virXMLRead(&reader, text, length);
    complaint = g_steal_pointer(&reader.complaint);
    if (reader.refusal) {
        virReportError(VIR_ERR_XML_ERROR, "%s: %s", what, reader.refusal);
        return NULL;
    }
    if (!doc) {
        virReportError(VIR_ERR_XML_DETAIL, "%s",
                       complaint ? complaint : "the document is not well-formed");
        return NULL;
    }
    if (virXMLCheckRoot(doc, what, rootName) < 0)
        return NULL;
    return g_steal_pointer(&doc);
}

char *
virXMLNodeFormat(xmlNodePtr node)
{
    /* The copy declares the namespaces that the element has from its ancestors. */
    xmlNodePtr copy = xmlDocCopyNode(node, node->doc, 1);
    xmlBufferPtr buffer = xmlBufferCreate();
    char *text = NULL;

    xmlNodeDump(buffer, node->doc, copy, 0, 0);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    xmlFreeNode(copy);
    return text;
}
