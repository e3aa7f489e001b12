/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains: lifecycle, state, disks, jobs, backup, events. Long because it is mostly tables of
 * public values.
 *
 * Conventions of libvirt-host.h apply. "Returns 0" implies "or -1 with an error"; a domain that no
 * longer exists gives VIR_ERR_NO_DOMAIN, a changing call on a read-only connection
 * VIR_ERR_OPERATION_DENIED, an unknown flag VIR_ERR_INVALID_ARG.
 */
#ifndef LIBVIRT_DOMAIN_H
#define LIBVIRT_DOMAIN_H

#include <libvirt/libvirt-host.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A reference to a domain (name, UUID, id when known). */
typedef struct _virDomain virDomain;
typedef virDomain *virDomainPtr;

/* ---- state ---- */

/* What a domain is doing. */
typedef enum {
    VIR_DOMAIN_NOSTATE     = 0,
    VIR_DOMAIN_RUNNING     = 1,
    VIR_DOMAIN_BLOCKED     = 2,
    VIR_DOMAIN_PAUSED      = 3,
    VIR_DOMAIN_SHUTDOWN    = 4,
    VIR_DOMAIN_SHUTOFF     = 5,
    VIR_DOMAIN_CRASHED     = 6,
    VIR_DOMAIN_PMSUSPENDED = 7,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_LAST
#endif
} virDomainState;

/* Reasons of NOSTATE. */
typedef enum {
    VIR_DOMAIN_NOSTATE_UNKNOWN = 0,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_NOSTATE_LAST
#endif
} virDomainNostateReason;

/* Reasons of RUNNING. */
typedef enum {
    VIR_DOMAIN_RUNNING_UNKNOWN            = 0,
    VIR_DOMAIN_RUNNING_BOOTED             = 1,
    VIR_DOMAIN_RUNNING_MIGRATED           = 2,
    VIR_DOMAIN_RUNNING_RESTORED           = 3,
    VIR_DOMAIN_RUNNING_FROM_SNAPSHOT      = 4,
    VIR_DOMAIN_RUNNING_UNPAUSED           = 5,
    VIR_DOMAIN_RUNNING_MIGRATION_CANCELED = 6,
    VIR_DOMAIN_RUNNING_SAVE_CANCELED      = 7,
    VIR_DOMAIN_RUNNING_WAKEUP             = 8,
    VIR_DOMAIN_RUNNING_CRASHED            = 9,
    VIR_DOMAIN_RUNNING_POSTCOPY           = 10,
    VIR_DOMAIN_RUNNING_POSTCOPY_FAILED    = 11,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_RUNNING_LAST
#endif
} virDomainRunningReason;

/* Reasons of BLOCKED. */
typedef enum {
    VIR_DOMAIN_BLOCKED_UNKNOWN = 0,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_BLOCKED_LAST
#endif
} virDomainBlockedReason;

/* Reasons of PAUSED. */
typedef enum {
    VIR_DOMAIN_PAUSED_UNKNOWN         = 0,
    VIR_DOMAIN_PAUSED_USER            = 1,
    VIR_DOMAIN_PAUSED_MIGRATION       = 2,
    VIR_DOMAIN_PAUSED_SAVE            = 3,
    VIR_DOMAIN_PAUSED_DUMP            = 4,
    VIR_DOMAIN_PAUSED_IOERROR         = 5,
    VIR_DOMAIN_PAUSED_WATCHDOG        = 6,
    VIR_DOMAIN_PAUSED_FROM_SNAPSHOT   = 7,
    VIR_DOMAIN_PAUSED_SHUTTING_DOWN   = 8,
    VIR_DOMAIN_PAUSED_SNAPSHOT        = 9,
    VIR_DOMAIN_PAUSED_CRASHED         = 10,
    VIR_DOMAIN_PAUSED_STARTING_UP     = 11,
    VIR_DOMAIN_PAUSED_POSTCOPY        = 12,
    VIR_DOMAIN_PAUSED_POSTCOPY_FAILED = 13,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_PAUSED_LAST
#endif
} virDomainPausedReason;

/* Reasons of SHUTDOWN. */
typedef enum {
    VIR_DOMAIN_SHUTDOWN_UNKNOWN = 0,
    VIR_DOMAIN_SHUTDOWN_USER    = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_SHUTDOWN_LAST
#endif
} virDomainShutdownReason;

/* Reasons of SHUTOFF. */
typedef enum {
    VIR_DOMAIN_SHUTOFF_UNKNOWN       = 0,
    VIR_DOMAIN_SHUTOFF_SHUTDOWN      = 1,
    VIR_DOMAIN_SHUTOFF_DESTROYED     = 2,
    VIR_DOMAIN_SHUTOFF_CRASHED       = 3,
    VIR_DOMAIN_SHUTOFF_MIGRATED      = 4,
    VIR_DOMAIN_SHUTOFF_SAVED         = 5,
    VIR_DOMAIN_SHUTOFF_FAILED        = 6,
    VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT = 7,
    VIR_DOMAIN_SHUTOFF_DAEMON        = 8,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_SHUTOFF_LAST
#endif
} virDomainShutoffReason;

/* Reasons of CRASHED. */
typedef enum {
    VIR_DOMAIN_CRASHED_UNKNOWN  = 0,
    VIR_DOMAIN_CRASHED_PANICKED = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_CRASHED_LAST
#endif
} virDomainCrashedReason;

/* Reasons of PMSUSPENDED. */
typedef enum {
    VIR_DOMAIN_PMSUSPENDED_UNKNOWN = 0,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_PMSUSPENDED_LAST
#endif
} virDomainPMSuspendedReason;

/* Reasons when the guest suspended itself to disk. */
typedef enum {
    VIR_DOMAIN_PMSUSPENDED_DISK_UNKNOWN = 0,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_PMSUSPENDED_DISK_LAST
#endif
} virDomainPMSuspendedDiskReason;

/* Can the domain be controlled? */
typedef enum {
    VIR_DOMAIN_CONTROL_OK       = 0,
    VIR_DOMAIN_CONTROL_JOB      = 1,
    VIR_DOMAIN_CONTROL_OCCUPIED = 2,
    VIR_DOMAIN_CONTROL_ERROR    = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_CONTROL_LAST
#endif
} virDomainControlState;

/* Details of VIR_DOMAIN_CONTROL_ERROR. */
typedef enum {
    VIR_DOMAIN_CONTROL_ERROR_REASON_NONE     = 0,
    VIR_DOMAIN_CONTROL_ERROR_REASON_UNKNOWN  = 1,
    VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR  = 2,
    VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_CONTROL_ERROR_REASON_LAST
#endif
} virDomainControlErrorReason;

/* Which definition a call is about: what runs, what is stored, or both. */
typedef enum {
    VIR_DOMAIN_AFFECT_CURRENT = 0,
    VIR_DOMAIN_AFFECT_LIVE    = 1 << 0,
    VIR_DOMAIN_AFFECT_CONFIG  = 1 << 1,
} virDomainModificationImpact;

/** Control interface of a domain. */
typedef struct _virDomainControlInfo virDomainControlInfo;
struct _virDomainControlInfo {
    unsigned int state;           /* virDomainControlState */
    unsigned int details;         /* virDomainControlErrorReason, or 0 */
    unsigned long long stateTime; /* ms in this state */
};
typedef virDomainControlInfo *virDomainControlInfoPtr;

/** Basic figures of a domain. */
typedef struct _virDomainInfo virDomainInfo;
struct _virDomainInfo {
    unsigned char state;        /* virDomainState */
    unsigned long maxMem;       /* KiB */
    unsigned long memory;       /* KiB */
    unsigned short nrVirtCpu;
    unsigned long long cpuTime; /* ns */
};
typedef virDomainInfo *virDomainInfoPtr;

/* ---- flags of lifecycle calls ---- */

/* Flags of starting a domain. */
typedef enum {
    VIR_DOMAIN_NONE               = 0,
    VIR_DOMAIN_START_PAUSED       = 1 << 0,
    VIR_DOMAIN_START_AUTODESTROY  = 1 << 1,
    VIR_DOMAIN_START_BYPASS_CACHE = 1 << 2,
    VIR_DOMAIN_START_FORCE_BOOT   = 1 << 3,
    VIR_DOMAIN_START_VALIDATE     = 1 << 4,
    VIR_DOMAIN_START_RESET_NVRAM  = 1 << 5,
} virDomainCreateFlags;

