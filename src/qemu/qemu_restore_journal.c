/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a crash can leave of a restore, and how each of it is brought to an end.
 */
#include "qemu_restore_journal.h"

#include <unistd.h>
#include "qemu_lend.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virjson.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define JOURNAL_MAX_BYTES (1024 * 1024)

static const char *const phaseNames[QEMU_RESTORE_PHASE_LAST] = {
    "preparing", "writing", "ending", "committing", "half",
};

static void
diskFree(qemuRestoreDisk *disk)
{
    g_free(disk->name);
    g_free(disk->path);
    g_free(disk->newPath);
    virStorageEncryptionFree(disk->encryption);
    g_free(disk->error);
    g_free(disk);
}

static void
loanFree(qemuRestoreLoan *loan)
{
    g_free(loan->path);
    g_free(loan);
}

qemuRestoreJob *
qemuRestoreJobNew(void)
{
    qemuRestoreJob *job = g_new0(qemuRestoreJob, 1);

    job->refs = 1;
    job->disks = g_ptr_array_new_with_free_func((GDestroyNotify)diskFree);
    job->loans = g_ptr_array_new_with_free_func((GDestroyNotify)loanFree);
    return job;
}

qemuRestoreJob *
qemuRestoreJobRef(qemuRestoreJob *job)
{
    g_atomic_int_inc(&job->refs);
    return job;
}

void
qemuRestoreJobUnref(qemuRestoreJob *job)
{
    if (!job || !g_atomic_int_dec_and_test(&job->refs))
        return;
    virDomainRestoreDefFree(job->def);
    g_free(job->socket);
    g_ptr_array_unref(job->disks);
    g_ptr_array_unref(job->loans);
    g_free(job);
}

qemuRestoreDisk *
qemuRestoreJobAddDisk(qemuRestoreJob *job, const char *name)
{
    qemuRestoreDisk *disk = g_new0(qemuRestoreDisk, 1);

    disk->name = g_strdup(name);
    g_ptr_array_add(job->disks, disk);
    return disk;
}

void
qemuRestoreJobAddLoan(qemuRestoreJob *job, const char *path, uid_t user, gid_t group)
{
    qemuRestoreLoan *loan = g_new0(qemuRestoreLoan, 1);

    loan->path = g_strdup(path);
    loan->user = user;
    loan->group = group;
    g_ptr_array_add(job->loans, loan);
}

static char *
journalDir(const qemuConfig *config)
{
    return g_build_filename(config->libDir, "restore", NULL);
}

static char *
journalPath(const qemuConfig *config, const char *domain)
{
    return g_strdup_printf("%s/restore/%s.json", config->libDir, domain);
}

static virJSONValue *
diskToJSON(const qemuRestoreDisk *disk)
{
    return virJSONBuild("{'name':%s,'path':%s,'new':%s,'size':%llu,'was-half':%b,'has-owner':%b,"
                        "'user':%u,'group':%u,'mode':%u}",
                        disk->name, disk->path, disk->newPath, disk->size, disk->wasHalf,
                        disk->hasOwner, (unsigned int)disk->user, (unsigned int)disk->group,
                        (unsigned int)disk->mode);
}

int
qemuRestoreJournalSave(const qemuConfig *config, const char *domain, const qemuRestoreJob *job)
{
    g_autofree char *dir = journalDir(config);
    g_autofree char *path = journalPath(config, domain);
    g_autofree char *fault = g_strconcat("restore.journal.", phaseNames[job->phase], NULL);
    virJSONValue *disks = virJSONNewArray();
    virJSONValue *loans = virJSONNewArray();
    g_autofree char *request = job->def ? virDomainRestoreDefFormat(job->def) : NULL;
    g_autoptr(virJSONValue) json = NULL;
    g_autofree char *text = NULL;

    for (guint i = 0; i < job->disks->len; i++)
        virJSONArrayAppend(disks, diskToJSON(g_ptr_array_index(job->disks, i)));
    for (guint i = 0; i < job->loans->len; i++) {
        const qemuRestoreLoan *loan = g_ptr_array_index(job->loans, i);

        virJSONArrayAppend(loans, virJSONBuild("{'path':%s,'user':%u,'group':%u}", loan->path,
                                               (unsigned int)loan->user, (unsigned int)loan->group));
    }
    json = virJSONBuild("{'phase':%s,'started':%lld,'request':%s,'socket':%s,'disks':%v,'lent':%v}",
                        phaseNames[job->phase], job->startedMs, request, job->socket, disks, loans);
    text = virJSONFormat(json, true);
    if (virFileMakeDirs(dir, 0700) < 0)
        return -1;
    return virFileReplaceDurable(path, text, strlen(text), 0600, fault);
}

int
qemuRestoreJournalAdvance(const qemuConfig *config, const char *domain, qemuRestoreJob *job,
                          qemuRestorePhase phase)
{
    qemuRestorePhase old = job->phase;

    job->phase = phase;
    if (qemuRestoreJournalSave(config, domain, job) == 0)
        return 0;
    job->phase = old;
    return -1;
}

static int
diskFromJSON(qemuRestoreJob *job, const virJSONValue *json)
{
    const char *name = virJSONObjectLookupString(json, "name");
    const char *path = virJSONObjectLookupString(json, "path");
    unsigned long long user = 0, group = 0, mode = 0;
    qemuRestoreDisk *disk = NULL;

    if (!name || !path || virJSONObjectGetUInt(json, "user", &user) < 0 ||
        virJSONObjectGetUInt(json, "group", &group) < 0 ||
        virJSONObjectGetUInt(json, "mode", &mode) < 0)
        return -1;
    disk = qemuRestoreJobAddDisk(job, name);
    disk->path = g_strdup(path);
    disk->newPath = g_strdup(virJSONObjectLookupString(json, "new"));
    virJSONObjectGetUInt(json, "size", &disk->size);
    disk->wasHalf = virJSONObjectIsTrue(json, "was-half");
    disk->hasOwner = virJSONObjectIsTrue(json, "has-owner");
    disk->user = user;
    disk->group = group;
    disk->mode = mode;
    return 0;
}

