/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <domain> to Def: everything but <devices>. Each element has one small function; what it does not
 * know it refuses by name (virXMLCheckKnown, virXMLCheckOnce), because a setting dropped in silence
 * is a guest that differs from what its owner wrote. tests/conf/domainstricttest.c tries it on
 * every element of its documents: a new element belongs into one of them.
 */
#include "domain_internal.h"

#include <string.h>
#include "virerror_report.h"
#include "viruuid.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

#define DOMAIN_CHILDREN                                                                            \
    "name uuid title description metadata memory currentMemory vcpu iothreads os features cpu "    \
    "clock "                                                                                       \
    "on_poweroff on_reboot on_crash pm devices"
#define DOMAIN_PLAIN "name uuid title description on_poweroff on_reboot on_crash"

static int
nameParse(xmlNodePtr root, virDomainDef *def)
{
    def->name = virXMLChildText(root, "name");
    if (!def->name || !*def->name) {
        virReportError(VIR_ERR_NO_NAME, "%s", "<name> of the domain");
        return -1;
    }
    return 0;
}

static int
uuidParse(xmlNodePtr root, virDomainDef *def)
{
    g_autofree char *text = virXMLChildText(root, "uuid");

    if (!text) {
        virUUIDGenerate(def->uuid);
        return 0;
    }
    if (virUUIDParse(text, def->uuid) < 0) {
        virReportError(VIR_ERR_XML_ERROR, "malformed <uuid> '%s' of domain '%s'", text, def->name);
        return -1;
    }
    return 0;
}

/* Text for humans is kept to the blank; none at all is as good as absent. */
static char *
freeText(xmlNodePtr root, const char *name)
{
    xmlNodePtr node = virXMLChild(root, name);
    xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
    char *text = content && *content ? g_strdup((const char *)content) : NULL;

    xmlFree(content);
    return text;
}

static void
metadataParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(root, "metadata");

    def->title = freeText(root, "title");
    def->description = freeText(root, "description");
    if (node)
        def->metadata = virDomainMetadataParse(node);
}

static int
memoryElementParse(xmlNodePtr node, unsigned long long *kib)
{
    unsigned long long bytes = 0;

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "unit", "#text") < 0 || virXMLTextScaled(node, 1024, &bytes) < 0)
        return -1;
    *kib = bytes / 1024 + (bytes % 1024 != 0);
    return 0;
}

static int
memoryParse(xmlNodePtr root, virDomainDef *def)
{
    if (memoryElementParse(virXMLChild(root, "memory"), &def->memoryKiB) < 0 ||
        memoryElementParse(virXMLChild(root, "currentMemory"), &def->currentMemoryKiB) < 0)
        return -1;
    return 0;
}

static int
countParse(xmlNodePtr node, unsigned int *out)
{
    g_autofree char *text = virXMLText(node);
    guint64 value = 0;

    if (!g_ascii_string_to_unsigned(text ? text : "", 10, 0, G_MAXINT, &value, NULL)) {
        virReportError(VIR_ERR_XML_ERROR, "invalid number '%s' in element <%s>", text ? text : "",
                       (const char *)node->name);
        return -1;
    }
    *out = value;
    return 0;
}

static int
vcpuParse(xmlNodePtr root, virDomainDef *def)
{
    static const char *const placements[] = {"static"};
    xmlNodePtr node = virXMLChild(root, "vcpu");

    def->maxVcpus = 1;
    def->vcpus = 1;
    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "placement current", "#text") < 0 ||
        VIR_XML_ENUM_CHECK(node, "placement", placements, "auto") < 0 ||
        countParse(node, &def->maxVcpus) < 0)
        return -1;
    def->vcpus = def->maxVcpus;
    return virXMLPropUInt(node, "current", &def->vcpus) < 0 ? -1 : 0;
}

static int
iothreadsParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(root, "iothreads");

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, NULL, "#text") < 0)
        return -1;
    return countParse(node, &def->iothreads);
}

static int
osTypeParse(xmlNodePtr os, virDomainDef *def)
{
    xmlNodePtr node = os ? virXMLChild(os, "type") : NULL;
    g_autofree char *type = virXMLText(node);

    if (!type || !*type) {
        virReportError(VIR_ERR_XML_ERROR, "an os <type> must be specified for domain '%s'",
                       def->name);
        return -1;
    }
    if (strcmp(type, "hvm") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "unknown OS type '%s' of domain '%s': only hvm is supported", type,
                       def->name);
        return -1;
    }
    if (virXMLCheckKnown(node, "arch machine", "#text") < 0)
        return -1;
    def->osArch = virXMLProp(node, "arch");
    def->osMachine = virXMLProp(node, "machine");
    return 0;
}