/* Flags of virDomainDefineXMLFlags(). */
typedef enum {
    VIR_DOMAIN_DEFINE_VALIDATE = 1 << 0,
} virDomainDefineFlags;

/* How to ask a guest to shut down; 0 lets the driver choose. */
typedef enum {
    VIR_DOMAIN_SHUTDOWN_DEFAULT        = 0,
    VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN = 1 << 0,
    VIR_DOMAIN_SHUTDOWN_GUEST_AGENT    = 1 << 1,
    VIR_DOMAIN_SHUTDOWN_INITCTL        = 1 << 2,
    VIR_DOMAIN_SHUTDOWN_SIGNAL         = 1 << 3,
    VIR_DOMAIN_SHUTDOWN_PARAVIRT       = 1 << 4,
} virDomainShutdownFlagValues;

/* The same for reboot. */
typedef enum {
    VIR_DOMAIN_REBOOT_DEFAULT        = 0,
    VIR_DOMAIN_REBOOT_ACPI_POWER_BTN = 1 << 0,
    VIR_DOMAIN_REBOOT_GUEST_AGENT    = 1 << 1,
    VIR_DOMAIN_REBOOT_INITCTL        = 1 << 2,
    VIR_DOMAIN_REBOOT_SIGNAL         = 1 << 3,
    VIR_DOMAIN_REBOOT_PARAVIRT       = 1 << 4,
} virDomainRebootFlagValues;

/* Flags of virDomainDestroyFlags(). */
typedef enum {
    VIR_DOMAIN_DESTROY_DEFAULT     = 0,
    VIR_DOMAIN_DESTROY_GRACEFUL    = 1 << 0,
    VIR_DOMAIN_DESTROY_REMOVE_LOGS = 1 << 1,
} virDomainDestroyFlagsValues;

/* What virDomainUndefineFlags() may throw away with the definition. */
typedef enum {
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE         = 1 << 0,
    VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA   = 1 << 1,
    VIR_DOMAIN_UNDEFINE_NVRAM                = 1 << 2,
    VIR_DOMAIN_UNDEFINE_KEEP_NVRAM           = 1 << 3,
    VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 1 << 4,
    VIR_DOMAIN_UNDEFINE_TPM                  = 1 << 5,
    VIR_DOMAIN_UNDEFINE_KEEP_TPM             = 1 << 6,
} virDomainUndefineFlagsValues;

/* Flags of virDomainGetXMLDesc(). */
typedef enum {
    VIR_DOMAIN_XML_SECURE     = 1 << 0,
    VIR_DOMAIN_XML_INACTIVE   = 1 << 1,
    VIR_DOMAIN_XML_UPDATE_CPU = 1 << 2,
    VIR_DOMAIN_XML_MIGRATABLE = 1 << 3,
} virDomainXMLFlags;

/* Which vCPU count is meant. */
typedef enum {
    VIR_DOMAIN_VCPU_MAXIMUM      = 1 << 2,
    VIR_DOMAIN_VCPU_GUEST        = 1 << 3,
    VIR_DOMAIN_VCPU_HOTPLUGGABLE = 1 << 4,
    VIR_DOMAIN_VCPU_CONFIG       = VIR_DOMAIN_AFFECT_CONFIG,
    VIR_DOMAIN_VCPU_CURRENT      = VIR_DOMAIN_AFFECT_CURRENT,
    VIR_DOMAIN_VCPU_LIVE         = VIR_DOMAIN_AFFECT_LIVE,
} virDomainVcpuFlags;

/* Which memory figure a change is about. */
typedef enum {
    VIR_DOMAIN_MEM_MAXIMUM = 1 << 2,
    VIR_DOMAIN_MEM_CONFIG  = VIR_DOMAIN_AFFECT_CONFIG,
    VIR_DOMAIN_MEM_CURRENT = VIR_DOMAIN_AFFECT_CURRENT,
    VIR_DOMAIN_MEM_LIVE    = VIR_DOMAIN_AFFECT_LIVE,
} virDomainMemoryModFlags;

/* Kinds of memory statistics. */
typedef enum {
    VIR_DOMAIN_MEMORY_STAT_SWAP_IN         = 0,
    VIR_DOMAIN_MEMORY_STAT_SWAP_OUT        = 1,
    VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT     = 2,
    VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT     = 3,
    VIR_DOMAIN_MEMORY_STAT_UNUSED          = 4,
    VIR_DOMAIN_MEMORY_STAT_AVAILABLE       = 5,
    VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON  = 6,
    VIR_DOMAIN_MEMORY_STAT_RSS             = 7,
    VIR_DOMAIN_MEMORY_STAT_USABLE          = 8,
    VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE     = 9,
    VIR_DOMAIN_MEMORY_STAT_DISK_CACHES     = 10,
    VIR_DOMAIN_MEMORY_STAT_HUGETLB_PGALLOC = 11,
    VIR_DOMAIN_MEMORY_STAT_HUGETLB_PGFAIL  = 12,
    VIR_DOMAIN_MEMORY_STAT_NR              = 13,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_MEMORY_STAT_LAST = VIR_DOMAIN_MEMORY_STAT_NR
#endif
} virDomainMemoryStatTags;

/* Which definition a device change goes to. */
typedef enum {
    VIR_DOMAIN_DEVICE_MODIFY_FORCE   = 1 << 2,
    VIR_DOMAIN_DEVICE_MODIFY_CONFIG  = VIR_DOMAIN_AFFECT_CONFIG,
    VIR_DOMAIN_DEVICE_MODIFY_CURRENT = VIR_DOMAIN_AFFECT_CURRENT,
    VIR_DOMAIN_DEVICE_MODIFY_LIVE    = VIR_DOMAIN_AFFECT_LIVE,
} virDomainDeviceModifyFlags;

/* Flags of save and restore. */
typedef enum {
    VIR_DOMAIN_SAVE_BYPASS_CACHE = 1 << 0,
    VIR_DOMAIN_SAVE_RUNNING      = 1 << 1,
    VIR_DOMAIN_SAVE_PAUSED       = 1 << 2,
    VIR_DOMAIN_SAVE_RESET_NVRAM  = 1 << 3,
} virDomainSaveRestoreFlags;

/* Flags of opening a console. */
typedef enum {
    VIR_DOMAIN_CONSOLE_FORCE = 1 << 0,
    VIR_DOMAIN_CONSOLE_SAFE  = 1 << 1,
} virDomainConsoleFlags;

/* Flags of opening a channel. */
typedef enum {
    VIR_DOMAIN_CHANNEL_FORCE = 1 << 0,
} virDomainChannelFlags;

/* Which part of the metadata. */
typedef enum {
    VIR_DOMAIN_METADATA_DESCRIPTION = 0,
    VIR_DOMAIN_METADATA_TITLE       = 1,
    VIR_DOMAIN_METADATA_ELEMENT     = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_METADATA_LAST
#endif
} virDomainMetadataType;

/* Which messages to list. */
typedef enum {
    VIR_DOMAIN_MESSAGE_DEPRECATION = 1,
    VIR_DOMAIN_MESSAGE_TAINTING    = 2,
} virDomainMessageType;

/* Filters of a list of domains; groups are joined by "and". */
typedef enum {
    VIR_CONNECT_LIST_DOMAINS_ACTIVE         = 1 << 0,
    VIR_CONNECT_LIST_DOMAINS_INACTIVE       = 1 << 1,
    VIR_CONNECT_LIST_DOMAINS_PERSISTENT     = 1 << 2,
    VIR_CONNECT_LIST_DOMAINS_TRANSIENT      = 1 << 3,
    VIR_CONNECT_LIST_DOMAINS_RUNNING        = 1 << 4,
    VIR_CONNECT_LIST_DOMAINS_PAUSED         = 1 << 5,
    VIR_CONNECT_LIST_DOMAINS_SHUTOFF        = 1 << 6,
    VIR_CONNECT_LIST_DOMAINS_OTHER          = 1 << 7,
    VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE    = 1 << 8,
    VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE = 1 << 9,
    VIR_CONNECT_LIST_DOMAINS_AUTOSTART      = 1 << 10,
    VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART   = 1 << 11,
    VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT   = 1 << 12,
    VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT    = 1 << 13,
    VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT = 1 << 14,
    VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT  = 1 << 15,
} virConnectListAllDomainsFlags;

