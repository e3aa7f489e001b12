/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Beginning a restore: look at everything, journal, open, journal again, write.
 *
 *   Def, images -> journal 'preparing' -> new images, nodes, server -> journal 'writing'
 *     -> copy jobs or writable exports
 *
 * All of it happens in a block helper that has no image of the domain open.
 */
#include "qemu_restore.h"

#include "qemu_backup.h"
#include "qemu_backup_port.h"
#include "qemu_nbd_clients.h"
#include "qemu_plan_run.h"
#include "qemu_restore_plan.h"
#include "qemu_restore_source.h"
#include "qemu_target_pick.h"
#include "qemu_tls.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* A disk that is half restored stays so until it is restored: it must be among those asked for. */
static int
inheritHalf(qemuRestoreJob *job, const qemuConfig *config, const char *domain)
{
    g_autoptr(qemuRestoreJob) old = qemuRestoreJournalLoad(config, domain);

    if (!old)
        return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
    for (guint i = 0; i < old->disks->len; i++) {
        const qemuRestoreDisk *half = g_ptr_array_index(old->disks, i);
        qemuRestoreDisk *mine = NULL;

        for (guint j = 0; half->wasHalf && j < job->disks->len && !mine; j++) {
            qemuRestoreDisk *disk = g_ptr_array_index(job->disks, j);

            mine = g_str_equal(disk->name, half->name) ? disk : NULL;
        }
        if (mine) {
            mine->wasHalf = true;
        } else if (half->wasHalf) {
            virReportError(VIR_ERR_OPERATION_INVALID,
                           "cannot restore domain '%s' without its disk '%s', which an interrupted "
                           "restore has left half written; restore that disk as well",
                           domain, half->name);
            return -1;
        }
    }
    return 0;
}

static int
lendSources(qemuTarget *target, const qemuRestoreJob *job)
{
    for (guint i = 0; i < job->loans->len; i++) {
        const qemuRestoreLoan *loan = g_ptr_array_index(job->loans, i);

        if (target->ops->lendFile(target, loan->path, false) < 0)
            return -1;
    }
    return 0;
}

static int
runPlan(qemuPlan *plan, qemuTarget *target)
{
    g_autoptr(qemuPlan) owned = plan;
    qemuPlanRun run = { .plan = owned };

    return qemuPlanRunAll(&run, target);
}

/* @job is nobody else's yet. */
static int
openAll(qemuVM *vm, qemuRestoreJob *job, const qemuRestorePlanInput *input, const qemuConfig *config)
{
    qemuTarget *target = qemuTargetBegin(vm, QEMU_HELPER_BARE);

    if (!target || lendSources(target, job) < 0 || runPlan(qemuRestorePlanOpen(input), target) < 0)
        return -1;
    return qemuRestoreJournalAdvance(config, vm->name, job, QEMU_RESTORE_WRITING);
}

static void
install(qemuVM *vm, qemuRestoreJob *job)
{
    QEMU_VM_LOCK_GUARD(vm);

    vm->restore = qemuRestoreJobRef(job);
    qemuBackupSetLastJob(vm, VIR_DOMAIN_JOB_NONE, NULL);
}

static void
uninstall(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    qemuRestoreJobUnref(g_steal_pointer(&vm->restore));
    qemuVMSignal(vm);
}

/* The first error counts. */
static void
takeBack(qemuVM *vm, qemuRestoreJob *job, const qemuConfig *config)
{
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    qemuTargetRelease(vm);
    if (qemuRestoreUndo(config, vm->name, job) < 0)
        VIR_WARN("domain '%s': of a restore that did not begin something is left: %s", vm->name,
                 virErrorLastMessage());
    virErrorRestore(&saved);
}

