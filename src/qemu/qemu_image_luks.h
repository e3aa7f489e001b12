/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an encrypted image. qemu-img does it, in a process of its own: a LUKS header takes a cipher
 * and about a second of measuring how fast the host derives keys, and QEMU's blockdev-create would
 * have the guest wait for that.
 */
#pragma once
#include "encryption_def.h"
#include "storage_source.h"

/**
 * qemuImageLuksCreate: @fd: of the new, empty file, open for writing. @path: for messages.
 * @format: qcow2 becomes an image encrypted inside, raw becomes LUKS around raw data.
 * Returns: 0, or -1 with VIR_ERR_NO_SECRET, VIR_ERR_OPERATION_UNSUPPORTED (no qemu-img) or
 * VIR_ERR_OPERATION_FAILED with its words.
 */
int qemuImageLuksCreate(int fd, const char *path, virStorageFormat format, unsigned long long size,
                        const virStorageEncryption *encryption);
