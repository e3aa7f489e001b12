/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest agent's protocol over a connected socket: a command, an answer, each a line of JSON. Used by
 * one thread at a time. The peer lives in the guest and is believed nothing: every wait has an end,
 * and so has every buffer.
 */
#pragma once
#include <glib.h>
#include "virjson.h"

typedef struct _qemuAgent qemuAgent;

/** @fd: consumed. @name: of the domain, for messages. */
qemuAgent *qemuAgentNew(int fd, const char *name);
/** Closes the connection. */
void qemuAgentFree(qemuAgent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuAgent, qemuAgentFree)
/** The connection (borrowed): for the guard to have a copy of. */
int qemuAgentFd(const qemuAgent *agent);

/**
 * qemuAgentSync: find out whether somebody is listening, and throw away what is left of earlier
 * conversations. Before the first command.
 * Returns: 0, or -1 with VIR_ERR_AGENT_UNRESPONSIVE.
 */
int qemuAgentSync(qemuAgent *agent, unsigned int timeoutMs);
/**
 * qemuAgentCommand: @reply: (owned) the "return" value; may be NULL if not wanted.
 * Returns: 0, or -1 with VIR_ERR_AGENT_COMMAND_FAILED: the agent says no, in its own words; every other
 * code leaves open whether the command is carried out, now or later: VIR_ERR_AGENT_COMMAND_TIMEOUT,
 * VIR_ERR_AGENT_UNRESPONSIVE (connection lost, or what came is no answer).
 */
int qemuAgentCommand(qemuAgent *agent, const virJSONValue *command, unsigned int timeoutMs,
                     virJSONValue **reply);
