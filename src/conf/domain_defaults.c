/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user left out, filled in as libvirt does for a PC. Deterministic but for a new MAC: the
 * same document gives the same devices in the same order. PCI addresses are left to QEMU, which
 * places devices in command line order; drive addresses are ours, aliases are made of them.
 */
#include "domain_internal.h"

#include <string.h>
#include "viruuid.h"

#define SCSI_UNITS 7 /* targets a narrow bus has beside its adapter */
#define SATA_UNITS 6
#define IDE_UNITS 4 /* two buses of two */

static void
aliasDrop(char **alias, virDeviceAddress *addr, void *opaque)
{
    if (*alias && !g_str_has_prefix(*alias, VIR_DEVICE_ALIAS_USER_PREFIX))
        g_clear_pointer(alias, g_free);
}

/* The path a daemon made up for a channel of a running guest; it is gone when the guest is. */
static bool
channelPathMadeUp(const virDomainChardevDef *chardev)
{
    const char *last = chardev->path ? strrchr(chardev->path, '/') : NULL;

    return last && chardev->kind == VIR_CHARDEV_CHANNEL && chardev->type == VIR_CHARDEV_UNIX &&
           strstr(chardev->path, "/channel/target/domain-") &&
           g_strcmp0(last + 1, chardev->targetName) == 0;
}

void
virDomainDefDropLive(virDomainDef *def)
{
    def->id = -1;
    virDomainDefForeachDevice(def, aliasDrop, NULL);
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        for (virStorageSource *src = disk->src; src; src = src->backing) {
            src->index = 0;
            if (src->dataStore)
                src->dataStore->index = 0;
        }
    }
    for (guint i = 0; i < def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        if (chardev->type == VIR_CHARDEV_PTY || channelPathMadeUp(chardev))
            g_clear_pointer(&chardev->path, g_free);
        chardev->connected = VIR_TRISTATE_ABSENT;
    }
}

static void
platformDefaults(virDomainDef *def)
{
    bool bootOrder = false;

    if (!def->osArch)
        def->osArch = g_strdup("x86_64");
    if (!def->osMachine)
        def->osMachine = g_strdup("pc");
    if (def->currentMemoryKiB == 0 || def->currentMemoryKiB > def->memoryKiB)
        def->currentMemoryKiB = def->memoryKiB;
    for (guint i = 0; i < def->disks->len; i++)
        bootOrder = bootOrder || ((virDomainDiskDef *)g_ptr_array_index(def->disks, i))->bootOrder;
    if (!bootOrder && def->nbootDevs == 0)
        def->bootDevs[def->nbootDevs++] = VIR_DOMAIN_BOOT_HD;
}

static void
cpuDefaults(virDomainDef *def)
{
    bool kvm = def->virtType == VIR_DOMAIN_TYPE_KVM;

    switch (def->cpuMode) {
    case VIR_DOMAIN_CPU_CUSTOM:
        if (!def->cpuCheck)
            def->cpuCheck = kvm ? VIR_DOMAIN_CPU_CHECK_PARTIAL : VIR_DOMAIN_CPU_CHECK_NONE;
        break;
    case VIR_DOMAIN_CPU_HOST_MODEL:
        if (!def->cpuCheck)
            def->cpuCheck = VIR_DOMAIN_CPU_CHECK_PARTIAL;
        break;
    case VIR_DOMAIN_CPU_HOST_PASSTHROUGH:
    case VIR_DOMAIN_CPU_MAXIMUM:
        if (!def->cpuCheck)
            def->cpuCheck = VIR_DOMAIN_CPU_CHECK_NONE;
        if (!def->cpuMigratable)
            def->cpuMigratable = VIR_TRISTATE_YES;
        break;
    case VIR_DOMAIN_CPU_NONE:
    case VIR_DOMAIN_CPU_LAST:
        break;
    }
}

