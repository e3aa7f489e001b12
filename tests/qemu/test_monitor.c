/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP transport against a scripted peer: what comes apart, late, wrong, huge or not at all. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "qemu_monitor.h"
#include "qemu_qmp_block.h"
#include "qemu_qmp_chardev.h"
#include "qemu_qmp_run.h"
#include "qmp_peer.h"
#include "virerror_report.h"

typedef struct _watched {
    GMutex lock;
    GCond cond;
    unsigned int events;
    unsigned int eofs;
    char last[64];
    long long seconds;
    unsigned int micros;
} watched;

static void
onEvent(const char *name, const virJSONValue *data, long long seconds, unsigned int micros,
        void *opaque)
{
    watched *w = opaque;

    g_mutex_lock(&w->lock);
    w->events++;
    g_strlcpy(w->last, name, sizeof(w->last));
    w->seconds = seconds;
    w->micros = micros;
    g_cond_signal(&w->cond);
    g_mutex_unlock(&w->lock);
}

static void
onEof(void *opaque)
{
    watched *w = opaque;

    g_mutex_lock(&w->lock);
    w->eofs++;
    g_cond_signal(&w->cond);
    g_mutex_unlock(&w->lock);
}

static const qemuMonitorCallbacks callbacks = {onEvent, onEof};

/* Until the counter is as wanted, at most 10 s. */
static void
waitFor(watched *w, unsigned int *counter, unsigned int wanted)
{
    gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

    g_mutex_lock(&w->lock);
    while (*counter < wanted)
        g_assert_true(g_cond_wait_until(&w->cond, &w->lock, deadline));
    g_mutex_unlock(&w->lock);
}

static qemuMonitor *
openPeer(qmpPeer *peer, void (*script)(qmpPeer *), watched *w)
{
    qemuMonitor *mon = NULL;

    qmpPeerStart(peer, script);
    mon = qemuMonitorOpen(peer->clientFd, "vm", w ? &callbacks : NULL, w, 10000);
    g_assert_nonnull(mon);
    return mon;
}

static int
run(qemuMonitor *mon, const char *name, virJSONValue **reply)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':%s}", name);

    return qemuMonitorCommand(mon, command, reply);
}

static void
assertError(int code, const char *part)
{
    g_assert_cmpint(virErrorLastCode(), ==, code);
    g_assert_nonnull(strstr(virErrorLastMessage(), part));
}

/* Every byte on its own. */
static void
scriptBytes(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;
    g_autofree char *reply = NULL;
    size_t i = 0;

    qmpPeerGreet(peer);
    command = qmpPeerRead(peer);
    reply = g_strdup_printf(
        "{\"return\": {\"running\": true, \"status\": \"r\\u00fcn\"}, \"id\": \"%s\"}\r\n",
        virJSONObjectLookupString(command, "id"));
    for (i = 0; reply[i]; i++)
        qmpPeerSendRaw(peer, reply + i, 1);
}

static void
testBytes(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptBytes, NULL);
    g_auto(qemuQMPStatus) status = {0};

    g_assert_cmpint(qemuQMPQueryStatus(mon, &status), ==, 0);
    g_assert_true(status.running);
    g_assert_cmpstr(status.status, ==, "r\u00fcn");
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* 20 MiB in one line. */
#define HUGE_BYTES (20 * 1024 * 1024)

static void
scriptHuge(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;
    g_autofree char *fill = g_malloc(HUGE_BYTES);

    qmpPeerGreet(peer);
    command = qmpPeerRead(peer);
    memset(fill, 'x', HUGE_BYTES);
    qmpPeerSendRaw(peer, "{\"return\":\"", 11);
    qmpPeerSendRaw(peer, fill, HUGE_BYTES);
    qmpPeerSend(peer, "','id':'%s'}", virJSONObjectLookupString(command, "id"));
}

static void
testHuge(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptHuge, NULL);
    g_autoptr(virJSONValue) reply = NULL;

    g_assert_cmpint(run(mon, "query-huge", &reply), ==, 0);
    g_assert_cmpuint(strlen(virJSONStringOf(reply)), ==, HUGE_BYTES);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* What the client before us asked, and its guard, is answered to us: before our first command is. */
