/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file steps of a Plan. A file is created with O_EXCL and nothing else, so what exists after a
 * create step was made by it and may be removed by its undo.
 */
#include "qemu_plan_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk_def.h"
#include "qemu_image_luks.h"
#include "qemu_storage.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virqcow2.h"
#include "virqcowwindow.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *
fileRole(const qemuPlanStep *step)
{
    return step->kind == QEMU_STEP_SCRATCH_CREATE ? "scratch file" : "backup target";
}

static void
reportExisting(const qemuPlanStep *step)
{
    virReportError(VIR_ERR_INVALID_ARG,
                   "cannot create %s '%s': something of that name exists already; remove it, name "
                   "another file, or ask for it to be used with the reuse-external flag",
                   fileRole(step), step->path);
}

int
qemuPlanFileValidate(const qemuPlanStep *step)
{
    struct stat st = { 0 };

    if (step->kind != QEMU_STEP_SCRATCH_CREATE && step->kind != QEMU_STEP_IMAGE_CREATE)
        return 0;
    if (lstat(step->path, &st) == 0) {
        reportExisting(step);
        return -1;
    }
    return 0;
}

static int
fillEncrypted(const qemuPlanStep *step, int fd)
{
    g_autoptr(virStorageEncryption) encryption = virStorageEncryptionFromRef(step->secret);

    return encryption ? qemuImageLuksCreate(fd, step->path, step->format, step->size, encryption) : -1;
}

static int
fillImage(const qemuPlanStep *step, int fd)
{
    if (step->secret)
        return fillEncrypted(step, fd);
    if (step->format != VIR_STORAGE_FORMAT_RAW)
        return virQcow2Create(fd, step->path, step->size, NULL, NULL);
    if (ftruncate(fd, step->size) < 0) {
        virReportSystemError(errno, "cannot give %s '%s' its size of %llu bytes", fileRole(step),
                             step->path, step->size);
        return -1;
    }
    return 0;
}

/* The node that keeps QEMU within the limit needs a file of that length. */
static int
reserveLimit(const qemuPlanStep *step, int fd)
{
    struct stat st = { 0 };

    if (step->limit == 0)
        return 0;
    if (fstat(fd, &st) < 0) {
        virReportSystemError(errno, "cannot see the size of scratch file '%s'", step->path);
        return -1;
    }
    if ((unsigned long long)st.st_size >= step->limit) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "the scratch-limit of %llu bytes is too small: scratch file '%s' has %llu bytes "
                       "before anything is in it",
                       step->limit, step->path, (unsigned long long)st.st_size);
        return -1;
    }
    if (ftruncate(fd, step->limit) < 0) {
        virReportSystemError(errno, "cannot give scratch file '%s' its limit of %llu bytes", step->path,
                             step->limit);
        return -1;
    }
    return 0;
}

static int
createImage(const qemuPlanStep *step, qemuTarget *target)
{
    VIR_AUTOCLOSE fd = open(step->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST) {
        reportExisting(step);
        return -1;
    }
    if (fd < 0) {
        virReportSystemError(errno, "cannot create %s '%s'", fileRole(step), step->path);
        return -1;
    }
    if (fillImage(step, fd) < 0 || reserveLimit(step, fd) < 0 ||
        (!step->keepOwner && target->ops->lendFile(target, step->path, true) < 0)) {
        unlink(step->path);
        return -1;
    }
    return 0;
}

/* The directory is private to this QEMU: what is there under this name an earlier backup has left. */
static int
createPrivate(const qemuPlanStep *step, qemuTarget *target)
{
    bool window = step->kind == QEMU_STEP_WINDOW_CREATE;
    VIR_AUTOCLOSE fd = -1;

    unlink(step->path);
    fd = open(step->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        virReportSystemError(errno, "cannot create %s '%s'", window ? "window image" : "image for bitmaps",
                             step->path);
        return -1;
    }
    if ((window ? virQcowWindowCreate(fd, step->path, step->size)
                : virQcow2Create(fd, step->path, step->size, NULL, NULL)) < 0 ||
        target->ops->lendFile(target, step->path, !window) < 0) {
        unlink(step->path);
        return -1;
    }
    return 0;
}

