/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading QEMU's block graph: a reply recorded during a pull backup, and malformed ones. */
#include "qemu_graph.h"
#include "virerror_report.h"

static virJSONValue *
loadReply(const char *name)
{
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests", "graphdata", name, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return virJSONParse(text, -1);
}

static void
testRecorded(void)
{
    g_autoptr(virJSONValue) json = loadReply("pull.json");
    g_autoptr(qemuGraph) graph = qemuGraphParse(json);
    const qemuGraphNode *node = NULL;
    const qemuGraphBitmap *bitmap = NULL;

    g_assert_nonnull(graph);
    g_assert_cmpuint(g_hash_table_size(graph->nodes), ==, 6);
    node = qemuGraphNodeLookup(graph, "libvirt-1-format");
    g_assert_nonnull(node);
    g_assert_cmpstr(node->driver, ==, "qcow2");
    g_assert_cmpuint(node->virtualSize, ==, 64 << 20);
    g_assert_cmpuint(node->allocated, >, 0);
    g_assert_cmpuint(node->clusterSize, ==, 65536);
    g_assert_false(node->readonly);
    g_assert_cmpuint(node->bitmaps->len, ==, 3);   /* the filter's own has no name */
    bitmap = qemuGraphBitmapLookup(node, "c2");
    g_assert_nonnull(bitmap);
    g_assert_true(bitmap->recording && bitmap->persistent && !bitmap->busy && !bitmap->inconsistent);
    g_assert_cmpuint(bitmap->granularity, ==, 65536);
    g_assert_cmpuint(bitmap->count, ==, 196608);
    bitmap = qemuGraphBitmapLookup(node, "backup-vda");
    g_assert_true(bitmap && bitmap->busy && !bitmap->persistent && !bitmap->recording);
    g_assert_null(qemuGraphBitmapLookup(node, "c9"));
    g_assert_null(qemuGraphBitmapLookup(NULL, "c1"));
    node = qemuGraphNodeLookup(graph, "fleece-cbw-vda");
    g_assert_true(node && node->bitmaps->len == 0);
    g_assert_null(qemuGraphNodeLookup(graph, "nonesuch"));
    g_assert_null(qemuGraphNodeLookup(graph, NULL));
}

static void
testInconsistent(void)
{
    g_autoptr(virJSONValue) json =
        virJSONBuild("[{'node-name':'n','drv':'qcow2','ro':%b,'image':{'virtual-size':%d},"
                     "'dirty-bitmaps':[{'name':'a','granularity':%d,'count':%d,'persistent':%b,"
                     "'recording':%b,'busy':%b,'inconsistent':%b}]}]",
                     true, 512, 65536, 0, true, false, false, true);
    g_autoptr(qemuGraph) graph = qemuGraphParse(json);
    const qemuGraphNode *node = NULL;

    g_assert_nonnull(graph);
    node = qemuGraphNodeLookup(graph, "n");
    g_assert_true(node->readonly);
    g_assert_true(qemuGraphBitmapLookup(node, "a")->inconsistent);
}

static void
testMalformed(void)
{
    static const char *const texts[] = {
        "{}",
        "[{\"node-name\":\"n\",\"drv\":\"raw\"}]",
        "[{\"node-name\":\"n\",\"image\":{\"virtual-size\":1}}]",
        "[{\"node-name\":\"n\",\"drv\":\"raw\",\"image\":{\"virtual-size\":-1}}]",
        "[{\"node-name\":\"n\",\"drv\":\"raw\",\"image\":{\"virtual-size\":1},"
        "\"dirty-bitmaps\":[{\"name\":\"b\",\"granularity\":1,\"count\":0,\"persistent\":true,"
        "\"busy\":false}]}]",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(virJSONValue) json = virJSONParse(texts[i], -1);
        g_autoptr(qemuGraph) graph = NULL;

        g_assert_nonnull(json);
        virErrorReset();
        graph = qemuGraphParse(json);
        g_assert_null(graph);
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
    }
    g_assert_null(qemuGraphParse(NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/graph/recorded", testRecorded);
    g_test_add_func("/graph/inconsistent", testInconsistent);
    g_test_add_func("/graph/malformed", testMalformed);
    return g_test_run();
}
