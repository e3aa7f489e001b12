/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adoption writes records, newest first, and gives the ones around them their parents; no bitmap is
 * touched. A crash in between leaves the newer ones adopted and the rest strays, which is a whole state:
 * the one that records is there, and a parent without a record is what reading the records can mend.
 */
#include "qemu_checkpoint_repair.h"

#include <string.h>

#include "qemu_checkpoint.h"
#include "qemu_checkpoint_books.h"
#include "qemu_checkpoint_list.h"
#include "qemu_checkpoint_order.h"
#include "qemu_ledger.h"
#include "qemu_plan_run.h"
#include "qemu_reconcile.h"
#include "qemu_strays.h"
#include "qemu_target_pick.h"
#include "virbuffer.h"
#include "virerror_report.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN_CHECKPOINT
#define PREFIX "fleece-strays-"

/* ---- finding them ---- */

/* (owned) names of all records, whatever their state, oldest first. */
static char **
recordNames(const qemuCheckpointList *list)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < list->defs->len; i++)
        g_strv_builder_add(builder, ((virDomainCheckpointDef *)g_ptr_array_index(list->defs, i))->name);
    return g_strv_builder_end(builder);
}

/* (owned, qemuStraysDisk) borrowed from @graph and @order. */
static GArray *
straysDisks(qemuVM *vm, const qemuGraph *graph, GHashTable *order)
{
    GArray *all = g_array_new(false, false, sizeof(qemuStraysDisk));
    qemuTarget *target = qemuVMTarget(vm);
    size_t n = 0;
    const qemuTargetDisk *disks = target->ops->disks(target, &n);

    for (size_t i = 0; i < n; i++) {
        qemuStraysDisk disk = {
            .name = disks[i].name,
            .node = qemuGraphNodeLookup(graph, disks[i].node),
            .order = qemuCheckpointOrderOfDisk(order, disks[i].name),
        };

        g_array_append_val(all, disk);
    }
    return all;
}

static qemuStrays *
find(qemuVM *vm, const qemuGraph *graph)
{
    g_auto(GStrv) records = recordNames(vm->checkpoints);
    g_autoptr(GHashTable) order = qemuCheckpointOrder(vm, graph);
    g_autoptr(GArray) disks = straysDisks(vm, graph, order);

    return qemuStraysFind((const qemuStraysDisk *)(void *)disks->data, disks->len,
                          (const char *const *)records);
}

/* As they are now, not as we remember. */
static qemuStrays *
findFresh(qemuVM *vm)
{
    const qemuGraph *graph = NULL;

    qemuCheckpointBooksForget(vm);
    graph = qemuCheckpointBooks(vm);
    return graph ? find(vm, graph) : NULL;
}

static const qemuStray *
lookup(const qemuVM *vm, const qemuStrays *strays, const char *name)
{
    const qemuStray *stray = qemuStraysLookup(strays, name);

    if (!stray)
        virReportError(VIR_ERR_NO_DOMAIN_CHECKPOINT,
                       "no disk of domain '%s' holds a bitmap '%s' that belongs to no checkpoint", vm->name,
                       name);
    return stray;
}

/* ---- list ---- */

static virJSONValue *
namesToJSON(const GPtrArray *names)
{
    virJSONValue *json = virJSONNewArray();

    for (guint i = 0; i < names->len; i++)
        virJSONArrayAppend(json, virJSONNewString(g_ptr_array_index(names, i)));
    return json;
}

static virJSONValue *
strayToJSON(const qemuStray *stray)
{
    virJSONValue *json = virJSONBuild("{'name':%s,'disks':%v,'recording':%b,'adoptable':%b}", stray->name,
                                      namesToJSON(stray->disks), stray->recording, !stray->reason);

    if (stray->time)
        virJSONObjectSet(json, "time", virJSONBuild("%lld", stray->time));
    if (stray->reason)
        virJSONObjectSet(json, "reason", virJSONNewString(stray->reason));
    return json;
}

static virJSONValue *
listStrays(qemuVM *vm)
{
    g_autoptr(qemuStrays) strays = NULL;
    virJSONValue *json = NULL;

    if (!qemuTargetBegin(vm, QEMU_HELPER_LOOK))
        return NULL;
    strays = findFresh(vm);
    if (qemuTargetEnd(vm, 0) < 0 || !strays)
        return NULL;
    json = virJSONNewArray();
    for (guint i = 0; i < strays->all->len; i++)
        virJSONArrayAppend(json, strayToJSON(g_ptr_array_index(strays->all, i)));
    return json;
}

/* ---- adopt ---- */

