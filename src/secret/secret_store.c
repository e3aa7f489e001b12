/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of secrets and its directory; secret_store.h tells what a crash may leave. */
#include "secret_store.h"

#include <string.h>
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"
#include "viruuid.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_SECRET
/* Base64 of the most a client can send. */
#define VALUE_FILE_MAX (128 * 1024)

typedef struct _secretEntry {
    virSecretDef *def;
    GBytes *value; /* NULL: none */
} secretEntry;

static GMutex changeLock; /* held over a change and its files; taken before tableLock */
static GMutex tableLock;  /* short */
static GHashTable *table; /* def->uuid -> secretEntry; guarded by tableLock */
static char *storeDir;

static void
entryFree(gpointer opaque)
{
    secretEntry *entry = opaque;

    virSecretDefFree(entry->def);
    g_clear_pointer(&entry->value, g_bytes_unref);
    g_free(entry);
}

static guint
uuidHash(gconstpointer uuid)
{
    guint hash = 0;

    memcpy(&hash, uuid, sizeof(hash));
    return hash;
}

static gboolean
uuidEqual(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, VIR_UUID_BUFLEN) == 0;
}

/* ---- values ---- */

typedef struct _secretBytes {
    gsize size;
    unsigned char data[];
} secretBytes;

static void
bytesWipe(gpointer opaque)
{
    secretBytes *bytes = opaque;

    explicit_bzero(bytes->data, bytes->size);
    g_free(bytes);
}

/* (owned) copy of @data that is wiped when it goes. */
static GBytes *
valueNew(const unsigned char *data, gsize size)
{
    secretBytes *bytes = g_malloc0(sizeof(*bytes) + size);

    bytes->size = size;
    memcpy(bytes->data, data, size);
    return g_bytes_new_with_free_func(bytes->data, size, bytesWipe, bytes);
}

static void
textWipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

/* ---- files ---- */

static char *
filePath(const unsigned char *uuid, const char *suffix)
{
    char text[VIR_UUID_STRING_BUFLEN] = "";

    return g_strdup_printf("%s/%s%s", storeDir, virUUIDFormat(uuid, text), suffix);
}

static int
saveDocument(const virSecretDef *def)
{
    g_autofree char *path = filePath(def->uuid, ".xml");
    g_autofree char *xml = virSecretDefFormat(def);

    return virFileReplaceDurable(path, xml, strlen(xml), 0600, "secret.define");
}

static int
saveValue(const unsigned char *uuid, GBytes *value)
{
    g_autofree char *path = filePath(uuid, ".base64");
    gsize size = 0;
    const unsigned char *data = g_bytes_get_data(value, &size);
    char *text = g_base64_encode(data, size);
    int rc = virFileReplaceDurable(path, text, strlen(text), 0600, "secret.value");

    textWipe(text);
    return rc;
}

static int
removeValue(const unsigned char *uuid)
{
    g_autofree char *path = filePath(uuid, ".base64");

    return virFileUnlinkDurable(path, "secret.forget");
}

static int
removeDocument(const unsigned char *uuid)
{
    g_autofree char *path = filePath(uuid, ".xml");

    return virFileUnlinkDurable(path, "secret.undefine");
}

/* (owned) what @text, of @length bytes, says; NULL if it is damaged: GLib skips what it does not know, and
 * something else than the secret would come out. Line ends may be anywhere, as other tools write them. */
static unsigned char *
decodeValue(const char *text, size_t length, gsize *size)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    char *joined = g_strjoinv(NULL, lines);
    unsigned char *data = g_base64_decode(joined, size);
    char *again = g_base64_encode(data, *size);

    if (strlen(text) != length || strcmp(joined, again) != 0) {
        explicit_bzero(data, *size);
        g_clear_pointer(&data, g_free);
    }
    for (size_t i = 0; lines[i]; i++)
        explicit_bzero(lines[i], strlen(lines[i]));
    textWipe(joined);
    textWipe(again);
    return data;
}

/* (owned) the stored value, or NULL if there is none that can be read. */
static GBytes *
loadValue(const unsigned char *uuid)
{
    g_autofree char *path = filePath(uuid, ".base64");
    g_autofree unsigned char *data = NULL;
    GBytes *value = NULL;
    char *text = NULL;
    gssize length = 0;
    gsize size = 0;

    if (!virFileExists(path))
        return NULL;
    if ((length = virFileReadAll(path, VALUE_FILE_MAX, &text)) < 0) {
        VIR_ERROR("the value of a secret is not loaded: %s", virErrorLastMessage());
        virErrorReset();
        return NULL;
    }
    if ((data = decodeValue(text, length, &size))) {
        value = valueNew(data, size);
        explicit_bzero(data, size);
    } else {
        VIR_ERROR("the value of a secret is not loaded: '%s' is damaged, it is no base64; set the value again",
                  path);
    }
    textWipe(text);
    return value;
}

