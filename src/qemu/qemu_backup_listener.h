/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <server transport='fd'>: a socket that the client has opened, and that QEMU's NBD server serves on. The
 * client keeps its own descriptor, and can use the socket again when the backup is over.
 *
 * TCP only. QEMU 7.2 removes the name of a UNIX socket when it stops serving on it, and when starting
 * fails, though the name is the client's; of a socket with an abstract name, whatever file has that name.
 */
#pragma once
#include "backup_def.h"
#include "qemu_fd_groups.h"
#include "qemu_vm.h"

typedef struct _qemuBackupListener {
    int fd;                      /* -1 = none */
    unsigned long long inode;    /* taken, so that no backup beside this one gets the socket; 0 = not yet */
} qemuBackupListener;
#define QEMU_BACKUP_LISTENER_NONE ((qemuBackupListener){ .fd = -1 })

/**
 * qemuBackupListenerFind: a copy of the one descriptor in the group that the server of @def names, for domain
 * @vm; its port is filled in. Nothing for servers that have an address of their own.
 * @groups: of the client's connection. @listener: QEMU_BACKUP_LISTENER_NONE at first.
 * Returns: 0, or -1 as qemuFDGroupsDup for a group that is not there; VIR_ERR_INVALID_ARG if it holds
 * something else than one listening stream socket; VIR_ERR_CONFIG_UNSUPPORTED if that is not a TCP socket;
 * VIR_ERR_OPERATION_UNSUPPORTED for a stopped domain, whose block helper takes no descriptors.
 */
int qemuBackupListenerFind(qemuVM *vm, virDomainBackupDef *def, qemuFDGroups *groups, qemuBackupListener *listener);
/**
 * qemuBackupListenerTake: from here on until it is given back no other backup can begin on this socket. Who has
 * given it to QEMU gives it back then: QEMU's copy is found in /proc, by later daemons as well.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED when a QEMU of ours serves on it; VIR_ERR_CONFIG_UNSUPPORTED when
 * its clients could not be seen, for then a silent one would freeze the guest in the end.
 */
int qemuBackupListenerTake(qemuVM *vm, qemuBackupListener *listener);
/** Close and give back. */
void qemuBackupListenerClear(qemuBackupListener *listener);
