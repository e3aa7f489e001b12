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

static const virshOption restoreOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "restorexml", .type = VIRSH_OPT_DATA, .required = true,
     .help = "restore XML"},
    VIRSH_OPT_END,
};

static bool
cmdRestoreBegin(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = dom ? virshReadFile(sh, virshArgString(args, "restorexml")) : NULL;

    if (!xml || virDomainBackupBegin(dom, xml, NULL, 0) < 0)
        return false;
    virshPrint(sh, "Restore started\n");
    return true;
}

static const virshOption commitOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    VIRSH_OPT_END,
};

static bool
cmdRestoreCommit(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);

    if (!dom ||
        virDomainBackupBegin(dom, "<f:domainrestore xmlns:f='urn:fleece:1' mode='commit'/>", NULL, 0) < 0)
        return false;
    virshPrint(sh, "Restore committed\n");
    return true;
}

const virshCommand virshBackupCommands[] = {
    {"backup-begin", cmdBackupBegin, beginOptions, "Start a disk backup of a live domain",
     "Use XML to start a full or incremental disk backup of a live domain, optionally creating a "
     "checkpoint",
     false},
    {"backup-dumpxml", cmdBackupDumpXML, dumpxmlOptions,
     "Dump XML for an ongoing domain block backup job", "Backup Dump XML", false},
    {"restore-begin", cmdRestoreBegin, restoreOptions, "Restore disks of a stopped domain",
     "Use XML to restore disks of a stopped domain from images, or to have a client write them over NBD",
     false},
    {"restore-commit", cmdRestoreCommit, commitOptions,
     "End a restore that a client writes over NBD",
     "What has been written becomes the disks of the domain, all of them or none", false},
    {0},
};
