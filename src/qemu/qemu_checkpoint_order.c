/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a run, STATEDIR/NAME.order:
 *
 *     run PID STARTTIME
 *     = vda chk1 1700000000     what the ledger said, "?" for a lost one
 *     + vda chk2 1700003600     created since
 *     - chk1                    deleted since, on all disks
 *
 * It is not synced: it is of use only while QEMU runs, so the kernel lives too. If it cannot be written
 * it is removed; then nothing is known, which is safe.
 */
#include "qemu_checkpoint_order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_plan.h"
#include "qemu_ledger.h"
#include "qemu_plan_run.h"
#include "virbuffer.h"
#include "virerror_report.h"
#include "virfault.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT
#define FILE_MAX_BYTES (64 * 1024 * 1024)
#define LOST "?"

/* ---- the file of a run ---- */

static char *
filePath(const qemuVM *vm)
{
    g_autoptr(qemuConfig) config = qemuDriverConfig();

    return g_strdup_printf("%s/%s.order", config->stateDir, vm->name);
}

static char *
runLine(qemuVM *vm)
{
    QEMU_VM_LOCK_GUARD(vm);

    return vm->pid ? g_strdup_printf("run %d %llu", (int)vm->pid, vm->pidStart) : NULL;
}

static void
fileDrop(qemuVM *vm)
{
    g_autofree char *path = filePath(vm);

    if (unlink(path) < 0 && errno != ENOENT)
        VIR_WARN("cannot remove '%s': %s", path, g_strerror(errno));
}

static void
fileFailed(qemuVM *vm)
{
    VIR_WARN("domain '%s': the order of its checkpoints is known to this daemon and their records only: %s",
             vm->name, virErrorLastMessage());
    virErrorReset();
    fileDrop(vm);
}

static void
fileWrite(qemuVM *vm, GHashTable *order)
{
    g_autofree char *path = filePath(vm);
    g_autofree char *run = runLine(vm);
    GString *text = g_string_new(run);
    g_autofree char *owned = NULL;
    GHashTableIter iter = { 0 };
    gpointer disk = NULL;
    gpointer entries = NULL;

    g_string_append_c(text, '\n');
    g_hash_table_iter_init(&iter, order);
    while (g_hash_table_iter_next(&iter, &disk, &entries)) {
        for (guint i = 0; i < ((GPtrArray *)entries)->len; i++) {
            const qemuLedgerEntry *entry = g_ptr_array_index((GPtrArray *)entries, i);

            g_string_append_printf(text, "= %s %s %lld\n", (const char *)disk,
                                   entry->name ? entry->name : LOST, entry->time);
        }
    }
    owned = g_string_free(text, false);
    if (run && (virFaultPoint("checkpoint.order.file") < 0 ||
                virFileReplaceVolatile(path, owned, strlen(owned), 0600) < 0))
        fileFailed(vm);
}

static void
fileAppend(qemuVM *vm, const char *text)
{
    g_autofree char *path = filePath(vm);
    g_autofree char *run = runLine(vm);
    size_t length = strlen(text);
    VIR_AUTOCLOSE fd = -1;

    if (!run || length == 0)
        return;
    if (virFaultPoint("checkpoint.order.append") == 0) {
        fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && TEMP_FAILURE_RETRY(write(fd, text, length)) == (ssize_t)length)
            return;
        virReportSystemError(errno, "cannot write '%s'", path);
    }
    fileFailed(vm);
}

static GPtrArray *
entriesOf(GHashTable *order, const char *disk)
{
    GPtrArray *entries = g_hash_table_lookup(order, disk);

    if (!entries) {
        entries = qemuLedgerNew();
        g_hash_table_insert(order, g_strdup(disk), entries);
    }
    return entries;
}

static void
entriesDrop(GPtrArray *entries, const char *name)
{
    for (guint i = entries->len; i > 0; i--) {
        const qemuLedgerEntry *entry = g_ptr_array_index(entries, i - 1);

        if (g_strcmp0(entry->name, name) == 0)
            g_ptr_array_remove_index(entries, i - 1);
    }
}

static void
orderDrop(GHashTable *order, const char *name)
{
    GHashTableIter iter = { 0 };
    gpointer entries = NULL;

    g_hash_table_iter_init(&iter, order);
    while (g_hash_table_iter_next(&iter, NULL, &entries))
        entriesDrop(entries, name);
}

