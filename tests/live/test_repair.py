#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints that are broken: they say why, refuse to serve, and can be deleted in every way."""
import os
import signal
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu

import images
import livetest
from daemon import wait_until

BLOCK = 65536
METADATA = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
BROKEN = "{urn:fleece:1}broken"


class RepairTest(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("stock keeps broken checkpoints silently and has no repair")

    def write(self, m, block):
        """One block of each disk, as the guest would."""
        for i in range(len(m.disks)):
            for command in ("write -P %d %d %d" % (block % 250 + 1, block * BLOCK, BLOCK), "flush"):
                answer = libvirt_qemu.qemuMonitorCommand(
                    m.dom, 'qemu-io -d /machine/peripheral/virtio-disk%d/virtio-backend "%s"' % (i, command),
                    libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
                self.assertEqual(answer.strip(), "")

    def chain(self, m, *names):
        """Block i is written before the i-th checkpoint, and one after the last."""
        for i, name in enumerate(names):
            self.write(m, i)
            self.checkpoint(m, name)
        self.write(m, len(names))

    def names(self, m):
        return sorted(c.getName() for c in m.dom.listAllCheckpoints())

    def broken(self, m):
        """{checkpoint: {disk: reason}} as the XML of each says."""
        found = {}
        for c in m.dom.listAllCheckpoints():
            for e in ET.fromstring(c.getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN)).findall(BROKEN):
                found.setdefault(c.getName(), {})[e.get("disk")] = e.text
        return found

    def assert_broken(self, m, wanted):
        """@wanted: {checkpoint: {disk: part of the reason}}, and no others."""
        found = self.broken(m)
        self.assertEqual({c: sorted(d) for c, d in found.items()}, {c: sorted(d) for c, d in wanted.items()})
        for name, disks in wanted.items():
            for disk, part in disks.items():
                self.assertIn(part, found[name][disk])

    def remove_bitmap(self, m, target, name):
        """Behind the daemon's back."""
        self.qmp(m.dom, "block-dirty-bitmap-remove", node="libvirt-%d-format" % (m.targets.index(target) + 1),
                 name=name)

    def assert_refused(self, m, name, reason):
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, reason, self.begin, m,
                         self.pull_xml(m, incremental=name))

    def assert_serves(self, m, name, blocks):
        """Since @name, exactly @blocks of each disk have changed, or more if @blocks ends in "..."."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (_, dirty) in self.read_exports(m, incremental=True).items():
            self.assertEqual(sorted({b for o, n in dirty for b in range(o // BLOCK, (o + n) // BLOCK)}),
                             blocks, "%s since %s" % (target, name))
        self.end_pull(m)

    def stop(self, m):
        m.dom.destroy()

    def kill_qemu(self, m):
        os.kill(self.qemu_pid(m.name), signal.SIGKILL)
        wait_until("the domain to be off", lambda: not m.dom.isActive())


class Broken(RepairTest):
    def test_reasons(self):
        m = self.machine(boots=False, disks=2)
        self.chain(m, "a", "b", "c", "d")
        self.assert_broken(m, {})
        self.remove_bitmap(m, "vda", "b")
        lost = {"vda": "bitmap 'b' is missing from the image"}
        self.assert_broken(m, {"a": lost, "b": lost})
        self.assert_refused(m, "a", "bitmap 'b' is missing")
        self.assert_serves(m, "c", [3, 4])
        self.assertIn("Broken:         vda: bitmap 'b' is missing from the image\n",
                      self.virsh("checkpoint-info", "vm", "a", ours=True).stdout)
        self.assertNotIn("Broken", self.virsh("checkpoint-info", "vm", "c", ours=True).stdout)
        for command in ("checkpoint-list vm", "checkpoint-list vm --tree", "checkpoint-info vm c"):
            self.assertEqual(self.virsh(*command.split(), ours=True).stdout, self.virsh(*command.split()).stdout)
        document = m.dom.checkpointLookupByName("a").getXMLDesc()
        m.dom.checkpointCreateXML(document, libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)
        self.assert_broken(m, {"a": lost, "b": lost})
        # stopped, from the images; and these change behind our back
        self.stop(m)
        self.assert_broken(m, {"a": lost, "b": lost})
        images.run(["qemu-img", "bitmap", "--remove", m["vdb"].path, "c"])
        gone = {"vdb": "bitmap 'c' is missing from the image"}
        self.assert_broken(m, {"a": dict(lost, **gone), "b": dict(lost, **gone), "c": gone})
        self.restart_daemon()
        self.assert_broken(m, {"a": dict(lost, **gone), "b": dict(lost, **gone), "c": gone})
        # deleted in each way, stopped and running
        m.dom.checkpointLookupByName("b").delete()
        m.dom.checkpointLookupByName("a").delete()
        self.assert_broken(m, {"c": gone})
        self.start_machine(m)
        self.assert_broken(m, {"c": gone})
        m.dom.checkpointLookupByName("c").delete()
        self.assert_broken(m, {})
        self.assert_serves(m, "d", [4])

    def test_after_the_death_of_qemu(self):
        m = self.machine(boots=False, disks=1)
        self.chain(m, "a", "b")
        self.stop(m)
        self.start_machine(m)
        self.checkpoint(m, "c")
        self.kill_qemu(m)
        for running in (False, True):
            if running:
                self.start_machine(m)
            found = self.broken(m)
            self.assertEqual(sorted(found), ["a", "b", "c"])
            self.assertIn("bitmap 'a' is inconsistent (QEMU was killed", found["a"]["vda"])
            self.assertIn("bitmap 'c' is missing", found["c"]["vda"])
        self.assert_refused(m, "b", "'b' is inconsistent")
        m.dom.checkpointLookupByName("a").delete(METADATA)
        m.dom.checkpointLookupByName("c").delete()
        m.dom.checkpointLookupByName("b").delete()
        self.qmp(m.dom, "block-dirty-bitmap-remove", node="libvirt-1-format", name="a")
        self.chain(m, "a")
        self.assert_broken(m, {})
        self.assert_serves(m, "a", [1])

    def test_image_that_is_not_there(self):
        m = self.machine(boots=False, disks=1)
        self.chain(m, "a", "b")
        self.stop(m)
        os.rename(m["vda"].path, m["vda"].path + ".away")
        self.assert_broken(m, {})            # nobody can know
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "cannot open image",
                         m.dom.checkpointLookupByName("a").delete)
        m.dom.checkpointLookupByName("b").delete(METADATA)
        os.rename(m["vda"].path + ".away", m["vda"].path)
        self.restart_daemon()
        self.assert_broken(m, {"a": {"vda": "'a' is the newest but does not record"}})

    def test_disk_that_left_the_domain(self):
        m = self.machine(boots=False, disks=2)
        self.chain(m, "a")
        self.stop(m)
        left = m.disks.pop()
        m.dom = self.conn.defineXML(m.xml(m.dom.UUIDString()))
        self.assert_broken(m, {"a": {left.target: "is not open in QEMU"}})
        m.dom.checkpointLookupByName("a").delete()
        self.assertEqual(self.names(m), [])
        self.assertEqual(images.bitmaps(m["vda"].path), {})


if __name__ == "__main__":
    livetest.main()
