/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command line of a QEMU. This file: the frame and the machine; devices are in qemu_command_*.c.
 *
 * -nodefaults and -no-user-config, so that the guest has what the Def says and nothing else; -S, so
 * that nothing runs before the driver says so; -no-shutdown, so that a guest that powers off leaves
 * a QEMU which still can save its bitmaps when the driver quits it.
 */
#include <string.h>
#include "qemu_command_priv.h"
#include "virerror_report.h"
#include "viruuid.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

void
qemuCommandAdd(qemuCommandBuilder *b, const char *option, const char *value)
{
    g_ptr_array_add(b->argv, g_strdup(option));
    if (value)
        g_ptr_array_add(b->argv, g_strdup(value));
}

void
qemuCommandAddString(qemuCommandBuilder *b, const char *option, GString *value)
{
    g_ptr_array_add(b->argv, g_strdup(option));
    g_ptr_array_add(b->argv, g_string_free(value, FALSE));
}

void
qemuCommandOpt(GString *text, const char *key, const char *value)
{
    const char *p = NULL;

    if (!value)
        return;
    g_string_append_printf(text, ",%s=", key);
    for (p = value; *p; p++) {
        if (*p == ',')
            g_string_append_c(text, ',');
        g_string_append_c(text, *p);
    }
}

unsigned int
qemuCommandBootIndex(const virDomainDef *def, virDomainBootDev dev)
{
    size_t i = 0;

    for (i = 0; i < def->nbootDevs; i++) {
        if (def->bootDevs[i] == dev)
            return i + 1;
    }
    return 0;
}

static const virDomainTimerDef *
qemuCommandTimer(const virDomainDef *def, virDomainTimerName name)
{
    size_t i = 0;

    for (i = 0; i < def->ntimers; i++) {
        if (def->timers[i].name == name)
            return &def->timers[i];
    }
    return NULL;
}

static int
qemuCommandMachine(qemuCommandBuilder *b)
{
    const virDomainDef *def = b->def;
    const qemuCapsMachine *machine = qemuCapsFactsMachine(b->in->facts, def->osMachine);
    const virDomainTimerDef *hpet = qemuCommandTimer(def, VIR_DOMAIN_TIMER_HPET);
    g_autoptr(GString) text = NULL;

    if (def->osArch && !g_str_equal(def->osArch, b->in->facts->arch)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "emulator '%s' runs '%s' guests, but the domain asks for arch '%s'",
                       b->in->emulator, b->in->facts->arch, def->osArch);
        return -1;
    }
    if (!machine) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "emulator '%s' does not support machine type '%s'", b->in->emulator,
                       def->osMachine);
        return -1;
    }
    if (def->maxVcpus > machine->maxCpus) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "machine type '%s' has at most %u CPUs, but the domain asks for %u",
                       def->osMachine, machine->maxCpus, def->maxVcpus);
        return -1;
    }
    text = g_string_new(machine->name);
    g_string_append(text, ",usb=off,dump-guest-core=off");
    if (!def->acpi)
        g_string_append(text, ",acpi=off");
    if (hpet && hpet->present != VIR_TRISTATE_ABSENT)
        g_string_append_printf(text, ",hpet=%s", hpet->present == VIR_TRISTATE_YES ? "on" : "off");
    qemuCommandAddString(b, "-machine", g_steal_pointer(&text));
    qemuCommandAdd(b, "-accel", b->in->kvm ? "kvm" : "tcg");
    return 0;
}

static int
qemuCommandCPUCustom(qemuCommandBuilder *b)
{
    const char *model = b->def->cpuModel;

    if (!model)
        return 0;
    if (!g_strv_contains((const char *const *)b->in->facts->cpuModels, model)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED, "emulator '%s' does not know CPU model '%s'",
                       b->in->emulator, model);
        return -1;
    }
    qemuCommandAdd(b, "-cpu", model);
    return 0;
}

/* Without KVM there is no host CPU to pass through: the most TCG can do comes closest. Stock
 * refuses that for domains of type 'qemu', and so do we; a 'kvm' domain that fell back goes on. */
