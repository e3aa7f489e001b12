/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that manage domains: define, start, stop, change.
 */
#include "virsh.h"
#include "virsh-device.h"

#include <stdlib.h>
#include <string.h>

typedef int (*domainCall)(virDomainPtr dom);

/* One verb, one call, one line: "Domain 't' was reset" or "Failed to reset domain 't'". */
static bool
simpleVerb(virshShell *sh, const virshCommandArgs *args, domainCall call, const char *done,
           const char *failed)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);

    if (!dom)
        return false;
    if (call(dom) < 0) {
        virshError(sh, "Failed to %s '%s'", failed, virshDomainName(dom));
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' %s\n", virshDomainName(dom), done);
    return true;
}

static const virshOption fileOptions[] = {
    {.name = "file",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "file containing an XML domain description"},
    {.name = "validate", .type = VIRSH_OPT_BOOL, .help = "validate the XML against the schema"},
    VIRSH_OPT_END,
};

static bool
cmdDefine(virshShell *sh, const virshCommandArgs *args)
{
    const char *file = virshArgString(args, "file");
    unsigned int flags = virshArgBool(args, "validate") ? VIR_DOMAIN_DEFINE_VALIDATE : 0;
    g_autofree char *xml = virshReadFile(sh, file);
    g_autoptr(virDomain) dom = NULL;

    if (!xml)
        return false;
    dom = flags ? virDomainDefineXMLFlags(sh->conn, xml, flags) : virDomainDefineXML(sh->conn, xml);
    if (!dom) {
        virshError(sh, "Failed to define domain from %s", file);
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' defined from %s\n", virshDomainName(dom), file);
    return true;
}

#define OPT_CONSOLE                                                                                \
    VIRSH_OPT_LACKING("console", VIRSH_OPT_BOOL, "connect to the console once the guest runs",     \
                      "there is no command 'console'; dumpxml shows where the console is")
#define PASS_FDS_LACKING "QEMU is handed no file descriptors of a client"
#define OPT_PASS_FDS                                                                               \
    VIRSH_OPT_LACKING("pass-fds", VIRSH_OPT_STRING, "hand file descriptors N,M,... to the guest",  \
                      PASS_FDS_LACKING)
#define OPT_RESET_NVRAM                                                                            \
    {                                                                                              \
        .name = "reset-nvram", .type = VIRSH_OPT_BOOL,                                             \
        .help = "start with NVRAM from its template"                                               \
    }

static const virshOption createOptions[] = {
    {.name = "file",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "file containing an XML domain description"},
    OPT_CONSOLE,
    {.name = "paused", .type = VIRSH_OPT_BOOL, .help = "leave the guest paused after creation"},
    {.name = "autodestroy",
     .type = VIRSH_OPT_BOOL,
     .help = "automatically destroy the guest when virsh disconnects"},
    OPT_PASS_FDS,
    {.name = "validate", .type = VIRSH_OPT_BOOL, .help = "validate the XML against the schema"},
    OPT_RESET_NVRAM,
    VIRSH_OPT_END,
};

static unsigned int
startFlags(const virshCommandArgs *args)
{
    return (virshArgBool(args, "paused") ? VIR_DOMAIN_START_PAUSED : 0) |
           (virshArgBool(args, "autodestroy") ? VIR_DOMAIN_START_AUTODESTROY : 0) |
           (virshArgBool(args, "bypass-cache") ? VIR_DOMAIN_START_BYPASS_CACHE : 0) |
           (virshArgBool(args, "force-boot") ? VIR_DOMAIN_START_FORCE_BOOT : 0) |
           (virshArgBool(args, "reset-nvram") ? VIR_DOMAIN_START_RESET_NVRAM : 0);
}

static bool
cmdCreate(virshShell *sh, const virshCommandArgs *args)
{
    const char *file = virshArgString(args, "file");
    unsigned int flags =
        startFlags(args) | (virshArgBool(args, "validate") ? VIR_DOMAIN_START_VALIDATE : 0);
    g_autofree char *xml = virshReadFile(sh, file);
    g_autoptr(virDomain) dom = xml ? virDomainCreateXML(sh->conn, xml, flags) : NULL;

    if (!xml)
        return false;
    if (!dom) {
        virshError(sh, "Failed to create domain from %s", file);
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' created from %s\n", virshDomainName(dom), file);
    return true;
}

static const virshOption startOptions[] = {
    {.name = "domain",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "name of the inactive domain",
     .complete = virshCompleteInactiveDomain},
    OPT_CONSOLE,
    {.name = "paused", .type = VIRSH_OPT_BOOL, .help = "leave the guest paused after creation"},
    {.name = "autodestroy",
     .type = VIRSH_OPT_BOOL,
     .help = "automatically destroy the guest when virsh disconnects"},
    {.name = "bypass-cache",
     .type = VIRSH_OPT_BOOL,
     .help = "read a saved state past the page cache"},
    {.name = "force-boot", .type = VIRSH_OPT_BOOL, .help = "boot afresh, forgetting a saved state"},
    OPT_PASS_FDS,
    OPT_RESET_NVRAM,
    VIRSH_OPT_END,
};

static bool
cmdStart(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = startFlags(args);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    const char *name = dom ? virshDomainName(dom) : NULL;

    if (!dom)
        return false;
    if (virDomainGetID(dom) != (unsigned int)-1) {
        virshError(sh, "Domain is already active");
        return false;
    }
    if ((flags ? virDomainCreateWithFlags(dom, flags) : virDomainCreate(dom)) < 0) {
        virshError(sh, "Failed to start domain '%s'", name);
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' started\n", name);
    return true;
}

static const virshOption destroyOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "graceful", .type = VIRSH_OPT_BOOL, .help = "terminate gracefully"},
    {.name = "remove-logs", .type = VIRSH_OPT_BOOL, .help = "delete the log of the domain"},
    VIRSH_OPT_END,
};

static bool
cmdDestroy(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = (virshArgBool(args, "graceful") ? VIR_DOMAIN_DESTROY_GRACEFUL : 0) |
                         (virshArgBool(args, "remove-logs") ? VIR_DOMAIN_DESTROY_REMOVE_LOGS : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);

    if (!dom)
        return false;
    if ((flags ? virDomainDestroyFlags(dom, flags) : virDomainDestroy(dom)) < 0) {
        virshError(sh, "Failed to destroy domain '%s'", virshDomainName(dom));
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' destroyed\n", virshDomainName(dom));
    return true;
}

static const virshOption modeOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "mode",
     .type = VIRSH_OPT_STRING,
     .help = "shutdown mode: acpi|agent|initctl|signal|paravirt"},
    VIRSH_OPT_END,
};

