/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout of a new qcow2 image, all integers big-endian, clusters of 64 KiB:
 *
 *     cluster 0      header, extensions, name of the backing file
 *     cluster 1      refcount table: one entry, pointing at
 *     cluster 2      the refcount block: 1 for each cluster of the file (it has room for 32768)
 *     cluster 3...   L1 table, all zero: a hole in the file
 *
 * Everything that is zero is left to ftruncate, so an empty image of 64 TiB takes 12 KiB on disk.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <glib.h>

#include "virerror_report.h"
#include "virqcow2.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

#define QCOW2_MAGIC 0x514649fbU             /* "QFI\xfb" */
#define QCOW2_CLUSTER_BITS 16
#define QCOW2_CLUSTER (1ULL << QCOW2_CLUSTER_BITS)
#define QCOW2_L2_COVERS (QCOW2_CLUSTER * (QCOW2_CLUSTER / 8)) /* 512 MiB an L1 entry */
/* QEMU opens no L1 table larger than 32 MiB: 2 PiB. */
#define QCOW2_MAX_SIZE (32ULL * 1024 * 1024 / 8 * QCOW2_L2_COVERS)
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acaU
#define QCOW2_MAX_BACKING 1023
#define QCOW2_MAX_FORMAT 15

enum { CLUSTER_HEADER, CLUSTER_REFTABLE, CLUSTER_REFBLOCK, CLUSTER_L1 };

typedef struct {
    guint32 magic, version;
    guint64 backingOffset;
    guint32 backingLength, clusterBits;
    guint64 size;
    guint32 cryptMethod, l1Entries;
    guint64 l1Offset, refTableOffset;
    guint32 refTableClusters, snapshotCount;
    guint64 snapshotOffset;
    guint64 incompatible, compatible, autoclear;
    guint32 refcountOrder, headerLength;
} __attribute__((packed)) virQcow2Header;

G_STATIC_ASSERT(sizeof(virQcow2Header) == 104);

static int
virQcow2WriteAt(int fd, const void *data, size_t length, guint64 offset)
{
    const char *at = data;

    while (length > 0) {
        ssize_t done = pwrite(fd, at, length, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        at += done;
        offset += done;
        length -= done;
    }
    return 0;
}

static void
virQcow2Append32(GByteArray *out, guint32 value)
{
    guint32 stored = GUINT32_TO_BE(value);

    g_byte_array_append(out, (const guint8 *)&stored, sizeof(stored));
}

/* Extensions and the backing file's name; the name's place goes into @header. */
static void
virQcow2AppendBacking(GByteArray *out, virQcow2Header *header, const char *backing,
                      const char *format)
{
    static const guint8 padding[8] = { 0 };

    if (format) {
        virQcow2Append32(out, QCOW2_EXT_BACKING_FORMAT);
        virQcow2Append32(out, strlen(format));
        g_byte_array_append(out, (const guint8 *)format, strlen(format));
        g_byte_array_append(out, padding, -out->len & 7);
    }
    g_byte_array_append(out, padding, 8); /* end of extensions */
    if (!backing)
        return;
    header->backingOffset = GUINT64_TO_BE(out->len);
    header->backingLength = GUINT32_TO_BE(strlen(backing));
    g_byte_array_append(out, (const guint8 *)backing, strlen(backing));
}

static GByteArray *
virQcow2FormatHeader(guint64 size, guint64 l1Entries, const char *backing, const char *format)
{
    GByteArray *out = g_byte_array_new();
    virQcow2Header header = {
        .magic = GUINT32_TO_BE(QCOW2_MAGIC),
        .version = GUINT32_TO_BE(3),
        .clusterBits = GUINT32_TO_BE(QCOW2_CLUSTER_BITS),
        .size = GUINT64_TO_BE(size),
        .l1Entries = GUINT32_TO_BE((guint32)l1Entries),
        .l1Offset = GUINT64_TO_BE(CLUSTER_L1 * QCOW2_CLUSTER),
        .refTableOffset = GUINT64_TO_BE(CLUSTER_REFTABLE * QCOW2_CLUSTER),
        .refTableClusters = GUINT32_TO_BE(1),
        .refcountOrder = GUINT32_TO_BE(4), /* 16 bits each */
        .headerLength = GUINT32_TO_BE(sizeof(virQcow2Header)),
    };

    g_byte_array_append(out, (const guint8 *)&header, sizeof(header));
    virQcow2AppendBacking(out, &header, backing, format);
    memcpy(out->data, &header, sizeof(header));
    return out;
}

static int
virQcow2Check(const char *path, guint64 size, const char *backing, const char *format)
{
    if (size > QCOW2_MAX_SIZE) {
        virReportSystemError(EFBIG, "cannot create qcow2 image '%s'", path);
        return -1;
    }
    if ((backing && strlen(backing) > QCOW2_MAX_BACKING) ||
        (format && strlen(format) > QCOW2_MAX_FORMAT)) {
        virReportSystemError(ENAMETOOLONG, "cannot record backing file '%s' in qcow2 image '%s'",
                             backing, path);
        return -1;
    }
    return 0;
}

int
virQcow2Create(int fd, const char *path, unsigned long long size, const char *backing,
               const char *backingFormat)
{
    guint64 rounded = 0;
    guint64 l1Entries = 0;
    guint64 clusters = 0;
    guint64 refBlock = GUINT64_TO_BE(CLUSTER_REFBLOCK * QCOW2_CLUSTER);
    g_autofree guint16 *refcounts = NULL;
    g_autoptr(GByteArray) header = NULL;

    if (virQcow2Check(path, size, backing, backingFormat) < 0)
        return -1;
    rounded = (size + 511) / 512 * 512;
    l1Entries = MAX(1, (rounded + QCOW2_L2_COVERS - 1) / QCOW2_L2_COVERS);
    clusters = CLUSTER_L1 + (l1Entries * 8 + QCOW2_CLUSTER - 1) / QCOW2_CLUSTER;
    refcounts = g_new0(guint16, clusters);
    for (guint64 i = 0; i < clusters; i++)
        refcounts[i] = GUINT16_TO_BE(1);
    header = virQcow2FormatHeader(rounded, l1Entries, backing, backingFormat);
    if (ftruncate(fd, clusters * QCOW2_CLUSTER) < 0 ||
        virQcow2WriteAt(fd, &refBlock, sizeof(refBlock), CLUSTER_REFTABLE * QCOW2_CLUSTER) < 0 ||
        virQcow2WriteAt(fd, refcounts, clusters * sizeof(*refcounts),
                        CLUSTER_REFBLOCK * QCOW2_CLUSTER) < 0 ||
        virQcow2WriteAt(fd, header->data, header->len, CLUSTER_HEADER) < 0) {
        virReportSystemError(errno, "cannot write qcow2 image '%s'", path);
        return -1;
    }
    return 0;
}