static int
qemuCommandCPU(qemuCommandBuilder *b)
{
    const char *migratable = b->def->cpuMigratable == VIR_TRISTATE_ABSENT ? NULL
                             : b->def->cpuMigratable == VIR_TRISTATE_YES  ? "on"
                                                                          : "off";
    g_autoptr(GString) text = NULL;

    switch (b->def->cpuMode) {
    case VIR_DOMAIN_CPU_NONE:
    case VIR_DOMAIN_CPU_LAST:
        return 0;
    case VIR_DOMAIN_CPU_CUSTOM:
        return qemuCommandCPUCustom(b);
    case VIR_DOMAIN_CPU_HOST_PASSTHROUGH:
    case VIR_DOMAIN_CPU_HOST_MODEL:
        if (b->def->virtType == VIR_DOMAIN_TYPE_QEMU) {
            virReportError(
                VIR_ERR_CONFIG_UNSUPPORTED,
                "CPU mode '%s' needs a domain of type 'kvm'; use mode 'maximum' or 'custom'",
                b->def->cpuMode == VIR_DOMAIN_CPU_HOST_MODEL ? "host-model" : "host-passthrough");
            return -1;
        }
        text = g_string_new(b->in->kvm ? "host" : "max");
        break;
    case VIR_DOMAIN_CPU_MAXIMUM:
        text = g_string_new("max");
        break;
    }
    qemuCommandOpt(text, "migratable", migratable);
    qemuCommandAddString(b, "-cpu", g_steal_pointer(&text));
    return 0;
}

static void
qemuCommandMemoryAndCPUs(qemuCommandBuilder *b)
{
    const virDomainDef *def = b->def;
    g_autofree char *memory = g_strdup_printf("size=%lluk", def->memoryKiB);
    g_autoptr(GString) smp = g_string_new(NULL);

    qemuCommandAdd(b, "-m", memory);
    g_string_append_printf(smp, "%u", def->vcpus);
    if (def->maxVcpus > def->vcpus)
        g_string_append_printf(smp, ",maxcpus=%u", def->maxVcpus);
    g_string_append_printf(smp, ",sockets=%u,cores=1,threads=1", def->maxVcpus);
    qemuCommandAddString(b, "-smp", g_steal_pointer(&smp));
}

/* Requests to files wait in threads, of which QEMU has no more than 64 by itself: as many that storage does
 * not answer, and every other disk of the guest stands still. They are started when they are needed. */
#define THREADS "thread-pool-max=1024"

static void
qemuCommandThreads(qemuCommandBuilder *b)
{
    qemuCommandAdd(b, "-object", "main-loop,id=mainloop," THREADS);
    for (unsigned int i = 1; i <= b->def->iothreads; i++) {
        g_autofree char *object = g_strdup_printf("iothread,id=iothread%u," THREADS, i);

        qemuCommandAdd(b, "-object", object);
    }
}

static void
qemuCommandMonitor(qemuCommandBuilder *b)
{
    g_autofree char *chardev =
        g_strdup_printf("socket,id=charmonitor,fd=%d,server=on,wait=off", b->in->monitorFd);

    qemuCommandAdd(b, "-chardev", chardev);
    qemuCommandAdd(b, "-mon", "chardev=charmonitor,id=monitor,mode=control");
}

static void
qemuCommandClock(qemuCommandBuilder *b)
{
    const virDomainTimerDef *rtc = qemuCommandTimer(b->def, VIR_DOMAIN_TIMER_RTC);
    const virDomainTimerDef *pit = qemuCommandTimer(b->def, VIR_DOMAIN_TIMER_PIT);
    g_autoptr(GString) text = g_string_new("base=");

    g_string_append(text, b->def->clockOffset == VIR_DOMAIN_CLOCK_LOCALTIME ? "localtime" : "utc");
    if (rtc && rtc->tickpolicy == VIR_DOMAIN_TICKPOLICY_CATCHUP)
        g_string_append(text, ",driftfix=slew");
    qemuCommandAddString(b, "-rtc", g_steal_pointer(&text));
    /* The policy exists in KVM's timer only; TCG's own never loses a tick it could report. */
    if (b->in->kvm && pit && pit->tickpolicy == VIR_DOMAIN_TICKPOLICY_DELAY)
        qemuCommandAdd(b, "-global", "kvm-pit.lost_tick_policy=delay");
    if (b->in->kvm && pit && pit->tickpolicy == VIR_DOMAIN_TICKPOLICY_DISCARD)
        qemuCommandAdd(b, "-global", "kvm-pit.lost_tick_policy=discard");
}

