#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to a backup when something dies: QEMU, the daemon, the VM, the client."""
import os
import signal
import socket

import libvirt

import images
import livetest
import model
from daemon import wait_until

MIB = 1 << 20


class Failure(livetest.LiveTest):
    def big_machine(self):
        m = self.machine(start=False, boots=False, size=256 * MIB)
        for d in m.disks:
            images.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 200M", d.path])
            d.model.data[:200 * MIB] = b"\x5a" * (200 * MIB)
        self.start_machine(m)
        return m

    def begin_kind(self, m, kind, checkpoint="a"):
        if kind == "pull":
            self.begin(m, self.pull_xml(m), checkpoint)
        else:
            self.begin_slow_push(m, "x", checkpoint)

    def assert_works(self, m, tag="next"):
        """The next operation: a full push with a checkpoint, compared with the model."""
        self.push(m, tag, checkpoint="after-" + tag)
        for t in m.targets:
            self.assertSame(m[t].model.data, images.content(self.target_path(m, t, tag)), t)

    def drop_checkpoints(self, m):
        for c in m.dom.listAllCheckpoints():
            c.delete()

    def assert_gone(self, m, events):
        """The domain is down, the job with it, which says that it failed, and its files are removed."""
        events.wait("stopped", lambda e: e[0] == "lifecycle" and e[2] == libvirt.VIR_DOMAIN_EVENT_STOPPED, 20)
        self.assertFalse(m.dom.isActive())
        events.wait("job failed", lambda e: e[0] == "job" and not e[2].get("success", 0) and
                    e[2]["operation"] == libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        wait_until("scratch files and sockets to be removed",
                   lambda: not os.listdir(self.scratch) and not os.listdir(self.nbd), 10)

    def kill_qemu(self, kind):
        m = self.big_machine()
        self.begin_kind(m, kind)
        events = livetest.Events(self.conn)     # of this backup, not of a push that was too fast to be caught
        os.kill(self.qemu_pid(), signal.SIGKILL)
        self.assert_gone(m, events)
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "not running", m.dom.abortJob)
        if self.daemon.kind == "ours":
            self.begin(m, self.pull_xml(m))     # a stopped domain can be backed up as well
            m.dom.abortJob()
        else:
            events.close()
        # QEMU had no time to save bitmaps: the checkpoint is broken, says so, and can be deleted
        m.dom.create()
        if self.daemon.kind == "ours":
            self.assertError(libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT, "a", self.begin, m,
                             self.pull_xml(m, incremental="a"))
            self.assertEqual(os.listdir(self.scratch), [])
            self.drop_checkpoints(m)
            self.assert_works(m)

    def test_kill_qemu_during_pull(self):
        self.kill_qemu("pull")

    def test_kill_qemu_during_push(self):
        self.kill_qemu("push")

    def destroy(self, kind):
        m = self.big_machine()
        self.begin_kind(m, kind)
        events = livetest.Events(self.conn)     # of this backup, not of a push that was too fast to be caught
        m.dom.destroy()
        self.assert_gone(m, events)
        events.close()
        m.dom.create()
        self.drop_checkpoints(m)
        self.assert_works(m)

    def test_destroy_during_pull(self):
        self.destroy("pull")

    def test_destroy_during_push(self):
        self.destroy("push")

    def test_guest_powers_off_during_pull(self):
        m = self.machine()
        for t in m.targets:
            m.write(t, 0, 4 * MIB)
        events = livetest.Events(self.conn)
        self.begin(m, self.pull_xml(m), "a")
        m.tell("poweroff")
        self.assert_gone(m, events)
        events.close()
        m.channel.close()
        self.start_machine(m)
        m.write("vda", 8 * MIB, 4096)
        self.assert_works(m)

    def kill_daemon(self, kind):
        """The backup goes on without the daemon; a new daemon knows about it."""
        m = self.big_machine()
        pid = self.qemu_pid()
        self.begin_kind(m, kind)
        self.daemon.kill()
        self.disconnect()
        if kind == "pull":
            data, _ = images.pull("vda", None, self.socket_path())
            self.assertSame(m["vda"].model.data, data, "vda without a daemon")
        self.start_daemon()
        self.assertEqual(self.qemu_pid(), pid)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)
        self.assertEqual(m.dom.jobStats()["operation"], libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP)
        self.assertIn("mode='%s'" % kind, m.dom.backupGetXMLDesc().replace('"', "'"))
        self.assertError(libvirt.VIR_ERR_OPERATION_INVALID, "", self.begin, m, self.pull_xml(m))
        self.assertEqual([c.getName() for c in m.dom.listAllCheckpoints()], ["a"])
        if kind == "pull":
            for t, (data, _) in self.read_exports(m).items():
                self.assertSame(m[t].model.data, data, t)
        m.dom.abortJob()
        self.wait_no_job(m)
        self.assertNoNodes(m)
        self.assert_works(m)

    def test_kill_daemon_during_pull(self):
        self.kill_daemon("pull")

    def test_kill_daemon_during_push(self):
        self.kill_daemon("push")

    def test_push_ends_while_no_daemon_runs(self):
        m = self.big_machine()
        self.begin_kind(m, "push")
        for job in self.qmp(m.dom, "query-block-jobs"):
            self.qmp(m.dom, "block-job-set-speed", device=job["device"], speed=400 * MIB)
        self.daemon.kill()
        self.disconnect()
        last = self.target_path(m, "vdb", "x")
        # done when neither target grows any more
        sizes = []
        wait_until("the push to write all", lambda: self.settled(sizes, last), 60, 0.5)
        self.start_daemon()
        self.wait_no_job(m)
        self.assertNoNodes(m)
        for t in m.targets:
            self.assertSame(m[t].model.data, images.content(self.target_path(m, t, "x")), t)
        self.assert_works(m)

    def settled(self, sizes, path):
        sizes.append(os.stat(path).st_blocks * 512)
        return sizes[-1] > 199 * MIB and sizes[-3:] == [sizes[-1]] * 3

    def test_daemon_and_qemu_die_during_pull(self):
        m = self.big_machine()
        self.begin_kind(m, "pull")
        pid = self.qemu_pid()
        self.daemon.kill()
        self.disconnect()
        os.kill(pid, signal.SIGKILL)
        wait_until("QEMU to be dead", lambda: not os.path.exists("/proc/%d" % pid) or self.zombie(pid))
        self.start_daemon()
        wait_until("the daemon to see it", lambda: not m.dom.isActive())
        wait_until("scratch files and sockets to be removed",
                   lambda: not os.listdir(self.scratch) and not os.listdir(self.nbd), 10)
        m.dom.create()
        self.drop_checkpoints(m)
        self.assert_works(m)

    @staticmethod
    def zombie(pid):
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"

    def test_client_dies_during_pull(self):
        m = self.big_machine()
        self.begin_kind(m, "pull")
        child = os.fork()
        if child == 0:
            h = images.connect("vda", self.socket_path())
            h.pread(4096, 0)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        self.disconnect()
        self.conn = self.connect()
        m.dom = self.conn.lookupByName("vm")
        for t, (data, _) in self.read_exports(m).items():
            self.assertSame(m[t].model.data, data, t)
        self.end_pull(m)
        self.assert_works(m)

    def test_end_while_a_client_is_reading(self):
        m = self.big_machine()
        self.begin_kind(m, "pull")
        handles = [images.connect(t, self.socket_path()) for t in m.targets for _ in range(2)]
        for h in handles:
            h.pread(65536, 0)
        self.end_pull(m)
        with self.assertRaises(Exception):
            handles[0].pread(65536, MIB)
        self.assert_works(m)

    def test_silent_client_freezes_nobody(self):
        """A client that connects and never speaks must not hold up the guest or the end."""
        m = self.machine()
        self.begin(m, self.pull_xml(m))
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(self.socket_path())
        storm = model.Storm(m.targets, 4 * MIB, 4096, 1, 1)
        m.storm(storm)
        m.dom.abortJob()
        before = sum(m.stat().counts)
        wait_until("the guest to write on", lambda: sum(m.stat().counts) > before + 100, 3, 0.05)
        self.wait_no_job(m)
        report = m.calm()
        self.assertEqual(report.errno, 0)
        silent.close()
        wait_until("the NBD socket to be gone", lambda: not os.listdir(self.nbd), 20)
        self.begin(m, self.pull_xml(m))
        self.end_pull(m)
        wait_until("the NBD socket to be gone", lambda: not os.listdir(self.nbd), 20)


if __name__ == "__main__":
    livetest.main()
