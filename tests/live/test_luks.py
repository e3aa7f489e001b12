#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encrypted disks: inside qcow2 (vda) and around raw data (vdb). Who reads them through QEMU gets what
the guest wrote; who reads the files gets none of it; and nobody finds the passphrase."""
import base64
import os

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
        # qemu-img measures how fast the host is, and fails now and then on one that is busy
        wait_until("image %s" % disk.path, lambda: images.run(argv, check=False).returncode == 0)

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


if __name__ == "__main__":
    livetest.main()
