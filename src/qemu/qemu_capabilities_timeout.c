/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long may a copy-before-write be told to wait for a copy? QEMU 7.2 keeps cbw-timeout as nanoseconds in
 * 32 bits: what is more than 4.29 s comes out as anything below. 9.1 does not, and versions between have it
 * mended or not. So it is tried with a number of seconds that comes out as next to nothing, and a copy that
 * takes somewhat longer: was it in time? The filter lists what was, in a bitmap without a name. Both times
 * are QEMU's own, so a busy host does not matter.
 */
#include "qemu_capabilities_probe.h"
#include "qemu_capabilities_process.h"
#include "qemu_qmp_block.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* 43 s are 50 ms modulo 2^32 ns. */
#define TRIED_SECONDS 43
#define COPY_NS 200000000ULL
#define DISK_BYTES (1024 * 1024)
#define WRITTEN_BYTES 65536

static int
runAll(qemuMonitor *mon, virJSONValue **commands, size_t n)
{
    int ret = 0;

    for (size_t i = 0; i < n; i++) {
        if (ret == 0)
            ret = qemuMonitorCommand(mon, commands[i], NULL);
        virJSONValueFree(commands[i]);
    }
    return ret;
}

static int
writeOnce(qemuMonitor *mon)
{
    virJSONValue *commands[] = {
        virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'null-co','node-name':'disk','size':%d}}",
                     DISK_BYTES),
        virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'null-co','node-name':'slow','size':%d,"
                     "'latency-ns':%llu}}",
                     DISK_BYTES, COPY_NS),
        virJSONBuild("{'execute':'blockdev-add','arguments':{'driver':'copy-before-write','node-name':'filter',"
                     "'file':'disk','target':'slow','on-cbw-error':'break-snapshot','cbw-timeout':%d}}",
                     TRIED_SECONDS),
        virJSONBuild("{'execute':'human-monitor-command','arguments':{'command-line':"
                     "'qemu-io filter \"write 0 64k\"'}}"),
    };

    return runAll(mon, commands, G_N_ELEMENTS(commands));
}

/* 1: the copy was in time, 0: it was not, -1: the filter does not say. */
static int
copyWasInTime(const virJSONValue *filter)
{
    const virJSONValue *bitmaps = virJSONObjectLookupArray(filter, "dirty-bitmaps");
    int ret = -1;

    for (size_t i = 0; i < virJSONArraySize(bitmaps); i++) {
        unsigned long long count = DISK_BYTES;

        virJSONObjectGetUInt(virJSONArrayAt(bitmaps, i), "count", &count);
        if (count == WRITTEN_BYTES || count == 0)
            ret = count != 0;
    }
    if (ret < 0)
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "a copy-before-write of a scratch QEMU does not list what it has copied");
    return ret;
}

int
qemuProbeCbwTimeout(const qemuProbeTarget *target)
{
    g_auto(qemuProbeProcess) process = QEMU_PROBE_PROCESS_INIT;
    g_autoptr(virJSONValue) question =
        virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true);
    g_autoptr(virJSONValue) nodes = NULL;

    if (qemuProbeProcessStartMonitor(&process, target) < 0 || writeOnce(process.mon) < 0 ||
        qemuMonitorCommand(process.mon, question, &nodes) < 0)
        return -1;
    return copyWasInTime(qemuQMPNodeLookup(nodes, "filter"));
}
