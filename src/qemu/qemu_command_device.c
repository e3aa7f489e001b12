/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line: networks, input, random numbers, memory balloon. */
#include "qemu_command_priv.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *const netModels[][2] = {
    {"virtio", "virtio-net-pci"},
    {"e1000", "e1000"},
    {"e1000e", "e1000e"},
    {"rtl8139", "rtl8139"},
};

static const char *
qemuCommandNetDevice(const virDomainNetDef *net)
{
    size_t i = 0;

    for (i = 0; i < G_N_ELEMENTS(netModels); i++) {
        if (g_strcmp0(net->model ? net->model : "rtl8139", netModels[i][0]) == 0)
            return netModels[i][1];
    }
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "network interface '%s' has model '%s', which is not supported", net->mac,
                   net->model);
    return NULL;
}

int
qemuCommandNets(qemuCommandBuilder *b)
{
    guint i = 0;

    for (i = 0; i < b->def->nets->len; i++) {
        const virDomainNetDef *net = g_ptr_array_index(b->def->nets, i);
        g_autofree char *netdev = g_strdup_printf("user,id=host%s", net->alias);
        g_autofree char *what = g_strdup_printf("network interface '%s'", net->mac);
        const char *device = qemuCommandNetDevice(net);
        unsigned int bootIndex = i == 0 ? qemuCommandBootIndex(b->def, VIR_DOMAIN_BOOT_NETWORK) : 0;
        g_autoptr(GString) dev = g_string_new(device);

        if (!device)
            return -1;
        g_string_append_printf(dev, ",netdev=host%s,id=%s", net->alias, net->alias);
        qemuCommandOpt(dev, "mac", net->mac);
        if (bootIndex > 0)
            g_string_append_printf(dev, ",bootindex=%u", bootIndex);
        if (qemuCommandPCIPlace(b, dev, &net->addr, what) < 0)
            return -1;
        qemuCommandAdd(b, "-netdev", netdev);
        qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    }
    return 0;
}

int
qemuCommandInputs(qemuCommandBuilder *b)
{
    guint i = 0;

    for (i = 0; i < b->def->inputs->len; i++) {
        const virDomainInputDef *input = g_ptr_array_index(b->def->inputs, i);
        const virDomainControllerDef *usb = qemuCommandController(b->def, VIR_CONTROLLER_USB, 0);
        g_autoptr(GString) dev = g_string_new("usb-tablet");

        if (input->bus == VIR_INPUT_BUS_PS2)
            continue;
        if (input->type != VIR_INPUT_TABLET || b->def->usbDisabled || !usb) {
            virReportError(
                VIR_ERR_CONFIG_UNSUPPORTED,
                "input device '%s' on bus 'usb' is not supported: only a tablet is, and it"
                " needs a USB controller",
                input->alias);
            return -1;
        }
        qemuCommandOpt(dev, "id", input->alias);
        g_string_append_printf(dev, ",bus=%s.0", usb->alias);
        if (input->addr.type == VIR_ADDRESS_USB && input->addr.port > 0)
            g_string_append_printf(dev, ",port=%u", input->addr.port);
        qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    }
    return 0;
}

int
qemuCommandRngs(qemuCommandBuilder *b)
{
    guint i = 0;

    for (i = 0; i < b->def->rngs->len; i++) {
        const virDomainRngDef *rng = g_ptr_array_index(b->def->rngs, i);
        g_autoptr(GString) object = g_string_new("rng-random");
        g_autoptr(GString) dev = g_string_new("virtio-rng-pci");

        g_string_append_printf(object, ",id=obj%s", rng->alias);
        qemuCommandOpt(object, "filename", rng->backendPath);
        g_string_append_printf(dev, ",rng=obj%s,id=%s", rng->alias, rng->alias);
        if (qemuCommandPCIPlace(b, dev, &rng->addr, "the random number device") < 0)
            return -1;
        qemuCommandAddString(b, "-object", g_steal_pointer(&object));
        qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    }
    return 0;
}

int
qemuCommandBalloon(qemuCommandBuilder *b)
{
    g_autoptr(GString) dev = g_string_new("virtio-balloon-pci");

    if (b->def->memballoonNone)
        return 0;
    qemuCommandOpt(dev, "id", b->def->memballoonAlias);
    if (qemuCommandPCIPlace(b, dev, &b->def->memballoonAddr, "the memory balloon") < 0)
        return -1;
    qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    return 0;
}
