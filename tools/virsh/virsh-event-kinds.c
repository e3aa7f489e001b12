/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How each domain event is printed.
 */
#include "virsh-event.h"

#define LOOKUP(table, value)                                                                       \
    ((value) >= 0 && (value) < (int)G_N_ELEMENTS(table) ? (table)[value] : "unknown")

G_GNUC_PRINTF(4, 5)
static void
say(void *opaque, virDomainPtr dom, const char *event, const char *fmt, ...)
{
    g_autofree char *detail = NULL;
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    detail = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    text = g_strdup_printf("event '%s' for domain '%s'%s%s\n", event, virDomainGetName(dom),
                           detail[0] ? ": " : "", detail);
    virshEventPrint(opaque, text);
}

static const char *
lifecycleDetail(int event, int detail)
{
    static const char *const defined[] = {"Added", "Updated", "Renamed", "Snapshot"};
    static const char *const undefined[] = {"Removed", "Renamed"};
    static const char *const started[] = {"Booted", "Migrated", "Restored", "Snapshot",
                                          "Event wakeup"};
    static const char *const suspended[] = {
        "Paused",   "Migrated",  "I/O Error", "Watchdog",        "Restored",
        "Snapshot", "API error", "Post-copy", "Post-copy Error", "Guest shutdown"};
    static const char *const resumed[] = {"Unpaused", "Migrated", "Snapshot", "Post-copy",
                                          "Post-copy Error"};
    static const char *const stopped[] = {"Shutdown", "Destroyed", "Crashed", "Migrated",
                                          "Saved",    "Failed",    "Snapshot"};
    static const char *const shutdown[] = {"Finished", "Finished after guest request",
                                           "Finished after host request"};
    static const char *const pmsuspended[] = {"Memory", "Disk"};
    static const char *const crashed[] = {"Panicked", "Crashloaded"};

    switch ((virDomainEventType)event) {
    case VIR_DOMAIN_EVENT_DEFINED:
        return LOOKUP(defined, detail);
    case VIR_DOMAIN_EVENT_UNDEFINED:
        return LOOKUP(undefined, detail);
    case VIR_DOMAIN_EVENT_STARTED:
        return LOOKUP(started, detail);
    case VIR_DOMAIN_EVENT_SUSPENDED:
        return LOOKUP(suspended, detail);
    case VIR_DOMAIN_EVENT_RESUMED:
        return LOOKUP(resumed, detail);
    case VIR_DOMAIN_EVENT_STOPPED:
        return LOOKUP(stopped, detail);
    case VIR_DOMAIN_EVENT_SHUTDOWN:
        return LOOKUP(shutdown, detail);
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
        return LOOKUP(pmsuspended, detail);
    case VIR_DOMAIN_EVENT_CRASHED:
        return LOOKUP(crashed, detail);
    case VIR_DOMAIN_EVENT_LAST:
        break;
    }
    return "unknown";
}

static int
onLifecycle(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int event, int detail, void *opaque)
{
    static const char *const names[] = {"Defined",   "Undefined",   "Started",
                                        "Suspended", "Resumed",     "Stopped",
                                        "Shutdown",  "PMSuspended", "Crashed"};

    say(opaque, dom, "lifecycle", "%s %s", LOOKUP(names, event), lifecycleDetail(event, detail));
    return 0;
}

static void
onReboot(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, void *opaque)
{
    say(opaque, dom, "reboot", "%s", "");
}

static void
onControlError(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, void *opaque)
{
    say(opaque, dom, "control-error", "%s", "");
}

static void
onRTCChange(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, long long offset, void *opaque)
{
    say(opaque, dom, "rtc-change", "%lld", offset);
}

static void
onWatchdog(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int action, void *opaque)
{
    static const char *const names[] = {"none",     "pause", "reset",     "poweroff",
                                        "shutdown", "debug", "inject-nmi"};

    say(opaque, dom, "watchdog", "%s", LOOKUP(names, action));
}

static const char *const ioErrorActions[] = {"none", "pause", "report"};

static void
onIOError(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *path, const char *alias,
          int action, void *opaque)
{
    say(opaque, dom, "io-error", "%s (%s) %s", path, alias, LOOKUP(ioErrorActions, action));
}

static void
onIOErrorReason(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *path,
                const char *alias, int action, const char *reason, void *opaque)
{
    say(opaque, dom, "io-error-reason", "%s (%s) %s due to %s", path, alias,
        LOOKUP(ioErrorActions, action), reason);
}

