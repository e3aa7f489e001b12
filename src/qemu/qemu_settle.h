/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to be done when a guest has ended for good but QEMU still has its images open: things that
 * QEMU knows and that go with it are brought to disk. A step is a row in the table of qemu_settle.c.
 *
 * Every regular end passes here: power-off by the guest (QEMU waits, -no-shutdown), also one that a
 * daemon finds when it starts; destroy. A QEMU that is killed by somebody else does not, so what a
 * step leaves on disk must say by itself that it was left in this way.
 *
 * The guest is stopped before the steps, but for the one that makes it possible, and does not run again: from there the end goes on whatever
 * the steps do, and if the daemon dies, the status file tells the next one to end this QEMU (@ending).
 */
#pragma once
#include "qemu_vm.h"

typedef struct _qemuSettleStep {
    const char *name;               /* fault points settle.NAME and settle.NAME.done */
    bool (*wanted)(qemuVM *vm);     /* is there anything to do? no QMP; takes vm->lock itself */
    /** The guest does not run, the job slot is held by who ends it, no lock is held. May use QMP (all of
     * it fails once QEMU is killed because time is over). -1 with an error: is logged, the end goes on. */
    int (*run)(qemuVM *vm);
} qemuSettleStep;

/** Some step has something to do (takes vm->lock). Without that an end is as quick as it can be. */
bool qemuSettleWanted(qemuVM *vm);
/**
 * qemuSettle: stop the guest and run the steps, if there is anything to do. Caller holds the slot and
 * ends QEMU afterwards, whatever is returned. Waits at most QEMU_SETTLE_STOP_MS for the guest to stop
 * and then QEMU_SETTLE_MS for the steps.
 * Returns: true when all is over; false when QEMU does not answer in time: a thread then still waits
 * for it, until it is killed.
 */
bool qemuSettle(qemuVM *vm);
/** QEMU is gone: until no thread works on its steps any more. */
void qemuSettleAwaitEnd(qemuVM *vm);
