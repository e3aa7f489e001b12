/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: replaced wholly or not at all, with nothing left over, at every fault point. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"

typedef struct {
    char *dir;
    char *path;
} Fixture;

static void
setUp(Fixture *fixture, gconstpointer data)
{
    /* the process that is to be killed works in its parent's directory */
    fixture->dir = g_test_subprocess() ? g_strdup(g_getenv("VIRFILETEST_DIR"))
                                       : g_dir_make_tmp("virfiletest-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->dir, "file", NULL);
}

static void
tearDown(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->dir, 0, NULL);
    const char *name = NULL;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(fixture->dir, name, NULL);

        g_remove(path);
    }
    g_rmdir(fixture->dir);
    g_free(fixture->dir);
    g_free(fixture->path);
}

static guint
countEntries(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void
arm(const char *fault)
{
    if (fault)
        g_setenv("VIR_TEST_FAULT", fault, TRUE);
    else
        g_unsetenv("VIR_TEST_FAULT");
    virFaultSetup();
}

static int
replace(const Fixture *fixture, const char *content)
{
    return virFileReplaceDurable(fixture->path, content, strlen(content), 0640, "test");
}

static void
expectContent(const Fixture *fixture, const char *wanted)
{
    g_autofree char *text = NULL;

    if (!wanted) {
        g_assert_false(virFileExists(fixture->path));
        return;
    }
    g_assert_cmpint(virFileReadAll(fixture->path, 100, &text), ==, strlen(wanted));
    g_assert_cmpstr(text, ==, wanted);
}

static void
testReplace(Fixture *fixture, gconstpointer data)
{
    GStatBuf info = { 0 };

    g_assert_cmpint(replace(fixture, "one"), ==, 0);
    expectContent(fixture, "one");
    g_assert_cmpint(replace(fixture, ""), ==, 0);
    expectContent(fixture, "");
    g_assert_cmpint(virFileReplaceVolatile(fixture->path, "two", 3, 0600), ==, 0);
    expectContent(fixture, "two");
    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0600);
    g_assert_cmpint(replace(fixture, "three"), ==, 0);
    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0640);
    g_assert_cmpuint(countEntries(fixture->dir), ==, 1);
}

static void
testReplaceFault(Fixture *fixture, gconstpointer data)
{
    const char *fault = data;
    bool out = strstr(fault, "enospc") != NULL;

    for (int round = 0; round < 2; round++) {
        const char *old = round == 0 ? NULL : "old";

        if (old)
            g_assert_cmpint(replace(fixture, old), ==, 0);
        arm(fault);
        g_assert_cmpint(replace(fixture, "new"), ==, -1);
        arm(NULL);
        g_assert_cmpint(virErrorLastCode(), ==,
                        out ? VIR_ERR_SYSTEM_ERROR : VIR_ERR_OPERATION_FAILED);
        g_assert_nonnull(strstr(virErrorLastMessage(), "fault point 'test."));
        if (out)
            g_assert_cmpint(virGetLastError()->int1, ==, ENOSPC);
        expectContent(fixture, old);
        g_assert_cmpuint(countEntries(fixture->dir), ==, old ? 1 : 0);
    }
}

/* Killed at a point: old content before the rename, new after it; the sweep removes the rest. */
static void
testReplaceKilled(Fixture *fixture, gconstpointer data)
{
    const char *wanted = data;
    g_autofree char *fault = g_strdup_printf("test.%s:kill", g_str_equal(wanted, "old") ? "written"
                                                                                      : "renamed");

    if (g_test_subprocess()) {
        arm(fault);
        replace(fixture, "new");
        return;
    }
    g_assert_cmpint(replace(fixture, "old"), ==, 0);
    g_setenv("VIRFILETEST_DIR", fixture->dir, TRUE);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    expectContent(fixture, wanted);
    virFileSweepTemporaries(fixture->dir);
    g_assert_cmpuint(countEntries(fixture->dir), ==, 1);
    expectContent(fixture, wanted);
}

/* 2000 bytes, of which @text stands at @at. */
static char *
sectors(size_t at, const char *text)
{
    char *content = g_strnfill(2000, '.');

    memcpy(content + at, text, strlen(text));
    return content;
}

static int
update(const Fixture *fixture, const char *content)
{
    return virFileUpdateDurable(fixture->path, content, strlen(content), 0640, "test");
}

