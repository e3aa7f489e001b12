/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block helper of a stopped domain, with a real qemu-storage-daemon; qemu-img is the judge of
 * what it left in the images. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <libvirt/virterror.h>
#include "engine_qemu.h"
#include "qemu_driver_state.h"
#include "qemu_graph.h"
#include "qemu_helper.h"
#include "virerror_report.h"

#define UUID_A "11111111-1111-1111-1111-111111111111"
#define UUID_B "22222222-2222-2222-2222-222222222222"

typedef struct _Setup {
    char *dir;
    char *image;
    char *base;
} Setup;

static gpointer
loopThread(gpointer data)
{
    g_main_loop_run(data);
    return NULL;
}

static void
run(const char *program, const char *verb, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *out = NULL;
    const char *arg = NULL;
    va_list args;

    g_ptr_array_add(argv, (char *)program);
    g_ptr_array_add(argv, (char *)verb);
    va_start(args, verb);
    while ((arg = va_arg(args, const char *)))
        g_ptr_array_add(argv, (char *)arg);
    va_end(args);
    g_ptr_array_add(argv, NULL);
    out = engineRun((const char *const *)argv->pdata);
}

static void
setUp(Setup *s, gconstpointer data)
{
    s->dir = g_dir_make_tmp("fleece-helper-XXXXXX", NULL);
    s->image = g_build_filename(s->dir, "top.qcow2", NULL);
    s->base = g_build_filename(s->dir, "base.qcow2", NULL);
    run("qemu-img", "create", "-q", "-f", "qcow2", s->base, "16M", NULL);
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", s->base, "-F", "qcow2", s->image, NULL);
    qemuDriverStateInit(qemuConfigNew(s->dir, false));
    {
        g_autoptr(qemuConfig) config = qemuDriverConfig();

        g_assert_cmpint(g_mkdir_with_parents(config->stateDir, 0700), ==, 0);
        g_assert_cmpint(g_mkdir_with_parents(config->libDir, 0700), ==, 0);
    }
    virErrorReset();
}

/* Nothing of a helper stays but its log. */
static void
tearDown(Setup *s, gconstpointer data)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    const char *dirs[] = { config->stateDir, config->libDir };

    for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autoptr(GDir) dir = g_dir_open(dirs[i], 0, NULL);

        g_assert_nonnull(dir);
        g_assert_cmpstr(g_dir_read_name(dir), ==, NULL);
    }
    qemuDriverStateClear();
    run("rm", "-r", s->dir, NULL);
    g_free(s->dir);
    g_free(s->image);
    g_free(s->base);
}

static virDomainDef *
makeDef(const char *name, const char *uuid, const char *image)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os><devices>"
        "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/>"
        "<target dev='vda' bus='virtio'/></disk></devices></domain>", name, uuid, image);
    virDomainDef *def = virDomainDefParse(xml, 0);

    g_assert_nonnull(def);
    return def;
}

static qemuHelper *
start(Setup *s, qemuHelperMode mode)
{
    g_autoptr(virDomainDef) def = makeDef("a", UUID_A, s->image);
    qemuHelper *helper = qemuHelperStart(def, mode, NULL, NULL);

    if (!helper)
        g_error("%s", virErrorLastMessage());
    return helper;
}

static int
addBitmap(qemuHelper *helper, const char *name)
{
    qemuTarget *target = qemuHelperTarget(helper);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'block-dirty-bitmap-add','arguments':{'node':'libvirt-1-format',"
                     "'name':%s,'persistent':true}}", name);

    return target->ops->command(target, command, NULL);
}

