/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that change the devices of a domain by XML: from a file, or found in the domain's own
 * XML.
 */
#include "virsh.h"
#include "virsh-device.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

bool
virshDeviceFlags(virshShell *sh, const virshCommandArgs *args, virDomainPtr dom,
                 unsigned int *flags)
{
    bool persistent = virshArgBool(args, "persistent");

    if (!virshArgsExclude(sh, args, "persistent", "current") ||
        !virshArgsExclude(sh, args, "current", "live") ||
        !virshArgsExclude(sh, args, "current", "config"))
        return false;
    *flags = 0;
    if (virshArgBool(args, "config") || persistent)
        *flags |= VIR_DOMAIN_AFFECT_CONFIG;
    if (virshArgBool(args, "live") || (persistent && dom && virDomainIsActive(dom) == 1))
        *flags |= VIR_DOMAIN_AFFECT_LIVE;
    return true;
}

int
virshDeviceAttach(virDomainPtr dom, const virshCommandArgs *args, const char *xml,
                  unsigned int flags)
{
    if (flags || virshArgBool(args, "current"))
        return virDomainAttachDeviceFlags(dom, xml, flags);
    return virDomainAttachDevice(dom, xml);
}

static int
detach(virDomainPtr dom, const virshCommandArgs *args, const char *xml, unsigned int flags)
{
    if (flags || virshArgBool(args, "current"))
        return virDomainDetachDeviceFlags(dom, xml, flags);
    return virDomainDetachDevice(dom, xml);
}

static int
update(virDomainPtr dom, const virshCommandArgs *args, const char *xml, unsigned int flags)
{
    if (virshArgBool(args, "force"))
        flags |= VIR_DOMAIN_DEVICE_MODIFY_FORCE;
    return virDomainUpdateDeviceFlags(dom, xml, flags);
}

#define OPT_FILE                                                                                   \
    {                                                                                              \
        .name = "file", .type = VIRSH_OPT_DATA, .required = true, .help = "XML file"               \
    }

const virshOption virshAttachDeviceOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    OPT_FILE,
    VIRSH_OPTS_AFFECT,
    VIRSH_OPT_END,
};

const virshOption virshUpdateDeviceOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    OPT_FILE,
    VIRSH_OPTS_AFFECT,
    {.name = "force", .type = VIRSH_OPT_BOOL, .help = "force device update"},
    VIRSH_OPT_END,
};

typedef int (*deviceCall)(virDomainPtr dom, const virshCommandArgs *args, const char *xml,
                          unsigned int flags);

/* @verb: as in "Failed to attach device from FILE"; @done: "attached". */
static bool
fromFile(virshShell *sh, const virshCommandArgs *args, deviceCall call, const char *verb,
         const char *done)
{
    const char *file = virshArgString(args, "file");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = NULL;
    unsigned int flags = 0;

    if (!dom || !virshDeviceFlags(sh, args, dom, &flags) || !(xml = virshReadFile(sh, file)))
        return false;
    if (call(dom, args, xml, flags) < 0) {
        virshError(sh, "Failed to %s device from %s", verb, file);
        return false;
    }
    virshPrintExtra(sh, "Device %s successfully\n", done);
    return true;
}

bool
virshAttachDevice(virshShell *sh, const virshCommandArgs *args)
{
    return fromFile(sh, args, virshDeviceAttach, "attach", "attached");
}

bool
virshDetachDevice(virshShell *sh, const virshCommandArgs *args)
{
    return fromFile(sh, args, detach, "detach", "detached");
}

bool
virshUpdateDevice(virshShell *sh, const virshCommandArgs *args)
{
    return fromFile(sh, args, update, "update", "updated");
}

const virshOption virshDetachDeviceAliasOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "alias", .type = VIRSH_OPT_DATA, .required = true, .help = "device alias"},
    VIRSH_OPT_CONFIG,
    VIRSH_OPT_LIVE,
    VIRSH_OPT_CURRENT,
    VIRSH_OPT_END,
};

bool
virshDetachDeviceAlias(virshShell *sh, const virshCommandArgs *args)
{
    const char *alias = virshArgString(args, "alias");
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    unsigned int flags = 0;

    if (!dom || !virshDeviceFlags(sh, args, dom, &flags))
        return false;
    if (virDomainDetachDeviceAlias(dom, alias, flags) < 0) {
        virshError(sh, "Failed to detach device with alias %s", alias);
        return false;
    }
    virshPrintExtra(sh, "Device detach request sent successfully\n");
    return true;
}

/* ---- disks by target or path ---- */

