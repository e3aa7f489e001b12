/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Storage of one image and of its chain: parse and format. */
#include "storage_source.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

const char *const virStorageTypeNames[VIR_STORAGE_TYPE_LAST] = {"file", "block", "network"};
const char *const virStorageFormatNames[VIR_STORAGE_FORMAT_LAST] = {NULL, "raw", "qcow2"};

const char *
virStorageFormatToString(virStorageFormat f)
{
    return f < VIR_STORAGE_FORMAT_LAST ? virStorageFormatNames[f] : NULL;
}

int
virStorageFormatFromString(const char *name)
{
    for (int i = 0; name && i < VIR_STORAGE_FORMAT_LAST; i++) {
        if (g_strcmp0(virStorageFormatNames[i], name) == 0)
            return i;
    }
    return -1;
}

virStorageSource *
virStorageSourceNew(virStorageType type, virStorageFormat format, const char *path)
{
    virStorageSource *src = g_new0(virStorageSource, 1);

    src->type = type;
    src->format = format;
    src->path = g_strdup(path);
    return src;
}

virStorageSource *
virStorageSourceCopy(const virStorageSource *src)
{
    virStorageSource *copy;

    if (!src)
        return NULL;
    copy = virStorageSourceNew(src->type, src->format, src->path);
    copy->nbd = virStorageNbdCopy(src->nbd);
    copy->exclusive = src->exclusive;
    copy->index = src->index;
    copy->dataStore = virStorageSourceCopy(src->dataStore);
    copy->backing = virStorageSourceCopy(src->backing);
    copy->backingTerminated = src->backingTerminated;
    copy->encryption = virStorageEncryptionCopy(src->encryption);
    copy->encryptionOutside = src->encryptionOutside;
    return copy;
}

void
virStorageSourceFree(virStorageSource *src)
{
    while (src) {
        virStorageSource *backing = src->backing;

        g_free(src->path);
        virStorageNbdFree(src->nbd);
        virStorageSourceFree(src->dataStore);
        virStorageEncryptionFree(src->encryption);
        g_free(src);
        src = backing;
    }
}

char *
virStorageSourceName(const virStorageSource *src)
{
    return src->nbd ? virStorageNbdURI(src->nbd) : g_strdup(src->path);
}

const char *
virStorageSourcePath(const virStorageSource *src)
{
    return src->nbd ? src->nbd->exportName : src->path;
}

bool
virStorageSourceSame(const virStorageSource *a, const virStorageSource *b)
{
    g_autofree char *one = a ? virStorageSourceName(a) : NULL;
    g_autofree char *two = b ? virStorageSourceName(b) : NULL;

    if (!a || !b)
        return a == b;
    return a->type == b->type && a->format == b->format && g_strcmp0(one, two) == 0 &&
           virStorageEncryptionEqual(a->encryption, b->encryption);
}

static int
pathParse(xmlNodePtr source, const char *attr, virStorageSource *src)
{
    g_autofree char *known = g_strdup_printf("%s index", attr);
    g_autofree char *path = NULL;

    if (virXMLCheckKnown(source, known, "dataStore encryption") < 0 ||
        !(path = virXMLPropRequired(source, attr)) ||
        virXMLPropUInt(source, "index", &src->index) < 0)
        return -1;
    if (!g_path_is_absolute(path)) {
        virReportError(VIR_ERR_XML_ERROR, "path '%s' in element <%s> must be absolute", path,
                       (const char *)source->name);
        return -1;
    }
    for (const char *c = path; *c; c++) {
        if (g_ascii_iscntrl(*c)) {
            virReportError(VIR_ERR_XML_ERROR, "path '%s' in element <%s> holds control characters",
                           path, (const char *)source->name);
            return -1;
        }
    }
    g_free(src->path);
    src->path = g_steal_pointer(&path);
    return 0;
}

static int
networkParse(xmlNodePtr source, virStorageSource *src)
{
    static const char *const protocols[] = {"nbd"};
    g_autofree char *protocol = virXMLPropRequired(source, "protocol");

    if (!protocol ||
        virXMLCheckKnown(source, "protocol name tls index f:exclusive", "host dataStore encryption") < 0 ||
        VIR_XML_ENUM_CHECK(source, "protocol", protocols, "rbd iscsi sheepdog gluster http https "
                           "ftp ftps tftp ssh vxhs nfs") < 0 ||
        virXMLPropUInt(source, "index", &src->index) < 0 ||
        virXMLPropYesNo(source, "f:exclusive", &src->exclusive) < 0 ||
        !(src->nbd = virStorageNbdParse(source)))
        return -1;
    return 0;
}

static int
placeParse(xmlNodePtr source, virStorageSource *src)
{
    switch (src->type) {
    case VIR_STORAGE_TYPE_FILE:
        return pathParse(source, "file", src);
    case VIR_STORAGE_TYPE_BLOCK:
        return pathParse(source, "dev", src);
    case VIR_STORAGE_TYPE_NETWORK:
        return networkParse(source, src);
    case VIR_STORAGE_TYPE_LAST:
        break;
    }
    virReportError(VIR_ERR_INTERNAL_ERROR, "storage has unknown type %d", src->type);
    return -1;
}

