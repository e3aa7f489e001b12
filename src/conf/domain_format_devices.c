/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Def to <devices>, in libvirt's order. */
#include "domain_internal.h"

/* The end of an element whose start tag lacks its '>': children if there are any. @alias and @addr
 * are the children every device may have; @inner holds those of its own. */
static void
deviceClose(virBuffer *buf, const char *name, virBuffer *inner, const char *alias,
            const virDeviceAddress *addr, bool live)
{
    g_autofree char *text = NULL;

    virDeviceAliasFormat(inner, alias, live);
    virDeviceAddressFormat(inner, addr);
    text = virBufferContentAndReset(inner);
    if (!*text) {
        virBufferAdd(buf, "/>\n");
        return;
    }
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAddLines(buf, text);
    virBufferAdjustIndent(buf, -2);
    virBufferAsprintf(buf, "</%s>\n", name);
}

static void
controllerFormat(virBuffer *buf, const virDomainControllerDef *controller, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(buf, "<controller type='%s' index='%d'",
                      virControllerTypeNames[controller->type], controller->index);
    virBufferEscapeString(buf, " model='%s'", controller->model);
    virBufferEscapeString(&inner, "<model name='%s'/>\n", controller->modelName);
    if (controller->targetChassis >= 0)
        virBufferAsprintf(&inner, "<target chassis='%d' port='0x%x'/>\n", controller->targetChassis,
                          controller->targetPort);
    if (controller->iothread)
        virBufferAsprintf(&inner, "<driver iothread='%u'/>\n", controller->iothread);
    deviceClose(buf, "controller", &inner, controller->alias, &controller->addr, live);
}

static void
netFormat(virBuffer *buf, const virDomainNetDef *net, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAdd(buf, "<interface type='user'");
    virBufferAsprintf(&inner, "<mac address='%s'/>\n", net->mac);
    virBufferEscapeString(&inner, "<model type='%s'/>\n", net->model);
    deviceClose(buf, "interface", &inner, net->alias, &net->addr, live);
}

static void
chardevSourceFormat(virBuffer *inner, const virDomainChardevDef *chardev, bool live)
{
    if (!chardev->path || (chardev->type == VIR_CHARDEV_PTY && !live))
        return;
    virBufferAdd(inner, "<source");
    if (chardev->type == VIR_CHARDEV_UNIX)
        virBufferAsprintf(inner, " mode='%s'", chardev->listen ? "bind" : "connect");
    virBufferEscapeString(inner, " path='%s'", chardev->path);
    if (chardev->append)
        virBufferAdd(inner, " append='on'");
    virBufferAdd(inner, "/>\n");
}

static void
chardevTargetFormat(virBuffer *inner, const virDomainChardevDef *chardev, virChardevKind as,
                    bool live)
{
    switch (as) {
    case VIR_CHARDEV_SERIAL:
        virBufferAsprintf(inner, "<target type='%s' port='%d'>\n", chardev->targetType,
                          chardev->port);
        virBufferAsprintf(inner, "  <model name='%s'/>\n", chardev->targetModel);
        virBufferAdd(inner, "</target>\n");
        break;
    case VIR_CHARDEV_CONSOLE:
        virBufferAsprintf(inner, "<target type='%s' port='%d'/>\n",
                          chardev->kind == VIR_CHARDEV_SERIAL ? "serial" : chardev->targetType,
                          chardev->port);
        break;
    case VIR_CHARDEV_CHANNEL:
        virBufferAsprintf(inner, "<target type='%s'", chardev->targetType);
        virBufferEscapeString(inner, " name='%s'", chardev->targetName);
        if (live && chardev->connected)
            virBufferAsprintf(inner, " state='%s'",
                              chardev->connected == VIR_TRISTATE_YES ? "connected"
                                                                     : "disconnected");
        virBufferAdd(inner, "/>\n");
        break;
    case VIR_CHARDEV_LAST:
        break;
    }
}

