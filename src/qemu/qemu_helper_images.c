/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The helper's block nodes. Bitmaps belong to the image that the guest writes to, so for them a chain
 * below it is not opened at all: it need not even be there.
 *
 * Opening for change and back is one blockdev-reopen of all images. Going read-only stores the
 * bitmaps, and unlike closing it fails if they cannot be stored.
 */
#include "qemu_helper_priv.h"
#include "qemu_nbd.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* Commands of one round trip, with what each is about for the error message. */
typedef struct _imageBatch {
    GPtrArray *commands;   /* virJSONValue * */
    GPtrArray *disks;      /* const virDomainDiskDef * of each */
    GPtrArray *images;     /* char *: name of the image of each */
    GPtrArray *nodes;      /* char * of each */
} imageBatch;

static void
imageBatchClear(imageBatch *batch)
{
    g_ptr_array_unref(batch->commands);
    g_ptr_array_unref(batch->disks);
    g_ptr_array_unref(batch->images);
    g_ptr_array_unref(batch->nodes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(imageBatch, imageBatchClear)

static imageBatch
imageBatchNew(void)
{
    return (imageBatch){
        .commands = g_ptr_array_new_with_free_func((GDestroyNotify)virJSONValueFree),
        .disks = g_ptr_array_new(),
        .images = g_ptr_array_new_with_free_func(g_free),
        .nodes = g_ptr_array_new_with_free_func(g_free),
    };
}

static bool
holdsBitmaps(const virDomainDiskDef *disk)
{
    return disk->device == VIR_DISK_DEVICE_DISK && disk->src && !disk->readonly &&
           disk->src->format == VIR_STORAGE_FORMAT_QCOW2;
}

static virJSONValue *
topProps(const virDomainDiskDef *disk, qemuHelperMode mode)
{
    virJSONValue *props = qemuNodesFormatProps(disk, disk->src, true);
    bool writable = mode == QEMU_HELPER_CHANGE && holdsBitmaps(disk);

    virJSONObjectSet(props, "read-only", virJSONNewBoolean(!writable));
    if (mode != QEMU_HELPER_DATA && disk->src->format == VIR_STORAGE_FORMAT_QCOW2)
        virJSONObjectSet(props, "backing", virJSONNewNull());
    return props;
}

static void
batchAdd(imageBatch *batch, const virDomainDiskDef *disk, const virStorageSource *src,
         virJSONValue *props)
{
    g_ptr_array_add(batch->disks, (gpointer)disk);
    g_ptr_array_add(batch->images, virStorageSourceName(src));
    g_ptr_array_add(batch->nodes, g_strdup(virJSONObjectLookupString(props, "node-name")));
    g_ptr_array_add(batch->commands, virJSONBuild("{'execute':'blockdev-add','arguments':%v}", props));
}

static void
batchAddStorage(imageBatch *batch, const virDomainDiskDef *disk, const virStorageSource *src)
{
    if (src->dataStore)
        batchAdd(batch, disk, src->dataStore, qemuNodesStorageProps(disk, src->dataStore));
    batchAdd(batch, disk, src, qemuNodesStorageProps(disk, src));
}

/* Bottom first, because a node names the ones below it. */
static void
batchAddBacking(imageBatch *batch, const virDomainDiskDef *disk, const virStorageSource *src)
{
    if (!src)
        return;
    batchAddBacking(batch, disk, src->backing);
    batchAddStorage(batch, disk, src);
    batchAdd(batch, disk, src, qemuNodesFormatProps(disk, src, false));
}

static void
batchAddDisk(imageBatch *batch, const virDomainDiskDef *disk, qemuHelperMode mode)
{
    if (disk->device != VIR_DISK_DEVICE_DISK || !disk->src)
        return;
    if (mode == QEMU_HELPER_DATA)
        batchAddBacking(batch, disk, disk->src->backing);
    batchAddStorage(batch, disk, disk->src);
    batchAdd(batch, disk, disk->src, topProps(disk, mode));
}

/* QEMU goes on after a command that failed, so every reply counts; the first error is the cause. */
static int
checkReplies(qemuHelper *helper, const imageBatch *batch, virJSONValue *const *replies)
{
    int ret = 0;

    for (guint i = 0; i < batch->commands->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(batch->disks, i);
        const char *image = g_ptr_array_index(batch->images, i);
        const char *desc = NULL;

        if (!qemuMonitorReplyError(replies[i], NULL, &desc)) {
            g_ptr_array_add(helper->nodes, g_strdup(g_ptr_array_index(batch->nodes, i)));
        } else if (ret == 0) {
            virReportError(VIR_ERR_OPERATION_FAILED,
                           "cannot open image '%s' of disk '%s' of the stopped domain '%s': %s; it must "
                           "be there, and no other program or domain may be using it",
                           image, disk->dst, helper->def->name, desc);
            ret = -1;
        }
    }
    return ret;
}

static int
probeServers(const qemuHelper *helper, const virDomainDiskDef *disk)
{
    g_autofree char *use = g_strdup_printf("open disk '%s' of the stopped domain '%s' on", disk->dst,
                                           helper->def->name);

    if (disk->device != VIR_DISK_DEVICE_DISK || !disk->src)
        return 0;
    if (helper->mode == QEMU_HELPER_DATA)
        return qemuNbdProbeChain(disk->src, use);
    return qemuNbdProbeImage(disk->src, use);
}

/* The passphrases stay with the helper until its end, through any closing and opening of images. */
static int
addSecrets(qemuHelper *helper)
{
    g_autoptr(GPtrArray) images = qemuSecretImages(helper->def);

    for (guint i = 0; i < images->len; i++) {
        const virStorageSource *src = g_ptr_array_index(images, i);
        g_autofree char *node = qemuNodeNameFormat(src->index);
        g_autofree char *object = qemuSecretObjectName(node);
        g_autoptr(virJSONValue) command = qemuSecretAdd(object);

        if (qemuSecretSend(&helper->target, command, src->encryption) < 0)
            return -1;
    }
    helper->hasSecrets = true;
    return 0;
}

int
qemuHelperImagesOpen(qemuHelper *helper)
{
    g_auto(imageBatch) batch = imageBatchNew();
    g_autoptr(GPtrArray) replies = g_ptr_array_new_with_free_func((GDestroyNotify)virJSONValueFree);

    for (guint i = 0; i < helper->def->disks->len; i++) {
        if (probeServers(helper, g_ptr_array_index(helper->def->disks, i)) < 0)
            return -1;
    }
    if (!helper->hasSecrets && addSecrets(helper) < 0)
        return -1;
    for (guint i = 0; i < helper->def->disks->len; i++)
        batchAddDisk(&batch, g_ptr_array_index(helper->def->disks, i), helper->mode);
    g_ptr_array_set_size(replies, (gint)batch.commands->len);
    if (qemuMonitorBatch(helper->mon, (virJSONValue *const *)batch.commands->pdata,
                         batch.commands->len, (virJSONValue **)replies->pdata) < 0)
        return -1;
    return checkReplies(helper, &batch, (virJSONValue *const *)replies->pdata);
}

int
qemuHelperImagesClose(qemuHelper *helper)
{
    while (helper->nodes->len > 0) {
        const char *node = g_ptr_array_index(helper->nodes, helper->nodes->len - 1);
        g_autoptr(virJSONValue) command =
            virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", node);

        if (qemuMonitorCommand(helper->mon, command, NULL) < 0)
            return -1;
        g_ptr_array_set_size(helper->nodes, (gint)helper->nodes->len - 1);
    }
    return 0;
}

int
qemuHelperImagesSetWritable(qemuHelper *helper, bool writable)
{
    virJSONValue *options = virJSONNewArray();
    g_autoptr(virJSONValue) command = NULL;

    for (guint i = 0; i < helper->def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(helper->def->disks, i);

        if (holdsBitmaps(disk))
            virJSONArrayAppend(options,
                               topProps(disk, writable ? QEMU_HELPER_CHANGE : QEMU_HELPER_LOOK));
    }
    if (virJSONArraySize(options) == 0) {
        virJSONValueFree(options);
        return 0;
    }
    command = virJSONBuild("{'execute':'blockdev-reopen','arguments':{'options':%v}}", options);
    return qemuMonitorCommand(helper->mon, command, NULL);
}
