/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that look at domains: lists, states, statistics of disks.
 */
#include "virsh.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

const char *
virshDomainStateToString(int state)
{
    static const char *const names[] = {"no state",    "running",  "idle",    "paused",
                                        "in shutdown", "shut off", "crashed", "pmsuspended"};

    return state >= 0 && state < (int)G_N_ELEMENTS(names) ? names[state] : "no state";
}

const char *
virshDomainStateReasonToString(int state, int reason)
{
    static const char *const running[] = {
        "unknown",       "booted",   "migrated",           "restored",
        "from snapshot", "unpaused", "migration canceled", "save canceled",
        "event wakeup",  "crashed",  "post-copy",          "post-copy failed"};
    static const char *const paused[] = {
        "unknown",   "user",        "migrating",     "saving",           "dumping",
        "I/O error", "watchdog",    "from snapshot", "shutting down",    "creating snapshot",
        "crashed",   "starting up", "post-copy",     "post-copy failed", "api error"};
    static const char *const shutoff[] = {"unknown", "shutdown",      "destroyed",
                                          "crashed", "migrated",      "saved",
                                          "failed",  "from snapshot", "daemon"};
    const char *const *names = NULL;
    int count = 0;

    if (state == VIR_DOMAIN_RUNNING) {
        names = running;
        count = G_N_ELEMENTS(running);
    } else if (state == VIR_DOMAIN_PAUSED) {
        names = paused;
        count = G_N_ELEMENTS(paused);
    } else if (state == VIR_DOMAIN_SHUTOFF) {
        names = shutoff;
        count = G_N_ELEMENTS(shutoff);
    } else if (state == VIR_DOMAIN_CRASHED) {
        return reason == VIR_DOMAIN_CRASHED_PANICKED ? "panicked" : "unknown";
    } else if (state == VIR_DOMAIN_SHUTDOWN) {
        return reason == VIR_DOMAIN_SHUTDOWN_USER ? "user" : "unknown";
    }
    return reason >= 0 && reason < count ? names[reason] : "unknown";
}

static const virshOption stateOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "reason", .type = VIRSH_OPT_BOOL, .help = "also print reason for the state"},
    VIRSH_OPT_END,
};

static bool
cmdDomstate(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    int state = 0;
    int reason = 0;

    if (!dom || virDomainGetState(dom, &state, &reason, 0) < 0)
        return false;
    if (virshArgBool(args, "reason"))
        virshPrint(sh, "%s (%s)\n", virshDomainStateToString(state),
                   virshDomainStateReasonToString(state, reason));
    else
        virshPrint(sh, "%s\n", virshDomainStateToString(state));
    return true;
}

static const virshOption domainOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    VIRSH_OPT_END,
};

static void
printIdentity(virshShell *sh, virDomainPtr dom)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = {0};
    unsigned int id = virDomainGetID(dom);
    char *osType = NULL;

    if (id == (unsigned int)-1)
        virshPrint(sh, "%-15s %s\n", "Id:", "-");
    else
        virshPrint(sh, "%-15s %u\n", "Id:", id);
    virshPrint(sh, "%-15s %s\n", "Name:", virshDomainName(dom));
    if (virDomainGetUUIDString(dom, uuid) == 0)
        virshPrint(sh, "%-15s %s\n", "UUID:", uuid);
    if ((osType = virDomainGetOSType(dom)))
        virshPrint(sh, "%-15s %s\n", "OS Type:", osType);
    free(osType);
}

static void
printSecurity(virshShell *sh)
{
    virSecurityModel model = {0};

    if (virNodeGetSecurityModel(sh->conn, &model) < 0) {
        virResetLastError();
        return;
    }
    if (model.model[0]) {
        virshPrint(sh, "%-15s %s\n", "Security model:", model.model);
        virshPrint(sh, "%-15s %s\n", "Security DOI:", model.doi);
    }
}

static void
printMessages(virshShell *sh, virDomainPtr dom)
{
    char **messages = NULL;
    int n = virDomainGetMessages(dom, &messages, 0);

    if (n < 0) {
        virResetLastError();
        return;
    }
    for (int i = 0; i < n; i++) {
        virshPrint(sh, i == 0 ? "%-15s %s\n" : "%-16s%s\n", i == 0 ? "Messages:" : "", messages[i]);
        free(messages[i]);
    }
    free(messages);
}

