/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list builder for our own statistics. Field names are made by us from fixed words and
 * numbers, so one that does not fit is a bug and aborts; nothing else can fail.
 */
#include <stdarg.h>
#include <string.h>

#include "virtypedparam.h"
#include "virtypedparam_array.h"

virTypedParameterPtr
virTypedParamArrayGrow(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name,
                       int type)
{
    virTypedParameterPtr param = NULL;

    if (*nparams >= *maxparams) {
        *maxparams = MAX(8, *nparams * 2);
        *params = g_renew(virTypedParameter, *params, *maxparams);
    }
    param = *params + (*nparams)++;
    memset(param, 0, sizeof(*param));
    g_strlcpy(param->field, name, sizeof(param->field));
    param->type = type;
    return param;
}

static virTypedParameterPtr G_GNUC_PRINTF(3, 0)
virTypedParamListAppend(virTypedParamList *list, int type, const char *fmt, va_list args)
{
    char name[VIR_TYPED_PARAM_FIELD_LENGTH] = "";
    int length = g_vsnprintf(name, sizeof(name), fmt, args);

    g_assert(length >= 0 && length < (int)sizeof(name));
    return virTypedParamArrayGrow(&list->params, &list->n, &list->max, name, type);
}

#define VIR_TYPED_PARAM_LIST_ADDER(Name, TYPE, ctype, member, stored) \
    void virTypedParamListAdd##Name(virTypedParamList *list, ctype value, const char *fmt, ...) \
    { \
        va_list args; \
\
        va_start(args, fmt); \
        virTypedParamListAppend(list, VIR_TYPED_PARAM_##TYPE, fmt, args)->value.member = stored; \
        va_end(args); \
    }

VIR_TYPED_PARAM_LIST_ADDER(Int, INT, int, i, value)
VIR_TYPED_PARAM_LIST_ADDER(UInt, UINT, unsigned int, ui, value)
VIR_TYPED_PARAM_LIST_ADDER(LLong, LLONG, long long, l, value)
VIR_TYPED_PARAM_LIST_ADDER(ULLong, ULLONG, unsigned long long, ul, value)
VIR_TYPED_PARAM_LIST_ADDER(Boolean, BOOLEAN, bool, b, value)
VIR_TYPED_PARAM_LIST_ADDER(String, STRING, const char *, s, g_strdup(value ? value : ""))

void
virTypedParamListClear(virTypedParamList *list)
{
    virTypedParamsFree(list->params, list->n);
    *list = (virTypedParamList){ 0 };
}

void
virTypedParamListSteal(virTypedParamList *list, virTypedParameterPtr *params, int *nparams)
{
    *params = g_steal_pointer(&list->params);
    *nparams = list->n;
    *list = (virTypedParamList){ 0 };
}
