/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The registered event loop: six function pointers, set once. The built-in loop registers itself
 * here like any other.
 */
#include <glib.h>
#include <libvirt/libvirt.h>
#include "libvirt-event-default.h"
#include "virerror_report.h"
#include "virlog.h"

typedef struct {
    virEventAddHandleFunc addHandle;
    virEventUpdateHandleFunc updateHandle;
    virEventRemoveHandleFunc removeHandle;
    virEventAddTimeoutFunc addTimeout;
    virEventUpdateTimeoutFunc updateTimeout;
    virEventRemoveTimeoutFunc removeTimeout;
} eventImpl;

static eventImpl registered;
static gint isRegistered; /* atomic: nobody looks at the functions before it is set */
static GMutex registerLock;

void
virEventRegisterImpl(virEventAddHandleFunc addHandle, virEventUpdateHandleFunc updateHandle,
                     virEventRemoveHandleFunc removeHandle, virEventAddTimeoutFunc addTimeout,
                     virEventUpdateTimeoutFunc updateTimeout,
                     virEventRemoveTimeoutFunc removeTimeout)
{
    g_mutex_lock(&registerLock);
    if (!g_atomic_int_get(&isRegistered)) {
        registered = (eventImpl){addHandle,  updateHandle,  removeHandle,
                                 addTimeout, updateTimeout, removeTimeout};
        g_atomic_int_set(&isRegistered, 1);
    } else {
        VIR_WARN("an event loop is already registered; the new one is not used");
    }
    g_mutex_unlock(&registerLock);
}

int
virEventRegisterDefaultImpl(void)
{
    virErrorReset();
    if (virEventDefaultInit() < 0)
        return -1;
    virEventRegisterImpl(virEventDefaultAddHandle, virEventDefaultUpdateHandle,
                         virEventDefaultRemoveHandle, virEventDefaultAddTimeout,
                         virEventDefaultUpdateTimeout, virEventDefaultRemoveTimeout);
    return 0;
}

int
virEventRunDefaultImpl(void)
{
    virErrorReset();
    return virEventDefaultRunOnce();
}

/* NULL without one. That is not an error: a program without an event loop just gets no events. */
static const eventImpl *
getImpl(void)
{
    return g_atomic_int_get(&isRegistered) ? &registered : NULL;
}

int
virEventAddHandle(int fd, int events, virEventHandleCallback cb, void *opaque, virFreeCallback ff)
{
    const eventImpl *impl = getImpl();

    return impl ? impl->addHandle(fd, events, cb, opaque, ff) : -1;
}

void
virEventUpdateHandle(int watch, int events)
{
    const eventImpl *impl = getImpl();

    if (impl)
        impl->updateHandle(watch, events);
}

int
virEventRemoveHandle(int watch)
{
    const eventImpl *impl = getImpl();

    return impl ? impl->removeHandle(watch) : -1;
}

int
virEventAddTimeout(int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff)
{
    const eventImpl *impl = getImpl();

    return impl ? impl->addTimeout(timeout, cb, opaque, ff) : -1;
}

void
virEventUpdateTimeout(int timer, int timeout)
{
    const eventImpl *impl = getImpl();

    if (impl)
        impl->updateTimeout(timer, timeout);
}

int
virEventRemoveTimeout(int timer)
{
    const eventImpl *impl = getImpl();

    return impl ? impl->removeTimeout(timer) : -1;
}
