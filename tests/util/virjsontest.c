/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON: what comes in comes out, what is malformed is refused, templates say what they mean. */
#include <string.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virjson.h"

static void
expectFormat(virJSONValue *value, const char *wanted)
{
    g_autoptr(virJSONValue) owned = value;
    g_autofree char *text = virJSONFormat(owned, false);

    g_assert_cmpstr(text, ==, wanted);
}

static void
testRoundTrip(void)
{
    static const char *const texts[] = {
        "null", "true", "false", "0", "-1", "1.5e-3", "18446744073709551615",
        "-9223372036854775808", "\"\"", "[]", "{}", "[[],{}]",
        "{\"b\":1,\"a\":[1,2,{\"c\":null}],\"0\":\"x\"}",
        "\"\\\"\\\\\\n\\r\\t\\u0001/\xc3\xa9\"",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        expectFormat(virJSONParse(texts[i], -1), texts[i]);
}

static void
testPretty(void)
{
    g_autoptr(virJSONValue) value = virJSONParse("{\"a\":[1,{}],\"b\":{\"c\":[]}}", -1);
    g_autofree char *text = virJSONFormat(value, true);

    g_assert_cmpstr(text, ==,
                    "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

static void
expectMalformed(const char *text, gssize length, const char *reason)
{
    virErrorReset();
    g_assert_null(virJSONParse(text, length));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
    if (!strstr(virErrorLastMessage(), reason))
        g_error("'%s' does not contain '%s'", virErrorLastMessage(), reason);
    g_assert_true(g_utf8_validate(virErrorLastMessage(), -1, NULL));
}

static void
testMalformed(void)
{
    expectMalformed("", -1, "premature EOF");
    expectMalformed("{", -1, "premature EOF");
    expectMalformed("\"abc", -1, "premature EOF");
    expectMalformed("{} x", -1, "trailing garbage");
    expectMalformed("{\"a\":1,}", -1, "invalid object key");
    expectMalformed("{'a':1}", -1, "cannot parse JSON");
    expectMalformed("[1 2]", -1, "after array element");
    expectMalformed("nul", -1, "cannot parse JSON");
    expectMalformed("\"\xc3\"", -1, "invalid bytes in UTF8");
    expectMalformed("\"\xff\xfe\"", -1, "invalid bytes in UTF8");
    expectMalformed("\"\xc3\xa9\"", 2, "invalid bytes in UTF8");
    expectMalformed("\"a\\u0000b\"", -1, "NUL character");
    expectMalformed("{\"a\\u0000b\":1}", -1, "NUL character");
    expectMalformed("01", -1, "cannot parse JSON");
}

static void
testDepth(void)
{
    GString *fits = g_string_new(NULL);
    GString *deep = g_string_new(NULL);

    for (int i = 0; i < 200; i++)
        g_string_append_c(fits, '[');
    for (int i = 0; i < 200; i++)
        g_string_append_c(fits, ']');
    for (int i = 0; i < 100000; i++)
        g_string_append(deep, "{\"a\":");
    expectFormat(virJSONParse(fits->str, fits->len), fits->str);
    g_string_prepend_c(fits, '[');
    g_string_append_c(fits, ']');
    expectMalformed(fits->str, -1, "nested deeper");
    expectMalformed(deep->str, -1, "nested deeper");
    g_string_free(fits, TRUE);
    g_string_free(deep, TRUE);
}

static void
testBuild(void)
{
    expectFormat(virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", "n\"1"),
                 "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"n\\\"1\"}}");
    expectFormat(virJSONBuild(" { 'a' : %d , 'b' : [ %u, %lld, %llu, %b, %b ], 'c':-1.5, 'd':null,"
                              "'e':true,'f':false } ",
                              -3, 4000000000U, G_MININT64, G_MAXUINT64, 2, 0),
                 "{\"a\":-3,\"b\":[4000000000,-9223372036854775808,18446744073709551615,true,"
                 "false],\"c\":-1.5,\"d\":null,\"e\":true,\"f\":false}");
    expectFormat(virJSONBuild("{'a':%s,'b':[%s,%s,%v],'c':%v,'d':%v}", NULL, "x", NULL, NULL, NULL,
                              virJSONBuild("[%v,{}]", virJSONNewString("y"))),
                 "{\"b\":[\"x\"],\"d\":[\"y\",{}]}");
    expectFormat(virJSONBuild("%s", "top"), "\"top\"");
    g_assert_null(virJSONBuild("%s", NULL));
}

static void
testBuildBugChild(gconstpointer template)
{
    if (g_test_subprocess()) {
        virJSONValueFree(virJSONBuild(template, "x"));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*expected at offset*");
}

static void
testNumbers(void)
{
    g_autoptr(virJSONValue) value = virJSONParse(
        "{\"max\":18446744073709551615,\"over\":18446744073709551616,\"min\":-9223372036854775808,"
        "\"under\":-9223372036854775809,\"frac\":1.0,\"exp\":1e3,\"text\":\"1\",\"neg\":-1}", -1);
    unsigned long long u = 77;
    long long s = 77;

    g_assert_cmpint(virJSONObjectGetUInt(value, "over", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(value, "neg", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(value, "frac", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(value, "exp", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(value, "text", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(value, "none", &u), ==, -1);
    g_assert_cmpint(virJSONObjectGetUInt(NULL, "none", &u), ==, -1);
    g_assert_cmpuint(u, ==, 77);
    g_assert_cmpint(virJSONObjectGetUInt(value, "max", &u), ==, 0);
    g_assert_cmpuint(u, ==, G_MAXUINT64);
    g_assert_cmpint(virJSONObjectGetInt(value, "under", &s), ==, -1);
    g_assert_cmpint(virJSONObjectGetInt(value, "max", &s), ==, -1);
    g_assert_cmpint(s, ==, 77);
    g_assert_cmpint(virJSONObjectGetInt(value, "min", &s), ==, 0);
    g_assert_cmpint(s, ==, G_MININT64);
}

static void
testMembers(void)
{
    g_autoptr(virJSONValue) object =
        virJSONParse("{\"s\":\"x\",\"t\":true,\"a\":[7],\"o\":{}}", -1);
    g_autoptr(virJSONValue) stolen = NULL;
    bool flag = false;

    g_assert_cmpstr(virJSONObjectLookupString(object, "s"), ==, "x");
    g_assert_null(virJSONObjectLookupString(object, "a"));
    g_assert_null(virJSONObjectLookupObject(object, "a"));
    g_assert_null(virJSONObjectLookupArray(object, "o"));
    g_assert_true(virJSONObjectIsTrue(object, "t"));
    g_assert_false(virJSONObjectIsTrue(object, "s"));
    g_assert_cmpint(virJSONObjectGetBool(object, "s", &flag), ==, -1);
    g_assert_cmpint(virJSONObjectGetBool(object, "t", &flag), ==, 0);
    g_assert_true(flag);
    g_assert_cmpuint(virJSONArraySize(virJSONObjectLookupArray(object, "a")), ==, 1);
    g_assert_null(virJSONArrayAt(virJSONObjectLookupArray(object, "a"), 1));
    virJSONObjectSet(object, "s", virJSONNewString("y"));
    virJSONObjectSet(object, "none", NULL);
    stolen = virJSONObjectSteal(object, "a");
    g_assert_null(virJSONObjectSteal(object, "a"));
    expectFormat(virJSONCopy(object), "{\"s\":\"y\",\"t\":true,\"o\":{}}");
    expectFormat(virJSONCopy(stolen), "[7]");
}

/* Objects above sixteen members are looked up through an index: it must follow every change. */
static void
testLargeObject(void)
{
    g_autoptr(virJSONValue) object = virJSONNewObject();
    const virJSONValue *value = NULL;

    for (int i = 0; i < 50000; i++) {
        g_autofree char *key = g_strdup_printf("key%d", i);

        virJSONObjectSet(object, key, virJSONBuild("%d", i));
    }
    virJSONObjectSet(object, "key49999", virJSONNewString("new"));
    virJSONValueFree(virJSONObjectSteal(object, "key7"));
    g_assert_cmpuint(virJSONObjectSize(object), ==, 49999);
    g_assert_null(virJSONObjectLookup(object, "key7"));
    g_assert_cmpstr(virJSONObjectLookupString(object, "key49999"), ==, "new");
    value = virJSONObjectLookup(object, "key8");
    g_assert_cmpstr(virJSONNumberOf(value), ==, "8");
    g_assert_cmpstr(virJSONObjectKeyAt(object, 7), ==, "key8");
    g_assert_null(virJSONObjectKeyAt(object, 49999));
}

static void
testDuplicateKey(void)
{
    expectFormat(virJSONParse("{\"a\":1,\"b\":2,\"a\":3}", -1), "{\"a\":3,\"b\":2}");
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
    g_test_add_func("/json/round-trip", testRoundTrip);
    g_test_add_func("/json/pretty", testPretty);
    g_test_add_func("/json/malformed", testMalformed);
    g_test_add_func("/json/depth", testDepth);
    g_test_add_func("/json/build", testBuild);
    g_test_add_data_func("/json/bug/quote", "{'a", testBuildBugChild);
    g_test_add_data_func("/json/bug/placeholder-in-quotes", "{'a':'%s'}", testBuildBugChild);
    g_test_add_data_func("/json/bug/unknown-placeholder", "{'a':%x}", testBuildBugChild);
    g_test_add_data_func("/json/bug/trailing", "%s x", testBuildBugChild);
    g_test_add_data_func("/json/bug/number", "[1.]", testBuildBugChild);
    g_test_add_func("/json/numbers", testNumbers);
    g_test_add_func("/json/members", testMembers);
    g_test_add_func("/json/large-object", testLargeObject);
    g_test_add_func("/json/duplicate-key", testDuplicateKey);
    return g_test_run();
}
