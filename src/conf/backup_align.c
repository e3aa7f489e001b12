/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backup request against its domain: after this every disk of the domain is in the list, in the
 * domain's order, and each that takes part has its mode, checkpoint, export and store.
 */
#include "backup_internal.h"

#include <string.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN
#define SECTOR 512

/* Names are checked first, so that nothing is changed for a request that cannot be met. */
static int
namesCheck(const virDomainBackupDef *def, const virDomainDef *dom)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);
        const virDomainDiskDef *domDisk = virDomainDefDisk(dom, disk->name, false);

        if (!domDisk) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "no disk named '%s' in domain '%s'",
                           disk->name, dom->name);
            return -1;
        }
        if (!g_hash_table_add(seen, disk->name)) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' specified twice", disk->name);
            return -1;
        }
        if (disk->backup && !domDisk->src) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' has no media", disk->name);
            return -1;
        }
    }
    return 0;
}

static virDomainBackupDiskDef *
listedTake(virDomainBackupDef *def, const char *name)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (strcmp(disk->name, name) == 0)
            return g_ptr_array_steal_index(def->disks, i);
    }
    return NULL;
}

static void
listComplete(virDomainBackupDef *def, const virDomainDef *dom)
{
    bool all = def->disks->len == 0;
    GPtrArray *complete =
        g_ptr_array_new_with_free_func((GDestroyNotify)virDomainBackupDiskDefFree);

    for (guint i = 0; i < dom->disks->len; i++) {
        const virDomainDiskDef *domDisk = g_ptr_array_index(dom->disks, i);
        virDomainBackupDiskDef *disk = listedTake(def, domDisk->dst);

        if (!disk) {
            disk = virDomainBackupDiskDefNew(domDisk->dst);
            disk->backup = all && domDisk->src && !domDisk->readonly;
        }
        g_ptr_array_add(complete, disk);
    }
    g_ptr_array_unref(def->disks);
    def->disks = complete;
}

static int
modeSettle(const virDomainBackupDef *def, virDomainBackupDiskDef *disk)
{
    if (!disk->modeGiven)
        disk->mode = disk->incremental || def->incremental ? VIR_BACKUP_DISK_INCREMENTAL
                                                           : VIR_BACKUP_DISK_FULL;
    disk->modeGiven = true;
    if (disk->mode == VIR_BACKUP_DISK_FULL)
        return 0;
    if (!disk->incremental)
        disk->incremental = g_strdup(def->incremental);
    if (!disk->incremental || !*disk->incremental) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "backup mode 'incremental' of disk '%s' needs a checkpoint in attribute "
                       "'incremental' of the disk or in <incremental>",
                       disk->name);
        return -1;
    }
    return 0;
}

static void
exportSettle(virDomainBackupDiskDef *disk)
{
    if (!disk->exportName || !*disk->exportName) {
        g_free(disk->exportName);
        disk->exportName = g_strdup(disk->name);
    }
    if (disk->mode == VIR_BACKUP_DISK_INCREMENTAL &&
        (!disk->exportBitmap || !*disk->exportBitmap)) {
        g_free(disk->exportBitmap);
        disk->exportBitmap = g_strdup_printf("backup-%s", disk->name);
    }
}

/* Beside the image, as libvirt does: there the administrator planned for space, and no two domains
 * meet. What is no file has no such place. */
static char *
scratchPath(const virDomainBackupDiskDef *disk, const char *domain, const virStorageSource *source,
            const char *suffix, const char *scratchDir)
{
    if (source->type != VIR_STORAGE_TYPE_FILE)
        return g_strdup_printf("%s/%s-%s.%s", scratchDir, domain, disk->name, suffix);
    return g_strdup_printf("%s.%s", source->path, suffix);
}

/* The scratch of an encrypted disk, which nobody but the backup reads, is encrypted as the disk is. */
static int
storeSettle(const virDomainBackupDef *def, virDomainBackupDiskDef *disk, const char *domain,
            const virStorageSource *source, const char *suffix, const char *scratchDir)
{
    if (!disk->store)
        disk->store = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_QCOW2, NULL);
    if (disk->store->path || disk->store->nbd)
        return 0;
    if (def->mode == VIR_BACKUP_MODE_PULL) {
        disk->store->encryption = virStorageEncryptionCopy(source->encryption);
        disk->store->path = scratchPath(disk, domain, source, suffix, scratchDir);
        return 0;
    }
    if (source->type != VIR_STORAGE_TYPE_FILE) {
        g_autofree char *where = virStorageSourceName(source);

        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot make up a file name for the backup of disk '%s' on %s '%s': name a <target>",
                       disk->name, source->nbd ? "NBD export" : "block device", where);
        return -1;
    }
    disk->store->path = g_strdup_printf("%s.%s", source->path, suffix);
    return 0;
}