static void
expectSectors(const Fixture *fixture, const char *wanted)
{
    g_autofree char *text = NULL;

    g_assert_cmpint(virFileReadAll(fixture->path, 4096, &text), ==, strlen(wanted));
    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpuint(countEntries(fixture->dir), ==, 1);
}

static ino_t
inodeOf(const Fixture *fixture)
{
    GStatBuf info = { 0 };

    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    return info.st_ino;
}

typedef struct {
    const char *name;
    size_t at;
    const char *old, *new;
    bool inPlace;
} Update;

static const Update updates[] = {
    { "first-byte", 0, "a", "b", true },
    { "last-byte", 1999, "a", "b", true },
    { "end-of-sector", 508, "crea", "dele", true },
    { "begin-of-sector", 512, "crea", "dele", true },
    { "two-sectors", 509, "crea", "dele", false },
    { "nothing", 7, "creating", "creating", false },
};

static void
testUpdate(Fixture *fixture, gconstpointer data)
{
    const Update *c = data;
    g_autofree char *old = sectors(c->at, c->old);
    g_autofree char *new = sectors(c->at, c->new);
    ino_t inode = 0;

    g_assert_cmpint(update(fixture, old), ==, 0);
    expectSectors(fixture, old);
    inode = inodeOf(fixture);
    g_assert_cmpint(update(fixture, new), ==, 0);
    expectSectors(fixture, new);
    g_assert_cmpint(inodeOf(fixture) == inode, ==, c->inPlace);
}

/* What may not be written in place, and is replaced. */
static void
testUpdateElsewhere(Fixture *fixture, gconstpointer data)
{
    g_autofree char *copy = g_build_filename(fixture->dir, "copy", NULL);
    g_autofree char *old = sectors(0, "old");
    g_autofree char *new = sectors(0, "new");
    g_autofree char *kept = NULL;
    GStatBuf info = { 0 };

    g_assert_cmpint(update(fixture, old), ==, 0);
    g_assert_cmpint(link(fixture->path, copy), ==, 0);
    g_assert_cmpint(update(fixture, new), ==, 0);
    g_assert_cmpint(virFileReadAll(copy, 4096, &kept), ==, 2000);
    g_assert_cmpstr(kept, ==, old);
    g_assert_cmpint(g_remove(copy), ==, 0);
    expectSectors(fixture, new);
    g_assert_cmpint(g_chmod(fixture->path, 0600), ==, 0);
    g_assert_cmpint(update(fixture, old), ==, 0);
    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0640);
    g_assert_cmpint(update(fixture, "shorter"), ==, 0);
    expectSectors(fixture, "shorter");
}

static void
testUpdateFault(Fixture *fixture, gconstpointer data)
{
    g_autofree char *old = sectors(0, "creating");
    g_autofree char *new = sectors(0, "deleting");

    g_assert_cmpint(update(fixture, old), ==, 0);
    arm(data);
    g_assert_cmpint(update(fixture, new), ==, -1);
    arm(NULL);
    g_assert_nonnull(strstr(virErrorLastMessage(), "fault point 'test.overwr"));
    expectSectors(fixture, old);
    g_assert_cmpint(update(fixture, new), ==, 0);
    expectSectors(fixture, new);
}

/* Killed at a point: one of the two, whole, and nothing beside it. */
static void
testUpdateKilled(Fixture *fixture, gconstpointer data)
{
    g_autofree char *old = sectors(0, "creating");
    g_autofree char *new = sectors(0, "deleting");
    g_autofree char *fault = g_strdup_printf("test.%s:kill", (const char *)data);

    if (g_test_subprocess()) {
        arm(fault);
        update(fixture, new);
        return;
    }
    g_assert_cmpint(update(fixture, old), ==, 0);
    g_setenv("VIRFILETEST_DIR", fixture->dir, TRUE);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    expectSectors(fixture, g_str_equal(data, "overwrite") ? old : new);
}

static void
testReplaceNoDirectory(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->dir, "none", "file", NULL);

    g_assert_cmpint(virFileReplaceDurable(path, "x", 1, 0600, "test"), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(virGetLastError()->int1, ==, ENOENT);
    g_assert_nonnull(strstr(virErrorLastMessage(), path));
}

/* A directory stands where the file should be: refused, the directory unharmed. */
static void
testReplaceOntoDirectory(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
    g_assert_cmpint(replace(fixture, "x"), ==, -1);
    g_assert_true(g_file_test(fixture->path, G_FILE_TEST_IS_DIR));
    g_assert_cmpint(virFileReplaceVolatile(fixture->path, "x", 1, 0600), ==, -1);
    g_assert_cmpuint(countEntries(fixture->dir), ==, 1);
}

