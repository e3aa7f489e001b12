/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter of a push job writes the old content of a block to the target before the guest may
 * overwrite it. In QEMU 7.2 a target that cannot take it (full) fails the guest's write, and the
 * disk's error policy then stops the guest, where the backup should fail and nobody else.
 *
 * The guest goes on only when all jobs of the disks have gone, and their filters with them: before,
 * the write would fail again.
 */
#include "qemu_backup_rescue.h"

#include "qemu_backup_job.h"
#include "qemu_backup_push.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define RESCUE_POLL_MS 5
#define RESCUE_WAIT_MS 30000

typedef struct _rescue {
    qemuVM *vm;
    qemuBackupJob *job;
    unsigned int run;     /* the start of QEMU it belongs to */
} rescue;

static void
rescueFree(rescue *r)
{
    qemuBackupJobUnref(r->job);
    qemuVMUnref(r->vm);
    g_free(r);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rescue, rescueFree)

/* The jobs' filters are gone when the jobs have concluded. False if that takes too long, or QEMU is gone. */
static bool
awaitJobs(rescue *r)
{
    gint64 deadline = g_get_monotonic_time() + RESCUE_WAIT_MS * G_TIME_SPAN_MILLISECOND;

    while (qemuBackupPushRefresh(r->vm, r->job) == 0) {
        {
            QEMU_VM_LOCK_GUARD(r->vm);

            if (qemuBackupPushDone(r->job))
                return true;
        }
        if (g_get_monotonic_time() > deadline)
            break;
        g_usleep(RESCUE_POLL_MS * G_TIME_SPAN_MILLISECOND);
    }
    return false;
}

/* Somebody may have suspended the domain meanwhile: then it stays as it is. */
static bool
stillWanted(const rescue *r)
{
    QEMU_VM_LOCK_GUARD(r->vm);

    return r->vm->rescuing && r->vm->run == r->run && r->vm->state == VIR_DOMAIN_RUNNING;
}

static void
giveUp(rescue *r)
{
    QEMU_VM_LOCK_GUARD(r->vm);

    if (!r->vm->rescuing || r->vm->run != r->run)
        return;
    r->vm->rescuing = false;
    if (r->vm->state != VIR_DOMAIN_RUNNING)
        return;
    qemuVMSetState(r->vm, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR);
    qemuVMPublishLifecycle(r->vm, VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR);
}

static void
rescueRun(void *data)
{
    g_autoptr(rescue) r = data;
    g_autoptr(virJSONValue) cont = virJSONBuild("{'execute':'cont'}");
    qemuTarget *target = qemuVMTarget(r->vm);

    qemuBackupPushCancel(r->vm, r->job);
    if (!awaitJobs(r)) {
        VIR_WARN("domain '%s' stays paused: its push could not be cancelled: %s", r->vm->name,
                 virErrorLastMessage());
        giveUp(r);
    } else if (stillWanted(r) && target->ops->command(target, cont, NULL) < 0) {
        VIR_WARN("domain '%s' cannot go on after its push has failed: %s", r->vm->name,
                 virErrorLastMessage());
        giveUp(r);
    }
    virErrorReset();
}

bool
qemuBackupRescueGuest(qemuVM *vm, const char *disk, const char *reason)
{
    qemuBackupJob *job = vm->backup;
    qemuBackupJobDisk *mine =
        job && job->def->mode == VIR_BACKUP_MODE_PUSH ? qemuBackupJobDiskLookup(job, disk) : NULL;
    rescue *r = NULL;

    if (vm->rescuing)
        return true;
    if (!mine)
        return false;
    if (!mine->error)
        mine->error = g_strdup_printf("the target of disk '%s' could not take what the guest was about "
                                      "to overwrite: %s", disk, reason ? reason : "unknown error");
    job->abortRequested = true;
    vm->rescuing = true;
    VIR_WARN("domain '%s': the push of disk '%s' is given up, so that the guest can go on: %s",
             vm->name, disk, mine->error);
    r = g_new0(rescue, 1);
    r->vm = qemuVMRef(vm);
    r->job = qemuBackupJobRef(job);
    r->run = vm->run;
    qemuWorkersRun(rescueRun, r);
    return true;
}
