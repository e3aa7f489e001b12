/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QMP transport.
 *
 *   caller threads             main-loop thread
 *   --------------             ----------------
 *   format, register call
 *   send (or queue the rest) ─> write watch empties the queue
 *   sleep on call->cond      <─ read watch: a line -> reply (by id) or event
 *
 * A caller tries to send by itself first, because a hop to the main loop would cost every command
 * two thread switches. QMP has no limit for the time a command may take, and neither have we: a
 * wait ends with the reply, with the process or with qemuMonitorClose().
 *
 * The peer is not trusted: a line has a bound, and what is not JSON or answers nothing we asked
 * ends the connection.
 *
 * The descriptor is shut down at the end of the connection but closed with the last reference, so
 * that no thread can meet a reused number. Each watch owns a reference, given back by a function
 * posted to the main loop: it cannot run while a watch's callback is being dispatched.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gio/gio.h>
#include "qemu_monitor.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virmainloop.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* query-named-block-nodes of a domain with a thousand bitmaps is some MiB. */
#define QEMU_MONITOR_MAX_LINE (64 * 1024 * 1024)
#define QEMU_MONITOR_READ_CHUNK (64 * 1024)
/* A buffer grown beyond this for one reply is given back. */
#define QEMU_MONITOR_KEEP_BUFFER (1024 * 1024)
/* Reads in one go before other sockets of the main loop get their turn. */
#define QEMU_MONITOR_READ_TURNS 16
/* QEMU counts the tokens of a message and answers one of more than 2 Mi without an id, and goes on
 * in the middle of it: the conversation would be lost, and the domain with it. */
#define QEMU_MONITOR_MAX_PASSTHROUGH (1024 * 1024)
/* Before the id in what a passthrough caller sees. Not sent: QEMU 7.2 takes its input byte by byte,
 * some seven system calls each, so every byte of a command costs 5 us or more. */
#define QEMU_MONITOR_ID_PREFIX "libvirt-"

/* Replies one caller sleeps for; on its stack. */
typedef struct _qemuMonitorCall {
    GCond cond;
    size_t missing;
} qemuMonitorCall;

typedef struct _qemuMonitorSlot {
    qemuMonitorCall *call;
    virJSONValue **reply;
} qemuMonitorSlot;

typedef struct _qemuMonitorChunk {
    char *data;
    size_t length, sent;
    int fd; /* goes with the first byte; -1 = none */
} qemuMonitorChunk;

struct _qemuMonitor {
    gint refs;
    char *name;
    int fd;
    const qemuMonitorCallbacks *callbacks;
    void *opaque;

    /* main-loop thread only */
    GString *input;
    size_t scanned; /* bytes of input known to hold no line end */

    GMutex lock;   /* guards what follows; held over non-blocking sends only */
    GCond changed; /* greeted, failed, or a callback returned */
    GSource *readWatch, *writeWatch;
    GQueue output;     /* qemuMonitorChunk * */
    GHashTable *slots; /* serial -> qemuMonitorSlot * */
    guint64 serial; /* of the last command; the id of the first is random instead */
    bool greeted;
    bool outOfBand; /* QEMU can execute "exec-oob" beside its main loop */
    bool begun; /* the first command was answered: all that comes now is meant for us */
    bool failed;         /* the connection is over, whoever ended it */
    bool closed;         /* by us: no callback any more */
    char *failure;       /* why it failed, for those who waited */
    GThread *inCallback; /* thread that runs a callback now */
    unsigned long long roundTrips, commands;
};

static void
qemuMonitorChunkFree(qemuMonitorChunk *chunk)
{
    if (chunk->fd >= 0)
        close(chunk->fd);
    g_free(chunk->data);
    g_free(chunk);
}

static void
qemuMonitorDispose(qemuMonitor *mon)
{
    g_queue_clear_full(&mon->output, (GDestroyNotify)qemuMonitorChunkFree);
    g_hash_table_unref(mon->slots);
    g_string_free(mon->input, TRUE);
    if (mon->fd >= 0)
        close(mon->fd);
    g_mutex_clear(&mon->lock);
    g_cond_clear(&mon->changed);
    g_free(mon->failure);
    g_free(mon->name);
    g_free(mon);
}

qemuMonitor *
qemuMonitorRef(qemuMonitor *mon)
{
    g_atomic_int_inc(&mon->refs);
    return mon;
}

