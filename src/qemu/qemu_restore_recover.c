/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restores that an earlier daemon has left.
 *
 *   journal 'writing', the helper writes ....... the restore goes on
 *   journal 'ending', the helper is there ...... so does its end
 *   the same without the helper ................ it has failed, and the old disks are as they were
 *   journal 'committing' ....................... the exchange of images goes on
 *   journal 'preparing' ........................ nobody was told of it, and it is taken back
 *
 * Whether the helper writes is asked from QEMU: a begin that was interrupted has not all of its copy jobs or
 * exports.
 */
#include "qemu_restore.h"

#include <string.h>
#include <unistd.h>
#include "qemu_backup_plan.h"
#include "qemu_lend.h"
#include "qemu_restore_plan.h"
#include "qemu_target_pick.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

bool
qemuRestoreHasHelper(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = qemuRestoreJournalLoad(config, vm->name);

    virErrorReset();
    return job && job->def &&
           (job->phase == QEMU_RESTORE_WRITING || job->phase == QEMU_RESTORE_ENDING);
}

static bool
hasEntry(const virJSONValue *list, const char *id)
{
    for (size_t i = 0; i < virJSONArraySize(list); i++) {
        if (g_strcmp0(virJSONObjectLookupString(virJSONArrayAt(list, i), "id"), id) == 0)
            return true;
    }
    return false;
}

/* Which copy jobs or exports there are. Until the end has begun, all must be. */
static int
lookAtWriters(qemuTarget *target, qemuRestoreJob *job)
{
    bool pull = job->def->server != NULL;
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':%s}", pull ? "query-block-exports" : "query-jobs");
    g_autoptr(virJSONValue) there = NULL;

    if (target->ops->command(target, command, &there) < 0)
        return -1;
    for (guint i = 0; i < job->disks->len; i++) {
        qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        g_autofree char *id = pull ? qemuBackupNodeName("export", disk->name)
                                   : g_strconcat(QEMU_RESTORE_JOB_PREFIX, disk->name, NULL);

        disk->closed = !hasEntry(there, id);
        if (!disk->closed || job->phase == QEMU_RESTORE_ENDING)
            continue;
        virReportError(VIR_ERR_OPERATION_FAILED, "its restore had not begun completely: disk '%s' is not written",
                       disk->name);
        return -1;
    }
    return 0;
}

/* What the disks are is asked from the helper's definition: no image is, which may be lost. */
static int
describeDisks(qemuTarget *target, qemuRestoreJob *job)
{
    const virDomainDef *def = target->ops->def(target);

    for (guint i = 0; i < job->disks->len; i++) {
        qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        const virDomainDiskDef *domDisk = virDomainDefDisk(def, disk->name, false);

        if (!domDisk || !domDisk->src) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "its restore is of a disk '%s', which it has not",
                           disk->name);
            return -1;
        }
        disk->format = domDisk->src->format;
        disk->encryption = virStorageEncryptionCopy(domDisk->src->encryption);
    }
    return 0;
}

/* Of a daemon that had lent them; its books ended with it. New images were its own. */
static void
noteLoans(const qemuRestoreJob *job)
{
    for (guint i = 0; i < job->loans->len; i++) {
        const qemuRestoreLoan *loan = g_ptr_array_index(job->loans, i);

        qemuLendNote(loan->path, loan->user, loan->group);
    }
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);

        if (disk->newPath)
            qemuLendNote(disk->newPath, geteuid(), getegid());
    }
}

static int
adopt(qemuVM *vm, qemuRestoreJob *job)
{
    if (qemuJobBeginAsync(&vm->job, QEMU_ASYNC_JOB_BACKUP, QEMU_RESTORE_JOB_NAME) < 0)
        return -1;
    noteLoans(job);
    QEMU_VM_LOCK_GUARD(vm);
    vm->restore = qemuRestoreJobRef(job);
    return 0;
}

int
qemuRestoreRecover(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = qemuRestoreJournalLoad(config, vm->name);
    qemuTarget *target = qemuVMTarget(vm);

    if (!job || describeDisks(target, job) < 0 || lookAtWriters(target, job) < 0 || adopt(vm, job) < 0)
        return -1;
    VIR_INFO("domain '%s': its restore goes on", vm->name);
    if (job->phase == QEMU_RESTORE_ENDING)
        qemuRestoreEnd(vm, job, VIR_DOMAIN_JOB_COMPLETED, NULL);
    else
        qemuRestoreLookAtCopies(vm, job);
    virErrorReset();
    return 0;
}

static void
warnOfFate(const qemuVM *vm, const qemuRestoreJob *job)
{
    VIR_WARN("domain '%s': an interrupted restore is %s", vm->name,
             job->phase == QEMU_RESTORE_COMMITTING ? "completed" : "taken back");
}

int
qemuRestoreGivenUp(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = qemuRestoreJournalLoad(config, vm->name);
    bool exchange = job && job->phase == QEMU_RESTORE_COMMITTING;

    if (!job || !job->def || job->phase == QEMU_RESTORE_PREPARING || job->phase == QEMU_RESTORE_HALF)
        return qemuRestoreSettle(vm);
    warnOfFate(vm, job);
    if (adopt(vm, job) < 0)
        return -1;
    qemuRestoreEnd(vm, job, exchange ? VIR_DOMAIN_JOB_COMPLETED : VIR_DOMAIN_JOB_FAILED,
                   exchange ? NULL : "the block helper of the stopped domain was lost while no daemon ran");
    return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
}

int
qemuRestoreSettle(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autoptr(qemuRestoreJob) job = qemuRestoreJournalLoad(config, vm->name);

    if (!job)
        return virErrorLastCode() == VIR_ERR_OK ? 0 : -1;
    if (job->phase == QEMU_RESTORE_HALF)
        return 0;
    warnOfFate(vm, job);
    return job->phase == QEMU_RESTORE_COMMITTING ? qemuRestoreFinish(config, vm->name, job)
                                                 : qemuRestoreUndo(config, vm->name, job);
}

static void
warn(const char *domain)
{
    VIR_WARN("domain '%s': %s", domain, virErrorLastMessage());
    virErrorReset();
}

/* A domain with a helper's marker is settled behind the end of that helper (qemu_helper_recover.c). */
static void
recoverFile(const qemuConfig *config, const char *file)
{
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(".json"));
    g_autofree char *marker = g_strdup_printf("%s/%s.helper", config->stateDir, name);
    g_autoptr(qemuVM) vm = qemuVMListByName(qemuDriverVMs(), name);

    if (!vm || virFileExists(marker))
        return;
    if (qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "settling a restore") < 0) {
        warn(name);
        return;
    }
    if (qemuRestoreGivenUp(vm) < 0)
        warn(name);
    qemuJobEnd(&vm->job);
}

void
qemuRestoreRecoverAll(void)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *path = g_build_filename(config->libDir, "restore", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *file = NULL;

    if (dir)
        virFileSweepTemporaries(path);
    while (dir && (file = g_dir_read_name(dir))) {
        if (g_str_has_suffix(file, ".json") && file[0] != '.')
            recoverFile(config, file);
    }
}
