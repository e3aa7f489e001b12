/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virtqemud-guard: ends what must not last when the daemon cannot.
 *
 * A backup freezes the guest's file systems, or stops its CPUs, for a moment. A daemon that dies or
 * hangs in that moment must not leave a guest like that. So it hands this process the very
 * connection over which it would undo it, with a deadline, and takes it back afterwards:
 *
 *     daemon ──ARM, descriptor──> guard      daemon gone (end of file), deadline over, or FIRE:
 *            ──DISARM──────────>              "cont" to QEMU, "guest-fsfreeze-thaw" to the agent
 *
 * The same connection, because QEMU's sockets serve one client at a time: another one would wait in
 * line until the daemon's is closed, and a daemon that hangs does not close it. Holding a copy also
 * keeps the connection open when the daemon dies: QEMU drops what it has not yet read of a closed
 * one, "cont" for example.
 *
 * Nothing but libc: it must work when little else does. It asks nobody and allocates at the start.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "qemu_guard_protocol.h"

enum {
    ENTRIES_MAX = 256,        /* frozen or stopped guests at one time */
    LINE_MAX_BYTES = 4096,    /* of an agent's answer; more is not one we wait for */
    CONT_GIVE_UP_MS = 10000,
    THAW_RETRY_MS = 2000,
    THAW_GIVE_UP_MS = 300000, /* an agent that has hung for so long is left to whoever repairs it */
    THAW_ERRORS_MAX = 5,
};

typedef struct {
    bool used;
    bool firing;
    uint32_t id;
    uint32_t kind;
    int fd;
    int64_t deadline;         /* armed: 0 = none */
    int64_t giveUp;           /* firing */
    int64_t next;             /* firing: next attempt */
    unsigned int attempts;
    unsigned int errors;
    bool synced;              /* this attempt's guest-sync has been answered */
    size_t length;
    char line[LINE_MAX_BYTES + 1];
} guardEntry;

static guardEntry entries[ENTRIES_MAX];

static int64_t
nowMs(void)
{
    struct timespec ts = { 0 };

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static guardEntry *
entryLookup(uint32_t id)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        if (entries[i].used && entries[i].id == id)
            return &entries[i];
    }
    return NULL;
}

static guardEntry *
entryNew(void)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        if (!entries[i].used)
            return &entries[i];
    }
    return NULL;
}

static void
entryDrop(guardEntry *e)
{
    close(e->fd);
    e->used = false;
}

static void
entryFire(guardEntry *e)
{
    int64_t now = nowMs();

    if (e->firing)
        return;
    fprintf(stderr, "virtqemud-guard: %s\n",
            e->kind == QEMU_GUARD_CONT ? "the daemon has ended: letting a guest run on"
                                       : "thawing the file systems of a guest in the daemon's place");
    e->firing = true;
    e->next = now;
    e->giveUp = now + (e->kind == QEMU_GUARD_CONT ? CONT_GIVE_UP_MS : THAW_GIVE_UP_MS);
}

/* The id of this attempt's guest-sync: an answer to an earlier one is no answer. */
static unsigned long
syncId(const guardEntry *e)
{
    return 900000000UL + (e->id % 100000) * 1000 + e->attempts;
}

/* The peer may have half a command of the daemon's before it: 0xFF is what both, the agent and QMP, take
 * for the end of it. Never blocks; what does not go out now is tried again. */
