/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library, as programs see it, against the daemon of tests/rpc, which has two domains and no
 * hypervisor: calls, errors, events from the loop, threads, and what happens when the daemon dies.
 * usage: clienttest WIREDAEMON
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

static const char *daemonProgram;

typedef struct {
    char *dir;
    char *uri;
    GPid pid;
    virConnectPtr conn;
    GString *log;
    int closed;
    int freed;
} Fixture;

static void
quiet(void *data, virErrorPtr error)
{
}

static char *
socketPath(const Fixture *f)
{
    return g_build_filename(f->dir, "run/libvirt/virtqemud-sock", NULL);
}

/* A test that fails leaves no daemon behind. */
static void
dieWithTest(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The name is there a moment before anybody listens. */
static bool
listens(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = false;

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    good = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return good;
}

static void
startDaemon(Fixture *f)
{
    const char *argv[] = {daemonProgram, "--root", f->dir, NULL};
    g_autofree char *path = socketPath(f);
    g_autoptr(GError) error = NULL;

    g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, dieWithTest, NULL, &f->pid,
                  &error);
    g_assert_no_error(error);
    for (int i = 0; i < 500 && !listens(path); i++)
        g_usleep(10000);
}

static void
stopDaemon(Fixture *f, int sig)
{
    if (!f->pid)
        return;
    kill(f->pid, sig);
    waitpid(f->pid, NULL, 0);
    f->pid = 0;
}

static void
setUp(Fixture *f, gconstpointer data)
{
    g_autofree char *path = NULL;

    virSetErrorFunc(NULL, quiet);
    f->dir = g_dir_make_tmp("fleece-clienttest-XXXXXX", NULL);
    g_assert_nonnull(f->dir);
    path = socketPath(f);
    f->uri = g_strdup_printf("qemu+unix:///system?socket=%s", path);
    f->log = g_string_new(NULL);
    startDaemon(f);
    f->conn = virConnectOpen(f->uri);
    if (!f->conn)
        g_error("cannot connect: %s", virGetLastErrorMessage());
}

static void
onTick(int timer, void *data)
{
    virEventRemoveTimeout(timer);
}

static void
runLoop(void)
{
    virEventAddTimeout(20, onTick, NULL, NULL);
    virEventRunDefaultImpl();
}

static void
tearDown(Fixture *f, gconstpointer data)
{
    const char *argv[] = {"rm", "-rf", f->dir, NULL};

    if (f->conn)
        g_assert_cmpint(virConnectClose(f->conn), ==, 0);
    runLoop();
    stopDaemon(f, SIGTERM);
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                 NULL);
    g_string_free(f->log, TRUE);
    g_free(f->dir);
    g_free(f->uri);
}

static virDomainPtr
lookup(Fixture *f, const char *name)
{
    virDomainPtr dom = virDomainLookupByName(f->conn, name);

    g_assert_nonnull(dom);
    return dom;
}

static void
assertError(int code, int domain)
{
    g_assert_cmpint(virGetLastErrorCode(), ==, code);
    g_assert_cmpint(virGetLastErrorDomain(), ==, domain);
}