/* "acpi,agent" -> flag bits; the bits are in this order for shutdown and for reboot. */
static bool
parseModes(virshShell *sh, const char *text, const char *expected, unsigned int *flags)
{
    static const char *const names[] = {"acpi", "agent", "initctl", "signal", "paravirt"};
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);

    *flags = 0;
    for (gsize i = 0; words[i]; i++) {
        gsize k = 0;

        while (k < G_N_ELEMENTS(names) && !g_str_equal(words[i], names[k]))
            k++;
        if (k == G_N_ELEMENTS(names)) {
            virshError(sh, "Unknown mode %s value, expecting %s", words[i], expected);
            return false;
        }
        *flags |= 1u << k;
    }
    return true;
}

static bool
cmdShutdown(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = NULL;
    unsigned int flags = 0;

    if (!parseModes(sh, virshArgString(args, "mode"),
                    "'acpi', 'agent', 'initctl', 'signal', or 'paravirt'", &flags) ||
        !(dom = virshArgDomain(sh, args)))
        return false;
    if ((flags ? virDomainShutdownFlags(dom, flags) : virDomainShutdown(dom)) < 0) {
        virshError(sh, "Failed to shutdown domain '%s'", virshDomainName(dom));
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' is being shutdown\n", virshDomainName(dom));
    return true;
}

static bool
cmdReboot(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = NULL;
    unsigned int flags = 0;

    if (!parseModes(sh, virshArgString(args, "mode"),
                    "'acpi', 'agent', 'initctl', 'signal' or 'paravirt'", &flags) ||
        !(dom = virshArgDomain(sh, args)))
        return false;
    if (virDomainReboot(dom, flags) < 0) {
        virshError(sh, "Failed to reboot domain '%s'", virshDomainName(dom));
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' is being rebooted\n", virshDomainName(dom));
    return true;
}

static const virshOption activeOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    VIRSH_OPT_END,
};

static int
resetCall(virDomainPtr dom)
{
    return virDomainReset(dom, 0);
}

static bool
cmdReset(virshShell *sh, const virshCommandArgs *args)
{
    return simpleVerb(sh, args, resetCall, "was reset", "reset domain");
}

static bool
cmdSuspend(virshShell *sh, const virshCommandArgs *args)
{
    return simpleVerb(sh, args, virDomainSuspend, "suspended", "suspend domain");
}

static bool
cmdResume(virshShell *sh, const virshCommandArgs *args)
{
    return simpleVerb(sh, args, virDomainResume, "resumed", "resume domain");
}

#define NO_VOLUMES "there are no storage pools and volumes; delete the image files by hand"

static const virshOption undefineOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "managed-save", .type = VIRSH_OPT_BOOL, .help = "remove domain managed state file"},
    VIRSH_OPT_LACKING("storage", VIRSH_OPT_STRING, "delete these volumes (targets or paths) too",
                      NO_VOLUMES),
    VIRSH_OPT_LACKING("remove-all-storage", VIRSH_OPT_BOOL, "delete all its volumes too",
                      NO_VOLUMES),
    VIRSH_OPT_LACKING("delete-storage-volume-snapshots", VIRSH_OPT_BOOL,
                      "delete the snapshots of a deleted volume", NO_VOLUMES),
    VIRSH_OPT_LACKING("wipe-storage", VIRSH_OPT_BOOL, "overwrite volumes before they are deleted",
                      NO_VOLUMES),
    {.name = "snapshots-metadata",
     .type = VIRSH_OPT_BOOL,
     .help = "remove all domain snapshot metadata (vm must be inactive)"},
    {.name = "checkpoints-metadata",
     .type = VIRSH_OPT_BOOL,
     .help = "remove all domain checkpoint metadata (vm must be inactive)"},
    {.name = "nvram", .type = VIRSH_OPT_BOOL, .help = "delete the NVRAM file"},
    {.name = "keep-nvram", .type = VIRSH_OPT_BOOL, .help = "leave the NVRAM file"},
    {.name = "tpm", .type = VIRSH_OPT_BOOL, .help = "delete the state of the TPM"},
    {.name = "keep-tpm", .type = VIRSH_OPT_BOOL, .help = "leave the state of the TPM"},
    VIRSH_OPT_END,
};