static void
scriptPredecessor(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;

    qmpPeerSend(peer, "{'QMP':{'version':{'qemu':{'major':7,'minor':2,'micro':22}},'capabilities':[]}}");
    for (int i = 1; i < 4; i++)
        qmpPeerSend(peer, "{'return':'not for you','id':'%d'}", i);
    qmpPeerSend(peer, "{'return':{},'id':'virtqemud-guard'}");
    command = qmpPeerRead(peer);
    qmpPeerSend(peer, "{'error':{'class':'GenericError','desc':'not for you'},'id':'1'}");
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
    virJSONValueFree(g_steal_pointer(&command));
    command = qmpPeerRead(peer);
    qmpPeerSend(peer, "{'return':'yours','id':'%s'}", virJSONObjectLookupString(command, "id"));
}

static void
testPredecessor(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptPredecessor, NULL);
    g_autoptr(virJSONValue) reply = NULL;

    g_assert_cmpint(run(mon, "query-name", &reply), ==, 0);
    g_assert_cmpstr(virJSONStringOf(reply), ==, "yours");
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* Out of band: asked for where it is offered, and its reply overtakes that of a command that waits. */
static void
scriptOutOfBand(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;
    g_autoptr(virJSONValue) slow = NULL;
    const virJSONValue *enable = NULL;

    qmpPeerSend(peer, "{'QMP':{'version':{'qemu':{'major':7,'minor':2,'micro':22}},'capabilities':['oob']}}");
    command = qmpPeerRead(peer);
    enable = virJSONObjectLookupArray(virJSONObjectLookupObject(command, "arguments"), "enable");
    g_assert_cmpuint(virJSONArraySize(enable), ==, 1);
    g_assert_cmpstr(virJSONStringOf(virJSONArrayAt(enable, 0)), ==, "oob");
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
    virJSONValueFree(g_steal_pointer(&command));

    slow = qmpPeerRead(peer);
    g_assert_cmpstr(virJSONObjectLookupString(slow, "execute"), ==, "query-slow");
    command = qmpPeerRead(peer);
    g_assert_cmpstr(virJSONObjectLookupString(command, "exec-oob"), ==, "yank");
    qmpPeerSend(peer, "{'return':'fast','id':'%s'}", virJSONObjectLookupString(command, "id"));
    virJSONValueFree(g_steal_pointer(&command));
    command = qmpPeerRead(peer);   /* who asked has it */
    qmpPeerSend(peer, "{'return':'slow','id':'%s'}", virJSONObjectLookupString(slow, "id"));
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
}

static gpointer
runSlow(gpointer opaque)
{
    g_autoptr(virJSONValue) reply = NULL;

    g_assert_cmpint(run(opaque, "query-slow", &reply), ==, 0);
    g_assert_cmpstr(virJSONStringOf(reply), ==, "slow");
    return NULL;
}

static void
testOutOfBand(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptOutOfBand, NULL);
    g_autoptr(virJSONValue) yank = virJSONBuild("{'exec-oob':'yank','arguments':{'instances':[]}}");
    g_autoptr(virJSONValue) reply = NULL;
    unsigned long long trips = 0;
    unsigned long long sent = 0;
    GThread *slow = g_thread_new("slow", runSlow, mon);

    for (; sent < 2; g_usleep(1000))
        qemuMonitorCounters(mon, &trips, &sent);
    g_assert_cmpint(qemuMonitorCommand(mon, yank, &reply), ==, 0);
    g_assert_cmpstr(virJSONStringOf(reply), ==, "fast");
    g_assert_cmpint(run(mon, "query-name", NULL), ==, 0);
    g_thread_join(slow);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* A line without end: refused at 64 MiB, not stored for ever. */
static void
scriptEndless(qmpPeer *peer)
{
    g_autofree char *fill = g_malloc(1024 * 1024);
    int i = 0;

    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    memset(fill, ' ', 1024 * 1024);
    for (i = 0; i < 70; i++)
        qmpPeerSendRaw(peer, fill, 1024 * 1024);
}

