/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest agent's protocol against agents that hang, lie, die and flood; and the guard, which speaks it
 * on its own when we cannot. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib.h>
#include "qemu_agent.h"
#include "qemu_guard.h"
#include "virerror_report.h"
#include "virfile.h"

#define SOON_MS 300       /* for what does not come at all */
#define AMPLE_MS 20000    /* for what comes, on the slowest machine */

/* The agent's end, and a thread that plays it. */
typedef struct _fakeAgent {
    int fd;
    GThread *thread;
    void (*play)(struct _fakeAgent *fake);
} fakeAgent;

static gpointer
fakeThread(gpointer data)
{
    fakeAgent *fake = data;

    fake->play(fake);
    return NULL;
}

static qemuAgent *
fakeStart(fakeAgent *fake, void (*play)(fakeAgent *fake))
{
    int fds[2] = { -1, -1 };

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    fake->fd = fds[1];
    fake->play = play;
    fake->thread = play ? g_thread_new("agent", fakeThread, fake) : NULL;
    return qemuAgentNew(fds[0], "vm");
}

static void
fakeEnd(fakeAgent *fake, qemuAgent *agent)
{
    qemuAgentFree(agent);
    if (fake->thread)
        g_thread_join(fake->thread);
    virFileAutoClose(&fake->fd);
}

/* (owned) the next line, without 0xFF before it; NULL at the end of the connection. */
static char *
fakeRead(int fd)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char c = 0;

    while (read(fd, &c, 1) == 1) {
        if (c == '\n' && line->len > 0)
            return g_strdup(line->str);
        if (c != '\n' && c != (char)0xff)
            g_string_append_c(line, c);
    }
    return NULL;
}

static void
fakeSay(int fd, const char *text)
{
    gsize length = strlen(text);

    if (send(fd, text, length, MSG_NOSIGNAL) != (gssize)length)
        g_test_message("nobody listens to: %s", text);
}

/* Answer guest-sync-delimited; false at the end of the connection. */
static bool
fakeSync(int fd)
{
    g_autofree char *line = fakeRead(fd);
    g_autoptr(virJSONValue) command = line ? virJSONParse(line, -1) : NULL;
    g_autofree char *answer = NULL;
    unsigned long long id = 0;

    if (!command)
        return false;
    g_assert_cmpstr(virJSONObjectLookupString(command, "execute"), ==, "guest-sync-delimited");
    g_assert_cmpint(virJSONObjectGetUInt(virJSONObjectLookupObject(command, "arguments"), "id", &id), ==, 0);
    answer = g_strdup_printf("\xff{\"return\": %llu}\n", id);
    fakeSay(fd, answer);
    return true;
}

static int
run(qemuAgent *agent, unsigned int timeoutMs, virJSONValue **reply)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'guest-fsfreeze-thaw'}");

    return qemuAgentCommand(agent, command, timeoutMs, reply);
}

static void
assertFails(int ret, int code, const char *words)
{
    g_assert_cmpint(ret, ==, -1);
    g_assert_cmpint(virErrorLastCode(), ==, code);
    if (!strstr(virErrorLastMessage(), words))
        g_error("'%s' does not say '%s'", virErrorLastMessage(), words);
    virErrorReset();
}

/* What an earlier conversation left is passed over, also what looks like an answer. */
static void
playHonest(fakeAgent *fake)
{
    fakeSay(fake->fd, "{\"return\": 7}\n\xff{\"return\": 1}\n{\"ret");
    if (!fakeSync(fake->fd))
        return;
    g_free(fakeRead(fake->fd));
    fakeSay(fake->fd, "{\"return\": 2}\n");
}

static void
testHonest(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playHonest);
    g_autoptr(virJSONValue) reply = NULL;

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    g_assert_cmpint(run(agent, AMPLE_MS, &reply), ==, 0);
    g_assert_cmpstr(virJSONNumberOf(reply), ==, "2");
    fakeEnd(&fake, agent);
}

static void
testSilent(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, NULL);

    assertFails(qemuAgentSync(agent, SOON_MS), VIR_ERR_AGENT_UNRESPONSIVE, "did not answer");
    fakeEnd(&fake, agent);
}

static void
playSyncOnly(fakeAgent *fake)
{
    if (fakeSync(fake->fd))
        g_free(fakeRead(fake->fd));
}

static void
testHangs(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playSyncOnly);

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    assertFails(run(agent, SOON_MS, NULL), VIR_ERR_AGENT_COMMAND_TIMEOUT, "'guest-fsfreeze-thaw'");
    fakeEnd(&fake, agent);
}

