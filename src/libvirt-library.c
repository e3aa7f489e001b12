/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes the entry points a client library: every URI goes to the remote driver. */
#include "libvirt-object.h"
#include "remote_client.h"

static void __attribute__((constructor))
useRemoteDriver(void)
{
    virConnectDriver = remoteClientDriver();
}