static int
bootDevsParse(xmlNodePtr os, virDomainDef *def)
{
    for (xmlNodePtr node = virXMLChild(os, "boot"); node; node = virXMLNext(node)) {
        virDomainBootDev dev = VIR_DOMAIN_BOOT_HD;
        bool seen = false;
        int rc;

        if (virXMLCheckKnown(node, "dev", NULL) < 0 ||
            (rc = VIR_XML_ENUM_PROP(node, "dev", virDomainBootNames, NULL, dev)) < 0)
            return -1;
        if (rc == 0) {
            virReportError(VIR_ERR_XML_ERROR, "%s", "missing attribute 'dev' in element <boot>");
            return -1;
        }
        for (size_t i = 0; i < def->nbootDevs; i++)
            seen = seen || def->bootDevs[i] == dev;
        if (!seen)
            def->bootDevs[def->nbootDevs++] = dev;
    }
    return 0;
}

static int
osParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr os = virXMLChild(root, "os");

    if (osTypeParse(os, def) < 0 ||
        virXMLCheckKnown(os, NULL, "type boot kernel initrd cmdline") < 0 ||
        virXMLCheckOnce(os, "type kernel initrd cmdline") < 0 ||
        virXMLCheckChildrenKnown(os, "kernel initrd cmdline", NULL, "#text") < 0 ||
        bootDevsParse(os, def) < 0)
        return -1;
    def->kernel = virXMLChildText(os, "kernel");
    def->initrd = virXMLChildText(os, "initrd");
    def->cmdline = virXMLChildText(os, "cmdline");
    return 0;
}

static int
featureParse(xmlNodePtr features, const char *name, bool *on)
{
    xmlNodePtr node = virXMLChild(features, name);

    if (!node)
        return 0;
    *on = true;
    return virXMLCheckKnown(node, NULL, NULL);
}

static int
featuresParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(root, "features");

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, NULL, "acpi apic pae") < 0 ||
        virXMLCheckOnce(node, "acpi apic pae") < 0 || featureParse(node, "acpi", &def->acpi) < 0 ||
        featureParse(node, "apic", &def->apic) < 0 || featureParse(node, "pae", &def->pae) < 0)
        return -1;
    return 0;
}

static int
cpuModelParse(xmlNodePtr cpu, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(cpu, "model");

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "fallback", "#text") < 0 ||
        VIR_XML_ENUM_PROP(node, "fallback", virDomainCPUFallbackNames, "*", def->cpuFallback) < 0)
        return -1;
    def->cpuModel = virXMLText(node);
    return 0;
}

/* A custom CPU without a model says nothing, as for libvirt. */
static int
cpuParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(root, "cpu");
    bool migratable = false;
    int rc;

    if (!node)
        return 0;
    def->cpuMode = VIR_DOMAIN_CPU_CUSTOM;
    if (virXMLCheckKnown(node, "mode match check migratable", "model") < 0 ||
        virXMLCheckOnce(node, "model") < 0 ||
        VIR_XML_ENUM_PROP(node, "mode", virDomainCPUModeNames, "*", def->cpuMode) < 0 ||
        VIR_XML_ENUM_PROP(node, "match", virDomainCPUMatchNames, "*", def->cpuMatch) < 0 ||
        VIR_XML_ENUM_PROP(node, "check", virDomainCPUCheckNames, "*", def->cpuCheck) < 0 ||
        (rc = virXMLPropOnOff(node, "migratable", &migratable)) < 0 || cpuModelParse(node, def) < 0)
        return -1;
    if (rc > 0)
        def->cpuMigratable = migratable ? VIR_TRISTATE_YES : VIR_TRISTATE_NO;
    if (def->cpuMode == VIR_DOMAIN_CPU_CUSTOM && !def->cpuModel)
        def->cpuMode = VIR_DOMAIN_CPU_NONE;
    return 0;
}

static int
timerParse(xmlNodePtr node, virDomainDef *def)
{
    virDomainTimerDef timer = {VIR_DOMAIN_TIMER_RTC, VIR_DOMAIN_TICKPOLICY_DEFAULT,
                               VIR_TRISTATE_ABSENT};
    bool present = false;
    int rc;

    if (virXMLCheckKnown(node, "name tickpolicy present", NULL) < 0 ||
        (rc = VIR_XML_ENUM_PROP(node, "name", virDomainTimerNames,
                                "platform tsc kvmclock hypervclock armvtimer", timer.name)) < 0)
        return -1;
    if (rc == 0) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "missing attribute 'name' in element <timer>");
        return -1;
    }
    if (VIR_XML_ENUM_PROP(node, "tickpolicy", virDomainTickPolicyNames, NULL, timer.tickpolicy) <
            0 ||
        (rc = virXMLPropYesNo(node, "present", &present)) < 0)
        return -1;
    if (rc > 0)
        timer.present = present ? VIR_TRISTATE_YES : VIR_TRISTATE_NO;
    for (size_t i = 0; i < def->ntimers; i++) {
        if (def->timers[i].name == timer.name) {
            virReportError(VIR_ERR_XML_ERROR, "timer '%s' is given more than once in <clock>",
                           virDomainTimerNames[timer.name]);
            return -1;
        }
    }
    def->timers[def->ntimers++] = timer;
    return 0;
}