static unsigned int
undefineFlags(const virshCommandArgs *args)
{
    return (virshArgBool(args, "checkpoints-metadata") ? VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                                                       : 0) |
           (virshArgBool(args, "nvram") ? VIR_DOMAIN_UNDEFINE_NVRAM : 0) |
           (virshArgBool(args, "keep-nvram") ? VIR_DOMAIN_UNDEFINE_KEEP_NVRAM : 0) |
           (virshArgBool(args, "tpm") ? VIR_DOMAIN_UNDEFINE_TPM : 0) |
           (virshArgBool(args, "keep-tpm") ? VIR_DOMAIN_UNDEFINE_KEEP_TPM : 0);
}

static bool
cmdUndefine(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = undefineFlags(args);
    g_autoptr(virDomain) dom = NULL;

    if (!virshArgsExclude(sh, args, "nvram", "keep-nvram") ||
        !virshArgsExclude(sh, args, "tpm", "keep-tpm") || !(dom = virshArgDomain(sh, args)))
        return false;
    /* As stock: flags for what the domain does not have are dropped. */
    if (virshArgBool(args, "managed-save") && virDomainHasManagedSaveImage(dom, 0) > 0)
        flags |= VIR_DOMAIN_UNDEFINE_MANAGED_SAVE;
    if (virshArgBool(args, "snapshots-metadata") && virDomainSnapshotNum(dom, 0) > 0)
        flags |= VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    virResetLastError();
    if ((flags ? virDomainUndefineFlags(dom, flags) : virDomainUndefine(dom)) < 0) {
        virshError(sh, "Failed to undefine domain '%s'", virshDomainName(dom));
        return false;
    }
    virshPrintExtra(sh, "Domain '%s' has been undefined\n", virshDomainName(dom));
    return true;
}

static const virshOption autostartOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "disable", .type = VIRSH_OPT_BOOL, .help = "disable autostarting"},
    VIRSH_OPT_END,
};

