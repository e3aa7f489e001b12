/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events on their way to a client. Each registration on the wire is one registration with the
 * driver, whose id is also the id on the wire: it comes from one counter for the whole process and
 * both programs, which one common client library depends on.
 *
 * Two forms exist: with callback id (316/317), and the old one without (105/106, 167/168), whose
 * messages have their own numbers and lack the id.
 */
#include "config.h"
#include <string.h>
#include <libvirt/libvirt-qemu.h>
#include "remote_dispatch.h"
#include "remote_dispatch_event.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_RPC

/* Events 0..15 have an old form. */
#define LEGACY_EVENT_LAST VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED
/* How a monitor event registration is told from those of domain events. */
#define EVENT_ID_MONITOR (-1)

static void
callbackFree(void *opaque)
{
    remoteEventCallback *cb = opaque;

    virNetServerClientUnref(cb->client);
    g_mutex_clear(&cb->lock);
    g_free(cb);
}

static remoteEventCallback *
callbackNew(remoteCall *call, int eventID, const remote_domain *filter, bool legacy)
{
    remoteEventCallback *cb = g_new0(remoteEventCallback, 1);

    cb->client = virNetServerClientRef(call->client);
    cb->eventID = eventID;
    cb->legacy = legacy;
    cb->filtered = filter != NULL;
    if (filter)
        memcpy(cb->uuid, filter->uuid, sizeof(cb->uuid));
    g_mutex_init(&cb->lock);
    return cb;
}

int
remoteEventCallbackID(remoteEventCallback *cb)
{
    int id;

    g_mutex_lock(&cb->lock);
    id = cb->callbackID;
    g_mutex_unlock(&cb->lock);
    return id;
}

void
remoteEventSend(remoteEventCallback *cb, unsigned int program, int proc, xdrproc_t xdr, void *body)
{
    /* Stock daemons number every event 1. */
    const remote_header header = { program, 1, proc, VIR_NET_MESSAGE, 1, VIR_NET_OK };
    virNetMessage *msg = virNetMessageEncode(&header, xdr, body, 0);

    xdr_free(xdr, body);
    if (msg)
        virNetServerClientSendEvent(cb->client, msg);
}

static bool
isSame(const remoteEventCallback *a, const remoteEventCallback *b)
{
    return a->eventID == b->eventID && a->filtered == b->filtered &&
           memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0;
}

/* Note @cb as one of the client's. Refused when it has such a one, or is leaving. */
static int
track(remoteClient *priv, remoteEventCallback *cb)
{
    bool refused;

    g_mutex_lock(&priv->lock);
    refused = priv->closed;
    for (guint i = 0; !refused && cb->eventID != EVENT_ID_MONITOR && i < priv->callbacks->len; i++)
        refused = isSame(g_ptr_array_index(priv->callbacks, i), cb);
    if (!refused)
        g_ptr_array_add(priv->callbacks, cb);
    g_mutex_unlock(&priv->lock);
    if (refused)
        virReportErrorFull(VIR_FROM_NONE, VIR_ERR_INVALID_ARG, __FILE__, __func__, __LINE__,
                           "event callback already tracked");
    return refused ? -1 : 0;
}

static int
registerWithDriver(virConnectPtr conn, remoteEventCallback *cb, virDomainPtr dom,
                   const remote_string *event, unsigned int flags)
{
    if (cb->eventID == EVENT_ID_MONITOR)
        return virConnectDomainQemuMonitorEventRegister(
            conn, dom, remoteGetText(event), remoteEventRelayMonitor, cb, callbackFree, flags);
    return virConnectDomainEventRegisterAny(conn, dom, cb->eventID, remoteEventRelay(cb->eventID),
                                            cb, callbackFree);
}

static int
deregisterFromDriver(virConnectPtr conn, int eventID, int callbackID)
{
    if (eventID == EVENT_ID_MONITOR)
        return virConnectDomainQemuMonitorEventDeregister(conn, callbackID);
    return virConnectDomainEventDeregisterAny(conn, callbackID);
}

/* @cb: consumed. Returns the id, or -1. */
static int
registerCallback(remoteCall *call, remoteEventCallback *cb, const remote_domain *filter,
                 const remote_string *event, unsigned int flags)
{
    g_autoptr(virDomain) dom = filter ? remoteGetDomain(call->conn, filter) : NULL;
    int eventID = cb->eventID;
    int id;

    /* The lock keeps an event that fires at once from being sent with an id not yet known. */
    g_mutex_lock(&cb->lock);
    id = registerWithDriver(call->conn, cb, dom, event, flags);
    cb->callbackID = id;
    g_mutex_unlock(&cb->lock);
    if (id < 0) {
        callbackFree(cb);
        return -1;
    }
    if (track(call->priv, cb) < 0) {
        virErrorPtr saved = NULL;

        virErrorPreserveLast(&saved);
        deregisterFromDriver(call->conn, eventID, id);
        virErrorRestore(&saved);
        return -1;
    }
    return id;
}

