/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain events as objects, and the list of callbacks registered for them. Used twice with the same
 * contract: by the hypervisor driver in the daemon and by the remote driver in a client.
 */
#pragma once
#include <glib.h>
#include <libvirt/libvirt.h>
#include "virtypedparam.h"

typedef struct _virDomainEvent virDomainEvent;
void virDomainEventFree(virDomainEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainEvent, virDomainEventFree)

/* One constructor an event we raise; (owned). name, uuid, id identify the domain at that instant.
 */
virDomainEvent *virDomainEventLifecycleNew(const char *name, const unsigned char *uuid, int id,
                                           int type, int detail);
virDomainEvent *virDomainEventRebootNew(const char *name, const unsigned char *uuid, int id);
virDomainEvent *virDomainEventIOErrorNew(const char *name, const unsigned char *uuid, int id,
                                         const char *path, const char *alias, int action,
                                         const char *reason);
virDomainEvent *virDomainEventBlockJobNew(const char *name, const unsigned char *uuid, int id,
                                          const char *path, int type, int status);
virDomainEvent *virDomainEventBlockJob2New(const char *name, const unsigned char *uuid, int id,
                                           const char *dst, int type, int status);
/** @params: contents copied. */
virDomainEvent *virDomainEventJobCompletedNew(const char *name, const unsigned char *uuid, int id,
                                              const virTypedParamList *params);
virDomainEvent *virDomainEventAgentLifecycleNew(const char *name, const unsigned char *uuid, int id,
                                                int state, int reason);
virDomainEvent *virDomainEventBlockThresholdNew(const char *name, const unsigned char *uuid, int id,
                                                const char *dev, const char *path,
                                                unsigned long long threshold,
                                                unsigned long long excess);
virDomainEvent *virDomainEventMetadataChangeNew(const char *name, const unsigned char *uuid, int id,
                                                int type, const char *nsuri);
/* The events our own driver does not raise, but another daemon may send. */
virDomainEvent *virDomainEventRTCChangeNew(const char *name, const unsigned char *uuid, int id,
                                           long long utcoffset);
virDomainEvent *virDomainEventWatchdogNew(const char *name, const unsigned char *uuid, int id,
                                          int action);
/** @local, @remote, @subject: contents copied. */
virDomainEvent *virDomainEventGraphicsNew(const char *name, const unsigned char *uuid, int id,
                                          int phase, const virDomainEventGraphicsAddress *local,
                                          const virDomainEventGraphicsAddress *remote,
                                          const char *authScheme,
                                          const virDomainEventGraphicsSubject *subject);
virDomainEvent *virDomainEventControlErrorNew(const char *name, const unsigned char *uuid, int id);
virDomainEvent *virDomainEventDiskChangeNew(const char *name, const unsigned char *uuid, int id,
                                            const char *oldSrcPath, const char *newSrcPath,
                                            const char *devAlias, int reason);
virDomainEvent *virDomainEventTrayChangeNew(const char *name, const unsigned char *uuid, int id,
                                            const char *devAlias, int reason);
/** @eventID: PMWAKEUP, PMSUSPEND or PMSUSPEND_DISK. */
virDomainEvent *virDomainEventPMNew(const char *name, const unsigned char *uuid, int id,
                                    int eventID, int reason);
virDomainEvent *virDomainEventBalloonChangeNew(const char *name, const unsigned char *uuid, int id,
                                               unsigned long long actual);
/** @eventID: DEVICE_REMOVED, DEVICE_ADDED or DEVICE_REMOVAL_FAILED. */
virDomainEvent *virDomainEventDeviceNew(const char *name, const unsigned char *uuid, int id,
                                        int eventID, const char *devAlias);
/** @params: contents copied. */
virDomainEvent *virDomainEventTunableNew(const char *name, const unsigned char *uuid, int id,
                                         const virTypedParamList *params);
virDomainEvent *virDomainEventMigrationIterationNew(const char *name, const unsigned char *uuid,
                                                    int id, int iteration);
virDomainEvent *virDomainEventMemoryFailureNew(const char *name, const unsigned char *uuid, int id,
                                               int recipient, int action, unsigned int flags);
virDomainEvent *virDomainEventMemoryDeviceSizeChangeNew(const char *name, const unsigned char *uuid,
                                                        int id, const char *alias,
                                                        unsigned long long size);
/* The monitor events of libvirt-qemu, kept under one pseudo id beside the public ones. */
virDomainEvent *virDomainEventQemuMonitorNew(const char *name, const unsigned char *uuid, int id,
                                             const char *event, long long seconds,
                                             unsigned int micros, const char *details);
#define VIR_DOMAIN_EVENT_ID_QEMU_MONITOR (-2)

typedef struct _virDomainEventList virDomainEventList;
virDomainEventList *virDomainEventListNew(void);
void virDomainEventListFree(virDomainEventList *list);
/**
 * virDomainEventListAdd: @dom: filter or NULL (copied); @cb: of the type @eventID asks for.
 * Ids come from one counter a process, so they never repeat and are common to both programs.
 * Returns: callback id >= 0, or -1 with VIR_ERR_INVALID_ARG "event callback already tracked" when
 * this very (conn, id, filter, cb, opaque) is registered.
 */
int virDomainEventListAdd(virDomainEventList *list, virConnectPtr conn, virDomainPtr dom,
                          int eventID, virConnectDomainEventGenericCallback cb, void *opaque,
                          virFreeCallback freecb);
/** For the monitor event: @event: name or NULL for all; @flags: regex 1, no case 2. */
int virDomainEventListAddQemuMonitor(virDomainEventList *list, virConnectPtr conn, virDomainPtr dom,
                                     const char *event, unsigned int flags,
                                     virConnectDomainEventGenericCallback cb, void *opaque,
                                     virFreeCallback freecb);
int virDomainEventListRemove(virDomainEventList *list, virConnectPtr conn, int callbackID);
/** All callbacks of a closing connection. */
void virDomainEventListRemoveConn(virDomainEventList *list, virConnectPtr conn);
/** Number of callbacks for (conn, eventID, filter uuid or NULL): tells the remote driver when to
 * (de)register on the wire. */
int virDomainEventListCount(virDomainEventList *list, virConnectPtr conn, int eventID,
                            const unsigned char *uuid);
/** Call every matching callback, on the caller's thread, no lock held. @event: borrowed. */
void virDomainEventListDispatch(virDomainEventList *list, const virDomainEvent *event);
/** The same for the callbacks with one of the @n ids alone: the remote driver knows from the wire
 * which ones an event is for. */
void virDomainEventListDispatchTo(virDomainEventList *list, const virDomainEvent *event,
                                  const int *callbackIDs, size_t n);
