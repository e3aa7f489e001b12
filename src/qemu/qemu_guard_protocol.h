/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon and its guard say to each other: one struct a packet on a SOCK_SEQPACKET pair.
 * Both are of one build, so there is no version. Plain C: the guard has no GLib.
 */
#pragma once
#include <stdint.h>

/* In the directory of the daemon's program. */
#define QEMU_GUARD_PROGRAM "virtqemud-guard"

typedef enum {
    QEMU_GUARD_ARM,      /* the packet carries a descriptor (SCM_RIGHTS) */
    QEMU_GUARD_EXTEND,   /* another deadline for what is armed */
    QEMU_GUARD_DISARM,
    QEMU_GUARD_FIRE,     /* do it now */
    QEMU_GUARD_OP_LAST
} qemuGuardOp;

typedef enum {
    QEMU_GUARD_CONT,     /* the descriptor is a QMP connection: "cont" */
    QEMU_GUARD_THAW,     /* it is one to a guest agent: "guest-fsfreeze-thaw", until it is answered */
    QEMU_GUARD_KIND_LAST
} qemuGuardKind;

typedef struct {
    uint32_t op;
    uint32_t kind;
    uint32_t id;
    uint32_t deadlineMs; /* from now; 0 = only the daemon's end */
    uint32_t answer;     /* 1: the daemon waits for a qemuGuardAnswer */
} qemuGuardMessage;

typedef struct {
    uint32_t id;
    uint32_t fired;      /* 1: the guard has acted, or did not know this id */
} qemuGuardAnswer;
