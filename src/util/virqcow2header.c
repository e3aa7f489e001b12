/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All integers are big-endian. Behind the header stand extensions, type and length and as many bytes, rounded up
 * to 8, until one of type 0 or the end of the first cluster.
 */
#include "virqcow2header.h"

#include <string.h>
#include <unistd.h>
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE
#define QCOW2_MAGIC 0x514649fbU
#define QCOW2_OFFSET_VERSION 4
#define QCOW2_OFFSET_SIZE 24
#define QCOW2_OFFSET_INCOMPATIBLE 72
#define QCOW2_OFFSET_LENGTH 100
#define QCOW2_LENGTH_V2 72
#define QCOW2_LENGTH_V3 104
#define QCOW2_INCOMPATIBLE_DATA_FILE (1ULL << 2)
#define QCOW2_EXT_DATA_FILE 0x44415441U
#define QCOW2_EXT_MAX 4096                  /* longest name; QEMU has the same limit for paths */
#define QCOW2_EXTENSIONS_MAX (64 * 1024)    /* the smallest cluster has less, but a larger one never needs more */

void
virQcow2InfoClear(virQcow2Info *info)
{
    g_clear_pointer(&info->dataFile, g_free);
}

static guint32
read32(const unsigned char *at)
{
    guint32 value = 0;

    memcpy(&value, at, sizeof(value));
    return GUINT32_FROM_BE(value);
}

static guint64
read64(const unsigned char *at)
{
    guint64 value = 0;

    memcpy(&value, at, sizeof(value));
    return GUINT64_FROM_BE(value);
}

static int
reportDamage(const char *path)
{
    virReportError(VIR_ERR_OPERATION_FAILED, "the header of qcow2 image '%s' is damaged", path);
    return -1;
}

/* Up to the extension with the name of the data file, which need not be there. */
static int
readDataFile(int fd, const char *path, off_t at, virQcow2Info *info)
{
    while (at < QCOW2_EXTENSIONS_MAX) {
        unsigned char head[8] = { 0 };
        guint32 length = 0;

        if (pread(fd, head, sizeof(head), at) != (ssize_t)sizeof(head))
            return reportDamage(path);
        length = read32(head + 4);
        at += (off_t)sizeof(head);
        if (read32(head) == 0)
            return 0;
        if (read32(head) == QCOW2_EXT_DATA_FILE) {
            if (length == 0 || length > QCOW2_EXT_MAX)
                return reportDamage(path);
            info->dataFile = g_malloc0(length + 1);
            return pread(fd, info->dataFile, length, at) == (ssize_t)length ? 0 : reportDamage(path);
        }
        at += (off_t)((length + 7ULL) & ~7ULL);
    }
    return 0;
}

int
virQcow2InfoRead(int fd, const char *path, virQcow2Info *info)
{
    unsigned char header[QCOW2_LENGTH_V3] = { 0 };
    ssize_t got = pread(fd, header, sizeof(header), 0);

    if (got < QCOW2_LENGTH_V2 || read32(header) != QCOW2_MAGIC) {
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "'%s' is configured as qcow2 but does not begin like one", path);
        return -1;
    }
    info->version = read32(header + QCOW2_OFFSET_VERSION);
    info->capacity = read64(header + QCOW2_OFFSET_SIZE);
    if (info->version < 3)
        return 0;
    if (got < QCOW2_LENGTH_V3)
        return reportDamage(path);
    info->hasDataFile = read64(header + QCOW2_OFFSET_INCOMPATIBLE) & QCOW2_INCOMPATIBLE_DATA_FILE;
    return info->hasDataFile ? readDataFile(fd, path, read32(header + QCOW2_OFFSET_LENGTH), info) : 0;
}
