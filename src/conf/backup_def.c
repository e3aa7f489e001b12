/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <domainbackup>: parse, copy and format. What takes the domain to decide is in backup_align.c.
 */
#include "backup_def.h"
#include "backup_internal.h"

#include <string.h>
#include <sys/un.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static const char *const modeNames[VIR_BACKUP_MODE_LAST] = {"push", "pull"};
static const char *const diskModeNames[VIR_BACKUP_DISK_MODE_LAST] = {"full", "incremental"};
static const char *const transportNames[VIR_BACKUP_SERVER_LAST] = {"unix", "tcp"};
static const char *const storeTypes[VIR_STORAGE_TYPE_LAST] = {"file", "block"};
static const char *const storeFormats[VIR_STORAGE_FORMAT_LAST] = {NULL, "raw", "qcow2"};

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
    return copy;
}

virDomainBackupDef *
virDomainBackupDefCopy(const virDomainBackupDef *def)
{
    virDomainBackupDef *copy = g_memdup2(def, sizeof(*def));

    copy->incremental = g_strdup(def->incremental);
    copy->server.socket = g_strdup(def->server.socket);
    copy->server.host = g_strdup(def->server.host);
    copy->disks = g_ptr_array_copy(def->disks, diskCopy, NULL);
    return copy;
}

static int
serverUnixParse(xmlNodePtr node, virDomainBackupDef *def)
{
    struct sockaddr_un address;

    if (!(def->server.socket = virXMLPropRequired(node, "socket")))
        return -1;
    if (!g_path_is_absolute(def->server.socket) ||
        strlen(def->server.socket) >= sizeof(address.sun_path)) {
        virReportError(VIR_ERR_XML_ERROR,
                       "socket '%s' of <server> must be an absolute path shorter than %zu bytes",
                       def->server.socket, sizeof(address.sun_path));
        return -1;
    }
    return 0;
}

static int
serverTcpParse(xmlNodePtr node, virDomainBackupDef *def)
{
    def->server.host = virXMLProp(node, "name");
    if (!def->server.host || !*def->server.host) {
        g_free(def->server.host);
        def->server.host = g_strdup("localhost");
    }
    if (virXMLPropUInt(node, "port", &def->server.port) < 0)
        return -1;
    if (def->server.port > 65535) {
        virReportError(VIR_ERR_INVALID_ARG, "port '%u' of <server> is out of range",
                       def->server.port);
        return -1;
    }
    return 0;
}

static int
serverParse(xmlNodePtr root, virDomainBackupDef *def)
{
    xmlNodePtr node = virXMLChild(root, "server");
    bool tls = false;
    bool isUnix;

    if (!node)
        return 0;
    def->server.present = true;
    def->server.transport = VIR_BACKUP_SERVER_TCP;
    if (VIR_XML_ENUM_PROP(node, "transport", transportNames, "rdma vsock fd",
                          def->server.transport) < 0 ||
        virXMLPropYesNo(node, "tls", &tls) < 0)
        return -1;
    if (tls) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       "unsupported attribute tls='yes' in element <server>: use transport='unix' "
                       "or a tunnel");
        return -1;
    }
    isUnix = def->server.transport == VIR_BACKUP_SERVER_UNIX;
    if (virXMLCheckKnown(node, isUnix ? "transport tls socket" : "transport tls name port", NULL) <
        0)
        return -1;
    return isUnix ? serverUnixParse(node, def) : serverTcpParse(node, def);
}

static int
diskModeParse(xmlNodePtr node, virDomainBackupDiskDef *disk)
{
    int rc = VIR_XML_ENUM_PROP(node, "backupmode", diskModeNames, NULL, disk->mode);

    if (rc < 0)
        return -1;
    disk->modeGiven = rc > 0;
    disk->incremental = virXMLProp(node, "incremental");
    if (disk->incremental && disk->modeGiven && disk->mode == VIR_BACKUP_DISK_FULL) {
        virReportError(VIR_ERR_XML_ERROR,
                       "disk '%s' has backupmode='full' and yet incremental='%s'", disk->name,
                       disk->incremental);
        return -1;
    }
    return 0;
}

