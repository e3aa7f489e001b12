/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML: hostile documents are refused for the right reason, accessors tell absent from wrong. */
#include <string.h>
#include <libvirt/virterror.h>

#include "virbuffer.h"
#include "virerror_report.h"
#include "virxml.h"

static void
expectRefused(const char *text, int code, const char *message)
{
    virErrorReset();
    g_assert_null(virXMLParse(text, "(domain_definition)", "domain"));
    g_assert_cmpint(virErrorLastCode(), ==, code);
    g_assert_cmpstr(virErrorLastMessage(), ==, message);
}

/* The first four are what libvirt 9.0's own library answers to these documents. */
static void
testPosition(void)
{
    expectRefused("<domain>\n <a>\n</domain>", VIR_ERR_XML_DETAIL,
                  "(domain_definition):3: Opening and ending tag mismatch: a line 2 and domain\n"
                  "</domain>\n---------^");
    expectRefused("<domain>", VIR_ERR_XML_DETAIL,
                  "(domain_definition):1: Premature end of data in tag domain line 1\n"
                  "<domain>\n--------^");
    expectRefused("<domain>\n  <name>a</name>\t<x y=3 z=\"1\"/></domain>", VIR_ERR_XML_DETAIL,
                  "(domain_definition):2: AttValue: \" or ' expected\n"
                  "  <name>a</name>\t<x y=3 z=\"1\"/></domain>\n"
                  "----------------\t-----^");
    expectRefused("<domain></domain><b/>", VIR_ERR_XML_DETAIL,
                  "(domain_definition):1: Extra content at the end of the document\n"
                  "<domain></domain><b/>\n-----------------^");
    expectRefused("", VIR_ERR_XML_DETAIL, "(domain_definition):1: Document is empty\n\n^");
    expectRefused("<foo/>", VIR_ERR_XML_ERROR,
                  "XML error: expecting root element of 'domain', not 'foo'");
    expectRefused("<domain xmlns='urn:x'/>", VIR_ERR_XML_ERROR,
                  "XML error: expecting root element of 'domain', not 'domain' of namespace "
                  "'urn:x'");
}

static void
testEncoding(void)
{
    static const char *const broken[] = {
        "<domain>\xc3</domain>", "<domain>\xe2\x82</domain>", "<domain>\xff\xfe</domain>",
        "<domain>\x01</domain>", "<domain>&#0;</domain>", "<domain>\xc3", "<dom\xf0\x9f",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        virErrorReset();
        g_assert_null(virXMLParse(broken[i], "(x)", NULL));
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_XML_DETAIL);
        g_assert_true(g_str_has_prefix(virErrorLastMessage(), "(x):1: "));
        g_assert_true(g_utf8_validate(virErrorLastMessage(), -1, NULL));
    }
}

static void
testDocType(void)
{
    static const char *const reason =
        "XML error: (domain_definition): a document type declaration (<!DOCTYPE) is not allowed";

    expectRefused("<!DOCTYPE domain><domain/>", VIR_ERR_XML_ERROR, reason);
    expectRefused("<?xml version='1.0'?><!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>",
                  VIR_ERR_XML_ERROR, reason);
    expectRefused("<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
                  "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>"
                  "<domain>&d;&d;&d;&d;</domain>",
                  VIR_ERR_XML_ERROR, reason);
    expectRefused("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>",
                  VIR_ERR_XML_ERROR, reason);
    expectRefused("<!DOCTYPE d [<!ENTITY % p SYSTEM 'http://127.0.0.1/'> %p;]><domain/>",
                  VIR_ERR_XML_ERROR, reason);
    expectRefused("<domain>&nope;</domain>", VIR_ERR_XML_DETAIL,
                  "(domain_definition):1: Entity 'nope' not defined\n"
                  "<domain>&nope;</domain>\n--------------^");
}

static char *
nested(int depth)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < depth; i++)
        g_string_append(text, "<domain>");
    for (int i = 0; i < depth; i++)
        g_string_append(text, "</domain>");
    return g_string_free(text, FALSE);
}