/* (owned, borrowed strings) names to adopt: those of @names, or all that can be. */
static GPtrArray *
chooseAdopted(qemuVM *vm, const qemuStrays *strays, const char *const *names)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();

    for (guint i = 0; !names && i < strays->all->len; i++) {
        const qemuStray *stray = g_ptr_array_index(strays->all, i);

        if (!stray->reason)
            g_ptr_array_add(chosen, stray->name);
    }
    for (gsize i = 0; names && names[i]; i++) {
        const qemuStray *stray = lookup(vm, strays, names[i]);

        if (!stray)
            return NULL;
        if (stray->reason) {
            virReportError(VIR_ERR_CHECKPOINT_INCONSISTENT,
                           "bitmap '%s' of domain '%s' cannot be a checkpoint again: %s; leave it, as every "
                           "incremental backup takes it in, or remove it", names[i], vm->name, stray->reason);
            return NULL;
        }
        g_ptr_array_add(chosen, stray->name);
    }
    return g_steal_pointer(&chosen);
}

/* What a client that kept the XML would redefine; the domain is the one of now. */
static virDomainCheckpointDef *
recordNew(qemuVM *vm, const qemuStray *stray)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    g_autofree char *xml = NULL;
    g_autoptr(virDomainCheckpointDef) def = NULL;
    long long now = g_get_real_time() / G_USEC_PER_SEC;

    virBufferEscapeString(&buf, "<domaincheckpoint><name>%s</name>", stray->name);
    virBufferAsprintf(&buf, "<creationTime>%lld</creationTime><disks>", stray->time ? stray->time : now);
    for (guint i = 0; i < stray->disks->len; i++)
        virBufferEscapeString(&buf, "<disk name='%s' checkpoint='bitmap'/>",
                              g_ptr_array_index(stray->disks, i));
    virBufferAdd(&buf, "</disks></domaincheckpoint>");
    xml = virBufferContentAndReset(&buf);
    def = virDomainCheckpointDefParse(xml, VIR_CHECKPOINT_PARSE_REDEFINE);
    if (!def || !(def->dom = qemuVMCopyDef(vm)) ||
        virDomainCheckpointDefAlign(def, def->dom, def->creationTime) < 0)
        return NULL;
    return g_steal_pointer(&def);
}

static int
adoptOne(qemuVM *vm, const qemuStray *stray, const char *parent)
{
    g_autoptr(virDomainCheckpointDef) def = recordNew(vm, stray);

    if (!def)
        return -1;
    def->parent = g_strdup(parent);
    if (qemuCheckpointRecordSave(vm, def, "checkpoint.adopt.record") < 0)
        return -1;
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuCheckpointListAdd(vm->checkpoints, g_steal_pointer(&def));
    }
    return 0;
}

static int
moveBehind(qemuVM *vm, virDomainCheckpointDef *def, const char *parent)
{
    g_autofree char *old = NULL;

    if (g_strcmp0(def->parent, parent) == 0)
        return 0;
    {
        QEMU_VM_LOCK_GUARD(vm);

        old = def->parent;
        def->parent = g_strdup(parent);
    }
    if (qemuCheckpointRecordSave(vm, def, "checkpoint.adopt.parent") == 0)
        return 0;
    qemuCheckpointListNoteStale(vm->checkpoints, def->name);
    return -1;
}

/* (owned, borrowed strings) what will be the line of checkpoints, oldest first. */
static GPtrArray *
lineOf(const qemuVM *vm, const qemuStrays *strays, const GPtrArray *chosen)
{
    GPtrArray *line = g_ptr_array_new();

    for (guint i = 0; i < strays->sequence->len; i++) {
        char *name = g_ptr_array_index(strays->sequence, i);
        const virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);

        if (def ? def->state == VIR_CHECKPOINT_STATE_READY
                : g_ptr_array_find_with_equal_func((GPtrArray *)chosen, name, g_str_equal, NULL))
            g_ptr_array_add(line, name);
    }
    return line;
}

static int
adoptAll(qemuVM *vm, const qemuStrays *strays, const GPtrArray *line)
{
    for (guint i = line->len; i > 0; i--) {
        const char *name = g_ptr_array_index(line, i - 1);
        const char *parent = i > 1 ? g_ptr_array_index(line, i - 2) : NULL;
        virDomainCheckpointDef *def = qemuCheckpointListLookup(vm->checkpoints, name);

        if ((def ? moveBehind(vm, def, parent) : adoptOne(vm, qemuStraysLookup(strays, name), parent)) < 0)
            return -1;
    }
    return 0;
}

