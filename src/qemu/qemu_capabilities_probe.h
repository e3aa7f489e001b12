/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scratch processes of a QEMU binary: asking it for facts, and trying what cannot be asked. */
#pragma once
#include "qemu_capabilities.h"

typedef struct _qemuProbeTarget {
    const char *emulator;
    uid_t user; /* the process runs as; -1 = as we */
    gid_t group;
} qemuProbeTarget;

/** @exePath: (owned) program that really ran, which for a wrapper script is another file; may be
 * NULL. Returns (owned) facts, or NULL with VIR_ERR_INTERNAL_ERROR. */
qemuCapsFacts *qemuProbeFacts(const qemuProbeTarget *target, char **exePath);
/** 1 works, 0 does not, -1 could not be tried (with an error). */
int qemuProbeKVM(const qemuProbeTarget *target);
int qemuProbeIothreadExport(const qemuProbeTarget *target);
int qemuProbeCbwTimeout(const qemuProbeTarget *target);

/** Pure: facts from the QMP replies ("return" values). */
qemuCapsFacts *qemuProbeFactsParse(const virJSONValue *version, const virJSONValue *target,
                                   const virJSONValue *kvm, const virJSONValue *machines,
                                   const virJSONValue *cpus, const virJSONValue *options,
                                   const virJSONValue *schema);
