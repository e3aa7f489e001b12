/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU reads the certificates itself, when the credentials object is made: new ones are used by the
 * next backup without a restart of anything. That the files are there is looked at beforehand only to
 * say what to do if they are not.
 */
#include "qemu_tls.h"

#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

void
qemuTLSConfigInit(qemuConfig *config, const char *etc)
{
    config->defaultTLSDir = g_build_filename(etc, "pki/qemu", NULL);
    config->backupTLSFallbackDir = g_build_filename(etc, "pki/libvirt-backup", NULL);
    config->backupTLSVerify = true;
}

void
qemuTLSConfigClear(qemuConfig *config)
{
    g_free(config->defaultTLSDir);
    g_free(config->backupTLSDir);
    g_free(config->backupTLSFallbackDir);
}

static int
loadDir(const virConf *conf, const char *path, const char *key, char **dir)
{
    g_autofree char *value = NULL;

    if (virConfGetString(conf, key, &value) < 0)
        return -1;
    if (!value)
        return 0;
    if (!g_path_is_absolute(value) || !g_file_test(value, G_FILE_TEST_IS_DIR)) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: %s = \"%s\" is not the absolute path of a directory",
                       path, key, value);
        return -1;
    }
    g_free(*dir);
    *dir = g_steal_pointer(&value);
    return 0;
}

static int
refuseSecret(const virConf *conf, const char *path, const char *key)
{
    g_autofree char *value = NULL;

    if (virConfGetString(conf, key, &value) < 0)
        return -1;
    if (!value)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "%s: %s is not supported, because there are no secrets here; use a server-key.pem "
                   "without a password",
                   path, key);
    return -1;
}

int
qemuTLSConfigLoad(qemuConfig *config, const virConf *conf, const char *path)
{
    if (refuseSecret(conf, path, "default_tls_x509_secret_uuid") < 0 ||
        refuseSecret(conf, path, "backup_tls_x509_secret_uuid") < 0 ||
        loadDir(conf, path, "default_tls_x509_cert_dir", &config->defaultTLSDir) < 0 ||
        loadDir(conf, path, "backup_tls_x509_cert_dir", &config->backupTLSDir) < 0 ||
        virConfGetBool(conf, "default_tls_x509_verify", &config->backupTLSVerify) < 0 ||
        virConfGetBool(conf, "backup_tls_x509_verify", &config->backupTLSVerify) < 0)
        return -1;
    return 0;
}

char *
qemuTLSBackupDir(const qemuConfig *config, const char *domain)
{
    static const char *const files[] = {"ca-cert.pem", "server-cert.pem", "server-key.pem"};
    const char *dir = config->backupTLSDir;

    if (!dir)
        dir = virFileExists(config->backupTLSFallbackDir) ? config->backupTLSFallbackDir
                                                          : config->defaultTLSDir;
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = g_build_filename(dir, files[i], NULL);

        if (virFileExists(file))
            continue;
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "cannot serve a backup of domain '%s' with TLS: there is no '%s'; put "
                       "ca-cert.pem, server-cert.pem and server-key.pem there, or name their directory "
                       "as backup_tls_x509_cert_dir in qemu.conf",
                       domain, file);
        return NULL;
    }
    return g_strdup(dir);
}

virJSONValue *
qemuTLSServerCreds(const char *id, const char *dir, bool verify)
{
    return virJSONBuild("{'execute':'object-add','arguments':{'qom-type':'tls-creds-x509','id':%s,"
                        "'dir':%s,'endpoint':'server','verify-peer':%b}}",
                        id, dir, verify);
}
