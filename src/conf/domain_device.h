/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device as XML, and changes of a definition by one device. */
#pragma once
#include "domain_def.h"

/**
 * virDomainDeviceDiskParse: a document of one <disk>, parsed and checked as in a domain.
 * @action: "attached", "changed": for the message about devices of other kinds.
 * Returns: (owned), without what only a running domain has; or NULL with VIR_ERR_CONFIG_UNSUPPORTED
 * for other devices, or an error of the disk's parser.
 */
virDomainDiskDef *virDomainDeviceDiskParse(const char *xml, const char *action);
/** (owned) target name of the <disk> in @xml, which may leave out all else; NULL with an error. */
char *virDomainDeviceTargetParse(const char *xml, const char *action);
/**
 * virDomainDefAddDisk: put *@disk (consumed) into @def, with defaults, and check the whole.
 * @live: no controller can be added for it.
 * Returns: 0; or -1 with an error, and @def is of no use any more.
 */
int virDomainDefAddDisk(virDomainDef *def, virDomainDiskDef **disk, bool live);
/** 0, or -1 with VIR_ERR_DEVICE_MISSING. */
int virDomainDefRemoveDisk(virDomainDef *def, const char *dst);
/** Borrowed, NULL if none. */
virDomainDiskDef *virDomainDefDiskByAlias(const virDomainDef *def, const char *alias);
bool virDomainDefHasAlias(const virDomainDef *def, const char *alias);
/** Choose a place for a virtio disk that is added to a running q35 machine: a free root port.
 * Elsewhere QEMU chooses. 0, or -1 with VIR_ERR_CONFIG_UNSUPPORTED. */
int virDomainDefPlaceHotplugged(const virDomainDef *def, virDomainDiskDef *disk);