static void
onGraphics(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int phase,
           const virDomainEventGraphicsAddress *local, const virDomainEventGraphicsAddress *remote,
           const char *authScheme, const virDomainEventGraphicsSubject *subject G_GNUC_UNUSED,
           void *opaque)
{
    static const char *const phases[] = {"connect", "initialize", "disconnect"};

    say(opaque, dom, "graphics", "%s local[%s %s] remote[%s %s] %s", LOOKUP(phases, phase),
        local->node, local->service, remote->node, remote->service, authScheme);
}

static void
blockJob(void *opaque, virDomainPtr dom, const char *event, const char *disk, int type, int status)
{
    static const char *const types[] = {"Unknown job",  "Block Pull",          "Block Copy",
                                        "Block Commit", "Active Block Commit", "Backup"};
    static const char *const states[] = {"completed", "failed", "canceled", "ready"};

    say(opaque, dom, event, "%s for %s %s", LOOKUP(types, type), disk, LOOKUP(states, status));
}

static void
onBlockJob(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *disk, int type,
           int status, void *opaque)
{
    blockJob(opaque, dom, "block-job", disk, type, status);
}

static void
onBlockJob2(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *disk, int type,
            int status, void *opaque)
{
    blockJob(opaque, dom, "block-job-2", disk, type, status);
}

static void
onDiskChange(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *oldPath,
             const char *newPath, const char *alias, int reason, void *opaque)
{
    static const char *const reasons[] = {"changed", "dropped"};

    say(opaque, dom, "disk-change", "disk %s: %s -> %s: %s", alias, oldPath ? oldPath : "",
        newPath ? newPath : "", LOOKUP(reasons, reason));
}

static void
onTrayChange(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *alias, int reason,
             void *opaque)
{
    static const char *const reasons[] = {"opened", "closed"};

    say(opaque, dom, "tray-change", "disk %s: %s", alias, LOOKUP(reasons, reason));
}

static void
onPMWakeup(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int reason G_GNUC_UNUSED,
           void *opaque)
{
    say(opaque, dom, "pm-wakeup", "%s", "");
}

static void
onPMSuspend(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int reason G_GNUC_UNUSED,
            void *opaque)
{
    say(opaque, dom, "pm-suspend", "%s", "");
}

static void
onPMSuspendDisk(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int reason G_GNUC_UNUSED,
                void *opaque)
{
    say(opaque, dom, "pm-suspend-disk", "%s", "");
}

static void
onBalloon(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, unsigned long long actual,
          void *opaque)
{
    say(opaque, dom, "balloon-change", "%lluKiB", actual);
}

static void
onDeviceRemoved(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *alias, void *opaque)
{
    say(opaque, dom, "device-removed", "%s", alias);
}

static void
onDeviceAdded(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *alias, void *opaque)
{
    say(opaque, dom, "device-added", "%s", alias);
}

static void
onDeviceRemovalFailed(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *alias,
                      void *opaque)
{
    say(opaque, dom, "device-removal-failed", "%s", alias);
}

/* One field a line, indented below the event. */
static void
params(void *opaque, virDomainPtr dom, const char *event, virTypedParameterPtr list, int n)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "event '%s' for domain '%s':\n", event, virDomainGetName(dom));
    for (int i = 0; i < n; i++) {
        g_autofree char *value = virshTypedParamToString(&list[i]);

        g_string_append_printf(text, "\t%s: %s\n", list[i].field, value);
    }
    virshEventPrint(opaque, text->str);
}

static void
onTunable(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, virTypedParameterPtr list, int n,
          void *opaque)
{
    params(opaque, dom, "tunable", list, n);
}

static void
onJobCompleted(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, virTypedParameterPtr list, int n,
               void *opaque)
{
    params(opaque, dom, "job-completed", list, n);
}

static void
onAgentLifecycle(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int state, int reason,
                 void *opaque)
{
    static const char *const states[] = {"unknown", "connected", "disconnected"};
    static const char *const reasons[] = {"unknown", "domain started", "channel event"};

    say(opaque, dom, "agent-lifecycle", "state: '%s' reason: '%s'", LOOKUP(states, state),
        LOOKUP(reasons, reason));
}

static void
onMigrationIteration(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int iteration,
                     void *opaque)
{
    say(opaque, dom, "migration-iteration", "iteration: '%d'", iteration);
}

