/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <domaincheckpoint>: parse and format, for requests, for redefinition and for our own records.
 * What is checked against a domain is in checkpoint_align.c.
 */
#include "checkpoint_def.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"
#include "xml_grammar.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

#define RECORD_OPEN "<domaincheckpoint xmlns:f='" VIR_XML_NS_FLEECE "'>\n  <f:state>"
#define RECORD_OPEN_END "</f:state>"
#define RECORD_OPEN_LENGTH ((int)(sizeof(RECORD_OPEN RECORD_OPEN_END) - 1 + strlen("deleting")))
#define PARENT_FORMAT "<parent>\n    <name>%s</name>\n  </parent>"
#define RECORD_PARENT_LENGTH ((int)sizeof(PARENT_FORMAT) + 40)
/* The record is called NAME.xml. */
#define NAME_MAX_BYTES 240

static const char *const diskTypes[VIR_CHECKPOINT_DISK_LAST] = {NULL, "no", "bitmap"};
static const char *const stateNames[VIR_CHECKPOINT_STATE_LAST + 1] = {"ready", "creating",
                                                                      "deleting", NULL};

static void
diskFree(virDomainCheckpointDiskDef *disk)
{
    g_free(disk->name);
    g_free(disk->bitmap);
    g_free(disk->broken);
    g_free(disk);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainCheckpointDiskDef, diskFree)

void
virDomainCheckpointDefFree(virDomainCheckpointDef *def)
{
    if (!def)
        return;
    g_free(def->name);
    g_free(def->description);
    g_free(def->parent);
    g_ptr_array_unref(def->disks);
    virDomainDefFree(def->dom);
    g_free(def->domText);
    g_free(def->unknown);
    g_free(def);
}

virDomainCheckpointDiskDef *
virDomainCheckpointDefDisk(const virDomainCheckpointDef *def, const char *name)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (strcmp(disk->name, name) == 0)
            return disk;
    }
    return NULL;
}

/* It becomes a file name and a bitmap name as it is. */
const char *
virDomainCheckpointNameCheck(const char *name)
{
    if (!*name || name[0] == '.' ||
        name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-.")])
        return "a name of letters, digits, '_', '-' and '.', the first not '.',";
    return strlen(name) > NAME_MAX_BYTES ? "a name of at most 240 bytes" : NULL;
}

static const char *
diskNameCheck(const char *name)
{
    return virXMLDiskTarget(name) && virXMLAbsolutePath(name)
               ? "the target name or the source path of a disk"
               : NULL;
}

static int
diskCheck(xmlNodePtr node)
{
    g_autofree char *name = virXMLProp(node, "name");
    g_autofree char *type = virXMLProp(node, "checkpoint");
    g_autofree char *bitmap = virXMLProp(node, "bitmap");

    if (g_strcmp0(type, "no") != 0 || (!bitmap && !xmlHasProp(node, BAD_CAST "size")))
        return 0;
    virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                   "disk '%s' has checkpoint='no' and yet names a bitmap or its size", name);
    return -1;
}

static const char *
stateCheck(const char *state)
{
    return g_strv_contains(stateNames, state) ? NULL : "'ready', 'creating' or 'deleting'";
}

/* The grammar, which is libvirt's; docs/schemas/domaincheckpoint.rng says the same in RELAX NG. */
static const virXMLAttrRule diskAttrs[] = {
    {"name", VIR_XML_RULE_REQUIRED, .check = diskNameCheck},
    {"checkpoint", .words = "no bitmap"},
    {"bitmap"},
    {"size", .check = virXMLUnsignedLong},
    {NULL},
};
static const virXMLElementRule disksChildren[] = {
    {"disk", VIR_XML_RULE_REQUIRED | VIR_XML_RULE_MANY, diskAttrs, .extra = diskCheck,
     .note = "<disks> of a checkpoint is empty: name a disk, or leave <disks> out to mean all"},
    {NULL},
};
static const virXMLElementRule parentChildren[] = {
    {"name", VIR_XML_RULE_REQUIRED, .text = virDomainCheckpointNameCheck},
    {NULL},
};

#define ROOT_CHILDREN                                                                              \
    {"name", .text = virDomainCheckpointNameCheck}, {"description", .text = virXMLAnyText},                           \
        {"parent", .children = parentChildren}, {"creationTime", .text = virXMLUnsignedLong},      \
        {"disks", .children = disksChildren},                                                      \
    {                                                                                              \
        "domain", VIR_XML_RULE_OPAQUE                                                              \
    }