/* A name that comes twice was removed without a note: its first place is lost. */
static void
orderAppend(GHashTable *order, const char *disk, const char *name, long long time)
{
    GPtrArray *entries = entriesOf(order, disk);

    for (guint i = 0; name && i < entries->len; i++) {
        qemuLedgerEntry *entry = g_ptr_array_index(entries, i);

        if (g_strcmp0(entry->name, name) == 0)
            g_clear_pointer(&entry->name, g_free);
    }
    g_ptr_array_add(entries, qemuLedgerEntryNew(name, time));
}

static GHashTable *
orderNew(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

static bool
lineTake(GHashTable *order, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    guint n = g_strv_length(words);

    if (n == 2 && g_str_equal(words[0], "-")) {
        orderDrop(order, words[1]);
        return true;
    }
    if (n != 4 || (!g_str_equal(words[0], "=") && !g_str_equal(words[0], "+")))
        return false;
    orderAppend(order, words[1], g_str_equal(words[2], LOST) ? NULL : words[2],
                g_ascii_strtoll(words[3], NULL, 10));
    return true;
}

/* (owned) what the file of this run says, NULL if there is none that is whole. */
static GHashTable *
fileRead(qemuVM *vm)
{
    g_autofree char *path = filePath(vm);
    g_autofree char *run = runLine(vm);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GHashTable) order = orderNew();

    if (!run || !virFileExists(path))
        return NULL;
    if (virFileReadAll(path, FILE_MAX_BYTES, &text) < 0) {
        fileFailed(vm);
        return NULL;
    }
    lines = g_strsplit(text, "\n", -1);
    if (!lines[0] || !g_str_equal(lines[0], run))
        return NULL;
    for (gsize i = 1; lines[i] && *lines[i]; i++) {
        if (!lineTake(order, lines[i]))
            return NULL;
    }
    return g_steal_pointer(&order);
}

/* ---- the order as ledger and records give it ---- */

static bool
isWhole(const qemuGraphBitmap *bitmap)
{
    return bitmap && bitmap->persistent && !bitmap->inconsistent;
}

/* Names that the entries of a ledger can be about: bitmaps of the image, and checkpoints with a record. */
static GPtrArray *
candidates(qemuVM *vm, const qemuGraphNode *node)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < node->bitmaps->len; i++)
        g_ptr_array_add(names, ((qemuGraphBitmap *)g_ptr_array_index(node->bitmaps, i))->name);
    for (guint i = 0; i < vm->checkpoints->defs->len; i++)
        g_ptr_array_add(names,
                        ((virDomainCheckpointDef *)g_ptr_array_index(vm->checkpoints->defs, i))->name);
    g_ptr_array_add(names, NULL);
    return names;
}

/* One that records, and did not, was removed and made again by somebody else: what it had is lost. */
static void
checkRecording(const qemuGraphNode *node, qemuLedgerEntry *entry)
{
    const qemuGraphBitmap *bitmap = entry->name ? qemuGraphBitmapLookup(node, entry->name) : NULL;

    if (bitmap && bitmap->recording && !entry->recording)
        g_clear_pointer(&entry->name, g_free);
}

static GPtrArray *
ledgerRead(qemuVM *vm, const qemuGraphNode *node)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    g_autoptr(GPtrArray) names = candidates(vm, node);
    GPtrArray *entries = NULL;

    for (guint i = 0; i < node->ledger->len; i++) {
        qemuGraphBitmap *bitmap = g_ptr_array_index(node->ledger, i);

        if (isWhole(bitmap))
            g_ptr_array_add(parts, bitmap->name);
    }
    g_ptr_array_add(parts, NULL);
    entries = qemuLedgerParse((const char *const *)parts->pdata, (const char *const *)names->pdata);
    for (guint i = 0; entries && i < entries->len; i++)
        checkRecording(node, g_ptr_array_index(entries, i));
    return entries ? entries : qemuLedgerNew();
}

static guint
indexOf(const GPtrArray *entries, const char *name)
{
    for (guint i = 0; i < entries->len; i++) {
        if (g_strcmp0(((const qemuLedgerEntry *)g_ptr_array_index(entries, i))->name, name) == 0)
            return i;
    }
    return G_MAXUINT;
}