/* How long to wait for the guest agent. */
typedef enum {
    VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK   = -2,
    VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_DEFAULT = -1,
    VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_NOWAIT  = 0,
} virDomainAgentResponseTimeoutValues;

/* What to ask the guest agent for. */
typedef enum {
    VIR_DOMAIN_GUEST_INFO_USERS      = 1 << 0,
    VIR_DOMAIN_GUEST_INFO_OS         = 1 << 1,
    VIR_DOMAIN_GUEST_INFO_TIMEZONE   = 1 << 2,
    VIR_DOMAIN_GUEST_INFO_HOSTNAME   = 1 << 3,
    VIR_DOMAIN_GUEST_INFO_FILESYSTEM = 1 << 4,
    VIR_DOMAIN_GUEST_INFO_DISKS      = 1 << 5,
    VIR_DOMAIN_GUEST_INFO_INTERFACES = 1 << 6,
} virDomainGuestInfoTypes;

/* Whom to ask for the guest's host name. */
typedef enum {
    VIR_DOMAIN_GET_HOSTNAME_LEASE = 1 << 0,
    VIR_DOMAIN_GET_HOSTNAME_AGENT = 1 << 1,
} virDomainGetHostnameFlags;

/* Whom to ask for the guest's addresses. */
typedef enum {
    VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE = 0,
    VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT = 1,
    VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP   = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LAST
#endif
} virDomainInterfaceAddressesSource;

/* ---- disks ---- */

/** Sizes of a disk, in bytes. */
typedef struct _virDomainBlockInfo virDomainBlockInfo;
typedef virDomainBlockInfo *virDomainBlockInfoPtr;
struct _virDomainBlockInfo {
    unsigned long long capacity;   /* what the guest sees */
    unsigned long long allocation; /* space used on the host */
    unsigned long long physical;   /* size of the container */
};

/** Traffic of a disk; -1 where unknown. */
typedef struct _virDomainBlockStats virDomainBlockStatsStruct;
typedef virDomainBlockStatsStruct *virDomainBlockStatsPtr;
struct _virDomainBlockStats {
    long long rd_req;
    long long rd_bytes;
    long long wr_req;
    long long wr_bytes;
    long long errs;
};

/** A block job: done when cur == end, and bandwidth its limit. */
typedef unsigned long long virDomainBlockJobCursor;
typedef struct _virDomainBlockJobInfo virDomainBlockJobInfo;
typedef virDomainBlockJobInfo *virDomainBlockJobInfoPtr;
struct _virDomainBlockJobInfo {
    int type; /* virDomainBlockJobType */
    unsigned long bandwidth;
    virDomainBlockJobCursor cur;
    virDomainBlockJobCursor end;
};

/** An error a disk has had; (owned) disk. */
typedef struct _virDomainDiskError virDomainDiskError;
typedef virDomainDiskError *virDomainDiskErrorPtr;
struct _virDomainDiskError {
    char *disk;
    int error; /* virDomainDiskErrorCode */
};

/* Kinds of disk error. */
typedef enum {
    VIR_DOMAIN_DISK_ERROR_NONE     = 0,
    VIR_DOMAIN_DISK_ERROR_UNSPEC   = 1,
    VIR_DOMAIN_DISK_ERROR_NO_SPACE = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_DISK_ERROR_LAST
#endif
} virDomainDiskErrorCode;

/* Kinds of block job. */
typedef enum {
    VIR_DOMAIN_BLOCK_JOB_TYPE_UNKNOWN       = 0,
    VIR_DOMAIN_BLOCK_JOB_TYPE_PULL          = 1,
    VIR_DOMAIN_BLOCK_JOB_TYPE_COPY          = 2,
    VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT        = 3,
    VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT = 4,
    VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP        = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_BLOCK_JOB_TYPE_LAST
#endif
} virDomainBlockJobType;

/* Flags of ending a block job. */
typedef enum {
    VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC = 1 << 0,
    VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT = 1 << 1,
} virDomainBlockJobAbortFlags;

/* Flags of virDomainGetBlockJobInfo(). */
typedef enum {
    VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES = 1 << 0,
} virDomainBlockJobInfoFlags;

/* Flags of limiting a block job. */
typedef enum {
    VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES = 1 << 0,
} virDomainBlockJobSetSpeedFlags;

/* Flags of pulling a backing chain. */
typedef enum {
    VIR_DOMAIN_BLOCK_PULL_BANDWIDTH_BYTES = 1 << 6,
} virDomainBlockPullFlags;

/* Flags of rebasing a backing chain. */
typedef enum {
    VIR_DOMAIN_BLOCK_REBASE_SHALLOW         = 1 << 0,
    VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT       = 1 << 1,
    VIR_DOMAIN_BLOCK_REBASE_COPY_RAW        = 1 << 2,
    VIR_DOMAIN_BLOCK_REBASE_COPY            = 1 << 3,
    VIR_DOMAIN_BLOCK_REBASE_RELATIVE        = 1 << 4,
    VIR_DOMAIN_BLOCK_REBASE_COPY_DEV        = 1 << 5,
    VIR_DOMAIN_BLOCK_REBASE_BANDWIDTH_BYTES = 1 << 6,
} virDomainBlockRebaseFlags;

/* Flags of copying a disk. */
typedef enum {
    VIR_DOMAIN_BLOCK_COPY_SHALLOW            = 1 << 0,
    VIR_DOMAIN_BLOCK_COPY_REUSE_EXT          = 1 << 1,
    VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB      = 1 << 2,
    VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES = 1 << 3,
} virDomainBlockCopyFlags;

/* Flags of committing images. */
typedef enum {
    VIR_DOMAIN_BLOCK_COMMIT_SHALLOW         = 1 << 0,
    VIR_DOMAIN_BLOCK_COMMIT_DELETE          = 1 << 1,
    VIR_DOMAIN_BLOCK_COMMIT_ACTIVE          = 1 << 2,
    VIR_DOMAIN_BLOCK_COMMIT_RELATIVE        = 1 << 3,
    VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES = 1 << 4,
} virDomainBlockCommitFlags;

/* Flags of resizing a disk. */
typedef enum {
    VIR_DOMAIN_BLOCK_RESIZE_BYTES = 1 << 0,
    VIR_DOMAIN_BLOCK_RESIZE_CAPACITY = 1 << 1,
} virDomainBlockResizeFlags;

/* Fields of virDomainBlockStatsFlags(). */
#define VIR_DOMAIN_BLOCK_STATS_ERRS              "errs"
#define VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ         "flush_operations"
#define VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES "flush_total_times"
#define VIR_DOMAIN_BLOCK_STATS_READ_BYTES        "rd_bytes"
#define VIR_DOMAIN_BLOCK_STATS_READ_REQ          "rd_operations"
#define VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES  "rd_total_times"
#define VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES       "wr_bytes"
#define VIR_DOMAIN_BLOCK_STATS_WRITE_REQ         "wr_operations"
#define VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES "wr_total_times"

#define VIR_DOMAIN_BLOCK_STATS_FIELD_LENGTH VIR_TYPED_PARAM_FIELD_LENGTH

/* ---- statistics and jobs ---- */

/* Groups of statistics. */
typedef enum {
    VIR_DOMAIN_STATS_STATE     = 1 << 0,
    VIR_DOMAIN_STATS_CPU_TOTAL = 1 << 1,
    VIR_DOMAIN_STATS_BALLOON   = 1 << 2,
    VIR_DOMAIN_STATS_VCPU      = 1 << 3,
    VIR_DOMAIN_STATS_INTERFACE = 1 << 4,
    VIR_DOMAIN_STATS_BLOCK     = 1 << 5,
    VIR_DOMAIN_STATS_PERF      = 1 << 6,
    VIR_DOMAIN_STATS_IOTHREAD  = 1 << 7,
    VIR_DOMAIN_STATS_MEMORY    = 1 << 8,
    VIR_DOMAIN_STATS_DIRTYRATE = 1 << 9,
    VIR_DOMAIN_STATS_VM        = 1 << 10,
} virDomainStatsTypes;