static const virXMLAttrRule brokenAttrs[] = {{"disk", .check = virXMLDiskTarget}, {NULL}};
/* What checkpoint-dumpxml showed may come back as it is. */
static const virXMLElementRule requestChildren[] = {
    ROOT_CHILDREN,
    {"f:broken", VIR_XML_RULE_MANY, brokenAttrs, .text = virXMLAnyText},
    {"f:unknown", .text = virXMLAnyText},
    {NULL}};
static const virXMLElementRule recordChildren[] = {
    ROOT_CHILDREN, {"f:state", .text = stateCheck}, {NULL}};
static const virXMLElementRule requestRule = {.children = requestChildren};
static const virXMLElementRule recordRule = {.children = recordChildren};

static int
diskParse(xmlNodePtr node, virDomainCheckpointDef *def)
{
    g_autoptr(virDomainCheckpointDiskDef) disk = g_new0(virDomainCheckpointDiskDef, 1);

    if (VIR_XML_ENUM_PROP(node, "checkpoint", diskTypes, NULL, disk->type) < 0)
        return -1;
    disk->name = virXMLProp(node, "name");
    disk->bitmap = virXMLProp(node, "bitmap");
    g_ptr_array_add(def->disks, g_steal_pointer(&disk));
    return 0;
}

static int
creationTimeParse(xmlNodePtr root, virDomainCheckpointDef *def)
{
    g_autofree char *text = virXMLChildText(root, "creationTime");

    if (!text) {
        virReportError(VIR_ERR_XML_ERROR, "missing creationTime from existing checkpoint '%s'",
                       def->name);
        return -1;
    }
    def->creationTime = g_ascii_strtoll(text, NULL, 10);
    return 0;
}

/* In an existing checkpoint nothing is left to choose: a disk listed takes part unless it says no.
 */
static int
existingDisksSettle(virDomainCheckpointDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (virDomainCheckpointDefDisk(def, disk->name) != disk) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' specified twice", disk->name);
            return -1;
        }
        if (disk->type == VIR_CHECKPOINT_DISK_NONE)
            continue;
        disk->type = VIR_CHECKPOINT_DISK_BITMAP;
        if (!disk->bitmap)
            disk->bitmap = g_strdup(def->name);
        if (strcmp(disk->bitmap, def->name) != 0) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                           "bitmap for disk '%s' must match checkpoint name '%s'", disk->name,
                           def->name);
            return -1;
        }
    }
    return 0;
}

static int
existingParse(xmlNodePtr root, virDomainCheckpointDef *def)
{
    xmlNodePtr dom = virXMLChild(root, "domain");

    if (!def->name) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "a redefined checkpoint must have a name");
        return -1;
    }
    def->parent = virXMLChildText(virXMLChild(root, "parent"), "name");
    if (creationTimeParse(root, def) < 0 || existingDisksSettle(def) < 0)
        return -1;
    if (dom && !(def->dom = virDomainOutlineParse(dom)))
        return -1;
    def->domText = dom ? virDomainOutlineText(dom) : NULL;
    return 0;
}

static int
stateParse(xmlNodePtr root, virDomainCheckpointDef *def)
{
    g_autofree char *text = virXMLText(virXMLChildFleece(root, "state"));
    int found = 0;

    if (text && (found = virXMLEnumLookup(text, "checkpoint state", stateNames,
                                          VIR_CHECKPOINT_STATE_LAST, NULL)) < 0)
        return -1;
    def->state = found;
    return 0;
}

virDomainCheckpointDef *
virDomainCheckpointDefParse(const char *xml, unsigned int flags)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain_checkpoint)", "domaincheckpoint");
    g_autoptr(virDomainCheckpointDef) def = g_new0(virDomainCheckpointDef, 1);
    bool record = flags & VIR_CHECKPOINT_PARSE_RECORD;
    xmlNodePtr root;

    def->disks = g_ptr_array_new_with_free_func((GDestroyNotify)diskFree);
    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (virXMLGrammarCheck(root, record ? &recordRule : &requestRule) < 0)
        return NULL;
    def->name = virXMLChildText(root, "name");
    def->description = virXMLChildText(root, "description");
    for (xmlNodePtr node = virXMLChild(virXMLChild(root, "disks"), "disk"); node;
         node = virXMLNext(node)) {
        if (diskParse(node, def) < 0)
            return NULL;
    }
    if ((record || (flags & VIR_CHECKPOINT_PARSE_REDEFINE)) && existingParse(root, def) < 0)
        return NULL;
    if (record && stateParse(root, def) < 0)
        return NULL;
    return g_steal_pointer(&def);
}

