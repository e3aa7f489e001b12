/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event and qemu-monitor-event: wait for events and print each as a line.
 */
#include "virsh-event.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <glib-unix.h>

static void
waitStart(eventWait *wait, virshShell *sh, const virshCommandArgs *args)
{
    g_mutex_init(&wait->lock);
    g_cond_init(&wait->cond);
    wait->sh = sh;
    wait->loop = virshArgBool(args, "loop");
    wait->timestamp = virshArgBool(args, "timestamp");
}

static void
waitClear(eventWait *wait)
{
    g_mutex_clear(&wait->lock);
    g_cond_clear(&wait->cond);
}

static gint interrupted;

static void
onInterrupt(int sig G_GNUC_UNUSED)
{
    g_atomic_int_set(&interrupted, 1);
}

/* Until the first event (or for ever with --loop), the timeout, an interrupt or the loss of the
 * connection. The condition is polled, because a signal handler may not signal it. */
static void
waitForEvents(eventWait *wait, int timeoutSec)
{
    gint64 deadline = g_get_monotonic_time() + timeoutSec * G_TIME_SPAN_SECOND;
    struct sigaction action = {.sa_handler = onInterrupt};
    struct sigaction old = {0};
    const char *ended = NULL;

    g_atomic_int_set(&interrupted, 0);
    sigaction(SIGINT, &action, &old);
    g_mutex_lock(&wait->lock);
    while (!ended && (wait->loop || wait->count == 0)) {
        gint64 now = g_get_monotonic_time();

        if (g_atomic_int_get(&interrupted))
            ended = "event loop interrupted";
        else if (timeoutSec > 0 && now >= deadline)
            ended = "event loop timed out";
        else if (wait->sh->disconnected)
            break;
        else
            g_cond_wait_until(&wait->cond, &wait->lock, now + 50 * G_TIME_SPAN_MILLISECOND);
    }
    g_mutex_unlock(&wait->lock);
    sigaction(SIGINT, &old, NULL);
    if (ended)
        virshPrint(wait->sh, "%s\n", ended);
    virshPrint(wait->sh, "events received: %d\n", wait->count);
}

void
virshEventPrint(eventWait *wait, const char *text)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
    g_autofree char *stamp =
        wait->timestamp
            ? g_strdup_printf("%s.%03d+0000: ", when, g_date_time_get_microsecond(now) / 1000)
            : g_strdup("");

    g_mutex_lock(&wait->lock);
    if (wait->loop || wait->count == 0)
        virshPrint(wait->sh, "%s%s", stamp, text);
    wait->count++;
    g_cond_signal(&wait->cond);
    g_mutex_unlock(&wait->lock);
}

static bool
timeoutOf(virshShell *sh, const virshCommandArgs *args, int *seconds)
{
    int rc = virshArgInt(sh, args, "timeout", seconds);

    if (rc > 0 && *seconds < 1) {
        virshError(sh, "Numeric value '%d' for <timeout> option is malformed or out of range",
                   *seconds);
        return false;
    }
    return rc >= 0;
}

static const virshOption eventOptions[] = {
    {.name = "domain",
     .type = VIRSH_OPT_STRING,
     .help = "filter by domain name, id or uuid",
     .complete = virshCompleteDomain},
    {.name = "event",
     .type = VIRSH_OPT_STRING,
     .help = "which event type to wait for",
     .complete = virshCompleteEvent},
    {.name = "all", .type = VIRSH_OPT_BOOL, .help = "wait for all events instead of just one type"},
    {.name = "loop",
     .type = VIRSH_OPT_BOOL,
     .help = "loop until timeout or interrupt, rather than one-shot"},
    {.name = "timeout", .type = VIRSH_OPT_INT, .help = "timeout seconds"},
    {.name = "list", .type = VIRSH_OPT_BOOL, .help = "list valid event types"},
    {.name = "timestamp", .type = VIRSH_OPT_BOOL, .help = "show timestamp for each printed event"},
    VIRSH_OPT_END,
};

static void
deregisterAll(virshShell *sh, const int *callbacks)
{
    for (int i = 0; i < VIR_DOMAIN_EVENT_ID_LAST; i++) {
        if (callbacks[i] >= 0)
            virConnectDomainEventDeregisterAny(sh->conn, callbacks[i]);
    }
}

static bool
registerWanted(virshShell *sh, virDomainPtr dom, int only, eventWait *waits, int *callbacks)
{
    for (int i = 0; i < VIR_DOMAIN_EVENT_ID_LAST; i++) {
        callbacks[i] = -1;
        if (only >= 0 && i != only)
            continue;
        callbacks[i] = virConnectDomainEventRegisterAny(sh->conn, dom, i,
                                                        virshEventKinds[i].callback, waits, NULL);
        if (callbacks[i] < 0 && (only >= 0 || i == 0))
            return false;
    }
    virResetLastError();
    return true;
}

