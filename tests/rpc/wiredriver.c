/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver without a hypervisor, so that the daemon's own half can be tested: two domains that only
 * have a state. Linked with the daemon's main program into "wiredaemon".
 *
 * Calls with a purpose: suspend and resume raise a lifecycle event; reset takes one second; the
 * monitor command "size N" answers N bytes, "flood N" raises N monitor events of 64 KiB; descriptors
 * that are associated get the domain's name, that of the group and their number written into them.
 */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include "domain_event.h"
#include "libvirt-object.h"
#include "qemu_driver.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *const names[] = { "alpha", "beta" };
static virDomainEventList *events;
static gint states[2] = { VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING };

static const unsigned char *
uuidOf(int i)
{
    static const unsigned char uuids[2][VIR_UUID_BUFLEN] = { "alpha-alpha-alph", "beta-beta-beta-b" };

    return uuids[i];
}

static virDomainPtr
newDomain(virConnectPtr conn, int i)
{
    return virObjectDomainNew(conn, names[i], uuidOf(i), i + 1);
}

static int
find(virDomainPtr dom)
{
    for (int i = 0; i < 2; i++) {
        if (memcmp(dom->uuid, uuidOf(i), VIR_UUID_BUFLEN) == 0)
            return i;
    }
    virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching uuid");
    return -1;
}

static int
connectOpen(virConnectPtr conn, const char *name, unsigned int flags)
{
    return 0;
}

static void
connectClose(virConnectPtr conn)
{
    virDomainEventListRemoveConn(events, conn);
}

static const char *
connectGetType(virConnectPtr conn)
{
    return "QEMU";
}

static int
connectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    *version = 9000000;
    return 0;
}

static int
connectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags)
{
    virCheckFlags(VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE, -1);
    if (domains) {
        *domains = g_new0(virDomainPtr, 3);
        for (int i = 0; i < 2; i++)
            (*domains)[i] = newDomain(conn, i);
    }
    return 2;
}

static int
connectListDomains(virConnectPtr conn, int *ids, int maxids)
{
    int n = MIN(maxids, 2);

    for (int i = 0; i < n; i++)
        ids[i] = i + 1;
    return n;
}

static virDomainPtr
domainLookupByName(virConnectPtr conn, const char *name)
{
    for (int i = 0; i < 2; i++) {
        if (g_str_equal(name, names[i]))
            return newDomain(conn, i);
    }
    virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", name);
    return NULL;
}

static int
domainGetState(virDomainPtr dom, int *state, int *reason, unsigned int flags)
{
    int i = find(dom);

    virCheckFlags(0, -1);
    if (i < 0)
        return -1;
    *state = g_atomic_int_get(&states[i]);
    if (reason)
        *reason = 1;
    return 0;
}

static char *
domainGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
    return g_strdup_printf("<domain><name>%s</name></domain>", dom->name);
}

static int
setState(virDomainPtr dom, int state, int event)
{
    g_autoptr(virDomainEvent) raised = NULL;
    int i = find(dom);

    if (i < 0)
        return -1;
    g_atomic_int_set(&states[i], state);
    raised = virDomainEventLifecycleNew(names[i], uuidOf(i), i + 1, event, 0);
    virDomainEventListDispatch(events, raised);
    return 0;
}

static int
domainSuspend(virDomainPtr dom)
{
    return setState(dom, VIR_DOMAIN_PAUSED, VIR_DOMAIN_EVENT_SUSPENDED);
}

static int
domainResume(virDomainPtr dom)
{
    return setState(dom, VIR_DOMAIN_RUNNING, VIR_DOMAIN_EVENT_RESUMED);
}

static int
domainReset(virDomainPtr dom, unsigned int flags)
{
    g_usleep(G_USEC_PER_SEC);
    return 0;
}

static int
domainQemuMonitorCommand(virDomainPtr dom, const char *cmd, char **result, unsigned int flags)
{
    int i = find(dom);
    unsigned int n = 0;

    if (i < 0)
        return -1;
    if (sscanf(cmd, "size %u", &n) == 1) {
        *result = g_strnfill(n, 'x');
        return 0;
    }
    if (sscanf(cmd, "flood %u", &n) == 1) {
        g_autofree char *details = g_strnfill(65536, 'y');

        while (n-- > 0) {
            g_autoptr(virDomainEvent) event = virDomainEventQemuMonitorNew(
                names[i], uuidOf(i), i + 1, "FLOOD", n, 0, details);

            virDomainEventListDispatch(events, event);
        }
    }
    *result = g_strdup(cmd);
    return 0;
}

static int
eventRegister(virConnectPtr conn, virDomainPtr dom, int eventID,
              virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb)
{
    return virDomainEventListAdd(events, conn, dom, eventID, cb, opaque, freecb);
}

static int
eventDeregister(virConnectPtr conn, int callbackID)
{
    return virDomainEventListRemove(events, conn, callbackID);
}

static int
monitorRegister(virConnectPtr conn, virDomainPtr dom, const char *event,
                virConnectDomainQemuMonitorEventCallback cb, void *opaque, virFreeCallback freecb,
                unsigned int flags)
{
    return virDomainEventListAddQemuMonitor(events, conn, dom, event, flags,
                                            VIR_DOMAIN_EVENT_CALLBACK(cb), opaque, freecb);
}

static int
domainFDAssociate(virDomainPtr dom, const char *name, unsigned int nfds, const int *fds,
                  unsigned int flags)
{
    virCheckFlags(VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_RESTORE |
                      VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_WRITABLE,
                  -1);
    if (find(dom) < 0)
        return -1;
    for (unsigned int i = 0; i < nfds; i++)
        dprintf(fds[i], "%s %s %u\n", dom->name, name, i);
    return 0;
}

const virDriver qemuDriverTable = {
    .name = "QEMU",
    .connectOpen = connectOpen,
    .connectClose = connectClose,
    .connectGetType = connectGetType,
    .connectGetLibVersion = connectGetLibVersion,
    .connectListAllDomains = connectListAllDomains,
    .connectListDomains = connectListDomains,
    .domainLookupByName = domainLookupByName,
    .domainGetState = domainGetState,
    .domainGetXMLDesc = domainGetXMLDesc,
    .domainSuspend = domainSuspend,
    .domainResume = domainResume,
    .domainReset = domainReset,
    .domainFDAssociate = domainFDAssociate,
    .domainQemuMonitorCommand = domainQemuMonitorCommand,
    .connectDomainEventRegisterAny = eventRegister,
    .connectDomainEventDeregisterAny = eventDeregister,
    .connectDomainQemuMonitorEventRegister = monitorRegister,
    .connectDomainQemuMonitorEventDeregister = eventDeregister,
};

int
qemuDriverStart(const qemuDriverOptions *options)
{
    events = virDomainEventListNew();
    return 0;
}

int
qemuDriverReload(void)
{
    return 0;
}

bool
qemuDriverBusy(void)
{
    return false;
}

void
qemuDriverStop(void)
{
    virDomainEventListFree(events);
}
