/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One file that cannot be read must not keep the others, or the daemon, from coming up.
 */
#include "qemu_vm_config.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "qemu_checkpoint_list.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_CONFIG_LOAD_PARALLEL 4

static char *
qemuVMConfigPath(const char *name, bool autostart)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return g_strdup_printf("%s/%s%s.xml", config->configDir, autostart ? "autostart/" : "", name);
}

int
qemuVMConfigSave(const virDomainDef *def)
{
    g_autofree char *path = qemuVMConfigPath(def->name, false);
    g_autofree char *xml = virDomainDefFormat(def, VIR_DOMAIN_FORMAT_SECURE);
    g_autofree char *text = g_strdup_printf("<!--\n"
                                            "WARNING: THIS IS AN AUTO-GENERATED FILE. The daemon overwrites it "
                                            "and does not\n"
                                            "notice changes made here; change the domain with:\n"
                                            "  virsh edit '%s'\n"
                                            "or another client of the libvirt API.\n"
                                            "-->\n\n%s",
                                            strstr(def->name, "--") ? "NAME" : def->name, xml);

    return virFileReplaceDurable(path, text, strlen(text), 0600, "define.config");
}

int
qemuVMConfigRemove(const char *name)
{
    g_autofree char *path = qemuVMConfigPath(name, false);

    if (qemuVMConfigSetAutostart(name, false) < 0)
        return -1;
    return virFileUnlinkDurable(path, "undefine.config");
}

int
qemuVMConfigSetAutostart(const char *name, bool autostart)
{
    g_autofree char *link = qemuVMConfigPath(name, true);
    g_autofree char *target = qemuVMConfigPath(name, false);
    g_autofree char *dir = g_path_get_dirname(link);

    if (!autostart)
        return virFileUnlinkDurable(link, "autostart.remove");
    if (virFileMakeDirs(dir, 0700) < 0)
        return -1;
    if (symlink(target, link) < 0 && errno != EEXIST) {
        virReportSystemError(errno, "cannot make the autostart link '%s'", link);
        return -1;
    }
    return 0;
}

static int
qemuVMConfigLoad(const char *name)
{
    g_autofree char *path = qemuVMConfigPath(name, false);
    g_autofree char *link = qemuVMConfigPath(name, true);
    g_autofree char *text = NULL;
    g_autoptr(virDomainDef) def = NULL;
    g_autoptr(qemuVM) vm = NULL;
    bool added = false;

    if (virFileReadAll(path, VIR_XML_MAX_BYTES, &text) < 0)
        return -1;
    def = virDomainDefParse(text, 0);
    if (!def)
        return -1;
    if (!g_str_equal(def->name, name)) {
        virReportError(VIR_ERR_XML_ERROR, "it defines the domain '%s', which has to be in a file of that name",
                       def->name);
        return -1;
    }
    vm = qemuVMListAdd(qemuDriverVMs(), def, &added);
    if (!vm)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->persistent = true;
    vm->autostart = g_file_test(link, G_FILE_TEST_IS_SYMLINK);
    g_mutex_unlock(&vm->lock);
    return qemuCheckpointListLoad(vm);
}

static void
qemuVMConfigLoadOne(void *item, void *opaque)
{
    gint *failed = opaque;

    if (qemuVMConfigLoad(item) == 0)
        return;
    VIR_ERROR("definition '%s.xml' is not (fully) loaded: %s", (const char *)item, virErrorLastMessage());
    virErrorReset();
    g_atomic_int_inc(failed);
}

size_t
qemuVMConfigLoadAll(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(GDir) dir = g_dir_open(config->configDir, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *entry = NULL;
    gint failed = 0;

    virFileSweepTemporaries(config->configDir);
    while (dir && (entry = g_dir_read_name(dir))) {
        if (g_str_has_suffix(entry, ".xml") && entry[0] != '.')
            g_ptr_array_add(names, g_strndup(entry, strlen(entry) - strlen(".xml")));
    }
    qemuWorkersForEach(names, QEMU_CONFIG_LOAD_PARALLEL, qemuVMConfigLoadOne, &failed);
    return (size_t)failed;
}
