/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON tree: ownership, members, lookups. Numbers are kept as text, because a double would
 * spoil sizes above 2^53. Objects are arrays of members in their order; one that grows beyond
 * INDEX_FROM gets a hash beside it, so that a hostile peer cannot make lookups quadratic.
 */
#include "virjson.h"

#define INDEX_FROM 16

typedef struct {
    char *key;
    virJSONValue *value;
} virJSONMember;

struct _virJSONValue {
    virJSONType type;
    bool boolean;
    char *text;         /* string or number */
    GPtrArray *items;   /* array: virJSONValue, object: virJSONMember */
    GHashTable *index;  /* key (borrowed) -> position + 1, large objects only */
};

static void
virJSONMemberFree(gpointer data)
{
    virJSONMember *member = data;

    if (!member)
        return;
    g_free(member->key);
    virJSONValueFree(member->value);
    g_free(member);
}

static void
virJSONItemFree(gpointer data)
{
    virJSONValueFree(data);
}

static virJSONValue *
virJSONNew(virJSONType type)
{
    virJSONValue *value = g_new0(virJSONValue, 1);

    value->type = type;
    return value;
}

/* Depth is bounded by the parser, so recursion is safe. */
void
virJSONValueFree(virJSONValue *value)
{
    if (!value)
        return;
    g_clear_pointer(&value->index, g_hash_table_unref);
    g_clear_pointer(&value->items, g_ptr_array_unref);
    g_free(value->text);
    g_free(value);
}

virJSONValue *
virJSONNewObject(void)
{
    virJSONValue *value = virJSONNew(VIR_JSON_OBJECT);

    value->items = g_ptr_array_new_with_free_func(virJSONMemberFree);
    return value;
}

virJSONValue *
virJSONNewArray(void)
{
    virJSONValue *value = virJSONNew(VIR_JSON_ARRAY);

    value->items = g_ptr_array_new_with_free_func(virJSONItemFree);
    return value;
}

virJSONValue *
virJSONNewString(const char *text)
{
    virJSONValue *value = virJSONNew(VIR_JSON_STRING);

    value->text = g_strdup(text);
    return value;
}

virJSONValue *
virJSONNewNull(void)
{
    return virJSONNew(VIR_JSON_NULL);
}

virJSONValue *
virJSONNewBoolean(bool boolean)
{
    virJSONValue *value = virJSONNew(VIR_JSON_BOOLEAN);

    value->boolean = boolean;
    return value;
}

virJSONValue *
virJSONNewNumber(const char *text, gssize length)
{
    virJSONValue *value = virJSONNew(VIR_JSON_NUMBER);

    value->text = length < 0 ? g_strdup(text) : g_strndup(text, length);
    return value;
}

static void
virJSONObjectReindex(virJSONValue *object)
{
    g_clear_pointer(&object->index, g_hash_table_unref);
    if (object->items->len < INDEX_FROM)
        return;
    object->index = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < object->items->len; i++) {
        virJSONMember *member = g_ptr_array_index(object->items, i);

        g_hash_table_insert(object->index, member->key, GUINT_TO_POINTER(i + 1));
    }
}

/* Position of @key, or -1. */
static gssize
virJSONObjectFind(const virJSONValue *object, const char *key)
{
    if (!object || object->type != VIR_JSON_OBJECT)
        return -1;
    if (object->index)
        return (gssize)GPOINTER_TO_UINT(g_hash_table_lookup(object->index, key)) - 1;
    for (guint i = 0; i < object->items->len; i++) {
        const virJSONMember *member = g_ptr_array_index(object->items, i);

        if (g_str_equal(member->key, key))
            return i;
    }
    return -1;
}

void
virJSONObjectSet(virJSONValue *object, const char *key, virJSONValue *value)
{
    virJSONMember *member = NULL;
    gssize at = -1;

    if (!value)
        return;
    g_assert(object && object->type == VIR_JSON_OBJECT);
    at = virJSONObjectFind(object, key);
    if (at >= 0) {
        member = g_ptr_array_index(object->items, at);
        virJSONValueFree(member->value);
        member->value = value;
        return;
    }
    member = g_new0(virJSONMember, 1);
    member->key = g_strdup(key);
    member->value = value;
    g_ptr_array_add(object->items, member);
    if (object->index)
        g_hash_table_insert(object->index, member->key, GUINT_TO_POINTER(object->items->len));
    else
        virJSONObjectReindex(object);
}

void
virJSONArrayAppend(virJSONValue *array, virJSONValue *value)
{
    if (!value)
        return;
    g_assert(array && array->type == VIR_JSON_ARRAY);
    g_ptr_array_add(array->items, value);
}

