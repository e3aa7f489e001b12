# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fault walk: an operation is interrupted at every point where it changes something.

A recording run (VIR_TEST_FAULT_LOG) tells which points an operation passes. Then, for each point and
each effect, the operation is run with that fault, the daemon is started again without it, and the
state found must be one of the named legal states, with nothing left over; after that, checkpoints
and incremental backups must work. QEMU has no guest: its BIOS finds nothing to boot, and the disks
are written through QEMU's own monitor, so that one point costs a fraction of a second.

    fail    the step reports a failure; the daemon lives
    enospc  the same, as a full file system says it
    eio     the same, as a broken disk says it
    kill    the daemon dies there; QEMU runs on
    both    and QEMU dies with it

    FAULT_POINT=NAME:EFFECT[:N]   only this one (N: at its Nth passing)
    FAULT_ALL=1                   also points between which nothing happens (steps sent in one write)
"""
import glob
import json
import os
import select
import shutil
import signal
import socket
import sys
import time

import libvirt
import libvirt_qemu

import images
from daemon import wait_until
from processes import processes_with

MIB = 1 << 20
BLOCK = 65536
SIZE = 4 * MIB
SETTLE_SECONDS = 5
MAX_FAILURES = 12


class Scenario:
    """One operation. prepare() runs without faults, operate() with them; names in @must have to be
    there afterwards whatever happens, names in @may can be."""

    disks = 1
    formats = None          # of the disks' images, default qcow2
    points = ("",)          # what the names of the points to walk begin with
    name_of_point = None    # that is being walked
    must, may = (), ()
    after = None            # the names that are there when operate() succeeded
    strays = ()             # bitmaps that may stay behind without a record
    stopped = False         # the domain is stopped for it, or QEMU ends in it
    kills_qemu = True       # "both", which also kills a block helper, is another effect than "kill"
    fresh = False           # each point gets new images
    because = ""            # what the refusal of a broken one has to say

    def devices(self, w):
        """More devices of the machine, as XML."""
        return ""

    def prepare(self, w):
        pass

    def read(self, w):
        """The exports of a pull that operate() began: {target: (bytes, ...)}."""
        return w.t.read_exports(w.m)

    def operate(self, w):
        raise NotImplementedError

    def check(self, w, done):
        """More to assert once the daemon is back; @done: operate() succeeded."""

    def verdict(self, effect):
        """What an incremental from each survivor must be: "good", "broken", or "any" of the two."""
        return "broken" if effect == "both" else "good"


class Problem(AssertionError):
    pass


def writes_a_file(name):
    return (name.endswith((".written", ".overwritten")) or ".create." in name or "journal" in name or
            name in ("store.create", "store.write", "store.synced"))


def effects_of(name):
    return (["fail"] + (["enospc"] if writes_a_file(name) else []) +
            (["eio"] if name.endswith((".written", ".overwritten")) else []) + ["kill", "both"])


def monitor(root, command):
    """QMP past the daemon, which is dead: to the one QEMU below @root."""
    path, = glob.glob(os.path.join(root, "var/lib/libvirt/qemu/domain-*/monitor.sock"))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        stream = s.makefile("rw")
        stream.readline()
        for word in ("qmp_capabilities", command):
            stream.write('{"execute":"%s"}\n' % word)
            stream.flush()
            while "return" not in stream.readline():
                pass


def distinct(passed):
    """Points sent in one write are announced one after the other: nothing happens between them. Of
    such a run the first is kept; of the ".done"s behind it, the last."""
    kept = []
    for i, (name, count) in enumerate(passed):
        done = name.endswith(".done")
        step = name.startswith(("backup.begin.", "backup.end."))
        before = passed[i - 1][0] if i else ""
        after = passed[i + 1][0] if i + 1 < len(passed) else ""
        same_before = before.startswith(("backup.begin.", "backup.end.")) and not before.endswith(".done")
        if step and not done and same_before and not writes_a_file(before):
            continue
        if step and done and after.endswith(".done"):
            continue
        kept.append((name, count))
    return kept


def counted(names):
    """[(name, n)]: with the number of the passing."""
    seen, out = {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append((name, seen[name]))
    return out


class Walk:
    """The walk of one scenario in the frame of the LiveTest @t."""

    def __init__(self, t, scenario):
        self.t, self.scenario = t, scenario
        self.m = None
        self.log = os.path.join(t.tmp, "points")
        self.passed_log = os.path.join(t.tmp, "passed")    # by all daemons of the walk
        self.walked, self.failures, self.recorded = 0, [], set()
        self.pattern, self.block = 0, 0

    # The machine and its model: one pattern a block, and per checkpoint the blocks written since

    def build(self):
        t = self.t
        if self.m is not None and self.m.dom is not None:
            if self.m.dom.isActive():
                self.m.dom.destroy()
            self.m.dom.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
        for path in glob.glob(os.path.join(t.images, "*")):
            os.unlink(path)
        t.machines = []
        self.m = t.machine(disks=self.scenario.disks, formats=self.scenario.formats, size=SIZE, boots=False,
                           extra=self.scenario.devices(self))
        self.content = {target: bytearray(SIZE // BLOCK) for target in self.m.targets}
        self.since = {}

    def write(self):
        """The next block of every disk gets a new pattern, and reaches the image."""
        self.pattern = self.pattern % 250 + 1
        self.block = (self.block + 1) % (SIZE // BLOCK)
        for i, target in enumerate(self.m.targets):
            for command in ("write -P %d %d %d" % (self.pattern, self.block * BLOCK, BLOCK), "flush"):
                answer = libvirt_qemu.qemuMonitorCommand(
                    self.m.dom, 'qemu-io -d /machine/peripheral/virtio-disk%d/virtio-backend "%s"'
                    % (i, command), libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
                if answer.strip():
                    raise Problem("writing to %s: %s" % (target, answer.strip()))
            self.content[target][self.block] = self.pattern
        for blocks in self.since.values():
            blocks.add(self.block)

    def expect(self, *names):
        """Checkpoints about to be made: from here on they may exist."""
        for name in names:
            self.since[name] = set()

    def checkpoint(self, name):
        self.expect(name)
        self.t.checkpoint(self.m, name)

    def chain(self, *names):
        for name in names:
            self.write()
            self.checkpoint(name)
        self.write()

    def lookup(self, name):
        return self.m.dom.checkpointLookupByName(name)

    def visible(self):
        return sorted(c.getName() for c in self.m.dom.listAllCheckpoints())

    # The daemon

    def restart(self, fault=None, log=False, forget=False):
        """@forget: the new daemon finds no order of checkpoints, and begins to keep one."""
        t = self.t
        t.disconnect()
        if t.daemon.process is not None:
            if t.daemon.running():
                t.daemon.kill()
            else:
                t.daemon.wait_end()
        order = t.daemon.path("run", "libvirt", "qemu", self.m.name + ".order")
        for path in [self.log] + ([order] if forget else []):
            if os.path.exists(path):
                os.unlink(path)
        t.daemon.start(fault, {"VIR_TEST_FAULT_LOG": self.log if log else self.passed_log})
        self.attach()

    def attach(self):
        t = self.t
        t.conn = t.connect()
        try:
            self.m.dom = t.conn.lookupByName(self.m.name)
            self.await_settled()
        except libvirt.libvirtError as e:
            if e.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            self.m.dom = None

    def await_settled(self):
        """The job slot is held until the daemon has put a domain in order: wait for it."""
        dom, flag = self.m.dom, libvirt.VIR_DOMAIN_AFFECT_CURRENT
        dom.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "walk", None, None, flag)

    def qemu_pids(self):
        """Without an export helper, which has to be dealt with when it is left alone."""
        return [pid for pid, line in processes_with(self.t.tmp).items() if "guest=" in line or
                ("qemu-storage-daemon" in line and "export-helper.pid" not in line)]

    def kill_qemu(self):
        """Until the whole process is gone, and with it its locks on the images; its command line goes first."""
        for pid in self.qemu_pids():
            handle = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            if not select.select([handle], [], [], 10)[0]:
                raise Problem("QEMU does not die")
            os.close(handle)

    # What must be so afterwards

    def problems(self):
        """Everything that is left of an operation that is over, or does not fit together."""
        t, m = self.t, self.m
        found = ["file " + os.path.basename(p) for p in self.stray_files()]
        found += self.stray_records()
        found += ["process of a helper" for line in processes_with(t.tmp).values()
                  if "qemu-storage-daemon" in line]
        if m.dom is None or not m.dom.isActive():
            return found
        if t.qmp(m.dom, "query-status")["status"] != "running":
            found.append("guest is " + t.qmp(m.dom, "query-status")["status"])
        if m.dom.state()[0] != libvirt.VIR_DOMAIN_RUNNING:
            found.append("state of the domain is %s" % m.dom.state())
        nodes = t.qmp(m.dom, "query-named-block-nodes", flat=True)
        found += ["node " + n["node-name"] for n in nodes if not n["node-name"].startswith("libvirt-")]
        found += ["export " + e["id"] for e in t.qmp(m.dom, "query-block-exports")]
        found += ["job " + j["id"] for j in t.qmp(m.dom, "query-jobs")]
        names = self.visible()
        for node in nodes:
            found += ["bitmap %s on %s" % (b.get("name"), node["node-name"])
                      for b in node.get("dirty-bitmaps", [])
                      if b.get("name") not in names and b.get("name") not in self.scenario.strays
                      and not images.is_ledger(b.get("name", ""))]
        for i, target in enumerate(m.targets):
            drive = t.qmp(m.dom, "qom-get", path="/machine/peripheral/virtio-disk%d" % i, property="drive")
            if drive != "libvirt-%d-format" % (i + 1):
                found.append("device of %s is on node %s" % (target, drive))
        return found

    def stray_files(self):
        t = self.t
        run = t.daemon.path("run", "libvirt", "qemu")
        strays = glob.glob(t.scratch + "/*") + glob.glob(t.nbd + "/*") + glob.glob(run + "/*.backup*")
        strays += [p for p in glob.glob(run + "/*") if p.endswith((".xml", ".broken"))
                   and (self.m.dom is None or not self.m.dom.isActive())]
        strays += glob.glob(run + "/*.helper")
        private = t.daemon.path("var", "lib", "libvirt", "qemu", "domain-*")
        strays += [p for kind in ("window-*", "bitmap-*", "export*") for p in glob.glob(private + "/" + kind)]
        for top, _, names in os.walk(t.daemon.root):
            strays += [os.path.join(top, n) for n in names if n.startswith(".fleece-new.")]
        return strays + glob.glob(t.out + "/*") + self.stray_stores()

    def stray_stores(self):
        """Kept bitmaps: one image a record at most, and nothing of a domain that is gone."""
        found = []
        for directory in glob.glob(self.t.daemon.path("var", "lib", "libvirt", "qemu", "bitmap-store", "*")):
            if self.m.dom is None or not os.path.basename(directory) == self.m.dom.UUIDString():
                found.append(directory)
                continue
            names = {}
            for path in glob.glob(directory + "/*.json"):
                with open(path) as file:
                    record = json.load(file)
                names[record["disk"]] = "%s.%d.qcow2" % (record["disk"], record["generation"])
            found += [path for path in glob.glob(directory + "/*.qcow2")
                      if os.path.basename(path) not in names.values()]
        return found

    def stray_records(self):
        """Records that no visible checkpoint has; for a stopped domain a half-done one may wait."""
        directory = self.t.daemon.path("var", "lib", "libvirt", "qemu", "checkpoint", self.m.name)
        records = sorted(os.path.basename(p)[:-4] for p in glob.glob(directory + "/*.xml"))
        found = []
        for name in records:
            with open(os.path.join(directory, name + ".xml")) as f:
                text = f.read()
            active = self.m.dom is not None and self.m.dom.isActive()
            if active and ("creating" in text or "deleting" in text):
                found.append("record %s is half done" % name)
        visible = self.visible() if self.m.dom is not None else []
        if self.m.dom is None or self.m.dom.isActive():
            found += ["record %s without checkpoint" % n for n in records if n not in visible]
        return found + ["checkpoint %s without record" % n for n in visible if n not in records]

    def assert_clean(self, when, waiting=False):
        """@waiting: the journal, the NBD server and records may wait for the next operation."""
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            found = self.problems()
            if waiting:
                found = [f for f in found if not f.startswith(("file vm.backup", "file s", "file export.sock", "record "))]
            if not found:
                return
            if time.monotonic() > end:
                raise Problem("%s: left: %s" % (when, ", ".join(found)))
            time.sleep(0.02)

    def assert_names(self, done):
        names, s = set(self.visible()), self.scenario
        if done and s.after is not None and names != set(s.after):
            raise Problem("it succeeded, but the checkpoints are %s" % sorted(names))
        if not set(s.must) <= names or not names <= set(s.must) | set(s.may):
            raise Problem("checkpoints are %s; legal: %s and maybe %s"
                          % (sorted(names), sorted(s.must), sorted(s.may)))
        self.since = {n: b for n, b in self.since.items() if n in names}

    def assert_usable(self, name):
        """An incremental pull from @name names every block written since, with its content now."""
        t = self.t
        t.begin(self.m, t.pull_xml(self.m, incremental=name))
        try:
            for target, (data, dirty) in t.read_exports(self.m, incremental=True).items():
                covered = {b for o, n in dirty for b in range(o // BLOCK, (o + n + BLOCK - 1) // BLOCK)}
                missing = self.since[name] - covered
                if missing:
                    raise Problem("since %s: %s does not name changed blocks %s"
                                  % (name, target, sorted(missing)))
                now = b"".join(bytes([p]) * BLOCK for p in self.content[target])
                t.assertSame(now, data, "%s as exported" % target)
        finally:
            t.end_pull(self.m)

    def assert_verdict(self, verdict, name):
        if verdict == "good":
            return self.assert_usable(name)
        if verdict == "broken":
            return self.assert_broken(name)
        try:
            self.assert_usable(name)
        except libvirt.libvirtError as e:
            if e.get_error_code() != libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT:
                raise

    def assert_broken(self, name):
        t = self.t
        try:
            t.begin(self.m, t.pull_xml(self.m, incremental=name))
        except libvirt.libvirtError as e:
            if e.get_error_code() == libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT and \
                    self.scenario.because in str(e):
                return
            raise Problem("incremental from the broken %s is refused with: %s" % (name, e))
        t.end_pull(self.m)
        raise Problem("QEMU was killed, and an incremental from %s was allowed" % name)

    def assert_works(self):
        """Create, incremental backup, delete: as if nothing had been."""
        for name in self.visible():
            self.lookup(name).delete()
        self.since = {}
        self.chain("z")
        self.assert_usable("z")
        self.lookup("z").delete()
        self.since = {}
        self.assert_clean("at the end")

    def finish_job(self):
        """A backup that survived is a good one: it is read and ended."""
        t = self.t
        if t.has_no_job(self.m):
            return
        if "pull" in self.m.dom.backupGetXMLDesc():
            try:
                for target, (data, _) in self.scenario.read(self).items():
                    t.assertSame(self.at_begin[target], data, "%s of the surviving backup" % target)
            finally:
                t.end_pull(self.m)
        else:
            t.wait_no_job(self.m, 20)

    def remember_begin(self):
        self.at_begin = {target: b"".join(bytes([p]) * BLOCK for p in content)
                         for target, content in self.content.items()}

    def take_targets(self):
        """Targets of a push: none, or all of them and right. Where QEMU died, one that had completed."""
        t = self.t
        found = sorted(os.path.basename(p) for p in glob.glob(t.out + "/*"))
        wanted = sorted(os.path.basename(t.target_path(self.m, d, "x")) for d in self.m.targets)
        if found and found != wanted:
            raise Problem("targets of the push: %s" % found)
        for target in self.m.targets if found else ():
            path = t.target_path(self.m, target, "x")
            data = images.content(path)
            for block, pattern in enumerate(self.content[target]):
                got = data[block * BLOCK:(block + 1) * BLOCK]
                if not self.pushed or block in self.pushed:
                    if got != self.at_begin[target][block * BLOCK:(block + 1) * BLOCK]:
                        raise Problem("block %d of the pushed %s is wrong" % (block, target))
            os.unlink(path)

    # One point

    def setup_point(self):
        if self.m is None or self.m.dom is None or self.scenario.fresh:
            self.build()
        self.pushed = None
        if not self.m.dom.isActive():
            self.m.dom.create()
        self.scenario.prepare(self)
        self.remember_begin()

    def operate(self):
        """True when it succeeded, False when it reported a failure or the daemon died."""
        try:
            self.scenario.operate(self)
            return True
        except libvirt.libvirtError:
            return False

    def verify(self, effect, done):
        s = self.scenario
        s.check(self, done)
        if self.m.dom is None:
            return self.assert_clean("undefined")
        self.finish_job()
        self.take_targets()
        if not self.m.dom.isActive():
            self.assert_clean("stopped")
            self.m.dom.create()
        self.assert_clean("after the restart")
        self.assert_names(done)
        if effect != "both":
            self.write()
        for name in sorted(self.since):
            self.assert_verdict(s.verdict(effect), name)
        self.assert_works()

    def point(self, name, effect, number):
        fault = "%s:%s:%d" % (name, "kill" if effect == "both" else effect, number)
        self.scenario.name_of_point = name
        self.setup_point()
        pids = self.qemu_pids()
        self.restart(fault, forget=True)
        done = self.operate()
        t = self.t
        if effect in ("fail", "enospc", "eio"):
            if not t.daemon.running():
                raise Problem("the daemon died")
            self.alive_check(done)
            self.restart()
        else:
            t.disconnect()
            try:
                t.daemon.wait_end(5)
            except Exception:
                raise Problem("the point was not passed")
            if effect == "both":
                self.kill_qemu()
            self.restart()
            if effect == "kill" and name.startswith("settle."):
                wait_until("the end that the dead daemon had begun", lambda: not self.m.dom.isActive())
            if effect == "kill" and not self.scenario.stopped and self.qemu_pids() != pids:
                raise Problem("QEMU does not run on")
        self.verify(effect, done)

    def alive_check(self, done):
        """The daemon that met the failure must itself be in order, not only its successor. What could
        not be written or removed may wait for the next operation."""
        self.attach_dom()
        if self.m.dom is None or not self.m.dom.isActive():
            return
        if self.t.has_no_job(self.m):
            self.take_targets()
            self.assert_clean("in the same daemon", waiting=True)
            self.t.begin(self.m, self.t.pull_xml(self.m))
            self.t.end_pull(self.m)
            self.assert_clean("in the same daemon, after the next operation")
        self.assert_names(done)

    def attach_dom(self):
        try:
            self.m.dom = self.t.conn.lookupByName(self.m.name)
        except libvirt.libvirtError:
            self.m.dom = None

    def reset(self):
        """After a failed point: everything new."""
        t = self.t
        t.disconnect()
        if t.daemon.running():
            t.daemon.kill()
        t.daemon.process = None
        self.kill_qemu()
        for directory in (t.scratch, t.nbd, t.out, t.images, t.daemon.root):
            for path in glob.glob(directory + "/*"):
                if path == t.daemon.log:
                    continue
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        t.daemon.start()
        t.conn = t.connect()
        self.m = None

    # The walk

    def record(self):
        self.setup_point()
        self.restart(log=True, forget=True)
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.scenario.operate(self)
        self.attach_dom()
        if self.m.dom is not None and self.m.dom.isActive():
            self.t.wait_no_job(self.m)
        names = self.logged()
        self.recorded = set(names)
        self.restart()
        self.verify("none", True)
        return counted(names)

    def logged(self):
        """The points passed, once no more come."""
        names, before = [], None
        while names != before:
            before = names
            time.sleep(0.1)
            if os.path.exists(self.log):
                with open(self.log) as f:
                    names = f.read().split()
        return names

    def print_passed(self):
        """For faultrun.py: which points exist, as far as this walk comes by them."""
        names = set()
        if os.path.exists(self.passed_log):
            with open(self.passed_log) as f:
                names = set(f.read().split())
        print("# passed: %s" % " ".join(sorted(names | self.recorded)), flush=True)

    def only(self):
        chosen = os.environ.get("FAULT_POINT")
        if not chosen:
            return None
        parts = chosen.split(":")
        return [(parts[0], parts[1], int(parts[2]) if len(parts) > 2 else 1)]

    def plan(self):
        passed = self.record()
        if not os.environ.get("FAULT_ALL"):
            passed = distinct(passed)
        passed = [(name, n) for name, n in passed if name.startswith(self.scenario.points)]
        return [(name, effect, n) for name, n in passed for effect in effects_of(name)
                if effect != "both" or self.scenario.kills_qemu]

    # The walk of a repair: the daemon that repairs is interrupted, and a third one must manage

    def repair(self, first, fault=None, log=False):
        """Operate until the daemon is killed at @first; then a second one with @fault."""
        self.setup_point()
        self.restart(first + ":kill", forget=True)
        self.operate()
        self.t.daemon.wait_end(5)
        try:
            self.restart(fault, log)
        except (AssertionError, libvirt.libvirtError):
            self.t.daemon.wait_end(5)       # it was meant to die: while it repaired

    def run_repair(self, first):
        self.repair(first, log=True)
        names = distinct(counted(self.logged()))
        self.restart()
        self.verify("kill", False)
        # of a stopped domain, await_settled() writes the definition
        plan = [(name, effect, n) for name, n in names for effect in ("fail", "kill")
                if not name.startswith("define.")]
        self.run(self.only() or plan, lambda name, effect, number: self.repair_point(
            first, "%s:%s:%d" % (name, effect, number)), first)

    def repair_point(self, first, fault):
        self.repair(first, fault)
        self.restart()
        self.verify("kill", False)

    def run(self, plan=None, point=None, label=""):
        for name, effect, number in plan or self.only() or self.plan():
            self.walked += 1
            try:
                (point or self.point)(name, effect, number)
            except (AssertionError, libvirt.libvirtError, OSError) as e:
                self.failures.append("%s:%s:%d: %s" % (name, effect, number, e))
                print("# FAULT_POINT=%s:%s:%d ./run tests/live/%s %s\n#   %s"
                      % (name, effect, number, os.path.basename(sys.argv[0]), ".".join(self.t.id().split(".")[-2:]),
                         str(e).replace("\n", "\n#   ")), flush=True)
                if len(self.failures) >= MAX_FAILURES:
                    break
                self.reset()
        self.print_passed()
        print("# %s: %d points walked, %d failed"
              % (" ".join([type(self.scenario).__name__, label]).strip(), self.walked,
                 len(self.failures)), flush=True)
        if self.failures:
            self.t.fail("%d points failed" % len(self.failures))
