/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON tree to text. Not yajl's generator, because that one stops at 128 levels, fewer than the
 * parser lets in, and what was read must always be printable.
 */
#include <string.h>

#include "virjson.h"

static void
virJSONFormatString(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *at = text; *at; at++) {
        unsigned char c = *at;

        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", c);
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (c == '\r')
            g_string_append(out, "\\r");
        else if (c == '\t')
            g_string_append(out, "\\t");
        else if (c < 0x20)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_c(out, c);
    }
    g_string_append_c(out, '"');
}

static void
virJSONFormatBreak(GString *out, bool pretty, int depth)
{
    if (pretty)
        g_string_append_printf(out, "\n%*s", depth * 2, "");
}

static void
virJSONFormatValue(GString *out, const virJSONValue *value, bool pretty, int depth);

static void
virJSONFormatContainer(GString *out, const virJSONValue *value, bool pretty, int depth)
{
    bool object = virJSONValueType(value) == VIR_JSON_OBJECT;
    size_t n = object ? virJSONObjectSize(value) : virJSONArraySize(value);

    g_string_append_c(out, object ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        virJSONFormatBreak(out, pretty, depth + 1);
        if (object) {
            virJSONFormatString(out, virJSONObjectKeyAt(value, i));
            g_string_append(out, pretty ? ": " : ":");
        }
        virJSONFormatValue(out,
                           object ? virJSONObjectValueAt(value, i) : virJSONArrayAt(value, i),
                           pretty, depth + 1);
    }
    if (n > 0)
        virJSONFormatBreak(out, pretty, depth);
    g_string_append_c(out, object ? '}' : ']');
}

static void
virJSONFormatValue(GString *out, const virJSONValue *value, bool pretty, int depth)
{
    switch (virJSONValueType(value)) {
    case VIR_JSON_NULL:
        g_string_append(out, "null");
        break;
    case VIR_JSON_BOOLEAN:
        g_string_append(out, virJSONBooleanOf(value) ? "true" : "false");
        break;
    case VIR_JSON_NUMBER:
        g_string_append(out, virJSONNumberOf(value));
        break;
    case VIR_JSON_STRING:
        virJSONFormatString(out, virJSONStringOf(value));
        break;
    case VIR_JSON_ARRAY:
    case VIR_JSON_OBJECT:
        virJSONFormatContainer(out, value, pretty, depth);
        break;
    }
}

char *
virJSONFormat(const virJSONValue *value, bool pretty)
{
    GString *out = g_string_new(NULL);

    virJSONFormatValue(out, value, pretty, 0);
    return g_string_free(out, FALSE);
}
