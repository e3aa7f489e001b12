/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What cannot work is refused when a definition is made, not when the guest is to start. All here
 * follows from the definition alone; what depends on the host or on QEMU is the driver's to check.
 */
#include "domain_internal.h"

#include <string.h>
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

/* Files are called NAME.xml, and a file name ends at 255 bytes. */
#define NAME_MAX_BYTES 240
#define VCPUS_MAX 4096

static int
nameValidate(const virDomainDef *def)
{
    if (strchr(def->name, '/')) {
        virReportError(VIR_ERR_XML_ERROR, "name %s cannot contain '/'", def->name);
        return -1;
    }
    if (!virFileNameIsSafe(def->name) || strlen(def->name) > NAME_MAX_BYTES) {
        virReportError(VIR_ERR_XML_ERROR,
                       "name '%s' cannot be used as a file name: it begins with '.', holds control "
                       "characters or is longer than %d bytes",
                       def->name, NAME_MAX_BYTES);
        return -1;
    }
    if (def->title && strchr(def->title, '\n')) {
        virReportError(VIR_ERR_XML_ERROR, "title of domain '%s' can't contain newlines", def->name);
        return -1;
    }
    return 0;
}

static int
platformValidate(const virDomainDef *def)
{
    if (strcmp(def->osArch, "x86_64") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "architecture '%s' of domain '%s': only x86_64 is supported", def->osArch,
                       def->name);
        return -1;
    }
    if (!*def->osMachine ||
        def->osMachine[strspn(def->osMachine, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-")]) {
        virReportError(VIR_ERR_XML_ERROR,
                       "machine type '%s' of domain '%s' holds invalid characters", def->osMachine,
                       def->name);
        return -1;
    }
    if (def->memoryKiB == 0) {
        virReportError(VIR_ERR_XML_ERROR,
                       "memory size of domain '%s' must be specified via <memory>", def->name);
        return -1;
    }
    if (def->maxVcpus == 0 || def->vcpus == 0 || def->maxVcpus > VCPUS_MAX) {
        virReportError(VIR_ERR_XML_ERROR, "domain '%s' needs between 1 and %d vCPUs", def->name,
                       VCPUS_MAX);
        return -1;
    }
    if (def->vcpus > def->maxVcpus) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "maximum vCPU count %u must not be less than current vCPU count %u",
                       def->maxVcpus, def->vcpus);
        return -1;
    }
    if (def->iothreads > VCPUS_MAX) {
        virReportError(VIR_ERR_XML_ERROR, "domain '%s' may have at most %d iothreads", def->name,
                       VCPUS_MAX);
        return -1;
    }
    if (!def->kernel && (def->initrd || def->cmdline)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "domain '%s' has an <initrd> or <cmdline> without a <kernel>", def->name);
        return -1;
    }
    return 0;
}

/* QEMU can end or reset at a power-off or reboot, and stop at a crash; it cannot be renamed. */
static int
actionsValidate(const virDomainDef *def)
{
    bool onPoweroff = def->onPoweroff == VIR_DOMAIN_ACTION_DESTROY ||
                      def->onPoweroff == VIR_DOMAIN_ACTION_RESTART;
    bool onReboot =
        def->onReboot == VIR_DOMAIN_ACTION_DESTROY || def->onReboot == VIR_DOMAIN_ACTION_RESTART;

    if (!onPoweroff || !onReboot) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "action '%s' is not supported for %s: use 'destroy' or 'restart'",
                       virDomainActionNames[onPoweroff ? def->onReboot : def->onPoweroff],
                       onPoweroff ? "on_reboot" : "on_poweroff");
        return -1;
    }
    if (def->onCrash == VIR_DOMAIN_ACTION_RENAME_RESTART) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       "action 'rename-restart' is not supported for on_crash");
        return -1;
    }
    return 0;
}