static bool
cmdDominfo(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    virDomainInfo info = {0};
    int persistent = 0;
    int autostart = 0;
    int saved = 0;

    if (!dom)
        return false;
    printIdentity(sh, dom);
    if (virDomainGetInfo(dom, &info) < 0)
        return false;
    virshPrint(sh, "%-15s %s\n", "State:", virshDomainStateToString(info.state));
    virshPrint(sh, "%-15s %d\n", "CPU(s):", info.nrVirtCpu);
    if (info.cpuTime != 0)
        virshPrint(sh, "%-15s %.1lfs\n", "CPU time:", info.cpuTime / 1e9);
    virshPrint(sh, "%-15s %lu KiB\n", "Max memory:", info.maxMem);
    virshPrint(sh, "%-15s %lu KiB\n", "Used memory:", info.memory);
    persistent = virDomainIsPersistent(dom);
    virshPrint(sh, "%-15s %s\n", "Persistent:",
               persistent < 0 ? "unknown"
               : persistent   ? "yes"
                              : "no");
    if (virDomainGetAutostart(dom, &autostart) == 0)
        virshPrint(sh, "%-15s %s\n", "Autostart:", autostart ? "enable" : "disable");
    saved = virDomainHasManagedSaveImage(dom, 0);
    virshPrint(sh, "%-15s %s\n", "Managed save:", saved < 0 ? "unknown" : saved ? "yes" : "no");
    printSecurity(sh);
    printMessages(sh, dom);
    return true;
}

/* ---- disks ---- */

typedef struct _diskEntry {
    char *type, *device, *target, *source;
} diskEntry;

static void
diskEntryFree(gpointer data)
{
    diskEntry *disk = data;

    g_free(disk->type);
    g_free(disk->device);
    g_free(disk->target);
    g_free(disk->source);
    g_free(disk);
}

static char *
xpathText(xmlXPathContextPtr ctx, const char *path)
{
    xmlXPathObjectPtr obj = xmlXPathEval((const xmlChar *)path, ctx);
    char *text = NULL;

    if (obj && obj->stringval && obj->stringval[0])
        text = g_strdup((const char *)obj->stringval);
    xmlXPathFreeObject(obj);
    return text;
}

static diskEntry *
diskFromNode(xmlXPathContextPtr ctx, xmlNodePtr node)
{
    diskEntry *disk = g_new0(diskEntry, 1);

    ctx->node = node;
    disk->type = xpathText(ctx, "string(./@type)");
    disk->device = xpathText(ctx, "string(./@device)");
    disk->target = xpathText(ctx, "string(./target/@dev)");
    disk->source = xpathText(ctx, "string(./source/@file|./source/@dev|./source/@name)");
    return disk;
}

/* (owned) disks of the domain's XML, NULL on failure. */
static GPtrArray *
fetchDisks(virDomainPtr dom, unsigned int flags)
{
    g_autofree char *xml = virDomainGetXMLDesc(dom, flags);
    xmlDocPtr doc = xml ? xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET) : NULL;
    xmlXPathContextPtr ctx = doc ? xmlXPathNewContext(doc) : NULL;
    xmlXPathObjectPtr found =
        ctx ? xmlXPathEval((const xmlChar *)"/domain/devices/disk", ctx) : NULL;
    GPtrArray *disks = found ? g_ptr_array_new_with_free_func(diskEntryFree) : NULL;

    for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; i++)
        g_ptr_array_add(disks, diskFromNode(ctx, found->nodesetval->nodeTab[i]));
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(ctx);
    xmlFreeDoc(doc);
    return disks;
}

char **
virshDiskTargets(virDomainPtr dom)
{
    g_autoptr(GPtrArray) disks = fetchDisks(dom, 0);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; disks && i < disks->len; i++)
        g_strv_builder_add(builder, ((const diskEntry *)g_ptr_array_index(disks, i))->target);
    return disks ? g_strv_builder_end(builder) : NULL;
}

