/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The secrets of this daemon: one table a process, and a directory.
 *
 *   UUID.xml      the document. It is the secret: with it a secret begins and ends to exist
 *   UUID.base64   its value, if it has one; written before the document when both are new, removed
 *                 after it. Without a document it is what a crash has left, and removed at the start
 *
 * Ephemeral secrets are in the table alone. All functions may be called on any thread; those that
 * change something take turns and may wait for the disk.
 */
#pragma once
#include <glib.h>
#include "secret_def.h"

/** secretStoreStart: @dir: made if it does not exist. A document or a value that cannot be read is
 * logged and left as it is. 0, or -1 with an error. */
int secretStoreStart(const char *dir);
/** Wipes the values from memory. */
void secretStoreStop(void);

/** (owned) GPtrArray of virSecretDef. @flags: virConnectListAllSecretsFlags. */
GPtrArray *secretStoreList(unsigned int flags);
/** (owned) copy; NULL with VIR_ERR_NO_SECRET. */
virSecretDef *secretStoreGet(const unsigned char *uuid);
virSecretDef *secretStoreFindUsage(int usageType, const char *usageID);
/** secretStoreDefine: @def: borrowed. 0, or -1 with VIR_ERR_INTERNAL_ERROR (libvirt's code) if
 * another secret has its usage, or its usage or "private" cannot change like that. */
int secretStoreDefine(const virSecretDef *def);
/** 0, or -1 with VIR_ERR_NO_SECRET or VIR_ERR_SYSTEM_ERROR. */
int secretStoreUndefine(const unsigned char *uuid);
int secretStoreSetValue(const unsigned char *uuid, const unsigned char *value, gsize size);
/** (owned) the value, for the daemon's own use: private ones too. Wiped when its last reference
 * goes. NULL with VIR_ERR_NO_SECRET. */
GBytes *secretStoreFetchValue(const unsigned char *uuid);
