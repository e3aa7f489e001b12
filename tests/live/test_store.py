#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints of disks whose images cannot hold bitmaps: they outlive every regular end of QEMU, and after
any other, or when the disk was changed meanwhile, they are broken and never wrong."""
import json
import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20
BLOCK = 65536


class StoreTest(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("stock has no checkpoints of such disks")
        self.pattern = 0

    # What the daemon keeps

    def store(self, m, target):
        """The record of a disk, or None."""
        path = self.daemon.path("var", "lib", "libvirt", "qemu", "bitmap-store", m.dom.UUIDString(),
                                target + ".json")
        if not os.path.exists(path):
            return None
        with open(path) as f:
            return json.load(f)

    def kept(self):
        """All files of the store."""
        top = self.daemon.path("var", "lib", "libvirt", "qemu", "bitmap-store")
        return sorted(os.path.basename(path) for path in livetest.files_below(top))

    def names(self, m):
        return sorted(c.getName() for c in m.dom.listAllCheckpoints())

    # A guest without an operating system: its device writes

    def poke(self, m, target, offset, length=BLOCK):
        """The disk's own device writes a pattern, as a guest's request would."""
        self.pattern = self.pattern % 250 + 1
        self.device_io(m, target, "write -P %d %d %d" % (self.pattern, offset, length))
        m[target].model.data[offset:offset + length] = bytes([self.pattern]) * length

    def device_io(self, m, target, command):
        alias = next(d.find("alias").get("name") for d in ET.fromstring(m.dom.XMLDesc()).iter("disk")
                     if d.find("target").get("dev") == target)
        device = "/machine/peripheral/%s%s" % (alias, "/virtio-backend" if alias.startswith("virtio") else "")
        line = "qemu-io -d %s \"%s\"" % (device, command)
        said = libvirt_qemu.qemuMonitorCommand(m.dom, line, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        self.assertNotRegex(said, "(?i)error|failed|not found|unknown")

    def assert_since(self, m, name, before):
        """Whole disk right; each changed block is named; and not everything is."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (data, dirty) in self.read_exports(m, incremental=True).items():
            now = m[target].model.data
            self.assertSame(now, data, "%s as exported" % target)
            self.assertSame(now, model.apply_extents(before[target].data, data, dirty),
                            "%s rebuilt from %s" % (target, name))
            self.assertLess(sum(n for _, n in dirty), m[target].size, "%s since %s" % (target, name))
        self.end_pull(m)

    def wait_no_job(self, m, seconds=60):
        """Of a stopped domain too."""
        def gone():
            try:
                m.dom.backupGetXMLDesc()
                return False
            except libvirt.libvirtError as e:
                return e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_BACKUP
        wait_until("the job of %s to end" % m.name, gone, seconds)

    def assert_broken(self, m, name, why):
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, why, self.begin, m,
                         self.pull_xml(m, incremental=name))

    def wait_off(self, m):
        wait_until("shut off", lambda: m.dom.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF, 60)
        m.channel.close()

    def assertNoNodes(self, m):
        """Bitmaps of such disks are not persistent in QEMU."""
        nodes = self.qmp(m.dom, "query-named-block-nodes", flat=True)
        self.assertEqual([n["node-name"] for n in nodes if n["node-name"].startswith("fleece-")], [])
        self.assertEqual(self.qmp(m.dom, "query-block-exports"), [], "exports left")
        for target, bitmaps in self.bitmaps(m).items():
            self.assertLessEqual(set(bitmaps), set(self.names(m)), target)


