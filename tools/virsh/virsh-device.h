/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about devices; the rows are in virsh-domain.c. */
#pragma once
#include "virsh.h"

#define VIRSH_OPT_CONFIG                                                                           \
    {                                                                                              \
        .name = "config", .type = VIRSH_OPT_BOOL, .help = "affect next boot"                       \
    }
#define VIRSH_OPT_LIVE                                                                             \
    {                                                                                              \
        .name = "live", .type = VIRSH_OPT_BOOL, .help = "affect running domain"                    \
    }
#define VIRSH_OPT_CURRENT                                                                          \
    {                                                                                              \
        .name = "current", .type = VIRSH_OPT_BOOL, .help = "affect current domain"                 \
    }
#define VIRSH_OPTS_AFFECT                                                                          \
    {.name = "persistent", .type = VIRSH_OPT_BOOL, .help = "make live change persistent"},         \
        VIRSH_OPT_CONFIG, VIRSH_OPT_LIVE, VIRSH_OPT_CURRENT

extern const virshOption virshAttachDeviceOptions[]; /* of detach-device, too */
extern const virshOption virshUpdateDeviceOptions[];
extern const virshOption virshDetachDeviceAliasOptions[];
extern const virshOption virshDetachDiskOptions[];
extern const virshOption virshChangeMediaOptions[];
extern const virshOption virshBlockResizeOptions[];
extern const virshOption virshAttachDiskOptions[];
bool virshAttachDevice(virshShell *sh, const virshCommandArgs *args);
bool virshDetachDevice(virshShell *sh, const virshCommandArgs *args);
bool virshUpdateDevice(virshShell *sh, const virshCommandArgs *args);
bool virshDetachDeviceAlias(virshShell *sh, const virshCommandArgs *args);
bool virshDetachDisk(virshShell *sh, const virshCommandArgs *args);
bool virshChangeMedia(virshShell *sh, const virshCommandArgs *args);
bool virshBlockResize(virshShell *sh, const virshCommandArgs *args);
bool virshAttachDisk(virshShell *sh, const virshCommandArgs *args);

/** Flags of a change from --persistent, --config, --live and --current; false after a message. @dom
 * may be NULL when nothing is going to be changed. */
bool virshDeviceFlags(virshShell *sh, const virshCommandArgs *args, virDomainPtr dom,
                      unsigned int *flags);
/** Attach, by the call that daemons have always had where it will do. */
int virshDeviceAttach(virDomainPtr dom, const virshCommandArgs *args, const char *xml,
                      unsigned int flags);
