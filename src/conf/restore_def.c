/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <f:domainrestore>: grammar, parse and format. docs/schemas/domainrestore.rng says the same.
 */
#include "restore_def.h"

#include <string.h>
#include "backup_internal.h"
#include "virerror_report.h"
#include "xml_enum.h"
#include "xml_grammar.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN
#define ROOT_NAME "domainrestore"

static const char *const modeNames[VIR_RESTORE_MODE_LAST] = {"push", "pull", "commit"};
static const char *const formats[VIR_STORAGE_FORMAT_LAST] = {NULL, "raw", "qcow2"};

#define DISK_FLAGS (VIR_XML_RULE_REQUIRED | VIR_XML_RULE_MANY)
#define DISKS_NOTE "<disks> of a restore is empty: name the disks that are to be restored"

static const virXMLAttrRule sourceAttrs[] = {
    {"file", VIR_XML_RULE_REQUIRED, .check = virXMLAbsolutePath},
    {"format", .words = "qcow2 raw"},
    {NULL},
};
static const virXMLElementRule sourceChildren[] = {
    {"encryption", VIR_XML_RULE_OPAQUE}, /* virStorageEncryptionParse() */
    {NULL},
};
static const virXMLElementRule pushDiskChildren[] = {
    {"source", DISK_FLAGS, .attrs = sourceAttrs, .children = sourceChildren,
     .note = "a disk to be restored by mode='push' needs a <source>: the image of its backup"},
    {NULL},
};
static const virXMLAttrRule pushDiskAttrs[] = {
    {"name", VIR_XML_RULE_REQUIRED, .check = virXMLDiskTarget},
    {NULL},
};
static const virXMLAttrRule pullDiskAttrs[] = {
    {"name", VIR_XML_RULE_REQUIRED, .check = virXMLDiskTarget},
    {"exportname"},
    {NULL},
};
static const virXMLElementRule pushDisks[] = {
    {"disk", DISK_FLAGS, pushDiskAttrs, pushDiskChildren, .note = DISKS_NOTE},
    {NULL},
};
static const virXMLElementRule pullDisks[] = {
    {"disk", DISK_FLAGS, pullDiskAttrs, .note = DISKS_NOTE},
    {NULL},
};
static const virXMLElementRule pushChildren[] = {
    {"disks", VIR_XML_RULE_REQUIRED, .children = pushDisks, .note = DISKS_NOTE},
    {NULL},
};
static const virXMLElementRule pullChildren[] = {
    {"server", VIR_XML_RULE_REQUIRED, virDomainBackupServerAttrs,
     .extra = virDomainBackupServerCheck,
     .note = "a restore with mode='pull' needs a <server> to be written to"},
    {"disks", VIR_XML_RULE_REQUIRED, .children = pullDisks, .note = DISKS_NOTE},
    {NULL},
};
static const virXMLAttrRule rootAttrs[] = {
    {"mode", VIR_XML_RULE_REQUIRED, .words = "push pull commit"},
    {NULL},
};
static const virXMLElementRule pushRule = {.attrs = rootAttrs, .children = pushChildren};
static const virXMLElementRule pullRule = {.attrs = rootAttrs, .children = pullChildren};
static const virXMLElementRule commitRule = {.attrs = rootAttrs};

static int
grammarCheck(xmlNodePtr root)
{
    g_autofree char *mode = virXMLProp(root, "mode");

    if (g_strcmp0(mode, "pull") == 0)
        return virXMLGrammarCheck(root, &pullRule);
    return virXMLGrammarCheck(root, g_strcmp0(mode, "commit") == 0 ? &commitRule : &pushRule);
}

static void
diskFree(virDomainRestoreDiskDef *disk)
{
    g_free(disk->name);
    g_free(disk->exportName);
    g_ptr_array_unref(disk->sources);
    g_free(disk);
}

void
virDomainRestoreDefFree(virDomainRestoreDef *def)
{
    if (!def)
        return;
    virDomainBackupDefFree(def->server);
    g_ptr_array_unref(def->disks);
    g_free(def);
}

static bool
isRoot(xmlDocPtr doc)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    return root && root->ns && xmlStrEqual(root->ns->href, BAD_CAST VIR_XML_NS_FLEECE) &&
           xmlStrEqual(root->name, BAD_CAST ROOT_NAME);
}

bool
virDomainRestoreDefIsRequest(const char *xml)
{
    g_autoptr(xmlDoc) doc = NULL;

    /* The common case without parsing twice. */
    if (!strstr(xml, ROOT_NAME))
        return false;
    doc = virXMLParse(xml, "(domain_restore)", NULL);
    if (!doc)
        virErrorReset();
    return doc && isRoot(doc);
}

