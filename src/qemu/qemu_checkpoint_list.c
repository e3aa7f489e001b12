/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of checkpoints: CHECKPOINTDIR/DOMAIN/NAME.xml, one file each, in libvirt's format plus a
 * state in our namespace. The list in memory mirrors that directory.
 */
#include "qemu_checkpoint_list.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "qemu_driver_state.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT

/* A record holds the domain's XML; one that is larger was not written by us. */
#define RECORD_MAX_BYTES (8 * 1024 * 1024)

static char *
recordDirectory(const qemuConfig *config, const char *domain)
{
    return g_build_filename(config->checkpointDir, domain, NULL);
}

static char *
recordPath(const qemuConfig *config, const char *domain, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    return g_build_filename(config->checkpointDir, domain, file, NULL);
}

static qemuCheckpointList *
listNew(void)
{
    qemuCheckpointList *list = g_new0(qemuCheckpointList, 1);

    list->defs = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainCheckpointDefFree);
    list->byName = g_hash_table_new(g_str_hash, g_str_equal);
    list->stale = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return list;
}

void
qemuCheckpointListFree(qemuCheckpointList *list)
{
    if (!list)
        return;
    g_hash_table_unref(list->byName);
    g_ptr_array_unref(list->defs);
    g_hash_table_unref(list->stale);
    qemuCheckpointHealthClear(&list->health);
    g_clear_pointer(&list->books, qemuGraphFree);
    g_clear_pointer(&list->order, g_hash_table_unref);
    g_clear_pointer(&list->lines, g_hash_table_unref);
    g_free(list);
}

static virDomainCheckpointDef *
recordRead(const char *path)
{
    g_autofree char *text = NULL;

    if (virFileReadAll(path, RECORD_MAX_BYTES, &text) < 0)
        return NULL;
    return virDomainCheckpointDefParse(text, VIR_CHECKPOINT_PARSE_REDEFINE |
                                                 VIR_CHECKPOINT_PARSE_RECORD);
}

static GPtrArray *
recordsRead(const char *dir)
{
    g_autoptr(GPtrArray) defs =
        g_ptr_array_new_with_free_func((GDestroyNotify)virDomainCheckpointDefFree);
    g_autoptr(GError) err = NULL;
    g_autoptr(GDir) handle = g_dir_open(dir, 0, &err);
    const char *file = NULL;

    if (!handle) {
        if (g_error_matches(err, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return g_steal_pointer(&defs);
        virReportError(VIR_ERR_OPERATION_FAILED, "cannot read checkpoint records in '%s': %s", dir,
                       err->message);
        return NULL;
    }
    virFileSweepTemporaries(dir);
    while ((file = g_dir_read_name(handle))) {
        g_autofree char *path = g_build_filename(dir, file, NULL);
        virDomainCheckpointDef *def = NULL;

        if (!g_str_has_suffix(file, ".xml"))
            continue;
        def = recordRead(path);
        if (!def) {
            VIR_WARN("checkpoint record '%s' is unreadable and is left alone: %s", path,
                     virErrorLastMessage());
            virErrorReset();
            continue;
        }
        g_ptr_array_add(defs, def);
    }
    return g_steal_pointer(&defs);
}

static bool
namesContain(const qemuCheckpointList *list, const char *name)
{
    return name && qemuCheckpointListLookup(list, name);
}

/* Older first: a record may only follow its parent. Seconds are too coarse to sort by, so the
 * parent links decide and the creation time only breaks ties. */
static gint
compareCreation(gconstpointer a, gconstpointer b)
{
    const virDomainCheckpointDef *one = *(virDomainCheckpointDef *const *)a;
    const virDomainCheckpointDef *two = *(virDomainCheckpointDef *const *)b;

    if (one->creationTime != two->creationTime)
        return one->creationTime < two->creationTime ? -1 : 1;
    return strcmp(one->name, two->name);
}

static bool
parentPending(const GPtrArray *pending, const virDomainCheckpointDef *def)
{
    for (guint i = 0; def->parent && i < pending->len; i++) {
        const virDomainCheckpointDef *other = g_ptr_array_index(pending, i);

        if (other != def && g_str_equal(other->name, def->parent))
            return true;
    }
    return false;
}

/* Move @pending over to @list, parents before children. A loop of parents (a forged record) is
 * broken at its first member. */
static void
takeParentsFirst(qemuCheckpointList *list, GPtrArray *pending)
{
    while (pending->len > 0) {
        guint pick = 0;

        for (guint i = 0; i < pending->len; i++) {
            if (!parentPending(pending, g_ptr_array_index(pending, i))) {
                pick = i;
                break;
            }
        }
        qemuCheckpointListAdd(list, g_ptr_array_steal_index(pending, pick));
    }
}

/* A record whose parent's is gone (we died in a deletion) follows the one made before it. */
static void
listTakeSorted(qemuCheckpointList *list, GPtrArray *pending)
{
    g_ptr_array_sort(pending, compareCreation);
    takeParentsFirst(list, pending);
    for (guint i = 0; i < list->defs->len; i++) {
        virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i);

        if (def->parent && !namesContain(list, def->parent)) {
            const virDomainCheckpointDef *older =
                i > 0 ? g_ptr_array_index(list->defs, i - 1) : NULL;

            VIR_WARN("checkpoint '%s' names the parent '%s', which has no record; it follows '%s' now",
                     def->name, def->parent, older ? older->name : "nothing");
            g_free(def->parent);
            def->parent = g_strdup(older ? older->name : NULL);
        }
    }
}

int
qemuCheckpointListLoad(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = recordDirectory(config, vm->name);
    g_autoptr(GPtrArray) defs = NULL;
    qemuCheckpointList *list = NULL;

    defs = recordsRead(dir);
    list = listNew();
    if (defs)
        listTakeSorted(list, defs);
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuCheckpointListFree(vm->checkpoints);
        vm->checkpoints = list;
    }
    return defs ? 0 : -1;
}

