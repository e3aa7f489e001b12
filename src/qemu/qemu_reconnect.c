/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A status file is a claim; the process decides. It is ours if its number and start time agree.
 * What happened meanwhile is read from QEMU, after the checkpoint and backup code has put its own
 * things in order: it may have left the guest paused.
 *
 *   process gone ........................ the run is finished, reason "daemon"
 *   the start had not finished .......... killed: nobody was told that it runs
 *   monitor cannot be reached, thrice ... killed: nobody could manage it
 *   an end was under way ............... it is done again: the guest may be stopped for it
 *   guest powered off (shutdown) ........ as the SHUTDOWN event would have been handled
 *   running / paused .................... state corrected, and published if it differs
 */
#include "qemu_reconnect.h"
#include <errno.h>
#include <signal.h>
#include <glib/gstdio.h>
#include <string.h>
#include "qemu_backup_end.h"
#include "qemu_checkpoint_list.h"
#include "qemu_hotplug.h"
#include "qemu_process.h"
#include "qemu_process_spawn.h"
#include "qemu_process_watch.h"
#include "qemu_qmp_chardev.h"
#include "qemu_qmp_run.h"
#include "qemu_reconcile.h"
#include "qemu_run_dir.h"
#include "qemu_status.h"
#include "qemu_vm_events.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_RECONNECT_MONITOR_MS 30000
/* What QEMU had begun to say to an earlier client may come before its greeting, and is then used up. */
#define QEMU_RECONNECT_TRIES 3

/* 0 and the process is watched; -1 when there is no such process any more. */
static int
qemuReconnectWatch(qemuVM *vm)
{
    VIR_AUTOCLOSE pidfd = qemuPidfdOpen(vm->pid);

    /* In this order: the descriptor is of the process whose start time is then compared. */
    if (pidfd < 0 || qemuPidStartTime(vm->pid) != vm->pidStart)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->run++;
    vm->process = qemuProcessWatch(vm, vm->run, vm->pid, pidfd);
    pidfd = -1;
    g_mutex_unlock(&vm->lock);
    return 0;
}

static qemuMonitor *
qemuReconnectOpen(qemuVM *vm)
{
    int fd = virFileConnectUnix(vm->monitorPath);

    if (fd >= 0)
        return qemuMonitorOpen(fd, vm->name, &qemuProcessMonitorCallbacks, vm->process,
                               QEMU_RECONNECT_MONITOR_MS);
    virReportSystemError(errno, "cannot connect to the monitor socket '%s'", vm->monitorPath);
    return NULL;
}

static bool
qemuReconnectIsOver(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->exited || vm->removed;
}

static int
qemuReconnectMonitor(qemuVM *vm)
{
    qemuMonitor *mon = qemuReconnectOpen(vm);

    /* one that is silent for so long is not tried again */
    for (int i = 1; !mon && i < QEMU_RECONNECT_TRIES && !qemuReconnectIsOver(vm) &&
                    virErrorLastCode() != VIR_ERR_OPERATION_TIMEOUT; i++) {
        VIR_WARN("domain '%s': its monitor is tried again: %s", vm->name, virErrorLastMessage());
        virErrorReset();
        mon = qemuReconnectOpen(vm);
    }
    if (!mon)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->mon = mon;
    g_mutex_unlock(&vm->lock);
    return 0;
}

/* Lock held. The state changed while nobody looked. */
static void
qemuReconnectCorrect(qemuVM *vm, const qemuQMPStatus *status)
{
    if (status->running) {
        if (vm->state == VIR_DOMAIN_RUNNING)
            return;
        qemuVMSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    } else if (g_str_equal(status->status, "io-error")) {
        if (vm->state == VIR_DOMAIN_PAUSED && vm->stateReason == VIR_DOMAIN_PAUSED_IOERROR)
            return;
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR);
    } else if (vm->state == VIR_DOMAIN_RUNNING) {
        qemuVMSetState(vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN);
        qemuVMPublishLifecycle(vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    }
}

/* Events that QEMU sent to nobody are put on the lane as if they came now. */
static void
qemuReconnectReplay(qemuVM *vm, const char *event, virJSONValue *data)
{
    g_autoptr(virJSONValue) owned = data;
    gint64 now = g_get_real_time();

    g_mutex_lock(&vm->lock);
    vm->shutdownSeen = false;
    g_mutex_unlock(&vm->lock);
    qemuVMEventQueue(vm, vm->run, event, owned, now / G_USEC_PER_SEC, (unsigned int)(now % G_USEC_PER_SEC));
}

