/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <domainbackup>: parse, copy and format. What takes the domain to decide is in backup_align.c.
 */
#include "backup_def.h"
#include "backup_internal.h"

#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static const char *const modeNames[VIR_BACKUP_MODE_LAST] = {"push", "pull"};
static const char *const diskModeNames[VIR_BACKUP_DISK_MODE_LAST] = {"full", "incremental"};
static const char *const transportNames[VIR_BACKUP_SERVER_LAST] = {"unix", "tcp", "fd"};

/* libvirt's words, and QEMU's. */
static const char *const formatNames[VIR_BACKUP_FORMAT_LAST] = {
    NULL, "qcow", "vdi", "vhd", "vmdk", "vpc", "ploop",
};
static const char *const formatDrivers[VIR_BACKUP_FORMAT_LAST] = {
    NULL, "qcow", "vdi", "vhdx", "vmdk", "vpc", "parallels",
};

void
virDomainBackupDiskDefFree(virDomainBackupDiskDef *disk)
{
    if (!disk)
        return;
    g_free(disk->name);
    g_free(disk->incremental);
    g_free(disk->exportName);
    g_free(disk->exportBitmap);
    virStorageSourceFree(disk->store);
    g_strfreev(disk->keptModels);
    virStorageSourceFree(disk->scratch);
    g_free(disk);
}

virDomainBackupDiskDef *
virDomainBackupDiskDefNew(const char *name)
{
    virDomainBackupDiskDef *disk = g_new0(virDomainBackupDiskDef, 1);

    disk->name = g_strdup(name);
    return disk;
}

static virDomainBackupDef *
backupNew(void)
{
    virDomainBackupDef *def = g_new0(virDomainBackupDef, 1);

    def->disks = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainBackupDiskDefFree);
    virBackupOptionsInit(&def->options);
    return def;
}

void
virDomainBackupDefFree(virDomainBackupDef *def)
{
    if (!def)
        return;
    g_free(def->incremental);
    g_free(def->server.socket);
    g_free(def->server.host);
    g_free(def->server.fdGroup);
    g_ptr_array_unref(def->disks);
    g_free(def);
}

static gpointer
diskCopy(gconstpointer item, gpointer unused)
{
    const virDomainBackupDiskDef *disk = item;
    virDomainBackupDiskDef *copy = g_memdup2(disk, sizeof(*disk));

    copy->name = g_strdup(disk->name);
    copy->incremental = g_strdup(disk->incremental);
    copy->exportName = g_strdup(disk->exportName);
    copy->exportBitmap = g_strdup(disk->exportBitmap);
    copy->store = virStorageSourceCopy(disk->store);
    copy->keptModels = g_strdupv(disk->keptModels);
    copy->scratch = virStorageSourceCopy(disk->scratch);
    return copy;
}

virDomainBackupDef *
virDomainBackupDefCopy(const virDomainBackupDef *def)
{
    virDomainBackupDef *copy = g_memdup2(def, sizeof(*def));

    copy->incremental = g_strdup(def->incremental);
    copy->server.socket = g_strdup(def->server.socket);
    copy->server.host = g_strdup(def->server.host);
    copy->server.fdGroup = g_strdup(def->server.fdGroup);
    copy->disks = g_ptr_array_copy(def->disks, diskCopy, NULL);
    return copy;
}

/* From here to the end of parsing the document has passed its grammar; what is left to refuse are
 * numbers the grammar lets through. */
static int
serverParse(xmlNodePtr node, virDomainBackupDef *def)
{
    if (!node)
        return 0;
    def->server.present = true;
    def->server.transport = VIR_BACKUP_SERVER_TCP;
    if (VIR_XML_ENUM_PROP(node, "transport", transportNames, NULL, def->server.transport) < 0 ||
        virXMLPropUInt(node, "port", &def->server.port) < 0 ||
        virXMLPropYesNo(node, "tls", &def->server.tls) < 0)
        return -1;
    def->server.socket = virXMLProp(node, "socket");
    def->server.host = virXMLProp(node, "name");
    def->server.fdGroup = virXMLProp(node, "fdgroup");
    if (def->server.port > 65535) {
        virReportError(VIR_ERR_INVALID_ARG, "port '%u' of <server> is out of range",
                       def->server.port);
        return -1;
    }
    return 0;
}

virDomainBackupDef *
virDomainBackupServerParse(xmlNodePtr node)
{
    g_autoptr(virDomainBackupDef) def = backupNew();

    return serverParse(node, def) < 0 ? NULL : g_steal_pointer(&def);
}

/* They are taken out of the document: disks, whose parser reads the rest, have none. */
static void
keptModelsParse(xmlNodePtr store, virDomainBackupDiskDef *disk)
{
    g_autoptr(GPtrArray) models = g_ptr_array_new();
    xmlNodePtr node = NULL;

    while (store && (node = virXMLChild(store, "seclabel"))) {
        char *model = virXMLProp(node, "model");

        g_ptr_array_add(models, model ? model : g_strdup(""));
        xmlUnlinkNode(node);
        xmlFreeNode(node);
    }
    if (models->len == 0)
        return;
    g_ptr_array_add(models, NULL);
    disk->keptModels = (char **)g_ptr_array_steal(models, NULL);
}

