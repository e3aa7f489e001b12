/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: registering for domain events. Contracts are in libvirt-domain.h. */
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

static int
checkFilter(virConnectPtr conn, virDomainPtr dom, const char *func)
{
    if (!dom)
        return 0;
    if (virObjectCheckDomain(dom, func) < 0)
        return -1;
    if (dom->conn != conn) {
        virReportError(VIR_ERR_INVALID_ARG, "domain '%s' in %s must match connection", dom->name,
                       func);
        return -1;
    }
    return 0;
}

int
virConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int eventID,
                                 virConnectDomainEventGenericCallback cb, void *opaque,
                                 virFreeCallback freecb)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (checkFilter(conn, dom, __func__) < 0)
        return -1;
    VIR_ENTRY_NONNULL(cb, -1);
    if (eventID < 0 || eventID > VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE) {
        virReportError(VIR_ERR_INVALID_ARG, "eventID %d in %s is not known, the last one is %d",
                       eventID, __func__, VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE);
        return -1;
    }
    VIR_ENTRY_CALL(conn, -1, connectDomainEventRegisterAny, conn, dom, eventID, cb, opaque, freecb);
}

int
virConnectDomainEventDeregisterAny(virConnectPtr conn, int callbackID)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (callbackID < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "callbackID in %s must be zero or greater", __func__);
        return -1;
    }
    VIR_ENTRY_CALL(conn, -1, connectDomainEventDeregisterAny, conn, callbackID);
}

/*
 * The old pair names a callback by its function. The connection remembers which id that was: an
 * application has one or two of them, so a list is enough.
 */
typedef struct {
    virConnectPtr conn; /* compared only */
    virConnectDomainEventCallback cb;
    int callbackID;
} oldCallback;

static GMutex oldLock;
static GSList *oldCallbacks; /* of oldCallback; guarded by oldLock */

typedef struct {
    oldCallback *entry;
    void *opaque;
    virFreeCallback freecb;
} oldOpaque;

/* The registration is gone, by whatever way: nobody can name it any more. */
static void
oldOpaqueFree(void *data)
{
    g_autofree oldOpaque *old = data;

    g_mutex_lock(&oldLock);
    oldCallbacks = g_slist_remove(oldCallbacks, old->entry);
    g_mutex_unlock(&oldLock);
    if (old->freecb)
        old->freecb(old->opaque);
    g_free(old->entry);
}

static void
oldLifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
    oldOpaque *old = data;

    (void)old->entry->cb(conn, dom, event, detail, old->opaque);
}

static oldCallback *
oldFindLocked(virConnectPtr conn, virConnectDomainEventCallback cb)
{
    for (GSList *l = oldCallbacks; l; l = l->next) {
        oldCallback *entry = l->data;

        if (entry->conn == conn && entry->cb == cb)
            return entry;
    }
    return NULL;
}

static bool
oldIsKnown(virConnectPtr conn, virConnectDomainEventCallback cb, int *callbackID)
{
    oldCallback *entry;

    g_mutex_lock(&oldLock);
    entry = oldFindLocked(conn, cb);
    *callbackID = entry ? entry->callbackID : -1;
    g_mutex_unlock(&oldLock);
    return entry != NULL;
}

int
virConnectDomainEventRegister(virConnectPtr conn, virConnectDomainEventCallback cb, void *opaque,
                              virFreeCallback freecb)
{
    oldOpaque *old;
    int callbackID = -1;

    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(cb, -1);
    if (!conn->driver->connectDomainEventRegisterAny) {
        virObjectReportNoSupport(__func__);
        return -1;
    }
    if (oldIsKnown(conn, cb, &callbackID)) {
        virReportErrorFull(VIR_FROM_NONE, VIR_ERR_INVALID_ARG, __FILE__, __func__, __LINE__, "%s",
                           "event callback already tracked");
        return -1;
    }

    old = g_new0(oldOpaque, 1);
    old->entry = g_new0(oldCallback, 1);
    *old->entry = (oldCallback){conn, cb, -1};
    old->opaque = opaque;
    old->freecb = freecb;
    callbackID = conn->driver->connectDomainEventRegisterAny(
        conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(oldLifecycle), old,
        oldOpaqueFree);
    if (callbackID < 0) {
        g_free(old->entry);
        g_free(old);
        return -1;
    }
    g_mutex_lock(&oldLock);
    old->entry->callbackID = callbackID;
    oldCallbacks = g_slist_prepend(oldCallbacks, old->entry);
    g_mutex_unlock(&oldLock);
    return 0;
}

int
virConnectDomainEventDeregister(virConnectPtr conn, virConnectDomainEventCallback cb)
{
    int callbackID = -1;

    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(cb, -1);
    if (!oldIsKnown(conn, cb, &callbackID)) {
        virReportErrorFull(VIR_FROM_NONE, VIR_ERR_INVALID_ARG, __FILE__, __func__, __LINE__, "%s",
                           "this callback is not registered on the connection");
        return -1;
    }
    VIR_ENTRY_CALL(conn, -1, connectDomainEventDeregisterAny, conn, callbackID);
}
