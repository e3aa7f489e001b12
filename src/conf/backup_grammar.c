/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The grammar of <domainbackup>, which is libvirt's with <f:options> added: push and pull differ so much that each has its
 * own tables. docs/schemas/domainbackup.rng says the same in RELAX NG; tests/schema compares them.
 */
#include "backup_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>
#include "virerror_report.h"
#include "xml_grammar.h"

#define VIR_FROM_THIS VIR_FROM_XML
#define PROTOCOLS_FOREIGN "gluster rbd iscsi http https ftp ftps tftp sheepdog ssh vxhs nfs"
/* qed: QEMU 7.2 writes it, but aborts in qed_aio_write_alloc when two requests allocate at a time, which kills
 * the guest. */
#define FORMATS_FOREIGN "bochs cloop cow dir dmg fat iso luks qed"

static const char *
hostCheck(const char *value)
{
    struct in6_addr address;

    if (*value && !value[strspn(value, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-")])
        return NULL;
    return inet_pton(AF_INET6, value, &address) == 1 ? NULL : "a host name or an IP address";
}

static const char *
socketCheck(const char *value)
{
    struct sockaddr_un address;

    return virXMLAbsolutePath(value) || strlen(value) >= sizeof(address.sun_path)
               ? "an absolute path shorter than 108 bytes"
               : NULL;
}

static const char *
groupCheck(const char *value)
{
    return *value ? NULL : "the name of descriptors that were associated with the domain";
}

/* The address of <server> or <host>. */
static int
addressUnixCheck(xmlNodePtr node)
{
    if (xmlHasProp(node, BAD_CAST "name") || xmlHasProp(node, BAD_CAST "port")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "<%s transport='unix'> has a socket, and neither a name nor a port",
                       (const char *)node->name);
        return -1;
    }
    if (!xmlHasProp(node, BAD_CAST "socket")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA, "missing attribute 'socket' in element <%s>",
                       (const char *)node->name);
        return -1;
    }
    return 0;
}

int
virDomainBackupServerCheck(xmlNodePtr node)
{
    g_autofree char *transport = virXMLProp(node, "transport");

    if (g_strcmp0(transport, "unix") == 0)
        return addressUnixCheck(node);
    if (xmlHasProp(node, BAD_CAST "socket")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "attribute 'socket' of <%s> needs transport='unix'",
                       (const char *)node->name);
        return -1;
    }
    if (!xmlHasProp(node, BAD_CAST "name")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "missing attribute 'name' in element <%s>: the address",
                       (const char *)node->name);
        return -1;
    }
    return 0;
}

#define SERVER_ATTRS                                                                               \
    {"tls", .words = "yes no"}, {"name", .check = hostCheck},                                      \
        {"port", .check = virXMLUnsignedInt},                                                      \
    {                                                                                              \
        "socket", .check = socketCheck                                                             \
    }

const virXMLAttrRule virDomainBackupServerAttrs[] = {
    {"transport", .words = "unix tcp", .foreign = "fd",
     .note = "the <server> of a restore opens its socket itself: use transport='unix' or 'tcp'"},
    {"fdgroup", VIR_XML_RULE_FORBIDDEN, .note = "it is for the server of a pull backup"},
    SERVER_ATTRS,
    {NULL},
};
static const virXMLAttrRule pullServerAttrs[] = {
    {"transport", .words = "unix tcp fd"},
    {"fdgroup", .check = groupCheck},
    SERVER_ATTRS,
    {NULL},
};

/* A <server>, which can also be a socket that the client has opened. */
static int
pullServerCheck(xmlNodePtr node)
{
    g_autofree char *transport = virXMLProp(node, "transport");
    bool fd = g_strcmp0(transport, "fd") == 0;

    if (fd && !xmlHasProp(node, BAD_CAST "fdgroup")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA, "%s",
                       "missing attribute 'fdgroup' in element <server>: the name its socket was associated with");
        return -1;
    }
    if (!fd && xmlHasProp(node, BAD_CAST "fdgroup")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA, "%s", "attribute 'fdgroup' of <server> needs transport='fd'");
        return -1;
    }
    if (!fd)
        return virDomainBackupServerCheck(node);
    if (!xmlHasProp(node, BAD_CAST "name") && !xmlHasProp(node, BAD_CAST "port") && !xmlHasProp(node, BAD_CAST "socket"))
        return 0;
    virReportError(VIR_ERR_XML_INVALID_SCHEMA, "%s",
                   "<server transport='fd'> has the address of its socket, and neither a name, a port nor a socket");
    return -1;
}

