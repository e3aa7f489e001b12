/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Closed sets of words in XML; why refusals come in two codes is told in xml_enum.h. */
#include "xml_enum.h"

#include <string.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_XML

static bool
wordListed(const char *word, const char *list)
{
    g_auto(GStrv) words = NULL;

    if (!list)
        return false;
    if (strcmp(list, "*") == 0)
        return true;
    words = g_strsplit(list, " ", -1);
    return g_strv_contains((const char *const *)words, word);
}

int
virXMLEnumLookup(const char *word, const char *what, const char *const *table, int count,
                 const char *foreign)
{
    for (int i = 0; i < count; i++) {
        if (table[i] && strcmp(table[i], word) == 0)
            return i;
    }
    if (wordListed(word, foreign))
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported %s: '%s'", what, word);
    else
        virReportError(VIR_ERR_XML_ERROR, "unknown %s: '%s'", what, word);
    return -1;
}

int
virXMLEnumProp(xmlNodePtr node, const char *attr, const char *const *table, int count,
               const char *foreign, int *out)
{
    g_autofree char *word = virXMLProp(node, attr);
    g_autofree char *what = NULL;
    int found;

    if (!word)
        return 0;
    what = g_strdup_printf("value of attribute '%s' in element <%s>", attr, node->name);
    if ((found = virXMLEnumLookup(word, what, table, count, foreign)) < 0)
        return -1;
    if (out)
        *out = found;
    return 1;
}

char *
virXMLPropRequired(xmlNodePtr node, const char *attr)
{
    g_autofree char *text = virXMLProp(node, attr);

    if (!text || !*text) {
        virReportError(VIR_ERR_XML_ERROR, "missing attribute '%s' in element <%s>", attr,
                       (const char *)node->name);
        return NULL;
    }
    return g_steal_pointer(&text);
}

int
virXMLCheckOnce(xmlNodePtr node, const char *children)
{
    g_auto(GStrv) names = g_strsplit(children, " ", -1);

    for (char **name = names; *name; name++) {
        xmlNodePtr child = virXMLChild(node, *name);

        if (child && virXMLNext(child)) {
            virReportError(VIR_ERR_XML_ERROR, "element <%s> is given more than once in <%s>", *name,
                           (const char *)node->name);
            return -1;
        }
    }
    return 0;
}
