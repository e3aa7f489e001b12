#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints that are broken: they say why, refuse to serve, and can be deleted in every way. Checkpoints
whose records are lost: they are rebuilt from the images, in the right order or not at all."""
import json
import os
import shutil
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
UNKNOWN = "{urn:fleece:1}unknown"


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

    def repair(self, m, verb, *names, **more):
        arguments = {"arguments": {"names": list(names)}} if names else {}
        text = json.dumps(dict({"execute": "fleece-strays-" + verb}, **arguments, **more))
        return json.loads(libvirt_qemu.qemuMonitorCommand(m.dom, text, 0))["return"]

    def strays(self, m):
        return [s["name"] for s in self.repair(m, "list")]

    def lose_records(self, m, restart=True):
        """As by rm -r; @restart: the daemon does not remember either."""
        directory = self.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", m.name)
        if restart:
            self.disconnect()
            self.daemon.kill()
        shutil.rmtree(directory)
        if restart:
            self.start_daemon()

    def order(self, m):
        """Names along the parents, oldest first."""
        parent = {c.getName(): ET.fromstring(c.getXMLDesc()).findtext("parent/name") for c in
                  m.dom.listAllCheckpoints()}
        names, child = [], {p: n for n, p in parent.items()}
        while len(names) < len(parent):
            names.append(child[names[-1] if names else None])
        return names

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
        for _ in range(2):
            self.assert_broken(m, {})        # nobody can know, and that is said
            for c in m.dom.listAllCheckpoints():
                self.assertIn("cannot open image", ET.fromstring(c.getXMLDesc()).findtext(UNKNOWN))
            self.assertIn("Broken:         not known whether broken: ",
                          self.virsh("checkpoint-info", "vm", "a", ours=True).stdout)
        text = m.dom.checkpointLookupByName("a").getXMLDesc()
        m.dom.checkpointCreateXML(text, libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "cannot open image",
                         m.dom.checkpointLookupByName("a").delete)
        m.dom.checkpointLookupByName("b").delete(METADATA)
        os.rename(m["vda"].path + ".away", m["vda"].path)
        self.restart_daemon()
        self.assert_broken(m, {"a": {"vda": "'a' is the newest but does not record"}})
        self.assertNotIn("f:unknown", m.dom.checkpointLookupByName("a").getXMLDesc())

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


class Transient(RepairTest):
    """Its records go with it; its manager has kept the XML and redefines, as oVirt does at each start."""

    def start_again(self, m, documents):
        m.dom = self.conn.createXML(self.text)
        for text in documents:
            self.redefine(m, text)

    def test_redefined_and_validated(self):
        m = self.machine(boots=False, start=False)
        self.text = m.xml(m.dom.UUIDString())
        m.dom.undefine()
        self.start_again(m, [])
        self.chain(m, "m", "z", "a")
        documents = {n: m.dom.checkpointLookupByName(n).getXMLDesc() for n in ("m", "z", "a")}
        self.stop(m)
        self.start_again(m, [])
        self.assertEqual(self.names(m), [])
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "parent m for checkpoint z not found", self.redefine,
                         m, documents["z"])
        self.stop(m)
        self.start_again(m, documents.values())
        self.assertEqual(self.order(m), ["m", "z", "a"])
        self.assert_broken(m, {})
        self.assert_serves(m, "z", [2, 3])
        self.checkpoint(m, "n")
        self.stop(m)
        for d in m.disks[1:]:
            images.run(["qemu-img", "bitmap", "--remove", d.path, "z"])
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "bitmap 'z' on disk 'vdb' is missing",
                         self.start_again, m, documents.values())
        self.assertEqual(self.names(m), ["m"])
        self.stop(m)
        m.dom = None

    def redefine(self, m, text):
        m.dom.checkpointCreateXML(text, libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE |
                                  libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE)


class Strays(RepairTest):
    """Bitmaps without a record. The names are such that no alphabet gives the right order."""
    NAMES = ("m", "z", "a", "k", "b")

    def assert_whole(self, m, names):
        self.assertEqual(self.order(m), list(names))
        self.assert_broken(m, {})
        for i, name in enumerate(names):
            self.assert_serves(m, name, list(range(i + 1, len(names) + 1)))
        self.assertEqual(self.strays(m), [])

    def times(self, m):
        return {c.getName(): ET.fromstring(c.getXMLDesc()).findtext("creationTime")
                for c in m.dom.listAllCheckpoints()}

    def test_records_lost_while_stopped(self):
        m = self.machine(boots=False, formats=["qcow2", "raw"])
        self.chain(m, *self.NAMES)
        times = self.times(m)
        self.stop(m)
        self.lose_records(m)
        self.assertEqual(self.names(m), [])
        self.assertEqual(self.strays(m), list(self.NAMES))
        self.assertEqual(self.repair(m, "adopt"), list(self.NAMES))
        self.assertEqual(self.times(m), times)
        self.restart_daemon()
        self.start_machine(m)
        self.assert_whole(m, self.NAMES)
        self.stop(m)
        self.lose_records(m)
        self.start_machine(m)
        self.assertEqual(self.repair(m, "adopt"), list(self.NAMES))
        self.assert_whole(m, self.NAMES)
        self.stop(m)

    def test_records_lost_while_running(self):
        """With checkpoints of an earlier run, and some made and deleted in this one."""
        m = self.machine(boots=False)
        self.write(m, 0)
        self.checkpoint(m, "q")
        self.stop(m)
        self.start_machine(m)
        self.chain(m, *self.NAMES)
        m.dom.checkpointLookupByName("q").delete()
        self.checkpoint(m, "x")
        m.dom.checkpointLookupByName("x").delete()
        self.lose_records(m)
        self.assertEqual(self.repair(m, "adopt"), list(self.NAMES))
        self.assert_whole(m, self.NAMES)
        m.dom.checkpointLookupByName("a").delete()
        self.lose_records(m)
        self.repair(m, "adopt")
        self.assertEqual(self.order(m), ["m", "z", "k", "b"])
        self.assert_serves(m, "z", [2, 3, 4, 5])
        self.stop(m)
        self.lose_records(m)
        self.repair(m, "adopt")
        self.assertEqual(self.order(m), ["m", "z", "k", "b"])

    def test_records_lost_before_the_eyes_of_the_daemon(self):
        """It remembers, and writes them anew at the next occasion."""
        m = self.machine(boots=False, disks=1)
        self.chain(m, "m", "z")
        self.lose_records(m, restart=False)
        self.assertEqual(self.order(m), ["m", "z"])
        self.checkpoint(m, "a")
        self.restart_daemon(kill=True)
        self.assertEqual(self.order(m), ["m", "z", "a"])
        self.assertEqual(self.strays(m), [])

    def test_one_record_lost_before_the_eyes_of_the_daemon(self):
        m = self.machine(boots=False, disks=1)
        self.chain(m, "m", "z", "a")
        record = self.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", m.name, "z.xml")
        os.unlink(record)
        self.assertEqual(self.order(m), ["m", "z", "a"])
        m.dom.checkpointLookupByName("a").delete()
        self.assertTrue(os.path.exists(record))
        self.restart_daemon(kill=True)
        self.assertEqual(self.order(m), ["m", "z"])
        self.assert_broken(m, {})
        self.assert_serves(m, "z", [2, 3])

    def test_records_of_a_stopped_domain(self):
        """Created and deleted by the block helper."""
        m = self.machine(boots=False, start=False, formats=["raw", "qcow2"])
        for name in self.NAMES:
            self.checkpoint(m, name)
        m.dom.checkpointLookupByName("z").delete()
        self.lose_records(m)
        self.assertEqual(self.repair(m, "adopt"), ["m", "a", "k", "b"])
        self.assertEqual(self.order(m), ["m", "a", "k", "b"])
        self.assert_broken(m, {})

    def test_new_checkpoint_before_the_adoption(self):
        m = self.machine(boots=False)
        self.chain(m, *self.NAMES[:4])
        self.stop(m)
        self.lose_records(m)
        self.start_machine(m)
        self.checkpoint(m, self.NAMES[4])
        self.write(m, 5)
        self.assert_serves(m, "b", [0, 1, 2, 3, 4, 5][1:])       # strays count, whatever they hold
        self.stop(m)
        self.start_machine(m)
        self.assertEqual(self.repair(m, "adopt"), list(self.NAMES[:4]))
        self.assertEqual(self.order(m), list(self.NAMES))
        self.assert_serves(m, "z", [2, 3, 4, 5])
        self.assert_serves(m, "k", [4, 5])

    def test_one_by_one(self):
        m = self.machine(boots=False)
        self.chain(m, *self.NAMES)
        self.stop(m)
        self.lose_records(m)
        self.start_machine(m)
        for i, name in enumerate(("a", "b", "m", "k", "z")):
            out = self.virsh("checkpoint-repair", "vm", "--adopt", name, ours=True).stdout
            self.assertEqual(out.strip(), "Domain checkpoint %s adopted" % name)
            left = [n for n in self.NAMES if n not in ("a", "b", "m", "k", "z")[:i + 1]]
            self.assertEqual(self.strays(m), left)
            self.assertEqual(self.order(m), [n for n in self.NAMES if n not in left])
        self.assert_whole(m, self.NAMES)

    def test_disks_that_joined_at_different_times(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "m", {"vda": "bitmap", "vdb": "no"})
        self.checkpoint(m, "z", {"vda": "no", "vdb": "bitmap"})
        self.checkpoint(m, "a")
        self.stop(m)
        self.lose_records(m)
        self.repair(m, "adopt")
        self.assertEqual(sorted(self.order(m)[:2]) + self.order(m)[2:], ["m", "z", "a"])
        disks = ET.fromstring(m.dom.checkpointLookupByName("z").getXMLDesc()).findall("disks/disk")
        self.assertEqual([(d.get("name"), d.get("checkpoint")) for d in disks],
                         [("vda", "no"), ("vdb", "bitmap")])

    def test_order_that_is_not_known(self):
        """No ledger: only what records is complete by itself. Nothing is missed all the same."""
        m = self.machine(boots=False, disks=1)
        self.chain(m, "m", "z", "a")
        self.stop(m)
        self.remove_ledger(m["vda"].path)
        self.lose_records(m)
        self.start_machine(m)
        rows = self.virsh("checkpoint-repair", "vm", ours=True).stdout.splitlines()[2:]
        self.assertRegex(rows[0], r"^ a +unknown +vda +yes$")
        for row in rows[1:3]:
            self.assertRegex(row, r"no: it does not record on disk 'vda', and what came after it is not known")
        self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "'z' of domain 'vm' cannot be a checkpoint "
                         "again: it does not record", self.repair, m, "adopt", "z")
        self.assertEqual(self.repair(m, "adopt"), ["a"])
        self.assert_serves(m, "a", [1, 2, 3])
        # the remedy is a full backup; then the strays can go, and their time with the newest
        self.checkpoint(m, "n")
        self.write(m, 4)
        self.repair(m, "remove", "m", "z")
        self.assertEqual(self.strays(m), [])
        self.assert_serves(m, "a", [1, 2, 3, 4])

    def remove_ledger(self, path):
        for name in images.bitmaps(path, ledger=True):
            images.run(["qemu-img", "bitmap", "--remove", path, name])

    def test_period_that_is_lost(self):
        """Somebody removed a bitmap from the image: what is older would miss its time."""
        m = self.machine(boots=False, disks=1)
        self.chain(m, *self.NAMES)
        self.stop(m)
        images.run(["qemu-img", "bitmap", "--remove", m["vda"].path, "a"])
        self.lose_records(m)
        listed = {s["name"]: s.get("reason", "") for s in self.repair(m, "list")}
        self.assertEqual(sorted(listed), ["b", "k", "m", "z"])
        for name in "mz":
            self.assertIn("a bitmap of disk 'vda' that came after it is lost", listed[name])
        self.assertEqual(self.repair(m, "adopt"), ["k", "b"])
        self.start_machine(m)
        self.assertEqual(self.order(m), ["k", "b"])
        self.checkpoint(m, "n")
        self.stop(m)                # the ledger of then still knows of the loss
        self.lose_records(m)
        self.assertEqual(self.repair(m, "adopt"), ["k", "b", "n"])

    def test_name_that_was_used_again(self):
        """Removed, and made anew by somebody who keeps no ledger."""
        m = self.machine(boots=False, disks=1)
        self.chain(m, *self.NAMES)
        self.stop(m)
        images.run(["qemu-img", "bitmap", "--remove", m["vda"].path, "z"])
        images.run(["qemu-img", "bitmap", "--add", m["vda"].path, "z"])
        self.lose_records(m)
        listed = {s["name"]: s.get("reason", "") for s in self.repair(m, "list")}
        self.assertIn("lost", listed["m"])
        self.assertEqual(self.repair(m, "adopt"), ["a", "k", "b", "z"])

    def test_qemu_was_ended_by_somebody_else(self):
        """It stores its bitmaps then, but nobody wrote the ledger: that of before must not be believed."""
        m = self.machine(boots=False, disks=1)
        self.chain(m, "m", "z")
        self.stop(m)
        self.start_machine(m)
        m.dom.checkpointLookupByName("m").delete()
        self.checkpoint(m, "m")
        self.checkpoint(m, "a")
        os.kill(self.qemu_pid(), signal.SIGTERM)
        wait_until("the domain to be off", lambda: not m.dom.isActive())
        self.assert_broken(m, {})
        self.lose_records(m)
        listed = {s["name"]: s.get("reason", "") for s in self.repair(m, "list")}
        self.assertEqual([n for n in "azm" if "is not known" in listed[n]], ["z", "m"])
        self.assertEqual(self.repair(m, "adopt"), ["a"])

    def test_qemu_was_killed(self):
        m = self.machine(boots=False, disks=1)
        self.chain(m, "m", "z")
        self.stop(m)
        self.start_machine(m)
        self.kill_qemu(m)
        self.lose_records(m)
        for s in self.repair(m, "list"):
            self.assertIn("it is inconsistent on disk 'vda'", s["reason"])
        self.assertEqual(self.repair(m, "adopt"), [])
        out = self.virsh("checkpoint-repair", "vm", "--remove", "m", "z", ours=True).stdout
        self.assertEqual(out.split("\n")[:2], ["Bitmap m removed", "Bitmap z removed"])
        self.start_machine(m)
        self.chain(m, "m")
        self.assert_serves(m, "m", [1])

    def test_removed_in_the_middle(self):
        """Its time goes to the one before it."""
        m = self.machine(boots=False)
        self.chain(m, *self.NAMES)
        for name in ("a", "b"):
            m.dom.checkpointLookupByName(name).delete(METADATA)
        self.repair(m, "remove", "a", "b")
        self.assert_broken(m, {})
        self.assertEqual(self.strays(m), [])
        self.write(m, 6)
        self.assert_serves(m, "z", [2, 3, 4, 5, 6])
        self.assert_serves(m, "k", [4, 5, 6])
        self.stop(m)
        m.dom.checkpointLookupByName("m").delete(METADATA)
        self.repair(m, "remove", "m")
        self.assertEqual(images.bitmaps(m["vda"].path).keys(), {"z", "k"})

    def test_refusals(self):
        m = self.machine(boots=False, start=False)
        self.assertEqual(self.repair(m, "list"), [])
        self.assertEqual(self.repair(m, "adopt"), [])
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "no disk of domain 'vm' holds a bitmap 'x'",
                         self.repair, m, "adopt", "x")
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "'x'", self.repair, m, "remove", "x")
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "name the bitmaps", self.repair, m, "remove")
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "fleece-strays-list", self.repair, m, "mend")
        self.assertError(libvirt.VIR_ERR_INVALID_ARG, "array of names", self.repair, m, "adopt",
                         arguments={"names": [1]})
        for line in ("--adopt", "--remove", "--adopt --remove x", "--list x", "--adopt --all x", "--remove --all"):
            self.assertNotEqual(self.virsh("checkpoint-repair", "vm", *line.split(), ours=True,
                                           check=False).returncode, 0, line)


if __name__ == "__main__":
    livetest.main()
