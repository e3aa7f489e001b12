/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP half of the executor, and the quirks of QEMU that every sender has to respect:
 *
 * - qom-set of "drive" to the node the device already has aborts QEMU ("old_bs != new_bs", 7.2), i.e.
 *   kills the guest. Whoever gives a device its node back asks first which one it has.
 * - block-export-del and job-cancel return before they have had their effect; what stands on it must
 *   wait, or is "in use".
 * - nbd-server-stop freezes the guest as long as a silent client is connected (qemu_nbd_clients.h).
 * - "does not exist" has no error class of its own, only words.
 */
#include "qemu_plan_qmp.h"

#include <string.h>

#include "qemu_nbd_clients.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define EXPORTS_TIMEOUT_MS 10000
#define EXPORTS_PATIENCE_MS 50       /* so long a removed export may take to let go of its clients */
#define JOB_TIMEOUT_MS 30000
#define EXPORT_PREFIX "fleece-export-"

static const char *
commandName(const virJSONValue *command)
{
    return virJSONObjectLookupString(command, "execute");
}

static bool
commandIs(const virJSONValue *command, const char *name)
{
    return command && g_strcmp0(commandName(command), name) == 0;
}

static const char *
replyError(const virJSONValue *reply)
{
    const virJSONValue *error = virJSONObjectLookupObject(reply, "error");
    const char *desc = virJSONObjectLookupString(error, "desc");

    if (virJSONObjectLookup(reply, "return"))
        return NULL;
    return desc ? desc : "no reason given";
}

/* Is @desc QEMU's way to say that what should go is not there? */
static bool
errorSaysGone(const char *desc)
{
    static const char *const words[] = { "not found", "Failed to find node", "Cannot find device",
                                         "NBD server not running" };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(desc, words[i]))
            return true;
    }
    return false;
}

static void
reportStep(const qemuPlanStep *step, const virJSONValue *command, const char *desc)
{
    virReportError(VIR_ERR_INTERNAL_ERROR,
                   "step '%s' failed: unable to execute QEMU command '%s': %s", step->name,
                   commandName(command), desc);
}

static void
freeReplies(virJSONValue **replies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        virJSONValueFree(replies[i]);
    g_free(replies);
}

static bool
isDriveSwitch(const virJSONValue *command)
{
    const virJSONValue *args = virJSONObjectLookupObject(command, "arguments");

    return commandIs(command, "qom-set") &&
           g_strcmp0(virJSONObjectLookupString(args, "property"), "drive") == 0;
}

/* The node of the device at @path by a reply to query-blockstats. Its "qdev" is the device's id or,
 * where a part without an id has the disk (virtio-blk), the path of that part. */
static const char *
nodeOfDevice(const virJSONValue *stats, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = strlen(path);

    for (size_t i = 0; i < virJSONArraySize(stats); i++) {
        const virJSONValue *entry = virJSONArrayAt(stats, i);
        const char *qdev = virJSONObjectLookupString(entry, "qdev");

        if (!qdev)
            continue;
        if ((slash && g_str_equal(qdev, slash + 1)) ||
            (strncmp(qdev, path, length) == 0 && (qdev[length] == '/' || qdev[length] == '\0')))
            return virJSONObjectLookupString(entry, "node-name");
    }
    return NULL;
}

/* Would @command give its device the node that it has? @stats may not know the device. -1: QEMU is
 * gone. */
static int
switchIsMoot(const virJSONValue *command, const virJSONValue *stats, qemuTarget *target)
{
    const virJSONValue *args = virJSONObjectLookupObject(command, "arguments");
    const char *path = virJSONObjectLookupString(args, "path");
    const char *has = nodeOfDevice(stats, path);
    g_autoptr(virJSONValue) question = NULL;
    virJSONValue *reply = NULL;
    int ret = 0;

    if (has)
        return g_strcmp0(has, virJSONObjectLookupString(args, "value")) == 0;
    question = virJSONBuild("{'execute':'qom-get','arguments':{'path':%s,'property':'drive'}}", path);
    if (target->ops->batch(target, &question, 1, &reply) < 0)
        return -1;
    ret = g_strcmp0(virJSONObjectLookupString(reply, "return"),
                    virJSONObjectLookupString(args, "value")) == 0;
    virJSONValueFree(reply);
    return ret;
}