static void
testEndless(void)
{
    qmpPeer peer = {0};
    watched w = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptEndless, &w);

    g_assert_cmpint(run(mon, "query-status", NULL), ==, -1);
    assertError(VIR_ERR_OPERATION_FAILED, "64 MiB");
    waitFor(&w, &w.eofs, 1);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

static void
scriptGarbage(qmpPeer *peer)
{
    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    qmpPeerSend(peer, "{'return': oops");
    virJSONValueFree(qmpPeerRead(peer));
}

static void
scriptStranger(qmpPeer *peer)
{
    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    qmpPeerSend(peer, "{'return':{},'id':'4711'}");
    virJSONValueFree(qmpPeerRead(peer));
}

static void
scriptNoId(qmpPeer *peer)
{
    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    qmpPeerSend(peer, "{'error':{'class':'GenericError','desc':'JSON parse error'}}");
    virJSONValueFree(qmpPeerRead(peer));
}

static void
scriptHangUp(qmpPeer *peer)
{
    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    qmpPeerHangUp(peer);
}

/* Each ends the connection: the waiting command fails with the reason, eof comes once. */
static void
testBroken(gconstpointer opaque)
{
    static const struct {
        void (*script)(qmpPeer *);
        const char *reason;
    } cases[] = {
        {scriptGarbage, "not a JSON object"},
        {scriptStranger, "answers no command"},
        {scriptNoId, "no id of ours"},
        {scriptHangUp, "closed the connection"},
    };
    size_t i = GPOINTER_TO_UINT(opaque);
    qmpPeer peer = {0};
    watched w = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, cases[i].script, &w);

    g_assert_cmpint(run(mon, "query-status", NULL), ==, -1);
    assertError(VIR_ERR_OPERATION_FAILED, cases[i].reason);
    waitFor(&w, &w.eofs, 1);
    g_assert_cmpint(run(mon, "query-status", NULL), ==, -1);
    assertError(VIR_ERR_OPERATION_FAILED, cases[i].reason);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
    g_assert_cmpuint(w.eofs, ==, 1);
}

/* Batch of three, answered last first, with an error and an event between. */
static void
scriptOutOfOrder(qmpPeer *peer)
{
    virJSONValue *commands[3] = {NULL};
    int i = 0;

    qmpPeerGreet(peer);
    for (i = 0; i < 3; i++)
        commands[i] = qmpPeerRead(peer);
    for (i = 2; i >= 0; i--) {
        const char *id = virJSONObjectLookupString(commands[i], "id");

        if (i == 1)
            qmpPeerSend(peer, "{'id':'%s','error':{'class':'DeviceNotFound','desc':'no two'}}", id);
        else
            qmpPeerSend(peer, "{'return':'%s','id':'%s'}",
                        virJSONObjectLookupString(commands[i], "execute"), id);
        qmpPeerSend(peer, "{'timestamp':{'seconds':12,'microseconds':34},'event':'E%d'}", i);
        virJSONValueFree(commands[i]);
    }
}

static void
testOutOfOrder(void)
{
    qmpPeer peer = {0};
    watched w = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptOutOfOrder, &w);
    virJSONValue *commands[] = {virJSONBuild("{'execute':'one'}"),
                                virJSONBuild("{'execute':'two'}"),
                                virJSONBuild("{'execute':'three'}")};
    virJSONValue *replies[3] = {NULL};
    const char *errorClass = NULL;
    const char *desc = NULL;
    unsigned long long roundTrips = 0;
    unsigned long long sent = 0;
    int i = 0;

    g_assert_cmpint(qemuMonitorBatch(mon, commands, 3, replies), ==, 0);
    g_assert_cmpstr(virJSONObjectLookupString(replies[0], "return"), ==, "one");
    g_assert_cmpstr(virJSONObjectLookupString(replies[2], "return"), ==, "three");
    g_assert_false(qemuMonitorReplyError(replies[0], NULL, NULL));
    g_assert_true(qemuMonitorReplyError(replies[1], &errorClass, &desc));
    g_assert_cmpstr(errorClass, ==, "DeviceNotFound");
    g_assert_cmpstr(desc, ==, "no two");
    qemuMonitorReportReplyError(commands[1], replies[1]);
    assertError(VIR_ERR_INTERNAL_ERROR, "unable to execute QEMU command 'two': no two");
    waitFor(&w, &w.events, 3);
    g_assert_cmpstr(w.last, ==, "E0");
    g_assert_cmpint(w.seconds, ==, 12);
    g_assert_cmpuint(w.micros, ==, 34);
    qemuMonitorCounters(mon, &roundTrips, &sent);
    g_assert_cmpuint(roundTrips, ==, 2); /* with the negotiation */
    g_assert_cmpuint(sent, ==, 4);
    for (i = 0; i < 3; i++) {
        virJSONValueFree(commands[i]);
        virJSONValueFree(replies[i]);
    }
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