static void
qemuReconnectEnd(void *data)
{
    g_autoptr(qemuVM) vm = data;
    bool destroyed = false;

    {
        QEMU_VM_LOCK_GUARD(vm);

        destroyed = vm->destroyed;
    }
    VIR_INFO("domain '%s': the end that an earlier daemon had begun goes on", vm->name);
    if (!destroyed)
        qemuProcessQuit(vm);
    else if (qemuProcessDestroy(vm, false, "end begun by an earlier daemon") < 0)
        VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
    virErrorReset();
}

/* Whether an agent is there is not on record: it comes and goes with the guest's programs. */
static int
qemuReconnectAgent(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);

    for (guint i = 0; i < vm->def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(vm->def->chardevs, i);
        g_autofree char *id = g_strdup_printf("char%s", chardev->alias);
        bool open = false;

        if (g_strcmp0(chardev->targetName, QEMU_VM_AGENT_CHANNEL) != 0)
            continue;
        if (!mon || qemuQMPQueryFrontend(mon, id, &open) < 0)
            return -1;
        {
            QEMU_VM_LOCK_GUARD(vm);

            qemuVMEventAgent(vm, open);
        }
    }
    return 0;
}

static int
qemuReconnectState(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = qemuVMMonitor(vm);
    g_auto(qemuQMPStatus) status = { 0 };
    unsigned long long balloon = 0;

    if (!mon || qemuQMPQueryStatus(mon, &status) < 0 || qemuQMPQueryBalloon(mon, &balloon) < 0)
        return -1;
    g_mutex_lock(&vm->lock);
    vm->balloonKiB = balloon / 1024;
    g_mutex_unlock(&vm->lock);
    if (vm->ending)
        qemuWorkersRun(qemuReconnectEnd, qemuVMRef(vm));
    else if (g_str_equal(status.status, "shutdown"))
        qemuReconnectReplay(vm, "SHUTDOWN",
                            virJSONBuild("{'guest':true,'reason':'guest-shutdown'}"));
    else if (g_str_equal(status.status, "guest-panicked") && vm->state != VIR_DOMAIN_CRASHED)
        qemuReconnectReplay(vm, "GUEST_PANICKED", virJSONBuild("{'action':'pause'}"));
    else {
        QEMU_VM_LOCK_GUARD(vm);
        qemuReconnectCorrect(vm, &status);
        vm->preserved = vm->preserved && vm->state == VIR_DOMAIN_PAUSED;
        if (vm->preserved && !vm->backup)
            qemuBackupEndPreserved(vm);
    }
    return qemuStatusSave(vm);
}

static int
qemuReconnectManage(qemuVM *vm)
{
    if (vm->starting) {
        /* When it speaks QMP, it handles signals, and closes its images: bitmaps stay good. */
        if (qemuReconnectMonitor(vm) < 0)
            VIR_DEBUG("domain '%s': %s", vm->name, virErrorLastMessage());
        virReportError(VIR_ERR_OPERATION_ABORTED, "the daemon ended before the start of domain '%s' was complete",
                       vm->name);
        return -1;
    }
    if (qemuReconnectMonitor(vm) < 0 || qemuReconnectAgent(vm) < 0 || qemuReconcileVM(vm, true) < 0 ||
        qemuHotplugReconcile(vm) < 0)
        return -1;
    return qemuReconnectState(vm);
}

static bool
qemuReconnectIsEnding(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);
    return vm->removed;
}

/* Holds the slot that qemuReconnectTake began. */
static void
qemuReconnectOne(void *data)
{
    g_autoptr(qemuVM) vm = data;

    if (!vm->process) {
        VIR_WARN("domain '%s': its QEMU (process %d) ended while the daemon was away", vm->name,
                 (int)vm->pid);
        qemuProcessFinish(vm, QEMU_END_UNSEEN);
    } else if (qemuReconnectManage(vm) == 0) {
        VIR_INFO("domain '%s': reconnected to QEMU (process %d)", vm->name, (int)vm->pid);
    } else if (qemuReconnectIsEnding(vm)) {
        VIR_WARN("domain '%s': the daemon ends while it reconnects; the next one tries again", vm->name);
    } else {
        VIR_ERROR("domain '%s' is ended: its QEMU (process %d) cannot be managed: %s", vm->name,
                  (int)vm->pid, virErrorLastMessage());
        if (qemuProcessKill(vm, false) < 0)
            VIR_ERROR("domain '%s': %s", vm->name, virErrorLastMessage());
        else
            qemuProcessFinish(vm, QEMU_END_UNSEEN);
    }
    virErrorReset();
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->reconnecting = false;
        qemuVMSignal(vm);
    }
    qemuJobEnd(&vm->job);
}

