/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of callbacks, and calling them. No lock is held while one runs: the matching callbacks
 * are collected with references of their own, so each may register, deregister or drop its
 * connection. A callback removed on another thread is not begun any more, but may still be running
 * when the removal returns; what it uses is freed after it.
 */
#include "domain_event_priv.h"
#include "libvirt-object.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_NONE

typedef struct {
    gint refs;
    gint removed; /* atomic */
    int id;
    virConnectPtr conn; /* not owned: the connection removes its callbacks when it ends */
    int eventID;
    bool filtered;
    unsigned char uuid[VIR_UUID_BUFLEN];
    virConnectDomainEventGenericCallback cb;
    void *opaque;
    virFreeCallback freecb;
    char *monitorEvent; /* literal name, NULL for all or when there is a pattern */
    bool monitorNocase;
    GRegex *monitorPattern;
} eventCallback;

struct _virDomainEventList {
    GMutex lock;
    GPtrArray *callbacks; /* of eventCallback, guarded by lock */
};

static gint lastID; /* atomic; ids are common to all lists of the process */

static void
callbackUnref(void *data)
{
    eventCallback *callback = data;

    if (!g_atomic_int_dec_and_test(&callback->refs))
        return;
    if (callback->freecb)
        callback->freecb(callback->opaque);
    g_clear_pointer(&callback->monitorPattern, g_regex_unref);
    g_free(callback->monitorEvent);
    g_free(callback);
}

virDomainEventList *
virDomainEventListNew(void)
{
    virDomainEventList *list = g_new0(virDomainEventList, 1);

    g_mutex_init(&list->lock);
    list->callbacks = g_ptr_array_new();
    return list;
}

/* Ends the callbacks of @gone, which are no longer in the list; no lock is held. */
static void
dropAll(GPtrArray *gone)
{
    for (guint i = 0; i < gone->len; i++) {
        eventCallback *callback = g_ptr_array_index(gone, i);

        g_atomic_int_set(&callback->removed, 1);
        callbackUnref(callback);
    }
}

void
virDomainEventListFree(virDomainEventList *list)
{
    if (!list)
        return;
    dropAll(list->callbacks);
    g_ptr_array_unref(list->callbacks);
    g_mutex_clear(&list->lock);
    g_free(list);
}

static bool
sameFilter(const eventCallback *callback, const unsigned char *uuid)
{
    if (!callback->filtered || !uuid)
        return !callback->filtered && !uuid;
    return memcmp(callback->uuid, uuid, VIR_UUID_BUFLEN) == 0;
}

static bool
isTrackedLocked(virDomainEventList *list, const eventCallback *wanted)
{
    for (guint i = 0; i < list->callbacks->len; i++) {
        const eventCallback *have = g_ptr_array_index(list->callbacks, i);

        if (have->conn == wanted->conn && have->eventID == wanted->eventID &&
            have->cb == wanted->cb && have->opaque == wanted->opaque &&
            g_strcmp0(have->monitorEvent, wanted->monitorEvent) == 0 && !have->monitorPattern &&
            !wanted->monitorPattern && sameFilter(have, wanted->filtered ? wanted->uuid : NULL))
            return true;
    }
    return false;
}

/* @callback: consumed; on failure its opaque is left alone, as the caller keeps it then. */
static int
addCallback(virDomainEventList *list, eventCallback *callback)
{
    bool tracked;
    int id = -1;

    g_mutex_lock(&list->lock);
    tracked = isTrackedLocked(list, callback);
    if (!tracked) {
        id = callback->id = g_atomic_int_add(&lastID, 1) + 1;
        g_ptr_array_add(list->callbacks, callback);
    }
    g_mutex_unlock(&list->lock);
    if (tracked) {
        callback->freecb = NULL;
        callbackUnref(callback);
        virReportError(VIR_ERR_INVALID_ARG, "%s", "event callback already tracked");
        return -1;
    }
    return id;
}

static eventCallback *
callbackNew(virConnectPtr conn, virDomainPtr dom, int eventID,
            virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb)
{
    eventCallback *callback = g_new0(eventCallback, 1);

    callback->refs = 1;
    callback->conn = conn;
    callback->eventID = eventID;
    callback->filtered = dom != NULL;
    if (dom)
        memcpy(callback->uuid, dom->uuid, VIR_UUID_BUFLEN);
    callback->cb = cb;
    callback->opaque = opaque;
    callback->freecb = freecb;
    return callback;
}

int
virDomainEventListAdd(virDomainEventList *list, virConnectPtr conn, virDomainPtr dom, int eventID,
                      virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb)
{
    return addCallback(list, callbackNew(conn, dom, eventID, cb, opaque, freecb));
}

