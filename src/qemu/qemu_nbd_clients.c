/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections of another process: the sockets it holds, and its /proc/PID/net tables. Of these only sockets that
 * the process holds are counted: a name or port in the table may as well be somebody else's.
 */
#include "qemu_nbd_clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <glib.h>

#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
/* More than four times what a UNIX socket's buffer is by default: it counts as full from a quarter on. */
#define BREAK_BUFFER (4 << 20)
#define STUCK_MS 300

#define TCP_STATE_ESTABLISHED 0x01
#define TCP_STATE_CLOSE_WAIT 0x08
#define UNIX_FLAG_LISTENS 0x10000

/* The inode numbers of the sockets @pid has open, as keys; NULL if we may not look. */
static GHashTable *
socketInodes(pid_t pid)
{
    g_autofree char *dirName = g_strdup_printf("/proc/%lld/fd", (long long)pid);
    g_autoptr(GDir) dir = g_dir_open(dirName, 0, NULL);
    GHashTable *inodes = NULL;
    const char *entry = NULL;

    if (!dir)
        return NULL;
    inodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while ((entry = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(dirName, entry, NULL);
        g_autofree char *text = g_file_read_link(link, NULL);

        if (text && g_str_has_prefix(text, "socket:[") && g_str_has_suffix(text, "]"))
            g_hash_table_add(inodes, g_strndup(text + 8, strlen(text) - 9));
    }
    return inodes;
}

static char **
tableLines(pid_t pid, const char *table)
{
    g_autofree char *name = g_strdup_printf("/proc/%lld/net/%s", (long long)pid, table);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(name, &text, NULL, NULL))
        return g_new0(char *, 1);
    return g_strsplit(text, "\n", -1);
}

static bool
inodeIsHeld(GHashTable *inodes, const char *inode)
{
    return !inodes || g_hash_table_contains(inodes, inode);
}

/* Num: RefCount Protocol Flags Type St Inode Path */
static bool
unixLineIsClient(const char *line, const char *path, GHashTable *inodes)
{
    unsigned int flags = 0;
    char inode[32] = "";
    int pathAt = 0;

    if (sscanf(line, "%*s %*x %*x %x %*x %*x %31s %n", &flags, inode, &pathAt) != 2 || pathAt == 0)
        return false;
    return !(flags & UNIX_FLAG_LISTENS) && g_str_equal(line + pathAt, path) &&
           inodeIsHeld(inodes, inode);
}

/* sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode */
static bool
tcpLineIsClient(const char *line, unsigned int port, GHashTable *inodes)
{
    unsigned int localPort = 0;
    unsigned int state = 0;
    char inode[32] = "";

    if (sscanf(line, " %*[0-9]: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %31s",
               &localPort, &state, inode) != 3)
        return false;
    return localPort == port && (state == TCP_STATE_ESTABLISHED || state == TCP_STATE_CLOSE_WAIT) &&
           inodeIsHeld(inodes, inode);
}

/* (owned) Inode number of the socket @fd. */
static char *
inodeOf(int fd)
{
    struct stat st = { 0 };

    return fstat(fd, &st) < 0 ? NULL : g_strdup_printf("%llu", (unsigned long long)st.st_ino);
}

bool
qemuNbdSocketIsHeld(pid_t pid, int fd)
{
    g_autoptr(GHashTable) inodes = socketInodes(pid);
    g_autofree char *inode = inodeOf(fd);

    return inodes && inode && g_hash_table_contains(inodes, inode);
}

static bool
tcpLineHas(const char *line, const char *inode)
{
    char its[32] = "";

    return sscanf(line, " %*[0-9]: %*s %*s %*x %*s %*s %*s %*s %*s %31s", its) == 1 && g_str_equal(its, inode);
}

static unsigned int
countUnix(pid_t pid, const char *path, GHashTable *inodes)
{
    g_auto(GStrv) lines = tableLines(pid, "unix");
    unsigned int count = 0;

    for (size_t i = 0; lines[i]; i++)
        count += unixLineIsClient(lines[i], path, inodes);
    return count;
}

static unsigned int
countTcp(pid_t pid, const char *table, unsigned int port, GHashTable *inodes)
{
    g_auto(GStrv) lines = tableLines(pid, table);
    unsigned int count = 0;

    for (size_t i = 0; lines[i]; i++)
        count += tcpLineIsClient(lines[i], port, inodes);
    return count;
}

/* A server of QEMU's own: its UNIX socket, or NULL for TCP. */
typedef struct _serverAddress {
    const char *path;
    unsigned int port;
} serverAddress;

/* Is @fd connected to @server? UDP has ports of its own. */
static bool
socketIsClient(int fd, const serverAddress *server)
{
    struct sockaddr_storage address = { 0 };
    const struct sockaddr_un *local = (const struct sockaddr_un *)(void *)&address;
    socklen_t length = sizeof(address);
    int listens = 0;
    int type = 0;
    socklen_t size = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return false;
    if (server->path)
        return address.ss_family == AF_UNIX &&
               strncmp(local->sun_path, server->path, sizeof(local->sun_path)) == 0;
    /* the port stands at the same place in both */
    return (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
           ntohs(((const struct sockaddr_in *)(void *)&address)->sin_port) == server->port;
}

static void
breakSocket(int fd)
{
    int buffer = BREAK_BUFFER;

    shutdown(fd, SHUT_RDWR);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) < 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) < 0)
        VIR_DEBUG("no larger buffer for a connection: %s", g_strerror(errno));
}

