/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of a backup that are ours and not libvirt's: attributes of <f:options> in a request, and
 * keys of qemu.conf for requests that do not give them. One table has all that is known of an option;
 * a new one is a row there, a word in the enum, and what it does.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "virbuffer.h"
#include "virconf.h"
#include "xml_grammar.h"

typedef enum { VIR_BACKUP_MODE_PUSH, VIR_BACKUP_MODE_PULL, VIR_BACKUP_MODE_LAST } virBackupMode;

typedef enum {
    VIR_BACKUP_OPTION_QUIESCE,     /* 1: file systems of the guest frozen at the instant */
    VIR_BACKUP_OPTION_ONMISSING,   /* virBackupOnMissing */
    VIR_BACKUP_OPTION_SCOPE,       /* pull, incremental disks: virBackupScope */
    VIR_BACKUP_OPTION_CBW_TIMEOUT, /* pull: seconds a write of the guest may wait for a copy */
    VIR_BACKUP_OPTION_SCRATCH_LIMIT, /* pull, of each scratch file that is made: bytes; 0 = no limit */
    VIR_BACKUP_OPTION_BANDWIDTH,   /* push, of each disk: bytes a second; 0 = no limit */
    VIR_BACKUP_OPTION_WORKERS,     /* push, of each disk: copies at a time */
    VIR_BACKUP_OPTION_COMPRESS,    /* push, of each disk that can: 1 */
    VIR_BACKUP_OPTION_FLEECE,      /* push: each disk gets a scratch that has none */
    VIR_BACKUP_OPTION_EXPORT_HELPER, /* pull over TCP: 1, a process of its own stands between clients and QEMU */
    VIR_BACKUP_OPTION_LAST
} virBackupOption;

/** A disk of which it is not known what has changed since its checkpoint. */
typedef enum { VIR_BACKUP_ONMISSING_ERROR, VIR_BACKUP_ONMISSING_FULL } virBackupOnMissing;
/** What can be read of a disk: all of it, or what has changed since its checkpoint. */
typedef enum { VIR_BACKUP_SCOPE_DISK, VIR_BACKUP_SCOPE_CHANGED } virBackupScope;

typedef struct _virBackupOptions {
    struct {
        bool given;                /* by the request, or by qemu.conf */
        unsigned long long value;  /* a number, or the index of a word */
    } of[VIR_BACKUP_OPTION_LAST];
} virBackupOptions;

/** Nothing given, values as the program has them by itself. */
void virBackupOptionsInit(virBackupOptions *options);
/** Attributes of <f:options> for a backup in @mode, for a grammar's table; those of the other mode are
 * forbidden there. Valid for ever. */
extern virXMLAttrRule virBackupOptionAttrs[VIR_BACKUP_MODE_LAST][VIR_BACKUP_OPTION_LAST + 1];
/** Fills virBackupOptionAttrs, once. */
void virBackupOptionAttrsFill(void);
/** @node: <f:options> that has passed the grammar, or NULL. */
int virBackupOptionsParse(xmlNodePtr node, virBackupOptions *options);
/** <f:options> with what is given, in the order of the table; nothing if nothing is. */
void virBackupOptionsFormat(virBuffer *buf, const virBackupOptions *options);
/** What qemu.conf gives. 0, or -1 with VIR_ERR_CONF_SYNTAX "FILE:LINE: ...". */
int virBackupOptionsLoad(virBackupOptions *options, const virConf *conf);
/** The key of qemu.conf for @option. */
const char *virBackupOptionKey(virBackupOption option);
/** What the request does not give and a backup in @mode can have is taken over from @defaults. */
void virBackupOptionsSettle(virBackupOptions *options, virBackupMode mode, const virBackupOptions *defaults);
