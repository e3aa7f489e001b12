/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Named fault points. Code marks each durable step and external effect with a name; a test sets
 * VIR_TEST_FAULT=name:fail|enospc|eio|kill[:N] (N = at the Nth passing; name * = of whatever point) and asserts
 * what is left.
 */
#pragma once
#include <stdbool.h>

/** Reads VIR_TEST_FAULT once. With VIR_TEST_FAULT_LOG=path each name passed is appended there. */
void
virFaultSetup(void);
/** Returns: 0 to go on; -1 with an error set (fail), or errno ENOSPC/EIO and a system error. kill:
 * the process dies by SIGKILL here. */
int
virFaultPoint(const char *name);
