#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that come, go, change their medium or their size while the guest runs, and what becomes of
checkpoints and backups then."""
import os
import signal
import subprocess
import threading
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
import model
from daemon import accepts, wait_until
from machine import Disk, GuestError

MIB = 1 << 20
LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE


class DeviceEvents:
    KINDS = {"added": libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
             "removed": libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
             "refused": libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED}

    def __init__(self, conn):
        self.seen = []
        for kind, number in self.KINDS.items():
            conn.domainEventRegisterAny(None, number, self.push, kind)
        conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, self.tray, None)

    def push(self, conn, dom, alias, kind):
        self.seen.append((kind, alias))

    def tray(self, conn, dom, alias, reason, opaque):
        self.seen.append(("tray", reason))

    def wait(self, *event):
        wait_until("event %s" % (event,), lambda: event in self.seen, 60)


class Hotplug(livetest.LiveTest):
    def events(self):
        """Those of the connection of now, from now on."""
        if getattr(self, "heard", None) is None or self.heard[0] is not self.conn:
            self.heard = (self.conn, DeviceEvents(self.conn))
        self.heard[1].seen.clear()
        return self.heard[1]

    def disk(self, target, bus="virtio", format="qcow2", size=8 * MIB, name=None, make=True):
        """An image that is in no machine yet."""
        d = Disk(target, os.path.join(self.images, name or "more-%s.%s" % (target, format)), size, bus, format)
        if make:
            images.create(d.path, size, format)
        return d

    def targets(self, m, flags=0):
        return [t.get("dev") for t in ET.fromstring(m.dom.XMLDesc(flags)).iter("target")
                if t.get("bus") in ("virtio", "scsi", "ide", "sata") and t.get("dev")]

    def sources(self, m, flags=0):
        return {d.find("target").get("dev"): d.find("source").get("file") if d.find("source") is not None else None
                for d in ET.fromstring(m.dom.XMLDesc(flags)).iter("disk")}

    def alias(self, m, target):
        return next(d.find("alias").get("name") for d in ET.fromstring(m.dom.XMLDesc()).iter("disk")
                    if d.find("target").get("dev") == target)

    def node_files(self, m):
        return sorted(n["file"] for n in self.qmp(m.dom, "query-named-block-nodes", flat=True)
                      if n["node-name"].endswith("-storage"))

    def devices(self, m):
        return {e["name"] for e in self.qmp(m.dom, "qom-list", path="/machine/peripheral")}

    def config(self, m):
        """The definition as it is on disk."""
        with open(self.daemon.path("etc", "libvirt", "qemu", m.name + ".xml")) as f:
            return f.read()

    def attach(self, m, disk, flags=LIVE):
        m.dom.attachDeviceFlags(disk.xml(), flags)
        if flags & LIVE:
            m.disks.append(disk)

    def forget(self, m, target):
        m.disks = [d for d in m.disks if d.target != target]


class WithoutGuest(Hotplug):
    """Nothing boots here: what SCSI and the definition can do without a guest's help."""

    def test_scsi_comes_and_goes(self):
        m = self.machine(boots=False, disks=1, buses=["scsi"])
        events = self.events()
        before = self.devices(m)
        sdb, sdc = self.disk("sdb", "scsi"), self.disk("sdc", "scsi", "raw")
        self.attach(m, sdb)
        self.attach(m, sdc, LIVE | CONFIG)
        events.wait("added", "scsi0-0-0-2")
        self.assertEqual(self.targets(m), ["sda", "sdb", "sdc"])
        self.assertEqual(self.targets(m, INACTIVE), ["sda", "sdc"])
        self.assertEqual(self.node_files(m), sorted(d.path for d in m.disks))
        self.assertEqual(m.dom.blockInfo("sdc")[0], sdc.size)
        self.restart_daemon(kill=True)                 # it finds all of this again
        events = self.events()
        self.assertEqual(self.targets(m), ["sda", "sdb", "sdc"])
        self.assertEqual(self.targets(m, INACTIVE), ["sda", "sdc"])
        m.dom.detachDeviceFlags(sdc.xml(), LIVE | CONFIG)
        m.dom.detachDeviceAlias("scsi0-0-0-1", LIVE)
        events.wait("removed", "scsi0-0-0-2")
        events.wait("removed", "scsi0-0-0-1")
        self.assertEqual(self.targets(m), ["sda"])
        self.assertEqual(self.targets(m, INACTIVE), ["sda"])
        self.assertEqual(self.devices(m), before)
        self.assertEqual(self.node_files(m), [m["sda"].path])
        images.info(sdc.path)
        m.disks = m.disks[:1]

    def test_what_fails_leaves_nothing(self):
        m = self.machine(boots=False, disks=1, buses=["scsi"])
        devices, nodes, xml = self.devices(m), self.node_files(m), m.dom.XMLDesc()
        inactive, config = m.dom.XMLDesc(INACTIVE), self.config(m)
        attach = lambda disk: m.dom.attachDeviceFlags(disk.xml(), LIVE | CONFIG)
        missing = self.disk("sdb", "scsi", make=False)
        self.assertError(libvirt.VIR_ERR_SYSTEM_ERROR, "Cannot access storage file '%s'" % missing.path,
                         attach, missing)
        wrong = self.disk("sdb", "scsi", format="raw", name="wrong")
        wrong.format = "qcow2"
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "attach.format.sdb.*not in qcow2 format", attach, wrong)
        taken = self.disk("sda", "scsi", name="taken")
        self.assertError(libvirt.VIR_ERR_XML_ERROR, "target 'sda' duplicated", attach, taken)
        used = self.disk("sdb", "scsi", name=os.path.basename(m["sda"].path), make=False)
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "write.*lock", attach, used)
        place = self.disk("sdb", "scsi", name="place")
        place.extra = "<address type='drive' controller='0' bus='0' target='9' unit='20000'/>"
        self.assertError(libvirt.VIR_ERR_XML_ERROR, "unit '20000'", attach, place)
        board = self.disk("vda", name="board")
        board.extra = "<address type='pci' slot='1'/>"
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "attach.device.vda.*slot 1", attach, board)
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "'sata' cannot be hotplugged", m.dom.attachDevice,
                         self.disk("sdb", "sata", name="sata").xml())
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "'interface' cannot be attached", m.dom.attachDevice,
                         "<interface type='user'/>")
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "unknown device type 'toaster'", m.dom.attachDevice,
                         "<toaster/>")
        self.assertError(libvirt.VIR_ERR_DEVICE_MISSING, "sdz", m.dom.detachDeviceFlags,
                         "<disk><target dev='sdz'/></disk>", LIVE | CONFIG)
        self.assertError(libvirt.VIR_ERR_DEVICE_MISSING, "alias nobody", m.dom.detachDeviceAlias, "nobody", LIVE)
        self.assertEqual((self.devices(m), self.node_files(m), m.dom.XMLDesc(), m.dom.XMLDesc(INACTIVE),
                          self.config(m)), (devices, nodes, xml, inactive, config))

    def test_a_daemon_that_dies_in_between(self):
        """Before the device is there: no disk. Behind it: the disk. A device that went while no daemon
        looked: no disk."""
        for fault, there in (("hotplug.status:kill", False), ("attach.format.sdb:kill", False),
                             ("attach.device.sdb.done:kill", True)):
            with self.subTest(fault=fault):
                m = self.machine(boots=False, disks=1, buses=["scsi"], name="vm-%d" % len(self.machines))
                self.restart_daemon(fault=fault)
                sdb = self.disk("sdb", "scsi", name="sdb-%d" % len(self.machines))
                with self.assertRaises(libvirt.libvirtError):
                    m.dom.attachDeviceFlags(sdb.xml(), LIVE)
                self.daemon.wait_end()
                self.disconnect()
                self.start_daemon()
                want = ["sda", "sdb"] if there else ["sda"]
                wait_until("the disks to be %s" % want, lambda: self.targets(m) == want)
                self.assertEqual(self.node_files(m), sorted([m["sda"].path] + ([sdb.path] if there else [])))
                if not there:
                    self.attach(m, sdb)
                m.dom.detachDeviceFlags(sdb.xml(), LIVE)
                self.assertEqual(self.targets(m), ["sda"])
                self.assertEqual(self.node_files(m), [m["sda"].path])
                self.forget(m, "sdb")
                m.dom.destroy()

    def test_virtio_waits_for_the_guest(self):
        """A guest that does not listen keeps the disk; its reset ends that."""
        m = self.machine(boots=False, disks=1)
        events = self.events()
        vdb = self.disk("vdb")
        self.attach(m, vdb)
        alias = self.alias(m, "vdb")
        m.dom.detachDeviceAlias(alias, LIVE)
        m.dom.detachDeviceAlias(alias, LIVE)           # asked once is asked twice
        self.assertEqual(self.targets(m), ["vda", "vdb"])
        m.dom.reset()
        events.wait("removed", alias)
        wait_until("vdb to be gone", lambda: self.targets(m) == ["vda"])
        self.assertEqual(self.node_files(m), [m["vda"].path])
        self.forget(m, "vdb")

    def test_definition_of_a_stopped_domain(self):
        m = self.machine(start=False, boots=False, disks=1)
        vdb = self.disk("vdb")
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", m.dom.attachDevice, vdb.xml())
        m.dom.attachDeviceFlags(vdb.xml(), libvirt.VIR_DOMAIN_AFFECT_CURRENT)
        self.assertEqual(self.targets(m), ["vda", "vdb"])
        m.dom.updateDeviceFlags(self.disk("vdb", format="raw").xml(), CONFIG)
        self.restart_daemon(kill=True)
        self.assertIn("more-vdb.raw", self.sources(m)["vdb"])
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "not running", m.dom.blockResize, "vda", 16 << 10, 0)
        m.dom.detachDeviceFlags("<disk><target dev='vdb'/></disk>", CONFIG)
        self.assertError(libvirt.VIR_ERR_DEVICE_MISSING, "vdb", m.dom.detachDeviceFlags,
                         "<disk><target dev='vdb'/></disk>", CONFIG)
        self.assertEqual(self.targets(m), ["vda"])

    def test_media(self):
        first, second = (os.path.join(self.images, n) for n in ("first.iso", "second.iso"))
        for path in (first, second):
            with open(path, "wb") as f:
                f.truncate(MIB)
        m = self.machine(boots=False, disks=1, extra="<disk type='file' device='cdrom'><driver name='qemu' "
                         "type='raw'/><source file='%s'/><target dev='hda' bus='ide'/></disk>" % first)
        events = self.events()
        self.virsh("change-media", "vm", "hda", second)
        events.wait("tray", libvirt.VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN)
        events.wait("tray", libvirt.VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE)
        self.assertEqual(self.node_files(m), sorted([m["vda"].path, second]))
        self.assertEqual(self.sources(m)["hda"], second)
        self.assertEqual(self.sources(m, INACTIVE)["hda"], first)
        gone = self.virsh("change-media", "vm", "hda", "/nowhere.iso", check=False)
        self.assertIn("Cannot access storage file '/nowhere.iso'", gone.stderr)
        self.assertEqual(self.node_files(m), sorted([m["vda"].path, second]))
        self.virsh("change-media", "vm", "hda", "--eject", "--live", ours=True)
        self.assertEqual(self.node_files(m), [m["vda"].path])
        self.assertIsNone(self.sources(m)["hda"])
        self.virsh("change-media", "vm", "hda", first, "--insert", ours=True)
        self.assertEqual(self.sources(m)["hda"], first)
        self.assertError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, "field 'cache'", m.dom.updateDeviceFlags,
                         m["vda"].xml().replace("type='qcow2'", "type='qcow2' cache='none'"), LIVE)

    def test_device_that_has_grown(self):
        if os.geteuid() != 0:
            self.skipTest("loop devices need root")
        path = os.path.join(self.tmp, "dev")
        with open(path, "wb") as f:
            f.truncate(8 * MIB)
        device = images.run(["losetup", "--show", "-f", path]).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device])
        m = self.machine(start=False, boots=False, disks=2, formats=["qcow2", "raw"], size=8 * MIB)
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()).replace("<disk type='file'", "<disk type='block'").replace(
            "<disk type='block'", "<disk type='file'", 1).replace("<source file='%s'" % m["vdb"].path,
                                                                   "<source dev='%s'" % device))
        m["vdb"].path = device
        m.dom.create()
        self.checkpoint(m, "a")
        os.truncate(path, 12 * MIB)
        images.run(["losetup", "-c", device])
        capacity, both = 2, 3          # not in Debian's bindings
        refused = lambda words, *args: self.assertError(libvirt.VIR_ERR_INVALID_ARG, words, m.dom.blockResize, *args)
        refused("'vda'.*raw disks on local block devices", "vda", 0, capacity)
        refused("'vdb'.*9437184 bytes: its device '%s' has 12582912" % device, "vdb", 9 * MIB, both)
        m.dom.blockResize("vdb", 12 << 10, capacity)
        self.assertEqual(m.dom.blockInfo("vdb")[0], 12 * MIB)
        self.begin(m, self.pull_xml(m, incremental="a", disks={"vdb": ""}))
        data, dirty = self.read_exports(m, True, ["vdb"])["vdb"]
        self.end_pull(m)
        self.assertEqual((len(data), dirty), (12 * MIB, [(8 * MIB, 4 * MIB)]))
        m.dom.checkpointLookupByName("a").delete()

    def test_resize_after_the_death_of_qemu(self):
        """QEMU resizes no image with inconsistent bitmaps, so they go; what they belonged to is broken as before."""
        m = self.machine(boots=False, disks=1, size=8 * MIB)
        self.checkpoint(m, "a")
        self.checkpoint(m, "b")
        m.dom.destroy()
        self.start_machine(m)
        os.kill(self.qemu_pid(m.name), signal.SIGKILL)
        wait_until("the domain to be off", lambda: not m.dom.isActive())
        self.start_machine(m)
        self.checkpoint(m, "c")
        m.dom.blockResize("vda", 9 << 10, 0)
        for name in "ab":
            self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "'%s'" % name, self.begin, m,
                             self.pull_xml(m, incremental=name))
        self.begin(m, self.pull_xml(m, incremental="c"))
        data, dirty = self.read_exports(m, True, ["vda"])["vda"]
        self.end_pull(m)
        self.assertEqual((len(data), dirty), (9 * MIB, [(8 * MIB, MIB)]))
        for name in "abc":
            m.dom.checkpointLookupByName(name).delete()
        m.dom.blockResize("vda", 8 << 10, 0)

    def test_media_of_a_guest_that_resets_its_drive(self):
        """Which closes the tray at any moment, and empties nothing."""
        media = [os.path.join(self.images, "%d.iso" % i) for i in range(2)]
        for path in media:
            with open(path, "wb") as f:
                f.truncate(MIB)
        m = self.machine(boots=False, disks=1, extra="<disk type='file' device='cdrom'><driver name='qemu' "
                         "type='raw'/><source file='%s'/><target dev='hda' bus='ide'/></disk>" % media[0])
        xml = ("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/>"
               "<target dev='hda' bus='ide'/></disk>")
        over = threading.Event()

        def reset():
            dom = self.connect().lookupByName("vm")
            while not over.is_set():
                self.qmp(dom, "system_reset")

        thread = threading.Thread(target=reset)
        thread.start()
        try:
            for i in range(1, 60):
                m.dom.updateDeviceFlags(xml % media[i % 2], LIVE)
                self.assertEqual(self.node_files(m), sorted([m["vda"].path, media[i % 2]]))
                self.assertEqual(self.sources(m)["hda"], media[i % 2])
        finally:
            over.set()
            thread.join()

    def slow_server(self, size):
        """An NBD server that needs 8 s for 256 MiB; its socket."""
        where = os.path.join(self.tmp, "slow")
        process = subprocess.Popen(["nbdkit", "-f", "-U", where, "--filter=rate", "memory", str(size), "rate=256M"],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.own.append(process.pid)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until("nbdkit to listen", lambda: os.path.exists(where) and accepts(where))
        return where

    def test_disk_of_a_push(self):
        m = self.machine(start=False, boots=False, disks=1, buses=["scsi"], size=256 * MIB)
        images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 256M", m["sda"].path])
        self.start_machine(m)
        jobs = livetest.Events(self.conn)
        devices = self.events()
        self.begin(m, "<domainbackup><disks><disk name='sda' type='network'><target protocol='nbd'>"
                   "<host transport='unix' socket='%s'/></target></disk></disks></domainbackup>"
                   % self.slow_server(256 * MIB), "a")
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "'sda'.*cannot be detached: it is being backed up",
                         m.dom.detachDeviceFlags, m["sda"].xml(), LIVE)
        self.qmp(m.dom, "device_del", id="scsi0-0-0-0")
        # QEMU may first finish what it has on its way, which can be all of it: then the push is good.
        jobs.wait("the end of the job", lambda e: e[0] == "job", 120)
        devices.wait("removed", "scsi0-0-0-0")
        wait_until("sda to be gone", lambda: self.targets(m) == [])
        self.assertEqual(self.node_files(m), [])
        m.disks = []
        self.assertIn("auto", images.bitmaps(os.path.join(self.images, "vm-sda.qcow2"))["a"])

    def test_same_words_as_stock(self):
        m = self.machine(boots=False, disks=1, buses=["scsi"])
        sdb = self.disk("sdb", "scsi")
        lines = [("attach-disk vm %s sdb --targetbus scsi --subdriver qcow2 --live" % sdb.path,
                  "Disk attached successfully"),
                 ("blockresize vm sdb 16M", "Block device 'sdb' is resized"),
                 ("detach-disk vm sdb", "Disk detached successfully"),
                 ("detach-disk vm sdb", "error: No disk found whose source path or target is sdb"),
                 ("blockresize vm sdb 16M", "error: Failed to resize block device 'sdb'\n"
                  "error: invalid argument: disk 'sdb' was not found in the domain config")]
        for ours in (False, True):
            for line, want in lines:
                done = self.virsh(*line.split(), ours=ours, check=False)
                self.assertEqual((done.stdout + done.stderr).strip(), want, line)
            self.assertEqual(images.info(sdb.path)["virtual-size"], 16 * MIB)
        printed = ["attach-disk vm /a sda --print-xml --type cdrom --mode readonly --serial abc --cache none "
                   "--io native --address scsi:0.0.1 --driver qemu --subdriver raw --alias ua-x",
                   "attach-disk vm /a vdr --print-xml --address pci:0000.00.0a.0 --multifunction --mode shareable "
                   "--sourcetype block",
                   "attach-disk vm /a vdr --print-xml --source-protocol nbd --source-host-name a:1",
                   "attach-disk vm /a vdr --print-xml --address pci:xx", "attach-disk vm /a vdr --mode foo",
                   "attach-disk vm /a vdr --sourcetype foo", "attach-disk vm /a vdr --live --current",
                   "detach-device-alias vm nope", "blockresize vm sda 1Q"]
        for line in printed:
            stock, mine = (self.virsh(*line.split(), ours=ours, check=False) for ours in (False, True))
            self.assertEqual((mine.stdout, mine.stderr), (stock.stdout, stock.stderr), line)