void
qemuMonitorUnref(qemuMonitor *mon)
{
    if (mon && g_atomic_int_dec_and_test(&mon->refs))
        qemuMonitorDispose(mon);
}

int
qemuMonitorFd(const qemuMonitor *mon)
{
    return mon->fd;
}

static gboolean
qemuMonitorWatchGone(gpointer opaque)
{
    qemuMonitorUnref(opaque);
    return G_SOURCE_REMOVE;
}

/* Caller holds the lock. */
static void
qemuMonitorWatchEnd(qemuMonitor *mon, GSource **watch)
{
    GSource *source = g_steal_pointer(watch);

    if (!source)
        return;
    g_source_destroy(source);
    g_source_unref(source);
    virMainLoopPost(qemuMonitorWatchGone, mon);
}

/* Caller holds the lock. Ends the connection and wakes everybody; the first reason stays. */
static void
qemuMonitorFailLocked(qemuMonitor *mon, const char *why)
{
    GHashTableIter iter;
    gpointer value = NULL;

    if (mon->failed)
        return;
    mon->failed = true;
    mon->failure = g_strdup(why);
    shutdown(mon->fd, SHUT_RDWR);
    qemuMonitorWatchEnd(mon, &mon->readWatch);
    qemuMonitorWatchEnd(mon, &mon->writeWatch);
    g_queue_clear_full(&mon->output, (GDestroyNotify)qemuMonitorChunkFree);
    g_queue_init(&mon->output);

    g_hash_table_iter_init(&iter, mon->slots);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_cond_signal(&((qemuMonitorSlot *)value)->call->cond);
    g_hash_table_remove_all(mon->slots);
    g_cond_broadcast(&mon->changed);
}

/* A callback may run from here to CallbackEnd; false: closed, it may not. */
static bool
qemuMonitorCallbackBegin(qemuMonitor *mon)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    if (mon->closed)
        return false;
    mon->inCallback = g_thread_self();
    return true;
}

static void
qemuMonitorCallbackEnd(qemuMonitor *mon)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    mon->inCallback = NULL;
    g_cond_broadcast(&mon->changed);
}

/* Main-loop thread. What fails before it has begun is told to who opens it, and to nobody else. */
static void
qemuMonitorEof(qemuMonitor *mon, const char *why)
{
    bool first = false;
    bool begun = false;

    g_mutex_lock(&mon->lock);
    first = !mon->failed;
    begun = mon->begun;
    qemuMonitorFailLocked(mon, why);
    g_mutex_unlock(&mon->lock);
    if (!first)
        return;

    VIR_INFO("monitor of '%s' ended: %s", mon->name, why);
    if (begun && mon->callbacks && mon->callbacks->eof && qemuMonitorCallbackBegin(mon)) {
        mon->callbacks->eof(mon->opaque);
        qemuMonitorCallbackEnd(mon);
    }
}

static void
qemuMonitorHandleEvent(qemuMonitor *mon, const virJSONValue *message, const char *event)
{
    const virJSONValue *timestamp = virJSONObjectLookupObject(message, "timestamp");
    long long seconds = 0;
    long long micros = 0;

    virJSONObjectGetInt(timestamp, "seconds", &seconds);
    virJSONObjectGetInt(timestamp, "microseconds", &micros);
    VIR_DEBUG("monitor of '%s': event %s", mon->name, event);
    if (mon->callbacks && mon->callbacks->event && qemuMonitorCallbackBegin(mon)) {
        mon->callbacks->event(event, virJSONObjectLookupObject(message, "data"), seconds,
                              (unsigned int)micros, mon->opaque);
        qemuMonitorCallbackEnd(mon);
    }
}

/* NULL if handled, else what is wrong with it. @message: consumed. A command that QEMU was executing for
 * somebody before us, a daemon that was killed or its guard, is answered to us. It executes them one
 * after the other, so that happens before our first is answered, whose id nobody else has had. */
