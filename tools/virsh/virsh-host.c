/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about the host and the hypervisor.
 */
#include "virsh.h"

#include <stdlib.h>
#include <string.h>

static const virshOption versionOptions[] = {
    {.name = "daemon", .type = VIRSH_OPT_BOOL, .help = "report daemon version too"},
    VIRSH_OPT_END,
};

static void
printVersion(virshShell *sh, const char *what, unsigned long version)
{
    virshPrint(sh, "%s %lu.%lu.%lu\n", what, version / 1000000, version / 1000 % 1000,
               version % 1000);
}

static bool
cmdVersion(virshShell *sh, const virshCommandArgs *args)
{
    const char *type = virConnectGetType(sh->conn);
    g_autofree char *api = NULL;
    g_autofree char *running = NULL;
    unsigned long library = 0;
    unsigned long driver = 0;
    unsigned long hypervisor = 0;
    unsigned long daemonVersion = 0;

    if (!type || virGetVersion(&library, type, &driver) < 0 ||
        virConnectGetVersion(sh->conn, &hypervisor) < 0)
        return false;
    api = g_strdup_printf("Using API: %s", type);
    running = g_strdup_printf("Running hypervisor: %s", type);
    printVersion(sh, "Compiled against library: libvirt", LIBVIR_VERSION_NUMBER);
    printVersion(sh, "Using library: libvirt", library);
    printVersion(sh, api, driver);
    printVersion(sh, running, hypervisor);
    if (!virshArgBool(args, "daemon"))
        return true;
    if (virConnectGetLibVersion(sh->conn, &daemonVersion) < 0) {
        virshError(sh, "failed to get the daemon version");
        return false;
    }
    printVersion(sh, "Running against daemon:", daemonVersion);
    return true;
}

static bool
printOwned(virshShell *sh, char *text, const char *end)
{
    if (text)
        virshPrint(sh, "%s%s", text, end);
    free(text);
    return text != NULL;
}

static bool
cmdUri(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    return printOwned(sh, virConnectGetURI(sh->conn), "\n");
}

static bool
cmdHostname(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    return printOwned(sh, virConnectGetHostname(sh->conn), "\n");
}

static bool
cmdCapabilities(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    if (printOwned(sh, virConnectGetCapabilities(sh->conn), "\n"))
        return true;
    virshError(sh, "failed to get capabilities");
    return false;
}

static const virshOption domcapsOptions[] = {
    {.name = "virttype", .type = VIRSH_OPT_STRING, .help = "virtualization type (/domain/@type)"},
    {.name = "emulatorbin",
     .type = VIRSH_OPT_STRING,
     .help = "path to emulator binary (/domain/devices/emulator)"},
    {.name = "arch",
     .type = VIRSH_OPT_STRING,
     .help = "domain architecture (/domain/os/type/@arch)"},
    {.name = "machine",
     .type = VIRSH_OPT_STRING,
     .help = "machine type (/domain/os/type/@machine)"},
    VIRSH_OPT_END,
};

static bool
cmdDomCapabilities(virshShell *sh, const virshCommandArgs *args)
{
    char *xml = virConnectGetDomainCapabilities(
        sh->conn, virshArgString(args, "emulatorbin"), virshArgString(args, "arch"),
        virshArgString(args, "machine"), virshArgString(args, "virttype"), 0);

    if (printOwned(sh, xml, "\n"))
        return true;
    virshError(sh, "failed to get emulator capabilities");
    return false;
}

static bool
cmdNodeinfo(virshShell *sh, const virshCommandArgs *args G_GNUC_UNUSED)
{
    virNodeInfo info = {0};

    if (virNodeGetInfo(sh->conn, &info) < 0) {
        virshError(sh, "failed to get node information");
        return false;
    }
    virshPrint(sh, "%-20s %s\n", "CPU model:", info.model);
    virshPrint(sh, "%-20s %u\n", "CPU(s):", info.cpus);
    if (info.mhz)
        virshPrint(sh, "%-20s %u MHz\n", "CPU frequency:", info.mhz);
    virshPrint(sh, "%-20s %u\n", "CPU socket(s):", info.sockets);
    virshPrint(sh, "%-20s %u\n", "Core(s) per socket:", info.cores);
    virshPrint(sh, "%-20s %u\n", "Thread(s) per core:", info.threads);
    virshPrint(sh, "%-20s %u\n", "NUMA cell(s):", info.nodes);
    virshPrint(sh, "%-20s %lu KiB\n", "Memory size:", info.memory);
    return true;
}

static const virshOption maxvcpusOptions[] = {
    {.name = "type", .type = VIRSH_OPT_STRING, .help = "domain type"},
    VIRSH_OPT_END,
};

/* What the emulator supports, where the daemon can tell; -1 where it cannot. */
static int
maxVcpusOfEmulator(virshShell *sh, const char *type)
{
    char *xml = virConnectGetDomainCapabilities(sh->conn, NULL, NULL, NULL, type, 0);
    const char *max = xml ? strstr(xml, "<vcpu max='") : NULL;
    int vcpus = max ? atoi(max + strlen("<vcpu max='")) : -1;

    free(xml);
    virResetLastError();
    return vcpus;
}

static bool
cmdMaxvcpus(virshShell *sh, const virshCommandArgs *args)
{
    const char *type = virshArgString(args, "type");
    int vcpus = maxVcpusOfEmulator(sh, type);

    if (vcpus < 0)
        vcpus = virConnectGetMaxVcpus(sh->conn, type);
    if (vcpus < 0)
        return false;
    virshPrint(sh, "%d\n", vcpus);
    return true;
}

const virshCommand virshHostCommands[] = {
    {"capabilities", cmdCapabilities, NULL, "capabilities",
     "Returns capabilities of hypervisor/driver.", false},
    {"domcapabilities", cmdDomCapabilities, domcapsOptions, "domain capabilities",
     "Returns capabilities of emulator with respect to host and libvirt.", false},
    {"hostname", cmdHostname, NULL, "print the hypervisor hostname", "", false},
    {"maxvcpus", cmdMaxvcpus, maxvcpusOptions, "connection vcpu maximum",
     "Show maximum number of virtual CPUs for guests on this connection.", false},
    {"nodeinfo", cmdNodeinfo, NULL, "node information", "Returns basic information about the node.",
     false},
    {"uri", cmdUri, NULL, "print the hypervisor canonical URI", "", false},
    {"version", cmdVersion, versionOptions, "show version",
     "Display the system version information.", false},
    {0},
};
