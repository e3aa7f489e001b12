/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line: controllers. What the board has of itself (PCI root, pc's IDE, q35's SATA) needs no
 * option. */
#include "qemu_command_priv.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _qemuControllerModel {
    const char *model;  /* in the XML; NULL: none given */
    const char *device; /* QEMU's */
    const char *extra;  /* fixed properties, or NULL */
} qemuControllerModel;

static const qemuControllerModel scsiModels[] = {
    {NULL, "lsi53c895a", NULL},
    {"auto", "lsi53c895a", NULL},
    {"lsilogic", "lsi53c895a", NULL},
    {"virtio-scsi", "virtio-scsi-pci", NULL},
    {"virtio-transitional", "virtio-scsi-pci-transitional", NULL},
    {"virtio-non-transitional", "virtio-scsi-pci-non-transitional", NULL},
};

static const qemuControllerModel usbModels[] = {
    {NULL, "piix3-usb-uhci", NULL},
    {"piix3-uhci", "piix3-usb-uhci", NULL},
    {"qemu-xhci", "qemu-xhci", NULL},
    {"nec-xhci", "nec-usb-xhci", NULL},
    {"ehci", "usb-ehci", NULL},
    {"ich9-ehci1", "ich9-usb-ehci1", NULL},
    {"ich9-uhci1", "ich9-usb-uhci1", "masterbus=usb.0,firstport=0"},
    {"ich9-uhci2", "ich9-usb-uhci2", "masterbus=usb.0,firstport=2"},
    {"ich9-uhci3", "ich9-usb-uhci3", "masterbus=usb.0,firstport=4"},
};

static const qemuControllerModel serialModels[] = {
    {NULL, "virtio-serial-pci", NULL},
    {"virtio", "virtio-serial-pci", NULL},
};

static const qemuControllerModel sataModels[] = {
    {NULL, "ich9-ahci", NULL},
};

static const qemuControllerModel pciModels[] = {
    {"pcie-root-port", "pcie-root-port", NULL},
    {"pcie-to-pci-bridge", "pcie-pci-bridge", NULL},
    {"dmi-to-pci-bridge", "i82801b11-bridge", NULL},
    {"pci-bridge", "pci-bridge", NULL},
};

static const qemuControllerModel *
qemuControllerModelFind(const qemuControllerModel *models, size_t n,
                        const virDomainControllerDef *c)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        if (g_strcmp0(models[i].model, c->model) == 0)
            return &models[i];
    }
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "controller '%s' has model '%s', which is not supported",
                   c->alias ? c->alias : "?", c->model ? c->model : "(none)");
    return NULL;
}

const virDomainControllerDef *
qemuCommandController(const virDomainDef *def, virControllerType type, unsigned int index)
{
    guint i = 0;

    for (i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *ctrl = g_ptr_array_index(def->controllers, i);

        if (ctrl->type == type && MAX(ctrl->index, 0) == (int)index)
            return ctrl;
    }
    return NULL;
}

bool
qemuCommandSCSIIsLSI(const virDomainControllerDef *ctrl)
{
    return !ctrl->model || g_str_equal(ctrl->model, "lsilogic") || g_str_equal(ctrl->model, "auto");
}

/* Finish and add one -device. @extra: NULL or "key=value,...". */
static int
qemuCommandControllerAdd(qemuCommandBuilder *b, const qemuControllerModel *model,
                         const virDomainControllerDef *ctrl, const char *extra)
{
    g_autoptr(GString) dev = g_string_new(model->device);
    g_autofree char *what = g_strdup_printf("controller '%s'", ctrl->alias);

    if (model->extra)
        g_string_append_printf(dev, ",%s", model->extra);
    else
        qemuCommandOpt(dev, "id", ctrl->alias);
    if (extra)
        g_string_append_printf(dev, ",%s", extra);
    if (qemuCommandPCIPlace(b, dev, &ctrl->addr, what) < 0)
        return -1;
    qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    return 0;
}

