/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about secrets. Values are wiped from memory when they have served.
 */
#include "virsh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void
secretFree(virSecretPtr secret)
{
    virshHoldError();
    virSecretFree(secret);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virSecret, secretFree)

static const char *const usageNames[VIR_SECRET_USAGE_TYPE_LAST] = {"none",  "volume", "ceph",
                                                                   "iscsi", "tls",    "vtpm"};

static void
wipe(void *data, gsize size)
{
    if (data)
        explicit_bzero(data, size);
    g_free(data);
}

static char **
completeSecret(virshShell *sh, const char *domain G_GNUC_UNUSED)
{
    g_autoptr(GStrvBuilder) out = g_strv_builder_new();
    virSecretPtr *secrets = NULL;
    int n = virConnectListAllSecrets(sh->conn, &secrets, 0);

    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";

        if (virSecretGetUUIDString(secrets[i], uuid) == 0)
            g_strv_builder_add(out, uuid);
        secretFree(secrets[i]);
    }
    g_free(secrets);
    return g_strv_builder_end(out);
}

#define OPT_SECRET                                                                                 \
    {.name = "secret",                                                                             \
     .type = VIRSH_OPT_DATA,                                                                       \
     .required = true,                                                                             \
     .help = "UUID of the secret",                                                                 \
     .complete = completeSecret}

/* (owned) the secret named; NULL after a message. */
static virSecretPtr
argSecret(virshShell *sh, const virshCommandArgs *args)
{
    const char *uuid = virshArgString(args, "secret");
    virSecretPtr secret = virSecretLookupByUUIDString(sh->conn, uuid);

    if (!secret)
        virshError(sh, "failed to get secret '%s'", uuid);
    return secret;
}

static const virshOption defineOptions[] = {
    {.name = "file",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "file with a secret XML document"},
    {.name = "validate",
     .type = VIRSH_OPT_BOOL,
     .help = "check the document against the schema"},
    VIRSH_OPT_END,
};

static bool
cmdSecretDefine(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags = virshArgBool(args, "validate") ? VIR_SECRET_DEFINE_VALIDATE : 0;
    const char *path = virshArgString(args, "file");
    g_autofree char *xml = virshReadFile(sh, path);
    g_autoptr(virSecret) secret = xml ? virSecretDefineXML(sh->conn, xml, flags) : NULL;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (!xml)
        return false;
    if (!secret) {
        virshError(sh, "Failed to set attributes from %s", path);
        return false;
    }
    if (virSecretGetUUIDString(secret, uuid) < 0)
        return false;
    virshPrintExtra(sh, "Secret %s created\n", uuid);
    return true;
}

static const virshOption dumpxmlOptions[] = {
    OPT_SECRET,
    VIRSH_OPT_XPATH,
    VIRSH_OPT_WRAP,
    VIRSH_OPT_END,
};

static bool
cmdSecretDumpXML(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virSecret) secret = argSecret(sh, args);
    g_autofree char *xml = secret ? virSecretGetXMLDesc(secret, 0) : NULL;

    return xml && virshPrintXML(sh, args, xml);
}

static const virshOption setValueOptions[] = {
    OPT_SECRET,
    {.name = "file", .type = VIRSH_OPT_STRING, .namedOnly = true, .help = "file with the value"},
    {.name = "plain", .type = VIRSH_OPT_BOOL, .help = "the file is the value, not base64 of it"},
    {.name = "interactive", .type = VIRSH_OPT_BOOL, .help = "ask for the value at the terminal"},
    {.name = "base64", .type = VIRSH_OPT_STRING, .help = "the value, as base64"},
    VIRSH_OPT_END,
};

/* (owned) a line of the terminal, which does not show it. */
static unsigned char *
askForValue(virshShell *sh, gsize *size)
{
    struct termios shown = {0};
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    struct termios hidden = shown;
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;

    virshPrint(sh, "%s", "Enter new value for secret:");
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    n = getline(&line, &room, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        virshPrint(sh, "\n");
    }
    *size = n > 0 ? strcspn(line, "\n") : 0;
    return (unsigned char *)line;
}

/* (owned) bytes that @text, wiped here, is the base64 of. */
static unsigned char *
decode(char *text, gsize *size)
{
    unsigned char *value = g_base64_decode(text, size);

    wipe(text, strlen(text));
    return value;
}

/* (owned) the value the options give, NULL after a message. */
static unsigned char *
argValue(virshShell *sh, const virshCommandArgs *args, gsize *size)
{
    const char *path = virshArgString(args, "file");
    const char *base64 = virshArgString(args, "base64");
    char *text = NULL;

    if (base64) {
        virshError(sh, "Passing secret value as command-line argument is insecure!");
        return decode(g_strdup(base64), size);
    }
    if (virshArgBool(args, "interactive"))
        return askForValue(sh, size);
    if (!path) {
        virshError(sh, "Input secret value is missing");
        return NULL;
    }
    text = virshReadBytes(sh, path, size);
    return text && !virshArgBool(args, "plain") ? decode(text, size) : (unsigned char *)text;
}

static bool
cmdSecretSetValue(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virSecret) secret = NULL;
    unsigned char *value = NULL;
    gsize size = 0;
    bool done = false;

    if (!virshArgsExclude(sh, args, "file", "base64") ||
        !virshArgsExclude(sh, args, "plain", "base64") ||
        !virshArgsExclude(sh, args, "interactive", "base64") ||
        !virshArgsExclude(sh, args, "interactive", "plain") ||
        !virshArgsExclude(sh, args, "interactive", "file") || !(secret = argSecret(sh, args)) ||
        !(value = argValue(sh, args, &size)))
        return false;
    if (size == 0)
        virshError(sh, "The value is empty or no base64");
    else if (virSecretSetValue(secret, value, size, 0) < 0)
        virshError(sh, "Failed to set secret value");
    else
        done = true;
    wipe(value, size);
    if (done)
        virshPrintExtra(sh, "Secret value set\n");
    return done;
}

