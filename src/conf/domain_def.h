/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain as its XML says: the Def, never changed by running it. domain_parse.c makes it,
 * domain_format.c writes it, domain_validate.c refuses what cannot work, domain_defaults.c fills
 * in what the user left out (deterministic: the same input gives the same Def, but for a new UUID).
 */
#pragma once
#include <glib.h>
#include <libvirt/libvirt.h>
#include "disk_def.h"
#include "device_address.h"

typedef enum { VIR_DOMAIN_TYPE_QEMU, VIR_DOMAIN_TYPE_KVM, VIR_DOMAIN_TYPE_LAST } virDomainType;
const char *virDomainTypeToString(virDomainType t);

typedef enum { VIR_DOMAIN_BOOT_HD, VIR_DOMAIN_BOOT_CDROM, VIR_DOMAIN_BOOT_NETWORK,
               VIR_DOMAIN_BOOT_FD, VIR_DOMAIN_BOOT_LAST } virDomainBootDev;

typedef enum { VIR_DOMAIN_ACTION_DESTROY, VIR_DOMAIN_ACTION_RESTART, VIR_DOMAIN_ACTION_PRESERVE,
               VIR_DOMAIN_ACTION_RENAME_RESTART, VIR_DOMAIN_ACTION_LAST } virDomainLifecycleAction;

typedef enum { VIR_DOMAIN_CPU_NONE, VIR_DOMAIN_CPU_CUSTOM, VIR_DOMAIN_CPU_HOST_PASSTHROUGH,
               VIR_DOMAIN_CPU_HOST_MODEL, VIR_DOMAIN_CPU_MAXIMUM, VIR_DOMAIN_CPU_LAST } virDomainCPUMode;

typedef enum { VIR_DOMAIN_CLOCK_UTC, VIR_DOMAIN_CLOCK_LOCALTIME, VIR_DOMAIN_CLOCK_LAST } virDomainClockOffset;

typedef enum { VIR_CONTROLLER_PCI, VIR_CONTROLLER_SCSI, VIR_CONTROLLER_SATA, VIR_CONTROLLER_IDE,
               VIR_CONTROLLER_USB, VIR_CONTROLLER_VIRTIO_SERIAL, VIR_CONTROLLER_LAST } virControllerType;
typedef struct _virDomainControllerDef {
    virControllerType type;
    int index;                   /* -1 = not given */
    char *model;                 /* "virtio-scsi", "pcie-root-port", "qemu-xhci", "none", ... or NULL */
    unsigned int iothread;       /* scsi, 0 = none */
    char *alias;
    virDeviceAddress addr;
} virDomainControllerDef;

typedef enum { VIR_CHARDEV_SERIAL, VIR_CHARDEV_CONSOLE, VIR_CHARDEV_CHANNEL,
               VIR_CHARDEV_LAST } virChardevKind;
typedef enum { VIR_CHARDEV_PTY, VIR_CHARDEV_FILE, VIR_CHARDEV_UNIX, VIR_CHARDEV_NULL,
               VIR_CHARDEV_TYPE_LAST } virChardevType;
typedef struct _virDomainChardevDef {
    virChardevKind kind;
    virChardevType type;
    char *path;                  /* file, unix socket; running pty: its name */
    bool append;                 /* file */
    bool listen;                 /* unix: mode='bind' */
    char *targetType;            /* serial: isa-serial; console: serial|virtio; channel: virtio */
    char *targetModel;           /* serial: isa-serial */
    char *targetName;            /* channel: org.qemu.guest_agent.0 */
    int port;                    /* -1 = not given */
    char *alias;
    virDeviceAddress addr;
} virDomainChardevDef;

typedef struct _virDomainNetDef {
    char *mac;                   /* "52:54:00:xx:xx:xx"; generated when absent */
    char *model;                 /* virtio, e1000, ... */
    char *alias;
    virDeviceAddress addr;
} virDomainNetDef;               /* type='user' only */

typedef struct _virDomainRngDef {
    char *backendPath;           /* /dev/urandom */
    char *alias;
    virDeviceAddress addr;
} virDomainRngDef;               /* model virtio, backend random */

typedef struct _virDomainDef {
    virDomainType virtType;
    int id;                      /* -1 = not running */
    char *name;
    unsigned char uuid[VIR_UUID_BUFLEN];
    char *title;
    char *description;
    char *metadata;              /* the whole <metadata> element as text, or NULL */
    unsigned long long memoryKiB;        /* <memory> */
    unsigned long long currentMemoryKiB; /* <currentMemory> */
    unsigned int vcpus;
    unsigned int maxVcpus;

    char *osArch;                /* x86_64 */
    char *osMachine;             /* pc-i440fx-7.2, q35, ... */
    virDomainBootDev bootDevs[VIR_DOMAIN_BOOT_LAST];
    size_t nbootDevs;
    char *kernel, *initrd, *cmdline;
    bool acpi, apic, pae;

    virDomainCPUMode cpuMode;
    char *cpuModel;
    virDomainClockOffset clockOffset;
    virDomainLifecycleAction onPoweroff, onReboot, onCrash;
    unsigned int iothreads;

    char *emulator;
    GPtrArray *disks;            /* virDomainDiskDef * */
    GPtrArray *controllers;      /* virDomainControllerDef * */
    GPtrArray *chardevs;         /* virDomainChardevDef *: serials, consoles, channels in order */
    GPtrArray *nets;             /* virDomainNetDef * */
    GPtrArray *rngs;             /* virDomainRngDef * */
    bool memballoonNone;         /* model none; otherwise virtio */
    char *memballoonAlias;
    virDeviceAddress memballoonAddr;
    char *videoModel;            /* NULL or "none" */
    bool usbDisabled;            /* <controller type='usb' model='none'/> */
} virDomainDef;

void virDomainDefFree(virDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainDef, virDomainDefFree)

typedef enum {
    VIR_DOMAIN_PARSE_LIVE = 1 << 0,   /* our own status file: aliases and the id are read too */
} virDomainParseFlags;
/** Parse, fill defaults, validate. Returns (owned) or NULL: VIR_ERR_XML_ERROR, XML_DETAIL,
 * VIR_ERR_CONFIG_UNSUPPORTED ("unsupported element <x> in <devices>"), VIR_ERR_OS_TYPE, ... */
virDomainDef *virDomainDefParse(const char *xml, unsigned int flags);
virDomainDef *virDomainDefParseNode(xmlNodePtr node, unsigned int flags);

typedef enum {
    VIR_DOMAIN_FORMAT_LIVE = 1 << 0,    /* id, aliases, pty paths: the running domain */
    VIR_DOMAIN_FORMAT_SECURE = 1 << 1,
} virDomainFormatFlags;
/** (owned) XML text as dumpxml prints it, ending in a newline. */
char *virDomainDefFormat(const virDomainDef *def, unsigned int flags);
void virDomainDefFormatBuf(virBuffer *buf, const virDomainDef *def, unsigned int flags);
virDomainDef *virDomainDefCopy(const virDomainDef *def);

/** Disk by target name ("vda") or, if @orPath, by source path; borrowed, NULL if none. */
virDomainDiskDef *virDomainDefDisk(const virDomainDef *def, const char *nameOrPath, bool orPath);
/** Give every device an alias as libvirt names them: virtio-disk0, ide0-0-0, scsi0-0-0-0, sata0-0-0,
 * serial0, channel0, net0, rng0, balloon0, pci.1 ... Idempotent. */
void virDomainDefAssignAliases(virDomainDef *def);
