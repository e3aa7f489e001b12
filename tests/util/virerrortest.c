/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread's error: its shape on the wire, who hears of it, that clean-up cannot replace it. */
#include <errno.h>
#include <string.h>
#define VIR_ENUM_SENTINELS
#include <libvirt/virterror.h>

#include "virerror_pattern.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static GPtrArray *heard; /* messages the handler was given */

static void
listen(void *opaque, virErrorPtr error)
{
    g_assert_true(opaque == &heard);
    g_ptr_array_add(heard, g_strdup(error->message));
    /* a handler that fails itself must not be called for that */
    if (g_str_has_suffix(error->message, "recurse"))
        virReportError(VIR_ERR_INTERNAL_ERROR, "inner");
}

static void
expectShape(int code, const char *message, const char *str1, const char *str2, int int1, int int2)
{
    virErrorPtr error = virGetLastError();

    g_assert_nonnull(error);
    g_assert_cmpint(error->code, ==, code);
    g_assert_cmpint(error->domain, ==, VIR_FROM_QEMU);
    g_assert_cmpint(error->level, ==, VIR_ERR_ERROR);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpstr(error->str1, ==, str1);
    g_assert_cmpstr(error->str2, ==, str2);
    g_assert_null(error->str3);
    g_assert_cmpint(error->int1, ==, int1);
    g_assert_cmpint(error->int2, ==, int2);
}

static void
testPatternShape(void)
{
    virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", "x%s");
    expectShape(VIR_ERR_NO_DOMAIN, "Domain not found: no domain with matching name 'x%s'",
                "Domain not found: %s", "no domain with matching name 'x%s'", -1, -1);
    virReportError(VIR_ERR_RPC, "unknown procedure: %d", 7);
    expectShape(VIR_ERR_RPC, "unknown procedure: 7", "%s", "unknown procedure: 7", -1, -1);
    virReportError(VIR_ERR_DOM_EXIST, "vm");
    expectShape(VIR_ERR_DOM_EXIST, "domain vm exists already", "domain %s exists already", "vm", -1,
                -1);
    virReportError(9999, "code from the future");
    expectShape(9999, "code from the future", "%s", "code from the future", -1, -1);
}

static void
testSystemShape(void)
{
    errno = EBADF;
    virReportSystemError(ENOSPC, "cannot write '%s'", "/x");
    expectShape(VIR_ERR_SYSTEM_ERROR, "cannot write '/x': No space left on device", "%s",
                "cannot write '/x': No space left on device", ENOSPC, -1);
    g_assert_cmpint(errno, ==, EBADF);
}

static int
checkedFlags(unsigned int flags)
{
    virCheckFlags(0x3, -1);
    return 0;
}

static void
testArgumentShape(void)
{
    virReportInvalidNonNullArg(name);
    expectShape(VIR_ERR_INVALID_ARG, "name in testArgumentShape must not be NULL",
                "testArgumentShape", "name", 0, 0);
    virReportInvalidZeroArg(flags);
    expectShape(VIR_ERR_INVALID_ARG, "flags in testArgumentShape must be zero",
                "testArgumentShape", "flags", 0, 0);
    g_assert_cmpint(checkedFlags(0x3), ==, 0);
    g_assert_cmpint(checkedFlags(0xb), ==, -1);
    expectShape(VIR_ERR_INVALID_ARG, "unsupported flags (0x8) in function checkedFlags",
                "checkedFlags", "flags", 0, 0);
}

static void
testEveryCodeHasWords(void)
{
    for (int code = 1; code < VIR_ERR_NUMBER_LAST; code++) {
        const char *pattern = virErrorPattern(code);

        g_assert_nonnull(strstr(pattern, "%s"));
        if (code != VIR_ERR_XML_DETAIL && code != VIR_ERR_SYSTEM_ERROR && code != VIR_ERR_RPC &&
            code != VIR_ERR_GNUTLS_ERROR && strlen(pattern) < 6)
            g_error("error code %d has no pattern: add it to virerror_pattern.c", code);
    }
    for (int domain = 1; domain < VIR_ERR_DOMAIN_LAST; domain++) {
        if (!virErrorDomainName(domain) || !*virErrorDomainName(domain))
            g_error("error domain %d has no name: add it to virerror_pattern.c", domain);
    }
    g_assert_cmpstr(virErrorDomainName(VIR_ERR_DOMAIN_LAST), ==, "Unknown");
    g_assert_cmpstr(virErrorDomainName(-1), ==, "Unknown");
}

static void
testPublicFunctions(void)
{
    virError copy = { 0 };
    virErrorPtr saved = NULL;

    virResetLastError();
    g_assert_null(virGetLastError());
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_OK);
    g_assert_cmpint(virGetLastErrorDomain(), ==, VIR_FROM_NONE);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "no error");
    g_assert_cmpstr(virErrorLastMessage(), ==, "unknown error");
    g_assert_cmpint(virCopyLastError(&copy), ==, 0);
    g_assert_cmpint(virCopyLastError(NULL), ==, -1);
    saved = virSaveLastError();
    g_assert_cmpint(saved->code, ==, VIR_ERR_OK);
    virFreeError(saved);
    virReportError(VIR_ERR_NO_DOMAIN, "a");
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpint(virGetLastErrorDomain(), ==, VIR_FROM_QEMU);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "Domain not found: a");
    g_assert_cmpint(virCopyLastError(&copy), ==, VIR_ERR_NO_DOMAIN);
    virResetLastError();
    g_assert_cmpstr(copy.message, ==, "Domain not found: a");
    virErrorSetCopy(&copy);
    virResetError(&copy);
    expectShape(VIR_ERR_NO_DOMAIN, "Domain not found: a", "Domain not found: %s", "a", -1, -1);
    virResetError(NULL);
    virFreeError(NULL);
}

