/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All commands, and how one is run.
 */
#include "virsh-shell.h"

const virshGroup virshGroups[] = {
    {"Domain Management", "domain", virshDomainCommands},
    {"Domain Monitoring", "monitor", virshMonitorCommands},
    {"Domain Events", "events", virshEventCommands},
    {"Host and Hypervisor", "host", virshHostCommands},
    {"Checkpoint", "checkpoint", virshCheckpointCommands},
    {"Backup", "backup", virshBackupCommands},
    {"Secret", "secret", virshSecretCommands},
    {"Virsh itself", "virsh", virshSelfCommands},
    {NULL, NULL, NULL},
};

const virshCommand *
virshCommandLookup(const char *name)
{
    for (const virshGroup *g = virshGroups; g->title; g++) {
        for (const virshCommand *c = g->commands; c->name; c++) {
            if (g_str_equal(c->name, name))
                return c;
        }
    }
    return NULL;
}

const virshGroup *
virshGroupLookup(const char *nameOrKeyword)
{
    for (const virshGroup *g = virshGroups; g->title; g++) {
        if (g_str_equal(g->title, nameOrKeyword) || g_str_equal(g->keyword, nameOrKeyword))
            return g;
    }
    return NULL;
}

bool
virshRun(virshShell *sh, const virshInvocation *inv)
{
    gint64 before = 0;
    bool good = false;

    if (!virshArgsSupported(sh, inv) || (!inv->command->offline && !virshConnect(sh)))
        return false;
    before = g_get_monotonic_time();
    good = virshArgsNotEmpty(sh, inv) && inv->command->run(sh, inv->args);
    if (!good)
        virshReportLibraryError(sh);
    virshForgetErrors();
    if (sh->quit)
        return good;
    if (sh->timing)
        virshPrint(sh, "\n(Time: %.3f ms)\n\n", (g_get_monotonic_time() - before) / 1000.0);
    else
        virshPrintExtra(sh, "\n");
    return good;
}