static int
qemuCommandControllerPCI(qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    const qemuControllerModel *model = NULL;
    g_autofree char *extra = NULL;

    if (ctrl->index <= 0 || g_strcmp0(ctrl->model, "pci-root") == 0 ||
        g_strcmp0(ctrl->model, "pcie-root") == 0)
        return 0;
    if (!(model = qemuControllerModelFind(pciModels, G_N_ELEMENTS(pciModels), ctrl)))
        return -1;
    if (ctrl->modelName && !g_str_equal(ctrl->modelName, model->device)) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "PCI controller %d of model '%s' asks for device '%s'; only '%s' is supported",
            ctrl->index, ctrl->model, ctrl->modelName, model->device);
        return -1;
    }
    /* Two root ports need different chassis numbers or QEMU refuses the second. */
    if (g_str_equal(model->device, "pcie-root-port")) {
        extra = g_strdup_printf("chassis=%d",
                                ctrl->targetChassis > 0 ? ctrl->targetChassis : ctrl->index);
        if (ctrl->targetPort >= 0) {
            g_autofree char *chassis = g_steal_pointer(&extra);

            extra = g_strdup_printf("port=%d,%s", ctrl->targetPort, chassis);
        }
    } else if (g_str_equal(model->device, "pci-bridge")) {
        extra = g_strdup_printf("chassis_nr=%d",
                                ctrl->targetChassis > 0 ? ctrl->targetChassis : ctrl->index);
    }
    return qemuCommandControllerAdd(b, model, ctrl, extra);
}

static int
qemuCommandControllerSCSI(qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    const qemuControllerModel *model = NULL;
    g_autofree char *extra = NULL;

    if (!(model = qemuControllerModelFind(scsiModels, G_N_ELEMENTS(scsiModels), ctrl)))
        return -1;
    if (ctrl->iothread > 0) {
        if (qemuCommandSCSIIsLSI(ctrl)) {
            virReportError(
                VIR_ERR_CONFIG_UNSUPPORTED,
                "controller '%s' cannot run on an iothread; only model 'virtio-scsi' can",
                ctrl->alias);
            return -1;
        }
        extra = g_strdup_printf("iothread=iothread%u", ctrl->iothread);
    }
    return qemuCommandControllerAdd(b, model, ctrl, extra);
}

static int
qemuCommandControllerUSB(qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    static const qemuControllerModel q35Default = {NULL, "qemu-xhci", NULL};
    const qemuControllerModel *model = NULL;

    if (b->def->usbDisabled || g_strcmp0(ctrl->model, "none") == 0)
        return 0;
    model = !ctrl->model && b->q35
                ? &q35Default
                : qemuControllerModelFind(usbModels, G_N_ELEMENTS(usbModels), ctrl);
    return model ? qemuCommandControllerAdd(b, model, ctrl, NULL) : -1;
}

static int
qemuCommandControllerIDE(qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    if (!b->q35 && ctrl->index <= 0)
        return 0;
    virReportError(
        VIR_ERR_CONFIG_UNSUPPORTED,
        "machine '%s' has no IDE controller %d; use bus 'sata' or 'virtio' for its disks",
        b->def->osMachine, MAX(ctrl->index, 0));
    return -1;
}

static int
qemuCommandControllerOne(qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    const qemuControllerModel *model = NULL;

    switch (ctrl->type) {
    case VIR_CONTROLLER_PCI:
        return qemuCommandControllerPCI(b, ctrl);
    case VIR_CONTROLLER_SCSI:
        return qemuCommandControllerSCSI(b, ctrl);
    case VIR_CONTROLLER_USB:
        return qemuCommandControllerUSB(b, ctrl);
    case VIR_CONTROLLER_IDE:
        return qemuCommandControllerIDE(b, ctrl);
    case VIR_CONTROLLER_SATA:
        if (b->q35 && ctrl->index <= 0)
            return 0;
        model = qemuControllerModelFind(sataModels, G_N_ELEMENTS(sataModels), ctrl);
        return model ? qemuCommandControllerAdd(b, model, ctrl, NULL) : -1;
    case VIR_CONTROLLER_VIRTIO_SERIAL:
        model = qemuControllerModelFind(serialModels, G_N_ELEMENTS(serialModels), ctrl);
        return model ? qemuCommandControllerAdd(b, model, ctrl, NULL) : -1;
    case VIR_CONTROLLER_LAST:
        break;
    }
    virReportError(VIR_ERR_INTERNAL_ERROR, "controller of unknown type %d", ctrl->type);
    return -1;
}

/* PCI bridges first: other controllers may sit on them. */
int
qemuCommandControllers(qemuCommandBuilder *b)
{
    guint i = 0;
    int pass = 0;

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < b->def->controllers->len; i++) {
            const virDomainControllerDef *ctrl = g_ptr_array_index(b->def->controllers, i);

            if ((ctrl->type == VIR_CONTROLLER_PCI) != (pass == 0))
                continue;
            if (qemuCommandControllerOne(b, ctrl) < 0)
                return -1;
        }
    }
    return 0;
}