static void
testUnlink(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(virFileUnlinkDurable(fixture->path, "test"), ==, 0);
    g_assert_cmpint(replace(fixture, "x"), ==, 0);
    arm("test.unlinked:eio");
    g_assert_cmpint(virFileUnlinkDurable(fixture->path, "test"), ==, -1);
    arm(NULL);
    g_assert_cmpint(virGetLastError()->int1, ==, EIO);
    expectContent(fixture, NULL);
    g_assert_cmpint(virFileUnlinkDurable(fixture->dir, NULL), ==, -1);
}

static void
testRead(Fixture *fixture, gconstpointer data)
{
    g_autofree char *text = NULL;

    g_assert_cmpint(replace(fixture, "12345"), ==, 0);
    g_assert_cmpint(virFileReadAll(fixture->path, 5, &text), ==, 5);
    g_assert_cmpstr(text, ==, "12345");
    g_clear_pointer(&text, g_free);
    g_assert_cmpint(virFileReadAll(fixture->path, 4, &text), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EFBIG);
    g_assert_null(text);
    g_assert_cmpint(virFileReadAll("/proc/self/status", 100000, &text), >, 100);
    g_clear_pointer(&text, g_free);
    g_assert_cmpint(virFileReadAll("/proc/self/status", 10, &text), ==, -1);
    g_assert_cmpint(virFileReadAll("/dev/zero", 4096, &text), ==, -1);
    g_assert_cmpint(virFileReadAll(fixture->dir, 4096, &text), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EISDIR);
}

static void
testMakeDirs(Fixture *fixture, gconstpointer data)
{
    g_autofree char *deep = g_build_filename(fixture->dir, "a", "b", NULL);
    g_autofree char *a = g_build_filename(fixture->dir, "a", NULL);
    g_autofree char *blocked = g_build_filename(fixture->path, "x", NULL);

    g_assert_cmpint(virFileMakeDirs(deep, 0700), ==, 0);
    g_assert_cmpint(virFileMakeDirs(deep, 0700), ==, 0);
    g_assert_true(g_file_test(deep, G_FILE_TEST_IS_DIR));
    g_assert_cmpint(replace(fixture, "x"), ==, 0);
    g_assert_cmpint(virFileMakeDirs(blocked, 0700), ==, -1);
    g_assert_nonnull(strstr(virErrorLastMessage(), blocked));
    g_assert_cmpint(g_rmdir(deep), ==, 0);
    g_assert_cmpint(g_rmdir(a), ==, 0);
}

static void
testNames(void)
{
    static const char *const unsafe[] = {
        "", ".", "..", ".hidden", "a/b", "/", "a\n", "\x7f", "a\x01b", NULL,
    };
    static const char *const safe[] = { "a", "a.b", "a..", "-x", "a b", "\xc3\xa9", "~", NULL };

    for (size_t i = 0; unsafe[i]; i++)
        g_assert_false(virFileNameIsSafe(unsafe[i]));
    for (size_t i = 0; safe[i]; i++)
        g_assert_true(virFileNameIsSafe(safe[i]));
    g_assert_false(virFileNameIsSafe(NULL));
}

