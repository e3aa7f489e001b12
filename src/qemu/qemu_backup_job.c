/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Job of a backup and its journal.
 *
 * The journal is written twice: before the first effect of the begin (with the whole Plan, so that
 * a restarted daemon can undo every step that may have happened) and when the backup runs. It is
 * removed after the last step of the end. It lives below /run, because what it describes dies with
 * the host.
 */
#include "qemu_backup_job.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_capabilities.h"
#include "qemu_lend.h"
#include "qemu_storage.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virjson.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU
#define JOURNAL_MAX_BYTES (16 * 1024 * 1024)
#define JOURNAL_VERSION 1
#define MEASURE_MS 100

static const char *const phaseNames[QEMU_BACKUP_PHASE_LAST] = {
    [QEMU_BACKUP_BEGINNING] = "beginning",
    [QEMU_BACKUP_RUNNING] = "running",
    [QEMU_BACKUP_ENDING] = "ending",
    [QEMU_BACKUP_SERVER] = "server",
};

static void
diskFree(gpointer data)
{
    qemuBackupJobDisk *disk = data;

    g_free(disk->name);
    g_free(disk->storePath);
    g_free(disk->scratchPath);
    g_free(disk->error);
    g_free(disk);
}

static bool
isFile(const virStorageSource *store)
{
    return store && store->type == VIR_STORAGE_TYPE_FILE;
}

static qemuBackupJobDisk *
diskNew(const virDomainBackupDef *def, const virDomainBackupDiskDef *from)
{
    qemuBackupJobDisk *disk = g_new0(qemuBackupJobDisk, 1);

    disk->name = g_strdup(from->name);
    disk->storePath = g_strdup(from->store ? from->store->path : NULL);
    disk->storeIsFile = isFile(from->store);
    disk->hasUnion = from->incremental != NULL;
    disk->removeStore = def->mode == VIR_BACKUP_MODE_PULL && isFile(from->store);
    disk->scratchPath = g_strdup(from->scratch ? from->scratch->path : NULL);
    disk->removeScratch = isFile(from->scratch);
    return disk;
}

qemuBackupJob *
qemuBackupJobNew(const virDomainBackupDef *def)
{
    qemuBackupJob *job = g_new0(qemuBackupJob, 1);

    job->refs = 1;
    job->def = virDomainBackupDefCopy(def);
    job->startedMs = g_get_real_time() / 1000;
    job->begunUs = g_get_monotonic_time();
    job->disks = g_ptr_array_new_with_free_func(diskFree);
    for (guint i = 0; i < job->def->disks->len; i++) {
        const virDomainBackupDiskDef *disk = g_ptr_array_index(job->def->disks, i);

        if (disk->backup)
            g_ptr_array_add(job->disks, diskNew(job->def, disk));
    }
    return job;
}

qemuBackupJob *
qemuBackupJobRef(qemuBackupJob *job)
{
    g_atomic_int_inc(&job->refs);
    return job;
}

void
qemuBackupJobUnref(qemuBackupJob *job)
{
    if (!job || !g_atomic_int_dec_and_test(&job->refs))
        return;
    virDomainBackupDefFree(job->def);
    g_free(job->checkpoint);
    qemuPlanFree(job->plan);
    g_free(job->endError);
    g_free(job->unflushed);
    g_ptr_array_unref(job->disks);
    g_free(job);
}

qemuBackupJobDisk *
qemuBackupJobDiskLookup(const qemuBackupJob *job, const char *name)
{
    for (guint i = 0; i < job->disks->len; i++) {
        qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (g_str_equal(disk->name, name))
            return disk;
    }
    return NULL;
}

bool
qemuBackupJobStoreGoes(const qemuBackupJob *job, const qemuBackupJobDisk *disk, int type)
{
    if (job->def->mode == VIR_BACKUP_MODE_PULL)
        return disk->removeStore;
    return type != VIR_DOMAIN_JOB_COMPLETED && !job->reuseExternal && disk->storeIsFile;
}

static char *
journalPath(const qemuConfig *config, const char *domain)
{
    return g_strdup_printf("%s/%s.backup", config->stateDir, domain);
}

/* A store that belongs to QEMU's user for the time of the backup: whose it was. */
static virJSONValue *
diskToJSON(const qemuBackupJobDisk *disk)
{
    uid_t user = 0;
    gid_t group = 0;
    bool lent = disk->storePath && qemuLendOwner(disk->storePath, &user, &group);

    return virJSONBuild("{'name':%s,'size':%llu,'remove':%b,'remove-scratch':%b,'processed':%llu,"
                        "'total':%llu,'lent':%b,'user':%u,'group':%u}",
                        disk->name, disk->size, disk->removeStore, disk->removeScratch,
                        disk->processed, disk->total, lent, (unsigned int)user, (unsigned int)group);
}

static virJSONValue *
disksToJSON(const qemuBackupJob *job)
{
    virJSONValue *array = virJSONNewArray();

    for (guint i = 0; i < job->disks->len; i++)
        virJSONArrayAppend(array, diskToJSON(g_ptr_array_index(job->disks, i)));
    return array;
}

