/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection URI says: driver[+transport]://[user@][host][:port]/path[?parameters], read
 * with the client configuration beside it. No socket is touched here.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virconf.h"

/* Which of the two daemons to look for. */
typedef enum {
    REMOTE_MODE_AUTO, /* the QEMU daemon if its socket is there, else the other's, else the first */
    REMOTE_MODE_LEGACY, /* one daemon for all drivers: libvirt-sock */
    REMOTE_MODE_DIRECT, /* virtqemud-sock */
    REMOTE_MODE_LAST
} remoteMode;

typedef struct _remoteURI {
    char *text;   /* the URI meant, after defaults and aliases; NULL: none */
    char *name;   /* for CONNECT_OPEN: what is left when the client took its part */
    char *socket; /* ?socket=, or NULL */
    remoteMode mode;
    bool session; /* of the user, not of the system, if the user is not root */
} remoteURI;

void remoteURIFree(remoteURI *uri);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(remoteURI, remoteURIFree)

/** remoteURIReadConfig: the client configuration libvirt.conf of this user. @conf: (owned), NULL if
 * there is no such file. Returns: 0, or -1 with VIR_ERR_CONF_SYNTAX. */
int remoteURIReadConfig(virConf **conf);

/**
 * remoteURIParse:
 * @given: what the application asked for: a URI, an alias, or NULL
 * @conf: client configuration or NULL   @aliases: whether @given may be an alias of it
 * Returns: (owned), or NULL with VIR_ERR_INVALID_ARG for a URI that makes no sense,
 * VIR_ERR_NO_CONNECT for a driver and VIR_ERR_CONFIG_UNSUPPORTED for a transport we do not have.
 */
remoteURI *remoteURIParse(const char *given, const virConf *conf, bool aliases);

/* Where a daemon is. */
typedef struct _remoteAddress {
    char *path;       /* of the socket; '@' first: abstract */
    char *daemon;     /* program to start when nobody listens, or NULL */
    char *runtimeDir; /* of the user's daemon, NULL for the system's */
} remoteAddress;
void remoteAddressClear(remoteAddress *address);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(remoteAddress, remoteAddressClear)
/** Where to connect for @uri; looks at what exists. */
void remoteURIResolve(const remoteURI *uri, bool readonly, remoteAddress *address);