int
qemuCheckpointListDrop(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = recordDirectory(config, vm->name);
    g_auto(GStrv) names = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    {
        QEMU_VM_LOCK_GUARD(vm);

        for (guint i = 0; vm->checkpoints && i < vm->checkpoints->defs->len; i++) {
            const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

            g_strv_builder_add(builder, def->name);
        }
    }
    names = g_strv_builder_end(builder);
    for (gsize i = 0; names[i]; i++) {
        if (qemuCheckpointRecordRemove(vm, names[i], "checkpoint.drop.record") < 0)
            return -1;
        {
        QEMU_VM_LOCK_GUARD(vm);

            qemuCheckpointListRemove(vm->checkpoints, names[i]);
        }
    }
    if (rmdir(dir) < 0 && errno != ENOENT)
        VIR_INFO("directory '%s' stays: %s", dir, g_strerror(errno));
    return 0;
}

size_t
qemuCheckpointListCount(qemuVM *vm)
{
    size_t n = 0;

    {
        QEMU_VM_LOCK_GUARD(vm);

        for (guint i = 0; vm->checkpoints && i < vm->checkpoints->defs->len; i++) {
            const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);

            n += def->state == VIR_CHECKPOINT_STATE_READY;
        }
    }
    return n;
}

virDomainCheckpointDef *
qemuCheckpointListLookup(const qemuCheckpointList *list, const char *name)
{
    return list ? g_hash_table_lookup(list->byName, name) : NULL;
}

virDomainCheckpointDef *
qemuCheckpointListCurrent(const qemuCheckpointList *list)
{
    for (guint i = list ? list->defs->len : 0; i > 0; i--) {
        virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i - 1);

        if (def->state == VIR_CHECKPOINT_STATE_READY)
            return def;
    }
    return NULL;
}

void
qemuCheckpointListAdd(qemuCheckpointList *list, virDomainCheckpointDef *def)
{
    g_ptr_array_add(list->defs, def);
    g_hash_table_insert(list->byName, def->name, def);
}

