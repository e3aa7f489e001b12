#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints of stopped domains: the same results as on running ones, and never two writers."""
import os
import signal
import subprocess
import threading
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
import model
from daemon import wait_until
from processes import processes_with

MIB = 1 << 20
POINTS = ("helper.spawn", "helper.spawned", "checkpoint.create.record.written",
          "checkpoint.create.record.renamed", "helper.store", "helper.stored", "helper.stop")


class Offline(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("stock has no checkpoints of stopped domains")

    def names(self, m):
        return sorted(c.getName() for c in m.dom.listAllCheckpoints())

    def delete(self, m, name, flags=0):
        m.dom.checkpointLookupByName(name).delete(flags)

    def sizes(self, m, name):
        tree = ET.fromstring(m.dom.checkpointLookupByName(name).getXMLDesc(
            libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE))
        return {d.get("name"): int(d.get("size")) for d in tree.findall("disks/disk") if d.get("size")}

    def stored(self, m):
        return {d.target: images.bitmaps(d.path) for d in m.disks}

    def helpers(self):
        return [pid for pid, line in processes_with(self.tmp).items() if "qemu-storage-daemon" in line]

    def shut_down(self, m):
        m.tell("poweroff")
        wait_until("shut off", lambda: not m.dom.isActive())
        m.channel.close()

    def assert_since(self, m, name, before):
        """Export of the running domain: whole disk right, and every changed block is in the bitmap."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (data, dirty) in self.read_exports(m, incremental=True).items():
            now = m[target].model.data
            self.assertSame(now, data, "%s as exported" % target)
            self.assertSame(now, model.apply_extents(before[target].data, data, dirty),
                            "%s rebuilt from %s" % (target, name))
        self.end_pull(m)


class Checkpoints(Offline):
    def test_create_list_delete(self):
        m = self.machine(start=False, boots=False)
        for name in "abc":
            self.checkpoint(m, name)
        self.assertEqual(self.names(m), ["a", "b", "c"])
        want = {"a": [], "b": [], "c": ["auto"]}
        self.assertEqual(self.stored(m), {"vda": want, "vdb": want})
        self.assertEqual(self.sizes(m, "a"), {"vda": 0, "vdb": 0})
        self.delete(m, "c")
        want = {"a": [], "b": ["auto"]}
        self.assertEqual(self.stored(m), {"vda": want, "vdb": want})
        self.delete(m, "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN)
        self.assertEqual(self.stored(m), {"vda": {}, "vdb": {}})
        self.assertEqual((self.names(m), self.helpers()), ([], []))

    def test_bitmaps_count_what_the_guest_then_writes(self):
        m = self.machine()
        m.write("vda", 0, MIB)
        self.shut_down(m)
        self.checkpoint(m, "a")
        a = m.models()
        self.start_machine(m)
        m.write("vda", 4 * MIB, 65536)
        m.write("vdb", 8 * MIB, 3 * 65536)
        self.assert_since(m, "a", a)
        self.shut_down(m)
        self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 3 * 65536})
        self.checkpoint(m, "b")
        b = m.models()
        self.assertEqual(self.sizes(m, "a"), {"vda": 65536, "vdb": 3 * 65536})
        self.assertEqual(self.sizes(m, "b"), {"vda": 0, "vdb": 0})
        self.start_machine(m)
        m.write("vdb", 16 * MIB, 65536)
        self.shut_down(m)
        self.checkpoint(m, "c")
        self.delete(m, "b")
        self.start_machine(m)
        m.write("vda", 20 * MIB, 65536)
        self.assert_since(m, "a", a)
        self.delete(m, "c")
        self.assert_since(m, "a", a)

    def test_redefine_is_validated(self):
        m = self.machine(start=False, boots=False)
        self.checkpoint(m, "a")
        xml = m.dom.checkpointLookupByName("a").getXMLDesc()
        self.delete(m, "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        flags = (libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                 libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE)
        m.dom.checkpointCreateXML(xml, flags)
        self.assertEqual(self.names(m), ["a"])
        self.delete(m, "a")
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "bitmap 'a' on disk 'vda' is missing",
                         m.dom.checkpointCreateXML, xml, flags)

    def test_image_with_a_lost_base(self):
        """Bitmaps belong to the image itself."""
        m = self.machine(start=False, boots=False, disks=1)
        path, base = m["vda"].path, os.path.join(self.images, "base.qcow2")
        images.create(base, m["vda"].size)
        images.rebase(path, base)
        os.unlink(base)
        self.checkpoint(m, "a")
        self.assertEqual(self.stored(m), {"vda": {"a": ["auto"]}})

    def test_image_used_by_somebody_else(self):
        m = self.machine(start=False, boots=False, disks=1)
        self.checkpoint(m, "a")
        other = self.conn.defineXML(m.xml().replace("<name>vm<", "<name>other<").replace(
            m.console_path, m.console_path + "2"))
        other.create()
        path = m["vda"].path
        for function, arguments in ((m.dom.checkpointCreateXML, (self.checkpoint_xml("b"),)),
                                    (self.delete, (m, "a")), (self.sizes, (m, "a"))):
            self.assertError(libvirt.VIR_ERR_OPERATION_FAILED,
                             "cannot open image '%s' of disk 'vda' .*lock" % path, function, *arguments)
        self.assertEqual(self.names(m), ["a"])
        other.destroy()
        self.checkpoint(m, "b")
        self.delete(m, "a")
        self.assertEqual(self.stored(m), {"vda": {"b": ["auto"]}})

    def test_missing_image(self):
        m = self.machine(start=False, boots=False, disks=1)
        os.rename(m["vda"].path, m["vda"].path + ".away")
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "'%s'.*No such file" % m["vda"].path,
                         self.checkpoint, m, "a")
        self.assertEqual(self.names(m), [])
        os.rename(m["vda"].path + ".away", m["vda"].path)
        self.checkpoint(m, "a")

    def test_full_file_system(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        mount = os.path.join(self.tmp, "small")
        os.mkdir(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=777", "none", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", mount])
        self.images = mount
        m = self.machine(start=False, boots=False, disks=1)
        filler = os.path.join(mount, "filler")
        with open(filler, "wb") as f:
            try:
                while True:
                    os.write(f.fileno(), b"x" * 4096)
            except OSError:
                pass
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "cannot store .* in doubt: .*No space left",
                         self.checkpoint, m, "b")
        os.unlink(filler)
        self.checkpoint(m, "c")
        self.assertEqual(self.names(m), ["c"])
        self.assertEqual(self.stored(m), {"vda": {"c": ["auto"]}})


class Concurrency(Offline):
    def test_start_and_checkpoints_at_once(self):
        """The job slot orders them: every checkpoint is made, before the start or after it."""
        m = self.machine(start=False, boots=False)
        errors = []

        def attempt(function, *arguments):
            try:
                function(*arguments)
            except libvirt.libvirtError as e:
                errors.append(str(e))

        def create(name):
            dom = self.connect().lookupByName("vm")
            dom.checkpointCreateXML(self.checkpoint_xml(name), 0)

        threads = [threading.Thread(target=attempt, args=(create, "c%d" % i)) for i in range(6)]
        threads.insert(3, threading.Thread(target=attempt, args=(m.dom.create,)))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        self.assertTrue(m.dom.isActive())
        names = ["c%d" % i for i in range(6)]
        self.assertEqual((self.names(m), self.helpers()), (names, []))
        for target, bitmaps in self.bitmaps(m).items():
            self.assertEqual(sorted(bitmaps), names, target)
            self.assertEqual([b["recording"] for b in bitmaps.values()].count(True), 1)


class Crashes(Offline):
    def usable(self, m, broken=()):
        """Create, size and delete work, stopped and running, and nothing is left."""
        self.checkpoint(m, "later")
        self.assertEqual(self.sizes(m, "later"), {"vda": 0, "vdb": 0})
        m.dom.create()
        self.checkpoint(m, "running")
        for bitmaps in self.bitmaps(m).values():
            self.assertEqual(sorted(bitmaps), [n for n in self.names(m) if n not in broken])
        m.dom.destroy()
        for name in self.names(m):
            self.delete(m, name)
        self.assertEqual(self.stored(m), {"vda": {}, "vdb": {}})
        self.assertEqual(self.helpers(), [])

    def interrupt(self, point, operate, also_helper=False):
        m = self.machine(start=False, boots=False)
        self.checkpoint(m, "old")
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.start_daemon("%s:kill" % point)
        with self.assertRaises(libvirt.libvirtError):
            operate(m)
        self.daemon.wait_end()
        if also_helper:
            for pid in self.helpers():
                os.kill(pid, signal.SIGKILL)
        self.disconnect()
        self.start_daemon()
        return m

    def test_daemon_dies_while_it_creates(self):
        for point in POINTS:
            with self.subTest(point):
                m = self.interrupt(point, lambda m: self.checkpoint(m, "new"))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)

    def test_daemon_dies_while_it_deletes(self):
        for point in ("helper.spawned", "checkpoint.delete.record.renamed", "helper.store",
                      "helper.stored", "checkpoint.delete.unlink.unlinked", "helper.stop"):
            with self.subTest(point):
                m = self.interrupt(point, lambda m: self.delete(m, "old"))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)

    def test_helper_dies_with_the_daemon(self):
        """Bitmaps that were not stored are lost: the checkpoints are broken, and can be deleted."""
        m = self.interrupt("helper.store", lambda m: self.checkpoint(m, "new"), also_helper=True)
        self.assertEqual(self.names(m), ["old"])
        self.usable(m, broken=("old",))

    def test_failure_at_each_point(self):
        for point in POINTS[:-1]:
            with self.subTest(point):
                m = self.machine(start=False, boots=False)
                self.checkpoint(m, "old")
                self.restart_daemon(fault=point + ":fail")
                with self.assertRaises(libvirt.libvirtError):
                    self.checkpoint(m, "new")
                self.assertEqual((self.names(m), self.helpers()), (["old"], []))
                self.usable(m)
                m.dom.undefine()
                self.machines.clear()
                for path in livetest.files_below(self.images):
                    os.unlink(path)


if __name__ == "__main__":
    livetest.main()
