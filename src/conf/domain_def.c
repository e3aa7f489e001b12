/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain definition as an object: its words, its life, finding things in it. */
#include "domain_internal.h"

#include <string.h>

const char *const virDomainTypeNames[VIR_DOMAIN_TYPE_LAST] = {"qemu", "kvm"};
const char *const virDomainBootNames[VIR_DOMAIN_BOOT_LAST] = {"hd", "cdrom", "network", "fd"};
const char *const virDomainActionNames[VIR_DOMAIN_ACTION_LAST] = {
    "destroy",
    "restart",
    "preserve",
    "rename-restart",
};
const char *const virDomainCPUModeNames[VIR_DOMAIN_CPU_LAST] = {
    NULL, "custom", "host-passthrough", "host-model", "maximum",
};
const char *const virDomainCPUMatchNames[VIR_DOMAIN_CPU_MATCH_LAST] = {"exact", "minimum",
                                                                       "strict"};
const char *const virDomainCPUCheckNames[VIR_DOMAIN_CPU_CHECK_LAST] = {NULL, "none", "partial",
                                                                       "full"};
const char *const virDomainCPUFallbackNames[VIR_DOMAIN_CPU_FALLBACK_LAST] = {"allow", "forbid"};
const char *const virDomainClockNames[VIR_DOMAIN_CLOCK_LAST] = {"utc", "localtime"};
const char *const virDomainTimerNames[VIR_DOMAIN_TIMER_LAST] = {"rtc", "pit", "hpet"};
const char *const virDomainTickPolicyNames[VIR_DOMAIN_TICKPOLICY_LAST] = {
    NULL, "delay", "catchup", "merge", "discard",
};
const char *const virControllerTypeNames[VIR_CONTROLLER_LAST] = {
    "pci", "scsi", "sata", "ide", "usb", "virtio-serial",
};
const char *const virChardevKindNames[VIR_CHARDEV_LAST] = {"serial", "console", "channel"};
const char *const virChardevTypeNames[VIR_CHARDEV_TYPE_LAST] = {"pty", "file", "unix", "null"};
const char *const virInputTypeNames[VIR_INPUT_LAST] = {"mouse", "keyboard", "tablet"};
const char *const virInputBusNames[VIR_INPUT_BUS_LAST] = {"ps2", "usb"};

const char *
virDomainTypeToString(virDomainType t)
{
    return t < VIR_DOMAIN_TYPE_LAST ? virDomainTypeNames[t] : NULL;
}

void
virDomainControllerDefFree(virDomainControllerDef *controller)
{
    if (!controller)
        return;
    g_free(controller->model);
    g_free(controller->modelName);
    g_free(controller->alias);
    g_free(controller);
}

void
virDomainChardevDefFree(virDomainChardevDef *chardev)
{
    if (!chardev)
        return;
    g_free(chardev->path);
    g_free(chardev->targetType);
    g_free(chardev->targetModel);
    g_free(chardev->targetName);
    g_free(chardev->alias);
    g_free(chardev);
}

void
virDomainNetDefFree(virDomainNetDef *net)
{
    if (!net)
        return;
    g_free(net->mac);
    g_free(net->model);
    g_free(net->alias);
    g_free(net);
}

void
virDomainRngDefFree(virDomainRngDef *rng)
{
    if (!rng)
        return;
    g_free(rng->backendPath);
    g_free(rng->alias);
    g_free(rng);
}

void
virDomainInputDefFree(virDomainInputDef *input)
{
    if (!input)
        return;
    g_free(input->alias);
    g_free(input);
}

virDomainDef *
virDomainDefNew(void)
{
    virDomainDef *def = g_new0(virDomainDef, 1);

    def->id = -1;
    def->onPoweroff = VIR_DOMAIN_ACTION_DESTROY;
    def->onReboot = VIR_DOMAIN_ACTION_RESTART;
    def->onCrash = VIR_DOMAIN_ACTION_DESTROY;
    def->disks = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainDiskDefFree);
    def->controllers = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainControllerDefFree);
    def->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainChardevDefFree);
    def->nets = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainNetDefFree);
    def->rngs = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainRngDefFree);
    def->inputs = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainInputDefFree);
    return def;
}

void
virDomainDefFree(virDomainDef *def)
{
    if (!def)
        return;
    g_free(def->name);
    g_free(def->title);
    g_free(def->description);
    g_free(def->metadata);
    g_free(def->osArch);
    g_free(def->osMachine);
    g_free(def->kernel);
    g_free(def->initrd);
    g_free(def->cmdline);
    g_free(def->cpuModel);
    g_free(def->emulator);
    g_free(def->memballoonAlias);
    g_free(def->videoModel);
    g_free(def->videoAlias);
    g_ptr_array_unref(def->disks);
    g_ptr_array_unref(def->controllers);
    g_ptr_array_unref(def->chardevs);
    g_ptr_array_unref(def->nets);
    g_ptr_array_unref(def->rngs);
    g_ptr_array_unref(def->inputs);
    g_free(def);
}

bool
virDomainDefIsQ35(const virDomainDef *def)
{
    return g_strcmp0(def->osMachine, "q35") == 0 ||
           (def->osMachine && g_str_has_prefix(def->osMachine, "pc-q35"));
}

virDomainDiskDef *
virDomainDefDisk(const virDomainDef *def, const char *nameOrPath, bool orPath)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (strcmp(disk->dst, nameOrPath) == 0)
            return disk;
    }
    for (guint i = 0; orPath && i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->src && g_strcmp0(disk->src->path, nameOrPath) == 0)
            return disk;
    }
    return NULL;
}

virDomainControllerDef *
virDomainDefController(const virDomainDef *def, virControllerType type, int index)
{
    for (guint i = 0; i < def->controllers->len; i++) {
        virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        if (controller->type == type && controller->index == index)
            return controller;
    }
    return NULL;
}

unsigned int
virDomainDiskPosition(const char *dst)
{
    unsigned int position = 0;

    for (const char *p = dst + 2; *p; p++)
        position = position * 26 + (*p - 'a') + 1;
    return position - 1;
}

void
virDomainDefInsertDisk(virDomainDef *def, virDomainDiskDef *disk)
{
    unsigned int position = virDomainDiskPosition(disk->dst);
    gint where = -1;

    for (gint i = (gint)def->disks->len - 1; i >= 0; i--) {
        const virDomainDiskDef *other = g_ptr_array_index(def->disks, i);

        if (other->bus != disk->bus)
            continue;
        if (virDomainDiskPosition(other->dst) <= position) {
            if (where < 0)
                where = i + 1;
            break;
        }
        where = i;
    }
    g_ptr_array_insert(def->disks, where, disk);
}

#define FOREACH(array, type)                                                                       \
    for (guint i = 0; i < def->array->len; i++) {                                                  \
        type *device = g_ptr_array_index(def->array, i);                                           \
        iter(&device->alias, &device->addr, opaque);                                               \
    }

void
virDomainDefForeachDevice(virDomainDef *def, virDomainDeviceIter iter, void *opaque)
{
    FOREACH(disks, virDomainDiskDef)
    FOREACH(controllers, virDomainControllerDef)
    FOREACH(nets, virDomainNetDef)
    FOREACH(chardevs, virDomainChardevDef)
    FOREACH(inputs, virDomainInputDef)
    iter(&def->videoAlias, &def->videoAddr, opaque);
    iter(&def->memballoonAlias, &def->memballoonAddr, opaque);
    FOREACH(rngs, virDomainRngDef)
}
