/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backup XML: as parsed, as settled against a domain, refusals. */
#include "backup_def.h"
#include "backuprefusals.h"
#include "conftestlib.h"
#include "virerror_report.h"

#define DATA "backupxmldata"

static virDomainDef *
domain(void)
{
    g_autofree char *xml = confTestRead(DATA, "domain.xml");
    virDomainDef *def = virDomainDefParse(xml, 0);

    if (!def)
        g_error("%s", virErrorLastMessage());
    return def;
}

static virDomainBackupDef *
parse(const char *xml)
{
    virDomainBackupDef *def = virDomainBackupDefParse(xml);

    if (!def)
        g_error("%s", virErrorLastMessage());
    return def;
}

/* Wanted: the golden; the same again when that is read back; and a copy that outlives its model. */
static void
testCase(gconstpointer data)
{
    g_autofree char *inFile = g_strdup_printf("%s.xml", (const char *)data);
    g_autofree char *outFile = g_strdup_printf("%s.out.xml", (const char *)data);
    g_autofree char *xml = confTestRead(DATA, inFile);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainBackupDef) def = parse(xml);
    g_autoptr(virDomainBackupDef) again = NULL;
    g_autoptr(virDomainBackupDef) copy = NULL;
    g_autofree char *text = NULL;
    g_autofree char *second = NULL;
    g_autofree char *third = NULL;

    if (virDomainBackupDefAlign(def, dom, "1700000000", "/scratch") < 0)
        g_error("%s", virErrorLastMessage());
    text = virDomainBackupDefFormat(def);
    confTestGolden(DATA, outFile, text);

    again = parse(text);
    second = virDomainBackupDefFormat(again);
    g_assert_cmpstr(second, ==, text);
    copy = virDomainBackupDefCopy(def);
    g_clear_pointer(&def, virDomainBackupDefFree);
    third = virDomainBackupDefFormat(copy);
    g_assert_cmpstr(third, ==, text);
}

static void
testStoreGiven(void)
{
    g_autoptr(virDomainBackupDef) def =
        parse("<domainbackup><disks><disk name='vda' type='file'><target file='/t'/></disk>"
              "<disk name='vdb' type='file'><driver type='raw'/></disk></disks></domainbackup>");
    g_autoptr(virDomainDef) dom = domain();
    const virDomainBackupDiskDef *vda = NULL;
    const virDomainBackupDiskDef *vdb = NULL;

    g_assert_cmpint(virDomainBackupDefAlign(def, dom, "7", "/scratch"), ==, 0);
    vda = g_ptr_array_index(def->disks, 0);
    vdb = g_ptr_array_index(def->disks, 1);
    g_assert_true(vda->storeGiven);
    g_assert_false(vdb->storeGiven);
    g_assert_cmpint(vdb->store->format, ==, VIR_STORAGE_FORMAT_RAW);
    g_assert_cmpstr(vdb->store->path, ==, "/images/b.qcow2.7");
}

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainBackupDef) def = virDomainBackupDefParse(backupRefusals[i].xml);
    virDomainDiskDef *vdb = virDomainDefDisk(dom, "vdb", false);

    vdb->src->type = VIR_STORAGE_TYPE_BLOCK;
    if (def)
        g_assert_cmpint(virDomainBackupDefAlign(def, dom, "1700000000", "/scratch"), ==, -1);
    confTestError(backupRefusals[i].name, backupRefusals[i].code, backupRefusals[i].reason);
}

int
main(int argc, char **argv)
{
    static const char *const cases[] = {
        "bare", "push", "pull-unix", "pull-tcp", "pull-tls", "push-nbd", "virtnbdbackup", "explicit-readonly",
        "options", "pull-options", "push-options",
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/case/%s", cases[i]);

        g_test_add_data_func(path, cases[i], testCase);
    }
    g_test_add_func("/backupxml/store-given", testStoreGiven);
    for (gsize i = 0; i < G_N_ELEMENTS(backupRefusals); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/refuse/%s", backupRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