/* Filters (as in the domain list) and manners of collecting statistics. */
typedef enum {
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT        = 1 << 29,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING       = 1 << 30,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS = 1U << 31,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE        = VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE      = VIR_CONNECT_LIST_DOMAINS_INACTIVE,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER         = VIR_CONNECT_LIST_DOMAINS_OTHER,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED        = VIR_CONNECT_LIST_DOMAINS_PAUSED,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT    = VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING       = VIR_CONNECT_LIST_DOMAINS_RUNNING,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF       = VIR_CONNECT_LIST_DOMAINS_SHUTOFF,
    VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT     = VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
} virConnectGetAllDomainStatsFlags;

/** Statistics of one domain. */
typedef struct _virDomainStatsRecord virDomainStatsRecord;
typedef virDomainStatsRecord *virDomainStatsRecordPtr;
struct _virDomainStatsRecord {
    virDomainPtr dom;
    virTypedParameterPtr params;
    int nparams;
};

/* State of a domain's job. */
typedef enum {
    VIR_DOMAIN_JOB_NONE      = 0,
    VIR_DOMAIN_JOB_BOUNDED   = 1,
    VIR_DOMAIN_JOB_UNBOUNDED = 2,
    VIR_DOMAIN_JOB_COMPLETED = 3,
    VIR_DOMAIN_JOB_FAILED    = 4,
    VIR_DOMAIN_JOB_CANCELLED = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_JOB_LAST
#endif
} virDomainJobType;

/* What a job is doing. */
typedef enum {
    VIR_DOMAIN_JOB_OPERATION_UNKNOWN         = 0,
    VIR_DOMAIN_JOB_OPERATION_START           = 1,
    VIR_DOMAIN_JOB_OPERATION_SAVE            = 2,
    VIR_DOMAIN_JOB_OPERATION_RESTORE         = 3,
    VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN    = 4,
    VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT   = 5,
    VIR_DOMAIN_JOB_OPERATION_SNAPSHOT        = 6,
    VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT = 7,
    VIR_DOMAIN_JOB_OPERATION_DUMP            = 8,
    VIR_DOMAIN_JOB_OPERATION_BACKUP          = 9,
    VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE = 10,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_JOB_OPERATION_LAST
#endif
} virDomainJobOperation;

/* Flags of virDomainGetJobStats(). */
typedef enum {
    VIR_DOMAIN_JOB_STATS_COMPLETED      = 1 << 0,
    VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED = 1 << 1,
} virDomainGetJobStatsFlags;

/* Flags of virDomainAbortJobFlags(). */
typedef enum {
    VIR_DOMAIN_ABORT_JOB_POSTCOPY = 1 << 0,
} virDomainAbortJobFlagsValues;

/** Progress of a job: times in ms, amounts in bytes. */
typedef struct _virDomainJobInfo virDomainJobInfo;
typedef virDomainJobInfo *virDomainJobInfoPtr;
struct _virDomainJobInfo {
    int type; /* virDomainJobType */
    unsigned long long timeElapsed;
    unsigned long long timeRemaining;
    unsigned long long dataTotal; /* memory and disks together */
    unsigned long long dataProcessed;
    unsigned long long dataRemaining;
    unsigned long long memTotal;
    unsigned long long memProcessed;
    unsigned long long memRemaining;
    unsigned long long fileTotal; /* disks */
    unsigned long long fileProcessed;
    unsigned long long fileRemaining;
};

/* Fields of job statistics. */
#define VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE   "auto_converge_throttle"
#define VIR_DOMAIN_JOB_COMPRESSION_BYTES        "compression_bytes"
#define VIR_DOMAIN_JOB_COMPRESSION_CACHE        "compression_cache"
#define VIR_DOMAIN_JOB_COMPRESSION_CACHE_MISSES "compression_cache_misses"
#define VIR_DOMAIN_JOB_COMPRESSION_OVERFLOW     "compression_overflow"
#define VIR_DOMAIN_JOB_COMPRESSION_PAGES        "compression_pages"
#define VIR_DOMAIN_JOB_DATA_PROCESSED           "data_processed"
#define VIR_DOMAIN_JOB_DATA_REMAINING           "data_remaining"
#define VIR_DOMAIN_JOB_DATA_TOTAL               "data_total"
#define VIR_DOMAIN_JOB_DISK_BPS                 "disk_bps"
#define VIR_DOMAIN_JOB_DISK_PROCESSED           "disk_processed"
#define VIR_DOMAIN_JOB_DISK_REMAINING           "disk_remaining"
#define VIR_DOMAIN_JOB_DISK_TEMP_TOTAL          "disk_temp_total"
#define VIR_DOMAIN_JOB_DISK_TEMP_USED           "disk_temp_used"
#define VIR_DOMAIN_JOB_DISK_TOTAL               "disk_total"
#define VIR_DOMAIN_JOB_DOWNTIME                 "downtime"
#define VIR_DOMAIN_JOB_DOWNTIME_NET             "downtime_net"
#define VIR_DOMAIN_JOB_ERRMSG                   "errmsg"
#define VIR_DOMAIN_JOB_MEMORY_BPS               "memory_bps"
#define VIR_DOMAIN_JOB_MEMORY_CONSTANT          "memory_constant"
#define VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE        "memory_dirty_rate"
#define VIR_DOMAIN_JOB_MEMORY_ITERATION         "memory_iteration"
#define VIR_DOMAIN_JOB_MEMORY_NORMAL            "memory_normal"
#define VIR_DOMAIN_JOB_MEMORY_NORMAL_BYTES      "memory_normal_bytes"
#define VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE         "memory_page_size"
#define VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS     "memory_postcopy_requests"
#define VIR_DOMAIN_JOB_MEMORY_PROCESSED         "memory_processed"
#define VIR_DOMAIN_JOB_MEMORY_REMAINING         "memory_remaining"
#define VIR_DOMAIN_JOB_MEMORY_TOTAL             "memory_total"
#define VIR_DOMAIN_JOB_OPERATION                "operation"
#define VIR_DOMAIN_JOB_SETUP_TIME               "setup_time"
#define VIR_DOMAIN_JOB_SUCCESS                  "success"
#define VIR_DOMAIN_JOB_TIME_ELAPSED             "time_elapsed"
#define VIR_DOMAIN_JOB_TIME_ELAPSED_NET         "time_elapsed_net"
#define VIR_DOMAIN_JOB_TIME_REMAINING           "time_remaining"

/* Flags of virDomainBackupBegin(). PRESERVE_SHUTDOWN_DOMAIN is newer than 9.0. */
typedef enum {
    VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL           = 1 << 0,
    VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN = 1 << 1,
} virDomainBackupBeginFlags;

/* Flags of virDomainFDAssociate(). */
typedef enum {
    VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_RESTORE  = 1 << 0,
    VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_WRITABLE = 1 << 1,
} virDomainFDAssociateFlags;

/* ---- events ---- */

/* What a callback is registered for. The callback type of each is named below. */
typedef enum {
    VIR_DOMAIN_EVENT_ID_LIFECYCLE                 = 0,
    VIR_DOMAIN_EVENT_ID_REBOOT                    = 1,
    VIR_DOMAIN_EVENT_ID_RTC_CHANGE                = 2,
    VIR_DOMAIN_EVENT_ID_WATCHDOG                  = 3,
    VIR_DOMAIN_EVENT_ID_IO_ERROR                  = 4,
    VIR_DOMAIN_EVENT_ID_GRAPHICS                  = 5,
    VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON           = 6,
    VIR_DOMAIN_EVENT_ID_CONTROL_ERROR             = 7,
    VIR_DOMAIN_EVENT_ID_BLOCK_JOB                 = 8,
    VIR_DOMAIN_EVENT_ID_DISK_CHANGE               = 9,
    VIR_DOMAIN_EVENT_ID_TRAY_CHANGE               = 10,
    VIR_DOMAIN_EVENT_ID_PMWAKEUP                  = 11,
    VIR_DOMAIN_EVENT_ID_PMSUSPEND                 = 12,
    VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE            = 13,
    VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK            = 14,
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED            = 15,
    VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2               = 16,
    VIR_DOMAIN_EVENT_ID_TUNABLE                   = 17,
    VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE           = 18,
    VIR_DOMAIN_EVENT_ID_DEVICE_ADDED              = 19,
    VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION       = 20,
    VIR_DOMAIN_EVENT_ID_JOB_COMPLETED             = 21,
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED     = 22,
    VIR_DOMAIN_EVENT_ID_METADATA_CHANGE           = 23,
    VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD           = 24,
    VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE            = 25,
    VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE = 26,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_ID_LAST
#endif
} virDomainEventID;

