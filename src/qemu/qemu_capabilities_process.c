/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU that lives for one probe. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_capabilities_process.h"
#include "qemu_process_spawn.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* A loaded host may take seconds to start a wrapper script and QEMU; a healthy one 30 ms. */
#define QEMU_PROBE_TIMEOUT_MS 30000
#define QEMU_PROBE_OUTPUT_MAX 4096

void
qemuProbeProcessClear(qemuProbeProcess *process)
{
    if (process->mon)
        qemuMonitorClose(process->mon);
    g_clear_pointer(&process->mon, qemuMonitorUnref);
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        process->pid = 0;
    }
    if (process->pidfd >= 0)
        close(process->pidfd);
    if (process->output >= 0)
        close(process->output);
    process->pidfd = -1;
    process->output = -1;
}

int
qemuProbeProcessStart(qemuProbeProcess *process, const qemuProbeTarget *target,
                      const char *const *args, int extraFd)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) env = qemuSpawnEnv();
    qemuSpawn spawn = {.user = target->user, .group = target->group};
    size_t i = 0;

    g_ptr_array_add(argv, (char *)target->emulator);
    for (i = 0; args[i]; i++)
        g_ptr_array_add(argv, (char *)args[i]);
    g_ptr_array_add(argv, NULL);

    if ((process->output = memfd_create("qemu-probe", MFD_CLOEXEC)) < 0) {
        virReportSystemError(errno, "cannot make a buffer for the output of '%s'",
                             target->emulator);
        return -1;
    }
    spawn.argv = (const char *const *)argv->pdata;
    spawn.env = (const char *const *)env;
    spawn.output = process->output;
    spawn.fds = &extraFd;
    spawn.nfds = extraFd >= 0 ? 1 : 0;
    return qemuSpawnRun(&spawn, &process->pid, &process->pidfd);
}

char *
qemuProbeProcessOutput(const qemuProbeProcess *process)
{
    char buf[QEMU_PROBE_OUTPUT_MAX + 1] = "";
    off_t end = lseek(process->output, 0, SEEK_END);
    gssize n =
        pread(process->output, buf, QEMU_PROBE_OUTPUT_MAX, MAX(end - QEMU_PROBE_OUTPUT_MAX, 0));
    char *text = NULL;

    if (n < 0)
        n = 0;
    text = g_utf8_make_valid(buf, n);
    g_strdelimit(g_strstrip(text), "\n\r", ' ');
    return text;
}

static void
qemuProbeReportStart(qemuProbeProcess *process, const qemuProbeTarget *target)
{
    g_autofree char *why = g_strdup(virErrorLastMessage());
    g_autofree char *output = NULL;
    int status = 0;

    /* Its last words may come a moment after its monitor closed. */
    qemuProbeProcessWait(process, 1000, &status, NULL);
    output = qemuProbeProcessOutput(process);
    virReportError(VIR_ERR_INTERNAL_ERROR, "emulator '%s' cannot be asked for its capabilities: %s",
                   target->emulator, *output ? output : why);
}

int
qemuProbeProcessStartMonitor(qemuProbeProcess *process, const qemuProbeTarget *target)
{
    int pair[2] = {-1, -1};
    g_autofree char *chardev = NULL;
    VIR_AUTOCLOSE ours = -1;
    VIR_AUTOCLOSE theirs = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        virReportSystemError(errno, "cannot make a monitor socket for '%s'", target->emulator);
        return -1;
    }
    ours = pair[0];
    theirs = pair[1];
    chardev = g_strdup_printf("socket,id=charmonitor,fd=%d", theirs);
    {
        const char *const args[] = {"-S",          "-no-user-config",
                                    "-nodefaults", "-nographic",
                                    "-machine",    "none,accel=kvm:tcg",
                                    "-chardev",    chardev,
                                    "-mon",        "chardev=charmonitor,mode=control",
                                    NULL};

        if (qemuProbeProcessStart(process, target, args, theirs) < 0)
            return -1;
    }
    /* With our copy open the end of QEMU would not be seen. */
    virFileAutoClose(&theirs);
    process->mon = qemuMonitorOpen(ours, target->emulator, NULL, NULL, QEMU_PROBE_TIMEOUT_MS);
    ours = -1;
    if (process->mon)
        return 0;
    qemuProbeReportStart(process, target);
    return -1;
}

int
qemuProbeProcessWait(qemuProbeProcess *process, unsigned int timeoutMs, int *status,
                     unsigned long long *cpuMs)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    struct rusage usage = {0};
    int n = 0;

    do {
        n = poll(&ended, 1, (int)timeoutMs);
    } while (n < 0 && errno == EINTR);
    if (n <= 0 || process->pid == 0)
        return 0;
    while (wait4(process->pid, status, 0, &usage) < 0) {
        if (errno != EINTR)
            return 0;
    }
    process->pid = 0;
    if (cpuMs)
        *cpuMs = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000ULL +
                 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    return 1;
}