static int
cpuValidate(const virDomainDef *def)
{
    bool hostLike =
        def->cpuMode == VIR_DOMAIN_CPU_HOST_PASSTHROUGH || def->cpuMode == VIR_DOMAIN_CPU_MAXIMUM;

    if (def->cpuMigratable && !hostLike) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED, "%s",
            "attribute 'migratable' of <cpu> needs mode 'host-passthrough' or 'maximum'");
        return -1;
    }
    if (def->cpuModel && def->cpuMode != VIR_DOMAIN_CPU_CUSTOM) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "<model> '%s' of <cpu> needs mode 'custom'",
                       def->cpuModel);
        return -1;
    }
    if (def->cpuModel &&
        (!*def->cpuModel ||
         def->cpuModel[strspn(def->cpuModel, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-")])) {
        virReportError(VIR_ERR_XML_ERROR, "CPU model '%s' holds invalid characters", def->cpuModel);
        return -1;
    }
    return 0;
}

static int
diskAddressValidate(const virDomainDef *def, const virDomainDiskDef *disk)
{
    virDeviceAddressType wanted =
        disk->bus == VIR_DISK_BUS_VIRTIO ? VIR_ADDRESS_PCI : VIR_ADDRESS_DRIVE;

    if (disk->addr.type != wanted && disk->addr.type != VIR_ADDRESS_NONE) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s' on bus %s cannot have that type of address", disk->dst,
                       virDiskBusToString(disk->bus));
        return -1;
    }
    if (disk->bus == VIR_DISK_BUS_IDE && virDomainDefIsQ35(def)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s': machine type '%s' has no IDE controller, use bus sata",
                       disk->dst, def->osMachine);
        return -1;
    }
    if (disk->bus == VIR_DISK_BUS_IDE && (disk->addr.controller > 0 || disk->addr.bus > 1 ||
                                          disk->addr.unit > 1 || disk->addr.target > 0)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s': only one IDE controller with 2 x 2 disks is supported",
                       disk->dst);
        return -1;
    }
    if (disk->bus == VIR_DISK_BUS_SATA &&
        (disk->addr.unit > 5 || disk->addr.bus > 0 || disk->addr.target > 0)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s': a SATA controller has bus 0, target 0 and units 0 to 5",
                       disk->dst);
        return -1;
    }
    return 0;
}

static int
diskDriverValidate(const virDomainDef *def, const virDomainDiskDef *disk)
{
    bool direct = disk->cache == VIR_DISK_CACHE_NONE || disk->cache == VIR_DISK_CACHE_DIRECTSYNC;

    if (disk->io == VIR_DISK_IO_NATIVE && !direct) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disk '%s': io='native' needs cache 'none' or 'directsync'", disk->dst);
        return -1;
    }
    if (disk->iothread && disk->bus != VIR_DISK_BUS_VIRTIO) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "IOThreads not available for bus %s target %s",
                       virDiskBusToString(disk->bus), disk->dst);
        return -1;
    }
    if (disk->iothread > def->iothreads) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "iothread '%u' of disk '%s' is not one of the domain's %u iothreads",
                       disk->iothread, disk->dst, def->iothreads);
        return -1;
    }
    return 0;
}

static int
diskValidate(const virDomainDef *def, const virDomainDiskDef *disk)
{
    bool ata = disk->bus == VIR_DISK_BUS_IDE || disk->bus == VIR_DISK_BUS_SATA;

    if (disk->device == VIR_DISK_DEVICE_CDROM && disk->bus == VIR_DISK_BUS_VIRTIO) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "bus virtio of '%s' does not support ejectable media", disk->dst);
        return -1;
    }
    if (disk->device == VIR_DISK_DEVICE_DISK && disk->readonly && ata) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "readonly %s disks are not supported: disk '%s'",
                       virDiskBusToString(disk->bus), disk->dst);
        return -1;
    }
    if (disk->shareable && !disk->readonly && disk->src &&
        disk->src->format != VIR_STORAGE_FORMAT_RAW) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "shared access for disk '%s' requires format raw", disk->dst);
        return -1;
    }
    if (disk->serial &&
        disk->serial[strspn(disk->serial, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_ .+")]) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "serial '%s' of disk '%s' contains unsafe characters", disk->serial,
                       disk->dst);
        return -1;
    }
    if (diskDriverValidate(def, disk) < 0)
        return -1;
    return diskAddressValidate(def, disk);
}

static const char *
diskSourceName(const virDomainDiskDef *disk)
{
    return disk->src ? virStorageSourcePath(disk->src) : "(none)";
}

static bool
sameDrive(const virDomainDiskDef *a, const virDomainDiskDef *b)
{
    return a->bus == b->bus && a->addr.type == VIR_ADDRESS_DRIVE &&
           b->addr.type == VIR_ADDRESS_DRIVE && a->addr.controller == b->addr.controller &&
           a->addr.bus == b->addr.bus && a->addr.target == b->addr.target &&
           a->addr.unit == b->addr.unit;
}

static int
diskPairValidate(const virDomainDiskDef *a, const virDomainDiskDef *b)
{
    if (strcmp(a->dst, b->dst) == 0) {
        virReportError(VIR_ERR_XML_ERROR, "target '%s' duplicated for disk sources '%s' and '%s'",
                       a->dst, diskSourceName(a), diskSourceName(b));
        return -1;
    }
    if (a->bootOrder && a->bootOrder == b->bootOrder) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "boot order '%u' used for more than one device: '%s' and '%s'", a->bootOrder,
                       a->dst, b->dst);
        return -1;
    }
    if (sameDrive(a, b)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "disks '%s' and '%s' have the same drive address", a->dst, b->dst);
        return -1;
    }
    return 0;
}

