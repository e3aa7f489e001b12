/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is connected to a QEMU's NBD server, seen from outside in /proc: QMP does not say it.
 *
 * An NBD client that connects and says nothing makes nbd-server-stop wait for it in QEMU's main loop,
 * with the guest frozen for as long as the client likes. QEMU drops such a client after 10 s by
 * itself, provided that the loop runs. So nobody stops a server before this file says it is alone.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The handshake timer of QEMU (10 s) and something for a busy host. */
#define QEMU_NBD_CLIENTS_TIMEOUT_MS 12000

/** Connections open at the server of process @pid. @path: its UNIX socket, or NULL for TCP @port. */
unsigned int qemuNbdClientsCount(pid_t pid, const char *path, unsigned int port);
/** Would clients that process @pid accepts from the TCP socket @listener of ours be seen? Those of a socket from another
 * network namespace are only by who may take sockets from that process. */
bool qemuNbdClientsVisible(pid_t pid, int listener);
/** Has process @pid the socket @fd of ours open, too? False as well if we may not look. */
bool qemuNbdSocketIsHeld(pid_t pid, int fd);
/**
 * qemuNbdClientsBreak: break all these connections, from outside: for what is left of a server whose
 * exports have been removed. QEMU 7.2 shuts a connection down itself, but then goes on waiting for
 * room in a UNIX socket whose client has stopped reading in the middle of a reply: room there is made
 * by the client alone, or by a larger buffer, which this gives the socket. A client that never spoke
 * is disconnected at once and not after its 10 s. Needs the right to take sockets from that process
 * (ptrace), and for the buffer a net.core.wmem_max of 1 MiB or CAP_NET_ADMIN; without them nothing happens.
 */
void qemuNbdClientsBreak(pid_t pid, const char *path, unsigned int port);
/** The same for those only that have data waiting for them and take none of it for a while (0.3 s, which
 * this blocks for). Returns how many. */
unsigned int qemuNbdClientsBreakStuck(pid_t pid, const char *path, unsigned int port);
/** Wait until there is none, at most @timeoutMs. The UNIX socket's file is removed first, so that no
 * new client comes. Call it when the exports are gone: those who used them are disconnected then.
 * Returns true when the server is alone. */
bool qemuNbdClientsWait(pid_t pid, const char *path, unsigned int port, unsigned int timeoutMs);
