/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of the bitmap store, and stamps of real files that are changed in every way that can be thought of. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_bitmap_store.h"
#include "qemu_bitmap_store_stamp.h"
#include "virerror_report.h"

#define STAMP "\"stamp\":{\"kind\":\"file\"}"

static void
testRecord(void)
{
    g_autoptr(qemuBitmapStore) store = qemuBitmapStoreNew("vda");
    g_autoptr(qemuBitmapStore) again = NULL;
    g_autofree char *text = NULL;
    g_autofree char *second = NULL;

    qemuBitmapStoreAddBitmap(store, "A", false);
    qemuBitmapStoreAddBitmap(store, "B", true);
    store->state = QEMU_BITMAP_STORE_SAVED;
    store->generation = 7;
    store->source = g_strdup("/images/a \"b\".raw");
    store->reason = g_strdup("once upon a time");
    store->stamp = virJSONBuild("{'kind':'file','inode':%llu}", 1ULL << 63);
    text = qemuBitmapStoreFormat(store);
    again = qemuBitmapStoreParse(text);
    g_assert_nonnull(again);
    second = qemuBitmapStoreFormat(again);
    g_assert_cmpstr(second, ==, text);
    g_assert_cmpstr(again->disk, ==, "vda");
    g_assert_cmpint(again->state, ==, QEMU_BITMAP_STORE_SAVED);
    g_assert_cmpuint(again->generation, ==, 7);
    g_assert_cmpuint(again->bitmaps->len, ==, 2);
    g_assert_true(((qemuBitmapStoreBitmap *)g_ptr_array_index(again->bitmaps, 1))->recording);
}

static void
testMalformed(void)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{\"version\":1,\"disk\":\"vda\",\"state\":\"saved\",\"generation\":1,\"bitmaps\":[]}",
        "{\"version\":2,\"disk\":\"vda\",\"state\":\"lost\",\"generation\":1,\"bitmaps\":[]}",
        "{\"version\":1,\"disk\":\"vda\",\"state\":\"good\",\"generation\":1,\"bitmaps\":[]," STAMP "}",
        "{\"version\":1,\"disk\":\"vda\",\"state\":\"saved\",\"generation\":-1,\"bitmaps\":[]," STAMP "}",
        "{\"version\":1,\"disk\":\"vda\",\"state\":\"saved\",\"generation\":1," STAMP "}",
        "{\"version\":1,\"disk\":\"vda\",\"state\":\"saved\",\"generation\":1,\"bitmaps\":[{}]," STAMP "}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        virErrorReset();
        g_assert_null(qemuBitmapStoreParse(texts[i]));
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
    }
}

static void
writeAt(const char *path, off_t at)
{
    int fd = g_open(path, O_WRONLY, 0);

    g_assert_cmpint(pwrite(fd, "x", 1, at), ==, 1);
    close(fd);
}

static void
changeBytes(const char *path)
{
    writeAt(path, 100);
}

static void
changeAndPutBack(const char *path)
{
    struct stat st = { 0 };

    g_assert_cmpint(stat(path, &st), ==, 0);
    writeAt(path, 100);
    g_assert_cmpint(utimensat(AT_FDCWD, path, (struct timespec[]){ st.st_atim, st.st_mtim }, 0), ==, 0);
}

static void
changeSize(const char *path)
{
    g_assert_cmpint(truncate(path, 512), ==, 0);
}

static void
replaceByCopy(const char *path)
{
    g_autofree char *copy = g_strconcat(path, ".copy", NULL);
    struct stat st = { 0 };

    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_true(g_file_set_contents(copy, "", 0, NULL));
    g_assert_cmpint(truncate(copy, st.st_size), ==, 0);
    g_assert_cmpint(utimensat(AT_FDCWD, copy, (struct timespec[]){ st.st_atim, st.st_mtim }, 0), ==, 0);
    g_assert_cmpint(g_rename(copy, path), ==, 0);
}

static void
changeOwner(const char *path)
{
    g_assert_cmpint(chown(path, getuid(), getgid()), ==, 0);
}

