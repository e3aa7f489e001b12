/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON values as a tree (parsed with yajl; numbers keep their text, so 64 bits survive), and a builder that writes QMP the way it
 * reads: virJSONBuild("{'execute':'blockdev-del','arguments':{'node-name':%s}}", node).
 * Objects keep the order of their members, so golden output is stable.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct _virJSONValue virJSONValue;

typedef enum {
    VIR_JSON_NULL,
    VIR_JSON_BOOLEAN,
    VIR_JSON_NUMBER,
    VIR_JSON_STRING,
    VIR_JSON_ARRAY,
    VIR_JSON_OBJECT,
} virJSONType;

void
virJSONValueFree(virJSONValue *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virJSONValue, virJSONValueFree)

/** virJSONParse: @length: bytes, or -1 for a NUL-terminated text. Depth at most 200.
 * Returns: (owned) value, or NULL with VIR_ERR_INTERNAL_ERROR saying where it is malformed. */
virJSONValue *
virJSONParse(const char *text, gssize length);
/** Returns: (owned) one line, or indented by two spaces with @pretty. */
char *
virJSONFormat(const virJSONValue *value, bool pretty);

/**
 * virJSONBuild: @fmt is JSON with ' for ", and placeholders as values: %s string, %d int,
 * %u unsigned, %lld / %llu (64 bit), %b int as boolean, %v virJSONValue * (consumed).
 * A member whose %s or %v argument is NULL is left out together with its key (an array element
 * too). A malformed @fmt is a bug and aborts.
 */
virJSONValue *
virJSONBuild(const char *fmt, ...);

virJSONValue *
virJSONNewObject(void);
virJSONValue *
virJSONNewArray(void);
virJSONValue *
virJSONNewString(const char *text);
virJSONValue *
virJSONNewNull(void);
virJSONValue *
virJSONNewBoolean(bool value);
/** @text: a number as JSON writes it; kept as it is. @length: bytes, or -1. */
virJSONValue *
virJSONNewNumber(const char *text, gssize length);
virJSONValue *
virJSONCopy(const virJSONValue *value);
/** Append or replace a member. @value: consumed; NULL does nothing. */
void
virJSONObjectSet(virJSONValue *object, const char *key, virJSONValue *value);
/** @value: consumed. */
void
virJSONArrayAppend(virJSONValue *array, virJSONValue *value);

virJSONType
virJSONValueType(const virJSONValue *value);
/** Lookups return borrowed values, NULL if absent or of another type; @object may be NULL. */
const virJSONValue *
virJSONObjectLookup(const virJSONValue *object, const char *key);
const virJSONValue *
virJSONObjectLookupObject(const virJSONValue *object, const char *key);
const virJSONValue *
virJSONObjectLookupArray(const virJSONValue *object, const char *key);
const char *
virJSONObjectLookupString(const virJSONValue *object, const char *key);
/** The numeric ones return 0 and fill @out, or -1 (no error set) and leave it untouched. */
int
virJSONObjectGetInt(const virJSONValue *object, const char *key, long long *out);
int
virJSONObjectGetUInt(const virJSONValue *object, const char *key, unsigned long long *out);
int
virJSONObjectGetBool(const virJSONValue *object, const char *key, bool *out);
/** Member that is true; absent counts as false. */
bool
virJSONObjectIsTrue(const virJSONValue *object, const char *key);
size_t
virJSONObjectSize(const virJSONValue *object);
const char *
virJSONObjectKeyAt(const virJSONValue *object, size_t i);
const virJSONValue *
virJSONObjectValueAt(const virJSONValue *object, size_t i);
/** Remove a member and hand it over, NULL if absent. */
virJSONValue *
virJSONObjectSteal(virJSONValue *object, const char *key);
size_t
virJSONArraySize(const virJSONValue *array);
const virJSONValue *
virJSONArrayAt(const virJSONValue *array, size_t i);
/** Borrowed, NULL if @value is NULL or of another type. */
const char *
virJSONStringOf(const virJSONValue *value);
const char *
virJSONNumberOf(const virJSONValue *value);
bool
virJSONBooleanOf(const virJSONValue *value);