/* Lifecycle events. */
typedef enum {
    VIR_DOMAIN_EVENT_DEFINED     = 0,
    VIR_DOMAIN_EVENT_UNDEFINED   = 1,
    VIR_DOMAIN_EVENT_STARTED     = 2,
    VIR_DOMAIN_EVENT_SUSPENDED   = 3,
    VIR_DOMAIN_EVENT_RESUMED     = 4,
    VIR_DOMAIN_EVENT_STOPPED     = 5,
    VIR_DOMAIN_EVENT_SHUTDOWN    = 6,
    VIR_DOMAIN_EVENT_PMSUSPENDED = 7,
    VIR_DOMAIN_EVENT_CRASHED     = 8,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_LAST
#endif
} virDomainEventType;

/* Details of DEFINED. */
typedef enum {
    VIR_DOMAIN_EVENT_DEFINED_ADDED         = 0,
    VIR_DOMAIN_EVENT_DEFINED_UPDATED       = 1,
    VIR_DOMAIN_EVENT_DEFINED_RENAMED       = 2,
    VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_DEFINED_LAST
#endif
} virDomainEventDefinedDetailType;

/* Details of UNDEFINED. */
typedef enum {
    VIR_DOMAIN_EVENT_UNDEFINED_REMOVED = 0,
    VIR_DOMAIN_EVENT_UNDEFINED_RENAMED = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_UNDEFINED_LAST
#endif
} virDomainEventUndefinedDetailType;

/* Details of STARTED. */
typedef enum {
    VIR_DOMAIN_EVENT_STARTED_BOOTED        = 0,
    VIR_DOMAIN_EVENT_STARTED_MIGRATED      = 1,
    VIR_DOMAIN_EVENT_STARTED_RESTORED      = 2,
    VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT = 3,
    VIR_DOMAIN_EVENT_STARTED_WAKEUP        = 4,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_STARTED_LAST
#endif
} virDomainEventStartedDetailType;

/* Details of SUSPENDED. GUEST_SHUTDOWN is newer than 9.0. */
typedef enum {
    VIR_DOMAIN_EVENT_SUSPENDED_PAUSED          = 0,
    VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED        = 1,
    VIR_DOMAIN_EVENT_SUSPENDED_IOERROR         = 2,
    VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG        = 3,
    VIR_DOMAIN_EVENT_SUSPENDED_RESTORED        = 4,
    VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT   = 5,
    VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR       = 6,
    VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY        = 7,
    VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED = 8,
    VIR_DOMAIN_EVENT_SUSPENDED_GUEST_SHUTDOWN  = 9,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_SUSPENDED_LAST
#endif
} virDomainEventSuspendedDetailType;

/* Details of RESUMED. */
typedef enum {
    VIR_DOMAIN_EVENT_RESUMED_UNPAUSED        = 0,
    VIR_DOMAIN_EVENT_RESUMED_MIGRATED        = 1,
    VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT   = 2,
    VIR_DOMAIN_EVENT_RESUMED_POSTCOPY        = 3,
    VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED = 4,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_RESUMED_LAST
#endif
} virDomainEventResumedDetailType;

/* Details of STOPPED. */
typedef enum {
    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN      = 0,
    VIR_DOMAIN_EVENT_STOPPED_DESTROYED     = 1,
    VIR_DOMAIN_EVENT_STOPPED_CRASHED       = 2,
    VIR_DOMAIN_EVENT_STOPPED_MIGRATED      = 3,
    VIR_DOMAIN_EVENT_STOPPED_SAVED         = 4,
    VIR_DOMAIN_EVENT_STOPPED_FAILED        = 5,
    VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT = 6,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_STOPPED_LAST
#endif
} virDomainEventStoppedDetailType;

/* Details of SHUTDOWN. */
typedef enum {
    VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED = 0,
    VIR_DOMAIN_EVENT_SHUTDOWN_GUEST    = 1,
    VIR_DOMAIN_EVENT_SHUTDOWN_HOST     = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_SHUTDOWN_LAST
#endif
} virDomainEventShutdownDetailType;

/* Details of PMSUSPENDED. */
typedef enum {
    VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY = 0,
    VIR_DOMAIN_EVENT_PMSUSPENDED_DISK   = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_PMSUSPENDED_LAST
#endif
} virDomainEventPMSuspendedDetailType;

/* Details of CRASHED. */
typedef enum {
    VIR_DOMAIN_EVENT_CRASHED_PANICKED    = 0,
    VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_CRASHED_LAST
#endif
} virDomainEventCrashedDetailType;

/* What the guest's watchdog did. */
typedef enum {
    VIR_DOMAIN_EVENT_WATCHDOG_NONE      = 0,
    VIR_DOMAIN_EVENT_WATCHDOG_PAUSE     = 1,
    VIR_DOMAIN_EVENT_WATCHDOG_RESET     = 2,
    VIR_DOMAIN_EVENT_WATCHDOG_POWEROFF  = 3,
    VIR_DOMAIN_EVENT_WATCHDOG_SHUTDOWN  = 4,
    VIR_DOMAIN_EVENT_WATCHDOG_DEBUG     = 5,
    VIR_DOMAIN_EVENT_WATCHDOG_INJECTNMI = 6,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_WATCHDOG_LAST
#endif
} virDomainEventWatchdogAction;

/* What QEMU did about an I/O error. */
typedef enum {
    VIR_DOMAIN_EVENT_IO_ERROR_NONE   = 0,
    VIR_DOMAIN_EVENT_IO_ERROR_PAUSE  = 1,
    VIR_DOMAIN_EVENT_IO_ERROR_REPORT = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_IO_ERROR_LAST
#endif
} virDomainEventIOErrorAction;

/* How far a graphics client has got. */
typedef enum {
    VIR_DOMAIN_EVENT_GRAPHICS_CONNECT    = 0,
    VIR_DOMAIN_EVENT_GRAPHICS_INITIALIZE = 1,
    VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_GRAPHICS_LAST
#endif
} virDomainEventGraphicsPhase;

/* Families of graphics addresses. */
typedef enum {
    VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_IPV4 = 0,
    VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_IPV6 = 1,
    VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_UNIX = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_LAST
#endif
} virDomainEventGraphicsAddressType;

/* State of a block job. */
typedef enum {
    VIR_DOMAIN_BLOCK_JOB_COMPLETED = 0,
    VIR_DOMAIN_BLOCK_JOB_FAILED    = 1,
    VIR_DOMAIN_BLOCK_JOB_CANCELED  = 2,
    VIR_DOMAIN_BLOCK_JOB_READY     = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_BLOCK_JOB_LAST
#endif
} virConnectDomainEventBlockJobStatus;

/* Why a disk's source changed. */
typedef enum {
    VIR_DOMAIN_EVENT_DISK_CHANGE_MISSING_ON_START = 0,
    VIR_DOMAIN_EVENT_DISK_DROP_MISSING_ON_START   = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_DISK_CHANGE_LAST
#endif
} virConnectDomainEventDiskChangeReason;

/* What a tray did. */
typedef enum {
    VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN  = 0,
    VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_TRAY_CHANGE_LAST
#endif
} virDomainEventTrayChangeReason;

/* State of the guest agent. */
typedef enum {
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED    = 1,
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_LAST
#endif
} virConnectDomainEventAgentLifecycleState;

/* Why the agent's state changed. */
typedef enum {
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_UNKNOWN        = 0,
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED = 1,
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL        = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_LAST
#endif
} virConnectDomainEventAgentLifecycleReason;

/* Whom a memory failure hit. */
typedef enum {
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_RECIPIENT_HYPERVISOR = 0,
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_RECIPIENT_GUEST      = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_RECIPIENT_LAST
#endif
} virDomainMemoryFailureRecipientType;

/* What was done about it. */
typedef enum {
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_IGNORE = 0,
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_INJECT = 1,
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_FATAL  = 2,
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_RESET  = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_LAST
#endif
} virDomainMemoryFailureActionType;

/* More about it. */
typedef enum {
    VIR_DOMAIN_MEMORY_FAILURE_ACTION_REQUIRED = 1 << 0,
    VIR_DOMAIN_MEMORY_FAILURE_RECURSIVE       = 1 << 1,
} virDomainMemoryFailureFlags;

