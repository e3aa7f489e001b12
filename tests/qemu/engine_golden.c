/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden files, and block nodes written in short. */
#include "engine_golden.h"

#include <string.h>

#include "qemu_ledger.h"

void
engineGolden(const char *dir, const char *name, const char *actual)
{
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests", dir, name, NULL);
    g_autofree char *wanted = NULL;

    if (g_getenv("VIR_TEST_REGENERATE_OUTPUT")) {
        g_assert_true(g_file_set_contents(path, actual, -1, NULL));
        return;
    }
    if (!g_file_get_contents(path, &wanted, NULL, NULL))
        g_error("no golden file '%s'; make it with VIR_TEST_REGENERATE_OUTPUT=1 and read it", path);
    if (!g_str_equal(wanted, actual))
        g_test_message("%s differs:\n%s", path, actual);
    g_assert_cmpstr(actual, ==, wanted);
}

static void
bitmapFree(gpointer data)
{
    qemuGraphBitmap *bitmap = data;

    g_free(bitmap->name);
    g_free(bitmap);
}

static qemuGraphBitmap *
bitmapNew(const char *word)
{
    size_t length = strcspn(word, "*!-/");
    qemuGraphBitmap *bitmap = g_new0(qemuGraphBitmap, 1);

    bitmap->name = g_strndup(word, length);
    bitmap->recording = strchr(word + length, '*') != NULL;
    bitmap->inconsistent = strchr(word + length, '!') != NULL;
    bitmap->persistent = strchr(word + length, '-') == NULL;
    bitmap->granularity = strchr(word + length, '/') ? 32768 : 65536;
    return bitmap;
}

qemuGraphNode *
engineNode(const char *name, const char *spec)
{
    qemuGraphNode *node = g_new0(qemuGraphNode, 1);
    g_auto(GStrv) words = g_strsplit(spec, " ", -1);

    node->name = g_strdup(name);
    node->driver = g_strdup(g_str_has_prefix(name, "raw") ? "raw" : "qcow2");
    node->virtualSize = 64 << 20;
    node->clusterSize = g_str_has_prefix(name, "raw") ? 0 : 65536;
    node->bitmaps = g_ptr_array_new_with_free_func(bitmapFree);
    node->ledger = g_ptr_array_new_with_free_func(bitmapFree);
    for (size_t i = 0; words[i]; i++) {
        if (*words[i])
            g_ptr_array_add(qemuLedgerOwns(words[i]) ? node->ledger : node->bitmaps, bitmapNew(words[i]));
    }
    return node;
}

void
engineNodeFree(qemuGraphNode *node)
{
    if (!node)
        return;
    g_free(node->name);
    g_free(node->driver);
    g_ptr_array_unref(node->bitmaps);
    g_ptr_array_unref(node->ledger);
    g_free(node);
}
