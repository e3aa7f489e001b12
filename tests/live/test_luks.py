#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encrypted disks: inside qcow2 (vda) and around raw data (vdb). Who reads them through QEMU gets what
the guest wrote; who reads the files gets none of it; and nobody finds the passphrase."""
import base64
import os
import re

import libvirt

import images
import livetest
import model
from daemon import wait_until
from machine import MIB, Disk, GuestError, Machine
from test_store import BLOCK, StoreTest

UUID = "11111111-2222-4333-8444-555555555555"
USAGE = "/images/vdb"
PASSPHRASE = b"open sesame\n"
BY_UUID = "uuid='%s'" % UUID
BY_USAGE = "usage='%s'" % USAGE
NO_SECRET = libvirt.VIR_ERR_NO_SECRET


def encryption(secret):
    return "<encryption format='luks'><secret type='passphrase' %s/></encryption>" % secret


class LuksTest(StoreTest):
    made = {}       # empty encrypted images by format and size: each test has copies

    def setUp(self):
        super().setUp()
        self.key = os.path.join(self.tmp, "passphrase")
        with open(self.key, "wb") as f:
            f.write(PASSPHRASE)
        self.secrets()

    def secrets(self):
        """One secret a usage: both hold the same passphrase."""
        for uuid, path in ((UUID, "/images/vda"), ("2" + UUID[1:], USAGE)):
            secret = self.conn.secretDefineXML(
                "<secret private='yes'><uuid>%s</uuid><usage type='volume'><volume>%s</volume></usage></secret>"
                % (uuid, path))
            secret.setValue(PASSPHRASE)

    def secret(self, uuid=UUID):
        return self.conn.secretLookupByUUIDString(uuid)

    # Images

    def create(self, disk):
        luks = disk.format == "raw"
        prefix = "" if luks else "encrypt."
        options = [prefix + "key-secret=s", prefix + "iter-time=10"] + ([] if luks else ["encrypt.format=luks"])
        argv = ["qemu-img", "create", "-q", "--object", "secret,id=s,file=" + self.key,
                "-f", "luks" if luks else "qcow2", "-o", ",".join(options), disk.path, str(disk.size)]
        made = LuksTest.made.get((disk.format, disk.size))
        if made is None:
            # qemu-img measures for seconds how fast the host is, and fails now and then on one that is busy
            wait_until("image %s" % disk.path, lambda: images.run(argv, check=False).returncode == 0)
            with open(disk.path, "rb") as f:
                made = LuksTest.made[disk.format, disk.size] = f.read()
        with open(disk.path, "wb") as f:
            f.write(made)

    def decrypted(self, path, luks=False):
        """The content of an encrypted image, by qemu-img and the passphrase."""
        out = path + ".raw"
        source = ("driver=luks,key-secret=s,file.filename=%s" if luks
                  else "driver=qcow2,encrypt.key-secret=s,file.filename=%s") % path
        try:
            images.run(["qemu-img", "convert", "-U", "--object", "secret,id=s,file=" + self.key, "-O", "raw",
                        "--image-opts", source, out])
            with open(out, "rb") as f:
                return f.read()
        finally:
            if os.path.exists(out):
                os.unlink(out)

    def assert_encrypted(self, path):
        """Nothing in the file is as a guest of ours writes, nor as self.poke() does."""
        with open(path, "rb") as f:
            data = f.read()
        self.assertNotIn(model.MAGIC, data, path)
        for pattern in range(1, self.pattern + 1):
            self.assertNotIn(bytes([pattern]) * 512, data, path)

    # Machines

    def luks_disk(self, target, secret=BY_UUID, format="qcow2", size=16 * MIB):
        d = Disk(target, os.path.join(self.images, "vm-%s.%s" % (target, format)), size, format=format,
                 extra=encryption(secret))
        self.create(d)
        if format == "raw":
            # sectors that nobody has written decrypt to noise
            d.model.data = bytearray(self.decrypted(d.path, luks=True))
        return d

    def luks_machine(self, boots=False, start=True):
        m = Machine(self.images, boots=boots, disks=0)
        m.disks = [self.luks_disk("vda"), self.luks_disk("vdb", BY_USAGE, "raw")]
        self.machines.append(m)
        m.dom = self.conn.defineXML(m.xml())
        if start:
            self.start_machine(m)
        return m

    def seen(self, m, target, size):
        try:
            return m.tell("size " + target) == str(size)
        except GuestError:
            return False

    def objects(self, m):
        return [o["name"] for o in self.qmp(m.dom, "qom-list", path="/objects") if "secret" in o["name"]]

    def assert_passphrase_nowhere(self, m):
        pid = self.qemu_pid()
        told = [m.dom.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE).encode()]
        for path in ("/proc/%d/cmdline" % pid, "/proc/%d/environ" % pid):
            with open(path, "rb") as f:
                told.append(f.read())
        for path in livetest.files_below(self.daemon.path()):
            if not os.path.islink(path) and os.path.isfile(path) and "/libvirt/secrets/" not in path:
                with open(path, "rb") as f:
                    told.append(f.read())
        for text in (PASSPHRASE.strip(), base64.b64encode(PASSPHRASE)):
            self.assertEqual([t[:300] for t in told if text in t], [])


class Disks(LuksTest):
    def test_guest_checkpoints_and_backups(self):
        self.disconnect()
        self.daemon.stop()
        self.daemon.start(env={"LIBVIRT_DEBUG": "1"})
        self.conn = self.connect()
        self.secrets()
        m = self.luks_machine(boots=True)
        for target in m.targets:
            m.write(target, 0, 2 * BLOCK)
        self.checkpoint(m, "a")
        before = m.models()
        for target in m.targets:
            m.write(target, 5 * BLOCK, BLOCK)
        self.assert_since(m, "a", before)
        self.assert_passphrase_nowhere(m)
        m.dom.destroy()
        m.channel.close()
        # a clean end of QEMU: the bitmap of vda is in its image, that of vdb in the store
        self.assertIn("a", images.bitmaps(m["vda"].path))
        self.assertIsNotNone(self.store(m, "vdb"))
        for disk in m.disks:
            self.assertSame(disk.model.data, self.decrypted(disk.path, disk.format == "raw"), disk.target)
            self.assert_encrypted(disk.path)
        self.start_machine(m)
        for target in m.targets:
            m.write(target, 9 * BLOCK, BLOCK)
        self.restart_daemon(kill=True)
        self.assert_since(m, "a", before)
        self.push(m, "inc", "a")
        for disk in m.disks:
            images.rebase(self.target_path(m, disk.target, "inc"), self.base(before[disk.target]))
            self.assertSame(disk.model.data, images.content(self.target_path(m, disk.target, "inc")), disk.target)

    def base(self, before):
        """A plain image with the content of a model."""
        path = os.path.join(self.out, before.target + ".base")
        with open(path + ".raw", "wb") as f:
            f.write(before.data)
        images.run(["qemu-img", "convert", "-O", "qcow2", path + ".raw", path])
        return path

    def test_stopped(self):
        m = self.luks_machine(start=False)
        self.checkpoint(m, "a")
        before = m.models()
        self.start_machine(m)
        for target in m.targets:
            self.poke(m, target, 3 * BLOCK)
        m.dom.destroy()
        self.assert_since(m, "a", before)
        self.push(m, "full")
        for disk in m.disks:
            self.assertSame(disk.model.data, images.content(self.target_path(m, disk.target, "full")), disk.target)
            self.assertEqual(m.dom.blockInfo(disk.target)[0], disk.size)
        self.assertEqual(self.names(m), ["a"])

    def test_hotplug(self):
        m = self.luks_machine(boots=True)
        disk = self.luks_disk("vdc")
        m.dom.attachDeviceFlags(disk.xml(), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        m.disks.append(disk)
        wait_until("the guest to see vdc", lambda: self.seen(m, "vdc", disk.size), 60)
        self.assertEqual(len(self.objects(m)), 3)
        m.write("vdc", 0, BLOCK)
        self.checkpoint(m, "a", {"vdc": "bitmap"})
        before = m.models()
        m.write("vdc", 2 * BLOCK, BLOCK)
        self.begin(m, self.pull_xml(m, incremental="a", disks={"vdc": ""}))
        data, dirty = self.read_exports(m, incremental=True, targets=["vdc"])["vdc"]
        self.end_pull(m)
        self.assertSame(disk.model.data, data, "vdc")
        self.assertSame(disk.model.data, model.apply_extents(before["vdc"].data, data, dirty), "vdc since a")
        self.assert_passphrase_nowhere(m)
        m.dom.checkpointLookupByName("a").delete()
        m.dom.detachDeviceFlags(disk.xml(), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        m.disks.pop()
        wait_until("vdc and its secret to go", lambda: len(self.objects(m)) == 2)
        self.assertSame(disk.model.data, self.decrypted(disk.path), "vdc")
        self.assert_encrypted(disk.path)
        # nothing is left of one that cannot be attached
        self.secret().setValue(b"wrong")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Invalid password", m.dom.attachDeviceFlags, disk.xml(),
                         libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.secret().undefine()
        self.assertError(NO_SECRET, UUID, m.dom.attachDeviceFlags, disk.xml(), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assertEqual(len(self.objects(m)), 2)

    def test_no_passphrase(self):
        m = self.luks_machine(start=False)
        self.secret().setValue(b"wrong")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Invalid password, cannot unlock", m.dom.create)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "Invalid password", self.checkpoint, m, "a")
        xml = self.secret().XMLDesc()
        self.secret().undefine()
        self.assertError(NO_SECRET, "no secret with matching uuid '%s'" % UUID, m.dom.create)
        self.assertError(NO_SECRET, "no secret with matching uuid '%s'" % UUID, self.checkpoint, m, "a")
        self.conn.secretDefineXML(xml)
        self.assertError(NO_SECRET, "secret '%s' does not have a value" % UUID, m.dom.create)
        self.secret().setValue(PASSPHRASE)
        self.secret("2" + UUID[1:]).undefine()
        self.assertError(NO_SECRET, "no secret with matching usage '%s'" % USAGE, m.dom.create)
        self.assertEqual(self.names(m), [])
        self.secrets()
        m.dom.create()


class Backups(LuksTest):
    """Targets and scratch files that are encrypted themselves."""

    def target(self, target, secret=BY_UUID, format="qcow2", tag="luks", scratch=False):
        path = os.path.join(self.scratch if scratch else self.out, "vm-%s.%s" % (target, tag))
        return path, ("<disk name='%s' type='file'><driver type='%s'/><%s file='%s'>%s</%s></disk>"
                      % (target, format, "scratch" if scratch else "target", path, encryption(secret),
                         "scratch" if scratch else "target"))

    def push_to(self, m, rows, incremental=None):
        self.begin(m, "<domainbackup mode='push'>%s<disks>%s</disks></domainbackup>"
                   % ("<incremental>%s</incremental>" % incremental if incremental else "", rows))
        shown = m.dom.backupGetXMLDesc()
        self.wait_no_job(m)
        return shown

    def plain_machine(self):
        m = self.machine(boots=False, disks=2, size=16 * MIB)
        for target in m.targets:
            for block in range(0, 40, 3):
                self.poke(m, target, block * BLOCK)
        return m

    def push_both(self, m):
        """To qcow2 and to raw; what is read with the passphrase is the model."""
        a, b = self.target("vda"), self.target("vdb", BY_USAGE, "raw")
        self.push_to(m, a[1] + b[1])
        for target, path, luks in (("vda", a[0], False), ("vdb", b[0], True)):
            self.assertSame(m[target].model.data, self.decrypted(path, luks), target)
            self.assert_encrypted(path)
            os.unlink(path)

    def test_push(self):
        m = self.plain_machine()
        self.push_both(m)
        self.checkpoint(m, "a")
        before = m.models()
        self.poke(m, "vda", 6 * BLOCK)
        path, row = self.target("vda", tag="inc")
        self.push_to(m, row, "a")
        data = self.decrypted(path)
        self.assertEqual(data[6 * BLOCK:7 * BLOCK], bytes(m["vda"].model.data[6 * BLOCK:7 * BLOCK]))
        self.assertEqual(data[:6 * BLOCK], bytes(6 * BLOCK))
        self.assertNotEqual(before["vda"].data, m["vda"].model.data)
        self.assert_encrypted(path)
        self.assertEqual(self.objects(m), [])
        self.assert_passphrase_nowhere(m)
        m.dom.checkpointLookupByName("a").delete()
        m.dom.destroy()
        path, row = self.target("vda", tag="stopped")
        self.push_to(m, row)
        self.assertSame(m["vda"].model.data, self.decrypted(path), "vda")

    def test_pull(self):
        m = self.plain_machine()
        before = m.models()
        path, row = self.target("vda", scratch=True)
        self.begin(m, "<domainbackup mode='pull'><server transport='unix' socket='%s'/><disks>%s</disks>"
                   "</domainbackup>" % (self.socket_path(), row))
        for block in range(0, 40, 3):
            self.poke(m, "vda", block * BLOCK)
        self.assertSame(before["vda"].data, images.pull("vda", socket=self.socket_path())[0], "export")
        self.assertSame(m["vda"].model.data, images.content(m["vda"].path), "vda")
        self.assertGreater(os.stat(path).st_blocks * 512, 14 * BLOCK)
        self.assert_encrypted(path)
        self.assertEqual(len(self.objects(m)), 1)
        self.restart_daemon(kill=True)
        self.end_pull(m)
        self.assertEqual(self.objects(m), [])
        self.assert_passphrase_nowhere(m)

    def test_scratch_of_an_encrypted_disk(self):
        """Which nobody has named."""
        m = self.luks_machine()
        for target in m.targets:
            self.poke(m, target, 0)
        self.begin(m, "<domainbackup mode='pull'><server transport='unix' socket='%s'/></domainbackup>"
                   % self.socket_path())
        xml = m.dom.backupGetXMLDesc()
        self.assertEqual(xml.count("<encryption format='luks' engine='qemu'>"), 2, xml)
        before = m.models()
        for target in m.targets:
            self.poke(m, target, 0)
        for scratch in re.findall("<scratch file='(.*)'>", xml):
            self.assert_encrypted(scratch)
        for target, (data, _) in self.read_exports(m).items():
            self.assertSame(before[target].data, data, target)
        self.end_pull(m)

    def test_what_fails_leaves_nothing(self):
        m = self.plain_machine()
        path, row = self.target("vda")
        xml = "<domainbackup mode='push'><disks>%s</disks></domainbackup>" % row
        self.secret().undefine()
        self.assertError(NO_SECRET, "no secret with matching uuid '%s'" % UUID, self.begin, m, xml)
        self.secrets()
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "its target is encrypted", self.begin, m,
                         xml.replace("</disks>", "</disks><f:options xmlns:f='urn:fleece:1' compress='yes'/>"))
        self.assertEqual((os.path.exists(path), self.objects(m)), (False, []))
        # one that is there already, and has another passphrase
        disk = Disk("vda", path, m["vda"].size)
        self.create(disk)
        self.secret().setValue(b"wrong")
        self.assertError(libvirt.VIR_ERR_INTERNAL_ERROR, "Invalid password", self.begin, m, xml, None,
                         libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        self.assertEqual(self.objects(m), [])
        self.secrets()
        self.begin(m, xml, None, libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        self.wait_no_job(m)
        self.assertSame(m["vda"].model.data, self.decrypted(path), "vda")

    def test_interrupted(self):
        """Of a begin that fails, or whose daemon dies, nothing is left, and the next one works."""
        m = self.plain_machine()
        path, row = self.target("vda", scratch=True)
        xml = ("<domainbackup mode='pull'><server transport='unix' socket='%s'/><disks>%s</disks></domainbackup>"
               % (self.socket_path(), row))
        for fault in ("backup.begin.secret.vda.done:kill", "backup.begin.filter.vda:fail"):
            with self.subTest(fault):
                self.restart_daemon(fault=fault)
                with self.assertRaises(libvirt.libvirtError):
                    self.begin(m, xml)
                if fault.endswith("kill"):
                    self.daemon.wait_end()
                    self.disconnect()
                    self.start_daemon()
                wait_until("nothing to be left", lambda: not os.path.exists(path) and not self.objects(m))
        self.begin(m, xml)
        self.end_pull(m)

    def test_restore(self):
        """Onto encrypted disks, from an encrypted backup and from a plain one."""
        m = self.luks_machine()
        for target in m.targets:
            self.poke(m, target, 5 * BLOCK, 3 * BLOCK)
        a = self.target("vda", BY_USAGE)
        plain = os.path.join(self.out, "vdb.raw")
        self.push_to(m, a[1] + "<disk name='vdb' type='file'><driver type='raw'/><target file='%s'/></disk>" % plain)
        want = m.models()
        for target in m.targets:
            self.poke(m, target, 6 * BLOCK)
        m.dom.destroy()
        rows = ("<disk name='vda'><source file='%s'>%s</source></disk>"
                "<disk name='vdb'><source file='%s' format='raw'/></disk>" % (a[0], encryption(BY_USAGE), plain))
        self.begin(m, "<f:domainrestore xmlns:f='urn:fleece:1' mode='push'><disks>%s</disks></f:domainrestore>" % rows)
        self.wait_no_job(m)
        for disk in m.disks:
            self.assertSame(want[disk.target].data, self.decrypted(disk.path, disk.format == "raw"), disk.target)
            self.assert_encrypted(disk.path)
            disk.model.data = want[disk.target].data
        self.start_machine(m)
        self.assert_passphrase_nowhere(m)


if __name__ == "__main__":
    livetest.main()
