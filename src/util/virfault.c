/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fault points: the tests' way to stop the daemon exactly between two durable steps. Without the
 * environment variables a point costs one atomic load.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <glib.h>

#include "virerror_report.h"
#include "virfault.h"

#define VIR_FROM_THIS VIR_FROM_NONE

typedef enum {
    VIR_FAULT_FAIL,
    VIR_FAULT_ENOSPC,
    VIR_FAULT_EIO,
    VIR_FAULT_KILL,
    VIR_FAULT_LAST,
} virFaultAction;

static const char *const virFaultActions[VIR_FAULT_LAST] = { "fail", "enospc", "eio", "kill" };

static GMutex virFaultLock;     /* guards the four below */
static char *virFaultName;      /* point that is armed, "*": each, NULL: none */
static virFaultAction virFaultKind;
static guint64 virFaultRemaining; /* passings until it strikes; 0: has struck */
static char *virFaultLogPath;
static gint virFaultState;      /* atomic: UNREAD, IDLE (nothing to do), WATCHING */

enum { FAULT_UNREAD, FAULT_IDLE, FAULT_WATCHING };

/* Only tests set these variables, so a mistake in them must be loud. */
static void
virFaultParse(const char *spec)
{
    g_auto(GStrv) parts = g_strsplit(spec, ":", 0);
    guint count = g_strv_length(parts);

    virFaultRemaining = 1;
    if (count < 2 || count > 3 || !*parts[0] ||
        (count == 3 && !g_ascii_string_to_unsigned(parts[2], 10, 1, G_MAXUINT32,
                                                   &virFaultRemaining, NULL)))
        g_error("VIR_TEST_FAULT='%s': write it as NAME:fail|enospc|eio|kill[:N]", spec);
    for (virFaultKind = 0; virFaultKind < VIR_FAULT_LAST; virFaultKind++) {
        if (g_str_equal(parts[1], virFaultActions[virFaultKind]))
            break;
    }
    if (virFaultKind == VIR_FAULT_LAST)
        g_error("VIR_TEST_FAULT='%s': '%s' is not fail, enospc, eio or kill", spec, parts[1]);
    virFaultName = g_strdup(parts[0]);
}

void
virFaultSetup(void)
{
    const char *spec = g_getenv("VIR_TEST_FAULT");
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&virFaultLock);

    g_clear_pointer(&virFaultName, g_free);
    g_clear_pointer(&virFaultLogPath, g_free);
    virFaultRemaining = 0;
    if (spec && *spec)
        virFaultParse(spec);
    virFaultLogPath = g_strdup(g_getenv("VIR_TEST_FAULT_LOG"));
    g_atomic_int_set(&virFaultState,
                     virFaultName || virFaultLogPath ? FAULT_WATCHING : FAULT_IDLE);
}

/* One write to an appending descriptor, so that lines of several processes do not mix. */
static void
virFaultLogPassing(const char *name)
{
    g_autofree char *line = g_strconcat(name, "\n", NULL);
    int fd = open(virFaultLogPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        g_error("VIR_TEST_FAULT_LOG='%s': %s", virFaultLogPath, g_strerror(errno));
    close(fd);
}

/* True when the armed fault strikes at this passing of @name; @kind is filled then. */
static bool
virFaultStrikes(const char *name, virFaultAction *kind)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&virFaultLock);

    if (virFaultLogPath)
        virFaultLogPassing(name);
    if (!virFaultName || virFaultRemaining == 0 ||
        (!g_str_equal(virFaultName, "*") && !g_str_equal(name, virFaultName)))
        return false;
    *kind = virFaultKind;
    return --virFaultRemaining == 0;
}

int
virFaultPoint(const char *name)
{
    virFaultAction kind = VIR_FAULT_FAIL;

    if (g_atomic_int_get(&virFaultState) == FAULT_UNREAD)
        virFaultSetup();
    if (g_atomic_int_get(&virFaultState) == FAULT_IDLE || !virFaultStrikes(name, &kind))
        return 0;
    switch (kind) {
    case VIR_FAULT_KILL:
        raise(SIGKILL);
        break;
    case VIR_FAULT_ENOSPC:
    case VIR_FAULT_EIO:
        errno = kind == VIR_FAULT_EIO ? EIO : ENOSPC;
        virReportSystemError(errno, "fault point '%s'", name);
        break;
    case VIR_FAULT_FAIL:
    case VIR_FAULT_LAST:
        virReportError(VIR_ERR_OPERATION_FAILED, "fault point '%s' was told to fail", name);
        break;
    }
    return -1;
}