static const virshOption getValueOptions[] = {
    OPT_SECRET,
    {.name = "plain", .type = VIRSH_OPT_BOOL, .help = "the value itself, not base64 of it"},
    VIRSH_OPT_END,
};

static bool
cmdSecretGetValue(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virSecret) secret = argSecret(sh, args);
    size_t size = 0;
    unsigned char *value = secret ? virSecretGetValue(secret, &size, 0) : NULL;

    if (!value)
        return false;
    if (virshArgBool(args, "plain")) {
        fwrite(value, 1, size, stdout);
        fflush(stdout);
    } else {
        char *text = g_base64_encode(value, size);

        virshPrint(sh, "%s", text);
        wipe(text, strlen(text));
    }
    wipe(value, size);
    return true;
}

static const virshOption secretOptions[] = {
    OPT_SECRET,
    VIRSH_OPT_END,
};

static bool
cmdSecretUndefine(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virSecret) secret = argSecret(sh, args);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (!secret || virSecretGetUUIDString(secret, uuid) < 0)
        return false;
    if (virSecretUndefine(secret) < 0) {
        virshError(sh, "Failed to delete secret %s", uuid);
        return false;
    }
    virshPrintExtra(sh, "Secret %s deleted\n", uuid);
    return true;
}

static const virshOption listOptions[] = {
    {.name = "ephemeral", .type = VIRSH_OPT_BOOL, .help = "secrets that are in memory alone"},
    {.name = "no-ephemeral", .type = VIRSH_OPT_BOOL, .help = "secrets that are on disk"},
    {.name = "private", .type = VIRSH_OPT_BOOL, .help = "secrets whose value nobody is given"},
    {.name = "no-private", .type = VIRSH_OPT_BOOL, .help = "secrets whose value can be read"},
    VIRSH_OPT_END,
};

static int
compareSecrets(gconstpointer a, gconstpointer b)
{
    unsigned char left[VIR_UUID_BUFLEN] = {0};
    unsigned char right[VIR_UUID_BUFLEN] = {0};

    virSecretGetUUID(*(const virSecretPtr *)a, left);
    virSecretGetUUID(*(const virSecretPtr *)b, right);
    return memcmp(left, right, VIR_UUID_BUFLEN);
}

static void
addRow(virshTable *table, virSecretPtr secret)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    int type = virSecretGetUsageType(secret);
    g_autofree char *usage = NULL;

    virSecretGetUUIDString(secret, uuid);
    if (type == VIR_SECRET_USAGE_TYPE_NONE)
        usage = g_strdup("Unused");
    else
        usage = g_strdup_printf("%s %s",
                                type > 0 && type < VIR_SECRET_USAGE_TYPE_LAST ? usageNames[type]
                                                                              : "unknown",
                                virSecretGetUsageID(secret));
    virshTableAddRow(table, (const char *const[]){uuid, usage});
}

static bool
cmdSecretList(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const titles[] = {"UUID", "Usage", NULL};
    unsigned int flags =
        (virshArgBool(args, "ephemeral") ? VIR_CONNECT_LIST_SECRETS_EPHEMERAL : 0) |
        (virshArgBool(args, "no-ephemeral") ? VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL : 0) |
        (virshArgBool(args, "private") ? VIR_CONNECT_LIST_SECRETS_PRIVATE : 0) |
        (virshArgBool(args, "no-private") ? VIR_CONNECT_LIST_SECRETS_NO_PRIVATE : 0);
    virshTable *table = NULL;
    virSecretPtr *secrets = NULL;
    int n = virConnectListAllSecrets(sh->conn, &secrets, flags);

    if (n < 0) {
        virshError(sh, "Failed to list secrets");
        return false;
    }
    qsort(secrets, (size_t)n, sizeof(*secrets), compareSecrets);
    table = virshTableNew(titles);
    for (int i = 0; i < n; i++) {
        addRow(table, secrets[i]);
        secretFree(secrets[i]);
    }
    g_free(secrets);
    virshTablePrint(sh, table);
    return true;
}

const virshCommand virshSecretCommands[] = {
    {.name = "secret-define",
     .run = cmdSecretDefine,
     .options = defineOptions,
     .help = "define a secret, or change it",
     .description = "The value is set by secret-set-value."},
    {.name = "secret-dumpxml",
     .run = cmdSecretDumpXML,
     .options = dumpxmlOptions,
     .help = "print the XML of a secret",
     .description = "It never holds the value."},
    {.name = "secret-get-value",
     .run = cmdSecretGetValue,
     .options = getValueOptions,
     .help = "print the value of a secret",
     .description = "As base64, unless --plain is given."},
    {.name = "secret-list",
     .run = cmdSecretList,
     .options = listOptions,
     .help = "list secrets",
     .description = "All, or those of the kinds given."},
    {.name = "secret-set-value",
     .run = cmdSecretSetValue,
     .options = setValueOptions,
     .help = "set the value of a secret",
     .description = "From a file or the terminal."},
    {.name = "secret-undefine",
     .run = cmdSecretUndefine,
     .options = secretOptions,
     .help = "forget a secret and its value",
     .description = ""},
    {.name = NULL},
};
