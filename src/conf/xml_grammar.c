/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking a document along its grammar; what the tables mean is told in xml_grammar.h. */
#include "xml_grammar.h"

#include <string.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_XML

const char *
virXMLAnyText(const char *value)
{
    return NULL;
}

static bool
decimalUpTo(const char *value, guint64 max)
{
    g_autofree char *stripped = g_strstrip(g_strdup(value));

    return g_ascii_string_to_unsigned(stripped, 10, 0, max, NULL, NULL);
}

const char *
virXMLUnsignedInt(const char *value)
{
    return decimalUpTo(value, G_MAXUINT32) ? NULL : "a number from 0 to 4294967295";
}

const char *
virXMLUnsignedLong(const char *value)
{
    return decimalUpTo(value, G_MAXINT64) ? NULL : "a number from 0 to 9223372036854775807";
}

const char *
virXMLAbsolutePath(const char *value)
{
    bool good = g_path_is_absolute(value) && value[1];

    for (const char *c = value; *c; c++)
        good = good && !g_ascii_iscntrl(*c);
    return good ? NULL : "an absolute path without control characters";
}

const char *
virXMLDiskTarget(const char *value)
{
    static const char *const prefixes[] = {"vd", "sd", "hd", "xvd", "fd", "ubd"};

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        const char *rest = value + strlen(prefixes[i]);

        if (g_str_has_prefix(value, prefixes[i]) && *rest &&
            !rest[strspn(rest, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_")])
            return NULL;
    }
    return "the target name of a disk, such as 'vda',";
}

static bool
wordListed(const char *word, const char *list)
{
    g_auto(GStrv) words = g_strsplit(list ? list : "", " ", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* "a b c" as "'a' or 'b' or 'c'". */
static char *
wordsShown(const char *list)
{
    g_auto(GStrv) words = g_strsplit(list, " ", -1);
    g_autofree char *joined = g_strjoinv("' or '", words);

    return g_strdup_printf("'%s'", joined);
}

/* The element as messages show it; with its name if it has one, as there may be many. */
static char *
elementShown(xmlNodePtr node)
{
    g_autofree char *name = virXMLProp(node, "name");

    return name ? g_markup_printf_escaped("<%s name='%s'>", (const char *)node->name, name)
                : g_strdup_printf("<%s>", (const char *)node->name);
}

#define FAULT(...)                                                                                 \
    do {                                                                                           \
        virReportError(VIR_ERR_XML_INVALID_SCHEMA, __VA_ARGS__);                                   \
        return -1;                                                                                 \
    } while (0)

static int
foreignReport(xmlNodePtr node, const virXMLAttrRule *rule, const char *value)
{
    g_autofree char *shown = elementShown(node);

    if (rule->note)
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s", rule->note);
    else
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "unsupported value '%s' of attribute '%s' in element %s", value, rule->name,
                       shown);
    return -1;
}

static int
valueCheck(xmlNodePtr node, const virXMLAttrRule *rule, const char *value)
{
    g_autofree char *shown = elementShown(node);
    g_autofree char *words = rule->words ? wordsShown(rule->words) : NULL;
    g_autofree char *range = NULL;
    const char *wanted = rule->check ? rule->check(value) : NULL;

    if (wordListed(value, rule->foreign))
        return foreignReport(node, rule, value);
    if (rule->words && !wordListed(value, rule->words))
        wanted = words;
    if (rule->max > 0 && !g_ascii_string_to_unsigned(value, 10, rule->min, rule->max, NULL, NULL))
        wanted = range = g_strdup_printf("a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                                         rule->min, rule->max);
    if (wanted)
        FAULT("invalid value '%s' of attribute '%s' in element %s: %s is wanted", value, rule->name,
              shown, wanted);
    return 0;
}

static const virXMLAttrRule *
attrRuleFind(const virXMLAttrRule *rules, const char *name)
{
    for (const virXMLAttrRule *rule = rules; rule && rule->name; rule++) {
        if (strcmp(rule->name, name) == 0)
            return rule;
    }
    return NULL;
}

static int
attrCheck(xmlNodePtr node, const xmlAttr *attr, const virXMLAttrRule *rules)
{
    g_autofree char *name = virXMLShownName(attr->name, attr->ns);
    const virXMLAttrRule *rule = attr->ns ? NULL : attrRuleFind(rules, name);
    g_autofree char *value = rule ? virXMLProp(node, name) : NULL;
    g_autofree char *shown = elementShown(node);

    if (!rule)
        FAULT("unknown attribute '%s' in element %s", name, shown);
    if (rule->flags & VIR_XML_RULE_FORBIDDEN)
        FAULT("attribute '%s' in element %s: %s", name, shown, rule->note);
    return valueCheck(node, rule, value);
}

static int
attrsCheck(xmlNodePtr node, const virXMLAttrRule *rules)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        if (attrCheck(node, attr, rules) < 0)
            return -1;
    }
    for (const virXMLAttrRule *rule = rules; rule && rule->name; rule++) {
        g_autofree char *shown = elementShown(node);

        if ((rule->flags & VIR_XML_RULE_REQUIRED) && !xmlHasNsProp(node, BAD_CAST rule->name, NULL))
            FAULT("missing attribute '%s' in element %s", rule->name, shown);
    }
    return 0;
}

/* A foreign namespace is never ours, whatever its prefix. */
static const virXMLElementRule *
childRuleFind(const virXMLElementRule *rules, xmlNodePtr child)
{
    g_autofree char *name = virXMLShownName(child->name, child->ns);

    if (child->ns && !xmlStrEqual(child->ns->href, BAD_CAST VIR_XML_NS_FLEECE))
        return NULL;
    for (const virXMLElementRule *rule = rules; rule && rule->name; rule++) {
        if (strcmp(rule->name, name) == 0)
            return rule;
    }
    return NULL;
}

static int
childCheck(xmlNodePtr node, xmlNodePtr child, const virXMLElementRule *rules)
{
    const virXMLElementRule *rule = childRuleFind(rules, child);
    g_autofree char *name = virXMLShownName(child->name, child->ns);
    g_autofree char *shown = elementShown(node);

    if (!rule)
        FAULT("unknown element <%s> in %s", name, shown);
    if (rule->flags & VIR_XML_RULE_FOREIGN) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported element <%s> in %s", name, shown);
        return -1;
    }
    if (rule->flags & VIR_XML_RULE_FORBIDDEN)
        FAULT("element <%s> in %s: %s", name, shown, rule->note);
    if (!(rule->flags & VIR_XML_RULE_MANY) && virXMLNext(child))
        FAULT("element <%s> is given more than once in %s", name, shown);
    return rule->flags & VIR_XML_RULE_OPAQUE ? 0 : virXMLGrammarCheck(child, rule);
}

static bool
childThere(xmlNodePtr node, const char *name)
{
    return g_str_has_prefix(name, "f:") ? virXMLChildFleece(node, name + 2) != NULL
                                        : virXMLChild(node, name) != NULL;
}

static int
childrenCheck(xmlNodePtr node, const virXMLElementRule *rules, bool textAllowed)
{
    g_autofree char *shown = elementShown(node);

    for (xmlNodePtr child = node->children; child; child = child->next) {
        bool text = child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE;

        if (text && !textAllowed && !xmlIsBlankNode(child))
            FAULT("text in %s, which holds elements only", shown);
        if (child->type == XML_ELEMENT_NODE && childCheck(node, child, rules) < 0)
            return -1;
    }
    for (const virXMLElementRule *rule = rules; rule && rule->name; rule++) {
        if (!(rule->flags & VIR_XML_RULE_REQUIRED) || childThere(node, rule->name))
            continue;
        if (rule->note)
            FAULT("%s", rule->note);
        FAULT("missing element <%s> in %s", rule->name, shown);
    }
    return 0;
}

static int
textCheck(xmlNodePtr node, virXMLValueCheck check)
{
    xmlChar *content = xmlNodeGetContent(node);
    g_autofree char *value = g_strdup(content ? (const char *)content : "");
    const char *wanted = check(value);

    xmlFree(content);
    if (wanted)
        FAULT("invalid value '%s' in element <%s> of <%s>: %s is wanted", value,
              (const char *)node->name, (const char *)node->parent->name, wanted);
    return 0;
}

int
virXMLGrammarCheck(xmlNodePtr node, const virXMLElementRule *rule)
{
    if (attrsCheck(node, rule->attrs) < 0 ||
        childrenCheck(node, rule->children, rule->text != NULL) < 0)
        return -1;
    if (rule->text && textCheck(node, rule->text) < 0)
        return -1;
    return rule->extra ? rule->extra(node) : 0;
}