#define FLOOD 20000

static void
scriptFlood(qmpPeer *peer)
{
    g_autoptr(virJSONValue) command = NULL;
    int i = 0;

    qmpPeerGreet(peer);
    command = qmpPeerRead(peer);
    for (i = 0; i < FLOOD; i++)
        qmpPeerSend(peer, "{'event':'JOB_STATUS_CHANGE','data':{'id':'j%d'}}", i);
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
}

static void
testFlood(void)
{
    qmpPeer peer = {0};
    watched w = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptFlood, &w);

    g_assert_cmpint(run(mon, "cont", NULL), ==, 0);
    g_assert_cmpuint(w.events, ==, FLOOD); /* all were sent before the reply */
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* A peer that reads nothing for a while: the caller's bytes are queued, none is lost. */
static void
scriptSlowReader(qmpPeer *peer)
{
    int i = 0;

    qmpPeerGreet(peer);
    g_usleep(200 * 1000);
    for (i = 0; i < 8; i++) {
        g_autoptr(virJSONValue) command = qmpPeerRead(peer);
        const char *text =
            virJSONObjectLookupString(virJSONObjectLookupObject(command, "arguments"), "text");

        qmpPeerSend(peer, "{'return':%u,'id':'%s'}", (unsigned int)strlen(text),
                    virJSONObjectLookupString(command, "id"));
    }
}

static gpointer
slowCaller(gpointer opaque)
{
    g_autofree char *text = g_strnfill(1000 * 1000, 'y');
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'big','arguments':{'text':%s}}", text);
    g_autoptr(virJSONValue) reply = NULL;

    g_assert_cmpint(qemuMonitorCommand(opaque, command, &reply), ==, 0);
    g_assert_cmpstr(virJSONNumberOf(reply), ==, "1000000");
    return NULL;
}

static void
testSlowReader(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptSlowReader, NULL);
    GThread *callers[8] = {NULL};
    size_t i = 0;

    for (i = 0; i < G_N_ELEMENTS(callers); i++)
        callers[i] = g_thread_new("caller", slowCaller, mon);
    for (i = 0; i < G_N_ELEMENTS(callers); i++)
        g_thread_join(callers[i]);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* Close from another thread ends a wait; no callback follows. */
static void
scriptSilent(qmpPeer *peer)
{
    qmpPeerGreet(peer);
    virJSONValueFree(qmpPeerRead(peer));
    g_assert_null(qmpPeerRead(peer));
}

static gpointer
closeSoon(gpointer mon)
{
    g_usleep(100 * 1000);
    qemuMonitorClose(mon);
    return NULL;
}

static void
testClose(void)
{
    qmpPeer peer = {0};
    watched w = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptSilent, &w);
    GThread *closer = g_thread_new("closer", closeSoon, mon);

    g_assert_cmpint(run(mon, "blockdev-add", NULL), ==, -1);
    assertError(VIR_ERR_OPERATION_FAILED, "closed");
    g_thread_join(closer);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
    g_assert_cmpuint(w.eofs, ==, 0);
}

static void
scriptMute(qmpPeer *peer)
{
    g_assert_null(qmpPeerRead(peer));
}

static void
scriptGone(qmpPeer *peer)
{
    qmpPeerHangUp(peer);
}

static void
scriptRest(qmpPeer *peer)
{
    qmpPeerSend(peer, "'meta-type':'object'}]}");
    virJSONValueFree(qmpPeerRead(peer));
}