/* <dataStore> of a qcow2's <source>, as libvirt has it since 10.10. */
static int
dataStoreParse(xmlNodePtr parent, virStorageSource *src)
{
    static const char *const formats[] = {"raw"};
    xmlNodePtr node = virXMLChild(parent, "dataStore");
    xmlNodePtr format = node ? virXMLChild(node, "format") : NULL;
    xmlNodePtr source = node ? virXMLChild(node, "source") : NULL;
    g_autoptr(virStorageSource) data = NULL;

    if (!node)
        return 0;
    if (virXMLCheckOnce(parent, "dataStore") < 0 || virXMLCheckKnown(node, "type", "format source") < 0 ||
        virXMLCheckOnce(node, "format source") < 0)
        return -1;
    if (src->format != VIR_STORAGE_FORMAT_QCOW2) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "<dataStore> in <source> is for format 'qcow2', not '%s'",
                       virStorageFormatToString(src->format));
        return -1;
    }
    if (!source || !format) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "<dataStore> needs both <format> and <source>");
        return -1;
    }
    data = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_RAW, NULL);
    if (VIR_XML_ENUM_PROP(node, "type", virStorageTypeNames, VIR_STORAGE_TYPES_FOREIGN, data->type) < 0 ||
        virXMLCheckKnown(format, "type", NULL) < 0 || VIR_XML_ENUM_CHECK(format, "type", formats, "*") < 0 ||
        virStorageSourceParse(source, data) < 0)
        return -1;
    if (data->encryption) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       "<encryption> in <dataStore>: the data file is encrypted as its qcow2 image is");
        return -1;
    }
    src->dataStore = g_steal_pointer(&data);
    return 0;
}

static int
encryptionParse(xmlNodePtr source, virStorageSource *src)
{
    xmlNodePtr encryption = virXMLChild(source, "encryption");

    if (!encryption)
        return 0;
    if (virXMLCheckOnce(source, "encryption") < 0 ||
        !(src->encryption = virStorageEncryptionParse(encryption)))
        return -1;
    return 0;
}

int
virStorageSourceParse(xmlNodePtr source, virStorageSource *src)
{
    if (placeParse(source, src) < 0 || dataStoreParse(source, src) < 0)
        return -1;
    return encryptionParse(source, src);
}

/* Recursion is bounded by the depth virXMLParse allows. */
int
virStorageSourceParseBacking(xmlNodePtr parent, virStorageSource *src)
{
    xmlNodePtr node = virXMLChild(parent, "backingStore");
    xmlNodePtr format, source;
    g_autoptr(virStorageSource) backing = NULL;

    if (!node)
        return 0;
    format = virXMLChild(node, "format");
    source = virXMLChild(node, "source");
    if (virXMLCheckKnown(node, "type index", "format source backingStore") < 0 ||
        virXMLCheckOnce(node, "format source backingStore") < 0)
        return -1;
    if (!source && !format) {
        src->backingTerminated = true;
        return virXMLCheckKnown(node, NULL, NULL);
    }
    if (!source || !format) {
        g_autofree char *name = virStorageSourceName(src);

        virReportError(VIR_ERR_XML_ERROR, "<backingStore> of '%s' needs both <format> and <source>",
                       name);
        return -1;
    }
    backing = virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_RAW, NULL);
    if (VIR_XML_ENUM_PROP(node, "type", virStorageTypeNames, VIR_STORAGE_TYPES_FOREIGN,
                          backing->type) < 0 ||
        virXMLCheckKnown(format, "type", NULL) < 0 ||
        VIR_XML_ENUM_PROP(format, "type", virStorageFormatNames, "*", backing->format) < 0 ||
        virStorageSourceParse(source, backing) < 0 ||
        virXMLPropUInt(node, "index", &backing->index) < 0 ||
        virStorageSourceParseBacking(node, backing) < 0)
        return -1;
    src->backing = g_steal_pointer(&backing);
    return 0;
}

static void
dataStoreFormat(virBuffer *buf, const virStorageSource *data, bool index)
{
    virBufferAsprintf(buf, "<dataStore type='%s'>\n", virStorageTypeNames[data->type]);
    virBufferAdjustIndent(buf, 2);
    virBufferAsprintf(buf, "<format type='%s'/>\n", virStorageFormatNames[data->format]);
    virStorageSourceFormat(buf, "source", data, index);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</dataStore>\n");
}

void
virStorageSourceFormat(virBuffer *buf, const char *element, const virStorageSource *src, bool index)
{
    const virStorageEncryption *inside = src->encryptionOutside ? NULL : src->encryption;

    virBufferAsprintf(buf, "<%s", element);
    if (src->nbd)
        virStorageNbdFormatAttrs(buf, src->nbd);
    else
        virBufferEscapeString(buf, src->type == VIR_STORAGE_TYPE_BLOCK ? " dev='%s'" : " file='%s'",
                              src->path);
    if (index && src->index)
        virBufferAsprintf(buf, " index='%u'", src->index);
    if (src->exclusive)
        virBufferAsprintf(buf, " xmlns:f='%s' f:exclusive='yes'", VIR_XML_NS_FLEECE);
    if (!src->nbd && !src->dataStore && !inside) {
        virBufferAdd(buf, "/>\n");
        return;
    }
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    if (src->nbd)
        virStorageNbdFormatHost(buf, src->nbd);
    if (src->dataStore)
        dataStoreFormat(buf, src->dataStore, index);
    virStorageEncryptionFormat(buf, inside);
    virBufferAdjustIndent(buf, -2);
    virBufferAsprintf(buf, "</%s>\n", element);
}

void
virStorageSourceFormatBacking(virBuffer *buf, const virStorageSource *src, bool index)
{
    const virStorageSource *backing = src->backing;

    if (!backing) {
        if (src->backingTerminated)
            virBufferAdd(buf, "<backingStore/>\n");
        return;
    }
    virBufferAsprintf(buf, "<backingStore type='%s'", virStorageTypeNames[backing->type]);
    if (index && backing->index)
        virBufferAsprintf(buf, " index='%u'", backing->index);
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAsprintf(buf, "<format type='%s'/>\n", virStorageFormatNames[backing->format]);
    virStorageSourceFormat(buf, "source", backing, false);
    virStorageSourceFormatBacking(buf, backing, index);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</backingStore>\n");
}
