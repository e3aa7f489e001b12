/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections and the host behind them.
 *
 * Handles are counted references. Every function may be called on any thread and may block until
 * the other side has answered, unless it says otherwise. Functions returning int return -1,
 * others NULL, when they fail, and leave the error in virGetLastError().
 */
#ifndef LIBVIRT_HOST_H
#define LIBVIRT_HOST_H

#include <libvirt/libvirt-common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to a hypervisor driver. */
typedef struct _virConnect virConnect;
typedef virConnect *virConnectPtr;
/** Foreign kinds of object; only their names are needed, in virError and signatures. */
typedef struct _virNetwork virNetwork;
typedef virNetwork *virNetworkPtr;
typedef struct _virStream virStream;
typedef virStream *virStreamPtr;

#define VIR_UUID_BUFLEN        (16)
#define VIR_UUID_STRING_BUFLEN (36 + 1)

/* Flags of virConnectOpenAuth(). */
typedef enum {
    VIR_CONNECT_RO         = 1 << 0,
    VIR_CONNECT_NO_ALIASES = 1 << 1,
} virConnectFlags;

/* What a virConnectCredential asks for. */
typedef enum {
    VIR_CRED_USERNAME     = 1,
    VIR_CRED_AUTHNAME     = 2,
    VIR_CRED_LANGUAGE     = 3,
    VIR_CRED_CNONCE       = 4,
    VIR_CRED_PASSPHRASE   = 5,
    VIR_CRED_ECHOPROMPT   = 6,
    VIR_CRED_NOECHOPROMPT = 7,
    VIR_CRED_REALM        = 8,
    VIR_CRED_EXTERNAL     = 9,
#ifdef VIR_ENUM_SENTINELS
    VIR_CRED_LAST
#endif
} virConnectCredentialType;

/** One question to the user and its answer. */
typedef struct _virConnectCredential virConnectCredential;
struct _virConnectCredential {
    int type;               /* virConnectCredentialType */
    const char *prompt;
    const char *challenge;
    const char *defresult;  /* answer if the user gives none */
    char *result;           /* the answer (owned by the asker, from malloc) */
    unsigned int resultlen; /* bytes in it */
};
typedef virConnectCredential *virConnectCredentialPtr;

/** Fills in the results of @cred. Returns: 0, or -1 to give up. */
typedef int (*virConnectAuthCallbackPtr)(
    virConnectCredentialPtr cred, unsigned int ncred, void *cbdata);

/** How to ask the user. */
typedef struct _virConnectAuth virConnectAuth;
struct _virConnectAuth {
    int *credtype;          /* the kinds of question @cb can put */
    unsigned int ncredtype;
    virConnectAuthCallbackPtr cb;
    void *cbdata;
};
typedef virConnectAuth *virConnectAuthPtr;

/** Asks on the terminal. */
VIR_EXPORT_VAR virConnectAuthPtr virConnectAuthPtrDefault;

/** The connection is gone; @reason: virConnectCloseReason. */
typedef void (*virConnectCloseFunc)(virConnectPtr conn, int reason, void *opaque);

#define VIR_SECURITY_LABEL_BUFLEN (4096 + 1)
#define VIR_SECURITY_MODEL_BUFLEN (256 + 1)
#define VIR_SECURITY_DOI_BUFLEN   (256 + 1)

/** Security label a running domain's process carries. */
typedef struct _virSecurityLabel virSecurityLabel;
struct _virSecurityLabel {
    char label[VIR_SECURITY_LABEL_BUFLEN];
    int enforcing;
};
typedef virSecurityLabel *virSecurityLabelPtr;

/** Security model of the host; empty strings without one. */
typedef struct _virSecurityModel virSecurityModel;
struct _virSecurityModel {
    char model[VIR_SECURITY_MODEL_BUFLEN];
    char doi[VIR_SECURITY_DOI_BUFLEN];
};
typedef virSecurityModel *virSecurityModelPtr;

/** The host's CPUs and memory. */
typedef struct _virNodeInfo virNodeInfo;
struct _virNodeInfo {
    char model[32];       /* CPU model */
    unsigned long memory; /* KiB */
    unsigned int cpus;    /* usable ones */
    unsigned int mhz;
    unsigned int nodes;   /* NUMA cells; the next three count a cell, socket, core */
    unsigned int sockets;
    unsigned int cores;
    unsigned int threads;
};
typedef virNodeInfo *virNodeInfoPtr;
#define VIR_NODEINFO_MAXCPUS(nodeinfo) \
    ((nodeinfo).nodes * (nodeinfo).sockets * (nodeinfo).cores * (nodeinfo).threads)

