/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ledgers: written, read back in any order, and damaged in every way that a wrong order could come from. */
#include "qemu_ledger.h"
#include <string.h>

#define MANY 1000

static GPtrArray *
entriesNew(const char *const *names, size_t n)
{
    GPtrArray *entries = qemuLedgerNew();

    for (size_t i = 0; i < n; i++) {
        qemuLedgerEntry *entry =
            qemuLedgerEntryNew(names[i], 1700000000 + (long long)i * 3600 - 5 * (i == 2));

        entry->recording = i + 1 == n;
        g_ptr_array_add(entries, entry);
    }
    return entries;
}

static GPtrArray *
parse(const GPtrArray *ledger, const char *const *names)
{
    g_autoptr(GPtrArray) copy = g_ptr_array_new();

    for (guint i = ledger->len; i > 0; i--)      /* QEMU gives no order */
        g_ptr_array_add(copy, g_ptr_array_index(ledger, i - 1));
    g_ptr_array_add(copy, NULL);
    return qemuLedgerParse((const char *const *)copy->pdata, names);
}

static void
testText(void)
{
    const char *const names[] = { "a", "b", "c", NULL };
    g_autoptr(GPtrArray) entries = entriesNew(names, 3);
    g_autoptr(GPtrArray) ledger = qemuLedgerFormat(entries);

    g_assert_cmpuint(ledger->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(ledger, 0), ==,
                    "fleece:order:0:ypeB6553f100,PiPoe10,Ln0se0b*,");
    g_assert_cmpstr(g_ptr_array_index(ledger, 1), ==, "fleece:seal:1:4:b3e5611468bda2e6");
    for (guint i = 0; i < ledger->len; i++)
        g_assert_true(qemuLedgerOwns(g_ptr_array_index(ledger, i)));
    g_assert_true(qemuLedgerIsSeal(g_ptr_array_index(ledger, 1)));
    g_assert_false(qemuLedgerIsSeal(g_ptr_array_index(ledger, 0)));
    g_assert_false(qemuLedgerOwns("fleece-size"));
    g_assert_false(qemuLedgerOwns("a"));
}

/* A bitmap that is gone leaves a hole that can be seen; one that is too much changes nothing. */
static void
testRoundTrip(void)
{
    const char *const names[] = { "a", "b", "c", NULL };
    const char *const there[] = { "c", "x", "a", NULL };
    g_autoptr(GPtrArray) entries = entriesNew(names, 3);
    g_autoptr(GPtrArray) ledger = qemuLedgerFormat(entries);
    g_autoptr(GPtrArray) got = parse(ledger, there);
    const qemuLedgerEntry *entry = NULL;

    g_assert_nonnull(got);
    g_assert_cmpuint(got->len, ==, 3);
    entry = g_ptr_array_index(got, 0);
    g_assert_cmpstr(entry->name, ==, "a");
    g_assert_cmpint(entry->time, ==, 1700000000);
    g_assert_false(entry->recording);
    entry = g_ptr_array_index(got, 1);
    g_assert_null(entry->name);
    g_assert_cmpint(entry->time, ==, 1700003600);
    entry = g_ptr_array_index(got, 2);
    g_assert_cmpstr(entry->name, ==, "c");
    g_assert_cmpint(entry->time, ==, 1700007195);
    g_assert_true(entry->recording);
}

static void
testMany(void)
{
    g_auto(GStrv) names = g_new0(char *, MANY + 1);
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GPtrArray) ledger = NULL;
    g_autoptr(GPtrArray) got = NULL;
    size_t bytes = 0;

    for (size_t i = 0; i < MANY; i++)
        names[i] = g_strdup_printf("d7a8%04zx-5b1c-4f3e-9d26-0123456789ab", (i * 7919) % 65536);
    entries = entriesNew((const char *const *)names, MANY);
    ledger = qemuLedgerFormat(entries);
    for (guint i = 0; i < ledger->len; i++) {
        g_assert_cmpuint(strlen(g_ptr_array_index(ledger, i)), <=, 1023);
        bytes += strlen(g_ptr_array_index(ledger, i));
    }
    g_assert_cmpuint(bytes, <, 10 * MANY);
    got = parse(ledger, (const char *const *)names);
    g_assert_cmpuint(got->len, ==, MANY);
    for (guint i = 0; i < MANY; i++)
        g_assert_cmpstr(((const qemuLedgerEntry *)g_ptr_array_index(got, i))->name, ==, names[i]);
}

static void
testEmpty(void)
{
    const char *const names[] = { NULL };
    g_autoptr(GPtrArray) entries = qemuLedgerNew();
    g_autoptr(GPtrArray) ledger = qemuLedgerFormat(entries);
    g_autoptr(GPtrArray) got = parse(ledger, names);

    g_assert_cmpuint(ledger->len, ==, 1);
    g_assert_nonnull(got);
    g_assert_cmpuint(got->len, ==, 0);
}

typedef struct _badCase {
    const char *name;
    const char *ledger[4];
} badCase;

#define PART "fleece:order:0:ypeB6553f100,PiPoe10,Ln0se0b*,"
#define SEALED "fleece:seal:1:4:b3e5611468bda2e6"

static const badCase bad[] = {
    { "nothing", { NULL } },
    { "no-seal", { PART } },
    { "no-part", { SEALED } },
    { "two-seals", { PART, SEALED, "fleece:seal:1:4:0000000000000000" } },
    { "other-part", { "fleece:order:0:ypeB6553f100,PiPoe10,", SEALED } },
    { "swapped", { "fleece:order:0:PiPo6553f100,ypeBe10,Ln0se0b*,", SEALED } },
    { "part-number", { "fleece:order:1:ypeB6553f100,PiPoe10,Ln0se0b*,", SEALED } },
    { "checksum", { PART, "fleece:seal:1:4:b3e5611468bda2e7" } },
    { "no-checksum", { PART, "fleece:seal:1:4:" } },
    { "width", { PART, "fleece:seal:1:3:b3e5611468bda2e6" } },
    { "width-huge", { PART, "fleece:seal:1:99999999999999999999:b3e5611468bda2e6" } },
    { "parts-huge", { PART, "fleece:seal:999999999:4:b3e5611468bda2e6" } },
    { "parts-negative", { PART, "fleece:seal:-1:4:b3e5611468bda2e6" } },
    { "words", { PART, "fleece:seal:" } },
};

static void
testBad(gconstpointer data)
{
    const badCase *c = data;
    const char *const names[] = { "a", "b", "c", NULL };
    const char *ledger[5] = { c->ledger[0], c->ledger[1], c->ledger[2], c->ledger[3], NULL };

    g_assert_null(qemuLedgerParse(ledger, names));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ledger/text", testText);
    g_test_add_func("/ledger/round-trip", testRoundTrip);
    g_test_add_func("/ledger/many", testMany);
    g_test_add_func("/ledger/empty", testEmpty);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf("/ledger/bad/%s", bad[i].name);

        g_test_add_data_func(path, &bad[i], testBad);
    }
    return g_test_run();
}
