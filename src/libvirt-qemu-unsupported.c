/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rest of libvirt's API for QEMU alone. */
#include "libvirt-unsupported.h"

#include "libvirt_qemu_unsupported.def"
