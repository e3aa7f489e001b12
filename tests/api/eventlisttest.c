/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of event callbacks: filters, duplicates, removal at awkward times, typed arguments. */
#include <string.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include "domain_event.h"
#include "libvirt-object.h"

static const virDriver noDriver = {.name = "none"};
static const unsigned char uuidA[VIR_UUID_BUFLEN] = {0xa};
static const unsigned char uuidB[VIR_UUID_BUFLEN] = {0xb};

typedef struct {
    virDomainEventList *list;
    virConnectPtr conn;
    GString *log;
    int freed;
    int removeID; /* removed by the next callback */
} Fixture;

static void
quiet(void *data, virErrorPtr error)
{
}

static void
setUp(Fixture *f, gconstpointer data)
{
    virSetErrorFunc(NULL, quiet);
    f->list = virDomainEventListNew();
    f->conn = virObjectConnectNew(&noDriver);
    f->log = g_string_new(NULL);
    f->removeID = -1;
}

static void
tearDown(Fixture *f, gconstpointer data)
{
    virDomainEventListFree(f->list);
    virObjectConnectUnref(f->conn);
    g_string_free(f->log, TRUE);
}

static void
countFree(void *data)
{
    ((Fixture *)data)->freed++;
}

static int
onLifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
    Fixture *f = data;

    g_string_append_printf(f->log, "%s(%d):%d/%d ", dom->name, dom->id, event, detail);
    if (f->removeID >= 0) {
        g_assert_cmpint(virDomainEventListRemove(f->list, conn, f->removeID), ==, 0);
        f->removeID = -1;
        g_assert_cmpint(f->freed, ==, 0); /* it is running */
    }
    return 0;
}

static void
onBlockJob(virConnectPtr conn, virDomainPtr dom, const char *disk, int type, int status, void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "%s:%s:%d:%d ", dom->name, disk, type, status);
}

static void
onJob(virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr params, int nparams, void *data)
{
    Fixture *f = data;

    g_string_append_printf(f->log, "%s", dom->name);
    for (int i = 0; i < nparams; i++)
        g_string_append_printf(f->log, ",%s/%d", params[i].field, params[i].type);
    g_string_append_printf(f->log, "=%s ", params[1].value.s);
}

static void
onIOError(virConnectPtr conn, virDomainPtr dom, const char *path, const char *alias, int action,
          void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "%s:%s:%d ", path, alias, action);
}

static void
onIOErrorReason(virConnectPtr conn, virDomainPtr dom, const char *path, const char *alias,
                int action, const char *reason, void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "%s:%s:%d:%s ", path, alias, action, reason);
}

static void
onMonitor(virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds,
          unsigned int micros, const char *details, void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "%s@%lld.%06u=%s ", event, seconds, micros,
                           details ? details : "none");
}

static int
addLifecycle(Fixture *f, virDomainPtr dom)
{
    return virDomainEventListAdd(f->list, f->conn, dom, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                 VIR_DOMAIN_EVENT_CALLBACK(onLifecycle), f, countFree);
}

static void
fire(Fixture *f, virDomainEvent *event)
{
    virDomainEventListDispatch(f->list, event);
    virDomainEventFree(event);
}

static void
testFilter(Fixture *f, gconstpointer data)
{
    g_autoptr(virDomain) domA = virObjectDomainNew(f->conn, "a", uuidA, 1);
    int all = addLifecycle(f, NULL);
    int onlyA = addLifecycle(f, domA);

    g_assert_cmpint(all, >=, 0);
    g_assert_cmpint(onlyA, >, all);
    g_assert_cmpint(virDomainEventListCount(f->list, f->conn, 0, NULL), ==, 1);
    g_assert_cmpint(virDomainEventListCount(f->list, f->conn, 0, uuidA), ==, 1);
    g_assert_cmpint(virDomainEventListCount(f->list, f->conn, 0, uuidB), ==, 0);
    fire(f, virDomainEventLifecycleNew("b", uuidB, 7, 2, 1));
    g_assert_cmpstr(f->log->str, ==, "b(7):2/1 ");
    fire(f, virDomainEventLifecycleNew("a", uuidA, -1, 5, 0));
    g_assert_cmpstr(f->log->str, ==, "b(7):2/1 a(-1):5/0 a(-1):5/0 ");
}

static void
testDispatchTo(Fixture *f, gconstpointer data)
{
    g_autoptr(virDomain) domA = virObjectDomainNew(f->conn, "a", uuidA, 1);
    g_autoptr(virDomainEvent) event = virDomainEventLifecycleNew("a", uuidA, 1, 3, 0);
    int all = addLifecycle(f, NULL);

    addLifecycle(f, domA);
    virDomainEventListDispatchTo(f->list, event, &all, 1);
    g_assert_cmpstr(f->log->str, ==, "a(1):3/0 ");
    virDomainEventListDispatchTo(f->list, event, NULL, 0);
    g_assert_cmpstr(f->log->str, ==, "a(1):3/0 ");
}