void
qemuPlanQMPNewsClear(qemuPlanQMPNews *news)
{
    g_clear_pointer(&news->exports, virJSONValueFree);
    g_clear_pointer(&news->devices, virJSONValueFree);
    g_clear_pointer(&news->unflushed, g_free);
}

/* Which of @commands would give a device the node that it has? One question for all devices, none if
 * there are no switches: a qom-get a device is 100 bytes of QMP, and bytes are slow (qemu_monitor.c).
 * @skip[i] is set for those. */
static int
findSwitched(virJSONValue *const *commands, size_t n, qemuTarget *target, bool *skip,
             qemuPlanQMPNews *news)
{
    g_autoptr(virJSONValue) question = virJSONBuild("{'execute':'query-blockstats'}");
    g_autoptr(virJSONValue) stats = news ? g_steal_pointer(&news->devices) : NULL;
    bool asked = stats != NULL;

    for (size_t i = 0; i < n; i++) {
        int moot = 0;

        if (!isDriveSwitch(commands[i]))
            continue;
        if (!asked && target->ops->command(target, question, &stats) < 0)
            return -1;
        asked = true;
        if ((moot = switchIsMoot(commands[i], stats, target)) < 0)
            return -1;
        skip[i] = moot;
    }
    return 0;
}

/* The first failure becomes the error, later ones are logged. */
static void
judgeReply(const qemuPlanStep *step, const virJSONValue *reply, qemuPlanStepState *state, int *failed)
{
    const char *desc = replyError(reply);

    if (!desc || (step->goOn && errorSaysGone(desc))) {
        *state = QEMU_PLAN_STEP_DONE;
        return;
    }
    *state = QEMU_PLAN_STEP_FAILED;
    if (*failed)
        VIR_DEBUG("step '%s' failed too: %s", step->name, desc);
    else
        reportStep(step, step->command, desc);
    *failed = -1;
}

#define NEWS_QUESTIONS 2

/* In this order they are answered; @questions live as long as the commands that point to them. */
static void
askNews(virJSONValue **commands, virJSONValue **questions)
{
    questions[0] = virJSONBuild("{'execute':'query-block-exports'}");
    questions[1] = virJSONBuild("{'execute':'query-blockstats'}");
    for (size_t i = 0; i < NEWS_QUESTIONS; i++)
        commands[i] = questions[i];
}

/* An answer that is an error is none: whoever needs it asks again. */
static void
keepNews(qemuPlanQMPNews *news, virJSONValue *const *replies, virJSONValue **questions)
{
    g_clear_pointer(&news->exports, virJSONValueFree);
    g_clear_pointer(&news->devices, virJSONValueFree);
    news->exports = virJSONCopy(virJSONObjectLookupArray(replies[0], "return"));
    news->devices = virJSONCopy(virJSONObjectLookupArray(replies[1], "return"));
    for (size_t i = 0; i < NEWS_QUESTIONS; i++)
        g_clear_pointer(&questions[i], virJSONValueFree);
}

int
qemuPlanQMPSend(qemuPlanStep *const *steps, size_t n, qemuTarget *target, qemuPlanStepState *states,
                qemuPlanQMPNews *news)
{
    g_autofree virJSONValue **commands = g_new0(virJSONValue *, n + NEWS_QUESTIONS);
    g_autofree size_t *index = g_new0(size_t, n);
    g_autofree bool *skip = g_new0(bool, n);
    virJSONValue *questions[NEWS_QUESTIONS] = { NULL };
    virJSONValue **replies = NULL;
    size_t count = 0;
    size_t more = news && news->wanted ? NEWS_QUESTIONS : 0;
    int failed = 0;
    int ret = 0;

    for (size_t i = 0; i < n; i++)
        commands[i] = steps[i]->command;
    if (steps[0]->goOn && findSwitched(commands, n, target, skip, news) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        states[i] = QEMU_PLAN_STEP_DONE;
        if (!steps[i]->command || skip[i])
            continue;
        states[i] = QEMU_PLAN_STEP_FAILED;
        index[count] = i;
        commands[count++] = steps[i]->command;
    }
    if (count == 0)
        return 0;
    if (more)
        askNews(commands + count, questions);
    replies = g_new0(virJSONValue *, count + more);
    ret = target->ops->batch(target, commands, count + more, replies);
    for (size_t i = 0; ret == 0 && i < count; i++)
        judgeReply(steps[index[i]], replies[i], &states[index[i]], &failed);
    if (more)
        keepNews(news, replies + count, questions);
    freeReplies(replies, count + more);
    return ret < 0 ? ret : failed;
}