/* Checkpoints with a record that the ledger does not know come behind the one before them. */
static void
addRecords(qemuVM *vm, GPtrArray *entries, const char *disk)
{
    g_auto(GStrv) chain = qemuCheckpointListOfDisk(vm->checkpoints, disk, NULL);
    guint place = 0;

    for (gsize i = 0; chain[i]; i++) {
        const virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, chain[i]);
        guint found = indexOf(entries, chain[i]);

        if (found == G_MAXUINT) {
            g_ptr_array_insert(entries, (gint)place, qemuLedgerEntryNew(chain[i], def->creationTime));
            found = place;
        }
        place = MAX(place, found + 1);
    }
}

static bool
nodeHasLedger(const qemuGraphNode *node)
{
    return node && (node->stored || g_strcmp0(node->driver, "qcow2") == 0);
}

static GHashTable *
orderFetch(qemuVM *vm, const qemuGraph *graph)
{
    GHashTable *order = orderNew();
    qemuTarget *target = qemuVMTarget(vm);
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        const qemuGraphNode *node = qemuGraphNodeLookup(graph, disks[i].node);
        GPtrArray *entries = nodeHasLedger(node) ? ledgerRead(vm, node) : qemuLedgerNew();

        addRecords(vm, entries, disks[i].name);
        g_hash_table_insert(order, g_strdup(disks[i].name), entries);
    }
    return order;
}

GHashTable *
qemuCheckpointOrder(qemuVM *vm, const qemuGraph *graph)
{
    qemuCheckpointList *list = vm->checkpoints;

    if (!list->order)
        list->order = fileRead(vm);
    return list->order ? g_hash_table_ref(list->order) : orderFetch(vm, graph);
}

const GPtrArray *
qemuCheckpointOrderOfDisk(GHashTable *order, const char *disk)
{
    return g_hash_table_lookup(order, disk);
}

/* ---- changes ---- */

static void
appendRemove(virJSONValue *actions, const char *node, const char *bitmap)
{
    virJSONArrayAppend(actions, virJSONBuild("{'type':'block-dirty-bitmap-remove','data':{'node':%s,"
                                             "'name':%s}}",
                                             node, bitmap));
}

static int
runTransaction(qemuVM *vm, virJSONValue *actions, const char *name)
{
    g_autoptr(qemuPlan) plan = NULL;
    qemuPlanRun run = { 0 };

    if (virJSONArraySize(actions) == 0) {
        virJSONValueFree(actions);
        return 0;
    }
    plan = qemuPlanNew("checkpoint-order");
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}", actions), NULL,
                   "%s", name);
    run.plan = plan;
    return qemuPlanRunAll(&run, qemuVMTarget(vm));
}

/* The nodes of the domain's disks, borrowed from @graph. */
static GPtrArray *
nodesOf(qemuVM *vm, qemuGraph *graph)
{
    GPtrArray *nodes = g_ptr_array_new();
    qemuTarget *target = qemuVMTarget(vm);
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        qemuGraphNode *node = disks[i].node ? g_hash_table_lookup(graph->nodes, disks[i].node) : NULL;

        if (node)
            g_ptr_array_add(nodes, node);
    }
    return nodes;
}

static int
takeSeals(qemuVM *vm, qemuGraph *graph)
{
    g_autoptr(GPtrArray) nodes = nodesOf(vm, graph);
    virJSONValue *actions = virJSONNewArray();

    for (guint i = 0; i < nodes->len; i++) {
        qemuGraphNode *node = g_ptr_array_index(nodes, i);

        for (guint k = node->ledger->len; k > 0; k--) {
            const qemuGraphBitmap *bitmap = g_ptr_array_index(node->ledger, k - 1);

            if (!qemuLedgerIsSeal(bitmap->name))
                continue;
            appendRemove(actions, node->name, bitmap->name);
            g_ptr_array_remove_index(node->ledger, k - 1);
        }
    }
    if (runTransaction(vm, actions, "checkpoint.order.unseal") == 0)
        return 0;
    qemuCheckpointBooksForget(vm);
    return -1;
}

