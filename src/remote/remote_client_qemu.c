/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of the remote driver: the qemu program. Its events are in remote_client_event.c. */
#include "remote_client.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_REMOTE

static int
remoteDomainQemuMonitorCommand(virDomainPtr dom, const char *cmd, char **result, unsigned int flags)
{
    qemu_domain_monitor_command_args args = {remoteWireDomain(dom), (char *)cmd, flags};
    remote_string ret = NULL;

    if (remoteCallQemu(dom->conn, QEMU_PROC_DOMAIN_MONITOR_COMMAND,
                       REMOTE_XDR(qemu_domain_monitor_command_args), &args,
                       REMOTE_XDR(remote_string), &ret) < 0)
        return -1;
    *result = ret;
    return 0;
}

void
remoteClientAddQemu(virDriver *driver)
{
    driver->domainQemuMonitorCommand = remoteDomainQemuMonitorCommand;
}
