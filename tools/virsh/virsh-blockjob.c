/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blockjob and domblkthreshold: what happens to single disks while a backup runs.
 */
#include "virsh.h"

#include <stdio.h>

#define MIB (1ULL << 20)

const virshOption virshBlockJobOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "path",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "fully-qualified path of disk",
     .complete = virshCompleteDisk},
    {.name = "abort",
     .type = VIRSH_OPT_BOOL,
     .help = "abort the active job on the specified disk"},
    {.name = "async",
     .type = VIRSH_OPT_BOOL,
     .help = "implies --abort; request but don't wait for job end"},
    {.name = "pivot",
     .type = VIRSH_OPT_BOOL,
     .help = "implies --abort; conclude and pivot a copy or commit job"},
    {.name = "info",
     .type = VIRSH_OPT_BOOL,
     .help = "get active job information for the specified disk"},
    {.name = "bytes",
     .type = VIRSH_OPT_BOOL,
     .help = "get/set bandwidth in bytes rather than MiB/s"},
    {.name = "raw",
     .type = VIRSH_OPT_BOOL,
     .help = "implies --info; output details rather than human summary"},
    {.name = "bandwidth", .type = VIRSH_OPT_INT, .help = "set the bandwidth limit in MiB/s"},
    VIRSH_OPT_END,
};

static const char *
jobTypeToString(int type)
{
    static const char *const names[] = {"Unknown job",  "Block Pull",          "Block Copy",
                                        "Block Commit", "Active Block Commit", "Backup"};

    return type > 0 && type < (int)G_N_ELEMENTS(names) ? names[type] : names[0];
}

static bool
printJobRaw(virshShell *sh, virDomainPtr dom, const char *path, unsigned int flags)
{
    virDomainBlockJobInfo info = {0};
    int rc = virDomainGetBlockJobInfo(dom, path, &info, flags);

    if (rc > 0)
        virshPrint(sh, " type=%s\n bandwidth=%lu\n cur=%llu\n end=%llu\n",
                   jobTypeToString(info.type), info.bandwidth, info.cur, info.end);
    return rc >= 0;
}

/* Whole percents, and 100 only of a job that has nothing left to do. */
static int
percentOf(const virDomainBlockJobInfo *info)
{
    if (info->cur >= info->end)
        return 100;
    return MIN((int)(100.0 * (double)info->cur / (double)info->end), 99);
}

static bool
printJob(virshShell *sh, virDomainPtr dom, const char *path)
{
    virDomainBlockJobInfo info = {0};
    const char *unit = NULL;
    double scaled = 0;
    int rc = virDomainGetBlockJobInfo(dom, path, &info, VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES);

    if (rc < 0)
        return false;
    if (rc == 0) {
        virshPrint(sh, "No current block job for %s\n", path);
        return true;
    }
    g_printerr("\n%s: [%3d %%]", jobTypeToString(info.type), percentOf(&info));
    if (info.bandwidth > 0) {
        scaled = virshScaleSize(info.bandwidth, &unit);
        virshPrint(sh, "    Bandwidth limit: %lu bytes/s (%-.3lf %s/s)", info.bandwidth, scaled, unit);
    }
    virshPrint(sh, "\n");
    return true;
}

/* Whole MiB go to daemons that know nothing else, too. */
static bool
setSpeed(virshShell *sh, const virshCommandArgs *args, virDomainPtr dom, const char *path)
{
    bool bytes = virshArgBool(args, "bytes");
    unsigned long long speed = 0;

    if (!virshArgScaled(sh, args, "bandwidth", bytes ? 1 : MIB, &speed))
        return false;
    if (!bytes && speed % MIB == 0)
        return virDomainBlockJobSetSpeed(dom, path, speed / MIB, 0) == 0;
    return virDomainBlockJobSetSpeed(dom, path, speed,
                                     VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES) == 0;
}

static bool
jobArgs(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const pairs[][2] = {
        {"raw", "abort"},   {"raw", "pivot"},       {"raw", "async"},       {"raw", "bandwidth"},
        {"info", "abort"},  {"info", "pivot"},      {"info", "async"},      {"info", "bandwidth"},
        {"bytes", "abort"}, {"bytes", "pivot"},     {"bytes", "async"},     {"bandwidth", "abort"},
        {"bandwidth", "pivot"}, {"bandwidth", "async"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (!virshArgsExclude(sh, args, pairs[i][0], pairs[i][1]))
            return false;
    }
    return true;
}

bool
virshBlockJob(virshShell *sh, const virshCommandArgs *args)
{
    const char *path = virshArgString(args, "path");
    bool async = virshArgBool(args, "async");
    bool pivot = virshArgBool(args, "pivot");
    unsigned int flags = 0;
    g_autoptr(virDomain) dom = NULL;

    if (!jobArgs(sh, args) || !(dom = virshArgDomain(sh, args)))
        return false;
    if (virshArgString(args, "bandwidth"))
        return setSpeed(sh, args, dom, path);
    if (virshArgBool(args, "abort") || async || pivot) {
        flags = (async ? VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC : 0) |
                (pivot ? VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT : 0);
        return virDomainBlockJobAbort(dom, path, flags) == 0;
    }
    if (!virshArgBool(args, "raw"))
        return printJob(sh, dom, path);
    flags = virshArgBool(args, "bytes") ? VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES : 0;
    return printJobRaw(sh, dom, path, flags);
}

const virshOption virshBlockThresholdOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "dev",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "device to set threshold for",
     .complete = virshCompleteDisk},
    {.name = "threshold",
     .type = VIRSH_OPT_INT,
     .required = true,
     .help = "threshold as a scaled number (by default bytes)"},
    VIRSH_OPT_END,
};

bool
virshBlockThreshold(virshShell *sh, const virshCommandArgs *args)
{
    unsigned long long threshold = 0;
    g_autoptr(virDomain) dom = NULL;

    if (!virshArgScaled(sh, args, "threshold", 1, &threshold) || !(dom = virshArgDomain(sh, args)))
        return false;
    return virDomainSetBlockThreshold(dom, virshArgString(args, "dev"), threshold, 0) == 0;
}
