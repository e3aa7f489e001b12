/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines are kept by disk, as arrays of names; what has none is not known to be plain. */
#include "qemu_checkpoint_line.h"

#include "qemu_checkpoint_list.h"

static bool
covers(const virDomainCheckpointDef *def, const char *disk)
{
    const virDomainCheckpointDiskDef *entry = virDomainCheckpointDefDisk(def, disk);

    return entry && entry->type == VIR_CHECKPOINT_DISK_BITMAP;
}

/* One line of parents, and none that is just being made. */
static bool
listIsLine(const qemuCheckpointList *list)
{
    const char *before = NULL;

    for (guint i = 0; i < list->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i);

        if (def->state == VIR_CHECKPOINT_STATE_CREATING || g_strcmp0(def->parent, before) != 0)
            return false;
        before = def->name;
    }
    return true;
}

/* The chain of a disk along the whole line, with those being deleted in their places. */
static char **
chainWithDeleting(const qemuCheckpointList *list, const char *disk)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < list->defs->len; i++) {
        const virDomainCheckpointDef *def = g_ptr_array_index(list->defs, i);

        if (covers(def, disk) && def->state != VIR_CHECKPOINT_STATE_CREATING)
            g_strv_builder_add(builder, def->name);
    }
    return g_strv_builder_end(builder);
}

bool
qemuCheckpointLineIsPlain(const qemuGraphNode *node, const char *const *chain)
{
    for (gsize i = 0; chain[i]; i++) {
        const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(node, chain[i]);

        if (!bitmap || bitmap->inconsistent || !bitmap->persistent || bitmap->busy ||
            bitmap->recording != !chain[i + 1])
            return false;
    }
    return true;
}

/* The line of @disk if it is plain, else NULL. */
static GPtrArray *
plainLine(qemuVM *vm, const char *disk, const qemuGraphNode *node)
{
    qemuCheckpointList *list = vm->checkpoints;
    g_auto(GStrv) chain = NULL;
    GPtrArray *line = list->lines ? g_hash_table_lookup(list->lines, disk) : NULL;

    if (line || !listIsLine(list))
        return line;
    chain = chainWithDeleting(list, disk);
    if (!qemuCheckpointLineIsPlain(node, (const char *const *)chain))
        return NULL;
    line = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; chain[i]; i++)
        g_ptr_array_add(line, g_strdup(chain[i]));
    if (!list->lines)
        list->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)g_ptr_array_unref);
    g_hash_table_insert(list->lines, g_strdup(disk), line);
    return line;
}

char **
qemuCheckpointLineEnd(qemuVM *vm, const char *disk, const qemuGraphNode *node)
{
    const GPtrArray *line = plainLine(vm, disk, node);
    char **end = NULL;

    if (!line) {
        QEMU_VM_LOCK_GUARD(vm);

        return qemuCheckpointListOfDisk(vm->checkpoints, disk, NULL);
    }
    end = g_new0(char *, 2);
    if (line->len > 0)
        end[0] = g_strdup(g_ptr_array_index(line, line->len - 1));
    return end;
}

/* From the end: it is the young ones that are looked for most. */
static guint
indexFromEnd(const GPtrArray *line, const char *name)
{
    for (guint i = line->len; i > 0; i--) {
        if (g_str_equal(g_ptr_array_index(line, i - 1), name))
            return i - 1;
    }
    return G_MAXUINT;
}

char **
qemuCheckpointLineAround(qemuVM *vm, const char *disk, const qemuGraphNode *node, char **names)
{
    const GPtrArray *line = node && names[0] && !names[1] ? plainLine(vm, disk, node) : NULL;
    guint index = line ? indexFromEnd(line, names[0]) : 0;
    g_autoptr(GStrvBuilder) builder = NULL;

    if (!line)
        return chainWithDeleting(vm->checkpoints, disk);
    builder = g_strv_builder_new();
    for (guint i = index > 0 ? index - 1 : 0; index < line->len && i < line->len && i <= index + 1; i++)
        g_strv_builder_add(builder, g_ptr_array_index(line, i));
    if (index < line->len && index + 2 < line->len)
        g_strv_builder_add(builder, g_ptr_array_index(line, line->len - 1));
    return g_strv_builder_end(builder);
}

void
qemuCheckpointLineCreated(qemuVM *vm, const char *disk, const char *name)
{
    GPtrArray *line = vm->checkpoints->lines ? g_hash_table_lookup(vm->checkpoints->lines, disk) : NULL;

    if (line)
        g_ptr_array_add(line, g_strdup(name));
}

void
qemuCheckpointLineDeleted(qemuVM *vm, const char *disk, const char *const *names)
{
    GPtrArray *line = vm->checkpoints->lines ? g_hash_table_lookup(vm->checkpoints->lines, disk) : NULL;

    for (gsize i = 0; line && names[i]; i++) {
        guint index = indexFromEnd(line, names[i]);

        if (index < line->len)
            g_ptr_array_remove_index(line, index);
    }
}

void
qemuCheckpointLinesForget(qemuVM *vm)
{
    if (vm->checkpoints)
        g_clear_pointer(&vm->checkpoints->lines, g_hash_table_unref);
}
