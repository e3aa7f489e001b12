/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML that is refused: with which code, and for which reason. */
#include "conftestlib.h"
#include "domain_def.h"
#include "domainrefusals.h"
#include "virerror_report.h"

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) def = virDomainDefParse(domainRefusals[i].xml, 0);

    g_assert_null(def);
    confTestError(domainRefusals[i].name, domainRefusals[i].code, domainRefusals[i].reason);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(domainRefusals); i++) {
        g_autofree char *path = g_strdup_printf("/domainrefuse/%s", domainRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
