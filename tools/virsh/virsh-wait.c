/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * backup-begin --wait: until the job that was begun is over, however it ends.
 *
 * The job is asked for five times a second, and not only listened for: an event that is lost would
 * make the wait endless.
 */
#include "virsh.h"

#include <signal.h>
#include <stdio.h>

#define POLL_MS 200

static gint interrupted;

static void
onInterrupt(int sig G_GNUC_UNUSED)
{
    g_atomic_int_set(&interrupted, 1);
}

/* A push says how much of how much; a pull has no end of its own, so what its scratch files take. */
static void
printProgress(virTypedParameterPtr params, int nparams)
{
    unsigned long long total = 0;
    unsigned long long processed = 0;
    unsigned long long scratch = 0;

    if (virTypedParamsGetULLong(params, nparams, VIR_DOMAIN_JOB_DISK_TOTAL, &total) == 1) {
        virTypedParamsGetULLong(params, nparams, VIR_DOMAIN_JOB_DISK_PROCESSED, &processed);
        g_printerr("\rBackup: [%6.2f %%]", total ? 100.0 * (double)processed / (double)total : 0.0);
    } else {
        const char *unit = NULL;
        double scaled = 0;

        virTypedParamsGetULLong(params, nparams, VIR_DOMAIN_JOB_DISK_TEMP_USED, &scratch);
        scaled = virshScaleSize(scratch, &unit);
        g_printerr("\rBackup: [%.3f %s of scratch]", scaled, unit);
    }
}

/* 1: it goes on, 0: it is over, -1: nobody can say. */
static int
stillRuns(virDomainPtr dom, bool progress)
{
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    int type = VIR_DOMAIN_JOB_NONE;

    if (virDomainGetJobStats(dom, &type, &params, &nparams, 0) < 0) {
        if (virGetLastErrorCode() != VIR_ERR_OPERATION_INVALID)
            return -1;
        virResetLastError();   /* the domain has ended, and its job with it */
        return 0;
    }
    if (progress && type != VIR_DOMAIN_JOB_NONE)
        printProgress(params, nparams);
    virTypedParamsFree(params, nparams);
    return type != VIR_DOMAIN_JOB_NONE;
}

static bool
printResult(virshShell *sh, virDomainPtr dom)
{
    unsigned int flags = VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
    virTypedParameterPtr params = NULL;
    const char *why = NULL;
    int nparams = 0;
    int type = VIR_DOMAIN_JOB_NONE;

    if (virDomainGetJobStats(dom, &type, &params, &nparams, flags) < 0)
        return false;
    virTypedParamsGetString(params, nparams, VIR_DOMAIN_JOB_ERRMSG, &why);
    if (type == VIR_DOMAIN_JOB_COMPLETED)
        virshPrint(sh, "Backup completed\n");
    else if (type == VIR_DOMAIN_JOB_CANCELLED)
        virshError(sh, "Backup cancelled");
    else if (type == VIR_DOMAIN_JOB_FAILED)
        virshError(sh, "Backup failed: %s", why ? why : "unknown reason");
    else
        virshError(sh, "Backup has ended, and its result is not known");
    virTypedParamsFree(params, nparams);
    return type == VIR_DOMAIN_JOB_COMPLETED;
}

bool
virshBackupWait(virshShell *sh, virDomainPtr dom, bool progress)
{
    struct sigaction action = {.sa_handler = onInterrupt};
    struct sigaction old = {0};
    bool aborted = false;
    int runs = 1;

    g_atomic_int_set(&interrupted, 0);
    sigaction(SIGINT, &action, &old);
    virshPrint(sh, "Backup started\n");
    fflush(stdout);
    while ((runs = stillRuns(dom, progress)) > 0) {
        if (g_atomic_int_get(&interrupted) && !aborted) {
            aborted = true;
            if (virDomainAbortJob(dom) < 0)
                virResetLastError();   /* it has just ended */
            continue;
        }
        g_usleep(POLL_MS * G_TIME_SPAN_MILLISECOND);
    }
    sigaction(SIGINT, &old, NULL);
    if (progress)
        g_printerr("\n");
    return runs == 0 && printResult(sh, dom);
}
