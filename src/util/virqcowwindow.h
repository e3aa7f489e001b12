/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A window: an empty qcow (version 1) image, through which QEMU reads another node, its backing file, in
 * pieces that never reach across a boundary of 64 KiB. The format is chosen for that: QEMU's driver
 * of it cuts each read and each question about allocation at its clusters.
 */
#pragma once

/**
 * virQcowWindowCreate: write a window to the open, empty file @fd. No fsync. The file takes a few KiB.
 * @size: virtual size in bytes, rounded up to 512.
 * Returns: 0, or -1 with VIR_ERR_SYSTEM_ERROR.
 */
int
virQcowWindowCreate(int fd, const char *path, unsigned long long size);