/* It stopped in the middle: who names a parent that was not adopted follows the nearest that is there. */
static void
closeGap(qemuVM *vm, const GPtrArray *line)
{
    virErrorPtr saved = NULL;
    const char *before = NULL;

    virErrorPreserveLast(&saved);
    for (guint i = 0; i < line->len; i++) {
        virDomainCheckpointDef *def =
            qemuCheckpointListLookup(vm->checkpoints, g_ptr_array_index(line, i));

        if (def && def->parent && !qemuCheckpointListLookup(vm->checkpoints, def->parent))
            moveBehind(vm, def, before);
        before = def ? def->name : before;
    }
    virErrorRestore(&saved);
}

static virJSONValue *
adoptFound(qemuVM *vm, const qemuStrays *strays, const char *const *names)
{
    g_autoptr(GPtrArray) chosen = chooseAdopted(vm, strays, names);
    g_autoptr(GPtrArray) line = chosen ? lineOf(vm, strays, chosen) : NULL;
    int rc = 0;

    if (!line)
        return NULL;
    if ((rc = adoptAll(vm, strays, line)) < 0)
        closeGap(vm, line);
    {
        QEMU_VM_LOCK_GUARD(vm);

        qemuCheckpointListArrange(vm->checkpoints, strays->sequence);
    }
    qemuCheckpointHealthForget(vm);
    return rc < 0 ? NULL : namesToJSON(chosen);
}

static virJSONValue *
adopt(qemuVM *vm, const char *const *names)
{
    g_autoptr(qemuStrays) strays = NULL;

    if (!qemuTargetBegin(vm, QEMU_HELPER_LOOK))
        return NULL;
    strays = findFresh(vm);
    if (qemuTargetEnd(vm, 0) < 0 || !strays)
        return NULL;
    return adoptFound(vm, strays, names);
}

/* ---- remove ---- */

static bool
isWhole(const qemuGraphBitmap *bitmap)
{
    return bitmap && bitmap->persistent && !bitmap->inconsistent && !bitmap->busy;
}

/* Who takes over the time of @name: the one before it, if the order is known, else the newest checkpoint,
 * which every "since" has in it. NULL: nobody. */
static const qemuGraphBitmap *
heirOf(qemuVM *vm, const qemuStraysDisk *disk, const char *name, const char *const *leaving, bool *before)
{
    g_auto(GStrv) chain = qemuCheckpointListOfDisk(vm->checkpoints, disk->name, NULL);
    gsize n = g_strv_length(chain);
    const qemuGraphBitmap *heir = NULL;
    bool found = false;

    for (guint i = 0; disk->order && !found && i < disk->order->len; i++) {
        const qemuLedgerEntry *entry = g_ptr_array_index(disk->order, i);
        const qemuGraphBitmap *bitmap = entry->name ? qemuGraphBitmapLookup(disk->node, entry->name) : NULL;

        found = g_strcmp0(entry->name, name) == 0;
        if (!found && isWhole(bitmap) && !g_strv_contains(leaving, entry->name))
            heir = bitmap;
    }
    *before = found;
    if (found)
        return heir;
    heir = n > 0 ? qemuGraphBitmapLookup(disk->node, chain[n - 1]) : NULL;
    return isWhole(heir) ? heir : NULL;
}

static void
appendNamed(virJSONValue *actions, const char *type, const char *node, const char *name)
{
    virJSONArrayAppend(actions,
                       virJSONBuild("{'type':%s,'data':{'node':%s,'name':%s}}", type, node, name));
}

static void
appendRemoval(qemuVM *vm, virJSONValue *actions, const qemuStraysDisk *disk, const char *name,
              const char *const *leaving)
{
    const qemuGraphBitmap *bitmap = qemuGraphBitmapLookup(disk->node, name);
    bool before = false;
    const qemuGraphBitmap *heir = bitmap ? heirOf(vm, disk, name, leaving, &before) : NULL;

    if (!bitmap || !bitmap->persistent)
        return;
    if (heir && isWhole(bitmap)) {
        virJSONArrayAppend(actions, virJSONBuild("{'type':'block-dirty-bitmap-merge','data':{'node':%s,"
                                                 "'target':%s,'bitmaps':[%s]}}",
                                                 disk->node->name, heir->name, name));
        if (before && bitmap->recording && !heir->recording)
            appendNamed(actions, "block-dirty-bitmap-enable", disk->node->name, heir->name);
    }
    appendNamed(actions, "block-dirty-bitmap-remove", disk->node->name, name);
    /* its time is lost, and that must stay visible */
    if (before && heir && !isWhole(bitmap))
        appendNamed(actions, "block-dirty-bitmap-remove", disk->node->name, heir->name);
}

