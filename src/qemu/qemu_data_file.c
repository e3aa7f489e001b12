/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU takes a relative name from the directory it was started in, whatever that is: nothing the one who made
 * the image has thought of.
 */
#include "qemu_data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virqcow2header.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static virStorageSource *
dataStoreNew(const char *path)
{
    struct stat st = { 0 };
    bool block = stat(path, &st) == 0 && S_ISBLK(st.st_mode);

    return virStorageSourceNew(block ? VIR_STORAGE_TYPE_BLOCK : VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_RAW,
                               path);
}

static int
probeImage(virStorageSource *src)
{
    VIR_AUTOCLOSE fd = open(src->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_auto(virQcow2Info) info = { 0 };

    if (fd < 0 || virQcow2InfoRead(fd, src->path, &info) < 0) {
        virErrorReset();
        return 0;
    }
    if (!info.hasDataFile)
        return 0;
    if (!info.dataFile || !g_path_is_absolute(info.dataFile)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "image '%s' has its data in another file, and calls that '%s', which is no absolute path: "
                       "name the file with <dataStore> in <source>",
                       src->path, info.dataFile ? info.dataFile : "");
        return -1;
    }
    src->dataStore = dataStoreNew(info.dataFile);
    return 0;
}

int
qemuDataFileProbe(virStorageSource *src)
{
    for (; src; src = src->backing) {
        if (src->path && src->format == VIR_STORAGE_FORMAT_QCOW2 && !src->dataStore && probeImage(src) < 0)
            return -1;
    }
    return 0;
}

int
qemuDataFileProbeDomain(virDomainDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        virDomainDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (qemuDataFileProbe(disk->src) < 0)
            return -1;
    }
    return 0;
}
