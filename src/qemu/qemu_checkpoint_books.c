/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The books: what bitmaps the domain's disks have, kept between operations. Asking QEMU
 * costs more the longer the chain is (query-named-block-nodes returns every bitmap of every node), so
 * creating and deleting a checkpoint start from the last answer, to which our own transactions were
 * applied. An incremental backup never trusts the books: it asks.
 */
#include "qemu_checkpoint_books.h"

#include "qemu_checkpoint_health.h"
#include "qemu_checkpoint_line.h"
#include "qemu_checkpoint_list.h"

static qemuGraphNode *
booksNode(qemuGraph *books, const char *node)
{
    return g_hash_table_lookup(books->nodes, node);
}

qemuGraph *
qemuCheckpointBooks(qemuVM *vm)
{
    qemuGraph *fresh = NULL;

    if (vm->checkpoints->books)
        return vm->checkpoints->books;
    fresh = qemuGraphFetch(qemuVMTarget(vm));
    vm->checkpoints->books = fresh;
    return fresh;
}

void
qemuCheckpointBooksForget(qemuVM *vm)
{
    if (!vm->checkpoints)
        return;
    g_clear_pointer(&vm->checkpoints->books, qemuGraphFree);
    qemuCheckpointHealthForget(vm);
    qemuCheckpointLinesForget(vm);
}

/* The usual case, in which the effect of a transaction can be told without asking. */
static bool
disksArePlain(const qemuCheckpointPlanDisk *disks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (disks[i].nstrays > 0 || !qemuCheckpointLineIsPlain(disks[i].node, disks[i].checkpoints))
            return false;
    }
    return true;
}

static void
bitmapSetRecording(qemuGraphNode *node, const char *name, bool recording)
{
    qemuGraphBitmap *bitmap = (qemuGraphBitmap *)qemuGraphBitmapLookup(node, name);

    bitmap->recording = recording;
}

static qemuGraphBitmap *
bitmapNew(const char *name)
{
    qemuGraphBitmap *bitmap = g_new0(qemuGraphBitmap, 1);

    bitmap->name = g_strdup(name);
    bitmap->granularity = QEMU_BITMAP_GRANULARITY;
    bitmap->persistent = true;
    bitmap->recording = true;
    return bitmap;
}

void
qemuCheckpointBooksCreated(qemuVM *vm, const qemuCheckpointPlanDisk *disks, size_t n)
{
    qemuGraph *books = vm->checkpoints->books;

    if (!books)
        return;
    if (!disksArePlain(disks, n)) {
        qemuCheckpointBooksForget(vm);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        qemuGraphNode *node = booksNode(books, disks[i].node->name);
        gsize last = g_strv_length((char **)disks[i].checkpoints);

        if (last > 0)
            bitmapSetRecording(node, disks[i].checkpoints[last - 1], false);
        qemuGraphNodeAdd(node, bitmapNew(disks[i].bitmap));
        qemuCheckpointLineCreated(vm, disks[i].name, disks[i].bitmap);
    }
}

/* The last survivor of the chain records if the active bitmap is among the deleted ones. */
static void
bitmapsDeleted(qemuGraphNode *node, const char *const *chain, const char *const *deleted)
{
    const char *survivor = NULL;
    bool recording = false;

    for (gsize i = 0; chain[i]; i++) {
        qemuGraphBitmap *bitmap = (qemuGraphBitmap *)qemuGraphBitmapLookup(node, chain[i]);

        if (g_strv_contains(deleted, chain[i])) {
            recording |= bitmap->recording;
            qemuGraphNodeRemove(node, bitmap);
        } else {
            survivor = chain[i];
            recording |= bitmap->recording;
        }
    }
    if (survivor)
        bitmapSetRecording(node, survivor, recording);
}

void
qemuCheckpointBooksDeleted(qemuVM *vm, const qemuCheckpointPlanDisk *disks, size_t n)
{
    qemuGraph *books = vm->checkpoints->books;

    qemuCheckpointHealthForget(vm);
    if (!books)
        return;
    if (!disksArePlain(disks, n)) {
        qemuCheckpointBooksForget(vm);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bitmapsDeleted(booksNode(books, disks[i].node->name), disks[i].checkpoints, disks[i].bitmaps);
        qemuCheckpointLineDeleted(vm, disks[i].name, disks[i].bitmaps);
    }
}
