/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose connections are whose: NBD servers that are greeted, and clients of a server that are counted and
 * cut off. The process of the test is the QEMU that has them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "qemu_nbd.h"
#include "qemu_nbd_clients.h"
#include "virerror_report.h"

#define GREETING "NBDMAGICIHAVEOPT"

static char *dir;

/* ---- sockets ---- */

typedef union _anyAddress {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
} anyAddress;

static socklen_t
addressLength(const anyAddress *a)
{
    return a->any.sa_family == AF_INET ? sizeof(a->in) : a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->un);
}

static anyAddress
inet(const char *host, unsigned int port)
{
    anyAddress a = { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };

    if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1)
        return a;
    a = (anyAddress){ .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
    g_assert_cmpint(inet_pton(AF_INET6, host, &a.in6.sin6_addr), ==, 1);
    return a;
}

static anyAddress
local(const char *name)
{
    anyAddress a = { .un = { .sun_family = AF_UNIX } };

    g_snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s/%s", dir, name);
    return a;
}

/* -1 if this host does not have the address. @address: with the port that it has then. */
static int
listenAt(anyAddress *address, int type)
{
    int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);
    socklen_t length = addressLength(address);
    int off = 0;

    if (fd < 0)
        return -1;
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &address->any, length) < 0) {
        close(fd);
        return -1;
    }
    if (type == SOCK_STREAM)
        g_assert_cmpint(listen(fd, 1), ==, 0);
    if (address->any.sa_family != AF_UNIX)
        g_assert_cmpint(getsockname(fd, &address->any, &length), ==, 0);
    return fd;
}

static unsigned int
portOf(const anyAddress *address)
{
    return ntohs(address->in.sin_port);   /* at the same place in both */
}

static int
connectTo(const anyAddress *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, &address->any, addressLength(address)), ==, 0);
    return fd;
}

/* A client and its end in the server. */
typedef struct _visit {
    int client, served;
} visit;

static visit
visitNew(int listener, const anyAddress *address)
{
    visit v = { .client = connectTo(address), .served = -1 };

    v.served = accept(listener, NULL, NULL);
    g_assert_cmpint(v.served, >=, 0);
    return v;
}

