/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking storage with a limit of time; and looking which requests of QEMU it has not answered.
 *
 * A request of QEMU's to a file waits in a thread, in a system call whose first argument is the file's
 * descriptor. /proc/PID/task/TID/syscall shows both: "18 0x1a 0x7f... 0x10000 0x50000 ...", or "running".
 */
#include "qemu_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define LOOK_US 5000

typedef enum { QUESTION_STAT, QUESTION_TOUCH, QUESTION_FLUSH } questionKind;

/* One question. Guarded by askLock, but for path and kind. */
typedef struct _question {
    gint refs;
    char *path;
    questionKind kind;
    bool answered;
    int result;           /* 0, or an errno */
    struct stat st;
} question;

static GMutex askLock;
static GCond askCond;
static GPtrArray *asked;   /* question *, those that wait; each has a reference */

static void
questionUnref(question *q)
{
    if (!g_atomic_int_dec_and_test(&q->refs))
        return;
    g_free(q->path);
    g_free(q);
}

/* Whether it is a file of ours to open or not, QEMU flushes it, too. */
static int
flushFile(const char *path)
{
    VIR_AUTOCLOSE fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    return fd < 0 ? 0 : fdatasync(fd);
}

static int
askKind(const question *q, struct stat *st)
{
    switch (q->kind) {
    case QUESTION_STAT:
        return stat(q->path, st);
    case QUESTION_TOUCH:
        return utimensat(AT_FDCWD, q->path, NULL, AT_SYMLINK_NOFOLLOW);
    case QUESTION_FLUSH:
        return flushFile(q->path);
    }
    return 0;
}

static gpointer
ask(gpointer data)
{
    question *q = data;
    struct stat st = { 0 };
    int result = askKind(q, &st) < 0 ? errno : 0;

    if (result != 0)
        VIR_DEBUG("'%s': %s", q->path, g_strerror(result));
    g_mutex_lock(&askLock);
    q->st = st;
    q->result = result;
    q->answered = true;
    g_ptr_array_remove(asked, q);
    g_cond_broadcast(&askCond);
    g_mutex_unlock(&askLock);
    return NULL;
}

/* Lock held. (owned reference) */
static question *
questionStart(const char *path, questionKind kind)
{
    question *q = NULL;

    if (!asked)
        asked = g_ptr_array_new_with_free_func((GDestroyNotify)questionUnref);
    for (guint i = 0; i < asked->len; i++) {
        question *other = g_ptr_array_index(asked, i);

        if (other->kind == kind && g_str_equal(other->path, path)) {
            g_atomic_int_inc(&other->refs);
            return other;
        }
    }
    q = g_new0(question, 1);
    q->refs = 2;
    q->path = g_strdup(path);
    q->kind = kind;
    g_ptr_array_add(asked, q);
    g_thread_unref(g_thread_new("storage", ask, q));
    return q;
}

/* Lock held. */
static bool
await(const question *q, gint64 endUs)
{
    while (!q->answered && g_cond_wait_until(&askCond, &askLock, endUs))
        continue;
    return q->answered;
}

/* @st: NULL, or wanted. */
static bool
answers(const char *path, unsigned int timeoutMs, struct stat *st)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    question *q = NULL;
    bool answered = false;

    g_mutex_lock(&askLock);
    q = questionStart(path, st ? QUESTION_STAT : QUESTION_TOUCH);
    answered = await(q, end) && (!st || q->result == 0);
    if (answered && st)
        *st = q->st;
    g_mutex_unlock(&askLock);
    questionUnref(q);
    return answered;
}

bool
qemuStorageAnswers(const char *path, unsigned int timeoutMs)
{
    return answers(path, timeoutMs, NULL);
}

bool
qemuStorageStat(const char *path, unsigned int timeoutMs, struct stat *st)
{
    return answers(path, timeoutMs, st);
}

int
qemuStorageFlush(const char *const *paths, size_t n, unsigned int timeoutMs)
{
    g_autoptr(GPtrArray) questions = g_ptr_array_new_with_free_func((GDestroyNotify)questionUnref);
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    bool silent = false;
    int ret = 0;

    g_mutex_lock(&askLock);
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(questions, questionStart(paths[i], QUESTION_FLUSH));
    for (size_t i = 0; i < n; i++) {
        const question *q = g_ptr_array_index(questions, i);

        if (!await(q, end))
            silent = true;
        else if (ret == 0)
            ret = q->result;
    }
    g_mutex_unlock(&askLock);
    return ret == 0 && silent ? -1 : ret;
}

/* (owned) the system call that thread @tid is in, or NULL. */
static char *
callOf(pid_t pid, const char *tid)
{
    g_autofree char *name = g_strdup_printf("/proc/%lld/task/%s/syscall", (long long)pid, tid);
    g_autofree char *text = NULL;

    return g_file_get_contents(name, &text, NULL, NULL) ? g_steal_pointer(&text) : NULL;
}

/* Is the first argument of @call a descriptor of the file @path? By its name: to ask the file itself might take long. */
static bool
callIsTo(pid_t pid, const char *call, const char *path)
{
    unsigned long long fd = 0;
    g_autofree char *name = NULL;
    g_autofree char *file = NULL;

    if (sscanf(call, "%*d %llx", &fd) != 1 || fd > G_MAXINT)
        return false;
    name = g_strdup_printf("/proc/%lld/fd/%llu", (long long)pid, fd);
    file = g_file_read_link(name, NULL);
    return g_strcmp0(file, path) == 0;
}

/* (owned) thread -> its call to @path. */
static GHashTable *
requestsTo(pid_t pid, const char *path)
{
    g_autofree char *dirName = g_strdup_printf("/proc/%lld/task", (long long)pid);
    g_autoptr(GDir) dir = g_dir_open(dirName, 0, NULL);
    GHashTable *requests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const char *tid = NULL;

    while (dir && (tid = g_dir_read_name(dir))) {
        g_autofree char *call = callOf(pid, tid);

        if (call && callIsTo(pid, call, path))
            g_hash_table_insert(requests, g_strdup(tid), g_steal_pointer(&call));
    }
    return requests;
}

/* A thread that does something else now has ended its request. */
static void
dropEnded(pid_t pid, GHashTable *requests)
{
    GHashTableIter iter = { 0 };
    gpointer tid = NULL;
    gpointer before = NULL;

    g_hash_table_iter_init(&iter, requests);
    while (g_hash_table_iter_next(&iter, &tid, &before)) {
        g_autofree char *now = callOf(pid, tid);

        if (g_strcmp0(now, before) != 0)
            g_hash_table_iter_remove(&iter);
    }
}

bool
qemuStorageRequestsEnd(pid_t pid, const char *path, unsigned int timeoutMs)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    g_autofree char *real = realpath(path, NULL);
    g_autoptr(GHashTable) requests = requestsTo(pid, real ? real : path);

    while (g_hash_table_size(requests) > 0 && g_get_monotonic_time() < end) {
        g_usleep(LOOK_US);
        dropEnded(pid, requests);
    }
    return g_hash_table_size(requests) == 0;
}
