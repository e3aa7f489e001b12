/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table from QMP event names to handlers. Handlers run on the domain's event lane, one at a time,
 * without the job slot: they change the state fields under vm->lock, publish, and only then save
 * the status, so that clients hear of it first.
 */
#include "qemu_vm_events.h"
#include "qemu_backup.h"
#include "qemu_backup_broken.h"
#include "qemu_backup_plan.h"
#include "qemu_hotplug.h"
#include "qemu_process.h"
#include "qemu_status.h"
#include "qemu_threshold.h"
#include "virlog.h"


typedef struct _qemuVMEvent {
    qemuVM *vm;             /* (owned reference) */
    unsigned int run;
    char *name;
    virJSONValue *data;     /* may be NULL */
    long long seconds;
    unsigned int micros;
    bool own;               /* STOP or RESUME that we caused */
} qemuVMEvent;

static void
qemuVMEventFree(qemuVMEvent *event)
{
    g_free(event->name);
    virJSONValueFree(event->data);
    qemuVMUnref(event->vm);
    g_free(event);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuVMEvent, qemuVMEventFree)

/* Lock held. The run may be finished while its last events are being handled. */
static bool
qemuVMEventIsCurrent(const qemuVM *vm, const qemuVMEvent *event)
{
    return vm->run == event->run && qemuVMIsActive(vm);
}

static void
qemuVMEventStop(qemuVM *vm, const qemuVMEvent *event)
{
    if (event->own)
        return;
    g_mutex_lock(&vm->lock);
    if (vm->state == VIR_DOMAIN_RUNNING) {
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    }
    g_mutex_unlock(&vm->lock);
    qemuStatusSave(vm);
}

static void
qemuVMEventResume(qemuVM *vm, const qemuVMEvent *event)
{
    if (event->own)
        return;
    g_mutex_lock(&vm->lock);
    if (vm->state == VIR_DOMAIN_PAUSED) {
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    g_mutex_unlock(&vm->lock);
    qemuStatusSave(vm);
}

static void
qemuVMEventSuspend(qemuVM *vm, const qemuVMEvent *event G_GNUC_UNUSED)
{
    g_mutex_lock(&vm->lock);
    if (vm->state == VIR_DOMAIN_RUNNING) {
        qemuVMSetState(vm, VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_PMSUSPENDED, VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY);
    }
    g_mutex_unlock(&vm->lock);
    qemuStatusSave(vm);
}

static void
qemuVMEventWakeup(qemuVM *vm, const qemuVMEvent *event G_GNUC_UNUSED)
{
    g_mutex_lock(&vm->lock);
    if (vm->state == VIR_DOMAIN_PMSUSPENDED) {
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_WAKEUP);
    }
    g_mutex_unlock(&vm->lock);
    qemuStatusSave(vm);
}

/* Carry out on_poweroff or on_crash once the guest is down and QEMU stands still. @down: it has powered off,
 * so a backup may want to keep QEMU. */
static void
qemuVMEventAct(qemuVM *vm, virDomainLifecycleAction action, bool down)
{
    switch (action) {
    case VIR_DOMAIN_ACTION_RESTART:
    case VIR_DOMAIN_ACTION_RENAME_RESTART:
        qemuProcessReset(vm);
        break;
    case VIR_DOMAIN_ACTION_PRESERVE:
        qemuStatusSave(vm);
        break;
    case VIR_DOMAIN_ACTION_DESTROY:
    case VIR_DOMAIN_ACTION_LAST:
        if (!down || !qemuProcessPreserve(vm))
            qemuProcessQuit(vm);
        break;
    }
}

static void
qemuVMEventReset(qemuVM *vm, const qemuVMEvent *event)
{
    bool end = false;

    g_mutex_lock(&vm->lock);
    if (!qemuVMEventIsCurrent(vm, event)) {
        g_mutex_unlock(&vm->lock);
        return;
    }
    if (vm->ownReset) {
        vm->ownReset = vm->agentConnected = false;
        g_mutex_unlock(&vm->lock);
        return;
    }
    qemuVMPublish(vm, virDomainEventRebootNew(vm->name, vm->uuid, vm->def->id));
    end = vm->def->onReboot == VIR_DOMAIN_ACTION_DESTROY && !vm->destroyed;
    if (end)
        vm->shutdownSeen = true;
    vm->agentConnected = false;
    g_mutex_unlock(&vm->lock);
    if (end)
        qemuProcessQuit(vm);
}

