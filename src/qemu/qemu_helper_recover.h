/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon that comes back does with the block helpers of stopped domains. */
#pragma once

/** Take over every helper that runs a backup and end every other one, on workers: each domain's job
 * slot is taken before this returns, and given back when its backup goes on, or its helper is gone and
 * its images are free. After that, the records of checkpoints under way are settled by the next
 * operation on them. */
void qemuHelperRecoverAll(void);
