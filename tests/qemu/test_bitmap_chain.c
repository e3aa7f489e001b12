/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chains of bitmaps, whole and broken in every way. A broken one that passed would be a backup with
 * holes, so each form is asserted with its code and its reason.
 */
#include "engine_golden.h"
#include "qemu_bitmap_chain.h"
#include "qemu_ledger.h"
#include "virerror_report.h"

typedef struct _chainCase {
    const char *name;
    const char *bitmaps;       /* on the node; NULL: no node */
    const char *checkpoints;
    const char *since;
    const char *wanted;        /* space-separated, or NULL */
    int code;
    const char *reason;        /* part of the message */
    const char *order;         /* of the image's ledger, "?": lost; NULL: not known */
} chainCase;

#define BROKEN VIR_ERR_CHECKPOINT_INCONSISTENT

static const chainCase cases[] = {
    { "one", "A*", "A", "A", "A", 0, NULL },
    { "frozen", "A B C*", "A B C", "A", "A B C", 0, NULL },
    { "middle", "A B C*", "A B C", "B", "B C", 0, NULL },
    { "newest", "A B C*", "A B C", "C", "C", 0, NULL },
    { "libvirt-all-active", "A* B* C*", "A B C", "A", "A B C", 0, NULL },
    { "mixed", "A* B C*", "A B C", "A", "A B C", 0, NULL },
    { "others-on-node", "X! A Y B* Z-", "A B", "A", "A B Y", 0, NULL },
    { "lost-record", "A K B*", "A B", "A", "A B K", 0, NULL },
    { "lost-record-of-newest", "A B*", "A", "A", NULL, BROKEN, "'A' is the newest but" },
    { "older-is-no-stray", "A B C*", "A B C", "B", "B C", 0, NULL },
    { "stray-of-other-granularity", "A Y/ B*", "A B", "A", "A B", 0, NULL },
    { "same-other-granularity", "A/ B/*", "A B", "A", "A B", 0, NULL },
    { "older-broken", "A! B*", "A B", "B", "B", 0, NULL },
    { "missing-first", "B*", "A B", "A", NULL, BROKEN, "bitmap 'A' is missing" },
    { "missing-middle", "A C*", "A B C", "A", NULL, BROKEN, "bitmap 'B' is missing" },
    { "missing-last", "A", "A B", "A", NULL, BROKEN, "bitmap 'B' is missing" },
    { "inconsistent-last", "A B!", "A B", "A", NULL, BROKEN, "bitmap 'B' is inconsistent" },
    { "inconsistent-first", "A! B*", "A B", "A", NULL, BROKEN, "bitmap 'A' is inconsistent" },
    { "not-persistent", "A- B*", "A B", "A", NULL, BROKEN, "bitmap 'A' is not persistent" },
    { "not-recording", "A B", "A B", "A", NULL, BROKEN, "'B' is the newest but does not record" },
    { "not-recording-alone", "A", "A", "A", NULL, BROKEN, "'A' is the newest but does not record" },
    { "active-is-not-newest", "A* B", "A B", "A", NULL, BROKEN, "'B' is the newest but" },
    { "granularity-later", "A B/ C!", "A B C", "A", NULL, BROKEN, "'B' has a granularity of 32768" },
    { "order-agrees", "A B C*", "A B C", "A", "A B C", 0, NULL, "A B C" },
    { "order-has-strays", "A K B*", "A B", "A", "A B K", 0, NULL, "A K B" },
    { "order-unknown", "A B C*", "A B C", "A", "A B C", 0, NULL, "" },
    { "order-lost-before", "A B*", "A B", "A", "A B", 0, NULL, "? A B" },
    { "order-lost-behind", "A B*", "A B", "A", NULL, BROKEN, "a bitmap is lost, which came after bitmap 'A'", "A ? B" },
    { "order-lost-is-older", "A B*", "A B", "B", "B", 0, NULL, "A ? B" },
    { "order-stray-lost", "A B*", "A B", "A", NULL, BROKEN, "bitmap 'K' is lost, which came after bitmap 'A'", "A K B" },
    { "order-stray-inconsistent", "A K! B*", "A B", "A", NULL, BROKEN, "bitmap 'K' is lost", "A K B" },
    { "order-lost-makes-all-older-broken", "A B C*", "A B C", "A", NULL, BROKEN, "came after bitmap 'A'", "A B ? C" },
    { "order-other", "B A C*", "B A C", "A", NULL, BROKEN, "its record comes after that of 'B'", "A B C" },
    { "order-other-older", "B A C*", "B A C", "B", NULL, BROKEN, "its record comes after that of 'B'", "A B C" },
    { "order-other-newest", "B A C*", "B A C", "C", "C", 0, NULL, "A B C" },
    { "order-other-recording", "B* A* C*", "B A C", "A", "A C", 0, NULL, "A B C" },
    { "order-lost-recording", "A* B*", "A B", "A", "A B", 0, NULL, "A ? B" },
    { "granularity", "A/ B*", "A B", "A", NULL, BROKEN, "bitmap 'B' has a granularity of 65536" },
    { "no-node", NULL, "A", "A", NULL, BROKEN, "is not open in QEMU" },
    { "not-part", "A*", "A", "B", NULL, VIR_ERR_NO_DOMAIN_CHECKPOINT, "not part of checkpoint 'B'" },
    { "no-checkpoints", "A*", "", "A", NULL, VIR_ERR_NO_DOMAIN_CHECKPOINT, "not part of" },
};