static void
testPreserve(void)
{
    virErrorPtr saved = NULL;
    virErrorPtr inner = NULL;

    g_ptr_array_set_size(heard, 0);
    virReportError(VIR_ERR_NO_DOMAIN, "first");
    errno = ENOENT;
    virErrorPreserveLast(&saved);
    virReportError(VIR_ERR_INTERNAL_ERROR, "clean-up");
    virErrorPreserveLast(&inner);
    virResetLastError();
    virErrorRestore(&inner);
    g_assert_cmpstr(virErrorLastMessage(), ==, "internal error: clean-up");
    virErrorRestore(&saved);
    virErrorRestore(&saved);
    g_assert_null(saved);
    g_assert_cmpint(errno, ==, ENOENT);
    g_assert_cmpstr(virErrorLastMessage(), ==, "Domain not found: first");
    virReportError(VIR_ERR_NO_DOMAIN, "second");
    g_assert_cmpuint(heard->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(heard, 0), ==, "Domain not found: first");
    g_assert_cmpstr(g_ptr_array_index(heard, 1), ==, "Domain not found: second");
    virResetLastError();
    virErrorPreserveLast(&saved);
    virReportError(VIR_ERR_INTERNAL_ERROR, "clean-up");
    virErrorRestore(&saved);
    g_assert_null(virGetLastError());
}

static void
testHandlerRecursion(void)
{
    g_ptr_array_set_size(heard, 0);
    virReportError(VIR_ERR_OPERATION_FAILED, "recurse");
    g_assert_cmpuint(heard->len, ==, 1);
}

static void
testPrefix(void)
{
    virReportError(VIR_ERR_INTERNAL_ERROR, "old");
    virErrorPrefix("cannot do '%s'", "it");
    g_assert_cmpstr(virErrorLastMessage(), ==, "cannot do 'it': internal error: old");
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_INTERNAL_ERROR);
    virErrorReset();
    virErrorPrefix("nothing");
    g_assert_null(virGetLastError());
}

static gpointer
otherThread(gpointer data)
{
    g_assert_null(virGetLastError());
    virReportError(VIR_ERR_INTERNAL_ERROR, "other");
    return NULL;
}

static void
testThreads(void)
{
    virReportError(VIR_ERR_INTERNAL_ERROR, "mine");
    g_thread_join(g_thread_new("other", otherThread, NULL));
    g_assert_cmpstr(virErrorLastMessage(), ==, "internal error: mine");
}

static void
testDefaultHandler(void)
{
    if (g_test_subprocess()) {
        virSetErrorFunc(NULL, NULL);
        virReportError(VIR_ERR_NO_DOMAIN, "x");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("libvirt: QEMU Driver error : Domain not found: x\n");
}

/* With a log open the error is there, and there only; it cannot forge a second line. */
static void
testLog(void)
{
    if (g_test_subprocess()) {
        virSetErrorFunc(NULL, NULL);
        g_assert_cmpint(virLogSetup(VIR_LOG_INFO, NULL), ==, 0);
        virReportError(VIR_ERR_NO_DOMAIN, "x\n2000-01-01\x1b[1m");
        VIR_INFO("shown %d", 1);
        VIR_DEBUG("hidden");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("20*+0000: *: error : testLog:*Domain not found: x\\n2000-01-01"
                              "\\x1b[1m\n20*: info : testLog:*: shown 1\n");
    g_test_trap_assert_stderr_unmatched("*hidden*");
    g_test_trap_assert_stderr_unmatched("*libvirt:*");
}

static void
testLogFromEnv(void)
{
    if (g_test_subprocess()) {
        VIR_ERROR("silent before");
        g_setenv("LIBVIRT_DEBUG", "warn", TRUE);
        virLogSetupFromEnv();
        g_assert_true(virLogWanted(VIR_LOG_WARN));
        g_assert_false(virLogWanted(VIR_LOG_INFO));
        g_setenv("LIBVIRT_DEBUG", "1", TRUE);
        virLogSetupFromEnv();
        g_setenv("LIBVIRT_DEBUG", "nonsense", TRUE);
        virLogSetupFromEnv();
        g_assert_true(virLogWanted(VIR_LOG_DEBUG));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("");
}

static void
testLogFile(void)
{
    g_assert_cmpint(virLogSetup(VIR_LOG_WARN, "/proc/no/such/log"), ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_false(virLogWanted(VIR_LOG_ERROR));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    heard = g_ptr_array_new_with_free_func(g_free);
    virSetErrorFunc(&heard, listen);
    g_test_add_func("/error/pattern-shape", testPatternShape);
    g_test_add_func("/error/system-shape", testSystemShape);
    g_test_add_func("/error/argument-shape", testArgumentShape);
    g_test_add_func("/error/every-code-has-words", testEveryCodeHasWords);
    g_test_add_func("/error/public-functions", testPublicFunctions);
    g_test_add_func("/error/preserve", testPreserve);
    g_test_add_func("/error/handler-recursion", testHandlerRecursion);
    g_test_add_func("/error/prefix", testPrefix);
    g_test_add_func("/error/threads", testThreads);
    g_test_add_func("/error/default-handler", testDefaultHandler);
    g_test_add_func("/log/line", testLog);
    g_test_add_func("/log/env", testLogFromEnv);
    g_test_add_func("/log/file", testLogFile);
    return g_test_run();
}