/* What a poll says: 1 = keep waiting, 0 = it is so, -1 = QEMU is gone. */
typedef int (*pollFunc)(qemuTarget *target, const char *id);

static int
pollUntil(pollFunc poll, qemuTarget *target, const char *id, unsigned int timeoutMs)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeoutMs * 1000;
    gulong pauseUs = 500;
    int more = poll(target, id);

    while (more > 0 && g_get_monotonic_time() < end) {
        g_usleep(pauseUs);
        pauseUs = MIN(pauseUs * 2, 50000);
        more = poll(target, id);
    }
    return more;
}

/* @id: that export, or NULL for any of ours that has been told to go. */
static bool
exportListed(const virJSONValue *exports, const char *id)
{
    for (size_t i = 0; i < virJSONArraySize(exports); i++) {
        const virJSONValue *export = virJSONArrayAt(exports, i);
        const char *name = virJSONObjectLookupString(export, "id");

        if (!name)
            continue;
        if (id ? g_str_equal(name, id)
               : g_str_has_prefix(name, EXPORT_PREFIX) && virJSONObjectIsTrue(export, "shutting-down"))
            return true;
    }
    return false;
}

static int
pollExports(qemuTarget *target, const char *id)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-block-exports'}");
    g_autoptr(virJSONValue) exports = NULL;

    if (target->ops->command(target, command, &exports) < 0)
        return -1;
    return exportListed(exports, id);
}

/* As qemuPlanQMPWaitExports, for the export @id alone. 1: it is still there. */
static int
letGo(qemuTarget *target, const char *id, const char *path, unsigned int port)
{
    int more = pollUntil(pollExports, target, id, EXPORTS_PATIENCE_MS);

    if (more <= 0)
        return more;
    qemuNbdClientsBreak(target->ops->pid(target), path, port);
    return pollUntil(pollExports, target, id, EXPORTS_TIMEOUT_MS);
}

static int
pollJob(qemuTarget *target, const char *id)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-jobs'}");
    g_autoptr(virJSONValue) jobs = NULL;

    if (target->ops->command(target, command, &jobs) < 0)
        return -1;
    for (size_t i = 0; i < virJSONArraySize(jobs); i++) {
        const virJSONValue *job = virJSONArrayAt(jobs, i);

        if (g_strcmp0(virJSONObjectLookupString(job, "id"), id) == 0)
            return g_strcmp0(virJSONObjectLookupString(job, "status"), "concluded") != 0;
    }
    return 0;
}

/* Why job @id, which is over, has failed; NULL = it has not. */
static char *
jobError(qemuTarget *target, const char *id)
{
    g_autoptr(virJSONValue) command = virJSONBuild("{'execute':'query-jobs'}");
    g_autoptr(virJSONValue) jobs = NULL;

    if (target->ops->command(target, command, &jobs) < 0)
        return g_strdup("QEMU has gone");
    for (size_t i = 0; i < virJSONArraySize(jobs); i++) {
        const virJSONValue *job = virJSONArrayAt(jobs, i);

        if (g_strcmp0(virJSONObjectLookupString(job, "id"), id) == 0)
            return g_strdup(virJSONObjectLookupString(job, "error"));
    }
    return g_strdup("its job has vanished");
}

int
qemuPlanQMPRunJob(const qemuPlanStep *step, qemuTarget *target)
{
    const virJSONValue *args = virJSONObjectLookupObject(step->command, "arguments");
    const char *id = virJSONObjectLookupString(args, "job-id");
    g_autoptr(virJSONValue) reply = NULL;
    g_autofree char *error = NULL;
    int more = 0;

    /* one that did not come to an end in time has perhaps done so since */
    if (qemuPlanQMPUndo(NULL, step, target, true) < 0 ||
        target->ops->command(target, step->command, &reply) < 0 ||
        (more = pollUntil(pollJob, target, id, JOB_TIMEOUT_MS)) < 0)
        return -1;
    error = more > 0 ? g_strdup("it did not come to an end in time") : jobError(target, id);
    if (more == 0 && qemuPlanQMPUndo(NULL, step, target, true) < 0)
        return -1;
    if (error)
        reportStep(step, step->command, error);
    return error ? -1 : 0;
}

