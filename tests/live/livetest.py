# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frame of a live test: a private root, a daemon, machines, and a look around afterwards.

Whatever a test leaves behind is a failure of that test: a QEMU, a helper, a socket, a scratch
file, a temporary bitmap, a block node or job of ours, a journal.

    test_X.py [--stock] [--list] [CLASS.TEST ...]       prints TAP

    LIVE_DAEMON=stock    the same as --stock: Debian's libvirtd instead of ours
    LIVE_KEEP=1          keep the directory of a failed test, and say where it is
    FLEECE_BUILD=DIR     the build directory (default: build)
"""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

import libvirt
import libvirt_qemu

import daemon as daemons
import images
from daemon import wait_until
from machine import Machine
from processes import processes_with

libvirt.registerErrorHandler(lambda context, error: None, None)


def event_loop():
    while True:
        libvirt.virEventRunDefaultImpl()


def start_event_loop():
    """Before the first connection, or that connection gets no events."""
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=event_loop, daemon=True).start()


PUSH_LEFT = 96 << 20      # bytes that a push to be looked at must still have before it
PUSH_TRIES = 30


class SlowMotion:
    """While this is entered, process @pid runs a small part of the time: to catch a job of it before it
    is done."""

    RUN, REST = 0.001, 0.03

    def __init__(self, pid):
        self.pid, self.over = pid, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.wait(self.RUN):
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(self.REST)
            os.kill(self.pid, signal.SIGCONT)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *args):
        self.over.set()
        self.thread.join()


class Events:
    """All events of a connection, in order, as tuples that start with the kind."""

    def __init__(self, conn):
        self.seen, self.condition, self.conn = [], threading.Condition(), conn
        add = conn.domainEventRegisterAny
        self.ids = [
            add(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                lambda c, d, event, detail, o: self.push("lifecycle", d.name(), event, detail), None),
            add(None, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
                lambda c, d, params, o: self.push("job", d.name(), params), None),
            add(None, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
                lambda c, d, disk, type, status, o: self.push("blockjob", d.name(), disk, type, status),
                None),
        ]

    def push(self, *event):
        with self.condition:
            self.seen.append(event)
            self.condition.notify_all()

    def wait(self, what, match, seconds=30):
        """The first event for which @match is true, from the beginning."""
        end = time.monotonic() + seconds
        with self.condition:
            while True:
                for event in self.seen:
                    if match(event):
                        return event
                if not self.condition.wait(max(0, end - time.monotonic())) and time.monotonic() > end:
                    raise AssertionError("no event %s within %d s; seen: %s"
                                         % (what, seconds, self.seen))

    def clear(self):
        with self.condition:
            self.seen.clear()

    def close(self):
        for i in self.ids:
            self.conn.domainEventDeregisterAny(i)


def files_below(directory, wanted=lambda path, mode: True):
    found = []
    for top, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(top, name)
            try:
                mode = os.lstat(path).st_mode
            except FileNotFoundError:       # removed meanwhile
                continue
            if wanted(path, mode):
                found.append(path)
    return sorted(found)


class LiveTest(unittest.TestCase):
    longMessage = True
    maxDiff = 4000

    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="fl-")
        os.chmod(self.tmp, 0o755)
        for name in ("images", "scratch", "nbd", "out"):
            setattr(self, name, os.path.join(self.tmp, name))
            os.mkdir(getattr(self, name))
            os.chmod(getattr(self, name), 0o777)
        self.connections, self.machines, self.own = [], [], []
        self.checked = False
        self.daemon = daemons.new_daemon(os.path.join(self.tmp, "root"))
        self.addCleanup(self.sweep)
        self.daemon.start()
        self.conn = self.connect()

    # Daemon and connections

    def connect(self, uri=None, read_only=False):
        uri = uri or self.daemon.uri
        conn = libvirt.openReadOnly(uri) if read_only else libvirt.open(uri)
        self.connections.append(conn)
        return conn

    def disconnect(self):
        for conn in self.connections:
            try:
                conn.close()
            except libvirt.libvirtError:
                pass
        self.connections = []

    def restart_daemon(self, kill=False, fault=None):
        self.disconnect()
        if kill:
            self.daemon.kill()
        else:
            self.assertEqual(self.daemon.stop(), 0, "exit status of the daemon")
        self.start_daemon(fault)

    def start_daemon(self, fault=None):
        self.daemon.start(fault)
        self.conn = self.connect()
        for m in self.machines:
            try:
                m.dom = self.conn.lookupByName(m.name)
            except libvirt.libvirtError:
                m.dom = None

    def virsh(self, *args, ours=False, check=True, seconds=120, connect=True):
        """Debian's virsh, or with @ours the project's, against the daemon under test."""
        argv = list(daemons.OurDaemon.virsh if ours else ["/usr/bin/virsh"])
        if connect:
            argv += ["-c", self.daemon.uri]
        done = subprocess.run(argv + list(args), capture_output=True, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            self.fail("virsh %s: status %d: %s" % (" ".join(args), done.returncode, done.stderr.strip()))
        return done

    # Servers

    def serve(self, argv, ready):
        """A server that is gone, at the latest, with the test."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.own.append(process.pid)
        self.addCleanup(self.end_process, process)
        wait_until(argv[0] + " to listen", ready)
        return process

    def end_process(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()

    # Machines

    def machine(self, start=True, **kwargs):
        m = Machine(self.images, **kwargs)
        m.create_images()
        self.machines.append(m)
        m.dom = self.conn.defineXML(m.xml())
        if start:
            self.start_machine(m, fresh=True)
        return m

    def start_machine(self, m, fresh=False):
        """@fresh: nothing has been done to it yet, so what keeps it from booting is no defect of ours."""
        m.dom.create()
        if fresh and m.boots and m.never_began():
            print("# %s: the guest of a new machine did not begin to boot; starting it again" % m.name,
                  flush=True)
            m.channel.close()
            m.dom.destroy()
            m.dom.create()
        if m.boots:
            m.wait_boot()

    def qmp(self, dom, command, **arguments):
        text = json.dumps({"execute": command, "arguments": arguments})
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(dom, text, 0))
        if "error" in answer:
            raise AssertionError("QMP %s: %s" % (command, answer["error"]))
        return answer["return"]

    def qemu_pid(self, name="vm"):
        pids = [pid for pid, line in processes_with(self.tmp).items()
                if "guest=%s," % name in line and "qemu-system" in line]
        self.assertEqual(len(pids), 1, "QEMU processes of %s" % name)
        return pids[0]

    def bitmaps(self, m):
        """{target: {bitmap: its query}} as QEMU has them now, on the disk's own image, but the ledger."""
        nodes = self.qmp(m.dom, "query-named-block-nodes", flat=True)
        found = {}
        for d in m.disks:
            found[d.target] = {b["name"]: b for node in nodes if node["drv"] == d.format
                               and node.get("file") == d.path for b in node.get("dirty-bitmaps", [])
                               if not images.is_ledger(b["name"])}
        return found

    # Checkpoints and backups

    @staticmethod
    def checkpoint_xml(name, disks=None):
        rows = "".join("<disk name='%s' checkpoint='%s'/>" % (d, kind) for d, kind in (disks or {}).items())
        return ("<domaincheckpoint><name>%s</name>%s</domaincheckpoint>"
                % (name, "<disks>%s</disks>" % rows if rows else ""))

    def checkpoint(self, m, name, disks=None):
        return m.dom.checkpointCreateXML(self.checkpoint_xml(name, disks), 0)

    def socket_path(self, name="s"):
        return os.path.join(self.nbd, name)

    def pull_xml(self, m, incremental=None, disks=None, port=None, socket=None, extra=""):
        """@disks: {target: attributes}, default all. Scratch files go to the directory that must be
        empty afterwards."""
        if port is not None:
            server = "<server transport='tcp' name='localhost' port='%d'/>" % port
        else:
            server = "<server transport='unix' socket='%s'/>" % (socket or self.socket_path())
        chosen = disks if disks is not None else {t: "" for t in m.targets}
        rows = "".join("<disk name='%s' %s><scratch file='%s'/></disk>"
                       % (t, attributes, os.path.join(self.scratch, "%s-%s" % (m.name, t)))
                       if "backup='no'" not in attributes else "<disk name='%s' %s/>" % (t, attributes)
                       for t, attributes in chosen.items())
        return ("<domainbackup mode='pull'>%s%s<disks>%s</disks>%s</domainbackup>"
                % ("<incremental>%s</incremental>" % incremental if incremental else "", server, rows, extra))

    def fd_xml(self, m, group="nbd", tls="", **kwargs):
        """A pull served on the socket that was associated as @group."""
        server = "<server transport='fd' fdgroup='%s' %s/>" % (group, tls)
        return re.sub("<server .*?/>", server, self.pull_xml(m, **kwargs), count=1)

    @staticmethod
    def associate(m, *files, group="nbd"):
        m.dom.FDAssociate(group, [f.fileno() for f in files], 0)

    def push_xml(self, m, tag, incremental=None, disks=None, extra=""):
        rows = "".join("<disk name='%s' type='file' %s><target file='%s'/><driver type='qcow2'/></disk>"
                       % (t, attributes, self.target_path(m, t, tag))
                       for t, attributes in (disks or {t: "" for t in m.targets}).items())
        return ("<domainbackup mode='push'>%s<disks>%s</disks>%s</domainbackup>"
                % ("<incremental>%s</incremental>" % incremental if incremental else "", rows, extra))

    def target_path(self, m, target, tag):
        return os.path.join(self.out, "%s-%s.%s" % (m.name, target, tag))

    def begin(self, m, xml, checkpoint=None, flags=0):
        m.dom.backupBegin(xml, self.checkpoint_xml(checkpoint) if checkpoint else None, flags)

    def end_pull(self, m):
        m.dom.abortJob()
        self.wait_no_job(m)

    def has_no_job(self, m):
        """Of a stopped domain that is said by an error."""
        try:
            return m.dom.jobStats().get("type", 0) == libvirt.VIR_DOMAIN_JOB_NONE
        except libvirt.libvirtError as e:
            if not re.search("domain is not running|ended or its monitor was closed", str(e)):
                raise
            return "not running" in str(e)

    def wait_no_job(self, m, seconds=60):
        wait_until("the job of %s to end" % m.name, lambda: self.has_no_job(m), seconds)

    def completed(self, m):
        """Statistics of the last job, kept."""
        return m.dom.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED |
                              libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED)

    def slow_down(self, m, rate):
        """Throttle the push jobs of @m; False if one of them has (nearly) come to its end already."""
        try:
            for t in m.targets:
                self.qmp(m.dom, "block-job-set-speed", device="fleece-push-" + t, speed=rate)
        except AssertionError:
            return False
        jobs = self.qmp(m.dom, "query-jobs")
        return all(j["total-progress"] - j["current-progress"] >= PUSH_LEFT for j in jobs)

    def forget_push(self, m, tag, checkpoint, events):
        """A push that was too fast to be caught: gone, as if it had not been."""
        try:
            m.dom.abortJob()
        except libvirt.libvirtError:
            pass        # it has just ended by itself
        self.wait_no_job(m)
        for t in m.targets:
            if os.path.exists(self.target_path(m, t, tag)):
                os.unlink(self.target_path(m, t, tag))
        if checkpoint:
            m.dom.checkpointLookupByName(checkpoint).delete()
        if events:
            events.wait("end of the push", lambda e: e[0] == "blockjob" and e[2] == m.targets[-1])
            events.clear()

    def begin_slow_push(self, m, tag, checkpoint=None, rate=1 << 20, events=None, flags=0):
        """A push whose jobs move @rate bytes a second, so that there is time to look at them. QEMU may be
        faster than we are, even in slow motion: then once more."""
        for _ in range(PUSH_TRIES):
            with SlowMotion(self.qemu_pid()):
                self.begin(m, self.push_xml(m, tag), checkpoint, flags)
                caught = self.slow_down(m, rate)
            if caught:
                return
            self.forget_push(m, tag, checkpoint, events)
        self.fail("no push of %s could be slowed down in time" % m.name)

    def push(self, m, tag, incremental=None, checkpoint=None, disks=None):
        """A whole push backup; {target: bytes of the target image as it is, backing excluded}."""
        self.begin(m, self.push_xml(m, tag, incremental, disks), checkpoint)
        self.wait_no_job(m, 120)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED, "push job result")

    def read_exports(self, m, incremental=False, targets=None, socket=None, port=None):
        """{target: (bytes, dirty extents or None)} of the running pull backup."""
        return {t: images.pull(t, "backup-" + t if incremental else None,
                               None if port else socket or self.socket_path(), port)
                for t in targets or m.targets}

    # Assertions

    def assertSame(self, want, got, what):
        from model import describe_difference
        difference = describe_difference(bytes(want), bytes(got))
        if difference:
            self.fail("%s: %s" % (what, difference))

    def assertError(self, code, pattern, function, *args, **kwargs):
        """@function fails with exactly this libvirt code, and a message that says why."""
        with self.assertRaises(libvirt.libvirtError) as context:
            function(*args, **kwargs)
        e = context.exception
        self.assertEqual(e.get_error_code(), code, "code of: " + e.get_error_message())
        if pattern:
            self.assertRegex(e.get_error_message(), pattern)
        return e

    def assertNoNodes(self, m):
        """No node, job, export or bitmap of a backup is left in QEMU."""
        nodes = self.qmp(m.dom, "query-named-block-nodes", flat=True)
        filters = [n["node-name"] for n in nodes
                   if n["drv"] in ("copy-before-write", "snapshot-access", "backup-top")]
        mine = [n["node-name"] for n in nodes if n.get("file", "").startswith((self.scratch, self.out))]
        self.assertEqual(filters + mine, [], "block nodes left")
        windows = files_below(os.path.join(self.tmp, "root"), self.is_window)
        self.assertEqual(windows, [], "windows left")
        self.assertEqual(self.qmp(m.dom, "query-block-jobs"), [], "block jobs left")
        self.assertEqual(self.qmp(m.dom, "query-block-exports"), [], "exports left")
        names = set(m.dom.listAllCheckpoints() and [c.getName() for c in m.dom.listAllCheckpoints()])
        for target, bitmaps in self.bitmaps(m).items():
            self.assertLessEqual(set(bitmaps), names, "bitmaps of %s that are no checkpoint" % target)
            for bitmap in bitmaps.values():
                self.assertTrue(bitmap["persistent"], "bitmap %s" % bitmap)

    # The end

    def tearDown(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        if failed or result.skipped:
            return
        self.checked = True
        if self.daemon.running():
            for m in self.machines:
                if m.dom is not None and m.dom.isActive() and m.dom.state()[0] != libvirt.VIR_DOMAIN_CRASHED:
                    self.wait_no_job(m)
                    self.assertNoNodes(m)
        self.end_domains()
        self.disconnect()
        if self.daemon.running():
            self.assertEqual(self.daemon.stop(), 0, "exit status of the daemon at SIGTERM")
        self.check_left()

    def end_domains(self):
        if not self.daemon.running():
            return
        for dom in self.conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            dom.destroy()

    def check_left(self):
        wait_until("the processes of the test to end", lambda: not self.foreign_processes(), 5)
        left = files_below(self.scratch) + files_below(self.nbd)
        left += files_below(os.path.join(self.tmp, "root"), self.is_leftover)
        self.assertEqual(left, [], "files left behind")

    def foreign_processes(self):
        return {pid: line for pid, line in processes_with(self.tmp).items() if pid not in self.own}

    @staticmethod
    def is_window(path, mode):
        return os.path.basename(path).startswith("window-")

    @staticmethod
    def is_leftover(path, mode):
        """In the daemon's own directories: sockets, run-time state and scratch of any kind."""
        if stat.S_ISSOCK(mode):
            return True
        return ("/run/libvirt/qemu/" in path and not path.endswith("/autostarted")
                or "/qemu/backup/" in path or path.endswith((".new", ".tmp")))

    def sweep(self):
        """Last thing of every test, passed or not: nothing survives."""
        for m in self.machines:
            m.channel.close()
        self.disconnect()
        if self.daemon.running():
            self.daemon.kill()
        for pid in list(self.foreign_processes()) + list(self.own):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if os.environ.get("LIVE_KEEP") and not self.checked:
            print("# kept: %s" % self.tmp)
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)

    def describe_failure(self):
        """For the report: what the daemon said last."""
        try:
            return self.daemon.log_tail()
        except OSError:
            return ""


