/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header is read and bounded, not interpreted: 8 bytes at a fixed place. QEMU rewrites them in
 * one go when it resizes, so this is also right beside a running guest.
 */
#include "qemu_image_size.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE
#define QCOW2_SIZE_OFFSET 24

static int
qemuImageSizeQcow2(int fd, const char *path, unsigned long long *capacity)
{
    unsigned char header[QCOW2_SIZE_OFFSET + 8] = { 0 };
    guint64 size = 0;

    if (pread(fd, header, sizeof(header), 0) != sizeof(header) || memcmp(header, "QFI\xfb", 4) != 0) {
        virReportError(VIR_ERR_OPERATION_FAILED, "'%s' is configured as qcow2 but does not begin like one", path);
        return -1;
    }
    memcpy(&size, header + QCOW2_SIZE_OFFSET, sizeof(size));
    *capacity = GUINT64_FROM_BE(size);
    return 0;
}

int
qemuImageSizeFetch(const virStorageSource *src, qemuImageSize *size)
{
    VIR_AUTOCLOSE fd = src->path ? open(src->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
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
    if (src->format == VIR_STORAGE_FORMAT_QCOW2)
        return qemuImageSizeQcow2(fd, src->path, &size->capacity);
    return 0;
}
