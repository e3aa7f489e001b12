/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One row an event: procedure, type of its body, and the function that makes an event of it. All
 * bodies begin with the callback id. Long because it is a table.
 */
#include <string.h>
#include "remote_client.h"
#include "remote_client_eventdecode.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

/* The first three arguments of every constructor. */
#define DOM(ref) (ref).name, (const unsigned char *)(ref).uuid, (ref).id
#define TEXT(optional) ((optional) ? *(optional) : NULL)

static virDomainEvent *
makeLifecycle(const void *body)
{
    const remote_domain_event_callback_lifecycle_msg *m = body;

    return virDomainEventLifecycleNew(DOM(m->msg.dom), m->msg.event, m->msg.detail);
}

static virDomainEvent *
makeReboot(const void *body)
{
    const remote_domain_event_callback_reboot_msg *m = body;

    return virDomainEventRebootNew(DOM(m->msg.dom));
}

static virDomainEvent *
makeRTCChange(const void *body)
{
    const remote_domain_event_callback_rtc_change_msg *m = body;

    return virDomainEventRTCChangeNew(DOM(m->msg.dom), m->msg.offset);
}

static virDomainEvent *
makeWatchdog(const void *body)
{
    const remote_domain_event_callback_watchdog_msg *m = body;

    return virDomainEventWatchdogNew(DOM(m->msg.dom), m->msg.action);
}

static virDomainEvent *
makeIOError(const void *body)
{
    const remote_domain_event_callback_io_error_msg *m = body;

    return virDomainEventIOErrorNew(DOM(m->msg.dom), m->msg.srcPath, m->msg.devAlias, m->msg.action,
                                    NULL);
}

static virDomainEvent *
makeGraphics(const void *body)
{
    const remote_domain_event_callback_graphics_msg *m = body;
    unsigned int n = m->msg.subject.subject_len;
    g_autofree virDomainEventGraphicsSubjectIdentity *identities =
        g_new0(virDomainEventGraphicsSubjectIdentity, MAX(n, 1));
    virDomainEventGraphicsAddress local = {m->msg.local.family, m->msg.local.node,
                                           m->msg.local.service};
    virDomainEventGraphicsAddress remote = {m->msg.remote.family, m->msg.remote.node,
                                            m->msg.remote.service};
    virDomainEventGraphicsSubject subject = {n, identities};

    for (unsigned int i = 0; i < n; i++) {
        identities[i].type = m->msg.subject.subject_val[i].type;
        identities[i].name = m->msg.subject.subject_val[i].name;
    }
    return virDomainEventGraphicsNew(DOM(m->msg.dom), m->msg.phase, &local, &remote,
                                     m->msg.authScheme, &subject);
}

static virDomainEvent *
makeIOErrorReason(const void *body)
{
    const remote_domain_event_callback_io_error_reason_msg *m = body;

    return virDomainEventIOErrorNew(DOM(m->msg.dom), m->msg.srcPath, m->msg.devAlias, m->msg.action,
                                    m->msg.reason);
}

static virDomainEvent *
makeControlError(const void *body)
{
    const remote_domain_event_callback_control_error_msg *m = body;

    return virDomainEventControlErrorNew(DOM(m->msg.dom));
}

static virDomainEvent *
makeBlockJob(const void *body)
{
    const remote_domain_event_callback_block_job_msg *m = body;

    return virDomainEventBlockJobNew(DOM(m->msg.dom), m->msg.path, m->msg.type, m->msg.status);
}

static virDomainEvent *
makeDiskChange(const void *body)
{
    const remote_domain_event_callback_disk_change_msg *m = body;

    return virDomainEventDiskChangeNew(DOM(m->msg.dom), TEXT(m->msg.oldSrcPath),
                                       TEXT(m->msg.newSrcPath), m->msg.devAlias, m->msg.reason);
}

static virDomainEvent *
makeTrayChange(const void *body)
{
    const remote_domain_event_callback_tray_change_msg *m = body;

    return virDomainEventTrayChangeNew(DOM(m->msg.dom), m->msg.devAlias, m->msg.reason);
}

static virDomainEvent *
makePMWakeup(const void *body)
{
    const remote_domain_event_callback_pmwakeup_msg *m = body;

    return virDomainEventPMNew(DOM(m->msg.dom), VIR_DOMAIN_EVENT_ID_PMWAKEUP, m->reason);
}

