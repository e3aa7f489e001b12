/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking and comparing stamps. The ctime is what makes a file's stamp hold: nobody can set it, so a
 * mtime that was put back shows too. It is only as fine as the kernel's clock, so a stamp is younger
 * than the last change by at least one tick of it.
 */
#include "qemu_bitmap_store_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define STAMP_SETTLE_MS 2000       /* a ctime that lies further ahead was made with another clock */
#define STAMP_DEVICES_DEPTH 8      /* device mapper on md on partitions ... */
#define SYSFS_MAX_BYTES 4096

static char *
timeText(const struct timespec *time)
{
    return g_strdup_printf("%lld.%09ld", (long long)time->tv_sec, time->tv_nsec);
}

static bool
timeIsPast(const struct timespec *time)
{
    struct timespec now = { 0 };

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec > time->tv_sec || (now.tv_sec == time->tv_sec && now.tv_nsec > time->tv_nsec);
}

/* Until a write from now on would get a later time than the last one has. */
static int
waitTick(int fd, const char *path, struct stat *st)
{
    for (int ms = 0; ms < STAMP_SETTLE_MS; ms++) {
        if (fstat(fd, st) < 0) {
            virReportSystemError(errno, "cannot look at disk image '%s'", path);
            return -1;
        }
        if (timeIsPast(&st->st_ctim) && timeIsPast(&st->st_mtim))
            return 0;
        g_usleep(1000);
    }
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the times of disk image '%s' lie in the future, so they do not tell whether it is "
                   "changed; check the clock of this host", path);
    return -1;
}

static virJSONValue *
fileStamp(int fd, const char *path)
{
    struct stat st = { 0 };
    g_autofree char *mtime = NULL;
    g_autofree char *ctime = NULL;

    if (fsync(fd) < 0) {
        virReportSystemError(errno, "cannot write out disk image '%s'", path);
        return NULL;
    }
    if (waitTick(fd, path, &st) < 0)
        return NULL;
    mtime = timeText(&st.st_mtim);
    ctime = timeText(&st.st_ctim);
    return virJSONBuild("{'kind':'file','inode':%llu,'size':%llu,'mtime':%s,'ctime':%s}",
                        (unsigned long long)st.st_ino, (unsigned long long)st.st_size, mtime, ctime);
}

/* (owned) a line of sysfs without its end, or NULL. */
static char *
sysfsRead(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL) || strlen(text) > SYSFS_MAX_BYTES)
        return NULL;
    return g_strdup(g_strstrip(text));
}

/* (owned) directory of the whole device: what is written to a disk past its partition counts there. */
static char *
wholeDevice(const char *dir)
{
    char real[PATH_MAX] = "";
    g_autofree char *partition = g_build_filename(dir, "partition", NULL);

    if (!realpath(dir, real))
        return NULL;
    return access(partition, F_OK) == 0 ? g_path_get_dirname(real) : g_strdup(real);
}

static int
appendCounters(virJSONValue *list, const char *dir)
{
    g_autofree char *device = sysfsRead(dir, "dev");
    g_autofree char *stat = sysfsRead(dir, "stat");
    g_autofree char *serial = sysfsRead(dir, "diskseq");
    unsigned long long n[15] = { 0 };
    int found = 0;

    if (stat)
        found = sscanf(stat, "%llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu",
                       n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10,
                       n + 11, n + 12, n + 13);
    if (!device || !serial || found < 14)
        return -1;
    /* sectors and not requests: a flush counts as a request to write, too */
    virJSONArrayAppend(list, virJSONBuild("{'device':%s,'serial':%s,'written':%llu,'discarded':%llu}",
                                          device, serial, n[6], n[13]));
    return 0;
}

static virJSONValue *stampOfPath(const char *path, pid_t pid);

/* The file below a loop device can be written past it. */
static int
appendLoopFile(virJSONValue *list, const char *dir)
{
    g_autofree char *path = sysfsRead(dir, "loop/backing_file");
    g_autofree char *offset = sysfsRead(dir, "loop/offset");
    virJSONValue *stamp = NULL;

    if (!path)
        return 0;
    if (!(stamp = stampOfPath(path, 0)))
        return -1;
    virJSONArrayAppend(list, virJSONBuild("{'offset':%s,'file':%v}", offset, stamp));
    return 0;
}

/* The device in sysfs directory @dir and all below it. -1 without an error if one does not tell. */
static int
appendDevice(virJSONValue *list, const char *dir, int depth)
{
    g_autofree char *whole = wholeDevice(dir);
    g_autofree char *slaves = whole ? g_build_filename(whole, "slaves", NULL) : NULL;
    g_autoptr(GDir) handle = slaves ? g_dir_open(slaves, 0, NULL) : NULL;
    const char *name = NULL;

    if (!whole || depth > STAMP_DEVICES_DEPTH || appendCounters(list, whole) < 0 ||
        appendLoopFile(list, whole) < 0)
        return -1;
    while (handle && (name = g_dir_read_name(handle))) {
        g_autofree char *below = g_build_filename(slaves, name, NULL);

        if (appendDevice(list, below, depth + 1) < 0)
            return -1;
    }
    return 0;
}

