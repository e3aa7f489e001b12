/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands between the public API and who carries it out. Two implementations: src/remote (in
 * libvirt.so: sends the call over the wire) and src/qemu (in the daemon: does it).
 *
 * Contract of every member: the public function has checked handles, NULL arguments and read-only
 * access; the member checks flags (virCheckFlags) and does the rest. Parameters and results are
 * those of the public function of the same name; strings and objects returned are owned by the
 * caller; on failure NULL or -1 with the thread's error set. Called on any thread, concurrently;
 * may block. A member that is NULL is VIR_ERR_NO_SUPPORT.
 */
#pragma once
#include <libvirt/libvirt.h>
#include <libvirt/libvirt-qemu.h>

typedef struct _virDriver {
    const char *name;
    /** connectOpen: sets conn->privateData. @name: URI. @flags: VIR_CONNECT_RO. */
    int (*connectOpen)(virConnectPtr conn, const char *name, unsigned int flags);
    /** connectClose: last reference is gone; frees privateData, drops this connection's callbacks.
     */
    void (*connectClose)(virConnectPtr conn);
    const char *(*connectGetType)(virConnectPtr conn); /* static text */
    int (*connectGetVersion)(virConnectPtr conn, unsigned long *version);
    int (*connectGetLibVersion)(virConnectPtr conn, unsigned long *version);
    char *(*connectGetHostname)(virConnectPtr conn);
    char *(*connectGetURI)(virConnectPtr conn);
    char *(*connectGetCapabilities)(virConnectPtr conn);
    char *(*connectGetDomainCapabilities)(virConnectPtr conn, const char *emulator,
                                          const char *arch, const char *machine,
                                          const char *virttype, unsigned int flags);
    int (*connectGetMaxVcpus)(virConnectPtr conn, const char *type);
    int (*connectIsAlive)(virConnectPtr conn);
    int (*connectIsSecure)(virConnectPtr conn);
    int (*connectIsEncrypted)(virConnectPtr conn);
    int (*connectSupportsFeature)(virConnectPtr conn, int feature);
    int (*connectSetKeepAlive)(virConnectPtr conn, int interval, unsigned int count);
    int (*nodeGetInfo)(virConnectPtr conn, virNodeInfoPtr info);
    unsigned long long (*nodeGetFreeMemory)(virConnectPtr conn);
    int (*connectRegisterCloseCallback)(virConnectPtr conn);
    int (*connectUnregisterCloseCallback)(virConnectPtr conn);

    int (*connectNumOfDomains)(virConnectPtr conn);
    int (*connectListDomains)(virConnectPtr conn, int *ids, int maxids);
    int (*connectNumOfDefinedDomains)(virConnectPtr conn);
    int (*connectListDefinedDomains)(virConnectPtr conn, char **names, int maxnames);
    int (*connectListAllDomains)(virConnectPtr conn, virDomainPtr **domains, unsigned int flags);
    virDomainPtr (*domainLookupByID)(virConnectPtr conn, int id);
    virDomainPtr (*domainLookupByUUID)(virConnectPtr conn, const unsigned char *uuid);
    virDomainPtr (*domainLookupByName)(virConnectPtr conn, const char *name);

    virDomainPtr (*domainCreateXML)(virConnectPtr conn, const char *xml, unsigned int flags);
    virDomainPtr (*domainDefineXMLFlags)(virConnectPtr conn, const char *xml, unsigned int flags);
    int (*domainCreateWithFlags)(virDomainPtr dom, unsigned int flags);
    int (*domainSuspend)(virDomainPtr dom);
    int (*domainResume)(virDomainPtr dom);
    int (*domainShutdownFlags)(virDomainPtr dom, unsigned int flags);
    int (*domainReboot)(virDomainPtr dom, unsigned int flags);
    int (*domainReset)(virDomainPtr dom, unsigned int flags);
    int (*domainDestroyFlags)(virDomainPtr dom, unsigned int flags);
    int (*domainUndefineFlags)(virDomainPtr dom, unsigned int flags);
    int (*domainGetAutostart)(virDomainPtr dom, int *autostart);
    int (*domainSetAutostart)(virDomainPtr dom, int autostart);

    char *(*domainGetOSType)(virDomainPtr dom);
    int (*domainGetInfo)(virDomainPtr dom, virDomainInfoPtr info);
    int (*domainGetState)(virDomainPtr dom, int *state, int *reason, unsigned int flags);
    int (*domainGetControlInfo)(virDomainPtr dom, virDomainControlInfoPtr info, unsigned int flags);
    unsigned long long (*domainGetMaxMemory)(virDomainPtr dom);
    int (*domainGetVcpusFlags)(virDomainPtr dom, unsigned int flags);
    char *(*domainGetXMLDesc)(virDomainPtr dom, unsigned int flags);
    int (*domainIsActive)(virDomainPtr dom);
    int (*domainIsPersistent)(virDomainPtr dom);
    int (*domainIsUpdated)(virDomainPtr dom);
    int (*domainHasManagedSaveImage)(virDomainPtr dom, unsigned int flags);
    int (*domainSnapshotNum)(virDomainPtr dom, unsigned int flags);
    int (*domainGetSecurityLabel)(virDomainPtr dom, virSecurityLabelPtr label);
    int (*nodeGetSecurityModel)(virConnectPtr conn, virSecurityModelPtr model);
    int (*domainGetMessages)(virDomainPtr dom, char ***msgs, unsigned int flags);
    char *(*domainGetMetadata)(virDomainPtr dom, int type, const char *uri, unsigned int flags);
    int (*domainSetMetadata)(virDomainPtr dom, int type, const char *metadata, const char *key,
                             const char *uri, unsigned int flags);

    int (*domainAttachDevice)(virDomainPtr dom, const char *xml);
    int (*domainAttachDeviceFlags)(virDomainPtr dom, const char *xml, unsigned int flags);
    int (*domainDetachDevice)(virDomainPtr dom, const char *xml);
    int (*domainDetachDeviceFlags)(virDomainPtr dom, const char *xml, unsigned int flags);
    int (*domainDetachDeviceAlias)(virDomainPtr dom, const char *alias, unsigned int flags);
    int (*domainUpdateDeviceFlags)(virDomainPtr dom, const char *xml, unsigned int flags);
    int (*domainBlockResize)(virDomainPtr dom, const char *disk, unsigned long long size,
                             unsigned int flags);
    int (*domainGetBlockInfo)(virDomainPtr dom, const char *disk, virDomainBlockInfoPtr info,
                              unsigned int flags);
    int (*domainBlockStats)(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats);
    int (*domainBlockStatsFlags)(virDomainPtr dom, const char *disk, virTypedParameterPtr params,
                                 int *nparams, unsigned int flags);
    int (*domainGetBlockJobInfo)(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info,
                                 unsigned int flags);
    int (*domainBlockJobSetSpeed)(virDomainPtr dom, const char *disk, unsigned long bandwidth,
                                  unsigned int flags);
    int (*domainBlockJobAbort)(virDomainPtr dom, const char *disk, unsigned int flags);
    int (*domainSetBlockThreshold)(virDomainPtr dom, const char *dev, unsigned long long threshold,
                                   unsigned int flags);
    int (*connectGetAllDomainStats)(virConnectPtr conn, virDomainPtr *doms, unsigned int ndoms,
                                    unsigned int stats, virDomainStatsRecordPtr **records,
                                    unsigned int flags);
    int (*domainFSFreeze)(virDomainPtr dom, const char **mountpoints, unsigned int n,
                          unsigned int flags);
    int (*domainFSThaw)(virDomainPtr dom, const char **mountpoints, unsigned int n,
                        unsigned int flags);

    int (*domainGetJobInfo)(virDomainPtr dom, virDomainJobInfoPtr info);
    int (*domainGetJobStats)(virDomainPtr dom, int *type, virTypedParameterPtr *params,
                             int *nparams, unsigned int flags);
    int (*domainAbortJobFlags)(virDomainPtr dom, unsigned int flags);

    int (*connectDomainEventRegisterAny)(virConnectPtr conn, virDomainPtr dom, int eventID,
                                         virConnectDomainEventGenericCallback cb, void *opaque,
                                         virFreeCallback freecb);
    int (*connectDomainEventDeregisterAny)(virConnectPtr conn, int callbackID);

    virDomainCheckpointPtr (*domainCheckpointCreateXML)(virDomainPtr dom, const char *xml,
                                                        unsigned int flags);
    char *(*domainCheckpointGetXMLDesc)(virDomainCheckpointPtr chk, unsigned int flags);
    int (*domainListAllCheckpoints)(virDomainPtr dom, virDomainCheckpointPtr **chks,
                                    unsigned int flags);
    int (*domainCheckpointListAllChildren)(virDomainCheckpointPtr chk,
                                           virDomainCheckpointPtr **children, unsigned int flags);
    virDomainCheckpointPtr (*domainCheckpointLookupByName)(virDomainPtr dom, const char *name,
                                                           unsigned int flags);
    virDomainCheckpointPtr (*domainCheckpointGetParent)(virDomainCheckpointPtr chk,
                                                        unsigned int flags);
    int (*domainCheckpointDelete)(virDomainCheckpointPtr chk, unsigned int flags);
    int (*domainBackupBegin)(virDomainPtr dom, const char *backupXML, const char *checkpointXML,
                             unsigned int flags);
    char *(*domainBackupGetXMLDesc)(virDomainPtr dom, unsigned int flags);
    /* @nfds > 0; @fds: borrowed, the driver takes copies */
    int (*domainFDAssociate)(virDomainPtr dom, const char *name, unsigned int nfds, const int *fds,
                             unsigned int flags);

    /* virConnectNumOfSecrets and virConnectListSecrets are made of this one too. */
    int (*connectListAllSecrets)(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags);
    virSecretPtr (*secretLookupByUUID)(virConnectPtr conn, const unsigned char *uuid);
    virSecretPtr (*secretLookupByUsage)(virConnectPtr conn, int usageType, const char *usageID);
    virSecretPtr (*secretDefineXML)(virConnectPtr conn, const char *xml, unsigned int flags);
    char *(*secretGetXMLDesc)(virSecretPtr secret, unsigned int flags);
    int (*secretSetValue)(virSecretPtr secret, const unsigned char *value, size_t size,
                          unsigned int flags);
    unsigned char *(*secretGetValue)(virSecretPtr secret, size_t *size, unsigned int flags);
    int (*secretUndefine)(virSecretPtr secret);

    int (*domainQemuMonitorCommand)(virDomainPtr dom, const char *cmd, char **result,
                                    unsigned int flags);
    int (*connectDomainQemuMonitorEventRegister)(virConnectPtr conn, virDomainPtr dom,
                                                 const char *event,
                                                 virConnectDomainQemuMonitorEventCallback cb,
                                                 void *opaque, virFreeCallback freecb,
                                                 unsigned int flags);
    int (*connectDomainQemuMonitorEventDeregister)(virConnectPtr conn, int callbackID);
} virDriver;
