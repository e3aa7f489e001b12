/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoint XML: requests against a domain, existing checkpoints, records, refusals. */
#include "checkpoint_def.h"
#include "conftestlib.h"
#include "virerror_report.h"

#define DATA "checkpointxmldata"
#define NOW 1700000000

static virDomainDef *
domain(void)
{
    g_autofree char *xml = confTestRead(DATA, "domain.xml");
    virDomainDef *def = virDomainDefParse(xml, 0);

    if (!def)
        g_error("%s", virErrorLastMessage());
    return def;
}

static void
testRequest(gconstpointer data)
{
    g_autofree char *inFile = g_strdup_printf("%s.xml", (const char *)data);
    g_autofree char *outFile = g_strdup_printf("%s.out.xml", (const char *)data);
    g_autofree char *xml = confTestRead(DATA, inFile);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse(xml, 0);
    g_autofree char *text = NULL;

    g_assert_nonnull(def);
    g_assert_null(def->parent);
    g_assert_null(def->dom);
    g_assert_cmpint(def->creationTime, ==, 0);
    g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, 0);
    text = virDomainCheckpointDefFormat(def, 0);
    confTestGolden(DATA, outFile, text);
}

/* The domain of a request is what runs, whatever the document says. */
static void
testRequestDomain(void)
{
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse(
        "<domaincheckpoint><domain type='xen'><tpm/></domain></domaincheckpoint>", 0);

    g_assert_nonnull(def);
    g_assert_null(def->dom);
}

static virDomainCheckpointDef *
record(void)
{
    g_autofree char *xml = confTestRead(DATA, "redefine.xml");
    virDomainCheckpointDef *def = virDomainCheckpointDefParse(xml, VIR_CHECKPOINT_PARSE_REDEFINE);

    if (!def)
        g_error("%s", virErrorLastMessage());
    return def;
}

static void
testRedefine(void)
{
    g_autoptr(virDomainCheckpointDef) def = record();
    g_autofree char *text = virDomainCheckpointDefFormat(def, 0);
    g_autoptr(virDomainCheckpointDef) again =
        virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_REDEFINE);
    g_autofree char *second = NULL;

    confTestGolden(DATA, "redefine.out.xml", text);
    g_assert_cmpstr(def->parent, ==, "first");
    g_assert_cmpint(def->creationTime, ==, 1525889631);
    g_assert_nonnull(again);
    second = virDomainCheckpointDefFormat(again, 0);
    g_assert_cmpstr(second, ==, text);
}

static void
testRedefineAligned(void)
{
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def = record();

    g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, 0);
    g_assert_cmpint(def->creationTime, ==, 1525889631);
    g_assert_cmpstr(def->name, ==, "second");
    g_assert_cmpstr(virDomainCheckpointDefDisk(def, "vda")->bitmap, ==, "second");
    g_assert_null(virDomainCheckpointDefDisk(def, "nope"));
}

static void
testViews(void)
{
    g_autoptr(virDomainCheckpointDef) def = record();
    virDomainCheckpointDiskDef *disk = virDomainCheckpointDefDisk(def, "vda");
    g_autofree char *text = NULL;

    disk->size = 131072;
    disk->sizeValid = true;
    text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_NO_DOMAIN |
                                                 VIR_CHECKPOINT_FORMAT_SIZE);
    confTestGolden(DATA, "redefine.size.xml", text);
}

static void
testRecordStates(void)
{
    static const struct {
        virCheckpointState state;
        const char *text;
    } states[] = {
        {VIR_CHECKPOINT_STATE_READY, NULL},
        {VIR_CHECKPOINT_STATE_CREATING, "<f:state>creating</f:state>"},
        {VIR_CHECKPOINT_STATE_DELETING, "<f:state>deleting</f:state>"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(virDomainCheckpointDef) def = record();
        g_autoptr(virDomainCheckpointDef) again = NULL;
        g_autofree char *text = NULL;
        g_autofree char *plain = NULL;

        def->state = states[i].state;
        text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_RECORD);
        plain = virDomainCheckpointDefFormat(def, 0);
        g_assert_null(strstr(plain, "state>"));
        if (states[i].text)
            g_assert_nonnull(strstr(text, states[i].text));
        else
            g_assert_cmpstr(text, ==, plain);
        again = virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_RECORD);
        g_assert_nonnull(again);
        g_assert_cmpint(again->state, ==, states[i].state);
        g_assert_nonnull(again->dom);
    }
}