class RegularEnds(StoreTest):
    def test_guest_that_powers_off_also_without_daemon(self):
        m = self.machine(formats=["qcow2", "raw"])
        m.write("vdb", 0, MIB)
        self.checkpoint(m, "a")
        a = m.models()
        m.write("vda", 2 * MIB, BLOCK)
        m.write("vdb", 4 * MIB, BLOCK)
        self.assert_since(m, "a", a)
        m.tell("poweroff")
        self.wait_off(m)
        self.assertEqual(self.store(m, "vdb")["state"], "saved")
        self.start_machine(m)
        self.assertEqual(self.store(m, "vdb")["state"], "in-use")
        m.write("vdb", 8 * MIB, BLOCK)
        self.assert_since(m, "a", a)
        self.checkpoint(m, "b")
        b = m.models()
        m.write("vdb", 12 * MIB, BLOCK)
        self.restart_daemon(kill=True)
        m.write("vda", 12 * MIB, BLOCK)
        self.assert_since(m, "b", b)
        self.disconnect()
        self.daemon.kill()
        m.tell("poweroff")
        m.channel.close()
        self.start_daemon()
        self.wait_off(m)
        self.start_machine(m)
        m.write("vdb", 16 * MIB, BLOCK)
        for name, before in (("a", a), ("b", b)):
            self.assert_since(m, name, before)

    def test_destroy(self):
        m = self.machine(boots=False, disks=3, formats=["qcow2", "raw", "raw"])
        self.checkpoint(m, "a", {"vda": "bitmap", "vdb": "bitmap", "vdc": "no"})
        a = m.models()
        for target in m.targets:
            self.poke(m, target, 2 * MIB)
        for destroy in (m.dom.destroy, lambda: m.dom.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)):
            destroy()
            self.assertEqual(self.store(m, "vdb")["state"], "saved")
            self.assertIsNone(self.store(m, "vdc"))
            self.start_machine(m)
            self.poke(m, "vdb", 4 * MIB)
            self.begin(m, self.pull_xml(m, disks={"vda": "incremental='a'", "vdb": "incremental='a'",
                                                  "vdc": "backup='no'"}))
            for target, (data, dirty) in self.read_exports(m, incremental=True, targets=["vda", "vdb"]).items():
                self.assertSame(m[target].model.data, model.apply_extents(a[target].data, data, dirty), target)
            self.end_pull(m)
        m.dom.checkpointLookupByName("a").delete()
        m.dom.destroy()
        self.assertEqual(self.kept(), [])

    def test_images_lent_to_another_user(self):
        """Giving an image to QEMU's user and taking it back is no change of it."""
        if os.geteuid() != 0:
            self.skipTest("only root has other users run QEMU")
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write('user = "nobody"\ngroup = "nogroup"\n')
        m = self.machine(start=False, boots=False, disks=1, formats=["raw"])
        os.chmod(m["vda"].path, 0o600)
        self.restart_daemon()
        self.checkpoint(m, "a")
        a = m.models()
        self.start_machine(m)
        self.assertNotEqual(os.stat(m["vda"].path).st_uid, 0)
        self.poke(m, "vda", MIB)
        m.dom.destroy()
        self.assertEqual(os.stat(m["vda"].path).st_uid, 0)
        self.assert_since(m, "a", a)
        self.start_machine(m)
        self.poke(m, "vda", 2 * MIB)
        self.assert_since(m, "a", a)
        m.dom.destroy()
        os.utime(m["vda"].path)
        self.start_machine(m)
        self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed")

    def test_old_qcow2(self):
        m = self.machine(start=False, boots=False, disks=1)
        images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", m["vda"].path,
                    str(m["vda"].size)])
        self.start_machine(m)
        self.checkpoint(m, "a")
        a = m.models()
        self.poke(m, "vda", MIB)
        m.dom.destroy()
        self.assertEqual(self.store(m, "vda")["state"], "saved")
        self.assert_since(m, "a", a)
        self.start_machine(m)
        self.poke(m, "vda", 2 * MIB)
        self.assert_since(m, "a", a)

    def test_disk_that_is_taken_out_and_put_back(self):
        m = self.machine(boots=False, disks=2, formats=["qcow2", "raw"], buses=["scsi", "scsi"])
        self.checkpoint(m, "a")
        a = m.models()
        self.poke(m, "sdb", MIB)
        xml = m["sdb"].xml()
        m.dom.detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        wait_until("sdb to be gone", lambda: "'sdb'" not in m.dom.XMLDesc())
        self.assertEqual(self.store(m, "sdb")["state"], "saved")
        m.dom.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assertEqual(self.store(m, "sdb")["state"], "in-use")
        self.poke(m, "sdb", 2 * MIB)
        self.assert_since(m, "a", a)
        m.dom.detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        wait_until("sdb to be gone", lambda: "'sdb'" not in m.dom.XMLDesc())
        with open(m["sdb"].path, "r+b") as f:
            f.write(b"x")
        m.dom.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed .* written to")

    def test_file_system_of_the_store_is_full(self):
        """What cannot be saved is lost and says why; the guest's end waits for nobody, and when there is room
        again all is well again."""
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        top = self.daemon.path("var", "lib", "libvirt", "qemu", "bitmap-store")
        os.makedirs(top, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M,mode=755", "none", top], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", top])
        filler = os.path.join(top, "filler")
        m = self.machine(boots=False, disks=1, formats=["raw"])
        self.checkpoint(m, "a")
        # Nothing, also for the reason; and too little for an image.
        for room, why in ((0, "were not saved when QEMU ended"), (8192, "they could not be saved: .*No space left")):
            self.fill(filler, room)
            m.dom.destroy()
            m.dom.create()
            self.assert_broken(m, "a", "bitmap 'a' is missing: .*" + why)
            os.unlink(filler)
            m.dom.checkpointLookupByName("a").delete()
            self.checkpoint(m, "a")
        before = m.models()
        self.poke(m, "vda", MIB)
        m.dom.destroy()
        self.fill(filler, 0)
        self.assertError(libvirt.VIR_ERR_SYSTEM_ERROR, "vda.json': No space left", m.dom.create)
        os.unlink(filler)                          # that they are in use could not be noted
        m.dom.create()
        self.assert_since(m, "a", before)
        m.dom.destroy()
        self.fill(filler, 0)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "No space left", self.checkpoint, m, "b")
        os.unlink(filler)
        m.dom.create()
        self.assert_since(m, "a", before)
        self.assertEqual(self.names(m), ["a"])

    def fill(self, path, room):
        """All of the file system but @room bytes."""
        with open(path, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
            f.truncate(f.tell() - room)

    def test_daemon_dies_while_it_ends_a_domain(self):
        """The guest is stopped for good then: the next daemon ends it, and nothing is lost."""
        m = self.machine(boots=False, disks=2, formats=["qcow2", "raw"])
        self.checkpoint(m, "a")
        a = m.models()
        for point in ("settle.stop", "settle.stopped", "store.opened", "store.write", "store.synced",
                      "store.record.written", "store.record.renamed", "settle.bitmaps.done"):
            with self.subTest(point=point):
                self.poke(m, "vdb", MIB)
                self.restart_daemon(fault=point + ":kill")
                with self.assertRaises(libvirt.libvirtError):
                    m.dom.destroy()
                self.daemon.wait_end()
                self.disconnect()
                self.start_daemon()
                self.wait_off(m)
                self.assertEqual(m.dom.state()[1], libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED)
                self.assertEqual(len(self.kept()), 2)
                self.start_machine(m)
                self.assert_since(m, "a", a)


class Doubt(StoreTest):
    def test_qemu_that_was_killed(self):
        for sig in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(signal=sig):
                m = self.machine(boots=False, disks=1, formats=["raw"], name="vm%d" % sig)
                self.checkpoint(m, "a")
                m.dom.destroy()
                self.start_machine(m)
                self.poke(m, "vda", 0)
                os.kill(self.qemu_pid(m.name), sig)
                self.wait_off(m)
                self.start_machine(m)
                self.assert_broken(m, "a", "bitmap 'a' is missing: QEMU ended without saving")
                self.works_again(m)

    def works_again(self, m):
        """A broken checkpoint hinders nothing, and can go."""
        self.checkpoint(m, "new")
        before = m.models()
        self.poke(m, "vda", 3 * MIB)
        m.dom.destroy()
        self.start_machine(m)
        self.assert_since(m, "new", before)
        self.assert_broken(m, "a", "bitmap 'a' is missing: QEMU ended without saving")
        for name in ("a", "new"):
            m.dom.checkpointLookupByName(name).delete()
        m.dom.destroy()
        self.assertEqual(self.kept(), [])

    def test_broken_checkpoint_of_a_stopped_domain(self):
        m = self.machine(start=False, boots=False, disks=1, formats=["raw"])
        self.checkpoint(m, "a")
        self.overwrite(m["vda"].path)
        self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed")
        self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed")
        self.checkpoint(m, "b")
        self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed")
        for name in ("b", "a"):
            m.dom.checkpointLookupByName(name).delete()
        self.assertEqual(self.kept(), [])

    # Changes of the disk while nobody looks

    def overwrite(self, path):
        with open(path, "r+b") as f:
            f.seek(5 * MIB)
            f.write(b"x" * 4096)

    def overwrite_and_put_time_back(self, path):
        before = os.stat(path)
        self.overwrite(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def copy_with_its_time(self, path):
        shutil.copy2(path, path + ".copy")
        os.rename(path + ".copy", path)

    def shrink(self, path):
        os.truncate(path, 16 * MIB)

    def test_disk_changed_behind_our_back(self):
        for change, why in ((self.overwrite, "written to"), (self.overwrite_and_put_time_back, "changed"),
                            (self.copy_with_its_time, "another file"), (self.shrink, "size")):
            with self.subTest(change=change.__name__):
                m = self.machine(boots=False, disks=1, formats=["raw"], name=change.__name__)
                self.checkpoint(m, "a")
                m.dom.destroy()
                change(m["vda"].path)
                self.start_machine(m)
                self.assert_broken(m, "a", "bitmap 'a' is missing: the disk was changed .*" + why)
                m.dom.destroy()
                m.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
                m.dom = None
        self.assertEqual(self.kept(), [])

    def test_file_swapped_under_a_running_qemu(self):
        """What QEMU has written is not the file that the next start finds."""
        m = self.machine(boots=False, disks=1, formats=["raw"])
        self.checkpoint(m, "a")
        self.copy_with_its_time(m["vda"].path)
        self.poke(m, "vda", 0)
        m.dom.destroy()
        self.start_machine(m)
        self.assert_broken(m, "a", "bitmap 'a' is missing")


class BlockDevice(StoreTest):
    """A loop device stands for all of them: its counters of writes are the kernel's, as any other's."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
            self.skipTest("only root makes loop devices")
        self.file = os.path.join(self.images, "below")
        images.create(self.file, 32 * MIB, "raw")
        self.device = self.attach()

    def attach(self):
        device = images.run(["losetup", "--find", "--show", self.file]).stdout.strip()
        self.addCleanup(images.run, ["losetup", "--detach", device], check=False)
        return device

    def block_machine(self):
        m = self.machine(start=False, boots=False, disks=1, formats=["raw"])
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()).replace(
            "<disk type='file'", "<disk type='block'").replace("<source file='%s'" % m["vda"].path,
                                                               "<source dev='%s'" % self.device))
        self.start_machine(m)
        return m

    def test_kept_over_a_stop_and_broken_by_any_write(self):
        m = self.block_machine()
        self.checkpoint(m, "a")
        a = m.models()
        self.poke(m, "vda", MIB)
        m.dom.destroy()
        self.assertEqual(self.store(m, "vda")["stamp"]["kind"], "block")
        with open(self.device, "rb") as f:
            f.read(MIB)
        self.assert_since(m, "a", a)
        self.start_machine(m)
        self.poke(m, "vda", 3 * MIB)
        self.assert_since(m, "a", a)
        for change in (self.write_device, self.write_file_below, self.attach_again):
            with self.subTest(change=change.__name__):
                self.checkpoint(m, change.__name__)
                m.dom.destroy()
                change()
                self.start_machine(m)
                self.assert_broken(m, change.__name__, "is missing: the disk was changed .* written to or set up")

    def write_device(self):
        """Not synced: it is still in the page cache when it is looked for."""
        with open(self.device, "r+b", buffering=0) as f:
            f.seek(5 * MIB)
            f.write(b"x" * 4096)

    def write_file_below(self):
        with open(self.file, "r+b") as f:
            f.seek(6 * MIB)
            f.write(b"x" * 4096)

    def attach_again(self):
        images.run(["losetup", "--detach", self.device])
        images.run(["losetup", self.device, self.file])


class Stopped(StoreTest):
    """The same through the block helper, on a qcow2 and a raw disk at once."""

    def sizes(self, m, name):
        tree = ET.fromstring(m.dom.checkpointLookupByName(name).getXMLDesc(
            libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE))
        return {d.get("name"): int(d.get("size")) for d in tree.findall("disks/disk") if d.get("size")}

    def write_image(self, path, data):
        with open(path + ".data", "wb") as f:
            f.write(data)
        images.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", path + ".data", path])

    def bitmaps_kept(self, m, target):
        store = self.store(m, target)
        bitmaps = store["bitmaps"] if store else []
        return {b["name"]: b["recording"] for b in bitmaps if not images.is_ledger(b["name"])}

    def test_create_size_delete_and_back_up(self):
        m = self.machine(start=False, boots=False, formats=["qcow2", "raw"])
        self.checkpoint(m, "a")
        a = m.models()
        self.assertEqual(self.bitmaps_kept(m, "vdb"), {"a": True})
        self.start_machine(m)
        self.poke(m, "vda", 0)
        self.poke(m, "vdb", MIB, 3 * BLOCK)
        self.assert_since(m, "a", a)
        m.dom.destroy()
        self.assertEqual(self.sizes(m, "a"), {"vda": BLOCK, "vdb": 3 * BLOCK})
        self.checkpoint(m, "b")
        self.assertEqual(self.bitmaps_kept(m, "vdb"), {"a": False, "b": True})
        self.assertEqual(self.sizes(m, "b"), {"vda": 0, "vdb": 0})
        self.assert_since(m, "a", a)
        self.begin(m, self.push_xml(m, "inc", "a"), "c")
        self.wait_no_job(m)
        for target in m.targets:
            path = self.target_path(m, target, "inc")
            base = path + ".base"
            images.create(base, m[target].size)
            self.write_image(base, a[target].data)
            images.rebase(path, base)
            self.assertSame(m[target].model.data, images.content(path), target)
        self.assertEqual(self.names(m), ["a", "b", "c"])
        m.dom.checkpointLookupByName("b").delete()
        self.assertEqual(self.bitmaps_kept(m, "vdb"), {"a": False, "c": True})
        self.assertEqual(self.sizes(m, "a"), {"vda": BLOCK, "vdb": 3 * BLOCK})
        self.start_machine(m)
        self.poke(m, "vdb", 8 * MIB)
        self.assert_since(m, "a", a)
        m.dom.destroy()
        for name in ("c", "a"):
            m.dom.checkpointLookupByName(name).delete()
        self.assertEqual(self.kept(), [])

    def test_redefine_is_validated_and_undefine_clears_up(self):
        m = self.machine(start=False, boots=False, formats=["qcow2", "raw"])
        self.checkpoint(m, "a")
        xml = m.dom.checkpointLookupByName("a").getXMLDesc()
        flags = (libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                 libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE)
        m.dom.checkpointLookupByName("a").delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        m.dom.checkpointCreateXML(xml, flags)
        with open(m["vdb"].path, "r+b") as f:
            f.write(b"x")
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "bitmap 'a' on disk 'vdb' is missing",
                         m.dom.checkpointCreateXML, xml, flags)
        self.checkpoint(m, "b")
        self.assertNotEqual(self.kept(), [])
        m.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        m.dom = None
        self.assertEqual(self.kept(), [])

    def test_disk_that_was_replaced_in_the_definition(self):
        m = self.machine(start=False, boots=False, disks=1, formats=["raw"])
        self.checkpoint(m, "a")
        other = m["vda"].path + ".other"
        images.create(other, m["vda"].size, "raw")
        self.conn.defineXML(m.xml(m.dom.UUIDString()).replace(m["vda"].path + "'", other + "'"))
        self.start_machine(m)
        self.assert_broken(m, "a", "bitmap 'a' is missing: .* another file")


if __name__ == "__main__":
    livetest.main()