/* (owned) "NAME[flags] " of each bitmap that qemu-img finds in the image. */
static char *
bitmapsInImage(Setup *s)
{
    const char *const argv[] = { "qemu-img", "info", "-U", "--output=json", s->image, NULL };
    g_autofree char *text = engineRun(argv);
    g_autoptr(virJSONValue) info = virJSONParse(text, -1);
    const virJSONValue *specific = virJSONObjectLookupObject(info, "format-specific");
    const virJSONValue *list =
        virJSONObjectLookupArray(virJSONObjectLookupObject(specific, "data"), "bitmaps");
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *bitmap = virJSONArrayAt(list, i);
        const virJSONValue *flags = virJSONObjectLookupArray(bitmap, "flags");

        g_string_append_printf(out, "%s[", virJSONObjectLookupString(bitmap, "name"));
        for (size_t j = 0; j < virJSONArraySize(flags); j++)
            g_string_append_printf(out, "%s%s", j ? "," : "", virJSONStringOf(virJSONArrayAt(flags, j)));
        g_string_append(out, "] ");
    }
    return g_string_free(out, FALSE);
}

static void
assertBitmaps(Setup *s, const char *want)
{
    g_autofree char *got = bitmapsInImage(s);

    g_assert_cmpstr(got, ==, want);
}

static void
killHard(qemuHelper *helper)
{
    qemuTarget *target = qemuHelperTarget(helper);

    kill(target->ops->pid(target), SIGKILL);
    while (qemuHelperAlive(helper))
        g_usleep(1000);
}

static void
testTarget(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) helper = start(s, QEMU_HELPER_LOOK);
    qemuTarget *target = qemuHelperTarget(helper);
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpstr(disks[0].name, ==, "vda");
    g_assert_null(disks[0].qdev);
    g_assert_cmpstr(disks[0].node, ==, "libvirt-1-format");
    g_assert_cmpstr(disks[0].source->path, ==, s->image);
    g_assert_false(target->ops->guestRuns(target));
    g_assert_cmpint(target->ops->pid(target), >, 0);
    g_assert_cmpint(qemuHelperStop(helper), ==, 0);
    g_assert_cmpint(target->ops->pid(target), ==, 0);
}

static void
testStore(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) helper = start(s, QEMU_HELPER_CHANGE);

    g_assert_cmpint(addBitmap(helper, "one"), ==, 0);
    assertBitmaps(s, "");
    g_assert_cmpint(qemuHelperSetMode(helper, QEMU_HELPER_LOOK), ==, 0);
    assertBitmaps(s, "one[auto] ");
    /* and on */
    g_assert_cmpint(qemuHelperSetMode(helper, QEMU_HELPER_CHANGE), ==, 0);
    assertBitmaps(s, "one[in-use,auto] ");
    g_assert_cmpint(addBitmap(helper, "two"), ==, 0);
    g_assert_cmpint(qemuHelperStop(helper), ==, 0);
    assertBitmaps(s, "one[auto] two[auto] ");
}

/* A helper that is not writable may die in any way; a writable one leaves doubt, and says so. */
static void
testDies(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) first = start(s, QEMU_HELPER_CHANGE);
    g_autoptr(qemuHelper) second = NULL;

    g_assert_cmpint(addBitmap(first, "one"), ==, 0);
    g_assert_cmpint(qemuHelperSetMode(first, QEMU_HELPER_LOOK), ==, 0);
    killHard(first);
    g_assert_cmpint(qemuHelperStop(first), ==, 0);
    assertBitmaps(s, "one[auto] ");

    second = start(s, QEMU_HELPER_CHANGE);
    killHard(second);
    g_assert_cmpint(qemuHelperStop(second), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_nonnull(strstr(virErrorLastMessage(), "is in doubt"));
    assertBitmaps(s, "one[in-use,auto] ");
}

/* SIGTERM is what a restarted daemon has. */
static void
testTermStores(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) helper = start(s, QEMU_HELPER_CHANGE);
    qemuTarget *target = qemuHelperTarget(helper);

    g_assert_cmpint(addBitmap(helper, "one"), ==, 0);
    kill(target->ops->pid(target), SIGTERM);
    while (qemuHelperAlive(helper))
        g_usleep(1000);
    assertBitmaps(s, "one[auto] ");
    g_assert_cmpint(qemuHelperStop(helper), ==, -1);
}