/* The run described by @found becomes the run of the listed @vm. */
static void
qemuReconnectMove(qemuVM *vm, qemuVM *found)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (vm->persistent)
        vm->newDef = vm->def;
    else
        virDomainDefFree(vm->def);
    vm->def = virDomainDefCopy(found->def);
    vm->pid = found->pid;
    vm->pidStart = found->pidStart;
    vm->startedAt = found->startedAt;
    vm->starting = found->starting;
    vm->reconnecting = true;
    vm->state = found->state;
    vm->stateReason = found->stateReason;
    vm->shutdownSeen = found->shutdownSeen;
    vm->fakeReboot = found->fakeReboot;
    vm->ending = found->ending;
    vm->preserved = found->preserved;
    vm->destroyed = found->destroyed;
    vm->agentConnected = found->agentConnected;
    vm->iothreadExportSafe = found->iothreadExportSafe;
    vm->nodeCounter = found->nodeCounter;
    vm->monitorPath = g_steal_pointer(&found->monitorPath);
    vm->privateDir = g_steal_pointer(&found->privateDir);
    qemuVMSetTargetDisks(vm, g_steal_pointer(&found->targetDisks));
}

static int
qemuReconnectTake(const char *path, qemuVM **out)
{
    g_autofree char *text = NULL;
    g_autoptr(qemuVM) found = NULL;
    g_autoptr(qemuVM) vm = NULL;
    bool added = false;

    if (virFileReadAll(path, VIR_XML_MAX_BYTES, &text) < 0)
        return -1;
    found = qemuStatusParse(text);
    if (!found)
        return -1;
    vm = qemuVMListAdd(qemuDriverVMs(), found->def, &added);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "reconnecting to QEMU") < 0)
        return -1;
    qemuVMListNoteID(qemuDriverVMs(), found->def->id);
    qemuReconnectMove(vm, found);
    /* Here and not in qemuReconnectOne: a domain that runs and is not watched cannot be killed, and a
     * client may ask for that at once. */
    if (qemuReconnectWatch(vm) < 0)
        VIR_DEBUG("domain '%s': process %d is gone", vm->name, (int)vm->pid);
    if (added && qemuCheckpointListLoad(vm) < 0)
        VIR_WARN("domain '%s': checkpoints: %s", vm->name, virErrorLastMessage());
    *out = g_steal_pointer(&vm);
    return 0;
}

static void
qemuReconnectSetAside(const char *path)
{
    g_autofree char *broken = g_strconcat(path, ".broken", NULL);
    g_autofree char *text = NULL;
    gssize length = 0;

    VIR_ERROR("status file '%s' is set aside as '%s': %s; a QEMU that it describes is not managed any more",
              path, broken, virErrorLastMessage());
    length = virFileReadAll(path, VIR_XML_MAX_BYTES, &text);
    if (length >= 0 && virFileReplaceVolatile(broken, text, (size_t)length, 0600) == 0)
        g_unlink(path);
    virErrorReset();
}

/* Run directories that no status file speaks of: a daemon died before it had a process to note. */
static void
qemuReconnectSweepDirs(const qemuConfig *config, const GPtrArray *vms)
{
    g_autoptr(GDir) dir = g_dir_open(config->libDir, 0, NULL);
    const char *entry = NULL;

    while (dir && (entry = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(config->libDir, entry, NULL);
        bool used = !g_str_has_prefix(entry, "domain-");
        guint i = 0;

        for (i = 0; i < vms->len && !used; i++) {
            const qemuVM *vm = g_ptr_array_index(vms, i);

            used = g_strcmp0(vm->privateDir, path) == 0;
        }
        if (!used)
            qemuRunDirRemove(path);
    }
}

size_t
qemuReconnectAll(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(GDir) dir = g_dir_open(config->stateDir, 0, NULL);
    g_autoptr(GPtrArray) vms = g_ptr_array_new();
    const char *entry = NULL;
    bool broken = false;
    guint i = 0;

    virFileSweepTemporaries(config->stateDir);
    while (dir && (entry = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(config->stateDir, entry, NULL);
        qemuVM *vm = NULL;

        if (!g_str_has_suffix(entry, ".xml") || entry[0] == '.')
            continue;
        if (qemuReconnectTake(path, &vm) < 0) {
            qemuReconnectSetAside(path);
            broken = true;
        } else {
            g_ptr_array_add(vms, vm);
        }
    }
    /* The QEMU of a file set aside may live, and its monitor is the operator's only way to it. */
    if (!broken)
        qemuReconnectSweepDirs(config, vms);
    for (i = 0; i < vms->len; i++)
        qemuWorkersRun(qemuReconnectOne, g_ptr_array_index(vms, i));
    return vms->len;
}
