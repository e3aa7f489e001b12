/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Elements, attributes and values of a parsed document; refusals by name. */
#include <string.h>

#include "virerror_report.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_XML

static xmlNodePtr
virXMLFind(xmlNodePtr from, const char *name, const char *namespace)
{
    for (xmlNodePtr at = from; at; at = at->next) {
        if (at->type == XML_ELEMENT_NODE && xmlStrEqual(at->name, BAD_CAST name) &&
            g_strcmp0(at->ns ? (const char *)at->ns->href : NULL, namespace) == 0)
            return at;
    }
    return NULL;
}

xmlNodePtr
virXMLChild(xmlNodePtr node, const char *name)
{
    return node ? virXMLFind(node->children, name, NULL) : NULL;
}

xmlNodePtr
virXMLChildFleece(xmlNodePtr node, const char *name)
{
    return node ? virXMLFind(node->children, name, VIR_XML_NS_FLEECE) : NULL;
}

xmlNodePtr
virXMLNext(xmlNodePtr node)
{
    return virXMLFind(node->next, (const char *)node->name,
                      node->ns ? (const char *)node->ns->href : NULL);
}

char *
virXMLProp(xmlNodePtr node, const char *name)
{
    xmlChar *value = NULL;
    char *copy = NULL;

    if (!node)
        return NULL;
    if (g_str_has_prefix(name, "f:"))
        value = xmlGetNsProp(node, BAD_CAST(name + 2), BAD_CAST VIR_XML_NS_FLEECE);
    else
        value = xmlGetNoNsProp(node, BAD_CAST name);
    copy = g_strdup((const char *)value);
    xmlFree(value);
    return copy;
}

/* Text directly in the element: what child elements contain is not its value. */
char *
virXMLText(xmlNodePtr node)
{
    GString *text = NULL;

    if (!node)
        return NULL;
    text = g_string_new(NULL);
    for (xmlNodePtr at = node->children; at; at = at->next) {
        if ((at->type == XML_TEXT_NODE || at->type == XML_CDATA_SECTION_NODE) && at->content)
            g_string_append(text, (const char *)at->content);
    }
    return g_strstrip(g_string_free(text, FALSE));
}

char *
virXMLChildText(xmlNodePtr node, const char *name)
{
    return virXMLText(virXMLChild(node, name));
}

static int
virXMLPropInvalid(xmlNodePtr node, const char *name, const char *value, const char *expected)
{
    virReportError(VIR_ERR_XML_ERROR,
                   "Invalid value for attribute '%s' in element '%s': '%s'. Expected %s", name,
                   (const char *)node->name, value, expected);
    return -1;
}

static int
virXMLPropBounded(xmlNodePtr node, const char *name, guint64 max, guint64 *out)
{
    g_autofree char *value = virXMLProp(node, name);
    g_autofree char *expected = NULL;

    if (!value)
        return 0;
    if (g_ascii_string_to_unsigned(value, 10, 0, max, out, NULL))
        return 1;
    expected = g_strdup_printf("non-negative integer value up to %" G_GUINT64_FORMAT, max);
    return virXMLPropInvalid(node, name, value, expected);
}

int
virXMLPropUInt(xmlNodePtr node, const char *name, unsigned int *out)
{
    guint64 number = 0;
    int found = virXMLPropBounded(node, name, G_MAXUINT, &number);

    if (found > 0)
        *out = number;
    return found;
}

int
virXMLPropULL(xmlNodePtr node, const char *name, unsigned long long *out)
{
    guint64 number = 0;
    int found = virXMLPropBounded(node, name, G_MAXUINT64, &number);

    if (found > 0)
        *out = number;
    return found;
}

int
virXMLPropEnum(xmlNodePtr node, const char *name, const char *const *table, int count, int *out)
{
    g_autofree char *value = virXMLProp(node, name);
    GString *expected = NULL;

    if (!value)
        return 0;
    for (int i = 0; i < count; i++) {
        if (g_strcmp0(table[i], value) == 0) {
            *out = i;
            return 1;
        }
    }
    expected = g_string_new(NULL);
    for (int i = 0; i < count; i++) {
        if (table[i])
            g_string_append_printf(expected, "%s'%s'", expected->len > 0 ? ", " : "", table[i]);
    }
    virXMLPropInvalid(node, name, value, expected->str);
    g_string_free(expected, TRUE);
    return -1;
}

static int
virXMLPropSwitch(xmlNodePtr node, const char *name, const char *const names[2], bool *out)
{
    int index = 0;
    int found = virXMLPropEnum(node, name, names, 2, &index);

    if (found > 0)
        *out = index == 1;
    return found;
}

int
virXMLPropYesNo(xmlNodePtr node, const char *name, bool *out)
{
    static const char *const names[2] = { "no", "yes" };

    return virXMLPropSwitch(node, name, names, out);
}

int
virXMLPropOnOff(xmlNodePtr node, const char *name, bool *out)
{
    static const char *const names[2] = { "off", "on" };

    return virXMLPropSwitch(node, name, names, out);
}

