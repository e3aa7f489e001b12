/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rest of libvirt's API. */
#include "libvirt-unsupported.h"

#include "libvirt_unsupported.def"
