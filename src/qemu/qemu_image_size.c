/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes without QEMU: what the file system says, and the header of a qcow2. */
#include "qemu_image_size.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virqcow2header.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

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
        return 0;
    if (virQcow2InfoRead(fd, src->path, &info) < 0)
        return -1;
    size->capacity = info.capacity;
    return 0;
}
