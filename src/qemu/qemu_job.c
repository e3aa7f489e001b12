/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The slot itself. Waiters are woken all at once and the first to run wins: with a handful of them
 * and holds of milliseconds a queue would only add code.
 */
#include "qemu_job.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_JOB_WAIT_MS 30000

void
qemuJobInit(qemuJob *job)
{
    *job = (qemuJob){ .waitMs = QEMU_JOB_WAIT_MS };
    g_mutex_init(&job->lock);
    g_cond_init(&job->cond);
}

void
qemuJobClear(qemuJob *job)
{
    g_mutex_clear(&job->lock);
    g_cond_clear(&job->cond);
}

/* Job lock held: may @type begin beside what is there? */
static bool
qemuJobMayBegin(const qemuJob *job, qemuJobType type)
{
    if (job->active != QEMU_JOB_NONE)
        return false;
    /* A start is a change from its first step to its last; only its end by force goes between. */
    if (job->async == QEMU_ASYNC_JOB_START)
        return type == QEMU_JOB_QUERY || type == QEMU_JOB_DESTROY;
    return true;
}

static int
qemuJobReportHeld(const qemuJob *job)
{
    bool byAsync = job->active == QEMU_JOB_NONE;
    const char *owner = byAsync ? job->asyncOwner : job->owner;
    gint64 since = byAsync ? job->asyncSince : job->since;

    virReportError(VIR_ERR_OPERATION_TIMEOUT,
                   "cannot acquire state change lock (held by %s for %lld s)", owner,
                   (long long)((g_get_monotonic_time() - since) / G_USEC_PER_SEC));
    return -1;
}

int
qemuJobBegin(qemuJob *job, qemuJobType type, const char *api)
{
    return qemuJobBeginWithin(job, type, api, job->waitMs);
}

int
qemuJobBeginWithin(qemuJob *job, qemuJobType type, const char *api, unsigned int waitMs)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)waitMs * 1000;
    int ret = 0;

    g_mutex_lock(&job->lock);
    while (!qemuJobMayBegin(job, type)) {
        if (!g_cond_wait_until(&job->cond, &job->lock, deadline) && !qemuJobMayBegin(job, type)) {
            ret = qemuJobReportHeld(job);
            break;
        }
    }
    if (ret == 0) {
        job->active = type;
        job->owner = api;
        job->since = g_get_monotonic_time();
    }
    g_mutex_unlock(&job->lock);
    return ret;
}

void
qemuJobEnd(qemuJob *job)
{
    g_mutex_lock(&job->lock);
    job->active = QEMU_JOB_NONE;
    job->owner = NULL;
    g_cond_broadcast(&job->cond);
    g_mutex_unlock(&job->lock);
}

int
qemuJobBeginAsync(qemuJob *job, qemuAsyncJob async, const char *api)
{
    int ret = 0;

    g_mutex_lock(&job->lock);
    if (job->async != QEMU_ASYNC_JOB_NONE) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "another job is already running on the domain (begun by %s %lld s ago)",
                       job->asyncOwner,
                       (long long)((g_get_monotonic_time() - job->asyncSince) / G_USEC_PER_SEC));
        ret = -1;
    } else {
        job->async = async;
        job->asyncOwner = api;
        job->asyncSince = g_get_monotonic_time();
    }
    g_mutex_unlock(&job->lock);
    return ret;
}

void
qemuJobEndAsync(qemuJob *job)
{
    g_mutex_lock(&job->lock);
    job->async = QEMU_ASYNC_JOB_NONE;
    job->asyncOwner = NULL;
    g_cond_broadcast(&job->cond);
    g_mutex_unlock(&job->lock);
}
