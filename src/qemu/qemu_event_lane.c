/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lane is a queue and one flag, "some worker is on it". Who pushes to an idle lane calls a worker;
 * the worker runs items until the queue is empty. So items of one lane never overlap, lanes never
 * wait for each other, and an idle lane costs no thread.
 */
#include "qemu_event_lane.h"
#include "qemu_workers.h"

typedef struct _qemuEventLaneItem {
    qemuEventLaneFunc func;
    void *data;
} qemuEventLaneItem;

struct _qemuEventLane {
    GMutex lock;
    GCond cond;
    GQueue items;                /* qemuEventLaneItem *; guarded by lock, as all below */
    bool running;
    bool released;               /* no owner: the worker frees the lane when it is empty */
    unsigned long long pushed, done;
};

qemuEventLane *
qemuEventLaneNew(void)
{
    qemuEventLane *lane = g_new0(qemuEventLane, 1);

    g_mutex_init(&lane->lock);
    g_cond_init(&lane->cond);
    g_queue_init(&lane->items);
    return lane;
}

static void
qemuEventLaneFree(qemuEventLane *lane)
{
    g_mutex_clear(&lane->lock);
    g_cond_clear(&lane->cond);
    g_free(lane);
}

static void
qemuEventLaneRun(void *data)
{
    qemuEventLane *lane = data;
    bool released = false;

    g_mutex_lock(&lane->lock);
    while (!g_queue_is_empty(&lane->items)) {
        g_autofree qemuEventLaneItem *item = g_queue_pop_head(&lane->items);

        g_mutex_unlock(&lane->lock);
        item->func(item->data);
        g_mutex_lock(&lane->lock);
        lane->done++;
        g_cond_broadcast(&lane->cond);
    }
    lane->running = false;
    released = lane->released;
    g_mutex_unlock(&lane->lock);
    if (released)
        qemuEventLaneFree(lane);
}

void
qemuEventLanePush(qemuEventLane *lane, qemuEventLaneFunc func, void *data)
{
    qemuEventLaneItem *item = g_new0(qemuEventLaneItem, 1);
    bool wake = false;

    item->func = func;
    item->data = data;
    g_mutex_lock(&lane->lock);
    g_queue_push_tail(&lane->items, item);
    lane->pushed++;
    wake = !lane->running;
    lane->running = true;
    g_mutex_unlock(&lane->lock);
    if (wake)
        qemuWorkersRun(qemuEventLaneRun, lane);
}

void
qemuEventLaneRelease(qemuEventLane *lane)
{
    bool idle = false;

    if (!lane)
        return;
    g_mutex_lock(&lane->lock);
    lane->released = true;
    idle = !lane->running;
    g_mutex_unlock(&lane->lock);
    if (idle)
        qemuEventLaneFree(lane);
}

bool
qemuEventLaneIdle(qemuEventLane *lane)
{
    bool idle = false;

    g_mutex_lock(&lane->lock);
    idle = !lane->running;
    g_mutex_unlock(&lane->lock);
    return idle;
}

void
qemuEventLaneDrain(qemuEventLane *lane)
{
    unsigned long long until = 0;

    g_mutex_lock(&lane->lock);
    until = lane->pushed;
    while (lane->done < until)
        g_cond_wait(&lane->cond, &lane->lock);
    g_mutex_unlock(&lane->lock);
}
