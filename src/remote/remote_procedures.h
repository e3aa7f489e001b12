/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of the two programs and of their procedures: REMOTE_PROC_DOMAIN_SUSPEND,
 * QEMU_PROC_DOMAIN_MONITOR_COMMAND. Both sides include this; the tables themselves are
 * remote_procedures.def and qemu_procedures.def.
 */
#pragma once
#include "remote_protocol.h"

#define REMOTE_PROGRAM 0x20008086U
#define REMOTE_PROGRAM_VERSION 1
#define QEMU_PROGRAM 0x20008087U
#define QEMU_PROGRAM_VERSION 1

/* Type of an empty body: nothing is encoded or decoded. */
typedef struct _remote_none {
    char nothing;
} remote_none;
typedef remote_none qemu_none;

static inline bool_t
xdr_remote_none(XDR *xdr, remote_none *none)
{
    return TRUE;
}
#define xdr_qemu_none xdr_remote_none

#define KNOWN(number, NAME, ...) REMOTE_PROC_##NAME = number,
#define CALL(number, NAME, ...) REMOTE_PROC_##NAME = number,
#define EVENT(number, NAME, body) REMOTE_PROC_##NAME = number,
typedef enum {
#include "remote_procedures.def"
    REMOTE_PROC_LAST
} remoteProcedure;
#undef KNOWN
#undef CALL
#undef EVENT

#define KNOWN(number, NAME, ...) QEMU_PROC_##NAME = number,
#define CALL(number, NAME, ...) QEMU_PROC_##NAME = number,
#define EVENT(number, NAME, body) QEMU_PROC_##NAME = number,
typedef enum {
#include "qemu_procedures.def"
    QEMU_PROC_LAST
} qemuProcedure;
#undef KNOWN
#undef CALL
#undef EVENT
