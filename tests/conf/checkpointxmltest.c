/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoint XML: requests against a domain, existing checkpoints, records, refusals. */
#include "checkpoint_def.h"
#include "checkpointrefusals.h"
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

/* What libvirt writes has elements that we do not know. All of it comes out again, but passwords. */
static void
testForeignDomain(void)
{
    g_autofree char *xml = confTestRead(DATA, "foreign.xml");
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse(xml, VIR_CHECKPOINT_PARSE_REDEFINE);
    g_autofree char *secure = NULL;
    g_autofree char *plain = NULL;

    if (!def)
        g_error("%s", virErrorLastMessage());
    secure = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_SECURE);
    plain = virDomainCheckpointDefFormat(def, 0);
    g_assert_cmpstr(secure, ==, xml);
    confTestGolden(DATA, "foreign.out.xml", plain);
    g_assert_null(strstr(plain, "geheim"));
    g_assert_cmpstr(def->dom->name, ==, "chk");
    g_assert_cmpuint(def->dom->disks->len, ==, 4);
    g_assert_cmpstr(virDomainDefDisk(def->dom, "vda", false)->src->path, ==, "/images/a.qcow2");
    g_assert_cmpstr(virDomainDefDisk(def->dom, "vdb", false)->src->path, ==, "/dev/vg/b");
    g_assert_null(virDomainDefDisk(def->dom, "vdc", false)->src->path);
    g_assert_true(virDomainDefDisk(def->dom, "sda", false)->readonly);
    g_assert_null(virDomainDefDisk(def->dom, "sda", false)->src);
    g_assert_cmpint(virDomainCheckpointDefAlign(def, def->dom, NOW), ==, 0);
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

/* Shown on demand, taken back with the rest, and never part of a record. */
static void
testBroken(void)
{
    g_autoptr(virDomainCheckpointDef) def = record();
    g_autoptr(virDomainCheckpointDef) again = NULL;
    g_autofree char *text = NULL;
    g_autofree char *plain = NULL;

    virDomainCheckpointDefDisk(def, "vda")->broken = g_strdup("bitmap '<&>' is lost");
    def->unknown = g_strdup("image '<b>' is in use");
    text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_NO_DOMAIN |
                                                 VIR_CHECKPOINT_FORMAT_BROKEN);
    confTestGolden(DATA, "redefine.broken.xml", text);
    again = virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_REDEFINE);
    g_assert_nonnull(again);
    g_assert_null(virDomainCheckpointDefDisk(again, "vda")->broken);
    plain = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_RECORD);
    g_assert_null(strstr(plain, "f:broken"));
    g_assert_null(again->unknown);
    g_assert_null(virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_RECORD));
}

/* As it is without the blanks in which a record has room for a state and a parent. */
static char *
withoutRoom(const char *record)
{
    g_auto(GStrv) lines = g_strsplit(record, "\n", -1);
    g_autoptr(GStrvBuilder) kept = g_strv_builder_new();
    g_auto(GStrv) text = NULL;

    for (gsize i = 0; lines[i]; i++) {
        g_strchomp(lines[i]);
        if (*lines[i] || !lines[i + 1])
            g_strv_builder_add(kept, lines[i]);
    }
    text = g_strv_builder_end(kept);
    return g_strjoinv("\n", text);
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
        if (states[i].text) {
            g_assert_nonnull(strstr(text, states[i].text));
        } else {
            g_autofree char *finished = withoutRoom(text);

            g_assert_cmpstr(finished, ==, plain);
        }
        again = virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_RECORD);
        g_assert_nonnull(again);
        g_assert_cmpint(again->state, ==, states[i].state);
        g_assert_nonnull(again->dom);
    }
}

/* What changes when a checkpoint, or its parent, goes is written over the old: it must be as long, and within
 * the first sector of the file. */
static void
testRecordUpdates(void)
{
    static const char *const parents[] = { NULL, "a", "backup-2026-12-01T0320-incremental" };
    g_autofree char *first = NULL;

    for (int state = 0; state < VIR_CHECKPOINT_STATE_LAST; state++) {
        for (size_t i = 0; i < G_N_ELEMENTS(parents); i++) {
            g_autoptr(virDomainCheckpointDef) def = record();
            g_autofree char *text = NULL;

            def->state = state;
            g_free(def->parent);
            def->parent = g_strdup(parents[i]);
            text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_RECORD);
            if (!first)
                first = g_strdup(text);
            g_assert_cmpuint(strlen(text), ==, strlen(first));
            g_assert_cmpuint(strlen(text), >, 512);
            g_assert_cmpstr(text + 512, ==, first + 512);
        }
    }
}

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def =
        virDomainCheckpointDefParse(checkpointRefusals[i].xml, checkpointRefusals[i].flags);

    if (def)
        g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, -1);
    confTestError(checkpointRefusals[i].name, checkpointRefusals[i].code,
                  checkpointRefusals[i].reason);
}

static void
testNothingFits(void)
{
    g_autoptr(virDomainDef) dom = domain();
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse("<domaincheckpoint/>", 0);

    for (guint i = 0; i < dom->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(dom->disks, i);

        if (disk->src)
            disk->readonly = true;
    }
    g_assert_cmpint(virDomainCheckpointDefAlign(def, dom, NOW), ==, -1);
    confTestError("nothing-fits", UNSUPPORTED, "no writable disk to track");
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
    g_test_add_func("/checkpointxml/foreign-domain", testForeignDomain);
    g_test_add_func("/checkpointxml/redefine-aligned", testRedefineAligned);
    g_test_add_func("/checkpointxml/views", testViews);
    g_test_add_func("/checkpointxml/broken", testBroken);
    g_test_add_func("/checkpointxml/record-states", testRecordStates);
    g_test_add_func("/checkpointxml/record-updates", testRecordUpdates);
    g_test_add_func("/checkpointxml/nothing-fits", testNothingFits);
    for (gsize i = 0; i < G_N_ELEMENTS(checkpointRefusals); i++) {
        g_autofree char *path =
            g_strdup_printf("/checkpointxml/refuse/%s", checkpointRefusals[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