static int
beginJob(qemuVM *vm, qemuRestoreJob *job, const qemuConfig *config)
{
    g_autofree char *tlsDir = NULL;
    g_auto(qemuBackupPort) port = 0;
    virDomainBackupDef *server = job->def->server;
    qemuRestorePlanInput input = { .job = job, .tlsVerify = config->backupTLSVerify };

    if (server && qemuBackupPortTake(server, config, vm->name, &port) < 0)
        return -1;
    if (server && server->server.tls && !(input.tlsDir = tlsDir = qemuTLSBackupDir(config, vm->name)))
        return -1;
    if (qemuJobBeginAsync(&vm->job, QEMU_ASYNC_JOB_BACKUP, QEMU_RESTORE_JOB_NAME) < 0)
        return -1;
    if (qemuRestoreJournalSave(config, vm->name, job) < 0) {
        qemuJobEndAsync(&vm->job);
        return -1;
    }
    if (openAll(vm, job, &input, config) == 0) {
        install(vm, job);
        qemuTargetHold(vm);
        if (runPlan(qemuRestorePlanWrite(&input), qemuVMTarget(vm)) == 0)
            return 0;
        uninstall(vm);
    }
    takeBack(vm, job, config);
    qemuJobEndAsync(&vm->job);
    return -1;
}

static int
checkStopped(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (vm->removed) {
        virReportError(VIR_ERR_NO_DOMAIN, "domain '%s' was removed meanwhile", vm->name);
        return -1;
    }
    if (qemuVMIsActive(vm)) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot restore disks of domain '%s' while it runs; stop it first", vm->name);
        return -1;
    }
    if (vm->helperHeld || vm->restore) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot restore disks of domain '%s': a backup or another restore uses them; "
                       "wait for it or abort it",
                       vm->name);
        return -1;
    }
    return 0;
}

static int
beginHeld(qemuVM *vm, virDomainRestoreDef **def)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = qemuRestoreJobNew();
    g_autoptr(virDomainDef) dom = NULL;

    job->def = g_steal_pointer(def);
    if (job->def->server)
        job->socket = g_strdup(job->def->server->server.socket);
    job->startedMs = g_get_real_time() / 1000;
    if (checkStopped(vm) < 0 || !(dom = qemuVMCopyDef(vm)))
        return -1;
    /* Half restored disks are what it is for; anything else must be over and done. */
    qemuRestoreSettle(vm);
    virErrorReset();
    if (qemuRestoreLook(job, dom) < 0 || inheritHalf(job, config, vm->name) < 0)
        return -1;
    return beginJob(vm, job, config);
}

static int
checkNoClient(qemuVM *vm, const qemuRestoreJob *job)
{
    qemuTarget *target = qemuVMTarget(vm);
    const virDomainBackupDef *def = job->def->server;
    bool isUnix = def->server.transport == VIR_BACKUP_SERVER_UNIX;

    if (qemuNbdClientsCount(target->ops->pid(target), isUnix ? def->server.socket : NULL,
                            def->server.port) == 0)
        return 0;
    virReportError(VIR_ERR_OPERATION_INVALID,
                   "cannot commit the restore of domain '%s': a client is still connected to its NBD "
                   "server, and may not have written everything; disconnect it first, or abort the restore",
                   vm->name);
    return -1;
}

static int
commitHeld(qemuVM *vm)
{
    g_autoptr(qemuRestoreJob) job = qemuRestoreOfVM(vm);

    if (!job || !job->def->server) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot commit a restore of domain '%s': there is none with mode='pull'", vm->name);
        return -1;
    }
    if (checkNoClient(vm, job) < 0)
        return -1;
    virErrorReset();
    qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_COMPLETED, NULL);
    return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
}

int
qemuRestoreBegin(qemuVM *vm, const char *xml, const char *checkpointXML, unsigned int flags)
{
    g_autoptr(virDomainRestoreDef) def = virDomainRestoreDefParse(xml);
    int rc = -1;

    if (!def)
        return -1;
    if (checkpointXML || flags) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "a restore of domain '%s' takes neither a checkpoint nor flags", vm->name);
        return -1;
    }
    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainBackupBegin") < 0)
        return -1;
    rc = def->mode == VIR_RESTORE_MODE_COMMIT ? commitHeld(vm) : beginHeld(vm, &def);
    qemuJobEnd(&vm->job);
    return rc;
}
