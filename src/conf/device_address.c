/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <address> of a device. Numbers come in decimal or with 0x; every member has the width of the bus
 * it is about, so that what passes here can be put on a QEMU command line unchecked.
 */
#include "device_address.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static const char *const addressTypes[VIR_ADDRESS_LAST] = {
    [VIR_ADDRESS_PCI] = "pci",
    [VIR_ADDRESS_DRIVE] = "drive",
    [VIR_ADDRESS_VIRTIO_SERIAL] = "virtio-serial",
    [VIR_ADDRESS_USB] = "usb",
    [VIR_ADDRESS_ISA] = "isa",
};

static int
addressNumber(xmlNodePtr node, const char *attr, unsigned int max, unsigned int *out)
{
    g_autofree char *text = virXMLProp(node, attr);
    bool hex;
    guint64 value = 0;

    if (!text)
        return 0;
    hex = g_str_has_prefix(text, "0x");
    if (!g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, max, &value, NULL)) {
        virReportError(VIR_ERR_XML_ERROR,
                       "invalid %s '%s' in <address>: a number from 0 to %u is wanted", attr, text,
                       max);
        return -1;
    }
    *out = value;
    return 0;
}

static int
addressParsePCI(xmlNodePtr node, virDeviceAddress *addr)
{
    if (virXMLCheckKnown(node, "type domain bus slot function multifunction", NULL) < 0 ||
        addressNumber(node, "domain", 0xffff, &addr->domain) < 0 ||
        addressNumber(node, "bus", 0xff, &addr->bus) < 0 ||
        addressNumber(node, "slot", 0x1f, &addr->slot) < 0 ||
        addressNumber(node, "function", 7, &addr->function) < 0 ||
        virXMLPropOnOff(node, "multifunction", &addr->multifunction) < 0)
        return -1;
    return 0;
}

static int
addressParseDrive(xmlNodePtr node, virDeviceAddress *addr)
{
    if (virXMLCheckKnown(node, "type controller bus target unit", NULL) < 0 ||
        addressNumber(node, "controller", 0xff, &addr->controller) < 0 ||
        addressNumber(node, "bus", 0xff, &addr->bus) < 0 ||
        addressNumber(node, "target", 0xff, &addr->target) < 0 ||
        addressNumber(node, "unit", 0x3fff, &addr->unit) < 0)
        return -1;
    return 0;
}

static int
addressParseVirtioSerial(xmlNodePtr node, virDeviceAddress *addr)
{
    if (virXMLCheckKnown(node, "type controller bus port", NULL) < 0 ||
        addressNumber(node, "controller", 0xff, &addr->controller) < 0 ||
        addressNumber(node, "bus", 0xff, &addr->bus) < 0 ||
        addressNumber(node, "port", 510, &addr->port) < 0)
        return -1;
    return 0;
}

static int
addressParseUSB(xmlNodePtr node, virDeviceAddress *addr)
{
    if (virXMLCheckKnown(node, "type bus port", NULL) < 0 ||
        addressNumber(node, "bus", 0xff, &addr->bus) < 0 ||
        addressNumber(node, "port", 0xff, &addr->port) < 0)
        return -1;
    return 0;
}

static int
addressParseISA(xmlNodePtr node, virDeviceAddress *addr)
{
    if (virXMLCheckKnown(node, "type iobase irq", NULL) < 0 ||
        addressNumber(node, "iobase", 0xffff, &addr->iobase) < 0 ||
        addressNumber(node, "irq", 15, &addr->irq) < 0)
        return -1;
    return 0;
}

int
virDeviceAddressParse(xmlNodePtr deviceNode, virDeviceAddress *addr)
{
    xmlNodePtr node = virXMLChild(deviceNode, "address");
    g_autofree char *type = NULL;

    if (!node)
        return 0;
    if (virXMLCheckOnce(deviceNode, "address") < 0 || !(type = virXMLPropRequired(node, "type")))
        return -1;
    if (VIR_XML_ENUM_PROP(node, "type", addressTypes, "*", addr->type) < 0)
        return -1;
    switch (addr->type) {
    case VIR_ADDRESS_PCI:
        return addressParsePCI(node, addr);
    case VIR_ADDRESS_DRIVE:
        return addressParseDrive(node, addr);
    case VIR_ADDRESS_VIRTIO_SERIAL:
        return addressParseVirtioSerial(node, addr);
    case VIR_ADDRESS_USB:
        return addressParseUSB(node, addr);
    case VIR_ADDRESS_ISA:
        return addressParseISA(node, addr);
    case VIR_ADDRESS_NONE:
    case VIR_ADDRESS_LAST:
        break;
    }
    return 0;
}

void
virDeviceAddressFormat(virBuffer *buf, const virDeviceAddress *addr)
{
    switch (addr->type) {
    case VIR_ADDRESS_PCI:
        virBufferAsprintf(buf,
                          "<address type='pci' domain='0x%04x' bus='0x%02x' slot='0x%02x' "
                          "function='0x%x'%s/>\n",
                          addr->domain, addr->bus, addr->slot, addr->function,
                          addr->multifunction ? " multifunction='on'" : "");
        break;
    case VIR_ADDRESS_DRIVE:
        virBufferAsprintf(
            buf, "<address type='drive' controller='%u' bus='%u' target='%u' unit='%u'/>\n",
            addr->controller, addr->bus, addr->target, addr->unit);
        break;
    case VIR_ADDRESS_VIRTIO_SERIAL:
        virBufferAsprintf(buf,
                          "<address type='virtio-serial' controller='%u' bus='%u' port='%u'/>\n",
                          addr->controller, addr->bus, addr->port);
        break;
    case VIR_ADDRESS_USB:
        virBufferAsprintf(buf, "<address type='usb' bus='%u' port='%u'/>\n", addr->bus, addr->port);
        break;
    case VIR_ADDRESS_ISA:
        virBufferAsprintf(buf, "<address type='isa' iobase='0x%x' irq='0x%x'/>\n", addr->iobase,
                          addr->irq);
        break;
    case VIR_ADDRESS_NONE:
    case VIR_ADDRESS_LAST:
        break;
    }
}

int
virDeviceAliasParse(xmlNodePtr deviceNode, char **alias)
{
    xmlNodePtr node = virXMLChild(deviceNode, "alias");
    g_autofree char *name = NULL;

    if (!node)
        return 0;
    if (virXMLCheckOnce(deviceNode, "alias") < 0 || virXMLCheckKnown(node, "name", NULL) < 0 ||
        !(name = virXMLPropRequired(node, "name")))
        return -1;
    if (strlen(name) > 63 || name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-.")]) {
        virReportError(VIR_ERR_XML_ERROR,
                       "invalid alias '%s': up to 63 letters, digits, '_', '-' and '.' are allowed",
                       name);
        return -1;
    }
    *alias = g_steal_pointer(&name);
    return 0;
}

void
virDeviceAliasFormat(virBuffer *buf, const char *alias, bool live)
{
    if (alias && (live || g_str_has_prefix(alias, VIR_DEVICE_ALIAS_USER_PREFIX)))
        virBufferEscapeString(buf, "<alias name='%s'/>\n", alias);
}
