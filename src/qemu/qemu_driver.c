/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of the driver's functions, its start and its end. Nothing else belongs here.
 */
#include "qemu_bitmap_store.h"
#include "qemu_driver.h"
#include "qemu_api.h"
#include "qemu_backup.h"
#include "qemu_checkpoint.h"
#include "qemu_helper_recover.h"
#include "qemu_process.h"
#include "qemu_process_watch.h"
#include "qemu_reconnect.h"
#include "qemu_restore.h"
#include "qemu_target_pick.h"
#include "qemu_vm_config.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "secret_driver.h"
#include "secret_store.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

const virDriver qemuDriverTable = {
    .name = "QEMU",
    .connectOpen = qemuConnectOpen,
    .connectClose = qemuConnectClose,
    .connectGetType = qemuConnectGetType,
    .connectGetVersion = qemuConnectGetVersion,
    .connectGetLibVersion = qemuConnectGetLibVersion,
    .connectGetHostname = qemuConnectGetHostname,
    .connectGetURI = qemuConnectGetURI,
    .connectGetCapabilities = qemuConnectGetCapabilities,
    .connectGetDomainCapabilities = qemuConnectGetDomainCapabilities,
    .connectGetMaxVcpus = qemuConnectGetMaxVcpus,
    .connectIsAlive = qemuConnectIsAlive,
    .connectIsSecure = qemuConnectIsSecure,
    .connectIsEncrypted = qemuConnectIsEncrypted,
    .connectSupportsFeature = qemuConnectSupportsFeature,
    .connectSetKeepAlive = qemuConnectSetKeepAlive,
    .nodeGetInfo = qemuNodeGetInfo,
    .nodeGetFreeMemory = qemuNodeGetFreeMemory,
    .connectRegisterCloseCallback = qemuConnectRegisterCloseCallback,
    .connectUnregisterCloseCallback = qemuConnectUnregisterCloseCallback,
    .connectNumOfDomains = qemuConnectNumOfDomains,
    .connectListDomains = qemuConnectListDomains,
    .connectNumOfDefinedDomains = qemuConnectNumOfDefinedDomains,
    .connectListDefinedDomains = qemuConnectListDefinedDomains,
    .connectListAllDomains = qemuConnectListAllDomains,
    .domainLookupByID = qemuDomainLookupByID,
    .domainLookupByUUID = qemuDomainLookupByUUID,
    .domainLookupByName = qemuDomainLookupByName,
    .domainCreateXML = qemuDomainCreateXML,
    .domainDefineXMLFlags = qemuDomainDefineXMLFlags,
    .domainCreateWithFlags = qemuDomainCreateWithFlags,
    .domainSuspend = qemuDomainSuspend,
    .domainResume = qemuDomainResume,
    .domainShutdownFlags = qemuDomainShutdownFlags,
    .domainReboot = qemuDomainReboot,
    .domainReset = qemuDomainReset,
    .domainDestroyFlags = qemuDomainDestroyFlags,
    .domainUndefineFlags = qemuDomainUndefineFlags,
    .domainGetAutostart = qemuDomainGetAutostart,
    .domainSetAutostart = qemuDomainSetAutostart,
    .domainGetOSType = qemuDomainGetOSType,
    .domainGetInfo = qemuDomainGetInfo,
    .domainGetState = qemuDomainGetState,
    .domainGetControlInfo = qemuDomainGetControlInfo,
    .domainGetMaxMemory = qemuDomainGetMaxMemory,
    .domainGetVcpusFlags = qemuDomainGetVcpusFlags,
    .domainGetXMLDesc = qemuDomainGetXMLDesc,
    .domainIsActive = qemuDomainIsActive,
    .domainIsPersistent = qemuDomainIsPersistent,
    .domainIsUpdated = qemuDomainIsUpdated,
    .domainHasManagedSaveImage = qemuDomainHasManagedSaveImage,
    .domainSnapshotNum = qemuDomainSnapshotNum,
    .domainGetSecurityLabel = qemuDomainGetSecurityLabel,
    .nodeGetSecurityModel = qemuNodeGetSecurityModel,
    .domainGetMessages = qemuDomainGetMessages,
    .domainGetMetadata = qemuDomainGetMetadata,
    .domainSetMetadata = qemuDomainSetMetadata,
    .domainAttachDevice = qemuDomainAttachDevice,
    .domainAttachDeviceFlags = qemuDomainAttachDeviceFlags,
    .domainDetachDevice = qemuDomainDetachDevice,
    .domainDetachDeviceFlags = qemuDomainDetachDeviceFlags,
    .domainDetachDeviceAlias = qemuDomainDetachDeviceAlias,
    .domainUpdateDeviceFlags = qemuDomainUpdateDeviceFlags,
    .domainBlockResize = qemuDomainBlockResize,
    .domainGetBlockInfo = qemuDomainGetBlockInfo,
    .domainBlockStats = qemuDomainBlockStats,
    .domainBlockStatsFlags = qemuDomainBlockStatsFlags,
    .domainGetBlockJobInfo = qemuDomainGetBlockJobInfo,
    .domainBlockJobSetSpeed = qemuDomainBlockJobSetSpeed,
    .domainBlockJobAbort = qemuDomainBlockJobAbort,
    .domainSetBlockThreshold = qemuDomainSetBlockThreshold,
    .connectGetAllDomainStats = qemuConnectGetAllDomainStats,
    .domainFSFreeze = qemuDomainFSFreeze,
    .domainFSThaw = qemuDomainFSThaw,
    .domainGetJobInfo = qemuDomainGetJobInfo,
    .domainGetJobStats = qemuDomainGetJobStats,
    .domainAbortJobFlags = qemuDomainAbortJobFlags,
    .connectDomainEventRegisterAny = qemuConnectDomainEventRegisterAny,
    .connectDomainEventDeregisterAny = qemuConnectDomainEventDeregisterAny,
    .domainCheckpointCreateXML = qemuDomainCheckpointCreateXML,
    .domainCheckpointGetXMLDesc = qemuDomainCheckpointGetXMLDesc,
    .domainListAllCheckpoints = qemuDomainListAllCheckpoints,
    .domainCheckpointListAllChildren = qemuDomainCheckpointListAllChildren,
    .domainCheckpointLookupByName = qemuDomainCheckpointLookupByName,
    .domainCheckpointGetParent = qemuDomainCheckpointGetParent,
    .domainCheckpointDelete = qemuDomainCheckpointDelete,
    .domainBackupBegin = qemuDomainBackupBegin,
    .domainBackupGetXMLDesc = qemuDomainBackupGetXMLDesc,
    .domainFDAssociate = qemuDomainFDAssociate,
    .connectListAllSecrets = secretConnectListAllSecrets,
    .secretLookupByUUID = secretLookupByUUID,
    .secretLookupByUsage = secretLookupByUsage,
    .secretDefineXML = secretDefineXML,
    .secretGetXMLDesc = secretGetXMLDesc,
    .secretSetValue = secretSetValue,
    .secretGetValue = secretGetValue,
    .secretUndefine = secretUndefine,
    .domainQemuMonitorCommand = qemuDomainQemuMonitorCommand,
    .connectDomainQemuMonitorEventRegister = qemuConnectDomainQemuMonitorEventRegister,
    .connectDomainQemuMonitorEventDeregister = qemuConnectDomainQemuMonitorEventDeregister,
};

