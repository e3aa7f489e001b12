/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calling side against a scripted daemon in a thread: what it does with good, odd and hostile
 * answers, with threads that call at once, and with a connection that goes away.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "virerror_report.h"
#include "virnetclient.h"

#define PROG 0x1234
#define VERS 1
#define PROC 7

typedef struct {
    virNetClient *client;
    int fd; /* the daemon's end */
    GThread *daemon;
    int events;
    int lastEvent;
    int closed; /* reason + 1 */
} Fixture;

static void
quiet(void *data, virErrorPtr error)
{
}

static void
onEvent(const virNetMessage *msg, void *opaque)
{
    Fixture *f = opaque;
    int value = 0;

    g_assert_cmpint(virNetMessageDecode(msg, (xdrproc_t)xdr_int, &value), ==, 0);
    f->events++;
    f->lastEvent = value;
}

static void
onClosed(int reason, void *opaque)
{
    ((Fixture *)opaque)->closed = reason + 1;
}

static const virNetClientHooks hooks = {onEvent, onClosed};

static void
setUp(Fixture *f, gconstpointer data)
{
    int fds[2];

    virSetErrorFunc(NULL, quiet);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    f->fd = fds[1];
    f->client = virNetClientNew(fds[0], &hooks, f, NULL);
    g_assert_nonnull(f->client);
    g_assert_true(virNetClientAttachLoop(f->client));
}

static void
tick(int timer, void *data)
{
    virEventRemoveTimeout(timer);
}

/* One round that does not wait for long. */
static void
runLoop(void)
{
    virEventAddTimeout(20, tick, NULL, NULL);
    virEventRunDefaultImpl();
}

static void
tearDown(Fixture *f, gconstpointer data)
{
    if (f->daemon)
        g_thread_join(f->daemon);
    virNetClientClose(f->client);
    virNetClientUnref(f->client);
    if (f->fd >= 0)
        close(f->fd);
    runLoop();
}

/* ---- the daemon's side ---- */

static void
readAll(int fd, void *data, size_t length)
{
    g_assert_cmpint(recv(fd, data, length, MSG_WAITALL), ==, length);
}

/* The byte that follows a message, and its descriptor. */
static int
readFD(int fd)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    int got = -1;

    g_assert_cmpint(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), ==, 1);
    g_assert_cmpint(byte, ==, 0);
    g_assert_nonnull(CMSG_FIRSTHDR(&msg));
    g_assert_cmpint(CMSG_FIRSTHDR(&msg)->cmsg_type, ==, SCM_RIGHTS);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
    return got;
}

static virNetMessage *
readMessage(int fd)
{
    char word[4];
    unsigned int nfds = 0;
    unsigned int length;
    char *buffer;
    virNetMessage *msg;

    readAll(fd, word, sizeof(word));
    length = virNetMessageWord(word);
    buffer = g_malloc(length);
    memcpy(buffer, word, sizeof(word));
    readAll(fd, buffer + 4, length - 4);
    msg = virNetMessageFromBytes(buffer, length, &nfds);
    g_assert_nonnull(msg);
    while (msg->nfds < nfds)
        msg->fds[msg->nfds++] = readFD(fd);
    return msg;
}

static void
sendBytes(int fd, const void *data, size_t length)
{
    g_assert_cmpint(send(fd, data, length, MSG_NOSIGNAL), ==, length);
}

static void
sendInt(int fd, remote_header header, int value)
{
    g_autoptr(virNetMessage) msg = virNetMessageEncode(&header, (xdrproc_t)xdr_int, &value, 0);

    sendBytes(fd, msg->buffer, msg->length);
}

/* Header of the reply to the call @msg. */
static remote_header
replyTo(const virNetMessage *msg)
{
    remote_header header = msg->header;

    header.type = VIR_NET_REPLY;
    return header;
}

static int
argumentOf(const virNetMessage *msg)
{
    int value = 0;

    g_assert_cmpint(virNetMessageDecode(msg, (xdrproc_t)xdr_int, &value), ==, 0);
    return value;
}

static void
startDaemon(Fixture *f, GThreadFunc script)
{
    f->daemon = g_thread_new("daemon", script, f);
}

/* ---- the caller's side ---- */

static int
call(Fixture *f, int argument, int *result)
{
    return virNetClientCall(f->client, PROG, VERS, PROC, (xdrproc_t)xdr_int, &argument,
                            (xdrproc_t)xdr_int, result);
}

