/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A restore from the wrong images would be silently wrong, so every doubt is an error here: an
 * image that records a backing file must have it in the list, right below it; sizes must fit; and no
 * source may be an image of the domain. What cannot be seen is an increment that records no backing
 * file (as pushed ones do not) and is given alone.
 */
#include "qemu_restore_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "qemu_data_file.h"
#include "qemu_image_size.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define NEW_SUFFIX ".fleece-restore"
#define QCOW2_NAME_MAX 1023
/* The bytes that QEMU locks of each image it has open (block/file-posix.c; documented in
 * qemu-block-drivers.7 as image locking). */
#define QEMU_LOCK_FIRST 100
#define QEMU_LOCK_LENGTH 200

int
qemuRestoreCheckUnused(const char *path, const char *disk, const char *domain)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_LOCK_FIRST, .l_len = QEMU_LOCK_LENGTH,
    };

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0) {
        virReportSystemError(errno, "cannot look at image '%s' of disk '%s'", path, disk);
        return -1;
    }
    if (lock.l_type == F_UNLCK)
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot restore disk '%s' of domain '%s': its image '%s' is in use by another domain "
                   "or program; end that first",
                   disk, domain, path);
    return -1;
}

/* (owned) the backing file that a qcow2 records; NULL without error: none. */
static char *
recordedBacking(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *dir = NULL;
    guint64 offset = 0;
    guint32 length = 0;
    char name[QCOW2_NAME_MAX + 1] = "";

    virErrorReset();
    if (fd < 0 || pread(fd, &offset, sizeof(offset), 8) != sizeof(offset) ||
        pread(fd, &length, sizeof(length), 16) != sizeof(length)) {
        virReportSystemError(errno, "cannot read the header of '%s'", path);
        return NULL;
    }
    offset = GUINT64_FROM_BE(offset);
    length = GUINT32_FROM_BE(length);
    if (offset == 0 || length == 0)
        return NULL;
    if (length > QCOW2_NAME_MAX || offset > G_MAXINT32 ||
        pread(fd, name, length, (off_t)offset) != (ssize_t)length) {
        virReportError(VIR_ERR_INVALID_ARG, "the header of '%s' is damaged", path);
        return NULL;
    }
    dir = g_path_get_dirname(path);
    return g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(dir, name, NULL);
}

static bool
sameFile(const char *a, const char *b)
{
    struct stat x = { 0 }, y = { 0 };

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* @lower: NULL for the oldest. */
static int
checkBacking(const virStorageSource *source, const virStorageSource *lower, const char *disk)
{
    g_autofree char *backing = NULL;

    if (source->format != VIR_STORAGE_FORMAT_QCOW2) {
        if (!lower)
            return 0;
        virReportError(VIR_ERR_INVALID_ARG,
                       "cannot restore disk '%s' from '%s': only the first <source> can be raw", disk,
                       source->path);
        return -1;
    }
    backing = recordedBacking(source->path);
    if (!backing)
        return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
    if (lower && sameFile(backing, lower->path))
        return 0;
    virReportError(VIR_ERR_INVALID_ARG,
                   "cannot restore disk '%s' from '%s': that image lies on '%s', which is not the "
                   "<source> in front of it; list every image, the oldest first",
                   disk, source->path, backing);
    return -1;
}

static int
checkNotOfDomain(const virStorageSource *source, const virDomainDef *dom, const char *disk)
{
    for (guint i = 0; i < dom->disks->len; i++) {
        const virDomainDiskDef *other = g_ptr_array_index(dom->disks, i);

        for (const virStorageSource *src = other->src; src; src = src->backing) {
            if (!src->path || !sameFile(src->path, source->path))
                continue;
            virReportError(VIR_ERR_INVALID_ARG,
                           "cannot restore disk '%s' from '%s': that is an image of disk '%s' of the "
                           "domain itself",
                           disk, source->path, other->dst);
            return -1;
        }
    }
    return 0;
}

/* All of the chain; @size becomes that of the newest. */
static int
lookAtSources(qemuRestoreJob *job, const qemuRestoreDisk *disk, const virDomainDef *dom,
              unsigned long long *size)
{
    const virStorageSource *lower = NULL;

    for (guint i = 0; i < disk->def->sources->len; i++) {
        virStorageSource *source = g_ptr_array_index(disk->def->sources, i);
        qemuImageSize found = { 0 };
        struct stat st = { 0 };

        if (qemuImageSizeFetch(source, &found) < 0 || checkNotOfDomain(source, dom, disk->name) < 0 ||
            checkBacking(source, lower, disk->name) < 0)
            return -1;
        if (found.capacity < *size) {
            virReportError(VIR_ERR_INVALID_ARG,
                           "cannot restore disk '%s' from '%s': it has %llu bytes, less than the "
                           "%llu of the <source> in front of it; list the oldest first",
                           disk->name, source->path, found.capacity, *size);
            return -1;
        }
        *size = found.capacity;
        if (stat(source->path, &st) == 0) {
            source->type = S_ISBLK(st.st_mode) ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE;
            qemuRestoreJobAddLoan(job, source->path, st.st_uid, st.st_gid);
        }
        lower = source;
    }
    return 0;
}

/* The old image may be lost or damaged: that is what restores are for. */
static int
lookAtOld(qemuRestoreJob *job, qemuRestoreDisk *disk, const virStorageSource *src, unsigned long long *size)
{
    qemuImageSize found = { 0 };
    struct stat st = { 0 };

    if (stat(disk->path, &st) < 0) {
        if (errno == ENOENT && disk->newPath)
            return 0;
        virReportSystemError(errno, "cannot look at '%s' of disk '%s'", disk->path, disk->name);
        return -1;
    }
    disk->hasOwner = true;
    disk->user = st.st_uid;
    disk->group = st.st_gid;
    disk->mode = st.st_mode & 07777;
    if (!disk->newPath)
        qemuRestoreJobAddLoan(job, disk->path, st.st_uid, st.st_gid);
    if (qemuImageSizeFetch(src, &found) == 0)
        *size = found.capacity;
    else if (!disk->newPath)
        return -1;
    virErrorReset();
    return 0;
}

static int
settleSize(qemuRestoreDisk *disk, unsigned long long old, unsigned long long wanted)
{
    disk->size = wanted > 0 ? wanted : old;
    if (disk->size == 0) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "cannot restore disk '%s': its size is unknown, because image '%s' is lost or "
                       "damaged; make an image of the right size there first",
                       disk->name, disk->path);
        return -1;
    }
    if (old == 0 || old == disk->size)
        return 0;
    virReportError(VIR_ERR_INVALID_ARG,
                   "cannot restore disk '%s': it has %llu bytes, and its backup has %llu; give the disk "
                   "that size, or look if this is the right backup",
                   disk->name, old, wanted);
    return -1;
}

