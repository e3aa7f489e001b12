/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed QMP: running, pausing and ending a guest. */
#include "qemu_qmp_run.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static int
qemuQMPSimple(qemuMonitor *mon, const char *name)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':%s}", name);

    return qemuMonitorCommand(mon, command, NULL);
}

int
qemuQMPCont(qemuMonitor *mon)
{
    return qemuQMPSimple(mon, "cont");
}

int
qemuQMPStop(qemuMonitor *mon)
{
    return qemuQMPSimple(mon, "stop");
}

int
qemuQMPSystemPowerdown(qemuMonitor *mon)
{
    return qemuQMPSimple(mon, "system_powerdown");
}

int
qemuQMPSystemReset(qemuMonitor *mon)
{
    return qemuQMPSimple(mon, "system_reset");
}

int
qemuQMPQuit(qemuMonitor *mon)
{
    if (qemuQMPSimple(mon, "quit") == 0)
        return 0;
    if (virErrorLastCode() != VIR_ERR_OPERATION_FAILED)
        return -1;
    virErrorReset();
    return 0;
}

void
qemuQMPStatusClear(qemuQMPStatus *status)
{
    g_clear_pointer(&status->status, g_free);
}

int
qemuQMPQueryStatus(qemuMonitor *mon, qemuQMPStatus *status)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-status'}");
    g_autoptr(virJSONValue) reply = NULL;
    const char *text = NULL;
    bool running = false;

    if (qemuMonitorCommand(mon, command, &reply) < 0)
        return -1;
    if (virJSONObjectGetBool(reply, "running", &running) < 0 ||
        !(text = virJSONObjectLookupString(reply, "status"))) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "QEMU's reply to query-status lacks 'running' or 'status'");
        return -1;
    }
    g_free(status->status);
    status->status = g_strdup(text);
    status->running = running;
    return 0;
}

int
qemuQMPQueryBalloon(qemuMonitor *mon, unsigned long long *actual)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-balloon'}");
    g_autoptr(virJSONValue) reply = NULL;
    const char *errorClass = NULL;

    if (qemuMonitorBatch(mon, &command, 1, &reply) < 0)
        return -1;
    if (qemuMonitorReplyError(reply, &errorClass, NULL)) {
        /* DeviceNotActive: no balloon; KVMMissingCap: the accelerator has none */
        if (g_strcmp0(errorClass, "DeviceNotActive") == 0 ||
            g_strcmp0(errorClass, "KVMMissingCap") == 0)
            return 0;
        qemuMonitorReportReplyError(command, reply);
        return -1;
    }
    if (virJSONObjectGetUInt(virJSONObjectLookupObject(reply, "return"), "actual", actual) < 0) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "QEMU's reply to query-balloon lacks 'actual'");
        return -1;
    }
    return 1;
}

char *
qemuQMPHumanCommand(qemuMonitor *mon, const char *line)
{
    g_autoptr(virJSONValue) command =
        virJSONBuild("{'execute':'human-monitor-command','arguments':{'command-line':%s}}", line);
    g_autoptr(virJSONValue) reply = NULL;

    if (qemuMonitorCommand(mon, command, &reply) < 0)
        return NULL;
    if (!virJSONStringOf(reply)) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "QEMU's reply to human-monitor-command is not a text");
        return NULL;
    }
    return g_strdup(virJSONStringOf(reply));
}
