/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <devices> to Def. Document order counts among devices of one kind only, so each kind is read by
 * its own pass; what no pass reads was refused by name before.
 */
#include "domain_internal.h"

#include <string.h>
#include "virerror_report.h"
#include "xml_enum.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

#define DEVICE_KINDS                                                                               \
    "emulator disk controller interface serial console channel input audio video memballoon rng"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainControllerDef, virDomainControllerDefFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainChardevDef, virDomainChardevDefFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainNetDef, virDomainNetDefFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainRngDef, virDomainRngDefFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomainInputDef, virDomainInputDefFree)

static int
diskParse(xmlNodePtr node, virDomainDef *def)
{
    virDomainDiskDef *disk = virDomainDiskDefParse(node);

    if (!disk)
        return -1;
    virDomainDefInsertDisk(def, disk);
    return 0;
}

static int
indexParse(xmlNodePtr node, const char *attr, unsigned int max, int *out)
{
    g_autofree char *text = virXMLProp(node, attr);
    bool hex = text && g_str_has_prefix(text, "0x");
    guint64 value = 0;

    if (!text)
        return 0;
    if (!g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, max, &value, NULL)) {
        virReportError(VIR_ERR_XML_ERROR, "invalid %s '%s' in element <%s>: 0 to %u is wanted",
                       attr, text, (const char *)node->name, max);
        return -1;
    }
    *out = (int)value;
    return 1;
}

static int
controllerChildrenParse(xmlNodePtr node, virDomainControllerDef *controller)
{
    xmlNodePtr driver = virXMLChild(node, "driver");
    xmlNodePtr model = virXMLChild(node, "model");
    xmlNodePtr target = virXMLChild(node, "target");

    if (driver && (virXMLCheckKnown(driver, "iothread", NULL) < 0 ||
                   virXMLPropUInt(driver, "iothread", &controller->iothread) < 0))
        return -1;
    if (model && (virXMLCheckKnown(model, "name", NULL) < 0 ||
                  !(controller->modelName = virXMLPropRequired(model, "name"))))
        return -1;
    if (target && (virXMLCheckKnown(target, "chassis port", NULL) < 0 ||
                   indexParse(target, "chassis", 255, &controller->targetChassis) < 0 ||
                   indexParse(target, "port", 255, &controller->targetPort) < 0))
        return -1;
    return 0;
}

static int
controllerParse(xmlNodePtr node, virDomainDef *def)
{
    g_autoptr(virDomainControllerDef) controller = g_new0(virDomainControllerDef, 1);
    g_autofree char *type = virXMLPropRequired(node, "type");

    controller->index = -1;
    controller->targetChassis = -1;
    controller->targetPort = -1;
    if (!type ||
        virXMLCheckKnown(node, "type index model", "driver model target alias address") < 0 ||
        virXMLCheckOnce(node, "driver model target") < 0 ||
        VIR_XML_ENUM_PROP(node, "type", virControllerTypeNames, "fdc ccid xenbus isa",
                          controller->type) < 0 ||
        indexParse(node, "index", 255, &controller->index) < 0 ||
        controllerChildrenParse(node, controller) < 0 ||
        virDeviceAliasParse(node, &controller->alias) < 0 ||
        virDeviceAddressParse(node, &controller->addr) < 0)
        return -1;
    controller->model = virXMLProp(node, "model");
    g_ptr_array_add(def->controllers, g_steal_pointer(&controller));
    return 0;
}

static int
chardevSourceParse(xmlNodePtr node, virDomainChardevDef *chardev)
{
    static const char *const modes[] = {"connect", "bind"};
    xmlNodePtr source = virXMLChild(node, "source");
    const char *known = NULL;
    int mode = 0;

    switch (chardev->type) {
    case VIR_CHARDEV_PTY:
        known = "path";
        break;
    case VIR_CHARDEV_FILE:
        known = "path append";
        break;
    case VIR_CHARDEV_UNIX:
        known = "mode path";
        break;
    case VIR_CHARDEV_NULL:
    case VIR_CHARDEV_TYPE_LAST:
        break;
    }
    if (source && (virXMLCheckKnown(source, known, NULL) < 0 ||
                   virXMLPropOnOff(source, "append", &chardev->append) < 0 ||
                   VIR_XML_ENUM_PROP(source, "mode", modes, NULL, mode) < 0))
        return -1;
    chardev->path = source ? virXMLProp(source, "path") : NULL;
    if (chardev->path && !*chardev->path)
        g_clear_pointer(&chardev->path, g_free);
    /* Only a server can be given a path later. */
    chardev->listen = chardev->type == VIR_CHARDEV_UNIX && (mode == 1 || !chardev->path);
    return 0;
}