static int
lookAtDisk(qemuRestoreJob *job, const virDomainRestoreDiskDef *def, const virDomainDef *dom)
{
    const virDomainDiskDef *domDisk = virDomainDefDisk(dom, def->name, false);
    g_autoptr(virStorageSource) src = domDisk ? virStorageSourceCopy(domDisk->src) : NULL;
    unsigned long long old = 0, wanted = 0;
    qemuRestoreDisk *disk = NULL;
    g_autofree char *resolved = NULL;

    if (!domDisk || !src || domDisk->readonly) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot restore disk '%s' of domain '%s': there is no such disk, or it is read-only "
                       "or empty",
                       def->name, dom->name);
        return -1;
    }
    if (src->nbd) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot restore disk '%s' of domain '%s': it is an NBD export; write the backup to it "
                       "with nbdcopy or qemu-img while the domain is stopped",
                       def->name, dom->name);
        return -1;
    }
    if (qemuDataFileProbe(src) < 0)
        return -1;
    if (src->dataStore) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot restore disk '%s' of domain '%s': the data of its image is in another file; write "
                       "the backup to the image with qemu-img while the domain is stopped",
                       def->name, dom->name);
        return -1;
    }
    if (src->backing) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot restore disk '%s' of domain '%s': its XML names the images it lies on, and "
                       "a restored disk lies on none; remove <backingStore> from the domain's XML",
                       def->name, dom->name);
        return -1;
    }
    disk = qemuRestoreJobAddDisk(job, def->name);
    disk->def = def;
    disk->format = src->format;
    disk->encryption = virStorageEncryptionCopy(src->encryption);
    resolved = realpath(src->path, NULL);
    disk->path = g_strdup(resolved ? resolved : src->path);
    if (src->type == VIR_STORAGE_TYPE_FILE)
        disk->newPath = g_strconcat(disk->path, NEW_SUFFIX, NULL);
    if (lookAtOld(job, disk, src, &old) < 0 ||
        qemuRestoreCheckUnused(disk->path, disk->name, dom->name) < 0 ||
        lookAtSources(job, disk, dom, &wanted) < 0 || settleSize(disk, old, wanted) < 0)
        return -1;
    if (disk->newPath && virFileExists(disk->newPath)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "cannot restore disk '%s': there is a file '%s', which no restore has left; "
                       "remove it",
                       disk->name, disk->newPath);
        return -1;
    }
    return 0;
}

int
qemuRestoreLook(qemuRestoreJob *job, const virDomainDef *dom)
{
    for (guint i = 0; i < job->def->disks->len; i++) {
        if (lookAtDisk(job, g_ptr_array_index(job->def->disks, i), dom) < 0)
            return -1;
    }
    return 0;
}
