/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bitmap store: where the bitmaps of a disk are kept whose image cannot hold them (raw files, block
 * devices, NBD exports, qcow2 of compat=0.10), or that is not all of the disk (qcow2 with an external data
 * file). Per disk, in LIBDIR/bitmap-store/UUID/:
 *
 *   vda.json       says what is kept and for which content of the disk; the only thing that is believed
 *   vda.7.qcow2    empty image of the disk's size that holds the bitmaps; named by the former
 *
 * Images are written once, whole, under a new name; the record is replaced durably after that. An image
 * that no record names is rubbish. States of the record:
 *
 *   saved    the image has all bitmaps of the disk; they are good as long as the disk matches the stamp
 *   in-use   a QEMU has the bitmaps and the guest may write: nothing on disk is good any more
 *   lost     they are not good, and why is known
 *
 * docs/internals/bitmap-store.rst has the rules. Here: records and files, no QEMU.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virjson.h"

typedef enum {
    QEMU_BITMAP_STORE_SAVED,
    QEMU_BITMAP_STORE_IN_USE,
    QEMU_BITMAP_STORE_LOST,
    QEMU_BITMAP_STORE_LAST
} qemuBitmapStoreState;

typedef struct _qemuBitmapStoreBitmap {
    char *name;
    bool recording;
} qemuBitmapStoreBitmap;

typedef struct _qemuBitmapStore {
    char *disk;                      /* target name, "vda" */
    qemuBitmapStoreState state;
    unsigned long long generation;   /* of the image */
    char *source;                    /* path of the disk's image, for whom reads it */
    virJSONValue *stamp;             /* of its content, NULL if none */
    GPtrArray *bitmaps;              /* qemuBitmapStoreBitmap * */
    char *reason;                    /* why earlier bitmaps of the disk were lost, or NULL; stays when
                                      * later ones are saved */
} qemuBitmapStore;

qemuBitmapStore *qemuBitmapStoreNew(const char *disk);
void qemuBitmapStoreFree(qemuBitmapStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuBitmapStore, qemuBitmapStoreFree)
/** Append; @name is copied. */
void qemuBitmapStoreAddBitmap(qemuBitmapStore *store, const char *name, bool recording);
/** State LOST; @reason: consumed. */
void qemuBitmapStoreSetLost(qemuBitmapStore *store, char *reason);

/** Pure: the record as text and back. Parse: NULL with VIR_ERR_INTERNAL_ERROR saying what is wrong. */
char *qemuBitmapStoreFormat(const qemuBitmapStore *store);
qemuBitmapStore *qemuBitmapStoreParse(const char *text);

/** Record of @disk of the domain @uuid. (owned), or NULL if there is none. One that cannot be read is
 * LOST. Sets no error. */
qemuBitmapStore *qemuBitmapStoreRead(const unsigned char *uuid, const char *disk);
/** Replace the record durably. @fault as virFileReplaceDurable. */
int qemuBitmapStoreWrite(const unsigned char *uuid, const qemuBitmapStore *store, const char *fault);
/** (owned) path of the image that @store names. */
char *qemuBitmapStoreImagePath(const unsigned char *uuid, const qemuBitmapStore *store);
/** A new, empty image of the next generation, of @size bytes; @store names it then. 0, or -1 and there
 * is none. */
int qemuBitmapStoreImageCreate(const unsigned char *uuid, qemuBitmapStore *store, unsigned long long size);
/** All that is kept for @disk, record first. -1 with VIR_ERR_SYSTEM_ERROR if the record stays. */
int qemuBitmapStoreRemove(const unsigned char *uuid, const char *disk);
/** All that is kept for a domain. -1 if a record stays. */
int qemuBitmapStoreRemoveAll(const unsigned char *uuid);
/** Remove images that no record of the domain names, and temporaries. Errors are logged. */
void qemuBitmapStoreSweep(const unsigned char *uuid);
/** At start-up: sweep, of every domain there is something of. */
void qemuBitmapStoreSweepAll(void);
/** At start-up, when all domains are known: remove what belongs to none. */
void qemuBitmapStoreSweepUnknown(void);
