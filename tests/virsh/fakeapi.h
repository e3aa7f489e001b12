/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few API functions that completion calls, answered from memory. They stand in the test program,
 * so the linker takes them instead of the library's.
 */
#pragma once

/** Connections opened so far. */
int fakeConnections(void);
/** From now on virConnectOpenAuth fails. */
void fakeRefuseConnections(int refuse);