/* Who opens is told; the owner of the callbacks, who would end QEMU for it, is not. */
static void
testOpenFails(void)
{
    qmpPeer mute = {0};
    qmpPeer gone = {0};
    qmpPeer rest = {0};
    watched w = {0};

    qmpPeerStart(&mute, scriptMute);
    g_assert_null(qemuMonitorOpen(mute.clientFd, "vm", NULL, NULL, 100));
    assertError(VIR_ERR_OPERATION_TIMEOUT, "did not greet");
    qmpPeerJoin(&mute);

    qmpPeerStart(&gone, scriptGone);
    g_assert_null(qemuMonitorOpen(gone.clientFd, "vm", &callbacks, &w, 10000));
    assertError(VIR_ERR_INTERNAL_ERROR, "before its monitor was ready");
    qmpPeerJoin(&gone);

    qmpPeerStart(&rest, scriptRest);
    g_assert_null(qemuMonitorOpen(rest.clientFd, "vm", &callbacks, &w, 10000));
    assertError(VIR_ERR_INTERNAL_ERROR, "not a JSON object");
    qmpPeerJoin(&rest);
    g_assert_cmpuint(w.eofs, ==, 0);
}

static void
scriptPassthrough(qmpPeer *peer)
{
    int i = 0;

    qmpPeerGreet(peer);
    for (i = 0; i < 3; i++) {
        g_autoptr(virJSONValue) command = qmpPeerRead(peer);
        const char *id = virJSONObjectLookupString(command, "id");

        g_assert_true(g_ascii_isdigit(id[0]));
        if (i == 2)
            qmpPeerSend(peer, "{'id':'%s','error':{'class':'CommandNotFound','desc':'d'}}", id);
        else
            qmpPeerSend(peer, "{'return':{'a':1},'id':'%s'}", id);
    }
}

static void
testPassthrough(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptPassthrough, NULL);
    g_autofree char *filler = g_strnfill(2 * 1024 * 1024, ' ');
    g_autofree char *longest = g_strdup_printf("{\"execute\":\"x\",\"a\":[%s0]}", filler);
    g_autofree char *own = qemuMonitorPassthrough(mon, "{\"execute\":\"x\",\"id\":[7]}");
    g_autofree char *none = qemuMonitorPassthrough(mon, " {\"execute\":\"x\"}\n");
    g_autofree char *error = qemuMonitorPassthrough(mon, "{\"execute\":\"nope\",\"id\":\"u\"}");

    g_assert_cmpstr(own, ==, "{\"return\":{\"a\":1},\"id\":[7]}");
    g_assert_cmpstr(none, ==, "{\"return\":{\"a\":1},\"id\":\"libvirt-3\"}");
    g_assert_cmpstr(error, ==,
                    "{\"id\":\"u\",\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"d\"}}");
    g_assert_null(qemuMonitorPassthrough(mon, "info status"));
    g_assert_null(qemuMonitorPassthrough(mon, "[1]"));
    assertError(VIR_ERR_INVALID_ARG, "must be a JSON object");
    g_assert_null(qemuMonitorPassthrough(mon, "{\"id\":1}"));
    assertError(VIR_ERR_INVALID_ARG, "no 'execute'");
    /* It may have more tokens than QEMU takes, which must then not get to see it. */
    g_assert_null(qemuMonitorPassthrough(mon, longest));
    assertError(VIR_ERR_INVALID_ARG, "longer than");
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* The descriptor arrives with the command's bytes. */
static void
scriptFd(qmpPeer *peer)
{
    char buf[512] = "";
    struct iovec iov = {buf, sizeof(buf) - 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof(control.space)};
    g_autoptr(virJSONValue) command = NULL;
    gssize n = 0;
    int fd = -1;

    qmpPeerGreet(peer);
    n = recvmsg(peer->fd, &msg, MSG_CMSG_CLOEXEC);
    g_assert_cmpint(n, >, 0);
    g_assert_nonnull(CMSG_FIRSTHDR(&msg));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    g_assert_cmpint(write(fd, "seen", 4), ==, 4);
    close(fd);
    command = virJSONParse(buf, n);
    qmpPeerSend(peer, "{'return':{},'id':'%s'}", virJSONObjectLookupString(command, "id"));
}