static void
testBounds(void)
{
    g_autofree char *fits = nested(VIR_XML_MAX_DEPTH);
    g_autofree char *deep = nested(VIR_XML_MAX_DEPTH + 1);
    g_autofree char *abyss = nested(100000);
    g_autofree char *padding = g_strnfill(VIR_XML_MAX_BYTES, ' ');
    g_autofree char *large = g_strconcat("<domain>", padding, "</domain>", NULL);
    g_autoptr(xmlDoc) doc = virXMLParse(fits, "(d)", "domain");

    g_assert_nonnull(doc);
    expectRefused(deep, VIR_ERR_XML_ERROR,
                  "XML error: (domain_definition): elements are nested deeper than 64 levels");
    expectRefused(abyss, VIR_ERR_XML_ERROR,
                  "XML error: (domain_definition): elements are nested deeper than 64 levels");
    expectRefused(large, VIR_ERR_XML_ERROR,
                  "XML error: (domain_definition) is larger than 4194304 bytes");
}

/* A fault in a long line must not put the whole line into the message. */
static void
testLongLine(void)
{
    g_autofree char *padding = g_strnfill(100000, 'x');
    g_autofree char *text =
        g_strconcat("<domain a='", padding, "' b=3/><!--", padding, "-->", NULL);

    g_assert_null(virXMLParse(text, "(d)", "domain"));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_XML_DETAIL);
    g_assert_cmpuint(strlen(virErrorLastMessage()), <, 500);
    g_assert_true(g_str_has_suffix(virErrorLastMessage(), "-^"));
}

static const char *const sample =
    "<domain xmlns:f='urn:fleece:1' xmlns:o='urn:other' type='kvm' n='12' neg='-1' big='4294967296'"
    " yes='yes' on='on' bad='maybe' empty='' f:scope='changed'>\n"
    "  <f:name>ours</f:name>\n"
    "  <o:name>theirs</o:name>\n"
    "  <name> <!-- c -->vm<![CDATA[<1>]]>&amp;<sub>no</sub> </name>\n"
    "  <disk i='0'/><other/><disk i='1'/><f:disk/><disk i='2'/>\n"
    "  <mem unit='MiB'>16</mem><mem>16</mem><mem unit='kb'>3</mem><mem unit='q'>3</mem>"
    "<mem unit='EiB'>16</mem><mem>x</mem><mem unit='EiB'>15</mem>\n"
    "</domain>";

static void
testElements(void)
{
    g_autoptr(xmlDoc) doc = virXMLParse(sample, "(d)", "domain");
    xmlNodePtr root = xmlDocGetRootElement(doc);
    g_autofree char *name = virXMLChildText(root, "name");
    g_autofree char *ours = virXMLText(virXMLChildFleece(root, "name"));
    g_autofree char *scope = virXMLProp(root, "f:scope");
    g_autofree char *none = virXMLProp(root, "scope");
    int disks = 0;

    g_assert_cmpstr(name, ==, "vm<1>&");
    g_assert_cmpstr(ours, ==, "ours");
    g_assert_cmpstr(scope, ==, "changed");
    g_assert_null(none);
    g_assert_null(virXMLChild(root, "absent"));
    g_assert_null(virXMLChildFleece(root, "other"));
    g_assert_null(virXMLChild(NULL, "x"));
    g_assert_null(virXMLText(NULL));
    g_assert_null(virXMLChildText(root, "absent"));
    for (xmlNodePtr at = virXMLChild(root, "disk"); at; at = virXMLNext(at)) {
        unsigned int i = 99;

        g_assert_cmpint(virXMLPropUInt(at, "i", &i), ==, 1);
        g_assert_cmpuint(i, ==, disks++);
    }
    g_assert_cmpint(disks, ==, 3);
}

static void
expectError(int rc, int code, const char *message)
{
    g_assert_cmpint(rc, ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, code);
    g_assert_cmpstr(virErrorLastMessage(), ==, message);
    virErrorReset();
}

