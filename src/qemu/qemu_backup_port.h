/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TCP port of an NBD server. QEMU binds it, so between looking for a free one and that time it must be
 * kept from other backups of this daemon. (Bound here and handed over as a descriptor it would have one
 * address alone; a name such as "localhost" has two.)
 */
#pragma once
#include "backup_def.h"
#include "qemu_conf.h"

/** A port that nobody else gets; given back when it goes out of scope. 0 = none. */
typedef unsigned int qemuBackupPort;
/**
 * qemuBackupPortTake: the port of the server of @def, once no earlier backup of @domain is left: one that is
 * given must be free on all addresses of its host (QEMU is content with one, and clients of the others would
 * meet a stranger); one that is not given is chosen from the range of qemu.conf and filled in. @port: 0 at
 * first; stays 0 for servers without TCP.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED.
 */
int qemuBackupPortTake(virDomainBackupDef *def, const qemuConfig *config, const char *domain,
                       qemuBackupPort *port);
void qemuBackupPortGive(qemuBackupPort port);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(qemuBackupPort, qemuBackupPortGive, 0)
