/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The job slot of a domain: who may ask or change it now. QUERY and MODIFY exclude each other and
 * themselves; an ASYNC job (a backup) stays for long and lets QUERY and, by mask, MODIFY through.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef enum { QEMU_JOB_NONE, QEMU_JOB_QUERY, QEMU_JOB_MODIFY, QEMU_JOB_DESTROY, QEMU_JOB_LAST } qemuJobType;
typedef enum { QEMU_ASYNC_JOB_NONE, QEMU_ASYNC_JOB_START, QEMU_ASYNC_JOB_BACKUP, QEMU_ASYNC_JOB_LAST } qemuAsyncJob;

typedef struct _qemuJob {
    GMutex lock;
    GCond cond;
    qemuJobType active;
    const char *owner;           /* API that holds it, static text */
    gint64 since;                /* monotonic, microseconds */
    qemuAsyncJob async;
    const char *asyncOwner;
    gint64 asyncSince;
    unsigned int waitMs;         /* how long Begin waits; 30 s, shorter in tests */
} qemuJob;
/** An empty slot; Clear when nobody can use it any more. */
void qemuJobInit(qemuJob *job);
void qemuJobClear(qemuJob *job);
/** Wait (at most 30 s) for the slot. Returns 0, or -1 with VIR_ERR_OPERATION_TIMEOUT "cannot acquire
 * state change lock (held by virDomainX for 31 s)". @api: static text, the caller's public name. */
int qemuJobBegin(qemuJob *job, qemuJobType type, const char *api);
/** The same, with another limit. */
int qemuJobBeginWithin(qemuJob *job, qemuJobType type, const char *api, unsigned int waitMs);
/** Give the slot back; wakes those who wait. */
void qemuJobEnd(qemuJob *job);
/** An async job is begun while holding MODIFY and outlives it. -1 with VIR_ERR_OPERATION_INVALID when one is there. */
int qemuJobBeginAsync(qemuJob *job, qemuAsyncJob async, const char *api);
/** The long job is over; with or without the slot. */
void qemuJobEndAsync(qemuJob *job);
