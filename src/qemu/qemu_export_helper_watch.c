/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watch lives as long as the process, which it also reaps; a backup that is being ended has its helper
 * killed, and then nobody is interested in how.
 */
#include "qemu_export_helper_watch.h"

#include "qemu_backup_end.h"
#include "qemu_export_helper.h"
#include "qemu_export_helper_plan.h"
#include "qemu_workers.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "virmainloop.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _helperWatch {
    qemuVM *vm;
    qemuBackupJob *job;
    int pidfd;
    char *why;
} helperWatch;

static void
helperWatchFree(helperWatch *watch)
{
    virFileAutoClose(&watch->pidfd);
    qemuBackupJobUnref(watch->job);
    qemuVMUnref(watch->vm);
    g_free(watch->why);
    g_free(watch);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(helperWatch, helperWatchFree)

/* On a driver thread: the job slot may have to be waited for. */
static void
endBackup(void *data)
{
    g_autoptr(helperWatch) watch = data;
    g_autoptr(qemuBackupJob) running = NULL;

    if (qemuJobBegin(&watch->vm->job, QEMU_JOB_MODIFY, "end of a backup without its helper") < 0) {
        virErrorReset();
        qemuWorkersRun(endBackup, g_steal_pointer(&watch));
        return;
    }
    running = qemuBackupOfVM(watch->vm);
    if (running == watch->job) {
        VIR_WARN("domain '%s': %s", watch->vm->name, watch->why);
        qemuBackupBreak(watch->vm, watch->job, watch->why);
    }
    virErrorReset();
    qemuJobEnd(&watch->vm->job);
}

static void
helperGone(helperWatch *watch, const char *how)
{
    watch->why = g_strdup_printf("the export helper, which served the backup to its clients, %s; the log of "
                                 "the domain may say why", how);
    qemuWorkersRun(endBackup, watch);
}

static gboolean
processEnded(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    helperWatch *watch = data;
    g_autofree char *how = qemuExportHelperReap(watch->pidfd);

    helperGone(watch, how);
    return G_SOURCE_REMOVE;
}

/* (owned) its directory; NULL if the backup of @vm has no helper. */
static char *
helperDir(qemuVM *vm, qemuBackupJob **job)
{
    QEMU_VM_LOCK_GUARD(vm);

    if (!vm->backup || !qemuExportHelperIsWanted(vm->backup->def, vm->privateDir))
        return NULL;
    *job = qemuBackupJobRef(vm->backup);
    return g_strdup(vm->privateDir);
}

void
qemuExportHelperWatch(qemuVM *vm)
{
    qemuBackupJob *job = NULL;
    g_autofree char *dir = helperDir(vm, &job);
    g_autoptr(GSource) source = NULL;
    helperWatch *watch = NULL;

    if (!dir)
        return;
    watch = g_new0(helperWatch, 1);
    watch->vm = qemuVMRef(vm);
    watch->job = job;
    watch->pidfd = -1;
    if (qemuExportHelperFind(dir, &watch->pidfd) == 0)
        helperGone(watch, "has ended");
    else
        source = virMainLoopWatch(watch->pidfd, G_IO_IN, processEnded, watch);
}
