#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pushes to targets that are full, fail or are slow, and fleeced pushes."""
import os
import subprocess

import libvirt

import images
import livetest
from pushframe import MIB, SIZE, PushFrame


class PushFirst(PushFrame):
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
