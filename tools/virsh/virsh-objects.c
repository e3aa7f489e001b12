/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What commands work on: the connection, domains by any of their names, files, an editor.
 */
#include "virsh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_FILE_MAX (10 * 1024 * 1024)

static void
connectionClosed(virConnectPtr conn G_GNUC_UNUSED, int reason, void *opaque)
{
    virshShell *sh = opaque;

    sh->disconnected = true;
    virshError(sh, reason == VIR_CONNECT_CLOSE_REASON_EOF ? "Disconnected from the daemon"
                                                          : "Connection to the daemon lost");
}

/* Events, keepalive and the close callback are served by a thread of their own for the whole run.
 */
static gpointer
eventLoop(gpointer opaque)
{
    virshShell *sh = opaque;

    while (g_atomic_int_get(&sh->eventLoop)) {
        if (virEventRunDefaultImpl() < 0)
            virResetLastError();
    }
    return NULL;
}

static void
wakeUp(int timer G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
}

static bool
startEventLoop(virshShell *sh)
{
    if (sh->eventThread)
        return true;
    if (virEventRegisterDefaultImpl() < 0)
        return false;
    g_atomic_int_set(&sh->eventLoop, 1);
    sh->eventThread = g_thread_new("virsh-events", eventLoop, sh);
    return true;
}

static void
stopEventLoop(virshShell *sh)
{
    if (!sh->eventThread)
        return;
    g_atomic_int_set(&sh->eventLoop, 0);
    /* A timer that is due makes the loop look at the flag. */
    virEventAddTimeout(0, wakeUp, NULL, NULL);
    g_thread_join(g_steal_pointer(&sh->eventThread));
}

static bool
setKeepalive(virshShell *sh)
{
    int interval = sh->keepaliveInterval < 0 ? 5 : sh->keepaliveInterval;
    int count = sh->keepaliveCount < 0 ? 6 : sh->keepaliveCount;

    if (interval == 0 || virConnectSetKeepAlive(sh->conn, interval, count) == 0)
        return true;
    if (sh->keepaliveInterval < 0 && sh->keepaliveCount < 0) {
        virResetLastError();
        return true;
    }
    virshError(sh, "Cannot setup keepalive on connection as requested, disconnecting");
    return false;
}

bool
virshConnect(virshShell *sh)
{
    const char *uri = sh->uri ? sh->uri : g_getenv("VIRSH_DEFAULT_CONNECT_URI");

    if (sh->disconnected)
        virshDisconnect(sh);
    if (sh->conn)
        return true;
    if (!startEventLoop(sh))
        return false;
    sh->conn = virConnectOpenAuth(uri, virConnectAuthPtrDefault, sh->readonly ? VIR_CONNECT_RO : 0);
    if (!sh->conn) {
        virshError(sh, "failed to connect to the hypervisor");
        virshReportLibraryError(sh);
        return false;
    }
    if (virConnectRegisterCloseCallback(sh->conn, connectionClosed, sh, NULL) < 0)
        virshError(sh, "Unable to register disconnect callback");
    return setKeepalive(sh);
}

void
virshDisconnect(virshShell *sh)
{
    if (sh->conn) {
        virConnectUnregisterCloseCallback(sh->conn, connectionClosed);
        virConnectClose(g_steal_pointer(&sh->conn));
        virResetLastError();
    }
    sh->disconnected = false;
    stopEventLoop(sh);
}

static bool
isNumber(const char *text, int *value)
{
    char *end = NULL;
    long number = 0;

    errno = 0;
    number = strtol(text, &end, 10);
    *value = (int)number;
    return errno == 0 && end != text && !*end && number >= 0 && number <= G_MAXINT;
}

virDomainPtr
virshLookupDomain(virshShell *sh, const char *name, virshLookupBy by)
{
    virDomainPtr dom = NULL;
    int id = 0;

    if ((by & VIRSH_BY_ID) && isNumber(name, &id))
        dom = virDomainLookupByID(sh->conn, id);
    if (!dom && (by & VIRSH_BY_UUID) && strlen(name) == VIR_UUID_STRING_BUFLEN - 1)
        dom = virDomainLookupByUUIDString(sh->conn, name);
    if (!dom && (by & VIRSH_BY_NAME)) {
        virResetLastError();
        dom = virDomainLookupByName(sh->conn, name);
    }
    if (dom)
        return dom;
    virshError(sh, "failed to get domain '%s'", name);
    /* That it does not exist was just said; any other reason is worth a line. */
    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
        virResetLastError();
    return NULL;
}

