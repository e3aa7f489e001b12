/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans that add, remove and resize disks of a running QEMU; the wanted texts are in
 * hotplugplandata. */
#include "domain_def.h"
#include "domain_device.h"
#include "engine_golden.h"
#include "qemu_command.h"
#include "qemu_hotplug_plan.h"
#include "qemu_nodes.h"
#include "virerror_report.h"

#define MIB (1ULL << 20)

static const char domainXML[] =
    "<domain type='qemu'><name>t</name><memory>65536</memory><os><type machine='%s'>hvm</type></os>"
    "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>%s"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source "
    "file='/img/a.qcow2'/>"
    "<target dev='vda' bus='virtio'/></disk></devices></domain>";

typedef struct _attachCase {
    const char *name, *machine, *devices, *disk;
} attachCase;

static const attachCase attachCases[] = {
    {"attach-virtio", "pc", "",
     "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
     "<source file='/img/b,1.qcow2'/><target dev='vdb' bus='virtio'/><serial>007</serial></disk>"},
    {"attach-scsi-chain", "pc", "<controller type='scsi' index='0' model='virtio-scsi'/>",
     "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source "
     "file='/img/top.qcow2'/>"
     "<backingStore type='file'><format type='raw'/><source file='/img/base.raw'/><backingStore/>"
     "</backingStore><target dev='sdb' bus='scsi'/><boot order='2'/></disk>"},
    {"attach-data-store", "pc", "",
     "<disk type='network' device='disk'><driver name='qemu' type='qcow2'/><source protocol='nbd' name='x'>"
     "<host name='h'/><dataStore><format type='raw'/><source file='/img/x.raw'/></dataStore></source>"
     "<backingStore/><target dev='vdb' bus='virtio'/></disk>"},
    {"attach-luks", "pc", "",
     "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source "
     "file='/img/b.qcow2'><encryption format='luks'><secret type='passphrase' usage='/img/b'/>"
     "</encryption></source><target dev='vdb' bus='virtio'/></disk>"},
    {"attach-root-port", "q35",
     "<controller type='pci' index='1' model='pcie-root-port'/>"
     "<controller type='pci' index='2' model='pcie-root-port'/>"
     "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/>"
     "<address type='pci' bus='1' slot='0'/></interface>",
     "<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/x'/>"
     "<target dev='vdb' bus='virtio'/><readonly/></disk>"},
};

/* (owned) the domain with the disk in it; *@disk is borrowed from it. */
static virDomainDef *
defWith(const attachCase *c, const virDomainDiskDef **disk)
{
    g_autofree char *boot = g_strdup(strstr(c->disk, "<boot") ? "x" : NULL);
    g_autofree char *xml = g_strdup_printf(domainXML, c->machine, c->devices);
    g_autoptr(virDomainDef) def = virDomainDefParse(xml, 0);
    g_autoptr(virDomainDiskDef) added = virDomainDeviceDiskParse(c->disk, "attached");
    g_autofree char *dst = added ? g_strdup(added->dst) : NULL;
    unsigned int counter = 4;

    g_assert_nonnull(def);
    g_assert_nonnull(added);
    if (boot)
        def->nbootDevs = 0;
    g_assert_cmpint(virDomainDefPlaceHotplugged(def, added), ==, 0);
    g_assert_cmpint(virDomainDefAddDisk(def, &added, true), ==, 0);
    virDomainDefAssignAliases(def);
    qemuNodesAssign(def, &counter);
    *disk = virDomainDefDisk(def, dst, false);
    return g_steal_pointer(&def);
}

static void
testAttach(gconstpointer data)
{
    const attachCase *c = data;
    const virDomainDiskDef *disk = NULL;
    g_autoptr(virDomainDef) def = defWith(c, &disk);
    qemuCapsFacts facts = {.arch = (char *)"x86_64"};
    const qemuCommandInput input = {.def = def, .facts = &facts};
    virJSONValue *device = qemuCommandDiskProps(&input, disk);
    g_autoptr(qemuPlan) plan = NULL;
    g_autoptr(qemuPlan) removed = qemuHotplugPlanRemoved(disk);
    g_autofree char *come = NULL;
    g_autofree char *go = qemuPlanFormat(removed);
    g_autofree char *both = NULL;
    g_autofree char *file = g_strconcat(c->name, ".out", NULL);

    g_assert_nonnull(device);
    plan = qemuHotplugPlanAttach(disk, device);
    come = qemuPlanFormat(plan);
    both = g_strconcat(come, go, NULL);
    engineGolden("hotplugplandata", file, both);
}