static bool
cmdAutostart(virshShell *sh, const virshCommandArgs *args)
{
    bool off = virshArgBool(args, "disable");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);

    if (!dom)
        return false;
    if (virDomainSetAutostart(dom, !off) < 0) {
        virshError(sh,
                   off ? "Failed to unmark domain '%s' as autostarted"
                       : "Failed to mark domain '%s' as autostarted",
                   virshDomainName(dom));
        return false;
    }
    virshPrintExtra(
        sh, off ? "Domain '%s' unmarked as autostarted\n" : "Domain '%s' marked as autostarted\n",
        virshDomainName(dom));
    return true;
}

static const virshOption dumpxmlOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "inactive", .type = VIRSH_OPT_BOOL, .help = "show inactive defined XML"},
    {.name = "security-info",
     .type = VIRSH_OPT_BOOL,
     .help = "include security sensitive information in XML dump"},
    {.name = "update-cpu",
     .type = VIRSH_OPT_BOOL,
     .help = "update guest CPU according to host CPU"},
    {.name = "migratable", .type = VIRSH_OPT_BOOL, .help = "provide XML suitable for migrations"},
    VIRSH_OPT_XPATH,
    VIRSH_OPT_WRAP,
    VIRSH_OPT_END,
};

static bool
cmdDumpXML(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = (virshArgBool(args, "inactive") ? VIR_DOMAIN_XML_INACTIVE : 0) |
                         (virshArgBool(args, "security-info") ? VIR_DOMAIN_XML_SECURE : 0) |
                         (virshArgBool(args, "update-cpu") ? VIR_DOMAIN_XML_UPDATE_CPU : 0) |
                         (virshArgBool(args, "migratable") ? VIR_DOMAIN_XML_MIGRATABLE : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = dom ? virDomainGetXMLDesc(dom, flags) : NULL;

    return xml && virshPrintXML(sh, args, xml);
}

#define NAMED_OPTIONS(words)                                                                       \
    {                                                                                              \
        {.name = "domain",                                                                         \
         .type = VIRSH_OPT_DATA,                                                                   \
         .required = true,                                                                         \
         .help = words,                                                                            \
         .complete = virshCompleteDomain},                                                         \
            VIRSH_OPT_END,                                                                         \
    }

static const virshOption domidOptions[] = NAMED_OPTIONS("domain name or uuid");
static const virshOption domnameOptions[] = NAMED_OPTIONS("domain id or uuid");
static const virshOption domuuidOptions[] = NAMED_OPTIONS("domain id or name");

static virDomainPtr
argDomainBy(virshShell *sh, const virshCommandArgs *args, virshLookupBy by)
{
    return virshLookupDomain(sh, virshArgString(args, "domain"), by);
}

static bool
cmdDomid(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = argDomainBy(sh, args, VIRSH_BY_NAME | VIRSH_BY_UUID);

    if (!dom)
        return false;
    if (virDomainGetID(dom) == (unsigned int)-1)
        virshPrint(sh, "%s\n", "-");
    else
        virshPrint(sh, "%u\n", virDomainGetID(dom));
    return true;
}

static bool
cmdDomname(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = argDomainBy(sh, args, VIRSH_BY_ID | VIRSH_BY_UUID);

    if (dom)
        virshPrint(sh, "%s\n", virshDomainName(dom));
    return dom != NULL;
}

static bool
cmdDomuuid(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = argDomainBy(sh, args, VIRSH_BY_NAME | VIRSH_BY_ID);
    char uuid[VIR_UUID_STRING_BUFLEN] = {0};

    if (!dom)
        return false;
    if (virDomainGetUUIDString(dom, uuid) < 0) {
        virshError(sh, "failed to get domain UUID");
        return false;
    }
    virshPrint(sh, "%s\n", uuid);
    return true;
}

static const virshOption editOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "skip-validate",
     .type = VIRSH_OPT_BOOL,
     .help = "do not check the XML against the schema"},
    VIRSH_OPT_END,
};

