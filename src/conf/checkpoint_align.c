/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint request against its domain: after this every disk of the domain is in the list, in
 * the domain's order, and each says bitmap or no.
 */
#include "checkpoint_def.h"

#include <string.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

/* Target name, or a source path if only one disk has it. */
static const virDomainDiskDef *
diskResolve(const virDomainDef *dom, const char *name)
{
    const virDomainDiskDef *found = virDomainDefDisk(dom, name, false);

    for (guint i = 0; !found && i < dom->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(dom->disks, i);

        if (disk->src && g_strcmp0(disk->src->path, name) == 0)
            found = disk;
    }
    if (!found) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "no disk named '%s' in domain '%s'", name,
                       dom->name);
        return NULL;
    }
    for (guint i = 0; i < dom->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(dom->disks, i);

        if (disk != found && disk->src && strcmp(name, found->dst) != 0 &&
            g_strcmp0(disk->src->path, name) == 0) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                           "'%s' is the source of disks '%s' and '%s': use the target name", name,
                           found->dst, disk->dst);
            return NULL;
        }
    }
    return found;
}

/* Why the disk cannot take part: (owned), NULL if it can. */
static char *
diskUnfit(const virDomainDiskDef *disk)
{
    if (!disk->src || disk->readonly)
        return g_strdup_printf("disk '%s' is empty or readonly", disk->dst);
    if (disk->shareable)
        return g_strdup_printf("checkpoint for disk '%s' unsupported: it is shareable, and what others "
                               "write to it is not tracked; exclude the disk with checkpoint='no'",
                               disk->dst);
    return NULL;
}

static int
listedSettle(virDomainCheckpointDiskDef *listed, const virDomainDiskDef *disk,
             const char *checkpoint)
{
    g_autofree char *unfit = diskUnfit(disk);

    g_free(listed->name);
    listed->name = g_strdup(disk->dst);
    if (listed->type == VIR_CHECKPOINT_DISK_NONE)
        return 0;
    if (unfit) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s", unfit);
        return -1;
    }
    listed->type = VIR_CHECKPOINT_DISK_BITMAP;
    if (!listed->bitmap)
        listed->bitmap = g_strdup(checkpoint);
    if (strcmp(listed->bitmap, checkpoint) != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "bitmap for disk '%s' must match checkpoint name '%s'", disk->dst,
                       checkpoint);
        return -1;
    }
    return 0;
}

/* @byDisk: domain disk -> the entry about it, all borrowed from def->disks. */
static int
listedResolve(virDomainCheckpointDef *def, const virDomainDef *dom, GHashTable *byDisk)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainCheckpointDiskDef *listed = g_ptr_array_index(def->disks, i);
        const virDomainDiskDef *disk = diskResolve(dom, listed->name);

        if (!disk)
            return -1;
        if (!g_hash_table_insert(byDisk, (gpointer)disk, listed)) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' specified twice", listed->name);
            return -1;
        }
        if (listedSettle(listed, disk, def->name) < 0)
            return -1;
    }
    return 0;
}

static virDomainCheckpointDiskDef *
unlistedNew(const virDomainDiskDef *disk, bool all, const char *checkpoint)
{
    virDomainCheckpointDiskDef *entry = g_new0(virDomainCheckpointDiskDef, 1);
    g_autofree char *unfit = diskUnfit(disk);

    entry->name = g_strdup(disk->dst);
    entry->type = VIR_CHECKPOINT_DISK_NONE;
    if (all && !unfit) {
        entry->type = VIR_CHECKPOINT_DISK_BITMAP;
        entry->bitmap = g_strdup(checkpoint);
    }
    return entry;
}

/* Entries move into the domain's order; the array keeps owning them. */
static void
listComplete(virDomainCheckpointDef *def, const virDomainDef *dom, GHashTable *byDisk, bool all)
{
    g_free(g_ptr_array_steal(def->disks, NULL));
    for (guint i = 0; i < dom->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(dom->disks, i);
        virDomainCheckpointDiskDef *entry = g_hash_table_lookup(byDisk, disk);

        g_ptr_array_add(def->disks, entry ? entry : unlistedNew(disk, all, def->name));
    }
}

static bool
anyBitmap(const virDomainCheckpointDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        if (((virDomainCheckpointDiskDef *)g_ptr_array_index(def->disks, i))->type ==
            VIR_CHECKPOINT_DISK_BITMAP)
            return true;
    }
    return false;
}

int
virDomainCheckpointDefAlign(virDomainCheckpointDef *def, const virDomainDef *dom, long long now)
{
    g_autoptr(GHashTable) byDisk = g_hash_table_new(NULL, NULL);
    bool all = def->disks->len == 0;

    if (!def->name)
        def->name = g_strdup_printf("%lld", now);
    if (!def->creationTime)
        def->creationTime = now;
    if (listedResolve(def, dom, byDisk) < 0)
        return -1;
    listComplete(def, dom, byDisk, all);
    if (all && !anyBitmap(def)) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "checkpoint '%s': domain '%s' has no writable disk to track",
            def->name, dom->name);
        return -1;
    }
    return 0;
}
