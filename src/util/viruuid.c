/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UUIDs as libvirt writes them: 16 bytes in printed order, lower-case text with four dashes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <glib.h>

#include "viruuid.h"

void
virUUIDGenerate(unsigned char uuid[VIR_UUID_BUFLEN])
{
    /* At most 256 bytes are never interrupted nor short once the kernel's pool is ready. */
    while (getrandom(uuid, VIR_UUID_BUFLEN, 0) != VIR_UUID_BUFLEN) {
        if (errno != EINTR)
            g_error("getrandom: %s", g_strerror(errno));
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122: version 4, random */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

int
virUUIDParse(const char *text, unsigned char uuid[VIR_UUID_BUFLEN])
{
    unsigned char parsed[VIR_UUID_BUFLEN] = { 0 };

    while (g_ascii_isspace(*text))
        text++;
    for (size_t i = 0; i < VIR_UUID_BUFLEN; i++) {
        if (i > 0 && *text == '-')
            text++;
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            return -1;
        parsed[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
        text += 2;
    }
    while (g_ascii_isspace(*text))
        text++;
    if (*text)
        return -1;
    memcpy(uuid, parsed, sizeof(parsed));
    return 0;
}

const char *
virUUIDFormat(const unsigned char uuid[VIR_UUID_BUFLEN], char *text)
{
    char *at = text;

    for (size_t i = 0; i < VIR_UUID_BUFLEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        g_snprintf(at, 3, "%02x", uuid[i]);
        at += 2;
    }
    return text;
}
