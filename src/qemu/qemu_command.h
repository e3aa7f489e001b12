/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command line of a QEMU: Def + facts about the binary + paths -> argv. Pure: reads no file, so
 * what it makes is golden-tested, and a domain's argv can be shown without starting it.
 */
#pragma once
#include <glib.h>
#include "domain_def.h"
#include "qemu_capabilities.h"
#include "virjson.h"

typedef struct _qemuCommandInput {
    const virDomainDef
        *def; /* with aliases (virDomainDefAssignAliases) and numbered images (qemuNodesAssign) */
    const qemuCapsFacts *facts;
    const char *emulator;   /* NULL: def->emulator */
    bool kvm;               /* accelerate with KVM; false: TCG, whatever def->virtType says */
    int monitorFd;          /* listening UNIX socket that QEMU inherits under this number */
    const int *secretFds; /* of the passphrases of qemuSecretImages(), inherited as well */
    const char *channelDir; /* where channels without a path get CHANNELDIR/TARGETNAME */
} qemuCommandInput;

/**
 * qemuCommandBuild: the guest does not run until `cont` (-S). The process must already have its
 * user: the sandbox forbids QEMU to change it.
 * Returns: (owned, NULL-terminated), or NULL with VIR_ERR_CONFIG_UNSUPPORTED naming the device or
 * option that this QEMU, machine or driver cannot do.
 */
char **qemuCommandBuild(const qemuCommandInput *input);
/**
 * qemuCommandDiskProps: the arguments of device_add for @disk, which is in @input->def and has its
 * alias and node numbers; of @input the facts and the Def are used. Where the Def has no address, QEMU
 * chooses one. Pure.
 * Returns: (owned), or NULL with VIR_ERR_CONFIG_UNSUPPORTED.
 */
virJSONValue *qemuCommandDiskProps(const qemuCommandInput *input, const virDomainDiskDef *disk);
/** One option with its value a line, for goldens and the domain's log. (owned) */
char *qemuCommandFormat(char *const *argv);
/** Socket or file of a chardev as QEMU is told: its own path or, for a channel without one, below
 * @channelDir. (owned) NULL when it needs none (pty, null). */
char *qemuCommandChardevPath(const virDomainChardevDef *chr, const char *channelDir);
