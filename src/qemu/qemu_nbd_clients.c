/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections of another process, from its /proc/PID/net tables. Only sockets that the process holds
 * are counted: a name or port in the table may as well be somebody else's.
 */
#include "qemu_nbd_clients.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib.h>

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

unsigned int
qemuNbdClientsCount(pid_t pid, const char *path, unsigned int port)
{
    g_autoptr(GHashTable) inodes = socketInodes(pid);

    if (path)
        return countUnix(pid, path, inodes);
    return countTcp(pid, "tcp", port, inodes) + countTcp(pid, "tcp6", port, inodes);
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
    while (pid > 0 && !serverIsAlone(pid, path, port)) {
        if (g_get_monotonic_time() >= end)
            return false;
        g_usleep(pauseUs);
        pauseUs = MIN(pauseUs * 2, 100000);
    }
    return true;
}