static void
testFd(void)
{
    qmpPeer peer = {0};
    g_autoptr(qemuMonitor) mon = openPeer(&peer, scriptFd, NULL);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'getfd','arguments':{'fdname':'f'}}");
    int pipefd[2] = {-1, -1};
    char buf[8] = "";

    g_assert_cmpint(pipe2(pipefd, O_CLOEXEC), ==, 0);
    g_assert_cmpint(qemuMonitorCommandFd(mon, command, pipefd[1], NULL), ==, 0);
    g_assert_cmpint(read(pipefd[0], buf, sizeof(buf)), ==, 4);
    g_assert_cmpstr(buf, ==, "seen");
    close(pipefd[0]);
    close(pipefd[1]);
    qemuMonitorClose(mon);
    qmpPeerJoin(&peer);
}

/* Typed replies with members missing are refused, not read as zero. */
static void
testParse(void)
{
    g_autoptr(virJSONValue) stats =
        virJSONParse("[{\"qdev\":\"/machine/peripheral/virtio-disk0/"
                     "virtio-backend\",\"stats\":{\"rd_operations\":1,"
                     "\"rd_bytes\":2,\"rd_total_time_ns\":3,\"wr_operations\":4,\"wr_bytes\":5,"
                     "\"wr_total_time_ns\":6,"
                     "\"flush_operations\":7,\"flush_total_time_ns\":8},"
                     "\"parent\":{}}]",
                     -1);
    g_autoptr(virJSONValue) broken =
        virJSONParse("[{\"qdev\":\"x\",\"stats\":{\"rd_operations\":1}}]", -1);
    g_autoptr(virJSONValue) jobs =
        virJSONParse("[{\"id\":\"j\",\"type\":\"backup\",\"status\":\"concluded\","
                     "\"current-progress\":10,\"total-progress\":20,\"error\":\"No space left\"}]",
                     -1);
    g_autoptr(virJSONValue) noProgress =
        virJSONParse("[{\"id\":\"j\",\"type\":\"b\",\"status\":\"s\"}]", -1);
    g_autoptr(GHashTable) table = qemuQMPBlockStatsParse(stats);
    g_autoptr(GPtrArray) list = qemuQMPJobsParse(jobs);
    const qemuQMPBlockStats *s = NULL;
    const qemuQMPJob *job = NULL;

    g_assert_nonnull(table);
    s = g_hash_table_lookup(table, "virtio-disk0");
    g_assert_nonnull(s);
    g_assert_cmpuint(s->readOps + s->readBytes + s->readTimeNs, ==, 6);
    g_assert_cmpuint(s->writeOps + s->writeBytes + s->writeTimeNs, ==, 15);
    g_assert_cmpuint(s->flushOps + s->flushTimeNs, ==, 15);
    g_assert_null(qemuQMPBlockStatsParse(broken));
    assertError(VIR_ERR_INTERNAL_ERROR, "lacks counters");

    g_assert_nonnull(list);
    job = g_ptr_array_index(list, 0);
    g_assert_cmpstr(job->error, ==, "No space left");
    g_assert_cmpuint(job->current, ==, 10);
    g_assert_cmpuint(job->total, ==, 20);
    g_assert_null(qemuQMPJobsParse(noProgress));
    assertError(VIR_ERR_INTERNAL_ERROR, "incomplete");
    g_assert_null(qemuQMPBlockJobsParse(NULL));
    assertError(VIR_ERR_INTERNAL_ERROR, "not a list");
}

