/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets: passphrases that the daemon keeps and that documents name by UUID or by what they are
 * for, so that no document holds one.
 */
#ifndef LIBVIRT_SECRET_H
#define LIBVIRT_SECRET_H

#include <libvirt/libvirt-host.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A secret: its value and what is known about it. */
typedef struct _virSecret virSecret;
typedef virSecret *virSecretPtr;

/* What a secret is for. */
typedef enum {
    VIR_SECRET_USAGE_TYPE_NONE   = 0,
    VIR_SECRET_USAGE_TYPE_VOLUME = 1, /* an encrypted disk; the usage id is its path */
    VIR_SECRET_USAGE_TYPE_CEPH   = 2,
    VIR_SECRET_USAGE_TYPE_ISCSI  = 3,
    VIR_SECRET_USAGE_TYPE_TLS    = 4,
    VIR_SECRET_USAGE_TYPE_VTPM   = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_SECRET_USAGE_TYPE_LAST
#endif
} virSecretUsageType;

/* Flags of virConnectListAllSecrets(). Both flags of a pair are the same as none. */
typedef enum {
    VIR_CONNECT_LIST_SECRETS_EPHEMERAL    = 1 << 0,
    VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL = 1 << 1,
    VIR_CONNECT_LIST_SECRETS_PRIVATE      = 1 << 2,
    VIR_CONNECT_LIST_SECRETS_NO_PRIVATE   = 1 << 3,
} virConnectListAllSecretsFlags;

/* Flags of virSecretDefineXML(). */
typedef enum {
    VIR_SECRET_DEFINE_VALIDATE = 1 << 0, /* documents are always validated */
} virSecretDefineFlags;

/** virConnectNumOfSecrets: how many there are, or -1. */
int virConnectNumOfSecrets(virConnectPtr conn);
/**
 * virConnectListSecrets:
 * @uuids: takes at most @maxuuids texts, each owned by the caller
 * Returns: how many were written, or -1.
 */
int virConnectListSecrets(virConnectPtr conn, char **uuids, int maxuuids);
/**
 * virConnectListAllSecrets:
 * @secrets: (owned array, NULL-terminated, of owned objects); NULL only counts
 * @flags: virConnectListAllSecretsFlags
 * Returns: how many there are, or -1.
 */
int virConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags);

/**
 * virSecretLookupByUUID, virSecretLookupByUUIDString, virSecretLookupByUsage:
 * Returns: (owned, free with virSecretFree), or NULL with VIR_ERR_NO_SECRET.
 */
virSecretPtr virSecretLookupByUUID(virConnectPtr conn, const unsigned char *uuid);
virSecretPtr virSecretLookupByUUIDString(virConnectPtr conn, const char *uuid);
virSecretPtr virSecretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID);

/**
 * virSecretDefineXML:
 * @xml: a secret document
 * @flags: virSecretDefineFlags
 * Makes a secret without a value, or changes what is known of the one with the same UUID, which
 * keeps its value. A secret that is not ephemeral is on disk when this returns; if the daemon dies
 * meanwhile it is there as it was or as it was to be.
 * Returns: (owned, free with virSecretFree), or NULL with VIR_ERR_XML_ERROR,
 * VIR_ERR_XML_INVALID_SCHEMA, or VIR_ERR_INTERNAL_ERROR if the usage is another secret's, the
 * document gives the secret another usage, or takes "private" from it.
 */
virSecretPtr virSecretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags);
/** virSecretUndefine: forget the secret and its value, on disk too. Domains that run keep it. */
int virSecretUndefine(virSecretPtr secret);

/**
 * virSecretSetValue:
 * @value: @value_size bytes, any; at most 65536 over a connection
 * @flags: 0
 * Returns: 0, or -1 with VIR_ERR_NO_SECRET if it is not defined any more.
 */
int virSecretSetValue(virSecretPtr secret, const unsigned char *value, size_t value_size,
                      unsigned int flags);
/**
 * virSecretGetValue:
 * @value_size: (out) length of what is returned
 * @flags: 0
 * Returns: (owned, free with free) the bytes, or NULL with VIR_ERR_NO_SECRET if there is no value,
 * VIR_ERR_INVALID_SECRET if the secret is private, VIR_ERR_OPERATION_DENIED on a read-only
 * connection.
 */
unsigned char *virSecretGetValue(virSecretPtr secret, size_t *value_size, unsigned int flags);
/** virSecretGetXMLDesc: (owned) its document, which never holds the value; NULL on failure.
 * @flags: 0 */
char *virSecretGetXMLDesc(virSecretPtr secret, unsigned int flags);

/** virSecretGetUUID: @buf: VIR_UUID_BUFLEN bytes. 0 or -1. */
int virSecretGetUUID(virSecretPtr secret, unsigned char *buf);
/** virSecretGetUUIDString: @buf: VIR_UUID_STRING_BUFLEN bytes. 0 or -1. */
int virSecretGetUUIDString(virSecretPtr secret, char *buf);
/** virSecretGetUsageType: a virSecretUsageType, as of when the handle was made; -1 on failure. */
int virSecretGetUsageType(virSecretPtr secret);
/** virSecretGetUsageID: what the usage says, "" for none; lives as long as @secret. */
const char *virSecretGetUsageID(virSecretPtr secret);
/** virSecretGetConnect: borrowed; lives as long as @secret. */
virConnectPtr virSecretGetConnect(virSecretPtr secret);
/** virSecretRef, virSecretFree: one reference more, or less. 0 or -1. */
int virSecretRef(virSecretPtr secret);
int virSecretFree(virSecretPtr secret);

#ifdef __cplusplus
}
#endif

#endif
