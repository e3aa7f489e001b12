/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs link against all of libvirt's API, so all of its symbols must be there: Debian's
 * python3-libvirt does not even load without them. What nobody does here fails as it fails in
 * libvirt on a driver that lacks the function: VIR_ERR_NO_SUPPORT with its name. A file defines
 * these three words' meaning by including this header and then its table, a .def file with a row a
 * function.
 *
 * A function made of a row takes no parameters, whatever its callers pass: the caller cleans up on
 * every platform there is, and none looks at the handle. It is in the library only, not in the
 * daemon.
 */
#pragma once
#include <libvirt/virterror.h>
#include "libvirt-object.h"

#define UNSUPPORTED_FUNCTION(type, name, ...)                                                      \
    type name(void);                                                                               \
    type name(void)                                                                                \
    {                                                                                              \
        virResetLastError();                                                                       \
        virObjectReportNoSupport(__func__);                                                        \
        return __VA_ARGS__;                                                                        \
    }

#define INT(name) UNSUPPORTED_FUNCTION(int, name, -1)
#define POINTER(name) UNSUPPORTED_FUNCTION(void *, name, NULL)
#define VOID(name) UNSUPPORTED_FUNCTION(void, name)
