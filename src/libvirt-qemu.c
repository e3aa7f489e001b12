/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions of libvirt-qemu.so.0. Contracts are in libvirt-qemu.h. */
#include <libvirt/libvirt-qemu.h>
#include "libvirt-entry.h"

#define VIR_FROM_THIS VIR_FROM_NONE

int
virDomainQemuMonitorCommand(virDomainPtr domain, const char *cmd, char **result, unsigned int flags)
{
    VIR_ENTRY_DOMAIN(domain, -1);
    VIR_ENTRY_NONNULL(cmd, -1);
    VIR_ENTRY_NONNULL(result, -1);
    VIR_ENTRY_WRITE(domain->conn, -1);
    VIR_ENTRY_CALL(domain->conn, -1, domainQemuMonitorCommand, domain, cmd, result, flags);
}

int
virConnectDomainQemuMonitorEventRegister(virConnectPtr conn, virDomainPtr dom, const char *event,
                                         virConnectDomainQemuMonitorEventCallback cb, void *opaque,
                                         virFreeCallback freecb, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (dom) {
        VIR_ENTRY_DOMAIN(dom, -1);
        if (dom->conn != conn) {
            virReportError(VIR_ERR_INVALID_ARG, "domain '%s' in %s must match connection",
                           dom->name, __func__);
            return -1;
        }
    }
    VIR_ENTRY_NONNULL(cb, -1);
    VIR_ENTRY_WRITE(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectDomainQemuMonitorEventRegister, conn, dom, event, cb, opaque,
                   freecb, flags);
}

int
virConnectDomainQemuMonitorEventDeregister(virConnectPtr conn, int callbackID)
{
    VIR_ENTRY_CONNECT(conn, -1);
    if (callbackID < 0) {
        virReportError(VIR_ERR_INVALID_ARG, "callbackID in %s must be zero or greater", __func__);
        return -1;
    }
    VIR_ENTRY_WRITE(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectDomainQemuMonitorEventDeregister, conn, callbackID);
}
