/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docs/schemas against the parsers: what these take is valid, what they refuse is not. Where the
 * two differ it is listed with the reason, and an entry that no longer holds fails the test.
 */
#include <libxml/relaxng.h>
#include <string.h>
#include "backup_def.h"
#include "backuprefusals.h"
#include "checkpoint_def.h"
#include "checkpointrefusals.h"
#include "conftestlib.h"
#include "domainrefusals.h"
#include "secret_def.h"
#include "secretrefusals.h"
#include "virerror_report.h"
#include "virxml.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGParserCtxt, xmlRelaxNGFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlRelaxNGValidCtxt, xmlRelaxNGFreeValidCtxt)

typedef enum { KIND_DOMAIN, KIND_CHECKPOINT, KIND_BACKUP, KIND_SECRET, KIND_LAST } documentKind;

static const char *const schemaNames[KIND_LAST] = {"domain", "domaincheckpoint", "domainbackup",
                                                   "secret"};
static const char *const dataDirs[KIND_LAST] = {"domainxmldata", "checkpointxmldata",
                                                "backupxmldata", "secretxmldata"};
static xmlRelaxNG *schemas[KIND_LAST];
static GString *complaint;

static void
onComplaint(void *unused, xmlErrorPtr error)
{
    g_string_append(complaint, error->message);
}

static void
schemasLoad(void)
{
    for (documentKind kind = 0; kind < KIND_LAST; kind++) {
        g_autofree char *path = g_strdup_printf("%s/docs/schemas/%s.rng",
                                                g_getenv("abs_top_srcdir"), schemaNames[kind]);
        g_autoptr(xmlRelaxNGParserCtxt) ctxt = xmlRelaxNGNewParserCtxt(path);

        xmlRelaxNGSetParserStructuredErrors(ctxt, onComplaint, NULL);
        schemas[kind] = xmlRelaxNGParse(ctxt);
        if (!schemas[kind])
            g_error("%s does not compile: %s", path, complaint->str);
    }
}

/* A document that is no XML, or not fit for us to read at all, is not valid either. */
static bool
documentValid(documentKind kind, const char *xml)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(document)", NULL);
    g_autoptr(xmlRelaxNGValidCtxt) ctxt = xmlRelaxNGNewValidCtxt(schemas[kind]);

    g_string_truncate(complaint, 0);
    if (!doc) {
        g_string_append(complaint, virErrorLastMessage());
        return false;
    }
    xmlRelaxNGSetValidStructuredErrors(ctxt, onComplaint, NULL);
    return xmlRelaxNGValidateDoc(ctxt, doc) == 0;
}

static bool
documentAccepted(documentKind kind, const char *xml, unsigned int flags)
{
    g_autoptr(virDomainDef) dom = NULL;
    g_autoptr(virDomainCheckpointDef) checkpoint = NULL;
    g_autoptr(virDomainBackupDef) backup = NULL;
    g_autoptr(virSecretDef) secret = NULL;

    virErrorReset();
    switch (kind) {
    case KIND_DOMAIN:
        return (dom = virDomainDefParse(xml, flags)) != NULL;
    case KIND_CHECKPOINT:
        return (checkpoint = virDomainCheckpointDefParse(xml, flags)) != NULL;
    case KIND_BACKUP:
        return (backup = virDomainBackupDefParse(xml)) != NULL;
    case KIND_SECRET:
        return (secret = virSecretDefParse(xml)) != NULL;
    case KIND_LAST:
        break;
    }
    g_assert_not_reached();
}

static void
assertAgreed(documentKind kind, const char *name, const char *xml, unsigned int flags)
{
    if (!documentAccepted(kind, xml, flags)) {
        g_test_message("%s %s is refused: %s", schemaNames[kind], name, virErrorLastMessage());
        g_test_fail();
    }
    if (!documentValid(kind, xml)) {
        g_test_message("%s %s is not valid: %s", schemaNames[kind], name, complaint->str);
        g_test_fail();
    }
}