static void
assertCallFails(Fixture *f, int domain, int code, const char *pattern)
{
    int result = 0;

    g_assert_cmpint(call(f, 1, &result), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, code);
    g_assert_cmpint(virGetLastErrorDomain(), ==, domain);
    if (!g_pattern_match_simple(pattern, virGetLastErrorMessage()))
        g_error("message is: %s", virGetLastErrorMessage());
}

/* After the framing is lost nothing works any more. */
static void
assertDead(Fixture *f)
{
    g_assert_false(virNetClientIsOpen(f->client));
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                    "internal error: client socket is closed");
}

/* ---- cases ---- */

static gpointer
scriptDouble(gpointer data)
{
    Fixture *f = data;

    for (int i = 0; i < 3; i++) {
        g_autoptr(virNetMessage) msg = readMessage(f->fd);

        g_assert_cmpuint(msg->header.serial, ==, i);
        sendInt(f->fd, replyTo(msg), argumentOf(msg) * 2);
    }
    return NULL;
}

static void
testCalls(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptDouble);
    for (int i = 0; i < 3; i++) {
        int result = 0;

        g_assert_cmpint(call(f, i + 10, &result), ==, 0);
        g_assert_cmpint(result, ==, (i + 10) * 2);
    }
}

#define NCALLERS 8

/* Collects the calls of all threads, then answers the last first. */
static gpointer
scriptReverse(gpointer data)
{
    Fixture *f = data;

    for (int round = 0; round < 50; round++) {
        virNetMessage *calls[NCALLERS];

        for (int i = 0; i < NCALLERS; i++)
            calls[i] = readMessage(f->fd);
        for (int i = NCALLERS - 1; i >= 0; i--) {
            sendInt(f->fd, replyTo(calls[i]), argumentOf(calls[i]) + 1000);
            virNetMessageFree(calls[i]);
        }
    }
    return NULL;
}

static gpointer
callerThread(gpointer data)
{
    Fixture *f = data;
    static gint next;
    int base = g_atomic_int_add(&next, 1) * 10000;

    for (int i = 0; i < 50; i++) {
        int result = 0;

        g_assert_cmpint(call(f, base + i, &result), ==, 0);
        g_assert_cmpint(result, ==, base + i + 1000);
    }
    return NULL;
}

static void
testThreads(Fixture *f, gconstpointer data)
{
    GThread *threads[NCALLERS];

    startDaemon(f, scriptReverse);
    for (int i = 0; i < NCALLERS; i++)
        threads[i] = g_thread_new("caller", callerThread, f);
    /* The loop reads, too, and must not take a reply from anybody. */
    for (int i = 0; i < 10; i++)
        runLoop();
    for (int i = 0; i < NCALLERS; i++)
        g_thread_join(threads[i]);
}

static gpointer
scriptErrors(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) first = readMessage(f->fd);
    g_autoptr(virNetMessage) second = NULL;
    g_autoptr(virNetMessage) reply = NULL;
    remote_header header = replyTo(first);

    virReportErrorFull(VIR_FROM_QEMU, VIR_ERR_NO_DOMAIN, __FILE__, __func__, __LINE__, "no 'x'");
    reply = virNetMessageEncodeError(&header);
    sendBytes(f->fd, reply->buffer, reply->length);

    second = readMessage(f->fd);
    header = replyTo(second);
    virNetMessageFree(reply);
    virReportErrorFull(VIR_FROM_RPC, VIR_ERR_RPC, __FILE__, __func__, __LINE__,
                       "unknown procedure: 7");
    reply = virNetMessageEncodeError(&header);
    sendBytes(f->fd, reply->buffer, reply->length);
    return NULL;
}

static void
testErrors(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptErrors);
    assertCallFails(f, VIR_FROM_QEMU, VIR_ERR_NO_DOMAIN, "Domain not found: no 'x'");
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_NO_SUPPORT, "unknown procedure: 7");
}

/* A body that is too short is this call's failure alone. */
static gpointer
scriptShortBody(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) first = readMessage(f->fd);
    remote_header header = replyTo(first);
    g_autoptr(virNetMessage) empty = virNetMessageEncode(&header, NULL, NULL, 0);
    g_autoptr(virNetMessage) second = NULL;

    sendBytes(f->fd, empty->buffer, empty->length);
    second = readMessage(f->fd);
    sendInt(f->fd, replyTo(second), 5);
    return NULL;
}

