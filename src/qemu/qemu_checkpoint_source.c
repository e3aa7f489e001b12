/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See qemu_checkpoint_source.h. A record has the domain as it was, and with it its
 * images. */
#include "qemu_checkpoint_source.h"

#include "qemu_checkpoint_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* The disk's image when the checkpoint was made; borrowed, NULL if nobody knows. */
static const virStorageSource *
sourceThen(const virDomainCheckpointDef *def, const char *disk)
{
    const virDomainDiskDef *then = def && def->dom ? virDomainDefDisk(def->dom, disk, false) : NULL;

    return then ? then->src : NULL;
}

static int
checkOne(const virDomainCheckpointDef *def, const char *disk, const virStorageSource *source,
         const char *since)
{
    const virStorageSource *then = sourceThen(def, disk);
    g_autofree char *now = virStorageSourceName(source);
    g_autofree char *was = then ? virStorageSourceName(then) : NULL;

    if (!was || g_strcmp0(was, now) == 0)
        return 0;
    virReportError(
        VIR_ERR_CHECKPOINT_INCONSISTENT,
        "cannot start incremental backup of disk '%s' since checkpoint '%s': its image is '%s' "
        "now, and was '%s' when checkpoint '%s' was made; make a full backup with a new "
        "checkpoint",
        disk, since, now, was, def->name);
    return -1;
}

int
qemuCheckpointCheckSource(qemuVM *vm, const char *disk, const virStorageSource *source,
                          const char *since)
{
    g_auto(GStrv) chain = NULL;
    bool found = false;
    QEMU_VM_LOCK_GUARD(vm);

    chain = qemuCheckpointListOfDisk(vm->checkpoints, disk, NULL);
    for (gsize i = 0; chain[i]; i++) {
        found = found || g_str_equal(chain[i], since);
        if (found &&
            checkOne(qemuCheckpointListLookup(vm->checkpoints, chain[i]), disk, source, since) < 0)
            return -1;
    }
    return 0;
}