static int
disksValidate(const virDomainDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (diskValidate(def, disk) < 0)
            return -1;
        if (disk->bootOrder && def->nbootDevs > 0) {
            virReportError(
                VIR_ERR_CONFIG_UNSUPPORTED,
                "per-device boot order (disk '%s') cannot be used together with <boot dev> in <os>",
                disk->dst);
            return -1;
        }
        for (guint j = 0; j < i; j++) {
            if (diskPairValidate(g_ptr_array_index(def->disks, j), disk) < 0)
                return -1;
        }
    }
    return 0;
}

static const char *
controllerModels(const virDomainDef *def, const virDomainControllerDef *controller)
{
    bool q35 = virDomainDefIsQ35(def);

    switch (controller->type) {
    case VIR_CONTROLLER_PCI:
        if (controller->index == 0)
            return q35 ? "pcie-root" : "pci-root";
        return q35 ? "pcie-root-port pcie-to-pci-bridge" : "";
    case VIR_CONTROLLER_SCSI:
        return "lsilogic virtio-scsi";
    case VIR_CONTROLLER_USB:
        return "piix3-uhci qemu-xhci none";
    case VIR_CONTROLLER_SATA:
    case VIR_CONTROLLER_IDE:
    case VIR_CONTROLLER_VIRTIO_SERIAL:
    case VIR_CONTROLLER_LAST:
        break;
    }
    return NULL;
}

static int
controllerModelValidate(const virDomainDef *def, const virDomainControllerDef *controller)
{
    const char *models = controllerModels(def, controller);
    const char *typeName = virControllerTypeNames[controller->type];
    g_auto(GStrv) list = g_strsplit(models ? models : "", " ", -1);

    if (!models && !controller->model)
        return 0;
    if (!controller->model || !g_strv_contains((const char *const *)list, controller->model)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "unsupported model '%s' of %s controller %d for machine type '%s'",
                       controller->model ? controller->model : "(none)", typeName,
                       controller->index, def->osMachine);
        return -1;
    }
    return 0;
}

static int
controllerOptionsValidate(const virDomainDef *def, const virDomainControllerDef *controller)
{
    bool rootPort = g_strcmp0(controller->model, "pcie-root-port") == 0;
    bool bridge = g_strcmp0(controller->model, "pcie-to-pci-bridge") == 0;
    const char *device = rootPort ? "pcie-root-port" : bridge ? "pcie-pci-bridge" : NULL;

    if (controller->iothread && g_strcmp0(controller->model, "virtio-scsi") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s controller %d: an iothread needs model virtio-scsi",
                       virControllerTypeNames[controller->type], controller->index);
        return -1;
    }
    if (controller->iothread > def->iothreads) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "iothread '%u' of SCSI controller %d is not one of the domain's %u iothreads",
            controller->iothread, controller->index, def->iothreads);
        return -1;
    }
    if (controller->modelName && g_strcmp0(controller->modelName, device) != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "unsupported <model name='%s'/> of %s controller %d", controller->modelName,
                       virControllerTypeNames[controller->type], controller->index);
        return -1;
    }
    if (!rootPort && (controller->targetChassis >= 0 || controller->targetPort >= 0)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported <target> of %s controller %d",
                       virControllerTypeNames[controller->type], controller->index);
        return -1;
    }
    return 0;
}

static int
controllersValidate(const virDomainDef *def)
{
    for (guint i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *controller = g_ptr_array_index(def->controllers, i);

        if (virDomainDefController(def, controller->type, controller->index) != controller) {
            virReportError(VIR_ERR_XML_ERROR, "multiple '%s' controllers with index '%d'",
                           virControllerTypeNames[controller->type], controller->index);
            return -1;
        }
        if (controllerModelValidate(def, controller) < 0 ||
            controllerOptionsValidate(def, controller) < 0)
            return -1;
        if (controller->type == VIR_CONTROLLER_USB && def->usbDisabled && controller->index > 0) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                           "USB is disabled by model 'none' and given another controller");
            return -1;
        }
    }
    return 0;
}

