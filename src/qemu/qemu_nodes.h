/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of block nodes: image N of a domain is file node "libvirt-N-storage" under format node
 * "libvirt-N-format". N is kept in the Def (virStorageSource.index), hence in the status file, so
 * that a restarted daemon knows the names without asking.
 */
#pragma once
#include <glib.h>
#include "domain_def.h"
#include "qemu_target.h"

/** Number every image of every chain that has no index; @counter: highest number in use, updated.
 */
void qemuNodesAssign(virDomainDef *def, unsigned int *counter);
/** (owned) */
char *qemuNodeNameFormat(unsigned int index);
char *qemuNodeNameStorage(unsigned int index);
/** (owned) qemuTargetDisk * of each disk that has an image, in the Def's order; the array owns them
 * and all their strings, also after the Def is gone. */
GPtrArray *qemuNodesTargetDisks(const virDomainDef *def);
/** (owned) properties for blockdev-add / -blockdev of the two layers of @src, which is one image of
 * @disk's chain; @top: the image the guest writes to (images below it are read-only). */
virJSONValue *qemuNodesStorageProps(const virDomainDiskDef *disk, const virStorageSource *src);
/** (owned) what a format node called @node begins with for the image @src: driver, name and, if it is
 * encrypted, the object that opens it (qemuSecretObjectName). */
virJSONValue *qemuNodesDriverProps(const virStorageSource *src, const char *node);
virJSONValue *qemuNodesFormatProps(const virDomainDiskDef *disk, const virStorageSource *src,
                                   bool top);