static bool
isOpen(const visit *v)
{
    char byte = 0;

    return recv(v->client, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void
visitEnd(visit *v)
{
    close(v->client);
    close(v->served);
}

/* ---- clients ---- */

/* A server at @host; its clients come to @through. */
static void
checkTcp(const char *host, const char *through)
{
    anyAddress address = inet(host, 0);
    anyAddress other = inet(through, 0);
    anyAddress udp = inet(through, 0);
    anyAddress to = { 0 };
    int listener = listenAt(&address, SOCK_STREAM);
    int otherListener = listenAt(&other, SOCK_STREAM);
    unsigned int port = portOf(&address);
    int datagrams = -1;
    visit one = { 0 };
    visit two = { 0 };
    visit stranger = { 0 };

    if (listener < 0 || otherListener < 0) {
        g_test_skip("no such address on this host");
        return;
    }
    g_assert_cmpuint(qemuNbdClientsCount(getpid(), NULL, port), ==, 0);
    to = inet(through, port);
    one = visitNew(listener, &to);
    two = visitNew(listener, &to);
    stranger = visitNew(otherListener, &other);
    /* UDP has a port of that number, too */
    udp = inet(through, port);
    datagrams = listenAt(&udp, SOCK_DGRAM);
    g_assert_cmpint(datagrams, >=, 0);
    g_assert_cmpint(connect(datagrams, &udp.any, addressLength(&udp)), ==, 0);
    g_assert_cmpuint(qemuNbdClientsCount(getpid(), NULL, port), ==, 2);

    qemuNbdClientsBreak(getpid(), NULL, port);
    g_assert_false(isOpen(&one));
    g_assert_false(isOpen(&two));
    g_assert_true(isOpen(&stranger));
    g_assert_cmpint(send(datagrams, "x", 1, MSG_NOSIGNAL), ==, 1);
    visitEnd(&one);
    visitEnd(&two);
    g_assert_true(qemuNbdClientsWait(getpid(), NULL, port, 1000));
    /* the listener is not a client, and goes on */
    one = visitNew(listener, &to);
    g_assert_true(isOpen(&one));
    visitEnd(&one);
    visitEnd(&stranger);
    close(datagrams);
    close(listener);
    close(otherListener);
}

static void
testTcp(void)
{
    checkTcp("127.0.0.1", "127.0.0.1");
}

static void
testTcp6(void)
{
    checkTcp("::1", "::1");
}

/* A server on all addresses sees clients of IPv4 at IPv6 addresses that are mapped. */
static void
testTcpMapped(void)
{
    checkTcp("::", "127.0.0.1");
}

static void
testUnix(void)
{
    anyAddress address = local("s");
    anyAddress other = local("s2");
    int listener = listenAt(&address, SOCK_STREAM);
    int otherListener = listenAt(&other, SOCK_STREAM);
    visit one = visitNew(listener, &address);
    visit stranger = visitNew(otherListener, &other);

    g_assert_cmpuint(qemuNbdClientsCount(getpid(), address.un.sun_path, 0), ==, 1);
    g_assert_cmpuint(qemuNbdClientsBreakStuck(getpid(), address.un.sun_path, 0), ==, 0);
    g_assert_true(isOpen(&one));
    qemuNbdClientsBreak(getpid(), address.un.sun_path, 0);
    g_assert_false(isOpen(&one));
    g_assert_true(isOpen(&stranger));
    visitEnd(&one);
    visitEnd(&stranger);
    close(listener);
    close(otherListener);
}

/* Who does not read what waits for him is cut off; who reads is not. */
static void
testStuck(void)
{
    anyAddress address = inet("127.0.0.1", 0);
    int listener = listenAt(&address, SOCK_STREAM);
    visit stuck = visitNew(listener, &address);
    visit idle = visitNew(listener, &address);
    g_autofree char *much = g_malloc0(8 << 20);

    while (send(stuck.served, much, 8 << 20, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        g_usleep(50000);   /* the kernel moves some of it to the other end */
    g_assert_cmpuint(qemuNbdClientsBreakStuck(getpid(), NULL, portOf(&address)), ==, 1);
    g_assert_true(isOpen(&idle));
    g_assert_cmpint(send(stuck.served, much, 1, MSG_DONTWAIT | MSG_NOSIGNAL), ==, -1);
    g_assert_cmpint(errno, ==, EPIPE);
    visitEnd(&stuck);
    visitEnd(&idle);
    close(listener);
}

/* The address is that of a server of ours, and the connection another process's. */
static void
testOtherProcess(void)
{
    anyAddress address = inet("127.0.0.1", 0);
    int listener = listenAt(&address, SOCK_STREAM);
    visit one = visitNew(listener, &address);
    pid_t child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    close(one.served);
    g_assert_cmpuint(qemuNbdClientsCount(getpid(), NULL, portOf(&address)), ==, 0);
    g_assert_cmpuint(qemuNbdClientsCount(child, NULL, portOf(&address)), ==, 1);
    qemuNbdClientsBreak(getpid(), NULL, portOf(&address));
    g_assert_true(isOpen(&one));
    kill(child, SIGKILL);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    close(one.client);
    close(listener);
}

/* ---- greetings ---- */

/* What a name stands for, instead of the host's resolver. */
static anyAddress resolved[2];
static struct addrinfo answers[2];

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++)
        answers[i] = (struct addrinfo){ .ai_family = resolved[i].any.sa_family, .ai_socktype = SOCK_STREAM,
                                        .ai_addr = &resolved[i].any, .ai_addrlen = addressLength(&resolved[i]),
                                        .ai_next = i == 0 ? &answers[1] : NULL };
    *result = answers;
    return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
}

typedef struct _speaker {
    int listener;
    const char *words;
    GThread *thread;
} speaker;

static gpointer
speak(gpointer data)
{
    const speaker *s = data;
    int fd = accept(s->listener, NULL, NULL);

    if (fd < 0)
        return NULL;   /* nobody came */
    g_assert_cmpint(send(fd, s->words, strlen(s->words), MSG_NOSIGNAL), ==, (gssize)strlen(s->words));
    close(fd);
    return NULL;
}

/* A server that says @words to the first who comes. */
static void
speakerStart(speaker *s, const char *words, anyAddress *address)
{
    *address = inet("127.0.0.1", 0);
    s->listener = listenAt(address, SOCK_STREAM);
    s->words = words;
    s->thread = g_thread_new("speaker", speak, s);
}

static void
speakerStop(speaker *s)
{
    shutdown(s->listener, SHUT_RDWR);
    g_thread_join(s->thread);
    close(s->listener);
}

static void
probe(const char *wanted, const char *unwanted)
{
    virStorageNbd nbd = { .host = (char *)"name", .port = 10809, .exportName = (char *)"" };
    int rc = qemuNbdProbe(&nbd, "use");

    g_assert_cmpint(rc, ==, wanted ? -1 : 0);
    if (wanted && (!strstr(virErrorLastMessage(), wanted) || strstr(virErrorLastMessage(), unwanted)))
        g_error("%s", virErrorLastMessage());
    virErrorReset();
}

/* An address where nobody listens. */
static anyAddress
nobody(void)
{
    anyAddress a = inet("127.0.0.1", 0);

    close(listenAt(&a, SOCK_STREAM));
    return a;
}

/* Where the first address refuses, the next one is taken. */
static void
testNextAddress(void)
{
    speaker server = { 0 };

    resolved[0] = nobody();
    speakerStart(&server, GREETING, &resolved[1]);
    probe(NULL, NULL);
    speakerStop(&server);
}

/* QEMU takes the first address that accepts and waits for its greeting: that the next one would speak
 * does not help it. */
static void
testSilentFirst(void)
{
    anyAddress silent = inet("127.0.0.1", 0);
    int listener = listenAt(&silent, SOCK_STREAM);
    speaker server = { 0 };

    resolved[0] = silent;
    speakerStart(&server, GREETING, &resolved[1]);
    probe("it says nothing; ", "refused");
    speakerStop(&server);
    close(listener);
}

/* What the last address says is told, and no advice about another one: the first one's queue is full. */
static void
testUnreachableFirst(void)
{
    anyAddress full = inet("127.0.0.1", 0);
    int listener = listenAt(&full, SOCK_STREAM);
    int waiting[3] = { 0 };
    speaker server = { 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(waiting[i], &full.any, addressLength(&full));
    }
    g_usleep(100000);
    resolved[0] = full;
    speakerStart(&server, "SSH-2.0-OpenSSH", &resolved[1]);
    probe("no NBD server", "takes more than one client");
    speakerStop(&server);
    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++)
        close(waiting[i]);
    close(listener);
}

int
main(int argc, char **argv)
{
    int rc = 0;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("nbd-XXXXXX", NULL);
    g_test_add_func("/nbd/clients/tcp", testTcp);
    g_test_add_func("/nbd/clients/tcp6", testTcp6);
    g_test_add_func("/nbd/clients/tcp-mapped", testTcpMapped);
    g_test_add_func("/nbd/clients/unix", testUnix);
    g_test_add_func("/nbd/clients/stuck", testStuck);
    g_test_add_func("/nbd/clients/other-process", testOtherProcess);
    g_test_add_func("/nbd/greeting/next-address", testNextAddress);
    g_test_add_func("/nbd/greeting/silent-first", testSilentFirst);
    g_test_add_func("/nbd/greeting/unreachable-first", testUnreachableFirst);
    rc = g_test_run();
    for (const char *const *name = (const char *const[]){ "s", "s2", NULL }; *name; name++) {
        g_autofree char *path = g_build_filename(dir, *name, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    g_free(dir);
    return rc;
}
