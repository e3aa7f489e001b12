/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virJSONBuild: JSON written as a template. The template is a literal of ours, never input, so a
 * fault in it is a bug and aborts with the place, at the first run of the line.
 */
#include <stdarg.h>
#include <string.h>

#include "virjson.h"

typedef struct {
    const char *start;
    const char *at;
    va_list args;
} virJSONTemplate;

static void G_GNUC_NORETURN
virJSONTemplateBug(const virJSONTemplate *template, const char *wanted)
{
    g_error("virJSONBuild: %s expected at offset %zu of template \"%s\"", wanted,
            (size_t)(template->at - template->start), template->start);
}

static void
virJSONTemplateBlanks(virJSONTemplate *template)
{
    while (*template->at == ' ' || *template->at == '\n' || *template->at == '\t')
        template->at++;
}

static bool
virJSONTemplateAccept(virJSONTemplate *template, const char *token)
{
    virJSONTemplateBlanks(template);
    if (!g_str_has_prefix(template->at, token))
        return false;
    template->at += strlen(token);
    return true;
}

/* Text between single quotes. A '%' in it would be a placeholder that is not replaced: a bug. */
static char *
virJSONTemplateQuoted(virJSONTemplate *template)
{
    const char *begin = NULL;
    char *text = NULL;

    if (!virJSONTemplateAccept(template, "'"))
        virJSONTemplateBug(template, "'");
    begin = template->at;
    template->at += strcspn(template->at, "'%");
    if (*template->at != '\'')
        virJSONTemplateBug(template, "closing quote (and no % before it)");
    text = g_strndup(begin, template->at - begin);
    template->at++;
    return text;
}

static virJSONValue *
virJSONTakeNumber(char *text)
{
    g_autofree char *owned = text;

    return virJSONNewNumber(owned, -1);
}

static virJSONValue *
virJSONTemplatePlaceholder(virJSONTemplate *template)
{
    if (virJSONTemplateAccept(template, "%s")) {
        const char *text = va_arg(template->args, const char *);

        return text ? virJSONNewString(text) : NULL;
    }
    if (virJSONTemplateAccept(template, "%v"))
        return va_arg(template->args, virJSONValue *);
    if (virJSONTemplateAccept(template, "%b"))
        return virJSONNewBoolean(va_arg(template->args, int) != 0);
    if (virJSONTemplateAccept(template, "%d"))
        return virJSONTakeNumber(g_strdup_printf("%d", va_arg(template->args, int)));
    if (virJSONTemplateAccept(template, "%u"))
        return virJSONTakeNumber(g_strdup_printf("%u", va_arg(template->args, unsigned int)));
    if (virJSONTemplateAccept(template, "%lld"))
        return virJSONTakeNumber(g_strdup_printf("%lld", va_arg(template->args, long long)));
    if (virJSONTemplateAccept(template, "%llu"))
        return virJSONTakeNumber(
            g_strdup_printf("%llu", va_arg(template->args, unsigned long long)));
    virJSONTemplateBug(template, "one of %s %d %u %lld %llu %b %v");
}

static virJSONValue *
virJSONTemplateValue(virJSONTemplate *template);

static virJSONValue *
virJSONTemplateObject(virJSONTemplate *template)
{
    virJSONValue *object = virJSONNewObject();

    if (virJSONTemplateAccept(template, "}"))
        return object;
    do {
        g_autofree char *key = virJSONTemplateQuoted(template);

        if (!virJSONTemplateAccept(template, ":"))
            virJSONTemplateBug(template, ":");
        virJSONObjectSet(object, key, virJSONTemplateValue(template));
    } while (virJSONTemplateAccept(template, ","));
    if (!virJSONTemplateAccept(template, "}"))
        virJSONTemplateBug(template, ", or }");
    return object;
}

static virJSONValue *
virJSONTemplateArray(virJSONTemplate *template)
{
    virJSONValue *array = virJSONNewArray();

    if (virJSONTemplateAccept(template, "]"))
        return array;
    do {
        virJSONArrayAppend(array, virJSONTemplateValue(template));
    } while (virJSONTemplateAccept(template, ","));
    if (!virJSONTemplateAccept(template, "]"))
        virJSONTemplateBug(template, ", or ]");
    return array;
}

static virJSONValue *
virJSONTemplateLiteralNumber(virJSONTemplate *template)
{
    size_t length = strspn(template->at, "+-.0123456789eE");
    g_autofree char *text = g_strndup(template->at, length);

    if (!g_regex_match_simple("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$", text, 0, 0))
        virJSONTemplateBug(template, "value");
    template->at += length;
    return virJSONNewNumber(text, -1);
}

/* NULL: a placeholder whose argument is NULL, to be left out. */
static virJSONValue *
virJSONTemplateValue(virJSONTemplate *template)
{
    virJSONTemplateBlanks(template);
    if (virJSONTemplateAccept(template, "{"))
        return virJSONTemplateObject(template);
    if (virJSONTemplateAccept(template, "["))
        return virJSONTemplateArray(template);
    if (*template->at == '%')
        return virJSONTemplatePlaceholder(template);
    if (*template->at == '\'') {
        g_autofree char *text = virJSONTemplateQuoted(template);

        return virJSONNewString(text);
    }
    if (virJSONTemplateAccept(template, "true"))
        return virJSONNewBoolean(true);
    if (virJSONTemplateAccept(template, "false"))
        return virJSONNewBoolean(false);
    if (virJSONTemplateAccept(template, "null"))
        return virJSONNewNull();
    return virJSONTemplateLiteralNumber(template);
}

virJSONValue *
virJSONBuild(const char *fmt, ...)
{
    virJSONTemplate template = { .start = fmt, .at = fmt };
    virJSONValue *value = NULL;

    va_start(template.args, fmt);
    value = virJSONTemplateValue(&template);
    va_end(template.args);
    virJSONTemplateBlanks(&template);
    if (*template.at)
        virJSONTemplateBug(&template, "end");
    return value;
}
