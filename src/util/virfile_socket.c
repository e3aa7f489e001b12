/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of virfile.h about descriptors of UNIX sockets. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_NONE

/* -1 with errno ENAMETOOLONG: the kernel keeps 108 bytes of a socket's path, no more. */
static int
virFileUnixAddress(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) >=
        sizeof(address->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

/* Only a socket is removed: were PATH somebody's file by mistake, binding must fail instead. */
static void
virFileRemoveOldSocket(const char *path)
{
    struct stat info = { 0 };

    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
        unlink(path);
}

int
virFileListenUnix(const char *path, mode_t mode)
{
    struct sockaddr_un address = { 0 };
    VIR_AUTOCLOSE fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || virFileUnixAddress(path, &address) < 0) {
        virReportSystemError(errno, "cannot create UNIX socket '%s'", path);
        return -1;
    }
    virFileRemoveOldSocket(path);
    /* The mode is set before the name exists, so that there is no instant at which too many may
     * connect; the umask narrows what bind makes of it, hence the chmod after. */
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        virReportSystemError(errno, "cannot bind UNIX socket '%s'", path);
        return -1;
    }
    if (chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
        virReportSystemError(errno, "cannot listen on UNIX socket '%s'", path);
        unlink(path);
        return -1;
    }
    return g_steal_fd(&fd);
}

int
virFileConnectUnix(const char *path)
{
    struct sockaddr_un address = { 0 };
    VIR_AUTOCLOSE fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || virFileUnixAddress(path, &address) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return g_steal_fd(&fd);
}

int
virFileSetNonBlock(int fd, bool nonBlock)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        flags = fcntl(fd, F_SETFL, nonBlock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    if (flags < 0) {
        virReportSystemError(errno, "cannot set the blocking mode of descriptor %d", fd);
        return -1;
    }
    return 0;
}
