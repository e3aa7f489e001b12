/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls below the portable API: QEMU's monitor. They are for people debugging, not for programs. */
#ifndef LIBVIRT_QEMU_H
#define LIBVIRT_QEMU_H

#include <libvirt/libvirt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of virDomainQemuMonitorCommand(). */
typedef enum {
    VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT = 0,
    VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP     = 1 << 0,
} virDomainQemuMonitorCommandFlags;

/* Seconds a guest agent command may take, and special values. */
typedef enum {
    VIR_DOMAIN_QEMU_AGENT_COMMAND_SHUTDOWN = 60,
    VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK    = VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK,
    VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT  = VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_DEFAULT,
    VIR_DOMAIN_QEMU_AGENT_COMMAND_MIN      = VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK,
    VIR_DOMAIN_QEMU_AGENT_COMMAND_NOWAIT   = VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_NOWAIT,
} virDomainQemuAgentCommandTimeoutValues;

/* How the event name is to be understood. */
typedef enum {
    VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX  = 1 << 0,
    VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE = 1 << 1,
} virConnectDomainQemuMonitorEventRegisterFlags;

/** QEMU sent @event; @details: its data as JSON, or NULL. */
typedef void (*virConnectDomainQemuMonitorEventCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds, unsigned int micros,
    const char *details, void *opaque);

/**
 * virDomainQemuMonitorCommand:
 * @cmd: JSON text, or a line for the human monitor with VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
 * @result: reply (owned)
 * What the command does to the domain is not known to the library and may break its books.
 * Returns: 0, or -1 with VIR_ERR_OPERATION_INVALID if the domain does not run. Since: 0.8.3
 */
int virDomainQemuMonitorCommand(virDomainPtr domain, const char *cmd, char **result,
                                unsigned int flags);
/**
 * virConnectDomainQemuMonitorEventRegister:
 * @dom: only this domain, or NULL   @event: only this name (by @flags a pattern), or NULL
 * Returns: callback id >= 0, or -1. Since: 1.2.3
 */
int virConnectDomainQemuMonitorEventRegister(virConnectPtr conn, virDomainPtr dom,
                                             const char *event,
                                             virConnectDomainQemuMonitorEventCallback cb,
                                             void *opaque, virFreeCallback freecb,
                                             unsigned int flags);
/** Returns: 0, or -1 if there is no such callback. Since: 1.2.3 */
int virConnectDomainQemuMonitorEventDeregister(virConnectPtr conn, int callbackID);

#ifdef __cplusplus
}
#endif
#endif
