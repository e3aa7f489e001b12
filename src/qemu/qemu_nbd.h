/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An NBD server as QEMU's peer: as the target of a push backup, and as what a disk lies on. */
#pragma once
#include "domain_def.h"
#include "virjson.h"

/** How long a server may take to let itself be connected to and to say hello. */
#define QEMU_NBD_TIMEOUT_MS 5000

/** QEMU's options of the protocol node; @creds: the object for a server with TLS. Pure. (owned) */
virJSONValue *qemuNbdOptions(const virStorageNbd *nbd, const char *creds);
/**
 * qemuNbdProbe: is there a server that answers? QEMU stands still, with its guest, while it
 * connects; so one that does not answer must be found out before QEMU is told of it.
 * @use: what it is wanted for, in words that "the NBD server" can follow: "attach disk 'vda' ... from".
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED that names server and @use. Blocks at most twice
 * QEMU_NBD_TIMEOUT_MS (names are resolved on top of that).
 */
int qemuNbdProbe(const virStorageNbd *nbd, const char *use);
/** qemuNbdProbe of the exports of one image, if it lies on any, and of all of a chain, which may be NULL. */
int qemuNbdProbeImage(const virStorageSource *src, const char *use);
int qemuNbdProbeChain(const virStorageSource *src, const char *use);
/**
 * qemuNbdCheckDomain: QEMU waits for requests that are under way on a disk before it changes bitmaps or
 * its block graph, and stands still for as long as that takes. Is there a disk of @def on a server that takes connections
 * and then says nothing? One that is not there at all does no such harm: its requests fail.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_FAILED. Blocks as qemuNbdProbe.
 */
int qemuNbdCheckDomain(const virDomainDef *def);
