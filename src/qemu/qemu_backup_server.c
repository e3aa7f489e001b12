/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping the NBD server after a pull, without anybody waiting for silent clients.
 */
#include "qemu_backup_server.h"

#include "qemu_backup_job.h"
#include "qemu_backup_plan.h"
#include "qemu_driver_state.h"
#include "qemu_nbd_clients.h"
#include "qemu_plan_run.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _serverStop {
    qemuVM *vm;
    qemuPlan *plan;
    unsigned int run;     /* the start of QEMU it belongs to */
} serverStop;

static void
serverStopFree(serverStop *stop)
{
    qemuVMUnref(stop->vm);
    qemuPlanFree(stop->plan);
    g_free(stop);
}

static bool
stillThere(const serverStop *stop)
{
    QEMU_VM_LOCK_GUARD(stop->vm);

    return qemuVMIsActive(stop->vm) && stop->vm->run == stop->run;
}

/* @gone: else the journal stays, and the next begin tries again. */
static void
stopDone(const serverStop *stop, bool gone)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    QEMU_VM_LOCK_GUARD(stop->vm);

    stop->vm->nbdServerEnding = false;
    if (gone && !stop->vm->backup)
        qemuBackupJournalRemove(config, stop->vm->name);
    qemuVMSignal(stop->vm);
}

static void
stopServer(void *data)
{
    serverStop *stop = data;
    qemuPlanRun run = { .plan = stop->plan };
    bool gone = !stillThere(stop) || qemuPlanRunAll(&run, &stop->vm->target) == 0;

    if (!gone) {
        VIR_WARN("domain '%s': the NBD server of its last backup stays until the next one: %s",
                 stop->vm->name, virErrorLastMessage());
        virErrorReset();
    }
    stopDone(stop, gone);
    serverStopFree(stop);
}

void
qemuBackupServerStop(qemuVM *vm, const virDomainBackupDef *def)
{
    serverStop *stop = g_new0(serverStop, 1);
    g_autofree char *socket = NULL;

    stop->vm = qemuVMRef(vm);
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->nbdServerEnding = true;
        stop->run = vm->run;
        stop->plan = qemuBackupPlanServerStop(def, vm->privateDir);
        socket = qemuBackupPlanSocket(def, vm->privateDir);
    }
    if (qemuNbdClientsCount(vm->target.ops->pid(&vm->target), socket, def->server.port) == 0)
        stopServer(stop);
    else
        qemuWorkersRun(stopServer, stop);
}

int
qemuBackupServerAwait(qemuVM *vm)
{
    gint64 deadline =
        g_get_monotonic_time() + (QEMU_NBD_CLIENTS_TIMEOUT_MS + 1000) * G_TIME_SPAN_MILLISECOND;
    QEMU_VM_LOCK_GUARD(vm);

    while (vm->nbdServerEnding) {
        if (qemuVMWait(vm, deadline))
            continue;
        virReportError(VIR_ERR_OPERATION_TIMEOUT,
                       "cannot start a backup of domain '%s': the NBD server of its last backup could "
                       "not be stopped yet, because a client is connected to it; disconnect that "
                       "client and try again",
                       vm->name);
        return -1;
    }
    return 0;
}
