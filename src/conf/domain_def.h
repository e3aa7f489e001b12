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

/* What the user said, what stock's dumpxml says back; QEMU is not asked. */
typedef enum { VIR_TRISTATE_ABSENT, VIR_TRISTATE_NO, VIR_TRISTATE_YES } virTristate;
typedef enum { VIR_DOMAIN_CPU_MATCH_EXACT, VIR_DOMAIN_CPU_MATCH_MINIMUM, VIR_DOMAIN_CPU_MATCH_STRICT,
               VIR_DOMAIN_CPU_MATCH_LAST } virDomainCPUMatch;
typedef enum { VIR_DOMAIN_CPU_CHECK_DEFAULT, VIR_DOMAIN_CPU_CHECK_NONE, VIR_DOMAIN_CPU_CHECK_PARTIAL,
               VIR_DOMAIN_CPU_CHECK_FULL, VIR_DOMAIN_CPU_CHECK_LAST } virDomainCPUCheck;
typedef enum { VIR_DOMAIN_CPU_FALLBACK_ALLOW, VIR_DOMAIN_CPU_FALLBACK_FORBID,
               VIR_DOMAIN_CPU_FALLBACK_LAST } virDomainCPUFallback;

typedef enum { VIR_DOMAIN_TIMER_RTC, VIR_DOMAIN_TIMER_PIT, VIR_DOMAIN_TIMER_HPET,
               VIR_DOMAIN_TIMER_LAST } virDomainTimerName;
typedef enum { VIR_DOMAIN_TICKPOLICY_DEFAULT, VIR_DOMAIN_TICKPOLICY_DELAY,
               VIR_DOMAIN_TICKPOLICY_CATCHUP, VIR_DOMAIN_TICKPOLICY_MERGE,
               VIR_DOMAIN_TICKPOLICY_DISCARD, VIR_DOMAIN_TICKPOLICY_LAST } virDomainTickPolicy;
typedef struct _virDomainTimerDef {
    virDomainTimerName name;
    virDomainTickPolicy tickpolicy;
    virTristate present;
} virDomainTimerDef;

typedef enum { VIR_DOMAIN_CLOCK_UTC, VIR_DOMAIN_CLOCK_LOCALTIME, VIR_DOMAIN_CLOCK_LAST } virDomainClockOffset;

typedef enum { VIR_CONTROLLER_PCI, VIR_CONTROLLER_SCSI, VIR_CONTROLLER_SATA, VIR_CONTROLLER_IDE,
               VIR_CONTROLLER_USB, VIR_CONTROLLER_VIRTIO_SERIAL, VIR_CONTROLLER_LAST } virControllerType;
typedef struct _virDomainControllerDef {
    virControllerType type;
    int index;                   /* -1 = not given */
    char *model;                 /* "virtio-scsi", "pcie-root-port", "qemu-xhci", "none", ... or NULL */
    unsigned int iothread;       /* scsi, 0 = none */
    char *modelName;             /* pci: <model name='pcie-root-port'/>, the QEMU device; or NULL */
    int targetChassis;           /* pcie-root-port; -1 = not given */
    int targetPort;              /* pcie-root-port; -1 = not given */
    char *alias;
    virDeviceAddress addr;
} virDomainControllerDef;

typedef enum { VIR_CHARDEV_SERIAL, VIR_CHARDEV_CONSOLE, VIR_CHARDEV_CHANNEL,
               VIR_CHARDEV_LAST } virChardevKind;
typedef enum { VIR_CHARDEV_PTY, VIR_CHARDEV_FILE, VIR_CHARDEV_UNIX, VIR_CHARDEV_NULL,
               VIR_CHARDEV_TYPE_LAST } virChardevType;
/* The console of type 'serial' that dumpxml shows mirrors the first serial: it is made by the
 * formatter and never stored. A stored console is a virtio one. */
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
    virTristate connected;       /* running channel: has the guest opened its end */
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

