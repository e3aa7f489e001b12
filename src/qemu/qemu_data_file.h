/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qcow2 images whose data is in another file (qemu-img create -o data_file=...). The file may be named by the
 * domain's XML; if not, the image names it. Either way it is an image of the domain like the others from then on:
 * a node of its own, lent to QEMU's user, part of the disk's stamp.
 */
#pragma once
#include "domain_def.h"

/** Fill in virStorageSource.dataStore of all images in @src's chain that have one. What cannot be read is
 * left to QEMU. -1 with VIR_ERR_CONFIG_UNSUPPORTED for a name that is no absolute path. */
int qemuDataFileProbe(virStorageSource *src);
/** The same of all disks. */
int qemuDataFileProbeDomain(virDomainDef *def);