/* A disk left out has nothing to say about where its backup goes. */
static int
diskOutCheck(xmlNodePtr node, const char *name)
{
    if (!xmlHasProp(node, BAD_CAST "type") && !xmlFirstElementChild(node))
        return 0;
    virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                   "disk '%s' has backup='no' and yet says where its backup goes", name);
    return -1;
}

static int
networkCheck(xmlNodePtr store, const char *name)
{
    if (store && !virXMLChild(store, "seclabel") && xmlHasProp(store, BAD_CAST "protocol") && virXMLChild(store, "host") &&
        !xmlHasProp(store, BAD_CAST "file") && !xmlHasProp(store, BAD_CAST "dev"))
        return 0;
    virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                   "disk '%s' has type='network': it must have a <target protocol='nbd'> with a "
                   "<host>, and no file, dev or <seclabel>",
                   name);
    return -1;
}

/* @store: the <target> or <scratch> of the disk, or NULL. */
static int
storeCheck(xmlNodePtr store, const char *name, const char *element, bool block)
{
    const char *attr = block ? "dev" : "file";

    if (!store && block) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "disk '%s' has type='block' and no <%s dev='...'/>", name, element);
        return -1;
    }
    if (store && (!xmlHasProp(store, BAD_CAST attr) || virXMLChild(store, "host") ||
                  xmlHasProp(store, BAD_CAST "protocol") || xmlHasProp(store, BAD_CAST "name") ||
                  xmlHasProp(store, BAD_CAST "tls") ||
                  xmlHasProp(store, BAD_CAST(block ? "file" : "dev")))) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "<%s> of disk '%s' of type '%s' must have attribute '%s' and no other",
                       element, name, block ? "block" : "file", attr);
        return -1;
    }
    return 0;
}

static int
diskCheck(xmlNodePtr node, const char *storeElement, bool typeRequired)
{
    g_autofree char *name = virXMLProp(node, "name");
    g_autofree char *backup = virXMLProp(node, "backup");
    g_autofree char *type = virXMLProp(node, "type");
    g_autofree char *mode = virXMLProp(node, "backupmode");
    g_autofree char *incremental = virXMLProp(node, "incremental");

    if (incremental && g_strcmp0(mode, "full") == 0) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "disk '%s' has backupmode='full' and yet incremental='%s'", name,
                       incremental);
        return -1;
    }
    if (g_strcmp0(backup, "no") == 0)
        return diskOutCheck(node, name);
    if (!type && (typeRequired || backup)) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "missing attribute 'type' of disk '%s': 'file' or 'block'", name);
        return -1;
    }
    if (g_strcmp0(type, "network") == 0)
        return networkCheck(virXMLChild(node, storeElement), name);
    return storeCheck(virXMLChild(node, storeElement), name, storeElement,
                      g_strcmp0(type, "block") == 0);
}

/* Devices and exports hold an image already, and are given to the guest's own formats alone. */
static int
formatCheck(xmlNodePtr node)
{
    xmlNodePtr driver = virXMLChild(node, "driver");
    g_autofree char *name = virXMLProp(node, "name");
    g_autofree char *type = virXMLProp(node, "type");
    g_autofree char *format = driver ? virXMLProp(driver, "type") : NULL;

    if (!format || g_strcmp0(type, "file") == 0 || strcmp(format, "raw") == 0 ||
        strcmp(format, "qcow2") == 0)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "format '%s' for the backup of disk '%s' needs a target of type 'file'; on one of type "
                   "'%s' use 'raw' or 'qcow2'",
                   format, name, type);
    return -1;
}

