/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File access lent to QEMU's user: when the daemon is root and QEMU is not, an image belongs to
 * QEMU's user as long as something uses it, and to its old owner after that. Counted, because disks
 * of several domains and jobs may share a file. Does nothing where QEMU runs as the daemon does.
 */
#pragma once
#include "domain_def.h"

/** Lend @path. 0, or -1 with VIR_ERR_SYSTEM_ERROR. A file that QEMU only reads and everybody may
 * read stays as it is. */
int qemuLendFile(const char *path, bool writable);
/** One user less; the last one gives the old owner back. Errors are logged. Keeps the current error. */
void qemuLendReturn(const char *path);
/** All files of a domain: disks with their stated backing chain, kernel and initrd. */
int qemuLendDomain(const virDomainDef *def);
void qemuLendReturnDomain(const virDomainDef *def);
/** The files of one disk. */
int qemuLendDisk(const virDomainDiskDef *disk);
void qemuLendReturnDisk(const virDomainDiskDef *disk);
/** For the status file: old owner of a lent @path; false if it is not lent. */
bool qemuLendOwner(const char *path, uid_t *user, gid_t *group);
/** A restarted daemon: @path was lent by us, its old owner is known from the status file. */
void qemuLendNote(const char *path, uid_t user, gid_t group);
/** Call @func for each file of the domain that is or could be lent. */
void qemuLendForEach(const virDomainDef *def, void (*func)(const char *path, bool writable, void *opaque),
                     void *opaque);