typedef enum { VIR_INPUT_MOUSE, VIR_INPUT_KEYBOARD, VIR_INPUT_TABLET, VIR_INPUT_LAST } virInputType;
typedef enum { VIR_INPUT_BUS_PS2, VIR_INPUT_BUS_USB, VIR_INPUT_BUS_LAST } virInputBus;
typedef struct _virDomainInputDef {
    virInputType type;
    virInputBus bus;             /* ps2: part of the board, no QEMU device of its own */
    char *alias;
    virDeviceAddress addr;
} virDomainInputDef;             /* mouse, keyboard: ps2; tablet: usb */

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
    virDomainCPUMatch cpuMatch;          /* custom */
    virDomainCPUCheck cpuCheck;
    virTristate cpuMigratable;           /* host-passthrough, maximum */
    virDomainCPUFallback cpuFallback;    /* of the model */
    virDomainClockOffset clockOffset;
    virDomainTimerDef timers[VIR_DOMAIN_TIMER_LAST];  /* in the user's order */
    size_t ntimers;
    virTristate suspendToMem, suspendToDisk;
    virDomainLifecycleAction onPoweroff, onReboot, onCrash;
    unsigned int iothreads;

    char *emulator;
    GPtrArray *disks;            /* virDomainDiskDef * */
    GPtrArray *controllers;      /* virDomainControllerDef * */
    GPtrArray *chardevs;         /* virDomainChardevDef *: serials, consoles, channels in order */
    GPtrArray *nets;             /* virDomainNetDef * */
    GPtrArray *rngs;             /* virDomainRngDef * */
    GPtrArray *inputs;           /* virDomainInputDef * */
    bool memballoonNone;         /* model none; otherwise virtio */
    char *memballoonAlias;
    virDeviceAddress memballoonAddr;
    char *videoModel;            /* NULL or "none" */
    char *videoAlias;
    virDeviceAddress videoAddr;  /* never given: there is no device */
    bool usbDisabled;            /* <controller type='usb' model='none'/> */
} virDomainDef;

void virDomainDefFree(virDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainDef, virDomainDefFree)

typedef enum {
    VIR_DOMAIN_PARSE_LIVE = 1 << 0,   /* our own status file: aliases and the id are read too */
} virDomainParseFlags;
/** Parse, fill defaults, validate. Returns (owned) or NULL: VIR_ERR_XML_ERROR, XML_DETAIL,
 * VIR_ERR_CONFIG_UNSUPPORTED ("unsupported element <x> in <devices>"), VIR_ERR_NO_NAME, ... */
virDomainDef *virDomainDefParse(const char *xml, unsigned int flags);
virDomainDef *virDomainDefParseNode(xmlNodePtr node, unsigned int flags);
/** virDomainOutlineParse: name, uuid (zeros if there is none) and disks of a <domain> element: their target,
 * path, readonly, shareable. Whatever else is in it is not looked at. (owned), or NULL with VIR_ERR_XML_ERROR
 * or VIR_ERR_NO_NAME. */
virDomainDef *virDomainOutlineParse(xmlNodePtr node);
/** (owned) all of it, as text. */
char *virDomainOutlineText(xmlNodePtr node);
/** That text to @buf, indented like the rest; !@secure: passwords are hidden. */
void virDomainOutlineFormat(virBuffer *buf, const char *text, bool secure);

typedef enum {
    VIR_DOMAIN_FORMAT_LIVE = 1 << 0,    /* id, aliases, pty paths: the running domain */
    VIR_DOMAIN_FORMAT_SECURE = 1 << 1,
} virDomainFormatFlags;
/** (owned) XML text as dumpxml prints it, ending in a newline. */
char *virDomainDefFormat(const virDomainDef *def, unsigned int flags);
void virDomainDefFormatBuf(virBuffer *buf, const virDomainDef *def, unsigned int flags);
virDomainDef *virDomainDefCopy(const virDomainDef *def);

/** Is the board q35 (as an alias or a versioned name)? */
bool virDomainDefIsQ35(const virDomainDef *def);
/** Disk by target name ("vda") or, if @orPath, by source path; borrowed, NULL if none. */
virDomainDiskDef *virDomainDefDisk(const virDomainDef *def, const char *nameOrPath, bool orPath);
/** Give every device an alias as libvirt names them: virtio-disk0, ide0-0-0, scsi0-0-0-0, sata0-0-0,
 * serial0, channel0, net0, rng0, balloon0, pci.1 ... Idempotent. */
void virDomainDefAssignAliases(virDomainDef *def);
