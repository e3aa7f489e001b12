#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups and checkpoints of a guest whose file systems are frozen at the instant: with Debian's agent
and ext4 in the guest, and with agents that hang, lie, die and flood.

Whether a copy was quiesced is seen in its ext4: the journal of one that was in use needs recovery.
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading

import libvirt

import images
import livetest
from daemon import wait_until
from processes import processes_with

MIB = 1 << 20
AGENT_COMMAND_TIMEOUT, AGENT_COMMAND_FAILED = 112, 113      # not in Debian's bindings
OPTIONS = "<f:options xmlns:f='urn:fleece:1' quiesce='yes'/>"
CONF = "freeze_timeout = 2\n"


def quiesced(xml):
    return xml.replace("</domainbackup>", OPTIONS + "</domainbackup>")


class QuiesceTest(livetest.LiveTest):
    def setUp(self):
        super().setUp()
        if self.daemon.kind == "stock":
            self.skipTest("an option of our daemon")

    def settle(self, m, tag):
        """Nothing of the begin that failed is there, and a backup works."""
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertEqual(m.dom.jobStats().get("type", 0), libvirt.VIR_DOMAIN_JOB_NONE)
        self.assertEqual(m.dom.listAllCheckpoints(), [])
        self.assertNoNodes(m)
        self.assertEqual(livetest.files_below(self.scratch), [])


class RealAgent(QuiesceTest):
    """One disk with ext4 on it, mounted at /mnt, where the guest writes all the time."""

    def agent_machine(self):
        m = self.machine(start=False, disks=1, size=48 * MIB, agent="real")
        raw = os.path.join(self.tmp, "ext4")
        with open(raw, "wb") as f:
            f.truncate(48 * MIB)
        images.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", raw])
        images.run(["qemu-img", "convert", "-O", "qcow2", raw, m["vda"].path])
        self.start_machine(m)
        m.tell("sh /bin/agent")
        m.tell("sh while :; do echo $((n++)) >>/mnt/$((n % 50)); done &")
        wait_until("the agent", lambda: "<target type='virtio' name='org.qemu.guest_agent.0' "
                                        "state='connected'/>" in m.dom.XMLDesc())
        return m

    def hooks(self, m):
        """What the agent in the guest has done, in order."""
        with open(m.console_path, errors="replace") as f:
            return re.findall(r"^hook (\w+)", f.read(), re.M)

    def image_of(self, data):
        path = os.path.join(self.tmp, "copy")
        with open(path, "wb") as f:
            f.write(data)
        return path

    def assertClean(self, path, clean):
        head = subprocess.run(["dumpe2fs", "-h", path], capture_output=True, text=True).stdout
        self.assertEqual("needs_recovery" in head, not clean, head)
        check = subprocess.run(["e2fsck", "-fn", path], capture_output=True, text=True)
        if clean:
            self.assertEqual((check.returncode, check.stdout.count("recover")), (0, 0),
                             check.stdout + check.stderr)

    def assertWrites(self, m):
        """The guest's file system takes a write, and the disk acknowledges it."""
        m.tell("sh echo alive >/mnt/alive && sync")

    def test_pull_is_clean_and_push_and_checkpoint(self):
        m = self.agent_machine()
        self.begin(m, self.pull_xml(m))
        self.assertClean(self.image_of(self.read_exports(m)["vda"][0]), False)
        self.end_pull(m)
        self.assertEqual(self.hooks(m), [])

        self.begin(m, quiesced(self.pull_xml(m)), "a")
        self.assertEqual(self.hooks(m), ["freeze", "thaw"])
        self.assertIn("quiesce='yes'", m.dom.backupGetXMLDesc())
        self.assertClean(self.image_of(self.read_exports(m)["vda"][0]), True)
        self.end_pull(m)
        self.assertWrites(m)

        self.begin(m, quiesced(self.push_xml(m, "full")))
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        raw = os.path.join(self.tmp, "pushed")
        images.run(["qemu-img", "convert", "-O", "raw", self.target_path(m, "vda", "full"), raw])
        self.assertClean(raw, True)

        self.virsh("checkpoint-create-as", "vm", "b", "--quiesce", ours=True)
        self.assertEqual(self.hooks(m), ["freeze", "thaw"] * 3)
        self.assertEqual(sorted(c.getName() for c in m.dom.listAllCheckpoints()), ["a", "b"])

        self.assertEqual(m.dom.fsFreeze(), 1)
        self.assertError(AGENT_COMMAND_FAILED, "guest-fsfreeze-freeze",
                         self.begin, m, quiesced(self.pull_xml(m)))
        self.assertEqual(self.hooks(m)[-1], "freeze", "what a client has frozen is the client's")
        self.assertEqual(m.dom.fsThaw(), 1)
        self.assertWrites(m)

    def killed(self, m, fault, operation):
        """The daemon dies at @fault, and before there is another one the guest writes again."""
        self.restart_daemon(fault=fault + ":kill")
        before = len(self.hooks(m))
        with self.assertRaises(libvirt.libvirtError):
            operation()
        self.daemon.wait_end()
        wait_until("the thaw", lambda: self.hooks(m)[before:] == ["freeze", "thaw"])
        self.assertWrites(m)
        self.disconnect()
        self.start_daemon()

    def test_killed_daemon_leaves_no_frozen_guest(self):
        m = self.agent_machine()
        for point in ("backup.begin.freeze.done", "backup.begin.thaw"):
            self.killed(m, point, lambda: self.begin(m, quiesced(self.pull_xml(m)), "a"))
            wait_until("the begin to be undone", lambda: not m.dom.listAllCheckpoints())
            self.settle(m, point)
        self.killed(m, "checkpoint.create.freeze.done",
                    lambda: m.dom.checkpointCreateXML(self.checkpoint_xml("a"),
                                                      libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE))
        self.settle(m, "checkpoint")
        self.begin(m, quiesced(self.pull_xml(m)), "a")
        self.assertClean(self.image_of(self.read_exports(m)["vda"][0]), True)
        self.end_pull(m)


