/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records and images of the bitmap store. A record is removed before its image and written after it:
 * so whatever is found at any time is either named by a record, and whole, or can go.
 */
#include "qemu_bitmap_store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "qemu_driver_state.h"
#include "qemu_vm.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"
#include "virqcow2.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define STORE_VERSION 1
#define STORE_MAX_BYTES (16 * 1024 * 1024)
#define STORE_RECORD ".json"
#define STORE_IMAGE ".qcow2"

static const char *const stateNames[QEMU_BITMAP_STORE_LAST] = { "saved", "in-use", "lost" };

static void
bitmapFree(void *data)
{
    qemuBitmapStoreBitmap *bitmap = data;

    g_free(bitmap->name);
    g_free(bitmap);
}

qemuBitmapStore *
qemuBitmapStoreNew(const char *disk)
{
    qemuBitmapStore *store = g_new0(qemuBitmapStore, 1);

    store->disk = g_strdup(disk);
    store->state = QEMU_BITMAP_STORE_LOST;
    store->bitmaps = g_ptr_array_new_with_free_func(bitmapFree);
    return store;
}

void
qemuBitmapStoreFree(qemuBitmapStore *store)
{
    if (!store)
        return;
    g_free(store->disk);
    g_free(store->source);
    g_free(store->reason);
    virJSONValueFree(store->stamp);
    g_ptr_array_unref(store->bitmaps);
    g_free(store);
}

void
qemuBitmapStoreAddBitmap(qemuBitmapStore *store, const char *name, bool recording)
{
    qemuBitmapStoreBitmap *bitmap = g_new0(qemuBitmapStoreBitmap, 1);

    bitmap->name = g_strdup(name);
    bitmap->recording = recording;
    g_ptr_array_add(store->bitmaps, bitmap);
}

void
qemuBitmapStoreSetLost(qemuBitmapStore *store, char *reason)
{
    store->state = QEMU_BITMAP_STORE_LOST;
    g_free(store->reason);
    store->reason = reason;
}

char *
qemuBitmapStoreFormat(const qemuBitmapStore *store)
{
    virJSONValue *bitmaps = virJSONNewArray();
    g_autoptr(virJSONValue) record = NULL;

    for (guint i = 0; i < store->bitmaps->len; i++) {
        const qemuBitmapStoreBitmap *bitmap = g_ptr_array_index(store->bitmaps, i);

        virJSONArrayAppend(bitmaps, virJSONBuild("{'name':%s,'recording':%b}", bitmap->name,
                                                 bitmap->recording));
    }
    record = virJSONBuild("{'version':%d,'disk':%s,'source':%s,'state':%s,'reason':%s,"
                          "'generation':%llu,'stamp':%v,'bitmaps':%v}",
                          STORE_VERSION, store->disk, store->source, stateNames[store->state],
                          store->reason, store->generation,
                          store->stamp ? virJSONCopy(store->stamp) : NULL, bitmaps);
    return virJSONFormat(record, true);
}

static int
parseBitmaps(qemuBitmapStore *store, const virJSONValue *list)
{
    for (size_t i = 0; i < virJSONArraySize(list); i++) {
        const virJSONValue *json = virJSONArrayAt(list, i);
        const char *name = virJSONObjectLookupString(json, "name");
        bool recording = false;

        if (!name || virJSONObjectGetBool(json, "recording", &recording) < 0)
            return -1;
        qemuBitmapStoreAddBitmap(store, name, recording);
    }
    return list ? 0 : -1;
}