static bool
cmdEdit(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int dump = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE;
    unsigned int flags = virshArgBool(args, "skip-validate") ? 0 : VIR_DOMAIN_DEFINE_VALIDATE;
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *before = dom ? virDomainGetXMLDesc(dom, dump) : NULL;
    g_autofree char *edited = before ? virshEdit(sh, before, ".xml") : NULL;
    g_autofree char *now = NULL;
    g_autoptr(virDomain) made = NULL;

    if (!edited)
        return false;
    if (g_str_equal(before, edited)) {
        virshPrint(sh, "Domain '%s' XML configuration not changed.\n", virshDomainName(dom));
        return true;
    }
    if (!(now = virDomainGetXMLDesc(dom, dump)))
        return false;
    if (!g_str_equal(before, now)) {
        virshError(sh, "ERROR: the XML configuration was changed by another user");
        return false;
    }
    if (!(made = virDomainDefineXMLFlags(sh->conn, edited, flags)))
        return false;
    virshPrintExtra(sh, "Domain '%s' XML configuration edited.\n", virshDomainName(made));
    return true;
}

static const virshOption monitorOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "hmp", .type = VIRSH_OPT_BOOL, .help = "command is in human monitor protocol"},
    {.name = "pretty",
     .type = VIRSH_OPT_BOOL,
     .help = "pretty-print any qemu monitor protocol output"},
    {.name = "return-value",
     .type = VIRSH_OPT_BOOL,
     .help = "extract the value of the 'return' key from the returned string"},
    {.name = "pass-fds",
     .type = VIRSH_OPT_STRING,
     .namedOnly = true,
     .help = "hand file descriptors N,M,... to QEMU",
     .lacking = PASS_FDS_LACKING},
    {.name = "cmd", .type = VIRSH_OPT_ARGV, .required = true, .help = "command"},
    VIRSH_OPT_END,
};

/* What is no JSON object is the name of a QMP command without arguments. */
static char *
monitorCommandText(const virshCommandArgs *args)
{
    g_autofree char *text = g_strjoinv(" ", (char **)virshArgList(args, "cmd"));

    if (virshArgBool(args, "hmp") || virshIsJSONObject(text))
        return g_steal_pointer(&text);
    return virshQMPFromName(text);
}

static bool
cmdMonitorCommand(virshShell *sh, const virshCommandArgs *args)
{
    bool hmp = virshArgBool(args, "hmp");
    bool pretty = virshArgBool(args, "pretty");
    bool value = virshArgBool(args, "return-value");
    g_autoptr(virDomain) dom = NULL;
    g_autofree char *command = NULL;
    g_autofree char *reply = NULL;
    g_autofree char *shown = NULL;

    if (!virshArgsExclude(sh, args, "hmp", "pretty") ||
        !virshArgsExclude(sh, args, "hmp", "return-value"))
        return false;
    if (!(dom = virshArgDomain(sh, args)))
        return false;
    command = monitorCommandText(args);
    if (virDomainQemuMonitorCommand(dom, command, &reply,
                                    hmp ? VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP : 0) < 0)
        return false;
    if (pretty || value)
        shown = virshFormatJSON(sh, reply, pretty, value);
    if ((pretty || value) && !shown)
        return false;
    if (shown)
        virshPrint(sh, "%s", shown);
    else
        virshPrint(sh, "%s\n", reply);
    return true;
}

static const virshOption freezeOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "mountpoint", .type = VIRSH_OPT_ARGV, .help = "mountpoint path to be frozen"},
    VIRSH_OPT_END,
};

static const virshOption thawOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "mountpoint", .type = VIRSH_OPT_ARGV, .help = "mountpoint path to be thawed"},
    VIRSH_OPT_END,
};

static bool
freezeOrThaw(virshShell *sh, const virshCommandArgs *args, bool freeze)
{
    const char *const *points = virshArgList(args, "mountpoint");
    unsigned int n = g_strv_length((char **)points);
    const char **list = n ? (const char **)points : NULL;
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    int count = -1;

    if (!dom)
        return false;
    count = freeze ? virDomainFSFreeze(dom, list, n, 0) : virDomainFSThaw(dom, list, n, 0);
    if (count < 0) {
        virshError(sh, freeze ? "Unable to freeze filesystems" : "Unable to thaw filesystems");
        return false;
    }
    virshPrintExtra(sh, freeze ? "Froze %d filesystem(s)\n" : "Thawed %d filesystem(s)\n", count);
    return true;
}

static bool
cmdFreeze(virshShell *sh, const virshCommandArgs *args)
{
    return freezeOrThaw(sh, args, true);
}

static bool
cmdThaw(virshShell *sh, const virshCommandArgs *args)
{
    return freezeOrThaw(sh, args, false);
}

