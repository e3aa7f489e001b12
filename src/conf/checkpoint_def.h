/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint as its XML says (<domaincheckpoint>). Also the format of its record on disk, where a
 * state in our namespace says how far creation or deletion got (docs/internals/checkpoint-states.rst).
 */
#pragma once
#include <glib.h>
#include "domain_def.h"

typedef enum { VIR_CHECKPOINT_DISK_DEFAULT, VIR_CHECKPOINT_DISK_NONE, VIR_CHECKPOINT_DISK_BITMAP,
               VIR_CHECKPOINT_DISK_LAST } virCheckpointDiskType;

typedef struct _virDomainCheckpointDiskDef {
    char *name;                  /* target name; a source path is accepted and resolved by Align */
    virCheckpointDiskType type;
    char *bitmap;                /* = checkpoint name */
    unsigned long long size;     /* bytes; only meaningful with sizeValid */
    bool sizeValid;
    char *broken;                /* why nothing can be backed up since then; NULL: not known to be so. Shown, not read */
} virDomainCheckpointDiskDef;

/* READY is the only state a client ever sees in plain libvirt XML. */
typedef enum { VIR_CHECKPOINT_STATE_READY, VIR_CHECKPOINT_STATE_CREATING,
               VIR_CHECKPOINT_STATE_DELETING, VIR_CHECKPOINT_STATE_LAST } virCheckpointState;

typedef struct _virDomainCheckpointDef {
    char *name;
    char *description;
    char *parent;                /* NULL: root */
    long long creationTime;      /* seconds since the epoch */
    GPtrArray *disks;            /* virDomainCheckpointDiskDef * */
    virDomainDef *dom;           /* (owned) the domain at that time; NULL in a request. Of an existing
                                  * checkpoint only an outline (virDomainOutlineParse) */
    char *domText;               /* ... and this is all of it: the <domain> element as it came; else NULL */
    virCheckpointState state;
    char *unknown;               /* why it is not known whether it is broken. Shown, not read */
} virDomainCheckpointDef;

/** What a name has to be, if @name is none for a checkpoint; else NULL. */
const char *virDomainCheckpointNameCheck(const char *name);
void virDomainCheckpointDefFree(virDomainCheckpointDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainCheckpointDef, virDomainCheckpointDefFree)

typedef enum {
    VIR_CHECKPOINT_PARSE_REDEFINE = 1 << 0,  /* user's full document: creationTime, parent, domain are kept */
    VIR_CHECKPOINT_PARSE_RECORD = 1 << 1,    /* our own file: the state element too */
} virCheckpointParseFlags;
virDomainCheckpointDef *virDomainCheckpointDefParse(const char *xml, unsigned int flags);

typedef enum {
    VIR_CHECKPOINT_FORMAT_SECURE = 1 << 0,
    VIR_CHECKPOINT_FORMAT_NO_DOMAIN = 1 << 1,
    VIR_CHECKPOINT_FORMAT_SIZE = 1 << 2,
    VIR_CHECKPOINT_FORMAT_RECORD = 1 << 3,
    VIR_CHECKPOINT_FORMAT_BROKEN = 1 << 4,   /* what makes it unusable, in our namespace */
} virCheckpointFormatFlags;
char *virDomainCheckpointDefFormat(const virDomainCheckpointDef *def, unsigned int flags);

/** virDomainCheckpointDefAlign: against the domain: unknown or doubly named disks are errors; disks
 * not named get the default (bitmap if the image can hold one, else none); the list ends up in the
 * order of the domain's disks, with bitmap names filled in. @now: used for name (seconds) and creationTime. */
int virDomainCheckpointDefAlign(virDomainCheckpointDef *def, const virDomainDef *dom, long long now);
virDomainCheckpointDiskDef *virDomainCheckpointDefDisk(const virDomainCheckpointDef *def, const char *name);
