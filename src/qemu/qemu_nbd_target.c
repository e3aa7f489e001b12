/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's greeting is all that is read: "NBDMAGIC" is what every server sends first. No reconnect
 * is asked of QEMU: a connection that is lost fails the backup at once.
 */
#include "qemu_nbd_target.h"

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
qemuNbdTargetOptions(const virBackupNbd *nbd)
{
    g_autofree char *port = g_strdup_printf("%u", nbd->port);
    virJSONValue *server = NULL;

    if (nbd->socket)
        server = virJSONBuild("{'type':'unix','path':%s}", nbd->socket);
    else
        server = virJSONBuild("{'type':'inet','host':%s,'port':%s}", nbd->host, port);
    return virJSONBuild("{'driver':'nbd','server':%v,'export':%s}", server, nbd->exportName);
}

/* NULL, or why not. Linux lets the time limit for sending also end a connect. */
static const char *
greet(const struct sockaddr *address, socklen_t length)
{
    static const struct timeval limit = { .tv_sec = QEMU_NBD_TARGET_TIMEOUT_MS / 1000 };
    VIR_AUTOCLOSE fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char hello[sizeof(NBD_GREETING)] = "";

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        return g_strerror(errno);
    if (connect(fd, address, length) < 0)
        return errno == EINPROGRESS || errno == EAGAIN ? "it does not answer" : g_strerror(errno);
    if (recv(fd, hello, sizeof(NBD_GREETING) - 1, MSG_WAITALL) < 0)
        return errno == EAGAIN ? "it says nothing" : g_strerror(errno);
    return strcmp(hello, NBD_GREETING) == 0 ? NULL : "what is there is no NBD server";
}

static const char *
greetUnix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path))
        return g_strerror(ENAMETOOLONG);
    return greet((const struct sockaddr *)&address, sizeof(address));
}

/* A name may have several addresses ("localhost"); QEMU takes the first one that accepts. */
static const char *
greetHost(const char *host, unsigned int port)
{
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *why = NULL;
    int rc = getaddrinfo(host, service, &hints, &found);

    if (rc != 0)
        return gai_strerror(rc);
    for (const struct addrinfo *one = found; one; one = one->ai_next) {
        why = greet(one->ai_addr, one->ai_addrlen);
        if (!why)
            break;
    }
    freeaddrinfo(found);
    return why;
}

int
qemuNbdTargetProbe(const virBackupNbd *nbd, const char *domain, const char *disk)
{
    g_autofree char *uri = virBackupNbdURI(nbd);
    const char *why = nbd->socket ? greetUnix(nbd->socket) : greetHost(nbd->host, nbd->port);

    if (!why)
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot back up disk '%s' of domain '%s' to the NBD server at '%s': %s; look if the "
                   "server runs and can be reached from this host",
                   disk, domain, uri, why);
    return -1;
}
