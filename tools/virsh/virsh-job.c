/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domjobinfo and domjobabort: how far a job is, and its end.
 */
#include "virsh.h"

#include <stdlib.h>
#include <string.h>

const virshOption virshJobAbortOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "postcopy",
     .type = VIRSH_OPT_BOOL,
     .help = "only if the job is a migration in post-copy mode"},
    VIRSH_OPT_END,
};

bool
virshJobAbort(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = virshArgBool(args, "postcopy") ? VIR_DOMAIN_ABORT_JOB_POSTCOPY : 0;
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);

    if (!dom)
        return false;
    return (flags ? virDomainAbortJobFlags(dom, flags) : virDomainAbortJob(dom)) == 0;
}

const virshOption virshJobInfoOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "completed",
     .type = VIRSH_OPT_BOOL,
     .help = "return statistics of a recently completed job"},
    {.name = "keep-completed",
     .type = VIRSH_OPT_BOOL,
     .help = "don't destroy statistics of a recently completed job when reading"},
    {.name = "anystats",
     .type = VIRSH_OPT_BOOL,
     .help = "print statistics for any kind of job (even failed ones)"},
    {.name = "rawstats", .type = VIRSH_OPT_BOOL, .help = "print the raw data returned by libvirt"},
    VIRSH_OPT_END,
};

static const char *
typeToString(int type)
{
    static const char *const names[] = {"None",      "Bounded", "Unbounded",
                                        "Completed", "Failed",  "Cancelled"};

    return type >= 0 && type < (int)G_N_ELEMENTS(names) ? names[type] : "unknown";
}

static const char *
operationToString(int operation)
{
    static const char *const names[] = {"Unknown",
                                        "Start",
                                        "Save",
                                        "Restore",
                                        "Incoming migration",
                                        "Outgoing migration",
                                        "Snapshot",
                                        "Snapshot revert",
                                        "Dump",
                                        "Backup"};

    return operation >= 0 && operation < (int)G_N_ELEMENTS(names) ? names[operation] : "unknown";
}

static void
printRaw(virshShell *sh, int type, virTypedParameterPtr params, int nparams)
{
    virshPrint(sh, "Job type: %d\n\n", type);
    for (int i = 0; i < nparams; i++) {
        g_autofree char *value = virshTypedParamToString(&params[i]);

        virshPrint(sh, "%s: %s\n", params[i].field, value);
    }
}

static void
printSize(virshShell *sh, virTypedParameterPtr params, int nparams, const char *field,
          const char *label)
{
    unsigned long long value = 0;
    const char *unit = NULL;
    double scaled = 0;

    if (virTypedParamsGetULLong(params, nparams, field, &value) != 1)
        return;
    scaled = virshScaleSize(value, &unit);
    virshPrint(sh, "%-17s %-.3lf %s\n", label, scaled, unit);
}

static void
printStats(virshShell *sh, virTypedParameterPtr params, int nparams)
{
    unsigned long long elapsed = 0;
    const char *message = NULL;
    int operation = 0;

    if (virTypedParamsGetInt(params, nparams, VIR_DOMAIN_JOB_OPERATION, &operation) == 1)
        virshPrint(sh, "%-17s %-12s\n", "Operation:", operationToString(operation));
    if (virTypedParamsGetULLong(params, nparams, VIR_DOMAIN_JOB_TIME_ELAPSED, &elapsed) == 1)
        virshPrint(sh, "%-17s %-12llu ms\n", "Time elapsed:", elapsed);
    printSize(sh, params, nparams, VIR_DOMAIN_JOB_DISK_PROCESSED, "File processed:");
    printSize(sh, params, nparams, VIR_DOMAIN_JOB_DISK_REMAINING, "File remaining:");
    printSize(sh, params, nparams, VIR_DOMAIN_JOB_DISK_TOTAL, "File total:");
    printSize(sh, params, nparams, VIR_DOMAIN_JOB_DISK_TEMP_USED, "Temporary disk space use:");
    printSize(sh, params, nparams, VIR_DOMAIN_JOB_DISK_TEMP_TOTAL, "Temporary disk space total:");
    if (virTypedParamsGetString(params, nparams, VIR_DOMAIN_JOB_ERRMSG, &message) == 1)
        virshPrint(sh, "%-17s %s\n", "Error message:", message);
}

bool
virshJobInfo(virshShell *sh, const virshCommandArgs *args)
{
    bool keep = virshArgBool(args, "keep-completed");
    unsigned int flags = (virshArgBool(args, "completed") ? VIR_DOMAIN_JOB_STATS_COMPLETED : 0) |
                         (keep ? VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    int type = 0;
    bool ended = false;

    if (keep && !virshArgBool(args, "completed")) {
        virshError(sh, "Option --completed is required by option --keep-completed");
        return false;
    }
    if (!dom || virDomainGetJobStats(dom, &type, &params, &nparams, flags) < 0)
        return false;
    ended = type == VIR_DOMAIN_JOB_FAILED || type == VIR_DOMAIN_JOB_CANCELLED;
    if (virshArgBool(args, "rawstats")) {
        printRaw(sh, type, params, nparams);
    } else {
        virshPrint(sh, "%-17s %-12s\n", "Job type:", typeToString(type));
        if (type != VIR_DOMAIN_JOB_NONE && (!ended || virshArgBool(args, "anystats")))
            printStats(sh, params, nparams);
    }
    virTypedParamsFree(params, nparams);
    return true;
}
