/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one event loop is GLib's default main context; whoever runs it is the event thread. All
 * sources have the same priority, so that what was posted first runs first.
 */
#include <glib-unix.h>

#include "virmainloop.h"

typedef struct {
    GSourceFunc func;
    gpointer data;
} virMainLoopCall;

/* A posted call runs once, whatever @func returns. */
static gboolean
virMainLoopRunCall(gpointer data)
{
    virMainLoopCall *call = data;

    call->func(call->data);
    return G_SOURCE_REMOVE;
}

void
virMainLoopPost(GSourceFunc func, gpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();
    virMainLoopCall *call = g_new0(virMainLoopCall, 1);

    call->func = func;
    call->data = data;
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, virMainLoopRunCall, call, g_free);
    g_source_attach(source, NULL);
}

GSource *
virMainLoopWatch(int fd, GIOCondition condition, virMainLoopFDFunc func, gpointer data)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    /* No callback runs the loop. Without this GLib expects that, takes the descriptor out of the poll around each
     * callback and wakes itself for it: four system calls a message. */
    g_source_set_can_recurse(source, TRUE);
    g_source_set_callback(source, G_SOURCE_FUNC(func), data, NULL);
    g_source_attach(source, NULL);
    return source;
}

GSource *
virMainLoopTimer(unsigned int intervalMs, GSourceFunc func, gpointer data)
{
    GSource *source = g_timeout_source_new(intervalMs);

    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, NULL);
    return source;
}
