/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: character devices. */
#include "qemu_qmp_chardev.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static virJSONValue *
queryChardevs(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-chardev'}");
    g_autoptr(virJSONValue) reply = NULL;

    if (qemuMonitorCommand(mon, command, &reply) < 0)
        return NULL;
    if (virJSONValueType(reply) != VIR_JSON_ARRAY) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s", "QEMU's reply to query-chardev is not a list");
        return NULL;
    }
    return g_steal_pointer(&reply);
}

int
qemuQMPQueryFrontend(qemuMonitor *mon, const char *id, bool *open)
{
    g_autoptr(virJSONValue) reply = queryChardevs(mon);

    if (!reply)
        return -1;
    *open = false;
    for (size_t i = 0; i < virJSONArraySize(reply); i++) {
        const virJSONValue *chardev = virJSONArrayAt(reply, i);

        if (g_strcmp0(virJSONObjectLookupString(chardev, "label"), id) == 0)
            *open = virJSONObjectIsTrue(chardev, "frontend-open");
    }
    return 0;
}

GHashTable *
qemuQMPQueryPtys(qemuMonitor *mon)
{
    g_autoptr(virJSONValue) reply = queryChardevs(mon);
    g_autoptr(GHashTable) ptys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    size_t i = 0;

    if (!reply)
        return NULL;
    for (i = 0; i < virJSONArraySize(reply); i++) {
        const virJSONValue *chardev = virJSONArrayAt(reply, i);
        const char *label = virJSONObjectLookupString(chardev, "label");
        const char *filename = virJSONObjectLookupString(chardev, "filename");

        if (label && filename && g_str_has_prefix(filename, "pty:"))
            g_hash_table_insert(ptys, g_strdup(label), g_strdup(filename + strlen("pty:")));
    }
    return g_steal_pointer(&ptys);
}
