/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon has to know of a qcow2 image before QEMU opens it. The header is read and bounded, and no
 * more than that: QEMU rewrites it in one go, so this is also right beside a running guest.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _virQcow2Info {
    unsigned int version;          /* 2 = compat=0.10: holds no bitmaps */
    unsigned long long capacity;   /* bytes the guest sees */
    bool hasDataFile;              /* the guest's data is in another file */
    char *dataFile;                /* its name as recorded, NULL if none is */
} virQcow2Info;
void virQcow2InfoClear(virQcow2Info *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virQcow2Info, virQcow2InfoClear)
/** @path: for messages. -1 with VIR_ERR_OPERATION_FAILED if that is no qcow2 or its header is damaged. */
int virQcow2InfoRead(int fd, const char *path, virQcow2Info *info);