/** virInitialize: sets the library up; opening a connection does it too. Returns: 0 or -1. */
int virInitialize(void);
/**
 * virGetVersion: *@libVer: version of this library as LIBVIR_VERSION_NUMBER counts; *@typeVer, if
 * both are not NULL: the same. @type is not looked at. Returns: 0, or -1. Since: 0.0.3
 */
int virGetVersion(unsigned long *libVer, const char *type, unsigned long *typeVer);

/**
 * virConnectOpen:
 * @name: URI such as qemu:///system, an alias from libvirt.conf, or NULL for the default: the
 * variable LIBVIRT_DEFAULT_URI, else uri_default of libvirt.conf, else the daemon's choice
 * Connects to the daemon, starting the per-user one for qemu:///session when needed.
 * Returns: (owned, close with virConnectClose), or NULL with VIR_ERR_SYSTEM_ERROR if nobody
 * listens, VIR_ERR_CONFIG_UNSUPPORTED for transports we do not have, VIR_ERR_INVALID_ARG for a
 * URI that makes no sense.
 * Since: 0.0.3   Source: libvirt 9.0.0 virConnectOpen
 */
virConnectPtr virConnectOpen(const char *name);
/** Like virConnectOpen, but changing calls are refused with VIR_ERR_OPERATION_DENIED. */
virConnectPtr virConnectOpenReadOnly(const char *name);
/** Like virConnectOpen; @auth: whom to ask for credentials (borrowed), may be NULL; @flags:
 * virConnectFlags. Since: 0.4.0 */
virConnectPtr virConnectOpenAuth(const char *name, virConnectAuthPtr auth, unsigned int flags);
/** virConnectRef: one more owner. Returns 0. Since: 0.6.0 */
int virConnectRef(virConnectPtr conn);
/** virConnectClose: drops one reference; the connection ends with the last one, which may be held
 * by an object. Returns: 0 if that was the last, 1 if not, -1 on misuse. */
int virConnectClose(virConnectPtr conn);

/** Name of the driver, "QEMU"; borrowed, static. */
const char *virConnectGetType(virConnectPtr conn);
/** *@hvVer: version of the hypervisor. */
int virConnectGetVersion(virConnectPtr conn, unsigned long *hvVer);
/** *@libVer: version of the library on the daemon's side. */
int virConnectGetLibVersion(virConnectPtr conn, unsigned long *libVer);
/** Host name of the daemon (owned). */
char *virConnectGetHostname(virConnectPtr conn);
/** The URI this connection is for (owned). */
char *virConnectGetURI(virConnectPtr conn);
/** XML about host and guests the driver can run (owned). */
char *virConnectGetCapabilities(virConnectPtr conn);
/** How many vCPUs a domain of @type (NULL: any) may have. */
int virConnectGetMaxVcpus(virConnectPtr conn, const char *type);
/** 1 while the transport works, 0 when it is gone. Asks nobody. Since: 0.9.8 */
int virConnectIsAlive(virConnectPtr conn);
/** 1 if traffic is encrypted, else 0. Since: 0.7.3 */
int virConnectIsEncrypted(virConnectPtr conn);
/** 1 if nobody can listen in (a UNIX socket, or encrypted), else 0. Since: 0.7.3 */
int virConnectIsSecure(virConnectPtr conn);
/**
 * virConnectSetKeepAlive: ask the daemon for a sign of life after each @interval seconds of
 * silence and close the connection when @count in a row stay unanswered. @interval 0 stops.
 * Needs an event loop. Returns: 0; 1 if the daemon cannot; -1. Since: 0.9.8
 */
int virConnectSetKeepAlive(virConnectPtr conn, int interval, unsigned int count);
/**
 * virConnectRegisterCloseCallback: @cb is called, from the event loop, when the connection breaks.
 * One a connection. @freecb frees @opaque when it is unregistered or the connection is freed.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_INVALID if there is one. Since: 0.10.0
 */
int virConnectRegisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb, void *opaque,
                                    virFreeCallback freecb);
/** Takes @cb back; -1 if it is not the registered one. Since: 0.10.0 */
int virConnectUnregisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb);

/** Fills *@info. */
int virNodeGetInfo(virConnectPtr conn, virNodeInfoPtr info);
/** Free memory of the host in bytes, 0 on failure. */
unsigned long long virNodeGetFreeMemory(virConnectPtr conn);
/** Fills *@secmodel. */
int virNodeGetSecurityModel(virConnectPtr conn, virSecurityModelPtr secmodel);

#ifdef __cplusplus
}
#endif
#endif