static const virshOption blklistOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "inactive",
     .type = VIRSH_OPT_BOOL,
     .help = "get inactive rather than running configuration"},
    {.name = "details",
     .type = VIRSH_OPT_BOOL,
     .help = "additionally display the type and device value"},
    VIRSH_OPT_END,
};

static bool
cmdDomblklist(virshShell *sh, const virshCommandArgs *args)
{
    const char *plain[] = {"Target", "Source", NULL};
    const char *detailed[] = {"Type", "Device", "Target", "Source", NULL};
    bool details = virshArgBool(args, "details");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(GPtrArray) disks =
        dom ? fetchDisks(dom, virshArgBool(args, "inactive") ? VIR_DOMAIN_XML_INACTIVE : 0) : NULL;
    virshTable *table = NULL;

    if (!disks)
        return false;
    table = virshTableNew(details ? detailed : plain);
    for (guint i = 0; i < disks->len; i++) {
        const diskEntry *disk = g_ptr_array_index(disks, i);
        const char *source = disk->source ? disk->source : "-";
        const char *cells[] = {disk->type, disk->device, disk->target, source, NULL};

        virshTableAddRow(table, details ? cells : cells + 2);
    }
    virshTablePrint(sh, table);
    return true;
}

static const virshOption blkinfoOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "device",
     .type = VIRSH_OPT_STRING,
     .help = "block device",
     .complete = virshCompleteDisk},
    {.name = "human", .type = VIRSH_OPT_BOOL, .help = "Human readable output"},
    {.name = "all", .type = VIRSH_OPT_BOOL, .help = "display all block devices info"},
    VIRSH_OPT_END,
};

static char *
sizeText(unsigned long long bytes, bool human)
{
    const char *unit = NULL;
    double value = 0;

    if (!human)
        return g_strdup_printf("%llu", bytes);
    value = virshScaleSize(bytes, &unit);
    return g_strdup_printf("%.3lf %s", value, unit);
}

static bool
blkinfoAll(virshShell *sh, virDomainPtr dom, bool human)
{
    const char *titles[] = {"Target", "Capacity", "Allocation", "Physical", NULL};
    g_autoptr(GPtrArray) disks = fetchDisks(dom, 0);
    virshTable *table = NULL;

    if (!disks)
        return false;
    table = virshTableNew(titles);
    for (guint i = 0; i < disks->len; i++) {
        const diskEntry *disk = g_ptr_array_index(disks, i);
        virDomainBlockInfo info = {0};
        g_autofree char *capacity = NULL;
        g_autofree char *allocation = NULL;
        g_autofree char *physical = NULL;

        if (disk->source && virDomainGetBlockInfo(dom, disk->target, &info, 0) == 0) {
            capacity = sizeText(info.capacity, human);
            allocation = sizeText(info.allocation, human);
            physical = sizeText(info.physical, human);
        }
        virResetLastError();
        {
            const char *cells[] = {disk->target, capacity ? capacity : "-",
                                   allocation ? allocation : "-", physical ? physical : "-", NULL};

            virshTableAddRow(table, cells);
        }
    }
    virshTablePrint(sh, table);
    return true;
}

static bool
cmdDomblkinfo(virshShell *sh, const virshCommandArgs *args)
{
    const char *device = virshArgString(args, "device");
    bool human = virshArgBool(args, "human");
    bool all = virshArgBool(args, "all");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    virDomainBlockInfo info = {0};
    g_autofree char *capacity = NULL;
    g_autofree char *allocation = NULL;
    g_autofree char *physical = NULL;

    if (!dom || !virshArgsExclude(sh, args, "all", "device"))
        return false;
    if (all)
        return blkinfoAll(sh, dom, human);
    if (!device) {
        virshError(sh, "command 'domblkinfo' requires <device> option");
        return false;
    }
    if (virDomainGetBlockInfo(dom, device, &info, 0) < 0)
        return false;
    capacity = sizeText(info.capacity, human);
    allocation = sizeText(info.allocation, human);
    physical = sizeText(info.physical, human);
    virshPrint(sh, "%-15s %s\n%-15s %s\n%-15s %s\n", "Capacity:", capacity,
               "Allocation:", allocation, "Physical:", physical);
    return true;
}