class WithGuest(Hotplug):
    def wait_in_guest(self, m, target, size):
        def seen():
            try:
                return m.tell("size " + target) == str(size)
            except GuestError:
                return False
        wait_until("the guest to see %s of %d bytes" % (target, size), seen, 60)

    def plug(self, m, disk, flags=LIVE):
        self.attach(m, disk, flags)
        self.wait_in_guest(m, disk.target, disk.size)

    def unplug(self, m, target):
        disk = m[target]
        events = self.events()
        m.tell("close " + target)
        alias = self.alias(m, target)
        m.dom.detachDeviceFlags(disk.xml(), LIVE)
        events.wait("removed", alias)
        wait_until("%s to be gone" % target, lambda: target not in self.targets(m))
        self.forget(m, target)
        return disk

    def full(self, m, checkpoint):
        self.begin(m, self.pull_xml(m), checkpoint)
        read = self.read_exports(m)
        self.end_pull(m)
        return {t: data for t, (data, _) in read.items()}

    def assert_since(self, m, since, states, disks=None, checkpoint=None):
        """Incrementals of @disks since @since, put on @states, are the disks of now; {target: extents}."""
        chosen = {t: "" if t in (disks or m.targets) else "backup='no'" for t in m.targets}
        self.begin(m, self.pull_xml(m, incremental=since, disks=chosen), checkpoint)
        read = self.read_exports(m, incremental=True, targets=disks)
        self.end_pull(m)
        for t, (data, dirty) in read.items():
            base = bytearray(states[t]) + bytes(max(0, len(data) - len(states[t])))
            self.assertSame(m[t].model.data, data, t)
            self.assertSame(m[t].model.data, model.apply_extents(base, data, dirty), t + " restored")
        return {t: dirty for t, (_, dirty) in read.items()}

    def test_checkpoints_of_disks_that_come_and_go(self):
        m = self.machine(disks=1)
        m.write("vda", MIB, 65536)
        states = self.full(m, "a")
        vdb = self.disk("vdb")
        self.plug(m, vdb)
        m.write("vdb", 0, MIB)
        # Not part of "a": refused by name, unless that disk is wanted in full.
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "'vdb' was not part of checkpoint 'a'",
                         self.begin, m, self.pull_xml(m, incremental="a"))
        self.begin(m, self.pull_xml(m, disks={"vda": "incremental='a'", "vdb": "backupmode='full'"}), "b")
        states = {"vda": self.read_exports(m, targets=["vda"])["vda"][0],
                  "vdb": self.read_exports(m, targets=["vdb"])["vdb"][0]}
        self.assertSame(m["vdb"].model.data, states["vdb"], "vdb in full")
        self.end_pull(m)
        # It goes and comes back: its bitmap with it.
        m.write("vdb", 2 * MIB, 65536)
        self.unplug(m, "vdb")
        self.assertIn("auto", images.bitmaps(vdb.path)["b"])
        self.assertNotIn("in-use", images.bitmaps(vdb.path)["b"])
        self.plug(m, vdb)
        m.write("vdb", 3 * MIB, 65536)
        dirty = self.assert_since(m, "b", states)
        self.assertEqual(dirty["vdb"], [(2 * MIB, 65536), (3 * MIB, 65536)])
        # It grows: the new part counts as changed, written or not.
        m.dom.blockResize("vdb", 16 << 10, 0)
        self.wait_in_guest(m, "vdb", 16 * MIB)
        vdb.size = vdb.model.size = 16 * MIB
        vdb.model.data += bytes(8 * MIB)
        m.write("vdb", 12 * MIB, 65536)
        dirty = self.assert_since(m, "b", states)
        self.assertEqual(dirty["vdb"], [(2 * MIB, 65536), (3 * MIB, 65536), (8 * MIB, 8 * MIB)])
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "cannot shrink.*'b'", m.dom.blockResize, "vdb",
                         8 << 10, 0)
        # Another image, even one with bitmaps of the same names, is another disk.
        self.unplug(m, "vdb")
        other = self.disk("vdb", size=16 * MIB, name="other.qcow2", make=False)
        with open(vdb.path, "rb") as f, open(other.path, "wb") as g:
            g.write(f.read())
        self.plug(m, other)
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "its image is '.*other.qcow2' now",
                         self.begin, m, self.pull_xml(m, incremental="b"))
        self.assert_since(m, "b", states, ["vda"])
        self.unplug(m, "vdb")
        self.plug(m, vdb)
        self.assert_since(m, "b", states, checkpoint="c")

    def test_raw_disk_takes_its_bitmaps_along(self):
        m = self.machine(disks=1)
        vdb = self.disk("vdb", format="raw")
        self.plug(m, vdb)
        m.write("vdb", 0, MIB)
        states = self.full(m, "a")
        m.write("vdb", 2 * MIB, 65536)
        self.unplug(m, "vdb")
        self.plug(m, vdb)
        m.write("vdb", 3 * MIB, 65536)
        dirty = self.assert_since(m, "a", states)
        self.assertEqual(dirty["vdb"], [(2 * MIB, 65536), (3 * MIB, 65536)])
        m.dom.blockResize("vdb", 9 << 10, 0)
        self.wait_in_guest(m, "vdb", 9 * MIB)
        vdb.size = vdb.model.size = 9 * MIB
        vdb.model.data += bytes(MIB)
        dirty = self.assert_since(m, "a", states)
        self.assertEqual(dirty["vdb"], [(2 * MIB, 65536), (3 * MIB, 65536), (8 * MIB, MIB)])
        # A device that QEMU refuses: the bitmaps are as good as before.
        self.unplug(m, "vdb")
        used = vdb.xml().replace("</disk>", "<alias name='ua-x'/><address type='pci' slot='1'/></disk>")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "attach.device.vdb", m.dom.attachDevice, used)
        self.plug(m, vdb)
        self.assertEqual(self.assert_since(m, "a", states), dirty)
        # Somebody writes to it while it is away.
        self.unplug(m, "vdb")
        with open(vdb.path, "r+b") as f:
            f.write(b"x")
        self.plug(m, vdb)
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "'vdb'", self.begin, m,
                         self.pull_xml(m, incremental="a"))

    def test_disks_of_a_pull(self):
        """A disk that is read stays and keeps its size. A guest that takes it away fails the backup, and
        runs on."""
        m = self.machine(disks=2, buses=["virtio", "scsi"])
        jobs = livetest.Events(self.conn)
        self.plug(m, self.disk("vdb"))
        self.begin(m, self.pull_xml(m, disks={"vda": "", "sda": "", "vdb": "backup='no'"}))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "'sda'.*cannot be detached: it is being backed up",
                         m.dom.detachDeviceFlags, m["sda"].xml(), LIVE)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "'vda'.*cannot be resized: it is being backed up",
                         m.dom.blockResize, "vda", 64 << 10, 0)
        m.dom.blockResize("vdb", 16 << 10, 0)          # not in the backup
        self.unplug(m, "vdb")
        m.tell("close sda")
        devices = self.events()
        self.qmp(m.dom, "device_del", id="scsi0-0-0-0")            # as a guest would
        jobs.wait("the failed job", lambda e: e[0] == "job" and not e[2].get("success", True), 60)
        devices.wait("removed", "scsi0-0-0-0")
        wait_until("sda to be gone", lambda: "sda" not in self.targets(m))
        self.assertIn("was taken out of the running guest", self.completed(m)["errmsg"])
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        m.write("vda", 0, 65536)
        sda = m["sda"]
        self.forget(m, "sda")
        self.plug(m, sda)
        self.begin(m, self.pull_xml(m))
        for target, (data, _) in self.read_exports(m).items():
            self.assertSame(m[target].model.data, data, target)
        self.end_pull(m)


if __name__ == "__main__":
    livetest.main()
