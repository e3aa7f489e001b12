/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New qcow2 images as QEMU's own tools see them: clean, of the right size, small, writable. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virfile.h"
#include "virjson.h"
#include "virqcow2.h"
#include "virqcow2header.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* Output of a QEMU tool that must succeed. */
static char *
run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *errors = NULL;
    char *output = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                      &status, &error))
        g_error("%s: %s", argv[0], error->message);
    if (!g_spawn_check_wait_status(status, NULL))
        g_error("%s %s: %s%s", argv[0], argv[1], output, errors);
    return output;
}

static char *
create(unsigned long long size, const char *backing, const char *format)
{
    g_autofree char *path = NULL;
    VIR_AUTOCLOSE fd = g_file_open_tmp("virqcow2test-XXXXXX", &path, NULL);

    g_assert_cmpint(virQcow2Create(fd, path, size, backing, format), ==, 0);
    return g_steal_pointer(&path);
}

static virJSONValue *
info(const char *path)
{
    g_autofree char *output = run((const char *const[]){ "qemu-img", "info", "--output=json", path,
                                                         NULL });

    return virJSONParse(output, -1);
}

static void
testSize(gconstpointer data)
{
    unsigned long long size = *(const unsigned long long *)data;
    unsigned long long rounded = (size + 511) / 512 * 512;
    unsigned long long seen = 0;
    g_autofree char *path = create(size, NULL, NULL);
    g_autofree char *check = run((const char *const[]){ "qemu-img", "check", path, NULL });
    g_autoptr(virJSONValue) image = info(path);
    const virJSONValue *specific =
        virJSONObjectLookupObject(virJSONObjectLookupObject(image, "format-specific"), "data");
    struct stat file = { 0 };

    g_assert_nonnull(strstr(check, "No errors were found"));
    g_assert_cmpint(virJSONObjectGetUInt(image, "virtual-size", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, rounded);
    g_assert_cmpint(virJSONObjectGetUInt(image, "cluster-size", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, 65536);
    g_assert_cmpstr(virJSONObjectLookupString(image, "format"), ==, "qcow2");
    g_assert_cmpstr(virJSONObjectLookupString(specific, "compat"), ==, "1.1");
    g_assert_cmpint(stat(path, &file), ==, 0);
    g_assert_cmpint(file.st_blocks * 512, <=, 64 * KIB);
    g_assert_cmpint(file.st_size, <=, 4 * 64 * KIB + rounded / (512 * MIB) * 8);
    g_unlink(path);
}

/* Written at both ends by QEMU, the image is still clean and gives the data back. */
static void
testWritable(gconstpointer data)
{
    unsigned long long size = *(const unsigned long long *)data;
    g_autofree char *path = create(size, NULL, NULL);
    g_autofree char *last = g_strdup_printf("write -P 0x5a %llu 512", size - 512);
    g_autofree char *verify = g_strdup_printf("read -P 0x5a %llu 512", size - 512);
    g_autofree char *output = run((const char *const[]){
        "qemu-io", "-f", "qcow2", "-c", "write -P 0xa5 0 512", "-c", last, "-c", verify, path,
        NULL });
    g_autofree char *check = run((const char *const[]){ "qemu-img", "check", path, NULL });

    g_assert_null(strstr(output, "Pattern verification failed"));
    g_assert_nonnull(strstr(output, "read 512/512"));
    g_assert_nonnull(strstr(check, "No errors were found"));
    g_unlink(path);
}

static void
testBacking(void)
{
    g_autofree char *base = create(8 * MIB, NULL, NULL);
    g_autofree char *path = create(8 * MIB, base, "qcow2");
    g_autoptr(virJSONValue) image = NULL;
    g_autofree char *written = run((const char *const[]){
        "qemu-io", "-f", "qcow2", "-c", "write -P 0x77 1M 64k", base, NULL });
    g_autofree char *output = run((const char *const[]){
        "qemu-io", "-f", "qcow2", "-c", "read -P 0x77 1M 64k", path, NULL });

    image = info(path);
    g_assert_nonnull(strstr(written, "wrote"));
    g_assert_null(strstr(output, "Pattern verification failed"));
    g_assert_cmpstr(virJSONObjectLookupString(image, "backing-filename"), ==, base);
    g_assert_cmpstr(virJSONObjectLookupString(image, "backing-filename-format"), ==, "qcow2");
    g_unlink(path);
    g_unlink(base);
}

/* The name at its greatest length, and no format recorded. */
static void
testBackingName(void)
{
    g_autofree char *name = g_strnfill(1023, 'x');
    g_autofree char *longer = g_strnfill(1024, 'x');
    g_autofree char *path = create(MIB, name, NULL);
    g_autoptr(virJSONValue) image = info(path);

    g_assert_cmpstr(virJSONObjectLookupString(image, "backing-filename"), ==, name);
    g_assert_cmpint(virQcow2Create(-1, "img", MIB, longer, "raw"), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, ENAMETOOLONG);
    g_unlink(path);
}

static void
testFailures(void)
{
    g_assert_cmpint(virQcow2Create(-1, "img", MIB, NULL, NULL), ==, -1);
    g_assert_cmpstr(virErrorLastMessage(), ==,
                    "cannot write qcow2 image 'img': Bad file descriptor");
    g_assert_cmpint(virQcow2Create(-1, "img", 4096 * TIB, NULL, NULL), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EFBIG);
    g_assert_cmpint(virQcow2Create(-1, "img", G_MAXUINT64, NULL, NULL), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EFBIG);
}

static void
quiet(void *opaque, virErrorPtr error)
{
}

static int
headerOf(const char *path, virQcow2Info *seen)
{
    VIR_AUTOCLOSE fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);

    virQcow2InfoClear(seen);
    *seen = (virQcow2Info){ 0 };
    return virQcow2InfoRead(fd, path, seen);
}

static void
testHeader(void)
{
    g_autofree char *path = create(5 * MIB, "/a/backing", "raw");
    g_auto(virQcow2Info) seen = { 0 };

    g_assert_cmpint(headerOf(path, &seen), ==, 0);
    g_assert_cmpuint(seen.version, ==, 3);
    g_assert_cmpuint(seen.capacity, ==, 5 * MIB);
    g_assert_false(seen.hasDataFile);
    g_assert_null(seen.dataFile);
    g_free(run((const char *const[]){ "qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", path, "3M",
                                      NULL }));
    g_assert_cmpint(headerOf(path, &seen), ==, 0);
    g_assert_cmpuint(seen.version, ==, 2);
    g_assert_cmpuint(seen.capacity, ==, 3 * MIB);
    g_assert_true(g_file_set_contents(path, "QFI", 3, NULL));
    g_assert_cmpint(headerOf(path, &seen), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_unlink(path);
}

/* (owned) an image of qemu-img with the data file PATH.data. */
static char *
createWithDataFile(void)
{
    g_autofree char *path = create(MIB, NULL, NULL);
    g_autofree char *option = g_strdup_printf("data_file=%s.data,data_file_raw=on", path);

    g_free(run((const char *const[]){ "qemu-img", "create", "-q", "-f", "qcow2", "-o", option, path, "3M", NULL }));
    return g_steal_pointer(&path);
}

static void
testHeaderDataFile(void)
{
    g_autofree char *path = createWithDataFile();
    g_autofree char *data = g_strconcat(path, ".data", NULL);
    g_auto(virQcow2Info) seen = { 0 };

    g_assert_cmpint(headerOf(path, &seen), ==, 0);
    g_assert_true(seen.hasDataFile);
    g_assert_cmpstr(seen.dataFile, ==, data);
    g_unlink(data);
    g_unlink(path);
}

/* Whatever stands in a header, reading it ends and stays inside. */
static void
testHeaderDamaged(void)
{
    g_autofree char *path = createWithDataFile();
    g_autofree char *data = g_strconcat(path, ".data", NULL);
    g_autofree char *whole = NULL;
    gsize length = 0;
    g_autoptr(GRand) random = g_rand_new_with_seed(20);

    g_assert_true(g_file_get_contents(path, &whole, &length, NULL));
    for (int i = 0; i < 2000; i++) {
        g_auto(virQcow2Info) seen = { 0 };
        g_autofree char *broken = g_memdup2(whole, length);
        gsize size = i % 2 ? length : (gsize)g_rand_int_range(random, 0, 1024);

        for (int k = 0; k < 3; k++)
            broken[g_rand_int_range(random, 72, 320)] = (char)g_rand_int(random);
        g_assert_true(g_file_set_contents(path, broken, (gssize)MIN(size, length), NULL));
        if (headerOf(path, &seen) < 0)
            g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
        virErrorReset();
    }
    g_unlink(data);
    g_unlink(path);
}

int
main(int argc, char **argv)
{
    static const unsigned long long sizes[] = {
        0, 1, 512, 513, 64 * KIB, MIB + 512, 512 * MIB - 512, 512 * MIB, 512 * MIB + 512, 10 * GIB,
        TIB, 4 * TIB + 512, 8 * TIB, 64 * TIB, 2048 * TIB,
    };
    static const unsigned long long ends[] = { 512, 512 * MIB + 512, 64 * TIB };

    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("/qcow2/size/%llu", sizes[i]);

        g_test_add_data_func(name, &sizes[i], testSize);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *name = g_strdup_printf("/qcow2/writable/%llu", ends[i]);

        g_test_add_data_func(name, &ends[i], testWritable);
    }
    g_test_add_func("/qcow2/backing", testBacking);
    g_test_add_func("/qcow2/backing-name", testBackingName);
    g_test_add_func("/qcow2/failures", testFailures);
    g_test_add_func("/qcow2/header", testHeader);
    g_test_add_func("/qcow2/header-data-file", testHeaderDataFile);
    g_test_add_func("/qcow2/header-damaged", testHeaderDamaged);
    return g_test_run();
}