static void
playDies(fakeAgent *fake)
{
    playSyncOnly(fake);
    virFileAutoClose(&fake->fd);
}

static void
testDies(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playDies);

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    assertFails(run(agent, AMPLE_MS, NULL), VIR_ERR_AGENT_UNRESPONSIVE, "was closed");
    fakeEnd(&fake, agent);
}

static void
playRefuses(fakeAgent *fake)
{
    playSyncOnly(fake);
    fakeSay(fake->fd, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"has been disabled\"}}\n");
}

static void
testRefuses(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playRefuses);

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    assertFails(run(agent, AMPLE_MS, NULL), VIR_ERR_AGENT_COMMAND_FAILED, "has been disabled");
    fakeEnd(&fake, agent);
}

static void
playNonsense(fakeAgent *fake)
{
    playSyncOnly(fake);
    fakeSay(fake->fd, "[[[\"return\"]\n");
}

static void
testNonsense(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playNonsense);

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    assertFails(run(agent, AMPLE_MS, NULL), VIR_ERR_AGENT_UNRESPONSIVE, "what is no answer");
    fakeEnd(&fake, agent);
}

/* Until nobody listens any more. */
static void
playFlood(fakeAgent *fake)
{
    char block[4096];

    memset(block, 'x', sizeof(block));
    while (send(fake->fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
        continue;
}

static void
testFloodsSync(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playFlood);

    assertFails(qemuAgentSync(agent, AMPLE_MS), VIR_ERR_AGENT_UNRESPONSIVE, "floods");
    fakeEnd(&fake, agent);
}

static void
playFloodLater(fakeAgent *fake)
{
    playSyncOnly(fake);
    playFlood(fake);
}

static void
testFloodsCommand(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playFloodLater);

    g_assert_cmpint(qemuAgentSync(agent, AMPLE_MS), ==, 0);
    assertFails(run(agent, AMPLE_MS, NULL), VIR_ERR_AGENT_UNRESPONSIVE, "a line of more than");
    fakeEnd(&fake, agent);
}

/* A sync whose answers all have the wrong number. */
static void
playWrongId(fakeAgent *fake)
{
    g_free(fakeRead(fake->fd));
    for (int i = 0; i < 3; i++)
        fakeSay(fake->fd, "\xff{\"return\": 0}\n");
}

static void
testWrongId(void)
{
    fakeAgent fake = { 0 };
    qemuAgent *agent = fakeStart(&fake, playWrongId);

    assertFails(qemuAgentSync(agent, SOON_MS), VIR_ERR_AGENT_UNRESPONSIVE, "did not answer");
    fakeEnd(&fake, agent);
}

/* The guard. Both ends are ours: it gets a copy of one, and what it says comes out of the other. */

/* The only child of a test that has started it. */
static void
guardKill(void)
{
    g_autofree char *list = NULL;
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    pid_t pid = 0;

    g_assert_true(g_file_get_contents(path, &list, NULL, NULL));
    pid = (pid_t)g_ascii_strtoll(list, NULL, 10);
    g_assert_cmpint(pid, >, 1);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
}

static bool
saysSoon(int fd, unsigned int ms)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    return poll(&pfd, 1, (int)ms) == 1;
}

static void
assertSays(int fd, const char *words)
{
    g_autofree char *line = fakeRead(fd);

    if (!line || !strstr(line, words))
        g_error("the guard says '%s', not '%s'", line ? line : "nothing", words);
}

/* The guard has dropped its copy, and ours was the other one. */
static void
assertClosed(int fd)
{
    char c = 0;

    g_assert_cmpint(read(fd, &c, 1), ==, 0);
}

typedef struct _guardPair {
    int ours, theirs;
    unsigned int id;
} guardPair;

static void
guardPairOpen(guardPair *pair)
{
    int fds[2] = { -1, -1 };

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    pair->ours = fds[0];
    pair->theirs = fds[1];
}

static void
guardPairArm(guardPair *pair, qemuGuardKind kind, unsigned int deadlineMs)
{
    guardPairOpen(pair);
    pair->id = qemuGuardArm(kind, pair->theirs, deadlineMs, true);
    g_assert_cmpuint(pair->id, !=, 0);
}

static void
guardPairClose(guardPair *pair)
{
    virFileAutoClose(&pair->ours);
    virFileAutoClose(&pair->theirs);
}

