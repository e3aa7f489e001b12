/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout of a window, all integers big-endian: the header, and right behind it the L1 table, all
 * zero, a hole in the file. No cluster is ever allocated, so whatever is read comes from the backing
 * node, which QEMU is told of when it opens the image and which is not recorded in it.
 */
#include <errno.h>
#include <unistd.h>
#include <glib.h>

#include "virerror_report.h"
#include "virqcowwindow.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

#define QCOW_MAGIC 0x514649fbU              /* "QFI\xfb" */
#define QCOW_CLUSTER_BITS 16                /* the largest there is */
#define QCOW_L2_BITS (QCOW_CLUSTER_BITS - 3)
#define QCOW_L2_COVERS (1ULL << (QCOW_CLUSTER_BITS + QCOW_L2_BITS)) /* 512 MiB an L1 entry */
/* Beyond any disk; QEMU counts bytes with a sign, and the table must not grow without bound. */
#define QCOW_MAX_SIZE (1ULL << 51)

typedef struct {
    guint32 magic, version;
    guint64 backingOffset;
    guint32 backingLength, mtime;
    guint64 size;
    guint8 clusterBits, l2Bits;
    guint16 padding;
    guint32 cryptMethod;
    guint64 l1Offset;
} __attribute__((packed)) virQcowHeader;

G_STATIC_ASSERT(sizeof(virQcowHeader) == 48);

int
virQcowWindowCreate(int fd, const char *path, unsigned long long size)
{
    guint64 rounded = size > QCOW_MAX_SIZE ? 0 : (size + 511) / 512 * 512;
    guint64 l1Entries = (rounded + QCOW_L2_COVERS - 1) / QCOW_L2_COVERS;
    virQcowHeader header = {
        .magic = GUINT32_TO_BE(QCOW_MAGIC),
        .version = GUINT32_TO_BE(1),
        .size = GUINT64_TO_BE(rounded),
        .clusterBits = QCOW_CLUSTER_BITS,
        .l2Bits = QCOW_L2_BITS,
        .l1Offset = GUINT64_TO_BE(sizeof(virQcowHeader)),
    };
    ssize_t written = 0;

    if (size > QCOW_MAX_SIZE) {
        virReportSystemError(EFBIG, "cannot create window image '%s' of %llu bytes", path, size);
        return -1;
    }
    if (ftruncate(fd, sizeof(header) + MAX(1, l1Entries) * sizeof(guint64)) == 0)
        written = pwrite(fd, &header, sizeof(header), 0);
    if (written == (ssize_t)sizeof(header))
        return 0;
    virReportSystemError(written > 0 ? ENOSPC : errno, "cannot write window image '%s'", path);
    return -1;
}