static int
checkEventID(int eventID, int last)
{
    if (eventID >= 0 && eventID <= last)
        return 0;
    virReportError(VIR_ERR_INTERNAL_ERROR, "unsupported event ID %d", eventID);
    return -1;
}

typedef bool (*callbackMatch)(const remoteEventCallback *cb, int number);

static bool
matchCallbackID(const remoteEventCallback *cb, int id)
{
    return cb->eventID != EVENT_ID_MONITOR && !cb->legacy && cb->callbackID == id;
}

static bool
matchMonitorID(const remoteEventCallback *cb, int id)
{
    return cb->eventID == EVENT_ID_MONITOR && cb->callbackID == id;
}

static bool
matchLegacy(const remoteEventCallback *cb, int eventID)
{
    return cb->legacy && cb->eventID == eventID;
}

/* Take the callback that matches off the client and the driver. @what: for the error. */
static int
deregister(remoteCall *call, callbackMatch match, int number, const char *what)
{
    remoteEventCallback *found = NULL;
    int eventID = 0, id = 0;

    g_mutex_lock(&call->priv->lock);
    for (guint i = 0; i < call->priv->callbacks->len && !found; i++) {
        remoteEventCallback *cb = g_ptr_array_index(call->priv->callbacks, i);

        if (match(cb, number)) {
            found = g_ptr_array_steal_index_fast(call->priv->callbacks, i);
            eventID = found->eventID;
            id = found->callbackID;
        }
    }
    g_mutex_unlock(&call->priv->lock);
    if (!found) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s %d not registered", what, number);
        return -1;
    }
    return deregisterFromDriver(call->conn, eventID, id);
}

void
remoteEventDropAll(virConnectPtr conn, GPtrArray *callbacks)
{
    for (guint i = 0; i < callbacks->len; i++) {
        remoteEventCallback *cb = g_ptr_array_index(callbacks, i);

        deregisterFromDriver(conn, cb->eventID, cb->callbackID);
    }
    g_ptr_array_unref(callbacks);
}

/* ---- handlers ---- */

int
remoteDispatchEventCallbackRegister(remoteCall *call,
                                    remote_connect_domain_event_callback_register_any_args *args,
                                    remote_connect_domain_event_callback_register_any_ret *ret)
{
    if (checkEventID(args->eventID, VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE) < 0)
        return -1;
    ret->callbackID = registerCallback(call, callbackNew(call, args->eventID, args->dom, false),
                                       args->dom, NULL, 0);
    return ret->callbackID < 0 ? -1 : 0;
}

int
remoteDispatchEventCallbackDeregister(
    remoteCall *call, remote_connect_domain_event_callback_deregister_any_args *args,
    remote_none *ret)
{
    return deregister(call, matchCallbackID, args->callbackID, "domain event callback");
}

static int
registerLegacy(remoteCall *call, int eventID)
{
    if (checkEventID(eventID, LEGACY_EVENT_LAST) < 0)
        return -1;
    return registerCallback(call, callbackNew(call, eventID, NULL, true), NULL, NULL, 0) < 0 ? -1
                                                                                              : 0;
}

int
remoteDispatchEventRegisterAny(remoteCall *call, remote_connect_domain_event_register_any_args *args,
                               remote_none *ret)
{
    return registerLegacy(call, args->eventID);
}

int
remoteDispatchEventDeregisterAny(remoteCall *call,
                                 remote_connect_domain_event_deregister_any_args *args,
                                 remote_none *ret)
{
    if (checkEventID(args->eventID, LEGACY_EVENT_LAST) < 0)
        return -1;
    return deregister(call, matchLegacy, args->eventID, "domain event");
}

int
remoteDispatchEventRegister(remoteCall *call, remote_none *args,
                            remote_connect_domain_event_register_ret *ret)
{
    ret->cb_registered = 1;
    return registerLegacy(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
}

int
remoteDispatchEventDeregister(remoteCall *call, remote_none *args,
                              remote_connect_domain_event_deregister_ret *ret)
{
    ret->cb_registered = 0;
    return deregister(call, matchLegacy, VIR_DOMAIN_EVENT_ID_LIFECYCLE, "domain event");
}

int
remoteDispatchQemuEventRegister(remoteCall *call,
                                qemu_connect_domain_monitor_event_register_args *args,
                                qemu_connect_domain_monitor_event_register_ret *ret)
{
    ret->callbackID = registerCallback(call,
                                       callbackNew(call, EVENT_ID_MONITOR, args->dom, false),
                                       args->dom, args->event, args->flags);
    return ret->callbackID < 0 ? -1 : 0;
}

int
remoteDispatchQemuEventDeregister(remoteCall *call,
                                  qemu_connect_domain_monitor_event_deregister_args *args,
                                  qemu_none *ret)
{
    return deregister(call, matchMonitorID, args->callbackID, "qemu monitor event callback");
}