static void
testDuplicate(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(addLifecycle(f, NULL), >=, 0);
    g_assert_cmpint(addLifecycle(f, NULL), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(virGetLastErrorMessage(), ==,
                    "invalid argument: event callback already tracked");
    g_assert_cmpint(f->freed, ==, 0); /* the caller keeps the opaque of a refused one */
}

static void
testRemove(Fixture *f, gconstpointer data)
{
    int id = addLifecycle(f, NULL);

    g_assert_cmpint(virDomainEventListRemove(f->list, f->conn, id), ==, 0);
    g_assert_cmpint(f->freed, ==, 1);
    g_assert_cmpint(virDomainEventListRemove(f->list, f->conn, id), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_INVALID_ARG);
    fire(f, virDomainEventLifecycleNew("a", uuidA, 1, 2, 1));
    g_assert_cmpstr(f->log->str, ==, "");
}

/* Its opaque lives until the callback has returned. */
static void
testRemoveInside(Fixture *f, gconstpointer data)
{
    f->removeID = addLifecycle(f, NULL);
    fire(f, virDomainEventLifecycleNew("a", uuidA, 1, 2, 1));
    g_assert_cmpint(f->freed, ==, 1);
    g_assert_cmpstr(f->log->str, ==, "a(1):2/1 ");
}

static void
testRemoveConn(Fixture *f, gconstpointer data)
{
    virConnectPtr other = virObjectConnectNew(&noDriver);

    addLifecycle(f, NULL);
    virDomainEventListAdd(f->list, other, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                          VIR_DOMAIN_EVENT_CALLBACK(onLifecycle), f, countFree);
    virDomainEventListRemoveConn(f->list, other);
    virObjectConnectUnref(other);
    g_assert_cmpint(f->freed, ==, 1);
    fire(f, virDomainEventLifecycleNew("a", uuidA, 1, 2, 1));
    g_assert_cmpstr(f->log->str, ==, "a(1):2/1 ");
}

static void
testTyped(Fixture *f, gconstpointer data)
{
    g_auto(virTypedParamList) params = {0};

    virDomainEventListAdd(f->list, f->conn, NULL, VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
                          VIR_DOMAIN_EVENT_CALLBACK(onBlockJob), f, NULL);
    virDomainEventListAdd(f->list, f->conn, NULL, VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
                          VIR_DOMAIN_EVENT_CALLBACK(onJob), f, NULL);
    fire(f, virDomainEventBlockJobNew("a", uuidA, 1, "/x.qcow2", 5, 0));
    fire(f, virDomainEventBlockJob2New("a", uuidA, 1, "vda", 5, 3));
    virTypedParamListAddULLong(&params, 77, "%s", VIR_DOMAIN_JOB_DISK_TOTAL);
    virTypedParamListAddString(&params, "why", "%s", VIR_DOMAIN_JOB_ERRMSG);
    virTypedParamListAddBoolean(&params, true, "%s", VIR_DOMAIN_JOB_SUCCESS);
    fire(f, virDomainEventJobCompletedNew("a", uuidA, 1, &params));
    g_assert_cmpstr(f->log->str, ==, "a:vda:5:3 a,disk_total/4,errmsg/7,success/6=why ");
}

/* One event serves the old and the new form of the callback. */
static void
testIOError(Fixture *f, gconstpointer data)
{
    virDomainEventListAdd(f->list, f->conn, NULL, VIR_DOMAIN_EVENT_ID_IO_ERROR,
                          VIR_DOMAIN_EVENT_CALLBACK(onIOError), f, NULL);
    virDomainEventListAdd(f->list, f->conn, NULL, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
                          VIR_DOMAIN_EVENT_CALLBACK(onIOErrorReason), f, NULL);
    fire(f, virDomainEventIOErrorNew("a", uuidA, 1, "/x", "virtio-disk0", 1, "enospc"));
    g_assert_cmpstr(f->log->str, ==, "/x:virtio-disk0:1 /x:virtio-disk0:1:enospc ");
}

static int
addMonitor(Fixture *f, const char *event, unsigned int flags)
{
    return virDomainEventListAddQemuMonitor(f->list, f->conn, NULL, event, flags,
                                            VIR_DOMAIN_EVENT_CALLBACK(onMonitor), f, NULL);
}

static void
testMonitor(Fixture *f, gconstpointer data)
{
    int id;

    g_assert_cmpint(addMonitor(f, "STOP", 0), >=, 0);
    fire(f, virDomainEventQemuMonitorNew("a", uuidA, 1, "STOPPED", 1, 2, NULL));
    g_assert_cmpstr(f->log->str, ==, "");
    fire(f, virDomainEventQemuMonitorNew("a", uuidA, 1, "STOP", 1, 2, "{}"));
    g_assert_cmpstr(f->log->str, ==, "STOP@1.000002={} ");
    g_string_truncate(f->log, 0);
    g_assert_cmpint(addMonitor(f, "stop", VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE),
                    >=, 0);
    g_assert_cmpint(
        id = addMonitor(f, "^RES.*E$", VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX), >=,
        0);
    fire(f, virDomainEventQemuMonitorNew("a", uuidA, 1, "STOP", 1, 2, NULL));
    fire(f, virDomainEventQemuMonitorNew("a", uuidA, 1, "RESUME", 3, 4, NULL));
    g_assert_cmpstr(f->log->str, ==, "STOP@1.000002=none STOP@1.000002=none RESUME@3.000004=none ");
    g_assert_cmpint(addMonitor(f, "(", VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX), ==,
                    -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_INVALID_ARG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/api/eventlist/" name, Fixture, NULL, setUp, func, tearDown)
    ADD("filter", testFilter);
    ADD("dispatch-to", testDispatchTo);
    ADD("duplicate", testDuplicate);
    ADD("remove", testRemove);
    ADD("remove-inside", testRemoveInside);
    ADD("remove-conn", testRemoveConn);
    ADD("typed", testTyped);
    ADD("io-error", testIOError);
    ADD("monitor", testMonitor);
    return g_test_run();
}
