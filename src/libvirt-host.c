/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Public functions: connections and the host. Contracts are in libvirt-host.h. */
#include "libvirt-entry.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_NONE

int
virInitialize(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        virLogSetupFromEnv();
        g_once_init_leave(&done, 1);
    }
    return 0;
}

int
virGetVersion(unsigned long *libVer, const char *type, unsigned long *typeVer)
{
    (void)type;
    virInitialize();
    virErrorReset();
    VIR_ENTRY_NONNULL(libVer, -1);
    *libVer = LIBVIR_VERSION_NUMBER;
    if (typeVer)
        *typeVer = LIBVIR_VERSION_NUMBER;
    return 0;
}

static virConnectPtr
connectOpen(const char *name, unsigned int flags)
{
    g_autoptr(virConnect) conn = NULL;

    virInitialize();
    virErrorReset();
    if (flags & ~(unsigned int)(VIR_CONNECT_RO | VIR_CONNECT_NO_ALIASES)) {
        virReportUnsupportedFlags(VIR_FROM_THIS, "virConnectOpenAuth", flags);
        return NULL;
    }
    if (!virConnectDriver) {
        virReportError(VIR_ERR_NO_CONNECT, "%s", name ? name : "");
        return NULL;
    }
    conn = virObjectConnectNew(NULL);
    conn->uri = g_strdup(name);
    conn->readonly = (flags & VIR_CONNECT_RO) != 0;
    if (virConnectDriver->connectOpen(conn, name, flags) < 0)
        return NULL;
    /* Only an opened connection has a driver that must close it. */
    conn->driver = virConnectDriver;
    return g_steal_pointer(&conn);
}

virConnectPtr
virConnectOpen(const char *name)
{
    return connectOpen(name, 0);
}

virConnectPtr
virConnectOpenReadOnly(const char *name)
{
    return connectOpen(name, VIR_CONNECT_RO);
}

virConnectPtr
virConnectOpenAuth(const char *name, virConnectAuthPtr auth, unsigned int flags)
{
    (void)auth; /* no way of authenticating that we have asks questions */
    return connectOpen(name, flags);
}

int
virConnectRef(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    g_atomic_int_inc(&conn->refs);
    return 0;
}

int
virConnectClose(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    return virObjectConnectUnref(conn) ? 0 : 1;
}

const char *
virConnectGetType(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_CALL(conn, NULL, connectGetType, conn);
}

int
virConnectGetVersion(virConnectPtr conn, unsigned long *hvVer)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(hvVer, -1);
    VIR_ENTRY_CALL(conn, -1, connectGetVersion, conn, hvVer);
}

int
virConnectGetLibVersion(virConnectPtr conn, unsigned long *libVer)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(libVer, -1);
    if (!conn->driver->connectGetLibVersion) {
        *libVer = LIBVIR_VERSION_NUMBER;
        return 0;
    }
    return conn->driver->connectGetLibVersion(conn, libVer);
}

char *
virConnectGetHostname(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_CALL(conn, NULL, connectGetHostname, conn);
}

char *
virConnectGetURI(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    if (conn->driver->connectGetURI)
        return conn->driver->connectGetURI(conn);
    return g_strdup(conn->uri);
}

char *
virConnectGetCapabilities(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_CALL(conn, NULL, connectGetCapabilities, conn);
}

char *
virConnectGetDomainCapabilities(virConnectPtr conn, const char *emulatorbin, const char *arch,
                                const char *machine, const char *virttype, unsigned int flags)
{
    VIR_ENTRY_CONNECT(conn, NULL);
    VIR_ENTRY_WRITE(conn, NULL);
    VIR_ENTRY_CALL(conn, NULL, connectGetDomainCapabilities, conn, emulatorbin, arch, machine,
                   virttype, flags);
}

int
virConnectGetMaxVcpus(virConnectPtr conn, const char *type)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectGetMaxVcpus, conn, type);
}

int
virConnectIsAlive(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectIsAlive, conn);
}

int
virConnectIsEncrypted(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectIsEncrypted, conn);
}

int
virConnectIsSecure(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectIsSecure, conn);
}

int
virConnectSetKeepAlive(virConnectPtr conn, int interval, unsigned int count)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_CALL(conn, -1, connectSetKeepAlive, conn, interval, count);
}

/* Forget the callback without calling the function that frees its opaque. */
static void
closeCallbackClear(virConnectPtr conn)
{
    g_mutex_lock(&conn->lock);
    conn->registeredClose = false;
    conn->closeCb = NULL;
    conn->closeOpaque = NULL;
    conn->closeFree = NULL;
    g_mutex_unlock(&conn->lock);
}

int
virConnectRegisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb, void *opaque,
                                virFreeCallback freecb)
{
    bool taken;

    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(cb, -1);
    if (!conn->driver->connectRegisterCloseCallback) {
        virObjectReportNoSupport(__func__);
        return -1;
    }
    g_mutex_lock(&conn->lock);
    taken = conn->registeredClose;
    if (!taken) {
        conn->registeredClose = true;
        conn->closeCb = cb;
        conn->closeOpaque = opaque;
        conn->closeFree = freecb;
    }
    g_mutex_unlock(&conn->lock);
    if (taken) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       "the connection already has a close callback; unregister it first");
        return -1;
    }
    if (conn->driver->connectRegisterCloseCallback(conn) < 0) {
        closeCallbackClear(conn);
        return -1;
    }
    return 0;
}

int
virConnectUnregisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb)
{
    virFreeCallback freecb = NULL;
    void *opaque = NULL;
    bool known;

    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(cb, -1);
    g_mutex_lock(&conn->lock);
    known = conn->registeredClose && conn->closeCb == cb;
    if (known) {
        freecb = conn->closeFree;
        opaque = conn->closeOpaque;
    }
    g_mutex_unlock(&conn->lock);
    if (!known) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       "this close callback is not registered on the connection");
        return -1;
    }
    if (conn->driver->connectUnregisterCloseCallback &&
        conn->driver->connectUnregisterCloseCallback(conn) < 0)
        return -1;
    closeCallbackClear(conn);
    if (freecb)
        freecb(opaque);
    return 0;
}

int
virNodeGetInfo(virConnectPtr conn, virNodeInfoPtr info)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(info, -1);
    memset(info, 0, sizeof(*info));
    VIR_ENTRY_CALL(conn, -1, nodeGetInfo, conn, info);
}

unsigned long long
virNodeGetFreeMemory(virConnectPtr conn)
{
    VIR_ENTRY_CONNECT(conn, 0);
    VIR_ENTRY_CALL(conn, 0, nodeGetFreeMemory, conn);
}

int
virNodeGetSecurityModel(virConnectPtr conn, virSecurityModelPtr secmodel)
{
    VIR_ENTRY_CONNECT(conn, -1);
    VIR_ENTRY_NONNULL(secmodel, -1);
    memset(secmodel, 0, sizeof(*secmodel));
    VIR_ENTRY_CALL(conn, -1, nodeGetSecurityModel, conn, secmodel);
}
