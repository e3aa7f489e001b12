/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about checkpoints.
 */
#include "virsh.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>
#include <time.h>

static virDomainCheckpointPtr
argCheckpoint(virshShell *sh, const virshCommandArgs *args, virDomainPtr dom)
{
    const char *name = virshArgString(args, "checkpointname");

    if (!name) {
        virshError(sh, "--checkpointname is required");
        return NULL;
    }
    return virDomainCheckpointLookupByName(dom, name, 0);
}

static bool
createFromXML(virshShell *sh, virDomainPtr dom, const char *xml, unsigned int flags,
              const char *from)
{
    g_autoptr(virDomainCheckpoint) chk = virDomainCheckpointCreateXML(dom, xml, flags);

    if (!chk)
        return false;
    /* No newline: as stock, these lines end with the one that follows every command. */
    if (from)
        virshPrintExtra(sh, "Domain checkpoint %s created from '%s'", virshCheckpointName(chk),
                        from);
    else
        virshPrintExtra(sh, "Domain checkpoint %s created", virshCheckpointName(chk));
    return true;
}

static unsigned int
createFlags(const virshCommandArgs *args)
{
    return (virshArgBool(args, "redefine") ? VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE : 0) |
           (virshArgBool(args, "redefine-validate")
                ? VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                      VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
                : 0) |
           (virshArgBool(args, "quiesce") ? VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE : 0);
}

static const virshOption createOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "xmlfile", .type = VIRSH_OPT_STRING, .help = "domain checkpoint XML"},
    {.name = "redefine",
     .type = VIRSH_OPT_BOOL,
     .help = "redefine metadata for existing checkpoint"},
    {.name = "redefine-validate",
     .type = VIRSH_OPT_BOOL,
     .help = "validate the redefined checkpoint"},
    {.name = "quiesce", .type = VIRSH_OPT_BOOL, .help = "quiesce guest's file systems"},
    VIRSH_OPT_END,
};

static bool
cmdCheckpointCreate(virshShell *sh, const virshCommandArgs *args)
{
    const char *from = virshArgString(args, "xmlfile");
    g_autoptr(virDomain) dom = NULL;
    g_autofree char *xml = NULL;

    if (!(dom = virshArgDomain(sh, args)))
        return false;
    xml = from ? virshReadFile(sh, from) : g_strdup("<domaincheckpoint/>");
    return xml && createFromXML(sh, dom, xml, createFlags(args), from);
}

static const virshOption createAsOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    {.name = "name", .type = VIRSH_OPT_STRING, .help = "name of checkpoint"},
    {.name = "description", .type = VIRSH_OPT_STRING, .help = "description of checkpoint"},
    {.name = "print-xml", .type = VIRSH_OPT_BOOL, .help = "print XML document rather than create"},
    {.name = "quiesce", .type = VIRSH_OPT_BOOL, .help = "quiesce guest's file systems"},
    {.name = "diskspec",
     .type = VIRSH_OPT_ARGV,
     .help = "disk attributes: disk[,checkpoint=type][,bitmap=name]",
     .complete = virshCompleteDisk},
    VIRSH_OPT_END,
};

static void
appendAttr(GString *xml, const char *name, const char *value)
{
    g_autofree char *text = value ? g_markup_escape_text(value, -1) : NULL;

    if (text)
        g_string_append_printf(xml, " %s='%s'", name, text);
}

static void
appendElement(GString *xml, const char *name, const char *value)
{
    g_autofree char *text = value ? g_markup_escape_text(value, -1) : NULL;

    if (text)
        g_string_append_printf(xml, "  <%s>%s</%s>\n", name, text, name);
}