int
qemuCheckpointOrderBegin(qemuVM *vm)
{
    qemuCheckpointList *list = vm->checkpoints;
    qemuGraph *books = qemuCheckpointBooks(vm);

    if (!books)
        return -1;
    if (!list->order && !(list->order = fileRead(vm))) {
        list->order = orderFetch(vm, books);
        fileWrite(vm, list->order);
    }
    return takeSeals(vm, books);
}

void
qemuCheckpointOrderCreated(qemuVM *vm, const virDomainCheckpointDef *created)
{
    GString *lines = g_string_new(NULL);
    g_autofree char *text = NULL;

    for (guint i = 0; i < created->disks->len; i++) {
        const virDomainCheckpointDiskDef *disk = g_ptr_array_index(created->disks, i);

        if (disk->type != VIR_CHECKPOINT_DISK_BITMAP)
            continue;
        orderAppend(vm->checkpoints->order, disk->name, created->name, created->creationTime);
        g_string_append_printf(lines, "+ %s %s %lld\n", disk->name, created->name, created->creationTime);
    }
    text = g_string_free(lines, false);
    fileAppend(vm, text);
}

void
qemuCheckpointOrderDeleted(qemuVM *vm, const char *const *names)
{
    qemuCheckpointList *list = vm->checkpoints;
    GString *lines = g_string_new(NULL);
    g_autofree char *text = NULL;

    if (!list->order)
        list->order = fileRead(vm);
    for (gsize i = 0; names[i]; i++) {
        if (list->order)
            orderDrop(list->order, names[i]);
        g_string_append_printf(lines, "- %s\n", names[i]);
    }
    text = g_string_free(lines, false);
    if (list->order)
        fileAppend(vm, text);
}

/* ---- the ledgers ---- */

/* (owned) what the ledger has to say: names, an impossible one for what is lost. What is lost before
 * all that is there concerns nobody. */
static GPtrArray *
ledgerEntries(const qemuCheckpointList *list, const qemuGraphNode *node, const GPtrArray *known)
{
    GPtrArray *entries = qemuLedgerNew();

    for (guint i = 0; known && i < known->len; i++) {
        const qemuLedgerEntry *entry = g_ptr_array_index(known, i);
        g_autofree char *lost = g_strdup_printf(LOST "%u", i);
        bool there = entry->name && (qemuGraphBitmapLookup(node, entry->name) ||
                                     qemuCheckpointListLookup(list, entry->name));

        if (there || entries->len > 0) {
            const qemuGraphBitmap *bitmap = there ? qemuGraphBitmapLookup(node, entry->name) : NULL;
            qemuLedgerEntry *copy = qemuLedgerEntryNew(there ? entry->name : lost, entry->time);

            copy->recording = bitmap && bitmap->recording;
            g_ptr_array_add(entries, copy);
        }
    }
    return entries;
}

static bool
ledgerHas(const qemuGraphNode *node, const char *name)
{
    for (guint i = 0; i < node->ledger->len; i++) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->ledger, i);

        if (isWhole(bitmap) && g_str_equal(bitmap->name, name))
            return true;
    }
    return false;
}

/* On a disk whose bitmaps are stored elsewhere, like these: the store moves all alike. */
static void
appendAdd(virJSONValue *actions, const qemuGraphNode *node, const char *bitmap)
{
    virJSONArrayAppend(
        actions, virJSONBuild("{'type':'block-dirty-bitmap-add','data':{'node':%s,'name':%s,"
                              "'persistent':%b,'disabled':%b,'granularity':%llu}}",
                              node->name, bitmap, !node->stored, true,
                              node->stored ? QEMU_BITMAP_GRANULARITY : QEMU_LEDGER_GRANULARITY));
}

static qemuGraphBitmap *
ledgerBitmapNew(const char *name)
{
    qemuGraphBitmap *bitmap = g_new0(qemuGraphBitmap, 1);

    bitmap->name = g_strdup(name);
    bitmap->persistent = true;
    return bitmap;
}

