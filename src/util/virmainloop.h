/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's one event thread: a GLib main loop for sockets, timers and QMP bytes. Nothing that
 * can block runs on it.
 */
#pragma once
#include <glib.h>

/** Run @func(@data) on the main-loop thread soon, in the order of the calls. */
void
virMainLoopPost(GSourceFunc func, gpointer data);
/** Watch @fd on the main loop. @func as GUnixFDSourceFunc. Returns: (owned) source; destroy it to end the watch. */
typedef gboolean (*virMainLoopFDFunc)(gint fd, GIOCondition condition, gpointer data);
GSource *
virMainLoopWatch(int fd, GIOCondition condition, virMainLoopFDFunc func, gpointer data);
/** Timer on the main loop; same ownership. */
GSource *
virMainLoopTimer(unsigned int intervalMs, GSourceFunc func, gpointer data);