virDomainPtr
virshArgDomain(virshShell *sh, const virshCommandArgs *args)
{
    return virshLookupDomain(sh, virshArgString(args, "domain"), VIRSH_BY_ANY);
}

const char *
virshDomainName(virDomainPtr dom)
{
    virshHoldError();
    return virDomainGetName(dom);
}

const char *
virshCheckpointName(virDomainCheckpointPtr checkpoint)
{
    virshHoldError();
    return virDomainCheckpointGetName(checkpoint);
}

void
virshDomainFree(virDomainPtr dom)
{
    virshHoldError();
    virDomainFree(dom);
}

void
virshCheckpointFree(virDomainCheckpointPtr checkpoint)
{
    virshHoldError();
    virDomainCheckpointFree(checkpoint);
}

void
virshDomainDestroy(gpointer domain)
{
    virshDomainFree(domain);
}

void
virshCheckpointDestroy(gpointer checkpoint)
{
    virshCheckpointFree(checkpoint);
}

void
virshFreeDomains(virDomainPtr *domains)
{
    for (gsize i = 0; domains[i]; i++)
        virshDomainFree(domains[i]);
    g_free(domains);
}

/* Read to the end, or one byte past the limit. -1 with errno set on failure. */
static int
readAll(int fd, GString *text)
{
    char chunk[65536];
    ssize_t n = 0;

    while (text->len <= READ_FILE_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
        g_string_append_len(text, chunk, n);
    return n < 0 ? -1 : 0;
}

char *
virshReadBytes(virshShell *sh, const char *path, gsize *size)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = 0;
    int saved = 0;

    if (fd < 0) {
        virshError(sh, "Failed to open file '%s': %s", path, g_strerror(errno));
        return NULL;
    }
    rc = readAll(fd, text);
    saved = errno;
    close(fd);
    if (rc < 0)
        virshError(sh, "Failed to read file '%s': %s", path, g_strerror(saved));
    else if (text->len > READ_FILE_MAX)
        virshError(sh, "File '%s' is larger than %d bytes", path, READ_FILE_MAX);
    else {
        *size = text->len;
        return g_string_free(g_steal_pointer(&text), false);
    }
    return NULL;
}

char *
virshReadFile(virshShell *sh, const char *path)
{
    gsize size = 0;

    return virshReadBytes(sh, path, &size);
}

static bool
runEditor(virshShell *sh, const char *path)
{
    const char *editor = g_getenv("VISUAL") ? g_getenv("VISUAL") : g_getenv("EDITOR");
    g_autofree char *quoted = g_shell_quote(path);
    /* The variable may hold arguments, so a shell takes it apart, as everywhere. */
    g_autofree char *command = g_strdup_printf("%s %s", editor ? editor : "vi", quoted);
    g_autoptr(GError) err = NULL;
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    int status = 0;

    if (g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                     NULL, &status, &err) &&
        g_spawn_check_wait_status(status, &err))
        return true;
    virshError(sh, "%s: %s", command, err->message);
    return false;
}

char *
virshEdit(virshShell *sh, const char *text, const char *suffix)
{
    g_autofree char *pattern = g_strdup_printf("virshXXXXXX%s", suffix);
    g_autofree char *path = NULL;
    g_autoptr(GError) err = NULL;
    char *edited = NULL;
    int fd = g_file_open_tmp(pattern, &path, &err);

    if (fd < 0) {
        virshError(sh, "%s", err->message);
        return NULL;
    }
    close(fd);
    if (!g_file_set_contents(path, text, -1, &err))
        virshError(sh, "%s", err->message);
    else if (runEditor(sh, path))
        edited = virshReadFile(sh, path);
    unlink(path);
    return edited;
}