static unsigned int
fileFlags(documentKind kind, const char *file)
{
    if (kind == KIND_DOMAIN && g_str_has_suffix(file, ".live.xml"))
        return VIR_DOMAIN_PARSE_LIVE;
    if (kind == KIND_CHECKPOINT && g_str_has_prefix(file, "redefine."))
        return VIR_CHECKPOINT_PARSE_REDEFINE;
    return 0;
}

/* cpu-host.xml has a MAC with a single digit, see liberties. */
static void
testData(gconstpointer data)
{
    documentKind kind = GPOINTER_TO_SIZE(data);
    g_autofree char *path =
        g_strdup_printf("%s/tests/%s", g_getenv("abs_top_srcdir"), dataDirs[kind]);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *file = NULL;
    unsigned int seen = 0;

    g_assert_nonnull(dir);
    while ((file = g_dir_read_name(dir))) {
        g_autofree char *xml = NULL;
        documentKind fileKind = strcmp(file, "domain.xml") == 0 ? KIND_DOMAIN : kind;

        if (!g_str_has_suffix(file, ".xml") || strcmp(file, "cpu-host.xml") == 0)
            continue;
        xml = confTestRead(dataDirs[kind], file);
        assertAgreed(fileKind, file, xml, fileFlags(fileKind, file));
        seen++;
    }
    g_assert_cmpuint(seen, >, 5);
}

static void
testRecords(void)
{
    g_autofree char *xml = confTestRead("checkpointxmldata", "redefine.xml");

    for (virCheckpointState state = 0; state < VIR_CHECKPOINT_STATE_LAST; state++) {
        g_autoptr(virDomainCheckpointDef) def =
            virDomainCheckpointDefParse(xml, VIR_CHECKPOINT_PARSE_REDEFINE);
        g_autofree char *text = NULL;

        g_assert_nonnull(def);
        def->state = state;
        text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_RECORD);
        assertAgreed(KIND_CHECKPOINT, "record", text, VIR_CHECKPOINT_PARSE_RECORD);
    }
}

#define CHECKPOINTED(rest) REQUEST("<name>n</name>" rest)

/* Valid and accepted: what the data has no example of. */
static const struct {
    documentKind kind;
    const char *name;
    const char *xml;
} agreed[] = {
    {KIND_DOMAIN, "devices",
     DEVICES("<video><model type='none'/><alias name='ua-v'/></video><audio id='1' type='none'/>"
             "<memballoon model='none'/><input type='tablet'/><serial type='null'/>"
             "<serial type='file'><source path='/a' append='on'/></serial>"
             "<rng model='virtio'><backend model='random'/></rng>")},
    {KIND_CHECKPOINT, "the domain is not read", REQUEST("<domain type='xen'><tpm/></domain>")},
    {KIND_DOMAIN, "drive", DEVICES(PLAIN("sda", "<address type='drive' unit='16383'/>"))},
    {KIND_DOMAIN, "slot", DEVICES(PLAIN("vda", "<address type='pci' slot='31'/>"))},
    {KIND_DOMAIN, "cdrom", DEVICES("<disk device='cdrom'><target dev='hda'/></disk>")},
    {KIND_DOMAIN, "backing",
     DISK(SOURCE "<backingStore><source file='/i/b'/><format type='raw'/></backingStore>"
                 "<target dev='vda'/>")},
    {KIND_DOMAIN, "units", DOMAIN("<currentMemory unit='MiB'>1</currentMemory>")},
    {KIND_DOMAIN, "memory",
     "<domain type='qemu'><name>d</name><memory unit='k'>65536</memory>"
     "<os><type>hvm</type></os></domain>"},
    {KIND_CHECKPOINT, "time", CHECKPOINTED("<creationTime>9223372036854775807</creationTime>")},
    {KIND_CHECKPOINT, "disk", DISKS("<disk name='xvda' bitmap='' size='0'/>")},
    {KIND_CHECKPOINT, "path", DISKS("<disk name='/dev/a b' checkpoint='bitmap'/>")},
    {KIND_BACKUP, "tcp", PULL("<server transport='tcp' name='host-1.example' tls='no'/>")},
    {KIND_BACKUP, "tls", PULL("<server transport='unix' socket='/s' tls='yes'/>")},
    {KIND_BACKUP, "ipv6", PULL("<server name='fe80::1' port='1'/>")},
    {KIND_BACKUP, "any-ipv6", PULL("<server name='::' port='1'/>")},
    {KIND_BACKUP, "full-ipv6", PULL("<server name='1:2:3:4:5:6:7:8' port='1'/>")},
    {KIND_BACKUP, "incremental", PULL(SERVER "<incremental/>")},
    {KIND_BACKUP, "out-incremental",
     PULL_DISKS("<disk name='vda' backup='no' incremental='c' exportname='' exportbitmap='b'/>")},
    {KIND_BACKUP, "push-driver",
     PUSH_DISKS("<disk name='vda' type='file' backupmode='incremental' incremental=''>"
                "<driver type='raw'/></disk>")},
    {KIND_BACKUP, "scratch-no-type",
     PULL_DISKS("<disk name='vda'><driver type='qcow2'/><scratch file='/t'/></disk>")},
};