static int
chardevPairValidate(const virDomainChardevDef *a, const virDomainChardevDef *b)
{
    if (a->kind == VIR_CHARDEV_SERIAL && b->kind == VIR_CHARDEV_SERIAL && a->port == b->port) {
        virReportError(VIR_ERR_XML_ERROR, "serial port %d is given more than once", a->port);
        return -1;
    }
    if (a->addr.type == VIR_ADDRESS_VIRTIO_SERIAL && b->addr.type == VIR_ADDRESS_VIRTIO_SERIAL &&
        a->addr.controller == b->addr.controller && a->addr.port == b->addr.port) {
        virReportError(VIR_ERR_XML_ERROR, "virtio-serial port %u on controller %u is used twice",
                       a->addr.port, a->addr.controller);
        return -1;
    }
    if (a->kind == VIR_CHARDEV_CHANNEL && b->kind == VIR_CHARDEV_CHANNEL && a->targetName &&
        g_strcmp0(a->targetName, b->targetName) == 0) {
        virReportError(VIR_ERR_XML_ERROR, "channel name '%s' is given more than once",
                       a->targetName);
        return -1;
    }
    return 0;
}

static int
chardevsValidate(const virDomainDef *def)
{
    for (guint i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);
        bool needsPath =
            chardev->type == VIR_CHARDEV_FILE ||
            (chardev->type == VIR_CHARDEV_UNIX && chardev->kind != VIR_CHARDEV_CHANNEL);

        if (needsPath && !chardev->path) {
            virReportError(VIR_ERR_XML_ERROR, "<%s type='%s'> needs a <source> with a path",
                           virChardevKindNames[chardev->kind], virChardevTypeNames[chardev->type]);
            return -1;
        }
        if (chardev->path && !g_path_is_absolute(chardev->path)) {
            virReportError(VIR_ERR_XML_ERROR, "path '%s' of a <%s> must be absolute", chardev->path,
                           virChardevKindNames[chardev->kind]);
            return -1;
        }
        if (chardev->kind == VIR_CHARDEV_SERIAL && chardev->port > 3) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                           "at most 4 serial ports are supported");
            return -1;
        }
        for (guint j = 0; j < i; j++) {
            if (chardevPairValidate(g_ptr_array_index(def->chardevs, j), chardev) < 0)
                return -1;
        }
    }
    return 0;
}

static int
inputsValidate(const virDomainDef *def)
{
    unsigned int seen[VIR_INPUT_LAST] = {0};

    for (guint i = 0; i < def->inputs->len; i++) {
        const virDomainInputDef *input = g_ptr_array_index(def->inputs, i);

        if (input->bus == VIR_INPUT_BUS_USB && def->usbDisabled) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                           "can't add USB input device '%s': USB is disabled",
                           virInputTypeNames[input->type]);
            return -1;
        }
        if (seen[input->type]++ > 0) {
            virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "more than one input device of type '%s'",
                           virInputTypeNames[input->type]);
            return -1;
        }
    }
    return 0;
}

/* Ids and slots that two devices may not share; keys live as long as the sets. */
typedef struct {
    GHashTable *aliases;
    GHashTable *slots;
    int rc;
} uniqueness;

static void
deviceUnique(char **alias, virDeviceAddress *addr, void *opaque)
{
    uniqueness *u = opaque;

    if (u->rc < 0)
        return;
    if (*alias && !g_hash_table_add(u->aliases, g_strdup(*alias))) {
        virReportError(VIR_ERR_XML_ERROR, "alias '%s' is given to more than one device", *alias);
        u->rc = -1;
    } else if (addr->type == VIR_ADDRESS_PCI) {
        g_autofree char *slot = g_strdup_printf("%04x:%02x:%02x.%x", addr->domain, addr->bus,
                                                addr->slot, addr->function);

        if (!g_hash_table_add(u->slots, g_strdup(slot))) {
            virReportError(VIR_ERR_XML_ERROR, "attempted double use of PCI address %s", slot);
            u->rc = -1;
        }
    }
}

/* The iterator hands out pointers to change devices by; this visitor only looks. */
static int
uniqueValidate(const virDomainDef *def)
{
    g_autoptr(GHashTable) aliases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) slots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    uniqueness u = {aliases, slots, 0};

    virDomainDefForeachDevice((virDomainDef *)def, deviceUnique, &u);
    return u.rc;
}

int
virDomainDefValidate(const virDomainDef *def)
{
    if (nameValidate(def) < 0 || platformValidate(def) < 0 || actionsValidate(def) < 0 ||
        cpuValidate(def) < 0 || disksValidate(def) < 0 || controllersValidate(def) < 0 ||
        chardevsValidate(def) < 0 || inputsValidate(def) < 0)
        return -1;
    for (guint i = 0; i < def->rngs->len; i++) {
        const virDomainRngDef *rng = g_ptr_array_index(def->rngs, i);

        if (!g_path_is_absolute(rng->backendPath)) {
            virReportError(VIR_ERR_XML_ERROR, "<backend> '%s' of <rng> must be an absolute path",
                           rng->backendPath);
            return -1;
        }
    }
    return uniqueValidate(def);
}
