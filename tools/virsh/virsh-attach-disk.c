/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attach-disk: a <disk> made of options. */
#include "virsh-device.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const virshOption virshAttachDiskOptions[] = {
    VIRSH_OPT_DOMAIN(virshCompleteDomain),
    {.name = "source",
     .type = VIRSH_OPT_DATA,
     .required = true,
     .help = "source of disk device or name of network disk"},
    {.name = "target", .type = VIRSH_OPT_DATA, .required = true, .help = "target of disk device"},
    {.name = "targetbus", .type = VIRSH_OPT_STRING, .help = "target bus of disk device"},
    {.name = "driver", .type = VIRSH_OPT_STRING, .help = "driver of disk device"},
    {.name = "subdriver", .type = VIRSH_OPT_STRING, .help = "subdriver of disk device"},
    {.name = "iothread",
     .type = VIRSH_OPT_STRING,
     .help = "IOThread to be used by supported device"},
    {.name = "cache", .type = VIRSH_OPT_STRING, .help = "cache mode of disk device"},
    {.name = "io", .type = VIRSH_OPT_STRING, .help = "io policy of disk device"},
    {.name = "type", .type = VIRSH_OPT_STRING, .help = "target device type"},
    {.name = "shareable", .alias = "mode"},
    {.name = "mode", .type = VIRSH_OPT_STRING, .help = "mode of device reading and writing"},
    {.name = "sourcetype", .type = VIRSH_OPT_STRING, .help = "type of source (block|file|network)"},
    {.name = "serial", .type = VIRSH_OPT_STRING, .help = "serial of disk device"},
    {.name = "wwn", .type = VIRSH_OPT_STRING, .help = "wwn of disk device"},
    {.name = "alias", .type = VIRSH_OPT_STRING, .help = "custom alias name of disk device"},
    {.name = "rawio", .type = VIRSH_OPT_BOOL, .help = "needs rawio capability"},
    {.name = "address", .type = VIRSH_OPT_STRING, .help = "address of disk device"},
    {.name = "multifunction",
     .type = VIRSH_OPT_BOOL,
     .help = "use multifunction pci under specified address"},
    {.name = "print-xml",
     .type = VIRSH_OPT_BOOL,
     .help = "print XML document rather than attach the disk"},
    {.name = "source-protocol",
     .type = VIRSH_OPT_STRING,
     .help = "protocol used by disk device source"},
    {.name = "source-host-name",
     .type = VIRSH_OPT_STRING,
     .help = "host name for source of disk device"},
    {.name = "source-host-transport",
     .type = VIRSH_OPT_STRING,
     .help = "host transport for source of disk device"},
    {.name = "source-host-socket",
     .type = VIRSH_OPT_STRING,
     .help = "host socket for source of disk device"},
    VIRSH_OPTS_AFFECT,
    VIRSH_OPT_END,
};

/* NAME='VALUE', escaped; nothing without a value. */
static void
attribute(GString *xml, const char *name, const char *value)
{
    g_autofree char *escaped = value ? g_markup_escape_text(value, -1) : NULL;

    if (escaped)
        g_string_append_printf(xml, " %s='%s'", name, escaped);
}

static void
element(GString *xml, const char *name, const char *text)
{
    g_autofree char *escaped = text ? g_markup_escape_text(text, -1) : NULL;

    if (escaped)
        g_string_append_printf(xml, "  <%s>%s</%s>\n", name, escaped, name);
}

typedef enum { SOURCE_FILE, SOURCE_BLOCK, SOURCE_NETWORK, SOURCE_LAST } sourceType;
static const char *const sourceTypes[SOURCE_LAST] = {"file", "block", "network"};

/* -1 after a message. */
static int
sourceTypeOf(virshShell *sh, const virshCommandArgs *args)
{
    const char *given = virshArgString(args, "sourcetype");
    const char *source = virshArgString(args, "source");
    struct stat st = {0};

    if (!given && virshArgString(args, "source-protocol"))
        return SOURCE_NETWORK;
    if (!given)
        return stat(source, &st) == 0 && S_ISBLK(st.st_mode) ? SOURCE_BLOCK : SOURCE_FILE;
    for (int type = 0; type < SOURCE_LAST; type++) {
        if (g_str_equal(sourceTypes[type], given))
            return type;
    }
    virshError(sh, "Unknown source type: '%s'", given);
    return -1;
}

static void
hostFormat(GString *xml, const virshCommandArgs *args)
{
    g_autofree char *name = g_strdup(virshArgString(args, "source-host-name"));
    char *port = name ? strchr(name, ':') : NULL;

    if (port)
        *port++ = '\0';
    g_string_append(xml, "    <host");
    attribute(xml, "transport", virshArgString(args, "source-host-transport"));
    attribute(xml, "socket", virshArgString(args, "source-host-socket"));
    attribute(xml, "name", name);
    attribute(xml, "port", port);
    g_string_append(xml, "/>\n");
}

