/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One callback for each kind of event: its arguments become the body of a message. Called by the
 * driver on the thread that raises the event, so the order of events is the order on the wire.
 *
 * Strings of a body are copied because the body is freed as a whole after it was encoded.
 */
#include "config.h"
#include <libvirt/libvirt-qemu.h>
#include "remote_dispatch_event.h"

/* Send @body in the form with callback id: NAME is that of the procedure, @type that of the body. */
#define SEND(cb, NAME, type, body) \
    remoteEventSend(cb, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_EVENT_##NAME, \
                    (xdrproc_t)xdr_remote_domain_event_##type##_msg, body)
/* Send the content @inner of an event that exists in both forms. */
#define SEND_BOTH(cb, NAME, type, inner) \
    do { \
        if ((cb)->legacy) { \
            SEND(cb, NAME, type, &(inner)); \
        } else { \
            remote_domain_event_callback_##type##_msg outer = { \
                .callbackID = remoteEventCallbackID(cb), .msg = inner }; \
            SEND(cb, CALLBACK_##NAME, callback_##type, &outer); \
        } \
    } while (0)

static remote_string *
optionalText(const char *text)
{
    remote_string *out = NULL;

    if (text) {
        out = g_new0(remote_string, 1);
        *out = g_strdup(text);
    }
    return out;
}

static int
relayLifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_lifecycle_msg body = { .event = event, .detail = detail };

    remotePutDomain(&body.dom, dom);
    SEND_BOTH(cb, LIFECYCLE, lifecycle, body);
    return 0;
}

static void
relayReboot(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_reboot_msg body = { 0 };

    remotePutDomain(&body.dom, dom);
    SEND_BOTH(cb, REBOOT, reboot, body);
}

static void
relayIOError(virConnectPtr conn, virDomainPtr dom, const char *srcPath, const char *devAlias,
             int action, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_io_error_msg body = { .action = action };

    remotePutDomain(&body.dom, dom);
    body.srcPath = g_strdup(srcPath);
    body.devAlias = g_strdup(devAlias);
    SEND_BOTH(cb, IO_ERROR, io_error, body);
}

static void
relayIOErrorReason(virConnectPtr conn, virDomainPtr dom, const char *srcPath, const char *devAlias,
                   int action, const char *reason, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_io_error_reason_msg body = { .action = action };

    remotePutDomain(&body.dom, dom);
    body.srcPath = g_strdup(srcPath);
    body.devAlias = g_strdup(devAlias);
    body.reason = g_strdup(reason);
    SEND_BOTH(cb, IO_ERROR_REASON, io_error_reason, body);
}

static void
relayBlockJob(virConnectPtr conn, virDomainPtr dom, const char *path, int type, int status,
              void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_block_job_msg body = { .type = type, .status = status };

    remotePutDomain(&body.dom, dom);
    body.path = g_strdup(path);
    SEND_BOTH(cb, BLOCK_JOB, block_job, body);
}

static void
relayBlockJob2(virConnectPtr conn, virDomainPtr dom, const char *dst, int type, int status,
               void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_block_job_2_msg body = { .callbackID = remoteEventCallbackID(cb),
                                                 .type = type, .status = status };

    remotePutDomain(&body.dom, dom);
    body.dst = g_strdup(dst);
    SEND(cb, BLOCK_JOB_2, block_job_2, &body);
}

static void
relayAgentLifecycle(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_callback_agent_lifecycle_msg body = {
        .callbackID = remoteEventCallbackID(cb), .state = state, .reason = reason };

    remotePutDomain(&body.dom, dom);
    SEND(cb, CALLBACK_AGENT_LIFECYCLE, callback_agent_lifecycle, &body);
}

static void
relayJobCompleted(virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr params, int nparams,
                  void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_callback_job_completed_msg body = {
        .callbackID = remoteEventCallbackID(cb) };

    if (remotePutTypedParams(&body.params.params_val, &body.params.params_len, params, nparams,
                             REMOTE_DOMAIN_JOB_STATS_MAX, true) < 0)
        return;
    remotePutDomain(&body.dom, dom);
    SEND(cb, CALLBACK_JOB_COMPLETED, callback_job_completed, &body);
}

static void
relayMetadataChange(virConnectPtr conn, virDomainPtr dom, int type, const char *nsuri, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_callback_metadata_change_msg body = {
        .callbackID = remoteEventCallbackID(cb), .type = type, .nsuri = optionalText(nsuri) };

    remotePutDomain(&body.dom, dom);
    SEND(cb, CALLBACK_METADATA_CHANGE, callback_metadata_change, &body);
}

