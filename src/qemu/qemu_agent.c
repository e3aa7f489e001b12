/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why the socket is opened for each operation and not kept: what is not open cannot be flooded, and
 * an agent is rarely spoken to. What an agent still had to say to somebody else (it answers late when
 * the guest is busy) is passed over by guest-sync-delimited: its answer comes behind a byte 0xFF,
 * which no JSON contains.
 */
#include "qemu_agent.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define AGENT_LINE_MAX (64 * 1024)             /* answers of a few numbers; this is ample */
#define AGENT_CONVERSATION_MAX (1024 * 1024)   /* bytes taken in for one command */
#define AGENT_DELIMITER ((char)0xff)

struct _qemuAgent {
    int fd;
    char *name;
    GString *input;    /* not yet taken */
    gsize taken;       /* bytes received since the last command was sent */
    gint64 deadline;   /* of the present conversation */
};

qemuAgent *
qemuAgentNew(int fd, const char *name)
{
    qemuAgent *agent = g_new0(qemuAgent, 1);

    agent->fd = fd;
    agent->name = g_strdup(name);
    agent->input = g_string_new(NULL);
    return agent;
}

void
qemuAgentFree(qemuAgent *agent)
{
    if (!agent)
        return;
    close(agent->fd);
    g_free(agent->name);
    g_string_free(agent->input, TRUE);
    g_free(agent);
}

int
qemuAgentFd(const qemuAgent *agent)
{
    return agent->fd;
}

/* 1: ready, 0: the time is over, -1: error set. */
static int
agentPoll(qemuAgent *agent, short events)
{
    struct pollfd pfd = { .fd = agent->fd, .events = events };
    gint64 left = 0;
    int n = 0;

    do {
        left = (agent->deadline - g_get_monotonic_time() + 999) / 1000;
        n = left > 0 ? poll(&pfd, 1, (int)left) : 0;
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        virReportSystemError(errno, "cannot wait for the guest agent of domain '%s'", agent->name);
    return n;
}

static int
agentReportGone(qemuAgent *agent)
{
    virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                   "the connection to the guest agent of domain '%s' was closed", agent->name);
    return -1;
}

/* As agentPoll; what has come is behind what was there. */
static int
agentReceive(qemuAgent *agent)
{
    char buffer[4096];
    int ready = agentPoll(agent, POLLIN);
    ssize_t n = 0;

    if (ready <= 0)
        return ready;
    n = recv(agent->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (n <= 0)
        return agentReportGone(agent);
    agent->taken += (gsize)n;
    if (agent->taken > AGENT_CONVERSATION_MAX) {
        virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                       "the guest agent of domain '%s' floods its channel: more than %d bytes and no "
                       "answer among them",
                       agent->name, AGENT_CONVERSATION_MAX);
        return -1;
    }
    g_string_append_len(agent->input, buffer, n);
    return 1;
}

/* As agentPoll. @line: (owned) without its end. */
static int
agentLine(qemuAgent *agent, char **line)
{
    const char *end = NULL;
    int ready = 1;

    while (!(end = memchr(agent->input->str, '\n', agent->input->len))) {
        if (agent->input->len > AGENT_LINE_MAX) {
            virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                           "the guest agent of domain '%s' sent a line of more than %d bytes",
                           agent->name, AGENT_LINE_MAX);
            return -1;
        }
        ready = agentReceive(agent);
        if (ready <= 0)
            return ready;
    }
    *line = g_strndup(agent->input->str, (gsize)(end - agent->input->str));
    g_string_erase(agent->input, 0, end - agent->input->str + 1);
    return 1;
}

/* As agentPoll: drop all up to the delimiter. */
static int
agentSkip(qemuAgent *agent)
{
    const char *found = NULL;
    int ready = 1;

    while (!(found = memchr(agent->input->str, AGENT_DELIMITER, agent->input->len))) {
        g_string_truncate(agent->input, 0);
        ready = agentReceive(agent);
        if (ready <= 0)
            return ready;
    }
    g_string_erase(agent->input, 0, found - agent->input->str + 1);
    return 1;
}