static void
qemuVMEventShutdown(qemuVM *vm, const qemuVMEvent *event)
{
    const char *reason = virJSONObjectLookupString(event->data, "reason");
    bool guest = virJSONObjectIsTrue(event->data, "guest");
    bool leaves = g_strcmp0(reason, "host-signal") == 0 || g_strcmp0(reason, "host-qmp-quit") == 0;
    virDomainLifecycleAction action = VIR_DOMAIN_ACTION_DESTROY;

    g_mutex_lock(&vm->lock);
    if (vm->shutdownSeen || !qemuVMEventIsCurrent(vm, event)) {
        g_mutex_unlock(&vm->lock);
        return;
    }
    vm->shutdownSeen = true;
    action = vm->def->onPoweroff;
    if (g_strcmp0(reason, "guest-reset") == 0)
        action = vm->def->onReboot;
    if (vm->fakeReboot)
        action = VIR_DOMAIN_ACTION_RESTART;
    leaves = leaves || vm->destroyed;
    qemuVMSetState(vm, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN);
    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SHUTDOWN,
                           guest ? VIR_DOMAIN_EVENT_SHUTDOWN_GUEST : VIR_DOMAIN_EVENT_SHUTDOWN_HOST);
    g_mutex_unlock(&vm->lock);
    if (!leaves)
        qemuVMEventAct(vm, action, true);
}

static void
qemuVMEventPanicked(qemuVM *vm, const qemuVMEvent *event)
{
    virDomainLifecycleAction action = VIR_DOMAIN_ACTION_DESTROY;

    g_mutex_lock(&vm->lock);
    if (!qemuVMEventIsCurrent(vm, event)) {
        g_mutex_unlock(&vm->lock);
        return;
    }
    action = vm->def->onCrash;
    qemuVMSetState(vm, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED);
    qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED);
    g_mutex_unlock(&vm->lock);
    qemuVMEventAct(vm, action, false);
}

/* Lock held: the disk that reads @node, directly or through a backup's filter; NULL if none. */
static const qemuTargetDisk *
qemuVMEventDisk(qemuVM *vm, const char *node)
{
    guint i = 0;

    if (!node || !vm->targetDisks)
        return NULL;
    for (i = 0; i < vm->targetDisks->len; i++) {
        const qemuTargetDisk *disk = &vm->diskTable[i];
        g_autofree char *filter = qemuBackupNodeName("cbw", disk->name);

        if (g_str_equal(disk->node, node) || g_str_equal(filter, node))
            return disk;
    }
    return NULL;
}

static void
qemuVMEventIOError(qemuVM *vm, const qemuVMEvent *event)
{
    const char *node = virJSONObjectLookupString(event->data, "node-name");
    const char *action = virJSONObjectLookupString(event->data, "action");
    const char *why = virJSONObjectIsTrue(event->data, "nospace") ? "enospc" : "";
    const qemuTargetDisk *disk = NULL;
    const virDomainDiskDef *def = NULL;
    int code = VIR_DOMAIN_EVENT_IO_ERROR_REPORT;

    if (g_strcmp0(action, "stop") == 0)
        code = VIR_DOMAIN_EVENT_IO_ERROR_PAUSE;
    else if (g_strcmp0(action, "ignore") == 0)
        code = VIR_DOMAIN_EVENT_IO_ERROR_NONE;
    g_mutex_lock(&vm->lock);
    disk = qemuVMEventDisk(vm, node);
    def = disk ? virDomainDefDisk(vm->def, disk->name, false) : NULL;
    qemuVMPublish(vm, virDomainEventIOErrorNew(vm->name, vm->uuid, vm->def->id,
                                               disk ? virStorageSourcePath(disk->source) : "",
                                               def && def->alias ? def->alias : "", code, why));
    if (code == VIR_DOMAIN_EVENT_IO_ERROR_PAUSE && vm->state == VIR_DOMAIN_RUNNING) {
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR);
    }
    g_mutex_unlock(&vm->lock);
    qemuStatusSave(vm);
}

static void
qemuVMEventThreshold(qemuVM *vm, const qemuVMEvent *event)
{
    qemuThresholdEvent(vm, event->data);
}

void
qemuVMEventAgent(qemuVM *vm, bool open)
{
    if (vm->agentConnected == open)
        return;
    vm->agentConnected = open;
    qemuVMPublish(vm, virDomainEventAgentLifecycleNew(
                          vm->name, vm->uuid, vm->def->id,
                          open ? VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                               : VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
                          VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL));
}

static void
qemuVMEventPort(qemuVM *vm, const qemuVMEvent *event)
{
    const char *id = virJSONObjectLookupString(event->data, "id");
    bool open = virJSONObjectIsTrue(event->data, "open");
    guint i = 0;
    QEMU_VM_LOCK_GUARD(vm);

    for (i = 0; i < vm->def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(vm->def->chardevs, i);

        if (g_strcmp0(chardev->targetName, QEMU_VM_AGENT_CHANNEL) == 0 &&
            g_strcmp0(chardev->alias, id) == 0)
            qemuVMEventAgent(vm, open);
    }
}

