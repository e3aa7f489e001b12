/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pool is not limited: an item may sleep for a QMP reply of a stuck QEMU, and other domains
 * must not wait behind it.
 */
#include "qemu_workers.h"

typedef struct _qemuWork {
    void (*func)(void *data);
    void *data;
} qemuWork;

static GMutex workLock;
static GCond workCond;
static unsigned int workPending;   /* queued or running; guarded by workLock */

static void
qemuWorkersMain(void *item, void *opaque G_GNUC_UNUSED)
{
    g_autofree qemuWork *work = item;

    work->func(work->data);
    g_mutex_lock(&workLock);
    if (--workPending == 0)
        g_cond_broadcast(&workCond);
    g_mutex_unlock(&workLock);
}

static GThreadPool *
qemuWorkersPool(void)
{
    static GThreadPool *pool;
    static gsize once;

    if (g_once_init_enter(&once)) {
        pool = g_thread_pool_new(qemuWorkersMain, NULL, -1, FALSE, NULL);
        g_once_init_leave(&once, 1);
    }
    return pool;
}

void
qemuWorkersRun(void (*func)(void *data), void *data)
{
    qemuWork *work = g_new0(qemuWork, 1);

    work->func = func;
    work->data = data;
    g_mutex_lock(&workLock);
    workPending++;
    g_mutex_unlock(&workLock);
    g_thread_pool_push(qemuWorkersPool(), work, NULL);
}

/* One qemuWorkersForEach: lives on the caller's stack until the last helper has left it. */
typedef struct _qemuWorkSet {
    GPtrArray *items;
    void (*func)(void *item, void *opaque);
    void *opaque;
    gint next;
    GMutex lock;
    GCond cond;
    unsigned int helpers;   /* guarded by lock */
} qemuWorkSet;

static void
qemuWorkSetTake(qemuWorkSet *set)
{
    for (;;) {
        guint i = (guint)g_atomic_int_add(&set->next, 1);

        if (i >= set->items->len)
            return;
        set->func(g_ptr_array_index(set->items, i), set->opaque);
    }
}

static void
qemuWorkSetHelper(void *data)
{
    qemuWorkSet *set = data;

    qemuWorkSetTake(set);
    g_mutex_lock(&set->lock);
    set->helpers--;
    g_cond_signal(&set->cond);
    g_mutex_unlock(&set->lock);
}

void
qemuWorkersForEach(GPtrArray *items, unsigned int parallel,
                   void (*func)(void *item, void *opaque), void *opaque)
{
    qemuWorkSet set = { .items = items, .func = func, .opaque = opaque };
    unsigned int i = 0;

    g_mutex_init(&set.lock);
    g_cond_init(&set.cond);
    set.helpers = items->len > 0 ? MIN(parallel, items->len) - 1 : 0;
    for (i = set.helpers; i > 0; i--)
        qemuWorkersRun(qemuWorkSetHelper, &set);
    qemuWorkSetTake(&set);
    g_mutex_lock(&set.lock);
    while (set.helpers > 0)
        g_cond_wait(&set.cond, &set.lock);
    g_mutex_unlock(&set.lock);
    g_mutex_clear(&set.lock);
    g_cond_clear(&set.cond);
}

void
qemuWorkersDrain(void)
{
    g_mutex_lock(&workLock);
    while (workPending > 0)
        g_cond_wait(&workCond, &workLock);
    g_mutex_unlock(&workLock);
}