static xmlNodePtr
childNamed(xmlNodePtr node, const char *name)
{
    xmlNodePtr child = node ? xmlFirstElementChild(node) : NULL;

    while (child && !xmlStrEqual(child->name, BAD_CAST name))
        child = xmlNextElementSibling(child);
    return child;
}

static bool
attributeIs(xmlNodePtr node, const char *name, const char *value)
{
    xmlChar *text = node ? xmlGetProp(node, BAD_CAST name) : NULL;
    bool same = text && xmlStrEqual(text, BAD_CAST value);

    xmlFree(text);
    return same;
}

static bool
diskIs(xmlNodePtr disk, const char *path, bool removable)
{
    xmlNodePtr source = childNamed(disk, "source");

    if (removable && !attributeIs(disk, "device", "cdrom") &&
        !attributeIs(disk, "device", "floppy"))
        return false;
    return attributeIs(childNamed(disk, "target"), "dev", path) ||
           attributeIs(source, "file", path) || attributeIs(source, "dev", path);
}

/* The <disk> of @doc with target or source @path, borrowed; NULL after a message. */
static xmlNodePtr
findDisk(virshShell *sh, xmlDocPtr doc, const char *path, bool removable)
{
    xmlNodePtr disk = childNamed(childNamed(xmlDocGetRootElement(doc), "devices"), "disk");

    for (; disk; disk = xmlNextElementSibling(disk)) {
        if (xmlStrEqual(disk->name, BAD_CAST "disk") && diskIs(disk, path, removable))
            return disk;
    }
    virshError(sh, "No disk found whose source path or target is %s", path);
    return NULL;
}

/* (owned) the domain's XML; of what is to change: the definition, if that is among it. */
static xmlDocPtr
domainDoc(virshShell *sh, virDomainPtr dom, unsigned int flags)
{
    g_autofree char *xml =
        virDomainGetXMLDesc(dom, flags & VIR_DOMAIN_AFFECT_CONFIG ? VIR_DOMAIN_XML_INACTIVE : 0);
    xmlDocPtr doc = xml ? xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET) : NULL;

    if (xml && !doc)
        virshError(sh, "the daemon's answer is not well-formed XML");
    return doc;
}

static char *
nodeText(xmlDocPtr doc, xmlNodePtr node)
{
    g_autoptr(xmlBuffer) text = xmlBufferCreate();

    xmlNodeDump(text, doc, node, 0, 0);
    return g_strdup((const char *)xmlBufferContent(text));
}

const virshOption virshDetachDiskOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "target",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "target of disk device",
     .complete = virshCompleteDisk},
    VIRSH_OPTS_AFFECT,
    {.name = "print-xml",
     .type = VIRSH_OPT_BOOL,
     .help = "print XML document rather than detach the disk"},
    VIRSH_OPT_END,
};

bool
virshDetachDisk(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(xmlDoc) doc = NULL;
    g_autofree char *xml = NULL;
    xmlNodePtr disk = NULL;
    unsigned int flags = 0;

    if (!dom || !virshDeviceFlags(sh, args, dom, &flags) || !(doc = domainDoc(sh, dom, flags)) ||
        !(disk = findDisk(sh, doc, virshArgString(args, "target"), false)))
        return false;
    xml = nodeText(doc, disk);
    if (virshArgBool(args, "print-xml")) {
        virshPrint(sh, "%s\n", xml);
        return true;
    }
    if (detach(dom, args, xml, flags) < 0) {
        virshError(sh, "Failed to detach disk");
        return false;
    }
    virshPrintExtra(sh, "Disk detached successfully\n");
    return true;
}

const virshOption virshChangeMediaOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "path",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "Fully-qualified path or target of disk device",
     .complete = virshCompleteDisk},
    {.name = "source", .type = VIRSH_OPT_STRING, .help = "source of the media"},
    {.name = "eject", .type = VIRSH_OPT_BOOL, .help = "Eject the media"},
    {.name = "insert", .type = VIRSH_OPT_BOOL, .help = "Insert the media"},
    {.name = "update", .type = VIRSH_OPT_BOOL, .help = "Update the media"},
    {.name = "current",
     .type = VIRSH_OPT_BOOL,
     .help = "can be either or both of --live and --config, depends on implementation hypervisor "
             "driver"},
    {.name = "live", .type = VIRSH_OPT_BOOL, .help = "alter live configuration of running domain"},
    {.name = "config",
     .type = VIRSH_OPT_BOOL,
     .help = "alter persistent configuration, effect observed on next boot"},
    {.name = "force", .type = VIRSH_OPT_BOOL, .help = "force media changing"},
    {.name = "print-xml",
     .type = VIRSH_OPT_BOOL,
     .help = "print XML document rather than change media"},
    {.name = "block", .type = VIRSH_OPT_BOOL, .help = "source media is a block device"},
    VIRSH_OPT_END,
};

