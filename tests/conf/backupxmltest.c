/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backup XML: as parsed, as settled against a domain, refusals. */
#include "backup_def.h"
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

#define PUSH(rest) "<domainbackup>" rest "</domainbackup>"
#define PUSH_DISKS(rest) PUSH("<disks>" rest "</disks>")
#define SERVER "<server transport='unix' socket='/s'/>"
#define PULL(rest) "<domainbackup mode='pull'>" rest "</domainbackup>"
#define PULL_DISKS(rest) PULL(SERVER "<disks>" rest "</disks>")
#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED
#define BAD VIR_ERR_XML_ERROR
#define GRAMMAR VIR_ERR_XML_INVALID_SCHEMA

static const struct {
    const char *name;
    int code;
    const char *reason;
    const char *xml;
} refusals[] = {
    {"malformed", VIR_ERR_XML_DETAIL, "(domain_backup):1", "<foo"},
    {"root", BAD, "expecting root element of 'domainbackup'", "<foo/>"},
    {"mode", GRAMMAR,
     "'zz' of attribute 'mode' in element <domainbackup>: 'push' or 'pull' is wanted",
     "<domainbackup mode='zz'/>"},
    {"element", GRAMMAR, "unknown element <zork> in <domainbackup>", PUSH("<zork/>")},
    {"pull-no-server", GRAMMAR, "a pull backup needs a <server>", PULL("")},
    {"push-server", GRAMMAR, "<server> is for pull backups", PUSH(SERVER)},
    {"transport", GRAMMAR, "'zz'", PULL("<server transport='zz'/>")},
    {"rdma", GRAMMAR, "'rdma'", PULL("<server transport='rdma' name='x'/>")},
    {"fd", GRAMMAR, "'fd'", PULL("<server transport='fd' fdgroup='x'/>")},
    {"fdgroup", GRAMMAR, "unknown attribute 'fdgroup' in element <server>",
     PULL("<server transport='unix' fdgroup='x'/>")},
    {"tls", UNSUPPORTED, "tls='yes'", PULL("<server name='localhost' port='10809' tls='yes'/>")},
    {"no-socket", GRAMMAR, "missing attribute 'socket'", PULL("<server transport='unix'/>")},
    {"relative-socket", GRAMMAR, "'s' of attribute 'socket' in element <server>: an absolute path",
     PULL("<server transport='unix' socket='s'/>")},
    {"long-socket", GRAMMAR, "shorter than 108 bytes",
     PULL("<server transport='unix' "
          "socket='/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'/>")},
    {"port", VIR_ERR_INVALID_ARG, "port '70000'", PULL("<server name='localhost' port='70000'/>")},
    {"port-word", GRAMMAR, "'x' of attribute 'port'", PULL("<server name='localhost' port='x'/>")},
    {"port-huge", GRAMMAR, "'5000000000' of attribute 'port'",
     PULL("<server name='localhost' port='5000000000'/>")},
    {"tcp-no-name", GRAMMAR, "missing attribute 'name' in element <server>",
     PULL("<server port='10809'/>")},
    {"tcp-bad-name", GRAMMAR, "'a b' of attribute 'name'", PULL("<server name='a b'/>")},
    {"tcp-socket", GRAMMAR, "'socket' of <server> needs transport='unix'",
     PULL("<server name='localhost' socket='/s'/>")},
    {"unix-port", GRAMMAR, "neither a name nor a port",
     PULL("<server transport='unix' socket='/s' port='1'/>")},
    {"tls-word", GRAMMAR, "'maybe' of attribute 'tls'",
     PULL("<server name='localhost' tls='maybe'/>")},
    {"server-twice", GRAMMAR, "<server> is given more than once", PULL(SERVER SERVER)},
    {"server-child", GRAMMAR, "unknown element <x> in <server>",
     PULL("<server transport='unix' socket='/s'><x/></server>")},
    {"incremental-twice", GRAMMAR, "<incremental> is given more than once",
     PUSH("<incremental>a</incremental><incremental>b</incremental>")},
    {"incremental-child", GRAMMAR, "unknown element <x> in <incremental>",
     PUSH("<incremental><x/></incremental>")},
    {"text", GRAMMAR, "text in <domainbackup>", PUSH("hello")},
    {"foreign", GRAMMAR, "unknown element <q:x>", PUSH("<q:x xmlns:q='urn:q'/>")},
    {"root-attr", GRAMMAR, "unknown attribute 'id'", "<domainbackup id='1'/>"},
    {"no-disks", GRAMMAR, "<disks> of a backup is empty", PUSH_DISKS("")},
    {"disk-name", GRAMMAR, "missing attribute 'name'", PUSH_DISKS("<disk/>")},
    {"disk-odd", GRAMMAR, "'foo' of attribute 'name'",
     PUSH_DISKS("<disk name='foo' type='file'/>")},
    {"disk-index", GRAMMAR, "unknown attribute 'index'",
     PULL_DISKS("<disk name='vda' index='1'/>")},
    {"push-no-type", GRAMMAR, "missing attribute 'type' of disk 'vda'",
     PUSH_DISKS("<disk name='vda'/>")},
    {"pull-backup-no-type", GRAMMAR, "missing attribute 'type' of disk 'vda'",
     PULL_DISKS("<disk name='vda' backup='yes'/>")},
    {"out-with-type", GRAMMAR, "disk 'vda' has backup='no' and yet says",
     PULL_DISKS("<disk name='vda' backup='no' type='file'/>")},
    {"driver-alone", GRAMMAR, "<driver> of disk 'vda' is about a <scratch>",
     PULL_DISKS("<disk name='vda' type='file'><driver type='qcow2'/></disk>")},
    {"driver-empty", GRAMMAR, "missing attribute 'type' in element <driver>",
     PUSH_DISKS("<disk name='vda' type='file'><driver/></disk>")},
    {"relative-target", GRAMMAR, "'t' of attribute 'file' in element <target>",
     PUSH_DISKS("<disk name='vda' type='file'><target file='t'/></disk>")},
    {"control-target", GRAMMAR, "without control characters",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t&#10;'/></disk>")},
    {"empty-target", GRAMMAR, "must have attribute 'file'",
     PUSH_DISKS("<disk name='vda' type='file'><target/></disk>")},
    {"two-sources", GRAMMAR, "and no other",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t' dev='/t'/></disk>")},
    {"two-targets", GRAMMAR, "<target> is given more than once",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t'/><target file='/u'/></disk>")},
    {"block-scratch", GRAMMAR, "no <scratch dev='...'/>",
     PULL_DISKS("<disk name='vda' type='block'/>")},
    {"format-junk", GRAMMAR, "'zz' of attribute 'type' in element <driver>",
     PUSH_DISKS("<disk name='vda' type='file'><driver type='zz'/></disk>")},
    {"unknown", UNSUPPORTED, "no disk named 'vdz'", PUSH_DISKS("<disk name='vdz' type='file'/>")},
    {"by-path", GRAMMAR, "'/images/a.qcow2' of attribute 'name'",
     PUSH_DISKS("<disk name='/images/a.qcow2'/>")},
    {"twice", UNSUPPORTED, "disk 'vda' specified twice",
     PUSH_DISKS("<disk name='vda' type='file'/><disk name='vda' type='file'/>")},
    {"empty-cdrom", UNSUPPORTED, "disk 'sda' has no media",
     PUSH_DISKS("<disk name='sda' type='file'/>")},
    {"backup", GRAMMAR, "'zz'", PUSH_DISKS("<disk name='vda' backup='zz'/>")},
    {"backupmode", GRAMMAR, "'zz'", PUSH_DISKS("<disk name='vda' backupmode='zz'/>")},
    {"incremental-of-what", UNSUPPORTED,
     "backup mode 'incremental' of disk 'vda' needs a checkpoint",
     PUSH_DISKS("<disk name='vda' type='file' backupmode='incremental'/>")},
    {"full-and-incremental", GRAMMAR, "backupmode='full' and yet incremental='c'",
     PUSH_DISKS("<disk name='vda' backupmode='full' incremental='c'/>")},
    {"network-target", GRAMMAR, "'network'", PUSH_DISKS("<disk name='vda' type='network'/>")},
    {"encryption", UNSUPPORTED, "<encryption> in <target>",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t'><encryption "
                "format='luks'/></target></disk>")},
    {"seclabel", UNSUPPORTED, "<seclabel> in <scratch>",
     PULL_DISKS("<disk name='vda' type='file'><scratch file='/t'><seclabel/></scratch></disk>")},
    {"scratch-in-push", GRAMMAR, "<scratch> in <disk name='vda'>: a push backup has a <target>",
     PUSH_DISKS("<disk name='vda' type='file'><scratch file='/t'/></disk>")},
    {"target-in-pull", GRAMMAR, "<target> in <disk name='vda'>: a pull backup has a <scratch>",
     PULL_DISKS("<disk name='vda' type='file'><target file='/t'/></disk>")},
    {"raw-scratch", GRAMMAR, "'raw' of attribute 'type' in element <driver>: 'qcow2' is wanted",
     PULL_DISKS("<disk name='vda' type='file'><scratch file='/t'/><driver type='raw'/></disk>")},
    {"format", UNSUPPORTED, "'vmdk'",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t'/><driver type='vmdk'/></disk>")},
    {"export-in-push", GRAMMAR, "need mode='pull'",
     PUSH_DISKS("<disk name='vda' type='file' exportname='x'/>")},
    {"block-without-dev", GRAMMAR, "no <target dev='...'/>",
     PUSH_DISKS("<disk name='vda' type='block'/>")},
    {"wrong-attr", GRAMMAR, "<target> of disk 'vda' of type 'file' must have attribute 'file'",
     PUSH_DISKS("<disk name='vda' type='file'><target dev='/t'/></disk>")},
    {"block-source", UNSUPPORTED, "cannot make up a file name for the backup of disk 'vdb'",
     PUSH_DISKS("<disk name='vdb' type='file'/>")},
    {"none-selected", UNSUPPORTED, "no disks of domain 'chk' selected",
     PUSH_DISKS("<disk name='vda' backup='no'/>")},
    {"same-store", VIR_ERR_INVALID_ARG, "store '/t' is given to more than one disk",
     PUSH_DISKS("<disk name='vda' type='file'><target file='/t'/></disk>"
                "<disk name='vdc' type='file'><target file='/t'/></disk>")},
    {"onto-itself", VIR_ERR_INVALID_ARG, "in use as an image of disk 'vda'",
     PUSH_DISKS("<disk name='vdc' type='file'><target file='/images/base.qcow2'/></disk>")},
    {"same-export", VIR_ERR_INVALID_ARG, "export name 'x' is given to more than one disk",
     PULL_DISKS("<disk name='vda' exportname='x'/><disk name='vdc' exportname='x'/>")},
};

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainBackupDef) def = virDomainBackupDefParse(refusals[i].xml);
    virDomainDiskDef *vdb = virDomainDefDisk(dom, "vdb", false);

    vdb->src->type = VIR_STORAGE_TYPE_BLOCK;
    if (def)
        g_assert_cmpint(virDomainBackupDefAlign(def, dom, "1700000000", "/scratch"), ==, -1);
    confTestError(refusals[i].name, refusals[i].code, refusals[i].reason);
}

int
main(int argc, char **argv)
{
    static const char *const cases[] = {
        "bare", "push", "pull-unix", "pull-tcp", "virtnbdbackup", "explicit-readonly",
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/case/%s", cases[i]);

        g_test_add_data_func(path, cases[i], testCase);
    }
    g_test_add_func("/backupxml/store-given", testStoreGiven);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/backupxml/refuse/%s", refusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