static int
parseRecord(qemuBitmapStore *store, const virJSONValue *json)
{
    const char *state = virJSONObjectLookupString(json, "state");
    const virJSONValue *stamp = virJSONObjectLookupObject(json, "stamp");
    unsigned long long version = 0;

    if (!state || virJSONObjectGetUInt(json, "version", &version) < 0 || version != STORE_VERSION ||
        virJSONObjectGetUInt(json, "generation", &store->generation) < 0 ||
        parseBitmaps(store, virJSONObjectLookupArray(json, "bitmaps")) < 0)
        return -1;
    store->source = g_strdup(virJSONObjectLookupString(json, "source"));
    store->reason = g_strdup(virJSONObjectLookupString(json, "reason"));
    store->stamp = stamp ? virJSONCopy(stamp) : NULL;
    for (store->state = 0; store->state < QEMU_BITMAP_STORE_LAST; store->state++) {
        if (g_str_equal(stateNames[store->state], state))
            break;
    }
    return store->state == QEMU_BITMAP_STORE_LAST ||
                   (store->state == QEMU_BITMAP_STORE_SAVED && !store->stamp)
               ? -1
               : 0;
}

qemuBitmapStore *
qemuBitmapStoreParse(const char *text)
{
    g_autoptr(virJSONValue) json = virJSONParse(text, -1);
    const char *disk = json ? virJSONObjectLookupString(json, "disk") : NULL;
    g_autoptr(qemuBitmapStore) store = disk ? qemuBitmapStoreNew(disk) : NULL;

    if (json && (!store || parseRecord(store, json) < 0)) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "the record of a bitmap store lacks disk, version %d, state, generation, bitmaps or "
                       "stamp, or they are malformed", STORE_VERSION);
        return NULL;
    }
    return g_steal_pointer(&store);
}

static char *
storeRoot(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return g_build_filename(config->libDir, "bitmap-store", NULL);
}

static char *
storeDir(const unsigned char *uuid)
{
    char text[VIR_UUID_STRING_BUFLEN] = "";
    g_autofree char *root = storeRoot();

    return g_build_filename(root, virUUIDFormat(uuid, text), NULL);
}

static char *
recordPath(const unsigned char *uuid, const char *disk)
{
    g_autofree char *dir = storeDir(uuid);

    return g_strdup_printf("%s/%s" STORE_RECORD, dir, disk);
}

char *
qemuBitmapStoreImagePath(const unsigned char *uuid, const qemuBitmapStore *store)
{
    g_autofree char *dir = storeDir(uuid);

    return g_strdup_printf("%s/%s.%llu" STORE_IMAGE, dir, store->disk, store->generation);
}

qemuBitmapStore *
qemuBitmapStoreRead(const unsigned char *uuid, const char *disk)
{
    g_autofree char *path = recordPath(uuid, disk);
    g_autofree char *text = NULL;
    g_autoptr(qemuBitmapStore) store = NULL;

    if (!virFileExists(path))
        return NULL;
    if (virFileReadAll(path, STORE_MAX_BYTES, &text) >= 0 && (store = qemuBitmapStoreParse(text)) &&
        g_str_equal(store->disk, disk))
        return g_steal_pointer(&store);
    VIR_WARN("bitmap store '%s' is not used: %s", path, virErrorLastMessage());
    virErrorReset();
    g_clear_pointer(&store, qemuBitmapStoreFree);
    store = qemuBitmapStoreNew(disk);
    store->reason = g_strdup_printf("the record '%s' cannot be read", path);
    return g_steal_pointer(&store);
}

int
qemuBitmapStoreWrite(const unsigned char *uuid, const qemuBitmapStore *store, const char *fault)
{
    g_autofree char *dir = storeDir(uuid);
    g_autofree char *path = recordPath(uuid, store->disk);
    g_autofree char *text = qemuBitmapStoreFormat(store);

    /* QEMU's user goes through, but may not look */
    if (virFileMakeDirs(dir, 0711) < 0)
        return -1;
    return virFileReplaceDurable(path, text, strlen(text), 0600, fault);
}

int
qemuBitmapStoreImageCreate(const unsigned char *uuid, qemuBitmapStore *store, unsigned long long size)
{
    g_autofree char *dir = storeDir(uuid);
    g_autofree char *path = NULL;
    VIR_AUTOCLOSE fd = -1;

    store->generation++;
    path = qemuBitmapStoreImagePath(uuid, store);
    if (virFileMakeDirs(dir, 0711) < 0 || virFaultPoint("store.create") < 0)
        return -1;
    /* of a save that was not finished */
    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
    fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        virReportSystemError(errno, "cannot create '%s'", path);
        return -1;
    }
    if (virQcow2Create(fd, path, size, NULL, NULL) < 0) {
        unlink(path);
        return -1;
    }
    return 0;
}