static int
serialTargetParse(xmlNodePtr target, virDomainChardevDef *chardev)
{
    static const char *const types[] = {"isa-serial"};
    xmlNodePtr model = target ? virXMLChild(target, "model") : NULL;

    chardev->targetType = g_strdup(types[0]);
    chardev->targetModel = g_strdup(types[0]);
    if (target && (virXMLCheckKnown(target, "type port", "model") < 0 ||
                   virXMLCheckOnce(target, "model") < 0 ||
                   VIR_XML_ENUM_CHECK(target, "type", types, "*") < 0 ||
                   indexParse(target, "port", 3, &chardev->port) < 0))
        return -1;
    if (model && (virXMLCheckKnown(model, "name", NULL) < 0 ||
                  VIR_XML_ENUM_CHECK(model, "name", types, "*") < 0))
        return -1;
    return 0;
}

static int
consoleTargetParse(xmlNodePtr target, virDomainChardevDef *chardev)
{
    static const char *const types[] = {"serial", "virtio"};
    int type = 0;

    if (target && (virXMLCheckKnown(target, "type port", NULL) < 0 ||
                   VIR_XML_ENUM_PROP(target, "type", types, "*", type) < 0 ||
                   indexParse(target, "port", 255, &chardev->port) < 0))
        return -1;
    chardev->targetType = g_strdup(types[type]);
    return 0;
}

/* The state attribute is libvirt's news about a running guest, not a request. */
static int
channelTargetParse(xmlNodePtr target, virDomainChardevDef *chardev)
{
    static const char *const types[] = {"virtio"};
    static const char *const states[] = {NULL, "disconnected", "connected"};
    int rc;

    if (!target || (rc = VIR_XML_ENUM_CHECK(target, "type", types, "*")) == 0) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "<channel> needs a <target> with a type");
        return -1;
    }
    if (rc < 0 || virXMLCheckKnown(target, "type name state", NULL) < 0 ||
        VIR_XML_ENUM_PROP(target, "state", states, NULL, chardev->connected) < 0)
        return -1;
    chardev->targetType = g_strdup(types[0]);
    chardev->targetName = virXMLProp(target, "name");
    return 0;
}

static int
chardevTargetParse(xmlNodePtr node, virDomainChardevDef *chardev)
{
    xmlNodePtr target = virXMLChild(node, "target");

    switch (chardev->kind) {
    case VIR_CHARDEV_SERIAL:
        return serialTargetParse(target, chardev);
    case VIR_CHARDEV_CONSOLE:
        return consoleTargetParse(target, chardev);
    case VIR_CHARDEV_CHANNEL:
        return channelTargetParse(target, chardev);
    case VIR_CHARDEV_LAST:
        break;
    }
    return -1;
}

static virDomainChardevDef *
chardevNodeParse(xmlNodePtr node, virChardevKind kind)
{
    g_autoptr(virDomainChardevDef) chardev = g_new0(virDomainChardevDef, 1);

    chardev->kind = kind;
    chardev->port = -1;
    if (virXMLCheckKnown(node, kind == VIR_CHARDEV_CONSOLE ? "type tty" : "type",
                         "source target alias address") < 0 ||
        virXMLCheckOnce(node, "source target") < 0 ||
        VIR_XML_ENUM_PROP(node, "type", virChardevTypeNames,
                          "vc dev pipe stdio udp tcp spicevmc spiceport nmdm qemu-vdagent dbus",
                          chardev->type) < 0 ||
        chardevSourceParse(node, chardev) < 0 || chardevTargetParse(node, chardev) < 0 ||
        virDeviceAliasParse(node, &chardev->alias) < 0 ||
        virDeviceAddressParse(node, &chardev->addr) < 0)
        return NULL;
    return g_steal_pointer(&chardev);
}

static int
chardevParse(xmlNodePtr node, virDomainDef *def, virChardevKind kind)
{
    virDomainChardevDef *chardev = chardevNodeParse(node, kind);

    if (!chardev)
        return -1;
    g_ptr_array_add(def->chardevs, chardev);
    return 0;
}

static int
serialParse(xmlNodePtr node, virDomainDef *def)
{
    return chardevParse(node, def, VIR_CHARDEV_SERIAL);
}

/* What dumpxml shows of a console beside a serial port is the port's. A plain pty says no more than
 * that there is a console; anything else must say the same as the port. */
static int
consoleMirrorCheck(const virDomainChardevDef *console, const virDomainChardevDef *serial)
{
    if ((console->type == VIR_CHARDEV_PTY || console->type == serial->type) &&
        (!console->path || g_strcmp0(console->path, serial->path) == 0))
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                   "the first <console> is the first <serial> seen from another side, but they "
                   "differ in type or path: leave the <console> out or make its target 'virtio'");
    return -1;
}

/* The first console of type serial is the first serial seen from another side. With a serial there
 * it adds nothing; alone it is that serial. */
