/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a device sits: <address type='...'>. Type NONE leaves it to QEMU. */
#pragma once
#include <stdbool.h>
#include "virbuffer.h"
#include "virxml.h"

typedef enum {
    VIR_ADDRESS_NONE,
    VIR_ADDRESS_PCI,
    VIR_ADDRESS_DRIVE,
    VIR_ADDRESS_VIRTIO_SERIAL,
    VIR_ADDRESS_USB,
    VIR_ADDRESS_ISA,
    VIR_ADDRESS_LAST
} virDeviceAddressType;

typedef struct _virDeviceAddress {
    virDeviceAddressType type;
    unsigned int domain, bus, slot, function;        /* pci */
    bool multifunction;
    unsigned int controller, target, unit, port;     /* drive: controller,bus,target,unit; serial: controller,bus,port */
    unsigned int iobase, irq;                        /* isa */
} virDeviceAddress;
/** <address> of @deviceNode; @addr untouched (type NONE) when there is none. */
int virDeviceAddressParse(xmlNodePtr deviceNode, virDeviceAddress *addr);
void virDeviceAddressFormat(virBuffer *buf, const virDeviceAddress *addr);

/* A name the user may give a device begins so; every other alias is ours, given at start. */
#define VIR_DEVICE_ALIAS_USER_PREFIX "ua-"
/** <alias name='..'> of @deviceNode into @alias (owned), NULL when absent. It becomes a QEMU id, so
 * only letters, digits, '_', '-' and '.' are accepted. */
int virDeviceAliasParse(xmlNodePtr deviceNode, char **alias);
/** Written for a running domain, or when the user named it. */
void virDeviceAliasFormat(virBuffer *buf, const char *alias, bool live);
