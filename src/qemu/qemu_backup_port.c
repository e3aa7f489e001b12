/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu_backup_port.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* What backups that are about to begin have taken. */
static GMutex lock;
static guint8 taken[65536];

static bool
portMark(unsigned int port)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    if (taken[port])
        return false;
    taken[port] = 1;
    return true;
}

void
qemuBackupPortGive(qemuBackupPort port)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    taken[port] = 0;
}

/* Bound and let go of, with the options QEMU sets. 0 or errno. */
static int
bindTry(const struct addrinfo *address)
{
    static const int on = 1;
    VIR_AUTOCLOSE fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return errno;
    if (address->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return errno;
    return bind(fd, address->ai_addr, address->ai_addrlen) < 0 ? errno : 0;
}

/* All addresses of @host that this machine has must be free. NULL, or why not; @busy: another port may do. */
static const char *
whyNotFree(const char *host, unsigned int port, bool *busy)
{
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    unsigned int bound = 0;
    int last = 0;
    int rc = getaddrinfo(host, service, &hints, &found);

    *busy = false;
    if (rc != 0)
        return gai_strerror(rc);
    for (const struct addrinfo *one = found; one && !*busy; one = one->ai_next) {
        int error = bindTry(one);

        bound += error == 0;
        last = error ? error : last;
        *busy = error == EADDRINUSE;
    }
    freeaddrinfo(found);
    return bound > 0 && !*busy ? NULL : g_strerror(last);
}

static int
takeGiven(const virDomainBackupDef *def, const char *domain, qemuBackupPort *port)
{
    unsigned int given = def->server.port;
    bool busy = false;
    bool mine = portMark(given);
    const char *why = mine ? whyNotFree(def->server.host, given, &busy) : g_strerror(EADDRINUSE);

    if (mine)
        *port = given;
    if (!why)
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot serve the disks of domain '%s' at port %u of '%s': %s; name another port, or none "
                   "to have one chosen",
                   domain, given, def->server.host, why);
    return -1;
}

static int
takeAny(virDomainBackupDef *def, const qemuConfig *config, const char *domain, qemuBackupPort *port)
{
    const char *why = g_strerror(EADDRINUSE);
    bool busy = true;

    for (unsigned int one = config->backupPortMin; busy && one <= config->backupPortMax; one++) {
        if (!portMark(one))
            continue;
        why = whyNotFree(def->server.host, one, &busy);
        if (!why) {
            def->server.port = *port = one;
            return 0;
        }
        qemuBackupPortGive(one);
    }
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot serve the disks of domain '%s' at '%s', with a port from %u to %u "
                   "(backup_port_min and backup_port_max of qemu.conf): %s",
                   domain, def->server.host, config->backupPortMin, config->backupPortMax, why);
    return -1;
}

int
qemuBackupPortTake(virDomainBackupDef *def, const qemuConfig *config, const char *domain,
                   qemuBackupPort *port)
{
    if (!def->server.present || def->server.transport != VIR_BACKUP_SERVER_TCP)
        return 0;
    return def->server.port ? takeGiven(def, domain, port) : takeAny(def, config, domain, port);
}
