/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two hash tables under one reader-writer lock: nearly every call of a client begins with a lookup,
 * and lookups must not wait for each other. Name and UUID of a domain never change, so they can be
 * read without its lock.
 */
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

struct _qemuVMList {
    GRWLock lock;
    GHashTable *byUUID;   /* vm->uuid -> qemuVM * (owns a reference); guarded by lock */
    GHashTable *byName;   /* vm->name -> qemuVM * (borrowed); guarded by lock */
    gint lastID;          /* atomic */
};

static guint
qemuVMListUUIDHash(gconstpointer key)
{
    guint hash = 0;

    memcpy(&hash, key, sizeof(hash));
    return hash;
}

static gboolean
qemuVMListUUIDEqual(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, VIR_UUID_BUFLEN) == 0;
}

qemuVMList *
qemuVMListNew(void)
{
    qemuVMList *list = g_new0(qemuVMList, 1);

    g_rw_lock_init(&list->lock);
    list->byUUID = g_hash_table_new_full(qemuVMListUUIDHash, qemuVMListUUIDEqual, NULL,
                                         (GDestroyNotify)qemuVMUnref);
    list->byName = g_hash_table_new(g_str_hash, g_str_equal);
    return list;
}

void
qemuVMListFree(qemuVMList *list)
{
    if (!list)
        return;
    g_hash_table_unref(list->byName);
    g_hash_table_unref(list->byUUID);
    g_rw_lock_clear(&list->lock);
    g_free(list);
}

static qemuVM *
qemuVMListLookup(qemuVMList *list, GHashTable *table, const void *key)
{
    qemuVM *vm = NULL;

    g_rw_lock_reader_lock(&list->lock);
    vm = g_hash_table_lookup(table, key);
    if (vm)
        qemuVMRef(vm);
    g_rw_lock_reader_unlock(&list->lock);
    return vm;
}

qemuVM *
qemuVMListByUUID(qemuVMList *list, const unsigned char *uuid)
{
    return qemuVMListLookup(list, list->byUUID, uuid);
}

qemuVM *
qemuVMListByName(qemuVMList *list, const char *name)
{
    return qemuVMListLookup(list, list->byName, name);
}

qemuVM *
qemuVMListByID(qemuVMList *list, int id)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(list);
    guint i = 0;

    for (i = 0; i < vms->len; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);
        QEMU_VM_LOCK_GUARD(vm);

        if (qemuVMIsActive(vm) && vm->def->id == id)
            return qemuVMRef(vm);
    }
    return NULL;
}

qemuVM *
qemuVMFromDomain(virDomainPtr dom)
{
    qemuVM *vm = qemuVMListByUUID(qemuDriverVMs(), dom->uuid);

    if (!vm) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";

        virReportError(VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)",
                       virUUIDFormat(dom->uuid, uuid), dom->name);
    }
    return vm;
}

virDomainPtr
qemuVMHandle(qemuVM *vm, virConnectPtr conn)
{
    int id = -1;

    g_mutex_lock(&vm->lock);
    id = qemuVMIsActive(vm) ? vm->def->id : -1;
    g_mutex_unlock(&vm->lock);
    return virObjectDomainNew(conn, vm->name, vm->uuid, id);
}

/* Write lock held. */
static qemuVM *
qemuVMListAddLocked(qemuVMList *list, const virDomainDef *def, bool *added)
{
    qemuVM *byUUID = g_hash_table_lookup(list->byUUID, def->uuid);
    qemuVM *byName = g_hash_table_lookup(list->byName, def->name);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    *added = false;
    if (byUUID && !g_str_equal(byUUID->name, def->name)) {
        virReportErrorFull(VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, __FILE__, __func__, __LINE__,
                           "domain '%s' is already defined with uuid %s", byUUID->name,
                           virUUIDFormat(def->uuid, uuid));
        return NULL;
    }
    if (byName && byName != byUUID) {
        virReportErrorFull(VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, __FILE__, __func__, __LINE__,
                           "domain '%s' already exists with uuid %s", def->name,
                           virUUIDFormat(byName->uuid, uuid));
        return NULL;
    }
    if (!byUUID) {
        virDomainDef *copy = virDomainDefCopy(def);

        if (!copy)
            return NULL;
        byUUID = qemuVMNew(copy);
        g_hash_table_insert(list->byUUID, byUUID->uuid, byUUID);
        g_hash_table_insert(list->byName, byUUID->name, byUUID);
        *added = true;
    }
    return qemuVMRef(byUUID);
}

qemuVM *
qemuVMListAdd(qemuVMList *list, const virDomainDef *def, bool *added)
{
    qemuVM *vm = NULL;

    g_rw_lock_writer_lock(&list->lock);
    vm = qemuVMListAddLocked(list, def, added);
    g_rw_lock_writer_unlock(&list->lock);
    return vm;
}

void
qemuVMListRemove(qemuVMList *list, qemuVM *vm)
{
    g_autoptr(qemuVM) keep = qemuVMRef(vm);

    g_rw_lock_writer_lock(&list->lock);
    if (g_hash_table_lookup(list->byUUID, vm->uuid) == vm) {
        g_hash_table_remove(list->byName, vm->name);
        g_hash_table_remove(list->byUUID, vm->uuid);
    }
    g_mutex_lock(&vm->lock);
    vm->removed = true;
    g_mutex_unlock(&vm->lock);
    g_rw_lock_writer_unlock(&list->lock);
}

static gint
qemuVMListCompare(gconstpointer a, gconstpointer b)
{
    const qemuVM *first = *(qemuVM *const *)a;
    const qemuVM *second = *(qemuVM *const *)b;

    return strcmp(first->name, second->name);
}

GPtrArray *
qemuVMListSnapshot(qemuVMList *list)
{
    GPtrArray *vms = g_ptr_array_new_with_free_func((GDestroyNotify)qemuVMUnref);
    GHashTableIter iter;
    void *vm = NULL;

    g_rw_lock_reader_lock(&list->lock);
    g_hash_table_iter_init(&iter, list->byUUID);
    while (g_hash_table_iter_next(&iter, NULL, &vm))
        g_ptr_array_add(vms, qemuVMRef(vm));
    g_rw_lock_reader_unlock(&list->lock);
    g_ptr_array_sort(vms, qemuVMListCompare);
    return vms;
}

size_t
qemuVMListCountActive(qemuVMList *list)
{
    g_autoptr(GPtrArray) vms = qemuVMListSnapshot(list);
    size_t n = 0;
    guint i = 0;

    for (i = 0; i < vms->len; i++) {
        qemuVM *vm = g_ptr_array_index(vms, i);
        QEMU_VM_LOCK_GUARD(vm);

        n += qemuVMIsActive(vm);
    }
    return n;
}

size_t
qemuVMListCount(qemuVMList *list)
{
    size_t n = 0;

    g_rw_lock_reader_lock(&list->lock);
    n = g_hash_table_size(list->byUUID);
    g_rw_lock_reader_unlock(&list->lock);
    return n;
}

int
qemuVMListNextID(qemuVMList *list)
{
    return g_atomic_int_add(&list->lastID, 1) + 1;
}

void
qemuVMListNoteID(qemuVMList *list, int id)
{
    gint last = g_atomic_int_get(&list->lastID);

    while (last < id && !g_atomic_int_compare_and_exchange(&list->lastID, last, id))
        last = g_atomic_int_get(&list->lastID);
}
