#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints, backups and domains interrupted at every fault point (see faultwalk.py)."""
import json
import os

import libvirt
import libvirt_qemu

import faultrun
import livetest
from daemon import wait_until
from faultwalk import Problem, Scenario, monitor


class CreateFirst(Scenario):
    may = after = ("a",)

    def prepare(self, w):
        w.write()

    def operate(self, w):
        w.checkpoint("a")


class Create(Scenario):
    disks = 2
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")

    def prepare(self, w):
        w.chain("a", "b")

    def operate(self, w):
        w.checkpoint("c")


class Delete(Scenario):
    disks = 2
    name, flags = None, 0

    def prepare(self, w):
        w.chain("a", "b", "c", "d")

    def operate(self, w):
        w.lookup(self.name).delete(self.flags)


class DeleteOldest(Delete):
    name, must, may, after = "a", ("b", "c", "d"), ("a",), ("b", "c", "d")


class DeleteMiddle(Delete):
    name, must, may, after = "b", ("a", "c", "d"), ("b",), ("a", "c", "d")


class DeleteActive(Delete):
    name, must, may, after = "d", ("a", "b", "c"), ("d",), ("a", "b", "c")


class DeleteChildren(Delete):
    disks = 1
    name, flags = "b", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
    must, may, after = ("a",), ("b", "c", "d"), ("a",)


class DeleteChildrenOnly(Delete):
    disks = 1
    name, flags = "b", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY
    must, may, after = ("a", "b"), ("c", "d"), ("a", "b")


class DeleteFirstWithAll(Delete):
    disks = 1
    name, flags = "a", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
    must, may, after = (), ("a", "b", "c", "d"), ()


class Pull(Scenario):
    incremental, checkpoint = None, None

    def prepare(self, w):
        if self.must:
            w.chain(*self.must)

    def operate(self, w):
        if self.checkpoint:
            w.expect(self.checkpoint)
        w.t.begin(w.m, w.t.pull_xml(w.m, incremental=self.incremental), self.checkpoint)
        w.t.read_exports(w.m)
        w.t.end_pull(w.m)


class PullFullCheckpoint(Pull):
    checkpoint, may, after = "a", ("a",), ("a",)


class PullIncremental(Pull):
    disks, incremental, checkpoint = 2, "a", "c"
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")


class Push(Pull):
    def operate(self, w):
        if self.checkpoint:
            w.expect(self.checkpoint)
        w.pushed = set(w.since[self.incremental]) if self.incremental else None
        w.t.begin(w.m, self.push_xml(w), self.checkpoint)
        w.t.wait_no_job(w.m)

    def push_xml(self, w):
        return w.t.push_xml(w.m, "x", self.incremental)


class PushFullCheckpoint(Push):
    disks, checkpoint, may, after = 2, "a", ("a",), ("a",)


class PushIncremental(Push):
    disks, incremental, checkpoint = 2, "a", "c"
    must, may, after = ("a", "b"), ("c",), ("a", "b", "c")


class PushFleeced(PushIncremental):
    """What a scratch adds."""
    disks = 1
    points = tuple("backup.%s-scratch" % p for p in ("begin.create", "begin.open", "end.close", "end.unlink"))

    def push_xml(self, w):
        scratch = "<f:scratch xmlns:f='urn:fleece:1' file='%s'/></disk>" % os.path.join(w.t.scratch, "s")
        return Push.push_xml(self, w).replace("</disk>", scratch)


class PullStopped(PullIncremental):
    """In a block helper, which does not die with the daemon."""
    disks, stopped, points = 1, True, ("backup.", "helper.")

    def prepare(self, w):
        super().prepare(w)
        w.m.dom.destroy()

    def verdict(self, effect):
        """Once the helper only reads, its death does no harm."""
        if effect != "both":
            return "good"
        reads = self.name_of_point.startswith(("backup.begin.", "backup.end.", "backup.journal.", "helper.stop"))
        swept = self.name_of_point == "backup.journal.remove"     # also before the begin
        return "good" if reads and not swept else "any"


class PushStopped(PullStopped, Push):
    points = ("backup.",)


class DeleteMetadata(Delete):
    """The bitmap stays, so nothing since "a" may be missed although nobody speaks of it."""
    name, flags = "b", libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
    must, may, after, strays, fresh = ("a", "c", "d"), ("b",), ("a", "c", "d"), ("b",), True