virJSONValue *
virJSONObjectSteal(virJSONValue *object, const char *key)
{
    gssize at = virJSONObjectFind(object, key);
    virJSONMember *member = NULL;
    virJSONValue *value = NULL;

    if (at < 0)
        return NULL;
    member = g_ptr_array_index(object->items, at);
    value = g_steal_pointer(&member->value);
    g_clear_pointer(&object->index, g_hash_table_unref);
    g_ptr_array_remove_index(object->items, at);
    virJSONObjectReindex(object);
    return value;
}

virJSONValue *
virJSONCopy(const virJSONValue *value)
{
    virJSONValue *copy = NULL;

    if (!value)
        return NULL;
    if (value->type == VIR_JSON_OBJECT) {
        copy = virJSONNewObject();
        for (size_t i = 0; i < virJSONObjectSize(value); i++)
            virJSONObjectSet(copy, virJSONObjectKeyAt(value, i),
                             virJSONCopy(virJSONObjectValueAt(value, i)));
        return copy;
    }
    if (value->type == VIR_JSON_ARRAY) {
        copy = virJSONNewArray();
        for (size_t i = 0; i < virJSONArraySize(value); i++)
            virJSONArrayAppend(copy, virJSONCopy(virJSONArrayAt(value, i)));
        return copy;
    }
    copy = virJSONNew(value->type);
    copy->boolean = value->boolean;
    copy->text = g_strdup(value->text);
    return copy;
}

virJSONType
virJSONValueType(const virJSONValue *value)
{
    return value ? value->type : VIR_JSON_NULL;
}

const virJSONValue *
virJSONObjectLookup(const virJSONValue *object, const char *key)
{
    gssize at = virJSONObjectFind(object, key);

    return at < 0 ? NULL : virJSONObjectValueAt(object, at);
}

static const virJSONValue *
virJSONObjectLookupTyped(const virJSONValue *object, const char *key, virJSONType type)
{
    const virJSONValue *value = virJSONObjectLookup(object, key);

    return value && value->type == type ? value : NULL;
}

const virJSONValue *
virJSONObjectLookupObject(const virJSONValue *object, const char *key)
{
    return virJSONObjectLookupTyped(object, key, VIR_JSON_OBJECT);
}

const virJSONValue *
virJSONObjectLookupArray(const virJSONValue *object, const char *key)
{
    return virJSONObjectLookupTyped(object, key, VIR_JSON_ARRAY);
}

const char *
virJSONObjectLookupString(const virJSONValue *object, const char *key)
{
    return virJSONStringOf(virJSONObjectLookup(object, key));
}

int
virJSONObjectGetInt(const virJSONValue *object, const char *key, long long *out)
{
    const char *text = virJSONNumberOf(virJSONObjectLookup(object, key));
    gint64 number = 0;

    if (!text || !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return -1;
    *out = number;
    return 0;
}

int
virJSONObjectGetUInt(const virJSONValue *object, const char *key, unsigned long long *out)
{
    const char *text = virJSONNumberOf(virJSONObjectLookup(object, key));
    guint64 number = 0;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL))
        return -1;
    *out = number;
    return 0;
}

int
virJSONObjectGetBool(const virJSONValue *object, const char *key, bool *out)
{
    const virJSONValue *value = virJSONObjectLookupTyped(object, key, VIR_JSON_BOOLEAN);

    if (!value)
        return -1;
    *out = value->boolean;
    return 0;
}

bool
virJSONObjectIsTrue(const virJSONValue *object, const char *key)
{
    return virJSONBooleanOf(virJSONObjectLookup(object, key));
}

size_t
virJSONObjectSize(const virJSONValue *object)
{
    return object && object->type == VIR_JSON_OBJECT ? object->items->len : 0;
}

static const virJSONMember *
virJSONObjectMemberAt(const virJSONValue *object, size_t i)
{
    return i < virJSONObjectSize(object) ? g_ptr_array_index(object->items, i) : NULL;
}

const char *
virJSONObjectKeyAt(const virJSONValue *object, size_t i)
{
    const virJSONMember *member = virJSONObjectMemberAt(object, i);

    return member ? member->key : NULL;
}

const virJSONValue *
virJSONObjectValueAt(const virJSONValue *object, size_t i)
{
    const virJSONMember *member = virJSONObjectMemberAt(object, i);

    return member ? member->value : NULL;
}

size_t
virJSONArraySize(const virJSONValue *array)
{
    return array && array->type == VIR_JSON_ARRAY ? array->items->len : 0;
}

const virJSONValue *
virJSONArrayAt(const virJSONValue *array, size_t i)
{
    return i < virJSONArraySize(array) ? g_ptr_array_index(array->items, i) : NULL;
}

const char *
virJSONStringOf(const virJSONValue *value)
{
    return value && value->type == VIR_JSON_STRING ? value->text : NULL;
}

const char *
virJSONNumberOf(const virJSONValue *value)
{
    return value && value->type == VIR_JSON_NUMBER ? value->text : NULL;
}

bool
virJSONBooleanOf(const virJSONValue *value)
{
    return value && value->type == VIR_JSON_BOOLEAN && value->boolean;
}