static void
qemuCommandSuspend(qemuCommandBuilder *b, const char *property, virTristate allowed)
{
    g_autofree char *text = NULL;

    if (allowed == VIR_TRISTATE_ABSENT)
        return;
    text = g_strdup_printf("%s.%s=%d", b->q35 ? "ICH9-LPC" : "PIIX4_PM", property,
                           allowed == VIR_TRISTATE_NO);
    qemuCommandAdd(b, "-global", text);
}

static void
qemuCommandBoot(qemuCommandBuilder *b)
{
    const virDomainDef *def = b->def;

    qemuCommandAdd(b, "-no-shutdown", NULL);
    if (def->onReboot == VIR_DOMAIN_ACTION_DESTROY)
        qemuCommandAdd(b, "-no-reboot", NULL);
    qemuCommandSuspend(b, "disable_s3", def->suspendToMem);
    qemuCommandSuspend(b, "disable_s4", def->suspendToDisk);
    qemuCommandAdd(b, "-boot", "strict=on");
    if (def->kernel)
        qemuCommandAdd(b, "-kernel", def->kernel);
    if (def->initrd)
        qemuCommandAdd(b, "-initrd", def->initrd);
    if (def->cmdline)
        qemuCommandAdd(b, "-append", def->cmdline);
}

static int
qemuCommandDevices(qemuCommandBuilder *b)
{
    if (qemuCommandPCIScan(b) < 0 || qemuCommandControllers(b) < 0 || qemuCommandDisks(b) < 0 ||
        qemuCommandNets(b) < 0 || qemuCommandChardevs(b) < 0 || qemuCommandInputs(b) < 0)
        return -1;
    qemuCommandAdd(b, "-vga", "none");
    if (qemuCommandBalloon(b) < 0 || qemuCommandRngs(b) < 0)
        return -1;
    return 0;
}

static int
qemuCommandAll(qemuCommandBuilder *b)
{
    const qemuCommandInput *in = b->in;
    g_autoptr(GString) name = g_string_new(NULL);
    char uuid[VIR_UUID_STRING_BUFLEN] = {0};

    qemuCommandOpt(name, "guest", b->def->name);
    g_string_erase(name, 0, 1);
    g_string_append(name, ",debug-threads=on");
    qemuCommandAddString(b, "-name", g_steal_pointer(&name));
    qemuCommandAdd(b, "-S", NULL);
    if (qemuCommandMachine(b) < 0 || qemuCommandCPU(b) < 0)
        return -1;
    qemuCommandMemoryAndCPUs(b);
    qemuCommandThreads(b);
    qemuCommandAdd(b, "-uuid", virUUIDFormat(b->def->uuid, uuid));
    qemuCommandAdd(b, "-display", "none");
    qemuCommandAdd(b, "-no-user-config", NULL);
    qemuCommandAdd(b, "-nodefaults", NULL);
    qemuCommandMonitor(b);
    qemuCommandClock(b);
    qemuCommandBoot(b);
    if (qemuCommandDevices(b) < 0)
        return -1;
    if (in->facts->sandbox)
        qemuCommandAdd(b, "-sandbox",
                       "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    if (in->facts->messageTimestamp)
        qemuCommandAdd(b, "-msg", "timestamp=on");
    return 0;
}

char **
qemuCommandBuild(const qemuCommandInput *input)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    qemuCommandInput in = *input;
    qemuCommandBuilder b = {.in = &in, .def = in.def, .argv = argv};

    if (!in.emulator)
        in.emulator = in.def->emulator;
    b.q35 = virDomainDefIsQ35(in.def);
    g_ptr_array_add(argv, g_strdup(in.emulator));
    if (qemuCommandAll(&b) < 0)
        return NULL;
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

char *
qemuCommandFormat(char *const *argv)
{
    GString *text = g_string_new(argv[0]);
    size_t i = 0;

    for (i = 1; argv[i]; i++) {
        bool value = argv[i][0] != '-';
        g_autofree char *quoted = NULL;

        g_string_append(text, value ? " " : " \\\n");
        if (strpbrk(argv[i], " \t\n'\"\\$`*?;&|<>(){}[]~#")) {
            quoted = g_shell_quote(argv[i]);
            g_string_append(text, quoted);
        } else {
            g_string_append(text, argv[i]);
        }
    }
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}
