/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Aliases: the names under which devices of a running domain are known to QEMU and to clients.
 * Clients know libvirt's, so they are given the same way; what already has one keeps it, which also
 * makes this safe to call again after a device was added.
 */
#include "domain_internal.h"

#include <string.h>

typedef struct {
    const char *wanted;
    bool found;
} aliasSearch;

static void
aliasCompare(char **alias, virDeviceAddress *addr, void *opaque)
{
    aliasSearch *search = opaque;

    if (g_strcmp0(*alias, search->wanted) == 0)
        search->found = true;
}

static bool
aliasTaken(virDomainDef *def, const char *wanted)
{
    aliasSearch search = {wanted, false};

    virDomainDefForeachDevice(def, aliasCompare, &search);
    return search.found;
}

/* First free of PREFIX0, PREFIX1, ... */
static void
aliasNumbered(virDomainDef *def, char **alias, const char *prefix)
{
    for (unsigned int i = 0; !*alias; i++) {
        g_autofree char *wanted = g_strdup_printf("%s%u", prefix, i);

        if (!aliasTaken(def, wanted))
            *alias = g_steal_pointer(&wanted);
    }
}

static void
diskAlias(virDomainDef *def, virDomainDiskDef *disk)
{
    const virDeviceAddress *a = &disk->addr;

    if (disk->alias)
        return;
    if (disk->bus == VIR_DISK_BUS_VIRTIO)
        aliasNumbered(def, &disk->alias, "virtio-disk");
    else if (disk->bus == VIR_DISK_BUS_SCSI)
        disk->alias = g_strdup_printf("scsi%u-%u-%u-%u", a->controller, a->bus, a->target, a->unit);
    else
        disk->alias = g_strdup_printf("%s%u-%u-%u", virDiskBusToString(disk->bus), a->controller,
                                      a->bus, a->unit);
}

/* Controllers that are part of the board have QEMU's own bus names. */
static char *
controllerAlias(const virDomainDef *def, const virDomainControllerDef *controller)
{
    bool q35 = virDomainDefIsQ35(def);
    bool first = controller->index == 0;

    switch (controller->type) {
    case VIR_CONTROLLER_PCI:
        if (first && q35)
            return g_strdup("pcie.0");
        return g_strdup_printf("pci.%d", controller->index);
    case VIR_CONTROLLER_SATA:
        if (first && q35)
            return g_strdup("ide");
        break;
    case VIR_CONTROLLER_IDE:
        if (first && !q35)
            return g_strdup("ide");
        break;
    case VIR_CONTROLLER_USB:
        if (first)
            return g_strdup("usb");
        break;
    case VIR_CONTROLLER_SCSI:
    case VIR_CONTROLLER_VIRTIO_SERIAL:
    case VIR_CONTROLLER_LAST:
        break;
    }
    return g_strdup_printf("%s%d", virControllerTypeNames[controller->type], controller->index);
}

void
virDomainDefAssignAliases(virDomainDef *def)
{
    for (guint i = 0; i < def->disks->len; i++)
        diskAlias(def, g_ptr_array_index(def->disks, i));
    for (guint i = 0; i < def->controllers->len; i++) {
        virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        if (!controller->alias)
            controller->alias = controllerAlias(def, controller);
    }
    for (guint i = 0; i < def->nets->len; i++)
        aliasNumbered(def, &((virDomainNetDef *)g_ptr_array_index(def->nets, i))->alias, "net");
    for (guint i = 0; i < def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        aliasNumbered(def, &chardev->alias, virChardevKindNames[chardev->kind]);
    }
    for (guint i = 0; i < def->inputs->len; i++)
        aliasNumbered(def, &((virDomainInputDef *)g_ptr_array_index(def->inputs, i))->alias,
                      "input");
    if (def->videoModel)
        aliasNumbered(def, &def->videoAlias, "video");
    if (!def->memballoonNone)
        aliasNumbered(def, &def->memballoonAlias, "balloon");
    for (guint i = 0; i < def->rngs->len; i++)
        aliasNumbered(def, &((virDomainRngDef *)g_ptr_array_index(def->rngs, i))->alias, "rng");
}
