/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the engine's tests: golden files, and block nodes written in short. */
#pragma once
#include "qemu_graph.h"

/** Compare @actual with tests/@dir/@name; with VIR_TEST_REGENERATE_OUTPUT=1 write it there. */
void engineGolden(const char *dir, const char *name, const char *actual);
/**
 * engineNode: a qcow2 node (raw if @name starts with "raw") with the bitmaps of @spec: "A B* C!":
 * '*' records, '!' inconsistent, '-' not persistent, '/' a granularity of 32 KiB.
 * Returns: (owned, free with engineNodeFree)
 */
qemuGraphNode *engineNode(const char *name, const char *spec);
void engineNodeFree(qemuGraphNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuGraphNode, engineNodeFree)
