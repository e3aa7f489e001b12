/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Passphrases on their way from the daemon's secrets to QEMU, where they become objects
 * "libvirt-1-format-encryption-secret0" that block nodes name.
 *
 * At its start QEMU reads each from a descriptor of its own, a sealed file in memory; later it is
 * sent one over the monitor, which is a socket between the two. So none is on a command line, in a
 * file, in a journal or in a log (the monitor does not log such a command).
 */
#pragma once
#include <glib.h>
#include "domain_def.h"
#include "qemu_target.h"
#include "virjson.h"

/** (owned) name of the object for the format node @node. */
char *qemuSecretObjectName(const char *node);
/** (owned) GPtrArray of const virStorageSource *, borrowed from @def: its encrypted images, in the
 * order in which their nodes are made. */
GPtrArray *qemuSecretImages(const virDomainDef *def);

/** (owned) the passphrase; NULL with VIR_ERR_NO_SECRET if there is no such secret, or no value. */
GBytes *qemuSecretFetch(const virStorageEncryption *encryption);
/** Descriptor (owned, CLOEXEC) of a sealed file in memory that holds @value; any user may open it
 * who has the descriptor. -1 with VIR_ERR_SYSTEM_ERROR. */
int qemuSecretDescriptor(GBytes *value);
/** (owned) path under which a process finds the descriptor @fd that it has inherited. */
char *qemuSecretDescriptorPath(int fd);
/** (owned) GArray of int, closed with it: a descriptor for each of qemuSecretImages(). */
GArray *qemuSecretDescriptors(const virDomainDef *def);

/** (owned) "object-add" without the passphrase, and what takes it back. */
virJSONValue *qemuSecretAdd(const char *object);
virJSONValue *qemuSecretDelete(const char *object);
/** Run @command, made by qemuSecretAdd(), with the passphrase of @encryption. */
int qemuSecretSend(qemuTarget *target, const virJSONValue *command,
                   const virStorageEncryption *encryption);
