/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter of a push without scratch copies to the target itself. When a copy takes longer than
 * cbw-timeout, the guest's write goes on and the filter is broken: the job's next read fails, and with it
 * the backup. But a job that has read everything already does not notice, and the copy that was late is not
 * called back: if it had not read its cluster by then (128 MiB under way are all that QEMU allows, more
 * wait), it puts what the guest has written since into the target.
 *
 * QEMU does not say whether a filter is broken. But it lists the filter's own bitmaps, which have no names:
 * the second one has the clusters that were copied, or found to be so, before the guest wrote to them,
 * and a broken filter adds no more. As long as it is not broken, this bitmap has all that the guest has
 * written; the write that broke it is missing there. So the two are counted.
 */
#include "qemu_plan_copies.h"

#include "qemu_backup_plan.h"
#include "qemu_qmp_block.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define WRITTEN_COARSE QEMU_BACKUP_WRITTEN "-coarse"

typedef struct _copyCounts {
    bool there, known;
    unsigned long long copied, written;      /* bytes, in units of their granularity */
    unsigned long long copiedGranularity, writtenGranularity;
} copyCounts;

/* @written: name of the bitmap with what the guest has written. The newer of the bitmaps without a name
 * stands in front: it has what may be read through the filter. */
static copyCounts
countCopies(const virJSONValue *node, const char *written)
{
    const virJSONValue *bitmaps = virJSONObjectLookupArray(node, "dirty-bitmaps");
    copyCounts counts = { 0 };
    unsigned int unnamed = 0;
    bool seen = false;

    for (size_t i = 0; i < virJSONArraySize(bitmaps); i++) {
        const virJSONValue *bitmap = virJSONArrayAt(bitmaps, i);
        const char *name = virJSONObjectLookupString(bitmap, "name");

        if (!name && ++unnamed == 2) {
            virJSONObjectGetUInt(bitmap, "count", &counts.copied);
            virJSONObjectGetUInt(bitmap, "granularity", &counts.copiedGranularity);
        } else if (g_strcmp0(name, written) == 0) {
            seen = true;
            virJSONObjectGetUInt(bitmap, "count", &counts.written);
            virJSONObjectGetUInt(bitmap, "granularity", &counts.writtenGranularity);
        }
    }
    counts.there = node != NULL;
    counts.known = seen && unnamed == 2;
    return counts;
}

static int
fetchCounts(qemuTarget *target, const char *filter, const char *written, copyCounts *counts)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'query-named-block-nodes','arguments':{'flat':%b}}", true);
    g_autoptr(virJSONValue) nodes = NULL;

    if (target->ops->command(target, command, &nodes) < 0)
        return -1;
    *counts = countCopies(qemuQMPNodeLookup(nodes, filter), written);
    return 0;
}

/* The filter of a target with large clusters copies, and counts, in these. */
static int
fetchCoarse(qemuTarget *target, const char *filter, copyCounts *counts)
{
    g_autoptr(virJSONValue) command = virJSONBuild(
        "{'execute':'transaction','arguments':{'actions':["
        "{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,'granularity':%llu,'disabled':%b}},"
        "{'type':'block-dirty-bitmap-merge','data':{'node':%s,'target':%s,'bitmaps':[%s]}}]}}",
        filter, WRITTEN_COARSE, counts->copiedGranularity, true, filter, WRITTEN_COARSE,
        QEMU_BACKUP_WRITTEN);

    if (target->ops->command(target, command, NULL) < 0)
        return -1;
    return fetchCounts(target, filter, WRITTEN_COARSE, counts);
}

int
qemuPlanCopiesCheck(qemuTarget *target, const char *filter, bool looked, bool *doubtful)
{
    copyCounts counts = { 0 };

    if (fetchCounts(target, filter, QEMU_BACKUP_WRITTEN, &counts) < 0)
        return -1;
    if (counts.known && counts.copiedGranularity > counts.writtenGranularity &&
        fetchCoarse(target, filter, &counts) < 0)
        return -1;
    VIR_DEBUG("filter '%s': %llu bytes copied, %llu written", filter, counts.copied, counts.written);
    if (counts.there || !looked)
        *doubtful |= !counts.known || counts.written > counts.copied;
    return 0;
}
