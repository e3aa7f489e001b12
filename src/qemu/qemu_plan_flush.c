/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU flushes an image when it closes it, in its main loop, so that the guest stands still until the server
 * has answered; and an error of that flush is told to nobody. The only flush that QEMU 7.2 does beside the guest
 * and whose error it tells is the one of a mirror job that has nothing more to copy, just before it is
 * "ready". So a mirror is started that has nothing to copy, from a null node, and ends when it is ready:
 *
 *     fleece-null-DISK --(mirror, sync=none: fleece-flush-DISK)--> fleece-store-DISK --> server
 *
 * It wants to be the only one who writes to the target, so that the filter has to be gone before. Closing flushes
 * again; the connection is cut for that, as there is nothing left to be written.
 */
#include "qemu_plan_flush.h"

#include <string.h>

#include "qemu_backup_plan.h"
#include "qemu_monitor.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
/* A server may have much to write when it is asked to flush. The guest does not wait for it. */
#define FLUSH_MS 120000
#define END_MS 5000                /* with the connection cut, for the job to end */
#define CANCELLED "Operation canceled"

typedef enum { FLUSH_GOES_ON, FLUSH_READY, FLUSH_CONCLUDED, FLUSH_LOST } flushState;

/* Replies of commands that may fail. */
static void
sendAll(qemuTarget *target, virJSONValue **commands, size_t n)
{
    g_autofree virJSONValue **replies = g_new0(virJSONValue *, n);

    if (target->ops->batch(target, commands, n, replies) < 0)
        virErrorReset();   /* QEMU has gone */
    for (size_t i = 0; i < n; i++) {
        virJSONValueFree(replies[i]);
        virJSONValueFree(commands[i]);
    }
}

/* (owned) why not, or NULL. The node and the job may be there already. */
static char *
startFlush(qemuTarget *target, const char *null, const char *job, const char *disk,
           unsigned long long size)
{
    g_autofree char *store = qemuBackupNodeName("store", disk);
    g_autoptr(virJSONValue) add = virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'null-co',"
                                               "'node-name':%s,'size':%llu}}",
                                               null, size);
    g_autoptr(virJSONValue) mirror = virJSONBuild(
        "{'execute':'blockdev-mirror','arguments':{'job-id':%s,'device':%s,'target':%s,'sync':'none',"
        "'on-target-error':'report','auto-dismiss':%b}}",
        job, null, store, false);
    virJSONValue *commands[] = { add, mirror };
    virJSONValue *replies[] = { NULL, NULL };
    const char *desc = NULL;
    char *why = NULL;

    if (target->ops->batch(target, commands, G_N_ELEMENTS(commands), replies) < 0)
        return g_strdup("QEMU has gone");
    if (qemuMonitorReplyError(replies[1], NULL, &desc) && !strstr(desc, "already in use"))
        why = g_strdup(desc);
    virJSONValueFree(replies[0]);
    virJSONValueFree(replies[1]);
    return why;
}

/* @why: (owned) set when it has concluded with an error. */
static flushState
look(qemuTarget *target, const char *id, char **why)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-jobs'}");
    g_autoptr(virJSONValue) jobs = NULL;

    if (target->ops->command(target, command, &jobs) < 0)
        return FLUSH_LOST;
    for (size_t i = 0; i < virJSONArraySize(jobs); i++) {
        const virJSONValue *job = virJSONArrayAt(jobs, i);
        const char *status = virJSONObjectLookupString(job, "status");
        const char *error = virJSONObjectLookupString(job, "error");

        if (g_strcmp0(virJSONObjectLookupString(job, "id"), id) != 0)
            continue;
        if (g_strcmp0(status, "ready") == 0)
            return FLUSH_READY;
        if (g_strcmp0(status, "concluded") != 0)
            return FLUSH_GOES_ON;
        /* by us, and only once it was ready */
        if (error && !g_str_equal(error, CANCELLED))
            *why = g_strdup(error);
        return FLUSH_CONCLUDED;
    }
    return FLUSH_LOST;
}

static flushState
await(qemuTarget *target, const char *id, bool untilReady, unsigned int timeoutMs, char **why)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    gulong pauseUs = 500;
    flushState state = look(target, id, why);

    while ((state == FLUSH_GOES_ON || (state == FLUSH_READY && !untilReady)) && g_get_monotonic_time() < end) {
        g_usleep(pauseUs);
        pauseUs = MIN(pauseUs * 2, 50000);
        state = look(target, id, why);
    }
    return state;
}

/* Cancelled is only a job that is @ready: one that is cancelled has flushed then, also for a daemon that finds it after
 * us. Any other one ends because its connection is cut. */
static void
endFlush(qemuTarget *target, const char *null, const char *id, const char *disk, bool ready)
{
    virJSONValue *cut[] = { qemuBackupPlanYank(disk, false),
                            ready ? virJSONBuild("{'execute':'job-cancel','arguments':{'id':%s}}", id) : NULL };
    virJSONValue *end[] = { virJSONBuild("{'execute':'job-dismiss','arguments':{'id':%s}}", id),
                            virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", null) };
    g_autofree char *ignored = NULL;

    sendAll(target, cut, ready ? 2 : 1);
    await(target, id, false, END_MS, &ignored);
    sendAll(target, end, G_N_ELEMENTS(end));
    virErrorReset();
}

int
qemuPlanFlushTarget(qemuTarget *target, const char *disk, unsigned long long size)
{
    g_autofree char *null = qemuBackupNodeName("null", disk);
    g_autofree char *id = qemuBackupNodeName("flush", disk);
    g_autofree char *why = startFlush(target, null, id, disk, size);
    flushState state = why ? FLUSH_LOST : await(target, id, true, FLUSH_MS, &why);

    endFlush(target, null, id, disk, state == FLUSH_READY);
    if (state == FLUSH_GOES_ON)
        why = g_strdup_printf("it has not answered within %d s", FLUSH_MS / 1000);
    else if (state == FLUSH_LOST && !why)
        why = g_strdup("QEMU does not know how that ended");
    if (!why)
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the NBD server that disk '%s' was copied to has not said that all of it is on its storage: %s; "
                   "look at the server's storage",
                   disk, why);
    return -1;
}