static void
testAgreed(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(agreed); i++)
        assertAgreed(agreed[i].kind, agreed[i].name, agreed[i].xml, 0);
}

/* Accepted and yet not valid: libvirt accepts them too, as it does not validate a <domain> unless
 * asked to, and the schema keeps to libvirt's. */
static const struct {
    documentKind kind;
    const char *why;
    const char *xml;
} liberties[] = {
    {KIND_DOMAIN, "blanks around a name are dropped in places where a schema sees them",
     "<domain type='qemu'><name>d</name><uuid> 22222222-2222-4222-8222-222222222222 </uuid>"
     "<memory>1024</memory><os><type>hvm</type></os></domain>"},
    {KIND_DOMAIN, "an empty title is none", DOMAIN("<title/>")},
    {KIND_DOMAIN, "a clock is utc if it does not say", DOMAIN("<clock/>")},
    {KIND_DOMAIN, "a console is a pty if it does not say", DEVICES("<console/>")},
    {KIND_DOMAIN, "a MAC may have a byte of one digit",
     DEVICES("<interface type='user'><mac address='52:54:00:ab:cd:1'/></interface>")},
    {KIND_DOMAIN, "numbers of drive addresses may be hexadecimal",
     DEVICES(PLAIN("sda", "<address type='drive' unit='0x1'/>"))},
    {KIND_DOMAIN, "a controller's address may have three digits",
     DEVICES("<controller type='scsi' index='100'/>" PLAIN(
         "sda", "<address type='drive' controller='100'/>"))},
    {KIND_DOMAIN, "a PCI controller's model follows from machine and index",
     DEVICES("<controller type='pci' index='0'/>")},
    {KIND_DOMAIN, "a random number generator is virtio if it does not say",
     DEVICES("<rng><backend model='random'>/dev/urandom</backend></rng>")},
    {KIND_DOMAIN, "a source path without a type is not needed by a null device",
     DEVICES("<serial type='null'><source/></serial>")},
};

static void
testLiberties(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(liberties); i++) {
        if (!documentAccepted(liberties[i].kind, liberties[i].xml, 0)) {
            g_test_message("%s: refused: %s", liberties[i].why, virErrorLastMessage());
            g_test_fail();
        }
        if (documentValid(liberties[i].kind, liberties[i].xml)) {
            g_test_message("%s: valid now", liberties[i].why);
            g_test_fail();
        }
    }
}