static const char *
qemuMonitorHandleReply(qemuMonitor *mon, virJSONValue *message)
{
    g_autoptr(virJSONValue) reply = message;
    const char *id = virJSONObjectLookupString(reply, "id");
    guint64 serial = 0;
    qemuMonitorSlot *slot = NULL;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    /* Without an id QEMU answers what it could not even parse; we sent no such thing. */
    if (!id || !g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT64, &serial, NULL))
        return mon->begun ? "a reply carries no id of ours" : NULL;
    slot = g_hash_table_lookup(mon->slots, &serial);
    if (!slot)
        return mon->failed || !mon->begun ? NULL : "a reply answers no command";

    mon->begun = true;
    *slot->reply = g_steal_pointer(&reply);
    if (--slot->call->missing == 0)
        g_cond_signal(&slot->call->cond);
    g_hash_table_remove(mon->slots, &serial);
    return NULL;
}

static bool
greetingOffers(const virJSONValue *greeting, const char *wanted)
{
    const virJSONValue *offers = virJSONObjectLookupArray(greeting, "capabilities");

    for (size_t i = 0; i < virJSONArraySize(offers); i++) {
        if (g_strcmp0(virJSONStringOf(virJSONArrayAt(offers, i)), wanted) == 0)
            return true;
    }
    return false;
}

/* NULL if handled, else what is wrong with it. */
static const char *
qemuMonitorHandleLine(qemuMonitor *mon, const char *line, size_t length)
{
    g_autoptr(virJSONValue) message = NULL;
    const char *event = NULL;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (length == 0)
        return NULL;
    if (!(message = virJSONParse(line, length)) || virJSONValueType(message) != VIR_JSON_OBJECT) {
        virErrorReset();
        return "a line is not a JSON object";
    }
    if ((event = virJSONObjectLookupString(message, "event"))) {
        qemuMonitorHandleEvent(mon, message, event);
        return NULL;
    }
    if (virJSONObjectLookupObject(message, "QMP")) {
        g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

        mon->outOfBand = greetingOffers(virJSONObjectLookupObject(message, "QMP"), "oob");
        mon->greeted = true;
        g_cond_broadcast(&mon->changed);
        return NULL;
    }
    return qemuMonitorHandleReply(mon, g_steal_pointer(&message));
}

/* NULL, or what is wrong with the input. */
static const char *
qemuMonitorHandleInput(qemuMonitor *mon)
{
    size_t start = 0;
    const char *end = NULL;

    while ((end = memchr(mon->input->str + mon->scanned, '\n', mon->input->len - mon->scanned))) {
        size_t lineEnd = end - mon->input->str;
        const char *wrong = qemuMonitorHandleLine(mon, mon->input->str + start, lineEnd - start);

        if (wrong)
            return wrong;
        start = lineEnd + 1;
        mon->scanned = start;
    }
    g_string_erase(mon->input, 0, start);
    if (mon->input->len == 0 && mon->input->allocated_len > QEMU_MONITOR_KEEP_BUFFER) {
        g_string_free(mon->input, TRUE);
        mon->input = g_string_new(NULL);
    }
    mon->scanned = mon->input->len;
    if (mon->input->len > QEMU_MONITOR_MAX_LINE)
        return "a line is longer than 64 MiB";
    return NULL;
}

