/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The generated XDR code as a filter, for comparing it with an independent codec. Each line of
 * standard input is "TYPE HEX"; the answer is the value decoded and encoded again in HEX, followed
 * by the number of bytes not used, or "error".
 *
 * Memory that decoding must fill is poisoned by the allocator (MALLOC_PERTURB_), and the room the
 * value is encoded into by hand, so that nothing passes by being left alone.
 */
#include "config.h"
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "remote_procedures.h"

typedef struct _codecType {
    const char *name;
    xdrproc_t proc;
    size_t size;
} codecType;

#define TYPE(prefix, name) { #name, (xdrproc_t)xdr_##prefix##_##name, sizeof(prefix##_##name) },
#define KNOWN(number, NAME, args, ret, ...) TYPE(remote, args) TYPE(remote, ret)
#define CALL(number, NAME, args, ret, ...) TYPE(remote, args) TYPE(remote, ret)
#define EVENT(number, NAME, body) TYPE(remote, body)
static const codecType remoteTypes[] = {
#include "remote_procedures.def"
    TYPE(remote, error) TYPE(remote, header) TYPE(remote, stream_hole)
};
#undef KNOWN
#undef CALL
#undef EVENT
#define KNOWN(number, NAME, args, ret, ...) TYPE(qemu, args) TYPE(qemu, ret)
#define CALL(number, NAME, args, ret, ...) TYPE(qemu, args) TYPE(qemu, ret)
#define EVENT(number, NAME, body) TYPE(qemu, body)
static const codecType qemuTypes[] = {
#include "qemu_procedures.def"
};

static const codecType *
findType(const char *name)
{
    const char *rest = name;

    if (g_str_has_prefix(name, "qemu_")) {
        rest = name + strlen("qemu_");
        for (size_t i = 0; i < G_N_ELEMENTS(qemuTypes); i++) {
            if (g_str_equal(qemuTypes[i].name, rest))
                return &qemuTypes[i];
        }
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(remoteTypes); i++) {
        if (g_str_equal(remoteTypes[i].name, name))
            return &remoteTypes[i];
    }
    return NULL;
}

static GByteArray *
fromHex(const char *text)
{
    GByteArray *bytes = g_byte_array_sized_new((guint)strlen(text) / 2 + 1);

    for (; g_ascii_isxdigit(text[0]) && g_ascii_isxdigit(text[1]); text += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(text[0]) * 16 + g_ascii_xdigit_value(text[1]));

        g_byte_array_append(bytes, &byte, 1);
    }
    return bytes;
}

static void
recode(const codecType *type, GByteArray *bytes)
{
    g_autofree void *value = g_malloc0(type->size);
    size_t room = bytes->len * 2 + 4096;
    g_autofree char *out = g_malloc(room);
    XDR decode, encode;
    u_int used, length;

    memset(out, 0xa5, room);
    xdrmem_create(&decode, (char *)bytes->data, bytes->len, XDR_DECODE);
    if (!type->proc(&decode, value)) {
        xdr_free(type->proc, value);
        puts("error");
        return;
    }
    used = xdr_getpos(&decode);
    xdrmem_create(&encode, out, (u_int)room, XDR_ENCODE);
    if (!type->proc(&encode, value)) {
        fprintf(stderr, "%s: decoded, but cannot be encoded\n", type->name);
        exit(EXIT_FAILURE);
    }
    length = xdr_getpos(&encode);
    xdr_free(type->proc, value);
    for (u_int i = 0; i < length; i++)
        printf("%02x", (unsigned char)out[i]);
    printf(" %u\n", bytes->len - used);
}

int
main(void)
{
    g_autofree char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *space = strchr(line, ' ');
        g_autoptr(GByteArray) bytes = NULL;
        const codecType *type;

        if (!space)
            return EXIT_FAILURE;
        *space = '\0';
        type = findType(line);
        if (!type) {
            fprintf(stderr, "unknown type '%s'\n", line);
            return EXIT_FAILURE;
        }
        bytes = fromHex(space + 1);
        recode(type, bytes);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
