/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Indented text. The indentation is written when an addition begins a line, never inside one
 * addition: content with line breaks (a <description>, say) must come out as it went in.
 */
#include <stdarg.h>
#include <string.h>

#include "virbuffer.h"

void
virBufferFreeAndReset(virBuffer *buf)
{
    if (buf->text)
        g_string_free(buf->text, TRUE);
    *buf = VIR_BUFFER_INITIALIZER;
}

static void
virBufferBegin(virBuffer *buf)
{
    if (!buf->text)
        buf->text = g_string_new(NULL);
    if (buf->text->len == 0 || buf->text->str[buf->text->len - 1] == '\n')
        g_string_append_printf(buf->text, "%*s", buf->indent, "");
}

void
virBufferAdd(virBuffer *buf, const char *text)
{
    if (!text || !*text)
        return;
    virBufferBegin(buf);
    g_string_append(buf->text, text);
}

void
virBufferAsprintf(virBuffer *buf, const char *fmt, ...)
{
    va_list args;

    virBufferBegin(buf);
    va_start(args, fmt);
    g_string_append_vprintf(buf->text, fmt, args);
    va_end(args);
}

/* Control characters cannot be written in XML 1.0 at all, not even as references: dropped. A
 * carriage return can, but only as a reference does it survive the next parser. */
static void
virBufferAppendEscaped(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    for (const char *at = valid; *at; at++) {
        switch (*at) {
        case '&':
            g_string_append(out, "&amp;");
            break;
        case '<':
            g_string_append(out, "&lt;");
            break;
        case '>':
            g_string_append(out, "&gt;");
            break;
        case '"':
            g_string_append(out, "&quot;");
            break;
        case '\'':
            g_string_append(out, "&apos;");
            break;
        case '\r':
            g_string_append(out, "&#13;");
            break;
        default:
            if ((unsigned char)*at >= 0x20 || *at == '\n' || *at == '\t')
                g_string_append_c(out, *at);
        }
    }
}

void
virBufferEscapeString(virBuffer *buf, const char *fmt, const char *text)
{
    const char *place = strstr(fmt, "%s");

    if (!text)
        return;
    g_assert(place);
    virBufferBegin(buf);
    g_string_append_len(buf->text, fmt, place - fmt);
    virBufferAppendEscaped(buf->text, text);
    g_string_append(buf->text, place + 2);
}

void
virBufferAdjustIndent(virBuffer *buf, int spaces)
{
    buf->indent = MAX(0, buf->indent + spaces);
}

void
virBufferAddLines(virBuffer *buf, const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");

        if (text[length] == '\n')
            length++;
        if (*text != '\n')
            virBufferBegin(buf);
        else if (!buf->text)
            buf->text = g_string_new(NULL);
        g_string_append_len(buf->text, text, length);
        text += length;
    }
}

char *
virBufferContentAndReset(virBuffer *buf)
{
    char *content = buf->text ? g_string_free(g_steal_pointer(&buf->text), FALSE) : g_strdup("");

    virBufferFreeAndReset(buf);
    return content;
}