static void
testSocket(Fixture *fixture, gconstpointer data)
{
    g_autofree char *padding = g_strnfill(120, 'x');
    g_autofree char *longPath = g_build_filename(fixture->dir, padding, NULL);
    GStatBuf info = { 0 };
    VIR_AUTOCLOSE first = virFileListenUnix(fixture->path, 0600);
    VIR_AUTOCLOSE second = virFileListenUnix(fixture->path, 0666);
    VIR_AUTOCLOSE client = virFileConnectUnix(fixture->path);
    VIR_AUTOCLOSE peer = -1;

    g_assert_cmpint(first, >=, 0);
    g_assert_cmpint(second, >=, 0);
    g_assert_cmpint(client, >=, 0);
    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0666);
    peer = accept(second, NULL, NULL);
    g_assert_cmpint(peer, >=, 0);
    g_assert_cmpint(fcntl(client, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(virFileSetNonBlock(client, true), ==, 0);
    g_assert_cmpint(fcntl(client, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
    g_assert_cmpint(virFileSetNonBlock(client, false), ==, 0);
    g_assert_cmpint(fcntl(client, F_GETFL) & O_NONBLOCK, ==, 0);
    g_assert_cmpint(virFileSetNonBlock(-1, true), ==, -1);
    g_assert_cmpint(virFileListenUnix(longPath, 0600), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, ENAMETOOLONG);
    virErrorReset();
    g_assert_cmpint(virFileConnectUnix(longPath), ==, -1);
    g_assert_cmpint(errno, ==, ENAMETOOLONG);
    g_assert_null(virGetLastError());
}

/* A file that is not a socket is not ours to remove. */
static void
testSocketOverFile(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(replace(fixture, "precious"), ==, 0);
    g_assert_cmpint(virFileListenUnix(fixture->path, 0600), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EADDRINUSE);
    expectContent(fixture, "precious");
}

static void
testFaultCount(Fixture *fixture, gconstpointer data)
{
    g_setenv("VIR_TEST_FAULT_LOG", fixture->path, TRUE);
    arm("b:fail:2");
    g_assert_cmpint(virFaultPoint("a"), ==, 0);
    g_assert_cmpint(virFaultPoint("b"), ==, 0);
    g_assert_cmpint(virFaultPoint("b"), ==, -1);
    g_assert_cmpint(virFaultPoint("b"), ==, 0);
    g_unsetenv("VIR_TEST_FAULT_LOG");
    arm(NULL);
    g_assert_cmpint(virFaultPoint("b"), ==, 0);
    expectContent(fixture, "a\nb\nb\nb\n");
}

static void
testFaultAny(Fixture *fixture, gconstpointer data)
{
    arm("*:fail:2");
    g_assert_cmpint(virFaultPoint("a"), ==, 0);
    g_assert_cmpint(virFaultPoint("b"), ==, -1);
    g_assert_cmpint(virFaultPoint("a"), ==, 0);
    arm(NULL);
}

static void
testFaultMistake(gconstpointer spec)
{
    if (g_test_subprocess()) {
        arm(spec);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*VIR_TEST_FAULT=*");
}

static void
quiet(void *opaque, virErrorPtr error)
{
}

#define ADD(name, data, func) g_test_add(name, Fixture, data, setUp, func, tearDown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    ADD("/file/replace", NULL, testReplace);
    ADD("/file/fault/written-fail", "test.written:fail", testReplaceFault);
    ADD("/file/fault/written-enospc", "test.written:enospc", testReplaceFault);
    ADD("/file/fault/renamed-fail", "test.renamed:fail", testReplaceFault);
    ADD("/file/fault/renamed-enospc", "test.renamed:enospc", testReplaceFault);
    ADD("/file/killed/written", "old", testReplaceKilled);
    ADD("/file/killed/renamed", "new", testReplaceKilled);
    for (size_t i = 0; i < G_N_ELEMENTS(updates); i++) {
        g_autofree char *name = g_strconcat("/file/update/", updates[i].name, NULL);

        ADD(name, &updates[i], testUpdate);
    }
    ADD("/file/update/elsewhere", NULL, testUpdateElsewhere);
    ADD("/file/update/overwrite-fail", "test.overwrite:fail", testUpdateFault);
    ADD("/file/update/overwritten-eio", "test.overwritten:eio", testUpdateFault);
    ADD("/file/update/overwritten-enospc", "test.overwritten:enospc", testUpdateFault);
    ADD("/file/update/killed/overwrite", "overwrite", testUpdateKilled);
    ADD("/file/update/killed/overwritten", "overwritten", testUpdateKilled);
    ADD("/file/no-directory", NULL, testReplaceNoDirectory);
    ADD("/file/onto-directory", NULL, testReplaceOntoDirectory);
    ADD("/file/unlink", NULL, testUnlink);
    ADD("/file/read", NULL, testRead);
    ADD("/file/make-dirs", NULL, testMakeDirs);
    g_test_add_func("/file/names", testNames);
    ADD("/file/socket", NULL, testSocket);
    ADD("/file/socket-over-file", NULL, testSocketOverFile);
    ADD("/fault/count", NULL, testFaultCount);
    ADD("/fault/any", NULL, testFaultAny);
    g_test_add_data_func("/fault/mistake/action", "a:explode", testFaultMistake);
    g_test_add_data_func("/fault/mistake/shape", "a", testFaultMistake);
    g_test_add_data_func("/fault/mistake/count", "a:fail:0", testFaultMistake);
    return g_test_run();
}