static void
driveAddress(virDomainDiskDef *disk)
{
    unsigned int position = virDomainDiskPosition(disk->dst);
    virDeviceAddress *addr = &disk->addr;

    if (addr->type != VIR_ADDRESS_NONE)
        return;
    switch (disk->bus) {
    case VIR_DISK_BUS_SCSI:
        addr->controller = position / SCSI_UNITS;
        addr->unit = position % SCSI_UNITS;
        break;
    case VIR_DISK_BUS_SATA:
        addr->controller = position / SATA_UNITS;
        addr->unit = position % SATA_UNITS;
        break;
    case VIR_DISK_BUS_IDE:
        addr->controller = position / IDE_UNITS;
        addr->bus = position % IDE_UNITS / 2;
        addr->unit = position % 2;
        break;
    case VIR_DISK_BUS_VIRTIO:
    case VIR_DISK_BUS_LAST:
        return;
    }
    addr->type = VIR_ADDRESS_DRIVE;
}

static virDomainControllerDef *
controllerAdd(virDomainDef *def, virControllerType type, int index, const char *model)
{
    virDomainControllerDef *controller = virDomainDefController(def, type, index);

    if (controller)
        return controller;
    controller = g_new0(virDomainControllerDef, 1);
    controller->type = type;
    controller->index = index;
    controller->model = g_strdup(model);
    controller->targetChassis = -1;
    controller->targetPort = -1;
    g_ptr_array_add(def->controllers, controller);
    return controller;
}

static void
controllerIndexes(virDomainDef *def)
{
    for (guint i = 0; i < def->controllers->len; i++) {
        virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        for (int free = 0; controller->index < 0; free++) {
            if (!virDomainDefController(def, controller->type, free))
                controller->index = free;
        }
    }
}

static void
pcieDefaults(virDomainControllerDef *controller)
{
    if (g_strcmp0(controller->model, "pcie-to-pci-bridge") == 0 && !controller->modelName)
        controller->modelName = g_strdup("pcie-pci-bridge");
    if (g_strcmp0(controller->model, "pcie-root-port") != 0)
        return;
    if (!controller->modelName)
        controller->modelName = g_strdup("pcie-root-port");
    if (controller->targetChassis < 0)
        controller->targetChassis = controller->index;
    if (controller->targetPort < 0)
        controller->targetPort = (7 + controller->index) & 0xff;
}

static void
controllerModels(virDomainDef *def)
{
    bool q35 = virDomainDefIsQ35(def);

    for (guint i = 0; i < def->controllers->len; i++) {
        virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        if (controller->type == VIR_CONTROLLER_SCSI && !controller->model)
            controller->model = g_strdup("lsilogic");
        if (controller->type == VIR_CONTROLLER_USB && !controller->model)
            controller->model = g_strdup(q35 ? "qemu-xhci" : "piix3-uhci");
        if (controller->type == VIR_CONTROLLER_USB && g_strcmp0(controller->model, "none") == 0)
            def->usbDisabled = true;
        if (controller->type == VIR_CONTROLLER_PCI && !controller->model && q35)
            controller->model = g_strdup(controller->index == 0 ? "pcie-root" : "pcie-root-port");
        if (controller->type == VIR_CONTROLLER_PCI && !controller->model && controller->index == 0)
            controller->model = g_strdup("pci-root");
        if (controller->type == VIR_CONTROLLER_PCI)
            pcieDefaults(controller);
    }
}

static void
diskControllers(virDomainDef *def, virDiskBus bus, virControllerType type, const char *model)
{
    int last = -1;

    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->bus == bus && disk->addr.type == VIR_ADDRESS_DRIVE)
            last = MAX(last, (int)disk->addr.controller);
    }
    for (int index = 0; index <= last; index++)
        controllerAdd(def, type, index, model);
}

