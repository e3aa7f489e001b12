/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes without QEMU: what the file system says, and the header of a qcow2. */
#include "qemu_image_size.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virqcow2header.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE
#define LUKS_PAYLOAD_OFFSET 104

/* Of LUKS version 1, which QEMU writes: what comes before the data, in sectors. */
static int
qemuImageSizeLuks(int fd, const char *path, unsigned long long *capacity)
{
    unsigned char header[LUKS_PAYLOAD_OFFSET + 4] = { 0 };
    guint32 sectors = 0;

    if (pread(fd, header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header, "LUKS\xba\xbe\0\1", 8) != 0) {
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "'%s' is configured as encrypted but does not begin like LUKS", path);
        return -1;
    }
    memcpy(&sectors, header + LUKS_PAYLOAD_OFFSET, sizeof(sectors));
    *capacity -= MIN(*capacity, GUINT32_FROM_BE(sectors) * 512ULL);
    return 0;
}

int
qemuImageSizeFetch(const virStorageSource *src, qemuImageSize *size)
{
    VIR_AUTOCLOSE fd = src->path ? open(src->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    g_auto(virQcow2Info) info = { 0 };
    struct stat st = { 0 };

    if (!src->path) {
        g_autofree char *name = virStorageSourceName(src);

        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "the size of '%s' is known while a running domain has it open", name);
        return -1;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        virReportSystemError(errno, "cannot look at image '%s'", src->path);
        return -1;
    }
    if (S_ISBLK(st.st_mode)) {
        off_t end = lseek(fd, 0, SEEK_END);

        size->physical = size->allocation = end > 0 ? (unsigned long long)end : 0;
    } else {
        size->physical = (unsigned long long)st.st_size;
        size->allocation = (unsigned long long)st.st_blocks * 512;
    }
    size->capacity = size->physical;
    if (src->format != VIR_STORAGE_FORMAT_QCOW2)
        return src->encryption ? qemuImageSizeLuks(fd, src->path, &size->capacity) : 0;
    if (virQcow2InfoRead(fd, src->path, &info) < 0)
        return -1;
    size->capacity = info.capacity;
    return 0;
}