static void
testShortBody(Fixture *f, gconstpointer data)
{
    int result = 0;

    startDaemon(f, scriptShortBody);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_RPC, "Unable to decode message payload");
    g_assert_cmpint(call(f, 1, &result), ==, 0);
    g_assert_cmpint(result, ==, 5);
}

static gpointer
scriptLength(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    static const unsigned char lengths[][4] = {{0, 0, 0, 27}, {0x02, 0, 0, 5}};
    static int turn;

    sendBytes(f->fd, lengths[turn++ % 2], 4);
    return NULL;
}

static void
testLength(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptLength);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_RPC, "the daemon sent a message with the length *");
    assertDead(f);
}

static gpointer
scriptSerial(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    remote_header header = replyTo(msg);

    header.serial += 100;
    sendInt(f->fd, header, 1);
    return NULL;
}

static void
testSerial(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptSerial);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_RPC, "*answered a call that was not made*");
    assertDead(f);
}

static gpointer
scriptProc(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    remote_header header = replyTo(msg);

    header.proc++;
    sendInt(f->fd, header, 1);
    return NULL;
}

static void
testProc(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptProc);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_RPC,
                    "*answered procedure 7 with a reply of procedure 8");
    assertDead(f);
}

static gpointer
scriptCallback(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);

    sendInt(f->fd, msg->header, 1); /* a call, to us */
    return NULL;
}

static void
testCallback(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptCallback);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_RPC, "*unexpected type 0*");
    assertDead(f);
}

/* Closes in the middle of a frame. */
static gpointer
scriptTornFrame(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);

    sendBytes(f->fd, "\0\0\0\x20half", 8);
    close(f->fd);
    f->fd = -1;
    return NULL;
}

static void
testEOF(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptTornFrame);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR,
                    "End of file while reading data: Input/output error");
    assertDead(f);
    for (int i = 0; i < 50 && !f->closed; i++)
        runLoop();
    g_assert_cmpint(f->closed, ==, VIR_CONNECT_CLOSE_REASON_EOF + 1);
}

static gpointer
scriptPing(gpointer data)
{
    Fixture *f = data;
    remote_header ping = {VIR_NET_KEEPALIVE_PROGRAM,
                          VIR_NET_KEEPALIVE_VERSION,
                          VIR_NET_KEEPALIVE_PING,
                          VIR_NET_MESSAGE,
                          0,
                          VIR_NET_OK};
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    g_autoptr(virNetMessage) pingMsg = virNetMessageEncode(&ping, NULL, NULL, 0);
    g_autoptr(virNetMessage) pong = NULL;

    sendBytes(f->fd, pingMsg->buffer, pingMsg->length);
    pong = readMessage(f->fd);
    g_assert_cmpuint(pong->header.prog, ==, VIR_NET_KEEPALIVE_PROGRAM);
    g_assert_cmpint(pong->header.proc, ==, VIR_NET_KEEPALIVE_PONG);
    g_assert_cmpint(pong->header.type, ==, VIR_NET_MESSAGE);
    sendInt(f->fd, replyTo(msg), 3);
    return NULL;
}

static void
testPing(Fixture *f, gconstpointer data)
{
    int result = 0;

    startDaemon(f, scriptPing);
    g_assert_cmpint(call(f, 1, &result), ==, 0);
    g_assert_cmpint(result, ==, 3);
}

/* Two events before the reply, in one piece with it, and one after. */
static gpointer
scriptEvents(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    remote_header event = {PROG, VERS, 99, VIR_NET_MESSAGE, 1, VIR_NET_OK};

    sendInt(f->fd, event, 11);
    sendInt(f->fd, event, 12);
    sendInt(f->fd, replyTo(msg), 4);
    sendInt(f->fd, event, 13);
    return NULL;
}

static void
testEvents(Fixture *f, gconstpointer data)
{
    int result = 0;

    startDaemon(f, scriptEvents);
    g_assert_cmpint(call(f, 1, &result), ==, 0);
    g_assert_cmpint(result, ==, 4);
    g_assert_cmpint(f->events, ==, 0); /* only from the loop */
    for (int i = 0; i < 50 && f->events < 3; i++)
        runLoop();
    g_assert_cmpint(f->events, ==, 3);
    g_assert_cmpint(f->lastEvent, ==, 13);
}

static gpointer
waiterThread(gpointer data)
{
    assertCallFails(data, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                    "internal error: client socket is closed");
    return NULL;
}

