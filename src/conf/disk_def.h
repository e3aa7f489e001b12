/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk of a domain: what <disk> says, nothing about a running QEMU.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virbuffer.h"
#include "virxml.h"
#include "device_address.h"
#include "storage_source.h"

typedef enum { VIR_DISK_DEVICE_DISK, VIR_DISK_DEVICE_CDROM, VIR_DISK_DEVICE_LAST } virDiskDevice;
typedef enum { VIR_DISK_BUS_VIRTIO, VIR_DISK_BUS_SCSI, VIR_DISK_BUS_SATA, VIR_DISK_BUS_IDE,
               VIR_DISK_BUS_LAST } virDiskBus;
const char *virDiskBusToString(virDiskBus b);
typedef enum { VIR_DISK_CACHE_DEFAULT, VIR_DISK_CACHE_NONE, VIR_DISK_CACHE_WRITETHROUGH,
               VIR_DISK_CACHE_WRITEBACK, VIR_DISK_CACHE_DIRECTSYNC, VIR_DISK_CACHE_UNSAFE,
               VIR_DISK_CACHE_LAST } virDiskCache;
typedef enum { VIR_DISK_DISCARD_DEFAULT, VIR_DISK_DISCARD_UNMAP, VIR_DISK_DISCARD_IGNORE,
               VIR_DISK_DISCARD_LAST } virDiskDiscard;
typedef enum { VIR_DISK_IO_DEFAULT, VIR_DISK_IO_NATIVE, VIR_DISK_IO_THREADS, VIR_DISK_IO_URING,
               VIR_DISK_IO_LAST } virDiskIo;
typedef enum { VIR_DISK_ERROR_DEFAULT, VIR_DISK_ERROR_STOP, VIR_DISK_ERROR_REPORT,
               VIR_DISK_ERROR_IGNORE, VIR_DISK_ERROR_ENOSPACE, VIR_DISK_ERROR_LAST } virDiskErrorPolicy;

typedef struct _virDomainDiskDef {
    virDiskDevice device;
    virDiskBus bus;
    char *dst;                   /* target dev, "vda"; unique in the domain */
    virStorageSource *src;       /* NULL: empty cdrom */
    bool readonly;
    bool shareable;
    char *serial;
    unsigned int bootOrder;      /* 0 = none */
    virDiskCache cache;
    virDiskDiscard discard;
    virDiskIo io;
    virDiskErrorPolicy errorPolicy;
    unsigned int iothread;       /* 0 = none */
    char *alias;                 /* running: "virtio-disk0"; also the QEMU device id */
    virDeviceAddress addr;
} virDomainDiskDef;
void virDomainDiskDefFree(virDomainDiskDef *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainDiskDef, virDomainDiskDefFree)
virDomainDiskDef *virDomainDiskDefParse(xmlNodePtr node);
void virDomainDiskDefFormat(virBuffer *buf, const virDomainDiskDef *disk, bool live);
