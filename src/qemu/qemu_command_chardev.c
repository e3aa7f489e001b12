/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line: serial ports, consoles, channels; and the monitor of the driver itself. */
#include "qemu_command_priv.h"
#include "virerror_report.h"
#include "virfile.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

char *
qemuCommandChardevPath(const virDomainChardevDef *chr, const char *channelDir)
{
    if (chr->type == VIR_CHARDEV_PTY || chr->type == VIR_CHARDEV_NULL)
        return NULL;
    if (chr->path)
        return g_strdup(chr->path);
    return g_build_filename(channelDir, chr->targetName ? chr->targetName : chr->alias, NULL);
}

static int
qemuCommandChardevBackend(qemuCommandBuilder *b, const virDomainChardevDef *chr)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = NULL;

    if (!chr->path && chr->targetName && !virFileNameIsSafe(chr->targetName)) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "channel '%s' has no path, and its name cannot be a file name; give it a path",
            chr->targetName);
        return -1;
    }
    path = qemuCommandChardevPath(chr, b->in->channelDir);
    switch (chr->type) {
    case VIR_CHARDEV_PTY:
        g_string_append_printf(text, "pty,id=char%s", chr->alias);
        break;
    case VIR_CHARDEV_NULL:
        g_string_append_printf(text, "null,id=char%s", chr->alias);
        break;
    case VIR_CHARDEV_FILE:
        g_string_append_printf(text, "file,id=char%s", chr->alias);
        qemuCommandOpt(text, "path", path);
        if (chr->append)
            g_string_append(text, ",append=on");
        break;
    case VIR_CHARDEV_UNIX:
        g_string_append_printf(text, "socket,id=char%s", chr->alias);
        qemuCommandOpt(text, "path", path);
        /* a channel without a path is one the driver itself connects to */
        if (chr->listen || !chr->path)
            g_string_append(text, ",server=on,wait=off");
        break;
    case VIR_CHARDEV_TYPE_LAST:
        virReportError(VIR_ERR_INTERNAL_ERROR, "character device '%s' has an unknown type",
                       chr->alias);
        return -1;
    }
    qemuCommandAddString(b, "-chardev", g_steal_pointer(&text));
    return 0;
}

static int
qemuCommandChardevSerial(qemuCommandBuilder *b, GString *dev, const virDomainChardevDef *chr)
{
    if ((chr->targetType && !g_str_equal(chr->targetType, "isa-serial")) ||
        (chr->targetModel && !g_str_equal(chr->targetModel, "isa-serial"))) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "serial port '%s' has target '%s', which is not supported; use 'isa-serial'",
                       chr->alias, chr->targetModel ? chr->targetModel : chr->targetType);
        return -1;
    }
    g_string_append_printf(dev, "isa-serial,chardev=char%s,id=%s", chr->alias, chr->alias);
    if (chr->port >= 0)
        g_string_append_printf(dev, ",index=%d", chr->port);
    if (chr->addr.type == VIR_ADDRESS_ISA && chr->addr.iobase > 0)
        g_string_append_printf(dev, ",iobase=0x%x,irq=%u", chr->addr.iobase, chr->addr.irq);
    return 0;
}

/* Bus and port on a virtio-serial controller. */
static int
qemuCommandChardevVirtio(qemuCommandBuilder *b, GString *dev, const virDomainChardevDef *chr)
{
    bool placed = chr->addr.type == VIR_ADDRESS_VIRTIO_SERIAL;
    unsigned int index = placed ? chr->addr.controller : 0;
    const virDomainControllerDef *ctrl =
        qemuCommandController(b->def, VIR_CONTROLLER_VIRTIO_SERIAL, index);

    if (!ctrl) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'%s' is on virtio-serial controller %u, which is not there", chr->alias,
                       index);
        return -1;
    }
    g_string_append_printf(dev, ",bus=%s.%u", ctrl->alias, placed ? chr->addr.bus : 0);
    if (placed && chr->addr.port > 0)
        g_string_append_printf(dev, ",nr=%u", chr->addr.port);
    g_string_append_printf(dev, ",chardev=char%s,id=%s", chr->alias, chr->alias);
    qemuCommandOpt(dev, "name", chr->targetName);
    return 0;
}

static int
qemuCommandChardevOne(qemuCommandBuilder *b, const virDomainChardevDef *chr)
{
    g_autoptr(GString) dev = g_string_new(NULL);

    if (chr->kind == VIR_CHARDEV_CONSOLE && g_strcmp0(chr->targetType, "virtio") != 0)
        return 0; /* the first serial port, under its other name */
    if (qemuCommandChardevBackend(b, chr) < 0)
        return -1;
    switch (chr->kind) {
    case VIR_CHARDEV_SERIAL:
        if (qemuCommandChardevSerial(b, dev, chr) < 0)
            return -1;
        break;
    case VIR_CHARDEV_CONSOLE:
    case VIR_CHARDEV_CHANNEL:
        g_string_append(dev, chr->kind == VIR_CHARDEV_CHANNEL ? "virtserialport" : "virtconsole");
        if (qemuCommandChardevVirtio(b, dev, chr) < 0)
            return -1;
        break;
    case VIR_CHARDEV_LAST:
        virReportError(VIR_ERR_INTERNAL_ERROR, "character device '%s' has an unknown kind",
                       chr->alias);
        return -1;
    }
    qemuCommandAddString(b, "-device", g_steal_pointer(&dev));
    return 0;
}

int
qemuCommandChardevs(qemuCommandBuilder *b)
{
    guint i = 0;

    for (i = 0; i < b->def->chardevs->len; i++) {
        if (qemuCommandChardevOne(b, g_ptr_array_index(b->def->chardevs, i)) < 0)
            return -1;
    }
    return 0;
}
