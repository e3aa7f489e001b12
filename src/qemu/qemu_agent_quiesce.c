/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   connect, sync ........... is an agent there? The guest has noticed nothing so far
 *   guard armed ............. from here a thaw is certain
 *   freeze .................. takes as long as the guest needs to write out what it has
 *   guard: 15 s from now
 *     ... the instant ...
 *   thaw .................... and how many were thawed?
 *   guard disarmed .......... had it acted?
 *
 * The last two questions decide whether the guest was quiet at the instant: somebody in the guest may
 * have thawed it (Windows does by itself, after 10 s), and the guard if we were too slow. The answer
 * is never assumed: a copy that is called quiesced is.
 */
#include "qemu_agent_quiesce.h"
#include <errno.h>
#include <unistd.h>
#include "qemu_agent.h"
#include "qemu_api.h"
#include "qemu_guard.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define SYNC_MS 5000
#define THAW_MS 10000

struct _qemuQuiesce {
    qemuAgent *agent;
    unsigned int guard;
    unsigned long long frozen;   /* file systems, as the agent says */
};

void
qemuQuiesceFree(qemuQuiesce *quiesce)
{
    if (!quiesce)
        return;
    qemuAgentFree(quiesce->agent);
    g_free(quiesce);
}

/* Lock held. (owned) path of the socket behind which QEMU has the agent's port. */
static char *
agentPath(qemuVM *vm)
{
    if (qemuVMCheckActive(vm) < 0)
        return NULL;
    for (guint i = 0; i < vm->def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(vm->def->chardevs, i);

        if (g_strcmp0(chardev->targetName, QEMU_VM_AGENT_CHANNEL) != 0 ||
            chardev->type != VIR_CHARDEV_UNIX)
            continue;
        if (vm->state != VIR_DOMAIN_RUNNING) {
            virReportError(VIR_ERR_OPERATION_INVALID,
                           "domain '%s' is not running, so its guest agent cannot answer; resume it, or "
                           "do without",
                           vm->name);
            return NULL;
        }
        if (vm->agentConnected)
            return g_strdup(chardev->path);
        virReportError(VIR_ERR_AGENT_UNRESPONSIVE, "%s", "QEMU guest agent is not connected");
        return NULL;
    }
    virReportError(VIR_ERR_ARGUMENT_UNSUPPORTED, "%s", "QEMU guest agent is not configured");
    return NULL;
}

static qemuAgent *
agentOpen(qemuVM *vm)
{
    g_autofree char *path = NULL;
    g_autoptr(qemuAgent) agent = NULL;
    int fd = -1;

    {
        QEMU_VM_LOCK_GUARD(vm);

        path = agentPath(vm);
    }
    if (!path)
        return NULL;
    if ((fd = virFileConnectUnix(path)) < 0) {
        virReportSystemError(errno, "cannot connect to the guest agent's socket '%s'", path);
        return NULL;
    }
    agent = qemuAgentNew(fd, vm->name);
    return qemuAgentSync(agent, SYNC_MS) < 0 ? NULL : g_steal_pointer(&agent);
}

/* @mountpoints: NULL = all. */
static virJSONValue *
freezeCommand(const char *const *mountpoints, unsigned int n)
{
    virJSONValue *list = NULL;

    if (n == 0)
        return virJSONBuild("{'execute':'guest-fsfreeze-freeze'}");
    list = virJSONNewArray();
    for (unsigned int i = 0; i < n; i++)
        virJSONArrayAppend(list, virJSONNewString(mountpoints[i]));
    return virJSONBuild("{'execute':'guest-fsfreeze-freeze-list','arguments':{'mountpoints':%v}}", list);
}

/* A number of file systems: anything else is no answer. */
static int
agentCount(qemuAgent *agent, const virJSONValue *command, unsigned int timeoutMs,
           unsigned long long *count)
{
    g_autoptr(virJSONValue) value = NULL;
    g_autoptr(virJSONValue) box = NULL;

    if (qemuAgentCommand(agent, command, timeoutMs, &value) < 0)
        return -1;
    box = virJSONNewObject();
    virJSONObjectSet(box, "count", g_steal_pointer(&value));
    if (virJSONObjectGetUInt(box, "count", count) == 0 && *count <= G_MAXINT)
        return 0;
    virReportError(VIR_ERR_AGENT_UNRESPONSIVE, "%s",
                   "the guest agent does not say how many file systems it means");
    return -1;
}

static int
agentThaw(qemuAgent *agent, unsigned long long *count)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'guest-fsfreeze-thaw'}");

    return agentCount(agent, command, THAW_MS, count);
}

/* Frozen, or -1 with nothing frozen for long. An agent that said no has frozen nothing, and what is
 * frozen is somebody else's to thaw. One that said nothing may still freeze: the guard waits for it. */