int
qemuBackupJournalSave(const qemuConfig *config, const char *domain, const qemuBackupJob *job)
{
    g_autofree char *path = journalPath(config, domain);
    g_autofree char *xml = virDomainBackupDefFormat(job->def);
    g_autoptr(virJSONValue) json = virJSONBuild(
        "{'version':%d,'phase':%s,'started':%lld,'begun':%lld,'reuse':%b,'preserve':%b,'cbw-timeout':%u,"
        "'end':%d,'error':%s,'checkpoint':%s,'backup':%s,'port':%u,'disks':%v,'plan':%v}",
        JOURNAL_VERSION, phaseNames[job->phase], job->startedMs, (long long)job->begunUs,
        job->reuseExternal, job->preserve, job->cbwTimeout, job->endType,
        job->endError, job->checkpoint, xml, job->def->server.port, disksToJSON(job),
        job->plan ? qemuPlanToJSON(job->plan) : NULL);
    g_autofree char *text = virJSONFormat(json, false);
    g_autofree char *fault = g_strconcat("backup.journal.", phaseNames[job->phase], NULL);
    g_autofree char *saved = g_strconcat(fault, ".done", NULL);

    if (virFaultPoint(fault) < 0 || virFileReplaceVolatile(path, text, strlen(text), 0600) < 0)
        return -1;
    return virFaultPoint(saved);
}

static int
phaseFromString(const char *name)
{
    for (int i = 0; i < QEMU_BACKUP_PHASE_LAST; i++) {
        if (g_strcmp0(name, phaseNames[i]) == 0)
            return i;
    }
    return -1;
}

static void
ownerFromJSON(qemuBackupJobDisk *disk, const virJSONValue *entry)
{
    unsigned long long user = 0;
    unsigned long long group = 0;

    disk->lent = virJSONObjectIsTrue(entry, "lent") &&
                 virJSONObjectGetUInt(entry, "user", &user) == 0 &&
                 virJSONObjectGetUInt(entry, "group", &group) == 0;
    disk->user = (uid_t)user;
    disk->group = (gid_t)group;
}

static int
disksFromJSON(qemuBackupJob *job, const virJSONValue *array)
{
    for (size_t i = 0; i < virJSONArraySize(array); i++) {
        const virJSONValue *entry = virJSONArrayAt(array, i);
        const char *name = virJSONObjectLookupString(entry, "name");
        qemuBackupJobDisk *disk = name ? qemuBackupJobDiskLookup(job, name) : NULL;

        if (!disk || virJSONObjectGetUInt(entry, "size", &disk->size) < 0)
            return -1;
        disk->removeStore = virJSONObjectIsTrue(entry, "remove");
        disk->removeScratch = virJSONObjectIsTrue(entry, "remove-scratch");
        virJSONObjectGetUInt(entry, "processed", &disk->processed);
        virJSONObjectGetUInt(entry, "total", &disk->total);
        ownerFromJSON(disk, entry);
    }
    return virJSONArraySize(array) == job->disks->len ? 0 : -1;
}

/* The document does not say where a socket listens that the client had opened. */
static int
portFromJSON(virDomainBackupDef *def, const virJSONValue *json)
{
    unsigned long long port = 0;

    if (def->server.transport != VIR_BACKUP_SERVER_FD)
        return 0;
    if (virJSONObjectGetUInt(json, "port", &port) < 0)
        return -1;
    def->server.port = port;
    return 0;
}

static qemuBackupJob *
journalParse(const virJSONValue *json)
{
    g_autoptr(qemuBackupJob) job = NULL;
    g_autoptr(virDomainBackupDef) def = NULL;
    const char *xml = virJSONObjectLookupString(json, "backup");
    const virJSONValue *plan = virJSONObjectLookupObject(json, "plan");
    int phase = phaseFromString(virJSONObjectLookupString(json, "phase"));
    unsigned long long cbwTimeout = QEMU_CAPS_CBW_TIMEOUT_SAFE;
    long long end = 0;
    long long begun = 0;

    if (!xml || phase < 0 || !(def = virDomainBackupDefParse(xml)) || portFromJSON(def, json) < 0)
        return NULL;
    job = qemuBackupJobNew(def);
    job->phase = phase;
    job->checkpoint = g_strdup(virJSONObjectLookupString(json, "checkpoint"));
    job->reuseExternal = virJSONObjectIsTrue(json, "reuse");
    job->preserve = virJSONObjectIsTrue(json, "preserve");
    job->endError = g_strdup(virJSONObjectLookupString(json, "error"));
    if (virJSONObjectGetInt(json, "end", &end) < 0 ||
        virJSONObjectGetInt(json, "started", &job->startedMs) < 0 ||
        disksFromJSON(job, virJSONObjectLookupArray(json, "disks")) < 0)
        return NULL;
    job->endType = end;
    /* a daemon that knew no longer ones did not note it */
    virJSONObjectGetUInt(json, "cbw-timeout", &cbwTimeout);
    job->cbwTimeout = MIN((unsigned int)cbwTimeout, VIR_BACKUP_OPTION(def, CBW_TIMEOUT));
    job->begunUs = virJSONObjectGetInt(json, "begun", &begun) == 0 ? begun : 0;
    if (plan && !(job->plan = qemuPlanFromJSON(plan)))
        return NULL;
    return g_steal_pointer(&job);
}

