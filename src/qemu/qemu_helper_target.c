/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's view of a stopped domain. There is no guest, so nothing pauses and no device is
 * switched; nothing but jobs and exports of our own uses the images.
 */
#include "qemu_helper_priv.h"
#include "qemu_lend.h"

static qemuHelper *
helperOf(qemuTarget *t)
{
    return (qemuHelper *)t;
}

static const virDomainDef *
helperDef(qemuTarget *t)
{
    return helperOf(t)->def;
}

static const qemuTargetDisk *
helperDisks(qemuTarget *t, size_t *n)
{
    *n = helperOf(t)->disks->len;
    return helperOf(t)->diskTable;
}

static bool
helperGuestRuns(qemuTarget *t G_GNUC_UNUSED)
{
    return false;
}

static int
helperCommand(qemuTarget *t, const virJSONValue *command, virJSONValue **reply)
{
    return qemuMonitorCommand(helperOf(t)->mon, command, reply);
}

static int
helperBatch(qemuTarget *t, virJSONValue *const *commands, size_t n, virJSONValue **replies)
{
    return qemuMonitorBatch(helperOf(t)->mon, commands, n, replies);
}

static void
helperHidePause(qemuTarget *t G_GNUC_UNUSED, bool hide G_GNUC_UNUSED)
{
}

/* No guest, no file systems in use: what is on the disks is at rest. */
static int
helperFreeze(qemuTarget *t G_GNUC_UNUSED)
{
    return 0;
}

static int
helperThaw(qemuTarget *t G_GNUC_UNUSED, bool repair G_GNUC_UNUSED)
{
    return 0;
}

static int
helperLendFile(qemuTarget *t G_GNUC_UNUSED, const char *path, bool writable)
{
    return qemuLendFile(path, writable);
}

static void
helperReturnFile(qemuTarget *t G_GNUC_UNUSED, const char *path)
{
    qemuLendReturn(path);
}

static const char *
helperPrivateDir(qemuTarget *t G_GNUC_UNUSED)
{
    return NULL;
}

static pid_t
helperPid(qemuTarget *t)
{
    return qemuHelperAlive(helperOf(t)) ? helperOf(t)->pid : 0;
}

static bool
helperIothreadExportSafe(qemuTarget *t G_GNUC_UNUSED)
{
    return true;
}

/* No guest, no filter. */
static unsigned int
helperCbwTimeoutMax(qemuTarget *t G_GNUC_UNUSED)
{
    return G_MAXUINT;
}

const qemuTargetOps qemuHelperTargetOps = {
    .def = helperDef,
    .disks = helperDisks,
    .guestRuns = helperGuestRuns,
    .command = helperCommand,
    .batch = helperBatch,
    .hidePause = helperHidePause,
    .freeze = helperFreeze,
    .thaw = helperThaw,
    .lendFile = helperLendFile,
    .returnFile = helperReturnFile,
    .privateDir = helperPrivateDir,
    .pid = helperPid,
    .iothreadExportSafe = helperIothreadExportSafe,
    .cbwTimeoutMax = helperCbwTimeoutMax,
};
