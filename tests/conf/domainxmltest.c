/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain XML, there and back. For each NAME.xml: what it becomes (NAME.out.xml), what it looks like
 * running (NAME.live.xml), and that going round again changes neither.
 */
#include "conftestlib.h"
#include "domain_def.h"
#include "virerror_report.h"

#define DATA "domainxmldata"

static const char *const cases[] = {
    "minimal",  "pc-full",  "q35-full", "q35-stock-live", "chain",      "nbd", "data-store", "buses",
    "consoles", "metadata", "kernel",   "cpu-host",       "user-alias", "luks",
};

static virDomainDef *
parse(const char *xml, unsigned int flags)
{
    virDomainDef *def = virDomainDefParse(xml, flags);

    if (!def)
        g_error("%s", virErrorLastMessage());
    return def;
}

static void
assertStable(const char *text, unsigned int parseFlags, unsigned int formatFlags)
{
    g_autoptr(virDomainDef) again = parse(text, parseFlags);
    g_autofree char *second = virDomainDefFormat(again, formatFlags);

    g_assert_cmpstr(second, ==, text);
}

static void
testCase(gconstpointer data)
{
    const char *name = data;
    g_autofree char *inFile = g_strdup_printf("%s.xml", name);
    g_autofree char *outFile = g_strdup_printf("%s.out.xml", name);
    g_autofree char *liveFile = g_strdup_printf("%s.live.xml", name);
    g_autofree char *xml = confTestRead(DATA, inFile);
    g_autoptr(virDomainDef) def = parse(xml, 0);
    g_autofree char *config = virDomainDefFormat(def, 0);
    g_autofree char *live = NULL;

    confTestGolden(DATA, outFile, config);
    assertStable(config, 0, 0);

    def->id = 7;
    virDomainDefAssignAliases(def);
    live = virDomainDefFormat(def, VIR_DOMAIN_FORMAT_LIVE);
    confTestGolden(DATA, liveFile, live);
    assertStable(live, VIR_DOMAIN_PARSE_LIVE, VIR_DOMAIN_FORMAT_LIVE);
}

/* What a running domain shows is accepted back as a configuration, and is the same configuration.
 */
static void
testLiveIsConfig(gconstpointer data)
{
    g_autofree char *outFile = g_strdup_printf("%s.out.xml", (const char *)data);
    g_autofree char *liveFile = g_strdup_printf("%s.live.xml", (const char *)data);
    g_autofree char *live = confTestRead(DATA, liveFile);
    g_autoptr(virDomainDef) def = parse(live, 0);
    g_autofree char *config = virDomainDefFormat(def, 0);

    g_assert_cmpint(def->id, ==, -1);
    confTestGolden(DATA, outFile, config);
}

static void
testCopy(gconstpointer data)
{
    g_autofree char *liveFile = g_strdup_printf("%s.live.xml", (const char *)data);
    g_autofree char *live = confTestRead(DATA, liveFile);
    g_autoptr(virDomainDef) def = parse(live, VIR_DOMAIN_PARSE_LIVE);
    g_autoptr(virDomainDef) copy = virDomainDefCopy(def);
    g_autofree char *text = NULL;

    g_clear_pointer(&def, virDomainDefFree);
    text = virDomainDefFormat(copy, VIR_DOMAIN_FORMAT_LIVE);
    g_assert_cmpstr(text, ==, live);
}

static void
testAliasesAgain(void)
{
    g_autofree char *xml = confTestRead(DATA, "buses.xml");
    g_autoptr(virDomainDef) def = parse(xml, 0);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    virDomainDefAssignAliases(def);
    first = virDomainDefFormat(def, VIR_DOMAIN_FORMAT_LIVE);
    virDomainDefAssignAliases(def);
    second = virDomainDefFormat(def, VIR_DOMAIN_FORMAT_LIVE);
    g_assert_cmpstr(first, ==, second);
}

/* Aliases and indexes another libvirt left in a document mean nothing to us. */
static void
testForeignLiveDropped(void)
{
    g_autofree char *xml = confTestRead(DATA, "q35-stock-live.xml");
    g_autoptr(virDomainDef) def = parse(xml, 0);
    virDomainDiskDef *disk = virDomainDefDisk(def, "vda", false);

    g_assert_nonnull(disk);
    g_assert_null(disk->alias);
    g_assert_cmpuint(disk->src->index, ==, 0);
    g_assert_cmpint(def->id, ==, -1);
}