qemuBackupJob *
qemuBackupJournalLoad(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);
    g_autofree char *text = NULL;
    g_autoptr(virJSONValue) json = NULL;
    qemuBackupJob *job = NULL;

    virErrorReset();
    if (!virFileExists(path))
        return NULL;
    if (virFileReadAll(path, JOURNAL_MAX_BYTES, &text) < 0 || !(json = virJSONParse(text, -1)))
        return NULL;
    job = journalParse(json);
    if (!job)
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "backup journal '%s' of domain '%s' does not describe a backup", path, domain);
    return job;
}

bool
qemuBackupJournalExists(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);

    return virFileExists(path);
}

void
qemuBackupJournalRemove(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);
    virErrorPtr saved = NULL;

    virErrorPreserveLast(&saved);
    if (virFaultPoint("backup.journal.remove") < 0)
        VIR_WARN("backup journal '%s' stays: %s", path, virErrorLastMessage());
    else if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove backup journal '%s': %s", path, g_strerror(errno));
    virErrorRestore(&saved);
}

void
qemuBackupJournalSetAside(const qemuConfig *config, const char *domain)
{
    g_autofree char *path = journalPath(config, domain);
    g_autofree char *broken = g_strconcat(path, ".broken", NULL);
    g_autofree char *text = NULL;
    gssize length = 0;

    VIR_ERROR("backup journal '%s' is set aside as '%s', and what it speaks of is left as it is: %s",
              path, broken, virErrorLastMessage());
    length = virFileReadAll(path, JOURNAL_MAX_BYTES, &text);
    if (length < 0 || virFileReplaceVolatile(broken, text, (size_t)length, 0600) == 0)
        unlink(path);
    virErrorReset();
}

/* A scratch file grows with what the guest overwrites; the file system knows its size. */
void
qemuBackupJobMeasure(qemuVM *vm, qemuBackupJob *job)
{
    for (guint i = 0; i < job->disks->len; i++) {
        qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);
        const char *path = job->def->mode == VIR_BACKUP_MODE_PULL ? disk->storePath : disk->scratchPath;
        struct stat st = { 0 };

        if (path && qemuStorageStat(path, MEASURE_MS, &st) && S_ISREG(st.st_mode)) {
            QEMU_VM_LOCK_GUARD(vm);

            disk->used = (unsigned long long)st.st_blocks * 512;
        }
    }
}

static void
fillScratch(const qemuBackupJob *job, virTypedParamList *params)
{
    bool pull = job->def->mode == VIR_BACKUP_MODE_PULL;
    unsigned long long used = 0;
    unsigned long long total = 0;

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        if (pull || disk->scratchPath)
            total += disk->size;
        used += disk->used;
    }
    virTypedParamListAddULLong(params, used, VIR_DOMAIN_JOB_DISK_TEMP_USED);
    virTypedParamListAddULLong(params, total, VIR_DOMAIN_JOB_DISK_TEMP_TOTAL);
}

static void
fillPush(const qemuBackupJob *job, virTypedParamList *params)
{
    unsigned long long processed = 0;
    unsigned long long total = 0;
    bool fleeced = false;

    for (guint i = 0; i < job->disks->len; i++) {
        const qemuBackupJobDisk *disk = g_ptr_array_index(job->disks, i);

        fleeced |= disk->scratchPath != NULL;
        processed += disk->processed;
        total += disk->total;
    }
    virTypedParamListAddULLong(params, total, VIR_DOMAIN_JOB_DISK_TOTAL);
    virTypedParamListAddULLong(params, processed, VIR_DOMAIN_JOB_DISK_PROCESSED);
    virTypedParamListAddULLong(params, total - MIN(processed, total), VIR_DOMAIN_JOB_DISK_REMAINING);
    if (fleeced)
        fillScratch(job, params);
}

void
qemuBackupJobStatsFill(const qemuBackupJob *job, long long nowMs, int completedType,
                       const char *errmsg, virTypedParamList *params)
{
    virTypedParamListAddInt(params, VIR_DOMAIN_JOB_OPERATION_BACKUP, VIR_DOMAIN_JOB_OPERATION);
    virTypedParamListAddULLong(params, MAX(nowMs - job->startedMs, 0), VIR_DOMAIN_JOB_TIME_ELAPSED);
    if (job->def->mode == VIR_BACKUP_MODE_PULL)
        fillScratch(job, params);
    else
        fillPush(job, params);
    if (completedType == VIR_DOMAIN_JOB_NONE)
        return;
    virTypedParamListAddBoolean(params, completedType == VIR_DOMAIN_JOB_COMPLETED,
                                VIR_DOMAIN_JOB_SUCCESS);
    if (errmsg)
        virTypedParamListAddString(params, errmsg, VIR_DOMAIN_JOB_ERRMSG);
}