static int
removeFound(qemuVM *vm, const qemuStrays *strays, const char *const *names)
{
    g_autoptr(virJSONValue) actions = virJSONNewArray();
    g_autoptr(qemuPlan) plan = qemuPlanNew("strays-remove");
    g_autoptr(GHashTable) order = NULL;
    g_autoptr(GArray) disks = NULL;
    qemuPlanRun run = { .plan = plan };
    const qemuGraph *graph = NULL;

    for (gsize i = 0; names[i]; i++) {
        if (!lookup(vm, strays, names[i]))
            return -1;
    }
    if (qemuCheckpointOrderBegin(vm) < 0 || !(graph = qemuCheckpointBooks(vm)))
        return -1;
    order = qemuCheckpointOrder(vm, graph);
    disks = straysDisks(vm, graph, order);
    for (gsize i = 0; names[i]; i++) {
        for (guint k = 0; k < disks->len; k++)
            appendRemoval(vm, actions, &g_array_index(disks, qemuStraysDisk, k), names[i], names);
    }
    qemuPlanAddQMP(plan, virJSONBuild("{'execute':'transaction','arguments':{'actions':%v}}",
                                      g_steal_pointer(&actions)),
                   NULL, "checkpoint.stray.remove");
    if (qemuPlanRunAll(&run, qemuVMTarget(vm)) < 0)
        return -1;
    qemuCheckpointBooksForget(vm);
    qemuCheckpointOrderDeleted(vm, names);
    return qemuTargetStore(vm);
}

static virJSONValue *
removeStrays(qemuVM *vm, const char *const *names)
{
    g_autoptr(qemuStrays) strays = NULL;
    int rc = 0;

    if (!names || !names[0]) {
        virReportError(VIR_ERR_INVALID_ARG, "%s", "name the bitmaps to remove: 'names' is missing or empty");
        return NULL;
    }
    if (!qemuTargetBegin(vm, QEMU_HELPER_CHANGE))
        return NULL;
    strays = findFresh(vm);
    rc = strays ? removeFound(vm, strays, names) : -1;
    qemuCheckpointBooksForget(vm);
    return qemuTargetEnd(vm, rc) < 0 ? NULL : virJSONNewArray();
}

/* ---- the commands ---- */

bool
qemuCheckpointRepairOwns(const char *cmd)
{
    g_autoptr(virJSONValue) json = NULL;
    const char *name = NULL;

    if (!strstr(cmd, PREFIX))
        return false;
    json = virJSONParse(cmd, -1);
    virErrorReset();
    name = json ? virJSONObjectLookupString(json, "execute") : NULL;
    return name && g_str_has_prefix(name, PREFIX);
}

/* @names: NULL if not given. -1: it is not an array of strings. */
static int
takeNames(const virJSONValue *command, char ***names)
{
    const virJSONValue *arguments = virJSONObjectLookupObject(command, "arguments");
    const virJSONValue *json = arguments ? virJSONObjectLookup(arguments, "names") : NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    *names = NULL;
    if (!json)
        return 0;
    for (size_t i = 0; virJSONValueType(json) == VIR_JSON_ARRAY && i < virJSONArraySize(json); i++) {
        const char *name = virJSONStringOf(virJSONArrayAt(json, i));

        if (!name) {
            json = NULL;
            break;
        }
        g_strv_builder_add(builder, name);
    }
    if (!json || virJSONValueType(json) != VIR_JSON_ARRAY) {
        virReportError(VIR_ERR_INVALID_ARG, "%s", "'names' must be an array of names of bitmaps");
        return -1;
    }
    *names = g_strv_builder_end(builder);
    return 0;
}

char *
qemuCheckpointRepairRun(qemuVM *vm, const char *cmd)
{
    g_autoptr(virJSONValue) command = virJSONParse(cmd, -1);
    const char *verb = command ? virJSONObjectLookupString(command, "execute") + strlen(PREFIX) : NULL;
    g_autoptr(virJSONValue) reply = NULL;
    g_auto(GStrv) names = NULL;
    virJSONValue *result = NULL;

    if (!verb || takeNames(command, &names) < 0)
        return NULL;
    qemuReconcileLeftovers(vm);
    if (g_str_equal(verb, "list"))
        result = listStrays(vm);
    else if (g_str_equal(verb, "adopt"))
        result = adopt(vm, (const char *const *)names);
    else if (g_str_equal(verb, "remove"))
        result = removeStrays(vm, (const char *const *)names);
    else
        virReportError(VIR_ERR_INVALID_ARG, "there is no command '" PREFIX "%s'; there are '" PREFIX "list', '"
                       PREFIX "adopt' and '" PREFIX "remove'", verb);
    if (!result)
        return NULL;
    reply = virJSONBuild("{'return':%v}", result);
    return virJSONFormat(reply, false);
}
