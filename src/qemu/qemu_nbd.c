/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's greeting is all that is read: "NBDMAGIC" is what every server sends first. No reconnect
 * is asked of QEMU: with a connection that is lost the backup fails at once, and so do the guest's requests.
 */
#include "qemu_nbd.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define NBD_GREETING "NBDMAGIC"

virJSONValue *
qemuNbdOptions(const virStorageNbd *nbd, const char *creds)
{
    g_autofree char *port = g_strdup_printf("%u", nbd->port);
    virJSONValue *server = NULL;

    if (nbd->socket)
        server = virJSONBuild("{'type':'unix','path':%s}", nbd->socket);
    else
        server = virJSONBuild("{'type':'inet','host':%s,'port':%s}", nbd->host, port);
    return virJSONBuild("{'driver':'nbd','server':%v,'export':%s,'tls-creds':%s}", server, nbd->exportName,
                        nbd->tls ? creds : NULL);
}

/* NULL, or why not; @silent: it is there, but does not speak; @accepted: it has taken the connection. Linux
 * lets the time limit for sending also end a connect. */
static const char *
greet(const struct sockaddr *address, socklen_t length, bool *silent, bool *accepted)
{
    static const struct timeval limit = { .tv_sec = QEMU_NBD_TIMEOUT_MS / 1000 };
    VIR_AUTOCLOSE fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char hello[sizeof(NBD_GREETING)] = "";

    *silent = *accepted = false;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        return g_strerror(errno);
    if (connect(fd, address, length) < 0) {
        *silent = errno == EINPROGRESS || errno == EAGAIN;
        return *silent ? "it does not answer" : g_strerror(errno);
    }
    *accepted = true;
    if (recv(fd, hello, sizeof(NBD_GREETING) - 1, MSG_WAITALL) < 0) {
        *silent = errno == EAGAIN;
        return *silent ? "it says nothing" : g_strerror(errno);
    }
    return strcmp(hello, NBD_GREETING) == 0 ? NULL : "what is there is no NBD server";
}

static const char *
greetUnix(const char *path, bool *silent)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    bool accepted = false;

    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path))
        return g_strerror(ENAMETOOLONG);
    return greet((const struct sockaddr *)&address, sizeof(address), silent, &accepted);
}

/* A name may have several addresses ("localhost"); QEMU takes the first one that accepts, whatever it says. */
static const char *
greetHost(const char *host, unsigned int port, bool *silent)
{
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *why = NULL;
    bool accepted = false;
    int rc = getaddrinfo(host, service, &hints, &found);

    if (rc != 0)
        return gai_strerror(rc);
    for (const struct addrinfo *one = found; one && !accepted; one = one->ai_next)
        why = greet(one->ai_addr, one->ai_addrlen, silent, &accepted);
    freeaddrinfo(found);
    return why;
}

/* Why @nbd does not answer, or NULL if it does. */
static const char *
greetServer(const virStorageNbd *nbd, bool *silent)
{
    *silent = false;
    return nbd->socket ? greetUnix(nbd->socket, silent) : greetHost(nbd->host, nbd->port, silent);
}

static void
reportServer(const virStorageNbd *nbd, const char *use, const char *why, bool silent)
{
    g_autofree char *uri = virStorageNbdURI(nbd);

    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot %s the NBD server at '%s': %s; look if the server runs and can be reached from "
                   "this host%s",
                   use, uri, why, silent ? ", and takes more than one client" : "");
}

int
qemuNbdProbe(const virStorageNbd *nbd, const char *use)
{
    bool silent = false;
    const char *why = greetServer(nbd, &silent);

    if (!why)
        return 0;
    reportServer(nbd, use, why, silent);
    return -1;
}

int
qemuNbdProbeImage(const virStorageSource *src, const char *use)
{
    if (src->dataStore && qemuNbdProbeImage(src->dataStore, use) < 0)
        return -1;
    return src->nbd ? qemuNbdProbe(src->nbd, use) : 0;
}

int
qemuNbdProbeChain(const virStorageSource *src, const char *use)
{
    for (; src; src = src->backing) {
        if (qemuNbdProbeImage(src, use) < 0)
            return -1;
    }
    return 0;
}

static int
checkImage(const virDomainDef *def, const virDomainDiskDef *disk, const virStorageSource *src)
{
    bool silent = false;
    const char *why = src->nbd ? greetServer(src->nbd, &silent) : NULL;
    g_autofree char *use = NULL;

    if (!why || !silent)
        return src->dataStore ? checkImage(def, disk, src->dataStore) : 0;
    use = g_strdup_printf("change bitmaps and nodes of domain '%s' while its disk '%s' is on", def->name, disk->dst);
    reportServer(src->nbd, use, why, silent);
    return -1;
}

static int
checkDisk(const virDomainDef *def, const virDomainDiskDef *disk)
{
    for (const virStorageSource *src = disk->src; src; src = src->backing) {
        if (checkImage(def, disk, src) < 0)
            return -1;
    }
    return 0;
}

int
qemuNbdCheckDomain(const virDomainDef *def)
{
    for (guint i = 0; i < def->disks->len; i++) {
        if (checkDisk(def, g_ptr_array_index(def->disks, i)) < 0)
            return -1;
    }
    return 0;
}