static bool
appendDisk(virshShell *sh, GString *xml, const char *spec)
{
    g_auto(GStrv) parts = virshSplitCommas(spec);
    const char *checkpoint = NULL;
    const char *bitmap = NULL;

    for (gsize i = 1; parts[i]; i++) {
        if (!checkpoint && g_str_has_prefix(parts[i], "checkpoint=")) {
            checkpoint = parts[i] + strlen("checkpoint=");
        } else if (!bitmap && g_str_has_prefix(parts[i], "bitmap=")) {
            bitmap = parts[i] + strlen("bitmap=");
        } else {
            virshError(sh, "unable to parse diskspec: %s", spec);
            return false;
        }
    }
    if (!parts[0][0]) {
        virshError(sh, "unable to parse diskspec: %s", spec);
        return false;
    }
    g_string_append(xml, "    <disk");
    appendAttr(xml, "name", parts[0]);
    appendAttr(xml, "checkpoint", checkpoint);
    appendAttr(xml, "bitmap", bitmap);
    g_string_append(xml, "/>\n");
    return true;
}

static char *
xmlFromArgs(virshShell *sh, const virshCommandArgs *args)
{
    const char *const *specs = virshArgList(args, "diskspec");
    g_autoptr(GString) xml = g_string_new("<domaincheckpoint>\n");

    appendElement(xml, "name", virshArgString(args, "name"));
    appendElement(xml, "description", virshArgString(args, "description"));
    if (specs[0]) {
        g_string_append(xml, "  <disks>\n");
        for (gsize i = 0; specs[i]; i++) {
            if (!appendDisk(sh, xml, specs[i]))
                return NULL;
        }
        g_string_append(xml, "  </disks>\n");
    }
    g_string_append(xml, "</domaincheckpoint>\n");
    return g_strdup(xml->str);
}

static bool
cmdCheckpointCreateAs(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = dom ? xmlFromArgs(sh, args) : NULL;

    if (!xml)
        return false;
    if (virshArgBool(args, "print-xml")) {
        virshPrint(sh, "%s\n", xml);
        return true;
    }
    return createFromXML(sh, dom, xml, createFlags(args), NULL);
}

static const virshOption dumpxmlOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    VIRSH_OPT_CHECKPOINTNAME("checkpoint name"),
    {.name = "security-info",
     .type = VIRSH_OPT_BOOL,
     .help = "include security sensitive information in XML dump"},
    {.name = "no-domain", .type = VIRSH_OPT_BOOL, .help = "exclude <domain> from XML"},
    {.name = "size", .type = VIRSH_OPT_BOOL, .help = "include backup size estimate in XML dump"},
    VIRSH_OPT_XPATH,
    VIRSH_OPT_WRAP,
    VIRSH_OPT_END,
};

static bool
cmdCheckpointDumpXML(virshShell *sh, const virshCommandArgs *args)
{
    unsigned int flags =
        (virshArgBool(args, "security-info") ? VIR_DOMAIN_CHECKPOINT_XML_SECURE : 0) |
        (virshArgBool(args, "no-domain") ? VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN : 0) |
        (virshArgBool(args, "size") ? VIR_DOMAIN_CHECKPOINT_XML_SIZE : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(virDomainCheckpoint) chk = dom ? argCheckpoint(sh, args, dom) : NULL;
    g_autofree char *xml = chk ? virDomainCheckpointGetXMLDesc(chk, flags) : NULL;

    return xml && virshPrintXML(sh, args, xml);
}

static const virshOption nameOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    VIRSH_OPT_CHECKPOINTNAME("checkpoint name"),
    VIRSH_OPT_END,
};

static const virshOption parentOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    VIRSH_OPT_CHECKPOINTNAME("find parent of checkpoint name"),
    VIRSH_OPT_END,
};

/* Name of the parent; *parent NULL for a root. False only on failure. */
static bool
fetchParent(virDomainCheckpointPtr chk, char **parent)
{
    g_autoptr(virDomainCheckpoint) above = virDomainCheckpointGetParent(chk, 0);

    *parent = above ? g_strdup(virshCheckpointName(above)) : NULL;
    if (above || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_CHECKPOINT) {
        virResetLastError();
        return true;
    }
    return false;
}