/* Closing while somebody waits ends the wait, and no hook is called. */
static void
testClose(Fixture *f, gconstpointer data)
{
    GThread *thread = g_thread_new("waiter", waiterThread, f);
    g_autoptr(virNetMessage) msg = readMessage(f->fd);

    virNetClientClose(f->client);
    g_thread_join(thread);
    runLoop();
    g_assert_cmpint(f->closed, ==, 0);
}

static gpointer
scriptSilent(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);
    g_autoptr(virNetMessage) ping = readMessage(f->fd);

    g_assert_cmpuint(ping->header.prog, ==, VIR_NET_KEEPALIVE_PROGRAM);
    g_assert_cmpint(ping->header.proc, ==, VIR_NET_KEEPALIVE_PING);
    return NULL;
}

/* A daemon that hangs: pinged by the thread that waits, as the loop may not run. */
static void
testKeepalive(Fixture *f, gconstpointer data)
{
    startDaemon(f, scriptSilent);
    g_assert_cmpint(virNetClientSetKeepAlive(f->client, 1, 1), ==, 0);
    assertCallFails(f, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, "*keepalive timeout*");
    for (int i = 0; i < 50 && !f->closed; i++)
        runLoop();
    g_assert_cmpint(f->closed, ==, VIR_CONNECT_CLOSE_REASON_KEEPALIVE + 1);
}

/* More than the socket takes at once, both ways at the same time. */
static gpointer
scriptBig(gpointer data)
{
    Fixture *f = data;
    remote_header event = {PROG, VERS, 99, VIR_NET_MESSAGE, 1, VIR_NET_OK};
    g_autoptr(virNetMessage) msg = NULL;

    for (int i = 0; i < 50000; i++)
        sendInt(f->fd, event, i);
    msg = readMessage(f->fd);
    sendInt(f->fd, replyTo(msg), (int)msg->length);
    return NULL;
}

static void
testBig(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strnfill(4000000, 'x');
    remote_string args = text;
    int result = 0;

    startDaemon(f, scriptBig);
    g_assert_cmpint(virNetClientCall(f->client, PROG, VERS, PROC, (xdrproc_t)xdr_remote_string,
                                     &args, (xdrproc_t)xdr_int, &result),
                    ==, 0);
    g_assert_cmpint(result, ==, 4000000 + 4 + VIR_NET_MESSAGE_MIN);
    for (int i = 0; i < 50 && f->events < 50000; i++)
        runLoop();
    g_assert_cmpint(f->events, ==, 50000);
    g_assert_cmpint(f->lastEvent, ==, 49999);
}

/* ---- descriptors ---- */

static int
countFDs(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    int n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

/* A file that says which call it belongs to, and its number there. */
static int
markedFile(int call, int i)
{
    const int mark[2] = {call, i};
    int fd = memfd_create("mark", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, mark, sizeof(mark), 0), ==, sizeof(mark));
    return fd;
}

/* One call with a body of @length bytes and @nfds files; closes its own as soon as it may. */
static int
callWithFDs(Fixture *f, int length, unsigned int nfds, int *result)
{
    g_autofree char *text = g_strnfill(length, 'x');
    remote_string args = text;
    int fds[VIR_NET_MESSAGE_FDS_MAX + 1];
    int rc;

    for (unsigned int i = 0; i < nfds; i++)
        fds[i] = markedFile(length, i);
    rc = virNetClientCallWithFDs(f->client, PROG, VERS, PROC, fds, nfds,
                                 (xdrproc_t)xdr_remote_string, &args, (xdrproc_t)xdr_int, result);
    for (unsigned int i = 0; i < nfds; i++)
        close(fds[i]);
    return rc;
}

#define NPASSED 20

/* Slow at first, so that the client's bytes and descriptors wait for room. */
static gpointer
scriptDescriptors(gpointer data)
{
    Fixture *f = data;

    g_usleep(200000);
    for (int i = 0; i < NCALLERS * NPASSED; i++) {
        g_autoptr(virNetMessage) msg = readMessage(f->fd);
        remote_string text = NULL;

        g_assert_cmpint(msg->header.type, ==, msg->nfds ? VIR_NET_CALL_WITH_FDS : VIR_NET_CALL);
        g_assert_cmpint(virNetMessageDecode(msg, (xdrproc_t)xdr_remote_string, &text), ==, 0);
        for (unsigned int j = 0; j < msg->nfds; j++) {
            int mark[2] = {-1, -1};

            g_assert_cmpint(pread(msg->fds[j], mark, sizeof(mark), 0), ==, sizeof(mark));
            g_assert_cmpint(mark[0], ==, strlen(text));
            g_assert_cmpint(mark[1], ==, j);
        }
        sendInt(f->fd, replyTo(msg), (int)msg->nfds);
        xdr_free((xdrproc_t)xdr_remote_string, &text);
    }
    return NULL;
}

