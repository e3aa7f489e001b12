/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities as clients see them: only what this driver really does. */
#include <sys/utsname.h>
#include "qemu_capabilities.h"
#include "virbuffer.h"
#include "virerror_report.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const char *
qemuCapsWordSize(const char *arch)
{
    return g_str_equal(arch, "i386") || g_str_equal(arch, "i686") ? "32" : "64";
}

static void
qemuCapsFormatMachines(virBuffer *buf, const qemuCapsFacts *facts)
{
    guint i = 0;

    for (i = 0; i < facts->machines->len; i++) {
        const qemuCapsMachine *m = g_ptr_array_index(facts->machines, i);

        virBufferAsprintf(buf, "<machine maxCpus='%u'%s>%s</machine>\n", m->maxCpus,
                          m->deprecated ? " deprecated='yes'" : "", m->name);
        if (m->alias)
            virBufferAsprintf(buf, "<machine canonical='%s' maxCpus='%u'%s>%s</machine>\n", m->name,
                              m->maxCpus, m->deprecated ? " deprecated='yes'" : "", m->alias);
    }
}

static void
qemuCapsFormatGuest(virBuffer *buf, qemuCaps *caps)
{
    const qemuCapsFacts *facts = qemuCapsGetFacts(caps);

    virBufferAdd(buf, "<guest>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAdd(buf, "<os_type>hvm</os_type>\n");
    virBufferAsprintf(buf, "<arch name='%s'>\n", facts->arch);
    virBufferAdjustIndent(buf, 2);
    virBufferAsprintf(buf, "<wordsize>%s</wordsize>\n", qemuCapsWordSize(facts->arch));
    virBufferEscapeString(buf, "<emulator>%s</emulator>\n", qemuCapsEmulator(caps));
    qemuCapsFormatMachines(buf, facts);
    virBufferAdd(buf, "<domain type='qemu'/>\n");
    if (qemuCapsKVMWorks(caps))
        virBufferAdd(buf, "<domain type='kvm'/>\n");
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</arch>\n");
    virBufferAdd(buf, "<features>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAdd(buf, "<acpi default='on' toggle='yes'/>\n");
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</features>\n");
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</guest>\n");
}

char *
qemuCapsFormatHostXML(qemuCaps *caps)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    struct utsname host = {0};

    uname(&host);
    virBufferAdd(&buf, "<capabilities>\n\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferAdd(&buf, "<host>\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferAdd(&buf, "<cpu>\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<arch>%s</arch>\n", host.machine);
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</cpu>\n");
    virBufferAdd(&buf, "<secmodel>\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferAdd(&buf, "<model>none</model>\n<doi>0</doi>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</secmodel>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</host>\n\n");
    if (caps)
        qemuCapsFormatGuest(&buf, caps);
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "\n</capabilities>\n");
    return virBufferContentAndReset(&buf);
}

/* @values: NULL-terminated. */
static void
qemuCapsFormatEnum(virBuffer *buf, const char *name, const char *const *values)
{
    size_t i = 0;

    virBufferAsprintf(buf, "<enum name='%s'>\n", name);
    virBufferAdjustIndent(buf, 2);
    for (i = 0; values[i]; i++)
        virBufferAsprintf(buf, "<value>%s</value>\n", values[i]);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</enum>\n");
}

static void
qemuCapsFormatCPU(virBuffer *buf, const qemuCapsFacts *facts, bool kvm)
{
    size_t i = 0;

    virBufferAdd(buf, "<cpu>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAsprintf(buf, "<mode name='host-passthrough' supported='%s'/>\n", kvm ? "yes" : "no");
    virBufferAdd(buf, "<mode name='maximum' supported='yes'/>\n");
    virBufferAsprintf(buf, "<mode name='host-model' supported='%s'/>\n", kvm ? "yes" : "no");
    virBufferAdd(buf, "<mode name='custom' supported='yes'>\n");
    virBufferAdjustIndent(buf, 2);
    for (i = 0; facts->cpuModels[i]; i++)
        virBufferAsprintf(buf, "<model usable='unknown'>%s</model>\n", facts->cpuModels[i]);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</mode>\n");
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</cpu>\n");
}

static void
qemuCapsFormatDevices(virBuffer *buf, const qemuCapsMachine *machine)
{
    static const char *const diskDevices[] = {"disk", "cdrom", NULL};
    static const char *const pcBuses[] = {"ide", "scsi", "virtio", "sata", NULL};
    static const char *const q35Buses[] = {"scsi", "virtio", "sata", NULL};
    static const char *const rngModels[] = {"virtio", NULL};
    static const char *const rngBackends[] = {"random", NULL};
    static const char *const channels[] = {"pty", "file", "unix", "null", NULL};
    bool q35 = g_str_has_prefix(machine->name, "pc-q35");

    virBufferAdd(buf, "<devices>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAdd(buf, "<disk supported='yes'>\n");
    virBufferAdjustIndent(buf, 2);
    qemuCapsFormatEnum(buf, "diskDevice", diskDevices);
    qemuCapsFormatEnum(buf, "bus", q35 ? q35Buses : pcBuses);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</disk>\n");
    virBufferAdd(
        buf, "<graphics supported='no'/>\n<video supported='no'/>\n<hostdev supported='no'/>\n");
    virBufferAdd(buf, "<rng supported='yes'>\n");
    virBufferAdjustIndent(buf, 2);
    qemuCapsFormatEnum(buf, "model", rngModels);
    qemuCapsFormatEnum(buf, "backendModel", rngBackends);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</rng>\n");
    virBufferAdd(
        buf, "<filesystem supported='no'/>\n<tpm supported='no'/>\n<redirdev supported='no'/>\n");
    virBufferAdd(buf, "<channel supported='yes'>\n");
    virBufferAdjustIndent(buf, 2);
    qemuCapsFormatEnum(buf, "type", channels);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</channel>\n");
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</devices>\n");
}

static const qemuCapsMachine *
qemuCapsDefaultMachine(const qemuCapsFacts *facts)
{
    guint i = 0;

    for (i = 0; i < facts->machines->len; i++) {
        const qemuCapsMachine *m = g_ptr_array_index(facts->machines, i);

        if (m->isDefault)
            return m;
    }
    return facts->machines->len > 0 ? g_ptr_array_index(facts->machines, 0) : NULL;
}

/* 1 kvm, 0 qemu, -1 with an error. */
static int
qemuCapsDomainType(qemuCaps *caps, const char *virttype)
{
    if (!virttype)
        return qemuCapsKVMWorks(caps);
    if (g_str_equal(virttype, "qemu"))
        return 0;
    if (g_str_equal(virttype, "kvm") && qemuCapsKVMWorks(caps))
        return 1;
    virReportError(VIR_ERR_INVALID_ARG,
                   "domain type '%s' does not work with emulator '%s' on this host", virttype,
                   qemuCapsEmulator(caps));
    return -1;
}

char *
qemuCapsFormatDomainXML(qemuCaps *caps, const char *arch, const char *machine, const char *virttype)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    const qemuCapsFacts *facts = qemuCapsGetFacts(caps);
    const qemuCapsMachine *m =
        machine ? qemuCapsFactsMachine(facts, machine) : qemuCapsDefaultMachine(facts);
    int kvm = qemuCapsDomainType(caps, virttype);

    if (kvm < 0)
        return NULL;
    if ((arch && !g_str_equal(arch, facts->arch)) || !m) {
        virReportError(VIR_ERR_INVALID_ARG, "emulator '%s' has no %s '%s'", qemuCapsEmulator(caps),
                       m ? "architecture" : "machine type",
                       m         ? arch
                       : machine ? machine
                                 : "(default)");
        return NULL;
    }
    virBufferAdd(&buf, "<domainCapabilities>\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferEscapeString(&buf, "<path>%s</path>\n", qemuCapsEmulator(caps));
    virBufferAsprintf(&buf, "<domain>%s</domain>\n", kvm ? "kvm" : "qemu");
    virBufferEscapeString(&buf, "<machine>%s</machine>\n", m->name);
    virBufferEscapeString(&buf, "<arch>%s</arch>\n", facts->arch);
    virBufferAsprintf(&buf, "<vcpu max='%u'/>\n", m->maxCpus);
    virBufferAdd(&buf, "<iothreads supported='yes'/>\n");
    virBufferAdd(&buf, "<os supported='yes'>\n  <loader supported='no'/>\n</os>\n");
    qemuCapsFormatCPU(&buf, facts, kvm);
    virBufferAdd(&buf, "<memoryBacking supported='no'/>\n");
    qemuCapsFormatDevices(&buf, m);
    virBufferAdd(&buf, "<features>\n");
    virBufferAdjustIndent(&buf, 2);
    virBufferAdd(&buf,
                 "<gic supported='no'/>\n<vmcoreinfo supported='no'/>\n<genid supported='no'/>\n"
                 "<backingStoreInput supported='yes'/>\n<backup supported='yes'/>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</features>\n");
    virBufferAdjustIndent(&buf, -2);
    virBufferAdd(&buf, "</domainCapabilities>\n");
    return virBufferContentAndReset(&buf);
}
