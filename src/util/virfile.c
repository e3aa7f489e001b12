/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacing, reading and removing files. The only file of the project that calls rename.
 *
 * A replacement exchanges the new file with the old one (renameat2) instead of renaming over it:
 * should the fsync of the directory then fail, the old file is still there to be put back, and
 * "failed" means "nothing changed". File systems without the exchange get a plain rename; there the
 * new content stands after such a failure.
 *
 *     .fleece-new.XXXXXX  write, fsync      fault NAME.written
 *     exchange with PATH                    fault NAME.renamed
 *     fsync of the directory
 *     unlink .fleece-new.XXXXXX (old content; if we die before this, the sweep at start-up does it)
 *
 * An update that changes no more than one sector of a file writes that alone, where it is:
 *
 *                                           fault NAME.overwrite
 *     pwrite of the bytes that differ       fault NAME.overwritten
 *     fdatasync
 *
 * Neither directory nor length nor allocation of the file change, so that nothing has to go through the
 * journal of the file system: 0.1 ms instead of 0.5. A disk writes a sector as a whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_NONE
/* Begins with a dot, as no name that passes virFileNameIsSafe() does. */
#define VIR_FILE_TEMPORARY ".fleece-new."
/* What every disk writes as a whole; those with larger sectors do that, too. */
#define VIR_FILE_SECTOR 512

void
virFileAutoClose(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

static int
virFileWriteFully(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, data, length);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        data += done;
        length -= done;
    }
    return 0;
}

static int
virFileFault(const char *fault, const char *step)
{
    g_autofree char *name = NULL;

    if (!fault)
        return 0;
    name = g_strdup_printf("%s.%s", fault, step);
    return virFaultPoint(name);
}

/* Write a new temporary beside @path. Returns: (owned) its name; NULL with an error and no file. */
static char *
virFileWriteTemporary(const char *path, const char *data, size_t length, mode_t mode, bool sync)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *temp = g_build_filename(dir, VIR_FILE_TEMPORARY "XXXXXX", NULL);
    VIR_AUTOCLOSE fd = mkostemp(temp, O_CLOEXEC);

    if (fd < 0) {
        virReportSystemError(errno, "cannot create a temporary file for '%s'", path);
        return NULL;
    }
    if (fchmod(fd, mode) < 0 || virFileWriteFully(fd, data, length) < 0 ||
        (sync && fsync(fd) < 0)) {
        virReportSystemError(errno, "cannot write the new content of '%s'", path);
        unlink(temp);
        return NULL;
    }
    if (close(g_steal_fd(&fd)) < 0) {
        virReportSystemError(errno, "cannot close the new content of '%s'", path);
        unlink(temp);
        return NULL;
    }
    return g_steal_pointer(&temp);
}

/* @exchanged: whether @temp holds the old file now (false: it is gone). Directories are refused
 * first, as rename would: an exchange takes them without a word. */
static int
virFileSwapIn(const char *temp, const char *path, bool *exchanged)
{
    struct stat info = { 0 };

    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    *exchanged = renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_EXCHANGE) == 0;
    if (*exchanged)
        return 0;
    /* ENOENT: no old file. EINVAL, ENOSYS: file system or kernel without the exchange. */
    if (errno == ENOENT || errno == EINVAL || errno == ENOSYS)
        return rename(temp, path);
    return -1;
}

static int
virFileSyncDirectory(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    VIR_AUTOCLOSE fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0) {
        virReportSystemError(errno, "cannot make a change in directory '%s' durable", dir);
        return -1;
    }
    return 0;
}

/* Best effort: what made us come here is reported already. */
static void
virFileSwapBack(const char *temp, const char *path, bool exchanged, bool existed)
{
    if (exchanged)
        renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_EXCHANGE);
    else if (!existed)
        unlink(path);
}

int
virFileReplaceDurable(const char *path, const char *data, size_t length, mode_t mode,
                      const char *fault)
{
    g_autofree char *temp = virFileWriteTemporary(path, data, length, mode, true);
    bool existed = virFileExists(path);
    bool exchanged = false;

    if (!temp)
        return -1;
    if (virFileFault(fault, "written") < 0) {
        unlink(temp);
        return -1;
    }
    if (virFileSwapIn(temp, path, &exchanged) < 0) {
        virReportSystemError(errno, "cannot put the new content of '%s' in place", path);
        unlink(temp);
        return -1;
    }
    if (virFileFault(fault, "renamed") < 0 || virFileSyncDirectory(path) < 0) {
        virFileSwapBack(temp, path, exchanged, existed);
        unlink(temp);
        return -1;
    }
    if (exchanged)
        unlink(temp);
    return 0;
}

/* Where @old and @new, @length bytes each, differ: @first to @last. False: nowhere, or not within one sector. */
static bool
virFileDiffersInSector(const char *old, const char *new, size_t length, size_t *first, size_t *last)
{
    *first = 0;
    *last = length;
    while (*first < length && old[*first] == new[*first])
        (*first)++;
    while (*last > *first && old[*last - 1] == new[*last - 1])
        (*last)--;
    if (*first == *last)
        return false;
    (*last)--;
    return *first / VIR_FILE_SECTOR == *last / VIR_FILE_SECTOR;
}

/* The descriptor and the content of @path, if that is a file of @length bytes and @mode that nobody shares; -1 if
 * not. A second hard link is somebody's copy: it has to stay what it is. */
