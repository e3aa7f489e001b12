/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's half of the remote and qemu programs. A handler turns decoded arguments into a call
 * of the public function of the same name and its results into a reply; access rules, decoding and
 * encoding are done around it, from the procedure table.
 */
#pragma once
#include <glib.h>
#include "libvirt-object.h"
#include "remote_procedures.h"
#include "virnetserver.h"

/* ---- for the daemon ---- */

extern const virNetServerProgram remoteDispatchProgram;
extern const virNetServerProgram remoteDispatchQemuProgram;
extern const virNetServerHooks remoteDispatchHooks;

typedef struct _remoteDispatchOptions {
    const virDriver *driver;   /* who carries the calls out; static */
    bool privileged;           /* serves qemu:///system */
} remoteDispatchOptions;
/** Call once before the server listens. */
void
remoteDispatchSetup(const remoteDispatchOptions *options);
const remoteDispatchOptions *
remoteDispatchGetOptions(void);

/* ---- for the handlers ---- */

typedef struct _remoteEventCallback remoteEventCallback;

/* What the daemon keeps for a connection. */
typedef struct _remoteClient {
    GMutex lock;               /* held over no call of the driver */
    virConnectPtr conn;        /* (owned) NULL unless opened; guarded by lock */
    bool closed;               /* no more registrations; guarded by lock */
    GPtrArray *callbacks;      /* remoteEventCallback, borrowed from the driver; guarded by lock */
} remoteClient;

/* One call on its way. */
typedef struct _remoteCall {
    virNetServerClient *client;
    remoteClient *priv;
    virConnectPtr conn;        /* NULL only in the few calls that work before CONNECT_OPEN */
    const int *fds;            /* what came with the call, nfds of them (borrowed): closed after it */
    unsigned int nfds;
} remoteCall;

/** The objects a reference on the wire stands for (owned). */
virDomainPtr
remoteGetDomain(virConnectPtr conn, const remote_domain *ref);
virDomainCheckpointPtr
remoteGetCheckpoint(virConnectPtr conn, const remote_domain_checkpoint *ref);
virSecretPtr
remoteGetSecret(virConnectPtr conn, const remote_secret *ref);
/** Text of an optional string, NULL if absent; borrowed. */
const char *
remoteGetText(const remote_string *text);

/** References to objects for the wire; @out is freed with the reply. */
void
remotePutDomain(remote_domain *out, virDomainPtr dom);
void
remotePutCheckpoint(remote_domain_checkpoint *out, virDomainCheckpointPtr chk);
void
remotePutSecret(remote_secret *out, virSecretPtr secret);
/** Same, consuming @dom, @chk or @secret; NULL (a failed call) returns -1, else 0. */
int
remotePutNewDomain(remote_domain *out, virDomainPtr dom);
int
remotePutNewCheckpoint(remote_domain_checkpoint *out, virDomainCheckpointPtr chk);
int
remotePutNewSecret(remote_secret *out, virSecretPtr secret);
/** @text (consumed) into @out. Returns: 0; -1 for NULL (a failed call) or with VIR_ERR_RPC for what
 * is longer than a string of the protocol. */
int
remotePutText(remote_string *out, char *text);
/** Counted char array from a NUL-terminated text. */
void
remotePutChars(char **val, u_int *len, const char *text);
/**
 * remotePutTypedParams: @params (borrowed) for the wire. @max: bound of the array they go into.
 * @withStrings: false leaves out those of type string, for clients that would not expect them.
 * Returns: 0, or -1 with VIR_ERR_RPC when there are more than @max.
 */
int
remotePutTypedParams(remote_typed_param **val, u_int *len, virTypedParameterPtr params, int nparams,
                     int max, bool withStrings);
/** Refuse a result that no client would accept. Returns: 0, or -1 with VIR_ERR_RPC. */
int
remoteCheckCount(const char *what, int count, int max);

/** Forget all event callbacks of a closing connection. @callbacks: consumed. */
void
remoteEventDropAll(virConnectPtr conn, GPtrArray *callbacks);

/* The handlers, by the tables: return 0, or -1 with an error set. */
#define KNOWN(...)
#define EVENT(...)
#define CALL(number, NAME, args, ret, lane, rule, domain, api, handler) \
    int handler(remoteCall *call, remote_##args *args_, remote_##ret *ret_);
#include "remote_procedures.def"
#undef CALL
#define CALL(number, NAME, args, ret, lane, rule, domain, api, handler) \
    int handler(remoteCall *call, qemu_##args *args_, qemu_##ret *ret_);
#include "qemu_procedures.def"
#undef CALL
#undef KNOWN
#undef EVENT
