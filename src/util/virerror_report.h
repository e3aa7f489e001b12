/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread's one error object: how code inside the project sets, keeps and passes it on.
 *
 * An error is set once, where the failure is known, by virReportError(); every caller above only
 * returns -1/NULL. A file that reports defines VIR_FROM_THIS first.
 */
#pragma once
#include <glib.h>
#include <libvirt/virterror.h>

/**
 * virReportErrorFull: sets the thread's error (replacing any earlier one), logs it, and hands it to
 * the handler of virSetErrorFunc(); without a handler and without a log it is printed to stderr.
 * @domain: VIR_FROM_*   @code: VIR_ERR_*   @fmt: the detail; it is put into the code's pattern
 * ("Domain not found: %s") to make the message, and also kept as str2.
 */
void
virReportErrorFull(int domain, int code, const char *file, const char *func, int line,
                   const char *fmt, ...) G_GNUC_PRINTF(6, 7);

/** virReportError(VIR_ERR_..., "sentence with '%s'", ...) */
#define virReportError(code, ...) \
    virReportErrorFull(VIR_FROM_THIS, code, __FILE__, __func__, __LINE__, __VA_ARGS__)

/** virReportSystemError: VIR_ERR_SYSTEM_ERROR with ": strerror(errnum)" appended, int1 = errnum. */
void
virReportSystemErrorFull(int domain, int errnum, const char *file, const char *func, int line,
                         const char *fmt, ...) G_GNUC_PRINTF(6, 7);
#define virReportSystemError(errnum, ...) \
    virReportSystemErrorFull(VIR_FROM_THIS, errnum, __FILE__, __func__, __LINE__, __VA_ARGS__)

/** Argument check of a public function: message "ARG in FUNCTION must not be NULL", ints 0. */
#define virReportInvalidNonNullArg(arg) \
    virReportInvalidArgFull(VIR_FROM_THIS, __func__, #arg, #arg " in %s must not be NULL")
#define virReportInvalidZeroArg(arg) \
    virReportInvalidArgFull(VIR_FROM_THIS, __func__, #arg, #arg " in %s must be zero")
#define virReportInvalidNonZeroArg(arg) \
    virReportInvalidArgFull(VIR_FROM_THIS, __func__, #arg, #arg " in %s must not be zero")
void
virReportInvalidArgFull(int domain, const char *func, const char *arg, const char *fmt);

/** Refuse flag bits this function does not know: "unsupported flags (0x..) in function NAME". */
#define virCheckFlags(supported, retval) \
    do { \
        if (((flags) & ~(unsigned int)(supported)) != 0) { \
            virReportUnsupportedFlags(VIR_FROM_THIS, __func__, \
                                      (flags) & ~(unsigned int)(supported)); \
            return retval; \
        } \
    } while (0)
void
virReportUnsupportedFlags(int domain, const char *func, unsigned int flags);

/** Put a complete error (from the wire, say) as this thread's error. @err: borrowed, copied. */
void
virErrorSetCopy(const virError *err);

/** Clean-up code runs between Preserve and Restore and cannot replace the first error, nor does a
 * handler or stderr see what happens meanwhile (the log does). Always used in pairs. */
void
virErrorPreserveLast(virErrorPtr *saved);
void
virErrorRestore(virErrorPtr *saved);

/** Prefix the current error's message: "WHAT: old message". No-op without an error. */
void
virErrorPrefix(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/** Forget this thread's error without a trace in the log. */
void
virErrorReset(void);

/** Text of the current error, or "unknown error"; borrowed, valid until the error changes. */
const char *
virErrorLastMessage(void);
/** Code of the current error, VIR_ERR_OK without one. */
int
virErrorLastCode(void);