static int
diskParse(xmlNodePtr node, virDomainRestoreDef *def)
{
    virDomainRestoreDiskDef *disk = g_new0(virDomainRestoreDiskDef, 1);

    g_ptr_array_add(def->disks, disk);
    disk->sources = g_ptr_array_new_with_free_func((GDestroyNotify)virStorageSourceFree);
    disk->name = virXMLProp(node, "name");
    disk->exportName = virXMLProp(node, "exportname");
    if (def->mode == VIR_RESTORE_MODE_PULL && (!disk->exportName || !*disk->exportName)) {
        g_free(disk->exportName);
        disk->exportName = g_strdup(disk->name);
    }
    for (xmlNodePtr source = virXMLChild(node, "source"); source; source = virXMLNext(source)) {
        g_autofree char *path = virXMLProp(source, "file");
        virStorageFormat format = VIR_STORAGE_FORMAT_QCOW2;
        virStorageSource *image = NULL;
        xmlNodePtr encryption = NULL;

        if (VIR_XML_ENUM_PROP(source, "format", formats, NULL, format) < 0)
            return -1;
        image = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, format, path);
        g_ptr_array_add(disk->sources, image);
        encryption = virXMLChild(source, "encryption");
        if (encryption && !(image->encryption = virStorageEncryptionParse(encryption)))
            return -1;
    }
    return 0;
}

static int
uniqueCheck(const virDomainRestoreDef *def)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) exports = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainRestoreDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!g_hash_table_add(names, disk->name)) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' specified twice", disk->name);
            return -1;
        }
        if (disk->exportName && !g_hash_table_add(exports, disk->exportName)) {
            virReportError(VIR_ERR_INVALID_ARG, "export name '%s' is given to more than one disk",
                           disk->exportName);
            return -1;
        }
    }
    return 0;
}

virDomainRestoreDef *
virDomainRestoreDefParse(const char *xml)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain_restore)", NULL);
    g_autoptr(virDomainRestoreDef) def = g_new0(virDomainRestoreDef, 1);
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;

    def->disks = g_ptr_array_new_with_free_func((GDestroyNotify)diskFree);
    if (!root)
        return NULL;
    if (!isRoot(doc)) {
        virReportError(VIR_ERR_XML_ERROR, "expecting root element '" ROOT_NAME "' of namespace '%s'",
                       VIR_XML_NS_FLEECE);
        return NULL;
    }
    if (grammarCheck(root) < 0 || VIR_XML_ENUM_PROP(root, "mode", modeNames, NULL, def->mode) < 0)
        return NULL;
    if (def->mode == VIR_RESTORE_MODE_PULL &&
        !(def->server = virDomainBackupServerParse(virXMLChild(root, "server"))))
        return NULL;
    for (xmlNodePtr node = virXMLChild(virXMLChild(root, "disks"), "disk"); node;
         node = virXMLNext(node)) {
        if (diskParse(node, def) < 0)
            return NULL;
    }
    return uniqueCheck(def) < 0 ? NULL : g_steal_pointer(&def);
}

static void
diskFormat(virBuffer *buf, const virDomainRestoreDiskDef *disk)
{
    virBufferEscapeString(buf, "<disk name='%s'", disk->name);
    virBufferEscapeString(buf, " exportname='%s'", disk->exportName);
    virBufferAdd(buf, disk->sources->len > 0 ? ">\n" : "/>\n");
    for (guint i = 0; i < disk->sources->len; i++) {
        const virStorageSource *source = g_ptr_array_index(disk->sources, i);

        virBufferEscapeString(buf, "  <source file='%s'", source->path);
        virBufferAsprintf(buf, " format='%s'", formats[source->format]);
        virBufferAdd(buf, source->encryption ? ">\n" : "/>\n");
        if (!source->encryption)
            continue;
        virBufferAdjustIndent(buf, 4);
        virStorageEncryptionFormat(buf, source->encryption);
        virBufferAdjustIndent(buf, -4);
        virBufferAdd(buf, "  </source>\n");
    }
    if (disk->sources->len > 0)
        virBufferAdd(buf, "</disk>\n");
}

char *
virDomainRestoreDefFormat(const virDomainRestoreDef *def)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(&buf, "<f:" ROOT_NAME " xmlns:f='%s' mode='%s'>\n", VIR_XML_NS_FLEECE,
                      modeNames[def->mode]);
    virBufferAdjustIndent(&buf, 2);
    if (def->server)
        virDomainBackupServerFormat(&buf, def->server);
    virBufferAdd(&buf, "<disks>\n");
    virBufferAdjustIndent(&buf, 2);
    for (guint i = 0; i < def->disks->len; i++)
        diskFormat(&buf, g_ptr_array_index(def->disks, i));
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</disks>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</f:" ROOT_NAME ">\n");
    return virBufferContentAndReset(&buf);
}
