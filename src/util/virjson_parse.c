/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text to JSON tree. yajl checks syntax and UTF-8; this file builds the tree from its callbacks and
 * adds what yajl leaves open: a bound on depth, and no NUL inside strings (they are C strings).
 */
#include <string.h>
#include <yajl/yajl_parse.h>

#include "virerror_report.h"
#include "virjson.h"

#define VIR_FROM_THIS VIR_FROM_NONE
#define VIR_JSON_MAX_DEPTH 200
/* yajl quotes the input around the fault; longer quotes help nobody and flood the log. */
#define VIR_JSON_MAX_COMPLAINT 400

typedef struct {
    virJSONValue *root;
    GPtrArray *open;     /* borrowed: the containers we are in, outermost first */
    GPtrArray *keys;     /* (owned) pending key of each open container, NULL in arrays */
    const char *refusal; /* why we stopped yajl */
} virJSONParser;

static void
virJSONParserClear(virJSONParser *parser)
{
    virJSONValueFree(parser->root);
    g_ptr_array_unref(parser->open);
    g_ptr_array_unref(parser->keys);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virJSONParser, virJSONParserClear)

static int
virJSONParserRefuse(virJSONParser *parser, const char *why)
{
    parser->refusal = why;
    return 0;
}

/* @value: consumed. */
static int
virJSONParserAdd(virJSONParser *parser, virJSONValue *value)
{
    guint depth = parser->open->len;
    virJSONValue *parent = NULL;

    if (depth == 0) {
        parser->root = value;
        return 1;
    }
    parent = g_ptr_array_index(parser->open, depth - 1);
    if (virJSONValueType(parent) == VIR_JSON_OBJECT)
        virJSONObjectSet(parent, g_ptr_array_index(parser->keys, depth - 1), value);
    else
        virJSONArrayAppend(parent, value);
    return 1;
}

static int
virJSONParserOpen(virJSONParser *parser, virJSONValue *container)
{
    virJSONParserAdd(parser, container);
    if (parser->open->len >= VIR_JSON_MAX_DEPTH)
        return virJSONParserRefuse(parser, "nested deeper than 200 levels");
    g_ptr_array_add(parser->open, container);
    g_ptr_array_add(parser->keys, NULL);
    return 1;
}

static int
virJSONParserClose(void *opaque)
{
    virJSONParser *parser = opaque;

    g_ptr_array_set_size(parser->open, parser->open->len - 1);
    g_ptr_array_set_size(parser->keys, parser->keys->len - 1);
    return 1;
}

static int
virJSONOnNull(void *opaque)
{
    return virJSONParserAdd(opaque, virJSONNewNull());
}

static int
virJSONOnBoolean(void *opaque, int boolean)
{
    return virJSONParserAdd(opaque, virJSONNewBoolean(boolean));
}

static int
virJSONOnNumber(void *opaque, const char *text, size_t length)
{
    return virJSONParserAdd(opaque, virJSONNewNumber(text, length));
}

static int
virJSONOnString(void *opaque, const unsigned char *text, size_t length)
{
    g_autofree char *copy = NULL;

    if (length > 0 && memchr(text, '\0', length))
        return virJSONParserRefuse(opaque, "a string contains a NUL character");
    copy = g_strndup((const char *)text, length);
    return virJSONParserAdd(opaque, virJSONNewString(copy));
}

static int
virJSONOnMapKey(void *opaque, const unsigned char *text, size_t length)
{
    virJSONParser *parser = opaque;
    gpointer *slot = &g_ptr_array_index(parser->keys, parser->keys->len - 1);

    if (length > 0 && memchr(text, '\0', length))
        return virJSONParserRefuse(parser, "a key contains a NUL character");
    g_free(*slot);
    *slot = g_strndup((const char *)text, length);
    return 1;
}

static int
virJSONOnMapStart(void *opaque)
{
    return virJSONParserOpen(opaque, virJSONNewObject());
}

static int
virJSONOnArrayStart(void *opaque)
{
    return virJSONParserOpen(opaque, virJSONNewArray());
}

static const yajl_callbacks virJSONCallbacks = {
    .yajl_null = virJSONOnNull,
    .yajl_boolean = virJSONOnBoolean,
    .yajl_number = virJSONOnNumber,
    .yajl_string = virJSONOnString,
    .yajl_start_map = virJSONOnMapStart,
    .yajl_map_key = virJSONOnMapKey,
    .yajl_end_map = virJSONParserClose,
    .yajl_start_array = virJSONOnArrayStart,
    .yajl_end_array = virJSONParserClose,
};

static void
virJSONReportMalformed(yajl_handle handle, const virJSONParser *parser, const char *text,
                       size_t length)
{
    unsigned char *raw = NULL;
    g_autofree char *complaint = NULL;

    if (parser->refusal) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "cannot parse JSON: %s (near byte %zu)",
                       parser->refusal, yajl_get_bytes_consumed(handle));
        return;
    }
    raw = yajl_get_error(handle, 1, (const unsigned char *)text, length);
    complaint = g_utf8_make_valid((const char *)raw,
                                  strnlen((const char *)raw, VIR_JSON_MAX_COMPLAINT));
    yajl_free_error(handle, raw);
    virReportError(VIR_ERR_INTERNAL_ERROR, "cannot parse JSON: %s", g_strchomp(complaint));
}

virJSONValue *
virJSONParse(const char *text, gssize length)
{
    size_t bytes = length < 0 ? strlen(text) : (size_t)length;
    g_auto(virJSONParser) parser = {
        .open = g_ptr_array_new(),
        .keys = g_ptr_array_new_with_free_func(g_free),
    };
    yajl_handle handle = yajl_alloc(&virJSONCallbacks, NULL, &parser);
    bool ok = yajl_parse(handle, (const unsigned char *)text, bytes) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;

    if (!ok)
        virJSONReportMalformed(handle, &parser, text, bytes);
    yajl_free(handle);
    return ok ? g_steal_pointer(&parser.root) : NULL;
}
