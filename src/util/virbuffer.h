/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text being written with indentation: XML output of all Defs goes through here. */
#pragma once
#include <glib.h>

typedef struct _virBuffer {
    GString *text;   /* created at the first add */
    int indent;      /* spaces put before each line that is begun */
} virBuffer;

#define VIR_BUFFER_INITIALIZER ((virBuffer){ NULL, 0 })
void
virBufferFreeAndReset(virBuffer *buf);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virBuffer, virBufferFreeAndReset)

void
virBufferAdd(virBuffer *buf, const char *text);
void
virBufferAsprintf(virBuffer *buf, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** @fmt has one %s, filled with @text escaped for XML; nothing is written when @text is NULL. */
void
virBufferEscapeString(virBuffer *buf, const char *fmt, const char *text);
void
virBufferAdjustIndent(virBuffer *buf, int spaces);
/** Every line of @text (several lines) at the present indentation. */
void
virBufferAddLines(virBuffer *buf, const char *text);
/** Returns: (owned) the text ("" if empty); the buffer is empty after. */
char *
virBufferContentAndReset(virBuffer *buf);