static virDomainEvent *
makePMSuspend(const void *body)
{
    const remote_domain_event_callback_pmsuspend_msg *m = body;

    return virDomainEventPMNew(DOM(m->msg.dom), VIR_DOMAIN_EVENT_ID_PMSUSPEND, m->reason);
}

static virDomainEvent *
makeBalloonChange(const void *body)
{
    const remote_domain_event_callback_balloon_change_msg *m = body;

    return virDomainEventBalloonChangeNew(DOM(m->msg.dom), m->msg.actual);
}

static virDomainEvent *
makePMSuspendDisk(const void *body)
{
    const remote_domain_event_callback_pmsuspend_disk_msg *m = body;

    return virDomainEventPMNew(DOM(m->msg.dom), VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK, m->reason);
}

static virDomainEvent *
makeDeviceRemoved(const void *body)
{
    const remote_domain_event_callback_device_removed_msg *m = body;

    return virDomainEventDeviceNew(DOM(m->msg.dom), VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                   m->msg.devAlias);
}

static virDomainEvent *
makeBlockJob2(const void *body)
{
    const remote_domain_event_block_job_2_msg *m = body;

    return virDomainEventBlockJob2New(DOM(m->dom), m->dst, m->type, m->status);
}

static virDomainEvent *
makeTunable(const void *body)
{
    const remote_domain_event_callback_tunable_msg *m = body;
    g_auto(virTypedParamList) list = {0};

    if (remoteTakeParams(&list, m->params.params_val, m->params.params_len) < 0)
        return NULL;
    return virDomainEventTunableNew(DOM(m->dom), &list);
}

static virDomainEvent *
makeAgentLifecycle(const void *body)
{
    const remote_domain_event_callback_agent_lifecycle_msg *m = body;

    return virDomainEventAgentLifecycleNew(DOM(m->dom), m->state, m->reason);
}

static virDomainEvent *
makeDeviceAdded(const void *body)
{
    const remote_domain_event_callback_device_added_msg *m = body;

    return virDomainEventDeviceNew(DOM(m->dom), VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, m->devAlias);
}

static virDomainEvent *
makeMigrationIteration(const void *body)
{
    const remote_domain_event_callback_migration_iteration_msg *m = body;

    return virDomainEventMigrationIterationNew(DOM(m->dom), m->iteration);
}

static virDomainEvent *
makeJobCompleted(const void *body)
{
    const remote_domain_event_callback_job_completed_msg *m = body;
    g_auto(virTypedParamList) list = {0};

    if (remoteTakeParams(&list, m->params.params_val, m->params.params_len) < 0)
        return NULL;
    return virDomainEventJobCompletedNew(DOM(m->dom), &list);
}

static virDomainEvent *
makeDeviceRemovalFailed(const void *body)
{
    const remote_domain_event_callback_device_removal_failed_msg *m = body;

    return virDomainEventDeviceNew(DOM(m->dom), VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
                                   m->devAlias);
}

static virDomainEvent *
makeMetadataChange(const void *body)
{
    const remote_domain_event_callback_metadata_change_msg *m = body;

    return virDomainEventMetadataChangeNew(DOM(m->dom), m->type, TEXT(m->nsuri));
}

static virDomainEvent *
makeBlockThreshold(const void *body)
{
    const remote_domain_event_block_threshold_msg *m = body;

    return virDomainEventBlockThresholdNew(DOM(m->dom), m->dev, TEXT(m->path), m->threshold,
                                           m->excess);
}

static virDomainEvent *
makeMemoryFailure(const void *body)
{
    const remote_domain_event_memory_failure_msg *m = body;

    return virDomainEventMemoryFailureNew(DOM(m->dom), m->recipient, m->action, m->flags);
}

static virDomainEvent *
makeMemoryDeviceSizeChange(const void *body)
{
    const remote_domain_event_memory_device_size_change_msg *m = body;

    return virDomainEventMemoryDeviceSizeChangeNew(DOM(m->dom), m->alias, m->size);
}

static virDomainEvent *
makeQemuMonitor(const void *body)
{
    const qemu_domain_monitor_event_msg *m = body;

    return virDomainEventQemuMonitorNew(DOM(m->dom), m->event, m->seconds, m->micros,
                                        TEXT(m->details));
}

typedef struct {
    int proc;
    xdrproc_t type;
    size_t size;
    virDomainEvent *(*make)(const void *body);
} eventRow;

