/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error of a connection, which old programs ask for. Errors have been kept a thread for long:
 * the last one of this thread is meant.
 */
#include <libvirt/virterror.h>
#include "libvirt-object.h"

virErrorPtr
virConnGetLastError(virConnectPtr conn)
{
    return conn ? virGetLastError() : NULL;
}

void
virConnResetLastError(virConnectPtr conn)
{
    if (conn)
        virResetLastError();
}

int
virConnCopyLastError(virConnectPtr conn, virErrorPtr to)
{
    return conn ? virCopyLastError(to) : -1;
}