const virshCommand virshDomainCommands[] = {
    {"attach-device", virshAttachDevice, virshAttachDeviceOptions,
     "attach device from an XML file", "Attach device from an XML <file>.", false},
    {"attach-disk", virshAttachDisk, virshAttachDiskOptions, "attach disk device",
     "Attach new disk device.", false},
    {"autostart", cmdAutostart, autostartOptions, "autostart a domain",
     "Configure a domain to be automatically started at boot.", false},
    {"blockjob", virshBlockJob, virshBlockJobOptions, "Manage active block operations",
     "Query, adjust speed, or cancel active block operations.", false},
    {"blockresize", virshBlockResize, virshBlockResizeOptions, "Resize block device of domain.",
     "Resize block device of domain.", false},
    {"change-media", virshChangeMedia, virshChangeMediaOptions,
     "Change media of CD or floppy drive", "Change media of CD or floppy drive.", false},
    {"create", cmdCreate, createOptions, "create a domain from an XML file", "Create a domain.",
     false},
    {"define", cmdDefine, fileOptions, "define (but don't start) a domain from an XML file",
     "Define a domain.", false},
    {"destroy", cmdDestroy, destroyOptions, "destroy (stop) a domain",
     "Forcefully stop a given domain, but leave its resources intact.", false},
    {"detach-device", virshDetachDevice, virshAttachDeviceOptions,
     "detach device from an XML file", "Detach device from an XML <file>", false},
    {"detach-device-alias", virshDetachDeviceAlias, virshDetachDeviceAliasOptions,
     "detach device from an alias",
     "Detach device identified by the given alias from a domain", false},
    {"detach-disk", virshDetachDisk, virshDetachDiskOptions, "detach disk device",
     "Detach disk device.", false},
    {"domblkthreshold", virshBlockThreshold, virshBlockThresholdOptions,
     "set the threshold for block-threshold event for a given block device or it's backing chain "
     "element",
     "set threshold for block-threshold event for a block device", false},
    {"domfsfreeze", cmdFreeze, freezeOptions, "Freeze domain's mounted filesystems.",
     "Freeze domain's mounted filesystems.", false},
    {"domfsthaw", cmdThaw, thawOptions, "Thaw domain's mounted filesystems.",
     "Thaw domain's mounted filesystems.", false},
    {"domid", cmdDomid, domidOptions, "convert a domain name or UUID to domain id", "", false},
    {"domjobabort", virshJobAbort, virshJobAbortOptions, "abort active domain job",
     "Aborts the currently running domain job", false},
    {"domjobinfo", virshJobInfo, virshJobInfoOptions, "domain job information",
     "Returns information about jobs running on a domain.", false},
    {"domname", cmdDomname, domnameOptions, "convert a domain id or UUID to domain name", "",
     false},
    {"domuuid", cmdDomuuid, domuuidOptions, "convert a domain name or id to domain UUID", "",
     false},
    {"dumpxml", cmdDumpXML, dumpxmlOptions, "domain information in XML",
     "Output the domain information as an XML dump to stdout.", false},
    {"edit", cmdEdit, editOptions, "edit XML configuration for a domain",
     "Edit the XML configuration for a domain.", false},
    {"qemu-monitor-command", cmdMonitorCommand, monitorOptions, "QEMU Monitor Command",
     "QEMU Monitor Command", false},
    {"reboot", cmdReboot, modeOptions, "reboot a domain",
     "Run a reboot command in the target domain.", false},
    {"reset", cmdReset, activeOptions, "reset a domain",
     "Reset the target domain as if by power button", false},
    {"resume", cmdResume, activeOptions, "resume a domain", "Resume a previously suspended domain.",
     false},
    {"shutdown", cmdShutdown, modeOptions, "gracefully shutdown a domain",
     "Run shutdown in the target domain.", false},
    {"start", cmdStart, startOptions, "start a (previously defined) inactive domain",
     "Start a domain, either from the last managedsave\n    state, or via a fresh boot if no "
     "managedsave "
     "state\n    is present.",
     false},
    {"suspend", cmdSuspend, activeOptions, "suspend a domain", "Suspend a running domain.", false},
    {"undefine", cmdUndefine, undefineOptions, "undefine a domain",
     "Undefine an inactive domain, or convert persistent to transient.", false},
    {"update-device", virshUpdateDevice, virshUpdateDeviceOptions,
     "update device from an XML file", "Update device from an XML <file>.", false},
    {0},
};
