/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing in a <domain> is dropped in silence. Every element of the documents that the parser reads
 * gets, one at a time: an attribute, a child and a text nobody knows, which must be refused by
 * name; another value for each attribute and text, and a twin, which must be refused or show in the
 * output. What is inside <metadata> is other people's and left alone.
 */
#include <string.h>

#include "conftestlib.h"
#include "domain_def.h"
#include "virerror_report.h"
#include "virxml.h"

#define DATA "domainxmldata"
#define ODD "zz"

static const char *const documents[] = {
    "minimal.xml",    "pc-full.live.xml", "q35-full.live.xml", "q35-stock-live.xml",
    "chain.live.xml", "nbd.live.xml", "data-store.live.xml", "buses.xml",        "consoles.xml",      "metadata.xml",
    "kernel.xml",     "cpu-host.xml",     "user-alias.xml",    "running.live.xml",
};

/* Read by nobody, on purpose: the parent and the attribute, or the element that may have a twin. */
static const struct {
    const char *element;
    const char *attr;
    const char *why;
} deaf[] = {
    {"console", "tty", "repeats <source path> of a running pty"},
    {"boot", NULL, "the same device a second time says nothing new, as for libvirt"},
};

static bool
deafTo(const char *element, const char *attr)
{
    for (size_t i = 0; i < G_N_ELEMENTS(deaf); i++) {
        if (strcmp(deaf[i].element, element) == 0 && g_strcmp0(deaf[i].attr, attr) == 0)
            return true;
    }
    return false;
}

static bool
hasOwnText(xmlNodePtr node)
{
    for (xmlNodePtr at = node->children; at; at = at->next) {
        if (at->type == XML_TEXT_NODE && !xmlIsBlankNode(at))
            return true;
    }
    return false;
}

/* What the parser makes of the document now: (owned) text, or NULL with the thread's error. */
static char *
outcome(xmlDocPtr doc)
{
    g_autofree char *xml = virXMLNodeFormat(xmlDocGetRootElement(doc));
    g_autoptr(virDomainDef) def = virDomainDefParse(xml, VIR_DOMAIN_PARSE_LIVE);

    return def ? virDomainDefFormat(def, VIR_DOMAIN_FORMAT_LIVE) : NULL;
}

/* The refusal must name the odd thing and where it stands. (Text may be found bad before it is
 * found out of place.) */
static void
assertNamed(xmlDocPtr doc, const char *what, const char *odd, const char *element)
{
    g_autofree char *text = outcome(doc);
    g_autofree char *place = g_strdup_printf("<%s>", element);
    const char *message = virErrorLastMessage();
    bool refused =
        !text && (virErrorLastCode() == VIR_ERR_CONFIG_UNSUPPORTED ||
                  (strcmp(what, "text") == 0 && virErrorLastCode() == VIR_ERR_XML_ERROR));

    if (!refused || !strstr(message, odd) || !strstr(message, place)) {
        g_test_message("%s of <%s> was not refused by name: %s", what, element,
                       text ? "accepted" : message);
        g_test_fail();
    }
    virErrorReset();
}

static void
assertHeard(xmlDocPtr doc, const char *before, const char *what, xmlNodePtr node)
{
    g_autofree char *text = outcome(doc);

    if (g_strcmp0(text, before) == 0) {
        g_test_message("%s of <%s> in <%s> makes no difference", what, (const char *)node->name,
                       (const char *)node->parent->name);
        g_test_fail();
    }
    virErrorReset();
}

static void
tryAdditions(xmlDocPtr doc, xmlNodePtr node)
{
    const char *name = (const char *)node->name;
    xmlAttrPtr attr = xmlNewProp(node, BAD_CAST ODD, BAD_CAST "1");
    xmlNodePtr child;

    assertNamed(doc, "attribute", "'" ODD "'", name);
    xmlRemoveProp(attr);
    child = xmlNewChild(node, NULL, BAD_CAST ODD, NULL);
    assertNamed(doc, "child", "<" ODD ">", name);
    xmlUnlinkNode(child);
    xmlFreeNode(child);
    if (hasOwnText(node))
        return;
    child = xmlAddChild(node, xmlNewText(BAD_CAST " " ODD " "));
    assertNamed(doc, "text", "'" ODD "'", name);
    xmlUnlinkNode(child);
    xmlFreeNode(child);
}

static void
tryAttribute(xmlDocPtr doc, const char *before, xmlNodePtr node, xmlAttrPtr attr)
{
    g_autofree char *name = virXMLShownName(attr->name, attr->ns);
    g_autofree char *value = virXMLProp(node, name);
    g_autofree char *what = g_strdup_printf("value of attribute '%s'", name);

    if (deafTo((const char *)node->name, name))
        return;
    xmlSetNsProp(node, attr->ns, attr->name, BAD_CAST "/" ODD);
    assertHeard(doc, before, what, node);
    xmlSetNsProp(node, attr->ns, attr->name, BAD_CAST value);
}

static void
tryValues(xmlDocPtr doc, const char *before, xmlNodePtr node)
{
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next)
        tryAttribute(doc, before, node, attr);
    if (hasOwnText(node)) {
        xmlNodePtr more = xmlAddChild(node, xmlNewCDataBlock(doc, BAD_CAST ODD, strlen(ODD)));

        assertHeard(doc, before, "text", node);
        xmlUnlinkNode(more);
        xmlFreeNode(more);
    }
}

static void
tryTwin(xmlDocPtr doc, const char *before, xmlNodePtr node)
{
    xmlNodePtr twin;

    if (node == xmlDocGetRootElement(doc) || deafTo((const char *)node->name, NULL))
        return;
    twin = xmlAddNextSibling(node, xmlCopyNode(node, 1));
    assertHeard(doc, before, "twin", node);
    xmlUnlinkNode(twin);
    xmlFreeNode(twin);
}

/* Returns: how many elements were tried. */
static int
tryElements(xmlDocPtr doc, const char *before, xmlNodePtr node)
{
    int tried = 1;

    if (xmlStrEqual(node->name, BAD_CAST "metadata"))
        return 0;
    tryAdditions(doc, node);
    tryValues(doc, before, node);
    tryTwin(doc, before, node);
    for (xmlNodePtr child = xmlFirstElementChild(node); child; child = xmlNextElementSibling(child))
        tried += tryElements(doc, before, child);
    return tried;
}

static void
testDocument(gconstpointer data)
{
    g_autofree char *xml = confTestRead(DATA, data);
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain)", "domain");
    g_autofree char *before = outcome(doc);
    g_autofree char *after = NULL;

    g_assert_nonnull(before);
    g_assert_cmpint(tryElements(doc, before, xmlDocGetRootElement(doc)), >, 5);
    after = outcome(doc);
    g_assert_cmpstr(after, ==, before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *path = g_strdup_printf("/domainstrict/%s", documents[i]);

        g_test_add_data_func(path, documents[i], testDocument);
    }
    return g_test_run();
}
