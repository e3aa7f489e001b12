/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which strays can be adopted, and in which order: wrong, it would be a backup with holes. */
#include "engine_golden.h"
#include "qemu_ledger.h"
#include "qemu_strays.h"
#include <string.h>

typedef struct _straysCase {
    const char *name;
    const char *bitmaps[2];    /* of each disk, as engineNode; NULL = no second disk */
    const char *orders[2];     /* "A ? B"; NULL = not known */
    const char *records;
    const char *sequence;
    const char *unfit;         /* names that cannot be adopted */
    const char *reason;        /* part of that of the first one */
} straysCase;

#define UNKNOWN "what came after it is not known"

static const straysCase cases[] = {
    { "all", { "B C* A" }, { "A B C" }, "", "A B C", "", NULL },
    { "between", { "B C* A" }, { "A B C" }, "A C", "A B C", "", NULL },
    { "none", { "B C* A" }, { "A B C" }, "A B C", "A B C", "", NULL },
    { "no-order", { "B C* A" }, { NULL }, "", "C", "A B", UNKNOWN },
    { "no-order-records", { "B C* A" }, { NULL }, "A", "A C", "B", UNKNOWN },
    { "all-record", { "B* C* A*" }, { NULL }, "", "A B C", "", NULL },
    { "lost-behind", { "A C*" }, { "A ? C" }, "", "C", "A", "that came after it is lost" },
    { "gone-behind", { "A C*" }, { "A B C" }, "", "C", "A", "bitmap 'B' of disk 'vda'" },
    { "lost-before", { "B C*" }, { "? B C" }, "", "B C", "", NULL },
    { "inconsistent-behind", { "A B! C*" }, { "A B C" }, "", "C", "A B", "'B' of disk 'vda', which came" },
    { "inconsistent", { "A! B!" }, { "A B" }, "", "", "A B", "it is inconsistent on disk 'vda'" },
    { "none-records", { "A B" }, { "A B" }, "", "", "A B", "no bitmap of disk 'vda' records" },
    { "temporary", { "A* T-" }, { "A" }, "", "A", "", NULL },
    { "name", { "a:b* .c*" }, { NULL }, "", "", ".c a:b", "a checkpoint has a name of letters" },
    { "two-disks", { "B A C*", "C* D B" }, { "A B C", "D B C" }, "", "A D B C", "", NULL },
    { "other-disk-lost", { "A B*", "A C*" }, { "A B", "A ? C" }, "", "B C", "A", "disk 'vdb' that came after" },
    { "contradiction", { "A B C*", "B A C*" }, { "A B C", "B A C" }, "", "C", "A B", "contradict each other" },
    { "against-records", { "A B C D*" }, { "A B C D" }, "C B", "C B D", "A", "contradict each other" },
    { "twice", { "A B C*" }, { "A B A C" }, "", "C", "A B", "contradict each other" },
};

static GPtrArray *
orderNew(const char *spec)
{
    GPtrArray *order = spec ? qemuLedgerNew() : NULL;
    g_auto(GStrv) words = g_strsplit(spec ? spec : "", " ", -1);

    for (size_t i = 0; words[i] && *words[i]; i++)
        g_ptr_array_add(order, qemuLedgerEntryNew(*words[i] == '?' ? NULL : words[i], 0));
    return order;
}

static char *
joinNames(const qemuStrays *strays, bool unfit)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < (unfit ? strays->all : strays->sequence)->len; i++) {
        const qemuStray *stray = unfit ? g_ptr_array_index(strays->all, i) : NULL;

        if (!unfit || stray->reason)
            g_string_append_printf(text, "%s%s", text->len ? " " : "",
                                   unfit ? stray->name
                                         : (const char *)g_ptr_array_index(strays->sequence, i));
    }
    return g_string_free(text, false);
}

static void
testStrays(gconstpointer data)
{
    const straysCase *c = data;
    g_autoptr(qemuGraphNode) first = engineNode("libvirt-1-format", c->bitmaps[0]);
    g_autoptr(qemuGraphNode) second = c->bitmaps[1] ? engineNode("libvirt-2-format", c->bitmaps[1]) : NULL;
    g_autoptr(GPtrArray) order = orderNew(c->orders[0]);
    g_autoptr(GPtrArray) other = orderNew(c->orders[1]);
    qemuStraysDisk disks[] = { { "vda", first, order }, { "vdb", second, other } };
    g_auto(GStrv) records = *c->records ? g_strsplit(c->records, " ", -1) : g_new0(char *, 1);
    g_autoptr(qemuStrays) strays = qemuStraysFind(disks, 2, (const char *const *)records);
    g_autofree char *sequence = joinNames(strays, false);
    g_autofree char *unfit = joinNames(strays, true);
    g_auto(GStrv) names = g_strsplit(c->unfit, " ", -1);

    g_assert_cmpstr(sequence, ==, c->sequence);
    g_assert_cmpstr(unfit, ==, c->unfit);
    if (c->reason)
        g_assert_nonnull(strstr(qemuStraysLookup(strays, names[0])->reason, c->reason));
    g_assert_null(qemuStraysLookup(strays, "nope"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/strays/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], testStrays);
    }
    return g_test_run();
}