static int
diskExportParse(xmlNodePtr node, virDomainBackupDiskDef *disk, virBackupMode mode)
{
    disk->exportName = virXMLProp(node, "exportname");
    disk->exportBitmap = virXMLProp(node, "exportbitmap");
    if (mode == VIR_BACKUP_MODE_PUSH && (disk->exportName || disk->exportBitmap)) {
        virReportError(VIR_ERR_XML_ERROR, "disk '%s': exportname and exportbitmap need mode='pull'",
                       disk->name);
        return -1;
    }
    return 0;
}

/* <driver> may come without a store: it then is about the one that is made up later. */
static int
diskStoreParse(xmlNodePtr node, virDomainBackupDiskDef *disk, virBackupMode mode)
{
    xmlNodePtr driver = virXMLChild(node, "driver");
    xmlNodePtr store = virXMLChild(node, mode == VIR_BACKUP_MODE_PULL ? "scratch" : "target");
    virStorageType type = VIR_STORAGE_TYPE_FILE;
    virStorageFormat format = VIR_STORAGE_FORMAT_QCOW2;

    if (VIR_XML_ENUM_PROP(node, "type", storeTypes, "network volume dir nvme vhostuser vhostvdpa",
                          type) < 0)
        return -1;
    if (driver && (virXMLCheckKnown(driver, "type", NULL) < 0 ||
                   VIR_XML_ENUM_PROP(driver, "type", storeFormats, "*", format) < 0))
        return -1;
    if (mode == VIR_BACKUP_MODE_PULL && format != VIR_STORAGE_FORMAT_QCOW2) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "the scratch of disk '%s' must have format qcow2, not %s", disk->name,
                       virStorageFormatToString(format));
        return -1;
    }
    disk->store = virStorageSourceNew(type, format, NULL);
    if (store && virStorageSourceParse(store, disk->store) < 0)
        return -1;
    if (!store && type == VIR_STORAGE_TYPE_BLOCK) {
        virReportError(VIR_ERR_XML_ERROR, "disk '%s' has type='block' and no <%s dev='...'/>",
                       disk->name, mode == VIR_BACKUP_MODE_PULL ? "scratch" : "target");
        return -1;
    }
    disk->storeGiven = store != NULL;
    return 0;
}

static int
diskParse(xmlNodePtr node, virDomainBackupDef *def)
{
    g_autoptr(virDomainBackupDiskDef) disk = NULL;
    g_autofree char *name = virXMLPropRequired(node, "name");
    const char *children = def->mode == VIR_BACKUP_MODE_PULL ? "scratch driver" : "target driver";

    if (!name)
        return -1;
    disk = virDomainBackupDiskDefNew(name);
    disk->backup = true;
    if (virXMLCheckKnown(node,
                         "name backup type backupmode incremental exportname exportbitmap index",
                         children) < 0 ||
        virXMLCheckOnce(node, children) < 0 || virXMLPropYesNo(node, "backup", &disk->backup) < 0 ||
        virXMLPropUInt(node, "index", &disk->index) < 0)
        return -1;
    if (disk->backup &&
        (diskModeParse(node, disk) < 0 || diskExportParse(node, disk, def->mode) < 0 ||
         diskStoreParse(node, disk, def->mode) < 0))
        return -1;
    g_ptr_array_add(def->disks, g_steal_pointer(&disk));
    return 0;
}

static int
disksParse(xmlNodePtr root, virDomainBackupDef *def)
{
    xmlNodePtr disks = virXMLChild(root, "disks");

    if (!disks)
        return 0;
    if (virXMLCheckKnown(disks, NULL, "disk") < 0)
        return -1;
    if (!virXMLChild(disks, "disk")) {
        virReportError(
            VIR_ERR_XML_ERROR, "%s",
            "<disks> of a backup is empty: name a disk, or leave <disks> out to mean all");
        return -1;
    }
    for (xmlNodePtr node = virXMLChild(disks, "disk"); node; node = virXMLNext(node)) {
        if (diskParse(node, def) < 0)
            return -1;
    }
    return 0;
}