/* DISK.GENERATION.qcow2: (owned) the disk, or NULL if @file is not of that form. */
static char *
imageDisk(const char *file, unsigned long long *generation)
{
    g_auto(GStrv) parts = g_strsplit(file, ".", -1);
    guint64 number = 0;

    if (g_strv_length(parts) != 3 || !g_str_equal(parts[2], STORE_IMAGE + 1) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT64, &number, NULL))
        return NULL;
    *generation = number;
    return g_strdup(parts[0]);
}

/* Remove images of @disk (NULL: of any) in the domain's directory that no record names. */
static void
sweepImages(const unsigned char *uuid, const char *only)
{
    g_autofree char *dir = storeDir(uuid);
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    const char *file = NULL;

    while (handle && (file = g_dir_read_name(handle))) {
        unsigned long long generation = 0;
        g_autofree char *disk = imageDisk(file, &generation);
        g_autofree char *path = g_build_filename(dir, file, NULL);
        g_autoptr(qemuBitmapStore) store = NULL;

        if (!disk || (only && !g_str_equal(disk, only)))
            continue;
        store = qemuBitmapStoreRead(uuid, disk);
        if (store && store->generation == generation)
            continue;
        if (unlink(path) < 0 && errno != ENOENT)
            VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
    }
    rmdir(dir);
}

void
qemuBitmapStoreSweep(const unsigned char *uuid)
{
    sweepImages(uuid, NULL);
}

int
qemuBitmapStoreRemove(const unsigned char *uuid, const char *disk)
{
    g_autofree char *path = recordPath(uuid, disk);

    if (virFileExists(path) &&
        (virFaultPoint("store.remove") < 0 || virFileUnlinkDurable(path, "store.remove.record") < 0) &&
        virFileExists(path))
        return -1;
    virErrorReset();   /* gone, but perhaps not durably: then the next start removes it */
    sweepImages(uuid, disk);
    return 0;
}

int
qemuBitmapStoreRemoveAll(const unsigned char *uuid)
{
    g_autofree char *dir = storeDir(uuid);
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    const char *file = NULL;

    while (handle && (file = g_dir_read_name(handle))) {
        g_autofree char *disk = NULL;

        if (!g_str_has_suffix(file, STORE_RECORD) || file[0] == '.')
            continue;
        disk = g_strndup(file, strlen(file) - strlen(STORE_RECORD));
        if (qemuBitmapStoreRemove(uuid, disk) < 0)
            return -1;
    }
    sweepImages(uuid, NULL);
    return 0;
}

/* Call @func for each domain that there is a directory of. */
static void
forEachDomain(void (*func)(const unsigned char *uuid))
{
    g_autofree char *root = storeRoot();
    g_autoptr(GDir) handle = g_dir_open(root, 0, NULL);
    const char *name = NULL;

    while (handle && (name = g_dir_read_name(handle))) {
        unsigned char uuid[VIR_UUID_BUFLEN] = { 0 };

        if (virUUIDParse(name, uuid) == 0)
            func(uuid);
    }
    virErrorReset();
}

static void
sweepDomain(const unsigned char *uuid)
{
    g_autofree char *dir = storeDir(uuid);

    virFileSweepTemporaries(dir);
    sweepImages(uuid, NULL);
}

void
qemuBitmapStoreSweepAll(void)
{
    forEachDomain(sweepDomain);
}

static void
sweepUnknown(const unsigned char *uuid)
{
    g_autoptr(qemuVM) vm = qemuVMListByUUID(qemuDriverVMs(), uuid);

    if (!vm && qemuBitmapStoreRemoveAll(uuid) < 0)
        VIR_WARN("bitmaps of a domain that is gone stay: %s", virErrorLastMessage());
    virErrorReset();
}

void
qemuBitmapStoreSweepUnknown(void)
{
    forEachDomain(sweepUnknown);
}