static int
loadDocument(const char *name)
{
    g_autofree char *path = g_build_filename(storeDir, name, NULL);
    g_autofree char *wanted = NULL;
    g_autofree char *text = NULL;
    g_autoptr(virSecretDef) def = NULL;
    secretEntry *entry = NULL;

    if (virFileReadAll(path, VIR_XML_MAX_BYTES, &text) < 0 || !(def = virSecretDefParse(text)))
        return -1;
    wanted = filePath(def->uuid, ".xml");
    if (!g_str_equal(wanted, path)) {
        virReportError(VIR_ERR_XML_ERROR, "<uuid> does not match the name of the file '%s'", path);
        return -1;
    }
    entry = g_new0(secretEntry, 1);
    entry->value = loadValue(def->uuid);
    entry->def = g_steal_pointer(&def);
    g_hash_table_insert(table, entry->def->uuid, entry);
    return 0;
}

/* A value whose document is not there: the rest of an undefine, or the beginning of a define. */
static void
sweepValue(const char *name)
{
    g_autofree char *path = g_build_filename(storeDir, name, NULL);
    g_autofree char *document = g_strdup_printf("%.*sxml", (int)(strlen(path) - strlen("base64")),
                                                path);

    if (virFileExists(document))
        return;
    if (virFileUnlinkDurable(path, NULL) < 0) {
        VIR_ERROR("a value without a secret stays: %s", virErrorLastMessage());
        virErrorReset();
    }
}

int
secretStoreStart(const char *dir)
{
    g_autoptr(GDir) entries = NULL;
    const char *name = NULL;

    if (virFileMakeDirs(dir, 0700) < 0)
        return -1;
    storeDir = g_strdup(dir);
    table = g_hash_table_new_full(uuidHash, uuidEqual, NULL, entryFree);
    virFileSweepTemporaries(dir);
    entries = g_dir_open(dir, 0, NULL);
    while (entries && (name = g_dir_read_name(entries))) {
        if (name[0] != '.' && g_str_has_suffix(name, ".base64"))
            sweepValue(name);
        if (name[0] == '.' || !g_str_has_suffix(name, ".xml") || loadDocument(name) == 0)
            continue;
        VIR_ERROR("secret '%s' is not loaded: %s", name, virErrorLastMessage());
        virErrorReset();
    }
    return 0;
}

void
secretStoreStop(void)
{
    g_clear_pointer(&table, g_hash_table_unref);
    g_clear_pointer(&storeDir, g_free);
}

/* ---- looking up ---- */

static bool
isListed(const virSecretDef *def, unsigned int flags)
{
    const unsigned int ephemeral =
        VIR_CONNECT_LIST_SECRETS_EPHEMERAL | VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL;
    const unsigned int privacy =
        VIR_CONNECT_LIST_SECRETS_PRIVATE | VIR_CONNECT_LIST_SECRETS_NO_PRIVATE;
    unsigned int own = (def->isEphemeral ? VIR_CONNECT_LIST_SECRETS_EPHEMERAL
                                         : VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL) |
                       (def->isPrivate ? VIR_CONNECT_LIST_SECRETS_PRIVATE
                                       : VIR_CONNECT_LIST_SECRETS_NO_PRIVATE);

    return (!(flags & ephemeral) || (flags & ephemeral & own)) &&
           (!(flags & privacy) || (flags & privacy & own));
}

GPtrArray *
secretStoreList(unsigned int flags)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)virSecretDefFree);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tableLock);
    GHashTableIter iter = {0};
    gpointer value = NULL;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const secretEntry *entry = value;

        if (isListed(entry->def, flags))
            g_ptr_array_add(list, virSecretDefCopy(entry->def));
    }
    return list;
}

/* (borrowed) with tableLock held, or changeLock for reading alone; NULL with VIR_ERR_NO_SECRET. */
static secretEntry *
entryFind(const unsigned char *uuid)
{
    secretEntry *entry = g_hash_table_lookup(table, uuid);
    char text[VIR_UUID_STRING_BUFLEN] = "";

    if (!entry)
        virReportError(VIR_ERR_NO_SECRET, "no secret with matching uuid '%s'",
                       virUUIDFormat(uuid, text));
    return entry;
}

static secretEntry *
entryFindUsage(int usageType, const char *usageID)
{
    GHashTableIter iter = {0};
    gpointer value = NULL;

    g_hash_table_iter_init(&iter, table);
    while (usageType != VIR_SECRET_USAGE_TYPE_NONE && g_hash_table_iter_next(&iter, NULL, &value)) {
        secretEntry *entry = value;

        if ((int)entry->def->usageType == usageType && g_str_equal(entry->def->usageID, usageID))
            return entry;
    }
    return NULL;
}

