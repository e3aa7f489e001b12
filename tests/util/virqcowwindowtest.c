/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Windows as QEMU's own tools see them: what they show is the node behind them, to its last sector. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virfile.h"
#include "virjson.h"
#include "virqcow2.h"
#include "virqcowwindow.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

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
create(unsigned long long size)
{
    g_autofree char *path = NULL;
    VIR_AUTOCLOSE fd = g_file_open_tmp("virqcowwindowtest-XXXXXX", &path, NULL);

    g_assert_cmpint(virQcowWindowCreate(fd, path, size), ==, 0);
    return g_steal_pointer(&path);
}

static char *
createBase(unsigned long long size)
{
    g_autofree char *path = NULL;
    VIR_AUTOCLOSE fd = g_file_open_tmp("virqcowwindowtest-XXXXXX", &path, NULL);

    g_assert_cmpint(virQcow2Create(fd, path, size, NULL, NULL), ==, 0);
    return g_steal_pointer(&path);
}

static void
testSize(gconstpointer data)
{
    unsigned long long size = *(const unsigned long long *)data;
    unsigned long long rounded = (size + 511) / 512 * 512;
    unsigned long long seen = 0;
    g_autofree char *path = create(size);
    g_autofree char *output = run((const char *const[]){ "qemu-img", "info", "--output=json", path,
                                                         NULL });
    g_autoptr(virJSONValue) image = virJSONParse(output, -1);
    struct stat file = { 0 };

    g_assert_cmpstr(virJSONObjectLookupString(image, "format"), ==, "qcow");
    g_assert_cmpint(virJSONObjectGetUInt(image, "virtual-size", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, rounded);
    g_assert_cmpint(virJSONObjectGetUInt(image, "cluster-size", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, 65536);
    g_assert_cmpint(stat(path, &file), ==, 0);
    g_assert_cmpint(file.st_blocks * 512, <=, 64 * KIB);
    g_unlink(path);
}

static void
assertData(const virJSONValue *extent, unsigned long long start, unsigned long long length)
{
    unsigned long long seen = 0;
    bool data = false;

    g_assert_cmpint(virJSONObjectGetUInt(extent, "start", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, start);
    g_assert_cmpint(virJSONObjectGetUInt(extent, "length", &seen), ==, 0);
    g_assert_cmpuint(seen, ==, length);
    g_assert_cmpint(virJSONObjectGetBool(extent, "data", &data), ==, 0);
    g_assert_true(data);
}

/* The first and the last cluster of what lies behind, and its allocation. */
static void
testShows(gconstpointer data)
{
    unsigned long long size = *(const unsigned long long *)data;
    unsigned long long tail = size % 65536 ? size % 65536 : 65536;
    g_autofree char *base = createBase(size);
    g_autofree char *path = create(size);
    g_autofree char *options = g_strdup_printf(
        "driver=qcow,read-only=on,file.driver=file,file.filename=%s,backing.driver=qcow2,"
        "backing.file.driver=file,backing.file.filename=%s", path, base);
    g_autofree char *last = g_strdup_printf("write -P 0x5a %llu %llu", size - tail, tail);
    g_autofree char *verify = g_strdup_printf("read -P 0x5a %llu 512", size - 512);
    /* each cluster before it would be a question of its own */
    g_autofree char *start = g_strdup_printf("--start-offset=%llu", size - MIB);
    g_autofree char *written = run((const char *const[]){
        "qemu-io", "-f", "qcow2", "-c", "write -P 0xa5 0 64k", "-c", last, base, NULL });
    g_autofree char *output = run((const char *const[]){
        "qemu-io", "-r", "--image-opts", "-c", "read -P 0xa5 0 512", "-c", verify, options, NULL });
    g_autofree char *map = run((const char *const[]){ "qemu-img", "map", "--image-opts",
                                                      "--output=json", start, options, NULL });
    g_autoptr(virJSONValue) extents = virJSONParse(map, -1);

    g_assert_nonnull(strstr(written, "wrote"));
    g_assert_null(strstr(output, "Pattern verification failed"));
    g_assert_nonnull(strstr(output, "read 512/512"));
    assertData(virJSONArrayAt(extents, virJSONArraySize(extents) - 1), size - tail, tail);
    g_unlink(path);
    g_unlink(base);
}

static void
testFailures(void)
{
    g_assert_cmpint(virQcowWindowCreate(-1, "w", MIB), ==, -1);
    g_assert_cmpstr(virErrorLastMessage(), ==,
                    "cannot write window image 'w': Bad file descriptor");
    g_assert_cmpint(virQcowWindowCreate(-1, "w", 2048 * TIB + 1), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EFBIG);
    g_assert_cmpint(virQcowWindowCreate(-1, "w", G_MAXUINT64), ==, -1);
    g_assert_cmpint(virGetLastError()->int1, ==, EFBIG);
}

static void
quiet(void *opaque, virErrorPtr error)
{
}

int
main(int argc, char **argv)
{
    static const unsigned long long sizes[] = {
        512, 513, 64 * KIB, MIB + 512, 512 * MIB - 512, 512 * MIB, 512 * MIB + 512, TIB,
        16 * TIB + 512, 2048 * TIB,
    };
    static const unsigned long long shown[] = { MIB + 512, 512 * MIB + 512, 16 * TIB };

    g_test_init(&argc, &argv, NULL);
    virSetErrorFunc(NULL, quiet);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("/window/size/%llu", sizes[i]);

        g_test_add_data_func(name, &sizes[i], testSize);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        g_autofree char *name = g_strdup_printf("/window/shows/%llu", shown[i]);

        g_test_add_data_func(name, &shown[i], testShows);
    }
    g_test_add_func("/window/failures", testFailures);
    return g_test_run();
}