#define REQUEST(rest) "<domaincheckpoint>" rest "</domaincheckpoint>"
#define DISKS(rest) REQUEST("<disks>" rest "</disks>")
#define NAMED(name) REQUEST("<name>" name "</name>")
#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED
#define BAD VIR_ERR_XML_ERROR
#define GRAMMAR VIR_ERR_XML_INVALID_SCHEMA
#define REDEFINE VIR_CHECKPOINT_PARSE_REDEFINE
#define RECORD VIR_CHECKPOINT_PARSE_RECORD

static const struct {
    const char *name;
    unsigned int flags;
    int code;
    const char *reason;
    const char *xml;
} refusals[] = {
    {"malformed", 0, VIR_ERR_XML_DETAIL, "(domain_checkpoint):1", "<domaincheckpoint>"},
    {"root", 0, BAD, "expecting root element of 'domaincheckpoint'", "<foo/>"},
    {"element", 0, GRAMMAR, "unknown element <zork> in <domaincheckpoint>", REQUEST("<zork/>")},
    {"slash", 0, GRAMMAR, "'a/b'", NAMED("a/b")},
    {"dot", 0, GRAMMAR, "'.a'", NAMED(".a")},
    {"no-text", 0, GRAMMAR, "''", NAMED("")},
    {"blank", 0, GRAMMAR, "'a b'", NAMED("a b")},
    {"newline", 0, GRAMMAR, "in element <name> of <domaincheckpoint>: a name of letters",
     NAMED("a&#10;b")},
    {"no-disks", 0, GRAMMAR, "<disks> of a checkpoint is empty", DISKS("")},
    {"disk-name", 0, GRAMMAR, "missing attribute 'name'", DISKS("<disk/>")},
    {"disk-type", 0, GRAMMAR,
     "'zz' of attribute 'checkpoint' in element <disk name='vda'>: 'no' or 'bitmap' is wanted",
     DISKS("<disk name='vda' checkpoint='zz'/>")},
    {"disk-attr", 0, GRAMMAR, "unknown attribute 'x' in element <disk name='vda'>",
     DISKS("<disk name='vda' x='y'/>")},
    {"no-and-bitmap", 0, GRAMMAR, "disk 'vda' has checkpoint='no' and yet names a bitmap",
     DISKS("<disk name='vda' checkpoint='no' bitmap='b'/>")},
    {"no-and-size", 0, GRAMMAR, "names a bitmap or its size",
     DISKS("<disk name='vda' checkpoint='no' size='5'/>")},
    {"size", 0, GRAMMAR, "invalid value 'x' of attribute 'size'",
     DISKS("<disk name='vda' size='x'/>")},
    {"disk-odd", 0, GRAMMAR, "the target name or the source path", DISKS("<disk name='foo'/>")},
    {"disk-relative", 0, GRAMMAR, "'a/b'", DISKS("<disk name='a/b'/>")},
    {"disk-child", 0, GRAMMAR, "unknown element <x> in <disk name='vda'>",
     DISKS("<disk name='vda'><x/></disk>")},
    {"root-attr", 0, GRAMMAR, "unknown attribute 'a' in element <domaincheckpoint>",
     "<domaincheckpoint a='b'/>"},
    {"foreign", 0, GRAMMAR, "unknown element <q:x>", REQUEST("<q:x xmlns:q='urn:q'/>")},
    {"foreign-attr", 0, GRAMMAR, "unknown attribute 'q:name'",
     DISKS("<disk name='vda' xmlns:q='urn:q' q:name='x'/>")},
    {"text", 0, GRAMMAR, "text in <domaincheckpoint>", REQUEST("hello")},
    {"text-cdata", 0, GRAMMAR, "text in <disks>", DISKS("<disk name='vda'/><![CDATA[x]]>")},
    {"name-twice", 0, GRAMMAR, "<name> is given more than once",
     REQUEST("<name>a</name><name>b</name>")},
    {"name-padded", 0, GRAMMAR, "' a '", NAMED(" a ")},
    {"name-child", 0, GRAMMAR, "unknown element <b> in <name>", NAMED("a<b/>")},
    {"description-child", 0, GRAMMAR, "unknown element <b> in <description>",
     REQUEST("<description><b/></description>")},
    {"parent-empty", 0, GRAMMAR, "missing element <name> in <parent>", REQUEST("<parent/>")},
    {"parent-bad", 0, GRAMMAR, "'../p' in element <name> of <parent>",
     REQUEST("<parent><name>../p</name></parent>")},
    {"time-negative", 0, GRAMMAR, "'-5' in element <creationTime>",
     REQUEST("<creationTime>-5</creationTime>")},
    {"bitmap-other", 0, UNSUPPORTED, "must match checkpoint name 'n'",
     REQUEST("<name>n</name><disks><disk name='vda' bitmap='q'/></disks>")},
    {"unknown", 0, UNSUPPORTED, "no disk named 'vdz'", DISKS("<disk name='vdz'/>")},
    {"twice", 0, UNSUPPORTED, "disk 'vda' specified twice",
     DISKS("<disk name='vda'/><disk name='vda'/>")},
    {"twice-by-path", 0, UNSUPPORTED, "specified twice",
     DISKS("<disk name='vda'/><disk name='/images/a.qcow2'/>")},
    {"ambiguous", 0, UNSUPPORTED, "source of disks 'vdd' and 'vde'",
     DISKS("<disk name='/images/shared.raw'/>")},
    {"raw", 0, UNSUPPORTED, "checkpoint for disk 'vdc' unsupported for storage type raw",
     DISKS("<disk name='vdc' checkpoint='bitmap'/>")},
    {"raw-implied", 0, UNSUPPORTED, "unsupported for storage type raw",
     DISKS("<disk name='vdc'/>")},
    {"readonly", 0, UNSUPPORTED, "disk 'vdf' is empty or readonly",
     DISKS("<disk name='vdf' checkpoint='bitmap'/>")},
    {"cdrom", 0, UNSUPPORTED, "disk 'sda' is empty or readonly",
     DISKS("<disk name='sda' checkpoint='bitmap'/>")},
    {"bitmap-name", 0, UNSUPPORTED, "bitmap for disk 'vda' must match checkpoint name",
     REQUEST("<name>n</name><disks><disk name='vda' bitmap='b'/></disks>")},
    {"state-in-request", 0, GRAMMAR, "unknown element <f:state>",
     "<domaincheckpoint xmlns:f='urn:fleece:1'><f:state>creating</f:state></domaincheckpoint>"},
    {"state-in-redefine", REDEFINE, GRAMMAR, "unknown element <f:state>",
     "<domaincheckpoint xmlns:f='urn:fleece:1'><f:state>creating</f:state></domaincheckpoint>"},
    {"redefine-name", REDEFINE, BAD, "must have a name", REQUEST("")},
    {"redefine-time", REDEFINE, BAD, "missing creationTime", NAMED("n")},
    {"redefine-bad-time", REDEFINE, GRAMMAR, "invalid value 'x' in element <creationTime>",
     REQUEST("<name>n</name><creationTime>x</creationTime>")},
    {"redefine-parent", REDEFINE, GRAMMAR, "'../p' in element <name> of <parent>",
     REQUEST("<name>n</name><creationTime>5</creationTime><parent><name>../p</name></parent>")},
    {"redefine-domain", REDEFINE, UNSUPPORTED, "<zork> in <domain>",
     REQUEST("<name>n</name><creationTime>5</creationTime><domain type='qemu'><name>d</name><os>"
             "<type>hvm</type></os><zork/></domain>")},
    {"redefine-twice", REDEFINE, UNSUPPORTED, "disk 'vda' specified twice",
     REQUEST("<name>n</name><creationTime>5</creationTime><disks><disk name='vda'/><disk "
             "name='vda'/></disks>")},
    {"record-state", RECORD, GRAMMAR, "invalid value 'zz' in element <state>",
     "<domaincheckpoint xmlns:f='urn:fleece:1'><name>n</name><creationTime>5</creationTime>"
     "<f:state>zz</f:state></domaincheckpoint>"},
};

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def =
        virDomainCheckpointDefParse(refusals[i].xml, refusals[i].flags);

    if (def)
        g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, -1);
    confTestError(refusals[i].name, refusals[i].code, refusals[i].reason);
}

static void
testNothingFits(void)
{
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse("<domaincheckpoint/>", 0);

    for (guint i = 0; i < dom->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(dom->disks, i);

        if (disk->src)
            disk->src->format = VIR_STORAGE_FORMAT_RAW;
    }
    g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, -1);
    confTestError("nothing-fits", UNSUPPORTED, "no writable qcow2 disk");
}

int
main(int argc, char **argv)
{
    static const char *const requests[] = {"bare", "listed", "path", "excluded"};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autofree char *path = g_strdup_printf("/checkpointxml/request/%s", requests[i]);

        g_test_add_data_func(path, requests[i], testRequest);
    }
    g_test_add_func("/checkpointxml/request-domain", testRequestDomain);
    g_test_add_func("/checkpointxml/redefine", testRedefine);
    g_test_add_func("/checkpointxml/redefine-aligned", testRedefineAligned);
    g_test_add_func("/checkpointxml/views", testViews);
    g_test_add_func("/checkpointxml/record-states", testRecordStates);
    g_test_add_func("/checkpointxml/nothing-fits", testNothingFits);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/checkpointxml/refuse/%s", refusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