static int
virFileOpenForUpdate(const char *path, size_t length, mode_t mode, char **content)
{
    VIR_AUTOCLOSE fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    g_autofree char *buffer = NULL;
    struct stat info = { 0 };

    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1 ||
        (info.st_mode & 07777) != mode || (size_t)info.st_size != length)
        return -1;
    buffer = g_malloc(length + 1);
    if (TEMP_FAILURE_RETRY(pread(fd, buffer, length, 0)) != (ssize_t)length)
        return -1;
    *content = g_steal_pointer(&buffer);
    return g_steal_fd(&fd);
}

/* Write @length bytes over those at @offset. What has failed may have happened: @old is put back. */
static int
virFileOverwrite(int fd, const char *path, const char *data, const char *old, size_t offset, size_t length,
                 const char *fault)
{
    if (TEMP_FAILURE_RETRY(pwrite(fd, data, length, offset)) != (ssize_t)length)
        virReportSystemError(errno, "cannot write the new content of '%s'", path);
    else if (virFileFault(fault, "overwritten") < 0)
        ;   /* it has reported itself */
    else if (fdatasync(fd) < 0)
        virReportSystemError(errno, "cannot make the new content of '%s' durable", path);
    else
        return 0;
    if (TEMP_FAILURE_RETRY(pwrite(fd, old, length, offset)) == (ssize_t)length)
        fdatasync(fd);
    return -1;
}

int
virFileUpdateDurable(const char *path, const char *data, size_t length, mode_t mode, const char *fault)
{
    g_autofree char *old = NULL;
    VIR_AUTOCLOSE fd = virFileOpenForUpdate(path, length, mode, &old);
    size_t first = 0;
    size_t last = 0;

    if (fd < 0 || !virFileDiffersInSector(old, data, length, &first, &last))
        return virFileReplaceDurable(path, data, length, mode, fault);
    if (virFileFault(fault, "overwrite") < 0)
        return -1;
    return virFileOverwrite(fd, path, data + first, old + first, first, last - first + 1, fault);
}

int
virFileReplaceVolatile(const char *path, const char *data, size_t length, mode_t mode)
{
    g_autofree char *temp = virFileWriteTemporary(path, data, length, mode, false);

    if (!temp)
        return -1;
    if (rename(temp, path) < 0) {
        virReportSystemError(errno, "cannot put the new content of '%s' in place", path);
        unlink(temp);
        return -1;
    }
    return 0;
}

int
virFileUnlinkDurable(const char *path, const char *fault)
{
    if (unlink(path) < 0) {
        if (errno == ENOENT)
            return 0;
        virReportSystemError(errno, "cannot remove '%s'", path);
        return -1;
    }
    if (virFileFault(fault, "unlinked") < 0)
        return -1;
    return virFileSyncDirectory(path);
}

int
virFileSync(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fsync(fd) < 0) {
        virReportSystemError(errno, "cannot write '%s' to disk", path);
        return -1;
    }
    return 0;
}

int
virFileMoveDurable(const char *from, const char *to, const char *fault)
{
    if (virFileSync(from) < 0)
        return -1;
    if (rename(from, to) < 0) {
        virReportSystemError(errno, "cannot put '%s' in the place of '%s'", from, to);
        return -1;
    }
    if (virFileFault(fault, "renamed") < 0)
        return -1;
    return virFileSyncDirectory(to);
}

/* Fill @buffer (@max + 1 bytes) from @fd; the length, or -1 with errno. */
static gssize
virFileReadUpTo(int fd, char *buffer, size_t max)
{
    size_t length = 0;

    while (length <= max) {
        ssize_t got = read(fd, buffer + length, max + 1 - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += got;
    }
    if (length > max) {
        errno = EFBIG;
        return -1;
    }
    return length;
}

/* Regular files tell their size, others (/proc, pipes) do not: for those it is the bound. */
static size_t
virFileGuessSize(int fd, size_t max)
{
    struct stat info = { 0 };

    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size <= 0)
        return max;
    return MIN(max, (size_t)info.st_size + 1);
}

gssize
virFileReadAll(const char *path, size_t max, char **out)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *buffer = NULL;
    size_t room = 0;
    gssize length = -1;

    if (fd < 0) {
        virReportSystemError(errno, "cannot open '%s' for reading", path);
        return -1;
    }
    room = virFileGuessSize(fd, max);
    buffer = g_malloc(room + 1);
    length = virFileReadUpTo(fd, buffer, room);
    if (length < 0 && errno == EFBIG) {
        virReportSystemError(EFBIG, "cannot read '%s': it is longer than %zu bytes", path, room);
        return -1;
    }
    if (length < 0) {
        virReportSystemError(errno, "cannot read '%s'", path);
        return -1;
    }
    buffer[length] = '\0';
    *out = g_steal_pointer(&buffer);
    return length;
}

int
virFileMakeDirs(const char *path, mode_t mode)
{
    if (g_mkdir_with_parents(path, mode) < 0) {
        virReportSystemError(errno, "cannot create directory '%s'", path);
        return -1;
    }
    return 0;
}

void
virFileSweepTemporaries(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = NULL;

        if (!g_str_has_prefix(name, VIR_FILE_TEMPORARY))
            continue;
        path = g_build_filename(dir, name, NULL);
        unlink(path);
    }
}

bool
virFileExists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool
virFileNameIsSafe(const char *name)
{
    if (!name || *name == '\0' || *name == '.')
        return false;
    for (; *name; name++) {
        if (*name == '/' || g_ascii_iscntrl(*name))
            return false;
    }
    return true;
}