virSecretDef *
secretStoreGet(const unsigned char *uuid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tableLock);
    const secretEntry *entry = entryFind(uuid);

    return entry ? virSecretDefCopy(entry->def) : NULL;
}

virSecretDef *
secretStoreFindUsage(int usageType, const char *usageID)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tableLock);
    const secretEntry *entry = entryFindUsage(usageType, usageID);

    if (!entry) {
        virReportError(VIR_ERR_NO_SECRET, "no secret with matching usage '%s'", usageID);
        return NULL;
    }
    return virSecretDefCopy(entry->def);
}

GBytes *
secretStoreFetchValue(const unsigned char *uuid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tableLock);
    const secretEntry *entry = entryFind(uuid);
    char text[VIR_UUID_STRING_BUFLEN] = "";

    if (!entry)
        return NULL;
    if (!entry->value) {
        virReportError(VIR_ERR_NO_SECRET, "secret '%s' does not have a value",
                       virUUIDFormat(uuid, text));
        return NULL;
    }
    return g_bytes_ref(entry->value);
}

/* ---- changing; all below with changeLock held, which lets them read the table ---- */

static int
checkChange(const secretEntry *old, const virSecretDef *def)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (old->def->usageType != def->usageType || !g_str_equal(old->def->usageID, def->usageID)) {
        virReportError(VIR_ERR_INTERNAL_ERROR,
                       "a secret with UUID %s is already defined for use with %s",
                       virUUIDFormat(def->uuid, uuid), old->def->usageID);
        return -1;
    }
    if (old->def->isPrivate && !def->isPrivate) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "cannot change private flag on existing secret");
        return -1;
    }
    return 0;
}

static int
checkNew(const virSecretDef *def)
{
    const secretEntry *other = entryFindUsage(def->usageType, def->usageID);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (!other)
        return 0;
    virReportError(VIR_ERR_INTERNAL_ERROR, "a secret with UUID %s already defined for use with %s",
                   virUUIDFormat(other->def->uuid, uuid), def->usageID);
    return -1;
}

/* What is on disk follows from @old (NULL: new) to @def. */
static int
saveChange(const secretEntry *old, const virSecretDef *def)
{
    bool was = old && !old->def->isEphemeral;

    if (def->isEphemeral)
        return was && removeDocument(def->uuid) < 0 ? -1 : 0;
    if (!was && old && old->value && saveValue(def->uuid, old->value) < 0)
        return -1;
    return saveDocument(def);
}

int
secretStoreDefine(const virSecretDef *def)
{
    g_autoptr(GMutexLocker) changing = g_mutex_locker_new(&changeLock);
    const secretEntry *old = g_hash_table_lookup(table, def->uuid);
    secretEntry *entry = NULL;
    bool forget = old && !old->def->isEphemeral && def->isEphemeral;

    if ((old ? checkChange(old, def) : checkNew(def)) < 0 || saveChange(old, def) < 0)
        return -1;
    entry = g_new0(secretEntry, 1);
    entry->def = virSecretDefCopy(def);
    entry->value = old && old->value ? g_bytes_ref(old->value) : NULL;
    g_mutex_lock(&tableLock);
    g_hash_table_replace(table, entry->def->uuid, entry);
    g_mutex_unlock(&tableLock);
    return forget ? removeValue(def->uuid) : 0;
}

int
secretStoreUndefine(const unsigned char *uuid)
{
    g_autoptr(GMutexLocker) changing = g_mutex_locker_new(&changeLock);
    const secretEntry *entry = entryFind(uuid);
    bool stored = entry && !entry->def->isEphemeral;

    if (!entry || (stored && removeDocument(uuid) < 0))
        return -1;
    g_mutex_lock(&tableLock);
    g_hash_table_remove(table, uuid);
    g_mutex_unlock(&tableLock);
    return stored ? removeValue(uuid) : 0;
}

int
secretStoreSetValue(const unsigned char *uuid, const unsigned char *data, gsize size)
{
    g_autoptr(GMutexLocker) changing = g_mutex_locker_new(&changeLock);
    g_autoptr(GBytes) value = valueNew(data, size);
    secretEntry *entry = entryFind(uuid);

    if (!entry || (!entry->def->isEphemeral && saveValue(uuid, value) < 0))
        return -1;
    g_mutex_lock(&tableLock);
    g_clear_pointer(&entry->value, g_bytes_unref);
    entry->value = g_steal_pointer(&value);
    g_mutex_unlock(&tableLock);
    return 0;
}
