/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See qemu_secret.h. */
#include "qemu_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "secret_store.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

char *
qemuSecretObjectName(const char *node)
{
    return g_strconcat(node, "-encryption-secret0", NULL);
}

static void
collectImages(GPtrArray *images, const virStorageSource *src)
{
    if (!src)
        return;
    collectImages(images, src->backing);
    if (src->encryption)
        g_ptr_array_add(images, (gpointer)src);
}

GPtrArray *
qemuSecretImages(const virDomainDef *def)
{
    GPtrArray *images = g_ptr_array_new();

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        collectImages(images, disk->src);
    }
    return images;
}

GBytes *
qemuSecretFetch(const virStorageEncryption *encryption)
{
    g_autoptr(virSecretDef) secret = NULL;

    if (!encryption->usage)
        return secretStoreFetchValue(encryption->uuid);
    secret = secretStoreFindUsage(VIR_SECRET_USAGE_TYPE_VOLUME, encryption->usage);
    return secret ? secretStoreFetchValue(secret->uuid) : NULL;
}

int
qemuSecretDescriptor(GBytes *value)
{
    gsize size = 0;
    const void *data = g_bytes_get_data(value, &size);
    VIR_AUTOCLOSE fd = memfd_create("secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int kept = -1;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, 0444) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        virReportSystemError(errno, "cannot keep a passphrase for QEMU in memory");
        return -1;
    }
    kept = fd;
    fd = -1;
    return kept;
}

char *
qemuSecretDescriptorPath(int fd)
{
    return g_strdup_printf("/proc/self/fd/%d", fd);
}

static void
descriptorClose(gpointer fd)
{
    virFileAutoClose(fd);
}

GArray *
qemuSecretDescriptors(const virDomainDef *def)
{
    g_autoptr(GPtrArray) images = qemuSecretImages(def);
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_set_clear_func(fds, descriptorClose);
    for (guint i = 0; i < images->len; i++) {
        const virStorageSource *src = g_ptr_array_index(images, i);
        g_autoptr(GBytes) value = qemuSecretFetch(src->encryption);
        int fd = value ? qemuSecretDescriptor(value) : -1;

        if (fd < 0)
            return NULL;
        g_array_append_val(fds, fd);
    }
    return g_steal_pointer(&fds);
}

virJSONValue *
qemuSecretAdd(const char *object)
{
    return virJSONBuild("{'execute':'object-add','arguments':{'qom-type':'secret','id':%s,"
                        "'format':'base64'}}",
                        object);
}

virJSONValue *
qemuSecretDelete(const char *object)
{
    return virJSONBuild("{'execute':'object-del','arguments':{'id':%s}}", object);
}

int
qemuSecretSend(qemuTarget *target, const virJSONValue *command,
               const virStorageEncryption *encryption)
{
    g_autoptr(GBytes) value = qemuSecretFetch(encryption);
    const virJSONValue *given = virJSONObjectLookupObject(command, "arguments");
    g_autoptr(virJSONValue) complete = NULL;
    virJSONValue *arguments = NULL;
    gsize size = 0;
    const guchar *data = value ? g_bytes_get_data(value, &size) : NULL;
    g_autofree char *text = NULL;

    if (!value)
        return -1;
    text = g_base64_encode(data, size);
    arguments = virJSONCopy(given);
    virJSONObjectSet(arguments, "data", virJSONNewString(text));
    explicit_bzero(text, strlen(text));
    complete = virJSONBuild("{'execute':'object-add','arguments':%v}", arguments);
    return target->ops->command(target, complete, NULL);
}
