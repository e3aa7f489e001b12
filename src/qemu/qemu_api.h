/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The members of qemuDriverTable that are in qemu_api_*.c, by topic. Contracts are those of
 * libvirt-driver.h; what each refuses is said in its file.
 */
#pragma once
#include "libvirt-driver.h"
#include "qemu_fd_groups.h"
#include "qemu_vm.h"

/* qemu_api_connect.c: the connection and the host. */
int qemuConnectOpen(virConnectPtr conn, const char *name, unsigned int flags);
void qemuConnectClose(virConnectPtr conn);
const char *qemuConnectGetType(virConnectPtr conn);
int qemuConnectGetVersion(virConnectPtr conn, unsigned long *version);
int qemuConnectGetLibVersion(virConnectPtr conn, unsigned long *version);
char *qemuConnectGetHostname(virConnectPtr conn);
char *qemuConnectGetURI(virConnectPtr conn);
char *qemuConnectGetCapabilities(virConnectPtr conn);
char *qemuConnectGetDomainCapabilities(virConnectPtr conn, const char *emulator, const char *arch,
                                       const char *machine, const char *virttype, unsigned int flags);
int qemuConnectGetMaxVcpus(virConnectPtr conn, const char *type);
int qemuConnectIsAlive(virConnectPtr conn);
int qemuConnectIsSecure(virConnectPtr conn);
int qemuConnectIsEncrypted(virConnectPtr conn);
int qemuConnectSupportsFeature(virConnectPtr conn, int feature);
int qemuConnectSetKeepAlive(virConnectPtr conn, int interval, unsigned int count);
int qemuNodeGetInfo(virConnectPtr conn, virNodeInfoPtr info);
unsigned long long qemuNodeGetFreeMemory(virConnectPtr conn);
int qemuConnectRegisterCloseCallback(virConnectPtr conn);
int qemuConnectUnregisterCloseCallback(virConnectPtr conn);
int qemuNodeGetSecurityModel(virConnectPtr conn, virSecurityModelPtr model);
/** What vm->autodestroy holds for domains of @conn: identity of a connection. */
const void *qemuConnectToken(virConnectPtr conn);
/** The descriptors @conn has handed over (borrowed; as long as a call of @conn runs). */
qemuFDGroups *qemuConnectFDGroups(virConnectPtr conn);
int qemuDomainFDAssociate(virDomainPtr dom, const char *name, unsigned int nfds, const int *fds, unsigned int flags);

/* qemu_api_list.c: listing and lookup. */
int qemuConnectNumOfDomains(virConnectPtr conn);
int qemuConnectListDomains(virConnectPtr conn, int *ids, int maxids);
int qemuConnectNumOfDefinedDomains(virConnectPtr conn);
int qemuConnectListDefinedDomains(virConnectPtr conn, char **names, int maxnames);
int qemuConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags);
virDomainPtr qemuDomainLookupByID(virConnectPtr conn, int id);
virDomainPtr qemuDomainLookupByUUID(virConnectPtr conn, const unsigned char *uuid);
virDomainPtr qemuDomainLookupByName(virConnectPtr conn, const char *name);
/** True if the domain passes the filter bits of virConnectListAllDomains. Lock not held. */
bool qemuListMatches(qemuVM *vm, unsigned int flags);

/* qemu_api_define.c: definitions. */
virDomainPtr qemuDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags);
int qemuDomainUndefineFlags(virDomainPtr dom, unsigned int flags);
int qemuDomainGetAutostart(virDomainPtr dom, int *autostart);
int qemuDomainSetAutostart(virDomainPtr dom, int autostart);
/** Parse @xml for a new definition: defaults of this host filled in, name fit for a file. (owned) */
virDomainDef *qemuDefineParse(const char *xml);
/** The domain @def is about, made if there is none, its checkpoint records loaded and its MODIFY slot
 * held for @api (owned reference); NULL with an error. Give it back with qemuDefineRelease, which also drops a domain that
 * after all is neither running nor persistent, whoever made it: two calls may make the same one. */
qemuVM *qemuDefineTake(const virDomainDef *def, const char *api);
void qemuDefineRelease(qemuVM *vm);

/* qemu_api_lifecycle.c: running and stopping. */
virDomainPtr qemuDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);
int qemuDomainCreateWithFlags(virDomainPtr dom, unsigned int flags);
int qemuDomainSuspend(virDomainPtr dom);
int qemuDomainResume(virDomainPtr dom);
int qemuDomainShutdownFlags(virDomainPtr dom, unsigned int flags);
int qemuDomainReboot(virDomainPtr dom, unsigned int flags);
int qemuDomainReset(virDomainPtr dom, unsigned int flags);
int qemuDomainDestroyFlags(virDomainPtr dom, unsigned int flags);