class FakeAgent:
    """The agent of the guest, played here. @answers: {command: what to say, or a function}; a command
    that is not in it is not answered. All that came is in @seen."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answers, self.seen, self.changed = {}, [], threading.Condition()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        buffer = b""
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data.replace(b"\xff", b"\n")
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                if line.strip():
                    self.obey(json.loads(line))

    def obey(self, command):
        name = command["execute"]
        answer = self.answers.get(name)
        if name == "guest-sync-delimited" and answer is None:
            answer = b"\xff" + json.dumps({"return": command["arguments"]["id"]}).encode() + b"\n"
        elif callable(answer):
            answer = answer()
        if answer:
            self.socket.sendall(answer)
        with self.changed:
            self.seen.append(name)
            self.changed.notify_all()

    def play(self, **answers):
        """From now on; what was seen so far is forgotten."""
        with self.changed:
            self.seen = []
            self.answers = {"guest-" + name.replace("_", "-"): answer for name, answer in answers.items()}

    def thaws(self):
        with self.changed:
            return self.seen.count("guest-fsfreeze-thaw")

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def number(n):
    return b'{"return": %d}\n' % n


class BadAgents(QuiesceTest):
    def setUp(self):
        super().setUp()
        self.disconnect()
        self.daemon.stop()
        os.makedirs(self.daemon.path("etc", "libvirt"), exist_ok=True)
        with open(self.daemon.path("etc", "libvirt", "qemu.conf"), "w") as f:
            f.write(CONF)
        self.daemon.start()
        self.conn = self.connect()

    def agent_machine(self):
        m = self.machine(disks=1, agent="fake")
        m.tell("relay org.qemu.guest_agent.0 org.fleece.agent")
        wait_until("the agent's port", lambda: "state='connected'" in m.dom.XMLDesc())
        return m, FakeAgent(m.agent_path)

    def refused(self, m, code, pattern):
        self.assertError(code, pattern, self.begin, m, quiesced(self.pull_xml(m)), "a")
        self.settle(m, pattern)

    def test_agents_that_do_not_do_what_they_should(self):
        m, agent = self.agent_machine()

        # honest: to see that the rest is not refused for another reason
        agent.play(fsfreeze_freeze=number(2), fsfreeze_thaw=number(2))
        self.begin(m, quiesced(self.pull_xml(m)))
        self.end_pull(m)
        self.assertEqual(agent.seen, ["guest-sync-delimited", "guest-fsfreeze-freeze",
                                      "guest-fsfreeze-thaw"])

        # refuses
        agent.play(fsfreeze_freeze=b'{"error": {"class": "GenericError", "desc": "not today"}}\n')
        self.refused(m, AGENT_COMMAND_FAILED, "not today")
        self.assertEqual(agent.thaws(), 0, "thaws of what may be frozen by somebody else")

        # lies: it was thawed meanwhile, so the copy is not what was asked for
        agent.play(fsfreeze_freeze=number(2), fsfreeze_thaw=number(0))
        self.refused(m, libvirt.VIR_ERR_OPERATION_FAILED, "did not stay frozen")

        # answers what is no number
        agent.play(fsfreeze_freeze=b'{"return": {}}\n', fsfreeze_thaw=number(2))
        self.refused(m, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "how many")
        wait_until("the guard's thaw", lambda: agent.thaws() == 1)

        # floods
        agent.play(fsfreeze_freeze=b"x" * (2 * MIB) + b"\n", fsfreeze_thaw=number(2))
        self.refused(m, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "line of more than")
        wait_until("the guard's thaw", lambda: agent.thaws() >= 1)

        # hangs in the freeze, and freezes later: the guard waits for it
        agent.play()
        self.refused(m, AGENT_COMMAND_TIMEOUT, "within 2 s")
        wait_until("the guard's thaw", lambda: agent.thaws() >= 1)
        agent.play(fsfreeze_thaw=number(2))
        wait_until("the guard's next attempt", lambda: agent.thaws() >= 1)

        # says nothing at all
        agent.play(sync_delimited=lambda: b"")
        self.refused(m, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "did not answer within 5 s")

        # dies
        agent.close()
        self.refused(m, libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "did not answer within 5 s")

    def test_daemon_that_hangs(self):
        """Stopped in the middle, it is overtaken by the guard, and when it goes on it does not say that
        all was well."""
        m, agent = self.agent_machine()
        stopped = threading.Event()

        def stop_the_daemon():
            if not stopped.is_set():
                self.daemon.process.send_signal(signal.SIGSTOP)
                stopped.set()
                return None
            return number(2)

        agent.play(fsfreeze_freeze=number(2), fsfreeze_thaw=stop_the_daemon)
        outcome = []

        def run():
            try:
                self.begin(m, quiesced(self.pull_xml(m)), "a")
            except libvirt.libvirtError as e:
                outcome.append(e.get_error_code())
        thread = threading.Thread(target=run)
        thread.start()
        try:
            wait_until("the guard's thaw", lambda: agent.thaws() >= 2, 60)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        thread.join()
        self.assertIn(outcome, [[AGENT_COMMAND_TIMEOUT], [libvirt.VIR_ERR_OPERATION_FAILED],
                                [libvirt.VIR_ERR_AGENT_UNRESPONSIVE]])
        self.settle(m, "hang")
        agent.play(fsfreeze_freeze=number(2), fsfreeze_thaw=number(2))
        self.begin(m, quiesced(self.pull_xml(m)))
        self.end_pull(m)

    def test_no_agent_to_ask(self):
        m = self.machine(boots=False)
        for operation in (lambda: self.begin(m, quiesced(self.push_xml(m, "x"))),
                          lambda: m.dom.checkpointCreateXML(self.checkpoint_xml("a"),
                                                            libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE),
                          lambda: m.dom.fsFreeze(), lambda: m.dom.fsThaw()):
            self.assertError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, "not configured", operation)
        self.assertEqual(livetest.files_below(self.out), [])
        m.dom.destroy()
        events = livetest.Events(self.conn)
        self.begin(m, quiesced(self.push_xml(m, "x")))
        job = events.wait("end of the push", lambda e: e[0] == "job")
        self.assertTrue(job[2]["success"])
        events.close()


class GuardEnds(QuiesceTest):
    """A guard ends when its daemon was killed."""

    def guard(self):
        """(pid, pidfd) of the daemon's."""
        for pid, line in processes_with("/virtqemud-guard ").items():
            with open("/proc/%d/stat" % pid) as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
            if parent == self.daemon.process.pid:
                pidfd = os.pidfd_open(pid)
                self.addCleanup(os.close, pidfd)
                return pid, pidfd
        self.fail("there is no guard")

    def assertEnds(self, pidfd, when):
        """A pidfd can be read when the process has ended, reaped or not."""
        if not select.select([pidfd], [], [], 30)[0]:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            self.fail("the guard goes on after its daemon was killed, " + when)

    def killed(self, m, when, qemu_too=False):
        """The guard learns all of it at once: the guest that was handed to it, and both their ends."""
        self.disconnect()
        self.start_daemon("backup.begin.stop:kill:2")
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)
        pid, pidfd = self.guard()
        os.kill(pid, signal.SIGSTOP)
        try:
            with self.assertRaises(libvirt.libvirtError):
                self.begin(m, self.pull_xml(m))
            self.daemon.wait_end()
            qemu, = [p for p, line in processes_with(self.tmp).items() if "guest=" in line]
            if qemu_too:
                os.kill(qemu, signal.SIGKILL)
                wait_until("QEMU to be dead", lambda: qemu not in processes_with(self.tmp))
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEnds(pidfd, when)
        self.assertEqual(qemu in processes_with(self.tmp), not qemu_too)

    def test_no_guard_outlives_its_daemon(self):
        m = self.machine(boots=False)
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)
        _, pidfd = self.guard()
        self.daemon.kill()
        self.assertEnds(pidfd, "without anything to do")
        self.killed(m, "with a guest to be continued")
        self.killed(m, "and the guest to be continued, too", True)
        self.disconnect()
        self.start_daemon()


if __name__ == "__main__":
    livetest.main()
