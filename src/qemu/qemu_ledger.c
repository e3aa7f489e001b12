/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hashes instead of names, because QEMU reads its monitor byte by byte, which costs 5 to 15
 * microseconds each: a thousand checkpoints named by UUID would be 44 KB an image, and are 9 KB so.
 */
#include "qemu_ledger.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "fleece:"
#define ORDER PREFIX "order:"
#define SEAL PREFIX "seal:"
#define PART_BYTES 1000         /* of 1023 that a name can have */
#define PARTS_MAX 1000
#define HASH_WIDTH_MIN 4
#define HASH_WIDTH_MAX 40
#define CHECKSUM_CHARS 16

qemuLedgerEntry *
qemuLedgerEntryNew(const char *name, long long time)
{
    qemuLedgerEntry *entry = g_new0(qemuLedgerEntry, 1);

    entry->name = g_strdup(name);
    entry->time = time;
    return entry;
}

void
qemuLedgerEntryFree(qemuLedgerEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->name);
    g_free(entry);
}

GPtrArray *
qemuLedgerNew(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemuLedgerEntryFree);
}

bool
qemuLedgerOwns(const char *bitmap)
{
    return g_str_has_prefix(bitmap, PREFIX);
}

bool
qemuLedgerIsSeal(const char *bitmap)
{
    return g_str_has_prefix(bitmap, SEAL);
}

/* (owned) the first @width characters of the name's hash, letters, digits, '-' and '_'. */
static char *
hashOf(const char *name, size_t width)
{
    guint8 digest[32] = { 0 };
    gsize length = sizeof(digest);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    char *text = NULL;

    g_checksum_update(sum, (const guchar *)name, -1);
    g_checksum_get_digest(sum, digest, &length);
    text = g_base64_encode(digest, length);
    g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
    text[width] = '\0';
    return text;
}

/* Wide enough that the names of @entries can be told apart. */
static size_t
widthFor(const GPtrArray *entries)
{
    for (size_t width = HASH_WIDTH_MIN; width < HASH_WIDTH_MAX; width++) {
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        bool unique = true;

        for (guint i = 0; unique && i < entries->len; i++)
            unique = g_hash_table_add(
                seen, hashOf(((const qemuLedgerEntry *)g_ptr_array_index(entries, i))->name, width));
        if (unique)
            return width;
    }
    return HASH_WIDTH_MAX;
}

static char *
checksumOf(const char *payload)
{
    char *text = g_compute_checksum_for_string(G_CHECKSUM_SHA256, payload, -1);

    text[CHECKSUM_CHARS] = '\0';
    return text;
}

static GString *
payloadFormat(const GPtrArray *entries, size_t width)
{
    GString *payload = g_string_new(NULL);
    long long before = 0;

    for (guint i = 0; i < entries->len; i++) {
        const qemuLedgerEntry *entry = g_ptr_array_index(entries, i);
        g_autofree char *hash = hashOf(entry->name, width);
        long long delta = entry->time - before;

        g_string_append_printf(payload, "%s%s%llx%s,", hash, delta < 0 ? "-" : "",
                               delta < 0 ? -(unsigned long long)delta : (unsigned long long)delta,
                               entry->recording ? "*" : "");
        before = entry->time;
    }
    return payload;
}

GPtrArray *
qemuLedgerFormat(const GPtrArray *entries)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    size_t width = widthFor(entries);
    GString *payload = payloadFormat(entries, width);
    g_autofree char *text = g_string_free(payload, false);
    g_autofree char *checksum = checksumOf(text);
    size_t length = strlen(text);

    for (size_t at = 0; at < length; at += PART_BYTES)
        g_ptr_array_add(names, g_strdup_printf(ORDER "%u:%.*s", names->len,
                                               (int)MIN(PART_BYTES, length - at), text + at));
    g_ptr_array_add(names, g_strdup_printf(SEAL "%u:%zu:%s", names->len, width, checksum));
    return names;
}

/* "N:rest" with N below @max; -1 if it is not that. */
static long
numberBefore(const char *text, long max, const char **rest)
{
    char *end = NULL;
    long number = g_ascii_isdigit(text[0]) ? strtol(text, &end, 10) : -1;

    if (number < 0 || number >= max || *end != ':')
        return -1;
    *rest = end + 1;
    return number;
}

/* (owned) the parts in one piece, if there are @parts of them. */
static char *
payloadJoin(const char *const *ledger, long parts)
{
    g_auto(GStrv) pieces = g_new0(char *, parts + 1);

    for (gsize i = 0; ledger[i]; i++) {
        const char *rest = NULL;
        long part = g_str_has_prefix(ledger[i], ORDER)
                        ? numberBefore(ledger[i] + strlen(ORDER), parts, &rest)
                        : -1;

        if (part >= 0 && !pieces[part])
            pieces[part] = g_strdup(rest);
    }
    return (long)g_strv_length(pieces) == parts ? g_strjoinv(NULL, pieces) : NULL;
}

static GHashTable *
hashesOf(const char *const *names, size_t width)
{
    GHashTable *hashes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (gsize i = 0; names[i]; i++)
        g_hash_table_insert(hashes, hashOf(names[i], width), (gpointer)names[i]);
    return hashes;
}

static GPtrArray *
payloadParse(const char *payload, size_t width, const char *const *names)
{
    g_autoptr(GPtrArray) entries = qemuLedgerNew();
    g_autoptr(GHashTable) hashes = hashesOf(names, width);
    g_auto(GStrv) words = g_strsplit(payload, ",", -1);
    long long now = 0;

    for (gsize i = 0; words[i] && *words[i]; i++) {
        g_autofree char *hash = g_strndup(words[i], width);
        qemuLedgerEntry *entry = NULL;
        char *end = NULL;

        if (strlen(words[i]) <= width)
            return NULL;
        now += g_ascii_strtoll(words[i] + width, &end, 16);
        if ((*end && !g_str_equal(end, "*")) || now < 0)
            return NULL;
        entry = qemuLedgerEntryNew(g_hash_table_lookup(hashes, hash), now);
        entry->recording = *end;
        g_ptr_array_add(entries, entry);
    }
    return g_steal_pointer(&entries);
}

/* One seal: what it says has to be there, down to the last byte. */
static GPtrArray *
parseSealed(const char *seal, const char *const *ledger, const char *const *names)
{
    const char *rest = NULL;
    long parts = numberBefore(seal + strlen(SEAL), PARTS_MAX, &rest);
    long width = parts < 0 ? -1 : numberBefore(rest, HASH_WIDTH_MAX + 1, &rest);
    g_autofree char *payload = NULL;
    g_autofree char *checksum = NULL;

    if (width < HASH_WIDTH_MIN || !(payload = payloadJoin(ledger, parts)))
        return NULL;
    checksum = checksumOf(payload);
    return g_str_equal(checksum, rest) ? payloadParse(payload, (size_t)width, names) : NULL;
}

GPtrArray *
qemuLedgerParse(const char *const *ledger, const char *const *names)
{
    const char *seal = NULL;

    for (gsize i = 0; ledger[i]; i++) {
        if (!qemuLedgerIsSeal(ledger[i]))
            continue;
        if (seal)
            return NULL;     /* of two nobody knows which one holds */
        seal = ledger[i];
    }
    return seal ? parseSealed(seal, ledger, names) : NULL;
}