/* qemu_api_info.c: what a domain is and does. */
char *qemuDomainGetOSType(virDomainPtr dom);
int qemuDomainGetInfo(virDomainPtr dom, virDomainInfoPtr info);
int qemuDomainGetState(virDomainPtr dom, int *state, int *reason, unsigned int flags);
int qemuDomainGetControlInfo(virDomainPtr dom, virDomainControlInfoPtr info, unsigned int flags);
unsigned long long qemuDomainGetMaxMemory(virDomainPtr dom);
int qemuDomainGetVcpusFlags(virDomainPtr dom, unsigned int flags);
char *qemuDomainGetXMLDesc(virDomainPtr dom, unsigned int flags);
int qemuDomainIsActive(virDomainPtr dom);
int qemuDomainIsPersistent(virDomainPtr dom);
int qemuDomainIsUpdated(virDomainPtr dom);
int qemuDomainHasManagedSaveImage(virDomainPtr dom, unsigned int flags);
int qemuDomainSnapshotNum(virDomainPtr dom, unsigned int flags);
int qemuDomainGetSecurityLabel(virDomainPtr dom, virSecurityLabelPtr label);
int qemuDomainGetMessages(virDomainPtr dom, char ***msgs, unsigned int flags);

/* qemu_api_metadata.c */
char *qemuDomainGetMetadata(virDomainPtr dom, int type, const char *uri, unsigned int flags);
int qemuDomainSetMetadata(virDomainPtr dom, int type, const char *metadata, const char *key,
                          const char *uri, unsigned int flags);

/* qemu_api_device.c: disks come, go and change. */
int qemuDomainAttachDevice(virDomainPtr dom, const char *xml);
int qemuDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);
int qemuDomainDetachDevice(virDomainPtr dom, const char *xml);
int qemuDomainDetachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);
int qemuDomainDetachDeviceAlias(virDomainPtr dom, const char *alias, unsigned int flags);
int qemuDomainUpdateDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);
int qemuDomainBlockResize(virDomainPtr dom, const char *disk, unsigned long long size, unsigned int flags);

/* qemu_api_block.c: disks. */
int qemuDomainGetBlockInfo(virDomainPtr dom, const char *disk, virDomainBlockInfoPtr info, unsigned int flags);
int qemuDomainBlockStats(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats);
int qemuDomainBlockStatsFlags(virDomainPtr dom, const char *disk, virTypedParameterPtr params,
                              int *nparams, unsigned int flags);
int qemuDomainGetBlockJobInfo(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info, unsigned int flags);
int qemuDomainBlockJobSetSpeed(virDomainPtr dom, const char *disk, unsigned long bandwidth, unsigned int flags);
int qemuDomainBlockJobAbort(virDomainPtr dom, const char *disk, unsigned int flags);

/* qemu_threshold.c */
int qemuDomainSetBlockThreshold(virDomainPtr dom, const char *dev, unsigned long long threshold, unsigned int flags);

/* qemu_api_stats.c: statistics of many domains. */
int qemuConnectGetAllDomainStats(virConnectPtr conn, virDomainPtr *doms, unsigned int ndoms,
                                 unsigned int stats, virDomainStatsRecordPtr **records, unsigned int flags);

/* qemu_api_job.c: jobs and the guest agent. */
int qemuDomainGetJobInfo(virDomainPtr dom, virDomainJobInfoPtr info);
int qemuDomainGetJobStats(virDomainPtr dom, int *type, virTypedParameterPtr *params, int *nparams, unsigned int flags);
int qemuDomainAbortJobFlags(virDomainPtr dom, unsigned int flags);
int qemuDomainFSFreeze(virDomainPtr dom, const char **mountpoints, unsigned int n, unsigned int flags);
int qemuDomainFSThaw(virDomainPtr dom, const char **mountpoints, unsigned int n, unsigned int flags);

/* qemu_api_event.c: event callbacks and the monitor. */
int qemuConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int eventID,
                                      virConnectDomainEventGenericCallback cb, void *opaque, virFreeCallback freecb);
int qemuConnectDomainEventDeregisterAny(virConnectPtr conn, int callbackID);
int qemuDomainQemuMonitorCommand(virDomainPtr dom, const char *cmd, char **result, unsigned int flags);
int qemuConnectDomainQemuMonitorEventRegister(virConnectPtr conn, virDomainPtr dom, const char *event,
                                              virConnectDomainQemuMonitorEventCallback cb, void *opaque,
                                              virFreeCallback freecb, unsigned int flags);
int qemuConnectDomainQemuMonitorEventDeregister(virConnectPtr conn, int callbackID);
