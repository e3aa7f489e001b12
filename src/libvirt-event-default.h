/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The built-in event loop, on poll(). Contracts of the six functions: libvirt-event.h. Watches and
 * timers may be added, changed and removed on any thread and from callbacks; one thread runs it.
 */
#pragma once
#include <libvirt/libvirt.h>

/** Set up on first use. Returns: 0, or -1 with VIR_ERR_SYSTEM_ERROR. */
int virEventDefaultInit(void);
int virEventDefaultAddHandle(int fd, int events, virEventHandleCallback cb, void *opaque,
                             virFreeCallback ff);
void virEventDefaultUpdateHandle(int watch, int events);
int virEventDefaultRemoveHandle(int watch);
int virEventDefaultAddTimeout(int timeout, virEventTimeoutCallback cb, void *opaque,
                              virFreeCallback ff);
void virEventDefaultUpdateTimeout(int timer, int timeout);
int virEventDefaultRemoveTimeout(int timer);
/** Wait for something to happen and call what is to be called. Returns: 0, or -1. */
int virEventDefaultRunOnce(void);
