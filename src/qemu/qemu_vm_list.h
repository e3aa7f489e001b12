/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All domains of the driver, by UUID, name and id. Lock order: list lock -> vm->lock.
 */
#pragma once
#include "qemu_vm.h"

qemuVMList *qemuVMListNew(void);
void qemuVMListFree(qemuVMList *list);

/* Lookups: (owned reference) or NULL, without an error. */
qemuVM *qemuVMListByUUID(qemuVMList *list, const unsigned char *uuid);
qemuVM *qemuVMListByName(qemuVMList *list, const char *name);
qemuVM *qemuVMListByID(qemuVMList *list, int id);

/** (owned reference to the) domain behind a handle, or NULL with VIR_ERR_NO_DOMAIN "no domain with
 * matching uuid 'UUID' (NAME)". */
qemuVM *qemuVMFromDomain(virDomainPtr dom);
/** New handle on @vm, with its id of this moment. */
virDomainPtr qemuVMHandle(qemuVM *vm, virConnectPtr conn);

/** The domain @def is about: the one in the list with its UUID, or a new one made of a copy of
 * @def. NULL with VIR_ERR_OPERATION_FAILED "domain 'x' already exists with uuid U" when name and
 * UUID belong to different domains. *@added says which. (owned reference) */
qemuVM *qemuVMListAdd(qemuVMList *list, const virDomainDef *def, bool *added);
/** Out of the list, marked removed. No-op when it is out already. Lock of @vm not held. */
void qemuVMListRemove(qemuVMList *list, qemuVM *vm);
/** (owned, frees its members) references to all domains at this moment, in the order of their names. */
GPtrArray *qemuVMListSnapshot(qemuVMList *list);
size_t qemuVMListCountActive(qemuVMList *list);
size_t qemuVMListCount(qemuVMList *list);
/** Next free domain id: counts up from 1 and never repeats in a daemon's life. */
int qemuVMListNextID(qemuVMList *list);
/** A reconnected domain has @id: the next new ones start above it. */
void qemuVMListNoteID(qemuVMList *list, int id);