static int
storeCheckChain(const virDomainBackupDiskDef *disk, const virStorageSource *source,
                const virDomainDef *dom)
{
    g_autofree char *store = virStorageSourceName(source);

    for (guint i = 0; i < dom->disks->len; i++) {
        const virDomainDiskDef *domDisk = g_ptr_array_index(dom->disks, i);

        for (const virStorageSource *src = domDisk->src; src; src = src->backing) {
            g_autofree char *name = virStorageSourceName(src);
            g_autofree char *data = src->dataStore ? virStorageSourceName(src->dataStore) : NULL;

            if (g_strcmp0(name, store) == 0 || g_strcmp0(data, store) == 0) {
                virReportError(VIR_ERR_INVALID_ARG,
                               "store '%s' for backup of '%s' is in use as an image of disk '%s'",
                               store, disk->name, domDisk->dst);
                return -1;
            }
        }
    }
    return 0;
}

static int
storeCheckOnce(const virStorageSource *source, GHashTable *stores)
{
    g_autofree char *store = virStorageSourceName(source);

    if (g_hash_table_add(stores, g_strdup(store)))
        return 0;
    virReportError(VIR_ERR_INVALID_ARG, "store '%s' is given to more than one disk", store);
    return -1;
}

static int
storesCheckDisk(const virDomainBackupDiskDef *disk, const virDomainDef *dom, GHashTable *stores)
{
    if (storeCheckChain(disk, disk->store, dom) < 0 || storeCheckOnce(disk->store, stores) < 0)
        return -1;
    if (!disk->scratch)
        return 0;
    if (storeCheckChain(disk, disk->scratch, dom) < 0)
        return -1;
    return storeCheckOnce(disk->scratch, stores);
}

/* Two disks in one file, or a backup over the guest's own image, would destroy data. */
static int
storesCheck(const virDomainBackupDef *def, const virDomainDef *dom)
{
    g_autoptr(GHashTable) stores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) exports = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->backup)
            continue;
        if (storesCheckDisk(disk, dom, stores) < 0)
            return -1;
        if (disk->exportName && !g_hash_table_add(exports, disk->exportName)) {
            virReportError(VIR_ERR_INVALID_ARG, "export name '%s' is given to more than one disk",
                           disk->exportName);
            return -1;
        }
    }
    return 0;
}

bool
virDomainBackupDiskCompressible(const virDomainBackupDiskDef *disk, bool reuseExternal)
{
    /* QEMU writes compressed clusters as they are, also into an encrypted image */
    return !reuseExternal && disk->store->type == VIR_STORAGE_TYPE_FILE && !disk->store->encryption &&
           disk->store->format == VIR_STORAGE_FORMAT_QCOW2;
}

int
virDomainBackupDefCheckCompress(const virDomainBackupDef *def, bool reuseExternal)
{
    for (guint i = 0; VIR_BACKUP_OPTION(def, COMPRESS) && i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->backup || virDomainBackupDiskCompressible(disk, reuseExternal))
            continue;
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot compress the backup of disk '%s': its target is %s, and compress='yes' "
                       "needs a plain qcow2 file that the backup makes itself",
                       disk->name,
                       disk->store->encryption ? "encrypted"
                       : disk->store->nbd      ? "an NBD export"
                       : disk->store->type == VIR_STORAGE_TYPE_BLOCK ? "a block device"
                       : reuseExternal                               ? "a file that exists already"
                                                                     : "not in format qcow2");
        return -1;
    }
    return 0;
}

int
virDomainBackupDefCheckFleece(const virDomainBackupDef *def, bool reuseExternal)
{
    for (guint i = 0; reuseExternal && VIR_BACKUP_OPTION(def, FLEECE) && i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->backup || disk->scratch)
            continue;
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot make up a scratch for the backup of disk '%s': with the reuse-external flag it must "
                       "exist already; name it in an <f:scratch>, or leave fleece='yes' out",
                       disk->name);
        return -1;
    }
    return 0;
}

