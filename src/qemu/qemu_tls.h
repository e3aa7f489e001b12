/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificates a QEMU uses: where they are by qemu.conf, and whether they are there.
 */
#pragma once
#include "qemu_conf.h"
#include "virconf.h"
#include "virjson.h"

/** The tls_x509 keys of qemu.conf, for the NULL-terminated list of known ones: some are known only to
 * be refused by name. */
#define QEMU_TLS_CONFIG_KEYS                                                                       \
    "default_tls_x509_cert_dir", "default_tls_x509_verify", "default_tls_x509_secret_uuid",        \
        "backup_tls_x509_cert_dir", "backup_tls_x509_verify", "backup_tls_x509_secret_uuid",       \
        "nbd_tls_x509_cert_dir", "nbd_tls_x509_secret_uuid"

/** Where the certificates are unless qemu.conf says: below @etc ("/etc"). */
void qemuTLSConfigInit(qemuConfig *config, const char *etc);
/** 0, or -1 with VIR_ERR_CONF_SYNTAX (a directory that is not there, as libvirt), or
 * VIR_ERR_CONFIG_UNSUPPORTED (a key file that needs a password). */
int qemuTLSConfigLoad(qemuConfig *config, const virConf *conf, const char *path);
void qemuTLSConfigClear(qemuConfig *config);

/**
 * qemuTLSBackupDir: the directory of the certificates for the NBD server of a backup of @domain: what
 * qemu.conf says, else pki/libvirt-backup if it exists, else the default one. If that has no dh-params.pem, LIBDIR/backup-tls,
 * which has links to its files and a dh-params.pem of ours.
 * Returns: (owned), or NULL with VIR_ERR_INTERNAL_ERROR (as libvirt) naming the file that is missing.
 */
char *qemuTLSBackupDir(const qemuConfig *config, const char *domain);
/**
 * qemuTLSNbdDir: likewise for what domain @domain's QEMU needs as a client of an NBD server: what qemu.conf says, else
 * pki/libvirt-nbd if it exists, else the default one. A certificate of its own need not be there.
 */
char *qemuTLSNbdDir(const qemuConfig *config, const char *domain);
/** "object-add" of the server's credentials @id; @verify: clients must show a certificate. (owned) */
virJSONValue *qemuTLSServerCreds(const char *id, const char *dir, bool verify);
/** The same for a client: the server's name must be that of its certificate. (owned) */
virJSONValue *qemuTLSClientCreds(const char *id, const char *dir);
/** "object-del". (owned) */
virJSONValue *qemuTLSCredsDelete(const char *id);
