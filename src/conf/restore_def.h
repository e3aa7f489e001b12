/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request to restore the disks of a stopped domain, our own extension of virDomainBackupBegin():
 *
 *   <f:domainrestore xmlns:f='urn:fleece:1' mode='push'>
 *     <disks>
 *       <disk name='vda'>
 *         <source file='/backup/full.qcow2'/>      oldest first: what each next one lies on
 *         <source file='/backup/inc1.qcow2'/>
 *
 * The root element has our namespace, so that a libvirt that does not know it takes it for nothing else.
 */
#pragma once
#include <glib.h>
#include "backup_def.h"

typedef enum {
    VIR_RESTORE_MODE_PUSH,   /* we copy from given images */
    VIR_RESTORE_MODE_PULL,   /* a client writes over NBD, and says when it is done: */
    VIR_RESTORE_MODE_COMMIT, /* end of a pull: what has arrived becomes the disks */
    VIR_RESTORE_MODE_LAST
} virRestoreMode;

typedef struct _virDomainRestoreDiskDef {
    char *name;              /* target name */
    char *exportName;        /* pull; the target name unless given */
    GPtrArray *sources;      /* push: virStorageSource *, oldest first; type is what the file is */
} virDomainRestoreDiskDef;

typedef struct _virDomainRestoreDef {
    virRestoreMode mode;
    virDomainBackupDef *server;  /* pull: of it, only server; else NULL */
    GPtrArray *disks;            /* virDomainRestoreDiskDef * */
} virDomainRestoreDef;

void virDomainRestoreDefFree(virDomainRestoreDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainRestoreDef, virDomainRestoreDefFree)
/** Is the root element of @xml ours? Sets no error: what cannot be read is no restore. */
bool virDomainRestoreDefIsRequest(const char *xml);
/** NULL with VIR_ERR_XML_DETAIL or VIR_ERR_XML_INVALID_SCHEMA. */
virDomainRestoreDef *virDomainRestoreDefParse(const char *xml);
char *virDomainRestoreDefFormat(const virDomainRestoreDef *def);