/* Only saves "stop" some work: whatever stands in the way is left to "stop". */
static void
flushFile(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fdatasync(fd) < 0)
        VIR_DEBUG("image '%s' is not flushed beforehand", path);
}

static gpointer
flushThread(gpointer path)
{
    flushFile(path);
    return NULL;
}

void
qemuPlanFilesFlush(qemuPlanStep *const *steps, size_t n)
{
    g_autofree GThread **threads = g_new0(GThread *, n);

    for (size_t i = 1; i < n; i++)
        threads[i] = g_thread_try_new("flush", flushThread, steps[i]->path, NULL);
    flushFile(steps[0]->path);
    for (size_t i = 1; i < n; i++) {
        if (threads[i])
            g_thread_join(threads[i]);
    }
}

static int
removeFile(const char *path, qemuTarget *target)
{
    target->ops->returnFile(target, path);
    if (unlink(path) < 0 && errno != ENOENT) {
        virReportSystemError(errno, "cannot remove '%s', which the backup had created; remove it "
                             "by hand", path);
        return -1;
    }
    return 0;
}

static int
lend(const char *path, qemuTarget *target)
{
    struct stat st = { 0 };

    if (stat(path, &st) < 0) {
        virReportSystemError(errno, "cannot use '%s', which has to exist already: a device, or a file with the "
                             "reuse-external flag", path);
        return -1;
    }
    return target->ops->lendFile(target, path, true);
}

int
qemuPlanFileRun(const qemuPlanStep *step, qemuTarget *target)
{
    if (step->kind == QEMU_STEP_SCRATCH_CREATE || step->kind == QEMU_STEP_IMAGE_CREATE)
        return createImage(step, target);
    if (step->kind == QEMU_STEP_WINDOW_CREATE || step->kind == QEMU_STEP_BITMAP_CREATE)
        return createPrivate(step, target);
    if (step->kind == QEMU_STEP_LEND)
        return lend(step->path, target);
    if (step->kind == QEMU_STEP_UNLINK)
        return removeFile(step->path, target);
    if (step->kind == QEMU_STEP_RETURN)
        target->ops->returnFile(target, step->path);
    if (step->kind == QEMU_STEP_FLUSH)
        qemuPlanFilesFlush((qemuPlanStep *const *)&step, 1);
    return 0;
}

int
qemuPlanFileWait(const qemuPlanStep *step, qemuTarget *target)
{
    gint64 end = g_get_monotonic_time() + (gint64)step->size * 1000;
    unsigned int left = 0;

    if (qemuStorageAnswers(step->path, (unsigned int)step->size)) {
        left = (unsigned int)(MAX(end - g_get_monotonic_time(), 0) / 1000);
        if (qemuStorageRequestsEnd(target->ops->pid(target), step->path, left))
            return 0;
    }
    virReportError(VIR_ERR_OPERATION_TIMEOUT,
                   "the storage of '%s' does not answer, and to take the filter that copies to it out now would hold "
                   "the guest for as long; look at that storage",
                   step->path);
    return -1;
}

int
qemuPlanFileWaitFlush(const qemuPlanStep *step, char **unflushed)
{
    const char *path = step->path;
    int rc = qemuStorageFlush(&path, 1, (unsigned int)step->size);

    if (rc > 0 && !*unflushed)
        *unflushed = g_strdup_printf("cannot flush '%s': %s", path, g_strerror(rc));
    if (rc >= 0)
        return 0;
    virReportError(VIR_ERR_OPERATION_TIMEOUT,
                   "the storage of '%s' has not taken yet what was written there, and to close the file now would hold "
                   "the guest for as long; look at that storage",
                   path);
    return -1;
}

int
qemuPlanFileUndo(const qemuPlanStep *step, qemuTarget *target)
{
    if (step->kind == QEMU_STEP_SCRATCH_CREATE || step->kind == QEMU_STEP_IMAGE_CREATE ||
        step->kind == QEMU_STEP_WINDOW_CREATE || step->kind == QEMU_STEP_BITMAP_CREATE)
        return removeFile(step->path, target);
    if (step->kind == QEMU_STEP_LEND)
        target->ops->returnFile(target, step->path);
    return 0;
}