static const virshOption blkstatOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "device",
     .type = VIRSH_OPT_STRING,
     .help = "block device",
     .complete = virshCompleteDisk},
    {.name = "human", .type = VIRSH_OPT_BOOL, .help = "print a more human readable output"},
    VIRSH_OPT_END,
};

/* Field of the API, short word, words for a person; in this order on the screen. */
static const struct {
    const char *field, *word, *human;
} blkstatFields[] = {
    {VIR_DOMAIN_BLOCK_STATS_READ_REQ, "rd_req", "number of read operations:"},
    {VIR_DOMAIN_BLOCK_STATS_READ_BYTES, "rd_bytes", "number of bytes read:"},
    {VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, "wr_req", "number of write operations:"},
    {VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, "wr_bytes", "number of bytes written:"},
    {VIR_DOMAIN_BLOCK_STATS_ERRS, "errs", "error count:"},
    {VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, "flush_operations", "number of flush operations:"},
    {VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES, "rd_total_times", "total duration of reads (ns):"},
    {VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES, "wr_total_times", "total duration of writes (ns):"},
    {VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES, "flush_total_times",
     "total duration of flushes (ns):"},
};

static bool
cmdDomblkstat(virshShell *sh, const virshCommandArgs *args)
{
    const char *device = virshArgString(args, "device") ? virshArgString(args, "device") : "";
    bool human = virshArgBool(args, "human");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree virTypedParameterPtr params = NULL;
    int nparams = 0;

    if (!dom || virDomainBlockStatsFlags(dom, device, NULL, &nparams, 0) < 0)
        return false;
    params = g_new0(virTypedParameter, nparams + 1);
    if (virDomainBlockStatsFlags(dom, device, params, &nparams, 0) < 0)
        return false;
    if (human)
        virshPrint(sh, "Device: %s\n", device);
    for (gsize i = 0; i < G_N_ELEMENTS(blkstatFields); i++) {
        long long value = 0;

        if (virTypedParamsGetLLong(params, nparams, blkstatFields[i].field, &value) != 1)
            continue;
        if (human)
            virshPrint(sh, " %-31s %lld\n", blkstatFields[i].human, value);
        else
            virshPrint(sh, "%s %s %lld\n", device, blkstatFields[i].word, value);
    }
    virTypedParamsClear(params, nparams);
    return true;
}

static bool
cmdDomcontrol(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const states[] = {"ok", "background job", "occupied", "error"};
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    virDomainControlInfo info = {0};

    if (!dom || virDomainGetControlInfo(dom, &info, 0) < 0)
        return false;
    if (info.state != VIR_DOMAIN_CONTROL_OK && info.state < G_N_ELEMENTS(states))
        virshPrint(sh, "%s (%0.3fs)\n", states[info.state], info.stateTime / 1000.0);
    else
        virshPrint(sh, "ok\n");
    return true;
}

const virshCommand virshMonitorCommands[] = {
    {"domblkinfo", cmdDomblkinfo, blkinfoOptions, "domain block device size information",
     "Get block device size info for a domain.", false},
    {"domblklist", cmdDomblklist, blklistOptions, "list all domain blocks",
     "Get the summary of block devices for a domain.", false},
    {"domblkstat", cmdDomblkstat, blkstatOptions, "get device block stats for a domain",
     "Get device block stats for a running domain. See man page or use --human for explanation of "
     "fields",
     false},
    {"domcontrol", cmdDomcontrol, domainOptions, "domain control interface state",
     "Returns state of a control interface to the domain.", false},
    {"dominfo", cmdDominfo, domainOptions, "domain information",
     "Returns basic information about the domain.", false},
    {"domstate", cmdDomstate, stateOptions, "domain state", "Returns state about a domain.", false},
    {"domstats", virshDomstats, virshDomstatsOptions,
     "get statistics about one or multiple domains",
     "Gets statistics about one or more (or all) domains", false},
    {"list", virshList, virshListOptions, "list domains", "Returns list of domains.", false},
    {0},
};
