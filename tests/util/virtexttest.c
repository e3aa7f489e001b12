/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small text forms: buffers with indentation, UUIDs, configuration files. */
#include <string.h>
#include <libvirt/virterror.h>

#include "virbuffer.h"
#include "virconf.h"
#include "virerror_report.h"
#include "viruuid.h"

static void
expectBuffer(virBuffer *buffer, const char *wanted)
{
    g_autofree char *text = virBufferContentAndReset(buffer);

    g_assert_cmpstr(text, ==, wanted);
    g_assert_null(buffer->text);
    g_assert_cmpint(buffer->indent, ==, 0);
}

static void
testBufferIndent(void)
{
    g_auto(virBuffer) buffer = VIR_BUFFER_INITIALIZER;

    expectBuffer(&buffer, "");
    virBufferAdd(&buffer, "<a>\n");
    virBufferAdjustIndent(&buffer, 2);
    virBufferAsprintf(&buffer, "<b n='%d'", 1);
    virBufferAdd(&buffer, "/>\n");
    virBufferAdd(&buffer, "");
    virBufferAdd(&buffer, NULL);
    virBufferAddLines(&buffer, "<c>\n  <d/>\n\n</c>\n<e/>");
    virBufferAdd(&buffer, "\n");
    virBufferAdjustIndent(&buffer, -2);
    virBufferAdd(&buffer, "</a>\n");
    virBufferAdjustIndent(&buffer, -5);
    expectBuffer(&buffer, "<a>\n  <b n='1'/>\n  <c>\n    <d/>\n\n  </c>\n  <e/>\n</a>\n");
}

static void
testBufferEscape(void)
{
    g_auto(virBuffer) buffer = VIR_BUFFER_INITIALIZER;

    virBufferAdjustIndent(&buffer, 1);
    virBufferEscapeString(&buffer, "<none>%s</none>", NULL);
    virBufferEscapeString(&buffer, "<a>%s</a>\n", "<&>\"'\r\x01\x1b%s");
    virBufferEscapeString(&buffer, "<b>%s</b>", "two\nlines");
    virBufferEscapeString(&buffer, "<c>%s</c>", "bad\xff");
    expectBuffer(&buffer, " <a>&lt;&amp;&gt;&quot;&apos;&#13;%s</a>\n <b>two\nlines</b>"
                          "<c>bad\xef\xbf\xbd</c>");
}

static void
testUUID(void)
{
    static const char *const good = "00112233-4455-6677-8899-aabbccddeeff";
    static const char *const bad[] = {
        "", " ", "00112233", "00112233-4455-6677-8899-aabbccddeef",
        "g0112233445566778899aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeeff0", "00112233--4455-6677-8899-aabbccddeeff",
        "0-0112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff-", NULL,
    };
    unsigned char uuid[VIR_UUID_BUFLEN] = { 0 };
    unsigned char other[VIR_UUID_BUFLEN] = { 0 };
    char text[VIR_UUID_STRING_BUFLEN] = "";

    g_assert_cmpint(virUUIDParse(good, uuid), ==, 0);
    g_assert_cmpstr(virUUIDFormat(uuid, text), ==, good);
    g_assert_cmpint(virUUIDParse(" 00112233445566778899AABBCCDDEEFF\n", uuid), ==, 0);
    g_assert_cmpstr(virUUIDFormat(uuid, text), ==, good);
    for (size_t i = 0; bad[i]; i++) {
        g_assert_cmpint(virUUIDParse(bad[i], uuid), ==, -1);
        g_assert_cmpstr(virUUIDFormat(uuid, text), ==, good);
    }
    virUUIDGenerate(uuid);
    virUUIDGenerate(other);
    g_assert_cmpint(memcmp(uuid, other, sizeof(uuid)), !=, 0);
    g_assert_cmpint(uuid[6] >> 4, ==, 4);
    g_assert_cmpint(uuid[8] >> 6, ==, 2);
}

static const char *const sampleConf =
    "# comment\n"
    "name = \"it's # not a comment\"   # a comment\n"
    "\n"
    "quoted='say \"hi\"'\r\n"
    "  number =\t12\n"
    "big = 18446744073709551615\n"
    "flag = 1\n"
    "list = [ \"a\", # first\n  'b',\n]\n"
    "empty = []\n"
    "neg = -1\n"
    "twice = 1\n"
    "twice = 2";

