/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Groups of descriptors by domain and name. See qemu_fd_groups.h.
 *
 * Descriptors are closed outside of the lock: what a client hands over may be anything, and close()
 * of a file on a network or in user space waits for whoever serves it.
 */
#include "qemu_fd_groups.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

typedef struct _fdGroup {
    unsigned char uuid[VIR_UUID_BUFLEN];
    size_t n;
    int *fds;   /* (owned) */
} fdGroup;

struct _qemuFDGroups {
    GMutex lock;         /* innermost */
    GHashTable *groups;  /* "UUID/NAME" -> fdGroup (both owned); guarded by lock */
};

static void
closeAll(int *fds, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++)
        close(fds[i]);
    g_free(fds);
}

static void
fdGroupFree(fdGroup *group)
{
    if (!group)
        return;
    closeAll(group->fds, group->n);
    g_free(group);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(fdGroup, fdGroupFree)

static char *
groupKey(const unsigned char *uuid, const char *name)
{
    char text[VIR_UUID_STRING_BUFLEN];

    virUUIDFormat(uuid, text);
    return g_strconcat(text, "/", name, NULL);
}

/* (owned) copies of @fds, or NULL with VIR_ERR_SYSTEM_ERROR. */
static int *
copyAll(const char *name, const int *fds, size_t n)
{
    int *copies = g_new0(int, n);
    size_t i = 0;

    for (i = 0; i < n; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (copies[i] < 0) {
            virReportSystemError(errno, "cannot copy descriptor %zu of the file descriptor group '%s'", i, name);
            closeAll(copies, i);
            return NULL;
        }
    }
    return copies;
}

qemuFDGroups *
qemuFDGroupsNew(void)
{
    qemuFDGroups *groups = g_new0(qemuFDGroups, 1);

    g_mutex_init(&groups->lock);
    groups->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)fdGroupFree);
    return groups;
}

void
qemuFDGroupsFree(qemuFDGroups *groups)
{
    if (!groups)
        return;
    g_hash_table_unref(groups->groups);
    g_mutex_clear(&groups->lock);
    g_free(groups);
}

/* Lock held. Is there room for @n descriptors more, once @old (may be NULL) is gone? */
static int
checkRoom(const qemuFDGroups *groups, const unsigned char *uuid, const char *name, const fdGroup *old, size_t n)
{
    GHashTableIter iter;
    gpointer value = NULL;
    size_t ofDomain = 0;
    size_t descriptors = 0;

    g_hash_table_iter_init(&iter, groups->groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const fdGroup *group = value;

        if (group == old)
            continue;
        descriptors += group->n;
        if (memcmp(group->uuid, uuid, VIR_UUID_BUFLEN) == 0)
            ofDomain++;
    }
    if (ofDomain >= QEMU_FD_GROUPS_DOMAIN_MAX) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot associate the file descriptor group '%s': this connection has associated %zu "
                       "groups with the domain, the most it may; use one of their names again, or another "
                       "connection", name, ofDomain);
        return -1;
    }
    if (n > QEMU_FD_GROUPS_DESCRIPTORS_MAX - descriptors) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "cannot associate the file descriptor group '%s' of %zu descriptors: this connection "
                       "has associated %zu, at most %d are allowed; use a name again, or another connection",
                       name, n, descriptors, QEMU_FD_GROUPS_DESCRIPTORS_MAX);
        return -1;
    }
    return 0;
}

/* Put @group (consumed on success) into the place of *@old (owned, may be NULL). */
static int
putGroup(qemuFDGroups *groups, const char *name, fdGroup **group, fdGroup **old)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&groups->lock);
    g_autofree char *key = groupKey((*group)->uuid, name);
    g_autofree char *oldKey = NULL;

    if (checkRoom(groups, (*group)->uuid, name, g_hash_table_lookup(groups->groups, key), (*group)->n) < 0)
        return -1;
    g_hash_table_steal_extended(groups->groups, key, (gpointer *)&oldKey, (gpointer *)old);
    g_hash_table_insert(groups->groups, g_steal_pointer(&key), g_steal_pointer(group));
    return 0;
}

int
qemuFDGroupsAssociate(qemuFDGroups *groups, const unsigned char *uuid, const char *name, const int *fds, size_t n)
{
    g_autoptr(fdGroup) group = NULL;
    g_autoptr(fdGroup) old = NULL;
    int *copies = NULL;

    if (strlen(name) > QEMU_FD_GROUPS_NAME_MAX) {
        virReportError(VIR_ERR_INVALID_ARG, "the name of a file descriptor group has %zu bytes, at most %d are allowed",
                       strlen(name), QEMU_FD_GROUPS_NAME_MAX);
        return -1;
    }
    copies = copyAll(name, fds, n);
    if (!copies)
        return -1;
    group = g_new0(fdGroup, 1);
    memcpy(group->uuid, uuid, VIR_UUID_BUFLEN);
    group->fds = copies;
    group->n = n;
    return putGroup(groups, name, &group, &old);
}

int
qemuFDGroupsDup(qemuFDGroups *groups, const unsigned char *uuid, const char *name, int **fds, size_t *n)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&groups->lock);
    g_autofree char *key = groupKey(uuid, name);
    const fdGroup *group = g_hash_table_lookup(groups->groups, key);
    int *copies = NULL;

    if (!group) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "file descriptor group '%s' was not associated with the domain by this connection "
                       "(virDomainFDAssociate)", name);
        return -1;
    }
    copies = copyAll(name, group->fds, group->n);
    if (!copies)
        return -1;
    *fds = copies;
    *n = group->n;
    return 0;
}

void
qemuFDGroupsSweep(qemuFDGroups *groups, bool (*exists)(const unsigned char *uuid))
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func((GDestroyNotify)fdGroupFree);
    GHashTableIter iter;
    gpointer key = NULL;
    gpointer value = NULL;

    g_mutex_lock(&groups->lock);
    g_hash_table_iter_init(&iter, groups->groups);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (exists(((fdGroup *)value)->uuid))
            continue;
        g_hash_table_iter_steal(&iter);
        g_free(key);
        g_ptr_array_add(gone, value);
    }
    g_mutex_unlock(&groups->lock);
}
