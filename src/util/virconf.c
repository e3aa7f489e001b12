/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reader of libvirt's configuration file format. Values keep the line they stand on, so that a
 * complaint about a type comes with a place. A key given twice: the later one counts.
 */
#include <errno.h>
#include <string.h>

#include "virconf.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_CONF
#define VIR_CONF_MAX_BYTES (1024 * 1024)

typedef enum {
    VIR_CONF_NUMBER,
    VIR_CONF_STRING,
    VIR_CONF_LIST,
} virConfType;

static const char *const virConfTypeNames[] = { "a number", "a string", "a list of strings" };

typedef struct {
    virConfType type;
    int line;
    char *text;      /* string, or number as written */
    GPtrArray *list; /* strings, NULL-terminated */
} virConfValue;

struct _virConf {
    char *path;
    GHashTable *values;
};

typedef struct {
    const char *path;
    const char *at;
    int line;
} virConfCursor;

static void
virConfValueFree(gpointer data)
{
    virConfValue *value = data;

    if (!value)
        return;
    g_free(value->text);
    g_clear_pointer(&value->list, g_ptr_array_unref);
    g_free(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConfValue, virConfValueFree)

void
virConfFree(virConf *conf)
{
    if (!conf)
        return;
    g_free(conf->path);
    g_hash_table_unref(conf->values);
    g_free(conf);
}

static int
virConfSyntax(const virConfCursor *cursor, const char *what)
{
    virReportError(VIR_ERR_CONF_SYNTAX, "%s:%d: %s", cursor->path, cursor->line, what);
    return -1;
}

/* Blanks and comments; line ends too with @lines. */
static void
virConfSkip(virConfCursor *cursor, bool lines)
{
    for (;;) {
        if (*cursor->at == '#')
            cursor->at += strcspn(cursor->at, "\n");
        if (*cursor->at == '\n' && lines)
            cursor->line++;
        else if (*cursor->at != ' ' && *cursor->at != '\t' && *cursor->at != '\r')
            return;
        cursor->at++;
    }
}

/* A string ends on its line; there are no escapes, "it's" and 'say "hi"' is what quotes are for. */
static char *
virConfParseString(virConfCursor *cursor)
{
    const char end[] = { *cursor->at, '\n', '\0' };
    size_t length = strcspn(cursor->at + 1, end);
    char *text = NULL;

    if (cursor->at[1 + length] != end[0]) {
        virConfSyntax(cursor, "the string is not closed on its line");
        return NULL;
    }
    text = g_strndup(cursor->at + 1, length);
    cursor->at += length + 2;
    return text;
}

static int
virConfParseList(virConfCursor *cursor, virConfValue *value)
{
    value->type = VIR_CONF_LIST;
    value->list = g_ptr_array_new_with_free_func(g_free);
    cursor->at++;
    for (virConfSkip(cursor, true); *cursor->at != ']'; virConfSkip(cursor, true)) {
        char *text = NULL;

        if (*cursor->at != '"' && *cursor->at != '\'')
            return virConfSyntax(cursor, "a list holds \"strings\" and ends with ]");
        if (!(text = virConfParseString(cursor)))
            return -1;
        g_ptr_array_add(value->list, text);
        virConfSkip(cursor, true);
        if (*cursor->at == ',')
            cursor->at++;
        else if (*cursor->at != ']')
            return virConfSyntax(cursor, "strings of a list are separated by commas");
    }
    cursor->at++;
    g_ptr_array_add(value->list, NULL);
    return 0;
}

static int
virConfParseValue(virConfCursor *cursor, virConfValue *value)
{
    size_t length = 0;

    value->line = cursor->line;
    if (*cursor->at == '[')
        return virConfParseList(cursor, value);
    if (*cursor->at == '"' || *cursor->at == '\'') {
        value->type = VIR_CONF_STRING;
        value->text = virConfParseString(cursor);
        return value->text ? 0 : -1;
    }
    length = *cursor->at == '-' ? 1 : 0;
    length += strspn(cursor->at + length, "0123456789");
    if (length == 0 || !g_ascii_isdigit(cursor->at[length - 1]))
        return virConfSyntax(cursor, "expected a \"string\", a number or a [ \"list\" ]");
    value->type = VIR_CONF_NUMBER;
    value->text = g_strndup(cursor->at, length);
    cursor->at += length;
    return 0;
}

static int
virConfParseSetting(virConfCursor *cursor, virConf *conf)
{
    g_autoptr(virConfValue) value = g_new0(virConfValue, 1);
    g_autofree char *key = NULL;
    size_t length = 0;

    length = strspn(cursor->at, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-.");
    if (length == 0)
        return virConfSyntax(cursor, "expected the name of a setting");
    key = g_strndup(cursor->at, length);
    cursor->at += length;
    virConfSkip(cursor, false);
    if (*cursor->at != '=')
        return virConfSyntax(cursor, "expected = after the name of the setting");
    cursor->at++;
    virConfSkip(cursor, false);
    if (virConfParseValue(cursor, value) < 0)
        return -1;
    virConfSkip(cursor, false);
    if (*cursor->at != '\n' && *cursor->at != '\0')
        return virConfSyntax(cursor, "unexpected text after the value");
    g_hash_table_replace(conf->values, g_steal_pointer(&key), g_steal_pointer(&value));
    return 0;
}

virConf *
virConfParse(const char *text, const char *path)
{
    g_autoptr(virConf) conf = g_new0(virConf, 1);
    virConfCursor cursor = { .path = path, .at = text, .line = 1 };

    conf->path = g_strdup(path);
    conf->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, virConfValueFree);
    for (virConfSkip(&cursor, true); *cursor.at; virConfSkip(&cursor, true)) {
        if (virConfParseSetting(&cursor, conf) < 0)
            return NULL;
    }
    return g_steal_pointer(&conf);
}

virConf *
virConfReadFile(const char *path)
{
    g_autofree char *text = NULL;
    gssize length = virFileReadAll(path, VIR_CONF_MAX_BYTES, &text);

    if (length < 0)
        return NULL;
    if (strlen(text) != (size_t)length) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s: the file contains a NUL byte", path);
        return NULL;
    }
    return virConfParse(text, path);
}