/* Fields of the tunable event. */
#define VIR_DOMAIN_TUNABLE_BLKDEV_DISK "blkdeviotune.disk"
#define VIR_DOMAIN_TUNABLE_BLKDEV_GROUP_NAME "blkdeviotune.group_name"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_BYTES_SEC "blkdeviotune.read_bytes_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_BYTES_SEC_MAX "blkdeviotune.read_bytes_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_BYTES_SEC_MAX_LENGTH "blkdeviotune.read_bytes_sec_max_length"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_IOPS_SEC "blkdeviotune.read_iops_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_IOPS_SEC_MAX "blkdeviotune.read_iops_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_READ_IOPS_SEC_MAX_LENGTH "blkdeviotune.read_iops_sec_max_length"
#define VIR_DOMAIN_TUNABLE_BLKDEV_SIZE_IOPS_SEC "blkdeviotune.size_iops_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_BYTES_SEC "blkdeviotune.total_bytes_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_BYTES_SEC_MAX "blkdeviotune.total_bytes_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_BYTES_SEC_MAX_LENGTH \
    "blkdeviotune.total_bytes_sec_max_length"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_IOPS_SEC "blkdeviotune.total_iops_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_IOPS_SEC_MAX "blkdeviotune.total_iops_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_TOTAL_IOPS_SEC_MAX_LENGTH "blkdeviotune.total_iops_sec_max_length"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_BYTES_SEC "blkdeviotune.write_bytes_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_BYTES_SEC_MAX "blkdeviotune.write_bytes_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_BYTES_SEC_MAX_LENGTH \
    "blkdeviotune.write_bytes_sec_max_length"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_IOPS_SEC "blkdeviotune.write_iops_sec"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_IOPS_SEC_MAX "blkdeviotune.write_iops_sec_max"
#define VIR_DOMAIN_TUNABLE_BLKDEV_WRITE_IOPS_SEC_MAX_LENGTH "blkdeviotune.write_iops_sec_max_length"
#define VIR_DOMAIN_TUNABLE_CPU_CPU_SHARES "cputune.cpu_shares"
#define VIR_DOMAIN_TUNABLE_CPU_EMULATORPIN "cputune.emulatorpin"
#define VIR_DOMAIN_TUNABLE_CPU_EMULATOR_PERIOD "cputune.emulator_period"
#define VIR_DOMAIN_TUNABLE_CPU_EMULATOR_QUOTA "cputune.emulator_quota"
#define VIR_DOMAIN_TUNABLE_CPU_GLOBAL_PERIOD "cputune.global_period"
#define VIR_DOMAIN_TUNABLE_CPU_GLOBAL_QUOTA "cputune.global_quota"
#define VIR_DOMAIN_TUNABLE_CPU_IOTHREADSPIN "cputune.iothreadpin%u"
#define VIR_DOMAIN_TUNABLE_CPU_IOTHREAD_PERIOD "cputune.iothread_period"
#define VIR_DOMAIN_TUNABLE_CPU_IOTHREAD_QUOTA "cputune.iothread_quota"
#define VIR_DOMAIN_TUNABLE_CPU_VCPUPIN "cputune.vcpupin%u"
#define VIR_DOMAIN_TUNABLE_CPU_VCPU_PERIOD "cputune.vcpu_period"
#define VIR_DOMAIN_TUNABLE_CPU_VCPU_QUOTA "cputune.vcpu_quota"

typedef struct _virDomainEventGraphicsAddress virDomainEventGraphicsAddress;
typedef virDomainEventGraphicsAddress *virDomainEventGraphicsAddressPtr;
struct _virDomainEventGraphicsAddress {
    int family; /* virDomainEventGraphicsAddressType */
    char *node;
    char *service;
};
typedef struct _virDomainEventGraphicsSubjectIdentity virDomainEventGraphicsSubjectIdentity;
typedef virDomainEventGraphicsSubjectIdentity *virDomainEventGraphicsSubjectIdentityPtr;
struct _virDomainEventGraphicsSubjectIdentity {
    char *type;
    char *name;
};
typedef struct _virDomainEventGraphicsSubject virDomainEventGraphicsSubject;
typedef virDomainEventGraphicsSubject *virDomainEventGraphicsSubjectPtr;
struct _virDomainEventGraphicsSubject {
    int nidentity;
    virDomainEventGraphicsSubjectIdentityPtr identities;
};

/* Callbacks. @dom and all strings are borrowed for the time of the call. */
/** ids 1, 7 (no details), and the type all others are cast to. */
typedef void (*virConnectDomainEventGenericCallback)(
    virConnectPtr conn, virDomainPtr dom, void *opaque);
/** id 0; @event: virDomainEventType. The result is not looked at. */
typedef int (*virConnectDomainEventCallback)(
    virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque);
/** id 2; @utcoffset: seconds. */
typedef void (*virConnectDomainEventRTCChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, long long utcoffset, void *opaque);
/** id 3. */
typedef void (*virConnectDomainEventWatchdogCallback)(
    virConnectPtr conn, virDomainPtr dom, int action, void *opaque);
/** id 4. */
typedef void (*virConnectDomainEventIOErrorCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *srcPath, const char *devAlias, int action,
    void *opaque);
/** id 5. */
typedef void (*virConnectDomainEventGraphicsCallback)(
    virConnectPtr conn, virDomainPtr dom, int phase, const virDomainEventGraphicsAddress *local,
    const virDomainEventGraphicsAddress *remote, const char *authScheme, const
    virDomainEventGraphicsSubject *subject, void *opaque);
/** id 6; @reason: "enospc" or "". */
typedef void (*virConnectDomainEventIOErrorReasonCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *srcPath, const char *devAlias, int action,
    const char *reason, void *opaque);
/** ids 8 (@disk is a file) and 16 (@disk is a target name). */
typedef void (*virConnectDomainEventBlockJobCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *disk, int type, int status, void *opaque);
/** id 9; sources may be NULL. */
typedef void (*virConnectDomainEventDiskChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *oldSrcPath, const char *newSrcPath, const char
    *devAlias, int reason, void *opaque);
/** id 10. */
typedef void (*virConnectDomainEventTrayChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *devAlias, int reason, void *opaque);
/** id 11; @reason: 0. */
typedef void (*virConnectDomainEventPMWakeupCallback)(
    virConnectPtr conn, virDomainPtr dom, int reason, void *opaque);
/** id 12; @reason: 0. */
typedef void (*virConnectDomainEventPMSuspendCallback)(
    virConnectPtr conn, virDomainPtr dom, int reason, void *opaque);
/** id 13; @actual: KiB. */
typedef void (*virConnectDomainEventBalloonChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, unsigned long long actual, void *opaque);
/** id 14; @reason: 0. */
typedef void (*virConnectDomainEventPMSuspendDiskCallback)(
    virConnectPtr conn, virDomainPtr dom, int reason, void *opaque);
/** id 15. */
typedef void (*virConnectDomainEventDeviceRemovedCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *devAlias, void *opaque);
/** id 17. */
typedef void (*virConnectDomainEventTunableCallback)(
    virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr params, int nparams, void *opaque);
/** id 18. */
typedef void (*virConnectDomainEventAgentLifecycleCallback)(
    virConnectPtr conn, virDomainPtr dom, int state, int reason, void *opaque);
/** id 19. */
typedef void (*virConnectDomainEventDeviceAddedCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *devAlias, void *opaque);
/** id 20. */
typedef void (*virConnectDomainEventMigrationIterationCallback)(
    virConnectPtr conn, virDomainPtr dom, int iteration, void *opaque);
/** id 21; fields as in virDomainGetJobStats(). */
typedef void (*virConnectDomainEventJobCompletedCallback)(
    virConnectPtr conn, virDomainPtr dom, virTypedParameterPtr params, int nparams, void *opaque);
/** id 22. */
typedef void (*virConnectDomainEventDeviceRemovalFailedCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *devAlias, void *opaque);
/** id 23; @type: virDomainMetadataType. */
typedef void (*virConnectDomainEventMetadataChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, int type, const char *nsuri, void *opaque);
/** id 24; bytes. */
typedef void (*virConnectDomainEventBlockThresholdCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *dev, const char *path, unsigned long long
    threshold, unsigned long long excess, void *opaque);
/** id 25. */
typedef void (*virConnectDomainEventMemoryFailureCallback)(
    virConnectPtr conn, virDomainPtr dom, int recipient, int action, unsigned int flags, void
    *opaque);
