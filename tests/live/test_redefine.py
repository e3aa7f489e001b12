#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records that come back, by redefinition or adoption, in whatever order and with whatever between: an
incremental backup since any of them has all, or is refused."""
import re

import libvirt

import livetest
from test_repair import METADATA, RepairTest

REDEFINE = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE


class RedefineTest(RepairTest):
    def xml(self, m, name):
        return m.dom.checkpointLookupByName(name).getXMLDesc()

    def forget(self, m, name):
        """Its XML; its record goes, and its bitmaps stay."""
        text = self.xml(m, name)
        m.dom.checkpointLookupByName(name).delete(METADATA)
        return text

    def redefine(self, m, text, parent=None):
        """@parent: instead of the one that it names; "": none."""
        if parent is not None:
            named = "<parent><name>%s</name></parent>" % parent if parent else ""
            text = re.sub(r"<parent>.*?</parent>\s*", "", text, flags=re.S)
            text = text.replace("<creationTime>", named + "<creationTime>")
        m.dom.checkpointCreateXML(text, REDEFINE)

    def assert_has(self, m, name, least):
        """Since @name at least blocks @least of each disk have changed."""
        self.begin(m, self.pull_xml(m, incremental=name))
        for target, (_, dirty) in self.read_exports(m, incremental=True).items():
            blocks = {b for o, n in dirty for b in range(o // 65536, (o + n) // 65536)}
            self.assertLessEqual(set(least), blocks, "%s since %s" % (target, name))
        m.dom.abortJob()
        self.wait_no_job(m)


class Stray(RedefineTest):
    """A checkpoint behind a stray bitmap is deleted: the stray keeps telling the truth."""

    def begin_with_stray(self):
        m = self.machine(boots=False, formats=["qcow2", "raw"])
        self.chain(m, "a", "b", "c")
        return m, self.forget(m, "b")

    def test_newest_deleted(self):
        m, _ = self.begin_with_stray()
        m.dom.checkpointLookupByName("c").delete()
        self.write(m, 4)
        self.checkpoint(m, "e")
        self.write(m, 5)
        self.assert_has(m, "a", [1, 2, 3, 4, 5])
        self.assertEqual(self.repair(m, "adopt"), ["b"])
        self.assertEqual(self.order(m), ["a", "b", "e"])
        self.assert_has(m, "b", [2, 3, 4, 5])
        self.assert_has(m, "e", [5])
        self.stop(m)

    def test_middle_deleted(self):
        m, _ = self.begin_with_stray()
        self.checkpoint(m, "d")
        self.write(m, 4)
        m.dom.checkpointLookupByName("c").delete()
        self.stop(m)
        self.start_machine(m)
        self.assertEqual(self.repair(m, "adopt"), ["b"])
        self.assert_has(m, "b", [2, 3, 4])
        self.stop(m)

    def test_becomes_the_newest(self):
        """It records since the newest was deleted, and goes on as that."""
        m, text = self.begin_with_stray()
        m.dom.checkpointLookupByName("c").delete()
        self.redefine(m, text)
        self.assert_broken(m, {})
        self.write(m, 4)
        self.checkpoint(m, "d")
        self.write(m, 5)
        self.assertEqual(self.order(m), ["a", "b", "d"])
        self.assert_broken(m, {})
        self.assert_has(m, "a", [1, 2, 3, 4, 5])
        self.assert_has(m, "b", [2, 3, 4, 5])
        self.assert_has(m, "d", [5])
        self.stop(m)

    def test_redefined(self):
        m, text = self.begin_with_stray()
        m.dom.checkpointLookupByName("c").delete()
        self.write(m, 4)
        self.checkpoint(m, "e")
        self.write(m, 5)
        self.redefine(m, text)
        self.redefine(m, self.xml(m, "e"), parent="b")
        self.restart_daemon()
        self.assertEqual(self.order(m), ["a", "b", "e"])
        self.assert_has(m, "b", [2, 3, 4, 5])
        self.stop(m)

    def test_lost_records(self):
        """A script goes on making and deleting checkpoints, and then the lost ones are adopted."""
        m = self.machine(boots=False)
        self.chain(m, "a", "b")
        self.lose_records(m)
        self.checkpoint(m, "x")
        self.write(m, 3)
        self.checkpoint(m, "y")
        m.dom.checkpointLookupByName("x").delete()
        self.assertEqual(self.repair(m, "adopt"), ["a", "b"])
        self.assert_has(m, "a", [1, 2, 3])
        self.assert_has(m, "b", [2, 3])


class Everything(RedefineTest):
    """A client keeps the XML of all checkpoints, and drops all records: the bitmaps stay, whoever holds them."""

    def test_dropped_while_running_and_redefined_after_a_stop(self):
        m = self.machine(boots=False, formats=["qcow2", "raw"])
        self.chain(m, "a", "b")
        texts = [self.xml(m, n) for n in "ab"]
        for name in "ba":
            m.dom.checkpointLookupByName(name).delete(METADATA)
        self.stop(m)
        self.start_machine(m)
        self.assertEqual(self.strays(m), ["a", "b"])
        for text in texts:
            m.dom.checkpointCreateXML(text, REDEFINE | libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE)
        self.assert_broken(m, {})
        self.assert_serves(m, "a", [1, 2])
        self.assert_serves(m, "b", [2])
        self.stop(m)


class Order(RedefineTest):
    """Redefined in another order than that of the bitmaps, which are not complete by themselves."""

    def forget_all(self, m, names):
        texts = {n: self.xml(m, n) for n in names}
        for name in reversed(names):
            m.dom.checkpointLookupByName(name).delete(METADATA)
        return texts

    def test_wrong_order(self):
        m = self.machine(boots=False)
        self.chain(m, "a", "b", "c")
        texts = self.forget_all(m, "abc")
        self.redefine(m, texts["b"], parent="")
        self.redefine(m, texts["a"], parent="b")
        self.redefine(m, texts["c"], parent="a")
        wrong = "its record comes after that of 'b', and its bitmap came before that one's"
        for restart in (False, True):
            self.assert_broken(m, {n: {t: wrong for t in m.targets} for n in "ab"})
            self.assert_refused(m, "a", wrong)
            self.assert_refused(m, "b", wrong)
            self.assert_has(m, "c", [3])
            if not restart:
                self.stop(m)
                self.start_machine(m)
        # what goes leaves its time to who was before it in truth
        m.dom.checkpointLookupByName("b").delete()
        self.assert_broken(m, {})
        self.assert_has(m, "a", [1, 2, 3])

    def test_right_order_again(self):
        m = self.machine(boots=False)
        self.chain(m, "a", "b", "c")
        texts = self.forget_all(m, "abc")
        self.redefine(m, texts["b"], parent="")
        self.redefine(m, texts["a"], parent="b")
        self.redefine(m, texts["c"], parent="a")
        self.redefine(m, texts["a"], parent="")
        self.redefine(m, texts["b"])
        self.redefine(m, texts["c"])
        self.assertEqual([c.getName() for c in m.dom.listAllCheckpoints(
            libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL)], ["a", "b", "c"])
        self.assertEqual(self.order(m), ["a", "b", "c"])
        self.assert_broken(m, {})
        for i, name in enumerate("abc"):
            self.assert_serves(m, name, list(range(i + 1, 4)))

    def test_older_one_while_newer_exist(self):
        """It does not become the newest. What is made next follows the one that was."""
        m = self.machine(boots=False)
        self.chain(m, "a", "b", "c", "d")
        text = self.forget(m, "b")
        self.redefine(m, text)
        for name in "acd":
            self.assert_has(m, name, range("abcd".index(name) + 1, 5))
        off = "it is not an ancestor of the newest checkpoint"
        self.assert_broken(m, {"b": {t: off for t in m.targets}})
        self.assert_refused(m, "b", off)
        self.checkpoint(m, "e")
        self.write(m, 5)
        self.assert_broken(m, {"b": {t: off for t in m.targets}})
        self.assertEqual(m.dom.checkpointLookupByName("e").getParent().getName(), "d")
        self.assert_has(m, "c", [3, 4, 5])
        self.assert_refused(m, "b", off)
        self.redefine(m, self.xml(m, "c"), parent="b")
        self.assert_broken(m, {})
        self.assertEqual(self.order(m), ["a", "b", "c", "d", "e"])
        self.assert_serves(m, "b", [2, 3, 4, 5])


if __name__ == "__main__":
    livetest.main()
