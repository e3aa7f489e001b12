/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domstats: statistics of many domains in one call.
 */
#include "virsh.h"

#include <stdlib.h>
#include <string.h>

const virshOption virshDomstatsOptions[] = {
    {.name = "state", .type = VIRSH_OPT_BOOL, .help = "report domain state"},
    {.name = "cpu-total", .type = VIRSH_OPT_BOOL, .help = "report domain physical cpu usage"},
    {.name = "balloon", .type = VIRSH_OPT_BOOL, .help = "report domain balloon statistics"},
    {.name = "vcpu", .type = VIRSH_OPT_BOOL, .help = "report domain virtual cpu information"},
    {.name = "interface", .type = VIRSH_OPT_BOOL, .help = "report network interfaces"},
    {.name = "block", .type = VIRSH_OPT_BOOL, .help = "report domain block device statistics"},
    {.name = "perf", .type = VIRSH_OPT_BOOL, .help = "report performance events"},
    {.name = "iothread", .type = VIRSH_OPT_BOOL, .help = "report IOThreads"},
    {.name = "memory", .type = VIRSH_OPT_BOOL, .help = "report use of the memory bus"},
    {.name = "dirtyrate", .type = VIRSH_OPT_BOOL, .help = "report how fast memory is written"},
    {.name = "vm", .type = VIRSH_OPT_BOOL, .help = "report what the hypervisor counts"},
    {.name = "list-active", .type = VIRSH_OPT_BOOL, .help = "list only active domains"},
    {.name = "list-inactive", .type = VIRSH_OPT_BOOL, .help = "list only inactive domains"},
    {.name = "list-persistent", .type = VIRSH_OPT_BOOL, .help = "list only persistent domains"},
    {.name = "list-transient", .type = VIRSH_OPT_BOOL, .help = "list only transient domains"},
    {.name = "list-running", .type = VIRSH_OPT_BOOL, .help = "list only running domains"},
    {.name = "list-paused", .type = VIRSH_OPT_BOOL, .help = "list only paused domains"},
    {.name = "list-shutoff", .type = VIRSH_OPT_BOOL, .help = "list only shutoff domains"},
    {.name = "list-other", .type = VIRSH_OPT_BOOL, .help = "list only domains in other states"},
    {.name = "raw", .type = VIRSH_OPT_BOOL, .help = "do not pretty-print the fields"},
    {.name = "enforce", .type = VIRSH_OPT_BOOL, .help = "enforce requested stats parameters"},
    {.name = "backing",
     .type = VIRSH_OPT_BOOL,
     .help = "add backing chain information to block stats"},
    {.name = "nowait",
     .type = VIRSH_OPT_BOOL,
     .help = "report only stats that are accessible instantly"},
    {.name = "domain",
     .type = VIRSH_OPT_ARGV,
     .nameless = true,
     .help = "list of domains to get stats for",
     .complete = virshCompleteDomain},
    VIRSH_OPT_END,
};

static const struct {
    const char *option;
    unsigned int stats, flags;
} selections[] = {
    {"state", VIR_DOMAIN_STATS_STATE, 0},
    {"cpu-total", VIR_DOMAIN_STATS_CPU_TOTAL, 0},
    {"balloon", VIR_DOMAIN_STATS_BALLOON, 0},
    {"vcpu", VIR_DOMAIN_STATS_VCPU, 0},
    {"interface", VIR_DOMAIN_STATS_INTERFACE, 0},
    {"block", VIR_DOMAIN_STATS_BLOCK, 0},
    {"perf", VIR_DOMAIN_STATS_PERF, 0},
    {"iothread", VIR_DOMAIN_STATS_IOTHREAD, 0},
    {"memory", VIR_DOMAIN_STATS_MEMORY, 0},
    {"dirtyrate", VIR_DOMAIN_STATS_DIRTYRATE, 0},
    {"vm", VIR_DOMAIN_STATS_VM, 0},
    {"list-active", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE},
    {"list-inactive", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE},
    {"list-persistent", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT},
    {"list-transient", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT},
    {"list-running", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING},
    {"list-paused", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED},
    {"list-shutoff", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF},
    {"list-other", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER},
    {"enforce", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS},
    {"backing", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING},
    {"nowait", 0, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT},
};

static void
printRecord(virshShell *sh, const virDomainStatsRecord *record)
{
    virshPrint(sh, "Domain: '%s'\n", virshDomainName(record->dom));
    for (int i = 0; i < record->nparams; i++) {
        g_autofree char *value = virshTypedParamToString(&record->params[i]);

        virshPrint(sh, "  %s=%s\n", record->params[i].field, value);
    }
}

/* (owned) NULL-terminated domains the user named, NULL on failure. */
static virDomainPtr *
lookupDomains(virshShell *sh, const char *const *names)
{
    gsize n = g_strv_length((char **)names);
    virDomainPtr *domains = g_new0(virDomainPtr, n + 1);

    for (gsize i = 0; i < n; i++) {
        domains[i] = virshLookupDomain(sh, names[i], VIRSH_BY_ANY);
        if (!domains[i]) {
            virshFreeDomains(domains);
            return NULL;
        }
    }
    return domains;
}

bool
virshDomstats(virshShell *sh, const virshCommandArgs *args)
{
    const char *const *names = virshArgList(args, "domain");
    virDomainPtr *domains = NULL;
    virDomainStatsRecordPtr *records = NULL;
    unsigned int stats = 0;
    unsigned int flags = 0;
    int n = -1;

    for (gsize i = 0; i < G_N_ELEMENTS(selections); i++) {
        if (virshArgBool(args, selections[i].option)) {
            stats |= selections[i].stats;
            flags |= selections[i].flags;
        }
    }
    if (names[0]) {
        if (!(domains = lookupDomains(sh, names)))
            return false;
        n = virDomainListGetStats(domains, stats, &records, flags);
        virshFreeDomains(domains);
    } else {
        n = virConnectGetAllDomainStats(sh->conn, stats, &records, flags);
    }
    for (int i = 0; i < n; i++) {
        printRecord(sh, records[i]);
        if (i + 1 < n)
            virshPrint(sh, "\n");
    }
    virDomainStatsRecordListFree(records);
    return n >= 0;
}