static void
controllerDefaults(virDomainDef *def)
{
    bool q35 = virDomainDefIsQ35(def);

    controllerIndexes(def);
    if (!virDomainDefController(def, VIR_CONTROLLER_USB, 0))
        controllerAdd(def, VIR_CONTROLLER_USB, 0, NULL);
    if (q35)
        controllerAdd(def, VIR_CONTROLLER_SATA, 0, NULL);
    controllerAdd(def, VIR_CONTROLLER_PCI, 0, NULL);
    diskControllers(def, VIR_DISK_BUS_SCSI, VIR_CONTROLLER_SCSI, NULL);
    diskControllers(def, VIR_DISK_BUS_IDE, VIR_CONTROLLER_IDE, NULL);
    diskControllers(def, VIR_DISK_BUS_SATA, VIR_CONTROLLER_SATA, NULL);
    controllerModels(def);
}

static int
serialPort(const virDomainDef *def, virChardevKind kind)
{
    int port = 0;

    for (guint i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *other = g_ptr_array_index(def->chardevs, i);

        if (other->kind == kind && other->port >= port)
            port = other->port + 1;
    }
    return port;
}

/* Port 0 of a virtio-serial bus belongs to a console. */
static void
channelAddress(const virDomainDef *def, virDomainChardevDef *channel)
{
    unsigned int port = 1;

    for (guint i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *other = g_ptr_array_index(def->chardevs, i);

        if (other->addr.type == VIR_ADDRESS_VIRTIO_SERIAL && other->addr.controller == 0 &&
            other->addr.port >= port)
            port = other->addr.port + 1;
    }
    channel->addr.type = VIR_ADDRESS_VIRTIO_SERIAL;
    channel->addr.port = port;
}

static void
chardevDefaults(virDomainDef *def)
{
    for (guint i = 0; i < def->chardevs->len; i++) {
        virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);
        bool virtio = chardev->kind != VIR_CHARDEV_SERIAL;

        if (chardev->port < 0 && chardev->kind != VIR_CHARDEV_CHANNEL)
            chardev->port = serialPort(def, chardev->kind);
        if (chardev->kind == VIR_CHARDEV_CHANNEL && chardev->addr.type == VIR_ADDRESS_NONE)
            channelAddress(def, chardev);
        if (!virtio)
            continue;
        for (int index = 0; index <= (int)chardev->addr.controller; index++)
            controllerAdd(def, VIR_CONTROLLER_VIRTIO_SERIAL, index, NULL);
    }
}

static void
inputAdd(virDomainDef *def, virInputType type)
{
    virDomainInputDef *input = NULL;

    for (guint i = 0; i < def->inputs->len; i++) {
        input = g_ptr_array_index(def->inputs, i);
        if (input->type == type)
            return;
    }
    input = g_new0(virDomainInputDef, 1);
    input->type = type;
    input->bus = VIR_INPUT_BUS_PS2;
    g_ptr_array_add(def->inputs, input);
}

static void
netDefaults(virDomainNetDef *net)
{
    unsigned char random[VIR_UUID_BUFLEN] = {0};

    if (!net->model)
        net->model = g_strdup("rtl8139");
    if (net->mac)
        return;
    virUUIDGenerate(random);
    net->mac = g_strdup_printf("52:54:00:%02x:%02x:%02x", random[0], random[1], random[2]);
}

void
virDomainDefFillDefaults(virDomainDef *def)
{
    platformDefaults(def);
    cpuDefaults(def);
    for (guint i = 0; i < def->disks->len; i++)
        driveAddress(g_ptr_array_index(def->disks, i));
    controllerDefaults(def);
    chardevDefaults(def);
    for (guint i = 0; i < def->nets->len; i++)
        netDefaults(g_ptr_array_index(def->nets, i));
    inputAdd(def, VIR_INPUT_MOUSE);
    inputAdd(def, VIR_INPUT_KEYBOARD);
    for (guint i = 0; i < def->rngs->len; i++) {
        virDomainRngDef *rng = g_ptr_array_index(def->rngs, i);

        if (!rng->backendPath || !*rng->backendPath) {
            g_free(rng->backendPath);
            rng->backendPath = g_strdup("/dev/random");
        }
    }
}
