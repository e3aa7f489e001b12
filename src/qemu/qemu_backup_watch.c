/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever drains a disk in QEMU 7.2 (suspend, reset, a new bitmap, a new node) waits for the requests of
 * its NBD clients, replies included, and the guest stands still meanwhile: with a client that has
 * stopped reading in the middle of a reply, for ever. Nothing can be done beforehand about what the
 * guest itself begins, so QEMU is asked something trivial every second. If it has not answered by the
 * next time, the connections that do not move are cut off. A client that is slow but reads stays.
 *
 * The same drains wait for what is under way to the NBD targets of a push. There QEMU may be silent for as
 * long as a write of the guest may wait for a copy; then the connections to the targets are cut.
 */
#include "qemu_backup_watch.h"

#include "qemu_backup_plan.h"
#include "qemu_backup_push.h"
#include "qemu_export_helper.h"
#include "qemu_export_helper_plan.h"
#include "qemu_nbd_clients.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"
#include "virmainloop.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define WATCH_INTERVAL_MS 1000

typedef struct _watch {
    gint refs;
    qemuVM *vm;
    qemuBackupJob *job;
    gint asking;          /* a question waits for its answer */
    gint breaking;
    gint told;            /* that connections were cut while it waited */
    unsigned int ticks;   /* since the question; main loop only */
} watch;

static watch *
watchRef(watch *w)
{
    g_atomic_int_inc(&w->refs);
    return w;
}

static void
watchUnref(watch *w)
{
    if (!g_atomic_int_dec_and_test(&w->refs))
        return;
    qemuBackupJobUnref(w->job);
    qemuVMUnref(w->vm);
    g_free(w);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(watch, watchUnref)

static void
ask(void *data)
{
    g_autoptr(watch) w = data;
    g_autoptr(virJSONValue) question = virJSONBuild("{'execute':'query-version'}");

    w->vm->target.ops->command(&w->vm->target, question, NULL);
    virErrorReset();
    g_atomic_int_set(&w->told, 0);
    g_atomic_int_set(&w->asking, 0);
}

static unsigned int
patienceTicks(const qemuBackupJob *job)
{
    return job->def->mode == VIR_BACKUP_MODE_PULL ? 1 : job->cbwTimeout * 1000 / WATCH_INTERVAL_MS;
}

static char *
privateDirOf(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    return g_strdup(vm->privateDir);
}

static void
breakClients(watch *w)
{
    const virDomainBackupDef *def = w->job->def;
    g_autofree char *dir = privateDirOf(w->vm);
    g_autofree char *socket = qemuBackupPlanSocket(def, dir);
    unsigned int broken =
        qemuNbdClientsBreakStuck(w->vm->target.ops->pid(&w->vm->target), socket, def->server.port);

    if (broken == 0)
        return;
    VIR_WARN("domain '%s': %u NBD clients of its backup are cut off: QEMU waited for them, and they "
             "did not read", w->vm->name, broken);
    /* it does not connect again: its end is that of the backup */
    if (qemuExportHelperIsWanted(def, dir))
        qemuExportHelperKill(dir);
}

static void
breakStuck(void *data)
{
    g_autoptr(watch) w = data;

    if (w->job->def->mode == VIR_BACKUP_MODE_PULL)
        breakClients(w);
    else if (qemuBackupPushCut(w->vm) && g_atomic_int_compare_and_exchange(&w->told, 0, 1))
        VIR_WARN("domain '%s': the connections to the targets of its backup are cut: QEMU, and the guest, "
                 "waited for them", w->vm->name);
    g_atomic_int_set(&w->breaking, 0);
}

static bool
isOver(watch *w)
{
    QEMU_VM_LOCK_GUARD(w->vm);

    return w->vm->backup != w->job;
}

static gboolean
watchTick(gpointer data)
{
    watch *w = data;

    if (isOver(w)) {
        watchUnref(w);
        return G_SOURCE_REMOVE;
    }
    if (g_atomic_int_compare_and_exchange(&w->asking, 0, 1)) {
        w->ticks = 0;
        qemuWorkersRun(ask, watchRef(w));
    } else if (++w->ticks >= patienceTicks(w->job) && g_atomic_int_compare_and_exchange(&w->breaking, 0, 1)) {
        qemuWorkersRun(breakStuck, watchRef(w));
    }
    return G_SOURCE_CONTINUE;
}

/* A push into files has nobody whose connection could be cut. */
static bool
hasPeers(const virDomainBackupDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(def->disks, i);

        if (disk->backup && disk->store && disk->store->nbd)
            return true;
    }
    return def->mode == VIR_BACKUP_MODE_PULL;
}

void
qemuBackupWatchStart(qemuVM *vm)
{
    g_autoptr(GSource) timer = NULL;
    watch *w = NULL;
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->backup || vm->helper || !hasPeers(vm->backup->def))
        return;
    w = g_new0(watch, 1);
    w->refs = 1;
    w->vm = qemuVMRef(vm);
    w->job = qemuBackupJobRef(vm->backup);
    timer = virMainLoopTimer(WATCH_INTERVAL_MS, watchTick, w);
}
