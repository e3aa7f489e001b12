/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Setting the thread's error, and delivering it: to the log if there is one, to the handler a
 * program set with virSetErrorFunc(), and, in a program that has neither, to stderr.
 *
 * Between virErrorPreserveLast() and virErrorRestore() nothing is delivered: what clean-up trips
 * over must not reach a handler that keeps the last error it was given (virsh's does).
 */
#include <errno.h>
#include <stdarg.h>

#include "virerror_pattern.h"
#include "virerror_report.h"
#include "virerror_thread.h"
#include "virlog.h"

/* @error: its strings are consumed. */
static void
virErrorRaise(virError *error, const char *func, int line)
{
    int saved = errno;
    virErrorThread *thread = virErrorThreadGet();

    virResetError(&thread->error);
    thread->error = *error;
    if (virLogWanted(VIR_LOG_ERROR))
        virLogMessage(VIR_LOG_ERROR, func, line, "%s", error->message);
    virErrorDeliver(thread);
    errno = saved;
}

void
virReportErrorFull(int domain, int code, const char *file, const char *func, int line,
                   const char *fmt, ...)
{
    const char *pattern = virErrorPattern(code);
    virError error = {
        .code = code, .domain = domain, .level = VIR_ERR_ERROR, .int1 = -1, .int2 = -1,
    };
    va_list args;

    va_start(args, fmt);
    error.str2 = g_strdup_vprintf(fmt, args);
    va_end(args);
    error.str1 = g_strdup(pattern);
    error.message = virErrorFill(pattern, error.str2);
    virErrorRaise(&error, func, line);
}

void
virReportSystemErrorFull(int domain, int errnum, const char *file, const char *func, int line,
                         const char *fmt, ...)
{
    virError error = {
        .code = VIR_ERR_SYSTEM_ERROR, .domain = domain, .level = VIR_ERR_ERROR,
        .int1 = errnum, .int2 = -1,
    };
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, fmt);
    what = g_strdup_vprintf(fmt, args);
    va_end(args);
    error.str1 = g_strdup(virErrorPattern(VIR_ERR_SYSTEM_ERROR));
    error.str2 = g_strdup_printf("%s: %s", what, g_strerror(errnum));
    error.message = g_strdup(error.str2);
    virErrorRaise(&error, func, line);
}

/* The shape of argument checks: who and which in the strings, no numbers, no pattern. */
static void
virErrorRaiseArgument(int domain, const char *func, const char *arg, char *message)
{
    virError error = {
        .code = VIR_ERR_INVALID_ARG, .domain = domain, .level = VIR_ERR_ERROR,
        .message = message, .str1 = g_strdup(func), .str2 = g_strdup(arg),
    };

    virErrorRaise(&error, func, 0);
}

void
virReportInvalidArgFull(int domain, const char *func, const char *arg, const char *fmt)
{
    virErrorRaiseArgument(domain, func, arg, virErrorFill(fmt, func));
}

void
virReportUnsupportedFlags(int domain, const char *func, unsigned int flags)
{
    virErrorRaiseArgument(domain, func, "flags",
                          g_strdup_printf("unsupported flags (0x%x) in function %s", flags, func));
}

void
virErrorSetCopy(const virError *err)
{
    virErrorThread *thread = virErrorThreadGet();
    virError copy = { 0 };

    virErrorCopy(&copy, err);
    virResetError(&thread->error);
    thread->error = copy;
    virErrorDeliver(thread);
}

void
virErrorPreserveLast(virErrorPtr *saved)
{
    int errnum = errno;
    virErrorThread *thread = virErrorThreadGet();

    *saved = virSaveLastError();
    thread->preserving++;
    errno = errnum;
}

void
virErrorRestore(virErrorPtr *saved)
{
    int errnum = errno;
    virErrorThread *thread = virErrorThreadGet();

    if (!*saved)
        return;
    thread->preserving--;
    virResetError(&thread->error);
    virErrorCopy(&thread->error, *saved);
    virFreeError(*saved);
    *saved = NULL;
    errno = errnum;
}

void
virErrorPrefix(const char *fmt, ...)
{
    virErrorThread *thread = virErrorThreadGet();
    g_autofree char *prefix = NULL;
    g_autofree char *old = NULL;
    va_list args;

    if (thread->error.code == VIR_ERR_OK)
        return;
    va_start(args, fmt);
    prefix = g_strdup_vprintf(fmt, args);
    va_end(args);
    old = g_steal_pointer(&thread->error.message);
    thread->error.message = g_strdup_printf("%s: %s", prefix, old);
}

void
virErrorReset(void)
{
    virResetError(&virErrorThreadGet()->error);
}

const char *
virErrorLastMessage(void)
{
    const virErrorThread *thread = virErrorThreadGet();

    return thread->error.message ? thread->error.message : "unknown error";
}

int
virErrorLastCode(void)
{
    return virErrorThreadGet()->error.code;
}
