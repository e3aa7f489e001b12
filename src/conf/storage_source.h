/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The storage that holds one image, and the images below it: what <source> and <backingStore> say.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "encryption_def.h"
#include "storage_nbd.h"
#include "virbuffer.h"
#include "virxml.h"

typedef enum {
    VIR_STORAGE_TYPE_FILE,
    VIR_STORAGE_TYPE_BLOCK,
    VIR_STORAGE_TYPE_NETWORK,   /* an export of an NBD server */
    VIR_STORAGE_TYPE_LAST
} virStorageType;
extern const char *const virStorageTypeNames[VIR_STORAGE_TYPE_LAST];
/* libvirt's other types, for VIR_XML_ENUM_PROP. */
#define VIR_STORAGE_TYPES_FOREIGN "dir volume nvme vhostuser vhostvdpa"

typedef enum { VIR_STORAGE_FORMAT_NONE, VIR_STORAGE_FORMAT_RAW, VIR_STORAGE_FORMAT_QCOW2,
               VIR_STORAGE_FORMAT_LAST } virStorageFormat;
extern const char *const virStorageFormatNames[VIR_STORAGE_FORMAT_LAST];
const char *virStorageFormatToString(virStorageFormat f);
int virStorageFormatFromString(const char *name);   /* -1 for what is no format of ours */

/* One image; a chain by @backing. <backingStore/> (empty) = @backingTerminated. Without any
 * backingStore element the chain is probed by QEMU itself when the image is opened. */
typedef struct _virStorageSource virStorageSource;
struct _virStorageSource {
    virStorageType type;
    virStorageFormat format;
    char *path;                  /* FILE, BLOCK; else NULL */
    virStorageNbd *nbd;          /* NETWORK; else NULL */
    bool exclusive;              /* NETWORK: nobody but the domain writes to it, says the user */
    unsigned int index;          /* 0 = not given */
    virStorageSource *dataStore; /* qcow2: the raw image that has its data; NULL: itself has it, or that
                                  * is not known yet (qemu_data_file.h). (owned) */
    virStorageSource *backing;   /* (owned) */
    bool backingTerminated;
    virStorageEncryption *encryption;   /* (owned) NULL: none */
    bool encryptionOutside;      /* <encryption> stands beside <source>, where it once belonged */
};
virStorageSource *virStorageSourceNew(virStorageType type, virStorageFormat format, const char *path);
virStorageSource *virStorageSourceCopy(const virStorageSource *src);
void virStorageSourceFree(virStorageSource *src);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageSource, virStorageSourceFree)
/** What to call it in messages, and what tells two of them apart: a path or an NBD URI. (owned) */
char *virStorageSourceName(const virStorageSource *src);
/** What libvirt calls the path in events: of an export, its name. Borrowed. */
const char *virStorageSourcePath(const virStorageSource *src);
/** The same image in the same format; both may be NULL. */
bool virStorageSourceSame(const virStorageSource *a, const virStorageSource *b);

/** <source> of a disk, <target> or <scratch> of a backup, by @src->type. -1 with VIR_ERR_XML_ERROR,
 * VIR_ERR_INVALID_ARG or VIR_ERR_CONFIG_UNSUPPORTED. */
int virStorageSourceParse(xmlNodePtr source, virStorageSource *src);
/** <backingStore> of @parent: absent = probed by QEMU, empty = the chain ends here. */
int virStorageSourceParseBacking(xmlNodePtr parent, virStorageSource *src);
/** As @element. @index: with the number of a running domain's image. */
void virStorageSourceFormat(virBuffer *buf, const char *element, const virStorageSource *src, bool index);
void virStorageSourceFormatBacking(virBuffer *buf, const virStorageSource *src, bool index);
