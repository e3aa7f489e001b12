/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects behind the public handles. They are counted references to names: a virDomain knows
 * its connection, name, UUID and last known id, and nothing else.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <libvirt/libvirt.h>
#include "libvirt-driver.h"

struct _virConnect {
    gint refs;
    const virDriver *driver; /* borrowed, static */
    void *privateData;       /* the driver's, from connectOpen to connectClose */
    char *uri;               /* as given by the user; NULL if none */
    bool readonly;
    bool registeredClose; /* close callback set; guarded by lock */
    GMutex lock;
    virConnectCloseFunc closeCb;
    void *closeOpaque;
    virFreeCallback closeFree;
};
struct _virDomain {
    gint refs;
    virConnectPtr conn; /* (owned reference) */
    char *name;
    int id;
    unsigned char uuid[VIR_UUID_BUFLEN];
};
struct _virDomainCheckpoint {
    gint refs;
    virDomainPtr domain; /* (owned reference) */
    char *name;
};
struct _virSecret {
    gint refs;
    virConnectPtr conn; /* (owned reference) */
    unsigned char uuid[VIR_UUID_BUFLEN];
    int usageType;
    char *usageID; /* "" if none */
};

/* Each New: (owned), one reference; strings are copied. */
virConnectPtr virObjectConnectNew(const virDriver *driver);
virDomainPtr virObjectDomainNew(virConnectPtr conn, const char *name, const unsigned char *uuid,
                                int id);
virDomainCheckpointPtr virObjectCheckpointNew(virDomainPtr domain, const char *name);
virSecretPtr virObjectSecretNew(virConnectPtr conn, const unsigned char *uuid, int usageType,
                                const char *usageID);

/* Dropping a reference without touching the thread's error, unlike the public functions. NULL is
 * fine. Returns: true if it was the last; a connection is closed then. */
bool virObjectConnectUnref(virConnectPtr conn);
bool virObjectDomainUnref(virDomainPtr domain);
bool virObjectCheckpointUnref(virDomainCheckpointPtr checkpoint);
bool virObjectSecretUnref(virSecretPtr secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConnect, virObjectConnectUnref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virObjectDomainUnref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainCheckpoint, virObjectCheckpointUnref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virSecret, virObjectSecretUnref)
/** One more reference, unless the last is already gone: then false, and @conn may only be compared.
 */
bool virObjectConnectTryRef(virConnectPtr conn);
/** Free @n objects and the array, as a list function made it. */
void virObjectDomainListFree(virDomainPtr *domains, size_t n);
void virObjectCheckpointListFree(virDomainCheckpointPtr *checkpoints, size_t n);
void virObjectSecretListFree(virSecretPtr *secrets, size_t n);
/** The connection broke: call its close callback, if any, once. No lock is held meanwhile. */
void virObjectConnectNotifyClose(virConnectPtr conn, int reason);

/* The driver virConnectOpen*() hands every URI to: the remote driver in the library; the daemon
 * sets its own connections up without these functions. */
extern const virDriver *virConnectDriver;

/* First lines of every public function: reset the thread's error, check the handle, and for
 * changing calls that the connection is not read-only (VIR_ERR_OPERATION_DENIED
 * "read only access prevents FUNCTION"). */
int virObjectCheckConnect(virConnectPtr conn, const char *func);
int virObjectCheckDomain(virDomainPtr domain, const char *func);
int virObjectCheckCheckpoint(virDomainCheckpointPtr checkpoint, const char *func);
int virObjectCheckSecret(virSecretPtr secret, const char *func);
int virObjectCheckWrite(virConnectPtr conn, int errorDomain, const char *func);
/** The driver has no such function: VIR_ERR_NO_SUPPORT, "this function is not supported by the
 * connection driver: FUNC". */
void virObjectReportNoSupport(const char *func);
