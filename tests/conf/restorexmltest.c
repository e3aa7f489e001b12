/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <f:domainrestore>: read and printed again, and what is refused. */
#include "conftestlib.h"
#include "restore_def.h"
#include "restorerefusals.h"
#include "virerror_report.h"

static void
testRoundTrip(void)
{
    static const char *const texts[] = {
        RESTORE("push", "<disks><disk name='vda'><source file='/b/full' format='raw'/>"
                        "<source file='/b/a &amp; b'><encryption format='luks'><secret "
                        "type='passphrase' usage='/b'/></encryption></source></disk></disks>"),
        RESTORE("pull", "<server name='::1' tls='yes'/><disks><disk name='vda' exportname='x'/>"
                        "<disk name='sdb'/></disks>"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(virDomainRestoreDef) def = virDomainRestoreDefParse(texts[i]);
        g_autofree char *text = def ? virDomainRestoreDefFormat(def) : NULL;
        g_autoptr(virDomainRestoreDef) again = text ? virDomainRestoreDefParse(text) : NULL;
        g_autofree char *second = again ? virDomainRestoreDefFormat(again) : NULL;
        g_autofree char *file = g_strdup_printf("%zu.out.xml", i);

        g_assert_true(virDomainRestoreDefIsRequest(texts[i]));
        if (!second)
            g_error("%s", virErrorLastMessage());
        confTestGolden("restorexmldata", file, text);
        g_assert_cmpstr(second, ==, text);
    }
}

static void
testOthers(void)
{
    g_assert_false(virDomainRestoreDefIsRequest("<domainbackup/>"));
    g_assert_false(virDomainRestoreDefIsRequest("<domainrestore mode='push'/>"));
    g_assert_false(virDomainRestoreDefIsRequest("<domainrestore"));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OK);
    g_assert_true(virDomainRestoreDefIsRequest(RESTORE("commit", "")));
}

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainRestoreDef) def = virDomainRestoreDefParse(restoreRefusals[i].xml);

    g_assert_null(def);
    confTestError(restoreRefusals[i].name, restoreRefusals[i].code, restoreRefusals[i].reason);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/restorexml/round-trip", testRoundTrip);
    g_test_add_func("/restorexml/others", testOthers);
    for (gsize i = 0; i < G_N_ELEMENTS(restoreRefusals); i++) {
        g_autofree char *path = g_strdup_printf("/restorexml/refuse/%s", restoreRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
