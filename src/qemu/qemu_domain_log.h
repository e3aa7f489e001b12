/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * logDir/NAME.log: the command line of each start, whatever QEMU writes on stdout and stderr, and how
 * the run ended. Appended by QEMU and by us, never rewritten.
 */
#pragma once
#include <glib.h>
#include <sys/types.h>

/** (owned) descriptor for appending, or -1 with VIR_ERR_SYSTEM_ERROR. @end: its length now. */
int qemuDomainLogOpen(const char *domain, off_t *end);
/** One line with the time in front. Failures are ignored: there is nobody to tell. */
void qemuDomainLogWrite(const char *domain, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** The log goes away, if there is one. 0, or -1 with VIR_ERR_SYSTEM_ERROR. */
int qemuDomainLogRemove(const char *domain);
/** (owned) the last lines written at or after @from, at most 1 KiB, on one line; NULL if there are none. */
char *qemuDomainLogTail(const char *domain, off_t from);
