/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting to a daemon's socket, and starting the user's own daemon when nobody listens. */
#pragma once
#include "remote_uri.h"

/**
 * remoteSpawnConnect: a connected socket for @address. The daemon it names is started at most once,
 * detached; then the socket is tried for about 5 seconds. A lock file keeps two clients from
 * starting two daemons.
 * Returns: descriptor, or -1 with VIR_ERR_SYSTEM_ERROR.
 */
int remoteSpawnConnect(const remoteAddress *address);
