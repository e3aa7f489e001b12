/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of virTypedParameter being built; the public virTypedParams* functions are here too. */
#pragma once
#include <glib.h>
#include <libvirt/libvirt.h>
#include <stdbool.h>

typedef struct _virTypedParamList {
    virTypedParameterPtr params;
    int n;
    int max;
} virTypedParamList;

void
virTypedParamListClear(virTypedParamList *list);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virTypedParamList, virTypedParamListClear)
void
virTypedParamListAddInt(virTypedParamList *list, int value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void
virTypedParamListAddUInt(virTypedParamList *list, unsigned int value, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
void
virTypedParamListAddLLong(virTypedParamList *list, long long value, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
void
virTypedParamListAddULLong(virTypedParamList *list, unsigned long long value, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
void
virTypedParamListAddBoolean(virTypedParamList *list, bool value, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
void
virTypedParamListAddString(virTypedParamList *list, const char *value, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
/** Hand the array over: *params, *nparams as virTypedParamsFree() takes them. */
void
virTypedParamListSteal(virTypedParamList *list, virTypedParameterPtr *params, int *nparams);