static virJSONValue *
blockStamp(int fd, const char *path, const struct stat *st)
{
    g_autofree char *dir = g_strdup_printf("/sys/dev/block/%u:%u", major(st->st_rdev), minor(st->st_rdev));
    g_autofree char *boot = sysfsRead("/proc/sys/kernel/random", "boot_id");
    g_autoptr(virJSONValue) list = virJSONNewArray();
    unsigned long long size = 0;

    /* what is only in the page cache is not counted yet */
    if (fsync(fd) < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0) {
        virReportSystemError(errno, "cannot look at block device '%s'", path);
        return NULL;
    }
    if (!boot || appendDevice(list, dir, 0) < 0) {
        if (virErrorLastCode() == VIR_ERR_OK)
            virReportError(VIR_ERR_OPERATION_FAILED,
                           "block device '%s' does not count its writes in '%s', so it cannot be told "
                           "whether it is changed", path, dir);
        return NULL;
    }
    return virJSONBuild("{'kind':'block','boot':%s,'size':%llu,'devices':%v}", boot, size,
                        g_steal_pointer(&list));
}

static bool
processHasOpen(pid_t pid, const struct stat *st)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while (handle && (name = g_dir_read_name(handle))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        struct stat open = { 0 };

        if (stat(path, &open) == 0 && open.st_dev == st->st_dev && open.st_ino == st->st_ino)
            return true;
    }
    return false;
}

static virJSONValue *
stampOfPath(const char *path, pid_t pid)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st = { 0 };

    if (fd < 0 || fstat(fd, &st) < 0) {
        virReportSystemError(errno, "cannot look at disk image '%s'", path);
        return NULL;
    }
    if (pid && !processHasOpen(pid, &st)) {
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "'%s' is not the file that process %d has open under that name: it was replaced "
                       "meanwhile", path, (int)pid);
        return NULL;
    }
    if (S_ISBLK(st.st_mode))
        return blockStamp(fd, path, &st);
    if (S_ISREG(st.st_mode))
        return fileStamp(fd, path);
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "'%s' is neither a file nor a block device, so it cannot be told whether it is changed",
                   path);
    return NULL;
}

/* The protocol has nothing that changes with the content, and to read all of it costs more than a full
 * backup. So whether others write to the export is the user's word or nobody's. */
static virJSONValue *
exportStamp(const virStorageSource *source)
{
    g_autofree char *uri = virStorageSourceName(source);

    if (source->exclusive)
        return virJSONBuild("{'kind':'nbd','export':%s}", uri);
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "nothing tells whether the NBD export '%s' is changed while the domain does not have it "
                   "open; if nobody else writes to it, say so with exclusive='yes' (namespace %s) in its "
                   "<source>",
                   uri, VIR_XML_NS_FLEECE);
    return NULL;
}

virJSONValue *
qemuBitmapStoreStampFetch(const virStorageSource *source, pid_t pid)
{
    virStorageFormat format =
        source->format == VIR_STORAGE_FORMAT_NONE ? VIR_STORAGE_FORMAT_RAW : source->format;
    g_autoptr(virJSONValue) stamp = source->nbd ? exportStamp(source) : stampOfPath(source->path, pid);
    virJSONValue *data = NULL;

    if (!stamp)
        return NULL;
    virJSONObjectSet(stamp, "format", virJSONNewString(virStorageFormatToString(format)));
    if (source->dataStore) {
        if (!(data = qemuBitmapStoreStampFetch(source->dataStore, pid)))
            return NULL;
        virJSONObjectSet(stamp, "data", data);
    }
    return g_steal_pointer(&stamp);
}

static bool
memberDiffers(const virJSONValue *then, const virJSONValue *now, const char *key)
{
    const virJSONValue *one = virJSONObjectLookup(then, key);
    const virJSONValue *two = virJSONObjectLookup(now, key);
    g_autofree char *oneText = one ? virJSONFormat(one, false) : NULL;
    g_autofree char *twoText = two ? virJSONFormat(two, false) : NULL;

    return g_strcmp0(oneText, twoText) != 0;
}

/* In the order of what says most. */
static const struct {
    const char *key;
    const char *words;
} stampMembers[] = {
    { "kind", "there is something of another kind in its place" },
    { "export", "it is another export" },
    { "format", "it is taken for another format now" },
    { "boot", "the host was started anew since, and what is written to a block device meanwhile leaves no "
              "trace" },
    { "inode", "there is another file in its place" },
    { "size", "its size is another" },
    { "mtime", "it was written to" },
    { "ctime", "it was changed or its attributes were, without leaving a new time of modification" },
    { "devices", "it, or a device below it, was written to or set up anew" },
};

/* Of the other file of an image: NULL if both have none. */
static char *
dataDiff(const virJSONValue *then, const virJSONValue *now)
{
    const virJSONValue *one = virJSONObjectLookup(then, "data");
    const virJSONValue *two = virJSONObjectLookup(now, "data");
    g_autofree char *words = one && two ? qemuBitmapStoreStampDiff(one, two) : NULL;

    if (!one != !two)
        return g_strdup("its data is in another file");
    return words ? g_strdup_printf("of its data file: %s", words) : NULL;
}

char *
qemuBitmapStoreStampDiff(const virJSONValue *then, const virJSONValue *now)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stampMembers); i++) {
        if (memberDiffers(then, now, stampMembers[i].key))
            return g_strdup(stampMembers[i].words);
    }
    return dataDiff(then, now);
}

bool
qemuBitmapStoreStampSameButOwner(const virJSONValue *then, const virJSONValue *now)
{
    const virJSONValue *one = virJSONObjectLookup(then, "data");
    const virJSONValue *two = virJSONObjectLookup(now, "data");

    for (size_t i = 0; i < G_N_ELEMENTS(stampMembers); i++) {
        if (!g_str_equal(stampMembers[i].key, "ctime") && memberDiffers(then, now, stampMembers[i].key))
            return false;
    }
    if (one && two)
        return qemuBitmapStoreStampSameButOwner(one, two);
    return !one == !two;
}
