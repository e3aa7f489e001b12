/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Life and checks of the public handles. Nothing here asks anybody: a handle is a name.
 */
#include "libvirt-object.h"
#include "virerror_report.h"
#include "virlog.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_NONE

const virDriver *virConnectDriver;

virConnectPtr
virObjectConnectNew(const virDriver *driver)
{
    virConnectPtr conn = g_new0(struct _virConnect, 1);

    conn->refs = 1;
    conn->driver = driver;
    g_mutex_init(&conn->lock);
    return conn;
}

virDomainPtr
virObjectDomainNew(virConnectPtr conn, const char *name, const unsigned char *uuid, int id)
{
    virDomainPtr domain = g_new0(struct _virDomain, 1);

    domain->refs = 1;
    g_atomic_int_inc(&conn->refs);
    domain->conn = conn;
    domain->name = g_strdup(name);
    domain->id = id;
    memcpy(domain->uuid, uuid, VIR_UUID_BUFLEN);
    return domain;
}

virDomainCheckpointPtr
virObjectCheckpointNew(virDomainPtr domain, const char *name)
{
    virDomainCheckpointPtr checkpoint = g_new0(struct _virDomainCheckpoint, 1);

    checkpoint->refs = 1;
    g_atomic_int_inc(&domain->refs);
    checkpoint->domain = domain;
    checkpoint->name = g_strdup(name);
    return checkpoint;
}

virSecretPtr
virObjectSecretNew(virConnectPtr conn, const unsigned char *uuid, int usageType,
                   const char *usageID)
{
    virSecretPtr secret = g_new0(struct _virSecret, 1);

    secret->refs = 1;
    g_atomic_int_inc(&conn->refs);
    secret->conn = conn;
    memcpy(secret->uuid, uuid, VIR_UUID_BUFLEN);
    secret->usageType = usageType;
    secret->usageID = g_strdup(usageID ? usageID : "");
    return secret;
}

bool
virObjectConnectUnref(virConnectPtr conn)
{
    virErrorPtr saved = NULL;

    if (!conn || !g_atomic_int_dec_and_test(&conn->refs))
        return false;
    virErrorPreserveLast(&saved);
    if (conn->driver && conn->driver->connectClose)
        conn->driver->connectClose(conn);
    if (conn->closeFree)
        conn->closeFree(conn->closeOpaque);
    g_mutex_clear(&conn->lock);
    g_free(conn->uri);
    g_free(conn);
    virErrorRestore(&saved);
    return true;
}

bool
virObjectDomainUnref(virDomainPtr domain)
{
    if (!domain || !g_atomic_int_dec_and_test(&domain->refs))
        return false;
    virObjectConnectUnref(domain->conn);
    g_free(domain->name);
    g_free(domain);
    return true;
}

bool
virObjectCheckpointUnref(virDomainCheckpointPtr checkpoint)
{
    if (!checkpoint || !g_atomic_int_dec_and_test(&checkpoint->refs))
        return false;
    virObjectDomainUnref(checkpoint->domain);
    g_free(checkpoint->name);
    g_free(checkpoint);
    return true;
}

bool
virObjectSecretUnref(virSecretPtr secret)
{
    if (!secret || !g_atomic_int_dec_and_test(&secret->refs))
        return false;
    virObjectConnectUnref(secret->conn);
    g_free(secret->usageID);
    g_free(secret);
    return true;
}

bool
virObjectConnectTryRef(virConnectPtr conn)
{
    gint refs;

    do {
        refs = g_atomic_int_get(&conn->refs);
        if (refs <= 0)
            return false;
    } while (!g_atomic_int_compare_and_exchange(&conn->refs, refs, refs + 1));
    return true;
}

void
virObjectDomainListFree(virDomainPtr *domains, size_t n)
{
    if (!domains)
        return;
    for (size_t i = 0; i < n; i++)
        virObjectDomainUnref(domains[i]);
    g_free(domains);
}

void
virObjectCheckpointListFree(virDomainCheckpointPtr *checkpoints, size_t n)
{
    if (!checkpoints)
        return;
    for (size_t i = 0; i < n; i++)
        virObjectCheckpointUnref(checkpoints[i]);
    g_free(checkpoints);
}

void
virObjectSecretListFree(virSecretPtr *secrets, size_t n)
{
    if (!secrets)
        return;
    for (size_t i = 0; i < n; i++)
        virObjectSecretUnref(secrets[i]);
    g_free(secrets);
}

void
virObjectConnectNotifyClose(virConnectPtr conn, int reason)
{
    virConnectCloseFunc cb = NULL;
    void *opaque = NULL;
    virFreeCallback freecb = NULL;

    g_mutex_lock(&conn->lock);
    cb = g_steal_pointer(&conn->closeCb);
    opaque = g_steal_pointer(&conn->closeOpaque);
    freecb = g_steal_pointer(&conn->closeFree);
    conn->registeredClose = false;
    g_mutex_unlock(&conn->lock);
    if (cb)
        cb(conn, reason, opaque);
    if (freecb)
        freecb(opaque);
}

int
virObjectCheckConnect(virConnectPtr conn, const char *func)
{
    virErrorReset();
    if (!conn || g_atomic_int_get(&conn->refs) <= 0) {
        virReportError(VIR_ERR_INVALID_CONN, "%s", func);
        return -1;
    }
    VIR_DEBUG("%s: conn=%p", func, (void *)conn);
    return 0;
}

int
virObjectCheckDomain(virDomainPtr domain, const char *func)
{
    virErrorReset();
    if (!domain || g_atomic_int_get(&domain->refs) <= 0) {
        virReportErrorFull(VIR_FROM_DOM, VIR_ERR_INVALID_DOMAIN, __FILE__, __func__, __LINE__, "%s",
                           func);
        return -1;
    }
    VIR_DEBUG("%s: domain='%s'", func, domain->name);
    return 0;
}

int
virObjectCheckCheckpoint(virDomainCheckpointPtr checkpoint, const char *func)
{
    virErrorReset();
    if (!checkpoint || g_atomic_int_get(&checkpoint->refs) <= 0) {
        virReportErrorFull(VIR_FROM_DOMAIN_CHECKPOINT, VIR_ERR_INVALID_DOMAIN_CHECKPOINT, __FILE__,
                           __func__, __LINE__, "%s", func);
        return -1;
    }
    VIR_DEBUG("%s: domain='%s' checkpoint='%s'", func, checkpoint->domain->name, checkpoint->name);
    return 0;
}

int
virObjectCheckSecret(virSecretPtr secret, const char *func)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    virErrorReset();
    if (!secret || g_atomic_int_get(&secret->refs) <= 0) {
        virReportErrorFull(VIR_FROM_SECRET, VIR_ERR_INVALID_SECRET, __FILE__, __func__, __LINE__,
                           "%s", func);
        return -1;
    }
    VIR_DEBUG("%s: secret='%s'", func, virUUIDFormat(secret->uuid, uuid));
    return 0;
}

int
virObjectCheckWrite(virConnectPtr conn, int errorDomain, const char *func)
{
    if (!conn->readonly)
        return 0;
    virReportErrorFull(errorDomain, VIR_ERR_OPERATION_DENIED, __FILE__, __func__, __LINE__,
                       "read only access prevents %s", func);
    return -1;
}

void
virObjectReportNoSupport(const char *func)
{
    virReportError(VIR_ERR_NO_SUPPORT, "%s", func);
}
