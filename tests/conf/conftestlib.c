/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden files and expected refusals for the tests of the definitions. */
#include "conftestlib.h"

#include <string.h>
#include "virerror_report.h"

static char *
dataPath(const char *dir, const char *file)
{
    return g_build_filename(g_getenv("abs_top_srcdir"), "tests", dir, file, NULL);
}

char *
confTestRead(const char *dir, const char *file)
{
    g_autofree char *path = dataPath(dir, file);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    return text;
}

void
confTestGolden(const char *dir, const char *file, const char *actual)
{
    g_autofree char *path = dataPath(dir, file);
    g_autofree char *expected = NULL;

    if (g_strcmp0(g_getenv("VIR_TEST_REGENERATE_OUTPUT"), "1") == 0) {
        g_assert_true(g_file_set_contents(path, actual, -1, NULL));
        return;
    }
    expected = confTestRead(dir, file);
    if (strcmp(expected, actual) != 0) {
        g_test_message("%s differs; VIR_TEST_REGENERATE_OUTPUT=1 writes what was made:\n%s", path,
                       actual);
        g_test_fail();
    }
}

void
confTestError(const char *what, int code, const char *reason)
{
    const char *message = virErrorLastMessage();

    if (virErrorLastCode() != code || !strstr(message, reason)) {
        g_test_message("%s: wanted code %d and '%s', got code %d and '%s'", what, code, reason,
                       virErrorLastCode(), message);
        g_test_fail();
    }
    virErrorReset();
}
