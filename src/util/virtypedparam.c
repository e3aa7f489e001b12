/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions that add to, search and free arrays of virTypedParameter. */
#include <string.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "virerror_report.h"
#include "virtypedparam.h"
#include "virtypedparam_array.h"

#define VIR_FROM_THIS VIR_FROM_NONE

static const char *
virTypedParamTypeName(int type)
{
    static const char *const names[] = {
        [VIR_TYPED_PARAM_INT] = "int",         [VIR_TYPED_PARAM_UINT] = "uint",
        [VIR_TYPED_PARAM_LLONG] = "llong",     [VIR_TYPED_PARAM_ULLONG] = "ullong",
        [VIR_TYPED_PARAM_DOUBLE] = "double",   [VIR_TYPED_PARAM_BOOLEAN] = "boolean",
        [VIR_TYPED_PARAM_STRING] = "string",
    };

    return type > 0 && type < (int)G_N_ELEMENTS(names) ? names[type] : "unknown";
}

virTypedParameterPtr
virTypedParamsGet(virTypedParameterPtr params, int nparams, const char *name)
{
    virResetLastError();
    if (!params || !name)
        return NULL;
    for (int i = 0; i < nparams; i++) {
        if (strncmp(params[i].field, name, VIR_TYPED_PARAM_FIELD_LENGTH) == 0)
            return params + i;
    }
    return NULL;
}

/* 1 and @found, 0 absent, -1 with error when the type differs. */
static int
virTypedParamsFind(virTypedParameterPtr params, int nparams, const char *name, int type,
                   virTypedParameterPtr *found)
{
    *found = virTypedParamsGet(params, nparams, name);
    if (!*found)
        return 0;
    if ((*found)->type == type)
        return 1;
    virReportError(VIR_ERR_INVALID_ARG,
                   "Invalid type '%s' requested for parameter '%s', actual type is '%s'",
                   virTypedParamTypeName(type), name, virTypedParamTypeName((*found)->type));
    return -1;
}

/* The seven getters differ in type and member only. */
#define VIR_TYPED_PARAMS_GETTER(Name, TYPE, ctype, member) \
    int virTypedParamsGet##Name(virTypedParameterPtr params, int nparams, const char *name, \
                                ctype *value) \
    { \
        virTypedParameterPtr found = NULL; \
        int rc = virTypedParamsFind(params, nparams, name, VIR_TYPED_PARAM_##TYPE, &found); \
\
        if (rc > 0 && value) \
            *value = found->value.member; \
        return rc; \
    }

VIR_TYPED_PARAMS_GETTER(Int, INT, int, i)
VIR_TYPED_PARAMS_GETTER(UInt, UINT, unsigned int, ui)
VIR_TYPED_PARAMS_GETTER(LLong, LLONG, long long, l)
VIR_TYPED_PARAMS_GETTER(ULLong, ULLONG, unsigned long long, ul)
VIR_TYPED_PARAMS_GETTER(Double, DOUBLE, double, d)
VIR_TYPED_PARAMS_GETTER(Boolean, BOOLEAN, int, b)
VIR_TYPED_PARAMS_GETTER(String, STRING, const char *, s)

static virTypedParameterPtr
virTypedParamsAppend(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name,
                     int type)
{
    virResetLastError();
    if (!params || !nparams || !maxparams || !name) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "a parameter needs an array, its two counters and a name");
        return NULL;
    }
    if (strlen(name) >= VIR_TYPED_PARAM_FIELD_LENGTH) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "Field name '%s' too long", name);
        return NULL;
    }
    return virTypedParamArrayGrow(params, nparams, maxparams, name, type);
}

