/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where PCI devices sit. Without any address in the XML QEMU places all, in the order of the
 * command line. With some, QEMU could give their slots away before it reads of them, so that then
 * the rest is placed here, from the lowest free slot of bus 0 on.
 */
#include "qemu_command_priv.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define QEMU_PCI_SLOTS 32
/* 0: host bridge; 1: the south bridge of pc, VGA by custom on q35. */
#define QEMU_PCI_FIRST_SLOT 2

static void
qemuCommandPCITake(qemuCommandBuilder *b, const virDeviceAddress *addr)
{
    if (addr->type != VIR_ADDRESS_PCI)
        return;
    if (addr->bus == 0 && addr->slot < QEMU_PCI_SLOTS)
        b->usedSlots |= 1u << addr->slot;
}

/* Parts of the board have an address in the XML but no option of ours. */
static bool
qemuCommandPCIIsBoard(const qemuCommandBuilder *b, const virDomainControllerDef *ctrl)
{
    return (ctrl->type == VIR_CONTROLLER_PCI && ctrl->index <= 0) ||
           (ctrl->type == VIR_CONTROLLER_IDE && !b->q35) ||
           (ctrl->type == VIR_CONTROLLER_SATA && b->q35 && ctrl->index <= 0);
}

int
qemuCommandPCIScan(qemuCommandBuilder *b)
{
    const virDomainDef *def = b->def;
    guint32 board = 0;
    guint i = 0;

    for (i = 0; i < def->controllers->len; i++) {
        const virDomainControllerDef *ctrl = g_ptr_array_index(def->controllers, i);

        if (!qemuCommandPCIIsBoard(b, ctrl))
            qemuCommandPCITake(b, &ctrl->addr);
    }
    for (i = 0; i < def->disks->len; i++)
        qemuCommandPCITake(b, &((virDomainDiskDef *)g_ptr_array_index(def->disks, i))->addr);
    for (i = 0; i < def->nets->len; i++)
        qemuCommandPCITake(b, &((virDomainNetDef *)g_ptr_array_index(def->nets, i))->addr);
    for (i = 0; i < def->rngs->len; i++)
        qemuCommandPCITake(b, &((virDomainRngDef *)g_ptr_array_index(def->rngs, i))->addr);
    if (!def->memballoonNone)
        qemuCommandPCITake(b, &def->memballoonAddr);

    b->placePCI = b->usedSlots != 0;
    board = (1u << QEMU_PCI_FIRST_SLOT) - 1;
    if (b->q35)
        board |= 1u << 31;
    b->usedSlots |= board;
    return 0;
}

static int
qemuCommandPCIBusName(const qemuCommandBuilder *b, unsigned int bus, const char *what, GString *out)
{
    const virDomainControllerDef *ctrl = NULL;

    if (bus == 0) {
        g_string_append(out, b->q35 ? "pcie.0" : "pci.0");
        return 0;
    }
    ctrl = qemuCommandController(b->def, VIR_CONTROLLER_PCI, bus);
    if (!ctrl) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "the address of %s is on PCI bus %u, but no <controller type='pci'> has index"
            " %u",
            what, bus, bus);
        return -1;
    }
    g_string_append(out, ctrl->alias);
    return 0;
}

int
qemuCommandPCIPlace(qemuCommandBuilder *b, GString *dev, const virDeviceAddress *addr,
                    const char *what)
{
    unsigned int slot = 0;

    if (addr->type == VIR_ADDRESS_PCI) {
        if (addr->domain != 0) {
            virReportError(
                VIR_ERR_CONFIG_UNSUPPORTED,
                "the address of %s is in PCI domain %u; QEMU's boards have domain 0 only", what,
                addr->domain);
            return -1;
        }
        g_string_append(dev, ",bus=");
        if (qemuCommandPCIBusName(b, addr->bus, what, dev) < 0)
            return -1;
        if (addr->multifunction)
            g_string_append(dev, ",multifunction=on");
        g_string_append_printf(dev, ",addr=0x%x", addr->slot);
        if (addr->function != 0)
            g_string_append_printf(dev, ".0x%x", addr->function);
        return 0;
    }
    if (addr->type != VIR_ADDRESS_NONE) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "the address of %s is not of type 'pci'", what);
        return -1;
    }
    if (!b->placePCI)
        return 0;
    for (slot = QEMU_PCI_FIRST_SLOT; slot < QEMU_PCI_SLOTS; slot++) {
        if (!(b->usedSlots & (1u << slot)))
            break;
    }
    if (slot == QEMU_PCI_SLOTS) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "no PCI slot of bus 0 is left for %s; give it an address on another bus",
                       what);
        return -1;
    }
    b->usedSlots |= 1u << slot;
    g_string_append_printf(dev, ",bus=%s,addr=0x%x", b->q35 ? "pcie.0" : "pci.0", slot);
    return 0;
}