/* <driver> may come without a store: it then is about the one that is made up later. An export is there
 * already, so raw unless told otherwise. */
static int
diskStoreParse(xmlNodePtr node, virDomainBackupDiskDef *disk, virBackupMode mode)
{
    xmlNodePtr driver = virXMLChild(node, "driver");
    xmlNodePtr store = virXMLChild(node, mode == VIR_BACKUP_MODE_PULL ? "scratch" : "target");
    virStorageType type = VIR_STORAGE_TYPE_FILE;
    virStorageFormat format = VIR_STORAGE_FORMAT_QCOW2;
    g_autofree char *word = driver ? virXMLProp(driver, "type") : NULL;

    if (VIR_XML_ENUM_PROP(node, "type", virStorageTypeNames, NULL, type) < 0)
        return -1;
    if (type == VIR_STORAGE_TYPE_NETWORK)
        format = VIR_STORAGE_FORMAT_RAW;
    for (virBackupFormat i = 1; i < VIR_BACKUP_FORMAT_LAST; i++) {
        if (g_strcmp0(word, formatNames[i]) == 0)
            disk->format = i;
    }
    if (disk->format)
        format = VIR_STORAGE_FORMAT_NONE;
    else if (VIR_XML_ENUM_PROP(driver, "type", virStorageFormatNames, NULL, format) < 0)
        return -1;
    disk->store = virStorageSourceNew(type, format, NULL);
    keptModelsParse(store, disk);
    if (store && virStorageSourceParse(store, disk->store) < 0)
        return -1;
    if (disk->format && disk->store->encryption) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "the <target> of disk '%s' cannot be encrypted in format '%s'; use qcow2 or raw",
                       disk->name, formatNames[disk->format]);
        return -1;
    }
    disk->storeGiven = store != NULL;
    return 0;
}

/* Encrypted as the target is, beside which its content would otherwise lie in plain. */
static void
diskScratchParse(xmlNodePtr node, virDomainBackupDiskDef *disk)
{
    xmlNodePtr scratch = virXMLChildFleece(node, "scratch");
    g_autofree char *file = scratch ? virXMLProp(scratch, "file") : NULL;
    g_autofree char *dev = scratch ? virXMLProp(scratch, "dev") : NULL;

    if (!scratch)
        return;
    disk->scratch = virStorageSourceNew(dev ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE,
                                        VIR_STORAGE_FORMAT_QCOW2, dev ? dev : file);
    disk->scratch->encryption = virStorageEncryptionCopy(disk->store->encryption);
}

static int
diskParse(xmlNodePtr node, virDomainBackupDef *def)
{
    g_autoptr(virDomainBackupDiskDef) disk = g_new0(virDomainBackupDiskDef, 1);
    int modeGiven;

    disk->name = virXMLProp(node, "name");
    disk->backup = true;
    if (virXMLPropYesNo(node, "backup", &disk->backup) < 0 ||
        (modeGiven = VIR_XML_ENUM_PROP(node, "backupmode", diskModeNames, NULL, disk->mode)) < 0)
        return -1;
    if (disk->backup) {
        disk->modeGiven = modeGiven > 0;
        disk->incremental = virXMLProp(node, "incremental");
        disk->exportName = virXMLProp(node, "exportname");
        disk->exportBitmap = virXMLProp(node, "exportbitmap");
        if (virXMLPropUInt(node, "index", &disk->index) < 0)
            return -1;
        if (diskStoreParse(node, disk, def->mode) < 0)
            return -1;
        diskScratchParse(node, disk);
    }
    g_ptr_array_add(def->disks, g_steal_pointer(&disk));
    return 0;
}

virDomainBackupDef *
virDomainBackupDefParse(const char *xml)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain_backup)", "domainbackup");
    g_autoptr(virDomainBackupDef) def = backupNew();
    xmlNodePtr root;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (virDomainBackupGrammarCheck(root) < 0 ||
        VIR_XML_ENUM_PROP(root, "mode", modeNames, NULL, def->mode) < 0 ||
        serverParse(virXMLChild(root, "server"), def) < 0 ||
        virBackupOptionsParse(virXMLChildFleece(root, "options"), &def->options) < 0)
        return NULL;
    for (xmlNodePtr node = virXMLChild(virXMLChild(root, "disks"), "disk"); node;
         node = virXMLNext(node)) {
        if (diskParse(node, def) < 0)
            return NULL;
    }
    def->incremental = virXMLChildText(root, "incremental");
    if (def->incremental && !*def->incremental)
        g_clear_pointer(&def->incremental, g_free);
    return g_steal_pointer(&def);
}

bool
virDomainBackupDiskKeepsOwner(const virDomainBackupDiskDef *disk)
{
    return disk->keptModels && (g_strv_contains((const char *const *)disk->keptModels, "dac") ||
                                g_strv_contains((const char *const *)disk->keptModels, ""));
}

