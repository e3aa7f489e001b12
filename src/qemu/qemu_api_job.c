/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long jobs, which are backups, also of stopped domains.
 */
#include "qemu_api.h"
#include "qemu_backup.h"
#include "qemu_restore.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* Lock held. Statistics of the job that ended last; forgotten after, unless @keep. */
static void
qemuJobCompleted(qemuVM *vm, bool keep, int *type, virTypedParamList *params)
{
    int i = 0;

    *type = VIR_DOMAIN_JOB_NONE;
    if (!vm->lastJob)
        return;
    *type = vm->lastJobType;
    if (!keep) {
        *params = *vm->lastJob;
        g_clear_pointer(&vm->lastJob, g_free);
        return;
    }
    params->params = g_new0(virTypedParameter, vm->lastJob->n);
    for (i = 0; i < vm->lastJob->n; i++) {
        params->params[i] = vm->lastJob->params[i];
        if (params->params[i].type == VIR_TYPED_PARAM_STRING)
            params->params[i].value.s = g_strdup(vm->lastJob->params[i].value.s);
    }
    params->n = params->max = vm->lastJob->n;
}

/* Which long job there is; a stopped domain may have a restore. */
static int
qemuJobStatsOfNow(qemuVM *vm, int *type, virTypedParamList *params)
{
    int rc = qemuRestoreJobStats(vm, type, params);

    return rc != 0 ? MIN(rc, 0) : qemuBackupJobStats(vm, type, params);
}

int
qemuDomainGetJobStats(virDomainPtr dom, int *type, virTypedParameterPtr *params, int *nparams,
                      unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_auto(virTypedParamList) list = { 0 };

    virCheckFlags(VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    qemuVMAwaitReconnect(vm);
    if (flags & VIR_DOMAIN_JOB_STATS_COMPLETED) {
        QEMU_VM_LOCK_GUARD(vm);
        qemuJobCompleted(vm, flags & VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED, type, &list);
    } else {
        g_mutex_lock(&vm->lock);
        if (!vm->backup && !vm->restore && qemuVMCheckActive(vm) < 0) {
            g_mutex_unlock(&vm->lock);
            return -1;
        }
        g_mutex_unlock(&vm->lock);
        if (qemuJobStatsOfNow(vm, type, &list) < 0)
            return -1;
    }
    virTypedParamListSteal(&list, params, nparams);
    return 0;
}

static unsigned long long
qemuJobParam(const virTypedParamList *list, const char *name)
{
    unsigned long long value = 0;

    virTypedParamsGetULLong(list->params, list->n, name, &value);
    return value;
}

int
qemuDomainGetJobInfo(virDomainPtr dom, virDomainJobInfoPtr info)
{
    g_autoptr(qemuVM) vm = qemuVMFromDomain(dom);
    g_auto(virTypedParamList) list = { 0 };
    int type = VIR_DOMAIN_JOB_NONE;

    *info = (virDomainJobInfo){ .type = VIR_DOMAIN_JOB_NONE };
    if (!vm)
        return -1;
    qemuVMAwaitReconnect(vm);
    g_mutex_lock(&vm->lock);
    if (!vm->backup && !vm->restore && qemuVMCheckActive(vm) < 0) {
        g_mutex_unlock(&vm->lock);
        return -1;
    }
    g_mutex_unlock(&vm->lock);
    if (qemuJobStatsOfNow(vm, &type, &list) < 0)
        return -1;
    info->type = type;
    info->timeElapsed = qemuJobParam(&list, VIR_DOMAIN_JOB_TIME_ELAPSED);
    info->fileTotal = qemuJobParam(&list, VIR_DOMAIN_JOB_DISK_TOTAL);
    info->fileProcessed = qemuJobParam(&list, VIR_DOMAIN_JOB_DISK_PROCESSED);
    info->fileRemaining = qemuJobParam(&list, VIR_DOMAIN_JOB_DISK_REMAINING);
    info->dataTotal = info->fileTotal;
    info->dataProcessed = info->fileProcessed;
    info->dataRemaining = info->fileRemaining;
    return 0;
}

int
qemuDomainAbortJobFlags(virDomainPtr dom, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    bool any = false;
    bool restore = false;

    virCheckFlags(VIR_DOMAIN_ABORT_JOB_POSTCOPY, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    qemuVMAwaitReconnect(vm);
    g_mutex_lock(&vm->lock);
    if (!vm->backup && !vm->restore && qemuVMCheckActive(vm) < 0) {
        g_mutex_unlock(&vm->lock);
        return -1;
    }
    any = vm->backup || vm->restore;
    restore = vm->restore != NULL;
    g_mutex_unlock(&vm->lock);
    if (!any) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "no job is active on the domain");
        return -1;
    }
    if (flags & VIR_DOMAIN_ABORT_JOB_POSTCOPY) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "the job of domain '%s' is no outgoing migration in post-copy mode",
                       dom->name);
        return -1;
    }
    return restore ? qemuRestoreAbort(vm) : qemuBackupAbort(vm, NULL, true);
}
