/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a domain's QEMU: start, stop and the end it comes to by itself.
 *
 * Who starts or finishes a run holds the job slot; who only kills does not need it (a start that
 * hangs can be destroyed). However QEMU ends, qemuProcessFinish is called once for the run, with
 * the slot: by the event lane, by a destroy, or by a failed start.
 */
#pragma once
#include "qemu_vm.h"

typedef enum {
    QEMU_START_PAUSED = 1 << 0,
    QEMU_START_AUTODESTROY = 1 << 1,
} qemuStartFlags;

/**
 * qemuProcessStart: run the stopped domain's definition. Caller holds MODIFY.
 * @conn: for QEMU_START_AUTODESTROY, identity only.
 * Returns 0 when the guest runs (or is paused as asked) and all is announced; or -1, and then
 * nothing is left of the attempt: VIR_ERR_INTERNAL_ERROR with the last lines QEMU wrote.
 */
int qemuProcessStart(qemuVM *vm, unsigned int flags, const void *conn);

/** Reason a run ended: how to call it in state and event. */
typedef enum {
    QEMU_END_BY_ITSELF,     /* told by what QEMU said before: shut down, crashed */
    QEMU_END_UNSEEN,        /* while the daemon was away */
    QEMU_END_START_FAILED,  /* nothing is published, a transient domain stays listed */
} qemuEnd;
/** The run is over and the process gone: free everything of it, publish STOPPED, drop a transient
 * domain. Caller holds the slot. Keeps the current error. */
void qemuProcessFinish(qemuVM *vm, qemuEnd end);
/** From the event lane, when run @run has ended; no-op if that was dealt with already. */
void qemuProcessEnded(qemuVM *vm, unsigned int run);

/**
 * qemuProcessKill: end the process now: SIGTERM (QEMU exits cleanly and saves bitmaps), after 10 s
 * SIGKILL. Needs no slot. 0 when it is gone (or was not there).
 * @gentle: no SIGKILL: -1 with VIR_ERR_RESOURCE_BUSY when it is still there after 10 s.
 */
int qemuProcessKill(qemuVM *vm, bool gentle);
/** The guest has powered off and QEMU waits (-no-shutdown): let it exit cleanly; kill it when it
 * does not in time. The run ends by itself. From the event lane or a worker. */
void qemuProcessQuit(qemuVM *vm);
/** The same, and wait for the end to be worked off: destroy as clients know it. 0, or -1 with
 * "domain is not running" or qemuProcessKill's error. @api: name for the job slot. */
int qemuProcessDestroy(qemuVM *vm, bool gentle, const char *api);
/** Destroy every domain whose autodestroy connection is @conn. Blocks. */
void qemuProcessAutodestroy(const void *conn);

/** Run `cont`/`stop` as our own: their events are not taken for the guest's. Returns as qemuMonitorCommand. */
int qemuProcessCont(qemuVM *vm, qemuMonitor *mon);
int qemuProcessStop(qemuVM *vm, qemuMonitor *mon);
/** The guest has powered off: if a backup wants QEMU kept, reset it and leave it paused. False: no backup
 * does, or it could not be done; nothing has changed then. As qemuProcessReset. */
bool qemuProcessPreserve(qemuVM *vm);
/** Reset and go on: how a reboot and on_poweroff=restart are done. From a thread that may block. */
void qemuProcessReset(qemuVM *vm);