static void
diskFormat(virBuffer *buf, const virDomainCheckpointDiskDef *disk, bool size)
{
    virBufferEscapeString(buf, "<disk name='%s'", disk->name);
    if (diskTypes[disk->type])
        virBufferAsprintf(buf, " checkpoint='%s'", diskTypes[disk->type]);
    virBufferEscapeString(buf, " bitmap='%s'", disk->bitmap);
    if (size && disk->sizeValid)
        virBufferAsprintf(buf, " size='%llu'", disk->size);
    virBufferAdd(buf, "/>\n");
}

static void
disksFormat(virBuffer *buf, const virDomainCheckpointDef *def, bool size)
{
    if (def->disks->len == 0)
        return;
    virBufferAdd(buf, "<disks>\n");
    virBufferAdjustIndent(buf, 2);
    for (guint i = 0; i < def->disks->len; i++)
        diskFormat(buf, g_ptr_array_index(def->disks, i), size);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</disks>\n");
}

static void
brokenFormat(virBuffer *buf, const virDomainCheckpointDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainCheckpointDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->broken)
            continue;
        virBufferEscapeString(buf, "<f:broken xmlns:f='" VIR_XML_NS_FLEECE "' disk='%s'>", disk->name);
        virBufferEscapeString(buf, "%s</f:broken>\n", disk->broken);
    }
    virBufferEscapeString(buf, "<f:unknown xmlns:f='" VIR_XML_NS_FLEECE "'>%s</f:unknown>\n", def->unknown);
}

/* READY is said by saying nothing, so that a finished record is a plain libvirt document. In each state
 * the opening is as long as in the others: only it is written when the state changes. */
static void
openFormat(virBuffer *buf, const virDomainCheckpointDef *def, bool record)
{
    bool plain = !record || def->state == VIR_CHECKPOINT_STATE_READY;
    g_autofree char *open = plain ? g_strdup("<domaincheckpoint>")
                                  : g_strdup_printf(RECORD_OPEN "%s" RECORD_OPEN_END, stateNames[def->state]);

    virBufferAsprintf(buf, "%-*s\n", record ? RECORD_OPEN_LENGTH : 0, open);
}

/* The same for the parent, unless its name is long: none, or another, when one is deleted. */
static void
parentFormat(virBuffer *buf, const char *parent, bool record)
{
    g_autofree char *text = parent ? g_markup_printf_escaped(PARENT_FORMAT, parent) : g_strdup("");

    if (parent || record)
        virBufferAsprintf(buf, "%-*s\n", record ? RECORD_PARENT_LENGTH : 0, text);
}

static void
domainFormat(virBuffer *buf, const virDomainCheckpointDef *def, bool secure)
{
    if (def->domText)
        virDomainOutlineFormat(buf, def->domText, secure);
    else if (def->dom)
        virDomainDefFormatBuf(buf, def->dom, secure ? VIR_DOMAIN_FORMAT_SECURE : 0);
}

char *
virDomainCheckpointDefFormat(const virDomainCheckpointDef *def, unsigned int flags)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    openFormat(&buf, def, flags & VIR_CHECKPOINT_FORMAT_RECORD);
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<name>%s</name>\n", def->name);
    virBufferEscapeString(&buf, "<description>%s</description>\n", def->description);
    parentFormat(&buf, def->parent, flags & VIR_CHECKPOINT_FORMAT_RECORD);
    if (def->creationTime)
        virBufferAsprintf(&buf, "<creationTime>%lld</creationTime>\n", def->creationTime);
    disksFormat(&buf, def, flags & VIR_CHECKPOINT_FORMAT_SIZE);
    if (flags & VIR_CHECKPOINT_FORMAT_BROKEN)
        brokenFormat(&buf, def);
    if (!(flags & VIR_CHECKPOINT_FORMAT_NO_DOMAIN))
        domainFormat(&buf, def, flags & VIR_CHECKPOINT_FORMAT_SECURE);
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</domaincheckpoint>\n");
    return virBufferContentAndReset(&buf);
}
