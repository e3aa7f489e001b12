/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two GThreadPools behind one queue: threads exist only while there is work for them. */
#include "config.h"
#include "virnetserverworkers.h"

typedef struct _workerJob {
    GFunc func;
    gpointer data;
    gpointer data2;
} workerJob;

struct _virNetServerWorkers {
    GThreadPool *ordinary;
    GThreadPool *reserved;   /* NULL when none are configured */
    GMutex lock;
    GCond idle;
    unsigned int pending;    /* jobs not finished; guarded by lock */
    unsigned int ordinaryPending;   /* those of the ordinary pool; guarded by lock */
    unsigned int ordinaryMax;       /* guarded by lock */
};

static void
finishJob(virNetServerWorkers *workers, bool ordinary)
{
    g_mutex_lock(&workers->lock);
    if (ordinary)
        workers->ordinaryPending--;
    if (--workers->pending == 0)
        g_cond_broadcast(&workers->idle);
    g_mutex_unlock(&workers->lock);
}

static void
runOrdinary(gpointer data, gpointer opaque)
{
    g_autofree workerJob *job = data;

    job->func(job->data, job->data2);
    finishJob(opaque, true);
}

static void
runReserved(gpointer data, gpointer opaque)
{
    g_autofree workerJob *job = data;

    job->func(job->data, job->data2);
    finishJob(opaque, false);
}

virNetServerWorkers *
virNetServerWorkersNew(unsigned int min, unsigned int max, unsigned int prio)
{
    virNetServerWorkers *workers = g_new0(virNetServerWorkers, 1);

    g_mutex_init(&workers->lock);
    g_cond_init(&workers->idle);
    workers->ordinaryMax = MAX(max, 1);
    g_thread_pool_set_max_unused_threads((gint)min);
    workers->ordinary = g_thread_pool_new(runOrdinary, workers, (gint)workers->ordinaryMax, FALSE,
                                          NULL);
    if (prio > 0)
        workers->reserved = g_thread_pool_new(runReserved, workers, (gint)prio, FALSE, NULL);
    return workers;
}

void
virNetServerWorkersPush(virNetServerWorkers *workers, bool high, GFunc func, gpointer data,
                        gpointer data2)
{
    workerJob *job = g_new0(workerJob, 1);
    GThreadPool *pool;

    *job = (workerJob){ func, data, data2 };
    g_mutex_lock(&workers->lock);
    workers->pending++;
    pool = workers->ordinary;
    if (high && workers->reserved && workers->ordinaryPending >= workers->ordinaryMax)
        pool = workers->reserved;
    else
        workers->ordinaryPending++;
    g_mutex_unlock(&workers->lock);
    g_thread_pool_push(pool, job, NULL);
}

void
virNetServerWorkersSetMax(virNetServerWorkers *workers, unsigned int min, unsigned int max,
                          unsigned int prio)
{
    g_mutex_lock(&workers->lock);
    workers->ordinaryMax = MAX(max, 1);
    g_mutex_unlock(&workers->lock);
    g_thread_pool_set_max_unused_threads((gint)min);
    g_thread_pool_set_max_threads(workers->ordinary, (gint)MAX(max, 1), NULL);
    if (workers->reserved && prio > 0)
        g_thread_pool_set_max_threads(workers->reserved, (gint)prio, NULL);
}

bool
virNetServerWorkersDrain(virNetServerWorkers *workers, unsigned int timeoutMs)
{
    gint64 end = g_get_monotonic_time() + timeoutMs * (gint64)1000;
    bool done;

    g_mutex_lock(&workers->lock);
    while (workers->pending > 0 && g_cond_wait_until(&workers->idle, &workers->lock, end))
        ;
    done = workers->pending == 0;
    g_mutex_unlock(&workers->lock);
    return done;
}

void
virNetServerWorkersFree(virNetServerWorkers *workers)
{
    if (!workers)
        return;
    g_thread_pool_free(workers->ordinary, FALSE, TRUE);
    if (workers->reserved)
        g_thread_pool_free(workers->reserved, FALSE, TRUE);
    g_mutex_clear(&workers->lock);
    g_cond_clear(&workers->idle);
    g_free(workers);
}