static const struct {
    const char *name;
    void (*change)(const char *path);
    const char *words;
    bool sameButOwner;
} changes[] = {
    { "bytes", changeBytes, "written to", false },
    { "bytes-and-time-put-back", changeAndPutBack, "changed", true },
    { "size", changeSize, "size", false },
    { "replaced", replaceByCopy, "another file", false },
    { "owner", changeOwner, "attributes", true },
};

static virJSONValue *
stampOf(const char *path, pid_t pid)
{
    virStorageSource source = {.format = VIR_STORAGE_FORMAT_RAW, .path = (char *)path};

    return qemuBitmapStoreStampFetch(&source, pid);
}

static void
testStamps(void)
{
    g_autofree char *dir = g_dir_make_tmp("fl-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "disk", NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(virJSONValue) before = NULL;
        g_autoptr(virJSONValue) same = NULL;
        g_autoptr(virJSONValue) after = NULL;
        g_autofree char *words = NULL;

        g_assert_true(g_file_set_contents(path, "", 0, NULL));
        g_assert_cmpint(truncate(path, 4096), ==, 0);
        before = stampOf(path, 0);
        same = stampOf(path, 0);
        g_assert_nonnull(before);
        g_assert_null(qemuBitmapStoreStampDiff(before, same));
        changes[i].change(path);      /* at once: a stamp must not need time to pass */
        after = stampOf(path, 0);
        words = qemuBitmapStoreStampDiff(before, after);
        g_test_message("%s: %s", changes[i].name, words);
        g_assert_nonnull(words);
        g_assert_nonnull(strstr(words, changes[i].words));
        g_assert_cmpint(qemuBitmapStoreStampSameButOwner(before, after), ==, changes[i].sameButOwner);
    }
    g_unlink(path);
    g_rmdir(dir);
}

/* The path must be the very file that the process has open. */
static void
testStampOfProcess(void)
{
    g_autofree char *dir = g_dir_make_tmp("fl-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "disk", NULL);
    g_autoptr(virJSONValue) stamp = NULL;
    int fd = -1;
    pid_t pid = 0;

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    close(fd);
    stamp = stampOf(path, pid);
    g_assert_nonnull(stamp);
    replaceByCopy(path);
    g_assert_null(stampOf(path, pid));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    g_unlink(path);
    g_rmdir(dir);
}

static void
testNoDisk(void)
{
    g_assert_null(stampOf("/dev/null", 0));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_null(stampOf("/nonexistent/disk", 0));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
}

/* An export has no stamp of its own; the user's word is one, for that export. */
static void
testExport(void)
{
    virStorageNbd nbd = {.host = (char *)"h", .port = 10809, .exportName = (char *)"x"};
    virStorageNbd other = {.host = (char *)"h", .port = 10809, .exportName = (char *)"y"};
    virStorageSource source = {.type = VIR_STORAGE_TYPE_NETWORK, .nbd = &nbd};
    g_autoptr(virJSONValue) then = NULL;
    g_autoptr(virJSONValue) now = NULL;
    g_autofree char *words = NULL;

    g_assert_null(qemuBitmapStoreStampFetch(&source, 0));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_UNSUPPORTED);
    g_assert_nonnull(strstr(virErrorLastMessage(), "'nbd://h:10809/x'"));
    source.exclusive = true;
    then = qemuBitmapStoreStampFetch(&source, 0);
    g_assert_nonnull(then);
    g_assert_null(qemuBitmapStoreStampDiff(then, then));
    source.nbd = &other;
    now = qemuBitmapStoreStampFetch(&source, 0);
    words = qemuBitmapStoreStampDiff(then, now);
    g_assert_cmpstr(words, ==, "it is another export");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap-store/record", testRecord);
    g_test_add_func("/bitmap-store/malformed", testMalformed);
    g_test_add_func("/bitmap-store/stamps", testStamps);
    g_test_add_func("/bitmap-store/stamp-of-process", testStampOfProcess);
    g_test_add_func("/bitmap-store/no-disk", testNoDisk);
    g_test_add_func("/bitmap-store/export", testExport);
    return g_test_run();
}
