/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking for credentials on the terminal: what command line tools pass to virConnectOpenAuth(). */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libvirt/libvirt.h>

/* (owned, from malloc, as the contract of virConnectCredential says), NULL at the end of input. */
static char *
askEchoed(const char *prompt)
{
    char line[1024];

    printf("%s: ", prompt);
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static char *
askHidden(const char *prompt)
{
    g_autofree char *text = g_strdup_printf("%s: ", prompt);
    const char *answer = getpass(text);

    return answer ? strdup(answer) : NULL;
}

static int
askOne(virConnectCredentialPtr cred)
{
    const char *prompt = cred->prompt ? cred->prompt : "";
    char *answer = NULL;

    switch (cred->type) {
    case VIR_CRED_EXTERNAL:
        return -1;
    case VIR_CRED_PASSPHRASE:
    case VIR_CRED_NOECHOPROMPT:
        answer = askHidden(prompt);
        break;
    default:
        answer = askEchoed(prompt);
        break;
    }
    if (!answer)
        return -1;
    if (!*answer && cred->defresult) {
        free(answer);
        answer = strdup(cred->defresult);
    }
    cred->result = answer;
    cred->resultlen = strlen(answer);
    return 0;
}

static int
authAsk(virConnectCredentialPtr cred, unsigned int ncred, void *cbdata)
{
    (void)cbdata;
    for (unsigned int i = 0; i < ncred; i++) {
        if (askOne(&cred[i]) < 0)
            return -1;
    }
    return 0;
}

static int authTypes[] = {
    VIR_CRED_AUTHNAME,   VIR_CRED_ECHOPROMPT,   VIR_CRED_REALM,
    VIR_CRED_PASSPHRASE, VIR_CRED_NOECHOPROMPT,
};
static virConnectAuth authDefault = {authTypes, G_N_ELEMENTS(authTypes), authAsk, NULL};
virConnectAuthPtr virConnectAuthPtrDefault = &authDefault;
