/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors that a client has handed over by virDomainFDAssociate(), under the names its documents
 * call them by (fdgroup='NAME'). A connection has its own (qemuConnectFDGroups in qemu_api.h): nobody
 * uses what another one opened, and what is left is closed when the connection ends.
 *
 * All functions: any thread, any lock held but this one's own.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _qemuFDGroups qemuFDGroups;

/* What one connection may have associated at a time. */
#define QEMU_FD_GROUPS_DOMAIN_MAX 64          /* groups of one domain */
#define QEMU_FD_GROUPS_DESCRIPTORS_MAX 1024   /* descriptors of all its domains */
#define QEMU_FD_GROUPS_NAME_MAX 1024          /* bytes of a name */

qemuFDGroups *qemuFDGroupsNew(void);
/** Closes what is associated. May block, as close() may: not on the main loop. */
void qemuFDGroupsFree(qemuFDGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuFDGroups, qemuFDGroupsFree)

/**
 * qemuFDGroupsAssociate: @fds are the group @name of the domain @uuid from now on, in the place of
 * what had that name. @fds: @n > 0 descriptors (borrowed); the group has copies of its own, which no
 * child inherits. May block, as close() of the replaced ones may.
 * Returns: 0, or -1 with VIR_ERR_INVALID_ARG for a name that is too long, VIR_ERR_OPERATION_INVALID
 * when the limits above are reached, VIR_ERR_SYSTEM_ERROR when one cannot be copied. What had the
 * name before still has it then.
 */
int qemuFDGroupsAssociate(qemuFDGroups *groups, const unsigned char *uuid, const char *name,
                          const int *fds, size_t n);
/**
 * qemuFDGroupsDup: copies of the descriptors of a group, in their order, which no child inherits.
 * The group stays and can be used again. *@fds: (owned, g_free) with *@n of them, each the caller's
 * to close; untouched on failure.
 * Returns: 0, or -1 with VIR_ERR_INVALID_ARG when there is no such group, VIR_ERR_SYSTEM_ERROR.
 */
int qemuFDGroupsDup(qemuFDGroups *groups, const unsigned char *uuid, const char *name, int **fds,
                    size_t *n);
/** Close the groups of all domains that @exists denies. @exists: called with the lock held, takes
 * none that is held over a call of this file. May block, as close() may. */
void qemuFDGroupsSweep(qemuFDGroups *groups, bool (*exists)(const unsigned char *uuid));
