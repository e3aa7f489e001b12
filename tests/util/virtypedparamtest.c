/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed parameters: each type goes in and comes out, wrong types and names are refused. */
#include <string.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virtypedparam.h"

typedef struct {
    virTypedParameterPtr params;
    int n;
    int max;
} Fixture;

static void
setUp(Fixture *f, gconstpointer data)
{
    *f = (Fixture){ 0 };
}

static void
tearDown(Fixture *f, gconstpointer data)
{
    virTypedParamsFree(f->params, f->n);
}

#define ARRAY(f) &(f)->params, &(f)->n, &(f)->max

static void
testRoundTrip(Fixture *f, gconstpointer data)
{
    int i = 0;
    unsigned int ui = 0;
    long long l = 0;
    unsigned long long ul = 0;
    double d = 0;
    int b = 0;
    const char *s = NULL;

    g_assert_cmpint(virTypedParamsAddInt(ARRAY(f), "i", G_MININT), ==, 0);
    g_assert_cmpint(virTypedParamsAddUInt(ARRAY(f), "ui", G_MAXUINT), ==, 0);
    g_assert_cmpint(virTypedParamsAddLLong(ARRAY(f), "l", G_MININT64), ==, 0);
    g_assert_cmpint(virTypedParamsAddULLong(ARRAY(f), "ul", G_MAXUINT64), ==, 0);
    g_assert_cmpint(virTypedParamsAddDouble(ARRAY(f), "d", 1.25), ==, 0);
    g_assert_cmpint(virTypedParamsAddBoolean(ARRAY(f), "b", 42), ==, 0);
    g_assert_cmpint(virTypedParamsAddString(ARRAY(f), "s", "text"), ==, 0);
    g_assert_cmpint(f->n, ==, 7);
    g_assert_cmpint(virTypedParamsGetInt(f->params, f->n, "i", &i), ==, 1);
    g_assert_cmpint(i, ==, G_MININT);
    g_assert_cmpint(virTypedParamsGetUInt(f->params, f->n, "ui", &ui), ==, 1);
    g_assert_cmpuint(ui, ==, G_MAXUINT);
    g_assert_cmpint(virTypedParamsGetLLong(f->params, f->n, "l", &l), ==, 1);
    g_assert_cmpint(l, ==, G_MININT64);
    g_assert_cmpint(virTypedParamsGetULLong(f->params, f->n, "ul", &ul), ==, 1);
    g_assert_cmpuint(ul, ==, G_MAXUINT64);
    g_assert_cmpint(virTypedParamsGetDouble(f->params, f->n, "d", &d), ==, 1);
    g_assert_cmpfloat(d, ==, 1.25);
    g_assert_cmpint(virTypedParamsGetBoolean(f->params, f->n, "b", &b), ==, 1);
    g_assert_cmpint(b, ==, 1);
    g_assert_cmpint(virTypedParamsGetString(f->params, f->n, "s", &s), ==, 1);
    g_assert_cmpstr(s, ==, "text");
    g_assert_cmpint(virTypedParamsGetInt(f->params, f->n, "i", NULL), ==, 1);
}

static void
testAbsent(Fixture *f, gconstpointer data)
{
    int value = 77;

    g_assert_cmpint(virTypedParamsGetInt(NULL, 0, "a", &value), ==, 0);
    g_assert_cmpint(virTypedParamsAddInt(ARRAY(f), "a", 1), ==, 0);
    g_assert_cmpint(virTypedParamsGetInt(f->params, f->n, "b", &value), ==, 0);
    g_assert_cmpint(virTypedParamsGetInt(f->params, f->n, NULL, &value), ==, 0);
    g_assert_null(virTypedParamsGet(f->params, f->n, "A"));
    g_assert_cmpint(value, ==, 77);
    g_assert_null(virGetLastError());
}

static void
expectRefusal(int rc, int code, const char *message)
{
    g_assert_cmpint(rc, ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, code);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, message);
}

/* Code and words as libvirt's own library has them. */
static void
testRefusals(Fixture *f, gconstpointer data)
{
    g_autofree char *longest = g_strnfill(VIR_TYPED_PARAM_FIELD_LENGTH - 1, 'x');
    g_autofree char *tooLong = g_strnfill(VIR_TYPED_PARAM_FIELD_LENGTH, 'x');
    g_autofree char *complaint =
        g_strdup_printf("internal error: Field name '%s' too long", tooLong);
    unsigned long long value = 77;

    g_assert_cmpint(virTypedParamsAddInt(ARRAY(f), "a", 5), ==, 0);
    expectRefusal(virTypedParamsGetULLong(f->params, f->n, "a", &value), VIR_ERR_INVALID_ARG,
                  "invalid argument: Invalid type 'ullong' requested for parameter 'a', actual "
                  "type is 'int'");
    g_assert_cmpuint(value, ==, 77);
    expectRefusal(virTypedParamsAddInt(ARRAY(f), tooLong, 1), VIR_ERR_INTERNAL_ERROR, complaint);
    g_assert_cmpint(virTypedParamsAddInt(ARRAY(f), longest, 1), ==, 0);
    g_assert_nonnull(virTypedParamsGet(f->params, f->n, longest));
    expectRefusal(virTypedParamsAddInt(ARRAY(f), NULL, 1), VIR_ERR_INVALID_ARG,
                  "invalid argument: a parameter needs an array, its two counters and a name");
    g_assert_cmpint(virTypedParamsAddInt(NULL, &f->n, &f->max, "a", 1), ==, -1);
    g_assert_cmpint(f->n, ==, 2);
}