/* The medium of @disk becomes @source, NULL: none. */
static void
setSource(xmlNodePtr disk, const char *source, bool block)
{
    xmlNodePtr old = childNamed(disk, "source");
    xmlNodePtr chain = childNamed(disk, "backingStore");
    xmlNodePtr made = NULL;

    if (old) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (chain) {
        xmlUnlinkNode(chain);
        xmlFreeNode(chain);
    }
    if (!source)
        return;
    made = xmlNewNode(NULL, BAD_CAST "source");
    xmlNewProp(made, BAD_CAST(block ? "dev" : "file"), BAD_CAST source);
    xmlSetProp(disk, BAD_CAST "type", BAD_CAST(block ? "block" : "file"));
    xmlAddPrevSibling(childNamed(disk, "target"), made);
}

static bool
checkMedia(virshShell *sh, const virshCommandArgs *args, xmlNodePtr disk)
{
    const char *path = virshArgString(args, "path");
    xmlNodePtr source = childNamed(disk, "source");
    bool eject = virshArgBool(args, "eject");

    if (eject && !source) {
        virshError(sh, "The disk device '%s' doesn't have media", path);
        return false;
    }
    if (!eject && !virshArgString(args, "source")) {
        virshError(sh, "New disk media source was not specified");
        return false;
    }
    if (virshArgBool(args, "insert") && source) {
        virshError(sh, "The disk device '%s' already has media", path);
        return false;
    }
    return true;
}

static bool
mediaArgs(virshShell *sh, const virshCommandArgs *args)
{
    return virshArgsExclude(sh, args, "source", "eject") &&
           virshArgsExclude(sh, args, "eject", "insert") &&
           virshArgsExclude(sh, args, "eject", "update") &&
           virshArgsExclude(sh, args, "insert", "update") &&
           virshArgsExclude(sh, args, "eject", "block");
}

bool
virshChangeMedia(virshShell *sh, const virshCommandArgs *args)
{
    const char *word = virshArgBool(args, "eject")    ? "ejected"
                       : virshArgBool(args, "insert") ? "inserted"
                                                      : "updated";
    g_autoptr(virDomain) dom = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    g_autofree char *xml = NULL;
    xmlNodePtr disk = NULL;
    unsigned int flags = 0;

    if (!mediaArgs(sh, args) || !(dom = virshArgDomain(sh, args)) ||
        !virshDeviceFlags(sh, args, dom, &flags) || !(doc = domainDoc(sh, dom, flags)) ||
        !(disk = findDisk(sh, doc, virshArgString(args, "path"), true)) ||
        !checkMedia(sh, args, disk))
        return false;
    setSource(disk, virshArgString(args, "source"), virshArgBool(args, "block"));
    xml = nodeText(doc, disk);
    if (virshArgBool(args, "print-xml")) {
        virshPrint(sh, "%s\n", xml);
        return true;
    }
    if (update(dom, args, xml, flags) < 0) {
        virshError(sh, "Failed to complete action %s on media",
                   virshArgBool(args, "eject")    ? "eject"
                   : virshArgBool(args, "insert") ? "insert"
                                                  : "update");
        return false;
    }
    virshPrintExtra(sh, "Successfully %s media.\n", word);
    return true;
}

const virshOption virshBlockResizeOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "path",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "Fully-qualified path of block device",
     .complete = virshCompleteDisk},
    {.name = "size",
     .type = VIRSH_OPT_INT,
     .required = true,
     .help = "New size of the block device, as scaled integer (default KiB)"},
    VIRSH_OPT_END,
};

bool
virshBlockResize(virshShell *sh, const virshCommandArgs *args)
{
    const char *path = virshArgString(args, "path");
    g_autoptr(virDomain) dom = NULL;
    unsigned long long size = 0;
    unsigned int flags = 0;

    if (!virshArgScaled(sh, args, "size", 1024, &size) || !(dom = virshArgDomain(sh, args)))
        return false;
    /* Whole KiB go to daemons that know nothing else, too. */
    if (size % 1024 == 0)
        size /= 1024;
    else
        flags |= VIR_DOMAIN_BLOCK_RESIZE_BYTES;
    if (virDomainBlockResize(dom, path, size, flags) < 0) {
        virshError(sh, "Failed to resize block device '%s'", path);
        return false;
    }
    virshPrintExtra(sh, "Block device '%s' is resized\n", path);
    return true;
}
