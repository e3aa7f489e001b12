/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new, empty qcow2 (version 3) file, written directly: scratch and push targets are made without
 * starting a process or a QEMU job for each. Reading images is QEMU's work, not ours.
 */
#pragma once
#include <stdbool.h>

/**
 * virQcow2Create: write an empty image to the open, empty file @fd. No fsync.
 * @size: virtual size in bytes, rounded up to 512.
 * @backing, @backingFormat: recorded as backing file, or both NULL.
 * Returns: 0, or -1 with VIR_ERR_SYSTEM_ERROR.
 */
int
virQcow2Create(int fd, const char *path, unsigned long long size, const char *backing,
               const char *backingFormat);