/* (owned) Descriptors of ours for the sockets of @server's clients; those we may not take are left out. */
static GArray *
takeSockets(pid_t pid, const serverAddress *server)
{
    GArray *taken = g_array_new(FALSE, FALSE, sizeof(int));
    g_autofree char *dirName = g_strdup_printf("/proc/%lld/fd", (long long)pid);
    g_autoptr(GDir) dir = g_dir_open(dirName, 0, NULL);
    VIR_AUTOCLOSE process = dir ? pidfd_open(pid, 0) : -1;
    const char *entry = NULL;

    while (process >= 0 && (entry = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(dirName, entry, NULL);
        g_autofree char *text = g_file_read_link(link, NULL);
        int fd = -1;

        if (!text || !g_str_has_prefix(text, "socket:["))
            continue;
        fd = pidfd_getfd(process, (int)g_ascii_strtoll(entry, NULL, 10), 0);
        if (fd >= 0 && socketIsClient(fd, server))
            g_array_append_val(taken, fd);
        else if (fd >= 0)
            close(fd);
    }
    return taken;
}

/* Is the socket @fd in the tables of the network that @pid is in? */
static bool
isInTables(pid_t pid, int fd)
{
    g_auto(GStrv) lines = tableLines(pid, "tcp");
    g_auto(GStrv) lines6 = tableLines(pid, "tcp6");
    g_autofree char *inode = inodeOf(fd);
    bool found = false;

    for (size_t i = 0; inode && lines[i] && !found; i++)
        found = tcpLineHas(lines[i], inode);
    for (size_t i = 0; inode && lines6[i] && !found; i++)
        found = tcpLineHas(lines6[i], inode);
    return found;
}

bool
qemuNbdClientsVisible(pid_t pid, int listener)
{
    VIR_AUTOCLOSE process = pidfd_open(pid, 0);
    VIR_AUTOCLOSE taken = process >= 0 ? pidfd_getfd(process, 0, 0) : -1;

    return taken >= 0 || isInTables(pid, listener);
}

static unsigned int
countInTables(pid_t pid, const char *path, unsigned int port)
{
    g_autoptr(GHashTable) inodes = socketInodes(pid);

    if (path)
        return countUnix(pid, path, inodes);
    return countTcp(pid, "tcp", port, inodes) + countTcp(pid, "tcp6", port, inodes);
}

/* What is accepted from a socket that was passed belongs to its network namespace, and is in the tables of
 * that. The sockets themselves are to be had anywhere, with the right to take them. */
unsigned int
qemuNbdClientsCount(pid_t pid, const char *path, unsigned int port)
{
    g_autoptr(GArray) sockets = takeSockets(pid, &(serverAddress){ path, port });

    for (guint i = 0; i < sockets->len; i++)
        close(g_array_index(sockets, int, i));
    return MAX(sockets->len, countInTables(pid, path, port));
}

void
qemuNbdClientsBreak(pid_t pid, const char *path, unsigned int port)
{
    g_autoptr(GArray) sockets = takeSockets(pid, &(serverAddress){ path, port });

    for (guint i = 0; i < sockets->len; i++) {
        breakSocket(g_array_index(sockets, int, i));
        close(g_array_index(sockets, int, i));
    }
}

/* Bytes that the peer of @fd has not read; 0 if that cannot be told. */
static int
bytesWaiting(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

unsigned int
qemuNbdClientsBreakStuck(pid_t pid, const char *path, unsigned int port)
{
    g_autoptr(GArray) sockets = takeSockets(pid, &(serverAddress){ path, port });
    g_autofree int *waiting = g_new0(int, sockets->len + 1);
    unsigned int broken = 0;

    for (guint i = 0; i < sockets->len; i++)
        waiting[i] = bytesWaiting(g_array_index(sockets, int, i));
    if (sockets->len > 0)
        g_usleep(STUCK_MS * G_TIME_SPAN_MILLISECOND);
    for (guint i = 0; i < sockets->len; i++) {
        int fd = g_array_index(sockets, int, i);

        if (waiting[i] > 0 && bytesWaiting(fd) == waiting[i]) {
            breakSocket(fd);
            broken++;
        }
        close(fd);
    }
    return broken;
}

/* Somebody may stand in the listener's queue, not accepted yet: two looks some time apart. */
static bool
serverIsAlone(pid_t pid, const char *path, unsigned int port)
{
    if (qemuNbdClientsCount(pid, path, port) > 0)
        return false;
    g_usleep(2000);
    return qemuNbdClientsCount(pid, path, port) == 0;
}

bool
qemuNbdClientsWait(pid_t pid, const char *path, unsigned int port, unsigned int timeoutMs)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    gulong pauseUs = 1000;
    struct stat st = { 0 };

    if (path && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    qemuNbdClientsBreak(pid, path, port);
    while (pid > 0 && !serverIsAlone(pid, path, port)) {
        if (g_get_monotonic_time() >= end)
            return false;
        g_usleep(pauseUs);
        pauseUs = MIN(pauseUs * 2, 100000);
    }
    return true;
}