/* What only a running domain has, as the driver fills it in. */
static void
testRunning(void)
{
    g_autofree char *xml = confTestRead(DATA, "chain.xml");
    g_auto(GStrv) halves = g_strsplit(xml, "<devices>", 2);
    g_autofree char *more =
        g_strjoinv("<devices><console type='pty'/><channel type='unix'><target type='virtio' "
                   "name='org.qemu.guest_agent.0'/></channel>",
                   halves);
    g_autoptr(virDomainDef) def = parse(more, 0);
    virDomainChardevDef *serial = g_ptr_array_index(def->chardevs, 0);
    virDomainChardevDef *channel = g_ptr_array_index(def->chardevs, 1);
    virStorageSource *src = virDomainDefDisk(def, "vda", false)->src;
    g_autofree char *live = NULL;
    g_autofree char *config = NULL;

    def->id = 3;
    serial->path = g_strdup("/dev/pts/5");
    channel->path =
        g_strdup("/var/lib/libvirt/qemu/channel/target/domain-3-chain/org.qemu.guest_agent.0");
    channel->connected = VIR_TRISTATE_YES;
    src->index = 2;
    src->backing->index = 4;
    virDomainDefAssignAliases(def);
    live = virDomainDefFormat(def, VIR_DOMAIN_FORMAT_LIVE);
    confTestGolden(DATA, "running.live.xml", live);
    assertStable(live, VIR_DOMAIN_PARSE_LIVE, VIR_DOMAIN_FORMAT_LIVE);

    g_clear_pointer(&def, virDomainDefFree);
    def = parse(live, 0);
    config = virDomainDefFormat(def, 0);
    confTestGolden(DATA, "running.out.xml", config);
}

static void
testDiskLookup(void)
{
    g_autofree char *xml = confTestRead(DATA, "chain.xml");
    g_autoptr(virDomainDef) def = parse(xml, 0);
    virDomainDiskDef *disk = virDomainDefDisk(def, "vda", false);

    g_assert_nonnull(disk);
    g_assert_true(virDomainDefDisk(def, disk->src->path, true) == disk);
    g_assert_null(virDomainDefDisk(def, disk->src->path, false));
    g_assert_null(virDomainDefDisk(def, "vdz", true));
}

static void
testGeneratedIdentity(void)
{
    g_autofree char *xml = confTestRead(DATA, "minimal.xml");
    g_autofree char *prefix = NULL;
    g_auto(GStrv) parts = g_strsplit(xml, "<uuid>22222222-2222-4222-8222-222222222222</uuid>", 2);
    g_autofree char *bare = g_strjoinv("", parts);
    g_auto(GStrv) halves = g_strsplit(bare, "</os>", 2);
    g_autofree char *net = g_strjoinv("</os><devices><interface type='user'/></devices>", halves);
    g_autoptr(virDomainDef) a = parse(net, 0);
    g_autoptr(virDomainDef) b = parse(net, 0);
    virDomainNetDef *neta = g_ptr_array_index(a->nets, 0);
    virDomainNetDef *netb = g_ptr_array_index(b->nets, 0);

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_assert_cmpint(memcmp(a->uuid, b->uuid, VIR_UUID_BUFLEN), !=, 0);
    prefix = g_strndup(neta->mac, 9);
    g_assert_cmpstr(prefix, ==, "52:54:00:");
    g_assert_cmpstr(neta->mac, !=, netb->mac);
    g_assert_cmpstr(neta->model, ==, "rtl8139");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *round = g_strdup_printf("/domainxml/round/%s", cases[i]);
        g_autofree char *back = g_strdup_printf("/domainxml/live-is-config/%s", cases[i]);
        g_autofree char *copy = g_strdup_printf("/domainxml/copy/%s", cases[i]);

        g_test_add_data_func(round, cases[i], testCase);
        g_test_add_data_func(back, cases[i], testLiveIsConfig);
        g_test_add_data_func(copy, cases[i], testCopy);
    }
    g_test_add_func("/domainxml/aliases-again", testAliasesAgain);
    g_test_add_func("/domainxml/foreign-live-dropped", testForeignLiveDropped);
    g_test_add_func("/domainxml/running", testRunning);
    g_test_add_func("/domainxml/disk-lookup", testDiskLookup);
    g_test_add_func("/domainxml/generated-identity", testGeneratedIdentity);
    return g_test_run();
}