/** id 26; @size: KiB. */
typedef void (*virConnectDomainEventMemoryDeviceSizeChangeCallback)(
    virConnectPtr conn, virDomainPtr dom, const char *alias, unsigned long long size, void *opaque);
/** Casts a callback of any of these types; by way of void (*)(void), which compilers let pass. */
#define VIR_DOMAIN_EVENT_CALLBACK(cb) \
    ((virConnectDomainEventGenericCallback)(void (*)(void))(cb))

/* ---- finding domains ---- */

/** Number of running domains. */
int virConnectNumOfDomains(virConnectPtr conn);
/** Ids of at most @maxids running domains; returns how many. */
int virConnectListDomains(virConnectPtr conn, int *ids, int maxids);
/** Number of defined, not running domains. */
int virConnectNumOfDefinedDomains(virConnectPtr conn);
/** Their names (each owned) in @names; returns how many. */
int virConnectListDefinedDomains(virConnectPtr conn, char **const names, int maxnames);
/**
 * virConnectListAllDomains: @domains: NULL to count only, else array (owned; virDomainFree each,
 * then free()) with NULL behind the last. @flags: virConnectListAllDomainsFlags.
 * Returns: number, or -1. Since: 0.9.13
 */
int virConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned int flags);
/* Lookups: (owned, free with virDomainFree), or NULL with VIR_ERR_NO_DOMAIN. */
virDomainPtr virDomainLookupByID(virConnectPtr conn, int id);
virDomainPtr virDomainLookupByName(virConnectPtr conn, const char *name);
virDomainPtr virDomainLookupByUUID(virConnectPtr conn, const unsigned char *uuid);
virDomainPtr virDomainLookupByUUIDString(virConnectPtr conn, const char *uuidstr);
/** XML of what a domain could have here; all of the strings may be NULL. (owned) Since: 1.2.7 */
char *virConnectGetDomainCapabilities(virConnectPtr conn, const char *emulatorbin, const char *arch,
                                      const char *machine, const char *virttype,
                                      unsigned int flags);

/* ---- the handle; these ask nobody ---- */

/** Borrowed, lives as long as the handle. */
const char *virDomainGetName(virDomainPtr domain);
/** Id when the handle was made; (unsigned int)-1 if it was not running. */
unsigned int virDomainGetID(virDomainPtr domain);
/** @uuid: VIR_UUID_BUFLEN bytes. */
int virDomainGetUUID(virDomainPtr domain, unsigned char *uuid);
/** @buf: VIR_UUID_STRING_BUFLEN bytes. */
int virDomainGetUUIDString(virDomainPtr domain, char *buf);
/** Borrowed. */
virConnectPtr virDomainGetConnect(virDomainPtr domain);
/** One more owner of the handle. Returns 0. */
int virDomainRef(virDomainPtr domain);
/** One owner less; the domain itself is not touched. Returns 0. */
int virDomainFree(virDomainPtr domain);

/* ---- lifecycle ---- */

/** Starts a domain that leaves no definition behind (a defined one of that name: with this XML). */
virDomainPtr virDomainCreateXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);
/** virDomainCreateXML under its first name. */
virDomainPtr virDomainCreateLinux(virConnectPtr conn, const char *xmlDesc, unsigned int flags);
/** Stores a definition. (owned), or NULL: VIR_ERR_XML_ERROR, VIR_ERR_CONFIG_UNSUPPORTED. */
virDomainPtr virDomainDefineXML(virConnectPtr conn, const char *xml);
virDomainPtr virDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags);
/** Starts a defined domain; afterwards the handle knows its id. Returns 0. */
int virDomainCreate(virDomainPtr domain);
int virDomainCreateWithFlags(virDomainPtr domain, unsigned int flags);
/** Stops, and lets run, the guest's CPUs. Returns 0. */
int virDomainSuspend(virDomainPtr domain);
int virDomainResume(virDomainPtr domain);
/** Asks the guest to power off; returns 0 when asked. */
int virDomainShutdown(virDomainPtr domain);
int virDomainShutdownFlags(virDomainPtr domain, unsigned int flags);
int virDomainReboot(virDomainPtr domain, unsigned int flags);
/** Presses the reset button. */
int virDomainReset(virDomainPtr domain, unsigned int flags);
/** Pulls the plug. Returns 0 when the domain is off. */
int virDomainDestroy(virDomainPtr domain);
int virDomainDestroyFlags(virDomainPtr domain, unsigned int flags);
/** Removes the definition; a running domain runs on. VIR_ERR_OPERATION_INVALID when checkpoints or
 * other things @flags does not give up hang on it. */
int virDomainUndefine(virDomainPtr domain);
int virDomainUndefineFlags(virDomainPtr domain, unsigned int flags);
/** Start with the daemon? */
int virDomainGetAutostart(virDomainPtr domain, int *autostart);
int virDomainSetAutostart(virDomainPtr domain, int autostart);

/* ---- state ---- */

/** "hvm" (owned). */
char *virDomainGetOSType(virDomainPtr domain);
int virDomainGetInfo(virDomainPtr domain, virDomainInfoPtr info);
/** *@state: virDomainState; *@reason: of the enum that belongs to the state, may be NULL. */
int virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags);
int virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info, unsigned int flags);
/** KiB, 0 on failure. */
unsigned long virDomainGetMaxMemory(virDomainPtr domain);
/** @flags: virDomainVcpuFlags. Returns: the count, or -1. */
int virDomainGetVcpusFlags(virDomainPtr domain, unsigned int flags);
/** The most vCPUs the running domain can have. */
int virDomainGetMaxVcpus(virDomainPtr domain);
/** The definition (owned). @flags: virDomainXMLFlags. */
char *virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags);
/* Questions: 1 yes, 0 no, -1 failed. */
int virDomainIsActive(virDomainPtr dom);
int virDomainIsPersistent(virDomainPtr dom);
int virDomainIsUpdated(virDomainPtr dom);
int virDomainHasManagedSaveImage(virDomainPtr dom, unsigned int flags);
/** Number of snapshots. */
int virDomainSnapshotNum(virDomainPtr domain, unsigned int flags);
int virDomainGetSecurityLabel(virDomainPtr domain, virSecurityLabelPtr seclabel);
/** *@msgs: strings (owned, each and the array). Returns: number, or -1. Since: 7.1.0 */
int virDomainGetMessages(virDomainPtr domain, char ***msgs, unsigned int flags);
/** A piece of metadata (owned); VIR_ERR_NO_DOMAIN_METADATA without. @uri: for type ELEMENT. */
char *virDomainGetMetadata(virDomainPtr domain, int type, const char *uri, unsigned int flags);
/** @metadata NULL removes it; @key: prefix to use for @uri. Returns 0. */
int virDomainSetMetadata(virDomainPtr domain, int type, const char *metadata, const char *key,
                         const char *uri, unsigned int flags);

/* ---- devices: @xml is one device element. @flags of all: virDomainDeviceModifyFlags ---- */

/** The same as virDomainAttachDeviceFlags() with VIR_DOMAIN_AFFECT_LIVE. */
int virDomainAttachDevice(virDomainPtr domain, const char *xml);
/** The device is there when this returns (DEVICE_ADDED), or nothing has changed. */
int virDomainAttachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags);
/** The same as virDomainDetachDeviceFlags() with VIR_DOMAIN_AFFECT_LIVE. */
int virDomainDetachDevice(virDomainPtr domain, const char *xml);
/** A running guest is asked to let go of the device. This waits a few seconds for it, and returns 0
 * also when it has not done so yet: DEVICE_REMOVED comes when the device is gone. */
int virDomainDetachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags);
/** @alias: from the XML of the running domain. Does not wait for the guest. Since: 4.4.0 */
int virDomainDetachDeviceAlias(virDomainPtr domain, const char *alias, unsigned int flags);
/** Change what can be changed of a device that is there, e.g. the medium of a CD-ROM drive. */
int virDomainUpdateDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags);

/* ---- disks: @disk is a target name such as vda, or the path of the source ---- */

int virDomainGetBlockInfo(virDomainPtr domain, const char *disk, virDomainBlockInfoPtr info,
                          unsigned int flags);
/** @size: sizeof(*stats), or less if the caller's struct is older. */
int virDomainBlockStats(virDomainPtr dom, const char *disk, virDomainBlockStatsPtr stats,
                        size_t size);