static void
testCalls(Fixture *f, gconstpointer data)
{
    virDomainPtr dom = lookup(f, "alpha");
    virDomainPtr *all = NULL;
    g_autofree char *xml = virDomainGetXMLDesc(dom, 0);
    g_autofree char *uri = virConnectGetURI(f->conn);
    int ids[4] = {0};
    int state = -1;
    int reason = -1;
    unsigned long version = 0;

    g_assert_cmpstr(virConnectGetType(f->conn), ==, "QEMU");
    g_assert_cmpstr(uri, ==, f->uri);
    g_assert_cmpint(virConnectGetLibVersion(f->conn, &version), ==, 0);
    g_assert_cmpuint(version, ==, LIBVIR_VERSION_NUMBER);
    g_assert_cmpint(virConnectIsAlive(f->conn), ==, 1);
    g_assert_cmpstr(virDomainGetName(dom), ==, "alpha");
    g_assert_cmpuint(virDomainGetID(dom), ==, 1);
    g_assert_cmpstr(xml, ==, "<domain><name>alpha</name></domain>");
    g_assert_cmpint(virDomainGetState(dom, &state, &reason, 0), ==, 0);
    g_assert_cmpint(state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(reason, ==, 1);
    g_assert_cmpint(virConnectListDomains(f->conn, ids, 4), ==, 2);
    g_assert_cmpint(ids[1], ==, 2);
    g_assert_cmpint(virConnectListAllDomains(f->conn, NULL, 0), ==, 2);
    g_assert_cmpint(virConnectListAllDomains(f->conn, &all, 0), ==, 2);
    g_assert_cmpstr(virDomainGetName(all[1]), ==, "beta");
    g_assert_null(all[2]);
    virDomainFree(all[0]);
    virDomainFree(all[1]);
    free(all);
    g_assert_cmpint(virDomainFree(dom), ==, 0);
}

static void
testErrors(Fixture *f, gconstpointer data)
{
    virDomainPtr dom = lookup(f, "beta");
    virDomainInfo info;
    int state = 0;

    g_assert_null(virDomainLookupByName(f->conn, "nobody"));
    assertError(VIR_ERR_NO_DOMAIN, VIR_FROM_QEMU);
    g_assert_cmpstr(virGetLastErrorMessage(), ==,
                    "Domain not found: no domain with matching name 'nobody'");
    g_assert_cmpint(virDomainGetState(dom, &state, NULL, 8), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_QEMU);
    g_assert_cmpint(virDomainGetInfo(dom, &info), ==, -1); /* this daemon's driver has none */
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_NO_SUPPORT);
    g_assert_cmpint(virDomainGetInfo(dom, NULL), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_DOMAIN);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "info in virDomainGetInfo must not be NULL");
    g_assert_cmpint(virDomainGetInfo(NULL, &info), ==, -1);
    assertError(VIR_ERR_INVALID_DOMAIN, VIR_FROM_DOM);
    virDomainFree(dom);
    g_assert_null(virGetLastError());
}

static void
testReadOnly(Fixture *f, gconstpointer data)
{
    virConnectPtr conn = virConnectOpenReadOnly(f->uri);
    virDomainPtr dom = virDomainLookupByName(conn, "alpha");

    g_assert_nonnull(dom);
    g_assert_cmpint(virDomainSuspend(dom), ==, -1);
    assertError(VIR_ERR_OPERATION_DENIED, VIR_FROM_DOMAIN);
    g_assert_cmpstr(virGetLastErrorMessage(), ==,
                    "operation forbidden: read only access prevents virDomainSuspend");
    g_assert_null(virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_SECURE));
    g_assert_cmpstr(virGetLastErrorMessage(), ==,
                    "operation forbidden: virDomainGetXMLDesc with secure flag");
    g_assert_cmpint(virConnectClose(conn), ==, 1); /* the domain still refers to it */
    g_assert_cmpint(virDomainFree(dom), ==, 0);
}

/* The driver of the daemon writes into what it gets. */
static void
testDescriptors(Fixture *f, gconstpointer data)
{
    virDomainPtr dom = virDomainLookupByName(f->conn, "beta");
    int fds[2] = {memfd_create("0", MFD_CLOEXEC), memfd_create("1", MFD_CLOEXEC)};
    char text[32] = "";

    g_assert_cmpint(virDomainFDAssociate(dom, "g", 2, fds, 0), ==, 0);
    g_assert_cmpint(pread(fds[0], text, sizeof(text), 0), ==, 9);
    g_assert_cmpstr(text, ==, "beta g 0\n");
    g_assert_cmpint(pread(fds[1], text, sizeof(text), 0), ==, 9);
    g_assert_cmpstr(text, ==, "beta g 1\n");

    g_assert_cmpint(virDomainFDAssociate(dom, NULL, 0, NULL, 4), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_DOMAIN);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "nfds in virDomainFDAssociate must not be zero");
    g_assert_cmpint(virDomainFDAssociate(dom, NULL, 1, NULL, 4), ==, -1);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "fds in virDomainFDAssociate must not be NULL");
    g_assert_cmpint(virDomainFDAssociate(dom, NULL, 1, fds, 4), ==, -1);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "name in virDomainFDAssociate must not be NULL");
    g_assert_cmpint(virDomainFDAssociate(dom, "g", 1, fds, 4), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_QEMU);
    close(fds[0]);
    g_assert_cmpint(virDomainFDAssociate(dom, "g", 2, fds, 0), ==, -1);
    assertError(VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC);
    close(fds[1]);
    virDomainFree(dom);
}