static int
loanFromJSON(qemuRestoreJob *job, const virJSONValue *json)
{
    const char *path = virJSONObjectLookupString(json, "path");
    unsigned long long user = 0, group = 0;

    if (!path || virJSONObjectGetUInt(json, "user", &user) < 0 ||
        virJSONObjectGetUInt(json, "group", &group) < 0)
        return -1;
    qemuRestoreJobAddLoan(job, path, user, group);
    return 0;
}

/* What was asked for, and of which disks. A request that does not fit them is none. */
static void
requestFromJSON(qemuRestoreJob *job, const virJSONValue *json)
{
    const char *xml = virJSONObjectLookupString(json, "request");
    g_autoptr(virDomainRestoreDef) def = xml ? virDomainRestoreDefParse(xml) : NULL;

    virErrorReset();
    for (guint i = 0; def && i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        const virDomainRestoreDiskDef *asked = i < def->disks->len ? g_ptr_array_index(def->disks, i) : NULL;

        if (!asked || !g_str_equal(asked->name, disk->name))
            return;
    }
    for (guint i = 0; def && i < job->disks->len; i++)
        ((qemuRestoreDisk *)g_ptr_array_index(job->disks, i))->def = g_ptr_array_index(def->disks, i);
    job->def = g_steal_pointer(&def);
}

static qemuRestoreJob *
journalParse(const virJSONValue *json)
{
    g_autoptr(qemuRestoreJob) job = qemuRestoreJobNew();
    const char *phase = virJSONObjectLookupString(json, "phase");
    const virJSONValue *disks = virJSONObjectLookupArray(json, "disks");
    const virJSONValue *loans = virJSONObjectLookupArray(json, "lent");

    for (job->phase = 0; job->phase < QEMU_RESTORE_PHASE_LAST; job->phase++) {
        if (g_strcmp0(phase, phaseNames[job->phase]) == 0)
            break;
    }
    if (job->phase == QEMU_RESTORE_PHASE_LAST || virJSONArraySize(disks) == 0)
        return NULL;
    job->socket = g_strdup(virJSONObjectLookupString(json, "socket"));
    for (size_t i = 0; i < virJSONArraySize(disks); i++) {
        if (diskFromJSON(job, virJSONArrayAt(disks, i)) < 0)
            return NULL;
    }
    for (size_t i = 0; i < virJSONArraySize(loans); i++) {
        if (loanFromJSON(job, virJSONArrayAt(loans, i)) < 0)
            return NULL;
    }
    virJSONObjectGetInt(json, "started", &job->startedMs);
    requestFromJSON(job, json);
    return g_steal_pointer(&job);
}

qemuRestoreJob *
qemuRestoreJournalLoad(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);
    g_autofree char *text = NULL;
    g_autoptr(virJSONValue) json = NULL;
    qemuRestoreJob *job = NULL;

    virErrorReset();
    if (!virFileExists(path))
        return NULL;
    if (virFileReadAll(path, JOURNAL_MAX_BYTES, &text) >= 0 && (json = virJSONParse(text, -1)))
        job = journalParse(json);
    if (!job)
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "the journal '%s' of a restore of domain '%s' cannot be read, and what its disks "
                       "hold is in doubt; look at them, and remove the journal if they are good",
                       path, domain);
    return job;
}

int
qemuRestoreJournalRemove(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);

    return virFileUnlinkDurable(path, "restore.journal.remove");
}

/* Those that a dead daemon had lent are not on our books. */
static void
leave(const qemuRestoreJob *job)
{
    if (job->socket)
        unlink(job->socket);
    for (guint i = 0; i < job->loans->len; i++) {
        const qemuRestoreLoan *loan = g_ptr_array_index(job->loans, i);
        uid_t user = 0;
        gid_t group = 0;

        if (!qemuLendOwner(loan->path, &user, &group))
            qemuLendNote(loan->path, loan->user, loan->group);
        qemuLendReturn(loan->path);
    }
}

int
qemuRestoreUndo(const qemuConfig *config, const char *domain, qemuRestoreJob *job)
{
    bool half = false;

    for (guint i = 0; i < job->disks->len; i++) {
        qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        g_autofree char *fault = g_strconcat("restore.undo.", disk->name, NULL);

        disk->wasHalf |= !disk->newPath && job->phase != QEMU_RESTORE_PREPARING;
        half |= disk->wasHalf;
        qemuLendReturn(disk->newPath ? disk->newPath : disk->path);
        if (!disk->newPath)
            continue;
        if (virFileUnlinkDurable(disk->newPath, fault) < 0)
            return -1;
    }
    leave(job);
    if (!half)
        return qemuRestoreJournalRemove(config, domain);
    if (job->phase == QEMU_RESTORE_HALF)
        return 0;
    job->phase = QEMU_RESTORE_HALF;
    return qemuRestoreJournalSave(config, domain, job);
}

int
qemuRestoreFinish(const qemuConfig *config, const char *domain, const qemuRestoreJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        const qemuRestoreDisk *disk = g_ptr_array_index(job->disks, i);
        g_autofree char *fault = g_strconcat("restore.commit.", disk->name, NULL);

        if (disk->newPath && virFileExists(disk->newPath) &&
            virFileMoveDurable(disk->newPath, disk->path, fault) < 0)
            return -1;
    }
    leave(job);
    return qemuRestoreJournalRemove(config, domain);
}