static void
onMetadataChange(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int type, const char *nsuri,
                 void *opaque)
{
    static const char *const types[] = {"description", "title", "element"};

    say(opaque, dom, "metadata-change", "type %s, uri %s", LOOKUP(types, type),
        nsuri ? nsuri : "<null>");
}

static void
onBlockThreshold(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *dev,
                 const char *path, unsigned long long threshold, unsigned long long excess,
                 void *opaque)
{
    say(opaque, dom, "block-threshold", "dev: %s(%s) %llu %llu", dev, path ? path : "", threshold,
        excess);
}

static void
onMemoryFailure(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int recipient, int action,
                unsigned int flags, void *opaque)
{
    static const char *const recipients[] = {"hypervisor", "guest"};
    static const char *const actions[] = {"ignore", "inject", "fatal", "reset"};

    say(opaque, dom, "memory-failure", "recipient: %s action: %s flags: %u",
        LOOKUP(recipients, recipient), LOOKUP(actions, action), flags);
}

static void
onMemoryDeviceSize(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *alias,
                   unsigned long long size, void *opaque)
{
    say(opaque, dom, "memory-device-size-change", "alias: %s size: %llu", alias, size);
}

#define CB(f) VIR_DOMAIN_EVENT_CALLBACK(f)
const virshEventKind virshEventKinds[VIR_DOMAIN_EVENT_ID_LAST] = {
    [VIR_DOMAIN_EVENT_ID_LIFECYCLE] = {"lifecycle", CB(onLifecycle)},
    [VIR_DOMAIN_EVENT_ID_REBOOT] = {"reboot", CB(onReboot)},
    [VIR_DOMAIN_EVENT_ID_RTC_CHANGE] = {"rtc-change", CB(onRTCChange)},
    [VIR_DOMAIN_EVENT_ID_WATCHDOG] = {"watchdog", CB(onWatchdog)},
    [VIR_DOMAIN_EVENT_ID_IO_ERROR] = {"io-error", CB(onIOError)},
    [VIR_DOMAIN_EVENT_ID_GRAPHICS] = {"graphics", CB(onGraphics)},
    [VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON] = {"io-error-reason", CB(onIOErrorReason)},
    [VIR_DOMAIN_EVENT_ID_CONTROL_ERROR] = {"control-error", CB(onControlError)},
    [VIR_DOMAIN_EVENT_ID_BLOCK_JOB] = {"block-job", CB(onBlockJob)},
    [VIR_DOMAIN_EVENT_ID_DISK_CHANGE] = {"disk-change", CB(onDiskChange)},
    [VIR_DOMAIN_EVENT_ID_TRAY_CHANGE] = {"tray-change", CB(onTrayChange)},
    [VIR_DOMAIN_EVENT_ID_PMWAKEUP] = {"pm-wakeup", CB(onPMWakeup)},
    [VIR_DOMAIN_EVENT_ID_PMSUSPEND] = {"pm-suspend", CB(onPMSuspend)},
    [VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE] = {"balloon-change", CB(onBalloon)},
    [VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK] = {"pm-suspend-disk", CB(onPMSuspendDisk)},
    [VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED] = {"device-removed", CB(onDeviceRemoved)},
    [VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2] = {"block-job-2", CB(onBlockJob2)},
    [VIR_DOMAIN_EVENT_ID_TUNABLE] = {"tunable", CB(onTunable)},
    [VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE] = {"agent-lifecycle", CB(onAgentLifecycle)},
    [VIR_DOMAIN_EVENT_ID_DEVICE_ADDED] = {"device-added", CB(onDeviceAdded)},
    [VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION] = {"migration-iteration", CB(onMigrationIteration)},
    [VIR_DOMAIN_EVENT_ID_JOB_COMPLETED] = {"job-completed", CB(onJobCompleted)},
    [VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED] = {"device-removal-failed",
                                                   CB(onDeviceRemovalFailed)},
    [VIR_DOMAIN_EVENT_ID_METADATA_CHANGE] = {"metadata-change", CB(onMetadataChange)},
    [VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD] = {"block-threshold", CB(onBlockThreshold)},
    [VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE] = {"memory-failure", CB(onMemoryFailure)},
    [VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE] = {"memory-device-size-change",
                                                       CB(onMemoryDeviceSize)},
};