static int
onLifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
    Fixture *f = data;
    int state = -1;

    /* A callback may call. */
    g_assert_cmpint(virDomainGetState(dom, &state, NULL, 0), ==, 0);
    g_string_append_printf(f->log, "%s:%d:%d ", virDomainGetName(dom), event, state);
    return 0;
}

static int
onLifecycle2(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "second:%d ", event);
    return 0;
}

static void
countFree(void *data)
{
    ((Fixture *)data)->freed++;
}

static void
waitLog(Fixture *f, size_t length)
{
    for (int i = 0; i < 100 && f->log->len < length; i++)
        runLoop();
    runLoop(); /* and nothing more comes */
}

static void
testEvents(Fixture *f, gconstpointer data)
{
    virDomainPtr alpha = lookup(f, "alpha");
    virDomainPtr beta = lookup(f, "beta");
    int all =
        virConnectDomainEventRegisterAny(f->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(onLifecycle), f, countFree);
    int onlyBeta =
        virConnectDomainEventRegisterAny(f->conn, beta, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(onLifecycle2), f, countFree);

    g_assert_cmpint(all, >=, 0);
    g_assert_cmpint(onlyBeta, >=, 0);
    g_assert_cmpint(virConnectDomainEventRegister(f->conn, onLifecycle2, f, countFree), ==, 0);
    g_assert_cmpint(virConnectDomainEventRegister(f->conn, onLifecycle2, f, countFree), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_NONE);
    g_assert_cmpint(virDomainSuspend(alpha), ==, 0);
    g_assert_cmpuint(f->log->len, ==, 0);
    waitLog(f, strlen("alpha:3:3 second:3 "));
    g_assert_cmpstr(f->log->str, ==, "alpha:3:3 second:3 ");
    g_assert_cmpint(virConnectDomainEventDeregister(f->conn, onLifecycle2), ==, 0);
    g_assert_cmpint(virConnectDomainEventDeregister(f->conn, onLifecycle2), ==, -1);
    assertError(VIR_ERR_INVALID_ARG, VIR_FROM_NONE);
    g_assert_cmpint(f->freed, ==, 1);

    g_string_truncate(f->log, 0);
    g_assert_cmpint(virDomainSuspend(beta), ==, 0);
    waitLog(f, strlen("beta:3:3 second:3 "));
    g_assert_cmpuint(f->log->len, ==, strlen("beta:3:3 second:3 ")); /* once each, any order */
    g_assert_cmpint(virConnectDomainEventDeregisterAny(f->conn, all), ==, 0);
    g_assert_cmpint(virConnectDomainEventDeregisterAny(f->conn, all), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_INVALID_ARG);
    g_string_truncate(f->log, 0);
    g_assert_cmpint(virDomainResume(beta), ==, 0);
    waitLog(f, strlen("second:4 "));
    g_assert_cmpstr(f->log->str, ==, "second:4 ");
    virDomainFree(alpha);
    virDomainFree(beta);
    /* The one left is dropped with the connection. */
    g_assert_cmpint(virConnectClose(f->conn), ==, 0);
    f->conn = NULL;
    g_assert_cmpint(f->freed, ==, 3);
}

