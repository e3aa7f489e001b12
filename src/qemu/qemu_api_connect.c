/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections to the driver, and the host it runs on.
 */
#include "qemu_api.h"
#include <sys/utsname.h>
#include <unistd.h>
#include "qemu_process.h"
#include "qemu_vm_list.h"
#include "qemu_workers.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define QEMU_LIB_VERSION 9000000UL   /* of the API; clients compare it */
#define QEMU_MAX_VCPUS 16            /* when the emulator cannot be asked */

/* A connection's identity. Not the virConnect itself: that is freed, and its address used again,
 * before the domains it leaves behind are destroyed. */
typedef struct _qemuConnection {
    bool privileged;
    qemuFDGroups *fdGroups;   /* (owned) */
} qemuConnection;

int
qemuConnectOpen(virConnectPtr conn, const char *name, unsigned int flags)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    const char *wanted = config->privileged ? "qemu:///system" : "qemu:///session";
    qemuConnection *connection = NULL;

    virCheckFlags(VIR_CONNECT_RO | VIR_CONNECT_NO_ALIASES, -1);
    if (name && *name && !g_str_equal(name, wanted) && !g_str_equal(name, "qemu:///embed")) {
        g_autofree char *query = g_strconcat(wanted, "?", NULL);

        if (!g_str_has_prefix(name, query)) {
            virReportError(VIR_ERR_INTERNAL_ERROR, "unexpected QEMU URI '%s', this daemon serves '%s'", name,
                           wanted);
            return -1;
        }
    }
    connection = g_new0(qemuConnection, 1);
    connection->privileged = config->privileged;
    connection->fdGroups = qemuFDGroupsNew();
    conn->privateData = connection;
    return 0;
}

static void
qemuConnectCleanUp(void *data)
{
    g_autofree qemuConnection *connection = data;

    qemuFDGroupsFree(connection->fdGroups);
    qemuProcessAutodestroy(connection);
}

void
qemuConnectClose(virConnectPtr conn)
{
    virDomainEventListRemoveConn(qemuDriverEvents(), conn);
    qemuWorkersRun(qemuConnectCleanUp, g_steal_pointer(&conn->privateData));
}

const void *
qemuConnectToken(virConnectPtr conn)
{
    return conn->privateData;
}

qemuFDGroups *
qemuConnectFDGroups(virConnectPtr conn)
{
    const qemuConnection *connection = conn->privateData;

    return connection->fdGroups;
}

static bool
domainExists(const unsigned char *uuid)
{
    g_autoptr(qemuVM) vm = qemuVMListByUUID(qemuDriverVMs(), uuid);

    return vm != NULL;
}

/* We give images and sockets no security labels, so that there is none to restore and none to choose:
 * the two flags mean nothing here, and the descriptor serves for what it was opened for. */
int
qemuDomainFDAssociate(virDomainPtr dom, const char *name, unsigned int nfds, const int *fds, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;

    virCheckFlags(VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_RESTORE | VIR_DOMAIN_FD_ASSOCIATE_SECLABEL_WRITABLE, -1);
    vm = qemuVMFromDomain(dom);
    if (!vm)
        return -1;
    qemuFDGroupsSweep(qemuConnectFDGroups(dom->conn), domainExists);
    return qemuFDGroupsAssociate(qemuConnectFDGroups(dom->conn), vm->uuid, name, fds, nfds);
}

const char *
qemuConnectGetType(virConnectPtr conn G_GNUC_UNUSED)
{
    return "QEMU";
}

int
qemuConnectGetVersion(virConnectPtr conn G_GNUC_UNUSED, unsigned long *version)
{
    g_autoptr(qemuCaps) caps = qemuDriverCaps(NULL);

    if (!caps)
        return -1;
    *version = qemuCapsGetFacts(caps)->version;
    return 0;
}

int
qemuConnectGetLibVersion(virConnectPtr conn G_GNUC_UNUSED, unsigned long *version)
{
    *version = QEMU_LIB_VERSION;
    return 0;
}

char *
qemuConnectGetHostname(virConnectPtr conn G_GNUC_UNUSED)
{
    return g_strdup(g_get_host_name());
}

char *
qemuConnectGetURI(virConnectPtr conn)
{
    const qemuConnection *connection = conn->privateData;

    return g_strdup(connection->privileged ? "qemu:///system" : "qemu:///session");
}