static char *driverConfigFile;   /* read again by a reload */
static char *driverRoot;
static bool driverPrivileged;

/* (owned) configuration from the file; NULL with an error. */
static qemuConfig *
qemuDriverLoadConfig(void)
{
    g_autoptr(qemuConfig) config = qemuConfigNew(driverRoot, driverPrivileged);
    g_autofree char *path = NULL;

    if (driverConfigFile)
        path = g_strdup(driverConfigFile);
    else
        path = g_strdup_printf("%s.conf", config->configDir);
    if (qemuConfigLoad(config, path, driverConfigFile != NULL) < 0)
        return NULL;
    return g_steal_pointer(&config);
}

static int
qemuDriverMakeDirs(const qemuConfig *config)
{
    g_autofree char *autostart = g_build_filename(config->configDir, "autostart", NULL);
    const struct {
        const char *path;
        mode_t mode;
    } dirs[] = {
        { config->configDir, 0700 },     { autostart, 0700 },
        { config->stateDir, 0700 },      { config->libDir, 0711 },
        { config->checkpointDir, 0700 }, { config->scratchDir, 0711 },
        { config->logDir, 0700 },        { config->cacheDir, 0711 },
    };
    size_t i = 0;

    for (i = 0; i < G_N_ELEMENTS(dirs); i++) {
        if (virFileMakeDirs(dirs[i].path, dirs[i].mode) < 0)
            return -1;
    }
    return 0;
}

static void
qemuDriverAutostartOne(void *item, void *opaque G_GNUC_UNUSED)
{
    qemuVM *vm = item;
    bool wanted = false;

    g_mutex_lock(&vm->lock);
    wanted = vm->autostart && !qemuVMIsActive(vm) && !vm->removed;
    g_mutex_unlock(&vm->lock);
    if (!wanted || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "autostart") < 0)
        return;
    if (!qemuVMIsActive(vm) && !vm->removed && qemuProcessStart(vm, 0, NULL) < 0)
        VIR_ERROR("domain '%s' is marked autostart but does not start: %s", vm->name, virErrorLastMessage());
    virErrorReset();
    qemuJobEnd(&vm->job);
}