/* recv under the lock, as the watch may have been ended meanwhile. -1: over; @why is set. */
static gssize
qemuMonitorReceive(qemuMonitor *mon, char *buf, size_t length, const char **why)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);
    gssize n = 0;

    if (mon->failed)
        return 0;
    do {
        n = recv(mon->fd, buf, length, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    *why = n == 0 ? "QEMU closed the connection" : g_strerror(errno);
    return -1;
}

static gboolean
qemuMonitorReadable(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer opaque)
{
    g_autoptr(qemuMonitor) mon = qemuMonitorRef(opaque);
    g_autofree char *buf = g_malloc(QEMU_MONITOR_READ_CHUNK);
    const char *why = NULL;
    size_t turn = 0;

    for (turn = 0; turn < QEMU_MONITOR_READ_TURNS && !why; turn++) {
        gssize n = qemuMonitorReceive(mon, buf, QEMU_MONITOR_READ_CHUNK, &why);

        if (n <= 0)
            break;
        g_string_append_len(mon->input, buf, n);
        why = qemuMonitorHandleInput(mon);
    }
    if (why)
        qemuMonitorEof(mon, why);
    return G_SOURCE_CONTINUE;
}

/* One sendmsg. Returns bytes sent, 0 when the socket is full, -1 with errno. */
static gssize
qemuMonitorSendChunk(qemuMonitor *mon, qemuMonitorChunk *chunk)
{
    struct iovec iov = {chunk->data + chunk->sent, chunk->length - chunk->sent};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    gssize n = 0;

    if (chunk->fd >= 0) {
        struct cmsghdr *cmsg = NULL;

        msg.msg_control = control.space;
        msg.msg_controllen = sizeof(control.space);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &chunk->fd, sizeof(int));
    }
    do {
        n = sendmsg(mon->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    if (chunk->fd >= 0) {
        close(chunk->fd);
        chunk->fd = -1;
    }
    return n;
}

/* Caller holds the lock. True when everything went out. A broken connection is left to the read
 * watch, which sees its end after the replies that may still be there. */
static bool
qemuMonitorFlushLocked(qemuMonitor *mon)
{
    qemuMonitorChunk *chunk = NULL;

    while ((chunk = g_queue_peek_head(&mon->output))) {
        gssize n = qemuMonitorSendChunk(mon, chunk);

        if (n == 0)
            return false;
        if (n < 0) {
            shutdown(mon->fd, SHUT_RDWR);
            return true;
        }
        chunk->sent += n;
        if (chunk->sent == chunk->length)
            qemuMonitorChunkFree(g_queue_pop_head(&mon->output));
    }
    return true;
}

static gboolean
qemuMonitorWritable(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer opaque)
{
    qemuMonitor *mon = opaque;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    if (!mon->failed && qemuMonitorFlushLocked(mon))
        qemuMonitorWatchEnd(mon, &mon->writeWatch);
    return G_SOURCE_CONTINUE;
}

/* Caller holds the lock. @data: consumed. @fd: consumed, -1 = none. */
static void
qemuMonitorEnqueueLocked(qemuMonitor *mon, char *data, size_t length, int fd)
{
    qemuMonitorChunk *chunk = g_new0(qemuMonitorChunk, 1);

    chunk->data = data;
    chunk->length = length;
    chunk->fd = fd;
    g_queue_push_tail(&mon->output, chunk);
    if (!mon->writeWatch && !qemuMonitorFlushLocked(mon))
        mon->writeWatch =
            virMainLoopWatch(mon->fd, G_IO_OUT, qemuMonitorWritable, qemuMonitorRef(mon));
}

static void
qemuMonitorReportGone(qemuMonitor *mon)
{
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "QEMU process of '%s' ended or its monitor was closed: %s", mon->name,
                   mon->failure ? mon->failure : "no reason known");
}

static bool
holdsPassphrase(const virJSONValue *command)
{
    const virJSONValue *arguments = virJSONObjectLookupObject(command, "arguments");

    return g_strcmp0(virJSONObjectLookupString(command, "execute"), "object-add") == 0 &&
           g_strcmp0(virJSONObjectLookupString(arguments, "qom-type"), "secret") == 0;
}

/* Caller holds the lock. The command's text with an id, registered for a reply. */
static void
qemuMonitorAppendLocked(qemuMonitor *mon, GString *text, const virJSONValue *command,
                        qemuMonitorCall *call, virJSONValue **reply)
{
    g_autofree char *json = virJSONFormat(command, false);
    qemuMonitorSlot *slot = g_new0(qemuMonitorSlot, 1);
    guint64 *key = g_new(guint64, 1);

    g_strchomp(json);
    json[strlen(json) - 1] = '\0'; /* the closing brace: the id goes before it */
    mon->serial++;
    *key = mon->begun ? mon->serial : (guint64)g_random_int() << 32 | g_random_int();
    g_string_append_printf(text, "%s,\"id\":\"%" G_GUINT64_FORMAT "\"}\n", json, *key);
    slot->call = call;
    slot->reply = reply;
    g_hash_table_insert(mon->slots, key, slot);
    mon->commands++;
    /* bench/qmp.py counts these lines */
    VIR_DEBUG("monitor of '%s': write %llu: %s}", mon->name, mon->roundTrips,
              holdsPassphrase(command) ? "{\"execute\":\"object-add\",\"of\":\"secret\"" : json);
}

/* Send @n commands in one write and wait for all replies. @fd: (borrowed) -1 = none.
 * @deadline: monotonic, or -1. 0 = all there; on -1 no reply is left allocated. */
static int
qemuMonitorTransact(qemuMonitor *mon, virJSONValue *const *commands, size_t n, int fd,
                    gint64 deadline, virJSONValue **replies)
{
    qemuMonitorCall call = {.missing = n};
    g_autoptr(GString) text = g_string_new(NULL);
    VIR_AUTOCLOSE ours = -1;
    bool timedOut = false;
    size_t length = 0;
    size_t i = 0;

    memset(replies, 0, n * sizeof(*replies));
    if (fd >= 0 && (ours = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        virReportSystemError(errno, "cannot duplicate descriptor %d to pass it to QEMU", fd);
        return -1;
    }
    g_cond_init(&call.cond);
    g_mutex_lock(&mon->lock);
    if (!mon->failed) {
        mon->roundTrips++;
        for (i = 0; i < n; i++)
            qemuMonitorAppendLocked(mon, text, commands[i], &call, &replies[i]);
        length = text->len;
        qemuMonitorEnqueueLocked(mon, g_string_free(g_steal_pointer(&text), FALSE), length, ours);
        ours = -1;
    }
    while (call.missing > 0 && !mon->failed && !timedOut) {
        if (deadline < 0)
            g_cond_wait(&call.cond, &mon->lock);
        else
            timedOut = !g_cond_wait_until(&call.cond, &mon->lock, deadline);
    }
    /* Nobody may write to our stack once we left; a late reply then ends the connection. */
    if (call.missing > 0 && timedOut)
        qemuMonitorFailLocked(mon, "QEMU did not answer in time");
    if (call.missing > 0)
        qemuMonitorReportGone(mon);
    g_mutex_unlock(&mon->lock);
    g_cond_clear(&call.cond);

    if (call.missing == 0)
        return 0;
    for (i = 0; i < n; i++)
        g_clear_pointer(&replies[i], virJSONValueFree);
    return -1;
}

bool
qemuMonitorReplyError(const virJSONValue *reply, const char **errorClass, const char **desc)
{
    const virJSONValue *error = virJSONObjectLookup(reply, "error");

    if (errorClass)
        *errorClass = virJSONObjectLookupString(error, "class");
    if (desc)
        *desc = virJSONObjectLookupString(error, "desc");
    return error || !virJSONObjectLookup(reply, "return");
}

void
qemuMonitorReportReplyError(const virJSONValue *command, const virJSONValue *reply)
{
    const char *name = virJSONObjectLookupString(command, "execute");
    const char *desc = NULL;

    qemuMonitorReplyError(reply, NULL, &desc);
    virReportError(VIR_ERR_INTERNAL_ERROR, "unable to execute QEMU command '%s': %s",
                   name ? name : "exec-oob", desc ? desc : "the reply is malformed");
}

static int
qemuMonitorCommandUntil(qemuMonitor *mon, const virJSONValue *command, int fd, gint64 deadline,
                        virJSONValue **reply)
{
    virJSONValue *commands[] = {(virJSONValue *)command};
    g_autoptr(virJSONValue) whole = NULL;

    if (qemuMonitorTransact(mon, commands, 1, fd, deadline, &whole) < 0)
        return -1;
    if (qemuMonitorReplyError(whole, NULL, NULL)) {
        qemuMonitorReportReplyError(command, whole);
        return -1;
    }
    if (reply)
        *reply = virJSONObjectSteal(whole, "return");
    return 0;
}

int
qemuMonitorCommand(qemuMonitor *mon, const virJSONValue *command, virJSONValue **reply)
{
    return qemuMonitorCommandUntil(mon, command, -1, -1, reply);
}

int
qemuMonitorCommandFd(qemuMonitor *mon, const virJSONValue *command, int fd, virJSONValue **reply)
{
    return qemuMonitorCommandUntil(mon, command, fd, -1, reply);
}

int
qemuMonitorBatch(qemuMonitor *mon, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    if (n == 0)
        return 0;
    return qemuMonitorTransact(mon, commands, n, -1, -1, replies);
}

char *
qemuMonitorPassthrough(qemuMonitor *mon, const char *json)
{
    g_autoptr(virJSONValue) command = NULL;
    g_autoptr(virJSONValue) id = NULL;
    g_autoptr(virJSONValue) reply = NULL;

    if (strlen(json) > QEMU_MONITOR_MAX_PASSTHROUGH) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "a monitor command of %zu bytes is longer than the %d that are passed on",
                       strlen(json), QEMU_MONITOR_MAX_PASSTHROUGH);
        return NULL;
    }
    if (!(command = virJSONParse(json, -1))) {
        virErrorPrefix("cannot parse the monitor command");
        return NULL;
    }
    if (virJSONValueType(command) != VIR_JSON_OBJECT || virJSONObjectSize(command) == 0) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "a monitor command must be a JSON object with"
                       " 'execute', not '%s'",
                       json);
        return NULL;
    }
    id = virJSONObjectSteal(command, "id");
    if (virJSONObjectSize(command) == 0) {
        virReportError(VIR_ERR_INVALID_ARG, "monitor command '%s' has no 'execute'", json);
        return NULL;
    }
    if (qemuMonitorTransact(mon, &command, 1, -1, -1, &reply) < 0)
        return NULL;
    if (!id) {
        g_autofree char *shown =
            g_strconcat(QEMU_MONITOR_ID_PREFIX, virJSONObjectLookupString(reply, "id"), NULL);

        id = virJSONNewString(shown);
    }
    virJSONObjectSet(reply, "id", g_steal_pointer(&id));
    return virJSONFormat(reply, false);
}

