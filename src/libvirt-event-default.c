/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The built-in event loop. Two lists, watches and timers, under one lock that is never held while
 * a callback runs. Removal only marks an entry; the loop frees it between rounds, so a callback
 * may remove its own entry or any other. An eventfd ends a poll() that began before a change.
 */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "libvirt-event-default.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_EVENT

typedef struct {
    int id;
    bool removed;
    void *opaque;
    virFreeCallback ff;
    /* a watch */
    int fd;
    int events;
    virEventHandleCallback handleCb;
    /* a timer */
    int intervalMs; /* -1: off */
    gint64 dueMs;
    virEventTimeoutCallback timeoutCb;
} eventEntry;

static GMutex lock;
static GPtrArray *watches; /* of eventEntry, guarded by lock like all that follows */
static GPtrArray *timers;
static int nextID = 1;
static int wakeFD = -1;
static bool inPoll;

static gint64
nowMs(void)
{
    return g_get_monotonic_time() / 1000;
}

int
virEventDefaultInit(void)
{
    int fd = -1;

    g_mutex_lock(&lock);
    if (wakeFD < 0 && (wakeFD = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0) {
        watches = g_ptr_array_new();
        timers = g_ptr_array_new();
    }
    fd = wakeFD;
    g_mutex_unlock(&lock);
    if (fd < 0) {
        virReportSystemError(errno, "%s", "cannot make the event loop's wake-up descriptor");
        return -1;
    }
    return 0;
}

static void
wakeLocked(void)
{
    guint64 one = 1;

    /* It can fail only when the counter is full, and then the loop wakes up anyway. */
    if (inPoll && write(wakeFD, &one, sizeof(one)) < 0)
        return;
}

static eventEntry *
findLocked(GPtrArray *list, int id)
{
    for (guint i = 0; i < list->len; i++) {
        eventEntry *entry = g_ptr_array_index(list, i);

        if (entry->id == id && !entry->removed)
            return entry;
    }
    return NULL;
}

static int
addEntry(GPtrArray *list, eventEntry entry)
{
    eventEntry *copy = g_new(eventEntry, 1);

    *copy = entry;
    g_mutex_lock(&lock);
    copy->id = nextID++;
    entry.id = copy->id;
    g_ptr_array_add(list, copy);
    wakeLocked();
    g_mutex_unlock(&lock);
    return entry.id;
}

static int
removeEntry(GPtrArray *list, int id)
{
    eventEntry *entry;

    g_mutex_lock(&lock);
    entry = findLocked(list, id);
    if (entry) {
        entry->removed = true;
        wakeLocked();
    }
    g_mutex_unlock(&lock);
    return entry ? 0 : -1;
}

int
virEventDefaultAddHandle(int fd, int events, virEventHandleCallback cb, void *opaque,
                         virFreeCallback ff)
{
    return addEntry(
        watches,
        (eventEntry){.fd = fd, .events = events, .handleCb = cb, .opaque = opaque, .ff = ff});
}

void
virEventDefaultUpdateHandle(int watch, int events)
{
    eventEntry *entry;

    g_mutex_lock(&lock);
    entry = findLocked(watches, watch);
    if (entry && entry->events != events) {
        entry->events = events;
        wakeLocked();
    }
    g_mutex_unlock(&lock);
}

int
virEventDefaultRemoveHandle(int watch)
{
    return removeEntry(watches, watch);
}

int
virEventDefaultAddTimeout(int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff)
{
    return addEntry(timers, (eventEntry){.intervalMs = timeout,
                                         .dueMs = nowMs() + MAX(timeout, 0),
                                         .timeoutCb = cb,
                                         .opaque = opaque,
                                         .ff = ff});
}

void
virEventDefaultUpdateTimeout(int timer, int timeout)
{
    eventEntry *entry;

    g_mutex_lock(&lock);
    entry = findLocked(timers, timer);
    if (entry) {
        entry->intervalMs = timeout;
        entry->dueMs = nowMs() + MAX(timeout, 0);
        wakeLocked();
    }
    g_mutex_unlock(&lock);
}

int
virEventDefaultRemoveTimeout(int timer)
{
    return removeEntry(timers, timer);
}

static short
toPoll(int events)
{
    short result = 0;

    if (events & VIR_EVENT_HANDLE_READABLE)
        result |= POLLIN;
    if (events & VIR_EVENT_HANDLE_WRITABLE)
        result |= POLLOUT;
    return result;
}

static int
fromPoll(short revents)
{
    int result = 0;

    if (revents & POLLIN)
        result |= VIR_EVENT_HANDLE_READABLE;
    if (revents & POLLOUT)
        result |= VIR_EVENT_HANDLE_WRITABLE;
    if (revents & (POLLERR | POLLNVAL))
        result |= VIR_EVENT_HANDLE_ERROR;
    if (revents & POLLHUP)
        result |= VIR_EVENT_HANDLE_HANGUP;
    return result;
}

/* What to poll: the wake-up descriptor, then every live watch; @ids: theirs, in that order. */
static GArray *
collectLocked(GArray *ids)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    struct pollfd wake = {wakeFD, POLLIN, 0};

    g_array_append_val(fds, wake);
    for (guint i = 0; i < watches->len; i++) {
        const eventEntry *entry = g_ptr_array_index(watches, i);
        struct pollfd item = {entry->fd, toPoll(entry->events), 0};

        if (entry->removed || !entry->events)
            continue;
        g_array_append_val(fds, item);
        g_array_append_val(ids, entry->id);
    }
    return fds;
}

