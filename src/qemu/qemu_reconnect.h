/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding again the QEMUs that an earlier daemon started. */
#pragma once
#include <glib.h>

/**
 * qemuReconnectAll: take every status file's domain into the driver's list, with its job slot held,
 * and reconnect to them on worker threads: each slot is free again when its domain is. Needs the
 * main loop running. Files that cannot be used are set aside as NAME.xml.broken.
 * Returns: number of domains being reconnected.
 */
size_t qemuReconnectAll(void);
