/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <secret>: what is known about a secret except its value, which is in no document.
 *
 *   <secret ephemeral='no' private='yes'>
 *     <uuid>0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f</uuid>
 *     <description>disks of the mail server</description>
 *     <usage type='volume'>
 *       <volume>/images/mail.qcow2</volume>
 *     </usage>
 *   </secret>
 */
#pragma once
#include <glib.h>
#include <libvirt/libvirt.h>
#include <stdbool.h>

#define VIR_SECRET_USAGE_COUNT (VIR_SECRET_USAGE_TYPE_VTPM + 1)

typedef struct _virSecretDef {
    unsigned char uuid[VIR_UUID_BUFLEN];
    bool isEphemeral; /* never on disk */
    bool isPrivate;   /* its value is given to no client */
    char *description;
    virSecretUsageType usageType;
    char *usageID; /* "" with VIR_SECRET_USAGE_TYPE_NONE */
} virSecretDef;

/** "volume", "ceph" and so on by virSecretUsageType; "none" first. */
extern const char *const virSecretUsageNames[VIR_SECRET_USAGE_COUNT];

void virSecretDefFree(virSecretDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virSecretDef, virSecretDefFree)
/** A document without <uuid> gets a new one. NULL with VIR_ERR_XML_DETAIL, VIR_ERR_XML_ERROR or
 * VIR_ERR_XML_INVALID_SCHEMA. */
virSecretDef *virSecretDefParse(const char *xml);
virSecretDef *virSecretDefCopy(const virSecretDef *def);
char *virSecretDefFormat(const virSecretDef *def);