static void
testFromString(Fixture *f, gconstpointer data)
{
    static const struct {
        int type;
        const char *text;
        bool ok;
    } cases[] = {
        { VIR_TYPED_PARAM_INT, "-2147483648", true },
        { VIR_TYPED_PARAM_INT, "2147483648", false },
        { VIR_TYPED_PARAM_INT, "12x", false },
        { VIR_TYPED_PARAM_INT, "", false },
        { VIR_TYPED_PARAM_UINT, "4294967295", true },
        { VIR_TYPED_PARAM_UINT, "4294967296", false },
        { VIR_TYPED_PARAM_UINT, "-1", false },
        { VIR_TYPED_PARAM_LLONG, "-9223372036854775808", true },
        { VIR_TYPED_PARAM_ULLONG, "18446744073709551615", true },
        { VIR_TYPED_PARAM_ULLONG, "18446744073709551616", false },
        { VIR_TYPED_PARAM_DOUBLE, "1.5", true },
        { VIR_TYPED_PARAM_DOUBLE, "1.5x", false },
        { VIR_TYPED_PARAM_BOOLEAN, "1", true },
        { VIR_TYPED_PARAM_BOOLEAN, "yes", false },
        { VIR_TYPED_PARAM_STRING, "anything", true },
    };
    int wanted = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(virTypedParamsAddFromString(ARRAY(f), "q", cases[i].type, cases[i].text),
                        ==, cases[i].ok ? 0 : -1);
        wanted += cases[i].ok;
        g_assert_cmpint(f->n, ==, wanted);
        g_assert_cmpint(virGetLastErrorCode(), ==, cases[i].ok ? VIR_ERR_OK : VIR_ERR_INVALID_ARG);
    }
    g_assert_cmpint(f->params[0].value.i, ==, G_MININT);
    g_assert_cmpuint(f->params[3].value.ul, ==, G_MAXUINT64);
    expectRefusal(virTypedParamsAddFromString(ARRAY(f), "q", 99, "12"), VIR_ERR_INTERNAL_ERROR,
                  "internal error: unexpected type 99 for field q");
    expectRefusal(virTypedParamsAddFromString(ARRAY(f), "q", VIR_TYPED_PARAM_INT, "12x"),
                  VIR_ERR_INVALID_ARG,
                  "invalid argument: Invalid value for field 'q': expected int");
}

static void
testStrings(Fixture *f, gconstpointer data)
{
    const char *values[] = { "1", "2", NULL };
    const char *s = NULL;

    g_assert_cmpint(virTypedParamsAddStringList(ARRAY(f), "l", values), ==, 0);
    g_assert_cmpint(virTypedParamsAddStringList(ARRAY(f), "l", NULL), ==, 0);
    g_assert_cmpint(f->n, ==, 2);
    g_assert_cmpstr(f->params[1].value.s, ==, "2");
    g_assert_cmpint(virTypedParamsAddString(ARRAY(f), "null", NULL), ==, 0);
    g_assert_cmpint(virTypedParamsGetString(f->params, f->n, "null", &s), ==, 1);
    g_assert_cmpstr(s, ==, "");
    virTypedParamsClear(f->params, f->n);
    g_assert_null(f->params[0].value.s);
    virTypedParamsClear(NULL, 0);
    virTypedParamsFree(NULL, 0);
}

static void
testList(Fixture *f, gconstpointer data)
{
    g_auto(virTypedParamList) list = { 0 };

    for (int i = 0; i < 100; i++) {
        virTypedParamListAddInt(&list, i, "block.%d.i", i);
        virTypedParamListAddUInt(&list, G_MAXUINT, "block.%d.ui", i);
        virTypedParamListAddLLong(&list, -1, "block.%d.l", i);
        virTypedParamListAddULLong(&list, G_MAXUINT64, "block.%d.ul", i);
        virTypedParamListAddBoolean(&list, true, "block.%d.b", i);
        virTypedParamListAddString(&list, "x", "block.%d.s", i);
    }
    virTypedParamListSteal(&list, &f->params, &f->n);
    g_assert_null(list.params);
    g_assert_cmpint(list.n, ==, 0);
    g_assert_cmpint(f->n, ==, 600);
    g_assert_cmpint(virTypedParamsGet(f->params, f->n, "block.99.i")->value.i, ==, 99);
    g_assert_cmpint(virTypedParamsGet(f->params, f->n, "block.99.b")->type, ==,
                    VIR_TYPED_PARAM_BOOLEAN);
    g_assert_cmpstr(virTypedParamsGet(f->params, f->n, "block.99.s")->value.s, ==, "x");
}

static void
quiet(void *opaque, virErrorPtr error)
{
}

#define ADD(name, func) g_test_add(name, Fixture, NULL, setUp, func, tearDown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    ADD("/typed-param/round-trip", testRoundTrip);
    ADD("/typed-param/absent", testAbsent);
    ADD("/typed-param/refusals", testRefusals);
    ADD("/typed-param/from-string", testFromString);
    ADD("/typed-param/strings", testStrings);
    ADD("/typed-param/list", testList);
    return g_test_run();
}
