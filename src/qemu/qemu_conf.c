/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the driver keeps things, and qemu.conf.
 *
 * Three layouts: the system's; a user's session below the XDG directories; and everything below one
 * root directory, laid out as the system is (tests, demonstrations, several daemons on a host).
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include "config.h"
#include "qemu_conf.h"
#include "qemu_tls.h"
#include "virconf.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define QEMU_DEFAULT_EMULATOR "/usr/bin/qemu-system-x86_64"
#define QEMU_DEFAULT_FREEZE_TIMEOUT_SEC 60
/* The registered NBD port, and room above it. */
#define QEMU_DEFAULT_BACKUP_PORT_MIN 10809
#define QEMU_DEFAULT_BACKUP_PORT_MAX 10872
/* Debian's user for QEMU; without it QEMU runs as the daemon. */
#define QEMU_DEFAULT_USER "libvirt-qemu"

static const char *const knownKeys[] = {
    "user",        "group",           "stdio_handler",   "security_driver", "remember_owner",
    "freeze_timeout", "backup_port_min", "backup_port_max", "emulator",     QEMU_TLS_CONFIG_KEYS,
};

static void
qemuConfigDirsBelow(qemuConfig *config, const char *etc, const char *run, const char *var)
{
    qemuTLSConfigInit(config, etc);
    config->configDir = g_build_filename(etc, "libvirt/qemu", NULL);
    config->stateDir = g_build_filename(run, "libvirt/qemu", NULL);
    config->libDir = g_build_filename(var, "lib/libvirt/qemu", NULL);
    config->checkpointDir = g_build_filename(var, "lib/libvirt/qemu/checkpoint", NULL);
    config->scratchDir = g_build_filename(var, "lib/libvirt/qemu/backup", NULL);
    config->secretDir = g_build_filename(etc, "libvirt/secrets", NULL);
    config->logDir = g_build_filename(var, "log/libvirt/qemu", NULL);
    config->cacheDir = g_build_filename(var, "cache/libvirt/qemu", NULL);
}

static void
qemuConfigDirsRoot(qemuConfig *config, const char *root)
{
    g_autofree char *etc = g_build_filename(root, "etc", NULL);
    g_autofree char *run = g_build_filename(root, "run", NULL);
    g_autofree char *var = g_build_filename(root, "var", NULL);

    qemuConfigDirsBelow(config, etc, run, var);
}

static void
qemuConfigDirsSession(qemuConfig *config)
{
    const char *etc = g_get_user_config_dir();
    const char *cache = g_get_user_cache_dir();

    qemuTLSConfigInit(config, etc);
    config->configDir = g_build_filename(etc, "libvirt/qemu", NULL);
    config->libDir = g_build_filename(etc, "libvirt/qemu/lib", NULL);
    config->checkpointDir = g_build_filename(etc, "libvirt/qemu/checkpoint", NULL);
    config->scratchDir = g_build_filename(etc, "libvirt/qemu/backup", NULL);
    config->secretDir = g_build_filename(etc, "libvirt/secrets", NULL);
    config->stateDir = g_build_filename(g_get_user_runtime_dir(), "libvirt/qemu/run", NULL);
    config->logDir = g_build_filename(cache, "libvirt/qemu/log", NULL);
    config->cacheDir = g_build_filename(cache, "libvirt/qemu/cache", NULL);
}

/* A user's name or, as libvirt writes numbers, "+NUMBER" or "NUMBER". 0, or -1 if there is none. */
static int
qemuConfigLookupUser(const char *name, uid_t *uid, gid_t *gid)
{
    struct passwd entry = {0};
    struct passwd *found = NULL;
    g_autofree char *buf = g_malloc(64 * 1024);
    guint64 number = 0;

    if (*name != '+' && getpwnam_r(name, &entry, buf, 64 * 1024, &found) == 0 && found) {
        *uid = found->pw_uid;
        *gid = found->pw_gid;
        return 0;
    }
    if (!g_ascii_string_to_unsigned(*name == '+' ? name + 1 : name, 10, 0, G_MAXINT32, &number,
                                    NULL))
        return -1;
    *uid = (uid_t)number;
    if (getpwuid_r(*uid, &entry, buf, 64 * 1024, &found) == 0 && found)
        *gid = found->pw_gid;
    return 0;
}

static int
qemuConfigLookupGroup(const char *name, gid_t *gid)
{
    struct group entry = {0};
    struct group *found = NULL;
    g_autofree char *buf = g_malloc(64 * 1024);
    guint64 number = 0;

    if (*name != '+' && getgrnam_r(name, &entry, buf, 64 * 1024, &found) == 0 && found) {
        *gid = found->gr_gid;
        return 0;
    }
    if (!g_ascii_string_to_unsigned(*name == '+' ? name + 1 : name, 10, 0, G_MAXINT32, &number,
                                    NULL))
        return -1;
    *gid = (gid_t)number;
    return 0;
}

qemuConfig *
qemuConfigNew(const char *root, bool privileged)
{
    qemuConfig *config = g_new0(qemuConfig, 1);

    config->refs = 1;
    config->privileged = privileged;
    config->user = (uid_t)-1;
    config->group = (gid_t)-1;
    virBackupOptionsInit(&config->backup);
    config->freezeTimeoutSec = QEMU_DEFAULT_FREEZE_TIMEOUT_SEC;
    config->backupPortMin = QEMU_DEFAULT_BACKUP_PORT_MIN;
    config->backupPortMax = QEMU_DEFAULT_BACKUP_PORT_MAX;
    config->defaultEmulator = g_strdup(QEMU_DEFAULT_EMULATOR);
    if (root) {
        qemuConfigDirsRoot(config, root);
    } else if (privileged) {
        qemuConfigDirsBelow(config, SYSCONFDIR, RUNSTATEDIR, LOCALSTATEDIR);
        if (qemuConfigLookupUser(QEMU_DEFAULT_USER, &config->user, &config->group) < 0)
            config->user = (uid_t)-1;
    } else {
        qemuConfigDirsSession(config);
    }
    return config;
}

