/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables made by gen-abi-table.py; the last row has no name. */
#pragma once

typedef struct {
    const char *name;
    long long ours;
    long long expected;
} abiNumber;

typedef struct {
    const char *name;
    const char *ours;
    const char *expected;
} abiString;

extern const abiNumber abiNumbers[];
extern const abiString abiStrings[];
