/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the driver keeps things and what its configuration says. Read-only after start-up; a reload
 * swaps the whole struct. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include "backup_options.h"

typedef struct _qemuConfig {
    gint refs;
    bool privileged;
    char *configDir;     /* /etc/libvirt/qemu            NAME.xml, autostart/NAME.xml */
    char *stateDir;      /* /run/libvirt/qemu            NAME.xml (status), NAME.pid, NAME.backup
                            (journal) */
    char *libDir;        /* /var/lib/libvirt/qemu        domain-ID-NAME/monitor.sock, channel/ */
    char *checkpointDir; /* /var/lib/libvirt/qemu/checkpoint     NAME/CHECKPOINT.xml */
    char *scratchDir; /* /var/lib/libvirt/qemu/backup         scratch files not named by the user */
    char *secretDir; /* /etc/libvirt/secrets              UUID.xml, UUID.base64 */
    char *logDir;     /* /var/log/libvirt/qemu        NAME.log */
    char *cacheDir;   /* /var/cache/libvirt/qemu      capabilities */
    uid_t user;
    gid_t group;                /* QEMU runs as; (uid_t)-1 = as the daemon */
    virBackupOptions backup;    /* for requests that do not give them */
    unsigned int freezeTimeoutSec; /* for the guest agent to freeze file systems, default 60 */
    unsigned int backupPortMin, backupPortMax;
    char *defaultTLSDir;        /* /etc/pki/qemu: certificates; qemu_tls.h */
    char *backupTLSDir;         /* of qemu.conf, or NULL */
    char *backupTLSFallbackDir; /* /etc/pki/libvirt-backup, if it exists */
    char *nbdTLSDir;            /* of qemu.conf, or NULL */
    char *nbdTLSFallbackDir;    /* /etc/pki/libvirt-nbd, if it exists */
    bool backupTLSVerify;       /* NBD clients must show a certificate */
    char *defaultEmulator; /* /usr/bin/qemu-system-x86_64 */
} qemuConfig;
qemuConfig *qemuConfigNew(const char *root, bool privileged);
int qemuConfigLoad(qemuConfig *config, const char *path, bool mustExist);
qemuConfig *qemuConfigRef(qemuConfig *config);
void qemuConfigUnref(qemuConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuConfig, qemuConfigUnref)