/* @as: a serial is also shown as a console. */
static void
chardevFormat(virBuffer *buf, const virDomainChardevDef *chardev, virChardevKind as, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(buf, "<%s type='%s'", virChardevKindNames[as],
                      virChardevTypeNames[chardev->type]);
    if (as == VIR_CHARDEV_CONSOLE && chardev->type == VIR_CHARDEV_PTY && live)
        virBufferEscapeString(buf, " tty='%s'", chardev->path);
    chardevSourceFormat(&inner, chardev, live);
    chardevTargetFormat(&inner, chardev, as, live);
    deviceClose(buf, virChardevKindNames[as], &inner, chardev->alias, &chardev->addr, live);
}

static void
chardevsFormat(virBuffer *buf, const virDomainDef *def, virChardevKind kind, bool live)
{
    for (guint i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        if (chardev->kind == kind)
            chardevFormat(buf, chardev, kind, live);
    }
}

static void
consoleMirrorFormat(virBuffer *buf, const virDomainDef *def, bool live)
{
    for (guint i = 0; i < def->chardevs->len; i++) {
        const virDomainChardevDef *chardev = g_ptr_array_index(def->chardevs, i);

        if (chardev->kind == VIR_CHARDEV_SERIAL) {
            chardevFormat(buf, chardev, VIR_CHARDEV_CONSOLE, live);
            return;
        }
    }
}

static void
inputFormat(virBuffer *buf, const virDomainInputDef *input, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(buf, "<input type='%s' bus='%s'", virInputTypeNames[input->type],
                      virInputBusNames[input->bus]);
    deviceClose(buf, "input", &inner, input->alias, &input->addr, live);
}

static void
memballoonFormat(virBuffer *buf, const virDomainDef *def, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAsprintf(buf, "<memballoon model='%s'", def->memballoonNone ? "none" : "virtio");
    deviceClose(buf, "memballoon", &inner, def->memballoonAlias, &def->memballoonAddr, live);
}

static void
rngFormat(virBuffer *buf, const virDomainRngDef *rng, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    virBufferAdd(buf, "<rng model='virtio'");
    virBufferEscapeString(&inner, "<backend model='random'>%s</backend>\n", rng->backendPath);
    deviceClose(buf, "rng", &inner, rng->alias, &rng->addr, live);
}

static void
videoFormat(virBuffer *buf, const virDomainDef *def, bool live)
{
    g_auto(virBuffer) inner = VIR_BUFFER_INITIALIZER;

    if (!def->videoModel)
        return;
    virBufferAdd(buf, "<video");
    virBufferAsprintf(&inner, "<model type='%s'/>\n", def->videoModel);
    deviceClose(buf, "video", &inner, def->videoAlias, &def->videoAddr, live);
}

void
virDomainDevicesFormat(virBuffer *buf, const virDomainDef *def, bool live)
{
    virBufferAdd(buf, "<devices>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferEscapeString(buf, "<emulator>%s</emulator>\n", def->emulator);
    for (guint i = 0; i < def->disks->len; i++)
        virDomainDiskDefFormat(buf, g_ptr_array_index(def->disks, i), live);
    for (guint i = 0; i < def->controllers->len; i++)
        controllerFormat(buf, g_ptr_array_index(def->controllers, i), live);
    for (guint i = 0; i < def->nets->len; i++)
        netFormat(buf, g_ptr_array_index(def->nets, i), live);
    chardevsFormat(buf, def, VIR_CHARDEV_SERIAL, live);
    consoleMirrorFormat(buf, def, live);
    chardevsFormat(buf, def, VIR_CHARDEV_CONSOLE, live);
    chardevsFormat(buf, def, VIR_CHARDEV_CHANNEL, live);
    for (guint i = 0; i < def->inputs->len; i++)
        inputFormat(buf, g_ptr_array_index(def->inputs, i), live);
    virBufferAdd(buf, "<audio id='1' type='none'/>\n");
    videoFormat(buf, def, live);
    memballoonFormat(buf, def, live);
    for (guint i = 0; i < def->rngs->len; i++)
        rngFormat(buf, g_ptr_array_index(def->rngs, i), live);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</devices>\n");
}
