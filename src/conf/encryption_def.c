/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <encryption>: parse and format. */
#include "encryption_def.h"

#include <string.h>
#include "virerror_report.h"
#include "viruuid.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE
#define REF_UUID "uuid:"
#define REF_USAGE "usage:"

static const char *const formats[] = {"luks"};
static const char *const engines[] = {"qemu"};
static const char *const secretTypes[] = {"passphrase"};

void
virStorageEncryptionFree(virStorageEncryption *encryption)
{
    if (!encryption)
        return;
    g_free(encryption->usage);
    g_free(encryption);
}

virStorageEncryption *
virStorageEncryptionCopy(const virStorageEncryption *encryption)
{
    virStorageEncryption *copy = encryption ? g_memdup2(encryption, sizeof(*encryption)) : NULL;

    if (copy)
        copy->usage = g_strdup(encryption->usage);
    return copy;
}

bool
virStorageEncryptionEqual(const virStorageEncryption *a, const virStorageEncryption *b)
{
    if (!a || !b)
        return a == b;
    return g_strcmp0(a->usage, b->usage) == 0 && memcmp(a->uuid, b->uuid, VIR_UUID_BUFLEN) == 0;
}

static int
secretParse(xmlNodePtr node, virStorageEncryption *encryption)
{
    g_autofree char *uuid = NULL;

    if (virXMLCheckKnown(node, "type uuid usage", NULL) < 0)
        return -1;
    if (virXMLEnumProp(node, "type", secretTypes, G_N_ELEMENTS(secretTypes), NULL, NULL) <= 0) {
        if (virErrorLastCode() == VIR_ERR_OK)
            virReportError(VIR_ERR_XML_ERROR, "missing attribute 'type' of <secret> in <encryption>");
        return -1;
    }
    uuid = virXMLProp(node, "uuid");
    encryption->usage = virXMLProp(node, "usage");
    if (!uuid == !encryption->usage) {
        virReportError(VIR_ERR_XML_ERROR, "<secret> in <encryption> needs either uuid or usage");
        return -1;
    }
    if (uuid && virUUIDParse(uuid, encryption->uuid) < 0) {
        virReportError(VIR_ERR_XML_ERROR, "invalid secret uuid '%s'", uuid);
        return -1;
    }
    return 0;
}

virStorageEncryption *
virStorageEncryptionParse(xmlNodePtr node)
{
    g_autoptr(virStorageEncryption) encryption = g_new0(virStorageEncryption, 1);
    xmlNodePtr secret = virXMLChild(node, "secret");
    int format = 0;

    if (virXMLCheckKnown(node, "format engine", "secret") < 0 ||
        virXMLCheckOnce(node, "secret") < 0 ||
        (format = virXMLEnumProp(node, "format", formats, G_N_ELEMENTS(formats),
                                 "default qcow luks2 luks-any", NULL)) < 0 ||
        VIR_XML_ENUM_CHECK(node, "engine", engines, "librbd") < 0)
        return NULL;
    if (format == 0 || !secret) {
        virReportError(VIR_ERR_XML_ERROR, "<encryption> needs format='luks' and a <secret>");
        return NULL;
    }
    return secretParse(secret, encryption) < 0 ? NULL : g_steal_pointer(&encryption);
}

void
virStorageEncryptionFormat(virBuffer *buf, const virStorageEncryption *encryption)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (!encryption)
        return;
    virBufferAdd(buf, "<encryption format='luks' engine='qemu'>\n");
    if (encryption->usage)
        virBufferEscapeString(buf, "  <secret type='passphrase' usage='%s'/>\n", encryption->usage);
    else
        virBufferAsprintf(buf, "  <secret type='passphrase' uuid='%s'/>\n",
                          virUUIDFormat(encryption->uuid, uuid));
    virBufferAdd(buf, "</encryption>\n");
}

char *
virStorageEncryptionToRef(const virStorageEncryption *encryption)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    return encryption->usage ? g_strconcat(REF_USAGE, encryption->usage, NULL)
                             : g_strconcat(REF_UUID, virUUIDFormat(encryption->uuid, uuid), NULL);
}

virStorageEncryption *
virStorageEncryptionFromRef(const char *ref)
{
    g_autoptr(virStorageEncryption) encryption = g_new0(virStorageEncryption, 1);

    if (g_str_has_prefix(ref, REF_USAGE))
        encryption->usage = g_strdup(ref + strlen(REF_USAGE));
    else if (!g_str_has_prefix(ref, REF_UUID) ||
             virUUIDParse(ref + strlen(REF_UUID), encryption->uuid) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "'%s' names no secret", ref);
        return NULL;
    }
    return g_steal_pointer(&encryption);
}
