/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything but Signal and reference counts happens on the main-loop thread, so the flags of a
 * watch need no lock. The watch holds a reference on itself until it is taken down there.
 */
#include "qemu_process_watch.h"
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_process.h"
#include "qemu_vm_events.h"
#include "virfile.h"
#include "virlog.h"
#include "virmainloop.h"

#define QEMU_WATCH_EOF_MS 1000     /* process gone, monitor still open: something inherited it */
#define QEMU_WATCH_LINGER_MS 5000  /* monitor gone, process still there */

struct _qemuProcess {
    gint refs;
    qemuVM *vm;
    unsigned int run;
    pid_t pid;
    int pidfd;
    /* main-loop thread only */
    GSource *watch;
    GSource *timer;
    bool exited, eof, ended, down;
};

qemuProcess *
qemuProcessRef(qemuProcess *process)
{
    g_atomic_int_inc(&process->refs);
    return process;
}

void
qemuProcessUnref(qemuProcess *process)
{
    if (!process || !g_atomic_int_dec_and_test(&process->refs))
        return;
    virFileAutoClose(&process->pidfd);
    qemuVMUnref(process->vm);
    g_free(process);
}

static void
qemuProcessDropSource(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

static void
qemuProcessEndedItem(void *data)
{
    g_autoptr(qemuProcess) process = data;

    qemuProcessEnded(process->vm, process->run);
}

static void
qemuProcessQueueEnd(qemuProcess *process)
{
    if (process->ended)
        return;
    process->ended = true;
    qemuProcessDropSource(&process->timer);
    qemuEventLanePush(process->vm->events, qemuProcessEndedItem, qemuProcessRef(process));
}

static gboolean
qemuProcessNoEOF(void *data)
{
    qemuProcessQueueEnd(data);
    return G_SOURCE_REMOVE;
}

static gboolean
qemuProcessLingers(void *data)
{
    qemuProcess *process = data;

    VIR_WARN("domain '%s': QEMU (process %d) closed its monitor but lives on; killing it",
             process->vm->name, (int)process->pid);
    qemuProcessSignal(process, SIGKILL);
    return G_SOURCE_REMOVE;
}

static void
qemuProcessTimer(qemuProcess *process, unsigned int ms, GSourceFunc func)
{
    qemuProcessDropSource(&process->timer);
    process->timer = virMainLoopTimer(ms, func, process);
}

static gboolean
qemuProcessExited(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    qemuProcess *process = data;
    int status = 0;

    /* Not our child after a restart of the daemon: then init reaps it. */
    if (waitpid(process->pid, &status, WNOHANG) == process->pid)
        VIR_INFO("domain '%s': QEMU (process %d) ended, wait status 0x%x", process->vm->name,
                 (int)process->pid, (unsigned int)status);
    process->exited = true;
    g_mutex_lock(&process->vm->lock);
    if (process->vm->run == process->run && qemuVMIsActive(process->vm)) {
        process->vm->exited = true;
        qemuVMSignal(process->vm);
    }
    g_mutex_unlock(&process->vm->lock);
    if (process->eof)
        qemuProcessQueueEnd(process);
    else
        qemuProcessTimer(process, QEMU_WATCH_EOF_MS, qemuProcessNoEOF);
    return G_SOURCE_REMOVE;
}

static void
qemuProcessMonitorEOF(void *opaque)
{
    qemuProcess *process = opaque;

    process->eof = true;
    if (process->exited)
        qemuProcessQueueEnd(process);
    else if (!process->down)
        qemuProcessTimer(process, QEMU_WATCH_LINGER_MS, qemuProcessLingers);
}

static void
qemuProcessMonitorEvent(const char *name, const virJSONValue *data, long long seconds,
                        unsigned int micros, void *opaque)
{
    qemuProcess *process = opaque;

    qemuVMEventQueue(process->vm, process->run, name, data, seconds, micros);
}

const qemuMonitorCallbacks qemuProcessMonitorCallbacks = {
    .event = qemuProcessMonitorEvent,
    .eof = qemuProcessMonitorEOF,
};

static gboolean
qemuProcessUp(void *data)
{
    g_autoptr(qemuProcess) process = data;

    if (!process->down) {
        process->watch = virMainLoopWatch(process->pidfd, G_IO_IN, qemuProcessExited, process);
        qemuProcessRef(process);
    }
    return G_SOURCE_REMOVE;
}

static gboolean
qemuProcessDown(void *data)
{
    g_autoptr(qemuProcess) process = data;

    process->down = true;
    qemuProcessDropSource(&process->timer);
    if (process->watch) {
        qemuProcessDropSource(&process->watch);
        qemuProcessUnref(process);
    }
    return G_SOURCE_REMOVE;
}

qemuProcess *
qemuProcessWatch(qemuVM *vm, unsigned int run, pid_t pid, int pidfd)
{
    qemuProcess *process = g_new0(qemuProcess, 1);

    process->refs = 1;
    process->vm = qemuVMRef(vm);
    process->run = run;
    process->pid = pid;
    process->pidfd = pidfd;
    virMainLoopPost(qemuProcessUp, qemuProcessRef(process));
    return process;
}

void
qemuProcessUnwatch(qemuProcess *process)
{
    if (process)
        virMainLoopPost(qemuProcessDown, process);
}

int
qemuProcessSignal(qemuProcess *process, int sig)
{
    return (int)syscall(SYS_pidfd_send_signal, process->pidfd, sig, NULL, 0U);
}