static void
sourceFormat(GString *xml, const virshCommandArgs *args, sourceType type)
{
    const char *source = virshArgString(args, "source");
    bool host = virshArgString(args, "source-host-name") ||
                virshArgString(args, "source-host-transport") ||
                virshArgString(args, "source-host-socket");

    g_string_append(xml, "  <source");
    if (type != SOURCE_NETWORK) {
        attribute(xml, type == SOURCE_BLOCK ? "dev" : "file", source);
        g_string_append(xml, "/>\n");
        return;
    }
    attribute(xml, "protocol", virshArgString(args, "source-protocol"));
    attribute(xml, "name", source);
    g_string_append(xml, host ? ">\n" : "/>\n");
    if (!host)
        return;
    hostFormat(xml, args);
    g_string_append(xml, "  </source>\n");
}

static void
driverFormat(GString *xml, const virshCommandArgs *args)
{
    static const char *const options[][2] = {
        {"driver", "name"}, {"subdriver", "type"}, {"iothread", "iothread"},
        {"cache", "cache"}, {"io", "io"},
    };
    g_autoptr(GString) driver = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        attribute(driver, options[i][1], virshArgString(args, options[i][0]));
    if (driver->len > 0)
        g_string_append_printf(xml, "  <driver%s/>\n", driver->str);
}

static bool
addressFormat(virshShell *sh, const virshCommandArgs *args, GString *xml)
{
    const char *text = virshArgString(args, "address");
    const char *rest = text ? strchr(text, ':') : NULL;
    unsigned int a = 0, b = 0, c = 0, d = 0;
    char end = '\0';

    if (!text)
        return true;
    if (g_str_has_prefix(text, "pci:") &&
        sscanf(rest, ":%x.%x.%x.%x%c", &a, &b, &c, &d, &end) == 4) {
        g_string_append_printf(xml,
                               "  <address type='pci' domain='0x%04x' bus='0x%02x' slot='0x%02x' "
                               "function='0x%0x'%s/>\n",
                               a, b, c, d,
                               virshArgBool(args, "multifunction") ? " multifunction='on'" : "");
        return true;
    }
    if ((g_str_has_prefix(text, "scsi:") || g_str_has_prefix(text, "ide:") ||
         g_str_has_prefix(text, "sata:")) &&
        sscanf(rest, ":%u.%u.%u%c", &a, &b, &c, &end) == 3) {
        g_string_append_printf(
            xml, "  <address type='drive' controller='%u' bus='%u' unit='%u'/>\n", a, b, c);
        return true;
    }
    virshError(sh, "Invalid address.");
    return false;
}

static bool
checkArgs(virshShell *sh, const virshCommandArgs *args)
{
    static const char *const hosts[] = {"source-host-name", "source-host-transport",
                                        "source-host-socket"};
    const char *mode = virshArgString(args, "mode");

    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++) {
        if (!virshArgString(args, hosts[i]) || virshArgString(args, "source-protocol"))
            continue;
        virshError(sh, "Option --source-protocol is required by option --%s", hosts[i]);
        return false;
    }
    if (!mode || g_str_equal(mode, "readonly") || g_str_equal(mode, "shareable"))
        return true;
    virshError(sh, "No support for %s in command 'attach-disk'", mode);
    return false;
}

/* (owned) NULL after a message. */
static char *
diskXML(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(GString) xml = g_string_new("<disk");
    const char *alias = virshArgString(args, "alias");
    int type = checkArgs(sh, args) ? sourceTypeOf(sh, args) : -1;

    if (type < 0)
        return NULL;
    attribute(xml, "type", sourceTypes[type]);
    attribute(xml, "device", virshArgString(args, "type"));
    g_string_append(xml, virshArgBool(args, "rawio") ? " rawio='yes'>\n" : ">\n");
    driverFormat(xml, args);
    sourceFormat(xml, args, type);
    g_string_append(xml, "  <target");
    attribute(xml, "dev", virshArgString(args, "target"));
    attribute(xml, "bus", virshArgString(args, "targetbus"));
    g_string_append(xml, "/>\n");
    if (virshArgString(args, "mode"))
        g_string_append_printf(xml, "  <%s/>\n", virshArgString(args, "mode"));
    element(xml, "serial", virshArgString(args, "serial"));
    if (alias) {
        g_string_append(xml, "  <alias");
        attribute(xml, "name", alias);
        g_string_append(xml, "/>\n");
    }
    element(xml, "wwn", virshArgString(args, "wwn"));
    if (!addressFormat(sh, args, xml))
        return NULL;
    g_string_append(xml, "</disk>\n");
    return g_string_free(g_steal_pointer(&xml), FALSE);
}

bool
virshAttachDisk(virshShell *sh, const virshCommandArgs *args)
{
    g_autoptr(virDomain) dom = virshArgDomain(sh, args);
    g_autofree char *xml = NULL;
    unsigned int flags = 0;

    if (!dom || !virshDeviceFlags(sh, args, dom, &flags) || !(xml = diskXML(sh, args)))
        return false;
    if (virshArgBool(args, "print-xml")) {
        virshPrint(sh, "%s", xml);
        return true;
    }
    if (virshDeviceAttach(dom, args, xml, flags) < 0) {
        virshError(sh, "Failed to attach disk");
        return false;
    }
    virshPrintExtra(sh, "Disk attached successfully\n");
    return true;
}