/* 1 and @out, 0 absent, -1 with error: not of type @type. */
static int
virConfGetTyped(const virConf *conf, const char *key, virConfType type, const virConfValue **out)
{
    const virConfValue *value = g_hash_table_lookup(conf->values, key);

    if (!value)
        return 0;
    if (value->type != type) {
        virReportError(VIR_ERR_CONF_SYNTAX, "%s:%d: setting '%s' must be %s, not %s", conf->path,
                       value->line, key, virConfTypeNames[type], virConfTypeNames[value->type]);
        return -1;
    }
    *out = value;
    return 1;
}

int
virConfGetString(const virConf *conf, const char *key, char **out)
{
    const virConfValue *value = NULL;
    int found = virConfGetTyped(conf, key, VIR_CONF_STRING, &value);

    if (found > 0)
        *out = g_strdup(value->text);
    return found;
}

int
virConfGetRange(const virConf *conf, const char *key, unsigned long long min, unsigned long long max,
                unsigned long long *out)
{
    const virConfValue *value = NULL;
    int found = virConfGetTyped(conf, key, VIR_CONF_NUMBER, &value);
    guint64 number = 0;

    if (found <= 0)
        return found;
    if (!g_ascii_string_to_unsigned(value->text, 10, min, max, &number, NULL)) {
        virReportError(VIR_ERR_CONF_SYNTAX,
                       "%s:%d: setting '%s' is %s; it must lie between %llu and %llu", conf->path,
                       value->line, key, value->text, min, max);
        return -1;
    }
    *out = number;
    return 1;
}

int
virConfGetWord(const virConf *conf, const char *key, const char *words, unsigned long long *out)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    g_autofree char *shown = g_strjoinv("\" or \"", list);
    const virConfValue *value = NULL;
    int found = virConfGetTyped(conf, key, VIR_CONF_STRING, &value);

    if (found <= 0)
        return found;
    for (size_t i = 0; list[i]; i++) {
        if (strcmp(list[i], value->text) == 0) {
            *out = i;
            return 1;
        }
    }
    virReportError(VIR_ERR_CONF_SYNTAX, "%s:%d: setting '%s' is \"%s\"; it must be \"%s\"", conf->path,
                   value->line, key, value->text, shown);
    return -1;
}

int
virConfGetUInt(const virConf *conf, const char *key, unsigned int *out)
{
    unsigned long long number = 0;
    int found = virConfGetRange(conf, key, 0, G_MAXUINT, &number);

    if (found > 0)
        *out = number;
    return found;
}

int
virConfGetULL(const virConf *conf, const char *key, unsigned long long *out)
{
    return virConfGetRange(conf, key, 0, G_MAXUINT64, out);
}

int
virConfGetBool(const virConf *conf, const char *key, bool *out)
{
    unsigned long long number = 0;
    int found = virConfGetRange(conf, key, 0, 1, &number);

    if (found > 0)
        *out = number != 0;
    return found;
}

int
virConfGetStringList(const virConf *conf, const char *key, char ***out)
{
    const virConfValue *value = NULL;
    int found = virConfGetTyped(conf, key, VIR_CONF_LIST, &value);

    if (found > 0)
        *out = g_strdupv((char **)value->list->pdata);
    return found;
}

int
virConfCheckKnown(const virConf *conf, const char *const *known)
{
    GHashTableIter iter;
    gpointer key = NULL;
    gpointer value = NULL;

    g_hash_table_iter_init(&iter, conf->values);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (g_strv_contains(known, key))
            continue;
        virReportError(VIR_ERR_CONF_SYNTAX,
                       "%s:%d: unknown setting '%s'; correct its name or remove the line",
                       conf->path, ((virConfValue *)value)->line, (char *)key);
        return -1;
    }
    return 0;
}