char *
qemuConnectGetCapabilities(virConnectPtr conn G_GNUC_UNUSED)
{
    g_autoptr(qemuCaps) caps = qemuDriverCaps(NULL);

    virErrorReset();
    return qemuCapsFormatHostXML(caps);
}

char *
qemuConnectGetDomainCapabilities(virConnectPtr conn G_GNUC_UNUSED, const char *emulator, const char *arch,
                                 const char *machine, const char *virttype, unsigned int flags)
{
    g_autoptr(qemuCaps) caps = NULL;

    virCheckFlags(0, NULL);
    caps = qemuDriverCaps(emulator);
    return caps ? qemuCapsFormatDomainXML(caps, arch, machine, virttype) : NULL;
}

int
qemuConnectGetMaxVcpus(virConnectPtr conn G_GNUC_UNUSED, const char *type)
{
    g_autoptr(qemuCaps) caps = NULL;
    const qemuCapsFacts *facts = NULL;
    guint i = 0;

    if (type && g_ascii_strcasecmp(type, "qemu") != 0 && g_ascii_strcasecmp(type, "kvm") != 0) {
        virReportError(VIR_ERR_INVALID_ARG, "unknown type '%s'", type);
        return -1;
    }
    caps = qemuDriverCaps(NULL);
    if (!caps)
        return -1;
    facts = qemuCapsGetFacts(caps);
    for (i = 0; i < facts->machines->len; i++) {
        const qemuCapsMachine *machine = g_ptr_array_index(facts->machines, i);

        if (machine->isDefault && machine->maxCpus > 0)
            return (int)machine->maxCpus;
    }
    return QEMU_MAX_VCPUS;
}

int
qemuConnectIsAlive(virConnectPtr conn G_GNUC_UNUSED)
{
    return 1;
}

int
qemuConnectIsSecure(virConnectPtr conn G_GNUC_UNUSED)
{
    return 1;
}

int
qemuConnectIsEncrypted(virConnectPtr conn G_GNUC_UNUSED)
{
    return 0;
}

int
qemuConnectSupportsFeature(virConnectPtr conn G_GNUC_UNUSED, int feature G_GNUC_UNUSED)
{
    return 0;
}

int
qemuConnectSetKeepAlive(virConnectPtr conn G_GNUC_UNUSED, int interval G_GNUC_UNUSED,
                        unsigned int count G_GNUC_UNUSED)
{
    return 1;
}

/* Clock rate and model come from the first processor of /proc/cpuinfo. */
static void
qemuNodeFillCpu(virNodeInfoPtr info)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    struct utsname host = { 0 };
    size_t i = 0;

    if (uname(&host) == 0)
        g_strlcpy(info->model, host.machine, sizeof(info->model));
    if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (i = 0; lines[i]; i++) {
        const char *value = strchr(lines[i], ':');

        if (g_str_has_prefix(lines[i], "cpu MHz") && value) {
            info->mhz = (unsigned int)g_ascii_strtod(value + 1, NULL);
            return;
        }
    }
}

int
qemuNodeGetInfo(virConnectPtr conn G_GNUC_UNUSED, virNodeInfoPtr info)
{
    *info = (virNodeInfo){ 0 };
    info->memory = (unsigned long)sysconf(_SC_PHYS_PAGES) * ((unsigned long)sysconf(_SC_PAGESIZE) / 1024);
    info->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
    /* The topology is given flat, as the API asks for hosts where it is not known. */
    info->nodes = info->sockets = info->threads = 1;
    info->cores = info->cpus;
    qemuNodeFillCpu(info);
    return 0;
}

unsigned long long
qemuNodeGetFreeMemory(virConnectPtr conn G_GNUC_UNUSED)
{
    return (unsigned long long)sysconf(_SC_AVPHYS_PAGES) * (unsigned long long)sysconf(_SC_PAGESIZE);
}

int
qemuConnectRegisterCloseCallback(virConnectPtr conn G_GNUC_UNUSED)
{
    return 0;
}

int
qemuConnectUnregisterCloseCallback(virConnectPtr conn G_GNUC_UNUSED)
{
    return 0;
}

int
qemuNodeGetSecurityModel(virConnectPtr conn G_GNUC_UNUSED, virSecurityModelPtr model)
{
    *model = (virSecurityModel){ .model = "none", .doi = "0" };
    return 0;
}
