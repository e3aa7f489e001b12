/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <secret>: read and printed again, and what is refused. */
#include "conftestlib.h"
#include "secret_def.h"
#include "secretrefusals.h"
#include "virerror_report.h"

static void
testRoundTrip(void)
{
    static const char *const names[] = {"volume", "ceph", "iscsi", "tls", "vtpm", "bare"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *in = g_strdup_printf("%s.xml", names[i]);
        g_autofree char *out = g_strdup_printf("%s.out.xml", names[i]);
        g_autofree char *xml = confTestRead("secretxmldata", in);
        g_autoptr(virSecretDef) def = virSecretDefParse(xml);
        g_autofree char *text = def ? virSecretDefFormat(def) : NULL;
        g_autoptr(virSecretDef) again = text ? virSecretDefParse(text) : NULL;
        g_autofree char *second = again ? virSecretDefFormat(again) : NULL;

        if (!second)
            g_error("%s: %s", in, virErrorLastMessage());
        confTestGolden("secretxmldata", out, text);
        g_assert_cmpstr(second, ==, text);
    }
}

static void
testNewUUID(void)
{
    g_autoptr(virSecretDef) one = virSecretDefParse("<secret/>");
    g_autoptr(virSecretDef) two = virSecretDefParse("<secret/>");

    g_assert_nonnull(one);
    g_assert_nonnull(two);
    g_assert_cmpint(memcmp(one->uuid, two->uuid, VIR_UUID_BUFLEN), !=, 0);
    g_assert_cmpstr(one->usageID, ==, "");
}

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virSecretDef) def = virSecretDefParse(secretRefusals[i].xml);

    g_assert_null(def);
    confTestError(secretRefusals[i].name, secretRefusals[i].code, secretRefusals[i].reason);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/secretxml/round-trip", testRoundTrip);
    g_test_add_func("/secretxml/new-uuid", testNewUUID);
    for (gsize i = 0; i < G_N_ELEMENTS(secretRefusals); i++) {
        g_autofree char *path = g_strdup_printf("/secretxml/refuse/%s", secretRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
