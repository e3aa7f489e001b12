/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QMP to one QEMU (or qemu-storage-daemon): a socket watched by the main loop, any number of
 * commands in flight, replies matched by id, events handed to one callback.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virjson.h"

typedef struct _qemuMonitor qemuMonitor;

typedef struct _qemuMonitorCallbacks {
    /** A QMP event, on the main-loop thread; must not block. @data may be NULL; all borrowed. */
    void (*event)(const char *name, const virJSONValue *data, long long seconds,
                  unsigned int micros, void *opaque);
    /** The connection ended (EOF, protocol error; not for qemuMonitorClose, nor where qemuMonitorOpen
     * fails). Once, same thread. */
    void (*eof)(void *opaque);
} qemuMonitorCallbacks;

/**
 * qemuMonitorOpen: takes over the connected socket @fd, waits for the greeting and negotiates
 * capabilities: {'exec-oob':..} is executed beside QEMU's main loop, and what goes on there, if QEMU offers
 * that; its reply then overtakes others. @timeoutMs: for both. @opaque must outlive the monitor.
 * Returns: (owned reference) or NULL with VIR_ERR_INTERNAL_ERROR / OPERATION_TIMEOUT.
 */
qemuMonitor *qemuMonitorOpen(int fd, const char *name, const qemuMonitorCallbacks *callbacks,
                             void *opaque, unsigned int timeoutMs);
qemuMonitor *qemuMonitorRef(qemuMonitor *mon);
void qemuMonitorUnref(qemuMonitor *mon);
/** The connection (borrowed while the reference is held), for the guard to have a copy of. */
int qemuMonitorFd(const qemuMonitor *mon);
/** Close: waiting commands fail, no callback runs after it returned. Idempotent. */
void qemuMonitorClose(qemuMonitor *mon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuMonitor, qemuMonitorUnref)

/**
 * qemuMonitorCommand: send one command and wait for its reply. Never called with a lock held.
 * @command: {'execute':..} (borrowed; the id is added to what is sent).
 * @reply: (owned) the "return" value, may be NULL if not wanted.
 * Returns 0; -1 with VIR_ERR_INTERNAL_ERROR carrying QEMU's own words ("unable to execute QEMU
 * command 'X': DESC"), VIR_ERR_OPERATION_FAILED when QEMU died meanwhile,
 * VIR_ERR_OPERATION_TIMEOUT.
 */
int qemuMonitorCommand(qemuMonitor *mon, const virJSONValue *command, virJSONValue **reply);
/** As above with one descriptor passed along (SCM_RIGHTS) with the command. */
int qemuMonitorCommandFd(qemuMonitor *mon, const virJSONValue *command, int fd,
                         virJSONValue **reply);
/**
 * qemuMonitorBatch: write all commands at once, then collect all replies: one round trip.
 * QEMU runs them in order and goes on after a failing one. @replies[i]: (owned) full reply object
 * {"return":..} or {"error":..}. Returns 0 when every reply arrived (whatever it says), -1 if QEMU
 * died.
 */
int qemuMonitorBatch(qemuMonitor *mon, virJSONValue *const *commands, size_t n,
                     virJSONValue **replies);
/** Raw text for qemu-monitor-command: @json is sent with its own id put back in the reply. (owned)
 * whole reply. */
char *qemuMonitorPassthrough(qemuMonitor *mon, const char *json);
/** QMP round trips and commands so far; for tests and the budget in the docs. */
void qemuMonitorCounters(qemuMonitor *mon, unsigned long long *roundTrips,
                         unsigned long long *commands);
/**
 * qemuMonitorReplyError: look into a whole reply, of a batch say. @errorClass, @desc: NULL or set
 * to borrowed text that lives as long as @reply ("DeviceNotFound", "Node 'x' not found"). No error
 * is set. Returns: true if the reply is an error.
 */
bool qemuMonitorReplyError(const virJSONValue *reply, const char **errorClass, const char **desc);
/** Set the error that qemuMonitorCommand would have set for this error reply to @command. */
void qemuMonitorReportReplyError(const virJSONValue *command, const virJSONValue *reply);