int
virDomainEventListAddQemuMonitor(virDomainEventList *list, virConnectPtr conn, virDomainPtr dom,
                                 const char *event, unsigned int flags,
                                 virConnectDomainEventGenericCallback cb, void *opaque,
                                 virFreeCallback freecb)
{
    bool nocase = (flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE) != 0;
    g_autoptr(GRegex) pattern = NULL;
    g_autoptr(GError) error = NULL;
    eventCallback *callback;

    if (event && (flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX)) {
        pattern = g_regex_new(event, nocase ? G_REGEX_CASELESS : 0, 0, &error);
        if (!pattern) {
            virReportError(VIR_ERR_INVALID_ARG, "cannot understand the event pattern '%s': %s",
                           event, error->message);
            return -1;
        }
        event = NULL;
    }
    callback = callbackNew(conn, dom, VIR_DOMAIN_EVENT_ID_QEMU_MONITOR, cb, opaque, freecb);
    callback->monitorEvent = g_strdup(event);
    callback->monitorNocase = nocase;
    callback->monitorPattern = g_steal_pointer(&pattern);
    return addCallback(list, callback);
}

int
virDomainEventListRemove(virDomainEventList *list, virConnectPtr conn, int callbackID)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new();

    g_mutex_lock(&list->lock);
    for (guint i = 0; i < list->callbacks->len; i++) {
        eventCallback *callback = g_ptr_array_index(list->callbacks, i);

        if (callback->conn == conn && callback->id == callbackID) {
            g_ptr_array_add(gone, g_ptr_array_remove_index(list->callbacks, i));
            break;
        }
    }
    g_mutex_unlock(&list->lock);
    if (gone->len == 0) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "event callback %d is not registered on this connection", callbackID);
        return -1;
    }
    dropAll(gone);
    return 0;
}

void
virDomainEventListRemoveConn(virDomainEventList *list, virConnectPtr conn)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new();

    g_mutex_lock(&list->lock);
    for (guint i = list->callbacks->len; i > 0; i--) {
        eventCallback *callback = g_ptr_array_index(list->callbacks, i - 1);

        if (callback->conn == conn)
            g_ptr_array_add(gone, g_ptr_array_remove_index(list->callbacks, i - 1));
    }
    g_mutex_unlock(&list->lock);
    dropAll(gone);
}

int
virDomainEventListCount(virDomainEventList *list, virConnectPtr conn, int eventID,
                        const unsigned char *uuid)
{
    int n = 0;

    g_mutex_lock(&list->lock);
    for (guint i = 0; i < list->callbacks->len; i++) {
        const eventCallback *callback = g_ptr_array_index(list->callbacks, i);

        if (callback->conn == conn && callback->eventID == eventID && sameFilter(callback, uuid))
            n++;
    }
    g_mutex_unlock(&list->lock);
    return n;
}

/* An I/O error event has an old form without the reason; both kinds of callback get it. */
static bool
wantsID(const eventCallback *callback, const virDomainEvent *event)
{
    return callback->eventID == event->eventID ||
           (callback->eventID == VIR_DOMAIN_EVENT_ID_IO_ERROR &&
            event->eventID == VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON);
}

static bool
wantsMonitorEvent(const eventCallback *callback, const char *name)
{
    if (callback->monitorPattern)
        return g_regex_match(callback->monitorPattern, name, 0, NULL);
    if (!callback->monitorEvent)
        return true;
    if (callback->monitorNocase)
        return g_ascii_strcasecmp(callback->monitorEvent, name) == 0;
    return strcmp(callback->monitorEvent, name) == 0;
}

static bool
wantsEvent(const eventCallback *callback, const virDomainEvent *event)
{
    if (!wantsID(callback, event))
        return false;
    if (callback->filtered && memcmp(callback->uuid, event->uuid, VIR_UUID_BUFLEN) != 0)
        return false;
    return event->eventID != VIR_DOMAIN_EVENT_ID_QEMU_MONITOR ||
           wantsMonitorEvent(callback, event->text[0]);
}

#define CALLBACK(type) ((type)(void (*)(void))callback->cb)

