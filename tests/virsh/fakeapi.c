/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakeapi.h"

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

/* Handles are pointers into these tables: two domains, the second one running, with checkpoints. */
static const char *domains[] = {"alpha", "beta"};
static const char *checkpoints[] = {"chk1", "chk2", "other"};
static int connection;
static int opened;
static int refusing;

int
fakeConnections(void)
{
    return opened;
}

void
fakeRefuseConnections(int refuse)
{
    refusing = refuse;
}

virConnectPtr
virConnectOpenAuth(const char *name G_GNUC_UNUSED, virConnectAuthPtr auth G_GNUC_UNUSED,
                   unsigned int flags G_GNUC_UNUSED)
{
    if (refusing)
        return NULL;
    opened++;
    return (virConnectPtr)&connection;
}

int
virConnectClose(virConnectPtr conn G_GNUC_UNUSED)
{
    return 0;
}

int
virConnectRegisterCloseCallback(virConnectPtr conn G_GNUC_UNUSED,
                                virConnectCloseFunc cb G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED,
                                virFreeCallback freecb G_GNUC_UNUSED)
{
    return 0;
}

int
virConnectUnregisterCloseCallback(virConnectPtr conn G_GNUC_UNUSED,
                                  virConnectCloseFunc cb G_GNUC_UNUSED)
{
    return 0;
}

int
virConnectSetKeepAlive(virConnectPtr conn G_GNUC_UNUSED, int interval G_GNUC_UNUSED,
                       unsigned int count G_GNUC_UNUSED)
{
    return 0;
}

int
virConnectListAllDomains(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr **list, unsigned int flags)
{
    int n = 0;

    *list = calloc(G_N_ELEMENTS(domains) + 1, sizeof(**list));
    if (!(flags & VIR_CONNECT_LIST_DOMAINS_ACTIVE))
        (*list)[n++] = (virDomainPtr)&domains[0];
    if (!(flags & VIR_CONNECT_LIST_DOMAINS_INACTIVE))
        (*list)[n++] = (virDomainPtr)&domains[1];
    return n;
}

virDomainPtr
virDomainLookupByName(virConnectPtr conn G_GNUC_UNUSED, const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(domains); i++) {
        if (strcmp(domains[i], name) == 0)
            return (virDomainPtr)&domains[i];
    }
    return NULL;
}

const char *
virDomainGetName(virDomainPtr domain)
{
    return *(const char **)domain;
}

int
virDomainFree(virDomainPtr domain G_GNUC_UNUSED)
{
    return 0;
}

char *
virDomainGetXMLDesc(virDomainPtr domain G_GNUC_UNUSED, unsigned int flags G_GNUC_UNUSED)
{
    return strdup(
        "<domain><devices><disk><target dev='vda'/></disk><disk><target dev='sda'/></disk>"
        "</devices></domain>");
}

int
virDomainListAllCheckpoints(virDomainPtr domain G_GNUC_UNUSED, virDomainCheckpointPtr **list,
                            unsigned int flags G_GNUC_UNUSED)
{
    *list = calloc(G_N_ELEMENTS(checkpoints) + 1, sizeof(**list));
    for (gsize i = 0; i < G_N_ELEMENTS(checkpoints); i++)
        (*list)[i] = (virDomainCheckpointPtr)&checkpoints[i];
    return G_N_ELEMENTS(checkpoints);
}

const char *
virDomainCheckpointGetName(virDomainCheckpointPtr checkpoint)
{
    return *(const char **)checkpoint;
}

int
virDomainCheckpointFree(virDomainCheckpointPtr checkpoint G_GNUC_UNUSED)
{
    return 0;
}
