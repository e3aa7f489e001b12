/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a thread remembers about errors. Shared by the two files that handle it, nobody else. */
#pragma once
#include <stdbool.h>
#include <libvirt/virterror.h>

typedef struct {
    virError error;    /* code VIR_ERR_OK: none */
    int preserving;    /* depth of virErrorPreserveLast without virErrorRestore */
    bool delivering;   /* a handler runs on this thread; errors it causes are not delivered */
} virErrorThread;

/** This thread's record, created at first use, freed with the thread (borrowed). */
virErrorThread *
virErrorThreadGet(void);
/** @to: overwritten without being freed; gets its own copies of the strings. */
void
virErrorCopy(virError *to, const virError *from);
/** Hand the error to the handler, or to stderr if there is neither handler nor log. */
void
virErrorDeliver(virErrorThread *thread);
