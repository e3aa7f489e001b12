/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU reads the certificates itself, when the credentials object is made: new ones are used by the
 * next backup without a restart of anything. That the files are there is looked at beforehand only to
 * say what to do if they are not.
 *
 * Without a file with Diffie-Hellman parameters beside them QEMU 7.2 computes new ones each time, on its main
 * loop: 26 to 1474 ms, the median of 20 times 350 ms, in which the guest stands still; 2.5 ms with the file. Only a client that
 * knows neither TLS 1.3 nor elliptic curves ever makes use of them. So those who have none get the group ffdhe2048 of
 * RFC 7919, in a directory with links to their certificates.
 */
#include "qemu_tls.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define PARAMS_FILE "dh-params.pem"
#define PARAMS \
    "-----BEGIN DH PARAMETERS-----\n" \
    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n" \
    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n" \
    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n" \
    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n" \
    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n" \
    "ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==\n" \
    "-----END DH PARAMETERS-----\n"

void
qemuTLSConfigInit(qemuConfig *config, const char *etc)
{
    config->defaultTLSDir = g_build_filename(etc, "pki/qemu", NULL);
    config->backupTLSFallbackDir = g_build_filename(etc, "pki/libvirt-backup", NULL);
    config->nbdTLSFallbackDir = g_build_filename(etc, "pki/libvirt-nbd", NULL);
    config->backupTLSVerify = true;
}

void
qemuTLSConfigClear(qemuConfig *config)
{
    g_free(config->defaultTLSDir);
    g_free(config->backupTLSDir);
    g_free(config->backupTLSFallbackDir);
    g_free(config->nbdTLSDir);
    g_free(config->nbdTLSFallbackDir);
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
                   "%s: %s is not supported, because there are no secrets here; use a key "
                   "without a password",
                   path, key);
    return -1;
}

int
qemuTLSConfigLoad(qemuConfig *config, const virConf *conf, const char *path)
{
    if (refuseSecret(conf, path, "default_tls_x509_secret_uuid") < 0 ||
        refuseSecret(conf, path, "backup_tls_x509_secret_uuid") < 0 ||
        refuseSecret(conf, path, "nbd_tls_x509_secret_uuid") < 0 ||
        loadDir(conf, path, "nbd_tls_x509_cert_dir", &config->nbdTLSDir) < 0 ||
        loadDir(conf, path, "default_tls_x509_cert_dir", &config->defaultTLSDir) < 0 ||
        loadDir(conf, path, "backup_tls_x509_cert_dir", &config->backupTLSDir) < 0 ||
        virConfGetBool(conf, "default_tls_x509_verify", &config->backupTLSVerify) < 0 ||
        virConfGetBool(conf, "backup_tls_x509_verify", &config->backupTLSVerify) < 0)
        return -1;
    return 0;
}

static char *
paramsDir(const qemuConfig *config)
{
    return g_build_filename(config->libDir, "backup-tls", NULL);
}

/* A link that says @file of @dir; what else is there is of other certificates. */
static int
linkFile(const char *own, const char *dir, const char *file)
{
    g_autofree char *link = g_build_filename(own, file, NULL);
    g_autofree char *target = g_build_filename(dir, file, NULL);
    g_autofree char *now = g_file_read_link(link, NULL);

    if (g_strcmp0(now, target) == 0)
        return 0;
    if ((unlink(link) == 0 || errno == ENOENT) && symlink(target, link) == 0)
        return 0;
    virReportSystemError(errno, "cannot make the link '%s'", link);
    return -1;
}

static int
fillParamsDir(const char *own, const char *dir)
{
    static const char *const links[] = {"ca-cert.pem", "ca-crl.pem", "server-cert.pem", "server-key.pem"};
    g_autofree char *params = g_build_filename(own, PARAMS_FILE, NULL);

    if (virFileMakeDirs(own, 0755) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        if (linkFile(own, dir, links[i]) < 0)
            return -1;
    }
    return virFileExists(params) ? 0 : virFileReplaceVolatile(params, PARAMS, strlen(PARAMS), 0644);
}

/* (owned) @dir, or a directory of ours that has the same certificates, by links, and parameters. */
static char *
withParams(const qemuConfig *config, const char *dir)
{
    static GMutex lock;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    g_autofree char *given = g_build_filename(dir, PARAMS_FILE, NULL);
    g_autofree char *own = paramsDir(config);

    if (virFileExists(given))
        return g_strdup(dir);
    if (fillParamsDir(own, dir) == 0)
        return g_steal_pointer(&own);
    VIR_WARN("QEMU will stand still while it computes Diffie-Hellman parameters for TLS: %s",
             virErrorLastMessage());
    virErrorReset();
    return g_strdup(dir);
}

/* (owned) @given by qemu.conf, else @fallback if it exists, else the default one. */
static char *
chooseDir(const qemuConfig *config, const char *given, const char *fallback)
{
    if (given)
        return g_strdup(given);
    return g_strdup(virFileExists(fallback) ? fallback : config->defaultTLSDir);
}

/* (owned) the first of the NULL-terminated @files that is not in @dir, or NULL. */
static char *
missingFile(const char *dir, const char *const *files)
{
    for (; *files; files++) {
        g_autofree char *file = g_build_filename(dir, *files, NULL);

        if (!virFileExists(file))
            return g_steal_pointer(&file);
    }
    return NULL;
}

char *
qemuTLSBackupDir(const qemuConfig *config, const char *domain)
{
    static const char *const files[] = {"ca-cert.pem", "server-cert.pem", "server-key.pem", NULL};
    g_autofree char *dir = chooseDir(config, config->backupTLSDir, config->backupTLSFallbackDir);
    g_autofree char *missing = missingFile(dir, files);

    if (!missing)
        return withParams(config, dir);
    virReportError(VIR_ERR_INTERNAL_ERROR,
                   "cannot serve a backup of domain '%s' with TLS: there is no '%s'; put "
                   "ca-cert.pem, server-cert.pem and server-key.pem there, or name their directory "
                   "as backup_tls_x509_cert_dir in qemu.conf",
                   domain, missing);
    return NULL;
}

char *
qemuTLSNbdDir(const qemuConfig *config, const char *domain)
{
    static const char *const files[] = {"ca-cert.pem", NULL};
    g_autofree char *dir = chooseDir(config, config->nbdTLSDir, config->nbdTLSFallbackDir);
    g_autofree char *missing = missingFile(dir, files);

    if (!missing)
        return g_steal_pointer(&dir);
    virReportError(VIR_ERR_INTERNAL_ERROR,
                   "cannot back up domain '%s' to an NBD server with TLS: there is no '%s'; put ca-cert.pem there, and "
                   "client-cert.pem and client-key.pem for a server that wants them, or name their directory as "
                   "nbd_tls_x509_cert_dir in qemu.conf",
                   domain, missing);
    return NULL;
}

virJSONValue *
qemuTLSServerCreds(const char *id, const char *dir, bool verify)
{
    return virJSONBuild("{'execute':'object-add','arguments':{'qom-type':'tls-creds-x509','id':%s,"
                        "'dir':%s,'endpoint':'server','verify-peer':%b}}",
                        id, dir, verify);
}

virJSONValue *
qemuTLSClientCreds(const char *id, const char *dir)
{
    return virJSONBuild("{'execute':'object-add','arguments':{'qom-type':'tls-creds-x509','id':%s,"
                        "'dir':%s,'endpoint':'client'}}",
                        id, dir);
}

virJSONValue *
qemuTLSCredsDelete(const char *id)
{
    return virJSONBuild("{'execute':'object-del','arguments':{'id':%s}}", id);
}
