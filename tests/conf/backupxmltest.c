/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backup XML: as parsed, as settled against a domain, refusals. */
#include <string.h>
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

/* What the request does not give comes from qemu.conf, if it is for its mode. */
static void
testOptionsSettle(gconstpointer data)
{
    const char *name = data;
    g_autofree char *inFile = g_strdup_printf("%s.xml", name);
    g_autofree char *outFile = g_strdup_printf("%s.settled.xml", name);
    g_autofree char *xml = confTestRead(DATA, inFile);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainBackupDef) def = parse(xml);
    g_autoptr(virDomainBackupDef) again = NULL;
    g_autoptr(virConf) conf =
        virConfParse("backup_quiesce = 1\nbackup_onmissing = \"full\"\nbackup_scope = \"changed\"\n"
                     "cbw_timeout = 9\nbackup_bandwidth = 1000\nbackup_workers = 2\nbackup_compress = 1\n"
                     "backup_fleece = 1\nbackup_export_helper = 1\n", "x.conf");
    virBackupOptions defaults;
    g_autofree char *text = NULL;
    g_autofree char *second = NULL;

    g_assert_cmpint(virDomainBackupDefAlign(def, dom, "7", "/scratch"), ==, 0);
    virBackupOptionsInit(&defaults);
    g_assert_cmpint(virBackupOptionsLoad(&defaults, conf), ==, 0);
    virBackupOptionsSettle(&def->options, def->mode, &defaults);
    virDomainBackupDefSettleExportHelper(def);
    text = virDomainBackupDefFormat(def);
    confTestGolden(DATA, outFile, text);
    again = parse(text);
    second = virDomainBackupDefFormat(again);
    g_assert_cmpstr(second, ==, text);
}

static void
testOptionsFallback(void)
{
    g_autoptr(virDomainBackupDef) def = parse("<domainbackup/>");

    g_assert_cmpuint(VIR_BACKUP_OPTION(def, CBW_TIMEOUT), ==, 45);
    g_assert_cmpuint(VIR_BACKUP_OPTION(def, BANDWIDTH), ==, 0);
    g_assert_cmpuint(VIR_BACKUP_OPTION(def, ONMISSING), ==, VIR_BACKUP_ONMISSING_ERROR);
    g_assert_cmpuint(VIR_BACKUP_OPTION(def, SCOPE), ==, VIR_BACKUP_SCOPE_DISK);
    g_assert_false(def->options.of[VIR_BACKUP_OPTION_WORKERS].given);
}

static void
testExportHelper(void)
{
    g_autoptr(virDomainBackupDef) def =
        parse("<domainbackup mode='pull'><server name='localhost'/>"
              "<f:options xmlns:f='urn:fleece:1' export-helper='yes'/></domainbackup>");

    g_assert_cmpint(virDomainBackupDefCheckExportHelper(def), ==, 0);
    virDomainBackupDefSettleExportHelper(def);
    g_assert_cmpuint(VIR_BACKUP_OPTION(def, EXPORT_HELPER), ==, 1);
    def->server.transport = VIR_BACKUP_SERVER_UNIX;
    g_assert_cmpint(virDomainBackupDefCheckExportHelper(def), ==, -1);
    confTestError("unix", VIR_ERR_CONFIG_UNSUPPORTED, "export-helper is for transport='tcp'");
}

static void
assertNotCompressed(const char *disk, bool reuse, const char *why)
{
    g_autofree char *xml = g_strdup_printf(
        "<domainbackup><disks>%s<disk name='vdb' backup='no'/></disks>"
        "<f:options xmlns:f='urn:fleece:1' compress='yes'/></domainbackup>", disk);
    g_autoptr(virDomainBackupDef) def = parse(xml);
    g_autoptr(virDomainDef) dom = domain();

    g_assert_cmpint(virDomainBackupDefAlign(def, dom, "7", "/scratch"), ==, 0);
    g_assert_cmpint(virDomainBackupDefCheckCompress(def, reuse), ==, why ? -1 : 0);
    if (why)
        confTestError(disk, VIR_ERR_CONFIG_UNSUPPORTED, why);
}

static void
testCompress(void)
{
    assertNotCompressed("<disk name='vda' type='file'/>", false, NULL);
    assertNotCompressed("<disk name='vda' type='file'/>", true,
                        "cannot compress the backup of disk 'vda': its target is a file that exists already");
    assertNotCompressed("<disk name='vda' type='file'><driver type='raw'/></disk>", false,
                        "its target is not in format qcow2");
    assertNotCompressed("<disk name='vda' type='file'><target file='/t'><encryption format='luks'><secret "
                        "type='passphrase' usage='a'/></encryption></target></disk>", false,
                        "its target is encrypted");
    assertNotCompressed("<disk name='vda' type='block'><target dev='/dev/t'/></disk>", false,
                        "its target is a block device");
    assertNotCompressed("<disk name='vda' type='network'><target protocol='nbd'><host name='h'/></target>"
                        "<driver type='qcow2'/></disk>", false, "its target is an NBD export");
}

static virDomainBackupDef *
fleeced(const char *options, const char *disk, bool reuse)
{
    g_autofree char *xml = g_strdup_printf(
        "<domainbackup><disks>%s<disk name='vdb' backup='no'/></disks>"
        "<f:options xmlns:f='urn:fleece:1' %s/></domainbackup>", disk, options);
    g_autoptr(virDomainBackupDef) def = parse(xml);
    g_autoptr(virDomainDef) dom = domain();

    g_assert_cmpint(virDomainBackupDefAlign(def, dom, "7", "/scratch"), ==, 0);
    virDomainBackupDefSettleScratch(def, dom, "7", "/scratch", reuse);
    return g_steal_pointer(&def);
}

