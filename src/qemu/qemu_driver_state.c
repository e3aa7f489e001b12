/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration is swapped whole under a lock; readers hold a reference to the one they began
 * with. The other members are set before any thread can ask for them and stay.
 */
#include "qemu_driver_state.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"

static GMutex configLock;
static qemuConfig *driverConfig;          /* guarded by configLock */
static virDomainEventList *driverEvents;
static qemuVMList *driverVMs;
static qemuCapsCache *driverCaps;

qemuConfig *
qemuDriverConfig(void)
{
    qemuConfig *config = NULL;

    g_mutex_lock(&configLock);
    config = qemuConfigRef(driverConfig);
    g_mutex_unlock(&configLock);
    return config;
}

virDomainEventList *
qemuDriverEvents(void)
{
    return driverEvents;
}

qemuVMList *
qemuDriverVMs(void)
{
    return driverVMs;
}

qemuCaps *
qemuDriverCaps(const char *binary)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return qemuCapsCacheLookup(driverCaps, binary ? binary : config->defaultEmulator);
}

void
qemuDriverStateSetConfig(qemuConfig *config)
{
    qemuConfig *old = NULL;

    g_mutex_lock(&configLock);
    old = driverConfig;
    driverConfig = config;
    g_mutex_unlock(&configLock);
    if (old)
        qemuConfigUnref(old);
}

void
qemuDriverStateInit(qemuConfig *config)
{
    driverCaps = qemuCapsCacheNew(config->cacheDir, config->user, config->group);
    qemuDriverStateSetConfig(config);
    driverEvents = virDomainEventListNew();
    driverVMs = qemuVMListNew();
}

void
qemuDriverStateClear(void)
{
    qemuWorkersDrain();
    g_clear_pointer(&driverVMs, qemuVMListFree);
    qemuWorkersDrain();
    g_clear_pointer(&driverCaps, qemuCapsCacheFree);
    g_clear_pointer(&driverEvents, virDomainEventListFree);
    qemuDriverStateSetConfig(NULL);
}