static int
diskPushCheck(xmlNodePtr node)
{
    if (diskCheck(node, "target", true) < 0)
        return -1;
    return formatCheck(node);
}

static int
diskPullCheck(xmlNodePtr node)
{
    if (virXMLChild(node, "driver") && !virXMLChild(node, "scratch")) {
        g_autofree char *name = virXMLProp(node, "name");

        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "<driver> of disk '%s' is about a <scratch>, and there is none", name);
        return -1;
    }
    return diskCheck(node, "scratch", false);
}

static const virXMLAttrRule storeAttrs[] = {
    {"file", .check = virXMLAbsolutePath},
    {"dev", .check = virXMLAbsolutePath},
    {NULL},
};
static const virXMLAttrRule targetAttrs[] = {
    {"file", .check = virXMLAbsolutePath},
    {"dev", .check = virXMLAbsolutePath},
    {"protocol", .words = "nbd", .foreign = PROTOCOLS_FOREIGN},
    {"name"},
    {"tls", .words = "yes no"},
    {NULL},
};
static const virXMLAttrRule hostAttrs[] = {
    {"transport", .words = "tcp unix", .foreign = "rdma"},
    {"name", .check = hostCheck},
    {"port", .check = virXMLUnsignedInt},
    {"socket", .check = socketCheck},
    {NULL},
};
/* Nothing is labelled here but by giving the file to QEMU's user, so it can only be asked not to. */
static int
seclabelCheck(xmlNodePtr node)
{
    g_autofree char *model = virXMLProp(node, "model");

    if (!xmlHasProp(node, BAD_CAST "relabel")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA,
                       "missing attribute 'relabel' in element <seclabel> of <%s>",
                       (const char *)node->parent->name);
        return -1;
    }
    for (xmlNodePtr other = virXMLNext(node); other; other = virXMLNext(other)) {
        g_autofree char *second = virXMLProp(other, "model");

        if (g_strcmp0(model, second) != 0)
            continue;
        virReportError(VIR_ERR_XML_ERROR, "<seclabel> of <%s> is given twice for model '%s'",
                       (const char *)node->parent->name, model ? model : "");
        return -1;
    }
    return 0;
}

static const virXMLAttrRule seclabelAttrs[] = {
    {"model"},
    {"relabel", .words = "no", .foreign = "yes"},
    {"labelskip", .words = "", .foreign = "yes"},
    {NULL},
};
static const virXMLElementRule seclabelChildren[] = {
    {"label", VIR_XML_RULE_FOREIGN | VIR_XML_RULE_MANY},
    {NULL},
};
static const virXMLElementRule targetChildren[] = {
    {"host", .attrs = hostAttrs, .extra = virDomainBackupServerCheck},
    {"encryption", VIR_XML_RULE_OPAQUE}, /* virStorageEncryptionParse() */
    {"seclabel", VIR_XML_RULE_MANY, .attrs = seclabelAttrs, .children = seclabelChildren,
     .extra = seclabelCheck},
    {NULL},
};
static const virXMLElementRule storeChildren[] = {
    {"encryption", VIR_XML_RULE_OPAQUE},
    {"seclabel", VIR_XML_RULE_MANY, .attrs = seclabelAttrs, .children = seclabelChildren,
     .extra = seclabelCheck},
    {NULL},
};

static int
fleecedCheck(xmlNodePtr node)
{
    if (xmlHasProp(node, BAD_CAST "file") && xmlHasProp(node, BAD_CAST "dev")) {
        virReportError(VIR_ERR_XML_INVALID_SCHEMA, "%s",
                       "<f:scratch> must have either attribute 'file' or attribute 'dev'");
        return -1;
    }
    if (xmlHasProp(node, BAD_CAST "file") || xmlHasProp(node, BAD_CAST "dev"))
        return 0;
    virReportError(VIR_ERR_XML_INVALID_SCHEMA, "%s",
                   "missing attribute 'file' or 'dev' in element <f:scratch>");
    return -1;
}

