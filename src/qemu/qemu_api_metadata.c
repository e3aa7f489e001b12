/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Title, description and foreign metadata elements of a domain, live and persistent.
 */
#include "qemu_api.h"
#include <string.h>
#include "qemu_status.h"
#include "qemu_vm_config.h"
#include "qemu_vm_list.h"
#include "virerror_report.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* The element of @doc's root that belongs to the namespace @uri; NULL if there is none. */
static xmlNodePtr
qemuMetadataFind(xmlDocPtr doc, const char *uri)
{
    xmlNodePtr node = xmlFirstElementChild(xmlDocGetRootElement(doc));

    for (; node; node = xmlNextElementSibling(node)) {
        if (node->ns && g_strcmp0((const char *)node->ns->href, uri) == 0)
            return node;
    }
    return NULL;
}

static char *
qemuMetadataElement(const virDomainDef *def, const char *uri)
{
    g_autoptr(xmlDoc) doc = def->metadata ? virXMLParse(def->metadata, "(metadata)", "metadata") : NULL;
    xmlNodePtr node = doc ? qemuMetadataFind(doc, uri) : NULL;

    return node ? virXMLNodeFormat(node) : NULL;
}

/* (owned) copy of the definition that @flags mean; NULL with an error. */
static virDomainDef *
qemuMetadataDef(qemuVM *vm, unsigned int flags)
{
    QEMU_VM_LOCK_GUARD(vm);
    if (flags & VIR_DOMAIN_AFFECT_LIVE && qemuVMCheckActive(vm) < 0)
        return NULL;
    if (flags & VIR_DOMAIN_AFFECT_CONFIG && !vm->persistent) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "transient domains do not have any persistent config");
        return NULL;
    }
    return virDomainDefCopy(flags & VIR_DOMAIN_AFFECT_CONFIG && vm->newDef ? vm->newDef : vm->def);
}

char *
qemuDomainGetMetadata(virDomainPtr dom, int type, const char *uri, unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    g_autoptr(virDomainDef) def = NULL;
    char *text = NULL;

    virCheckFlags(VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG, NULL);
    vm = qemuVMFromDomain(dom);
    def = vm ? qemuMetadataDef(vm, flags) : NULL;
    if (!def)
        return NULL;
    if (type == VIR_DOMAIN_METADATA_DESCRIPTION) {
        text = g_strdup(def->description);
    } else if (type == VIR_DOMAIN_METADATA_TITLE) {
        text = g_strdup(def->title);
    } else if (type == VIR_DOMAIN_METADATA_ELEMENT) {
        text = qemuMetadataElement(def, uri);
    } else {
        virReportError(VIR_ERR_INVALID_ARG, "unknown metadata type %d", type);
        return NULL;
    }
    if (!text)
        virReportError(VIR_ERR_NO_DOMAIN_METADATA, "%s", "Requested metadata element is not present");
    return text;
}

/* What goes into the definition's XML as it is must not make that XML unreadable: the domain would
 * be gone after the next start of the daemon. */
static int
qemuMetadataCheckText(const char *what, const char *text)
{
    const char *at = text;

    if (!text)
        return 0;
    while (*at && ((unsigned char)*at >= 0x20 || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    if (*at == '\0' && g_utf8_validate(text, -1, NULL))
        return 0;
    virReportError(VIR_ERR_INVALID_ARG,
                   "%s of a domain holds control characters or is not valid UTF-8", what);
    return -1;
}

static int
qemuMetadataCheckName(const char *key, const char *uri)
{
    if (xmlValidateNCName((const xmlChar *)key, 0) == 0 && *uri)
        return 0;
    virReportError(VIR_ERR_INVALID_ARG,
                   "metadata cannot be kept under prefix '%s' and namespace '%s': the prefix must be an "
                   "XML name without colon, the namespace not empty", key, uri);
    return -1;
}

/* @node's declaration of prefix @key for @uri, new or its own; NULL if it has another one. */
static xmlNsPtr
qemuMetadataDeclare(xmlNodePtr node, const char *key, const char *uri)
{
    xmlNsPtr ns = xmlNewNs(node, (const xmlChar *)uri, (const xmlChar *)key);

    for (xmlNsPtr own = node->nsDef; own && !ns; own = own->next) {
        if (g_strcmp0((const char *)own->prefix, key) == 0 &&
            g_strcmp0((const char *)own->href, uri) == 0)
            ns = own;
    }
    return ns;
}

/* The new element in the namespace @uri with prefix @key, as it goes into <metadata>. */
static xmlNodePtr
qemuMetadataNewNode(xmlDocPtr doc, const char *metadata, const char *key, const char *uri)
{
    g_autoptr(xmlDoc) added = virXMLParse(metadata, "(metadata_xml)", NULL);
    xmlNodePtr node = NULL;
    xmlNsPtr ns = NULL;

    if (!added || qemuMetadataCheckName(key, uri) < 0)
        return NULL;
    node = xmlDocCopyNode(xmlDocGetRootElement(added), doc, 1);
    ns = qemuMetadataDeclare(node, key, uri);
    if (!ns) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "the metadata element uses prefix '%s' for another namespace; choose another key",
                       key);
        xmlFreeNode(node);
        return NULL;
    }
    xmlSetNs(node, ns);
    return node;
}

