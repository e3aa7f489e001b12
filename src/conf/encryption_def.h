/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <encryption>: how an image is encrypted, and which secret opens it.
 *
 *   <encryption format='luks'>
 *     <secret type='passphrase' uuid='0a81f5b2-8403-4b23-88d6-21ccc2f80d6f'/>     or usage='/images/a'
 *   </encryption>
 *
 * LUKS (version 1) by QEMU is all there is: inside a qcow2 image, or around a raw one.
 */
#pragma once
#include <glib.h>
#include <libvirt/libvirt.h>
#include "virbuffer.h"
#include "virxml.h"

typedef struct _virStorageEncryption {
    unsigned char uuid[VIR_UUID_BUFLEN]; /* of the secret, unless it has a usage */
    char *usage;                         /* its usage of type volume, or NULL */
} virStorageEncryption;

void virStorageEncryptionFree(virStorageEncryption *encryption);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageEncryption, virStorageEncryptionFree)
virStorageEncryption *virStorageEncryptionCopy(const virStorageEncryption *encryption);
bool virStorageEncryptionEqual(const virStorageEncryption *a, const virStorageEncryption *b);
/** @node: the element. NULL with VIR_ERR_XML_ERROR or VIR_ERR_CONFIG_UNSUPPORTED. */
virStorageEncryption *virStorageEncryptionParse(xmlNodePtr node);
void virStorageEncryptionFormat(virBuffer *buf, const virStorageEncryption *encryption);
/** The reference alone, as one word for journals: "uuid:..." or "usage:..." (owned), and back. */
char *virStorageEncryptionToRef(const virStorageEncryption *encryption);
virStorageEncryption *virStorageEncryptionFromRef(const char *ref);
