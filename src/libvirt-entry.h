/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shape all public functions share: check the handle (which also forgets the last error), the
 * right to write and the arguments, then call the driver's member of the same name.
 */
#pragma once
#include "libvirt-object.h"
#include "virerror_report.h"

#define VIR_ENTRY_CONNECT(conn, fail)                                                              \
    do {                                                                                           \
        if (virObjectCheckConnect(conn, __func__) < 0)                                             \
            return fail;                                                                           \
    } while (0)
#define VIR_ENTRY_DOMAIN(domain, fail)                                                             \
    do {                                                                                           \
        if (virObjectCheckDomain(domain, __func__) < 0)                                            \
            return fail;                                                                           \
    } while (0)
#define VIR_ENTRY_CHECKPOINT(checkpoint, fail)                                                     \
    do {                                                                                           \
        if (virObjectCheckCheckpoint(checkpoint, __func__) < 0)                                    \
            return fail;                                                                           \
    } while (0)
#define VIR_ENTRY_SECRET(secret, fail)                                                             \
    do {                                                                                           \
        if (virObjectCheckSecret(secret, __func__) < 0)                                            \
            return fail;                                                                           \
    } while (0)
#define VIR_ENTRY_WRITE(conn, fail)                                                                \
    do {                                                                                           \
        if (virObjectCheckWrite(conn, VIR_FROM_THIS, __func__) < 0)                                \
            return fail;                                                                           \
    } while (0)
#define VIR_ENTRY_NONNULL(arg, fail)                                                               \
    do {                                                                                           \
        if (!(arg)) {                                                                              \
            virReportInvalidNonNullArg(arg);                                                       \
            return fail;                                                                           \
        }                                                                                          \
    } while (0)
/** Is there such a function, and if so: return what it returns. */
#define VIR_ENTRY_CALL(conn, fail, member, ...)                                                    \
    do {                                                                                           \
        if (!(conn)->driver->member) {                                                             \
            virObjectReportNoSupport(__func__);                                                    \
            return fail;                                                                           \
        }                                                                                          \
        return (conn)->driver->member(__VA_ARGS__);                                                \
    } while (0)