void
virDomainBackupDefSettleScratch(virDomainBackupDef *def, const virDomainDef *dom, const char *suffix,
                                const char *scratchDir, bool reuseExternal)
{
    g_autofree char *scratchSuffix = g_strconcat(suffix, ".scratch", NULL);

    for (guint i = 0; def->mode == VIR_BACKUP_MODE_PUSH && !reuseExternal && i < def->disks->len; i++) {
        virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);
        const virDomainDiskDef *domDisk = g_ptr_array_index(dom->disks, i);
        g_autofree char *path = NULL;

        if (!disk->backup || disk->scratch ||
            (!VIR_BACKUP_OPTION(def, FLEECE) &&
             (!VIR_BACKUP_OPTION(def, COMPRESS) || !virDomainBackupDiskCompressible(disk, reuseExternal))))
            continue;
        path = scratchPath(disk, dom->name, domDisk->src, scratchSuffix, scratchDir);
        disk->scratch = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_QCOW2, path);
        disk->scratch->encryption = virStorageEncryptionCopy(disk->store->encryption);
    }
}

/* Borrowed; NULL = none. */
static const virStorageSource *
scratchOf(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk)
{
    return def->mode == VIR_BACKUP_MODE_PULL ? disk->store : disk->scratch;
}

unsigned long long
virDomainBackupDiskScratchLimit(const virDomainBackupDef *def, const virDomainBackupDiskDef *disk,
                                bool reuseExternal)
{
    const virStorageSource *scratch = scratchOf(def, disk);

    if (reuseExternal || !scratch || scratch->type != VIR_STORAGE_TYPE_FILE)
        return 0;
    return VIR_BACKUP_OPTION(def, SCRATCH_LIMIT) / SECTOR * SECTOR;
}

int
virDomainBackupDefCheckScratchLimit(const virDomainBackupDef *def, bool reuseExternal)
{
    for (guint i = 0; VIR_BACKUP_OPTION(def, SCRATCH_LIMIT) > 0 && i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);
        const virStorageSource *scratch = scratchOf(def, disk);

        if (!disk->backup || (!reuseExternal && (scratch ? scratch->type == VIR_STORAGE_TYPE_FILE
                                                         : VIR_BACKUP_OPTION(def, FLEECE))))
            continue;
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot limit the scratch of disk '%s', '%s': scratch-limit is for scratch files that the "
                       "backup makes itself; leave it out, or have a file made",
                       disk->name, scratch ? scratch->path : "none");
        return -1;
    }
    return 0;
}

static bool
helperIsInVain(const virDomainBackupDef *def)
{
    return VIR_BACKUP_OPTION(def, EXPORT_HELPER) && def->server.transport != VIR_BACKUP_SERVER_TCP;
}

int
virDomainBackupDefCheckExportHelper(const virDomainBackupDef *def)
{
    if (!helperIsInVain(def))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                   "cannot put an export helper in front of this <server>: export-helper is for transport='tcp', "
                   "with or without TLS; leave it out, or use that transport");
    return -1;
}

void
virDomainBackupDefSettleExportHelper(virDomainBackupDef *def)
{
    if (!helperIsInVain(def))
        return;
    VIR_BACKUP_OPTION(def, EXPORT_HELPER) = 0;
    def->options.of[VIR_BACKUP_OPTION_EXPORT_HELPER].given = false;
}

int
virDomainBackupDefCheckFormats(const virDomainBackupDef *def, bool reuseExternal)
{
    for (guint i = 0; !reuseExternal && i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (!disk->backup || !disk->format || disk->mode == VIR_BACKUP_DISK_FULL)
            continue;
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot write an increment of disk '%s' into a new file of QEMU's format '%s': later "
                       "nobody could tell what it does not hold; use 'qcow2', or bring the file of the last "
                       "backup up to date with the reuse-external flag",
                       disk->name, virDomainBackupDiskDriver(disk));
        return -1;
    }
    return 0;
}

int
virDomainBackupDefAlign(virDomainBackupDef *def, const virDomainDef *dom, const char *suffix,
                        const char *scratchDir)
{
    unsigned int selected = 0;

    if (namesCheck(def, dom) < 0)
        return -1;
    listComplete(def, dom);
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);
        const virDomainDiskDef *domDisk = g_ptr_array_index(dom->disks, i);

        if (!disk->backup)
            continue;
        selected++;
        if (modeSettle(def, disk) < 0)
            return -1;
        if (def->mode == VIR_BACKUP_MODE_PULL)
            exportSettle(disk);
        if (storeSettle(def, disk, dom->name, domDisk->src, suffix, scratchDir) < 0)
            return -1;
    }
    if (selected == 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "no disks of domain '%s' selected for backup",
                       dom->name);
        return -1;
    }
    return storesCheck(def, dom);
}