#define VIR_TYPED_PARAMS_ADDER(Name, TYPE, ctype, member, stored) \
    int virTypedParamsAdd##Name(virTypedParameterPtr *params, int *nparams, int *maxparams, \
                                const char *name, ctype value) \
    { \
        virTypedParameterPtr param = virTypedParamsAppend(params, nparams, maxparams, name, \
                                                          VIR_TYPED_PARAM_##TYPE); \
\
        if (!param) \
            return -1; \
        param->value.member = stored; \
        return 0; \
    }

VIR_TYPED_PARAMS_ADDER(Int, INT, int, i, value)
VIR_TYPED_PARAMS_ADDER(UInt, UINT, unsigned int, ui, value)
VIR_TYPED_PARAMS_ADDER(LLong, LLONG, long long, l, value)
VIR_TYPED_PARAMS_ADDER(ULLong, ULLONG, unsigned long long, ul, value)
VIR_TYPED_PARAMS_ADDER(Double, DOUBLE, double, d, value)
VIR_TYPED_PARAMS_ADDER(Boolean, BOOLEAN, int, b, value != 0)
VIR_TYPED_PARAMS_ADDER(String, STRING, const char *, s, g_strdup(value ? value : ""))

int
virTypedParamsAddStringList(virTypedParameterPtr *params, int *nparams, int *maxparams,
                            const char *name, const char **values)
{
    for (size_t i = 0; values && values[i]; i++) {
        if (virTypedParamsAddString(params, nparams, maxparams, name, values[i]) < 0)
            return -1;
    }
    return 0;
}

/* Returns -1 without error: @text is no such number. */
static int
virTypedParamParseInteger(virTypedParameterPtr param, int type, const char *text)
{
    gint64 number = 0;
    guint64 positive = 0;
    gboolean ok = FALSE;

    if (type == VIR_TYPED_PARAM_INT || type == VIR_TYPED_PARAM_LLONG)
        ok = g_ascii_string_to_signed(text, 10, type == VIR_TYPED_PARAM_INT ? G_MININT : G_MININT64,
                                      type == VIR_TYPED_PARAM_INT ? G_MAXINT : G_MAXINT64,
                                      &number, NULL);
    else
        ok = g_ascii_string_to_unsigned(
            text, 10, 0, type == VIR_TYPED_PARAM_UINT ? G_MAXUINT : G_MAXUINT64, &positive, NULL);
    if (!ok)
        return -1;
    if (type == VIR_TYPED_PARAM_INT)
        param->value.i = number;
    else if (type == VIR_TYPED_PARAM_LLONG)
        param->value.l = number;
    else if (type == VIR_TYPED_PARAM_UINT)
        param->value.ui = positive;
    else
        param->value.ul = positive;
    return 0;
}

static int
virTypedParamParseValue(virTypedParameterPtr param, const char *name, int type, const char *text)
{
    char *end = NULL;
    int rc = 0;

    if (type == VIR_TYPED_PARAM_DOUBLE) {
        param->value.d = g_ascii_strtod(text, &end);
        rc = *text && !*end ? 0 : -1;
    } else if (type == VIR_TYPED_PARAM_BOOLEAN) {
        if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
            virReportError(VIR_ERR_INVALID_ARG, "Invalid boolean value for field '%s'", name);
            return -1;
        }
        param->value.b = *text == '1';
    } else {
        rc = virTypedParamParseInteger(param, type, text);
    }
    if (rc < 0)
        virReportError(VIR_ERR_INVALID_ARG, "Invalid value for field '%s': expected %s", name,
                       virTypedParamTypeName(type));
    return rc;
}

int
virTypedParamsAddFromString(virTypedParameterPtr *params, int *nparams, int *maxparams,
                            const char *name, int type, const char *value)
{
    virTypedParameter parsed = { 0 };
    virTypedParameterPtr param = NULL;

    virResetLastError();
    if (type == VIR_TYPED_PARAM_STRING)
        return virTypedParamsAddString(params, nparams, maxparams, name, value);
    if (type < VIR_TYPED_PARAM_INT || type > VIR_TYPED_PARAM_STRING) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "unexpected type %d for field %s", type, name);
        return -1;
    }
    if (virTypedParamParseValue(&parsed, name, type, value ? value : "") < 0 ||
        !(param = virTypedParamsAppend(params, nparams, maxparams, name, type)))
        return -1;
    param->value = parsed.value;
    return 0;
}

void
virTypedParamsClear(virTypedParameterPtr params, int nparams)
{
    if (!params)
        return;
    for (int i = 0; i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_STRING)
            g_clear_pointer(&params[i].value.s, g_free);
    }
}

void
virTypedParamsFree(virTypedParameterPtr params, int nparams)
{
    virTypedParamsClear(params, nparams);
    g_free(params);
}