/* Rows of the tables of refusals that are valid nevertheless, and why. */
static const struct {
    documentKind kind;
    const char *why;
    const char *names;
} validRefusals[] = {
    {KIND_DOMAIN, "what must be said once", "encryption-twice encryption-empty"},
    {KIND_DOMAIN, "what must be unique in the domain",
     "target-twice boot-order alias-twice address-pci-twice address-drive-twice controller-twice "
     "console-second channel-twice serials"},
    {KIND_DOMAIN, "numbers that must fit each other", "vcpu-current iothread"},
    {KIND_DOMAIN, "elements that must fit each other", "console-differs"},
    {KIND_DOMAIN, "what must fit the bus or the machine",
     "cdrom-virtio io-native iothread-sata share-qcow2 readonly-sata ide-q35 ide-fifth "
     "address-kind controller-root input-no-usb boot-both"},
    {KIND_CHECKPOINT, "what the domain's disks decide",
     "unknown twice twice-by-path ambiguous shareable readonly cdrom redefine-twice"},
    {KIND_CHECKPOINT, "of the domain only what matters is read, and the schema is for all of it",
     "redefine-domain-name redefine-domain-uuid redefine-domain-disk redefine-domain-disks"},
    {KIND_CHECKPOINT, "the bitmap is called as the checkpoint is", "bitmap-other bitmap-name"},
    {KIND_CHECKPOINT, "the schema is for our records too", "state-in-request state-in-redefine"},
    {KIND_CHECKPOINT, "the schema is for requests too", "redefine-name redefine-time"},
    {KIND_BACKUP, "libvirt's grammar has any number here", "port network-port"},
    {KIND_BACKUP, "whether there is a host name to compare", "network-tls"},
    {KIND_BACKUP, "what the domain's disks decide",
     "unknown twice empty-cdrom block-source none-selected onto-itself fleeced-onto-itself"},
    {KIND_BACKUP, "what must be there or unique in the request",
     "incremental-of-what same-store same-export network-twice seclabel-twice fleeced-into-target "
     "encryption-vmdk"},
};

static bool
refusalExpectedValid(documentKind kind, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(validRefusals); i++) {
        g_auto(GStrv) names = g_strsplit(validRefusals[i].names, " ", -1);

        if (validRefusals[i].kind == kind && g_strv_contains((const char *const *)names, name))
            return true;
    }
    return false;
}

static void
refusalsCheck(documentKind kind, const confRefusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool expected = refusalExpectedValid(kind, rows[i].name);

        if (documentValid(kind, rows[i].xml) == expected)
            continue;
        g_test_message("%s '%s' is %s: %s", schemaNames[kind], rows[i].name,
                       expected ? "no longer valid" : "valid", complaint->str);
        g_test_fail();
    }
}

/* That the parsers refuse these rows is told by the tests of the definitions. */
static void
testRefusals(void)
{
    refusalsCheck(KIND_DOMAIN, domainRefusals, G_N_ELEMENTS(domainRefusals));
    refusalsCheck(KIND_CHECKPOINT, checkpointRefusals, G_N_ELEMENTS(checkpointRefusals));
    refusalsCheck(KIND_BACKUP, backupRefusals, G_N_ELEMENTS(backupRefusals));
    refusalsCheck(KIND_SECRET, secretRefusals, G_N_ELEMENTS(secretRefusals));
}

int
main(int argc, char **argv)
{
    int rc;

    g_test_init(&argc, &argv, NULL);
    complaint = g_string_new(NULL);
    schemasLoad();
    for (documentKind kind = 0; kind < KIND_LAST; kind++) {
        g_autofree char *path = g_strdup_printf("/schema/data/%s", schemaNames[kind]);

        g_test_add_data_func(path, GSIZE_TO_POINTER(kind), testData);
    }
    g_test_add_func("/schema/records", testRecords);
    g_test_add_func("/schema/agreed", testAgreed);
    g_test_add_func("/schema/liberties", testLiberties);
    g_test_add_func("/schema/refusals", testRefusals);
    rc = g_test_run();
    for (documentKind kind = 0; kind < KIND_LAST; kind++)
        xmlRelaxNGFree(schemas[kind]);
    g_string_free(complaint, TRUE);
    return rc;
}