static void
testAttributes(void)
{
    static const char *const types[] = { "qemu", NULL, "kvm" };
    g_autoptr(xmlDoc) doc = virXMLParse(sample, "(d)", "domain");
    xmlNodePtr root = xmlDocGetRootElement(doc);
    unsigned int u = 77;
    unsigned long long ull = 77;
    int index = 77;
    bool flag = false;

    g_assert_cmpint(virXMLPropUInt(root, "absent", &u), ==, 0);
    expectError(virXMLPropUInt(root, "neg", &u), VIR_ERR_XML_ERROR,
                "XML error: Invalid value for attribute 'neg' in element 'domain': '-1'. "
                "Expected non-negative integer value up to 4294967295");
    expectError(virXMLPropUInt(root, "big", &u), VIR_ERR_XML_ERROR,
                "XML error: Invalid value for attribute 'big' in element 'domain': '4294967296'. "
                "Expected non-negative integer value up to 4294967295");
    expectError(virXMLPropULL(root, "empty", &ull), VIR_ERR_XML_ERROR,
                "XML error: Invalid value for attribute 'empty' in element 'domain': ''. "
                "Expected non-negative integer value up to 18446744073709551615");
    g_assert_cmpuint(u, ==, 77);
    g_assert_cmpuint(ull, ==, 77);
    g_assert_cmpint(virXMLPropULL(root, "big", &ull), ==, 1);
    g_assert_cmpuint(ull, ==, 4294967296ULL);
    g_assert_cmpint(virXMLPropYesNo(root, "yes", &flag), ==, 1);
    g_assert_true(flag);
    flag = false;
    g_assert_cmpint(virXMLPropOnOff(root, "on", &flag), ==, 1);
    g_assert_true(flag);
    expectError(virXMLPropYesNo(root, "on", &flag), VIR_ERR_XML_ERROR,
                "XML error: Invalid value for attribute 'on' in element 'domain': 'on'. "
                "Expected 'no', 'yes'");
    g_assert_cmpint(virXMLPropEnum(root, "type", types, 3, &index), ==, 1);
    g_assert_cmpint(index, ==, 2);
    expectError(virXMLPropEnum(root, "bad", types, 3, &index), VIR_ERR_XML_ERROR,
                "XML error: Invalid value for attribute 'bad' in element 'domain': 'maybe'. "
                "Expected 'qemu', 'kvm'");
}

static void
testScaled(void)
{
    /* in the order of the <mem> elements of the sample; 0: refused */
    static const unsigned long long wanted[] = {
        16ULL << 20, 16ULL << 10, 3000, 0, 0, 0, 15ULL << 60,
    };
    g_autoptr(xmlDoc) doc = virXMLParse(sample, "(d)", "domain");
    xmlNodePtr at = virXMLChild(xmlDocGetRootElement(doc), "mem");

    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++, at = virXMLNext(at)) {
        unsigned long long bytes = 77;

        g_assert_cmpint(virXMLTextScaled(at, 1024, &bytes), ==, wanted[i] ? 1 : -1);
        g_assert_cmpuint(bytes, ==, wanted[i] ? wanted[i] : 77);
    }
    g_assert_null(at);
    g_assert_cmpint(virXMLTextScaled(NULL, 1024, NULL), ==, 0);
}

