/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pulls that are served on a socket of the client's: begun and ended, failed and taken back at every step.
 * The socket is the client's afterwards, and QEMU has no copy of it.
 */
#include "engine_backup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "qemu_nbd_clients.h"
#include "virerror_report.h"
#include "virfile.h"

#define PATIENCE_US 500000
#define NOBODY 65534

typedef struct _client {
    engineQemu *q;
    int listener;
    unsigned int port;
    char *before;          /* the state of QEMU */
} client;

static void
clientClear(client *c)
{
    close(c->listener);
    g_free(c->before);
    engineQemuFree(c->q);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(client, clientClear)

static void
clientListen(client *c)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address);

    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(c->listener, (struct sockaddr *)&address, length), ==, 0);
    g_assert_cmpint(listen(c->listener, 10), ==, 0);
    g_assert_cmpint(getsockname(c->listener, (struct sockaddr *)&address, &length), ==, 0);
    c->port = ntohs(address.sin_port);
}

static client
clientNew(void)
{
    client c = { .q = engineQemuStart(2, true, NULL) };

    clientListen(&c);
    c.before = engineQemuState(c.q);
    return c;
}

static engineBackup *
backupNew(const client *c)
{
    engineBackup *b = engineBackupNew(c->q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);

    engineBackupServeOn(b, c->listener, c->port);
    return b;
}