static bool
cmdEvent(virshShell *sh, const virshCommandArgs *args)
{
    const char *name = virshArgString(args, "event");
    int callbacks[VIR_DOMAIN_EVENT_ID_LAST] = {0};
    g_autoptr(virDomain) dom = NULL;
    eventWait wait = {0};
    int timeoutSec = 0;
    int only = -1;
    bool good = false;

    if (virshArgBool(args, "list")) {
        for (int i = 0; i < VIR_DOMAIN_EVENT_ID_LAST; i++)
            virshPrint(sh, "%s\n", virshEventKinds[i].name);
        return true;
    }
    if (!name && !virshArgBool(args, "all")) {
        virshError(sh, "one of --list, --all, or --event <type> is required");
        return false;
    }
    for (int i = 0; name && i < VIR_DOMAIN_EVENT_ID_LAST; i++) {
        if (g_str_equal(name, virshEventKinds[i].name))
            only = i;
    }
    if (name && only < 0) {
        virshError(sh, "unknown event type %s", name);
        return false;
    }
    if (!timeoutOf(sh, args, &timeoutSec) ||
        (virshArgString(args, "domain") && !(dom = virshArgDomain(sh, args))))
        return false;
    waitStart(&wait, sh, args);
    good = registerWanted(sh, dom, virshArgBool(args, "all") ? -1 : only, &wait, callbacks);
    if (good)
        waitForEvents(&wait, timeoutSec);
    deregisterAll(sh, callbacks);
    waitClear(&wait);
    return good && wait.count > 0;
}

static const virshOption monitorEventOptions[] = {
    {.name = "domain",
     .type = VIRSH_OPT_STRING,
     .help = "filter by domain name, id or uuid",
     .complete = virshCompleteDomain},
    {.name = "event", .type = VIRSH_OPT_STRING, .help = "filter by event name"},
    {.name = "pretty", .type = VIRSH_OPT_BOOL, .help = "pretty-print any JSON output"},
    {.name = "loop",
     .type = VIRSH_OPT_BOOL,
     .help = "loop until timeout or interrupt, rather than one-shot"},
    {.name = "timeout", .type = VIRSH_OPT_INT, .help = "timeout seconds"},
    {.name = "regex",
     .type = VIRSH_OPT_BOOL,
     .help = "treat event as a regex rather than literal filter"},
    {.name = "no-case", .type = VIRSH_OPT_BOOL, .help = "treat event case-insensitively"},
    {.name = "timestamp", .type = VIRSH_OPT_BOOL, .help = "show timestamp for each printed event"},
    VIRSH_OPT_END,
};

static void
onMonitorEvent(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, const char *event,
               long long seconds, unsigned int micros, const char *details, void *opaque)
{
    eventWait *wait = opaque;
    g_autofree char *pretty =
        wait->pretty && details ? virshFormatJSON(wait->sh, details, true, false) : NULL;
    g_autofree char *text = g_strdup_printf("event %s at %lld.%06u for domain '%s': %s\n", event,
                                            seconds, micros, virDomainGetName(dom),
                                            pretty    ? pretty
                                            : details ? details
                                                      : "<null>");

    virshEventPrint(wait, text);
}

static bool
cmdMonitorEvent(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags =
        (virshArgBool(args, "regex") ? VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX : 0) |
        (virshArgBool(args, "no-case") ? VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE : 0);
    g_autoptr(virDomain) dom = NULL;
    eventWait wait = {.pretty = virshArgBool(args, "pretty")};
    int timeoutSec = 0;
    int callback = -1;

    if (!timeoutOf(sh, args, &timeoutSec) ||
        (virshArgString(args, "domain") && !(dom = virshArgDomain(sh, args))))
        return false;
    waitStart(&wait, sh, args);
    callback = virConnectDomainQemuMonitorEventRegister(
        sh->conn, dom, virshArgString(args, "event"), onMonitorEvent, &wait, NULL, flags);
    if (callback >= 0) {
        waitForEvents(&wait, timeoutSec);
        virConnectDomainQemuMonitorEventDeregister(sh->conn, callback);
    }
    waitClear(&wait);
    return callback >= 0 && wait.count > 0;
}

const virshCommand virshEventCommands[] = {
    {"event", cmdEvent, eventOptions, "Domain Events",
     "List event types, or wait for domain events to occur", false},
    {"qemu-monitor-event", cmdMonitorEvent, monitorEventOptions, "QEMU Monitor Events",
     "Listen for QEMU Monitor Events", false},
    {0},
};