/** With *@nparams 0: sets it to the number there are. Else fills at most that many of @params. */
int virDomainBlockStatsFlags(virDomainPtr dom, const char *disk, virTypedParameterPtr params,
                             int *nparams, unsigned int flags);
/** The running guest's disk gets the size @size: KiB, or bytes with VIR_DOMAIN_BLOCK_RESIZE_BYTES. The
 * guest sees it at once. VIR_DOMAIN_BLOCK_RESIZE_CAPACITY: a raw disk on a block device gets what the
 * device has now; @size is 0, or just that. */
int virDomainBlockResize(virDomainPtr dom, const char *disk, unsigned long long size,
                         unsigned int flags);
/** Returns: 1 and *@info filled, 0 when the disk has no job, or -1. */
int virDomainGetBlockJobInfo(virDomainPtr dom, const char *disk, virDomainBlockJobInfoPtr info,
                             unsigned int flags);
/** Limits what a push backup copies of the disk: @bandwidth in MiB/s, or bytes/s with
 * VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES; 0 = no limit. Since: 0.9.4 */
int virDomainBlockJobSetSpeed(virDomainPtr dom, const char *disk, unsigned long bandwidth,
                              unsigned int flags);
/** Ends the whole backup that works on the disk, as virDomainAbortJob does. Since: 0.9.4 */
int virDomainBlockJobAbort(virDomainPtr dom, const char *disk, unsigned int flags);
/** VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD is sent, once, when something is written behind @threshold bytes of an
 * image's file or device; 0 = never. @dev: vda, or vda[INDEX] with an index from the domain's XML or the
 * backup's. Since: 3.2.0 */
int virDomainSetBlockThreshold(virDomainPtr domain, const char *dev, unsigned long long threshold,
                               unsigned int flags);
/**
 * virConnectGetAllDomainStats: @stats: virDomainStatsTypes, 0 for all. *@retStats: (owned, free
 * with virDomainStatsRecordListFree). Returns: number of records, or -1. Since: 1.2.8
 */
int virConnectGetAllDomainStats(virConnectPtr conn, unsigned int stats,
                                virDomainStatsRecordPtr **retStats, unsigned int flags);
/** The same for @doms (NULL-terminated, all of one connection). Since: 1.2.8 */
int virDomainListGetStats(virDomainPtr *doms, unsigned int stats,
                          virDomainStatsRecordPtr **retStats, unsigned int flags);
void virDomainStatsRecordListFree(virDomainStatsRecordPtr *stats);
/** Freeze, and thaw, the guest's file systems through the agent; NULL, 0 means all. Returns: how
 * many, or -1 with VIR_ERR_AGENT_UNRESPONSIVE. Since: 1.2.5 */
int virDomainFSFreeze(virDomainPtr dom, const char **mountpoints, unsigned int nmountpoints,
                      unsigned int flags);
int virDomainFSThaw(virDomainPtr dom, const char **mountpoints, unsigned int nmountpoints,
                    unsigned int flags);

/* ---- jobs and backup ---- */

int virDomainGetJobInfo(virDomainPtr domain, virDomainJobInfoPtr info);
/**
 * virDomainGetJobStats: *@type: virDomainJobType; *@params: (owned, virTypedParamsFree). No job is
 * type NONE and no parameters. With COMPLETED: of the last job, forgotten afterwards unless
 * KEEP_COMPLETED. Returns 0. Since: 1.0.3
 */
int virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *params,
                         int *nparams, unsigned int flags);
/** Ends the job; for a pull backup this is its normal end. Returns 0 when the end has begun;
 * VIR_ERR_OPERATION_INVALID without a job. */
int virDomainAbortJob(virDomainPtr domain);
int virDomainAbortJobFlags(virDomainPtr domain, unsigned int flags);

/**
 * virDomainBackupBegin:
 * @domain: running or stopped (borrowed)
 * @backupXML: a domainbackup document: push (QEMU writes the copies) or pull (QEMU serves the
 * disks by NBD)
 * @checkpointXML: NULL, or a domaincheckpoint document: a checkpoint of the same instant
 * @flags: virDomainBackupBeginFlags
 * Starts a backup of the disks as they are at one instant, whole or only what changed since a
 * checkpoint. It returns as soon as the backup runs. It ends by itself (push) or by
 * virDomainAbortJob() (pull); VIR_DOMAIN_EVENT_ID_JOB_COMPLETED tells of the end, and
 * virDomainGetJobStats() of progress and result. If the daemon dies while it begins, the next start
 * undoes it, the checkpoint included; a backup that runs goes on.
 * Waits for other changing operations on the domain.
 * Returns: 0, or -1 with VIR_ERR_XML_ERROR or VIR_ERR_CONFIG_UNSUPPORTED for the documents,
 * VIR_ERR_NO_DOMAIN_CHECKPOINT if there is no checkpoint of the incremental name,
 * VIR_ERR_CHECKPOINT_INCONSISTENT if its bitmaps are not sound, VIR_ERR_OPERATION_INVALID if the
 * domain already has a job. Nothing is left behind then.
 * Since: 6.0.0   Source: libvirt 9.0.0 virDomainBackupBegin, formatbackup
 */
int virDomainBackupBegin(virDomainPtr domain, const char *backupXML, const char *checkpointXML,
                         unsigned int flags);
/**
 * virDomainBackupGetXMLDesc:
 * @domain: (borrowed)   @flags: 0
 * The document of the running backup with everything the library chose filled in: where to
 * connect, export and bitmap names, files.
 * Returns: XML (owned, free()), or NULL with VIR_ERR_NO_DOMAIN_BACKUP if none runs.
 * Since: 6.0.0   Source: libvirt 9.0.0 virDomainBackupGetXMLDesc, formatbackup
 */
char *virDomainBackupGetXMLDesc(virDomainPtr domain, unsigned int flags);
/**
 * virDomainFDAssociate:
 * @domain: running or stopped (borrowed)
 * @name: of the group, as documents say fdgroup='NAME'; at most 1024 bytes
 * @nfds, @fds: descriptors of the caller (borrowed: copies are handed over), 1 to 32
 * @flags: virDomainFDAssociateFlags; both are about security labels, of which this daemon sets
 * none: they are accepted and mean nothing
 * Hands open descriptors to the daemon, for a later call on this connection whose document names the
 * group. They replace those of the same name, and are closed when the connection ends or the domain
 * has gone; what already uses them has its own copies by then. A connection may have 64 groups a
 * domain, and 1024 descriptors in all. Needs a connection by UNIX socket. Nothing survives the
 * daemon.
 * Returns: 0, or -1 with VIR_ERR_INVALID_ARG for no descriptors, unknown flags or a name that is too
 * long, VIR_ERR_ARGUMENT_UNSUPPORTED if the daemon takes no descriptors, VIR_ERR_RPC for more than 32,
 * VIR_ERR_SYSTEM_ERROR for what is no descriptor, VIR_ERR_OPERATION_INVALID if the connection has
 * handed over too many. What had the name still has it then.
 * Since: 9.0.0   Source: libvirt 9.0.0 virDomainFDAssociate
 */
int virDomainFDAssociate(virDomainPtr domain, const char *name, unsigned int nfds, int *fds,
                         unsigned int flags);

/* ---- events ---- */

/**
 * virConnectDomainEventRegisterAny:
 * @dom: only this domain (borrowed), or NULL for all
 * @eventID: virDomainEventID; says which type @cb really has
 * @freecb: frees @opaque when the callback is gone
 * Callbacks come from the event loop, in the order of the events. They may call any function.
 * Returns: id of the callback >= 0, or -1. Since: 0.8.0
 */
int virConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int eventID,
                                     virConnectDomainEventGenericCallback cb, void *opaque,
                                     virFreeCallback freecb);
/** Returns: 0, or -1 with VIR_ERR_INVALID_ARG if there is no such callback. Since: 0.8.0 */
int virConnectDomainEventDeregisterAny(virConnectPtr conn, int callbackID);
/** Lifecycle events of all domains, the old way. Returns 0. */
int virConnectDomainEventRegister(virConnectPtr conn, virConnectDomainEventCallback cb,
                                  void *opaque, virFreeCallback freecb);
int virConnectDomainEventDeregister(virConnectPtr conn, virConnectDomainEventCallback cb);

#ifdef __cplusplus
}
#endif
#endif
