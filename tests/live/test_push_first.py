#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pushes to targets that are full, fail, stand still or are slow: the backup may suffer, the guest may
not. It writes all the while, no write of it fails or takes much longer than cbw-timeout, the domain stays
running, and what the guest has written is what its disk holds."""
import os
import signal
import subprocess
import time

import libvirt

import images
import livetest
import model
from daemon import accepts, wait_until

MIB = 1 << 20
SIZE = 32 * MIB
SPAN = 8 * MIB
TIMEOUT = 2                    # cbw-timeout, seconds
SLACK = 2                      # of a machine that does other things besides
ANSWER = 2                     # an abort is answered within that


class PushFirst(livetest.LiveTest):
    events = None

    def stormy_machine(self, size=SIZE, **kwargs):
        m = self.machine(disks=1, size=size, **kwargs)
        m.write("vda", 0, 16 * MIB)
        return m

    def start_storm(self, m):
        m.running = model.Storm(m.targets, SPAN, 4096, 1, 2, 2000)
        m.before, m.longest = m.models(), 0
        m.storm(m.running)
        wait_until("the guest to write", lambda: self.writes(m) > 50)

    def writes(self, m):
        """So far."""
        report = m.stat()
        self.assertEqual(report.errno, 0)
        m.longest = max(m.longest, report.max_us / 1e6)
        return sum(report.counts)

    def assert_guest_writes(self, m, seconds=10):
        """It goes on, and is not paused."""
        before = self.writes(m)
        wait_until("the guest to write on", lambda: self.writes(m) > before + 50, seconds, 0.05)
        self.assertEqual(m.dom.state()[0], libvirt.VIR_DOMAIN_RUNNING)

    def end_storm(self, m, longest=TIMEOUT + SLACK):
        """No write has failed or taken long, and they have all arrived."""
        report = m.calm()
        self.assertEqual(report.errno, 0)
        self.assertLess(max(m.longest, report.max_us / 1e6), longest, "longest write, s")
        m.running.replay({d.target: d.model for d in m.disks}, report.counts)
        self.assertNoNodes(m)
        self.push(m, "after")
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "after")), "vda, afterwards")

    def serve(self, *arguments, size=SIZE, name="server"):
        """nbdkit, gone with the test; its socket."""
        where = os.path.join(self.tmp, name)
        if os.path.exists(where):
            os.unlink(where)
        self.server = subprocess.Popen(["nbdkit", "-f", "-U", where] + [a % {"size": size} for a in arguments],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.own.append(self.server.pid)
        self.addCleanup(self.end_server, self.server)
        wait_until("nbdkit to listen", lambda: os.path.exists(where) and accepts(where))
        return where

    def end_server(self, process):
        process.kill()
        process.wait()

    def stalled(self, process):
        """The server answers nobody until the test ends or sends SIGCONT."""
        process.send_signal(signal.SIGSTOP)

    def nbd_xml(self, where, extra="", timeout=TIMEOUT, incremental=None, scratch=None):
        return ("<domainbackup xmlns:f='urn:fleece:1'>%s<disks><disk name='vda' type='network'>"
                "<target protocol='nbd'><host transport='unix' socket='%s'/></target>%s</disk></disks>"
                "<f:options cbw-timeout='%d'%s/></domainbackup>"
                % ("<incremental>%s</incremental>" % incremental if incremental else "", where,
                   "<f:scratch file='%s'/>" % scratch if scratch else "", timeout, extra))

    def begin_watched(self, m, xml, checkpoint=None):
        if self.events:
            self.events.close()
        self.events = livetest.Events(self.conn)
        self.begin(m, xml, checkpoint)

    def assert_failed(self, m, pattern, seconds=60):
        job = self.events.wait("job completed", lambda e: e[0] == "job", seconds)
        self.assertEqual(job[2].get("success", 0), 0)
        self.assertRegex(job[2].get("errmsg", ""), pattern)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_FAILED)
        self.assert_no_lifecycle(m)

    def assert_no_lifecycle(self, m):
        self.assert_guest_writes(m)
        self.assertEqual([e for e in self.events.seen if e[0] == "lifecycle"], [])

    def abort(self, m):
        begin = time.monotonic()
        m.dom.abortJob()
        self.assertLess(time.monotonic() - begin, ANSWER, "s until the abort was answered")

    def small_directory(self, name, size):
        path = os.path.join(self.tmp, name)
        os.mkdir(path)
        images.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "none", path])
        self.addCleanup(images.run, ["umount", "-l", path], check=False)
        return path

    # Targets that cannot take any more

    def test_target_is_full(self):
        """It is left to the guest's writes to fill it."""
        m = self.stormy_machine()
        self.start_storm(m)
        full = self.small_directory("full", MIB)
        xml = self.push_xml(m, "full", extra="<f:options xmlns:f='urn:fleece:1' bandwidth='65536'/>")
        self.begin_watched(m, xml.replace(self.out, full))
        self.assert_failed(m, "(?i)/full/.*space")
        self.assertEqual(os.listdir(full), [])
        self.end_storm(m)

    def test_a_device_stays_where_it_is(self):
        """Also when the push to it has been aborted."""
        if os.geteuid() != 0:
            self.skipTest("loop devices need root")
        path = self.raw("device")
        device = images.run(["losetup", "--show", "-f", path]).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device])
        m = self.stormy_machine()
        self.start_storm(m)
        self.begin_watched(m, "<domainbackup><disks><disk name='vda' type='block'><target dev='%s'/>"
                           "<driver type='raw'/></disk></disks>"
                           "<f:options xmlns:f='urn:fleece:1' bandwidth='65536'/></domainbackup>" % device)
        self.assert_guest_writes(m)
        self.abort(m)
        self.wait_no_job(m, 5)
        self.assertTrue(os.path.exists(device))
        self.end_storm(m)

    def test_target_fails(self):
        m = self.stormy_machine()
        self.start_storm(m)
        trigger = os.path.join(self.tmp, "fail")
        where = self.serve("--filter=error", "memory", "%(size)d", "error-pwrite-rate=100%%",
                           "error-file=" + trigger)
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'"))
        self.assert_guest_writes(m)
        open(trigger, "w").close()
        self.assert_failed(m, "nbd\\+unix:.*%s" % where)
        self.end_storm(m)

    def test_server_is_gone(self):
        m = self.stormy_machine()
        self.start_storm(m)
        where = self.serve("memory", "%(size)d")
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'"))
        self.assert_guest_writes(m)
        self.server.kill()
        self.assert_failed(m, where)
        self.end_storm(m)

    # Targets that stand still

    def test_target_stands_still(self):
        """The guest's writes wait as long as cbw-timeout says, once; then the backup is broken."""
        m = self.stormy_machine()
        self.start_storm(m)
        where = self.serve("memory", "%(size)d")
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'"))
        self.assert_guest_writes(m)
        self.stalled(self.server)
        self.assert_guest_writes(m, 20)
        self.server.send_signal(signal.SIGCONT)
        self.assert_failed(m, "could not take what the guest was about to overwrite on disk 'vda'")
        self.end_storm(m)

    def test_abort_while_the_target_stands_still(self):
        m = self.stormy_machine()
        for timeout in (TIMEOUT, 3600):
            self.start_storm(m)
            where = self.serve("memory", "%(size)d", name="nbd%d" % timeout)
            self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'", timeout))
            self.stalled(self.server)
            time.sleep(0.3)
            self.abort(m)
            self.wait_no_job(m, 5)
            self.assert_no_lifecycle(m)
            self.end_storm(m)
            os.unlink(self.target_path(m, "vda", "after"))

    def test_suspend_while_the_target_stands_still(self):
        """QEMU waits in its main loop for what is under way; the connection is cut from outside."""
        m = self.stormy_machine()
        self.start_storm(m)
        where = self.serve("memory", "%(size)d")
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='1048576'"))
        self.assert_guest_writes(m)
        self.stalled(self.server)
        begin = time.monotonic()
        m.dom.suspend()
        m.dom.resume()
        self.assertLess(time.monotonic() - begin, TIMEOUT + 3, "s that the guest stood still")
        job = self.events.wait("job completed", lambda e: e[0] == "job", 30)
        self.assertEqual(job[2].get("success", 0), 0)
        self.wait_no_job(m)
        self.assert_guest_writes(m)
        self.end_storm(m, TIMEOUT + 3 + SLACK)

    def test_suspend_with_a_disk_on_another_server(self):
        """The connection to the target is cut, and no other one."""
        m = self.machine(disks=1, size=SIZE, start=False)
        other = self.serve("memory", "%(size)d", name="disk")
        where = self.serve("memory", "%(size)d")
        disk = ("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd' name='disk'>"
                "<host transport='unix' socket='%s'/></source><target dev='vdb' bus='virtio'/></disk>" % other)
        m.dom.undefine()
        m.dom = self.conn.defineXML(m.xml().replace("<controller type='usb'", disk + "<controller type='usb'"))
        self.start_machine(m)
        m.write("vda", 0, 16 * MIB)
        self.start_storm(m)
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='1048576'").replace(
            "</disks>", "<disk name='vdb' backup='no'/></disks>"))
        self.assert_guest_writes(m)
        self.stalled(self.server)
        begin = time.monotonic()
        m.dom.suspend()
        m.dom.resume()
        self.assertLess(time.monotonic() - begin, TIMEOUT + 3, "s that the guest stood still")
        self.events.wait("job completed", lambda e: e[0] == "job", 30)
        self.server.send_signal(signal.SIGCONT)
        self.wait_no_job(m)
        self.assert_guest_writes(m)
        m.tell("write vdb 0 4096 1")

    def slow_server(self):
        """A MiB a second."""
        return self.serve("--filter=rate", "memory", "%(size)d", "rate=8M")

    def test_abort_with_a_slow_target(self):
        m = self.stormy_machine()
        self.start_storm(m)
        for _ in range(3):
            self.begin_watched(m, self.nbd_xml(self.slow_server(), timeout=45))
            time.sleep(0.3)
            self.abort(m)
            self.wait_no_job(m, 5)
            self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_CANCELLED)
            self.assert_no_lifecycle(m)
        self.end_storm(m, longest=45)

    def test_the_domain_ends_with_a_slow_target(self):
        """By being destroyed, and by the guest's power-off: nobody waits for the target, though QEMU drains the
        disks of a guest that powers off before it hears of anything."""
        m = self.stormy_machine()
        for end in (m.dom.destroy, lambda: m.tell("poweroff")):
            if not m.dom.isActive():
                m.channel.close()
                self.start_machine(m)
            self.start_storm(m)
            self.begin_watched(m, self.nbd_xml(self.slow_server(), timeout=45))
            time.sleep(0.3)
            end()
            self.events.wait("shutdown", lambda e: e[0] == "lifecycle" and
                             e[2] == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, 60)
            begin = time.monotonic()
            wait_until("the domain to be down", lambda: not m.dom.isActive(), 30, 0.05)
            self.assertLess(time.monotonic() - begin, ANSWER, "s until the domain was down")
            self.events.wait("job failed", lambda e: e[0] == "job" and not e[2].get("success", 0))

    def test_a_copy_that_comes_late(self):
        """The job has read all, and waits for its writes; a copy for the guest takes too long. Whether the
        target has what it should is not known then."""
        m = self.stormy_machine()
        self.checkpoint(m, "a")
        m.write("vda", 0, 65536)
        for scratch in (None, os.path.join(self.scratch, "s")):
            where = self.serve("--filter=delay", "memory", "%(size)d", "delay-write=4")
            want = m.models()
            self.begin_watched(m, self.nbd_xml(where, timeout=1, incremental="a", scratch=scratch))
            m.write("vda", 0, 65536)
            job = self.events.wait("job completed", lambda e: e[0] == "job", 60)
            self.assertEqual(job[2].get("success", 0), 1 if scratch else 0, job[2])
            if not scratch:
                self.assertRegex(job[2].get("errmsg", ""), "stood still for longer than cbw-timeout")
                continue
            h = images.connect("", where)
            self.assertSame(want["vda"].data[:65536], h.pread(65536, 0), "increment, fleeced")
            h.shutdown()

    def test_late_copies_that_cannot_be_looked_for(self):
        """A target of which nobody knows is no backup."""
        self.restart_daemon(fault="backup.end.check.vda:fail")
        m = self.machine(disks=1, size=SIZE, boots=False)
        self.begin_watched(m, self.push_xml(m, "x", extra="<f:options xmlns:f='urn:fleece:1' cbw-timeout='1'/>"))
        job = self.events.wait("job completed", lambda e: e[0] == "job")
        self.assertRegex(job[2].get("errmsg", ""), "stood still for longer than cbw-timeout")
        self.wait_no_job(m)
        self.assertFalse(os.path.exists(self.target_path(m, "vda", "x")))

    def test_late_copies_are_looked_for_once(self):
        """An end that has to be begun anew does not take a filter for suspicious because it is gone."""
        self.restart_daemon(fault="backup.end.filter.vda.done:fail")
        m = self.machine(disks=1, size=SIZE, boots=False)
        self.begin_watched(m, self.push_xml(m, "x", extra="<f:options xmlns:f='urn:fleece:1' cbw-timeout='1'/>"))
        job = self.events.wait("job completed", lambda e: e[0] == "job")
        self.assertEqual(job[2].get("success", 0), 1, job[2])
        self.wait_no_job(m)
        self.assertIn("taking the backup apart once more", self.daemon.log_tail())
        self.assertSame(m["vda"].model.data, images.content(self.target_path(m, "vda", "x")), "vda")

    def test_disk_on_an_iothread(self):
        """QEMU aborts if a node is opened on top of such a disk while the guest writes to it."""
        m = self.machine(disks=1, size=SIZE, start=False)
        xml = m.xml().replace("<driver name='qemu' type='qcow2'/>", "<driver name='qemu' type='qcow2' iothread='1'/>")
        m.dom.undefine()
        m.dom = self.conn.defineXML(xml.replace("  <os>", "  <iothreads>1</iothreads>\n  <os>", 1))
        self.start_machine(m)
        m.write("vda", 0, 16 * MIB)
        self.start_storm(m)
        for n, scratch in enumerate((None, os.path.join(self.scratch, "s")) * 2):
            where = self.serve("file", self.raw("raw"))
            self.begin(m, self.nbd_xml(where, timeout=45, incremental="c%d" % (n - 1) if n else None,
                                       scratch=scratch), "c%d" % n)
            self.wait_no_job(m)
            self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
            with open(self.raw("raw"), "rb") as f:
                data = f.read()
            self.assertSame(self.snapshot(m, data), data, "vda, %d" % n)
        self.end_storm(m)

    def raw(self, name, size=SIZE):
        """A file for a server to serve; its path."""
        path = os.path.join(self.out, name)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.truncate(size)
        return path

    # Fleeced

    def snapshot(self, m, data):
        """What the disk must have held at the instant, by what @data shows of the storm."""
        counts = m.running.newest({"vda": data})
        models = {t: d.copy() for t, d in m.before.items()}
        m.running.replay(models, counts)
        return models["vda"].data

    def test_fleeced_to_a_slow_server(self):
        """The guest does not notice, and the target has the disk as of the instant."""
        m = self.stormy_machine(size=16 * MIB)
        path = self.raw("raw", 16 * MIB)
        where = self.serve("--filter=rate", "file", path, "rate=64M", size=16 * MIB)
        scratch = os.path.join(self.scratch, "s")
        self.start_storm(m)
        self.begin_watched(m, self.nbd_xml(where, scratch=scratch), "a")
        self.assertIn("<f:scratch xmlns:f='urn:fleece:1' file='%s'/>" % scratch, m.dom.backupGetXMLDesc())
        self.assertGreater(m.dom.jobStats()["disk_temp_used"], 0)
        self.assert_guest_writes(m)
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.assert_no_lifecycle(m)
        with open(path, "rb") as f:
            data = f.read()
        self.assertSame(self.snapshot(m, data), data, "vda as of the instant")
        self.begin(m, self.nbd_xml(where, incremental="a", scratch=scratch))
        self.wait_no_job(m)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        with open(path, "rb") as f:
            data = f.read()
        self.assertSame(self.snapshot(m, data), data, "vda, brought up to date")
        self.assertEqual(os.listdir(self.scratch), [])
        self.end_storm(m)

    def test_fleeced_while_the_target_stands_still(self):
        """Nothing waits for it, not even once."""
        m = self.stormy_machine()
        self.start_storm(m)
        where = self.serve("memory", "%(size)d")
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'", 45, scratch=os.path.join(self.scratch, "s")))
        self.stalled(self.server)
        self.assert_guest_writes(m)
        self.abort(m)
        self.wait_no_job(m, 5)
        self.assert_no_lifecycle(m)
        self.assertEqual(os.listdir(self.scratch), [])
        self.end_storm(m)

    def test_fleeced_and_the_scratch_is_full(self):
        m = self.stormy_machine()
        self.start_storm(m)
        full = self.small_directory("full", MIB)
        where = self.serve("memory", "%(size)d")
        self.begin_watched(m, self.nbd_xml(where, " bandwidth='65536'", scratch=os.path.join(full, "s")))
        self.assert_failed(m, "cannot write its scratch '%s/s': No space" % full)
        self.assertEqual(os.listdir(full), [])
        self.end_storm(m)


if __name__ == "__main__":
    livetest.main()