static void
testConfValues(void)
{
    static const char *const known[] = { "name", "quoted", "number", "big", "flag", "list", "empty",
                                         "neg", "twice", NULL };
    g_autoptr(virConf) conf = virConfParse(sampleConf, "x.conf");
    g_autofree char *name = NULL;
    g_autofree char *quoted = NULL;
    g_auto(GStrv) list = NULL;
    g_auto(GStrv) empty = NULL;
    unsigned int number = 0;
    unsigned long long big = 0;
    bool flag = false;

    g_assert_nonnull(conf);
    g_assert_cmpint(virConfGetString(conf, "name", &name), ==, 1);
    g_assert_cmpstr(name, ==, "it's # not a comment");
    g_assert_cmpint(virConfGetString(conf, "quoted", &quoted), ==, 1);
    g_assert_cmpstr(quoted, ==, "say \"hi\"");
    g_assert_cmpint(virConfGetUInt(conf, "number", &number), ==, 1);
    g_assert_cmpuint(number, ==, 12);
    g_assert_cmpint(virConfGetULL(conf, "big", &big), ==, 1);
    g_assert_cmpuint(big, ==, G_MAXUINT64);
    g_assert_cmpint(virConfGetBool(conf, "flag", &flag), ==, 1);
    g_assert_true(flag);
    g_assert_cmpint(virConfGetStringList(conf, "list", &list), ==, 1);
    g_assert_cmpuint(g_strv_length(list), ==, 2);
    g_assert_cmpstr(list[1], ==, "b");
    g_assert_cmpint(virConfGetStringList(conf, "empty", &empty), ==, 1);
    g_assert_cmpuint(g_strv_length(empty), ==, 0);
    g_assert_cmpint(virConfGetUInt(conf, "twice", &number), ==, 1);
    g_assert_cmpuint(number, ==, 2);
    g_assert_cmpint(virConfGetUInt(conf, "absent", &number), ==, 0);
    g_assert_cmpint(virConfCheckKnown(conf, known), ==, 0);
}

static void
expectConfError(const char *message)
{
    g_autofree char *wanted = g_strconcat("configuration file syntax error: ", message, NULL);

    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_CONF_SYNTAX);
    g_assert_cmpstr(virErrorLastMessage(), ==, wanted);
    virErrorReset();
}

static void
testConfTypes(void)
{
    static const char *const known[] = { "name", NULL };
    g_autoptr(virConf) conf = virConfParse("name='x'\nnumber = 12\nneg = -1\nlist=[]", "x.conf");
    g_autofree char *text = NULL;
    unsigned int number = 77;
    bool flag = true;

    g_assert_cmpint(virConfGetString(conf, "number", &text), ==, -1);
    expectConfError("x.conf:2: setting 'number' must be a string, not a number");
    g_assert_cmpint(virConfGetUInt(conf, "list", &number), ==, -1);
    expectConfError("x.conf:4: setting 'list' must be a number, not a list of strings");
    g_assert_cmpint(virConfGetUInt(conf, "neg", &number), ==, -1);
    expectConfError("x.conf:3: setting 'neg' is -1; it must lie between 0 and 4294967295");
    g_assert_cmpint(virConfGetBool(conf, "number", &flag), ==, -1);
    expectConfError("x.conf:2: setting 'number' is 12; it must lie between 0 and 1");
    g_assert_cmpuint(number, ==, 77);
    g_assert_cmpint(virConfCheckKnown(conf, known), ==, -1);
    g_assert_nonnull(strstr(virErrorLastMessage(), "unknown setting '"));
}

static void
testConfMalformed(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        { "\n= 1", "x:2: expected the name of a setting" },
        { "a", "x:1: expected = after the name of the setting" },
        { "a 1", "x:1: expected = after the name of the setting" },
        { "a =", "x:1: expected a \"string\", a number or a [ \"list\" ]" },
        { "a = -", "x:1: expected a \"string\", a number or a [ \"list\" ]" },
        { "a = yes", "x:1: expected a \"string\", a number or a [ \"list\" ]" },
        { "a = \"x\nb = 1", "x:1: the string is not closed on its line" },
        { "a = 1 2", "x:1: unexpected text after the value" },
        { "a = 1x", "x:1: unexpected text after the value" },
        { "a = [1]", "x:1: a list holds \"strings\" and ends with ]" },
        { "a = [\n\"x\"\n\"y\"]", "x:3: strings of a list are separated by commas" },
        { "a = [\"x\",", "x:1: a list holds \"strings\" and ends with ]" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_null(virConfParse(cases[i].text, "x"));
        expectConfError(cases[i].message);
    }
    g_assert_null(virConfReadFile("/nonexistent/x.conf"));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
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
    g_test_add_func("/buffer/indent", testBufferIndent);
    g_test_add_func("/buffer/escape", testBufferEscape);
    g_test_add_func("/uuid", testUUID);
    g_test_add_func("/conf/values", testConfValues);
    g_test_add_func("/conf/types", testConfTypes);
    g_test_add_func("/conf/malformed", testConfMalformed);
    return g_test_run();
}
