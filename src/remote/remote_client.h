/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client half of the remote program: the driver that carries every call over a socket. The
 * files remote_client_*.c hold its members by topic; here is what they share.
 *
 * Calls come in few shapes (a domain in, a domain and flags in; nothing, a number, a text or an
 * object out), so each has a helper that takes the procedure's number and is told the type of the
 * reply. XDR of a structure with one field is that field's own, hence xdr_int for a reply with one
 * int, and so on.
 */
#pragma once
#include "libvirt-object.h"
#include "domain_event.h"
#include "remote_features.h"
#include "remote_procedures.h"
#include "virnetclient.h"

/* An event registration the daemon knows. */
typedef struct {
    int remoteID; /* the daemon's callback id */
    bool qemu;    /* of the qemu program */
    int eventID;
    bool filtered;
    unsigned char uuid[VIR_UUID_BUFLEN];
    GArray *localIDs; /* of int: the callbacks it serves */
} remoteRegistration;

/* virConnect.privateData; lives as long as the virNetClient, whose opaque it is. */
typedef struct {
    virNetClient *client;
    char *type;           /* answer of connectGetType, once asked; guarded by lock */
    bool serverKeepalive; /* these three never change once the connection is open */
    bool serverEventCallback;
    bool serverCloseCallback;

    GMutex lock;                /* short; taken inside registerLock */
    virConnectPtr conn;         /* NULL once it is being freed; guarded by lock */
    virDomainEventList *events; /* has its own lock */
    GMutex registerLock;        /* held over calls: one registration at a time */
    GPtrArray *registrations;   /* of remoteRegistration; guarded by registerLock */
} remoteConnection;

remoteConnection *remoteConnectionOf(virConnectPtr conn);

#define REMOTE_XDR(type) ((xdrproc_t)xdr_##type)

/** One call of the remote program; the rest as for virNetClientCall(). */
int remoteCallProc(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args, xdrproc_t retProc,
                   void *ret);
int remoteCallQemu(virConnectPtr conn, int proc, xdrproc_t argsProc, void *args, xdrproc_t retProc,
                   void *ret);
/** Arguments: the domain alone. */
int remoteCallDomain(virDomainPtr dom, int proc, xdrproc_t retProc, void *ret);
/** Arguments: the domain and flags. */
int remoteCallDomainFlags(virDomainPtr dom, int proc, unsigned int flags, xdrproc_t retProc,
                          void *ret);
/** The same for replies of one int: that int, or -1. */
int remoteCallDomainInt(virDomainPtr dom, int proc);
int remoteCallDomainFlagsInt(virDomainPtr dom, int proc, unsigned int flags);
/** ... and of one text: (owned), or NULL. */
char *remoteCallDomainFlagsText(virDomainPtr dom, int proc, unsigned int flags);
/** No arguments, reply of one text. */
char *remoteCallText(virConnectPtr conn, int proc);
int remoteCallInt(virConnectPtr conn, int proc);
/** Does the daemon have this feature? 1, 0 or -1. */
int remoteAskFeature(virConnectPtr conn, int feature);

/** References for the wire; strings are borrowed from the handle. */
remote_domain remoteWireDomain(virDomainPtr dom);
remote_domain_checkpoint remoteWireCheckpoint(virDomainCheckpointPtr chk);
/** Handles for what came from the wire (owned). */
virDomainPtr remoteTakeDomain(virConnectPtr conn, const remote_domain *wire);
virDomainCheckpointPtr remoteTakeCheckpoint(virConnectPtr conn,
                                            const remote_domain_checkpoint *wire);
/** Append @n parameters; refuses names that are too long with VIR_ERR_RPC. */
int remoteTakeParams(virTypedParamList *list, const remote_typed_param *wire, unsigned int n);
/** An optional string of the wire: present if @text is not NULL. @slot: storage for it. */
static inline remote_string *
remoteOptional(const char *text, remote_string *slot)
{
    *slot = (char *)text;
    return text ? slot : NULL;
}

/* Each file puts its members into the driver's table. */
void remoteClientAddConnect(virDriver *driver);
void remoteClientAddDomain(virDriver *driver);
void remoteClientAddState(virDriver *driver);
void remoteClientAddBlock(virDriver *driver);
void remoteClientAddDevice(virDriver *driver);
void remoteClientAddJob(virDriver *driver);
void remoteClientAddCheckpoint(virDriver *driver);
void remoteClientAddSecret(virDriver *driver);
void remoteClientAddEvent(virDriver *driver);
void remoteClientAddQemu(virDriver *driver);

/** virNetClientHooks.event. */
void remoteClientHandleEvent(const virNetMessage *msg, void *opaque);
void remoteRegistrationFree(void *registration);
/** The driver (static). */
const virDriver *remoteClientDriver(void);