static gpointer
passerThread(gpointer data)
{
    Fixture *f = data;
    static gint next;
    int base = 100000 + 1000 * g_atomic_int_add(&next, 1);

    for (int i = 0; i < NPASSED; i++) {
        int result = -1;

        g_assert_cmpint(callWithFDs(f, base + i, i % 4, &result), ==, 0);
        g_assert_cmpint(result, ==, i % 4);
    }
    return NULL;
}

static void
testDescriptors(Fixture *f, gconstpointer data)
{
    GThread *threads[NCALLERS];
    int before = countFDs();

    startDaemon(f, scriptDescriptors);
    for (int i = 0; i < NCALLERS; i++)
        threads[i] = g_thread_new("passer", passerThread, f);
    for (int i = 0; i < 10; i++)
        runLoop();
    for (int i = 0; i < NCALLERS; i++)
        g_thread_join(threads[i]);
    g_thread_join(g_steal_pointer(&f->daemon));
    g_assert_cmpint(countFDs(), ==, before);
}

static gpointer
scriptOnce(gpointer data)
{
    Fixture *f = data;
    g_autoptr(virNetMessage) msg = readMessage(f->fd);

    sendInt(f->fd, replyTo(msg), (int)msg->nfds + 5);
    return NULL;
}

/* Nothing is sent of a call that cannot be: the connection goes on. */
static void
testDescriptorsRefused(Fixture *f, gconstpointer data)
{
    int before = countFDs();
    const int bad[2] = {f->fd, 4096};
    int result = 0;

    startDaemon(f, scriptOnce);
    g_assert_cmpint(callWithFDs(f, 1, 33, &result), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_RPC);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "Too many FDs to send 33, expected 32 maximum");
    g_assert_cmpint(virNetClientCallWithFDs(f->client, PROG, VERS, PROC, bad, 2, NULL, NULL, NULL,
                                            NULL),
                    ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpstr(virGetLastErrorMessage(), ==, "Cannot duplicate FD 4096: Bad file descriptor");
    g_assert_cmpint(countFDs(), ==, before);
    g_assert_cmpint(call(f, 1, &result), ==, 0);
    g_assert_cmpint(result, ==, 5);
}

/* Reads a part of a call and goes away. */
static gpointer
scriptLeaves(gpointer data)
{
    Fixture *f = data;
    g_autofree char *part = g_malloc(1000000);

    readAll(f->fd, part, 1000000);
    shutdown(f->fd, SHUT_RDWR);
    return NULL;
}

static void
testDescriptorsLost(Fixture *f, gconstpointer data)
{
    int before = countFDs();
    int result = 0;

    startDaemon(f, scriptLeaves);
    g_assert_cmpint(callWithFDs(f, 3000000, 32, &result), ==, -1);
    g_assert_cmpint(virGetLastErrorCode(), ==, VIR_ERR_SYSTEM_ERROR);
    virNetClientClose(f->client);
    virNetClientUnref(f->client);
    /* the loop lets go of the connection when it runs */
    for (int i = 0; i < 5; i++)
        runLoop();
    g_assert_cmpint(countFDs(), ==, before - 2); /* its socket and its wake-up descriptor */
    f->client = virNetClientNew(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &hooks, f, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(virEventRegisterDefaultImpl(), ==, 0);
#define ADD(name, func) g_test_add("/api/netclient/" name, Fixture, NULL, setUp, func, tearDown)
    ADD("calls", testCalls);
    ADD("threads", testThreads);
    ADD("errors", testErrors);
    ADD("short-body", testShortBody);
    ADD("length-small", testLength);
    ADD("length-big", testLength);
    ADD("serial", testSerial);
    ADD("procedure", testProc);
    ADD("call-to-client", testCallback);
    ADD("eof", testEOF);
    ADD("ping", testPing);
    ADD("events", testEvents);
    ADD("close", testClose);
    ADD("keepalive", testKeepalive);
    ADD("big", testBig);
    ADD("descriptors", testDescriptors);
    ADD("descriptors-refused", testDescriptorsRefused);
    ADD("descriptors-lost", testDescriptorsLost);
    return g_test_run();
}