void
qemuMonitorCounters(qemuMonitor *mon, unsigned long long *roundTrips, unsigned long long *commands)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    *roundTrips = mon->roundTrips;
    *commands = mon->commands;
}

void
qemuMonitorClose(qemuMonitor *mon)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    mon->closed = true;
    qemuMonitorFailLocked(mon, "the monitor was closed");
    while (mon->inCallback && mon->inCallback != g_thread_self())
        g_cond_wait(&mon->changed, &mon->lock);
}

static qemuMonitor *
qemuMonitorNew(int fd, const char *name, const qemuMonitorCallbacks *callbacks, void *opaque)
{
    qemuMonitor *mon = g_new0(qemuMonitor, 1);

    mon->refs = 1;
    mon->name = g_strdup(name);
    mon->fd = fd;
    mon->callbacks = callbacks;
    mon->opaque = opaque;
    mon->input = g_string_new(NULL);
    mon->slots = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_mutex_init(&mon->lock);
    g_cond_init(&mon->changed);
    g_queue_init(&mon->output);
    return mon;
}

static int
qemuMonitorWaitGreeting(qemuMonitor *mon, gint64 deadline)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mon->lock);

    while (!mon->greeted && !mon->failed) {
        if (!g_cond_wait_until(&mon->changed, &mon->lock, deadline)) {
            virReportError(VIR_ERR_OPERATION_TIMEOUT,
                           "QEMU of '%s' did not greet on its monitor in time", mon->name);
            return -1;
        }
    }
    if (mon->greeted && !mon->failed)
        return 0;
    virReportError(VIR_ERR_INTERNAL_ERROR, "QEMU of '%s' ended before its monitor was ready: %s",
                   mon->name, mon->failure);
    return -1;
}