static int
agentSend(qemuAgent *agent, const char *text, gsize length, unsigned int timeoutMs)
{
    agent->deadline = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    agent->taken = 0;
    while (length > 0) {
        ssize_t n = 0;
        int ready = agentPoll(agent, POLLOUT);

        if (ready < 0)
            return -1;
        if (ready == 0) {
            virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                           "the guest agent of domain '%s' takes no command", agent->name);
            return -1;
        }
        n = send(agent->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return agentReportGone(agent);
        text += n;
        length -= (gsize)n;
    }
    return 0;
}

int
qemuAgentSync(qemuAgent *agent, unsigned int timeoutMs)
{
    unsigned int id = g_random_int_range(1, G_MAXINT32);
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'guest-sync-delimited','arguments':{'id':%u}}", id);
    g_autofree char *json = virJSONFormat(command, false);
    g_autofree char *text = g_strdup_printf("%c%s\n", AGENT_DELIMITER, json);
    int ready = 1;

    g_string_truncate(agent->input, 0);
    if (agentSend(agent, text, strlen(text), timeoutMs) < 0)
        return -1;
    while ((ready = agentSkip(agent)) > 0) {
        g_autofree char *line = NULL;
        g_autoptr(virJSONValue) answer = NULL;
        unsigned long long got = 0;

        if ((ready = agentLine(agent, &line)) <= 0)
            break;
        answer = virJSONParse(line, -1);
        if (answer && virJSONObjectGetUInt(answer, "return", &got) == 0 && got == id) {
            virErrorReset();
            return 0;
        }
    }
    if (ready == 0)
        virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                       "the guest agent of domain '%s' did not answer within %u s; is it running in "
                       "the guest, and does nobody else hold its channel?",
                       agent->name, timeoutMs / 1000);
    return -1;
}

static const char *
commandName(const virJSONValue *command)
{
    return virJSONObjectLookupString(command, "execute");
}

/* What came is an answer, yes or no, or nothing of the kind. */
static int
agentJudge(qemuAgent *agent, const virJSONValue *command, virJSONValue *answer, virJSONValue **reply)
{
    const virJSONValue *error = virJSONObjectLookupObject(answer, "error");
    const char *desc = virJSONObjectLookupString(error, "desc");

    if (answer && virJSONValueType(answer) == VIR_JSON_OBJECT && virJSONObjectLookup(answer, "return")) {
        if (reply)
            *reply = virJSONObjectSteal(answer, "return");
        return 0;
    }
    if (error)
        virReportError(VIR_ERR_AGENT_COMMAND_FAILED,
                       "the guest agent of domain '%s' refused '%s': %s", agent->name,
                       commandName(command), desc ? desc : "no reason given");
    else
        virReportError(VIR_ERR_AGENT_UNRESPONSIVE,
                       "the guest agent of domain '%s' answered '%s' with what is no answer",
                       agent->name, commandName(command));
    return -1;
}

int
qemuAgentCommand(qemuAgent *agent, const virJSONValue *command, unsigned int timeoutMs,
                 virJSONValue **reply)
{
    g_autofree char *json = virJSONFormat(command, false);
    g_autofree char *text = g_strconcat(json, "\n", NULL);
    g_autofree char *line = NULL;
    g_autoptr(virJSONValue) answer = NULL;
    int ready = 0;

    VIR_DEBUG("domain '%s': agent command '%s'", agent->name, commandName(command));
    if (agentSend(agent, text, strlen(text), timeoutMs) < 0 || (ready = agentLine(agent, &line)) < 0)
        return -1;
    if (ready == 0) {
        virReportError(VIR_ERR_AGENT_COMMAND_TIMEOUT,
                       "the guest agent of domain '%s' did not carry out '%s' within %u s",
                       agent->name, commandName(command), timeoutMs / 1000);
        return -1;
    }
    answer = virJSONParse(line, -1);
    return agentJudge(agent, command, answer, reply);
}
