/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of the wire as virDomainEvent. */
#pragma once
#include "domain_event.h"
#include "virnetmessage.h"

/**
 * remoteEventDecode:
 * @msg: an event of the remote or qemu program
 * @callbackID: the daemon's id of the registration it is for
 * Returns: (owned), or NULL without an error for an event nobody here can have asked for, or with
 * VIR_ERR_RPC for one that cannot be decoded.
 */
virDomainEvent *remoteEventDecode(const virNetMessage *msg, int *callbackID);
