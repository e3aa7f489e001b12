#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same images under Debian's libvirtd and under ours, in turns: what libvirt made works with ours, and
what we made never gives libvirt an incremental backup with holes."""
import os
import re
import shutil

import libvirt

import daemon as daemons
import images
import livetest
from test_repair import BLOCK, RepairTest

REDEFINE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
VALIDATE = REDEFINE | libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
UUID = "6f2d5c1e-0b7a-4c39-9d58-2a41c7f0e963"


class StockTest(RepairTest):
    def setUp(self):
        super().setUp()
        self.ours = self.daemon
        self.stock = daemons.StockDaemon(os.path.join(self.tmp, "stock"))
        self.addCleanup(lambda: self.stock.running() and self.stock.kill())

    def under(self, m, daemon):
        """The domain, stopped, is handed over to @daemon."""
        if m.dom is not None and m.dom.isActive():
            m.dom.destroy()
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon = daemon
        daemon.start()
        self.conn = self.connect()
        m.dom = self.conn.defineXML(m.xml(UUID))
        m.dom.create()

    def stock_machine(self):
        """A machine that stock runs first."""
        m = self.machine(boots=False, start=False, disks=1)
        m.dom.undefine()
        m.dom = None
        self.under(m, self.stock)
        return m

    def documents(self, m):
        """XML of all checkpoints, oldest first, with the domain, in which libvirt has more than we know."""
        return [c.getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_SECURE)
                for c in m.dom.listAllCheckpoints(libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL)]

    def tearDown(self):
        if self.daemon is self.stock:
            self.under(self.machines[0], self.ours)
        super().tearDown()

    def pushed_blocks(self, m, name, tag):
        """Blocks that an incremental push since @name holds; None if it is refused as inconsistent."""
        try:
            self.begin(m, self.push_xml(m, tag, name))
        except libvirt.libvirtError as e:
            self.assertEqual(e.get_error_code(), libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, str(e))
            return None
        self.wait_no_job(m)
        path = self.target_path(m, "vda", tag)
        blocks = {e["start"] // BLOCK + i for e in images.allocation(path)
                  for i in range((e["length"] + BLOCK - 1) // BLOCK)}
        os.unlink(path)
        return blocks


class Stock(StockTest):
    def test_images_of_stock(self):
        """All its bitmaps record. Redefined from its XML, they give what they would give there."""
        m = self.stock_machine()
        self.chain(m, "m", "z", "a")
        documents = self.documents(m)
        self.under(m, self.ours)
        for text in documents:
            m.dom.checkpointCreateXML(text, VALIDATE)
        self.assertIn("<resource>", documents[0])
        self.assertEqual(self.documents(m), documents)
        self.assert_broken(m, {})
        self.assertEqual(self.order(m), ["m", "z", "a"])
        self.restart_daemon()
        self.assertEqual(self.documents(m), documents)
        self.assert_serves(m, "m", [1, 2, 3])
        self.assert_serves(m, "z", [2, 3])
        self.assert_serves(m, "a", [3])
        self.checkpoint(m, "n")
        self.write(m, 4)
        recording = {n: b["recording"] for n, b in self.bitmaps(m)["vda"].items()}
        self.assertEqual(recording, {"m": False, "z": False, "a": False, "n": True})
        self.assert_serves(m, "m", [1, 2, 3, 4])
        self.assert_serves(m, "n", [4])
        m.dom.checkpointLookupByName("z").delete()
        self.assert_serves(m, "a", [3, 4])
        m.dom.checkpointLookupByName("n").delete()
        self.assert_serves(m, "a", [3, 4])

    def test_images_of_stock_without_its_xml(self):
        """Each of its bitmaps is complete by itself, so all can be adopted."""
        m = self.stock_machine()
        self.chain(m, "m", "z", "a")
        self.under(m, self.ours)
        self.assertEqual(sorted(self.repair(m, "adopt")), ["a", "m", "z"])
        self.assert_broken(m, {})
        for name, least in (("m", {1, 2, 3}), ("z", {2, 3}), ("a", {3})):
            self.assertLessEqual(least, self.pushed_blocks(m, name, "x"), name)

    def test_our_images_under_stock(self):
        m = self.machine(boots=False, start=False, disks=1)
        m.dom.undefine()
        m.dom = None
        self.under(m, self.ours)
        self.chain(m, "m", "z", "a")
        documents = self.documents(m)
        self.under(m, self.stock)
        self.assertEqual(set(self.bitmaps(m)["vda"]), {"m", "z", "a"})
        for text in documents:
            m.dom.checkpointCreateXML(text, REDEFINE)
        self.write(m, 4)
        served = {}
        for name, least in (("m", {1, 2, 3, 4}), ("z", {2, 3, 4}), ("a", {3, 4})):
            blocks = self.pushed_blocks(m, name, name)
            served[name] = blocks is not None
            self.assertTrue(blocks is None or least <= blocks, "%s: %s" % (name, blocks))
        print("# libvirt serves %s of what we made" % sorted(n for n in served if served[n]))
        # it goes on there, and comes back: what it did is seen
        self.checkpoint(m, "s")
        self.write(m, 5)
        m.dom.checkpointLookupByName("s").delete()
        self.checkpoint(m, "t")
        self.write(m, 6)
        self.under(m, self.ours)
        self.assertEqual(self.names(m), ["a", "m", "z"])
        for name, least in (("m", {1, 2, 3, 4, 5, 6}), ("z", {2, 3, 4, 5, 6}), ("a", {3, 4, 5, 6})):
            blocks = self.pushed_blocks(m, name, name)
            self.assertTrue(blocks is None or least <= blocks, "%s: %s" % (name, blocks))
        self.assertEqual(self.repair(m, "adopt"), ["t"])
        self.assertIn(6, self.pushed_blocks(m, "t", "t"))


    def test_records_of_stock(self):
        """Its files, in their place, are read as well as its XML."""
        m = self.stock_machine()
        self.chain(m, "m", "z")
        records = self.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", m.name)
        kept = os.path.join(self.tmp, "records")
        if not os.path.isdir(records):
            self.skipTest("stock keeps its records elsewhere")
        shutil.copytree(records, kept)
        self.under(m, self.ours)
        m.dom.destroy()
        self.disconnect()
        self.assertEqual(self.daemon.stop(), 0)
        shutil.copytree(kept, self.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", m.name))
        self.start_daemon()
        self.start_machine(m)
        self.assertEqual(self.order(m), ["m", "z"])
        self.assert_broken(m, {})
        self.assert_serves(m, "z", [2])


# A tree of records, as managers redefine them; a line in each of our own, but clients may have kept others.
TREE = (("root", None), ("left", "root"), ("right", "root"), ("leaf", "left"), ("late", "leaf"), ("other", None))
LOOKS = """
checkpoint-list vm
checkpoint-list vm --parent
checkpoint-list vm --roots
checkpoint-list vm --leaves
checkpoint-list vm --no-leaves
checkpoint-list vm --tree
checkpoint-list vm --name
checkpoint-list vm --from root
checkpoint-list vm --from root --descendants --name
checkpoint-list vm --from root --descendants --leaves
checkpoint-list vm --from root --tree
checkpoint-list vm --from left --tree
checkpoint-list vm --from late --name
checkpoint-list vm --from nope
checkpoint-list vm --roots --from root
checkpoint-list vm --tree --leaves
checkpoint-list vm --leaves --no-leaves --name
checkpoint-list vm --descendants
checkpoint-info vm root
checkpoint-info vm late
checkpoint-info vm nope
checkpoint-parent vm late
checkpoint-parent vm other
checkpoint-dumpxml vm left --no-domain
checkpoint-dumpxml vm nope
list --all --with-checkpoint --name
list --all --without-checkpoint --name
""".strip().splitlines()
CHANGES = """
undefine vm
checkpoint-delete vm leaf --metadata
checkpoint-delete vm root --metadata --children-only
checkpoint-delete vm nope --metadata
checkpoint-delete vm root --metadata --children
checkpoint-delete vm other --metadata --children --children-only
undefine vm --checkpoints-metadata
""".strip().splitlines()


class SameTree(StockTest):
    """The same records with both daemons: the same answers, seen by Debian's virsh."""

    def redefine(self, name, parent, extra=""):
        text = ("<domaincheckpoint><name>%s</name><description>%s of a tree</description>%s"
                "<creationTime>17000000%02d</creationTime><disks><disk name='vda' checkpoint='bitmap'/></disks>%s"
                "</domaincheckpoint>" % (name, name, "<parent><name>%s</name></parent>" % parent if parent else "",
                                         len(name), extra))
        return self.conn.lookupByName("vm").checkpointCreateXML(text, REDEFINE)

    def answer(self, line):
        done = self.virsh(*line.split(), check=False)
        # ours adds why a checkpoint without bitmaps is broken
        out = re.sub(r"\n  <f:broken .*</f:broken>", "", done.stdout)
        return "%s\nstatus %d\n%s%s" % (line, done.returncode, out, done.stderr)

    def lists(self):
        """What each set of flags gives, as sets of names; children of each checkpoint too."""
        dom, found = self.conn.lookupByName("vm"), {}
        checkpoints = dom.listAllCheckpoints()
        for flags in range(1 << 4):
            found["all", flags] = self.ask(dom.listAllCheckpoints, flags)
            for c in checkpoints:
                found[c.getName(), flags] = self.ask(c.listAllChildren, flags)
        return found

    def ask(self, function, flags):
        try:
            return sorted(c.getName() for c in function(flags))
        except libvirt.libvirtError as e:
            return e.get_error_code()

    def code(self, function, *args):
        try:
            function(*args)
            return 0
        except libvirt.libvirtError as e:
            return e.get_error_code()

    def transcript(self):
        said = []
        for name, parent in TREE:
            self.redefine(name, parent)
        said += [self.answer(line) for line in LOOKS]
        said.append(self.lists())
        said += [self.code(self.redefine, "left", "late"), self.code(self.redefine, "left", "left"),
                 self.code(self.redefine, "new", "nope"), self.code(self.redefine, "a/b", None),
                 self.code(self.redefine, "new", None, "<zork/>")]
        for line in CHANGES:
            said += [self.answer(line), self.answer("checkpoint-list vm --tree"),
                     self.answer("checkpoint-list vm --parent")]
        return said

    def test_same_tree(self):
        m = self.machine(boots=False, start=False, disks=1)
        text = m.xml(UUID)
        m.dom.undefine()
        said = []
        for daemon in (self.stock, self.ours):
            self.disconnect()
            self.daemon.stop()
            self.daemon = daemon
            daemon.start()
            self.conn = self.connect()
            self.conn.defineXML(text)
            said.append(self.transcript())
        m.dom = None
        self.assertEqual([], [(stock, ours) for stock, ours in zip(*said) if stock != ours])


if __name__ == "__main__":
    livetest.main()