/* The callback's own type, as libvirt-domain.h gives it for each id. */
static void
callTyped(const eventCallback *callback, virDomainPtr dom, const virDomainEvent *e)
{
    virConnectPtr conn = callback->conn;
    void *opaque = callback->opaque;

    switch (callback->eventID) {
    case VIR_DOMAIN_EVENT_ID_LIFECYCLE:
        (void)CALLBACK(virConnectDomainEventCallback)(conn, dom, e->number[0], e->number[1],
                                                      opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_REBOOT:
    case VIR_DOMAIN_EVENT_ID_CONTROL_ERROR:
        callback->cb(conn, dom, opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_RTC_CHANGE:
        CALLBACK(virConnectDomainEventRTCChangeCallback)(conn, dom, e->offset, opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_WATCHDOG:
        CALLBACK(virConnectDomainEventWatchdogCallback)(conn, dom, e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_IO_ERROR:
        CALLBACK(virConnectDomainEventIOErrorCallback)
        (conn, dom, e->text[0], e->text[1], e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON:
        CALLBACK(virConnectDomainEventIOErrorReasonCallback)
        (conn, dom, e->text[0], e->text[1], e->number[0], e->text[2], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_GRAPHICS:
        CALLBACK(virConnectDomainEventGraphicsCallback)
        (conn, dom, e->number[0], &e->local, &e->remote, e->text[0], &e->subject, opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_BLOCK_JOB:
    case VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2:
        CALLBACK(virConnectDomainEventBlockJobCallback)
        (conn, dom, e->text[0], e->number[0], e->number[1], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_DISK_CHANGE:
        CALLBACK(virConnectDomainEventDiskChangeCallback)
        (conn, dom, e->text[0], e->text[1], e->text[2], e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_TRAY_CHANGE:
        CALLBACK(virConnectDomainEventTrayChangeCallback)
        (conn, dom, e->text[0], e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_PMWAKEUP:
    case VIR_DOMAIN_EVENT_ID_PMSUSPEND:
    case VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK:
        CALLBACK(virConnectDomainEventPMSuspendCallback)(conn, dom, e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE:
        CALLBACK(virConnectDomainEventBalloonChangeCallback)(conn, dom, e->amount[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED:
    case VIR_DOMAIN_EVENT_ID_DEVICE_ADDED:
    case VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED:
        CALLBACK(virConnectDomainEventDeviceRemovedCallback)(conn, dom, e->text[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_TUNABLE:
    case VIR_DOMAIN_EVENT_ID_JOB_COMPLETED:
        CALLBACK(virConnectDomainEventJobCompletedCallback)
        (conn, dom, e->params.params, e->params.n, opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE:
        CALLBACK(virConnectDomainEventAgentLifecycleCallback)
        (conn, dom, e->number[0], e->number[1], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION:
        CALLBACK(virConnectDomainEventMigrationIterationCallback)(conn, dom, e->number[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_METADATA_CHANGE:
        CALLBACK(virConnectDomainEventMetadataChangeCallback)
        (conn, dom, e->number[0], e->text[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD:
        CALLBACK(virConnectDomainEventBlockThresholdCallback)
        (conn, dom, e->text[0], e->text[1], e->amount[0], e->amount[1], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE:
        CALLBACK(virConnectDomainEventMemoryFailureCallback)
        (conn, dom, e->number[0], e->number[1], e->flags, opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE:
        CALLBACK(virConnectDomainEventMemoryDeviceSizeChangeCallback)
        (conn, dom, e->text[0], e->amount[0], opaque);
        break;
    case VIR_DOMAIN_EVENT_ID_QEMU_MONITOR:
        CALLBACK(virConnectDomainQemuMonitorEventCallback)
        (conn, dom, e->text[0], e->offset, e->flags, e->text[1], opaque);
        break;
    default:
        break; /* ids come from our own constructors */
    }
}

static void
callOne(eventCallback *callback, const virDomainEvent *event)
{
    g_autoptr(virDomain) dom = NULL;

    if (g_atomic_int_get(&callback->removed))
        return;
    dom = virObjectDomainNew(callback->conn, event->name, event->uuid, event->id);
    callTyped(callback, dom, event);
}

static bool
isIn(int id, const int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* @ids: NULL for all. */
static void
dispatch(virDomainEventList *list, const virDomainEvent *event, const int *ids, size_t n)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(callbackUnref);

    g_mutex_lock(&list->lock);
    for (guint i = 0; i < list->callbacks->len; i++) {
        eventCallback *callback = g_ptr_array_index(list->callbacks, i);

        if ((ids && !isIn(callback->id, ids, n)) || !wantsEvent(callback, event))
            continue;
        /* A connection on its way out is about to remove this callback. */
        if (!virObjectConnectTryRef(callback->conn))
            continue;
        g_atomic_int_inc(&callback->refs);
        g_ptr_array_add(wanted, callback);
    }
    g_mutex_unlock(&list->lock);

    for (guint i = 0; i < wanted->len; i++) {
        eventCallback *callback = g_ptr_array_index(wanted, i);

        callOne(callback, event);
        virObjectConnectUnref(callback->conn);
    }
}

void
virDomainEventListDispatch(virDomainEventList *list, const virDomainEvent *event)
{
    dispatch(list, event, NULL, 0);
}

void
virDomainEventListDispatchTo(virDomainEventList *list, const virDomainEvent *event,
                             const int *callbackIDs, size_t n)
{
    if (n > 0)
        dispatch(list, event, callbackIDs, n);
}
