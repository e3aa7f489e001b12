/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger of an image: which checkpoints its bitmaps belong to, in order, so that records which are
 * lost can be made again from the image alone. QEMU keeps a bitmap's name and nothing else of ours, and
 * does not keep their order; so the ledger is itself in the names of bitmaps, which never record and
 * hold nothing:
 *
 *     fleece:order:0:Xk2A655f0d00,9dQz1a4,...    entries, cut into as many names as it takes
 *     fleece:seal:1:4:5ad09c8e7b1f2360           how many names, width of a hash, checksum over them
 *
 * An entry is a hash of the checkpoint's name, the seconds (hex) since the one before it, and an asterisk
 * if the bitmap recorded: one that does without it was made anew. The seal is
 * taken away before bitmaps change and set again when the ledger is up to date. What has no valid seal
 * says nothing. No checkpoint can have such a name, because of the colon. Pure.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define QEMU_LEDGER_GRANULARITY 2147483648ULL   /* the largest there is: the emptiest bitmap */

typedef struct _qemuLedgerEntry {
    char *name;              /* of a checkpoint; NULL: of one that has no bitmap on the image */
    long long time;          /* of its creation, seconds since the epoch; 0 = unknown */
    bool recording;          /* it did when the ledger was written; only there */
} qemuLedgerEntry;
qemuLedgerEntry *qemuLedgerEntryNew(const char *name, long long time);
void qemuLedgerEntryFree(qemuLedgerEntry *entry);
/** (owned) empty array that owns qemuLedgerEntry. */
GPtrArray *qemuLedgerNew(void);

/** Is a bitmap of that name part of a ledger? */
bool qemuLedgerOwns(const char *bitmap);
/** ... and its seal? */
bool qemuLedgerIsSeal(const char *bitmap);
/** (owned) array of (owned) bitmap names for @entries, oldest first, names given; the seal comes last. */
GPtrArray *qemuLedgerFormat(const GPtrArray *entries);
/**
 * qemuLedgerParse: @ledger: names of bitmaps, any order   @names: what the entries may be about
 * (NULL-terminated). Entries about none of them have no name.
 * Returns: (owned) as qemuLedgerNew, oldest first; NULL without a valid seal. Sets no error.
 */
GPtrArray *qemuLedgerParse(const char *const *ledger, const char *const *names);