static int
serverCheck(const virDomainBackupDef *def)
{
    if (def->mode == VIR_BACKUP_MODE_PUSH && def->server.present) {
        virReportError(VIR_ERR_XML_ERROR, "%s",
                       "<server> is for pull backups; set mode='pull' or leave it out");
        return -1;
    }
    if (def->mode == VIR_BACKUP_MODE_PULL && !def->server.present) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "a pull backup needs a <server> to be read from");
        return -1;
    }
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
    if (virXMLCheckKnown(root, "mode", "incremental server disks") < 0 ||
        virXMLCheckOnce(root, "incremental server disks") < 0 ||
        VIR_XML_ENUM_PROP(root, "mode", modeNames, NULL, def->mode) < 0 ||
        serverParse(root, def) < 0 || serverCheck(def) < 0 || disksParse(root, def) < 0)
        return NULL;
    def->incremental = virXMLChildText(root, "incremental");
    if (def->incremental && !*def->incremental)
        g_clear_pointer(&def->incremental, g_free);
    return g_steal_pointer(&def);
}

static void
serverFormat(virBuffer *buf, const virDomainBackupDef *def)
{
    if (!def->server.present)
        return;
    virBufferAsprintf(buf, "<server transport='%s'", transportNames[def->server.transport]);
    virBufferEscapeString(buf, " name='%s'", def->server.host);
    virBufferEscapeString(buf, " socket='%s'", def->server.socket);
    if (def->server.port)
        virBufferAsprintf(buf, " port='%u'", def->server.port);
    virBufferAdd(buf, "/>\n");
}

static void
storeFormat(virBuffer *buf, const virStorageSource *store, virBackupMode mode)
{
    virBufferAsprintf(buf, "  <driver type='%s'/>\n", storeFormats[store->format]);
    if (!store->path)
        return;
    virBufferAsprintf(buf, "  <%s", mode == VIR_BACKUP_MODE_PULL ? "scratch" : "target");
    virBufferEscapeString(
        buf, store->type == VIR_STORAGE_TYPE_BLOCK ? " dev='%s'/>\n" : " file='%s'/>\n",
        store->path);
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
        virBufferAsprintf(buf, " type='%s'", storeTypes[disk->store->type]);
    if (disk->modeGiven)
        virBufferAsprintf(buf, " backupmode='%s'", diskModeNames[disk->mode]);
    virBufferEscapeString(buf, " incremental='%s'", disk->incremental);
    virBufferEscapeString(buf, " exportname='%s'", disk->exportName);
    virBufferEscapeString(buf, " exportbitmap='%s'", disk->exportBitmap);
    if (disk->index)
        virBufferAsprintf(buf, " index='%u'", disk->index);
    if (!disk->store) {
        virBufferAdd(buf, "/>\n");
        return;
    }
    virBufferAdd(buf, ">\n");
    storeFormat(buf, disk->store, mode);
    virBufferAdd(buf, "</disk>\n");
}

char *
virDomainBackupDefFormat(const virDomainBackupDef *def)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(&buf, "<domainbackup mode='%s'>\n", modeNames[def->mode]);
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<incremental>%s</incremental>\n", def->incremental);
    serverFormat(&buf, def);
    if (def->disks->len > 0)
        virBufferAdd(&buf, "<disks>\n");
    virBufferAdjustIndent(&buf, 2);
    for (guint i = 0; i < def->disks->len; i++)
        diskFormat(&buf, g_ptr_array_index(def->disks, i), def->mode);
    virBufferAdjustIndent(&buf, -2);
    if (def->disks->len > 0)
        virBufferAdd(&buf, "</disks>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</domainbackup>\n");
    return virBufferContentAndReset(&buf);
}
