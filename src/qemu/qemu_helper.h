/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The block helper of a stopped domain: a qemu-storage-daemon that has the domain's disks open
 * under the names they have in a QEMU, so that the engine needs not know which of the two it talks to.
 *
 * Bitmaps reach the image when it stops being writable. A helper is therefore writable only from the
 * change of bitmaps until qemuHelperSetMode() made it read-only again; that stores them and says if
 * it could not. From then on the helper may die in any way without harm.
 */
#pragma once
#include "domain_def.h"
#include "qemu_monitor.h"
#include "qemu_target.h"

#define QEMU_HELPER_PROGRAM "qemu-storage-daemon"
/** (owned) the program that was installed together with the emulator of @def, or the one in PATH, or NULL. */
char *qemuHelperProgram(const virDomainDef *def);

typedef enum {
    QEMU_HELPER_BARE,     /* no image at all: for a restore, whose disks may be lost */
    QEMU_HELPER_LOOK,     /* the images the guest writes to, without their backing; read-only */
    QEMU_HELPER_CHANGE,   /* the same, those that hold bitmaps writable */
    QEMU_HELPER_DATA,     /* whole backing chains, read-only: content may be read */
} qemuHelperMode;

typedef struct _qemuHelper qemuHelper;

/**
 * qemuHelperStart: run a helper for the stopped domain @def (borrowed, copied) and open its disks.
 * @callbacks, @opaque: as qemuMonitorOpen; may be NULL.
 * Returns: (owned reference), end it with qemuHelperStop(); or NULL with VIR_ERR_OPERATION_FAILED that
 * names the image that cannot be opened (somebody else uses it, say), and nothing is left.
 */
qemuHelper *qemuHelperStart(const virDomainDef *def, qemuHelperMode mode,
                            const qemuMonitorCallbacks *callbacks, void *opaque);
/**
 * qemuHelperSetMode: from CHANGE to any other all bitmaps are stored in their images. Nodes keep
 * their names. To and from DATA no job or export may be there.
 * Returns: 0; -1 with VIR_ERR_OPERATION_FAILED: storing failed, what the images hold is in doubt.
 */
int qemuHelperSetMode(qemuHelper *helper, qemuHelperMode mode);
qemuHelperMode qemuHelperGetMode(const qemuHelper *helper);
/** Store what is to be stored, end the process, wait for it (kill it if it must be), give the files
 * back. The helper is of no use after. Returns as qemuHelperSetMode. Keeps the current error. */
int qemuHelperStop(qemuHelper *helper);
/**
 * qemuHelperReconnect: the helper that an earlier daemon left to the backup of the stopped domain
 * @domain, in @mode DATA, or to a restore, BARE. @callbacks, @opaque: as qemuHelperStart.
 * Returns: (owned reference); NULL with an error when it has ended or does not answer: end what is left
 * of it with qemuHelperEndLeft().
 */
qemuHelper *qemuHelperReconnect(const char *domain, qemuHelperMode mode, const qemuMonitorCallbacks *callbacks, void *opaque);
/** End the helper that an earlier daemon left of @domain, if there is one, and give its files back. */
void qemuHelperEndLeft(const virDomainDef *domain);
/** Close the connection and leave the process alone: the next daemon finds it. */
void qemuHelperLetGo(qemuHelper *helper);
/** The engine's view (borrowed); its commands fail once the helper is stopped or dead. */
qemuTarget *qemuHelperTarget(qemuHelper *helper);
/** The process lives. */
bool qemuHelperAlive(const qemuHelper *helper);

qemuHelper *qemuHelperRef(qemuHelper *helper);
void qemuHelperUnref(qemuHelper *helper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuHelper, qemuHelperUnref)
