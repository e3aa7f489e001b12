/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopped domains that something was done with when the last daemon ended: a marker tells of a helper, a
 * backup's journal without a marker of one that was over but for its last step.
 *
 *   journal 'running' or 'ending' ....... the helper is taken over, and the backup goes on or ends
 *   the same, and the helper has ended .. the backup has failed
 *   journal 'server' .................... the backup was over, and its result is told
 *   a restore that writes or ends ....... the helper is taken over (qemu_restore_recover.c)
 *   anything else ....................... the helper is ended, files are removed, a restore is settled
 */
#include "qemu_helper_recover.h"
#include <string.h>
#include "qemu_backup_recover.h"
#include "qemu_driver_state.h"
#include "qemu_helper_priv.h"
#include "qemu_reconcile.h"
#include "qemu_restore.h"
#include "qemu_target_pick.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define JOURNAL_SUFFIX ".backup"

static void
warn(const qemuVM *vm)
{
    VIR_WARN("domain '%s': %s", vm->name, virErrorLastMessage());
    virErrorReset();
}

/* A checkpoint made with the backup is complete since before the helper only reads. */
static int
goOn(qemuVM *vm)
{
    g_autofree char *undone = NULL;

    if (qemuTargetReconnect(vm, QEMU_HELPER_DATA) < 0) {
        warn(vm);
        return -1;
    }
    if (qemuReconcilePending(vm))
        qemuReconcileCheckpoints(vm);
    if (qemuBackupRecover(vm, &undone) == 0)
        return 0;
    warn(vm);
    qemuTargetRelease(vm);
    return -1;
}

static int
restoreOn(qemuVM *vm)
{
    if (qemuTargetReconnect(vm, QEMU_HELPER_BARE) == 0 && qemuRestoreRecover(vm) == 0)
        return 0;
    warn(vm);
    qemuTargetRelease(vm);
    return -1;
}

static bool
takeOver(qemuVM *vm)
{
    if (qemuRestoreHasHelper(vm))
        return restoreOn(vm) == 0;
    return qemuBackupHasHelper(vm) && goOn(vm) == 0;
}

static void
end(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(virDomainDef) def = qemuVMCopyDef(vm);

    qemuHelperEndLeft(def);
    if (qemuBackupGivenUp(vm) < 0)
        warn(vm);
    if (qemuRestoreGivenUp(vm) < 0)
        warn(vm);
    qemuHelperMarkerRemove(config, vm->name);
}

/* Holds MODIFY. */
static void
recoverOne(void *data)
{
    g_autoptr(qemuVM) vm = data;

    if (!takeOver(vm))
        end(vm);
    virErrorReset();
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->reconnecting = false;
        qemuVMSignal(vm);
    }
    qemuJobEnd(&vm->job);
}

static void
recoverDomain(const char *name)
{
    g_autoptr(qemuVM) vm = qemuVMListByName(qemuDriverVMs(), name);

    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "reconnecting to the block helper") < 0) {
        VIR_WARN("block helper of domain '%s' stays: %s", name,
                 vm ? virErrorLastMessage() : "the domain is not defined any more");
        virErrorReset();
        return;
    }
    {
        QEMU_VM_LOCK_GUARD(vm);

        vm->reconnecting = true;
    }
    qemuWorkersRun(recoverOne, g_steal_pointer(&vm));
}

static bool
isStopped(const char *name)
{
    g_autoptr(qemuVM) vm = qemuVMListByName(qemuDriverVMs(), name);
    g_autoptr(qemuVMLocker) locker = vm ? qemuVMLockerNew(vm) : NULL;

    return locker && !qemuVMIsActive(vm);
}

/* A journal beside a marker is the marker's matter, one of a running domain that of its reconnect. */
static bool
isWithoutHelper(const qemuConfig *config, const char *name)
{
    g_autofree char *marker =
        g_strdup_printf("%s/%s" QEMU_HELPER_MARKER_SUFFIX, config->stateDir, name);

    return !virFileExists(marker) && isStopped(name);
}

void
qemuHelperRecoverAll(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(GDir) dir = g_dir_open(config->stateDir, 0, NULL);
    const char *file = NULL;

    while (dir && (file = g_dir_read_name(dir))) {
        const char *suffix = strrchr(file, '.');
        g_autofree char *name = suffix ? g_strndup(file, (gsize)(suffix - file)) : NULL;

        if (!name || !*name)
            continue;
        if (g_str_equal(suffix, QEMU_HELPER_MARKER_SUFFIX) ||
            (g_str_equal(suffix, JOURNAL_SUFFIX) && isWithoutHelper(config, name)))
            recoverDomain(name);
    }
}
