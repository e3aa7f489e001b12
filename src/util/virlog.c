/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The log. Silent until virLogSetup() or LIBVIRT_DEBUG opens it: the library must not write to the
 * stderr of a program that uses it. One line is one write, so threads do not mix, and what a peer
 * sent cannot forge a line, because control characters are escaped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_NONE
#define VIR_LOG_SILENT (VIR_LOG_ERROR + 1)

static const char *const virLogNames[] = { NULL, "debug", "info", "warning", "error" };

/* Set before threads start, only read afterwards. */
static int virLogLevel = VIR_LOG_SILENT;
static int virLogFD = STDERR_FILENO;

int
virLogSetup(virLogPriority level, const char *file)
{
    int fd = STDERR_FILENO;

    if (file) {
        fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) {
            virReportSystemError(errno, "cannot open log file '%s'", file);
            return -1;
        }
    }
    if (virLogFD != STDERR_FILENO)
        close(virLogFD);
    virLogFD = fd;
    virLogLevel = level;
    return 0;
}

/* Digit or name; 0 if it is neither. */
static int
virLogParseLevel(const char *text)
{
    if (text[0] >= '1' && text[0] <= '4' && text[1] == '\0')
        return text[0] - '0';
    for (int level = VIR_LOG_DEBUG; level <= VIR_LOG_ERROR; level++) {
        if (g_ascii_strcasecmp(text, virLogNames[level]) == 0)
            return level;
    }
    return g_ascii_strcasecmp(text, "warn") == 0 ? VIR_LOG_WARN : 0;
}

void
virLogSetupFromEnv(void)
{
    const char *wanted = g_getenv("LIBVIRT_DEBUG");
    int level = wanted ? virLogParseLevel(wanted) : 0;

    if (level > 0)
        virLogLevel = level;
}

bool
virLogWanted(virLogPriority priority)
{
    return (int)priority >= virLogLevel;
}

static void
virLogAppendEscaped(GString *line, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            g_string_append(line, "\\n");
        else if (g_ascii_iscntrl(*text))
            g_string_append_printf(line, "\\x%02x", (unsigned char)*text);
        else
            g_string_append_c(line, *text);
    }
}

void
virLogMessage(virLogPriority priority, const char *func, int line, const char *fmt, ...)
{
    int saved = errno;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
    g_autofree char *text = NULL;
    GString *out = g_string_new(time);
    va_list args;
    ssize_t done = 0;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_string_append_printf(out, ".%03d+0000: %d: %s : %s:%d : ",
                           g_date_time_get_microsecond(now) / 1000, gettid(),
                           virLogNames[priority], func, line);
    virLogAppendEscaped(out, text);
    g_string_append_c(out, '\n');
    /* A log that cannot be written has nobody to tell. */
    done = write(virLogFD, out->str, out->len);
    (void)done;
    g_string_free(out, TRUE);
    errno = saved;
}