void
qemuCheckpointListRemove(qemuCheckpointList *list, const char *name)
{
    virDomainCheckpointDef *def = qemuCheckpointListLookup(list, name);

    if (!def)
        return;
    g_hash_table_remove(list->byName, name);
    g_ptr_array_remove(list->defs, def);
}

/* (owned) the list's own array now holds them in the same order, but each behind its parent. */
static void
parentsFirst(qemuCheckpointList *list)
{
    g_autoptr(GPtrArray) pending = list->defs;

    list->defs = g_ptr_array_new_with_free_func((GDestroyNotify)virDomainCheckpointDefFree);
    takeParentsFirst(list, pending);
}

static guint
indexOf(const qemuCheckpointList *list, const char *name)
{
    const virDomainCheckpointDef *def = name ? qemuCheckpointListLookup(list, name) : NULL;
    guint index = 0;

    return def && g_ptr_array_find(list->defs, def, &index) ? index : G_MAXUINT;
}

/* Whose parent is the current one, or who was made later than that, is the current one now. An older one
 * that comes back must not: what is made next would follow it, and what is between would be of no line. */
static guint
placeOf(const qemuCheckpointList *list, const virDomainCheckpointDef *def)
{
    const virDomainCheckpointDef *current = qemuCheckpointListCurrent(list);
    guint first = indexOf(list, def->parent) + 1;           /* G_MAXUINT + 1 is 0 */

    if (!current || g_strcmp0(def->parent, current->name) == 0 ||
        def->creationTime > current->creationTime)
        return list->defs->len;
    for (guint i = first; i < list->defs->len; i++) {
        if (((virDomainCheckpointDef *)g_ptr_array_index(list->defs, i))->creationTime > def->creationTime)
            return i;
    }
    return MAX(first, indexOf(list, current->name));
}

void
qemuCheckpointListReplace(qemuCheckpointList *list, virDomainCheckpointDef *def)
{
    guint index = indexOf(list, def->name);
    guint parent = indexOf(list, def->parent);

    g_clear_pointer(&list->lines, g_hash_table_unref);
    if (index == G_MAXUINT) {
        g_ptr_array_insert(list->defs, (gint)placeOf(list, def), def);
        g_hash_table_insert(list->byName, def->name, def);
        return;
    }
    g_hash_table_remove(list->byName, def->name);
    virDomainCheckpointDefFree(list->defs->pdata[index]);
    list->defs->pdata[index] = def;
    g_hash_table_insert(list->byName, def->name, def);
    if (parent != G_MAXUINT && parent > index)
        parentsFirst(list);
}

static gint
compareRank(gconstpointer a, gconstpointer b, gpointer ranks)
{
    const virDomainCheckpointDef *one = *(virDomainCheckpointDef *const *)a;
    const virDomainCheckpointDef *two = *(virDomainCheckpointDef *const *)b;
    guint first = GPOINTER_TO_UINT(g_hash_table_lookup(ranks, one->name));
    guint second = GPOINTER_TO_UINT(g_hash_table_lookup(ranks, two->name));

    /* 0: has no rank, comes last */
    return first - 1 < second - 1 ? -1 : first - 1 > second - 1;
}

void
qemuCheckpointListArrange(qemuCheckpointList *list, const GPtrArray *names)
{
    g_autoptr(GHashTable) ranks = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < names->len; i++)
        g_hash_table_insert(ranks, g_ptr_array_index(names, i), GUINT_TO_POINTER(i + 1));
    g_clear_pointer(&list->lines, g_hash_table_unref);
    g_ptr_array_sort_with_data(list->defs, compareRank, ranks);
}

