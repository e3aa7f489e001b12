#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints of running domains with two disks: the records, the bitmaps, and deletion anywhere."""
import os
import xml.etree.ElementTree as ET

import libvirt

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20


class Checkpoint(livetest.LiveTest):
    def names(self, m):
        return sorted(c.getName() for c in m.dom.listAllCheckpoints())

    def chain(self, m, *names):
        """One write to each disk before each checkpoint and after the last; name -> models then."""
        at = {}
        for i, name in enumerate(names):
            self.write_round(m, i)
            self.checkpoint(m, name)
            at[name] = m.models()
        self.write_round(m, len(names))
        return at

    def write_round(self, m, i):
        for j, target in enumerate(m.targets):
            m.write(target, (2 * i + j) * MIB, 128 * 1024)
            m.write(target, 20 * MIB + 65536 * i, 4096)

    def assert_since(self, m, name, before):
        """An incremental pull from @name offers every block that differs from @before, says so, and
        on top of @before gives what the disk holds now."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (data, dirty) in self.read_exports(m, incremental=True).items():
            now = m[target].model.data
            self.assertSame(now, data, "%s as exported" % target)
            covered = {b for o, n in dirty for b in range(o // 65536, (o + n + 65535) // 65536)}
            missing = [at for at in model.changed_blocks(before[target].data, now)
                       if at // 65536 not in covered]
            self.assertEqual(missing, [], "changed blocks of %s that 'since %s' does not name" % (target, name))
            self.assertSame(now, model.apply_extents(before[target].data, data, dirty),
                            "%s rebuilt from %s" % (target, name))
        self.end_pull(m)

    def test_create_list_dumpxml_on_two_disks(self):
        m = self.machine()
        self.chain(m, "a", "b", "c")
        self.assertEqual(self.names(m), ["a", "b", "c"])
        tree = ET.fromstring(m.dom.checkpointLookupByName("b").getXMLDesc())
        self.assertEqual((tree.findtext("name"), tree.findtext("parent/name")), ("b", "a"))
        rows = [(d.get("name"), d.get("checkpoint"), d.get("bitmap")) for d in tree.findall("disks/disk")]
        self.assertEqual(rows, [("vda", "bitmap", "b"), ("vdb", "bitmap", "b")])
        self.assertEqual(tree.findtext("domain/name"), "vm")
        self.assertGreater(int(tree.findtext("creationTime")), 1600000000)
        bare = ET.fromstring(m.dom.checkpointLookupByName("b").getXMLDesc(
            libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN))
        self.assertIsNone(bare.find("domain"))
        sized = ET.fromstring(m.dom.checkpointLookupByName("c").getXMLDesc(
            libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE))
        for disk in sized.findall("disks/disk"):
            self.assertEqual(int(disk.get("size")), 3 * 65536, disk.attrib)
        self.assertEqual(m.dom.checkpointLookupByName("c").getParent().getName(), "b")
        children = m.dom.checkpointLookupByName("a").listAllChildren(
            libvirt.VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS)
        self.assertEqual(sorted(c.getName() for c in children), ["b", "c"])
        for name in "abc":
            record = self.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", "vm", name + ".xml")
            self.assertTrue(os.path.exists(record), record)

    def test_only_the_last_bitmap_records(self):
        if self.daemon.kind == "stock":
            self.skipTest("stock keeps every bitmap recording")
        m = self.machine()
        self.chain(m, "a", "b", "c")
        for target, bitmaps in self.bitmaps(m).items():
            self.assertEqual({n: b["recording"] for n, b in bitmaps.items()},
                             {"a": False, "b": False, "c": True}, target)

    def test_granularity_is_the_same_whatever_the_clusters(self):
        """Of large clusters it is not said, because QEMU chooses the same by itself; of small ones it is."""
        if self.daemon.kind == "stock":
            self.skipTest("stock takes what QEMU chooses")
        clusters = ("cluster_size=4096", "cluster_size=65536", "cluster_size=2097152",
                    "cluster_size=131072,extended_l2=on")
        m = self.machine(start=False, boots=False, disks=len(clusters))
        for disk, cluster in zip(m.disks, clusters):
            images.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", cluster, disk.path, str(disk.size)])
        self.start_machine(m)
        for name in "abc":
            self.checkpoint(m, name)
        for target, bitmaps in self.bitmaps(m).items():
            self.assertEqual({n: b["granularity"] for n, b in bitmaps.items()}, dict.fromkeys("abc", 65536), target)
        m.dom.checkpointLookupByName("b").delete()
        self.assertEqual(self.names(m), ["a", "c"])

    def test_incremental_from_each_of_a_chain(self):
        m = self.machine()
        at = self.chain(m, "a", "b", "c")
        for name in ("a", "b", "c"):
            self.assert_since(m, name, at[name])

    def delete_and_check(self, *order):
        m = self.machine()
        at = self.chain(m, "a", "b", "c", "d")
        left = ["a", "b", "c", "d"]
        for name in order:
            m.dom.checkpointLookupByName(name).delete()
            left.remove(name)
            self.assertEqual(self.names(m), left)
            for target, bitmaps in self.bitmaps(m).items():
                self.assertEqual(sorted(bitmaps), left, target)
            m.write("vda", 30 * MIB, 4096)
            for survivor in left:
                self.assert_since(m, survivor, at[survivor])

    def test_delete_oldest_then_middle(self):
        self.delete_and_check("a", "c")

    def test_delete_newest_then_middle(self):
        self.delete_and_check("d", "b")

    def test_delete_children(self):
        m = self.machine()
        at = self.chain(m, "a", "b", "c", "d")
        m.dom.checkpointLookupByName("b").delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY)
        self.assertEqual(self.names(m), ["a", "b"])
        self.assert_since(m, "b", at["b"])
        m.dom.checkpointLookupByName("b").delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN)
        self.assertEqual(self.names(m), ["a"])
        self.assert_since(m, "a", at["a"])

    def test_checkpoint_of_one_disk_of_two(self):
        m = self.machine()
        self.checkpoint(m, "a", {"vda": "bitmap", "vdb": "no"})
        bitmaps = self.bitmaps(m)
        self.assertEqual((list(bitmaps["vda"]), list(bitmaps["vdb"])), (["a"], []))
        tree = ET.fromstring(m.dom.checkpointLookupByName("a").getXMLDesc())
        rows = {d.get("name"): d.get("checkpoint") for d in tree.findall("disks/disk")}
        self.assertEqual(rows, {"vda": "bitmap", "vdb": "no"})

    def test_records_survive_domain_restart(self):
        m = self.machine()
        at = self.chain(m, "a", "b")
        m.tell("poweroff")
        wait_until("shut off", lambda: not m.dom.isActive())
        self.assertEqual(self.names(m), ["a", "b"])
        m.channel.close()
        self.start_machine(m)
        m.write("vdb", 25 * MIB, 65536)
        for name in ("a", "b"):
            self.assert_since(m, name, at[name])

    def test_bitmaps_are_in_the_images_after_a_clean_stop(self):
        m = self.machine()
        self.chain(m, "a", "b")
        m.tell("poweroff")
        wait_until("shut off", lambda: not m.dom.isActive())
        for d in m.disks:
            found = images.bitmaps(d.path)
            self.assertEqual(sorted(found), ["a", "b"], d.target)
            self.assertFalse(any("in-use" in flags for flags in found.values()), found)

    def test_errors(self):
        m = self.machine(boots=False)
        self.checkpoint(m, "a")
        create = m.dom.checkpointCreateXML
        self.assertError(libvirt.VIR_ERR_OPERATION_FAILED, "a", create, self.checkpoint_xml("a"))
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "nope", m.dom.checkpointLookupByName, "nope")
        self.assertError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT, "a",
                         m.dom.checkpointLookupByName("a").getParent)
        self.assertError(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "vdz", create,
                         self.checkpoint_xml("b", {"vdz": "bitmap"}))
        self.assertEqual(self.names(m), ["a"])
        for target, bitmaps in self.bitmaps(m).items():
            self.assertEqual(list(bitmaps), ["a"], target)


if __name__ == "__main__":
    livetest.main()