static void
testGuardLeftInPeace(void)
{
    guardPair pair = { .ours = -1 };

    guardPairArm(&pair, QEMU_GUARD_THAW, 600000);
    g_assert_true(qemuGuardExtend(pair.id, 600000));
    g_assert_true(qemuGuardDisarm(pair.id, true));
    virFileAutoClose(&pair.theirs);
    assertClosed(pair.ours);
    g_assert_false(qemuGuardDisarm(pair.id, true));
    guardPairClose(&pair);
}

static void
assertThaws(guardPair *pair)
{
    g_assert_true(fakeSync(pair->ours));
    assertSays(pair->ours, "guest-fsfreeze-thaw");
    fakeSay(pair->ours, "{\"return\": 2}\n");
    virFileAutoClose(&pair->theirs);
    assertClosed(pair->ours);
}

static void
testGuardDeadline(void)
{
    guardPair pair = { .ours = -1 };

    guardPairArm(&pair, QEMU_GUARD_THAW, 1);
    assertThaws(&pair);
    g_assert_false(qemuGuardDisarm(pair.id, true));
    guardPairClose(&pair);
}

static void
testGuardFire(void)
{
    guardPair pair = { .ours = -1 };

    guardPairArm(&pair, QEMU_GUARD_THAW, 600000);
    g_assert_false(saysSoon(pair.ours, 50));
    qemuGuardFire(pair.id);
    g_assert_false(qemuGuardExtend(pair.id, 600000));
    assertThaws(&pair);
    guardPairClose(&pair);
}

/* An agent that floods, then refuses, and only then obeys. */
static void
testGuardInsists(void)
{
    guardPair pair = { .ours = -1 };
    g_autofree char *junk = g_strnfill(100000, 'x');

    guardPairArm(&pair, QEMU_GUARD_THAW, 600000);
    qemuGuardFire(pair.id);
    fakeSay(pair.ours, junk);
    g_assert_true(fakeSync(pair.ours));
    assertSays(pair.ours, "guest-fsfreeze-thaw");
    fakeSay(pair.ours, "{\"error\": {\"desc\": \"not now\"}}\n");
    assertThaws(&pair);
    guardPairClose(&pair);
}

/* Killed, it is replaced, and what it held is let go. */
static void
testGuardReplaced(void)
{
    guardPair first = { .ours = -1 };
    guardPair second = { .ours = -1 };

    guardPairArm(&first, QEMU_GUARD_THAW, 600000);
    guardKill();
    virFileAutoClose(&first.theirs);
    assertClosed(first.ours);
    guardPairArm(&second, QEMU_GUARD_THAW, 600000);
    g_assert_true(qemuGuardDisarm(second.id, true));
    guardPairClose(&first);
    guardPairClose(&second);
}

/* A process that arms and is killed: no line of its own runs after that. */
static void
testGuardDaemonDies(void)
{
    guardPair thaw = { .ours = -1 };
    guardPair cont = { .ours = -1 };
    pid_t pid = 0;

    guardKill();
    guardPairOpen(&thaw);
    guardPairOpen(&cont);
    pid = fork();
    if (pid == 0) {
        if (qemuGuardArm(QEMU_GUARD_THAW, thaw.theirs, 0, true) == 0 ||
            qemuGuardArm(QEMU_GUARD_CONT, cont.theirs, 0, false) == 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    g_assert_cmpint(pid, >, 0);
    assertSays(cont.ours, "{\"execute\":\"cont\"");
    fakeSay(cont.ours, "{\"return\": {}, \"id\": 5}\n{\"return\": {}, \"id\": \"virtqemud-guard\"}\n");
    virFileAutoClose(&cont.theirs);
    assertClosed(cont.ours);
    assertThaws(&thaw);
    guardPairClose(&thaw);
    guardPairClose(&cont);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent/honest", testHonest);
    g_test_add_func("/agent/silent", testSilent);
    g_test_add_func("/agent/hangs", testHangs);
    g_test_add_func("/agent/dies", testDies);
    g_test_add_func("/agent/refuses", testRefuses);
    g_test_add_func("/agent/nonsense", testNonsense);
    g_test_add_func("/agent/floods-sync", testFloodsSync);
    g_test_add_func("/agent/floods-command", testFloodsCommand);
    g_test_add_func("/agent/wrong-id", testWrongId);
    g_test_add_func("/guard/left-in-peace", testGuardLeftInPeace);
    g_test_add_func("/guard/deadline", testGuardDeadline);
    g_test_add_func("/guard/fire", testGuardFire);
    g_test_add_func("/guard/insists", testGuardInsists);
    g_test_add_func("/guard/replaced", testGuardReplaced);
    g_test_add_func("/guard/daemon-dies", testGuardDaemonDies);
    return g_test_run();
}