/* libvirt's units: "b", "bytes"; "KB" is 1000; "K", "KiB" are 1024; so on up to E. 0: unknown. */
static unsigned long long
virXMLUnitBytes(const char *unit)
{
    static const char letters[] = "kmgtpe";
    const char *letter = NULL;
    unsigned long long base = 0;
    unsigned long long bytes = 1;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 ||
        g_ascii_strcasecmp(unit, "bytes") == 0)
        return 1;
    letter = *unit ? strchr(letters, g_ascii_tolower(*unit)) : NULL;
    if (!letter)
        return 0;
    if (unit[1] == '\0' || g_ascii_strcasecmp(unit + 1, "ib") == 0)
        base = 1024;
    else if (g_ascii_strcasecmp(unit + 1, "b") == 0)
        base = 1000;
    else
        return 0;
    for (const char *at = letters; at <= letter; at++)
        bytes *= base;
    return bytes;
}

int
virXMLTextScaled(xmlNodePtr node, unsigned long long defaultUnit, unsigned long long *bytes)
{
    g_autofree char *text = virXMLText(node);
    g_autofree char *unit = virXMLProp(node, "unit");
    unsigned long long scale = unit ? virXMLUnitBytes(unit) : defaultUnit;
    unsigned long long scaled = 0;
    guint64 number = 0;

    if (!node)
        return 0;
    if (scale == 0)
        return virXMLPropInvalid(node, "unit", unit, "b, bytes, KB, KiB, MB, MiB, ... EB, EiB");
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL)) {
        virReportError(VIR_ERR_XML_ERROR,
                       "Invalid value '%s' for element '%s': expected a non-negative integer", text,
                       (const char *)node->name);
        return -1;
    }
    if (__builtin_mul_overflow(number, scale, &scaled)) {
        virReportError(VIR_ERR_XML_ERROR,
                       "Value '%s' with unit '%s' for element '%s' is too large: it must be below "
                       "16 EiB", text, unit ? unit : "default", (const char *)node->name);
        return -1;
    }
    *bytes = scaled;
    return 1;
}

char *
virXMLShownName(const xmlChar *name, const xmlNs *ns)
{
    if (!ns)
        return g_strdup((const char *)name);
    if (xmlStrEqual(ns->href, BAD_CAST VIR_XML_NS_FLEECE))
        return g_strdup_printf("f:%s", (const char *)name);
    if (ns->prefix)
        return g_strdup_printf("%s:%s", (const char *)ns->prefix, (const char *)name);
    return g_strdup_printf("{%s}%s", (const char *)ns->href, (const char *)name);
}

/* Is the thing called @name with @ns in @list? A foreign namespace never is, whatever its prefix:
 * a document may well bind "f" to something else. */
static bool
virXMLListed(const char *shown, const xmlNs *ns, const char *list)
{
    size_t length = strlen(shown);

    if (ns && !xmlStrEqual(ns->href, BAD_CAST VIR_XML_NS_FLEECE))
        return false;
    for (const char *at = list; at && *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");

        if (word == length && strncmp(at, shown, word) == 0)
            return true;
        at += word;
    }
    return false;
}

static int
virXMLCheckAttributes(xmlNodePtr node, const char *attrs)
{
    for (xmlAttrPtr at = node->properties; at; at = at->next) {
        g_autofree char *shown = virXMLShownName(at->name, at->ns);

        if (virXMLListed(shown, at->ns, attrs))
            continue;
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported attribute '%s' in element <%s>",
                       shown, (const char *)node->name);
        return -1;
    }
    return 0;
}

static int
virXMLCheckChild(xmlNodePtr node, xmlNodePtr child, const char *children)
{
    g_autofree char *shown = virXMLShownName(child->name, child->ns);

    if (virXMLListed(shown, child->ns, children))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported element <%s> in <%s>", shown,
                   (const char *)node->name);
    return -1;
}

static int
virXMLCheckNoText(xmlNodePtr node, xmlNodePtr text)
{
    g_autofree char *shown = g_strstrip(g_strdup((const char *)text->content));

    if (xmlIsBlankNode(text))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported text '%s' in element <%s>", shown,
                   (const char *)node->name);
    return -1;
}

int
virXMLCheckKnown(xmlNodePtr node, const char *attrs, const char *children)
{
    bool textKnown = virXMLListed("#text", NULL, children);

    if (virXMLCheckAttributes(node, attrs) < 0)
        return -1;
    for (xmlNodePtr at = node->children; at; at = at->next) {
        bool text = at->type == XML_TEXT_NODE || at->type == XML_CDATA_SECTION_NODE;

        if (at->type == XML_ELEMENT_NODE && virXMLCheckChild(node, at, children) < 0)
            return -1;
        if (text && !textKnown && virXMLCheckNoText(node, at) < 0)
            return -1;
    }
    return 0;
}

int
virXMLCheckChildrenKnown(xmlNodePtr node, const char *names, const char *attrs,
                         const char *children)
{
    for (xmlNodePtr at = node->children; at; at = at->next) {
        g_autofree char *shown = NULL;

        if (at->type != XML_ELEMENT_NODE)
            continue;
        shown = virXMLShownName(at->name, at->ns);
        if (virXMLListed(shown, at->ns, names) && virXMLCheckKnown(at, attrs, children) < 0)
            return -1;
    }
    return 0;
}
