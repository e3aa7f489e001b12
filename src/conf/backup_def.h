/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A backup request as its XML says (<domainbackup>), and as backup-dumpxml shows it again. */
#pragma once
#include <glib.h>
#include "backup_options.h"
#include "domain_def.h"

typedef enum { VIR_BACKUP_DISK_FULL, VIR_BACKUP_DISK_INCREMENTAL, VIR_BACKUP_DISK_MODE_LAST } virBackupDiskMode;
typedef enum {
    VIR_BACKUP_SERVER_UNIX,
    VIR_BACKUP_SERVER_TCP,
    VIR_BACKUP_SERVER_FD,        /* the client's own socket, which listens already */
    VIR_BACKUP_SERVER_LAST
} virBackupServerTransport;

/** Formats that a target can have and a disk cannot: QEMU writes them, and has nowhere to keep a bitmap. */
typedef enum {
    VIR_BACKUP_FORMAT_NONE,      /* what store->format says */
    VIR_BACKUP_FORMAT_QCOW,
    VIR_BACKUP_FORMAT_VDI,
    VIR_BACKUP_FORMAT_VHD,       /* libvirt's word for QEMU's vhdx */
    VIR_BACKUP_FORMAT_VMDK,
    VIR_BACKUP_FORMAT_VPC,
    VIR_BACKUP_FORMAT_PLOOP,     /* and for its parallels */
    VIR_BACKUP_FORMAT_LAST
} virBackupFormat;

typedef struct _virDomainBackupDiskDef {
    char *name;                  /* target name */
    bool backup;                 /* backup='no' clears it */
    bool modeGiven;
    virBackupDiskMode mode;
    char *incremental;           /* checkpoint, resolved by Align; NULL = full */
    char *exportName;            /* pull; default the target name */
    char *exportBitmap;          /* pull incremental; default "backup-" + target name */
    virStorageSource *store;     /* pull: <scratch>, push: <target>; filled in by Align */
    virStorageSource *scratch;   /* push: <f:scratch>, or NULL */
    bool storeGiven;
    unsigned int index;          /* the store as "vda[INDEX]" in other calls; 0 = it has none */
    char **keptModels;           /* of each <seclabel relabel='no'>: its model, "" = none given; may be NULL */
    virBackupFormat format;      /* push, of a file; store->format is NONE then */
} virDomainBackupDiskDef;

typedef struct _virDomainBackupDef {
    virBackupMode mode;
    char *incremental;           /* checkpoint for disks that name none */
    struct {
        bool present;
        virBackupServerTransport transport;
        char *socket;            /* unix */
        char *host;              /* tcp */
        unsigned int port;       /* tcp; 0 = choose one. fd: of the socket, filled in when it begins */
        char *fdGroup;           /* fd: name of the virDomainFDAssociate() it came with */
        bool tls;                /* with the certificates of qemu.conf */
    } server;
    GPtrArray *disks;            /* virDomainBackupDiskDef * */
    virBackupOptions options;    /* <f:options>; settled with those of qemu.conf when it begins */
} virDomainBackupDef;
/** Value of an option: VIR_BACKUP_OPTION(def, QUIESCE). */
#define VIR_BACKUP_OPTION(def, name) ((def)->options.of[VIR_BACKUP_OPTION_##name].value)

void virDomainBackupDefFree(virDomainBackupDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainBackupDef, virDomainBackupDefFree)
/** What libvirt's grammar does not have is refused with VIR_ERR_XML_INVALID_SCHEMA, what it has and we
 * do not (encryption, labels, other formats) by name with VIR_ERR_CONFIG_UNSUPPORTED. */
virDomainBackupDef *virDomainBackupDefParse(const char *xml);
char *virDomainBackupDefFormat(const virDomainBackupDef *def);
virDomainBackupDef *virDomainBackupDefCopy(const virDomainBackupDef *def);
/** Is the owner of the store of @disk to stay as it is? (Other labels than owners we never change.) */
bool virDomainBackupDiskKeepsOwner(const virDomainBackupDiskDef *disk);
/** QEMU's driver for the format of the store of @disk. Static. */
const char *virDomainBackupDiskDriver(const virDomainBackupDiskDef *disk);
/** Can the target of @disk be written compressed? It must be a qcow2 file that the backup itself makes:
 * QEMU cannot put a compressed cluster over one that is there, and fails with EIO. */
bool virDomainBackupDiskCompressible(const virDomainBackupDiskDef *disk, bool reuseExternal);
/** Refuses, by name, the first target that cannot be compressed if the request itself says compress='yes':
 * -1 with VIR_ERR_CONFIG_UNSUPPORTED. @def: aligned, not settled. */
int virDomainBackupDefCheckCompress(const virDomainBackupDef *def, bool reuseExternal);
/** Refuses fleece='yes' of the request itself if scratches would have to exist already: -1 with
 * VIR_ERR_CONFIG_UNSUPPORTED. @def: aligned, not settled. */
int virDomainBackupDefCheckFleece(const virDomainBackupDef *def, bool reuseExternal);
/** Makes up the scratch of each disk of a push to a running domain that names none: of all with fleece='yes',
 * else of those that are compressed, whose target can hold nothing but what the job writes. Its path is
 * that of a pull's scratch (@suffix, @scratchDir: as virDomainBackupDefAlign) and ".scratch". Nothing with
 * @reuseExternal, for nothing made up exists already. @def: settled, on @dom. */
void virDomainBackupDefSettleScratch(virDomainBackupDef *def, const virDomainDef *dom, const char *suffix,
                                     const char *scratchDir, bool reuseExternal);
/** Bytes that the scratch of @disk may have, in whole sectors; 0 = no limit. It must be a file that the backup
 * makes, for it is made with that length. */
unsigned long long virDomainBackupDiskScratchLimit(const virDomainBackupDef *def,
                                                   const virDomainBackupDiskDef *disk, bool reuseExternal);
/** The same for a scratch that cannot be limited, if the request itself has a scratch-limit. */
int virDomainBackupDefCheckScratchLimit(const virDomainBackupDef *def, bool reuseExternal);
/** Does the request itself ask for an export helper where none can be, with a server that is not on TCP? Refused:
 * -1 with VIR_ERR_CONFIG_UNSUPPORTED. @def: not settled. */
int virDomainBackupDefCheckExportHelper(const virDomainBackupDef *def);
/** Such a server has none by a qemu.conf that wants one either. @def: settled. */
void virDomainBackupDefSettleExportHelper(virDomainBackupDef *def);
/** Refuses increments into new files of a format in which it cannot be told what they do not hold: -1 with
 * VIR_ERR_CONFIG_UNSUPPORTED. */
int virDomainBackupDefCheckFormats(const virDomainBackupDef *def, bool reuseExternal);
/**
 * virDomainBackupDefAlign: against the domain: unknown or doubly named disks are errors; no <disks>
 * = every disk that is writable and not empty; names, modes, exports filled in. A push target
 * without a name becomes SOURCE.SUFFIX (a block device source: error, name a target).
 * @suffix: e.g. "1700000000". A pull scratch without a file becomes SOURCE.SUFFIX too, or, for a block
 * device, @scratchDir/DOMAIN-DISK.SUFFIX.
 */
int virDomainBackupDefAlign(virDomainBackupDef *def, const virDomainDef *dom, const char *suffix,
                            const char *scratchDir);
