/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about backups and their jobs.
 */
#include "virsh.h"

#include <string.h>

static const virshOption beginOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "backupxml", .type = VIRSH_OPT_STRING, .help = "domain backup XML"},
    {.name = "checkpointxml", .type = VIRSH_OPT_STRING, .help = "domain checkpoint XML"},
    {.name = "reuse-external", .type = VIRSH_OPT_BOOL, .help = "reuse files provided by caller"},
    {.name = "preserve-domain-on-shutdown",
     .type = VIRSH_OPT_BOOL,
     .help = "keep the domain, paused, if the guest powers off meanwhile"},
    {.name = "wait", .type = VIRSH_OPT_BOOL, .help = "wait until the backup is over"},
    {.name = "progress", .type = VIRSH_OPT_BOOL, .help = "show progress, and wait"},
    VIRSH_OPT_END,
};

static bool
cmdBackupBegin(virshShell *sh, const virshCommandArgs *args)
{
    const char *backupFile = virshArgString(args, "backupxml");
    const char *checkpointFile = virshArgString(args, "checkpointxml");
    bool progress = virshArgBool(args, "progress");
    unsigned int flags =
        (virshArgBool(args, "reuse-external") ? VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL : 0) |
        (virshArgBool(args, "preserve-domain-on-shutdown")
             ? VIR_DOMAIN_BACKUP_BEGIN_PRESERVE_SHUTDOWN_DOMAIN
             : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *backup = NULL;
    g_autofree char *checkpoint = NULL;

    if (!dom)
        return false;
    backup = backupFile ? virshReadFile(sh, backupFile) : g_strdup("<domainbackup/>");
    if (!backup || (checkpointFile && !(checkpoint = virshReadFile(sh, checkpointFile))) ||
        virDomainBackupBegin(dom, backup, checkpoint, flags) < 0)
        return false;
    if (progress || virshArgBool(args, "wait"))
        return virshBackupWait(sh, dom, progress);
    virshPrint(sh, "Backup started\n");
    return true;
}

static const virshOption dumpxmlOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    VIRSH_OPT_XPATH,
    VIRSH_OPT_WRAP,
    VIRSH_OPT_END,
};

static bool
cmdBackupDumpXML(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = dom ? virDomainBackupGetXMLDesc(dom, 0) : NULL;

    return xml && virshPrintXML(sh, args, xml);
}

const virshCommand virshBackupCommands[] = {
    {"backup-begin", cmdBackupBegin, beginOptions, "Start a disk backup of a live domain",
     "Use XML to start a full or incremental disk backup of a live domain, optionally creating a "
     "checkpoint",
     false},
    {"backup-dumpxml", cmdBackupDumpXML, dumpxmlOptions,
     "Dump XML for an ongoing domain block backup job", "Backup Dump XML", false},
    {0},
};