static void
testInUse(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) holder = start(s, QEMU_HELPER_CHANGE);
    g_autoptr(virDomainDef) def = makeDef("b", UUID_B, s->image);

    g_assert_null(qemuHelperStart(def, QEMU_HELPER_LOOK, NULL, NULL));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_nonnull(strstr(virErrorLastMessage(), s->image));
    g_assert_nonnull(strstr(virErrorLastMessage(), "disk 'vda' of the stopped domain 'b'"));
    g_assert_nonnull(strstr(virErrorLastMessage(), "lock"));
    g_assert_cmpint(qemuHelperStop(holder), ==, 0);
}

static void
testMissing(Setup *s, gconstpointer data)
{
    g_autofree char *path = g_build_filename(s->dir, "nothing.qcow2", NULL);
    g_autoptr(virDomainDef) def = makeDef("b", UUID_B, path);

    g_assert_null(qemuHelperStart(def, QEMU_HELPER_LOOK, NULL, NULL));
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_nonnull(strstr(virErrorLastMessage(), path));
    g_assert_nonnull(strstr(virErrorLastMessage(), "No such file"));
}

/* The program beside the domain's emulator is used; one that is silent is replaced by another. */
static void
testSilent(Setup *s, gconstpointer data)
{
    g_autofree char *program = g_build_filename(s->dir, "qemu-storage-daemon", NULL);
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\n[ -e %s/seen ] && exec /usr/bin/qemu-storage-daemon \"$@\"\n"
                        "touch %s/seen\nexec sleep 60\n", s->dir, s->dir);
    g_autoptr(virDomainDef) def = makeDef("a", UUID_A, s->image);
    g_autoptr(qemuHelper) helper = NULL;

    g_free(def->emulator);
    def->emulator = g_build_filename(s->dir, "qemu-system-x86_64", NULL);
    g_assert_true(g_file_set_contents_full(program, script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    helper = qemuHelperStart(def, QEMU_HELPER_CHANGE, NULL, NULL);
    g_assert_nonnull(helper);
    g_assert_cmpint(addBitmap(helper, "one"), ==, 0);
    g_assert_cmpint(qemuHelperStop(helper), ==, 0);
    assertBitmaps(s, "one[auto] ");
}

static bool
opensBase(qemuHelper *helper, Setup *s)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(qemuHelperTarget(helper));
    GHashTableIter iter;
    gpointer value = NULL;
    bool found = false;

    g_assert_nonnull(graph);
    g_hash_table_iter_init(&iter, graph->nodes);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        found |= g_strcmp0(((const qemuGraphNode *)value)->filename, s->base) == 0;
    return found;
}

/* The chain below is only there where it is needed. */
static void
testData(Setup *s, gconstpointer data)
{
    g_autoptr(qemuHelper) helper = start(s, QEMU_HELPER_CHANGE);

    g_assert_cmpint(addBitmap(helper, "one"), ==, 0);
    g_assert_false(opensBase(helper, s));
    g_assert_cmpint(qemuHelperSetMode(helper, QEMU_HELPER_DATA), ==, 0);
    g_assert_true(opensBase(helper, s));
    assertBitmaps(s, "one[auto] ");
    g_assert_cmpint(qemuHelperSetMode(helper, QEMU_HELPER_CHANGE), ==, 0);
    g_assert_cmpint(addBitmap(helper, "two"), ==, 0);
    g_assert_cmpint(qemuHelperStop(helper), ==, 0);
    assertBitmaps(s, "one[auto] two[auto] ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_thread_unref(g_thread_new("main-loop", loopThread, g_main_loop_new(NULL, FALSE)));
    g_test_add("/helper/target", Setup, NULL, setUp, testTarget, tearDown);
    g_test_add("/helper/store", Setup, NULL, setUp, testStore, tearDown);
    g_test_add("/helper/dies", Setup, NULL, setUp, testDies, tearDown);
    g_test_add("/helper/sigterm-stores", Setup, NULL, setUp, testTermStores, tearDown);
    g_test_add("/helper/in-use", Setup, NULL, setUp, testInUse, tearDown);
    g_test_add("/helper/missing", Setup, NULL, setUp, testMissing, tearDown);
    g_test_add("/helper/silent", Setup, NULL, setUp, testSilent, tearDown);
    g_test_add("/helper/data", Setup, NULL, setUp, testData, tearDown);
    return g_test_run();
}
