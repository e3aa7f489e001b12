/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything opens the file anew and appends, so that logrotate can move it away at any time.
 */
#include "qemu_domain_log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>
#include "qemu_driver_state.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_DOMAIN_LOG_TAIL 1024

static char *
qemuDomainLogPath(const char *domain)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return g_strdup_printf("%s/%s.log", config->logDir, domain);
}

int
qemuDomainLogOpen(const char *domain, off_t *end)
{
    g_autofree char *path = qemuDomainLogPath(domain);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        virReportSystemError(errno, "cannot open the log of domain '%s' at '%s'", domain, path);
        return -1;
    }
    *end = lseek(fd, 0, SEEK_END);
    return fd;
}

void
qemuDomainLogWrite(const char *domain, const char *fmt, ...)
{
    g_autofree char *path = qemuDomainLogPath(domain);
    VIR_AUTOCLOSE fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    va_list args;

    if (fd < 0)
        return;
    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    line = g_strdup_printf("%s.%03d+0000: %s\n", when, g_date_time_get_microsecond(now) / 1000, text);
    if (write(fd, line, strlen(line)) < 0)
        return;
}

int
qemuDomainLogRemove(const char *domain)
{
    g_autofree char *path = qemuDomainLogPath(domain);

    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    virReportSystemError(errno, "cannot remove the log of domain '%s' at '%s'", domain, path);
    return -1;
}

char *
qemuDomainLogTail(const char *domain, off_t from)
{
    g_autofree char *path = qemuDomainLogPath(domain);
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t start = MAX(from, end - QEMU_DOMAIN_LOG_TAIL);
    g_autofree char *text = g_malloc0(QEMU_DOMAIN_LOG_TAIL + 1);
    ssize_t n = 0;

    if (fd < 0 || end <= start)
        return NULL;
    n = pread(fd, text, (size_t)(end - start), start);
    if (n <= 0)
        return NULL;
    /* Printable on one line of an error message, whatever QEMU wrote. */
    g_strstrip(text);
    g_strdelimit(text, "\r\n", ' ');
    return text[0] ? g_utf8_make_valid(text, -1) : NULL;
}
