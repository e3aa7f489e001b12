/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How big an image is, without asking QEMU: from its inode and, for qcow2, its header. */
#pragma once
#include "disk_def.h"

typedef struct _qemuImageSize {
    unsigned long long capacity;     /* what the guest sees */
    unsigned long long allocation;   /* bytes it takes on its host */
    unsigned long long physical;     /* length of file or device */
} qemuImageSize;
/** 0, or -1 with VIR_ERR_SYSTEM_ERROR naming the path, VIR_ERR_OPERATION_FAILED when a qcow2 is none. */
int qemuImageSizeFetch(const virStorageSource *src, qemuImageSize *size);
