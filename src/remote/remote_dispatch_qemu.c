/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The qemu program: what is particular to this hypervisor. Its events are in
 * remote_dispatch_event.c. */
#include "config.h"
#include <libvirt/libvirt-qemu.h>
#include "remote_dispatch.h"

int
remoteDispatchQemuMonitorCommand(remoteCall *call, qemu_domain_monitor_command_args *args,
                                 qemu_domain_monitor_command_ret *ret)
{
    g_autoptr(virDomain) dom = remoteGetDomain(call->conn, &args->dom);
    char *result = NULL;

    if (virDomainQemuMonitorCommand(dom, args->cmd, &result, args->flags) < 0)
        return -1;
    return remotePutText(&ret->result, result);
}