static void
entryAttempt(guardEntry *e)
{
    char text[256];
    int length;

    e->attempts++;
    e->synced = false;
    e->length = 0;
    e->next = nowMs() + THAW_RETRY_MS;
    if (e->kind == QEMU_GUARD_CONT)
        length = snprintf(text, sizeof(text), "\xff\n{\"execute\":\"cont\",\"id\":\"virtqemud-guard\"}\n");
    else
        length = snprintf(text, sizeof(text),
                          "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%lu}}\n"
                          "{\"execute\":\"guest-fsfreeze-thaw\"}\n",
                          syncId(e));
    if (send(e->fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
        errno != EINTR)
        entryDrop(e);
}

/* True when there is nothing more to do for @e. */
static bool
entryLine(guardEntry *e)
{
    const char *value = strstr(e->line, "\"return\"");

    if (e->kind == QEMU_GUARD_CONT)
        return strstr(e->line, "\"virtqemud-guard\"") != NULL;
    if (!e->synced) {
        value = value ? strchr(value, ':') : NULL;
        e->synced = value && strtoul(value + 1, NULL, 10) == syncId(e);
        return false;
    }
    if (value)
        return true;
    if (strstr(e->line, "\"error\"")) {
        e->synced = false;
        return ++e->errors >= THAW_ERRORS_MAX;
    }
    return false;
}

/* An answer is one line; a longer one is cut, and an agent that floods us is read and no more. */
static bool
entryByte(guardEntry *e, char c)
{
    bool done = false;

    if ((unsigned char)c == 0xff) {
        e->length = 0;
    } else if (c == '\n') {
        e->line[e->length] = '\0';
        done = entryLine(e);
        e->length = 0;
    } else if (e->length < LINE_MAX_BYTES) {
        e->line[e->length++] = c;
    }
    return done;
}

static void
entryReadable(guardEntry *e)
{
    char buffer[LINE_MAX_BYTES];
    ssize_t n = recv(e->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        entryDrop(e);   /* QEMU has gone, and the guest with it */
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (entryByte(e, buffer[i])) {
            entryDrop(e);
            return;
        }
    }
}

static void
entryArm(const qemuGuardMessage *message, int fd)
{
    guardEntry *e = entryNew();

    if (!e || fd < 0 || message->kind >= QEMU_GUARD_KIND_LAST)
        return;
    memset(e, 0, sizeof(*e));
    e->id = message->id;
    e->kind = message->kind;
    e->fd = dup(fd);
    e->used = e->fd >= 0;
    e->deadline = message->deadlineMs ? nowMs() + message->deadlineMs : 0;
}

/* Returns: has it been left in peace? */
static bool
obey(const qemuGuardMessage *message, int fd)
{
    guardEntry *e = NULL;

    if (message->op == QEMU_GUARD_ARM)
        entryArm(message, fd);
    e = entryLookup(message->id);
    if (!e || e->firing)
        return false;
    if (message->op == QEMU_GUARD_EXTEND)
        e->deadline = message->deadlineMs ? nowMs() + message->deadlineMs : 0;
    else if (message->op == QEMU_GUARD_DISARM)
        entryDrop(e);
    else if (message->op == QEMU_GUARD_FIRE)
        entryFire(e);
    return true;
}

static int
descriptorOf(struct msghdr *header)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    int fd = -1;

    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    return fd;
}

/* Returns: is the daemon there? */
static bool
daemonReadable(int daemon)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    qemuGuardMessage message = { 0 };
    qemuGuardAnswer answer = { 0 };
    struct iovec iov = { .iov_base = &message, .iov_len = sizeof(message) };
    struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(daemon, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd = -1;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    fd = descriptorOf(&header);
    if (n == (ssize_t)sizeof(message)) {
        answer.id = message.id;
        answer.fired = !obey(&message, fd);
        if (message.answer && send(daemon, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            fprintf(stderr, "virtqemud-guard: cannot answer the daemon: %s\n", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return true;
}

/* What is due now happens. Returns: milliseconds until something is, -1 = nothing will be. */
static int
entriesDue(bool orphan)
{
    int64_t soonest = -1;
    int64_t now = nowMs();

    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        guardEntry *e = &entries[i];
        int64_t due;

        if (e->used && !e->firing && (orphan || (e->deadline && e->deadline <= now)))
            entryFire(e);
        if (e->used && e->firing && e->giveUp <= now)
            entryDrop(e);
        if (e->used && e->firing && e->next <= now)
            entryAttempt(e);
        if (!e->used)
            continue;
        due = e->firing ? (e->next < e->giveUp ? e->next : e->giveUp) : e->deadline;
        if (due && (soonest < 0 || due < soonest))
            soonest = due;
    }
    if (soonest < 0)
        return -1;
    return soonest > now ? (int)(soonest - now) + 1 : 0;
}

static bool
entriesLeft(void)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        if (entries[i].used)
            return true;
    }
    return false;
}

/* Only what fires is read: until then every byte is the daemon's. Returns: is there more to come? Without
 * the daemon and anything to do, poll() would not return. */
static bool
turn(int *daemon)
{
    struct pollfd fds[ENTRIES_MAX + 1] = { { .fd = *daemon, .events = POLLIN } };
    guardEntry *of[ENTRIES_MAX + 1] = { NULL };
    int timeout = entriesDue(*daemon < 0);
    nfds_t n = 1;

    if (*daemon < 0 && !entriesLeft())
        return false;
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        if (!entries[i].used || !entries[i].firing)
            continue;
        fds[n].fd = entries[i].fd;
        fds[n].events = POLLIN;
        of[n++] = &entries[i];
    }
    if (poll(fds, n, timeout) < 0)
        return true;
    if (fds[0].revents && !daemonReadable(*daemon))
        *daemon = -1;
    for (nfds_t i = 1; i < n; i++) {
        if (fds[i].revents && of[i]->used && of[i]->fd == fds[i].fd)
            entryReadable(of[i]);
    }
    return true;
}

int
main(int argc, char **argv)
{
    int daemon = argc == 2 ? atoi(argv[1]) : -1;

    if (daemon < 3) {
        fprintf(stderr, "virtqemud-guard is started by virtqemud, not by hand\n");
        return EXIT_FAILURE;
    }
    /* It ends when the daemon has and all is well, and not before. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while (turn(&daemon))
        continue;
    return EXIT_SUCCESS;
}