int
qemuPlanQMPWaitExports(qemuTarget *target, const char *path, unsigned int port,
                       const qemuPlanQMPNews *news)
{
    bool gone = news && news->exports && !exportListed(news->exports, NULL);
    int more = gone ? 0 : letGo(target, NULL, path, port);

    if (more > 0)
        virReportError(VIR_ERR_OPERATION_TIMEOUT,
                       "the NBD exports of the backup are still in use %d s after they were removed; its "
                       "filters stay, because to remove them now would freeze the guest",
                       EXPORTS_TIMEOUT_MS / 1000);
    return more == 0 ? 0 : -1;
}

int
qemuPlanQMPWaitClients(qemuTarget *target, const char *path, unsigned int port)
{
    pid_t pid = target->ops->pid(target);

    if (qemuNbdClientsWait(pid, path, port, QEMU_NBD_CLIENTS_TIMEOUT_MS))
        return 0;
    virReportError(VIR_ERR_OPERATION_TIMEOUT,
                   "a client that never said anything is still connected to the NBD server after "
                   "%d s; the server stays, because stopping it would freeze the guest",
                   QEMU_NBD_CLIENTS_TIMEOUT_MS / 1000);
    return -1;
}

/* Where the NBD server that @plan starts can be reached: path (borrowed) or port; neither if it starts none. */
static void
serverOf(const qemuPlan *plan, const char **path, unsigned int *port)
{
    *path = NULL;
    *port = 0;
    for (guint i = 0; plan && i < plan->steps->len; i++) {
        const qemuPlanStep *step = g_ptr_array_index(plan->steps, i);
        const virJSONValue *args = virJSONObjectLookupObject(step->command, "arguments");
        const virJSONValue *addr = virJSONObjectLookupObject(args, "addr");
        const virJSONValue *data = virJSONObjectLookupObject(addr, "data");
        const char *text = virJSONObjectLookupString(data, "port");

        if (step->kind == QEMU_STEP_PASS_FD) {
            *path = step->path;
            *port = step->size;
            return;
        }
        if (!commandIs(step->command, "nbd-server-start"))
            continue;
        *path = virJSONObjectLookupString(data, "path");
        *port = text ? g_ascii_strtoull(text, NULL, 10) : 0;
    }
}

static bool
undoIsMoot(const virJSONValue *undo, const char *desc, bool tolerant)
{
    if (commandIs(undo, "job-cancel") && strstr(desc, "cannot accept command verb"))
        return true;   /* it has concluded by itself */
    return tolerant && errorSaysGone(desc);
}

static int
settleUndo(const qemuPlan *plan, const qemuPlanStep *step, qemuTarget *target)
{
    const virJSONValue *args = virJSONObjectLookupObject(step->undo, "arguments");
    const char *id = virJSONObjectLookupString(args, "id");
    const char *path = NULL;
    unsigned int port = 0;
    int more = 0;

    serverOf(plan, &path, &port);
    if (commandIs(step->undo, "block-export-del"))
        more = letGo(target, id, path, port);
    else if (commandIs(step->undo, "job-cancel"))
        more = pollUntil(pollJob, target, id, JOB_TIMEOUT_MS);
    if (more > 0)
        reportStep(step, step->undo, "QEMU accepted it but did not come to an end with it in time");
    return more > 0 ? -1 : 0;
}

int
qemuPlanQMPUndo(const qemuPlan *plan, const qemuPlanStep *step, qemuTarget *target, bool tolerant)
{
    virJSONValue *reply = NULL;
    const char *desc = NULL;
    const char *path = NULL;
    unsigned int port = 0;
    bool skip = false;
    int ret = 0;

    if (!step->undo)
        return 0;
    serverOf(plan, &path, &port);
    if (commandIs(step->undo, "nbd-server-stop") && qemuPlanQMPWaitClients(target, path, port) < 0)
        return -1;
    if (findSwitched(&step->undo, 1, target, &skip, NULL) < 0 || skip)
        return 0;
    if (target->ops->batch(target, &step->undo, 1, &reply) < 0)
        return 0;
    desc = replyError(reply);
    if (!desc) {
        ret = settleUndo(plan, step, target);
    } else if (!undoIsMoot(step->undo, desc, tolerant || !step->command)) {
        reportStep(step, step->undo, desc);
        ret = -1;
    }
    virJSONValueFree(reply);
    return ret;
}