static int
consoleParse(xmlNodePtr node, virDomainDef *def)
{
    g_autoptr(virDomainChardevDef) console = chardevNodeParse(node, VIR_CHARDEV_CONSOLE);
    bool haveSerial = def->chardevs->len > 0;

    if (!console)
        return -1;
    if (strcmp(console->targetType, "virtio") == 0) {
        g_ptr_array_add(def->chardevs, g_steal_pointer(&console));
        return 0;
    }
    if (virXMLChild(node->parent, "console") != node) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       "only the first console can be a serial port");
        return -1;
    }
    if (haveSerial)
        return consoleMirrorCheck(console, g_ptr_array_index(def->chardevs, 0));
    console->kind = VIR_CHARDEV_SERIAL;
    g_free(console->targetType);
    console->targetType = g_strdup("isa-serial");
    console->targetModel = g_strdup("isa-serial");
    console->port = -1;
    g_ptr_array_add(def->chardevs, g_steal_pointer(&console));
    return 0;
}

static int
channelParse(xmlNodePtr node, virDomainDef *def)
{
    g_autofree char *type = virXMLProp(node, "type");

    if (g_strcmp0(type, "unix") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported type of <channel>: '%s'",
                       type ? type : "");
        return -1;
    }
    return chardevParse(node, def, VIR_CHARDEV_CHANNEL);
}

/* One spelling of a MAC: lower case, two digits a byte. */
static char *
macParse(const char *text)
{
    unsigned int b[6];
    int used = 0;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &used) != 6 ||
        text[used] || text[strspn(text, "0123456789abcdefABCDEF:")]) {
        virReportError(VIR_ERR_XML_ERROR, "unable to parse mac address '%s'", text);
        return NULL;
    }
    if (b[0] & 1) {
        virReportError(VIR_ERR_XML_ERROR,
                       "mac address '%s' is a multicast one, a unicast one is wanted", text);
        return NULL;
    }
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static int
netMacParse(xmlNodePtr node, virDomainNetDef *net)
{
    g_autofree char *text = NULL;

    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "address", NULL) < 0 ||
        !(text = virXMLPropRequired(node, "address")) || !(net->mac = macParse(text)))
        return -1;
    return 0;
}