static void
testParseNodes(void)
{
    g_autoptr(virJSONValue) nodes = virJSONParse(
        "[{\"node-name\":\"f\",\"drv\":\"qcow2\",\"file\":\"/a\",\"write_threshold\":0},"
        "{\"node-name\":\"#block7\",\"drv\":\"file\",\"file\":\"/a\",\"write_threshold\":5},"
        "{\"node-name\":\"dev\",\"drv\":\"host_device\",\"file\":\"/dev/b\",\"write_threshold\":0}]", -1);
    g_autoptr(virJSONValue) stats = virJSONParse(
        "[{\"node-name\":\"gone\",\"stats\":{\"wr_highest_offset\":1}},"
        "{\"node-name\":\"#block7\",\"stats\":{\"wr_highest_offset\":9}}]", -1);
    g_autoptr(virJSONValue) broken = virJSONParse("[{\"node-name\":\"f\"}]", -1);
    g_autoptr(GPtrArray) list = qemuQMPNodesParse(nodes, stats);

    g_assert_cmpuint(list->len, ==, 3);
    g_assert_cmpstr(qemuQMPNodeByFile(list, "/a")->name, ==, "#block7");
    g_assert_cmpstr(qemuQMPNodeByFile(list, "/dev/b")->name, ==, "dev");
    g_assert_null(qemuQMPNodeByFile(list, "/b"));
    g_assert_null(qemuQMPNodeByName(list, "gone"));
    g_assert_cmpuint(qemuQMPNodeByName(list, "#block7")->threshold, ==, 5);
    g_assert_cmpuint(qemuQMPNodeByName(list, "#block7")->highest, ==, 9);
    g_assert_cmpuint(qemuQMPNodeByName(list, "f")->highest, ==, 0);
    g_assert_null(qemuQMPNodesParse(broken, stats));
    assertError(VIR_ERR_INTERNAL_ERROR, "incomplete");
    g_assert_null(qemuQMPNodesParse(nodes, NULL));
    assertError(VIR_ERR_INTERNAL_ERROR, "not a list");
}

static void
testParseBlockJobs(void)
{
    g_autoptr(virJSONValue) jobs = virJSONParse(
        "[{\"device\":\"j\",\"type\":\"backup\",\"status\":\"running\",\"offset\":1,\"len\":2,\"speed\":3},"
        "{\"device\":\"k\",\"type\":\"backup\",\"status\":\"concluded\",\"offset\":2,\"len\":2,\"speed\":0}]",
        -1);
    g_autoptr(virJSONValue) broken = virJSONParse("[{\"device\":\"j\",\"type\":\"backup\"}]", -1);
    g_autoptr(GPtrArray) list = qemuQMPBlockJobsParse(jobs);
    const qemuQMPBlockJob *job = g_ptr_array_index(list, 0);

    g_assert_cmpstr(job->id, ==, "j");
    g_assert_cmpuint(job->offset, ==, 1);
    g_assert_cmpuint(job->length, ==, 2);
    g_assert_cmpuint(job->speed, ==, 3);
    g_assert_false(job->concluded);
    g_assert_true(((const qemuQMPBlockJob *)g_ptr_array_index(list, 1))->concluded);
    g_assert_null(qemuQMPBlockJobsParse(broken));
    assertError(VIR_ERR_INTERNAL_ERROR, "incomplete");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qmpPeerStartMainLoop();
    g_test_add_func("/monitor/byte-by-byte", testBytes);
    g_test_add_func("/monitor/huge-reply", testHuge);
    g_test_add_func("/monitor/out-of-band", testOutOfBand);
    g_test_add_func("/monitor/endless-line", testEndless);
    g_test_add_data_func("/monitor/garbage", GUINT_TO_POINTER(0), testBroken);
    g_test_add_data_func("/monitor/unknown-id", GUINT_TO_POINTER(1), testBroken);
    g_test_add_data_func("/monitor/no-id", GUINT_TO_POINTER(2), testBroken);
    g_test_add_data_func("/monitor/hang-up", GUINT_TO_POINTER(3), testBroken);
    g_test_add_func("/monitor/predecessor", testPredecessor);
    g_test_add_func("/monitor/out-of-order", testOutOfOrder);
    g_test_add_func("/monitor/event-flood", testFlood);
    g_test_add_func("/monitor/slow-reader", testSlowReader);
    g_test_add_func("/monitor/close", testClose);
    g_test_add_func("/monitor/open-fails", testOpenFails);
    g_test_add_func("/monitor/passthrough", testPassthrough);
    g_test_add_func("/monitor/descriptor", testFd);
    g_test_add_func("/qmp/parse", testParse);
    g_test_add_func("/qmp/parse-nodes", testParseNodes);
    g_test_add_func("/qmp/parse-block-jobs", testParseBlockJobs);
    return g_test_run();
}
