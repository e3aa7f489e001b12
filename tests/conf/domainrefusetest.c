/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML that is refused: with which code, and for which reason. */
#include "conftestlib.h"
#include "domain_def.h"
#include "virerror_report.h"

#define HEAD(attrs, name) "<domain " attrs "><name>" name "</name><memory>65536</memory>"
#define DOMAIN(rest) HEAD("type='qemu'", "d1") "<os><type>hvm</type></os>" rest "</domain>"
#define DEVICES(rest) DOMAIN("<devices>" rest "</devices>")
#define DISK(rest) DEVICES("<disk type='file'>" rest "</disk>")
#define SOURCE "<source file='/i/a'/>"
#define PLAIN(target, rest)                                                                        \
    "<disk type='file'><source file='/i/" target "'/><target dev='" target "'/>" rest "</disk>"
#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED
#define BAD VIR_ERR_XML_ERROR

static const struct {
    const char *name;
    int code;
    const char *reason;
    const char *xml;
} cases[] = {
    {"malformed", VIR_ERR_XML_DETAIL, "(domain_definition):1", "<domain"},
    {"empty", VIR_ERR_XML_DETAIL, "empty", ""},
    {"root", BAD, "expecting root element of 'domain', not 'foo'", "<foo/>"},
    {"no-type", BAD, "missing attribute 'type'", HEAD("", "d") "</domain>"},
    {"type", UNSUPPORTED, "'xen'", HEAD("type='xen'", "d") "</domain>"},
    {"no-name", VIR_ERR_NO_NAME, "name", "<domain type='qemu'><memory>1</memory></domain>"},
    {"empty-name", VIR_ERR_NO_NAME, "name", HEAD("type='qemu'", "") "</domain>"},
    {"slash", BAD, "name a/b cannot contain '/'",
     HEAD("type='qemu'", "a/b") "<os><type>hvm</type></os></domain>"},
    {"dot", BAD, "cannot be used as a file name",
     HEAD("type='qemu'", "..") "<os><type>hvm</type></os></domain>"},
    {"newline", BAD, "control characters",
     HEAD("type='qemu'", "a&#10;b") "<os><type>hvm</type></os></domain>"},
    {"no-os", BAD, "an os <type> must be specified", HEAD("type='qemu'", "d") "</domain>"},
    {"os", UNSUPPORTED, "unknown OS type 'zz'",
     HEAD("type='qemu'", "d") "<os><type>zz</type></os></domain>"},
    {"os-attr", UNSUPPORTED, "attribute 'firmware'",
     HEAD("type='qemu'", "d") "<os firmware='efi'><type>hvm</type></os></domain>"},
    {"os-loader", UNSUPPORTED, "<loader> in <os>",
     HEAD("type='qemu'", "d") "<os><type>hvm</type><loader/></os></domain>"},
    {"arch", UNSUPPORTED, "architecture 'aarch64'",
     HEAD("type='qemu'", "d") "<os><type arch='aarch64'>hvm</type></os></domain>"},
    {"machine", BAD, "machine type 'pc,x=y'",
     HEAD("type='qemu'", "d") "<os><type machine='pc,x=y'>hvm</type></os></domain>"},
    {"boot", BAD, "'zz'",
     HEAD("type='qemu'", "d") "<os><type>hvm</type><boot dev='zz'/></os></domain>"},
    {"boot-none", BAD, "missing attribute 'dev'",
     HEAD("type='qemu'", "d") "<os><type>hvm</type><boot/></os></domain>"},
    {"uuid", BAD, "malformed <uuid> 'zz'", DOMAIN("<uuid>zz</uuid>")},
    {"no-memory", BAD, "<memory>",
     "<domain type='qemu'><name>d</name><os><type>hvm</type></os></domain>"},
    {"memory-zero", BAD, "<memory>",
     "<domain type='qemu'><name>d</name><memory>0</memory><os><type>hvm</type></os></domain>"},
    {"memory-twice", BAD, "<memory> is given more than once", DOMAIN("<memory>1</memory>")},
    {"title", BAD, "newlines", DOMAIN("<title>a\nb</title>")},
    {"vcpu-zero", BAD, "vCPUs", DOMAIN("<vcpu>0</vcpu>")},
    {"vcpu-word", BAD, "invalid number 'q'", DOMAIN("<vcpu>q</vcpu>")},
    {"vcpu-current", UNSUPPORTED, "maximum vCPU count 2", DOMAIN("<vcpu current='3'>2</vcpu>")},
    {"vcpu-auto", UNSUPPORTED, "'auto'", DOMAIN("<vcpu placement='auto'>2</vcpu>")},
    {"numa", UNSUPPORTED, "unsupported element <numatune> in <domain>", DOMAIN("<numatune/>")},
    {"foreign", UNSUPPORTED, "qemu:commandline",
     DOMAIN("<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'/>")},
    {"feature", UNSUPPORTED, "<smm> in <features>", DOMAIN("<features><smm/></features>")},
    {"cpu-mode", UNSUPPORTED, "'zz'", DOMAIN("<cpu mode='zz'/>")},
    {"cpu-topology", UNSUPPORTED, "<topology> in <cpu>", DOMAIN("<cpu><topology/></cpu>")},
    {"cpu-migratable", UNSUPPORTED, "migratable",
     DOMAIN("<cpu mode='host-model' migratable='on'/>")},
    {"cpu-model", BAD, "CPU model 'a,b'", DOMAIN("<cpu><model>a,b</model></cpu>")},
    {"clock", UNSUPPORTED, "'variable'", DOMAIN("<clock offset='variable'/>")},
    {"timer", UNSUPPORTED, "'kvmclock'",
     DOMAIN("<clock offset='utc'><timer name='kvmclock'/></clock>")},
    {"timer-junk", BAD, "'zz'", DOMAIN("<clock offset='utc'><timer name='zz'/></clock>")},
    {"action", UNSUPPORTED, "unsupported on_crash action: 'zz'", DOMAIN("<on_crash>zz</on_crash>")},
    {"poweroff-preserve", UNSUPPORTED, "'preserve' is not supported for on_poweroff",
     DOMAIN("<on_poweroff>preserve</on_poweroff>")},
    {"reboot-preserve", UNSUPPORTED, "'preserve' is not supported for on_reboot",
     DOMAIN("<on_reboot>preserve</on_reboot>")},
    {"crash-rename", UNSUPPORTED, "not supported for on_crash",
     DOMAIN("<on_crash>rename-restart</on_crash>")},
    {"initrd", UNSUPPORTED, "without a <kernel>",
     HEAD("type='qemu'", "d") "<os><type>hvm</type><initrd>/i</initrd></os></domain>"},

    {"device", UNSUPPORTED, "unsupported element <tpm> in <devices>",
     DEVICES("<tpm model='tpm-tis'/>")},
    {"graphics", UNSUPPORTED, "<graphics>", DEVICES("<graphics type='vnc'/>")},
    {"video", UNSUPPORTED, "'cirrus'", DEVICES("<video><model type='cirrus'/></video>")},
    {"audio", UNSUPPORTED, "'spice'", DEVICES("<audio id='1' type='spice'/>")},
    {"emulator", BAD, "<emulator> 'qemu'", DEVICES("<emulator>qemu</emulator>")},

    {"target-twice", BAD, "target 'vda' duplicated for disk sources '/i/vda' and '/i/vda'",
     DEVICES(PLAIN("vda", "") PLAIN("vda", ""))},
    {"no-target", VIR_ERR_NO_TARGET, "/i/a", DISK(SOURCE)},
    {"no-source", VIR_ERR_NO_SOURCE, "vda", DISK("<target dev='vda'/>")},
    {"empty-source", BAD, "missing attribute 'file'", DISK("<source/><target dev='vda'/>")},
    {"relative", BAD, "'i/a' in element <source> must be absolute",
     DISK("<source file='i/a'/><target dev='vda'/>")},
    {"disk-network", UNSUPPORTED, "'network'",
     DEVICES("<disk type='network'><source/><target dev='vda'/></disk>")},
    {"disk-type", BAD, "'zz'", DEVICES("<disk type='zz'><source/><target dev='vda'/></disk>")},
    {"disk-lun", UNSUPPORTED, "'lun'", DEVICES("<disk type='block' device='lun'/>")},
    {"disk-snapshot", UNSUPPORTED, "attribute 'snapshot' in element <disk>",
     DEVICES("<disk type='file' snapshot='no'>" SOURCE "<target dev='vda'/></disk>")},
    {"encryption", UNSUPPORTED, "<encryption> in <disk>",
     DISK(SOURCE "<target dev='vda'/><encryption/>")},
    {"format", UNSUPPORTED, "'vmdk'", DISK("<driver type='vmdk'/>" SOURCE "<target dev='vda'/>")},
    {"driver", UNSUPPORTED, "unsupported driver name 'tap' for disk 'vda'",
     DISK("<driver name='tap'/>" SOURCE "<target dev='vda'/>")},
    {"queues", UNSUPPORTED, "'queues'", DISK("<driver queues='4'/>" SOURCE "<target dev='vda'/>")},
    {"bus", BAD, "'zz'", DISK(SOURCE "<target dev='vda' bus='zz'/>")},
    {"bus-usb", UNSUPPORTED, "'usb'", DISK(SOURCE "<target dev='sda' bus='usb'/>")},
    {"dst", BAD, "unknown disk name 'foo'", DISK(SOURCE "<target dev='foo'/>")},
    {"dst-path", BAD, "unknown disk name 'vd/../x'", DISK(SOURCE "<target dev='vd/../x'/>")},
    {"dst-long", BAD, "unknown disk name", DISK(SOURCE "<target dev='vdaaaaaaaaaaaa'/>")},
    {"partition", UNSUPPORTED, "partition", DISK(SOURCE "<target dev='vda1'/>")},
    {"cdrom-virtio", UNSUPPORTED, "ejectable",
     DEVICES("<disk type='file' device='cdrom'><target dev='vda'/></disk>")},
    {"cache", BAD, "'zz'", DISK("<driver cache='zz'/>" SOURCE "<target dev='vda'/>")},
    {"io-native", UNSUPPORTED, "io='native'",
     DISK("<driver io='native'/>" SOURCE "<target dev='vda'/>")},
    {"iothread", UNSUPPORTED, "iothread '3' of disk 'vda'",
     DISK("<driver iothread='3'/>" SOURCE "<target dev='vda'/>")},
    {"iothread-zero", BAD, "iothread '0'",
     DISK("<driver iothread='0'/>" SOURCE "<target dev='vda'/>")},
    {"iothread-sata", UNSUPPORTED, "IOThreads not available for bus sata target sda",
     DISK("<driver iothread='1'/>" SOURCE "<target dev='sda' bus='sata'/>")},
    {"boot-order", UNSUPPORTED, "boot order '1' used for more than one device",
     DEVICES(PLAIN("vda", "<boot order='1'/>") PLAIN("vdb", "<boot order='1'/>"))},
    {"boot-zero", BAD, "<boot> of disk 'vda'", DEVICES(PLAIN("vda", "<boot order='0'/>"))},
    {"boot-both", UNSUPPORTED, "per-device boot order",
     HEAD("type='qemu'", "d") "<os><type>hvm</type><boot dev='hd'/></os><devices>" PLAIN(
         "vda", "<boot order='1'/>") "</devices></domain>"},
    {"serial", UNSUPPORTED, "serial 'a,b' of disk 'vda'",
     DEVICES(PLAIN("vda", "<serial>a,b</serial>"))},
    {"share-qcow2", UNSUPPORTED, "shared access for disk 'vda'",
     DISK("<driver type='qcow2'/>" SOURCE "<target dev='vda'/><shareable/>")},
    {"readonly-sata", UNSUPPORTED, "readonly sata disks",
     DISK(SOURCE "<target dev='sda' bus='sata'/><readonly/>")},
    {"ide-q35", UNSUPPORTED, "no IDE controller",
     HEAD("type='qemu'", "d") "<os><type machine='q35'>hvm</type></os><devices>" PLAIN(
         "hda", "") "</devices></domain>"},
    {"ide-fifth", UNSUPPORTED, "only one IDE controller", DEVICES(PLAIN("hde", ""))},
    {"backing-half", BAD, "needs both",
     DISK(SOURCE "<backingStore><format type='raw'/></backingStore><target dev='vda'/>")},
    {"backing-nbd", UNSUPPORTED, "'network'",
     DISK(SOURCE "<backingStore type='network'><format type='raw'/><source/></backingStore><target "
                 "dev='vda'/>")},
    {"alias", BAD, "invalid alias 'ua-,x=y'", DEVICES(PLAIN("vda", "<alias name='ua-,x=y'/>"))},
    {"alias-twice", BAD, "alias 'ua-x'",
     DEVICES(PLAIN("vda", "<alias name='ua-x'/>") PLAIN("vdb", "<alias name='ua-x'/>"))},

    {"address", UNSUPPORTED, "'ccw'", DEVICES(PLAIN("vda", "<address type='ccw'/>"))},
    {"address-range", BAD, "invalid slot '0x20'",
     DEVICES(PLAIN("vda", "<address type='pci' slot='0x20'/>"))},
    {"address-drive-range", BAD, "invalid controller '4000000000'",
     DEVICES(PLAIN("sda", "<address type='drive' controller='4000000000'/>"))},
    {"address-kind", UNSUPPORTED, "cannot have that type of address",
     DEVICES(PLAIN("vda", "<address type='drive' unit='1'/>"))},
    {"address-pci-twice", BAD, "attempted double use of PCI address 0000:00:05.0",
     DEVICES(PLAIN("vda", "<address type='pci' slot='5'/>")
                 PLAIN("vdb", "<address type='pci' slot='0x5'/>"))},
    {"address-drive-twice", UNSUPPORTED, "'sda' and 'sdb' have the same drive address",
     DEVICES(PLAIN("sda", "") PLAIN("sdb", "<address type='drive' unit='0'/>"))},

    {"controller", BAD, "'zz'", DEVICES("<controller type='zz'/>")},
    {"controller-fdc", UNSUPPORTED, "'fdc'", DEVICES("<controller type='fdc'/>")},
    {"controller-model", UNSUPPORTED, "unsupported model 'buslogic' of scsi controller 0",
     DEVICES("<controller type='scsi' model='buslogic'/>")},
    {"controller-twice", BAD, "multiple 'scsi' controllers with index '0'",
     DEVICES("<controller type='scsi' index='0'/><controller type='scsi' index='0'/>")},
    {"controller-root", UNSUPPORTED, "unsupported model 'pcie-root' of pci controller 0",
     DEVICES("<controller type='pci' index='0' model='pcie-root'/>")},
    {"controller-index", BAD, "invalid index '256'",
     DEVICES("<controller type='scsi' index='256'/>")},
    {"controller-iothread", UNSUPPORTED, "needs model virtio-scsi",
     DEVICES("<controller type='scsi'><driver iothread='1'/></controller>")},

    {"mac", BAD, "unable to parse mac address 'zz'",
     DEVICES("<interface type='user'><mac address='zz'/></interface>")},
    {"mac-multicast", BAD, "multicast",
     DEVICES("<interface type='user'><mac address='01:54:00:11:22:33'/></interface>")},
    {"net", UNSUPPORTED, "'bridge'", DEVICES("<interface type='bridge'/>")},
    {"net-model", VIR_ERR_INVALID_ARG, "'z,z'",
     DEVICES("<interface type='user'><model type='z,z'/></interface>")},
    {"chardev", UNSUPPORTED, "'tcp'", DEVICES("<serial type='tcp'/>")},
    {"chardev-path", BAD, "needs a <source> with a path", DEVICES("<serial type='unix'/>")},
    {"console-second", UNSUPPORTED, "only the first console",
     DEVICES("<console type='pty'/><console type='pty'/>")},
    {"channel", BAD, "<target> with a type", DEVICES("<channel type='unix'/>")},
    {"channel-spice", UNSUPPORTED, "'spicevmc'",
     DEVICES("<channel type='spicevmc'><target type='virtio' name='x'/></channel>")},
    {"channel-twice", BAD, "channel name 'a'",
     DEVICES("<channel type='unix'><target type='virtio' name='a'/></channel>"
             "<channel type='unix'><target type='virtio' name='a'/></channel>")},
    {"serials", UNSUPPORTED, "at most 4 serial ports",
     DEVICES("<serial type='null'/><serial type='null'/><serial type='null'/><serial "
             "type='null'/><serial type='null'/>")},
    {"rng", UNSUPPORTED, "'egd'", DEVICES("<rng model='virtio'><backend model='egd'/></rng>")},
    {"rng-rate", UNSUPPORTED, "<rate> in <rng>",
     DEVICES("<rng model='virtio'><rate bytes='1'/><backend model='random'/></rng>")},
    {"input", UNSUPPORTED, "mouse on bus usb", DEVICES("<input type='mouse' bus='usb'/>")},
    {"input-no-usb", UNSUPPORTED, "USB is disabled",
     DEVICES("<controller type='usb' model='none'/><input type='tablet' bus='usb'/>")},
    {"balloon", BAD, "'zz'", DEVICES("<memballoon model='zz'/>")},
    {"balloon-twice", BAD, "<memballoon> is given more than once",
     DEVICES("<memballoon model='none'/><memballoon model='none'/>")},
};

static void
testRefusal(gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(virDomainDef) def = virDomainDefParse(cases[i].xml, 0);

    g_assert_null(def);
    confTestError(cases[i].name, cases[i].code, cases[i].reason);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/domainrefuse/%s", cases[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testRefusal);
    }
    return g_test_run();
}
