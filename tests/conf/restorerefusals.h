/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <f:domainrestore> documents that are refused. */
#pragma once
#include "conftestlib.h"

#define RESTORE(mode, rest)                                                                        \
    "<f:domainrestore xmlns:f='urn:fleece:1' mode='" mode "'>" rest "</f:domainrestore>"
#define RESTORE_DISK(rest) RESTORE("push", "<disks><disk name='vda'>" rest "</disk></disks>")
#define RESTORE_PULL(rest) RESTORE("pull", "<server transport='unix' socket='/s'/><disks>" rest "</disks>")

static const confRefusal restoreRefusals[] = {
    {"malformed", VIR_ERR_XML_DETAIL, "(domain_restore):1", "<f:domainrestore"},
    {"root", BAD, "root element 'domainrestore' of namespace", "<domainrestore mode='push'/>"},
    {"no-mode", GRAMMAR, "missing attribute 'mode'", "<f:domainrestore xmlns:f='urn:fleece:1'/>"},
    {"mode", GRAMMAR, "'x' of attribute 'mode'", RESTORE("x", "")},
    {"no-disks", GRAMMAR, "<disks> of a restore is empty", RESTORE("push", "")},
    {"empty-disks", GRAMMAR, "<disks> of a restore is empty", RESTORE("push", "<disks/>")},
    {"no-source", GRAMMAR, "needs a <source>", RESTORE_DISK("")},
    {"relative", GRAMMAR, "'b' of attribute 'file' in element <source>: an absolute path",
     RESTORE_DISK("<source file='b'/>")},
    {"format", GRAMMAR, "'vdi' of attribute 'format'", RESTORE_DISK("<source file='/b' format='vdi'/>")},
    {"source-child", GRAMMAR, "unknown element <host> in <source>",
     RESTORE_DISK("<source file='/b'><host/></source>")},
    {"source-encryption", BAD, "format='luks' and a <secret>",
     RESTORE_DISK("<source file='/b'><encryption/></source>")},
    {"push-server", GRAMMAR, "unknown element <server>", RESTORE("push", "<server/>")},
    {"pull-no-server", GRAMMAR, "needs a <server>", RESTORE("pull", "<disks><disk name='vda'/></disks>")},
    {"pull-source", GRAMMAR, "unknown element <source>",
     RESTORE_PULL("<disk name='vda'><source file='/b'/></disk>")},
    {"twice", UNSUPPORTED, "disk 'vda' specified twice", RESTORE_PULL("<disk name='vda'/><disk name='vda'/>")},
    {"same-export", VIR_ERR_INVALID_ARG, "export name 'vda' is given to more than one disk",
     RESTORE_PULL("<disk name='vda'/><disk name='vdb' exportname='vda'/>")},
    {"port", VIR_ERR_INVALID_ARG, "port '70000'",
     RESTORE("pull", "<server name='h' port='70000'/><disks><disk name='vda'/></disks>")},
    {"fd", UNSUPPORTED, "the <server> of a restore opens its socket itself",
     RESTORE("pull", "<server transport='fd' fdgroup='x'/><disks><disk name='vda'/></disks>")},
    {"fdgroup", GRAMMAR, "'fdgroup' in element <server>: it is for the server of a pull backup",
     RESTORE("pull", "<server fdgroup='x' transport='fd'/><disks><disk name='vda'/></disks>")},
    {"commit-disks", GRAMMAR, "unknown element <disks>", RESTORE("commit", "<disks/>")},
};
