/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lent files by path. The old owner is kept here and in the status files of the domains that use
 * the file, so that a restarted daemon can still give it back.
 */
#include "qemu_lend.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "qemu_driver_state.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_SECURITY

typedef struct _qemuLoan {
    uid_t user;
    gid_t group;
    unsigned int users;
} qemuLoan;

static GMutex loanLock;
static GHashTable *loans;   /* path -> qemuLoan *; guarded by loanLock */

/* Lock held. */
static GHashTable *
qemuLoans(void)
{
    if (!loans)
        loans = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return loans;
}

static bool
qemuLendWanted(uid_t *user, gid_t *group)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    *user = config->user;
    *group = config->group;
    return config->privileged && config->user != (uid_t)-1 && config->user != geteuid();
}

/* A file that QEMU can read as it is keeps its owner, but counts as lent: who uses it gives it back
 * like any other, and that must not be counted against somebody who writes to it. */
static bool
qemuLendNeedsOwner(const struct stat *st, uid_t user, bool writable)
{
    return st->st_uid != user && (writable || !(st->st_mode & S_IROTH));
}

int
qemuLendFile(const char *path, bool writable)
{
    uid_t user = (uid_t)-1;
    gid_t group = (gid_t)-1;
    struct stat st = { 0 };
    qemuLoan *loan = NULL;
    int ret = 0;

    if (!qemuLendWanted(&user, &group))
        return 0;
    g_mutex_lock(&loanLock);
    loan = g_hash_table_lookup(qemuLoans(), path);
    if (stat(path, &st) < 0) {
        virReportSystemError(errno, "cannot look at '%s' to lend it to QEMU", path);
        ret = -1;
    } else if (qemuLendNeedsOwner(&st, user, writable) && chown(path, user, group) < 0) {
        virReportSystemError(errno, "cannot make '%s' belong to QEMU's user %u:%u", path,
                             (unsigned int)user, (unsigned int)group);
        ret = -1;
    } else if (loan) {
        loan->users++;
    } else {
        loan = g_new0(qemuLoan, 1);
        *loan = (qemuLoan){ .user = st.st_uid, .group = st.st_gid, .users = 1 };
        g_hash_table_insert(qemuLoans(), g_strdup(path), loan);
    }
    g_mutex_unlock(&loanLock);
    return ret;
}

/* Lock held. */
static void
qemuLendRestore(const char *path, const qemuLoan *loan)
{
    struct stat st = { 0 };

    if (stat(path, &st) < 0 || (st.st_uid == loan->user && st.st_gid == loan->group))
        return;
    if (chown(path, loan->user, loan->group) < 0 && errno != ENOENT)
        VIR_WARN("cannot give '%s' back to %u:%u: %s", path, (unsigned int)loan->user,
                 (unsigned int)loan->group, g_strerror(errno));
}

void
qemuLendReturn(const char *path)
{
    qemuLoan *loan = NULL;

    g_mutex_lock(&loanLock);
    loan = g_hash_table_lookup(qemuLoans(), path);
    if (loan && --loan->users == 0) {
        qemuLendRestore(path, loan);
        g_hash_table_remove(qemuLoans(), path);
    }
    g_mutex_unlock(&loanLock);
}

bool
qemuLendOwner(const char *path, uid_t *user, gid_t *group)
{
    qemuLoan *loan = NULL;

    g_mutex_lock(&loanLock);
    loan = g_hash_table_lookup(qemuLoans(), path);
    if (loan) {
        *user = loan->user;
        *group = loan->group;
    }
    g_mutex_unlock(&loanLock);
    return loan != NULL;
}

void
qemuLendNote(const char *path, uid_t user, gid_t group)
{
    qemuLoan *loan = NULL;

    g_mutex_lock(&loanLock);
    loan = g_hash_table_lookup(qemuLoans(), path);
    if (loan) {
        loan->users++;
    } else {
        loan = g_new0(qemuLoan, 1);
        *loan = (qemuLoan){ .user = user, .group = group, .users = 1 };
        g_hash_table_insert(qemuLoans(), g_strdup(path), loan);
    }
    g_mutex_unlock(&loanLock);
}

static void
qemuLendForEachOfDisk(const virDomainDiskDef *disk,
                      void (*func)(const char *path, bool writable, void *opaque), void *opaque)
{
    const virStorageSource *src = disk->src;
    bool writable = !disk->readonly;

    for (; src; src = src->backing) {
        if (src->path)
            func(src->path, writable, opaque);
        if (src->dataStore && src->dataStore->path)
            func(src->dataStore->path, writable, opaque);
        writable = false;
    }
}

void
qemuLendForEach(const virDomainDef *def, void (*func)(const char *path, bool writable, void *opaque),
                void *opaque)
{
    guint i = 0;

    for (i = 0; i < def->disks->len; i++)
        qemuLendForEachOfDisk(g_ptr_array_index(def->disks, i), func, opaque);
    if (def->kernel)
        func(def->kernel, false, opaque);
    if (def->initrd)
        func(def->initrd, false, opaque);
}

typedef struct _qemuLendRun {
    GPtrArray *done;   /* char *, borrowed from the Def */
    bool failed;
} qemuLendRun;

static void
qemuLendOne(const char *path, bool writable, void *opaque)
{
    qemuLendRun *run = opaque;

    if (run->failed)
        return;
    if (qemuLendFile(path, writable) < 0)
        run->failed = true;
    else
        g_ptr_array_add(run->done, (char *)path);
}

/* All or none. */
static int
qemuLendSettle(const qemuLendRun *run)
{
    guint i = 0;

    for (i = 0; run->failed && i < run->done->len; i++)
        qemuLendReturn(g_ptr_array_index(run->done, i));
    return run->failed ? -1 : 0;
}

int
qemuLendDomain(const virDomainDef *def)
{
    g_autoptr(GPtrArray) done = g_ptr_array_new();
    qemuLendRun run = { .done = done };

    qemuLendForEach(def, qemuLendOne, &run);
    return qemuLendSettle(&run);
}

int
qemuLendDisk(const virDomainDiskDef *disk)
{
    g_autoptr(GPtrArray) done = g_ptr_array_new();
    qemuLendRun run = { .done = done };

    qemuLendForEachOfDisk(disk, qemuLendOne, &run);
    return qemuLendSettle(&run);
}

static void
qemuLendReturnOne(const char *path, bool writable G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
    qemuLendReturn(path);
}

void
qemuLendReturnDisk(const virDomainDiskDef *disk)
{
    qemuLendForEachOfDisk(disk, qemuLendReturnOne, NULL);
}

void
qemuLendReturnDomain(const virDomainDef *def)
{
    qemuLendForEach(def, qemuLendReturnOne, NULL);
}
