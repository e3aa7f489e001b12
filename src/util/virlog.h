/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Log lines: "TIME: THREAD: LEVEL : FUNCTION:LINE : text" on stderr or a file.
 * Silent until virLogSetup() or virLogSetupFromEnv() opens it.
 * Logged are boundaries (public call, RPC, QMP, step), with the object's name; never a secret.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef enum {
    VIR_LOG_DEBUG = 1,
    VIR_LOG_INFO,
    VIR_LOG_WARN,
    VIR_LOG_ERROR,
} virLogPriority;

/** virLogSetup: @level: least priority shown; @file: path, or NULL for stderr. Call before threads. */
int
virLogSetup(virLogPriority level, const char *file);
/** Level from LIBVIRT_DEBUG (1..4, or debug|info|warn|error), if set. */
void
virLogSetupFromEnv(void);

void
virLogMessage(virLogPriority priority, const char *func, int line, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
/** Cheap guard used by the macros, so that arguments of silent lines are not formatted. */
bool
virLogWanted(virLogPriority priority);

#define VIR_LOG(prio, ...) \
    do { \
        if (virLogWanted(prio)) \
            virLogMessage(prio, __func__, __LINE__, __VA_ARGS__); \
    } while (0)
#define VIR_DEBUG(...) VIR_LOG(VIR_LOG_DEBUG, __VA_ARGS__)
#define VIR_INFO(...) VIR_LOG(VIR_LOG_INFO, __VA_ARGS__)
#define VIR_WARN(...) VIR_LOG(VIR_LOG_WARN, __VA_ARGS__)
#define VIR_ERROR(...) VIR_LOG(VIR_LOG_ERROR, __VA_ARGS__)