static void
qemuDriverAutostart(void *data G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());

    qemuWorkersForEach(vms, 4, qemuDriverAutostartOne, NULL);
}

int
qemuDriverStart(const qemuDriverOptions *options)
{
    qemuConfig *config = NULL;
    size_t broken = 0;
    size_t running = 0;

    driverRoot = g_strdup(options->root);
    driverConfigFile = g_strdup(options->configFile);
    driverPrivileged = options->privileged;
    config = qemuDriverLoadConfig();
    if (!config)
        return -1;
    qemuDriverStateInit(config);
    if (qemuDriverMakeDirs(config) < 0 || secretStoreStart(config->secretDir) < 0)
        return -1;
    broken = qemuVMConfigLoadAll();
    qemuBitmapStoreSweepAll();
    running = qemuReconnectAll();
    qemuBitmapStoreSweepUnknown();
    qemuHelperRecoverAll();
    qemuRestoreRecoverAll();
    VIR_INFO("%zu domains, %zu of them running; %zu definitions could not be read",
             qemuVMListCount(qemuDriverVMs()), running, broken);
    qemuWorkersRun(qemuDriverAutostart, NULL);
    return 0;
}

int
qemuDriverReload(void)
{
    qemuConfig *config = qemuDriverLoadConfig();

    if (!config)
        return -1;
    qemuDriverStateSetConfig(config);
    return 0;
}

/* Nobody but a daemon collects the result of a backup of a stopped domain. */
static bool
qemuDriverBacksUpStopped(void)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());
    guint i = 0;

    for (i = 0; i < vms->len; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);
        QEMU_VM_LOCK_GUARD(vm);

        if (vm->helperHeld)
            return true;
    }
    return false;
}

bool
qemuDriverBusy(void)
{
    return qemuVMListCountActive(qemuDriverVMs()) > 0 || qemuDriverBacksUpStopped();
}

/* Nothing is begun with @vm from here on, and what goes wrong with it is not QEMU's fault. */
static void
qemuDriverMarkEnding(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);
    vm->removed = true;
}

/* Whoever holds the slot for so long waits for a QEMU that does not answer: end that wait. */
static void
qemuDriverUnblock(qemuVM *vm)
{
    g_autoptr(qemuMonitor) mon = NULL;

    g_mutex_lock(&vm->lock);
    mon = vm->mon ? qemuMonitorRef(vm->mon) : NULL;
    g_mutex_unlock(&vm->lock);
    if (mon)
        qemuMonitorClose(mon);
}

/* Let go of a QEMU without ending it. A start or power-off under way is waited for, so that what is
 * on disk describes a whole run; after that nobody can begin anything with this domain. */
static void
qemuDriverLetGo(void *item, void *opaque G_GNUC_UNUSED)
{
    static const char api[] = "end of the daemon";
    qemuVM *vm = item;
    qemuMonitor *mon = NULL;
    qemuProcess *process = NULL;

    qemuDriverMarkEnding(vm);
    if (qemuJobBegin(&vm->job, QEMU_JOB_DESTROY, api) < 0) {
        qemuDriverUnblock(vm);
        if (qemuJobBegin(&vm->job, QEMU_JOB_DESTROY, api) < 0) {
            VIR_WARN("domain '%s' is left as it is: %s", vm->name, virErrorLastMessage());
            return;
        }
    }
    g_mutex_lock(&vm->lock);
    vm->run++;
    mon = g_steal_pointer(&vm->mon);
    process = g_steal_pointer(&vm->process);
    qemuVMSignal(vm);
    g_mutex_unlock(&vm->lock);
    qemuTargetLetGo(vm);
    if (mon) {
        qemuMonitorClose(mon);
        qemuMonitorUnref(mon);
    }
    /* After the monitor, whose callbacks use it. */
    qemuProcessUnwatch(process);
    qemuJobEnd(&vm->job);
}

void
qemuDriverStop(void)
{
    g_autoptr(GPtrArray) vms = NULL;

    if (!qemuDriverVMs())
        return;
    vms = qemuVMListSnapshot(qemuDriverVMs());
    qemuWorkersForEach(vms, 8, qemuDriverLetGo, NULL);
    g_clear_pointer(&vms, g_ptr_array_unref);
    qemuDriverStateClear();
    secretStoreStop();
    g_clear_pointer(&driverRoot, g_free);
    g_clear_pointer(&driverConfigFile, g_free);
}