static int
netModelParse(xmlNodePtr node, virDomainNetDef *net)
{
    if (!node)
        return 0;
    if (virXMLCheckKnown(node, "type", NULL) < 0 ||
        !(net->model = virXMLPropRequired(node, "type")))
        return -1;
    if (net->model[strspn(net->model, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-")]) {
        virReportError(VIR_ERR_INVALID_ARG, "network model '%s' contains invalid characters",
                       net->model);
        return -1;
    }
    return 0;
}

static int
netParse(xmlNodePtr node, virDomainDef *def)
{
    static const char *const types[] = {"user"};
    g_autoptr(virDomainNetDef) net = g_new0(virDomainNetDef, 1);
    g_autofree char *type = virXMLPropRequired(node, "type");

    if (!type || virXMLCheckKnown(node, "type", "mac model alias address") < 0 ||
        virXMLCheckOnce(node, "mac model") < 0 ||
        VIR_XML_ENUM_CHECK(node, "type", types,
                           "ethernet vhostuser server client mcast network bridge internal direct "
                           "hostdev udp vdpa vds null") < 0 ||
        netMacParse(virXMLChild(node, "mac"), net) < 0 ||
        netModelParse(virXMLChild(node, "model"), net) < 0 ||
        virDeviceAliasParse(node, &net->alias) < 0 || virDeviceAddressParse(node, &net->addr) < 0)
        return -1;
    g_ptr_array_add(def->nets, g_steal_pointer(&net));
    return 0;
}

static int
rngParse(xmlNodePtr node, virDomainDef *def)
{
    static const char *const models[] = {"virtio"};
    static const char *const backends[] = {"random"};
    g_autoptr(virDomainRngDef) rng = g_new0(virDomainRngDef, 1);
    xmlNodePtr backend = virXMLChild(node, "backend");

    if (virXMLCheckKnown(node, "model", "backend alias address") < 0 ||
        virXMLCheckOnce(node, "backend") < 0 || VIR_XML_ENUM_CHECK(node, "model", models, "*") < 0)
        return -1;
    if (!backend) {
        virReportError(VIR_ERR_XML_ERROR, "%s", "<rng> needs a <backend model='random'>");
        return -1;
    }
    if (virXMLCheckKnown(backend, "model", "#text") < 0 ||
        VIR_XML_ENUM_CHECK(backend, "model", backends, "*") < 0 ||
        virDeviceAliasParse(node, &rng->alias) < 0 || virDeviceAddressParse(node, &rng->addr) < 0)
        return -1;
    rng->backendPath = virXMLText(backend);
    g_ptr_array_add(def->rngs, g_steal_pointer(&rng));
    return 0;
}

static int
inputParse(xmlNodePtr node, virDomainDef *def)
{
    g_autoptr(virDomainInputDef) input = g_new0(virDomainInputDef, 1);
    g_autofree char *type = virXMLPropRequired(node, "type");
    int rc;

    if (!type || virXMLCheckKnown(node, "type bus", "alias address") < 0 ||
        VIR_XML_ENUM_PROP(node, "type", virInputTypeNames, "passthrough evdev", input->type) < 0 ||
        (rc = VIR_XML_ENUM_PROP(node, "bus", virInputBusNames, "xen parallels virtio none",
                                input->bus)) < 0 ||
        virDeviceAliasParse(node, &input->alias) < 0 ||
        virDeviceAddressParse(node, &input->addr) < 0)
        return -1;
    if (rc == 0)
        input->bus = input->type == VIR_INPUT_TABLET ? VIR_INPUT_BUS_USB : VIR_INPUT_BUS_PS2;
    if ((input->bus == VIR_INPUT_BUS_USB) != (input->type == VIR_INPUT_TABLET)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "unsupported input device: %s on bus %s",
                       virInputTypeNames[input->type], virInputBusNames[input->bus]);
        return -1;
    }
    g_ptr_array_add(def->inputs, g_steal_pointer(&input));
    return 0;
}

/* Sound goes nowhere. dumpxml always says so, hence nothing is to be kept. */
static int
audioParse(xmlNodePtr node, virDomainDef *def)
{
    static const char *const types[] = {"none"};
    unsigned int id = 0;

    if (virXMLCheckKnown(node, "id type", NULL) < 0 ||
        VIR_XML_ENUM_CHECK(node, "type", types, "*") < 0 || virXMLPropUInt(node, "id", &id) < 0)
        return -1;
    return 0;
}

static int
videoParse(xmlNodePtr node, virDomainDef *def)
{
    xmlNodePtr model = virXMLChild(node, "model");
    g_autofree char *type = model ? virXMLProp(model, "type") : NULL;

    if (virXMLCheckKnown(node, NULL, "model alias") < 0 || virXMLCheckOnce(node, "model") < 0)
        return -1;
    if (g_strcmp0(type, "none") != 0) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "unsupported model of <video>: '%s' (only 'none')", type ? type : "");
        return -1;
    }
    if (virXMLCheckKnown(model, "type", NULL) < 0 ||
        virDeviceAliasParse(node, &def->videoAlias) < 0)
        return -1;
    g_free(def->videoModel);
    def->videoModel = g_steal_pointer(&type);
    return 0;
}

static int
memballoonParse(xmlNodePtr node, virDomainDef *def)
{
    static const char *const models[] = {"virtio", "none"};
    g_autofree char *model = virXMLPropRequired(node, "model");
    int found = 0;

    if (!model || virXMLCheckKnown(node, "model", "alias address") < 0 ||
        VIR_XML_ENUM_PROP(node, "model", models, "xen virtio-transitional virtio-non-transitional",
                          found) < 0 ||
        virDeviceAliasParse(node, &def->memballoonAlias) < 0 ||
        virDeviceAddressParse(node, &def->memballoonAddr) < 0)
        return -1;
    def->memballoonNone = found == 1;
    return 0;
}

static int
emulatorParse(xmlNodePtr node, virDomainDef *def)
{
    def->emulator = virXMLText(node);
    if (!def->emulator || !g_path_is_absolute(def->emulator)) {
        virReportError(VIR_ERR_XML_ERROR, "<emulator> '%s' must be an absolute path",
                       def->emulator ? def->emulator : "");
        return -1;
    }
    return virXMLCheckKnown(node, NULL, "#text");
}

static const struct {
    const char *name;
    int (*parse)(xmlNodePtr node, virDomainDef *def);
} devicePasses[] = {
    {"emulator", emulatorParse},
    {"disk", diskParse},
    {"controller", controllerParse},
    {"interface", netParse},
    {"serial", serialParse},
    {"console", consoleParse}, /* after serial: it looks whether there is one */
    {"channel", channelParse},
    {"input", inputParse},
    {"audio", audioParse},
    {"video", videoParse},
    {"memballoon", memballoonParse},
    {"rng", rngParse},
};

int
virDomainDevicesParse(xmlNodePtr devices, virDomainDef *def)
{
    if (virXMLCheckKnown(devices, NULL, DEVICE_KINDS) < 0 ||
        virXMLCheckOnce(devices, "emulator audio video memballoon") < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(devicePasses); i++) {
        for (xmlNodePtr node = virXMLChild(devices, devicePasses[i].name); node;
             node = virXMLNext(node)) {
            if (devicePasses[i].parse(node, def) < 0)
                return -1;
        }
    }
    return 0;
}