static int
timeoutLocked(void)
{
    gint64 first = -1;
    gint64 now = nowMs();

    for (guint i = 0; i < timers->len; i++) {
        const eventEntry *entry = g_ptr_array_index(timers, i);

        if (!entry->removed && entry->intervalMs >= 0 && (first < 0 || entry->dueMs < first))
            first = entry->dueMs;
    }
    if (first < 0)
        return -1;
    return (int)CLAMP(first - now, 0, G_MAXINT);
}

/* Calls the timers due at @now. A timer added or rearmed by a callback waits for the next round. */
static void
runTimers(gint64 now)
{
    g_autoptr(GArray) due = g_array_new(FALSE, FALSE, sizeof(int));

    g_mutex_lock(&lock);
    for (guint i = 0; i < timers->len; i++) {
        const eventEntry *entry = g_ptr_array_index(timers, i);

        if (!entry->removed && entry->intervalMs >= 0 && entry->dueMs <= now)
            g_array_append_val(due, entry->id);
    }
    for (guint i = 0; i < due->len; i++) {
        eventEntry *entry = findLocked(timers, g_array_index(due, int, i));

        if (!entry || entry->intervalMs < 0 || entry->dueMs > now)
            continue;
        entry->dueMs = now + entry->intervalMs;
        g_mutex_unlock(&lock);
        entry->timeoutCb(entry->id, entry->opaque);
        g_mutex_lock(&lock);
    }
    g_mutex_unlock(&lock);
}

static void
runWatches(const GArray *fds, const GArray *ids)
{
    g_mutex_lock(&lock);
    for (guint i = 0; i < ids->len; i++) {
        const struct pollfd *item = &g_array_index(fds, struct pollfd, i + 1);
        eventEntry *entry = findLocked(watches, g_array_index(ids, int, i));
        int events = fromPoll(item->revents);

        /* It may have been paused since poll(). */
        if (!entry || !entry->events || !events)
            continue;
        g_mutex_unlock(&lock);
        entry->handleCb(entry->id, entry->fd, events, entry->opaque);
        g_mutex_lock(&lock);
    }
    g_mutex_unlock(&lock);
}

/* Frees what was removed. Their callbacks are not running: only this thread calls any. */
static void
sweep(GPtrArray *list)
{
    g_autoptr(GPtrArray) dead = g_ptr_array_new();

    g_mutex_lock(&lock);
    for (guint i = list->len; i > 0; i--) {
        eventEntry *entry = g_ptr_array_index(list, i - 1);

        if (entry->removed)
            g_ptr_array_add(dead, g_ptr_array_remove_index(list, i - 1));
    }
    g_mutex_unlock(&lock);
    for (guint i = 0; i < dead->len; i++) {
        g_autofree eventEntry *entry = g_ptr_array_index(dead, i);

        if (entry->ff)
            entry->ff(entry->opaque);
    }
}

int
virEventDefaultRunOnce(void)
{
    /* Callbacks may run the loop again; only the outermost round frees entries. */
    static GPrivate depthKey = G_PRIVATE_INIT(NULL);
    guint depth = GPOINTER_TO_UINT(g_private_get(&depthKey));
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GArray) fds = NULL;
    guint64 count;
    int timeout;
    int rc;

    if (virEventDefaultInit() < 0)
        return -1;
    g_mutex_lock(&lock);
    fds = collectLocked(ids);
    timeout = timeoutLocked();
    inPoll = true;
    g_mutex_unlock(&lock);

    rc = poll((struct pollfd *)(void *)fds->data, fds->len, timeout);
    if (rc < 0 && errno != EINTR) {
        virReportSystemError(errno, "%s", "cannot wait for events");
        return -1;
    }

    g_mutex_lock(&lock);
    inPoll = false;
    while (read(wakeFD, &count, sizeof(count)) > 0)
        continue;
    g_mutex_unlock(&lock);

    g_private_set(&depthKey, GUINT_TO_POINTER(depth + 1));
    runTimers(nowMs());
    if (rc > 0)
        runWatches(fds, ids);
    g_private_set(&depthKey, GUINT_TO_POINTER(depth));
    if (depth == 0) {
        sweep(timers);
        sweep(watches);
    }
    return 0;
}
