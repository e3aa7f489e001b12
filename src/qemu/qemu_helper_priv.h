/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block helper from inside: shared by qemu_helper*.c only. */
#pragma once
#include <sys/types.h>
#include "qemu_conf.h"
#include "qemu_helper.h"

struct _qemuHelper {
    qemuTarget target;           /* first: the ops cast back */
    gint refs;
    qemuConfig *config;
    virDomainDef *def;           /* our copy, every image numbered */
    GPtrArray *disks;            /* qemuTargetDisk *, without devices */
    qemuTargetDisk *diskTable;   /* the same in one piece */
    char *runDir;                /* pid file and monitor socket */
    pid_t pid;                   /* ours to reap; 0 = none (any more) */
    int pidfd;
    qemuMonitor *mon;
    off_t logFrom;               /* what it writes begins here */
    bool lent;
    qemuHelperMode mode;
    bool hasSecrets;             /* passphrases of its encrypted images */
    bool bitmapsLoaded;          /* from the bitmap store: what is on the nodes is all there is */
    GPtrArray *nodes;            /* char *: block nodes that are open, in the order of opening */
};

/** The functions behind helper->target (qemu_helper_target.c). */
extern const qemuTargetOps qemuHelperTargetOps;

/** Open all images as helper->mode says (qemu_helper_images.c). -1 with VIR_ERR_OPERATION_FAILED
 * naming disk and file. */
int qemuHelperImagesOpen(qemuHelper *helper);
/** Close all of them. */
int qemuHelperImagesClose(qemuHelper *helper);
/** Make those that hold bitmaps writable, or read-only, which stores the bitmaps. */
int qemuHelperImagesSetWritable(qemuHelper *helper, bool writable);

/** stateDir/NAME.helper (qemu_helper_marker.c): says to a restarted daemon that there is a helper, of which
 * definition, with its images numbered, and which files were lent to it. */
#define QEMU_HELPER_MARKER_SUFFIX ".helper"
int qemuHelperMarkerSave(const qemuHelper *helper);
/** (owned) or NULL with an error. */
virJSONValue *qemuHelperMarkerLoad(const qemuConfig *config, const char *domain);
void qemuHelperMarkerRemove(const qemuConfig *config, const char *domain);
/** (owned) where the helper of the domain @uuid has its pid file and socket. */
char *qemuHelperRunDir(const qemuConfig *config, const unsigned char *uuid);
/** The helper with the run directory @dir, if it lives, and a descriptor of it; 0 if there is none. */
pid_t qemuHelperFindProcess(const char *dir, int *pidfd);

/** (owned) one without a process for a copy of @def, whose images are numbered where they are not. */
qemuHelper *qemuHelperNew(const virDomainDef *def, qemuHelperMode mode);