static int
clockParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr node = virXMLChild(root, "clock");

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "offset", "timer") < 0 ||
        VIR_XML_ENUM_PROP(node, "offset", virDomainClockNames, "*", def->clockOffset) < 0)
        return -1;
    for (xmlNodePtr timer = virXMLChild(node, "timer"); timer; timer = virXMLNext(timer)) {
        if (timerParse(timer, def) < 0)
            return -1;
    }
    return 0;
}

static int
actionParse(xmlNodePtr root, const char *name, virDomainLifecycleAction *action)
{
    g_autofree char *word = virXMLChildText(root, name);
    g_autofree char *what = g_strdup_printf("%s action", name);
    int found;

    if (!word)
        return 0;
    found = virXMLEnumLookup(word, what, virDomainActionNames, VIR_DOMAIN_ACTION_LAST, "*");
    if (found < 0)
        return -1;
    *action = found;
    return 0;
}

static int
suspendParse(xmlNodePtr pm, const char *name, virTristate *out)
{
    xmlNodePtr node = virXMLChild(pm, name);
    bool enabled = false;
    int rc;

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "enabled", NULL) < 0 ||
        (rc = virXMLPropYesNo(node, "enabled", &enabled)) < 0)
        return -1;
    if (rc > 0)
        *out = enabled ? VIR_TRISTATE_YES : VIR_TRISTATE_NO;
    return 0;
}

static int
powerParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr pm = virXMLChild(root, "pm");

    if (actionParse(root, "on_poweroff", &def->onPoweroff) < 0 ||
        actionParse(root, "on_reboot", &def->onReboot) < 0 ||
        actionParse(root, "on_crash", &def->onCrash) < 0)
        return -1;
    if (!pm)
        return 0;
    if (virXMLCheckKnown(pm, NULL, "suspend-to-mem suspend-to-disk") < 0 ||
        virXMLCheckOnce(pm, "suspend-to-mem suspend-to-disk") < 0 ||
        suspendParse(pm, "suspend-to-mem", &def->suspendToMem) < 0 ||
        suspendParse(pm, "suspend-to-disk", &def->suspendToDisk) < 0)
        return -1;
    return 0;
}

static int
typeParse(xmlNodePtr root, virDomainDef *def)
{
    int rc = VIR_XML_ENUM_PROP(root, "type", virDomainTypeNames, "*", def->virtType);

    if (rc == 0)
        virReportError(VIR_ERR_XML_ERROR, "%s", "missing attribute 'type' in element <domain>");
    return rc > 0 ? 0 : -1;
}

static int
idParse(xmlNodePtr root, virDomainDef *def)
{
    unsigned int id = 0;
    int rc = virXMLPropUInt(root, "id", &id);

    if (rc > 0)
        def->id = (int)MIN(id, G_MAXINT);
    return rc;
}

static int
domainParse(xmlNodePtr root, virDomainDef *def)
{
    xmlNodePtr devices = virXMLChild(root, "devices");

    if (typeParse(root, def) < 0 || nameParse(root, def) < 0 || uuidParse(root, def) < 0 ||
        osParse(root, def) < 0 || virXMLCheckKnown(root, "type id", DOMAIN_CHILDREN) < 0 ||
        virXMLCheckOnce(root, DOMAIN_CHILDREN) < 0 ||
        virXMLCheckChildrenKnown(root, DOMAIN_PLAIN, NULL, "#text") < 0 || idParse(root, def) < 0)
        return -1;
    metadataParse(root, def);
    if (memoryParse(root, def) < 0 || vcpuParse(root, def) < 0 || iothreadsParse(root, def) < 0 ||
        featuresParse(root, def) < 0 || cpuParse(root, def) < 0 || clockParse(root, def) < 0 ||
        powerParse(root, def) < 0)
        return -1;
    return devices ? virDomainDevicesParse(devices, def) : 0;
}

virDomainDef *
virDomainDefParseNode(xmlNodePtr node, unsigned int flags)
{
    g_autoptr(virDomainDef) def = virDomainDefNew();

    if (domainParse(node, def) < 0)
        return NULL;
    if (!(flags & VIR_DOMAIN_PARSE_LIVE))
        virDomainDefDropLive(def);
    virDomainDefFillDefaults(def);
    if (virDomainDefValidate(def) < 0)
        return NULL;
    return g_steal_pointer(&def);
}

virDomainDef *
virDomainDefParse(const char *xml, unsigned int flags)
{
    g_autoptr(xmlDoc) doc = virXMLParse(xml, "(domain_definition)", "domain");

    return doc ? virDomainDefParseNode(xmlDocGetRootElement(doc), flags) : NULL;
}