qemuConfig *
qemuConfigRef(qemuConfig *config)
{
    g_atomic_int_inc(&config->refs);
    return config;
}

void
qemuConfigUnref(qemuConfig *config)
{
    if (!config || !g_atomic_int_dec_and_test(&config->refs))
        return;
    g_free(config->configDir);
    g_free(config->stateDir);
    g_free(config->libDir);
    g_free(config->checkpointDir);
    g_free(config->scratchDir);
    g_free(config->secretDir);
    g_free(config->logDir);
    g_free(config->cacheDir);
    g_free(config->defaultEmulator);
    qemuTLSConfigClear(config);
    g_free(config);
}

/* Keys that other libvirts have and whose only value here is @only. */
static int
qemuConfigCheckFixed(const virConf *conf, const char *path, const char *key, const char *only)
{
    g_autofree char *value = NULL;

    if (virConfGetString(conf, key, &value) < 0)
        return -1;
    if (!value || g_str_equal(value, only))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s: %s = \"%s\" is not supported; use \"%s\"", path,
                   key, value, only);
    return -1;
}

static int
qemuConfigCheckRememberOwner(const virConf *conf, const char *path)
{
    bool value = false;

    if (virConfGetBool(conf, "remember_owner", &value) < 0)
        return -1;
    if (!value)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s: remember_owner = 1 is not supported; use 0",
                   path);
    return -1;
}

static int
qemuConfigLoadUser(qemuConfig *config, const virConf *conf, const char *path)
{
    g_autofree char *user = NULL;
    g_autofree char *group = NULL;

    if (virConfGetString(conf, "user", &user) < 0 || virConfGetString(conf, "group", &group) < 0)
        return -1;
    if ((user || group) && !config->privileged) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s: 'user' and 'group' can be set for the system daemon only", path);
        return -1;
    }
    if (user && qemuConfigLookupUser(user, &config->user, &config->group) < 0) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: there is no user '%s'", path, user);
        return -1;
    }
    if (group && qemuConfigLookupGroup(group, &config->group) < 0) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: there is no group '%s'", path, group);
        return -1;
    }
    return 0;
}

static int
qemuConfigLoadBackup(qemuConfig *config, const virConf *conf, const char *path)
{
    unsigned long long freezeTimeoutSec = config->freezeTimeoutSec;
    unsigned long long portMin = config->backupPortMin;
    unsigned long long portMax = config->backupPortMax;

    if (virBackupOptionsLoad(&config->backup, conf) < 0 ||
        virConfGetRange(conf, "freeze_timeout", 1, 3600, &freezeTimeoutSec) < 0 ||
        virConfGetRange(conf, "backup_port_min", 1, 65535, &portMin) < 0 ||
        virConfGetRange(conf, "backup_port_max", 1, 65535, &portMax) < 0)
        return -1;
    if (portMin > portMax) {
        virReportError(VIR_ERR_CONF_SYNTAX,
                       "%s: backup_port_min = %llu is more than backup_port_max = %llu", path, portMin,
                       portMax);
        return -1;
    }
    config->freezeTimeoutSec = freezeTimeoutSec;
    config->backupPortMin = portMin;
    config->backupPortMax = portMax;
    return 0;
}

static int
qemuConfigLoadEmulator(qemuConfig *config, const virConf *conf, const char *path)
{
    g_autofree char *emulator = NULL;

    if (virConfGetString(conf, "emulator", &emulator) < 0)
        return -1;
    if (!emulator)
        return 0;
    if (!g_path_is_absolute(emulator)) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: emulator = \"%s\" is not an absolute path", path,
                       emulator);
        return -1;
    }
    g_free(config->defaultEmulator);
    config->defaultEmulator = g_steal_pointer(&emulator);
    return 0;
}

static int
qemuConfigCheckKnown(const virConf *conf)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(knownKeys); i++)
        g_ptr_array_add(known, (gpointer)knownKeys[i]);
    for (virBackupOption i = 0; i < VIR_BACKUP_OPTION_LAST; i++)
        g_ptr_array_add(known, (gpointer)virBackupOptionKey(i));
    g_ptr_array_add(known, NULL);
    return virConfCheckKnown(conf, (const char *const *)known->pdata);
}

int
qemuConfigLoad(qemuConfig *config, const char *path, bool mustExist)
{
    g_autoptr(virConf) conf = NULL;

    if (!mustExist && !virFileExists(path))
        return 0;
    if (!(conf = virConfReadFile(path)) || qemuConfigCheckKnown(conf) < 0 ||
        qemuConfigCheckFixed(conf, path, "stdio_handler", "file") < 0 ||
        qemuConfigCheckFixed(conf, path, "security_driver", "none") < 0 ||
        qemuConfigCheckRememberOwner(conf, path) < 0 ||
        qemuConfigLoadUser(config, conf, path) < 0 ||
        qemuConfigLoadBackup(config, conf, path) < 0 ||
        qemuTLSConfigLoad(config, conf, path) < 0 ||
        qemuConfigLoadEmulator(config, conf, path) < 0)
        return -1;
    return 0;
}