static int
freezeGuarded(qemuQuiesce *q, const virJSONValue *command)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    unsigned int timeoutMs = config->freezeTimeoutSec * 1000;

    q->guard = qemuGuardArm(QEMU_GUARD_THAW, qemuAgentFd(q->agent),
                            timeoutMs + QEMU_QUIESCE_HOLD_MS, true);
    if (q->guard == 0)
        return -1;
    if (agentCount(q->agent, command, timeoutMs, &q->frozen) == 0)
        return 0;
    if (virErrorLastCode() == VIR_ERR_AGENT_COMMAND_FAILED)
        qemuGuardDisarm(q->guard, true);
    else
        qemuGuardFire(q->guard);
    return -1;
}

int
qemuQuiesceFreeze(qemuVM *vm)
{
    g_autoptr(virJSONValue) command = freezeCommand(NULL, 0);
    qemuQuiesce *q = g_new0(qemuQuiesce, 1);

    g_clear_pointer(&vm->quiesce, qemuQuiesceFree);
    if (!(q->agent = agentOpen(vm)) || freezeGuarded(q, command) < 0) {
        qemuQuiesceFree(q);
        return -1;
    }
    vm->quiesce = q;
    if (qemuGuardExtend(q->guard, QEMU_QUIESCE_HOLD_MS))
        return 0;
    qemuQuiesceThaw(vm);
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the guest of domain '%s' took too long to freeze its file systems", vm->name);
    return -1;
}

static int
thawChecked(qemuVM *vm, qemuQuiesce *q)
{
    unsigned long long thawed = 0;

    if (agentThaw(q->agent, &thawed) < 0) {
        qemuGuardFire(q->guard);
        return -1;
    }
    if (!qemuGuardDisarm(q->guard, true)) {
        virReportError(VIR_ERR_OPERATION_FAILED,
                       "the file systems of domain '%s' were thawed before their time, because "
                       "freezing lasted longer than %d s; nothing was recorded, try again",
                       vm->name, QEMU_QUIESCE_HOLD_MS / 1000);
        return -1;
    }
    if (q->frozen == 0 || thawed > 0)
        return 0;
    virReportError(VIR_ERR_OPERATION_FAILED,
                   "the file systems of domain '%s' did not stay frozen: somebody in the guest has "
                   "thawed them; nothing was recorded, try again",
                   vm->name);
    return -1;
}

int
qemuQuiesceThaw(qemuVM *vm)
{
    qemuQuiesce *q = g_steal_pointer(&vm->quiesce);
    int ret = q ? thawChecked(vm, q) : 0;

    qemuQuiesceFree(q);
    return ret;
}

void
qemuQuiesceRepair(qemuVM *vm)
{
    g_autoptr(qemuAgent) agent = agentOpen(vm);
    unsigned long long thawed = 0;

    if (!agent || agentThaw(agent, &thawed) < 0)
        VIR_WARN("domain '%s': a daemon ended while it made a quiesced backup, and the guest cannot be "
                 "asked to thaw its file systems: %s",
                 vm->name, virErrorLastMessage());
    virErrorReset();
}

static int
freezeHeld(qemuVM *vm, const char **mountpoints, unsigned int n)
{
    g_autoptr(virJSONValue) command = freezeCommand((const char *const *)mountpoints, n);
    qemuQuiesce *q = g_new0(qemuQuiesce, 1);
    int ret = -1;

    /* Frozen until the client thaws: the guard only takes back a freeze that nobody was told of. */
    if ((q->agent = agentOpen(vm)) && freezeGuarded(q, command) == 0 && qemuGuardDisarm(q->guard, true))
        ret = (int)q->frozen;
    qemuQuiesceFree(q);
    return ret;
}

int
qemuDomainFSFreeze(virDomainPtr dom, const char **mountpoints, unsigned int n, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int ret = -1;

    virCheckFlags(0, -1);
    if (!(vm = qemuVMFromDomain(dom)) || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainFSFreeze") < 0)
        return -1;
    ret = freezeHeld(vm, mountpoints, n);
    qemuJobEnd(&vm->job);
    return ret;
}

int
qemuDomainFSThaw(virDomainPtr dom, const char **mountpoints G_GNUC_UNUSED, unsigned int n G_GNUC_UNUSED,
                 unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(qemuAgent) agent = NULL;
    unsigned long long thawed = 0;
    int ret = -1;

    virCheckFlags(0, -1);
    if (!(vm = qemuVMFromDomain(dom)) || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainFSThaw") < 0)
        return -1;
    if ((agent = agentOpen(vm)) && agentThaw(agent, &thawed) == 0)
        ret = (int)thawed;
    qemuJobEnd(&vm->job);
    return ret;
}