static int
qemuMonitorNegotiate(qemuMonitor *mon, gint64 deadline)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'qmp_capabilities'}");

    if (mon->outOfBand)
        virJSONObjectSet(command, "arguments", virJSONBuild("{'enable':['oob']}"));
    return qemuMonitorCommandUntil(mon, command, -1, deadline, NULL);
}

qemuMonitor *
qemuMonitorOpen(int fd, const char *name, const qemuMonitorCallbacks *callbacks, void *opaque,
                unsigned int timeoutMs)
{
    g_autoptr(qemuMonitor) mon = qemuMonitorNew(fd, name, callbacks, opaque);
    gint64 deadline = g_get_monotonic_time() + (gint64)timeoutMs * 1000;

    if (virFileSetNonBlock(fd, true) < 0) {
        virReportSystemError(errno, "cannot use the monitor socket of '%s'", name);
        return NULL;
    }
    g_mutex_lock(&mon->lock);
    mon->readWatch = virMainLoopWatch(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, qemuMonitorReadable,
                                      qemuMonitorRef(mon));
    g_mutex_unlock(&mon->lock);

    if (qemuMonitorWaitGreeting(mon, deadline) < 0 || qemuMonitorNegotiate(mon, deadline) < 0) {
        qemuMonitorClose(mon);
        return NULL;
    }
    return g_steal_pointer(&mon);
}