static void
testKnown(void)
{
    g_autoptr(xmlDoc) doc = virXMLParse(
        "<disk xmlns:f='urn:other' xmlns:g='urn:fleece:1' type='a' g:x='1'><src/><g:opt/></disk>",
        "(d)", "disk");
    g_autoptr(xmlDoc) foreign = virXMLParse("<disk xmlns:f='urn:other'><f:opt/></disk>", "(d)",
                                            "disk");
    xmlNodePtr root = xmlDocGetRootElement(doc);

    g_assert_cmpint(virXMLCheckKnown(root, "type f:x", "f:opt src"), ==, 0);
    expectError(virXMLCheckKnown(root, "typ f:x types", "f:opt src"), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported attribute 'type' in element <disk>");
    expectError(virXMLCheckKnown(root, "type", "f:opt src"), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported attribute 'f:x' in element <disk>");
    expectError(virXMLCheckKnown(root, NULL, NULL), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported attribute 'type' in element <disk>");
    expectError(virXMLCheckKnown(root, "type f:x", NULL), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported element <src> in <disk>");
    expectError(virXMLCheckKnown(root, "type f:x", "src"), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported element <f:opt> in <disk>");
    expectError(virXMLCheckKnown(xmlDocGetRootElement(foreign), NULL, "f:opt opt"),
                VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported element <f:opt> in <disk>");
}

static void
testKnownText(void)
{
    g_autoptr(xmlDoc) doc = virXMLParse("<d> <!-- c --> <n>x<![CDATA[y]]></n><n a='1'/>\n</d>", "(d)",
                                        "d");
    xmlNodePtr root = xmlDocGetRootElement(doc);
    xmlNodePtr first = virXMLChild(root, "n");

    g_assert_cmpint(virXMLCheckKnown(root, NULL, "n"), ==, 0);
    g_assert_cmpint(virXMLCheckKnown(first, NULL, "#text"), ==, 0);
    expectError(virXMLCheckKnown(first, NULL, NULL), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported text 'x' in element <n>");
    g_assert_cmpint(virXMLCheckChildrenKnown(root, "m n", "a", "#text"), ==, 0);
    g_assert_cmpint(virXMLCheckChildrenKnown(root, "m", NULL, NULL), ==, 0);
    expectError(virXMLCheckChildrenKnown(root, "m n", NULL, "#text"), VIR_ERR_CONFIG_UNSUPPORTED,
                "unsupported configuration: unsupported attribute 'a' in element <n>");
}

/* What is cut out of a document still declares its namespaces. */
static void
testNodeFormat(void)
{
    g_autoptr(xmlDoc) doc = virXMLParse(
        "<domain xmlns:o='urn:o'><o:app a='&lt;'><o:b>x &amp; y</o:b></o:app></domain>", "(d)",
        "domain");
    g_autofree char *text =
        virXMLNodeFormat(xmlDocGetRootElement(doc)->children);
    g_autoptr(xmlDoc) again = virXMLParse(text, "(again)", NULL);

    g_assert_nonnull(again);
    g_assert_cmpstr(text, ==,
                    "<o:app xmlns:o=\"urn:o\" a=\"&lt;\"><o:b>x &amp; y</o:b></o:app>");
}

/* What virBuffer escapes, the parser gives back. */
static void
testEscapeRoundTrip(void)
{
    static const char *const text = "a<b>&\"'\n\tc\rd \xc3\xa9 \xf0\x9f\x98\x80";
    g_auto(virBuffer) buffer = VIR_BUFFER_INITIALIZER;
    g_autofree char *formatted = NULL;
    g_autofree char *back = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    virBufferEscapeString(&buffer, "<a>%s</a>", text);
    formatted = virBufferContentAndReset(&buffer);
    doc = virXMLParse(formatted, "(d)", "a");
    g_assert_nonnull(doc);
    back = virXMLText(xmlDocGetRootElement(doc));
    g_assert_cmpstr(back, ==, text);
}

static void
quiet(void *opaque, virErrorPtr error)
{
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    g_test_add_func("/xml/position", testPosition);
    g_test_add_func("/xml/encoding", testEncoding);
    g_test_add_func("/xml/doctype", testDocType);
    g_test_add_func("/xml/bounds", testBounds);
    g_test_add_func("/xml/long-line", testLongLine);
    g_test_add_func("/xml/elements", testElements);
    g_test_add_func("/xml/attributes", testAttributes);
    g_test_add_func("/xml/scaled", testScaled);
    g_test_add_func("/xml/known", testKnown);
    g_test_add_func("/xml/known-text", testKnownText);
    g_test_add_func("/xml/node-format", testNodeFormat);
    g_test_add_func("/xml/escape-round-trip", testEscapeRoundTrip);
    return g_test_run();
}
