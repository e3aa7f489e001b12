/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What keeps a backup from being taken apart is somebody who does not answer: the storage of a scratch, an NBD
 * server, a client that cannot be cut off. To wait for them inside QEMU would hold the guest. So the backup is
 * over for everybody, with its journal for a note, and this file comes back when they may have
 * answered.
 */
#include "qemu_backup_later.h"

#include "qemu_backup_job.h"
#include "qemu_backup_recover.h"
#include "qemu_driver_state.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"
#include "virmainloop.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define TICK_MS 1000
#define LONGEST_PAUSE_TICKS 30

typedef struct _rest {
    gint refs;
    qemuVM *vm;
    unsigned int run;          /* the start of QEMU it is in */
    gint trying;
    gint over;
    unsigned int ticks, pause; /* main loop only */
} rest;

static void
restUnref(rest *r)
{
    if (!g_atomic_int_dec_and_test(&r->refs))
        return;
    qemuVMUnref(r->vm);
    g_free(r);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rest, restUnref)

static bool
isThere(const rest *r)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    QEMU_VM_LOCK_GUARD(r->vm);

    return qemuVMIsActive(r->vm) && r->vm->run == r->run && !r->vm->backup &&
           qemuBackupJournalExists(config, r->vm->name);
}

/* Who has the job slot goes first: there is another time. */
static void
attempt(void *data)
{
    g_autoptr(rest) r = data;
    bool over = !isThere(r);

    if (!over && qemuJobBeginWithin(&r->vm->job, QEMU_JOB_MODIFY, "end of a backup", 0) == 0) {
        over = !isThere(r) || qemuBackupSettle(r->vm) == 0;
        qemuJobEnd(&r->vm->job);
    }
    virErrorReset();
    g_atomic_int_set(&r->over, over);
    g_atomic_int_set(&r->trying, 0);
}

static gboolean
tick(gpointer data)
{
    rest *r = data;

    if (g_atomic_int_get(&r->over)) {
        restUnref(r);
        return G_SOURCE_REMOVE;
    }
    if (++r->ticks < r->pause || !g_atomic_int_compare_and_exchange(&r->trying, 0, 1))
        return G_SOURCE_CONTINUE;
    r->ticks = 0;
    r->pause = MIN(r->pause * 2, LONGEST_PAUSE_TICKS);
    g_atomic_int_inc(&r->refs);
    qemuWorkersRun(attempt, r);
    return G_SOURCE_CONTINUE;
}

void
qemuBackupSettleLater(qemuVM *vm)
{
    g_autoptr(GSource) timer = NULL;
    rest *r = g_new0(rest, 1);
    QEMU_VM_LOCK_GUARD(vm);

    r->refs = 1;
    r->vm = qemuVMRef(vm);
    r->run = vm->run;
    r->pause = 1;
    timer = virMainLoopTimer(TICK_MS, tick, r);
}