/* One line a disk for a checkpoint that no incremental backup can begin with, or one if that cannot be
 * found out; stock has no such lines, and its daemon no such elements. */
static bool
printHealth(virshShell *sh, virDomainCheckpointPtr chk)
{
    g_autofree char *xml =
        virDomainCheckpointGetXMLDesc(chk, VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN);
    xmlDocPtr doc = xml ? xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET) : NULL;

    if (!doc)
        return false;
    for (xmlNodePtr n = xmlDocGetRootElement(doc)->children; n; n = n->next) {
        xmlChar *disk = NULL;
        xmlChar *reason = NULL;

        if (n->type != XML_ELEMENT_NODE || !n->ns || !xmlStrEqual(n->ns->href, BAD_CAST "urn:fleece:1"))
            continue;
        disk = xmlGetProp(n, BAD_CAST "disk");
        reason = xmlNodeGetContent(n);
        if (xmlStrEqual(n->name, BAD_CAST "broken"))
            virshPrint(sh, "%-15s %s: %s\n", "Broken:", (const char *)disk, (const char *)reason);
        else if (xmlStrEqual(n->name, BAD_CAST "unknown"))
            virshPrint(sh, "%-15s not known whether broken: %s\n", "Broken:", (const char *)reason);
        xmlFree(disk);
        xmlFree(reason);
    }
    xmlFreeDoc(doc);
    return true;
}

static bool
cmdCheckpointInfo(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(virDomainCheckpoint) chk = dom ? argCheckpoint(sh, args, dom) : NULL;
    g_autofree char *parent = NULL;
    int children = 0;
    int descendants = 0;

    if (!chk || !fetchParent(chk, &parent))
        return false;
    virshPrint(sh, "%-15s %s\n", "Name:", virshCheckpointName(chk));
    virshPrint(sh, "%-15s %s\n", "Domain:", virshDomainName(dom));
    virshPrint(sh, "%-15s %s\n", "Parent:", parent ? parent : "-");
    children = virDomainCheckpointListAllChildren(chk, NULL, 0);
    descendants =
        children < 0
            ? -1
            : virDomainCheckpointListAllChildren(chk, NULL, VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS);
    if (descendants < 0)
        return false;
    virshPrint(sh, "%-15s %d\n", "Children:", children);
    virshPrint(sh, "%-15s %d\n", "Descendants:", descendants);
    return printHealth(sh, chk);
}

static bool
cmdCheckpointParent(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(virDomainCheckpoint) chk = dom ? argCheckpoint(sh, args, dom) : NULL;
    g_autofree char *parent = NULL;

    if (!chk || !fetchParent(chk, &parent))
        return false;
    if (!parent) {
        virshError(sh, "checkpoint '%s' has no parent", virshCheckpointName(chk));
        return false;
    }
    virshPrint(sh, "%s", parent);
    return true;
}

static const virshOption deleteOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteActiveDomain),
    VIRSH_OPT_CHECKPOINTNAME("checkpoint name"),
    {.name = "children", .type = VIRSH_OPT_BOOL, .help = "delete checkpoint and all children"},
    {.name = "children-only", .type = VIRSH_OPT_BOOL, .help = "delete children but not checkpoint"},
    {.name = "metadata",
     .type = VIRSH_OPT_BOOL,
     .help = "delete only libvirt metadata, leaving checkpoint contents behind"},
    VIRSH_OPT_END,
};

