/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The secret members of a driver's table (libvirt-driver.h); they use secret_store.h, whatever the
 * connection's driver is. */
#pragma once
#include "libvirt-driver.h"

int secretConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags);
virSecretPtr secretLookupByUUID(virConnectPtr conn, const unsigned char *uuid);
virSecretPtr secretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID);
virSecretPtr secretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags);
char *secretGetXMLDesc(virSecretPtr secret, unsigned int flags);
int secretSetValue(virSecretPtr secret, const unsigned char *value, size_t size,
                   unsigned int flags);
unsigned char *secretGetValue(virSecretPtr secret, size_t *size, unsigned int flags);
int secretUndefine(virSecretPtr secret);