static void
relayBlockThreshold(virConnectPtr conn, virDomainPtr dom, const char *dev, const char *path,
                    unsigned long long threshold, unsigned long long excess, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_block_threshold_msg body = {
        .callbackID = remoteEventCallbackID(cb), .path = optionalText(path),
        .threshold = threshold, .excess = excess };

    remotePutDomain(&body.dom, dom);
    body.dev = g_strdup(dev);
    SEND(cb, BLOCK_THRESHOLD, block_threshold, &body);
}

static void
relayTrayChange(virConnectPtr conn, virDomainPtr dom, const char *alias, int reason, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_tray_change_msg body = { .devAlias = g_strdup(alias), .reason = reason };

    remotePutDomain(&body.dom, dom);
    SEND_BOTH(cb, TRAY_CHANGE, tray_change, body);
}

static void
relayDeviceRemoved(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_device_removed_msg body = { .devAlias = g_strdup(alias) };

    remotePutDomain(&body.dom, dom);
    SEND_BOTH(cb, DEVICE_REMOVED, device_removed, body);
}

static void
relayDeviceAdded(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_callback_device_added_msg body = {
        .callbackID = remoteEventCallbackID(cb), .devAlias = g_strdup(alias) };

    remotePutDomain(&body.dom, dom);
    SEND(cb, CALLBACK_DEVICE_ADDED, callback_device_added, &body);
}

static void
relayDeviceRemovalFailed(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
    remoteEventCallback *cb = opaque;
    remote_domain_event_callback_device_removal_failed_msg body = {
        .callbackID = remoteEventCallbackID(cb), .devAlias = g_strdup(alias) };

    remotePutDomain(&body.dom, dom);
    SEND(cb, CALLBACK_DEVICE_REMOVAL_FAILED, callback_device_removal_failed, &body);
}

/* Events this driver never raises. They can be registered all the same, because a program that
 * asks for one of them takes a refusal for a failure. */
static void
relayNothing(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
}

virConnectDomainEventGenericCallback
remoteEventRelay(int eventID)
{
    switch (eventID) {
    case VIR_DOMAIN_EVENT_ID_LIFECYCLE:
        return VIR_DOMAIN_EVENT_CALLBACK(relayLifecycle);
    case VIR_DOMAIN_EVENT_ID_REBOOT:
        return VIR_DOMAIN_EVENT_CALLBACK(relayReboot);
    case VIR_DOMAIN_EVENT_ID_IO_ERROR:
        return VIR_DOMAIN_EVENT_CALLBACK(relayIOError);
    case VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON:
        return VIR_DOMAIN_EVENT_CALLBACK(relayIOErrorReason);
    case VIR_DOMAIN_EVENT_ID_BLOCK_JOB:
        return VIR_DOMAIN_EVENT_CALLBACK(relayBlockJob);
    case VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2:
        return VIR_DOMAIN_EVENT_CALLBACK(relayBlockJob2);
    case VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE:
        return VIR_DOMAIN_EVENT_CALLBACK(relayAgentLifecycle);
    case VIR_DOMAIN_EVENT_ID_JOB_COMPLETED:
        return VIR_DOMAIN_EVENT_CALLBACK(relayJobCompleted);
    case VIR_DOMAIN_EVENT_ID_METADATA_CHANGE:
        return VIR_DOMAIN_EVENT_CALLBACK(relayMetadataChange);
    case VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD:
        return VIR_DOMAIN_EVENT_CALLBACK(relayBlockThreshold);
    case VIR_DOMAIN_EVENT_ID_TRAY_CHANGE:
        return VIR_DOMAIN_EVENT_CALLBACK(relayTrayChange);
    case VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED:
        return VIR_DOMAIN_EVENT_CALLBACK(relayDeviceRemoved);
    case VIR_DOMAIN_EVENT_ID_DEVICE_ADDED:
        return VIR_DOMAIN_EVENT_CALLBACK(relayDeviceAdded);
    case VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED:
        return VIR_DOMAIN_EVENT_CALLBACK(relayDeviceRemovalFailed);
    default:
        return relayNothing;
    }
}

void
remoteEventRelayMonitor(virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds,
                        unsigned int micros, const char *details, void *opaque)
{
    remoteEventCallback *cb = opaque;
    qemu_domain_monitor_event_msg body = { .callbackID = remoteEventCallbackID(cb),
                                           .seconds = seconds, .micros = micros,
                                           .details = optionalText(details) };

    remotePutDomain(&body.dom, dom);
    body.event = g_strdup(event);
    remoteEventSend(cb, QEMU_PROGRAM, QEMU_PROC_DOMAIN_MONITOR_EVENT,
                    (xdrproc_t)xdr_qemu_domain_monitor_event_msg, &body);
}
