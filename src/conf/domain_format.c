/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Def to <domain>, in libvirt's order and spelling, so that a document says the same in both
 * directions and a diff against libvirt's dumpxml shows real differences only.
 */
#include "domain_internal.h"

#include "viruuid.h"

static const char *
yesNo(virTristate t)
{
    return t == VIR_TRISTATE_YES ? "yes" : "no";
}

static void
headFormat(virBuffer *buf, const virDomainDef *def)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    virBufferEscapeString(buf, "<name>%s</name>\n", def->name);
    virBufferAsprintf(buf, "<uuid>%s</uuid>\n", virUUIDFormat(def->uuid, uuid));
    virBufferEscapeString(buf, "<title>%s</title>\n", def->title);
    virBufferEscapeString(buf, "<description>%s</description>\n", def->description);
    virDomainMetadataFormat(buf, def->metadata);
    virBufferAsprintf(buf, "<memory unit='KiB'>%llu</memory>\n", def->memoryKiB);
    virBufferAsprintf(buf, "<currentMemory unit='KiB'>%llu</currentMemory>\n",
                      def->currentMemoryKiB);
    virBufferAdd(buf, "<vcpu placement='static'");
    if (def->vcpus != def->maxVcpus)
        virBufferAsprintf(buf, " current='%u'", def->vcpus);
    virBufferAsprintf(buf, ">%u</vcpu>\n", def->maxVcpus);
    if (def->iothreads)
        virBufferAsprintf(buf, "<iothreads>%u</iothreads>\n", def->iothreads);
}

static void
osFormat(virBuffer *buf, const virDomainDef *def)
{
    virBufferAdd(buf, "<os>\n");
    virBufferAdjustIndent(buf, 2);
    virBufferAsprintf(buf, "<type arch='%s' machine='%s'>hvm</type>\n", def->osArch,
                      def->osMachine);
    virBufferEscapeString(buf, "<kernel>%s</kernel>\n", def->kernel);
    virBufferEscapeString(buf, "<initrd>%s</initrd>\n", def->initrd);
    virBufferEscapeString(buf, "<cmdline>%s</cmdline>\n", def->cmdline);
    for (size_t i = 0; i < def->nbootDevs; i++)
        virBufferAsprintf(buf, "<boot dev='%s'/>\n", virDomainBootNames[def->bootDevs[i]]);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</os>\n");
}

static void
featuresFormat(virBuffer *buf, const virDomainDef *def)
{
    if (!def->acpi && !def->apic && !def->pae)
        return;
    virBufferAdd(buf, "<features>\n");
    if (def->acpi)
        virBufferAdd(buf, "  <acpi/>\n");
    if (def->apic)
        virBufferAdd(buf, "  <apic/>\n");
    if (def->pae)
        virBufferAdd(buf, "  <pae/>\n");
    virBufferAdd(buf, "</features>\n");
}

static void
cpuFormat(virBuffer *buf, const virDomainDef *def)
{
    if (def->cpuMode == VIR_DOMAIN_CPU_NONE)
        return;
    virBufferAsprintf(buf, "<cpu mode='%s'", virDomainCPUModeNames[def->cpuMode]);
    if (def->cpuMode == VIR_DOMAIN_CPU_CUSTOM)
        virBufferAsprintf(buf, " match='%s'", virDomainCPUMatchNames[def->cpuMatch]);
    if (def->cpuCheck)
        virBufferAsprintf(buf, " check='%s'", virDomainCPUCheckNames[def->cpuCheck]);
    if (def->cpuMigratable)
        virBufferAsprintf(buf, " migratable='%s'",
                          def->cpuMigratable == VIR_TRISTATE_YES ? "on" : "off");
    if (!def->cpuModel) {
        virBufferAdd(buf, "/>\n");
        return;
    }
    virBufferAdd(buf, ">\n");
    virBufferAsprintf(buf, "  <model fallback='%s'>", virDomainCPUFallbackNames[def->cpuFallback]);
    virBufferEscapeString(buf, "%s</model>\n", def->cpuModel);
    virBufferAdd(buf, "</cpu>\n");
}

static void
clockFormat(virBuffer *buf, const virDomainDef *def)
{
    virBufferAsprintf(buf, "<clock offset='%s'%s>\n", virDomainClockNames[def->clockOffset],
                      def->ntimers ? "" : "/");
    if (!def->ntimers)
        return;
    for (size_t i = 0; i < def->ntimers; i++) {
        const virDomainTimerDef *timer = &def->timers[i];

        virBufferAsprintf(buf, "  <timer name='%s'", virDomainTimerNames[timer->name]);
        if (timer->present)
            virBufferAsprintf(buf, " present='%s'", yesNo(timer->present));
        if (timer->tickpolicy)
            virBufferAsprintf(buf, " tickpolicy='%s'", virDomainTickPolicyNames[timer->tickpolicy]);
        virBufferAdd(buf, "/>\n");
    }
    virBufferAdd(buf, "</clock>\n");
}

static void
powerFormat(virBuffer *buf, const virDomainDef *def)
{
    virBufferAsprintf(buf, "<on_poweroff>%s</on_poweroff>\n",
                      virDomainActionNames[def->onPoweroff]);
    virBufferAsprintf(buf, "<on_reboot>%s</on_reboot>\n", virDomainActionNames[def->onReboot]);
    virBufferAsprintf(buf, "<on_crash>%s</on_crash>\n", virDomainActionNames[def->onCrash]);
    if (!def->suspendToMem && !def->suspendToDisk)
        return;
    virBufferAdd(buf, "<pm>\n");
    if (def->suspendToMem)
        virBufferAsprintf(buf, "  <suspend-to-mem enabled='%s'/>\n", yesNo(def->suspendToMem));
    if (def->suspendToDisk)
        virBufferAsprintf(buf, "  <suspend-to-disk enabled='%s'/>\n", yesNo(def->suspendToDisk));
    virBufferAdd(buf, "</pm>\n");
}

/* SECURE shows secrets; none of the elements we support holds any, so both forms are the same. */
void
virDomainDefFormatBuf(virBuffer *buf, const virDomainDef *def, unsigned int flags)
{
    bool live = flags & VIR_DOMAIN_FORMAT_LIVE;

    virBufferAsprintf(buf, "<domain type='%s'", virDomainTypeNames[def->virtType]);
    if (live && def->id >= 0)
        virBufferAsprintf(buf, " id='%d'", def->id);
    virBufferAdd(buf, ">\n");
    virBufferAdjustIndent(buf, 2);
    headFormat(buf, def);
    osFormat(buf, def);
    featuresFormat(buf, def);
    cpuFormat(buf, def);
    clockFormat(buf, def);
    powerFormat(buf, def);
    virDomainDevicesFormat(buf, def, live);
    virBufferAdjustIndent(buf, -2);
    virBufferAdd(buf, "</domain>\n");
}

char *
virDomainDefFormat(const virDomainDef *def, unsigned int flags)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virDomainDefFormatBuf(&buf, def, flags);
    return virBufferContentAndReset(&buf);
}