/* Beside the image where the request names no scratch, and encrypted as the target is. */
static void
testFleece(void)
{
    const char *plain = "<disk name='vda' type='file'><target file='/t'/></disk>";
    g_autoptr(virDomainBackupDef) made = fleeced("fleece='yes' scratch-limit='65536'", plain, false);
    g_autoptr(virDomainBackupDef) locked = fleeced(
        "fleece='yes'", "<disk name='vda' type='file'><target file='/t'><encryption format='luks'><secret "
                        "type='passphrase' usage='a'/></encryption></target></disk>", false);
    g_autoptr(virDomainBackupDef) named = fleeced(
        "fleece='yes'", "<disk name='vda' type='file'><target file='/t'/>"
                        "<f:scratch xmlns:f='urn:fleece:1' file='/s'/></disk>", false);
    g_autoptr(virDomainBackupDef) none = fleeced("fleece='no'", plain, false);
    g_autoptr(virDomainBackupDef) reused = fleeced("fleece='yes'", plain, true);
    g_autoptr(virDomainDef) dom = domain();
    const virDomainDiskDef *domDisk = g_ptr_array_index(dom->disks, 0);
    g_autofree char *path = g_strdup_printf("%s.7.scratch", domDisk->src->path);

#define VDA(def) ((const virDomainBackupDiskDef *)g_ptr_array_index((def)->disks, 0))
    g_assert_cmpstr(VDA(made)->scratch->path, ==, path);
    g_assert_null(VDA(made)->scratch->encryption);
    g_assert_cmpint(virDomainBackupDefCheckScratchLimit(made, false), ==, 0);
    g_assert_nonnull(VDA(locked)->scratch->encryption);
    g_assert_cmpstr(VDA(named)->scratch->path, ==, "/s");
    g_assert_null(VDA(none)->scratch);
    g_assert_null(VDA(reused)->scratch);
#undef VDA
    g_assert_cmpint(virDomainBackupDefCheckFleece(made, false), ==, 0);
    g_assert_cmpint(virDomainBackupDefCheckFleece(named, true), ==, 0);
    g_assert_cmpint(virDomainBackupDefCheckFleece(reused, true), ==, -1);
    confTestError("reused", VIR_ERR_CONFIG_UNSUPPORTED, "cannot make up a scratch for the backup of disk 'vda'");
}

static void
testIncrementFormat(void)
{
    g_autoptr(virDomainBackupDef) def =
        parse("<domainbackup><incremental>c</incremental><disks><disk name='vda' type='file'>"
              "<driver type='vhd'/></disk><disk name='vdb' backup='no'/></disks></domainbackup>");
    g_autoptr(virDomainDef) dom = domain();

    g_assert_cmpint(virDomainBackupDefAlign(def, dom, "7", "/scratch"), ==, 0);
    g_assert_cmpint(virDomainBackupDefCheckFormats(def, true), ==, 0);
    g_assert_cmpint(virDomainBackupDefCheckFormats(def, false), ==, -1);
    confTestError("vhd", VIR_ERR_CONFIG_UNSUPPORTED,
                  "increment of disk 'vda' into a new file of QEMU's format 'vhdx'");
}

static void
assertMentioned(const char *file, const char *before, const char *what, const char *after)
{
    g_autofree char *path = g_build_filename(g_getenv("abs_top_srcdir"), "docs", file, NULL);
    g_autofree char *mention = g_strconcat(before, what, after, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    if (!strstr(text, mention))
        g_error("docs/%s does not describe %s", file, mention);
}

static void
testOptionsDocumented(void)
{
    virBackupOptionAttrsFill();
    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++) {
        assertMentioned("formatbackup.rst", "*", virBackupOptionAttrs[0][i].name, "*");
        assertMentioned("man/virtqemud.rst", "``", virBackupOptionKey(i), "``");
        assertMentioned("qemu.conf", "#", virBackupOptionKey(i), " = ");
    }
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
        "bare", "push", "pull-unix", "pull-tcp", "pull-tls", "push-nbd", "index", "virtnbdbackup", "explicit-readonly",
        "options", "pull-options", "push-options", "options-no", "push-formats", "seclabel", "push-fleeced",
        "push-luks", "pull-luks", "pull-fd",
    };
    static const char *const settled[] = {"bare", "pull-unix", "pull-tcp", "push-options", "options-no"};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/case/%s", cases[i]);

        g_test_add_data_func(path, cases[i], testCase);
    }
    g_test_add_func("/backupxml/store-given", testStoreGiven);
    g_test_add_func("/backupxml/options/fallback", testOptionsFallback);
    g_test_add_func("/backupxml/options/compress", testCompress);
    g_test_add_func("/backupxml/options/fleece", testFleece);
    g_test_add_func("/backupxml/options/export-helper", testExportHelper);
    g_test_add_func("/backupxml/increment-format", testIncrementFormat);
    g_test_add_func("/backupxml/options/documented", testOptionsDocumented);
    for (size_t i = 0; i < G_N_ELEMENTS(settled); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/options/settled/%s", settled[i]);

        g_test_add_data_func(path, settled[i], testOptionsSettle);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(backupRefusals); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/refuse/%s", backupRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