static void
testResize(void)
{
    static const struct {
        const char *name, *bitmaps;
        unsigned long long from, to;
    } cases[] = {
        {"resize-grow", "A B*", 8 * MIB, 300 * MIB},
        {"resize-grow-libvirt", "A* B* C! D*", 8 * MIB, 16 * MIB},
        {"resize-grow-no-bitmap", "", 8 * MIB, 16 * MIB},
        {"resize-grow-useless", "A! B! C* fleece:order:0:aaaa6b0e4251,! fleece:seal:1:4:00!", 8 * MIB, 16 * MIB},
        {"resize-grow-none-records", "A B", 8 * MIB, 16 * MIB},
        {"resize-shrink", "", 8 * MIB, 4 * MIB},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(qemuGraphNode) node = engineNode("libvirt-1-format", cases[i].bitmaps);
        g_autofree char *file = g_strconcat(cases[i].name, ".out", NULL);
        g_autoptr(qemuPlan) resize = NULL;
        g_autofree char *text = NULL;
        g_autofree char *before = g_strdup("");
        g_autofree char *both = NULL;

        node->virtualSize = cases[i].from;
        resize = qemuHotplugPlanResize("vda", node, cases[i].to);
        text = qemuPlanFormat(resize);
        if (qemuHotplugResizeNeedsMarks(node, cases[i].to)) {
            g_autoptr(qemuPlan) marks = qemuHotplugPlanMarks("vda", cases[i].from, cases[i].to);

            g_free(before);
            before = qemuPlanFormat(marks);
        }
        both = g_strconcat(before, text, NULL);
        engineGolden("hotplugplandata", file, both);
    }
}

static void
testMedium(void)
{
    g_autoptr(virStorageSource) second =
        virStorageSourceNew(VIR_STORAGE_TYPE_FILE, VIR_STORAGE_FORMAT_RAW, "/b.iso");
    virDomainDiskDef drive = {
        .device = VIR_DISK_DEVICE_CDROM, .dst = (char *)"hda", .alias = (char *)"ide0-0-0"};
    g_autoptr(qemuPlan) open = NULL;
    g_autoptr(qemuPlan) change = NULL;
    g_autoptr(qemuPlan) eject = NULL;
    g_autofree char *zero = NULL;
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *both = NULL;

    second->index = 2;
    drive.src = second;
    open = qemuHotplugPlanMedium(&drive);
    change = qemuHotplugPlanTray(&drive, true, false);
    drive.src = NULL;
    eject = qemuHotplugPlanTray(&drive, true, true);
    zero = qemuPlanFormat(open);
    one = qemuPlanFormat(change);
    two = qemuPlanFormat(eject);
    both = g_strconcat(zero, one, two, NULL);
    engineGolden("hotplugplandata", "medium.out", both);
}

/* What a running machine has no place for. */
static void
testNoPlace(void)
{
    static const struct {
        const char *machine, *disk, *words;
    } cases[] = {
        {"q35",
         "<disk type='file' device='disk'><source file='/b'/><target dev='vdb' "
         "bus='virtio'/></disk>",
         "no pcie-root-port is free"},
        {"pc",
         "<disk type='file' device='disk'><source file='/b'/><target dev='sda' bus='scsi'/></disk>",
         "has no scsi controller 0"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(domainXML, cases[i].machine, "");
        g_autoptr(virDomainDef) def = virDomainDefParse(xml, 0);
        g_autoptr(virDomainDiskDef) disk = virDomainDeviceDiskParse(cases[i].disk, "attached");

        g_assert_true(virDomainDefPlaceHotplugged(def, disk) < 0 ||
                      virDomainDefAddDisk(def, &disk, true) < 0);
        g_assert_cmpint(virErrorLastCode(), ==, VIR_ERR_CONFIG_UNSUPPORTED);
        g_assert_nonnull(strstr(virErrorLastMessage(), cases[i].words));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(attachCases); i++) {
        g_autofree char *path = g_strconcat("/hotplug-plan/", attachCases[i].name, NULL);

        g_test_add_data_func(path, &attachCases[i], testAttach);
    }
    g_test_add_func("/hotplug-plan/resize", testResize);
    g_test_add_func("/hotplug-plan/medium", testMedium);
    g_test_add_func("/hotplug-plan/no-place", testNoPlace);
    return g_test_run();
}