static void
onMonitor(virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds,
          unsigned int micros, const char *details, void *data)
{
    g_string_append_printf(((Fixture *)data)->log, "%s.%lld.%zu ", event, seconds, strlen(details));
}

static void
testMonitor(Fixture *f, gconstpointer data)
{
    virDomainPtr dom = lookup(f, "alpha");
    g_autofree char *big = NULL;
    g_autofree char *flood = NULL;
    int id = virConnectDomainQemuMonitorEventRegister(f->conn, dom, "FLO.*", onMonitor, f, NULL, 1);

    g_assert_cmpint(id, >=, 0);
    g_assert_cmpint(virDomainQemuMonitorCommand(dom, "size 3000000", &big, 0), ==, 0);
    g_assert_cmpuint(strlen(big), ==, 3000000);
    g_assert_cmpint(virDomainQemuMonitorCommand(dom, "flood 3", &flood, 0), ==, 0);
    waitLog(f, strlen("FLOOD.2.65536 FLOOD.1.65536 FLOOD.0.65536 "));
    g_assert_cmpstr(f->log->str, ==, "FLOOD.2.65536 FLOOD.1.65536 FLOOD.0.65536 ");
    g_assert_cmpint(virConnectDomainQemuMonitorEventDeregister(f->conn, id), ==, 0);
    virDomainFree(dom);
}

static gpointer
caller(gpointer data)
{
    Fixture *f = data;

    for (int i = 0; i < 300; i++) {
        virDomainPtr dom = lookup(f, i % 2 ? "alpha" : "beta");
        int state = -1;

        g_assert_cmpint(virDomainGetState(dom, &state, NULL, 0), ==, 0);
        g_assert_cmpstr(virDomainGetName(dom), ==, i % 2 ? "alpha" : "beta");
        virDomainFree(dom);
    }
    return NULL;
}

static void
testThreads(Fixture *f, gconstpointer data)
{
    GThread *threads[6];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("caller", caller, f);
    for (int i = 0; i < 20; i++)
        runLoop();
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

static void
onClose(virConnectPtr conn, int reason, void *data)
{
    ((Fixture *)data)->closed = reason + 1;
}

static gpointer
slowCall(gpointer data)
{
    Fixture *f = data;
    virDomainPtr dom = lookup(f, "alpha");

    g_assert_cmpint(virDomainReset(dom, 0), ==, -1);
    assertError(VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC);
    virDomainFree(dom);
    return NULL;
}

static void
testDaemonDies(Fixture *f, gconstpointer data)
{
    GThread *thread;

    g_assert_cmpint(virConnectRegisterCloseCallback(f->conn, onClose, f, countFree), ==, 0);
    g_assert_cmpint(virConnectRegisterCloseCallback(f->conn, onClose, f, countFree), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(virConnectSetKeepAlive(f->conn, 5, 3), ==, 0);
    thread = g_thread_new("slow", slowCall, f);
    g_usleep(200000);
    stopDaemon(f, SIGKILL);
    g_thread_join(thread);
    g_assert_null(virDomainLookupByName(f->conn, "alpha"));
    assertError(VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC);
    g_assert_cmpint(virConnectIsAlive(f->conn), ==, 0);
    for (int i = 0; i < 50 && !f->closed; i++)
        runLoop();
    g_assert_cmpint(f->closed, >, 0);
    g_assert_cmpint(f->freed, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (argc != 2)
        return 2;
    daemonProgram = argv[1];
    g_assert_cmpint(virEventRegisterDefaultImpl(), ==, 0);
#define ADD(name, func) g_test_add("/api/client/" name, Fixture, NULL, setUp, func, tearDown)
    ADD("calls", testCalls);
    ADD("errors", testErrors);
    ADD("read-only", testReadOnly);
    ADD("descriptors", testDescriptors);
    ADD("events", testEvents);
    ADD("monitor", testMonitor);
    ADD("threads", testThreads);
    ADD("daemon-dies", testDaemonDies);
    return g_test_run();
}