static bool
cmdCheckpointDelete(virshShell *sh, const virshCommandArgs *args)
{
    bool childrenOnly = virshArgBool(args, "children-only");
    unsigned int flags =
        (virshArgBool(args, "children") ? VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN : 0) |
        (childrenOnly ? VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY : 0) |
        (virshArgBool(args, "metadata") ? VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY : 0);
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(virDomainCheckpoint) chk = dom ? argCheckpoint(sh, args, dom) : NULL;
    const char *name = virshArgString(args, "checkpointname");

    if (!chk)
        return false;
    if (virDomainCheckpointDelete(chk, flags) < 0) {
        virshError(sh, "Failed to delete checkpoint %s", name);
        return false;
    }
    if (childrenOnly)
        virshPrintExtra(sh, "Domain checkpoint %s children deleted\n", name);
    else
        virshPrintExtra(sh, "Domain checkpoint %s deleted\n", name);
    return true;
}

static bool
editOnce(virshShell *sh, virDomainPtr dom, virDomainCheckpointPtr chk, const char *name)
{
    unsigned int dump = VIR_DOMAIN_CHECKPOINT_XML_SECURE;
    g_autofree char *before = virDomainCheckpointGetXMLDesc(chk, dump);
    g_autofree char *edited = before ? virshEdit(sh, before, ".xml") : NULL;
    g_autofree char *now = NULL;
    g_autoptr(virDomainCheckpoint) made = NULL;

    if (!edited)
        return false;
    if (g_str_equal(before, edited)) {
        virshPrintExtra(sh, "Checkpoint %s XML configuration not changed.\n", name);
        return true;
    }
    if (!(now = virDomainCheckpointGetXMLDesc(chk, dump)))
        return false;
    if (!g_str_equal(before, now)) {
        virshError(sh, "ERROR: the XML configuration was changed by another user");
        return false;
    }
    made = virDomainCheckpointCreateXML(dom, edited, VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE);
    if (!made) {
        virshError(sh, "Failed to update %s", name);
        return false;
    }
    if (!g_str_equal(virshCheckpointName(made), name)) {
        virshError(sh, "Cannot rename checkpoint %s to %s", name, virshCheckpointName(made));
        virDomainCheckpointDelete(made, VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY);
        return false;
    }
    virshPrintExtra(sh, "Checkpoint %s edited.\n", name);
    return true;
}

static bool
cmdCheckpointEdit(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autoptr(virDomainCheckpoint) chk = dom ? argCheckpoint(sh, args, dom) : NULL;

    return chk && editOnce(sh, dom, chk, virshCheckpointName(chk));
}

const virshCommand virshCheckpointCommands[] = {
    {"checkpoint-create", cmdCheckpointCreate, createOptions, "Create a checkpoint from XML",
     "Create a checkpoint from XML for use in future incremental backups", false},
    {"checkpoint-create-as", cmdCheckpointCreateAs, createAsOptions,
     "Create a checkpoint from a set of args",
     "Create a checkpoint from arguments for use in future incremental backups", false},
    {"checkpoint-delete", cmdCheckpointDelete, deleteOptions, "Delete a domain checkpoint",
     "Checkpoint Delete", false},
    {"checkpoint-dumpxml", cmdCheckpointDumpXML, dumpxmlOptions, "Dump XML for a domain checkpoint",
     "Checkpoint Dump XML", false},
    {"checkpoint-edit", cmdCheckpointEdit, nameOptions, "edit XML for a checkpoint",
     "Edit the domain checkpoint XML for a named checkpoint", false},
    {"checkpoint-info", cmdCheckpointInfo, nameOptions, "checkpoint information",
     "Returns basic information about a checkpoint.", false},
    {"checkpoint-list", virshCheckpointList, virshCheckpointListOptions,
     "List checkpoints for a domain", "Checkpoint List", false},
    {"checkpoint-parent", cmdCheckpointParent, parentOptions,
     "Get the name of the parent of a checkpoint", "Extract the checkpoint's parent, if any",
     false},
    {"checkpoint-repair", virshCheckpointRepair, virshCheckpointRepairOptions,
     "list, adopt or remove bitmaps that belong to no checkpoint",
     "Make checkpoints whose records were lost from the bitmaps in the images, or remove these.", false},
    {0},
};