class Redefine(Scenario):
    may = after = strays = ("a", "b", "c")
    fresh = True

    def prepare(self, w):
        w.chain("a", "b", "c")
        self.documents = [w.lookup(name).getXMLDesc() for name in "abc"]
        for name in "abc":
            w.lookup(name).delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)

    def operate(self, w):
        for text in self.documents:
            w.m.dom.checkpointCreateXML(text, libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE)

    def verdict(self, effect):
        """Records of half a chain leave the newest bitmap unknown."""
        return "broken" if effect == "both" else "any"


class Stopped(Scenario):
    stopped, kills_qemu = True, False
    must = ("a", "b")

    def prepare(self, w):
        w.chain("a", "b")
        w.m.dom.destroy()


class CreateStopped(Stopped):
    may, after = ("c",), ("a", "b", "c")

    def operate(self, w):
        w.checkpoint("c")


class DeleteStopped(Stopped):
    must, may, after = ("b",), ("a",), ("b",)

    def operate(self, w):
        w.lookup("a").delete()


class Undefine(Stopped):
    must, may, strays, fresh = (), ("a", "b"), ("a", "b"), True

    def operate(self, w):
        w.m.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)

    def check(self, w, done):
        if done and w.m.dom is not None:
            raise Problem("undefine succeeded, and the domain is there")


class CreateAfterStop(Stopped):
    """The first change in a run: the ledger's seal is taken away."""
    may, after, kills_qemu, stopped = ("c",), ("a", "b", "c"), True, False

    def prepare(self, w):
        super().prepare(w)
        w.m.dom.create()

    def operate(self, w):
        w.checkpoint("c")


class Strays(Stopped):
    """Bitmaps whose records are lost, of a stopped domain."""
    must, strays, fresh = (), ("a", "b", "c"), True

    def prepare(self, w):
        w.chain("a", "b", "c")
        for name in self.lost:
            w.lookup(name).delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)
        w.m.dom.destroy()

    def command(self, w, verb, *names):
        arguments = {"names": list(names)} if names else {}
        w.m.dom.listAllCheckpoints()
        libvirt_qemu.qemuMonitorCommand(w.m.dom, json.dumps(
            {"execute": "fleece-strays-" + verb, "arguments": arguments}), 0)


class AdoptStopped(Strays):
    lost, may, after = ("a", "b", "c"), ("a", "b", "c"), ("a", "b", "c")

    def operate(self, w):
        self.command(w, "adopt")


class Adopt(AdoptStopped):
    stopped, kills_qemu = False, True
    lost, must = ("b",), ("a", "c")

    def prepare(self, w):
        super().prepare(w)
        w.m.dom.create()


class RemoveStopped(Strays):
    lost, must, after = ("b",), ("a", "c"), ("a", "c")

    def operate(self, w):
        self.command(w, "remove", "b")


class Remove(RemoveStopped):
    stopped, kills_qemu = False, True

    def verdict(self, effect):
        """Gone, and the order does not say so: it counts as lost."""
        unnoted = self.name_of_point in ("checkpoint.stray.remove.done", "checkpoint.order.append")
        return "any" if unnoted and effect in ("fail", "kill") else super().verdict(effect)

    def prepare(self, w):
        super().prepare(w)
        w.m.dom.create()


class Start(Stopped):
    after, kills_qemu = ("a", "b"), True

    def operate(self, w):
        w.m.dom.create()

    def verdict(self, effect):
        return "any" if effect == "both" else "good"


class Destroy(Scenario):
    stopped, kills_qemu = True, False
    must = after = ("a",)

    def prepare(self, w):
        w.chain("a")

    def operate(self, w):
        w.m.dom.destroy()


# Disks whose bitmaps are kept in the bitmap store. Points of any disk are walked above.


class StartStored(Start):
    formats, points = ("raw",), ("start.", "store.")

    def verdict(self, effect):
        """What cannot be loaded is lost, because the guest comes first. Killed behind the mark and before
        the guest runs, nobody knows that it did not."""
        if self.name_of_point == "store.load" and effect == "fail":
            return "broken"
        return "any" if effect in ("kill", "both") else "good"


class DestroyStored(Destroy):
    formats, points = ("raw",), ("settle.", "store.")
    because = "they could not be saved: "

    def check(self, w, done):
        wait_until("the end of the domain", lambda: w.m.dom.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF, 20)

    def verdict(self, effect):
        """What cannot be saved is lost, and the reason is known; who dies in it is followed by one that
        saves it."""
        if effect in ("fail", "enospc", "eio") and self.name_of_point.startswith("store."):
            return "broken"
        return "any" if effect == "fail" else "good"


class CreateStoppedMixed(CreateStopped):
    disks, formats, points = 2, ("qcow2", "raw"), ("store.", "helper.store")


