/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <secret>: grammar, parse and format. docs/schemas/secret.rng says the same. */
#include "secret_def.h"

#include <string.h>
#include "virbuffer.h"
#include "virerror_report.h"
#include "viruuid.h"
#include "xml_enum.h"
#include "xml_grammar.h"

#define VIR_FROM_THIS VIR_FROM_SECRET

const char *const virSecretUsageNames[VIR_SECRET_USAGE_COUNT] = {"none",  "volume", "ceph",
                                                                 "iscsi", "tls",    "vtpm"};
/* The element that says what it is used for. */
static const char *const usageElements[VIR_SECRET_USAGE_COUNT] = {NULL,     "volume", "name",
                                                                  "target", "name",   "name"};

static const char *
uuidCheck(const char *value)
{
    unsigned char uuid[VIR_UUID_BUFLEN] = {0};

    return virUUIDParse(value, uuid) < 0 ? "a UUID" : NULL;
}

static const char *
nameCheck(const char *value)
{
    return !*value || strpbrk(value, "/\n") ? "a name without '/'" : NULL;
}

static const virXMLElementRule volumeUsage[] = {
    {"volume", VIR_XML_RULE_REQUIRED, .text = virXMLAbsolutePath},
    {NULL},
};
static const virXMLElementRule nameUsage[] = {
    {"name", VIR_XML_RULE_REQUIRED, .text = nameCheck},
    {NULL},
};
static const virXMLElementRule targetUsage[] = {
    {"target", VIR_XML_RULE_REQUIRED, .text = nameCheck},
    {NULL},
};
static const virXMLAttrRule usageAttrs[] = {
    {"type", VIR_XML_RULE_REQUIRED, .words = "volume ceph iscsi tls vtpm"},
    {NULL},
};

/* Which child there is depends on the type, so they are checked by a rule of their own. */
static int
usageCheck(xmlNodePtr node)
{
    static const virXMLElementRule volume = {.attrs = usageAttrs, .children = volumeUsage};
    static const virXMLElementRule target = {.attrs = usageAttrs, .children = targetUsage};
    static const virXMLElementRule name = {.attrs = usageAttrs, .children = nameUsage};
    g_autofree char *type = virXMLProp(node, "type");

    if (g_strcmp0(type, "volume") == 0)
        return virXMLGrammarCheck(node, &volume);
    return virXMLGrammarCheck(node, g_strcmp0(type, "iscsi") == 0 ? &target : &name);
}

static const virXMLElementRule rootChildren[] = {
    {"uuid", .text = uuidCheck},
    {"description", .text = virXMLAnyText},
    {"usage", VIR_XML_RULE_OPAQUE}, /* usageCheck() */
    {NULL},
};
static const virXMLAttrRule rootAttrs[] = {
    {"ephemeral", .words = "yes no"},
    {"private", .words = "yes no"},
    {NULL},
};
static const virXMLElementRule rootRule = {.attrs = rootAttrs, .children = rootChildren};

void
virSecretDefFree(virSecretDef *def)
{
    if (!def)
        return;
    g_free(def->description);
    g_free(def->usageID);
    g_free(def);
}

static int
usageParse(xmlNodePtr node, virSecretDef *def)
{
    if (!node)
        return 0;
    if (usageCheck(node) < 0 ||
        VIR_XML_ENUM_PROP(node, "type", virSecretUsageNames, NULL, def->usageType) < 0)
        return -1;
    g_free(def->usageID);
    def->usageID = virXMLChildText(node, usageElements[def->usageType]);
    return 0;
}

virSecretDef *
virSecretDefParse(const char *xml)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(definition_of_secret)", "secret");
    g_autoptr(virSecretDef) def = g_new0(virSecretDef, 1);
    g_autofree char *uuid = NULL;
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;

    def->usageID = g_strdup("");
    if (!root || virXMLGrammarCheck(root, &rootRule) < 0 ||
        virXMLPropYesNo(root, "ephemeral", &def->isEphemeral) < 0 ||
        virXMLPropYesNo(root, "private", &def->isPrivate) < 0 ||
        usageParse(virXMLChild(root, "usage"), def) < 0)
        return NULL;
    uuid = virXMLChildText(root, "uuid");
    if (!uuid)
        virUUIDGenerate(def->uuid);
    else if (virUUIDParse(uuid, def->uuid) < 0)
        return NULL;
    def->description = virXMLChildText(root, "description");
    return g_steal_pointer(&def);
}

virSecretDef *
virSecretDefCopy(const virSecretDef *def)
{
    virSecretDef *copy = g_memdup2(def, sizeof(*def));

    copy->description = g_strdup(def->description);
    copy->usageID = g_strdup(def->usageID);
    return copy;
}

char *
virSecretDefFormat(const virSecretDef *def)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    virBufferAsprintf(&buf, "<secret ephemeral='%s' private='%s'>\n",
                      def->isEphemeral ? "yes" : "no", def->isPrivate ? "yes" : "no");
    virBufferAdjustIndent(&buf, 2);
    virBufferAsprintf(&buf, "<uuid>%s</uuid>\n", virUUIDFormat(def->uuid, uuid));
    virBufferEscapeString(&buf, "<description>%s</description>\n", def->description);
    if (def->usageType != VIR_SECRET_USAGE_TYPE_NONE) {
        const char *element = usageElements[def->usageType];

        virBufferAsprintf(&buf, "<usage type='%s'>\n", virSecretUsageNames[def->usageType]);
        virBufferAsprintf(&buf, "  <%s>", element);
        virBufferEscapeString(&buf, "%s", def->usageID);
        virBufferAsprintf(&buf, "</%s>\n", element);
        virBufferAdd(&buf, "</usage>\n");
    }
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</secret>\n");
    return virBufferContentAndReset(&buf);
}
