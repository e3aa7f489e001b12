/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of the remote driver: events. The daemon is asked once for each pair of event and filter,
 * however many callbacks there are for it; what arrives names that registration, and is handed to
 * its callbacks alone. Monitor events have a registration each, as their filters are patterns.
 */
#include <string.h>
#include "remote_client.h"
#include "remote_client_eventdecode.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

void
remoteRegistrationFree(void *data)
{
    remoteRegistration *reg = data;

    g_array_unref(reg->localIDs);
    g_free(reg);
}

static remoteRegistration *
registrationNew(int remoteID, bool qemu, int eventID, virDomainPtr dom)
{
    remoteRegistration *reg = g_new0(remoteRegistration, 1);

    reg->remoteID = remoteID;
    reg->qemu = qemu;
    reg->eventID = eventID;
    reg->filtered = dom != NULL;
    if (dom)
        memcpy(reg->uuid, dom->uuid, VIR_UUID_BUFLEN);
    reg->localIDs = g_array_new(FALSE, FALSE, sizeof(int));
    return reg;
}

/* The functions with "Locked" in their names: registerLock is held. */

static remoteRegistration *
findSameLocked(remoteConnection *remote, int eventID, virDomainPtr dom)
{
    for (guint i = 0; i < remote->registrations->len; i++) {
        remoteRegistration *reg = g_ptr_array_index(remote->registrations, i);

        if (reg->qemu || reg->eventID != eventID || reg->filtered != (dom != NULL))
            continue;
        if (!dom || memcmp(reg->uuid, dom->uuid, VIR_UUID_BUFLEN) == 0)
            return reg;
    }
    return NULL;
}

/* The registration with this local callback; *@index: where in its list. */
static remoteRegistration *
findLocalLocked(remoteConnection *remote, bool qemu, int localID, guint *index)
{
    for (guint i = 0; i < remote->registrations->len; i++) {
        remoteRegistration *reg = g_ptr_array_index(remote->registrations, i);

        for (guint k = 0; k < reg->localIDs->len && reg->qemu == qemu; k++) {
            if (g_array_index(reg->localIDs, int, k) == localID) {
                *index = k;
                return reg;
            }
        }
    }
    return NULL;
}

static int
dropRemote(virConnectPtr conn, bool qemu, int remoteID)
{
    int args = remoteID;

    if (qemu)
        return remoteCallQemu(conn, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER,
                              REMOTE_XDR(int), &args, NULL, NULL);
    return remoteCallProc(conn, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                          REMOTE_XDR(int), &args, NULL, NULL);
}

/* A registration lost its last callback, or never got one. */
static int
dropIfEmptyLocked(virConnectPtr conn, remoteRegistration *reg)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    int remoteID = reg->remoteID;
    bool qemu = reg->qemu;

    if (reg->localIDs->len > 0)
        return 0;
    g_ptr_array_remove_fast(remote->registrations, reg);
    return dropRemote(conn, qemu, remoteID);
}

static remoteRegistration *
registerRemoteLocked(virConnectPtr conn, virDomainPtr dom, int eventID)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    remote_domain filter = {0};
    remote_connect_domain_event_callback_register_any_args args = {eventID, dom ? &filter : NULL};
    remoteRegistration *reg;
    int remoteID = -1;

    if (dom)
        filter = remoteWireDomain(dom);
    if (remoteCallProc(conn, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
                       REMOTE_XDR(remote_connect_domain_event_callback_register_any_args), &args,
                       REMOTE_XDR(int), &remoteID) < 0)
        return NULL;
    reg = registrationNew(remoteID, false, eventID, dom);
    g_ptr_array_add(remote->registrations, reg);
    return reg;
}

/* The local callback @localID belongs to @reg, or could not be made. Returns: @localID. */
static int
finishLocked(virConnectPtr conn, remoteRegistration *reg, int localID)
{
    virErrorPtr saved = NULL;

    if (localID >= 0) {
        g_array_append_val(reg->localIDs, localID);
        return localID;
    }
    virErrorPreserveLast(&saved);
    dropIfEmptyLocked(conn, reg);
    virErrorRestore(&saved);
    return -1;
}

static int
checkEventLoop(remoteConnection *remote)
{
    if (!virNetClientHasLoop(remote->client)) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "events need an event loop; register one before opening the connection");
        return -1;
    }
    if (!remote->serverEventCallback) {
        virReportError(VIR_ERR_NO_SUPPORT, "%s",
                       "the daemon is too old to send events by callback id");
        return -1;
    }
    return 0;
}

static int
remoteConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int eventID,
                                    virConnectDomainEventGenericCallback cb, void *opaque,
                                    virFreeCallback freecb)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    remoteRegistration *reg;
    int localID = -1;

    if (checkEventLoop(remote) < 0)
        return -1;
    g_mutex_lock(&remote->registerLock);
    reg = findSameLocked(remote, eventID, dom);
    if (!reg)
        reg = registerRemoteLocked(conn, dom, eventID);
    if (reg) {
        localID = virDomainEventListAdd(remote->events, conn, dom, eventID, cb, opaque, freecb);
        localID = finishLocked(conn, reg, localID);
    }
    g_mutex_unlock(&remote->registerLock);
    return localID;
}