class DeleteStoppedMixed(Stopped):
    disks, formats, points = 2, ("qcow2", "raw"), ("store.", "helper.store")
    must, may, after = ("a",), ("b",), ("a",)

    def operate(self, w):
        w.lookup("b").delete()


class DeleteStoppedLast(Stopped):
    formats, points = ("raw",), ("store.",)
    must, may, after = (), ("a", "b"), ()

    def operate(self, w):
        w.lookup("a").delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN)


class UndefineStored(Undefine):
    formats, points = ("raw",), ("store.", "checkpoint.drop")


class Define(Scenario):
    after = ()

    def operate(self, w):
        w.t.conn.defineXML(w.m.xml().replace("<name>vm<", "<name>other<"))

    def check(self, w, done):
        names = [d.name() for d in w.t.conn.listAllDomains()]
        file = w.t.daemon.path("etc", "libvirt", "qemu", "other.xml")
        if os.path.exists(file) != ("other" in names) or (done and "other" not in names):
            raise Problem("domains are %s, other.xml is %s" % (names, os.path.exists(file)))
        if "other" in names:
            w.t.conn.lookupByName("other").undefine()


WALKED = (CreateFirst, Create, DeleteOldest, DeleteMiddle, DeleteActive, DeleteChildren, DeleteChildrenOnly,
          DeleteFirstWithAll, DeleteMetadata, Redefine, CreateStopped, DeleteStopped, Undefine, Define,
          Start, Destroy, CreateAfterStop, AdoptStopped, Adopt, RemoveStopped, Remove, StartStored, DestroyStored,
          CreateStoppedMixed, DeleteStoppedMixed, DeleteStoppedLast, UndefineStored, PullFullCheckpoint,
          PullIncremental, PushFullCheckpoint, PushIncremental, PushFleeced, PullStopped, PushStopped)
# Where a daemon dies for a repair of which each step is walked
REPAIRED = ((Create, "checkpoint.create.transaction.done"),
            (DeleteMiddle, "checkpoint.delete.record.overwritten"),
            (DeleteMiddle, "checkpoint.delete.transaction.done"),
            (PullIncremental, "backup.begin.export.vdb.done"),
            (PullIncremental, "backup.end.access.vda"),
            (PushIncremental, "backup.begin.jobs.done"),
            (PushIncremental, "backup.end.dismiss.vda"))


class Faults(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("fault points of our daemon")

    def paused(self, point):
        """A machine whose daemon died at @point of a begin."""
        m = self.machine(boots=False)
        self.restart_daemon(fault=point + ":kill")
        try:
            self.begin(m, self.pull_xml(m))
        except libvirt.libvirtError:
            self.disconnect()
        self.daemon.wait_end(5)
        return m

    def test_guest_left_paused_by_us_runs_again(self):
        m = self.paused("backup.begin.stop")
        monitor(self.daemon.root, "stop")
        self.start_daemon()
        wait_until("the guest to run", lambda: self.qmp(m.dom, "query-status")["running"], 5)
        wait_until("the state to say so", lambda: m.dom.state()[0] == libvirt.VIR_DOMAIN_RUNNING, 5)

    def test_guest_paused_by_its_user_stays_paused(self):
        m = self.machine(boots=False)
        self.restart_daemon(fault="backup.journal.remove:fail")
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)
        m.dom.suspend()
        self.restart_daemon()
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "", m.dom.abortJob)
        self.assertEqual(m.dom.state(), [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER])
        self.assertFalse(self.qmp(m.dom, "query-status")["running"])


if __name__ == "__main__":
    faultrun.add_walks(Faults, WALKED)
    faultrun.add_repairs(Faults, REPAIRED)
    # Points of TLS, of passed sockets, of export helpers, and of targets that are there already: test_faults_devices.py; of an agent: test_quiesce.py;
    # of targets in other hypervisors' formats: test_options.py; of NBD targets and pushes that take long:
    # test_push_first.py; of encrypted ones: test_luks.py.
    faultrun.main(Faults, __file__,
                  ("backup", "checkpoint", "define", "helper", "reconcile", "settle", "start", "undefine"),
                  ("backup.begin.freeze", "backup.begin.thaw", "checkpoint.create.freeze", "checkpoint.create.thaw",
                   "backup.begin.tls", "backup.end.tls", "backup.begin.lend", "backup.begin.pass", "backup.begin.format",
                   "backup.begin.cut", "backup.end.cut", "backup.end.check", "backup.begin.secret",
                   "backup.end.secret", "backup.begin.helper", "backup.end.helper", "backup.begin.bitmap.",
                   "backup.end.bitmap."))