static int
qemuMetadataSetElement(virDomainDef *def, const char *metadata, const char *key, const char *uri)
{
    g_autoptr(xmlDoc) doc = virXMLParse(def->metadata ? def->metadata : "<metadata/>", "(metadata)", "metadata");
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNodePtr old = NULL;
    xmlNodePtr node = NULL;

    if (!root || (metadata && !(node = qemuMetadataNewNode(doc, metadata, key, uri))))
        return -1;
    while ((old = qemuMetadataFind(doc, uri))) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (node)
        xmlAddChild(root, node);
    g_free(def->metadata);
    def->metadata = xmlFirstElementChild(root) ? virXMLNodeFormat(root) : NULL;
    return 0;
}

static int
qemuMetadataApply(virDomainDef *def, int type, const char *metadata, const char *key, const char *uri)
{
    char **text = type == VIR_DOMAIN_METADATA_TITLE ? &def->title : &def->description;

    if (qemuMetadataCheckText("metadata", metadata) < 0 ||
        qemuMetadataCheckText("the metadata namespace", uri) < 0)
        return -1;
    if (type == VIR_DOMAIN_METADATA_ELEMENT)
        return qemuMetadataSetElement(def, metadata, key, uri);
    if (type == VIR_DOMAIN_METADATA_TITLE && metadata && strchr(metadata, '\n')) {
        virReportError(VIR_ERR_INVALID_ARG, "%s", "the title of a domain must be one line");
        return -1;
    }
    g_free(*text);
    *text = metadata && *metadata ? g_strdup(metadata) : NULL;
    return 0;
}

/* Swap one of the domain's definitions for @def (consumed). */
static void
qemuMetadataInstall(qemuVM *vm, bool config, virDomainDef *def)
{
    virDomainDef **slot = &vm->def;
    QEMU_VM_LOCK_GUARD(vm);

    if (config && vm->newDef)
        slot = &vm->newDef;
    virDomainDefFree(*slot);
    *slot = def;
}

static int
qemuMetadataChange(qemuVM *vm, bool config, int type, const char *metadata, const char *key, const char *uri)
{
    g_autoptr(virDomainDef) def = qemuMetadataDef(vm, config ? VIR_DOMAIN_AFFECT_CONFIG
                                                             : VIR_DOMAIN_AFFECT_CURRENT);

    if (!def || qemuMetadataApply(def, type, metadata, key, uri) < 0 ||
        (config && qemuVMConfigSave(def) < 0))
        return -1;
    qemuMetadataInstall(vm, config, g_steal_pointer(&def));
    return 0;
}

static int
qemuMetadataSet(qemuVM *vm, int type, const char *metadata, const char *key, const char *uri, unsigned int flags)
{
    g_autoptr(virDomainDef) check = qemuMetadataDef(vm, flags);
    bool active = false;

    if (!check)
        return -1;
    g_mutex_lock(&vm->lock);
    active = qemuVMIsActive(vm);
    g_mutex_unlock(&vm->lock);
    if (flags == VIR_DOMAIN_AFFECT_CURRENT)
        flags = active ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if (flags & VIR_DOMAIN_AFFECT_CONFIG && qemuMetadataChange(vm, true, type, metadata, key, uri) < 0)
        return -1;
    if (flags & VIR_DOMAIN_AFFECT_LIVE &&
        (qemuMetadataChange(vm, false, type, metadata, key, uri) < 0 || qemuStatusSave(vm) < 0))
        return -1;
    g_mutex_lock(&vm->lock);
    qemuVMPublish(vm, virDomainEventMetadataChangeNew(vm->name, vm->uuid, vm->def->id, type, uri));
    g_mutex_unlock(&vm->lock);
    return 0;
}

int
qemuDomainSetMetadata(virDomainPtr dom, int type, const char *metadata, const char *key, const char *uri,
                      unsigned int flags)
{
    g_autoptr(qemuVM) vm = NULL;
    int ret = 0;

    virCheckFlags(VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG, -1);
    if (type < VIR_DOMAIN_METADATA_DESCRIPTION || type > VIR_DOMAIN_METADATA_ELEMENT) {
        virReportError(VIR_ERR_INVALID_ARG, "unknown metadata type %d", type);
        return -1;
    }
    vm = qemuVMFromDomain(dom);
    if (!vm || qemuJobBegin(&vm->job, QEMU_JOB_MODIFY, "virDomainSetMetadata") < 0)
        return -1;
    ret = qemuMetadataSet(vm, type, metadata, key, uri, flags);
    qemuJobEnd(&vm->job);
    return ret;
}
