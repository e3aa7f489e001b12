/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XML as hostile input: libxml2 without network, entities or DTD, bounded in size and depth, and
 * accessors that refuse by name what a parser does not know.
 */
#pragma once
#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

#define VIR_XML_MAX_BYTES (4 * 1024 * 1024)
#define VIR_XML_MAX_DEPTH 64
/** Namespace of our own optional elements and attributes in libvirt documents. */
#define VIR_XML_NS_FLEECE "urn:fleece:1"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/**
 * virXMLParse: @text: the document; @what: shown in messages, "(domain_definition)".
 * @rootName: wanted root element, or NULL for any.
 * Returns: (owned) the document, or NULL with VIR_ERR_XML_DETAIL (malformed, with position),
 * VIR_ERR_XML_ERROR (too big, too deep, a DTD, wrong root element).
 */
xmlDocPtr
virXMLParse(const char *text, const char *what, const char *rootName);

/** First child element called @name without namespace, NULL if none (borrowed). */
xmlNodePtr
virXMLChild(xmlNodePtr node, const char *name);
/** Next sibling element of the same name; for loops. */
xmlNodePtr
virXMLNext(xmlNodePtr node);
/** First child element in our namespace, NULL if none. */
xmlNodePtr
virXMLChildFleece(xmlNodePtr node, const char *name);

/** Attribute as (owned) text, NULL if absent. A @name "f:x" is x in our namespace. */
char *
virXMLProp(xmlNodePtr node, const char *name);
/** Text content, stripped of surrounding white space, (owned); NULL for NULL node. */
char *
virXMLText(xmlNodePtr node);
char *
virXMLChildText(xmlNodePtr node, const char *name);

/** Numbers: 1 found, 0 absent (@out untouched), -1 malformed or out of range with VIR_ERR_XML_ERROR. */
int
virXMLPropUInt(xmlNodePtr node, const char *name, unsigned int *out);
int
virXMLPropULL(xmlNodePtr node, const char *name, unsigned long long *out);
/** yes|no, on|off as @yes names: "yes/no" or "on/off". Same return values. */
int
virXMLPropYesNo(xmlNodePtr node, const char *name, bool *out);
int
virXMLPropOnOff(xmlNodePtr node, const char *name, bool *out);
/** Index of the attribute's value in @table (@count strings): same return values. */
int
virXMLPropEnum(xmlNodePtr node, const char *name, const char *const *table, int count, int *out);
/** Text of <node unit='KiB'>: scaled integer in bytes; units b, KB, KiB, MB, MiB, ... (default @defaultUnit). */
int
virXMLTextScaled(xmlNodePtr node, unsigned long long defaultUnit, unsigned long long *bytes);

/**
 * virXMLCheckKnown: refuse whatever is not in the lists: "unsupported attribute 'x' in element
 * <disk>", "unsupported element <y> in <disk>", "unsupported text 'z' in element <disk>" with
 * VIR_ERR_CONFIG_UNSUPPORTED.
 * @attrs, @children: names separated by blanks ("type device"), NULL = none allowed. Names in our
 * namespace are listed with the prefix "f:". Elements of foreign namespaces are refused too.
 * "#text" among @children: the element holds text.
 */
int
virXMLCheckKnown(xmlNodePtr node, const char *attrs, const char *children);
/** virXMLCheckKnown of each child of @node that has one of @names: for the plain ones, which have
 * no function of their own. */
int
virXMLCheckChildrenKnown(xmlNodePtr node, const char *names, const char *attrs,
                         const char *children);

/** Name as the lists of virXMLCheckKnown have it, (owned): "f:x" for ours, "prefix:x" for foreign ones. */
char *
virXMLShownName(const xmlChar *name, const xmlNs *ns);

/** Serialise one element (with its subtree) without declaration, (owned). */
char *
virXMLNodeFormat(xmlNodePtr node);