#define ROW(proc, type, make)                                                                      \
    {                                                                                              \
        proc, REMOTE_XDR(type), sizeof(type), make                                                 \
    }
/* clang-format off */
static const eventRow remoteRows[] = {
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE,
        remote_domain_event_callback_lifecycle_msg, makeLifecycle),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_REBOOT,
        remote_domain_event_callback_reboot_msg, makeReboot),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_RTC_CHANGE,
        remote_domain_event_callback_rtc_change_msg, makeRTCChange),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_WATCHDOG,
        remote_domain_event_callback_watchdog_msg, makeWatchdog),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_IO_ERROR,
        remote_domain_event_callback_io_error_msg, makeIOError),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_GRAPHICS,
        remote_domain_event_callback_graphics_msg, makeGraphics),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON,
        remote_domain_event_callback_io_error_reason_msg, makeIOErrorReason),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_CONTROL_ERROR,
        remote_domain_event_callback_control_error_msg, makeControlError),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_BLOCK_JOB,
        remote_domain_event_callback_block_job_msg, makeBlockJob),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DISK_CHANGE,
        remote_domain_event_callback_disk_change_msg, makeDiskChange),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_TRAY_CHANGE,
        remote_domain_event_callback_tray_change_msg, makeTrayChange),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMWAKEUP,
        remote_domain_event_callback_pmwakeup_msg, makePMWakeup),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND,
        remote_domain_event_callback_pmsuspend_msg, makePMSuspend),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE,
        remote_domain_event_callback_balloon_change_msg, makeBalloonChange),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK,
        remote_domain_event_callback_pmsuspend_disk_msg, makePMSuspendDisk),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED,
        remote_domain_event_callback_device_removed_msg, makeDeviceRemoved),
    ROW(REMOTE_PROC_DOMAIN_EVENT_BLOCK_JOB_2, remote_domain_event_block_job_2_msg, makeBlockJob2),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_TUNABLE,
        remote_domain_event_callback_tunable_msg, makeTunable),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE,
        remote_domain_event_callback_agent_lifecycle_msg, makeAgentLifecycle),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED,
        remote_domain_event_callback_device_added_msg, makeDeviceAdded),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION,
        remote_domain_event_callback_migration_iteration_msg, makeMigrationIteration),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_JOB_COMPLETED,
        remote_domain_event_callback_job_completed_msg, makeJobCompleted),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED,
        remote_domain_event_callback_device_removal_failed_msg, makeDeviceRemovalFailed),
    ROW(REMOTE_PROC_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE,
        remote_domain_event_callback_metadata_change_msg, makeMetadataChange),
    ROW(REMOTE_PROC_DOMAIN_EVENT_BLOCK_THRESHOLD,
        remote_domain_event_block_threshold_msg, makeBlockThreshold),
    ROW(REMOTE_PROC_DOMAIN_EVENT_MEMORY_FAILURE,
        remote_domain_event_memory_failure_msg, makeMemoryFailure),
    ROW(REMOTE_PROC_DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE,
        remote_domain_event_memory_device_size_change_msg, makeMemoryDeviceSizeChange),
};
static const eventRow qemuRows[] = {
    ROW(QEMU_PROC_DOMAIN_MONITOR_EVENT, qemu_domain_monitor_event_msg, makeQemuMonitor),
};
/* clang-format on */

static const eventRow *
findRow(const virNetMessage *msg)
{
    const eventRow *rows = remoteRows;
    size_t n = G_N_ELEMENTS(remoteRows);

    if (msg->header.prog == QEMU_PROGRAM) {
        rows = qemuRows;
        n = G_N_ELEMENTS(qemuRows);
    }
    for (size_t i = 0; i < n; i++) {
        if (rows[i].proc == msg->header.proc)
            return &rows[i];
    }
    return NULL;
}

virDomainEvent *
remoteEventDecode(const virNetMessage *msg, int *callbackID)
{
    const eventRow *row = findRow(msg);
    g_autofree void *body = NULL;
    virDomainEvent *event;

    if (!row)
        return NULL;
    body = g_malloc0(row->size);
    if (virNetMessageDecode(msg, row->type, body) < 0)
        return NULL;
    *callbackID = *(const int *)body;
    event = row->make(body);
    xdr_free(row->type, body);
    return event;
}
