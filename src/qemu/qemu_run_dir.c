/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name is cut short because socket paths end at 107 bytes; the id keeps it unique.
 */
#include "qemu_run_dir.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_RUN_DIR_NAME_MAX 20

char *
qemuRunDirMake(const qemuConfig *config, int id, const char *name)
{
    g_autofree char *brief = g_utf8_validate(name, -1, NULL)
                                 ? g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1),
                                                                 QEMU_RUN_DIR_NAME_MAX))
                                 : g_strndup(name, QEMU_RUN_DIR_NAME_MAX);
    g_autofree char *path = g_strdup_printf("%s/domain-%d-%s", config->libDir, id, brief);

    qemuRunDirRemove(path);
    if (virFileMakeDirs(path, 0700) < 0)
        return NULL;
    if (config->privileged && config->user != (uid_t)-1 &&
        chown(path, config->user, config->group) < 0) {
        virReportSystemError(errno, "cannot make '%s' belong to QEMU's user", path);
        rmdir(path);
        return NULL;
    }
    return g_steal_pointer(&path);
}

void
qemuRunDirRemove(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = NULL;

    if (!dir)
        return;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *entry = g_build_filename(path, name, NULL);

        if (unlink(entry) < 0)
            VIR_WARN("cannot remove '%s': %s", entry, g_strerror(errno));
    }
    if (rmdir(path) < 0)
        VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
}