static void
qemuVMEventJob(qemuVM *vm, const qemuVMEvent *event)
{
    qemuBackupEventJob(vm, event->name, event->data);
}

static void
qemuVMEventBad(qemuVM *vm, const qemuVMEvent *event)
{
    qemuBackupEventBad(vm, event->data, event->seconds * 1000 + event->micros / 1000);
}

static void
qemuVMEventBalloon(qemuVM *vm, const qemuVMEvent *event)
{
    unsigned long long actual = 0;
    QEMU_VM_LOCK_GUARD(vm);

    if (virJSONObjectGetUInt(event->data, "actual", &actual) == 0)
        vm->balloonKiB = actual / 1024;
}

static void
qemuVMEventDevice(qemuVM *vm, const qemuVMEvent *event)
{
    qemuHotplugEvent(vm, event->name, virJSONObjectLookupString(event->data, "device"));
}

static void
qemuVMEventTray(qemuVM *vm, const qemuVMEvent *event)
{
    const char *id = virJSONObjectLookupString(event->data, "id");
    int reason = virJSONObjectIsTrue(event->data, "tray-open") ? VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN
                                                               : VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE;
    QEMU_VM_LOCK_GUARD(vm);

    if (id)
        qemuVMPublish(vm, virDomainEventTrayChangeNew(vm->name, vm->uuid, vm->def->id, id, reason));
}

static const struct {
    const char *name;
    void (*handle)(qemuVM *vm, const qemuVMEvent *event);
} qemuVMEventTable[] = {
    { "STOP", qemuVMEventStop },
    { "RESUME", qemuVMEventResume },
    { "SUSPEND", qemuVMEventSuspend },
    { "WAKEUP", qemuVMEventWakeup },
    { "RESET", qemuVMEventReset },
    { "SHUTDOWN", qemuVMEventShutdown },
    { "GUEST_PANICKED", qemuVMEventPanicked },
    { "BLOCK_IO_ERROR", qemuVMEventIOError },
    { "BLOCK_WRITE_THRESHOLD", qemuVMEventThreshold },
    { "VSERPORT_CHANGE", qemuVMEventPort },
    { "BALLOON_CHANGE", qemuVMEventBalloon },
    { "JOB_STATUS_CHANGE", qemuVMEventJob },
    { "BLOCK_JOB_COMPLETED", qemuVMEventJob },
    { "BLOCK_JOB_CANCELLED", qemuVMEventJob },
    { "BLOCK_JOB_ERROR", qemuVMEventJob },
    { "BLOCK_EXPORT_DELETED", qemuVMEventJob },
    { "QUORUM_REPORT_BAD", qemuVMEventBad },
    { "DEVICE_TRAY_MOVED", qemuVMEventTray },
    { "DEVICE_DELETED", qemuVMEventDevice },
    { "DEVICE_UNPLUG_GUEST_ERROR", qemuVMEventDevice },
};

static void
qemuVMEventPublishRaw(qemuVM *vm, const qemuVMEvent *event)
{
    g_autofree char *details = event->data ? virJSONFormat(event->data, false) : NULL;
    QEMU_VM_LOCK_GUARD(vm);

    qemuVMPublish(vm, virDomainEventQemuMonitorNew(vm->name, vm->uuid, vm->def->id, event->name,
                                                   event->seconds, event->micros, details));
}

static void
qemuVMEventHandle(void *data)
{
    g_autoptr(qemuVMEvent) event = data;
    qemuVM *vm = event->vm;
    bool current = false;
    size_t i = 0;

    g_mutex_lock(&vm->lock);
    current = qemuVMEventIsCurrent(vm, event);
    g_mutex_unlock(&vm->lock);
    if (!current)
        return;
    qemuVMEventPublishRaw(vm, event);
    for (i = 0; i < G_N_ELEMENTS(qemuVMEventTable); i++) {
        if (g_str_equal(qemuVMEventTable[i].name, event->name)) {
            qemuVMEventTable[i].handle(vm, event);
            return;
        }
    }
}

void
qemuVMEventQueue(qemuVM *vm, unsigned int run, const char *name, const virJSONValue *data,
                 long long seconds, unsigned int micros)
{
    bool pause = g_str_equal(name, "STOP") || g_str_equal(name, "RESUME");
    qemuVMEvent *event = g_new0(qemuVMEvent, 1);

    VIR_DEBUG("domain '%s': QMP event %s", vm->name, name);
    event->vm = qemuVMRef(vm);
    event->run = run;
    event->name = g_strdup(name);
    event->data = data ? virJSONCopy(data) : NULL;
    event->seconds = seconds;
    event->micros = micros;
    if (pause) {
        QEMU_VM_LOCK_GUARD(vm);
        event->own = vm->hidePause || vm->ownPause;
    }
    qemuEventLanePush(vm->events, qemuVMEventHandle, event);
}