const char *
virDomainBackupDiskDriver(const virDomainBackupDiskDef *disk)
{
    return disk->format ? formatDrivers[disk->format] : virStorageFormatNames[disk->store->format];
}

void
virDomainBackupServerFormat(virBuffer *buf, const virDomainBackupDef *def)
{
    if (!def->server.present)
        return;
    virBufferAsprintf(buf, "<server transport='%s'", transportNames[def->server.transport]);
    if (def->server.tls)
        virBufferAdd(buf, " tls='yes'");
    virBufferEscapeString(buf, " name='%s'", def->server.host);
    virBufferEscapeString(buf, " socket='%s'", def->server.socket);
    virBufferEscapeString(buf, " fdgroup='%s'", def->server.fdGroup);
    if (def->server.port && def->server.transport == VIR_BACKUP_SERVER_TCP)
        virBufferAsprintf(buf, " port='%u'", def->server.port);
    virBufferAdd(buf, "/>\n");
}

static void
labelledFormat(virBuffer *buf, const virDomainBackupDiskDef *disk, const char *element)
{
    virBufferAsprintf(buf, "<%s", element);
    virBufferEscapeString(buf, disk->store->type == VIR_STORAGE_TYPE_BLOCK ? " dev='%s'>\n" : " file='%s'>\n",
                          disk->store->path);
    for (size_t i = 0; disk->keptModels[i]; i++) {
        virBufferAdd(buf, "  <seclabel");
        if (*disk->keptModels[i])
            virBufferEscapeString(buf, " model='%s'", disk->keptModels[i]);
        virBufferAdd(buf, " relabel='no'/>\n");
    }
    virBufferAdjustIndent(buf, 2);
    virStorageEncryptionFormat(buf, disk->store->encryption);
    virBufferAdjustIndent(buf, -2);
    virBufferAsprintf(buf, "</%s>\n", element);
}

static void
storeFormat(virBuffer *buf, const virDomainBackupDiskDef *disk, virBackupMode mode)
{
    const virStorageSource *store = disk->store;
    const char *element = mode == VIR_BACKUP_MODE_PULL ? "scratch" : "target";

    virBufferAsprintf(buf, "<driver type='%s'/>\n",
                      disk->format ? formatNames[disk->format] : virStorageFormatNames[store->format]);
    if (disk->keptModels)
        labelledFormat(buf, disk, element);
    else if (store->path || store->nbd)
        virStorageSourceFormat(buf, element, store, false);
}

static void
scratchFormat(virBuffer *buf, const virStorageSource *scratch)
{
    virBufferAsprintf(buf, "<f:scratch xmlns:f='%s'", VIR_XML_NS_FLEECE);
    virBufferEscapeString(
        buf, scratch->type == VIR_STORAGE_TYPE_BLOCK ? " dev='%s'/>\n" : " file='%s'/>\n",
        scratch->path);
}

static void
diskFormat(virBuffer *buf, const virDomainBackupDiskDef *disk, virBackupMode mode)
{
    virBufferEscapeString(buf, "<disk name='%s'", disk->name);
    if (!disk->backup) {
        virBufferAdd(buf, " backup='no'/>\n");
        return;
    }
    virBufferAdd(buf, " backup='yes'");
    if (disk->store)
        virBufferAsprintf(buf, " type='%s'", virStorageTypeNames[disk->store->type]);
    if (disk->modeGiven)
        virBufferAsprintf(buf, " backupmode='%s'", diskModeNames[disk->mode]);
    virBufferEscapeString(buf, " incremental='%s'", disk->incremental);
    virBufferEscapeString(buf, " exportname='%s'", disk->exportName);
    virBufferEscapeString(buf, " exportbitmap='%s'", disk->exportBitmap);
    if (disk->index > 0)
        virBufferAsprintf(buf, " index='%u'", disk->index);
    if (!disk->store) {
        virBufferAdd(buf, "/>\n");
        return;
    }
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    storeFormat(buf, disk, mode);
    if (disk->scratch)
        scratchFormat(buf, disk->scratch);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</disk>\n");
}

char *
virDomainBackupDefFormat(const virDomainBackupDef *def)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(&buf, "<domainbackup mode='%s'>\n", modeNames[def->mode]);
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<incremental>%s</incremental>\n", def->incremental);
    virDomainBackupServerFormat(&buf, def);
    if (def->disks->len > 0)
        virBufferAdd(&buf, "<disks>\n");
    virBufferAdjustIndent(&buf, 2);
    for (guint i = 0; i < def->disks->len; i++)
        diskFormat(&buf, g_ptr_array_index(def->disks, i), def->mode);
    virBufferAdjustIndent(&buf, -2);
    if (def->disks->len > 0)
        virBufferAdd(&buf, "</disks>\n");
    virBackupOptionsFormat(&buf, &def->options);
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</domainbackup>\n");
    return virBufferContentAndReset(&buf);
}