/* What goes and what comes, so that the ledger of @node has @names; @node follows. */
static void
ledgerChange(qemuGraphNode *node, const GPtrArray *names, virJSONValue *removals, virJSONValue *additions)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(wanted, g_ptr_array_index(names, i));
    g_ptr_array_add(wanted, NULL);
    for (guint i = node->ledger->len; i > 0; i--) {
        const qemuGraphBitmap *bitmap = g_ptr_array_index(node->ledger, i - 1);

        if (isWhole(bitmap) && g_strv_contains((const char *const *)wanted->pdata, bitmap->name))
            continue;
        appendRemove(removals, node->name, bitmap->name);
        g_ptr_array_remove_index(node->ledger, i - 1);
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (ledgerHas(node, name))
            continue;
        appendAdd(additions, node, name);
        g_ptr_array_add(node->ledger, ledgerBitmapNew(name));
    }
}

/* The books go on being used: their ledgers are now those of @graph. */
static void
booksTakeLedgers(qemuVM *vm, qemuGraph *graph)
{
    qemuGraph *books = vm->checkpoints->books;
    GHashTableIter iter = { 0 };
    gpointer value = NULL;

    if (books)
        g_hash_table_iter_init(&iter, books->nodes);
    while (books && g_hash_table_iter_next(&iter, NULL, &value)) {
        qemuGraphNode *node = value;
        qemuGraphNode *now = g_hash_table_lookup(graph->nodes, node->name);
        GPtrArray *old = node->ledger;

        if (!now)
            continue;
        node->ledger = now->ledger;
        now->ledger = old;
    }
}

/* Asked anew, because the books of an operation under way may not have its effect yet. In two
 * transactions: a name that goes and comes would be there twice in one. */
static int
store(qemuVM *vm)
{
    g_autoptr(qemuGraph) graph = qemuGraphFetch(qemuVMTarget(vm));
    g_autoptr(qemuGraph) now = NULL;
    g_autoptr(GHashTable) order = graph ? qemuCheckpointOrder(vm, graph) : NULL;
    qemuTarget *target = qemuVMTarget(vm);
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);
    g_autoptr(virJSONValue) removals = virJSONNewArray();
    g_autoptr(virJSONValue) additions = virJSONNewArray();

    if (!graph)
        return -1;
    for (size_t i = 0; i < n; i++) {
        qemuGraphNode *node = disks[i].node ? g_hash_table_lookup(graph->nodes, disks[i].node) : NULL;
        g_autoptr(GPtrArray) entries = NULL;
        g_autoptr(GPtrArray) names = NULL;

        if (!nodeHasLedger(node) || (node->readonly && !node->stored))
            continue;
        entries = ledgerEntries(vm->checkpoints, node, qemuCheckpointOrderOfDisk(order, disks[i].name));
        names = entries->len > 0 ? qemuLedgerFormat(entries) : g_ptr_array_new_with_free_func(g_free);
        ledgerChange(node, names, removals, additions);
    }
    if (runTransaction(vm, g_steal_pointer(&removals), "checkpoint.ledger.remove") == 0 &&
        runTransaction(vm, g_steal_pointer(&additions), "checkpoint.ledger.add") == 0) {
        booksTakeLedgers(vm, graph);
        return 0;
    }
    if ((now = qemuGraphFetch(qemuVMTarget(vm))))
        booksTakeLedgers(vm, now);
    return -1;
}

void
qemuCheckpointOrderStore(qemuVM *vm)
{
    if (!vm->checkpoints || !vm->checkpoints->order || store(vm) == 0)
        return;
    VIR_WARN("domain '%s': its images do not tell the order of its checkpoints; their records do: %s",
             vm->name, virErrorLastMessage());
    virErrorReset();
}

void
qemuCheckpointOrderForget(qemuVM *vm)
{
    if (vm->checkpoints)
        g_clear_pointer(&vm->checkpoints->order, g_hash_table_unref);
    fileDrop(vm);
}

bool
qemuCheckpointOrderBegun(const qemuVM *vm)
{
    g_autofree char *path = filePath(vm);

    return virFileExists(path);
}

static bool
settleWanted(qemuVM *vm)
{
    bool begun = qemuCheckpointOrderBegun(vm);
    QEMU_VM_LOCK_GUARD(vm);

    return vm->checkpoints && (vm->checkpoints->defs->len > 0 || begun);
}

const qemuSettleStep qemuCheckpointOrderSettle = {
    .name = "order",
    .wanted = settleWanted,
    .run = store,
};
