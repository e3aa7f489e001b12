/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values as text: typed parameters, JSON.
 */
#include "virsh.h"

#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

char *
virshTypedParamToString(const virTypedParameter *param)
{
    switch ((virTypedParameterType)param->type) {
    case VIR_TYPED_PARAM_INT:
        return g_strdup_printf("%d", param->value.i);
    case VIR_TYPED_PARAM_UINT:
        return g_strdup_printf("%u", param->value.ui);
    case VIR_TYPED_PARAM_LLONG:
        return g_strdup_printf("%lld", param->value.l);
    case VIR_TYPED_PARAM_ULLONG:
        return g_strdup_printf("%llu", param->value.ul);
    case VIR_TYPED_PARAM_DOUBLE:
        return g_strdup_printf("%f", param->value.d);
    case VIR_TYPED_PARAM_BOOLEAN:
        return g_strdup_printf("%d", param->value.b);
    case VIR_TYPED_PARAM_STRING:
        return g_strdup(param->value.s);
    case VIR_TYPED_PARAM_LAST:
        break;
    }
    return g_strdup("");
}

static void
generate(yajl_gen gen, yajl_val value)
{
    switch (value->type) {
    case yajl_t_string:
        yajl_gen_string(gen, (const unsigned char *)value->u.string, strlen(value->u.string));
        break;
    case yajl_t_number:
        yajl_gen_number(gen, YAJL_GET_NUMBER(value), strlen(YAJL_GET_NUMBER(value)));
        break;
    case yajl_t_object:
        yajl_gen_map_open(gen);
        for (size_t i = 0; i < value->u.object.len; i++) {
            const char *key = value->u.object.keys[i];

            yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
            generate(gen, value->u.object.values[i]);
        }
        yajl_gen_map_close(gen);
        break;
    case yajl_t_array:
        yajl_gen_array_open(gen);
        for (size_t i = 0; i < value->u.array.len; i++)
            generate(gen, value->u.array.values[i]);
        yajl_gen_array_close(gen);
        break;
    case yajl_t_true:
    case yajl_t_false:
        yajl_gen_bool(gen, value->type == yajl_t_true);
        break;
    case yajl_t_null:
    case yajl_t_any:
        yajl_gen_null(gen);
        break;
    }
}

char *
virshFormatJSON(virshShell *sh, const char *json, bool pretty, bool returnValue)
{
    const char *path[] = {"return", NULL};
    char why[256] = "";
    yajl_val root = yajl_tree_parse(json, why, sizeof(why));
    yajl_val value = root && returnValue ? yajl_tree_get(root, path, yajl_t_any) : root;
    yajl_gen gen = NULL;
    const unsigned char *text = NULL;
    size_t length = 0;
    char *out = NULL;

    if (!value) {
        virshError(sh, root ? "'return' member missing" : "malformed JSON in the reply: %s", why);
        yajl_tree_free(root);
        return NULL;
    }
    gen = yajl_gen_alloc(NULL);
    yajl_gen_config(gen, yajl_gen_beautify, pretty);
    yajl_gen_config(gen, yajl_gen_indent_string, "  ");
    generate(gen, value);
    yajl_gen_get_buf(gen, &text, &length);
    out = g_strchomp(g_strndup((const char *)text, length));
    yajl_gen_free(gen);
    yajl_tree_free(root);
    return out;
}

bool
virshIsJSONObject(const char *text)
{
    char why[64] = "";
    yajl_val root = yajl_tree_parse(text, why, sizeof(why));
    bool object = YAJL_IS_OBJECT(root);

    yajl_tree_free(root);
    return object;
}

char *
virshQMPFromName(const char *name)
{
    yajl_gen gen = yajl_gen_alloc(NULL);
    const unsigned char *text = NULL;
    size_t length = 0;
    char *out = NULL;

    yajl_gen_map_open(gen);
    yajl_gen_string(gen, (const unsigned char *)"execute", strlen("execute"));
    yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
    yajl_gen_map_close(gen);
    yajl_gen_get_buf(gen, &text, &length);
    out = g_strndup((const char *)text, length);
    yajl_gen_free(gen);
    return out;
}