char **
qemuCheckpointListOfDisk(const qemuCheckpointList *list, const char *disk, const char *tip)
{
    g_autoptr(GPtrArray) newestFirst = g_ptr_array_new();
    const virDomainCheckpointDef *def =
        tip ? qemuCheckpointListLookup(list, tip) : qemuCheckpointListCurrent(list);
    char **names = NULL;

    /* The bound holds even if records on disk formed a loop of parents. */
    for (guint i = 0; def && i < list->defs->len; i++) {
        const virDomainCheckpointDiskDef *entry = virDomainCheckpointDefDisk(def, disk);

        if (entry && entry->type == VIR_CHECKPOINT_DISK_BITMAP &&
            def->state == VIR_CHECKPOINT_STATE_READY)
            g_ptr_array_add(newestFirst, def->name);
        def = def->parent ? qemuCheckpointListLookup(list, def->parent) : NULL;
    }
    names = g_new0(char *, newestFirst->len + 1);
    for (guint i = 0; i < newestFirst->len; i++)
        names[i] = g_strdup(g_ptr_array_index(newestFirst, newestFirst->len - 1 - i));
    return names;
}

char **
qemuCheckpointListDescendants(const qemuCheckpointList *list, const char *name)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GHashTable) family = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_add(family, (gpointer)name);
    for (guint i = 0; i < list->defs->len; i++) {
        virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i);

        if (def->parent && g_hash_table_contains(family, def->parent)) {
            g_hash_table_add(family, def->name);
            g_strv_builder_add(builder, def->name);
        }
    }
    return g_strv_builder_end(builder);
}

void
qemuCheckpointListNoteStale(qemuCheckpointList *list, const char *name)
{
    g_hash_table_add(list->stale, g_strdup(name));
}

/* Cheaper than a look at each, of which there may be a thousand. */
static guint
countRecords(const char *dir)
{
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    const char *file = NULL;
    guint count = 0;

    while (handle && (file = g_dir_read_name(handle)))
        count += g_str_has_suffix(file, ".xml");
    return count;
}

void
qemuCheckpointListNoteLost(qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = recordDirectory(config, vm->name);

    if (vm->checkpoints->defs->len == 0 || countRecords(dir) == vm->checkpoints->defs->len)
        return;
    for (guint i = 0; i < vm->checkpoints->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(vm->checkpoints->defs, i);
        g_autofree char *path = recordPath(config, vm->name, def->name);

        if (virFileExists(path))
            continue;
        VIR_WARN("domain '%s': record '%s' of a checkpoint is gone; it is written anew", vm->name, path);
        qemuCheckpointListNoteStale(vm->checkpoints, def->name);
    }
}

void
qemuCheckpointListSaveStale(qemuVM *vm)
{
    GHashTableIter iter = { 0 };
    gpointer name = NULL;

    g_hash_table_iter_init(&iter, vm->checkpoints->stale);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);

        if (!def || qemuCheckpointRecordSave(vm, def, "checkpoint.stale.record") == 0)
            g_hash_table_iter_remove(&iter);
    }
    virErrorReset();
}

int
qemuCheckpointRecordSave(qemuVM *vm, const virDomainCheckpointDef *def, const char *fault)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *dir = recordDirectory(config, vm->name);
    g_autofree char *path = recordPath(config, vm->name, def->name);
    g_autofree char *text = virDomainCheckpointDefFormat(def, VIR_CHECKPOINT_FORMAT_SECURE |
                                                                  VIR_CHECKPOINT_FORMAT_RECORD);

    if (virFileMakeDirs(dir, 0700) < 0)
        return -1;
    return virFileUpdateDurable(path, text, strlen(text), 0600, fault);
}

int
qemuCheckpointRecordRemove(qemuVM *vm, const char *name, const char *fault)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *path = recordPath(config, vm->name, name);

    if (virFileUnlinkDurable(path, fault) == 0)
        return 0;
    if (virFileExists(path))
        return -1;
    VIR_WARN("record '%s' is removed, but may come back after a loss of power: %s", path,
             virErrorLastMessage());
    virErrorReset();
    return 0;
}

int
qemuCheckpointRecordUnlink(qemuVM *vm, const char *name, const char *fault)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();
    g_autofree char *path = recordPath(config, vm->name, name);
    g_autofree char *done = g_strconcat(fault, ".unlinked", NULL);

    if (unlink(path) < 0) {
        if (errno == ENOENT)
            return 0;
        virReportSystemError(errno, "cannot remove '%s'", path);
        return -1;
    }
    return virFaultPoint(done);
}