static int
clientConnect(const client *c)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(c->port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

/* On a thread of its own, which leaves our network for a new one, with a listener and a client in it. */
static gpointer
connectElsewhere(gpointer data)
{
    client *c = data;
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    VIR_AUTOCLOSE any = -1;

    if (unshare(CLONE_NEWNET) < 0)
        return GINT_TO_POINTER(-1);
    any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(ioctl(any, SIOCSIFFLAGS, &request), ==, 0);
    clientListen(c);
    return GINT_TO_POINTER(clientConnect(c));
}

static pid_t
pidOf(const client *c)
{
    return c->q->target.ops->pid(&c->q->target);
}

/* Nothing of the backup is left, and who connects now is accepted by the client. */
static void
assertOver(const client *c)
{
    g_autofree char *state = engineQemuState(c->q);
    VIR_AUTOCLOSE there = clientConnect(c);
    VIR_AUTOCLOSE here = accept(c->listener, NULL, NULL);

    g_assert_cmpstr(state, ==, c->before);
    g_assert_cmpint(here, >=, 0);
    g_assert_false(qemuNbdSocketIsHeld(pidOf(c), c->listener));
}

static void
testTwice(void)
{
    g_auto(client) c = clientNew();

    engineQemuWrite(c.q, 0, 2, 65536, 65536);
    for (int i = 0; i < 2; i++) {
        g_autoptr(engineBackup) b = backupNew(&c);
        g_autofree unsigned char *model = engineQemuModel(c.q, 0);

        g_assert_cmpint(engineBackupBegin(b), ==, 0);
        g_assert_true(qemuNbdSocketIsHeld(pidOf(&c), c.listener));
        engineQemuWrite(c.q, 0, 3, 65536, 65536);
        engineBackupCompare(b, 0, model);
        g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
        assertOver(&c);
    }
}

/* QEMU refuses the k-th command, but for the first: getfd with a descriptor has nothing to fail of, and what
 * comes with another command would stay where only the next getfd finds it. */
static void
testRefused(void)
{
    g_auto(client) c = clientNew();
    int result = -1;

    for (int k = 1; result < 0; k++) {
        g_autoptr(engineBackup) b = backupNew(&c);

        c.q->commands = 0;
        c.q->breakCommand = k;
        virErrorReset();
        result = engineBackupBegin(b);
        c.q->breakCommand = -1;
        if (result < 0)
            g_assert_nonnull(strstr(virErrorLastMessage(), "x-made-to-fail"));
        else
            g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
        assertOver(&c);
    }
}

/* We die after k steps, and the next daemon takes all of them back. */
static void
testDeath(void)
{
    g_auto(client) c = clientNew();
    guint total = 1;

    for (guint k = 0; k <= total; k++) {
        g_autoptr(engineBackup) b = backupNew(&c);
        g_autoptr(virJSONValue) journal = qemuPlanToJSON(b->plan);
        g_autoptr(qemuPlan) plan = qemuPlanFromJSON(journal);
        qemuPlanRun run = { .plan = plan, .done = plan->steps->len };

        total = plan->steps->len;
        g_ptr_array_set_size(b->plan->steps, k);
        g_assert_cmpint(engineBackupBegin(b), ==, 0);
        g_assert_cmpint(qemuPlanRunUndo(&run, &c.q->target, true), ==, 0);
        c.q->lent = 0;   /* the books of the next daemon are not these */
        assertOver(&c);
    }
}

static gpointer
takeBack(gpointer data)
{
    engineBackup *b = data;
    qemuPlanRun run = { .plan = b->plan, .done = b->plan->steps->len };
    int ret = qemuPlanRunUndo(&run, &b->q->target, true);

    g_atomic_int_set(&b->ended, 1);
    return GINT_TO_POINTER(ret);
}

/* Connected before QEMU serves, and silent: QEMU's main loop answers all the while. */
static void
testSilentClient(void)
{
    g_auto(client) c = clientNew();
    g_autoptr(engineBackup) b = backupNew(&c);
    VIR_AUTOCLOSE silent = clientConnect(&c);
    GThread *thread = NULL;

    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    while (qemuNbdClientsCount(pidOf(&c), NULL, c.port) == 0)
        g_usleep(1000);
    thread = g_thread_new("undo", takeBack, b);
    while (!g_atomic_int_get(&b->ended)) {
        gint64 asked = g_get_monotonic_time();
        g_autoptr(virJSONValue) status = engineQemuCommand(c.q, "{\"execute\":\"query-status\"}");

        g_assert_cmpint(g_get_monotonic_time() - asked, <, PATIENCE_US);
        g_usleep(10000);
    }
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
    c.q->lent = 0;
    assertOver(&c);
}

/* Who is connected in another network, a container's, is seen as well. */
static void
testOtherNetwork(void)
{
    client elsewhere = { .listener = -1 };
    g_auto(client) c = clientNew();
    VIR_AUTOCLOSE silent = GPOINTER_TO_INT(g_thread_join(g_thread_new("network", connectElsewhere, &elsewhere)));
    VIR_AUTOCLOSE listener = elsewhere.listener;
    g_autoptr(engineBackup) b = NULL;

    if (silent < 0) {
        g_test_skip("no network namespaces");
        return;
    }
    b = engineBackupNew(c.q, VIR_BACKUP_MODE_PULL, NULL, NULL, NULL);
    engineBackupServeOn(b, listener, elsewhere.port);
    g_assert_cmpint(engineBackupBegin(b), ==, 0);
    for (int i = 0; qemuNbdClientsCount(pidOf(&c), NULL, elsewhere.port) == 0; i++) {
        g_assert_cmpint(i, <, 1000);
        g_usleep(1000);
    }
    g_assert_cmpint(engineBackupEnd(b, false), ==, 0);
    assertOver(&c);
}

typedef struct _question {
    pid_t pid;
    int listeners[2];
    bool visible[2];
} question;

/* On a thread of its own, which gives up root's rights: QEMU's sockets are not its to take. */
static gpointer
askAsNobody(gpointer data)
{
    question *q = data;

    if (syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0)
        return GINT_TO_POINTER(-1);
    for (size_t i = 0; i < G_N_ELEMENTS(q->listeners); i++)
        q->visible[i] = qemuNbdClientsVisible(q->pid, q->listeners[i]);
    return NULL;
}

static void
testVisible(void)
{
    client elsewhere = { .listener = -1 };
    g_auto(client) c = clientNew();
    VIR_AUTOCLOSE silent = GPOINTER_TO_INT(g_thread_join(g_thread_new("network", connectElsewhere, &elsewhere)));
    VIR_AUTOCLOSE listener = elsewhere.listener;
    question q = { pidOf(&c), { c.listener, listener }, { false, true } };

    if (silent < 0 || g_thread_join(g_thread_new("nobody", askAsNobody, &q))) {
        g_test_skip("not root");
        return;
    }
    g_assert_true(q.visible[0]);
    g_assert_false(q.visible[1]);
    g_assert_true(qemuNbdClientsVisible(pidOf(&c), listener));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan-fd/twice", testTwice);
    g_test_add_func("/plan-fd/refused", testRefused);
    g_test_add_func("/plan-fd/death", testDeath);
    g_test_add_func("/plan-fd/silent-client", testSilentClient);
    g_test_add_func("/plan-fd/other-network", testOtherNetwork);
    g_test_add_func("/plan-fd/visible", testVisible);
    return g_test_run();
}