def tests_of(module):
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    return [test for group in suite for test in group]


def run_one(test):
    """(status, text): status is ok, skip or failed."""
    result = unittest.TestResult()
    log = []
    original = test.sweep if isinstance(test, LiveTest) else None
    if original:
        def sweep():
            log.append(test.describe_failure())
            original()
        test.sweep = sweep
    test.run(result)
    if result.skipped:
        return "skip", result.skipped[0][1]
    problems = result.failures + result.errors
    if not problems and result.unexpectedSuccesses:
        problems = [(test, "unexpected success")]
    if problems:
        return "failed", "\n".join(text for _, text in problems) + \
            ("\ndaemon's log:\n" + log[0] if log and log[0] else "")
    return "ok", ""


def main(module_name="__main__"):
    arguments = sys.argv[1:]
    if "--help" in arguments:
        print(__doc__)
        return
    if "--stock" in arguments:
        arguments.remove("--stock")
        daemons.KIND = "stock"
    tests = tests_of(sys.modules[module_name])
    name_of = {test: ".".join(test.id().split(".")[-2:]) for test in tests}
    if "--list" in arguments:
        print("\n".join(name_of.values()))
        return
    if arguments:
        tests = [t for t in tests if any(a in name_of[t] for a in arguments)]
    start_event_loop()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("1..%d" % len(tests), flush=True)
    failures = 0
    for number, test in enumerate(tests, 1):
        start = time.monotonic()
        try:
            status, text = run_one(test)
        except (KeyboardInterrupt, SystemExit):
            if isinstance(test, LiveTest):
                test.sweep()
            raise
        except Exception:
            status, text = "failed", traceback.format_exc()
        word = "not ok" if status == "failed" else "ok"
        print("%s %d - %s%s" % (word, number, name_of[test],
                                " # SKIP " + text if status == "skip" else ""), flush=True)
        print("# %.1f s" % (time.monotonic() - start))
        if status == "failed":
            failures += 1
            print("".join("# %s\n" % line for line in text.splitlines()), end="")
            print("# rerun: ./run %s %s" % (os.path.relpath(os.path.abspath(sys.argv[0]), daemons.SOURCE),
                                           name_of[test]), flush=True)
    sys.stdout.flush()
    os._exit(1 if failures else 0)          # the event loop thread would hold up a normal exit