#define DISK_ATTRS(types)                                                                          \
    {"name", VIR_XML_RULE_REQUIRED, .check = virXMLDiskTarget}, {"backup", .words = "yes no"},     \
        {"type", .words = types}, {"backupmode", .words = "full incremental"},                     \
        {"incremental"},                                                                           \
    {                                                                                              \
        "index", .check = virXMLUnsignedInt                                                        \
    }

static const virXMLAttrRule diskPushAttrs[] = {
    DISK_ATTRS("file block network"),
    {"exportname", VIR_XML_RULE_FORBIDDEN, .note = "exports need mode='pull'"},
    {"exportbitmap", VIR_XML_RULE_FORBIDDEN, .note = "exports need mode='pull'"},
    {NULL},
};
static const virXMLAttrRule driverPushAttrs[] = {
    {"type", VIR_XML_RULE_REQUIRED, .words = "raw qcow2 qcow vdi vhd vmdk vpc ploop",
     .foreign = FORMATS_FOREIGN},
    {NULL},
};
static const virXMLElementRule diskPushChildren[] = {
    {"target", .attrs = targetAttrs, .children = targetChildren},
    {"driver", .attrs = driverPushAttrs},
    {"scratch", VIR_XML_RULE_FORBIDDEN,
     .note = "a push backup has a <target>; one with a scratch besides says <f:scratch>"},
    {"f:scratch", .attrs = storeAttrs, .extra = fleecedCheck},
    {NULL},
};

static const virXMLAttrRule diskPullAttrs[] = {
    DISK_ATTRS("file block"),
    {"exportname"},
    {"exportbitmap"},
    {NULL},
};
static const virXMLAttrRule driverPullAttrs[] = {
    {"type", VIR_XML_RULE_REQUIRED, .words = "qcow2"},
    {NULL},
};
static const virXMLElementRule diskPullChildren[] = {
    {"scratch", .attrs = storeAttrs, .children = storeChildren},
    {"driver", .attrs = driverPullAttrs},
    {"target", VIR_XML_RULE_FORBIDDEN, .note = "a pull backup has a <scratch>"},
    {NULL},
};

#define DISKS_NOTE "<disks> of a backup is empty: name a disk, or leave <disks> out to mean all"
#define DISK_FLAGS (VIR_XML_RULE_REQUIRED | VIR_XML_RULE_MANY)

static const virXMLElementRule disksPush[] = {
    {"disk", DISK_FLAGS, diskPushAttrs, diskPushChildren, .extra = diskPushCheck,
     .note = DISKS_NOTE},
    {NULL},
};
static const virXMLElementRule disksPull[] = {
    {"disk", DISK_FLAGS, diskPullAttrs, diskPullChildren, .extra = diskPullCheck,
     .note = DISKS_NOTE},
    {NULL},
};

static const virXMLElementRule pushChildren[] = {
    {"incremental", .text = virXMLAnyText},
    {"server", VIR_XML_RULE_FORBIDDEN,
     .note = "<server> is for pull backups; set mode='pull' or leave it out"},
    {"disks", .children = disksPush},
    {"f:options", .attrs = virBackupOptionAttrs[VIR_BACKUP_MODE_PUSH]},
    {NULL},
};
static const virXMLElementRule pullChildren[] = {
    {"incremental", .text = virXMLAnyText},
    {"server", VIR_XML_RULE_REQUIRED, pullServerAttrs, .extra = pullServerCheck,
     .note = "a pull backup needs a <server> to be read from"},
    {"disks", .children = disksPull},
    {"f:options", .attrs = virBackupOptionAttrs[VIR_BACKUP_MODE_PULL]},
    {NULL},
};

static const virXMLAttrRule rootAttrs[] = {{"mode", .words = "push pull"}, {NULL}};
static const virXMLElementRule pushRule = {.attrs = rootAttrs, .children = pushChildren};
static const virXMLElementRule pullRule = {.attrs = rootAttrs, .children = pullChildren};

int
virDomainBackupGrammarCheck(xmlNodePtr root)
{
    g_autofree char *mode = virXMLProp(root, "mode");

    virBackupOptionAttrsFill();
    return virXMLGrammarCheck(root, g_strcmp0(mode, "pull") == 0 ? &pullRule : &pushRule);
}
