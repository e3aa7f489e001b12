/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block nodes of a running domain that belong to no disk of it: of a disk that could not be attached or
 * whose image could not be closed, of a medium that was being changed, of a resize. And the passphrases
 * of such images. Known by our names.
 */
#include "qemu_hotplug.h"

#include <stdio.h>
#include <string.h>

#include "qemu_hotplug_plan.h"
#include "qemu_nodes.h"
#include "qemu_secret.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
/* A device that is gone from QEMU's tree holds its image until its last request is done. */
#define CLOSE_TRIES 20
#define CLOSE_PAUSE_MS 50

static bool
defHasIndex(const virDomainDef *def, unsigned int index)
{
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        for (const virStorageSource *src = disk->src; src; src = src->backing) {
            if (src->index == index || (src->dataStore && src->dataStore->index == index))
                return true;
        }
    }
    return false;
}

static bool
isStray(const virDomainDef *def, const char *name)
{
    unsigned int index = 0;

    if (!name)
        return false;
    if (g_str_has_prefix(name, QEMU_HOTPLUG_MARKS_PREFIX))
        return true;
    return sscanf(name, "libvirt-%u-", &index) == 1 && !defHasIndex(def, index);
}

/* One that is in use by another goes in a later round. How many went? */
static guint
closeRound(qemuVM *vm, GPtrArray *strays)
{
    guint closed = 0;

    for (guint i = strays->len; i-- > 0;) {
        const char *name = g_ptr_array_index(strays, i);
        g_autoptr(virJSONValue) command =
            virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", name);

        if (vm->target.ops->command(&vm->target, command, NULL) < 0) {
            virErrorReset();
            continue;
        }
        VIR_INFO("domain '%s': closed node '%s', which no disk has", vm->name, name);
        g_ptr_array_remove_index(strays, i);
        closed++;
    }
    return closed;
}

/* Number of the image whose passphrase the object @name holds; 0 if it is none of ours. */
static unsigned int
imageOfSecret(const char *name)
{
    g_autofree char *node = NULL;
    g_autofree char *object = NULL;
    unsigned int index = 0;

    if (!name || sscanf(name, "libvirt-%u-format-", &index) != 1)
        return 0;
    node = qemuNodeNameFormat(index);
    object = qemuSecretObjectName(node);
    return g_str_equal(name, object) ? index : 0;
}

/* One that stayed would be in the way of the next image with its number. */
static int
forgetSecrets(qemuVM *vm, const virDomainDef *def)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'qom-list','arguments':{'path':'/objects'}}");
    g_autoptr(virJSONValue) objects = NULL;

    if (vm->target.ops->command(&vm->target, command, &objects) < 0)
        return -1;
    for (size_t i = 0; i < virJSONArraySize(objects); i++) {
        const char *name = virJSONObjectLookupString(virJSONArrayAt(objects, i), "name");
        unsigned int index = imageOfSecret(name);
        g_autoptr(virJSONValue) forget = NULL;

        if (index == 0 || defHasIndex(def, index))
            continue;
        forget = qemuSecretDelete(name);
        if (vm->target.ops->command(&vm->target, forget, NULL) == 0)
            VIR_INFO("domain '%s': forgot passphrase '%s', which no disk has", vm->name, name);
        virErrorReset();    /* its image could not be closed */
    }
    return 0;
}

static int
closeNodes(qemuVM *vm, const virDomainDef *def)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true);
    g_autoptr(virJSONValue) nodes = NULL;
    g_autoptr(GPtrArray) strays = g_ptr_array_new();

    if (vm->target.ops->command(&vm->target, command, &nodes) < 0)
        return -1;
    for (size_t i = 0; i < virJSONArraySize(nodes); i++) {
        const char *name = virJSONObjectLookupString(virJSONArrayAt(nodes, i), "node-name");

        if (isStray(def, name))
            g_ptr_array_add(strays, (gpointer)name);
    }
    for (int i = 0; i < CLOSE_TRIES && strays->len > 0; i++) {
        while (closeRound(vm, strays) > 0)
            ;
        if (strays->len > 0)
            g_usleep(CLOSE_PAUSE_MS * 1000);
    }
    return 0;
}

int
qemuHotplugCloseStrays(qemuVM *vm)
{
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    return closeNodes(vm, def) < 0 ? -1 : forgetSecrets(vm, def);
}