static int
remoteConnectDomainQemuMonitorEventRegister(virConnectPtr conn, virDomainPtr dom, const char *event,
                                            virConnectDomainQemuMonitorEventCallback cb,
                                            void *opaque, virFreeCallback freecb,
                                            unsigned int flags)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    remote_string slot = NULL;
    remote_domain filter = {0};
    qemu_connect_domain_monitor_event_register_args args = {dom ? &filter : NULL,
                                                            remoteOptional(event, &slot), flags};
    remoteRegistration *reg;
    int remoteID = -1;
    int localID = -1;

    if (checkEventLoop(remote) < 0)
        return -1;
    if (dom)
        filter = remoteWireDomain(dom);
    g_mutex_lock(&remote->registerLock);
    if (remoteCallQemu(conn, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER,
                       REMOTE_XDR(qemu_connect_domain_monitor_event_register_args), &args,
                       REMOTE_XDR(int), &remoteID) == 0) {
        reg = registrationNew(remoteID, true, VIR_DOMAIN_EVENT_ID_QEMU_MONITOR, dom);
        g_ptr_array_add(remote->registrations, reg);
        localID = virDomainEventListAddQemuMonitor(remote->events, conn, dom, event, flags,
                                                   VIR_DOMAIN_EVENT_CALLBACK(cb), opaque, freecb);
        localID = finishLocked(conn, reg, localID);
    }
    g_mutex_unlock(&remote->registerLock);
    return localID;
}

static int
deregister(virConnectPtr conn, bool qemu, int callbackID)
{
    remoteConnection *remote = remoteConnectionOf(conn);
    remoteRegistration *reg;
    guint index = 0;
    int rc = 0;

    g_mutex_lock(&remote->registerLock);
    reg = findLocalLocked(remote, qemu, callbackID, &index);
    if (reg) {
        g_array_remove_index(reg->localIDs, index);
        rc = dropIfEmptyLocked(conn, reg);
    }
    g_mutex_unlock(&remote->registerLock);
    if (!reg) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "event callback %d is not registered on this connection", callbackID);
        return -1;
    }
    /* Unlocked, as it may call the application's function that frees the opaque. */
    if (virDomainEventListRemove(remote->events, conn, callbackID) < 0)
        return -1;
    return rc;
}

static int
remoteConnectDomainEventDeregisterAny(virConnectPtr conn, int callbackID)
{
    return deregister(conn, false, callbackID);
}

static int
remoteConnectDomainQemuMonitorEventDeregister(virConnectPtr conn, int callbackID)
{
    return deregister(conn, true, callbackID);
}

/* Copy of the callbacks a message is for; it waits for a registration that is just being made, as
 * its first event may overtake the reply. */
static GArray *
localIDsOf(remoteConnection *remote, bool qemu, int remoteID)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int));

    g_mutex_lock(&remote->registerLock);
    for (guint i = 0; i < remote->registrations->len; i++) {
        const remoteRegistration *reg = g_ptr_array_index(remote->registrations, i);

        if (reg->qemu == qemu && reg->remoteID == remoteID)
            g_array_append_vals(ids, reg->localIDs->data, reg->localIDs->len);
    }
    g_mutex_unlock(&remote->registerLock);
    return ids;
}

/* The daemon lost its own connection to the hypervisor. */
static void
handleDriverClosed(remoteConnection *remote, const virNetMessage *msg)
{
    virConnectPtr conn = NULL;
    int reason = VIR_CONNECT_CLOSE_REASON_ERROR;

    if (virNetMessageDecode(msg, REMOTE_XDR(int), &reason) < 0)
        return;
    g_mutex_lock(&remote->lock);
    if (remote->conn && virObjectConnectTryRef(remote->conn))
        conn = remote->conn;
    g_mutex_unlock(&remote->lock);
    if (!conn)
        return;
    virObjectConnectNotifyClose(conn, reason);
    virObjectConnectUnref(conn);
}

void
remoteClientHandleEvent(const virNetMessage *msg, void *opaque)
{
    remoteConnection *remote = opaque;
    g_autoptr(virDomainEvent) event = NULL;
    g_autoptr(GArray) ids = NULL;
    int remoteID = -1;

    if (msg->header.prog == REMOTE_PROGRAM &&
        msg->header.proc == REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED) {
        handleDriverClosed(remote, msg);
        return;
    }
    virErrorReset();
    event = remoteEventDecode(msg, &remoteID);
    if (!event) {
        VIR_WARN("event of program 0x%x, procedure %d is not understood: %s", msg->header.prog,
                 msg->header.proc, virErrorLastMessage());
        return;
    }
    ids = localIDsOf(remote, msg->header.prog == QEMU_PROGRAM, remoteID);
    virDomainEventListDispatchTo(remote->events, event, (const int *)(void *)ids->data, ids->len);
}

void
remoteClientAddEvent(virDriver *driver)
{
    driver->connectDomainEventRegisterAny = remoteConnectDomainEventRegisterAny;
    driver->connectDomainEventDeregisterAny = remoteConnectDomainEventDeregisterAny;
    driver->connectDomainQemuMonitorEventRegister = remoteConnectDomainQemuMonitorEventRegister;
    driver->connectDomainQemuMonitorEventDeregister = remoteConnectDomainQemuMonitorEventDeregister;
}
