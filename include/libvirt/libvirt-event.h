/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop the library works with. The application either registers its own implementation
 * or the built-in one, before it opens a connection; events, keepalive and close callbacks are
 * delivered from that loop. Without a loop the library works, but has no events.
 */
#ifndef LIBVIRT_EVENT_H
#define LIBVIRT_EVENT_H

#include <libvirt/libvirt-common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What to watch a descriptor for, and what was seen on it. */
typedef enum {
    VIR_EVENT_HANDLE_READABLE = 1 << 0,
    VIR_EVENT_HANDLE_WRITABLE = 1 << 1,
    VIR_EVENT_HANDLE_ERROR    = 1 << 2,
    VIR_EVENT_HANDLE_HANGUP   = 1 << 3,
} virEventHandleType;

/** @events (bits of virEventHandleType) happened on @fd. */
typedef void (*virEventHandleCallback)(int watch, int fd, int events, void *opaque);
/** An application's virEventAddHandle: returns a watch number, or -1. */
typedef int (*virEventAddHandleFunc)(
    int fd, int event, virEventHandleCallback cb, void *opaque, virFreeCallback ff);
/** Watch for other events from now on; 0 pauses the watch. */
typedef void (*virEventUpdateHandleFunc)(int watch, int event);
/** Ends a watch; @ff runs later, from the loop. Returns 0 or -1. */
typedef int (*virEventRemoveHandleFunc)(int watch);
/** A timer expired. */
typedef void (*virEventTimeoutCallback)(int timer, void *opaque);
/** Timer every @timeout ms (0: at once, -1: off); returns its number, or -1. */
typedef int (*virEventAddTimeoutFunc)(
    int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff);
/** Changes the period of a timer. */
typedef void (*virEventUpdateTimeoutFunc)(int timer, int timeout);
/** Ends a timer; returns 0 or -1. */
typedef int (*virEventRemoveTimeoutFunc)(int timer);

/**
 * virEventRegisterImpl: make these six functions the event loop of the process. To be called
 * before the first connection is opened, and once: a later call has no effect. They may be called
 * on any thread. Since: 0.1.0
 */
void virEventRegisterImpl(virEventAddHandleFunc addHandle, virEventUpdateHandleFunc updateHandle,
                          virEventRemoveHandleFunc removeHandle, virEventAddTimeoutFunc addTimeout,
                          virEventUpdateTimeoutFunc updateTimeout,
                          virEventRemoveTimeoutFunc removeTimeout);
/** virEventRegisterDefaultImpl: use the built-in loop. Returns: 0, or -1. Since: 0.1.0 */
int virEventRegisterDefaultImpl(void);
/**
 * virEventRunDefaultImpl: one round of the built-in loop: waits for an event, calls the callbacks.
 * To be called over and over, on one thread. Returns: 0, or -1. Since: 0.1.0
 */
int virEventRunDefaultImpl(void);

/* The registered loop, for applications too. Without one: -1, and no error is set.
 * @ff frees @opaque when the watch or timer is gone; it is called from the loop. Since: 0.9.3 */
int virEventAddHandle(int fd, int events, virEventHandleCallback cb, void *opaque,
                      virFreeCallback ff);
void virEventUpdateHandle(int watch, int events);
int virEventRemoveHandle(int watch);
int virEventAddTimeout(int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff);
void virEventUpdateTimeout(int timer, int timeout);
int virEventRemoveTimeout(int timer);

#ifdef __cplusplus
}
#endif
#endif
