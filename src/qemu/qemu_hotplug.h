/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of a running domain that come, go, or change. All but qemuHotplugEvent: the caller holds
 * MODIFY and the domain runs. The theory is in docs/internals/hotplug.rst.
 */
#pragma once
#include "qemu_vm.h"

/** *@disk (consumed) comes: its device is there when this returns 0, or nothing is left of it. */
int qemuHotplugAttach(qemuVM *vm, virDomainDiskDef **disk);
/** May the disk @dst go now? -1 with VIR_ERR_OPERATION_INVALID while a backup reads it. */
int qemuHotplugCheckFree(qemuVM *vm, const char *dst, const char *action);
/** The guest is asked to let the disk @dst go, and waited for as long as libvirt waits (5 s). 0
 * also when it has not gone yet: then it goes when the guest lets it. -1: it stays. */
int qemuHotplugDetach(qemuVM *vm, const char *dst, bool wait);
/** The CD-ROM drive @disk->dst, which there is, gets the medium of @disk (its source is consumed;
 * none: the drive is empty then). @force: although the guest may have locked its tray. */
int qemuHotplugChangeMedium(qemuVM *vm, virDomainDiskDef *disk, bool force);
/** @disk: target name or path. @size: bytes. @capacity: to all that its block device has, which @size must
 * agree with if it is not 0. */
int qemuHotplugResize(qemuVM *vm, const char *disk, unsigned long long size, bool capacity);

/** DEVICE_DELETED or DEVICE_UNPLUG_GUEST_ERROR of the device @alias (may be NULL), on the event
 * lane. */
void qemuHotplugEvent(qemuVM *vm, const char *event, const char *alias);
/** A restarted daemon: disks of the status file whose device is not in QEMU (any more) are taken
 * out, and media that were being changed are put right. 0, or -1 if QEMU does not answer. */
int qemuHotplugReconcile(qemuVM *vm);

/* Between the files qemu_hotplug*.c. */
/** @def (consumed) is the running definition from now, with its status file. */
int qemuHotplugInstall(qemuVM *vm, virDomainDef *def);
/** The device of the disk @alias is gone: so go its nodes, its place in the Def, the loan of its
 * files. */
void qemuHotplugRemoved(qemuVM *vm, const char *alias);
/** QEMU's own words about @disk's files come too late to say which one it is about, and a server that does
 * not answer would hold it up. -1 with VIR_ERR_SYSTEM_ERROR or VIR_ERR_OPERATION_FAILED. */
int qemuHotplugCheckSource(const qemuVM *vm, const virDomainDiskDef *disk);
/** As qemuHotplugReconcile. */
int qemuHotplugReconcileMedia(qemuVM *vm);
/** Nodes that an interrupted operation has left are closed. 0, or -1 if QEMU does not answer. */
int qemuHotplugCloseStrays(qemuVM *vm);
/** The files of @disk, which is or was in @def, are not used any more. */
void qemuHotplugReturn(const virDomainDef *def, const virDomainDiskDef *disk);
/** (owned) set of device ids QEMU has; NULL with an error. */
GHashTable *qemuHotplugDevices(qemuVM *vm);