static GStrv
splitWords(const char *text)
{
    return *text ? g_strsplit(text, " ", -1) : g_new0(char *, 1);
}

/* (owned) NULL for NULL */
static GPtrArray *
orderNew(const char *text)
{
    g_auto(GStrv) names = text ? splitWords(text) : NULL;
    GPtrArray *order = text ? qemuLedgerNew() : NULL;

    for (gsize i = 0; names && names[i]; i++)
        g_ptr_array_add(order, qemuLedgerEntryNew(g_str_equal(names[i], "?") ? NULL : names[i], 0));
    return order;
}

/* What Reasons says of @since. */
static const char *
reasonOf(const GPtrArray *reasons, char **checkpoints, const char *since)
{
    g_assert_cmpuint(reasons->len, ==, g_strv_length(checkpoints));
    for (guint i = 0; i < reasons->len; i++) {
        if (g_str_equal(checkpoints[i], since))
            return g_ptr_array_index(reasons, i);
    }
    return "";
}

static void
testChain(gconstpointer data)
{
    const chainCase *c = data;
    g_autoptr(qemuGraphNode) node = c->bitmaps ? engineNode("libvirt-1-format", c->bitmaps) : NULL;
    g_auto(GStrv) checkpoints = splitWords(c->checkpoints);
    g_autoptr(GPtrArray) got = NULL;
    g_autoptr(GPtrArray) order = orderNew(c->order);
    g_autoptr(GPtrArray) reasons = NULL;
    const char *reason = NULL;

    virErrorReset();
    reasons = qemuBitmapChainReasons("vda", node, (const char *const *)checkpoints, order);
    reason = reasonOf(reasons, checkpoints, c->since);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OK);
    got = qemuBitmapChainSince("vda", node, (const char *const *)checkpoints, order, c->since);
    if (c->wanted) {
        g_autofree char *text = NULL;

        g_assert_null(reason);
        g_assert_nonnull(got);
        g_ptr_array_add(got, NULL);
        text = g_strjoinv(" ", (char **)got->pdata);
        g_assert_cmpstr(text, ==, c->wanted);
        return;
    }
    g_assert_null(got);
    g_assert_nonnull(reason);
    g_assert_cmpint(virErrorLastCode(), ==, c->code);
    g_test_message("%s", virErrorLastMessage());
    g_assert_nonnull(strstr(virErrorLastMessage(), c->reason));
    g_assert_true(c->code != BROKEN || strstr(reason, c->reason));
    g_assert_nonnull(strstr(virErrorLastMessage(), "'vda'"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/bitmap-chain/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], testChain);
    }
    return g_test_run();
}
