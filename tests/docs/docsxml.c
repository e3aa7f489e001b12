/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docsxml KIND FILE: does the document parse? For the examples in docs/, see docsexamples.py.
 * Exit status 0: yes. 1: no, the reason is on stderr. 2: wrong use.
 */
#include <stdio.h>
#include <string.h>

#include "backup_def.h"
#include "checkpoint_def.h"
#include "domain_def.h"
#include "restore_def.h"
#include "secret_def.h"
#include "virerror_report.h"

static bool
domainParses(const char *xml)
{
    g_autoptr(virDomainDef) def = virDomainDefParse(xml, 0);

    return def != NULL;
}

static bool
restoreParses(const char *xml)
{
    g_autoptr(virDomainRestoreDef) def = virDomainRestoreDefParse(xml);

    return def != NULL;
}

static bool
checkpointParses(const char *xml)
{
    g_autoptr(virDomainCheckpointDef) def = virDomainCheckpointDefParse(xml, 0);

    return def != NULL;
}

static bool
redefineParses(const char *xml)
{
    g_autoptr(virDomainCheckpointDef) def =
        virDomainCheckpointDefParse(xml, VIR_CHECKPOINT_PARSE_REDEFINE);

    return def != NULL;
}

static bool
backupParses(const char *xml)
{
    g_autoptr(virDomainBackupDef) def = virDomainBackupDefParse(xml);

    return def != NULL;
}

static bool
secretParses(const char *xml)
{
    g_autoptr(virSecretDef) def = virSecretDefParse(xml);

    return def != NULL;
}

static const struct {
    const char *name;
    bool (*parses)(const char *xml);
} kinds[] = {
    {"domain", domainParses},
    {"checkpoint", checkpointParses},
    {"redefine", redefineParses},
    {"backup", backupParses},
    {"restore", restoreParses},
    {"secret", secretParses},
};

int
main(int argc, char **argv)
{
    g_autofree char *xml = NULL;
    g_autoptr(GError) error = NULL;

    if (argc != 3 || !g_file_get_contents(argv[2], &xml, NULL, &error)) {
        fprintf(stderr, "usage: docsxml KIND FILE%s%s\n", error ? ": " : "",
                error ? error->message : "");
        return 2;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0)
            continue;
        if (kinds[i].parses(xml))
            return 0;
        fprintf(stderr, "%s\n", virErrorLastMessage());
        return 1;
    }
    fprintf(stderr, "docsxml: no kind '%s'\n", argv[1]);
    return 2;
}
