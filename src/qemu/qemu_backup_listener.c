/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu_backup_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "qemu_driver_state.h"
#include "qemu_nbd_clients.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* Inodes of sockets with which backups are about to begin. */
static GMutex lock;
static GArray *taken;

static int
indexOf(unsigned long long inode)
{
    for (guint i = 0; taken && i < taken->len; i++) {
        if (g_array_index(taken, unsigned long long, i) == inode)
            return (int)i;
    }
    return -1;
}

static bool
mark(unsigned long long inode)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    if (indexOf(inode) >= 0)
        return false;
    if (!taken)
        taken = g_array_new(FALSE, FALSE, sizeof(unsigned long long));
    g_array_append_val(taken, inode);
    return true;
}

static void
unmark(unsigned long long inode)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    int index = indexOf(inode);

    if (index >= 0)
        g_array_remove_index_fast(taken, (guint)index);
}

static bool
listens(int fd)
{
    int type = 0;
    int answer = 0;
    socklen_t typeSize = sizeof(type);
    socklen_t size = sizeof(answer);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &typeSize) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &answer, &size) == 0 && answer;
}

/* The descriptor becomes the listener's, whatever it is. */
static int
takeOnly(const char *group, const char *domain, const int *fds, size_t n, qemuBackupListener *listener)
{
    if (n == 1) {
        listener->fd = fds[0];
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    virReportError(VIR_ERR_INVALID_ARG,
                   "cannot serve a backup of domain '%s' on the descriptors of group '%s': they are %zu, and it must "
                   "be one, of a listening socket",
                   domain, group, n);
    return -1;
}

static int
checkSocket(int fd, const char *group, const char *domain, unsigned int *port)
{
    struct sockaddr_storage address = { 0 };
    socklen_t length = sizeof(address);

    if (!listens(fd) || getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "cannot serve a backup of domain '%s' on the descriptor of group '%s': it is not a stream "
                       "socket that listens; call listen() before it is passed",
                       domain, group);
        return -1;
    }
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "cannot serve a backup of domain '%s' on the %s of group '%s': only TCP sockets can be passed%s",
                       domain, address.ss_family == AF_UNIX ? "UNIX socket" : "socket", group,
                       address.ss_family == AF_UNIX ? ", because QEMU removes the name of a UNIX socket in the end; "
                                                      "use transport='unix', with which QEMU opens it itself"
                                                    : "");
        return -1;
    }
    /* the port stands at the same place in both */
    *port = ntohs(((const struct sockaddr_in *)(void *)&address)->sin_port);
    return 0;
}

int
qemuBackupListenerFind(qemuVM *vm, virDomainBackupDef *def, qemuFDGroups *groups, qemuBackupListener *listener)
{
    const char *group = def->server.fdGroup;
    g_autofree int *fds = NULL;
    size_t n = 0;

    if (!def->server.present || def->server.transport != VIR_BACKUP_SERVER_FD)
        return 0;
    if (vm->target.ops->pid(&vm->target) == 0) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "cannot serve a backup of domain '%s' on the socket of group '%s': the domain is not running, "
                       "and the block helper that reads its disks takes no descriptors; use transport='unix' or 'tcp'",
                       vm->name, group);
        return -1;
    }
    if (qemuFDGroupsDup(groups, vm->uuid, group, &fds, &n) < 0 || takeOnly(group, vm->name, fds, n, listener) < 0)
        return -1;
    return checkSocket(listener->fd, group, vm->name, &def->server.port);
}

/* The domain whose QEMU has the socket @fd, one that is ending included. (owned) */
static char *
holderOf(int fd)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(qemuDriverVMs());

    for (guint i = 0; i < vms->len; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);
        pid_t pid = vm->target.ops->pid(&vm->target);

        if (pid > 0 && qemuNbdSocketIsHeld(pid, fd))
            return g_strdup(vm->name);
    }
    return NULL;
}

static int
checkVisible(qemuVM *vm, const qemuBackupListener *listener)
{
    if (qemuNbdClientsVisible(vm->target.ops->pid(&vm->target), listener->fd))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "cannot serve a backup of domain '%s' on the socket that was passed: it belongs to another network "
                   "namespace, where this daemon, which may not trace QEMU, does not see who connects; pass a "
                   "socket of the daemon's network",
                   vm->name);
    return -1;
}

int
qemuBackupListenerTake(qemuVM *vm, qemuBackupListener *listener)
{
    struct stat st = { 0 };
    g_autofree char *holder = NULL;

    if (listener->fd < 0)
        return 0;
    if (fstat(listener->fd, &st) < 0) {
        virReportSystemError(errno, "cannot look at the socket for the backup of domain '%s'", vm->name);
        return -1;
    }
    if (mark(st.st_ino))
        listener->inode = st.st_ino;
    if (listener->inode && !(holder = holderOf(listener->fd)))
        return checkVisible(vm, listener);
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "cannot serve a backup of domain '%s' on the socket that was passed: a backup of %s%s%s uses it; "
                   "pass another one",
                   vm->name, holder ? "domain '" : "another domain", holder ? holder : "", holder ? "'" : "");
    return -1;
}

void
qemuBackupListenerClear(qemuBackupListener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->inode)
        unmark(listener->inode);
    *listener = QEMU_BACKUP_LISTENER_NONE;
}
