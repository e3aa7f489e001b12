#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pushes to targets that stand still: in the middle, and when they are flushed at the end."""
import os
import signal
import subprocess
import time

import libvirt

import images
import livetest
from daemon import wait_until
from pushframe import ANSWER, MIB, SIZE, SLACK, TIMEOUT, PushFrame


class PushStill(PushFrame):
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

    def flush_server(self, how):
        """That does with a flush what the shell commands @how say."""
        return self.serve("eval", "get_size=echo %(size)d", "can_write=exit 0", "can_flush=exit 0", "can_zero=exit 0",
                          "pread=dd if=/dev/zero count=$3 iflag=count_bytes status=none", "pwrite=cat >/dev/null",
                          "zero=exit 0", "flush=" + how)

    def slow_file(self):
        """A file system with one file, whose flush takes as long as self.slow exists; its path."""
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            self.skipTest("needs root and /dev/fuse")
        self.slow, self.asked = os.path.join(self.tmp, "slow"), os.path.join(self.tmp, "asked")
        open(self.slow, "w").close()
        where = self.flush_server("touch %s; while [ -e %s ]; do sleep 0.1; done" % (self.asked, self.slow))
        path = os.path.join(self.tmp, "served")
        open(path, "w").close()
        mount = subprocess.Popen(["nbdfuse", path, "--unix", where], stdin=subprocess.DEVNULL)
        self.own.append(mount.pid)
        self.addCleanup(self.end_server, mount)
        self.addCleanup(subprocess.run, ["umount", "-l", path])
        self.addCleanup(lambda: os.path.exists(self.slow) and os.unlink(self.slow))
        wait_until("nbdfuse", lambda: os.path.getsize(path) == SIZE)
        return path

    def test_flush_of_a_server(self):
        """The guest does not wait for it; what the server says is believed; who does not wait may abort."""
        m = self.stormy_machine()
        self.checkpoint(m, "a")
        self.start_storm(m)
        self.begin_watched(m, self.nbd_xml(self.flush_server("sleep 4"), timeout=45, incremental="a"))
        self.assert_guest_writes(m)
        self.wait_no_job(m, 30)
        self.assertEqual(self.completed(m)["type"], libvirt.VIR_DOMAIN_JOB_COMPLETED)
        self.begin_watched(m, self.nbd_xml(self.flush_server("echo ENOSPC full >&2; exit 1"), incremental="a"))
        self.assert_failed(m, "disk 'vda'.*not said that all of it is on its storage: No space left")
        asked = os.path.join(self.tmp, "asked")
        where = self.flush_server("touch %s; sleep 60" % asked)
        self.begin_watched(m, self.nbd_xml(where, timeout=45, incremental="a"))
        wait_until("the flush", lambda: os.path.exists(asked), 30, 0.02)
        self.abort(m)
        self.assert_failed(m, "not said that all of it is on its storage")
        self.end_storm(m)

    def test_flush_of_a_file(self):
        """On storage that stands still when it is asked for one: an abort does not wait, nor does the guest."""
        path = self.slow_file()
        m = self.stormy_machine()
        self.checkpoint(m, "a")
        self.start_storm(m)
        self.begin_watched(m, "<domainbackup><incremental>a</incremental><disks><disk name='vda' type='file'>"
                           "<target file='%s'/><driver type='raw'/></disk></disks>"
                           "<f:options xmlns:f='urn:fleece:1' cbw-timeout='%d'/></domainbackup>" % (path, TIMEOUT),
                           flags=libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
        wait_until("the flush", lambda: os.path.exists(self.asked), 30, 0.02)
        self.assert_guest_writes(m)
        self.abort(m)
        job = self.events.wait("job completed", lambda e: e[0] == "job")
        self.assertEqual(job[2].get("errmsg"), "Operation canceled")
        self.assert_guest_writes(m)
        os.unlink(self.slow)
        wait_until("the target to be closed", lambda: not [n for n in self.qmp(m.dom, "query-named-block-nodes", flat=True)
                                                           if n["node-name"].startswith("fleece-")], 60, 0.1)
        self.end_storm(m)


if __name__ == "__main__":
    livetest.main()
