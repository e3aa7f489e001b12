/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does KVM work here? /dev/kvm may be there and yet no guest gets anywhere: with nested or emulated
 * virtualisation every instruction may be emulated, far slower than TCG. So a firmware of our own
 * is run in a scratch process: it enters protected mode, counts in memory, and leaves through
 * isa-debug-exit with a status nothing else gives. What is judged is the CPU time that took, which
 * a busy host does not change: (m) 60 ms under TCG, 3.3 s on a host whose KVM is itself emulated.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qemu_capabilities_probe.h"
#include "qemu_capabilities_process.h"
#include "virerror_report.h"
#include "virfile.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define QEMU_KVM_PROBE_WALL_MS 5000
#define QEMU_KVM_PROBE_CPU_MS 600
#define FIRMWARE_SIZE 65536
/* isa-debug-exit: status is (value << 1) | 1 */
#define FIRMWARE_EXIT ((0x2a << 1) | 1)

typedef struct _firmwarePart {
    size_t offset; /* in the image, which ends at 4 GiB and is also seen at 0xf0000 */
    size_t length;
    const unsigned char *bytes;
} firmwarePart;

static const unsigned char realMode[] = {
    0xfa,                                           /* cli */
    0x66, 0x2e, 0x0f, 0x01, 0x16, 0x00, 0x01,       /* lgdt cs:[0x100] */
    0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, /* cr0 |= 1 */
    0x66, 0xea, 0x00, 0x02, 0x0f, 0x00, 0x08, 0x00, /* jmp 8:0xf0200 */
};
static const unsigned char gdtPointer[] = {23, 0, 0x10, 0x01, 0x0f, 0x00};
static const unsigned char gdt[] = {
    0,    0,    0, 0, 0, 0,    0,    0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0, /* 8: flat code */
    0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,                                     /* 16: flat data */
};
static const unsigned char protectedMode[] = {
    0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8,             /* ds = 16 */
    0xb9, 0x00, 0x00, 0x20, 0x00,                   /* ecx = 2 Mi */
    0x89, 0x0c, 0x25, 0x00, 0x20, 0x00, 0x00,       /* again: [0x2000] = ecx */
    0xe2, 0xf7,                                     /* loop again */
    0x66, 0xba, 0xf4, 0x00, 0xb0, 0x2a, 0xee, 0xf4, /* out 0xf4, 0x2a; hlt */
};
static const unsigned char resetVector[] = {0xea, 0x00, 0x00, 0x00, 0xf0}; /* jmp f000:0000 */

static const firmwarePart firmwareParts[] = {
    {0x0000, sizeof(realMode), realMode},
    {0x0100, sizeof(gdtPointer), gdtPointer},
    {0x0110, sizeof(gdt), gdt},
    {0x0200, sizeof(protectedMode), protectedMode},
    {0xfff0, sizeof(resetVector), resetVector},
};

/* In memory: no file to leave behind. */
static int
qemuProbeFirmware(void)
{
    g_autofree unsigned char *image = g_malloc(FIRMWARE_SIZE);
    VIR_AUTOCLOSE fd = memfd_create("fleece-kvm-probe", MFD_CLOEXEC);
    int ret = fd;
    size_t i = 0;

    memset(image, 0xf4, FIRMWARE_SIZE); /* hlt */
    for (i = 0; i < G_N_ELEMENTS(firmwareParts); i++)
        memcpy(image + firmwareParts[i].offset, firmwareParts[i].bytes, firmwareParts[i].length);
    if (fd < 0 || write(fd, image, FIRMWARE_SIZE) != FIRMWARE_SIZE) {
        virReportSystemError(errno, "%s", "cannot make the firmware that tries KVM");
        return -1;
    }
    fd = -1;
    return ret;
}

int
qemuProbeKVM(const qemuProbeTarget *target)
{
    g_auto(qemuProbeProcess) process = QEMU_PROBE_PROCESS_INIT;
    VIR_AUTOCLOSE firmware = qemuProbeFirmware();
    g_autofree char *bios = g_strdup_printf("/proc/self/fd/%d", firmware);
    g_autofree char *output = NULL;
    const char *const args[] = {"-no-user-config",
                                "-nodefaults",
                                "-display",
                                "none",
                                "-accel",
                                "kvm",
                                "-machine",
                                "pc",
                                "-m",
                                "4",
                                "-bios",
                                bios,
                                "-device",
                                "isa-debug-exit,iobase=0xf4,iosize=4",
                                NULL};
    unsigned long long cpuMs = 0;
    int status = 0;

    if (firmware < 0 || qemuProbeProcessStart(&process, target, args, firmware) < 0)
        return -1;
    if (!qemuProbeProcessWait(&process, QEMU_KVM_PROBE_WALL_MS, &status, &cpuMs)) {
        VIR_WARN("KVM does not work here: a guest of some million instructions did not end in %d s;"
                 " domains will run under TCG",
                 QEMU_KVM_PROBE_WALL_MS / 1000);
        return 0;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != FIRMWARE_EXIT) {
        output = qemuProbeProcessOutput(&process);
        VIR_INFO("KVM cannot be used by '%s': %s", target->emulator, output);
        return 0;
    }
    if (cpuMs > QEMU_KVM_PROBE_CPU_MS) {
        VIR_WARN("KVM does not work here: a guest of some million instructions took %llu ms of CPU"
                 " time; domains will run under TCG",
                 cpuMs);
        return 0;
    }
    return 1;
}
