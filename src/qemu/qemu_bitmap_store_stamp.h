/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tells that the content of a disk is still what it was: a stamp is taken when nobody writes any
 * more, and compared before the next one does. Two stamps that are equal prove that nothing was written
 * in between; what cannot be proven has no stamp.
 *
 *   file           inode, size, mtime and ctime in nanoseconds
 *   block device   number, size, boot of the host, its serial number in this boot, and the counters of
 *                  writes of the device and of all devices below it; of a loop device also its file
 *   data file      of a qcow2 that has one: its stamp, beside that of the image
 *   NBD export     its name, if the user has said that nobody else writes to it; else there is none
 *
 * docs/internals/bitmap-store.rst says what each of them catches, and what none can.
 */
#pragma once
#include <sys/types.h>
#include "storage_source.h"
#include "virjson.h"

/**
 * qemuBitmapStoreStampFetch: stamp of the disk image @source as it is now, without those below it. What is still in caches is
 * written out first. May wait some milliseconds, until a later write is sure to show.
 * @pid: process that must have that very file open (the path may name another one by now); 0 = any.
 * Returns: (owned) object, or NULL with VIR_ERR_OPERATION_FAILED, VIR_ERR_SYSTEM_ERROR, or
 * VIR_ERR_OPERATION_UNSUPPORTED for what has none.
 */
virJSONValue *qemuBitmapStoreStampFetch(const virStorageSource *source, pid_t pid);
/** Why @now shows another content than @then, in words (owned), or NULL if they are the same. */
char *qemuBitmapStoreStampDiff(const virJSONValue *then, const virJSONValue *now);
/** The same, but the owner may have been changed in between (ctime). */
bool qemuBitmapStoreStampSameButOwner(const virJSONValue *then, const virJSONValue *now);
